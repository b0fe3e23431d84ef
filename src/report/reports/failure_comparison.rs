//! Whether jobs fail more or less often than in another span: failure-trends with `--compare`.

use std::collections::{BTreeMap, HashMap};

use super::run_tally::RunTally;
use super::trend::{Trend, change};
use crate::archive::Snapshot;
use crate::model::Decimal;
use crate::report::definition::row;
use crate::report::error::{ReportError, Result};
use crate::report::options::Scope;

row! {
    /// A job in two spans. Failed are faulted and aborted runs; rates are of the finished ones.
    JobComparison<'a> {
        job_id: Option<&'a str> as Text,
        job_name: Option<&'a str> as Text,
        runs_before: u64 as Integer,
        runs: u64 as Integer,
        runs_change: i64 as Integer,
        failed_before: u64 as Integer,
        failed: u64 as Integer,
        failed_change: i64 as Integer,
        failure_rate_before: Option<Decimal> as Rate,
        failure_rate: Option<Decimal> as Rate,
        failure_rate_change: Option<Decimal> as Decimal,
        trend: Trend as Text,
    }
}

/// Yields a row for each job that ran in one of the two spans, by GUID; or one over all jobs.
pub(super) fn each(
    snapshot: &Snapshot<'_>,
    now: &Scope,
    before: &Scope,
    all_jobs: bool,
    mut row: impl FnMut(JobComparison<'_>) -> Result,
) -> Result {
    let places: HashMap<i64, usize> = (now.names().iter().enumerate())
        .map(|(place, job)| (job.job_key, if all_jobs { 0 } else { place }))
        .collect();
    let mut tallies: BTreeMap<usize, [RunTally; 2]> = BTreeMap::new();
    snapshot.each_run_facts::<ReportError>(|run| {
        let Some(&place) = places.get(&run.job_key).filter(|_| now.has_job(run.job_key)) else {
            return Ok(());
        };
        let messages = if now.options().include_absent {
            run.messages_held
        } else {
            run.messages_present
        };
        for (scope, number) in [(before, 0), (now, 1)] {
            if scope.has_time(run.started_ticks) {
                tallies.entry(place).or_default()[number].add(&run, messages);
            }
        }
        Ok(())
    })?;
    for (&place, [before, now_tally]) in &tallies {
        let job = now.names().get(place).filter(|_| !all_jobs);
        let (failed_before, failed) = (before.failed(), now_tally.failed());
        let (rate_before, rate) = (before.failure_rate(), now_tally.failure_rate());
        let trend = Trend::of_shares(
            before.runs,
            now_tally.runs,
            (failed_before, before.finished()),
            (failed, now_tally.finished()),
        );
        row(JobComparison {
            job_id: job.map(|job| job.job_id.as_str()),
            job_name: job.and_then(|job| job.name.as_deref()),
            runs_before: before.runs,
            runs: now_tally.runs,
            runs_change: change(before.runs, now_tally.runs),
            failed_before,
            failed,
            failed_change: change(failed_before, failed),
            failure_rate_before: rate_before,
            failure_rate: rate,
            failure_rate_change: rate_before.zip(rate).map(|(before, now)| now.minus(before)),
            trend,
        })?;
    }
    Ok(())
}
