//! The lists of heads that an archive or a package is compared with.

use std::path::PathBuf;

use crate::archive::PublishedHeads;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::publish::read_list;
use crate::cli::terminal::table::counted;

/// The lists of heads that were named.
///
/// # Errors
/// Wrong usage: a list that cannot be read.
pub(super) fn read_lists<'p>(
    paths: impl Iterator<Item = &'p PathBuf>,
) -> Result<Vec<PublishedHeads>, Failure> {
    let mut lists = Vec::new();
    for path in paths {
        let published = read_list(path)?;
        for line in &published.unreadable_lines {
            tracing::error!("{}:{line}: the line holds no head and is ignored", path.display());
        }
        lists.push(published);
    }
    Ok(lists)
}

/// Tells of lines in the lists that hold no head.
pub(super) fn lines_without_head(lines: u64) -> Failure {
    let message = format!("{} without a head in the lists of heads", counted(lines, "line"));
    Failure::new(Exit::Findings, message)
        .with_hint("they were cut by a full disk, or changed: compare the list with a copy of it.")
}
