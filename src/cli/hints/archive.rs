//! Hints for errors of the archive.

use std::io::{self, ErrorKind};

use rusqlite::ErrorCode;

use crate::archive::{ArchiveError, BackupError, HeadFileError, PublishError, QueryError, is_held};

pub(crate) fn archive(error: &ArchiveError) -> Option<String> {
    let hint = match error {
        ArchiveError::Missing { .. } | ArchiveError::Empty { .. } => {
            "if it was moved or its drive is not connected, put it back, or name it with --archive (or JOBRUNS_ARCHIVE); a first `jobruns sync` makes a new one.".to_owned()
        }
        ArchiveError::Directory { .. } => "name a file in it: --archive DIRECTORY/jobruns.db.".to_owned(),
        ArchiveError::NotAnArchive { .. } => {
            "name another file with --archive (or JOBRUNS_ARCHIVE); if it was one, it is damaged: go back to a backup, or take out what is sound with `jobruns salvage`.".to_owned()
        }
        ArchiveError::ForeignSchema { .. } => {
            "`jobruns verify` lists the differences. If only a view of ours was changed, `jobruns reindex` rebuilds it; else go back to a backup, or take out what is sound with `jobruns salvage`.".to_owned()
        }
        ArchiveError::Newer { .. } => "use the newer program; it also reads this archive's older parts.".to_owned(),
        ArchiveError::Older { .. } => "run `jobruns sync` once with this program: it upgrades the archive.".to_owned(),
        ArchiveError::UnreadableLog { path } => format!(
            "if a sync is running, run it again when that has ended; if none is, open it once where it can be written (`jobruns status --archive {}` there), or read a copy of the folder's files.",
            path.display()
        ),
        ArchiveError::LeftJournal { path, .. } => format!(
            "run `jobruns status --archive {}` once as a user who may write the file and its folder.",
            path.display()
        ),
        ArchiveError::LogWithoutArchive { .. } => {
            "if the archive was moved, move it and its log together: the log may hold the newest runs. If it is gone, move the log away.".to_owned()
        }
        ArchiveError::WrittenMeanwhile { .. } => {
            "run it again when no sync is running, or as a user who may write in the archive's folder.".to_owned()
        }
        ArchiveError::HardLinked { .. } => {
            "keep one name and remove the others (`find -samefile` lists them; on Windows `fsutil hardlink list`), best those without a -wal file beside them: SQLite keeps a log for each name, so who writes by two spoils the file, and who reads by one misses what stands in the other's log. A symbolic link does no harm.".to_owned()
        }
        ArchiveError::MountedAlone { .. } => {
            "mount the folder that holds the archive instead of the file: SQLite keeps a log beside each name, so who writes by two spoils the file, and who reads by one misses what stands in the other's log.".to_owned()
        }
        ArchiveError::TakenOver { .. } => {
            "what was archived before is kept. Let only one sync at a time use the archive, and leave its file and the .lock file beside it in place.".to_owned()
        }
        ArchiveError::NetworkDrive { .. } => {
            "keep the archive on a local disk (SQLite's write-ahead log needs shared memory and locks that network drives do not give), and copy it to the share after each sync.".to_owned()
        }
        ArchiveError::Held { .. } => "wait until it has ended, or stop it; nothing was changed.".to_owned(),
        ArchiveError::OtherNaiveTime { remembered, requested } => format!(
            "leave --naive-time out (or give {remembered}); to read the whole history in the other zone, rebuild the tables from their payloads: `jobruns reindex --naive-time {requested}`."
        ),
        ArchiveError::Exists { .. } => "name another file.".to_owned(),
        ArchiveError::NotRepairable { .. } => {
            "run `jobruns verify` to see every finding; go back to a backup, or take out what is sound: `jobruns salvage`.".to_owned()
        }
        ArchiveError::Damaged { .. } | ArchiveError::DamagedPayload { .. } | ArchiveError::Endless { .. } => {
            DAMAGED.to_owned()
        }
        ArchiveError::NoMemory { .. } => MORE_MEMORY.to_owned(),
        ArchiveError::Open { .. } | ArchiveError::Sql { .. } | ArchiveError::Migrate { .. } => return sqlite(error.sqlite_error()?),
        ArchiveError::Io { source, .. } => return io_failure(source),
        ArchiveError::AgeLocked { locked, .. } => {
            format!("a lock can only be lengthened; ask for {locked}d or more.")
        }
        ArchiveError::PlanChanged { .. } => {
            "run it again without --apply, look at the plan of now, and give its hash to --apply.".to_owned()
        }
        ArchiveError::NotCleared { .. } => {
            "run the same command again, with room for twice the archive's size beside it and when no other program has the archive open: it clears what is left.".to_owned()
        }
        ArchiveError::RemovedRun { .. } => {
            "`jobruns report removals` lists removed runs; `jobruns ledger show --run` has what the ledger still proves of it.".to_owned()
        }
        ArchiveError::Busy { .. } => "close it and run the command again.".to_owned(),
        ArchiveError::NoSuch { .. } => return None,
    };
    Some(hint)
}

/// What to do with an archive that may be damaged.
const DAMAGED: &str = "run `jobruns verify` to see every finding, and keep a copy of the file as it is.";

/// What to do where memory is short.
const MORE_MEMORY: &str = "let this program use more memory (`ulimit -v`, or the limit of its service or container), and run the command again.";

/// What to do about a name that a disk refuses.
const BAD_NAME: &str =
    "choose a shorter name (most disks take 255 bytes for one), without characters that the disk refuses.";

/// What to do where nothing can be written: in a service of systemd, everywhere but where its unit allows it.
const READ_ONLY: &str = "nothing can be written there: name another place; if this is a systemd service, install it again (`jobruns schedule systemd --install`), so that it may write there.";

/// What to do where another program has a file open; `None` where that is not what the error says.
pub(crate) fn held(error: &io::Error) -> Option<&'static str> {
    is_held(error)
        .then_some("another program has it open (Excel?); close it there, and run the command again.")
}

/// What to do where an output cannot be opened.
pub(crate) fn output(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "make that folder first, connect the share, or name another file."
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space there, or name another file.",
        ErrorKind::InvalidFilename => BAD_NAME,
        ErrorKind::ReadOnlyFilesystem => READ_ONLY,
        _ => "check who may write there, or name another file.",
    }
}

fn io_failure(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        _ if is_held(error) => held(error)?,
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "make that folder first, or name another place by --archive (or JOBRUNS_ARCHIVE)."
        }
        ErrorKind::PermissionDenied => "check who may write to that folder, or name another place.",
        ErrorKind::ReadOnlyFilesystem => READ_ONLY,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "free some space on that disk and run the command again."
        }
        ErrorKind::InvalidFilename => BAD_NAME,
        _ => return None,
    };
    Some(hint.to_owned())
}

fn sqlite(source: &rusqlite::Error) -> Option<String> {
    let Some(code) = source.sqlite_error_code() else {
        // A value of another type than an archive has.
        return Some(DAMAGED.to_owned());
    };
    let hint = match code {
        ErrorCode::DiskFull => {
            "free some space on that disk and run the command again; what was archived before is kept."
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            "another program holds the file (a reader with an open write, a backup tool, a virus scanner); close it and run the command again."
        }
        ErrorCode::CannotOpen => "check that the folder exists and that this user may write to it.",
        ErrorCode::PermissionDenied | ErrorCode::ReadOnly => {
            "check that this user may write to the file and its folder."
        }
        ErrorCode::SystemIoFailure => {
            "the disk reported an error; check its space and health, then run the command again."
        }
        ErrorCode::OutOfMemory => MORE_MEMORY,
        // A table or column that is not there, a row that no archive has.
        ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::DatabaseCorrupt => DAMAGED,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What to do where a backup does not fit.
const NO_SPACE: &str = "free some space there (a backup is as large as the archive), or name another disk; what was there before is as it was.";

pub(crate) fn backup(error: &BackupError) -> Option<String> {
    let hint = match error {
        BackupError::Archive(error) => return archive(error),
        BackupError::Exists { .. } => "name another file, or replace this one by --force.",
        BackupError::Place { .. } => "name another file.",
        BackupError::NotIntact { .. } => {
            "run `jobruns verify` to see every finding; keep the file as it is, and the backups that you have."
        }
        BackupError::Io { source, .. } => match source.kind() {
            _ if is_held(source) => held(source)?,
            ErrorKind::NotFound | ErrorKind::NotADirectory => "make that folder first, or name another one.",
            ErrorKind::PermissionDenied => "check who may write to that folder, or name another one.",
            ErrorKind::ReadOnlyFilesystem => READ_ONLY,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => NO_SPACE,
            ErrorKind::InvalidFilename => BAD_NAME,
            _ => return None,
        },
        BackupError::Copy { source, .. } => match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => NO_SPACE,
            _ => return None,
        },
    };
    Some(hint.to_owned())
}

pub(crate) fn head_file(error: &HeadFileError) -> &'static str {
    if let Some(hint) = held(error.os_error()) {
        return hint;
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            "check that the folder is there, and the share connected."
        }
        ErrorKind::InvalidData => {
            "name a file that `jobruns sync --head-file` wrote, or a list of heads, one per line."
        }
        ErrorKind::InvalidFilename => BAD_NAME,
        ErrorKind::ReadOnlyFilesystem => READ_ONLY,
        _ => "check the place, and who may write and read there.",
    }
}

pub(crate) fn publish(error: &PublishError) -> String {
    match error {
        PublishError::List(error) => head_file(error).to_owned(),
        PublishError::Archive(error) => archive(error).unwrap_or_default(),
    }
}

pub(crate) fn query(error: &QueryError) -> Option<String> {
    match error {
        QueryError::NotReading { .. } => Some(
            "to change or extend data, work on a copy of the file with any SQLite tool."
                .to_owned(),
        ),
        QueryError::Sql { .. } => {
            Some("`jobruns query \"SELECT name, sql FROM sqlite_schema\"` shows the tables and columns that can be queried.".to_owned())
        }
        QueryError::NoText { .. } => Some("drop it with the tool that made it, and make it again in UTF-8.".to_owned()),
        QueryError::NoSuchParameter { known, .. } if known.is_empty() => {
            Some("write it into the SQL as :name.".to_owned())
        }
        QueryError::NoSuchParameter { known, .. } => Some(format!("it has {}.", known.join(", "))),
        QueryError::MissingParameter { name } => {
            let bare = name.trim_start_matches([':', '@', '$', '?']);
            Some(format!("give it with --param {bare}=VALUE."))
        }
        QueryError::Several => Some("ask one question at a time.".to_owned()),
        QueryError::Failed { source }
            if matches!(source.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt)) =>
        {
            Some(DAMAGED.to_owned())
        }
        QueryError::Empty | QueryError::Failed { .. } | QueryError::Interrupted => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_archive_has_a_way_out() {
        let what = String::new;
        for (error, expected) in [
            (ArchiveError::NotRepairable { what: what() }, "jobruns salvage"),
            (ArchiveError::Damaged { what: what() }, "jobruns verify"),
            (ArchiveError::Endless { doing: "read" }, "jobruns verify"),
        ] {
            let hint = archive(&error).unwrap();
            assert!(hint.contains(expected), "{hint}");
        }
        let unknown_column = QueryError::Sql {
            source: rusqlite::Error::InvalidQuery,
        };
        assert!(query(&unknown_column).unwrap().contains("sqlite_schema"));
    }
}
