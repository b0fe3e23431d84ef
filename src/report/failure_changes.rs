//! Whether jobs fail more or less often than in another span: failure-trends with `--compare`.

use std::collections::{BTreeMap, HashMap};

use super::error::ReportError;
use super::failure_trends::{Options, Tally};
use super::span::Span;
use super::table::{Cell, Column, Kind, Rows};
use super::trend::Trend;
use crate::archive::Snapshot;

/// The columns, in their order. Failed are faulted and aborted runs; rates are of the finished ones.
pub static COLUMNS: [Column; 12] = [
    Column::new("job_id", Kind::Text),
    Column::new("job_name", Kind::Text),
    Column::new("runs_before", Kind::Integer),
    Column::new("runs", Kind::Integer),
    Column::new("runs_change", Kind::Integer),
    Column::new("failed_before", Kind::Integer),
    Column::new("failed", Kind::Integer),
    Column::new("failed_change", Kind::Integer),
    Column::new("failure_rate_before", Kind::Rate),
    Column::new("failure_rate", Kind::Rate),
    Column::new("failure_rate_change", Kind::Decimal),
    Column::new("trend", Kind::Text),
];

/// Writes a row for each job that ran in one of the two spans, by GUID; or one over all jobs.
pub(super) fn write(
    snapshot: &Snapshot<'_>,
    options: &Options,
    before: Span,
    rows: &mut dyn Rows,
) -> Result<(), ReportError> {
    let now = options.common.scope(snapshot)?;
    let before = before.of(&options.common).scope(snapshot)?;
    let places: HashMap<i64, usize> = (now.names().iter().enumerate())
        .map(|(place, job)| (job.job_key, if options.all_jobs { 0 } else { place }))
        .collect();
    let mut tallies: BTreeMap<usize, [Tally; 2]> = BTreeMap::new();
    snapshot.each_run_facts::<ReportError>(|run| {
        let Some(&place) = places.get(&run.job_key).filter(|_| now.has_job(run.job_key)) else {
            return Ok(());
        };
        let messages = if options.common.include_absent {
            run.messages_held
        } else {
            run.messages_present
        };
        for (scope, number) in [(&before, 0), (&now, 1)] {
            if scope.has_time(run.started_ticks) {
                tallies.entry(place).or_default()[number].add(&run, messages);
            }
        }
        Ok(())
    })?;
    rows.columns(&COLUMNS)?;
    for (&place, [before, now_tally]) in &tallies {
        let job = now.names().get(place).filter(|_| !options.all_jobs);
        let (failed_before, failed) = (before.failed(), now_tally.failed());
        let (rate_before, rate) = (before.failure_rate(), now_tally.failure_rate());
        let change = rate_before.zip(rate).map(|(before, now)| now.minus(before));
        let trend = Trend::of_shares(
            before.runs,
            now_tally.runs,
            (failed_before, before.finished()),
            (failed, now_tally.finished()),
        );
        rows.row(&[
            Cell::text(job.map(|job| job.job_id.as_str())),
            Cell::text(job.and_then(|job| job.name.as_deref())),
            Cell::count(before.runs),
            Cell::count(now_tally.runs),
            Cell::change(before.runs, now_tally.runs),
            Cell::count(failed_before),
            Cell::count(failed),
            Cell::change(failed_before, failed),
            Cell::decimal(rate_before),
            Cell::decimal(rate),
            Cell::decimal(change),
            Cell::Text(trend.word()),
        ])?;
    }
    rows.finish()?;
    Ok(())
}
