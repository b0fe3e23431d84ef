//! Every run that is asked for, a row each: the columns of the table `runs`.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::decimal::Decimal;
use super::error::ReportError;
use super::messages_wanted::MessagesWanted;
use super::options::{Common, Scope};
use super::table::{Cell, Column, Kind, Rows};
use crate::archive::{ArchiveError, RunKey, RunRow, Snapshot};
use crate::model::JobStatus;

/// What can be asked of this report, and of that of the messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What every report can be asked. The span is that of starts; of messages that of their own times, or of their runs'
    /// starts where they have none.
    pub common: Common,
    /// Only runs with one of these statuses; all where none is named.
    pub statuses: Vec<i64>,
    /// Only such messages, and only runs that have one; all where nothing is asked of messages.
    pub messages: MessagesWanted,
}

impl Options {
    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        let mut options = self.common.described();
        options.insert("status".to_owned(), self.statuses.clone().into());
        self.messages.describe(&mut options);
        options
    }
}

const WIDTH: usize = 20;

/// The columns, in their order.
pub static COLUMNS: [Column; WIDTH] = [
    Column::new("job_run_id", Kind::Text),
    Column::new("job_id", Kind::Text),
    Column::new("status", Kind::Integer),
    Column::new("status_name", Kind::Text),
    Column::new("started_at", Kind::Instant),
    Column::new("ended_at", Kind::Instant),
    Column::new("duration_seconds", Kind::Decimal),
    Column::new("exception", Kind::Text),
    Column::new("custom_status_text", Kind::Text),
    Column::new("job_summary", Kind::Text),
    Column::new("status_details", Kind::Text),
    Column::new("activity_status_list", Kind::Text),
    Column::new("message_count", Kind::Integer),
    Column::new("revision", Kind::Integer),
    Column::new("first_seen_at", Kind::Instant),
    Column::new("last_changed_at", Kind::Instant),
    Column::new("absent_since", Kind::Instant),
    Column::new("started_at_raw", Kind::Text),
    Column::new("ended_at_raw", Kind::Text),
    Column::new("time_basis", Kind::Text),
];

/// Writes the report: by start, then by GUID; runs without a start last, unless a span is asked for.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let scope = options.common.scope(snapshot)?;
    let jobs = job_ids(&scope);
    let keys = options.messages.keys(snapshot)?;
    let with_message = keys
        .map(|keys| keys.runs(snapshot, options.common.include_absent))
        .transpose()?;
    rows.columns(&COLUMNS)?;
    let (since, until) = (options.common.since, options.common.until);
    let ticks = |at: Option<crate::model::Instant>| at.map(crate::model::Instant::ticks);
    snapshot.each_run_key::<ReportError>(ticks(since), ticks(until), |run| {
        let has_message = || {
            with_message
                .as_ref()
                .is_none_or(|runs| runs.contains(run.run_key))
        };
        if !is_wanted(&run, &scope, &options.statuses) || !has_message() {
            return Ok(());
        }
        snapshot.run_row(run.run_key, |row| write_row(&row, &jobs, rows))
    })?;
    rows.finish()?;
    Ok(())
}

/// Whether a run is of a job and has a status that are asked for.
pub(super) fn is_wanted(run: &RunKey<'_>, scope: &Scope, statuses: &[i64]) -> bool {
    scope.has_job(run.job_key)
        && (statuses.is_empty() || run.status.is_some_and(|status| statuses.contains(&status)))
}

/// GUIDs of the jobs by their key.
pub(super) fn job_ids(scope: &Scope) -> HashMap<i64, &str> {
    let names = scope.names().iter();
    names.map(|job| (job.job_key, job.job_id.as_str())).collect()
}

/// The GUID of a run's job.
pub(super) fn job_id<'s>(jobs: &HashMap<i64, &'s str>, job_key: i64) -> Result<&'s str, ArchiveError> {
    let id = jobs.get(&job_key).copied();
    id.ok_or_else(|| ArchiveError::Damaged {
        what: format!("a run is of a job with the key {job_key}, which is not there"),
    })
}

/// Where the offset of a time came from, in the contract's word.
pub(super) const fn time_basis(is_assumed: bool) -> &'static str {
    if is_assumed { "assumed" } else { "explicit" }
}

fn write_row(run: &RunRow<'_>, jobs: &HashMap<i64, &str>, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let status_name = run.status.map(|status| JobStatus(status).name());
    let duration = run.started_ticks.zip(run.ended_ticks);
    let duration = duration.map(|(start, end)| Decimal::seconds(i128::from(end) - i128::from(start)));
    let basis = match (run.started_assumed, run.ended_assumed) {
        (Some(start), Some(end)) if start != end => Some("mixed"),
        (start, end) => start.or(end).map(time_basis),
    };
    let number = |number: Option<i64>| number.map_or(Cell::Null, Cell::Integer);
    let cells: [Cell<'_>; WIDTH] = [
        Cell::Text(run.job_run_id),
        Cell::Text(job_id(jobs, run.job_key)?),
        number(run.status),
        Cell::text(status_name.as_deref()),
        Cell::ticks(run.started_ticks),
        Cell::ticks(run.ended_ticks),
        Cell::decimal(duration),
        Cell::text(run.exception),
        Cell::text(run.custom_status_text),
        Cell::text(run.job_summary),
        Cell::text(run.status_details),
        Cell::text(run.activity_status_list),
        number(run.message_count),
        Cell::Integer(run.revision),
        Cell::unix(Some(run.first_seen_unix)),
        Cell::unix(Some(run.last_changed_unix)),
        Cell::unix(run.absent_since_unix),
        Cell::text(run.started_at_raw),
        Cell::text(run.ended_at_raw),
        Cell::text(basis),
    ];
    rows.row(&cells)?;
    Ok(())
}
