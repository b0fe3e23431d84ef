//! What is asked to tell how complete the history is: every answer that said all it had, and runs whose counts disagree.

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::storage::clock;

/// A complete answer to the question for all runs of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompleteAnswer {
    pub job_key: i64,
    /// The sync that got it.
    pub sync_id: i64,
    /// When that sync began and ended by the server's clock, seconds since 1970 UTC; the answer was given in between.
    pub began_unix: i64,
    /// See above.
    pub ended_unix: i64,
    /// The archive's clock less the server's at that sync, in seconds; 0 where it is not known.
    pub skew_seconds: i64,
    /// Runs that it listed.
    pub runs_seen: i64,
    /// `TotalJobRuns` as it said; `None` where it did not.
    pub total_job_runs: Option<i64>,
}

/// A run that does not have as many messages as its `MessageCount` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountMismatch<'r> {
    /// JobRunID: GUID, lower case with hyphens.
    pub job_run_id: &'r str,
    /// Start and end, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
    /// See above.
    pub ended_ticks: Option<i64>,
    /// As the server says.
    pub message_count: i64,
    /// Messages that the run has.
    pub messages: i64,
}

impl Snapshot<'_> {
    /// Every complete answer to the question for all runs, by sync, so in the order of time. Times are by the server's clock
    /// where the sync knew it; an answer whose time does not fit with those of the other syncs is left out.
    pub fn each_complete_answer(&self, mut see: impl FnMut(CompleteAnswer)) -> Result<(), ArchiveError> {
        let connection = self.connection();
        for sync in clock::timed_syncs(connection)? {
            connection.cached().each(
                "SELECT job_key, runs_seen, total_job_runs FROM _sync_job
                 WHERE sync_id = ?1 AND outcome = 'complete' AND count_asked = 0
                 UNION ALL
                 SELECT job_key, runs_seen, coalesce(other_total, runs_seen) FROM _sync_job_unchanged
                 WHERE sync_id = ?1 AND count_asked = 0",
                [sync.sync_id],
                "read the syncs",
                |answer| {
                    see(CompleteAnswer {
                        job_key: answer.get(0)?,
                        sync_id: sync.sync_id,
                        began_unix: sync.began_unix,
                        ended_unix: sync.ended_unix,
                        skew_seconds: sync.skew_seconds,
                        runs_seen: answer.get(1)?,
                        total_job_runs: answer.get(2)?,
                    });
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// The runs of a job whose counts disagree, by start, then by GUID. Runs whose latest answer had no message list or no
    /// `MessageCount`, or of which a message is in quarantine, are left out: of them nothing is known.
    pub fn each_count_mismatch<E: From<ArchiveError>>(
        &self,
        job_key: i64,
        mut see: impl FnMut(CountMismatch<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connection().cached().try_each(
            "SELECT job_run_id, started_ticks, ended_ticks, message_count, messages_present FROM _run
             WHERE job_key = ?1 AND has_message_list = 1 AND unreadable_messages = 0
                 AND message_count IS NOT NULL AND message_count <> messages_present
             ORDER BY started_ticks, job_run_id",
            [job_key],
            "read the runs whose counts disagree",
            |row| {
                Ok(see(CountMismatch {
                    job_run_id: row.get_ref(0)?.as_str()?,
                    started_ticks: row.get(1)?,
                    ended_ticks: row.get(2)?,
                    message_count: row.get(3)?,
                    messages: row.get(4)?,
                })?)
            },
        )
    }
}
