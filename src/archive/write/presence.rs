//! Runs that the server no longer lists, those that it lists again, and how far back the latest ones reach.

use rusqlite::params;

use super::Writer;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::LedgerEntry;
use crate::archive::storage::jobs::stored_guid;
use crate::archive::storage::keys::Keys;
use crate::model::Instant;

impl Writer {
    /// Marks a run that is listed again as there; used where its bytes are known, so that nothing else needs a look.
    pub fn store_returned(&mut self, sync_id: i64, run_key: i64) -> Result<(), ArchiveError> {
        let run_id: String = self.connection.cached().one(
            "SELECT job_run_id FROM _run WHERE run_key = ?1",
            [run_key],
            "look a run up",
            |row| row.get(0),
        )?;
        self.mark_returned(sync_id, run_key, &run_id, Instant::now())
    }

    /// Whether the latest runs of a job reach back so far that nothing new can lie before them: to a final run that is as
    /// it was archived by `answered_at`, and to every run that is neither final nor absent and began at `open_since` or
    /// later (one without a start: that was first seen then or later). `met` are the runs that were listed, `unchanged` those
    /// of them that are as archived before this sync.
    pub fn reaches_back(
        &self,
        job_key: i64,
        met: &Keys,
        unchanged: &Keys,
        answered_at: Instant,
        open_since: Instant,
    ) -> Result<bool, ArchiveError> {
        let doing = "look how far the latest runs reach back";
        let open: Vec<i64> = self.connection.cached().all(
            "SELECT run_key FROM _run
             WHERE job_key = ?1 AND absent_since_unix IS NULL AND (status IS NULL OR status NOT IN (SELECT status FROM job_statuses WHERE is_final))
                 AND (started_ticks >= ?2 OR started_ticks IS NULL AND first_seen_unix >= ?3)",
            params![job_key, open_since.ticks(), open_since.unix_seconds()],
            doing,
            |row| row.get(0),
        )?;
        if !open.into_iter().all(|run_key| met.contains(run_key)) {
            return Ok(false);
        }
        for run_key in unchanged.iter() {
            // What a later sync archived may have runs before it that no answer had.
            let is_anchor = self.connection.cached().one(
                "SELECT EXISTS (SELECT 1 FROM _run
                     WHERE run_key = ?1 AND status IN (SELECT status FROM job_statuses WHERE is_final) AND last_changed_unix <= ?2)",
                params![run_key, answered_at.unix_seconds()],
                doing,
                |row| row.get(0),
            )?;
            if is_anchor {
                return Ok(true);
            }
        }
        Ok(false)
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
