//! Names that Windows reserves for devices in every folder: refused as names of files and folders.

use std::path::{Path, PathBuf};

use clap::ArgMatches;

use crate::archive::device_of;
use crate::cli::failure::{Exit, Failure};

/// Refuses a path with such a name in it.
///
/// # Errors
/// Wrong usage, which says which name.
pub(crate) fn refuse(path: &Path) -> Result<(), Failure> {
    let Some(device) = device_of(path) else {
        return Ok(());
    };
    let message = format!(
        "cannot use {}: Windows takes {device} for a device",
        path.display()
    );
    Err(Failure::new(Exit::WrongUsage, message).with_hint("choose another name."))
}

/// Refuses it in any path that the arguments have, of whatever command, before one of them is touched.
pub(crate) fn refuse_in_arguments(matches: &ArgMatches) -> Result<(), Failure> {
    for id in matches.ids() {
        let paths = matches.try_get_many::<PathBuf>(id.as_str()).ok().flatten();
        for path in paths.into_iter().flatten() {
            refuse(path)?;
        }
    }
    match matches.subcommand() {
        Some((_, matches)) => refuse_in_arguments(matches),
        None => Ok(()),
    }
}
