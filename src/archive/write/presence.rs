//! Runs that the server no longer lists, and those that it lists again.

use super::Writer;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::LedgerEntry;
use crate::archive::storage::jobs::stored_guid;
use crate::model::Instant;

impl Writer {
    /// Marks a run that is listed again as there; used where its bytes are known, so that nothing else needs a look.
    ///
    /// # Errors
    /// SQL errors; the caller rolls back.
    pub fn store_returned(&mut self, sync_id: i64, run_key: i64) -> Result<(), ArchiveError> {
        let run_id: String = self.connection.cached().one(
            "SELECT job_run_id FROM _run WHERE run_key = ?1",
            [run_key],
            "look a run up",
            |row| row.get(0),
        )?;
        self.mark_returned(sync_id, run_key, &run_id, Instant::now())
    }

    pub(super) fn mark_returned(
        &mut self,
        sync_id: i64,
        run_key: i64,
        run_id: &str,
        now: Instant,
    ) -> Result<(), ArchiveError> {
        let marked = self.connection.cached().run(
            "UPDATE _run SET absent_since_unix = NULL WHERE run_key = ?1 AND absent_since_unix IS NOT NULL",
            [run_key],
            "mark a run as listed again",
        )?;
        if marked == 0 {
            return Ok(()); // twice in one answer
        }
        self.append(&LedgerEntry::Returned {
            run: stored_guid(run_id)?,
            sync: sync_id,
            at: now.unix_seconds(),
        })
    }

    /// Says whether the run was there before.
    pub(super) fn mark_absent(
        &mut self,
        sync_id: i64,
        run_key: i64,
        now: Instant,
    ) -> Result<bool, ArchiveError> {
        let run_id: Option<String> = self.connection.cached().optional(
            "UPDATE _run SET absent_since_unix = ?2 WHERE run_key = ?1 AND absent_since_unix IS NULL
             RETURNING job_run_id",
            [run_key, now.unix_seconds()],
            "mark a run absent",
            |row| row.get(0),
        )?;
        let Some(run_id) = run_id else { return Ok(false) };
        self.append(&LedgerEntry::Absent {
            run: stored_guid(&run_id)?,
            sync: sync_id,
            at: now.unix_seconds(),
        })?;
        Ok(true)
    }
}
