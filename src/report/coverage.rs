//! What the archive has of each job, and how long nobody looked.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::error::ReportError;
use super::options::Common;
use super::table::{Cell, Column, Kind, Rows};
use crate::archive::Snapshot;
use crate::model::Instant;

/// What can be asked of this report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What every report can be asked. Of runs the span is that of their starts; a gap counts, whole, where any part of
    /// it lies in the span.
    pub common: Common,
}

impl Options {
    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        self.common.described()
    }
}

/// The columns, in their order.
pub static COLUMNS: [Column; 10] = [
    Column::new("job_id", Kind::Text),
    Column::new("job_name", Kind::Text),
    Column::new("first_run_at", Kind::Instant),
    Column::new("last_run_at", Kind::Instant),
    Column::new("runs", Kind::Integer),
    Column::new("runs_listed", Kind::Integer),
    Column::new("runs_absent", Kind::Integer),
    Column::new("last_synced_at", Kind::Instant),
    Column::new("longest_gap_seconds", Kind::Integer),
    Column::new("count_mismatches", Kind::Integer),
];

/// What is counted of a job.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    first_ticks: Option<i64>,
    last_ticks: Option<i64>,
    runs: u64,
    runs_absent: u64,
    count_mismatches: u64,
    last_complete: Option<i64>,
    longest_gap: Option<i64>,
}

/// Writes the report: a row for each job, by GUID.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let scope = options.common.scope(snapshot)?;
    let mut tallies: HashMap<i64, Tally> = HashMap::new();
    snapshot.each_run_coverage(|run| {
        if !scope.has_time(run.started_ticks) {
            return;
        }
        let tally = tallies.entry(run.job_key).or_default();
        tally.runs += 1;
        tally.runs_absent += u64::from(run.is_absent);
        tally.count_mismatches += u64::from(run.is_mismatch);
        // None is less than any time.
        tally.last_ticks = tally.last_ticks.max(run.started_ticks);
        tally.first_ticks = match (tally.first_ticks, run.started_ticks) {
            (Some(first), Some(start)) => Some(first.min(start)),
            (first, start) => first.or(start),
        };
    })?;
    snapshot.each_complete_sync(|job_key, finished| {
        let tally = tallies.entry(job_key).or_default();
        if let Some(before) = tally.last_complete.replace(finished)
            && reaches_into(&options.common, before, finished)
        {
            // A clock that was set back makes no gap.
            let gap = (finished - before).max(0);
            tally.longest_gap = tally.longest_gap.max(Some(gap));
        }
    })?;
    let last_synced = snapshot.last_synced()?;
    rows.columns(&COLUMNS)?;
    for job in scope.names().iter().filter(|job| scope.has_job(job.job_key)) {
        let tally = tallies.get(&job.job_key).copied().unwrap_or_default();
        rows.row(&[
            Cell::Text(&job.job_id),
            Cell::text(job.name.as_deref()),
            Cell::ticks(tally.first_ticks),
            Cell::ticks(tally.last_ticks),
            Cell::count(tally.runs),
            Cell::count(tally.runs - tally.runs_absent),
            Cell::count(tally.runs_absent),
            Cell::unix(last_synced.get(&job.job_key).copied()),
            tally.longest_gap.map_or(Cell::Null, Cell::Integer),
            Cell::count(tally.count_mismatches),
        ])?;
    }
    rows.finish()?;
    Ok(())
}

/// Whether any part of the time between two syncs (seconds since 1970 UTC) lies in the span asked for.
fn reaches_into(common: &Common, from: i64, to: i64) -> bool {
    let at = Instant::from_unix_seconds;
    common.since.is_none_or(|since| at(to) > since) && common.until.is_none_or(|until| at(from) < until)
}
