//! What can go wrong with the archive, and the way out.

use std::path::{Path, PathBuf};

/// An error of the archive room. The path stands in the words; the cause is kept as `source()`.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A reading command was pointed at a file that is not there.
    #[error("there is no archive at {}", path.display())]
    Missing {
        /// The archive's path.
        path: PathBuf,
    },
    /// The path is a directory.
    #[error("{} is a directory, not an archive", path.display())]
    Directory {
        /// The archive's path.
        path: PathBuf,
    },
    /// A reading command was pointed at a file of no bytes, or a database that was never filled.
    #[error("{} is empty: no archive was made in it yet", path.display())]
    Empty {
        /// The archive's path.
        path: PathBuf,
    },
    /// The file is something else; it was left untouched.
    #[error("{} is not a jobruns archive ({what}); it was left untouched", path.display())]
    NotAnArchive {
        /// The archive's path.
        path: PathBuf,
        /// What it is instead.
        what: String,
    },
    /// A table or view of ours has another definition: what it holds, and whether reading it ever ends, nobody knows.
    #[error("{} was not read: {what} in it is not the one that this program makes", path.display())]
    ForeignSchema {
        /// The archive's path.
        path: PathBuf,
        /// Which table or view.
        what: String,
        /// Its definition there.
        found: String,
    },
    /// A newer version of jobruns wrote the file; it was left untouched.
    #[error(
        "{} was written by a newer jobruns (its schema is version {found}, this program knows {known}); it was left untouched",
        path.display()
    )]
    Newer {
        /// The archive's path.
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The newest schema version that this program knows.
        known: i64,
    },
    /// An older version wrote the file, and a reading command must not upgrade it.
    #[error(
        "{} has schema version {found}, and this program reads version {known}",
        path.display()
    )]
    Older {
        /// The archive's path.
        path: PathBuf,
        /// The schema version of the file.
        found: i64,
        /// The schema version that this program reads.
        known: i64,
    },
    /// The file cannot be opened or made.
    #[error("could not open the archive {}", path.display())]
    Open {
        /// The archive's path.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The operating system refused something about the file.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is read from where nothing can be written, with changes in its write-ahead log that cannot be read from there.
    #[error(
        "the archive {} cannot be read from here now: its write-ahead log holds changes that were not yet taken over, and nothing can be written beside it",
        path.display()
    )]
    UnreadableLog {
        /// The archive's path.
        path: PathBuf,
    },
    /// A program was killed while it wrote, and what it left can be undone only where the file may be written.
    #[error(
        "{} holds half of a change: the program that made it was stopped, and its journal cannot be rolled back from here",
        path.display()
    )]
    LeftJournal {
        /// The archive's path.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A log with content lies where an archive was to be made.
    #[error(
        "{} is missing or empty, but its log {} is not: SQLite would mix that log into a new archive, or delete it",
        path.display(), log.display()
    )]
    LogWithoutArchive {
        /// The archive's path.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// The archive was read from a place where nothing can be written, and a sync wrote meanwhile.
    #[error("{} changed while it was read, so the result was discarded", path.display())]
    WrittenMeanwhile {
        /// The archive's path.
        path: PathBuf,
    },
    /// The file has more than one name.
    #[error("the archive {} has {names} names (hard links)", path.display())]
    HardLinked {
        /// The archive's path.
        path: PathBuf,
        /// How many names.
        names: u64,
    },
    /// The file is mounted by itself under this name.
    #[error("the archive {} is mounted by itself, without its folder", path.display())]
    MountedAlone {
        /// The archive's path.
        path: PathBuf,
    },
    /// The file was moved, replaced or removed since it was opened, or another sync has begun in it.
    #[error("another sync or file has taken the place of the archive {}: {what}", path.display())]
    TakenOver {
        /// The archive's path.
        path: PathBuf,
        /// What has happened.
        what: &'static str,
    },
    /// The archive lies on a network drive.
    #[error("the archive {} lies on a network drive ({kind})", path.display())]
    NetworkDrive {
        /// The archive's path.
        path: PathBuf,
        /// What kind of drive.
        kind: String,
    },
    /// Another sync holds the archive.
    #[error("the archive {} is held by another sync ({holder})", path.display())]
    Held {
        /// The archive's path.
        path: PathBuf,
        /// Process id and start time of the holder, as far as known.
        holder: String,
    },
    /// A migration failed; the schema is as it was.
    #[error("could not bring the schema of {} up to date; it is as it was", path.display())]
    Migrate {
        /// The archive's path.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<refinery::Error>,
    },
    /// A statement failed.
    #[error("could not {doing} in the archive")]
    Sql {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A statement took more steps than a file of this size can need.
    #[error(
        "could not {doing} in the archive: it takes more steps than a file of its size can need, so its pages may lead in circles"
    )]
    Endless {
        /// What was being done.
        doing: &'static str,
    },
    /// The archive remembers another zone for times without offset.
    #[error(
        "the archive reads times without offset as {remembered}, and --naive-time asks for {asked}: \
         one archive has one such zone"
    )]
    OtherNaiveTime {
        /// The zone that the archive remembers.
        remembered: String,
        /// The zone that was asked for.
        asked: String,
    },
    /// A packed payload cannot be unpacked.
    #[error("the payload of ledger entry {entry_id} cannot be unpacked ({why})")]
    DamagedPayload {
        /// The ledger entry of the revision.
        entry_id: i64,
        /// Why.
        why: String,
    },
    /// The archive holds something that this program never wrote.
    #[error("the archive is not intact: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// This process may not use as much memory as it needs.
    #[error("there is not enough memory for {what}")]
    NoMemory {
        /// What it was for.
        what: String,
    },
    /// Payloads or ledger are hurt, so the tables cannot be made anew from them; nothing was changed.
    #[error("the tables cannot be made anew: {what}; nothing was changed")]
    NotRepairable {
        /// What is hurt.
        what: String,
    },
    /// A file is there already where a new one is to be made.
    #[error("{} is there already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no such job, run, revision or quarantined piece.
    #[error("the archive has no {what}")]
    NoSuch {
        /// What was asked for.
        what: String,
    },
}

impl ArchiveError {
    /// An error of SQLite, with the words for what was being done.
    pub(super) fn sql(doing: &'static str, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            // Who stops a command is not told the error.
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::Endless { doing },
            _ => Self::Sql { doing, source },
        }
    }

    /// The way out, in a sentence or two; `None` where the error says it all.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing { .. } | Self::Empty { .. } => {
                "name another file with --archive (or JOBRUNS_ARCHIVE), or make this one by `jobruns sync`.".to_owned()
            }
            Self::Directory { .. } => "name a file in it: --archive DIRECTORY/jobruns.db.".to_owned(),
            Self::NotAnArchive { .. } => {
                "name another file with --archive (or JOBRUNS_ARCHIVE); if it was one, it is damaged: go back to a backup, or take out what is sound with `jobruns salvage`.".to_owned()
            }
            Self::ForeignSchema { .. } => {
                "`jobruns verify` lists the differences. If only a view of ours was changed, `jobruns reindex` makes it anew; else go back to a backup, or take out what is sound with `jobruns salvage`.".to_owned()
            }
            Self::Newer { .. } => "use the newer program; it also reads this archive's older parts.".to_owned(),
            Self::Older { .. } => "run `jobruns sync` once with this program: it upgrades the archive.".to_owned(),
            Self::UnreadableLog { path } => format!(
                "if a sync is running, run it again when that has ended; if none is, open it once where it can be written (`jobruns status --archive {}` there), or read a copy of the folder's files.",
                path.display()
            ),
            Self::LeftJournal { path, .. } => format!(
                "run `jobruns status --archive {}` once as a user who may write the file and its folder.",
                path.display()
            ),
            Self::LogWithoutArchive { .. } => {
                "if the archive was moved, move it and its log together: the log may hold the newest runs. If it is gone, move the log away.".to_owned()
            }
            Self::WrittenMeanwhile { .. } => {
                "run it again when no sync is running, or as a user who may write in the archive's folder.".to_owned()
            }
            Self::HardLinked { .. } => {
                "keep one name and remove the others (`find -samefile` lists them; on Windows `fsutil hardlink list`), best those without a -wal file beside them: SQLite keeps a log for each name, so who writes by two spoils the file, and who reads by one misses what stands in the other's log. A symbolic link does no harm.".to_owned()
            }
            Self::MountedAlone { .. } => {
                "mount the folder that holds the archive instead of the file: SQLite keeps a log beside each name, so who writes by two spoils the file, and who reads by one misses what stands in the other's log.".to_owned()
            }
            Self::TakenOver { .. } => {
                "what was archived before is kept. Let only one sync at a time use the archive, and leave its file and the .lock file beside it in place.".to_owned()
            }
            Self::NetworkDrive { .. } => {
                "keep the archive on a local disk (SQLite's write-ahead log needs shared memory and locks that network drives do not give), and copy it to the share after each sync.".to_owned()
            }
            Self::Held { .. } => "wait until it has ended, or stop it; nothing was changed.".to_owned(),
            Self::OtherNaiveTime { remembered, asked } => format!(
                "leave --naive-time out (or give {remembered}); to read the whole history in the other zone, rebuild the tables from their payloads: `jobruns reindex --naive-time {asked}`."
            ),
            Self::Exists { .. } => "name another file.".to_owned(),
            Self::NotRepairable { .. } => {
                "run `jobruns verify` to see every finding; go back to a backup, or take out what is sound: `jobruns salvage`.".to_owned()
            }
            Self::Damaged { .. } | Self::DamagedPayload { .. } | Self::Endless { .. } => {
                "run `jobruns verify` to see every finding, and keep a copy of the file as it is.".to_owned()
            }
            Self::NoMemory { .. } => MORE_MEMORY.to_owned(),
            Self::Open { source, .. } | Self::Sql { source, .. } => return sqlite_hint(source),
            Self::Io { source, .. } => return io_hint(source),
            Self::Migrate { source, .. } => return sqlite_hint(sqlite_cause(source)?),
            Self::NoSuch { .. } => return None,
        };
        Some(hint)
    }

    /// Whether somebody asked a statement to stop.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        let (Self::Open { source, .. } | Self::Sql { source, .. }) = self else {
            return false;
        };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
    }

    /// Whether SQLite itself says that the file is malformed.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. }
            | Self::DamagedPayload { .. }
            | Self::Endless { .. }
            | Self::NotRepairable { .. }
            | Self::ForeignSchema { .. } => true,
            Self::Open { source, .. } | Self::Sql { source, .. } => {
                matches!(
                    source.sqlite_error_code(),
                    Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
                )
            }
            _ => false,
        }
    }
}

/// What to do where memory is short.
const MORE_MEMORY: &str = "let this program use more memory (`ulimit -v`, or the limit of its service or container), and run the command again.";

fn io_hint(source: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind::{
        NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    let hint = match source.kind() {
        NotFound | NotADirectory => {
            "make that folder first, or name another place by --archive (or JOBRUNS_ARCHIVE)."
        }
        PermissionDenied => "check who may write to that folder, or name another place.",
        ReadOnlyFilesystem => {
            "nothing can be written there; name another place by --archive (or JOBRUNS_ARCHIVE)."
        }
        StorageFull | QuotaExceeded => "free some space on that disk and run the command again.",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The error of SQLite below one of refinery's.
fn sqlite_cause(error: &refinery::Error) -> Option<&rusqlite::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(sqlite) = cause.downcast_ref() {
            return Some(sqlite);
        }
        next = cause.source();
    }
    None
}

fn sqlite_hint(source: &rusqlite::Error) -> Option<String> {
    use rusqlite::ErrorCode::{
        CannotOpen, ConstraintViolation, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull,
        OutOfMemory, PermissionDenied, ReadOnly, SystemIoFailure, Unknown,
    };
    let damaged = "run `jobruns verify` to see every finding, and keep a copy of the file as it is.";
    let Some(code) = source.sqlite_error_code() else {
        // A value of another type than an archive has.
        return Some(damaged.to_owned());
    };
    let hint = match code {
        DiskFull => {
            "free some space on that disk and run the command again; what was archived before is kept."
        }
        DatabaseBusy | DatabaseLocked => {
            "another program holds the file (a reader with an open write, a backup tool, a virus scanner); close it and run the command again."
        }
        CannotOpen => "check that the folder exists and that this user may write to it.",
        PermissionDenied | ReadOnly => "check that this user may write to the file and its folder.",
        SystemIoFailure => {
            "the disk reported an error; check its space and health, then run the command again."
        }
        OutOfMemory => MORE_MEMORY,
        // A table or column that is not there, a row that no archive has.
        Unknown | ConstraintViolation | DatabaseCorrupt => damaged,
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Turns an SQLite result into ours, with the words for what was being done.
pub(crate) trait Doing<T> {
    /// Adds what was being done.
    fn doing(self, doing: &'static str) -> Result<T, ArchiveError>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, ArchiveError> {
        self.map_err(|source| ArchiveError::sql(doing, source))
    }
}

/// An error of opening a database, in which a file of another kind is told apart.
pub(super) fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> ArchiveError {
    move |source| {
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
            let what = "not an SQLite database".to_owned();
            return ArchiveError::NotAnArchive {
                path: path.to_path_buf(),
                what,
            };
        }
        ArchiveError::Open {
            path: path.to_path_buf(),
            source,
        }
    }
}

/// An I/O error with its path.
pub(crate) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ArchiveError {
    let path = path.to_path_buf();
    move |source| ArchiveError::Io { doing, path, source }
}
