//! The states of a run that are archived, and what changed from one to the next.

use rusqlite::params;

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, RevisionEntry};
use crate::archive::storage::revisions::Payloads;
use crate::decode::compare_runs;
use crate::model::{RunChanges, Sha256};

/// A state of a run, with the line of the ledger that seals it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRevision {
    /// 1, 2, 3, ... of its run.
    pub revision: i64,
    /// When it was archived, seconds since 1970 UTC.
    pub captured_unix: i64,
    /// The sync that brought it.
    pub sync_id: i64,
    /// `Status` in this state.
    pub status: Option<i64>,
    /// SHA-256 of the bytes as received.
    pub payload_sha256: Sha256,
    /// The number of its line in the ledger.
    pub entry_id: i64,
    pub entry: String,
    /// The hash that seals the line and all before it.
    pub entry_hash: Sha256,
}

/// What seals the latest state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatestRevision {
    /// SHA-256 of the bytes as received.
    pub payload_sha256: Sha256,
    /// The number of its line in the ledger.
    pub entry_id: i64,
}

/// The head of the sync that ended last: it seals every line up to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewestHead {
    pub sync_id: i64,
    /// When it ended, seconds since 1970 UTC; `None` where the table of syncs does not say.
    pub finished_unix: Option<i64>,
    /// The entry that records its end.
    pub entry_id: i64,
    pub head: Sha256,
}

impl Snapshot<'_> {
    /// The runs whose GUID begins so, by GUID: key and GUID of the first few.
    pub fn runs_beginning(&self, beginning: &str) -> Result<Vec<(i64, String)>, ArchiveError> {
        // Every GUID that begins so lies before the beginning and a letter behind all digits.
        self.connection().all(
            "SELECT run_key, job_run_id FROM _run WHERE job_run_id BETWEEN ?1 AND ?1 || 'g' ORDER BY job_run_id LIMIT 5",
            [beginning],
            "look a run up",
            |row| row.try_into(),
        )
    }

    /// Every archived state of a run, the first one first.
    pub fn revisions_of(&self, run_key: i64) -> Result<Vec<RunRevision>, ArchiveError> {
        self.connection().all(
            "SELECT v.revision, v.captured_unix, v.sync_id, v.status, v.payload_sha256, v.entry_id, l.entry, l.entry_hash
             FROM _revision v JOIN ledger l ON l.entry_id = v.entry_id
             WHERE v.run_key = ?1 ORDER BY v.revision",
            [run_key],
            "read the revisions of a run",
            |row| {
                Ok(RunRevision {
                    revision: row.get(0)?,
                    captured_unix: row.get(1)?,
                    sync_id: row.get(2)?,
                    status: row.get(3)?,
                    payload_sha256: row.get(4)?,
                    entry_id: row.get(5)?,
                    entry: row.get(6)?,
                    entry_hash: row.get(7)?,
                })
            },
        )
    }

    /// What seals the latest archived state of a run.
    ///
    /// # Errors
    /// There is none; SQL errors.
    pub fn latest_revision(&self, run_key: i64) -> Result<LatestRevision, ArchiveError> {
        self.connection()
            .cached()
            .optional(
                "SELECT payload_sha256, entry_id FROM _revision WHERE run_key = ?1 ORDER BY revision DESC LIMIT 1",
                [run_key],
                "read the revisions of a run",
                |row| {
                    Ok(LatestRevision {
                        payload_sha256: row.get(0)?,
                        entry_id: row.get(1)?,
                    })
                },
            )?
            .ok_or_else(|| ArchiveError::Damaged {
                what: format!("run {run_key} has no revision"),
            })
    }

    /// The head of the sync that ended last; `None` before the first.
    pub fn newest_head(&self) -> Result<Option<NewestHead>, ArchiveError> {
        let connection = self.connection();
        let found: Option<(i64, Sha256, String)> = connection.optional(
            "SELECT entry_id, entry_hash, entry FROM ledger WHERE entry GLOB 'sync-ended sync=*'
             ORDER BY entry_id DESC LIMIT 1",
            [],
            "read the ledger",
            |row| row.try_into(),
        )?;
        let Some((entry_id, head, line)) = found else {
            return Ok(None);
        };
        let sync_id = super::ledger::sync_of(&line)?;
        let finished_unix: Option<Option<i64>> = connection.optional(
            "SELECT finished_unix FROM _sync WHERE sync_id = ?1",
            [sync_id],
            "read the syncs",
            |row| row.get(0),
        )?;
        Ok(Some(NewestHead {
            sync_id,
            finished_unix: finished_unix.flatten(),
            entry_id,
            head,
        }))
    }

    /// A reader of the bytes of revisions.
    pub fn revision_reader(&self) -> RevisionReader<'_> {
        RevisionReader {
            snapshot: self,
            payloads: Payloads::default(),
        }
    }
}

/// Reads the bytes of revisions, each checked against the hash that the ledger names.
pub struct RevisionReader<'s> {
    snapshot: &'s Snapshot<'s>,
    payloads: Payloads,
}

impl RevisionReader<'_> {
    /// The bytes, as received, of the revision that this ledger entry records.
    ///
    /// # Errors
    /// [`ArchiveError::DamagedPayload`]; an entry that is not a revision; SQL errors.
    pub fn bytes(&mut self, entry_id: i64) -> Result<&[u8], ArchiveError> {
        let entry = self.entry(entry_id)?;
        let read = self.payloads.read(self.snapshot.connection(), entry_id, &entry)?;
        read.map_err(|unsound| ArchiveError::DamagedPayload {
            entry_id,
            why: unsound.words(),
        })
    }

    /// What changed from one revision to another, named by their lines of the ledger.
    pub fn changes(&mut self, before: i64, after: i64) -> Result<RunChanges, ArchiveError> {
        let before = self.bytes(before)?.to_vec();
        compare_runs(&before, self.bytes(after)?).map_err(|error| ArchiveError::DamagedPayload {
            entry_id: after,
            why: format!("it, or the revision before it, cannot be read as a run: {error}"),
        })
    }

    fn entry(&self, entry_id: i64) -> Result<RevisionEntry, ArchiveError> {
        let line: Option<String> = self.snapshot.connection().cached().optional(
            "SELECT entry FROM ledger WHERE entry_id = ?1",
            params![entry_id],
            "read the ledger",
            |row| row.get(0),
        )?;
        match line.as_deref().map(LedgerEntry::read) {
            Some(Ok(LedgerEntry::Revision(entry))) => Ok(entry),
            _ => Err(ArchiveError::Damaged {
                what: format!("the ledger's line {entry_id} does not tell of a revision"),
            }),
        }
    }
}
