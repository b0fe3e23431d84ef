//! Runs, whole: what the analysts' view `runs` shows, row by row in the order of reports.

use rusqlite::{Row, params};

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;

/// A run in the order of reports, with what decides whether it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunKey<'r> {
    /// Its key inside the archive.
    pub run_key: i64,
    /// JobRunID: GUID, lower case with hyphens.
    pub job_run_id: &'r str,
    pub job_key: i64,
    /// `Status` as the server sent it.
    pub status: Option<i64>,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
}

/// A run's place: its job and its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPlace {
    /// Its key.
    pub run_key: i64,
    /// Its job.
    pub job_key: i64,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
}

/// A run as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRecord<'r> {
    /// JobRunID: GUID, lower case with hyphens.
    pub job_run_id: &'r str,
    pub job_key: i64,
    /// `Status` as the server sent it.
    pub status: Option<i64>,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
    /// End, likewise.
    pub ended_ticks: Option<i64>,
    /// Whether the server wrote the start without an offset; `None` without a time.
    pub started_assumed: Option<bool>,
    pub ended_assumed: Option<bool>,
    pub exception: Option<&'r str>,
    pub custom_status_text: Option<&'r str>,
    pub job_summary: Option<&'r str>,
    pub status_details: Option<&'r str>,
    /// `ActivityStatusList`, JSON text.
    pub activity_status_list: Option<&'r str>,
    /// `MessageCount` as the server says.
    pub message_count: Option<i64>,
    /// 1: never changed.
    pub revision: i64,
    /// When it was first archived, seconds since 1970 UTC.
    pub first_seen_unix: i64,
    /// When it changed last, likewise.
    pub last_changed_unix: i64,
    /// Since when the server no longer lists it, likewise.
    pub absent_since_unix: Option<i64>,
    /// `JobStartTime` as sent.
    pub started_at_raw: Option<&'r str>,
    /// `JobEndTime` as sent.
    pub ended_at_raw: Option<&'r str>,
}

/// Which runs belong to a span of time. Every run does where there is no span, with or without start and messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InSpan {
    /// Those that start in it.
    Start,
    /// Those that have a message in it, and perhaps others; a message without a time has that of its run's start.
    Messages,
}

impl InSpan {
    /// The condition of a query, where `?1` and `?2` are the bounds.
    const fn condition(self) -> &'static str {
        match self {
            Self::Start => "(?1 IS NULL OR started_ticks >= ?1) AND (?2 IS NULL OR started_ticks < ?2)",
            Self::Messages => {
                "(coalesce(?1, ?2) IS NULL
                  OR (?1 IS NULL OR last_message_ticks >= ?1) AND (?2 IS NULL OR first_message_ticks < ?2)
                  OR messages_without_time > 0
                     AND (?1 IS NULL OR started_ticks >= ?1) AND (?2 IS NULL OR started_ticks < ?2))"
            }
        }
    }
}

impl Snapshot<'_> {
    /// Every run of the span, by start and then by GUID, those without a start last. Bounds are ticks of 100 ns since 1970
    /// UTC; the first is included, the second is not.
    ///
    /// SQLite sorts the keys alone, and on disk where they are many, so memory stays small.
    pub fn each_run_key<E: From<ArchiveError>>(
        &self,
        in_span: InSpan,
        since: Option<i64>,
        until: Option<i64>,
        mut see: impl FnMut(RunKey<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT run_key, job_run_id, job_key, status, started_ticks FROM _run {}
             WHERE {} ORDER BY started_ticks IS NULL, started_ticks, job_run_id",
            index_for(since, until),
            in_span.condition()
        );
        self.connection()
            .cached()
            .try_each(&sql, params![since, until], "read the runs", |row| {
                Ok(see(run_key_of(row)?)?)
            })
    }

    /// Job and start of every run of the span, in no order. The index by job has all columns, so the wide table is not read.
    pub fn each_run_place(
        &self,
        in_span: InSpan,
        since: Option<i64>,
        until: Option<i64>,
        mut see: impl FnMut(RunPlace),
    ) -> Result<(), ArchiveError> {
        let sql = format!(
            "SELECT run_key, job_key, started_ticks FROM _run INDEXED BY run_by_job WHERE {}",
            in_span.condition()
        );
        self.connection()
            .each(&sql, params![since, until], "read the runs", |row| {
                see(RunPlace {
                    run_key: row.get(0)?,
                    job_key: row.get(1)?,
                    started_ticks: row.get(2)?,
                });
                Ok(())
            })
    }

    /// The runs that failed and start in the span, newest first: by start, then by GUID, those without a start last.
    pub fn each_failed_run_key<E: From<ArchiveError>>(
        &self,
        since: Option<i64>,
        until: Option<i64>,
        mut see: impl FnMut(RunKey<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT run_key, job_run_id, job_key, status, started_ticks FROM _run {}
             WHERE status IN (SELECT status FROM job_statuses WHERE is_failure = 1) AND {}
             ORDER BY started_ticks IS NULL, started_ticks DESC, job_run_id",
            index_for(since, until),
            InSpan::Start.condition()
        );
        self.connection()
            .cached()
            .try_each(&sql, params![since, until], "read the runs that failed", |row| {
                Ok(see(run_key_of(row)?)?)
            })
    }

    /// Shows the run with this key.
    pub fn run_row<E: From<ArchiveError>>(
        &self,
        run_key: i64,
        see: impl FnOnce(RunRecord<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connection()
            .cached()
            .try_optional::<_, E>(
                "SELECT job_run_id, job_key, status, started_ticks, ended_ticks, started_assumed, ended_assumed,
                        exception, custom_status_text, job_summary, status_details, activity_status_list,
                        message_count, revision, first_seen_unix, last_changed_unix, absent_since_unix,
                        started_at_raw, ended_at_raw
                 FROM _run WHERE run_key = ?1",
                [run_key],
                "read a run",
                |row| Ok(see(row_of(row)?)?),
            )?
            .ok_or_else(|| {
                let what = format!("run {run_key} is in an index and not in its table");
                ArchiveError::Damaged { what }.into()
            })
    }
}

/// The index by job tells runs outside a span from those in it, so that the wide rows of the others are not read.
fn index_for(since: Option<i64>, until: Option<i64>) -> &'static str {
    if since.or(until).is_some() {
        "INDEXED BY run_by_job"
    } else {
        ""
    }
}

fn run_key_of<'r>(row: &'r Row<'_>) -> rusqlite::Result<RunKey<'r>> {
    Ok(RunKey {
        run_key: row.get(0)?,
        job_run_id: row.get_ref(1)?.as_str()?,
        job_key: row.get(2)?,
        status: row.get(3)?,
        started_ticks: row.get(4)?,
    })
}

fn row_of<'r>(row: &'r Row<'_>) -> rusqlite::Result<RunRecord<'r>> {
    let text =
        |index: usize| -> rusqlite::Result<Option<&'r str>> { Ok(row.get_ref(index)?.as_str_or_null()?) };
    Ok(RunRecord {
        job_run_id: row.get_ref(0)?.as_str()?,
        job_key: row.get(1)?,
        status: row.get(2)?,
        started_ticks: row.get(3)?,
        ended_ticks: row.get(4)?,
        started_assumed: row.get(5)?,
        ended_assumed: row.get(6)?,
        exception: text(7)?,
        custom_status_text: text(8)?,
        job_summary: text(9)?,
        status_details: text(10)?,
        activity_status_list: text(11)?,
        message_count: row.get(12)?,
        revision: row.get(13)?,
        first_seen_unix: row.get(14)?,
        last_changed_unix: row.get(15)?,
        absent_since_unix: row.get(16)?,
        started_at_raw: text(17)?,
        ended_at_raw: text(18)?,
    })
}
