//! What the failure trends are counted from.

use rusqlite::Params;

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;

/// A run, as far as trends count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunFacts {
    pub job_key: i64,
    /// `Status` as the server sent it.
    pub status: Option<i64>,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
    /// End, likewise.
    pub ended_ticks: Option<i64>,
    /// Messages held that the run still has.
    pub messages_present: i64,
    /// Messages held, absent ones too.
    pub messages_held: i64,
}

impl Snapshot<'_> {
    /// Every run, in no order. One pass over the table: a row is read as far as its counts, no text is copied.
    pub fn each_run_facts<E: From<ArchiveError>>(
        &self,
        see: impl FnMut(RunFacts) -> Result<(), E>,
    ) -> Result<(), E> {
        self.run_facts("", [], see)
    }

    /// Every run by its start, those without one first. SQLite sorts them, and on disk where they are many.
    pub fn each_run_facts_by_start<E: From<ArchiveError>>(
        &self,
        see: impl FnMut(RunFacts) -> Result<(), E>,
    ) -> Result<(), E> {
        self.run_facts("ORDER BY started_ticks", [], see)
    }

    /// The runs of a job, in no order.
    pub fn each_run_facts_of_job<E: From<ArchiveError>>(
        &self,
        job_key: i64,
        see: impl FnMut(RunFacts) -> Result<(), E>,
    ) -> Result<(), E> {
        self.run_facts("WHERE job_key = ?1", [job_key], see)
    }

    fn run_facts<E: From<ArchiveError>>(
        &self,
        which: &str,
        params: impl Params,
        mut see: impl FnMut(RunFacts) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT job_key, status, started_ticks, ended_ticks, messages_present, messages_held
             FROM _run {which}"
        );
        self.connection().try_each(&sql, params, "read the runs", |row| {
            Ok(see(RunFacts {
                job_key: row.get(0)?,
                status: row.get(1)?,
                started_ticks: row.get(2)?,
                ended_ticks: row.get(3)?,
                messages_present: row.get(4)?,
                messages_held: row.get(5)?,
            })?)
        })
    }
}
