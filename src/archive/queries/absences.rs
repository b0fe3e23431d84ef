//! What is asked about runs that the server no longer lists: when that was seen, and when it still listed them.

use rusqlite::params;

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;

/// A run that has a start, and that the server no longer lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    pub job_key: i64,
    /// Key of the server that lists the job's runs.
    pub server_key: Option<i64>,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: i64,
    /// When its absence was seen, seconds since 1970 UTC.
    pub absent_since_unix: i64,
}

/// A run that the server no longer lists, to be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbsentRun<'r> {
    /// JobRunID: GUID, lower case with hyphens.
    pub job_run_id: &'r str,
    pub status: Option<i64>,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: i64,
    /// When its absence was seen, seconds since 1970 UTC.
    pub absent_since_unix: i64,
}

/// A finished sync that may have asked for every run of a job. Seconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullSync {
    pub sync_id: i64,
    pub began_unix: i64,
    pub ended_unix: i64,
}

impl Snapshot<'_> {
    /// Every run that has a start and that the server no longer lists, by job; then those that a retention rule removed.
    pub fn each_absence(&self, mut see: impl FnMut(Absence)) -> Result<(), ArchiveError> {
        self.connection().each(
            "SELECT r.job_key, j.server_key, r.started_ticks, r.absent_since_unix
             FROM _run r INDEXED BY run_absent JOIN _job j ON j.job_key = r.job_key
             WHERE r.absent_since_unix IS NOT NULL AND r.started_ticks IS NOT NULL
             UNION ALL
             SELECT r.job_key, j.server_key, r.started_ticks, r.absent_since_unix
             FROM _removed_run r JOIN _job j ON j.job_key = r.job_key
             WHERE r.absent_since_unix IS NOT NULL AND r.started_ticks IS NOT NULL",
            [],
            "read the runs that the server no longer lists",
            |row| {
                see(Absence {
                    job_key: row.get(0)?,
                    server_key: row.get(1)?,
                    started_ticks: row.get(2)?,
                    absent_since_unix: row.get(3)?,
                });
                Ok(())
            },
        )
    }

    /// How many runs of a server were older than that at the last complete answer of their job, and still listed, by
    /// the server's clock as far as it is known. A job
    /// whose server says that it has more runs than it lists is left out: none of its runs is marked absent.
    pub fn listed_runs_older_than(
        &self,
        server_key: Option<i64>,
        age_seconds: i64,
    ) -> Result<usize, ArchiveError> {
        let mut runs = 0_i64;
        self.connection().each(
            "SELECT (SELECT count(*) FROM _run r
                     WHERE r.job_key = j.job_key AND r.absent_since_unix IS NULL
                         AND r.started_ticks < (j.last_synced_unix - coalesce(s.skew, 0) - ?2) * 10000000)
             FROM _job j
             LEFT JOIN (SELECT finished_unix, max(clock_skew_seconds) AS skew FROM _sync
                        WHERE clock_skew_seconds <> 0 GROUP BY finished_unix) s ON s.finished_unix = j.last_synced_unix
             WHERE j.server_key IS ?1 AND j.last_synced_unix > ?2
                 AND coalesce(j.total_job_runs, 0) <= (SELECT count(*) FROM _run r WHERE r.job_key = j.job_key)
                     + (SELECT count(*) FROM _removed_run r WHERE r.job_key = j.job_key)",
            params![server_key, age_seconds],
            "count the old runs that the server still lists",
            |row| {
                runs += row.get::<_, i64>(0)?;
                Ok(())
            },
        )?;
        Ok(usize::try_from(runs).unwrap_or(0))
    }

    /// The runs of a job that the server stopped listing before they were so many seconds old, by start, then by GUID.
    pub fn each_run_absent_before<E: From<ArchiveError>>(
        &self,
        job_key: i64,
        age_seconds: i64,
        mut see: impl FnMut(AbsentRun<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connection().cached().try_each(
            "SELECT job_run_id, status, started_ticks, absent_since_unix FROM _run INDEXED BY run_absent
             WHERE job_key = ?1 AND absent_since_unix IS NOT NULL AND started_ticks IS NOT NULL
                 AND absent_since_unix - started_ticks / 10000000 < ?2
             ORDER BY started_ticks, job_run_id",
            params![job_key, age_seconds],
            "read the runs that the server no longer lists",
            |row| {
                Ok(see(AbsentRun {
                    job_run_id: row.get_ref(0)?.as_str()?,
                    status: row.get(1)?,
                    started_ticks: row.get(2)?,
                    absent_since_unix: row.get(3)?,
                })?)
            },
        )
    }

    /// Every finished sync that may have asked for every run of a job, by number.
    pub fn full_syncs(&self) -> Result<Vec<FullSync>, ArchiveError> {
        self.connection().all(
            "SELECT sync_id, started_unix, finished_unix FROM _sync
             WHERE coalesce(count_asked, 0) = 0 AND finished_unix IS NOT NULL ORDER BY sync_id",
            [],
            "read the syncs",
            |row| {
                Ok(FullSync {
                    sync_id: row.get(0)?,
                    began_unix: row.get(1)?,
                    ended_unix: row.get(2)?,
                })
            },
        )
    }

    /// Whether a job's answer to the question for all runs was complete in a sync.
    pub fn was_complete(&self, sync_id: i64, job_key: i64) -> Result<bool, ArchiveError> {
        self.connection().cached().one(
            "SELECT EXISTS (SELECT 1 FROM _sync_job_unchanged
                            WHERE sync_id = ?1 AND job_key = ?2 AND count_asked = 0)
                 OR EXISTS (SELECT 1 FROM _sync_job
                            WHERE sync_id = ?1 AND job_key = ?2 AND outcome = 'complete' AND count_asked = 0)",
            [sync_id, job_key],
            "read the syncs",
            |row| row.get(0),
        )
    }
}
