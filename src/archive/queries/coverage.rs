//! What is asked about the history itself: when jobs were synced, when runs started, how they changed.

use rusqlite::params;

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::storage::clock;

/// A run, as far as coverage counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunCoverage {
    pub job_key: i64,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
    /// Whether the server no longer lists it.
    pub is_absent: bool,
    /// Whether its `MessageCount` is not the number of messages that it has. Not told of runs whose latest answer had no
    /// message list or no `MessageCount`, nor where messages are in quarantine.
    pub is_mismatch: bool,
}

/// A revision of a run after its first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunChange<'r> {
    /// The run's job.
    pub job_key: i64,
    /// JobRunID: GUID, lower case with hyphens.
    pub job_run_id: &'r str,
    /// 2 or more.
    pub revision: i64,
    /// When it was archived, seconds since 1970 UTC.
    pub captured_unix: i64,
    /// `Status` of the revision before.
    pub status_before: Option<i64>,
    pub status: Option<i64>,
    /// The ledger line of the revision before; `None` if there is none.
    pub entry_before: Option<i64>,
    /// The ledger line of this revision.
    pub entry_id: i64,
}

impl Snapshot<'_> {
    /// Every time that a job was complete with `count=0`: its key, and the end of that sync in seconds since 1970 UTC.
    /// By sync, so in the order of time; by the server's clock, and without syncs whose times do not fit with the others.
    pub fn each_complete_sync(&self, mut see: impl FnMut(i64, i64)) -> Result<(), ArchiveError> {
        let connection = self.connection();
        for sync in clock::timed_syncs(connection)? {
            connection.cached().each(
                "SELECT job_key FROM _sync_job WHERE sync_id = ?1 AND outcome = 'complete' AND count_asked = 0
                 UNION ALL SELECT job_key FROM _sync_job_unchanged WHERE sync_id = ?1 AND count_asked = 0",
                [sync.sync_id],
                "read the syncs",
                |job| {
                    see(job.get(0)?, sync.ended_unix);
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// Every run, in no order.
    pub fn each_run_coverage(&self, mut see: impl FnMut(RunCoverage)) -> Result<(), ArchiveError> {
        self.connection().each(
            "SELECT job_key, started_ticks, absent_since_unix IS NOT NULL,
                    has_message_list = 1 AND unreadable_messages = 0
                        AND message_count IS NOT NULL AND message_count <> messages_present
             FROM _run",
            [],
            "read the runs",
            |row| {
                see(RunCoverage {
                    job_key: row.get(0)?,
                    started_ticks: row.get(1)?,
                    is_absent: row.get(2)?,
                    is_mismatch: row.get(3)?,
                });
                Ok(())
            },
        )
    }

    /// The starts of a job's runs within the span, in their order; ticks of 100 ns since 1970 UTC. Those of runs that a
    /// retention rule removed are among them: they came. Indexes by job have them.
    pub fn starts_of_job(
        &self,
        job_key: i64,
        since: Option<i64>,
        until: Option<i64>,
    ) -> Result<Vec<i64>, ArchiveError> {
        self.connection().cached().all(
            "SELECT started_ticks FROM _run INDEXED BY run_by_job
             WHERE job_key = ?1 AND started_ticks >= coalesce(?2, -9223372036854775808)
                 AND (?3 IS NULL OR started_ticks < ?3)
             UNION ALL
             SELECT started_ticks FROM _removed_run INDEXED BY removed_run_by_job
             WHERE job_key = ?1 AND started_ticks >= coalesce(?2, -9223372036854775808)
                 AND (?3 IS NULL OR started_ticks < ?3)
             ORDER BY started_ticks",
            params![job_key, since, until],
            "read the starts of runs",
            |row| row.get(0),
        )
    }

    /// The starts of those runs of a job that a retention rule removed, likewise.
    pub fn removed_starts_of_job(&self, job_key: i64) -> Result<Vec<i64>, ArchiveError> {
        self.connection().cached().all(
            "SELECT started_ticks FROM _removed_run INDEXED BY removed_run_by_job
             WHERE job_key = ?1 AND started_ticks IS NOT NULL ORDER BY started_ticks",
            [job_key],
            "read the starts of removed runs",
            |row| row.get(0),
        )
    }

    /// The last start of a job, likewise; `None` where no run of it has one.
    pub fn last_start_of_job(&self, job_key: i64) -> Result<Option<i64>, ArchiveError> {
        self.connection().cached().one(
            "SELECT max(last) FROM (
                 SELECT max(started_ticks) AS last FROM _run INDEXED BY run_by_job WHERE job_key = ?1
                 UNION ALL
                 SELECT max(started_ticks) FROM _removed_run INDEXED BY removed_run_by_job WHERE job_key = ?1)",
            [job_key],
            "read the starts of runs",
            |row| row.get(0),
        )
    }

    /// Every revision after the first of its run, by time, then by the GUIDs of job and run, then by number.
    pub fn each_change<E: From<ArchiveError>>(
        &self,
        mut see: impl FnMut(RunChange<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connection().try_each(
            "SELECT r.job_key, r.job_run_id, v.revision, v.captured_unix, before.status, v.status,
                    before.entry_id, v.entry_id
             FROM _revision v
             JOIN _run r ON r.run_key = v.run_key
             JOIN _job j ON j.job_key = r.job_key
             LEFT JOIN _revision before ON before.run_key = v.run_key
                 AND before.revision = v.revision - 1
             WHERE v.revision > 1
             ORDER BY v.captured_unix, j.job_id, r.job_run_id, v.revision",
            [],
            "read the revisions",
            |row| {
                Ok(see(RunChange {
                    job_key: row.get(0)?,
                    job_run_id: row.get_ref(1)?.as_str()?,
                    revision: row.get(2)?,
                    captured_unix: row.get(3)?,
                    status_before: row.get(4)?,
                    status: row.get(5)?,
                    entry_before: row.get(6)?,
                    entry_id: row.get(7)?,
                })?)
            },
        )
    }
}
