//! Whether a command may create the archive.
//!
//! An archive that is missing was most often moved, or its drive is not there: a new one would look healthy and hold
//! nothing of the history.

use std::io::ErrorKind;
use std::path::Path;

use crate::archive::{Writer, is_to_be_made, read_heads};
use crate::cli::failure::{Exit, Failure};
use crate::config::{GlobalSettings, Sources};

/// Whether there is no archive and the command may create one; `new` is its flag `--new`.
///
/// # Errors
/// Wrong usage where there is no archive, `--new` was not given, and nobody would notice a new one (`--quiet`) or the
/// head file says that there was one.
pub(crate) fn may_create(
    new: bool,
    global: &GlobalSettings,
    head_file: Option<&Path>,
) -> Result<bool, Failure> {
    let archive = &global.archive;
    if !is_to_be_made(archive)? {
        return Ok(false);
    }
    if new {
        return Ok(true);
    }
    if let Some(lost) = lost(archive, head_file) {
        return Err(lost);
    }
    if global.is_quiet() {
        return Err(missing(
            archive,
            "and with --quiet nobody would notice that a new one was created",
        ));
    }
    Ok(true)
}

/// Opens the archive to write; creates it where that is allowed, and says so.
pub(crate) fn open_or_create(
    new: bool,
    sources: &Sources<'_>,
    global: &GlobalSettings,
) -> Result<Writer, Failure> {
    if !may_create(new, global, sources.path("head_file")?.as_deref())? {
        return Ok(Writer::open_existing(&global.archive)?);
    }
    let writer = Writer::open(&global.archive)?;
    if writer.created() {
        tell_created(&global.archive);
    }
    Ok(writer)
}

/// The failure where there is no archive and the head file says that there was one.
pub(crate) fn lost(archive: &Path, head_file: Option<&Path>) -> Option<Failure> {
    let why = head_file.and_then(earlier_heads)?;
    Some(missing(archive, &why))
}

/// What the list of heads has of earlier syncs; `None` for a list that does not exist yet.
fn earlier_heads(list: &Path) -> Option<String> {
    let name = list.display();
    match std::fs::metadata(list) {
        Ok(data) if data.len() == 0 => return None,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        _ => {}
    }
    Some(match read_heads(list) {
        Ok(published) => {
            let last = published.heads.last().and_then(|head| head.time.as_deref());
            format!(
                "but the head file {name} has heads of earlier syncs (the last one from {})",
                last.unwrap_or("an unknown time")
            )
        }
        Err(_) => format!("and the head file {name} has lines that cannot be read"),
    })
}

/// Says that a new archive was created.
pub(crate) fn tell_created(archive: &Path) {
    tracing::warn!(
        "there was no archive at {}: a new one was created, which holds nothing of any earlier history",
        archive.display()
    );
}

/// Wrong usage: the archive is missing, and must not be replaced by a new one.
pub(crate) fn missing(archive: &Path, why: &str) -> Failure {
    Failure::new(
        Exit::WrongUsage,
        format!("there is no archive at {}, {why}", archive.display()),
    )
    .with_hint(
        "if it was moved or its drive is not connected, put it back, or name it with --archive (or JOBRUNS_ARCHIVE); if it is lost, restore a backup; \
         --new creates a new archive, without any of the earlier history.",
    )
}
