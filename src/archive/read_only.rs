//! The reading side of the archive: one read-only connection, which never waits for a sync and changes nothing.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::db::Db;
use super::error::ArchiveError;
use super::open::{self, ReadConnection};
use super::storage::clock::{self, ClockFinding};
use super::storage::holds_and_removals;
use super::storage::jobs::{self, JobState, ServerJobs};
use super::storage::payload;
use super::storage::quarantine::{self, QuarantineRow};
use super::storage::revisions::reported_bytes;
use super::storage::syncs::{self, Growth};
use super::storage::watching;
use super::unchanging::{READINGS, Unchanging};
use super::{ledger, limits};
use crate::model::{Guid, Instant, Sha256};

/// An archive opened to read.
#[derive(Debug)]
pub struct ReadOnly {
    connection: Connection,
    unchanging: Option<Unchanging>,
    path: PathBuf,
    open: fn(&Path) -> Result<ReadConnection, ArchiveError>,
}

/// The bytes of a run as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The run's JSON.
    pub bytes: Vec<u8>,
    /// Their SHA-256, as the archive has it.
    pub sha256: Sha256,
    /// Which revision of the run they are.
    pub revision: i64,
}

/// Interrupts what a [`ReadOnly`] is being asked, from another thread.
pub struct Interrupter(rusqlite::InterruptHandle);

impl Interrupter {
    /// Ends the statements that run now; they fail.
    pub fn interrupt(&self) {
        self.0.interrupt();
    }
}

impl ReadOnly {
    /// Opens the archive at `path`; it is neither made, upgraded nor changed.
    ///
    /// # Errors
    /// No file, an empty one, another program's, a newer or older archive, a log that cannot be read from here.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        Self::open_by(open::open_to_read, path)
    }

    /// Opens a whole archive that is not being written: without any lock, and without a file beside it.
    pub(super) fn open_unchanging(path: &Path) -> Result<Self, ArchiveError> {
        Self::open_by(open::open_unchanging, path)
    }

    /// Reads a database that this process made for itself; `path` is what it was made from.
    pub(super) fn of_own(connection: Connection, path: &Path) -> Self {
        Self {
            connection,
            unchanging: None,
            path: path.to_path_buf(),
            open: open::open_to_read,
        }
    }

    fn open_by(
        open: fn(&Path) -> Result<ReadConnection, ArchiveError>,
        path: &Path,
    ) -> Result<Self, ArchiveError> {
        let ReadConnection {
            connection,
            unchanging,
        } = open(path)?;
        Ok(Self {
            connection,
            unchanging,
            path: path.to_path_buf(),
            open,
        })
    }

    /// Confirms that everything read so far belongs to one state of the archive. It always does where SQLite's locks
    /// hold the state; where the archive is on read-only storage, a sync may have written meanwhile.
    ///
    /// # Errors
    /// [`ArchiveError::WrittenMeanwhile`].
    pub fn confirm(&self) -> Result<(), ArchiveError> {
        self.unchanging.as_ref().map_or(Ok(()), Unchanging::check)
    }

    /// What was read, or why it could not be: either counts only if it belongs to one state of the archive, since pages of
    /// two states together may look damaged.
    ///
    /// # Errors
    /// [`ArchiveError::WrittenMeanwhile`]; else the error of `read`.
    pub fn confirmed<T, E: From<ArchiveError>>(&self, read: Result<T, E>) -> Result<T, E> {
        self.confirm()?;
        read
    }

    /// What `read` gives, which confirms it before it lets anything out; where the archive was written meanwhile, it is
    /// opened and read again, a few times.
    pub fn settled<T, E: From<ArchiveError>>(
        &self,
        mut read: impl FnMut(&Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut result = read(self);
        let mut is_written = result.is_err() && self.confirm().is_err();
        for _ in 1..READINGS {
            if !is_written {
                break;
            }
            let anew = Self::open_by(self.open, &self.path)?;
            result = read(&anew);
            is_written = result.is_err() && anew.confirm().is_err();
        }
        result
    }

    /// Whether it reads without SQLite's locks, so that what it gives must be confirmed before it counts.
    pub const fn is_without_locks(&self) -> bool {
        self.unchanging.is_some()
    }

    /// Refuses to read through a table or view of ours that has another definition.
    ///
    /// # Errors
    /// [`ArchiveError::ForeignSchema`].
    pub(super) fn refuse_changed(&self) -> Result<(), ArchiveError> {
        self.confirmed(limits::refuse_changed(&self.path, &self.connection))
    }

    /// One more connection of the same kind.
    pub(super) fn another_connection(&self) -> Result<Connection, ArchiveError> {
        (self.open)(&self.path).map(|found| found.connection)
    }

    /// The archive's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What interrupts this reader's statements.
    pub fn interrupter(&self) -> Interrupter {
        Interrupter(self.connection.get_interrupt_handle())
    }

    /// The connection, for modules with queries of their own.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The ledger's last hash; 32 zero bytes in an empty one.
    pub fn head(&self) -> Result<Sha256, ArchiveError> {
        self.settled(|reader| reader.confirmed(ledger::read_head(&reader.connection)))
            .map(|head| head.hash)
    }

    /// The archive's own id.
    ///
    /// # Errors
    /// SQL errors; it has none.
    pub fn archive_id(&self) -> Result<Guid, ArchiveError> {
        let id: String = self.settled(|reader| {
            reader.confirmed(reader.connection.one(
                "SELECT archive_id FROM _archive",
                [],
                "read what the archive is",
                |row| row.get(0),
            ))
        })?;
        id.parse().map_err(|error| ArchiveError::Damaged {
            what: format!("its id: {error}"),
        })
    }

    /// Whether the ledger has an entry with this hash. Heads that are asked for are most often among the newest.
    pub(super) fn holds(&self, head: &Sha256) -> Result<bool, ArchiveError> {
        self.connection
            .optional(
                "SELECT 1 FROM ledger WHERE entry_hash = ?1 ORDER BY entry_id DESC LIMIT 1",
                [head],
                "look a head up in the ledger",
                |_| Ok(()),
            )
            .map(|found| found.is_some())
    }

    /// Every job with the freshness of its runs, by GUID.
    pub fn job_states(&self) -> Result<Vec<JobState>, ArchiveError> {
        self.read(|reader| jobs::states(&reader.connection))
    }

    /// The jobs of each server that listed its jobs, and which of them are not watched; empty if no server did.
    pub fn server_jobs(&self) -> Result<Vec<ServerJobs>, ArchiveError> {
        self.read(|reader| watching::server_jobs(&reader.connection))
    }

    /// What is doubtful about the clock at `now`: a last sync in the future, or a clock that was set back lately.
    pub fn clock_findings(&self, now: Instant) -> Result<Vec<ClockFinding>, ArchiveError> {
        self.read(|reader| clock::findings(&reader.connection, now))
    }

    /// How much the archive grew from the first sync to the last; `None` before any sync ended.
    pub fn growth(&self) -> Result<Option<Growth>, ArchiveError> {
        self.read(|reader| syncs::growth(&reader.connection))
    }

    /// What is in quarantine, by number.
    pub fn quarantine(&self) -> Result<Vec<QuarantineRow>, ArchiveError> {
        self.read(|reader| quarantine::list(&reader.connection))
    }

    /// One piece of the quarantine, with its bytes.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`]; SQL errors.
    pub fn quarantined(&self, id: i64) -> Result<(QuarantineRow, Vec<u8>), ArchiveError> {
        self.read(|reader| quarantine::show(&reader.connection, id))
    }

    /// The bytes of a run as received; of its latest revision where none is named.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`], a payload that cannot be unpacked, or one that does not have the hash it is filed under.
    pub fn payload(&self, run: Guid, revision: Option<i64>) -> Result<Payload, ArchiveError> {
        self.read(|reader| reader.find_payload(run, revision))
    }

    /// What is read through tables and views that are ours, of one state.
    fn read<T>(&self, read: impl Fn(&Self) -> Result<T, ArchiveError>) -> Result<T, ArchiveError> {
        self.settled(|reader| {
            reader.refuse_changed()?;
            reader.confirmed(read(reader))
        })
    }

    fn find_payload(&self, run: Guid, revision: Option<i64>) -> Result<Payload, ArchiveError> {
        type Found = (i64, i64, Sha256, Option<Vec<u8>>, Option<Vec<u8>>);
        let found: Option<Found> = self.connection.optional(
            "SELECT v.entry_id, v.revision, v.payload_sha256, p.data, d.bytes
             FROM _run r
             JOIN _revision v ON v.run_key = r.run_key AND v.revision = coalesce(?2, r.revision)
             LEFT JOIN payload p ON p.entry_id = v.entry_id
             LEFT JOIN dictionary d ON d.dictionary_key = p.dictionary_key
             WHERE r.job_run_id = ?1",
            params![run.to_string(), revision],
            "read a payload",
            |row| row.try_into(),
        )?;
        let Some((entry_id, revision, sha256, packed, dictionary)) = found else {
            holds_and_removals::refuse_removed(&self.connection, &run.to_string())?;
            let of = revision.map_or_else(String::new, |number| format!("revision {number} of "));
            return Err(ArchiveError::NoSuch {
                what: format!("{of}run {run}"),
            });
        };
        let damaged = |why: String| ArchiveError::DamagedPayload { entry_id, why };
        let packed = packed.ok_or_else(|| damaged("its bytes are missing".to_owned()))?;
        let limit = reported_bytes(&self.connection, entry_id)?;
        let bytes = payload::unpack(&packed, dictionary.as_deref(), limit).map_err(damaged)?;
        if <Sha256>::from(<sha2::Sha256 as sha2::Digest>::digest(&bytes)) != sha256 {
            return Err(damaged(
                "its bytes do not have the SHA-256 it is filed under".to_owned(),
            ));
        }
        Ok(Payload {
            bytes,
            sha256,
            revision,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Writer;

    #[test]
    fn what_was_read_without_locks_counts_only_if_nobody_wrote_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let write = |job| {
            let mut writer = Writer::open(&path).unwrap();
            writer.watch(Guid::from_bytes([job; 16]), None).unwrap();
            writer
        };
        drop(write(1));
        let reader = ReadOnly::open_unchanging(&path).unwrap();
        assert!(reader.job_states().is_ok());

        // A log with content: the file alone is not the archive.
        let writer = write(2);
        let error = ReadOnly::open_unchanging(&path).unwrap_err();
        assert!(matches!(error, ArchiveError::UnreadableLog { .. }), "{error:?}");
        let error = reader.job_states().unwrap_err();
        assert!(matches!(error, ArchiveError::UnreadableLog { .. }), "{error:?}");

        // The log is taken over: the file has changed beneath what was read, and so its damage is none either.
        drop(writer);
        let damaged = ArchiveError::Damaged {
            what: "torn".to_owned(),
        };
        let error = reader.confirmed::<(), _>(Err(damaged)).unwrap_err();
        assert!(
            matches!(error, ArchiveError::WrittenMeanwhile { .. }),
            "{error:?}"
        );
        // What lets nothing out before it is confirmed is read again.
        assert_eq!(reader.job_states().unwrap().len(), 2);
        let (mut readings, mut writers) = (0, 2);
        let read = |reader: &ReadOnly| {
            readings += 1;
            if readings < 3 {
                writers += 1;
                drop(write(writers));
            }
            reader.confirmed(jobs::states(&reader.connection))
        };
        let reader = ReadOnly::open_unchanging(&path).unwrap();
        assert_eq!(reader.settled(read).unwrap().len(), 4);
        assert_eq!(readings, 3);
        // Not for ever.
        let mut readings = 0;
        let refused = reader.settled(|reader| {
            readings += 1;
            drop(write(100 + readings));
            reader.confirmed(jobs::states(&reader.connection))
        });
        let error = refused.unwrap_err();
        assert!(
            matches!(error, ArchiveError::WrittenMeanwhile { .. }),
            "{error:?}"
        );
        assert_eq!(u32::from(readings), READINGS);
    }
}
