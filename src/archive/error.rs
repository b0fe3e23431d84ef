//! What can go wrong with the archive.

use std::error::Error;
use std::path::{Path, PathBuf};

use super::sqlite_error::SqliteError;

/// An error of the archive. The path is in the message; the cause is kept as `source()`.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "fields are named after what they are")]
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
        #[source]
        source: SqliteError,
    },
    /// The operating system refused something about the file.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        path: PathBuf,
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
        #[source]
        source: SqliteError,
    },
    /// A log with content is at the place of the new archive.
    #[error(
        "{} is missing or empty, but its log {} is not: SQLite would mix that log into a new archive, or delete it",
        path.display(), log.display()
    )]
    LogWithoutArchive {
        /// The archive's path.
        path: PathBuf,
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
        names: u64,
    },
    /// The file is mounted by itself under this name.
    #[error("the archive {} is mounted by itself, without its folder", path.display())]
    MountedAlone {
        /// The archive's path.
        path: PathBuf,
    },
    /// The file was moved, replaced or removed since it was opened, or another sync has started in it.
    #[error("another sync or file has taken the place of the archive {}: {what}", path.display())]
    TakenOver {
        /// The archive's path.
        path: PathBuf,
        what: &'static str,
    },
    /// The archive is on a network drive.
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
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("could not {doing} in the archive")]
    Sql {
        /// What was being done.
        doing: &'static str,
        #[source]
        source: SqliteError,
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
        "the archive reads times without offset as {remembered}, and --naive-time asks for {requested}: \
         one archive has one such zone"
    )]
    OtherNaiveTime {
        /// The zone that the archive remembers.
        remembered: String,
        /// The zone that was asked for.
        requested: String,
    },
    /// A packed payload cannot be unpacked.
    #[error("the payload of ledger entry {entry_id} cannot be unpacked ({why})")]
    DamagedPayload {
        /// The ledger entry of the revision.
        entry_id: i64,
        why: String,
    },
    /// The archive holds something that this program never wrote.
    #[error("the archive is not intact: {what}")]
    Damaged { what: String },
    /// This process may not use as much memory as it needs.
    #[error("there is not enough memory for {what}")]
    NoMemory { what: String },
    /// Payloads or ledger are damaged, so the tables cannot be rebuilt from them; nothing was changed.
    #[error("the tables cannot be made anew: {what}; nothing was changed")]
    NotRepairable { what: String },
    /// Younger runs are locked.
    #[error("runs are locked until they are {locked} days old, and {days} days were asked for")]
    AgeLocked {
        /// The age that was asked for.
        days: i64,
        /// The least that is allowed.
        locked: i64,
    },
    /// A plan is not what the rule says now; nothing was removed.
    #[error("the plan is no longer true, so nothing was removed: {what}")]
    PlanChanged {
        /// What changed.
        what: String,
    },
    /// A removal is recorded, and its bytes are not all cleared from the file.
    #[error(
        "{runs} runs are removed and the ledger says so, but their bytes are not yet cleared from the file's free pages and log"
    )]
    NotCleared {
        runs: u64,
        #[source]
        source: Box<ArchiveError>,
    },
    /// Another program reads an earlier state of the archive.
    #[error("could not {doing}: another program has the archive open and reads an earlier state of it")]
    Busy {
        /// What was being done.
        doing: &'static str,
    },
    /// A run was removed by a retention rule.
    #[error("run {run} was removed by a retention rule at {at} by {by}, because: {why}")]
    RemovedRun {
        run: String,
        /// When, UTC.
        at: String,
        by: String,
        why: String,
    },
    /// A file is there already where a new one is to be made.
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
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
            // If the user cancels a command, the error is not shown.
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::Endless { doing },
            _ => Self::Sql {
                doing,
                source: source.into(),
            },
        }
    }

    /// The error of SQLite that is behind this one, if one is.
    pub fn sqlite_error(&self) -> Option<&rusqlite::Error> {
        match self {
            Self::Open { source, .. } | Self::Sql { source, .. } => Some(source),
            Self::Migrate { source, .. } => source.downcast_ref::<SqliteError>().map(|error| &**error),
            _ => None,
        }
    }

    /// Whether somebody asked a statement to stop.
    pub fn is_interruption(&self) -> bool {
        let (Self::Open { source, .. } | Self::Sql { source, .. }) = self else {
            return false;
        };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted)
    }

    /// Whether SQLite itself says that the file is malformed.
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
            source: source.into(),
        }
    }
}

/// An I/O error with its path.
pub(crate) fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ArchiveError {
    let path = path.to_path_buf();
    move |source| ArchiveError::Io { doing, path, source }
}
