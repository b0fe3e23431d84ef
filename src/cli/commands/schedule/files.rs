//! Definitions of tasks as files: written whole, never over a file that is not ours.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::archive::{Access, AtomicFile};
use crate::cli::failure::{Exit, Failure};

/// A file to write.
pub(super) struct DefinitionFile {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Writes the files into the folder, which is made where it is missing; `is_ours` tells a file of an earlier call from one
/// of somebody else.
///
/// # Errors
/// Wrong usage where a file that is not ours has one of the names; then none is written. What the system refuses.
pub(super) fn write(
    folder: &Path,
    files: &[DefinitionFile],
    is_ours: impl Fn(&[u8]) -> bool,
) -> Result<(), Failure> {
    for file in files {
        let path = folder.join(&file.name);
        match fs::read(&path) {
            Ok(bytes) if !is_ours(&bytes) => return Err(not_ours(&path.display().to_string())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(failed("read", &path, &error)),
        }
    }
    fs::create_dir_all(folder).map_err(|error| failed("create", folder, &error))?;
    for file in files {
        let path = folder.join(&file.name);
        write_one(&path, &file.bytes).map_err(|error| failed("write", &path, &error))?;
        tracing::info!("written: {}", path.display());
    }
    Ok(())
}

fn write_one(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = AtomicFile::begin(path, Access::Umask)?;
    io::Write::write_all(&mut file.file(), bytes)?;
    file.replace()
}

/// Removes the file, if it is there and ours; says whether it did.
///
/// # Errors
/// Wrong usage where it is not ours; what the system refuses.
pub(super) fn remove(path: &Path, is_ours: impl Fn(&[u8]) -> bool) -> Result<bool, Failure> {
    match fs::read(path) {
        Ok(bytes) if !is_ours(&bytes) => Err(not_ours(&path.display().to_string())),
        Ok(_) => fs::remove_file(path)
            .map(|()| true)
            .map_err(|error| failed("remove", path, &error)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// The failure where something of the name is there that `jobruns schedule` did not write.
pub(super) fn not_ours(what: &str) -> Failure {
    Failure::new(
        Exit::WrongUsage,
        format!("{what} was not written by `jobruns schedule`"),
    )
    .with_hint("nothing was changed: rename or remove it, then run this again.")
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> Failure {
    let failure =
        Failure::new(Exit::NotDone, format!("could not {doing} {}", path.display())).caused_by(error);
    if error.kind() == ErrorKind::PermissionDenied {
        return failure.with_hint(
            "run it as administrator (sudo), or install for this account alone: `jobruns schedule systemd --user --install`.",
        );
    }
    failure
}
