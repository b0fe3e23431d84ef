//! The queries about holds and removed runs.

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::storage::holds_and_removals::refuse_removed;

/// A row of the view `holds`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HoldRow {
    pub hold_id: i64,
    /// The job whose runs it keeps; `None` for every job.
    pub job_id: Option<String>,
    /// Start of the span that it covers, UTC.
    pub since: Option<String>,
    /// End of that span, UTC.
    pub until: Option<String>,
    pub reason: Option<String>,
    /// UTC.
    pub added_at: String,
    pub added_by: Option<String>,
    /// UTC.
    pub released_at: Option<String>,
    pub released_by: Option<String>,
    pub release_reason: Option<String>,
}

/// A run that a retention rule removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedRun {
    /// JobRunID: GUID, lower case with hyphens.
    pub job_run_id: String,
    pub job_key: i64,
    /// JobID, likewise.
    pub job_id: String,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
    pub revisions: u64,
    /// Messages that were held.
    pub messages: u64,
    /// Seconds since 1970 UTC.
    pub removed_unix: i64,
    /// `None` if a salvage lost it.
    pub removed_by: Option<String>,
    /// `None` if a salvage lost it.
    pub reason: Option<String>,
    /// SHA-256 of the plan, hexadecimal.
    pub plan: String,
}

/// What retention rules removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalTotals {
    pub runs: u64,
    /// When the last of them was removed, UTC.
    pub last_at: Option<String>,
    /// The hash of a plan whose removed bytes are not cleared from the file yet, hexadecimal.
    pub uncleared: Option<String>,
}

impl Snapshot<'_> {
    /// Every hold, by number.
    pub fn holds(&self) -> Result<Vec<HoldRow>, ArchiveError> {
        self.connection().all(
            "SELECT hold_id, job_id, since, until, reason, added_at, added_by, released_at, released_by, release_reason
             FROM holds ORDER BY hold_id",
            [],
            "read the holds",
            |row| {
                Ok(HoldRow {
                    hold_id: row.get(0)?,
                    job_id: row.get(1)?,
                    since: row.get(2)?,
                    until: row.get(3)?,
                    reason: row.get(4)?,
                    added_at: row.get(5)?,
                    added_by: row.get(6)?,
                    released_at: row.get(7)?,
                    released_by: row.get(8)?,
                    release_reason: row.get(9)?,
                })
            },
        )
    }

    /// The runs that a retention rule removed, by job, start and GUID.
    pub fn each_removed_run<E: From<ArchiveError>>(
        &self,
        mut see: impl FnMut(RemovedRun) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connection().try_each(
            &format!("{REMOVED} ORDER BY v.job_id, r.started_ticks, r.job_run_id"),
            [],
            "read the removed runs",
            |row| Ok(see(removed(row)?)?),
        )
    }

    /// How many runs retention rules removed, and whether removed bytes are still to be cleared.
    pub fn removals(&self) -> Result<RemovalTotals, ArchiveError> {
        self.connection().one(
            "SELECT count(*), max(removed_at), (SELECT lower(hex(plan)) FROM _clearing) FROM removed_runs",
            [],
            "count the removed runs",
            |row| {
                Ok(RemovalTotals {
                    runs: row.get(0)?,
                    last_at: row.get(1)?,
                    uncleared: row.get(2)?,
                })
            },
        )
    }

    /// Refuses a run that a retention rule removed; `beginning` is its GUID or the first characters of it.
    ///
    /// # Errors
    /// [`ArchiveError::RemovedRun`], which says when, by whom and why; SQL errors.
    pub fn refuse_removed(&self, beginning: &str) -> Result<(), ArchiveError> {
        refuse_removed(self.connection(), beginning)
    }
}

const REMOVED: &str =
    "SELECT r.job_run_id, r.job_key, v.job_id, r.started_ticks, r.revisions, r.messages, r.removed_unix,
        v.removed_by, v.reason, v.plan
    FROM _removed_run r JOIN removed_runs v USING (job_run_id)";

fn removed(row: &rusqlite::Row<'_>) -> rusqlite::Result<RemovedRun> {
    Ok(RemovedRun {
        job_run_id: row.get(0)?,
        job_key: row.get(1)?,
        job_id: row.get(2)?,
        started_ticks: row.get(3)?,
        revisions: row.get(4)?,
        messages: row.get(5)?,
        removed_unix: row.get(6)?,
        removed_by: row.get(7)?,
        reason: row.get(8)?,
        plan: row.get(9)?,
    })
}
