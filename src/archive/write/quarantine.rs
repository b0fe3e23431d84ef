//! Bytes that cannot be read, kept and accepted.

use rusqlite::params;

use super::{ReceivedUnreadable, Writer};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, QuarantinedEntry};
use crate::archive::ledger::{WITHOUT_EVIDENCE, actor, text_hash};
use crate::archive::storage::jobs;
use crate::model::{Guid, Instant, Sha256};

impl Writer {
    /// Keeps bytes that are not a readable run; the same bytes of a job once. Says whether they were accepted.
    pub fn store_unreadable(
        &mut self,
        sync_id: i64,
        job_key: i64,
        unreadable: &ReceivedUnreadable,
    ) -> Result<bool, ArchiveError> {
        self.quarantine(sync_id, job_key, None, unreadable)
    }

    /// Says whether the bytes were accepted before.
    pub(super) fn quarantine(
        &mut self,
        sync_id: i64,
        job_key: i64,
        run_key: Option<i64>,
        unreadable: &ReceivedUnreadable,
    ) -> Result<bool, ArchiveError> {
        let doing = "keep unreadable bytes in quarantine";
        let known: Option<bool> = self.connection.cached().optional(
            "SELECT accepted_unix IS NOT NULL FROM _quarantined WHERE job_key = ?1 AND payload_sha256 = ?2",
            params![job_key, unreadable.sha256],
            doing,
            |row| row.get(0),
        )?;
        if let Some(accepted) = known {
            return Ok(accepted);
        }
        let now = Instant::now();
        let id = self.next_quarantine_id()?;
        self.connection.cached().insert(
            "INSERT INTO _quarantined (quarantine_id, job_key, sync_id, captured_unix, position, run_key,
                 reason, payload, payload_bytes, payload_sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                id,
                job_key,
                sync_id,
                now.unix_seconds(),
                unreadable.position,
                run_key,
                unreadable.reason,
                unreadable.payload,
                unreadable.bytes,
                unreadable.sha256,
            ],
            doing,
        )?;
        let entry = LedgerEntry::Quarantined(QuarantinedEntry {
            id,
            job: jobs::id(&self.connection, job_key)?,
            sync: sync_id,
            at: now.unix_seconds(),
            position: i64::try_from(unreadable.position).unwrap_or(i64::MAX),
            bytes: i64::try_from(unreadable.bytes).unwrap_or(i64::MAX),
            sha256: unreadable.sha256,
            kept: sha256(&unreadable.payload),
            reason: text_hash(&unreadable.reason),
            run: self
                .run_id(run_key)?
                .as_deref()
                .map(jobs::stored_guid)
                .transpose()?,
        });
        self.append(&entry)?;
        Ok(false)
    }

    /// One more than the last number that the ledger gave: the table lacks those that a salvage lost.
    fn next_quarantine_id(&self) -> Result<i64, ArchiveError> {
        let doing = "number what goes to quarantine";
        let in_table: i64 = self.connection.cached().one(
            "SELECT coalesce(max(quarantine_id), 0) FROM _quarantined",
            [],
            doing,
            |row| row.get(0),
        )?;
        if WITHOUT_EVIDENCE {
            return Ok(in_table + 1);
        }
        let line: Option<String> = self.connection.cached().optional(
            "SELECT entry FROM ledger WHERE entry GLOB 'quarantined *' ORDER BY entry_id DESC LIMIT 1",
            [],
            doing,
            |row| row.get(0),
        )?;
        let in_ledger = line.and_then(|line| match LedgerEntry::read(&line) {
            Ok(LedgerEntry::Quarantined(entry)) => Some(entry.id),
            _ => None,
        });
        Ok(in_table.max(in_ledger.unwrap_or_default()) + 1)
    }

    /// Keys of the archive's runs whose GUIDs occur in bytes that could not be read: the server may still list them.
    pub fn runs_named_in(&self, bytes: &[u8]) -> Result<Vec<i64>, ArchiveError> {
        let find = |guid: Guid| {
            self.connection.cached().optional(
                "SELECT run_key FROM _run WHERE job_run_id = ?1",
                [guid.to_string()],
                "look runs up by the GUIDs in unreadable bytes",
                |row| row.get(0),
            )
        };
        Guid::all_in(bytes)
            .filter_map(|guid| find(guid).transpose())
            .collect()
    }

    /// The GUID of the run with this key.
    fn run_id(&self, run_key: Option<i64>) -> Result<Option<String>, ArchiveError> {
        self.connection.cached().optional(
            "SELECT job_run_id FROM _run WHERE run_key = ?1",
            [run_key],
            "look a run up",
            |row| row.get(0),
        )
    }

    /// Accepts bytes in quarantine: they no longer make their job partial. Accepting twice changes nothing.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`] where there is no such number.
    pub fn accept(&mut self, quarantine_id: i64, why: &str) -> Result<(), ArchiveError> {
        self.transact(|writer| {
            let doing = "accept bytes in quarantine";
            let found: Option<(bool, Sha256)> = writer.connection.optional(
                "SELECT accepted_unix IS NOT NULL, payload_sha256 FROM _quarantined
                 WHERE quarantine_id = ?1",
                [quarantine_id],
                doing,
                |row| row.try_into(),
            )?;
            let Some((accepted, hash)) = found else {
                return Err(ArchiveError::NoSuch {
                    what: format!("number {quarantine_id} in quarantine"),
                });
            };
            if accepted {
                return Ok(());
            }
            let now = Instant::now();
            writer.connection.run(
                "UPDATE _quarantined SET accepted_unix = ?2, accepted_why = ?3 WHERE quarantine_id = ?1",
                params![quarantine_id, now.unix_seconds(), why],
                doing,
            )?;
            let entry = LedgerEntry::Accepted {
                id: quarantine_id,
                at: now.unix_seconds(),
                sha256: hash,
                why: text_hash(why),
                by: actor::this(),
            };
            writer.append(&entry)
        })
    }
}

pub(super) fn sha256(bytes: &[u8]) -> Sha256 {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}
