//! What the overview needs besides the reports: how fresh each job is, what is in quarantine, how the last sync ended.

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::storage::clock::{self, ClockFinding};
use crate::archive::storage::jobs::ServerJobs;
use crate::archive::storage::watching;
use crate::model::Instant;

/// A job, as far as its freshness goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFreshness {
    pub job_key: i64,
    /// Whether a sync without named jobs asks for it.
    pub is_watched: bool,
    /// End of the last sync in which it was complete with `count=0`, seconds since 1970 UTC.
    pub last_synced_unix: Option<i64>,
    /// End of the last sync in which it was complete with `--fetch full` or `auto`, likewise.
    pub last_answered_unix: Option<i64>,
    /// The same by the server's clock, which also times the runs, as far as it is known.
    pub answered_by_server_unix: Option<i64>,
    /// When the archive first knew of it, likewise.
    pub first_seen_unix: i64,
    /// Key of the server that lists its runs; `None` before its first answer.
    pub server_key: Option<i64>,
    /// Why its last sync was not complete.
    pub last_error: Option<String>,
    /// Quarantined pieces that are not accepted yet.
    pub open_quarantine: i64,
}

/// How the last sync ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSync {
    pub sync_id: i64,
    /// When it began, seconds since 1970 UTC.
    pub started_unix: i64,
    /// When it ended; `None` where it is still running, or was killed.
    pub finished_unix: Option<i64>,
    /// `complete`, `partial`, `failed` or `interrupted`; `None` as above.
    pub outcome: Option<String>,
}

impl Snapshot<'_> {
    /// Every job with its freshness, in no order.
    pub fn job_freshness(&self) -> Result<Vec<JobFreshness>, ArchiveError> {
        self.connection().all(
            "SELECT j.job_key, j.watched, j.last_synced_unix, j.last_answered_unix,
                    j.last_answered_unix - coalesce(s.skew, 0), j.first_seen_unix,
                    j.server_key, j.last_error,
                    (SELECT count(*) FROM _quarantined q
                     WHERE q.job_key = j.job_key AND q.accepted_unix IS NULL)
             FROM _job j
             LEFT JOIN (SELECT finished_unix, max(clock_skew_seconds) AS skew FROM _sync
                        WHERE clock_skew_seconds <> 0 GROUP BY finished_unix) s ON s.finished_unix = j.last_answered_unix",
            [],
            "read how fresh the jobs are",
            |row| {
                Ok(JobFreshness {
                    job_key: row.get(0)?,
                    is_watched: row.get(1)?,
                    last_synced_unix: row.get(2)?,
                    last_answered_unix: row.get(3)?,
                    answered_by_server_unix: row.get(4)?,
                    first_seen_unix: row.get(5)?,
                    server_key: row.get(6)?,
                    last_error: row.get(7)?,
                    open_quarantine: row.get(8)?,
                })
            },
        )
    }

    /// The jobs of each server that listed its jobs; empty if no server did.
    pub fn server_jobs(&self) -> Result<Vec<ServerJobs>, ArchiveError> {
        watching::server_jobs(self.connection())
    }

    /// What is doubtful about the clock at `now`.
    pub fn clock_findings(&self, now: Instant) -> Result<Vec<ClockFinding>, ArchiveError> {
        clock::findings(self.connection(), now)
    }

    /// How many runs of each job failed, by the GUID of the job; jobs without failed runs are left out.
    pub fn failed_runs(&self) -> Result<Vec<(String, i64)>, ArchiveError> {
        self.connection().all(
            "SELECT j.job_id, count(*) FROM _run r JOIN _job j USING (job_key)
             WHERE r.status IN (SELECT status FROM job_statuses WHERE is_failure = 1) GROUP BY r.job_key",
            [],
            "count the runs that failed",
            |row| row.try_into(),
        )
    }

    /// Our clock less the server's, in seconds, at the last sync that could compare them.
    pub fn last_clock_skew(&self) -> Result<Option<i64>, ArchiveError> {
        self.connection().optional(
            "SELECT clock_skew_seconds FROM _sync WHERE clock_skew_seconds IS NOT NULL ORDER BY sync_id DESC LIMIT 1",
            [],
            "read the last sync",
            |row| row.get(0),
        )
    }

    /// The sync that began last; `None` before the first.
    pub fn last_sync(&self) -> Result<Option<LastSync>, ArchiveError> {
        self.connection().optional(
            "SELECT sync_id, started_unix, finished_unix, outcome FROM _sync ORDER BY sync_id DESC LIMIT 1",
            [],
            "read the last sync",
            |row| {
                Ok(LastSync {
                    sync_id: row.get(0)?,
                    started_unix: row.get(1)?,
                    finished_unix: row.get(2)?,
                    outcome: row.get(3)?,
                })
            },
        )
    }
}
