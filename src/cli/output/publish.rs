//! Appends to the list of heads, and reports what could not be appended.

use std::error::Error;
use std::path::{Path, PathBuf};

use crate::archive::{
    FileIdentity, HeadToPublish, Publication, PublishError, PublishedHeads, ReadOnly, publish_head,
    read_heads,
};
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::model::{Guid, Sha256, hex};

/// A list of heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadList {
    pub(crate) path: PathBuf,
    /// The archive that it is kept for: the one that the config file names beside it.
    pub(crate) of: Option<PathBuf>,
}

impl HeadList {
    /// The archive that the list is kept for, where `archive` is a copy of it. A head of the copy would stand in the list as
    /// one that the archive does not hold.
    fn original_of(&self, archive: &Path, id: Option<Guid>) -> Option<&Path> {
        let original = self.of.as_deref()?;
        let same = FileIdentity::of(original).ok()? == FileIdentity::of(archive).ok()?;
        let id_of_original = ReadOnly::open(original).ok()?.archive_id().ok();
        (!same && id.is_some() && id == id_of_original).then_some(original)
    }

    /// Whether a line of the list has this head already.
    pub(crate) fn has(&self, head: &Sha256) -> bool {
        read_heads(&self.path).is_ok_and(|known| known.heads.iter().any(|line| line.head == *head))
    }
}

/// Reads a list of heads that was named.
///
/// # Errors
/// Wrong usage: the list cannot be read.
pub(crate) fn read_list(path: &Path) -> Result<PublishedHeads, Failure> {
    read_heads(path).map_err(|error| {
        Failure::of(
            Exit::WrongUsage,
            &error,
            Some(hints::head_file(&error).to_owned()),
        )
    })
}

/// Appends the head of what has just ended (`done` names it) to the list; what could not be appended is logged.
pub(crate) fn publish(list: &HeadList, archive: &Path, published: &HeadToPublish, done: &str) -> Exit {
    let reader = ReadOnly::open(archive);
    let archive_id = reader.as_ref().ok().and_then(|reader| reader.archive_id().ok());
    let original = list.original_of(archive, archive_id).filter(|_| !published.made);
    let refused = |why: String, hint: &str| (why, hint.to_owned(), true);
    let (why, hint, is_refused) = if let Some(original) = original {
        refused(
            format!(
                "the config file keeps this list for {}, and this archive is a copy of that one",
                original.display()
            ),
            "give the copy a list of its own by --head-file, or set `archive` in the config file if it takes the place of the original.",
        )
    } else {
        let result = reader
            .map_err(PublishError::from)
            .and_then(|reader| publish_head(&list.path, &reader, published));
        match result {
            Ok(Publication::Appended) => return Exit::Done,
            Ok(Publication::Begun) => {
                tracing::warn!(
                    "the list of heads {} had no line, although the archive is older than {done}: the list starts anew. If it had lines before, somebody removed them, and no earlier history can be proved with it",
                    list.path.display()
                );
                return Exit::Done;
            }
            Ok(Publication::Refused(why)) => refused(
                why,
                "check with `jobruns verify --head-file` which archive this is; of a restored backup, `jobruns ledger acknowledge` gives up the heads that it cannot hold.",
            ),
            Err(error) => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                (format!("{error} ({cause})"), hints::publish(&error), false)
            }
        }
    };
    let head = hex(&published.head);
    // The head of a later sync seals an act, but only its own line says that it was lawful.
    let is_sync = published.what.bytes().all(|byte| byte.is_ascii_digit());
    let remedy = match (is_sync, is_refused) {
        (true, true) => String::new(),
        (true, false) => " The next sync's head covers this one.".to_owned(),
        (false, _) => format!(
            " Until this line stands in the list, `jobruns verify` with the list reports the act as a finding: {}",
            published.line(archive_id)
        ),
    };
    tracing::error!(
        head,
        "the head of {done} could not be appended to {}: {why}. Hint: {hint} The archive itself is written, with the head {head}.{remedy}",
        list.path.display()
    );
    Exit::Findings
}
