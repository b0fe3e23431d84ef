//! What the archive has of each job, and the longest time without a complete sync.

use std::collections::HashMap;

use serde::Serialize;

use super::gaps::{self, GapRow};
use super::rhythm::{Rhythm, Silence};
use crate::archive::{JobFreshness, Snapshot};
use crate::model::Instant;
use crate::report::definition::{EachRow, Either, Report, Row, row};
use crate::report::error::Result;
use crate::report::options::{CommonOptions, PurgeAgeFlag, Scope};
use crate::report::purge_age::PurgeAges;
use crate::report::table::Column;

/// What is recorded of each job, and the longest time without a sync
///
/// runs_listed counts runs that the server still lists, runs_absent those that only the archive has.
/// longest_gap_seconds is the longest time between the ends of two complete syncs of the job (--count 0); with --since
/// or --until, of those that reach into that time. count_mismatches counts runs whose MessageCount differs from the
/// number of their messages; runs without a message list or with messages in quarantine are left out. usual_seconds is
/// the usual (median) interval between starts, silent_seconds the time from the last start to the last complete answer.
/// --since and --until apply to the starts of runs.
///
/// With --gaps, one row per job and span of time instead, derived from the syncs that the ledger seals. state is
/// complete (every run that started in it is archived, since a complete answer was received within the server's purge
/// age), disputed (the answer contradicts the server's TotalJobRuns), may_be_missing (longer than the purge age between
/// two complete answers), not_looked (no complete answer covers it; an empty from or to is open-ended), or
/// count_mismatch (a run with another number of messages than its MessageCount). runs counts the archived runs that
/// started in the span. The purge age is --purge-age,
/// else the one that the archive tells of the job's server, else 180 days; the report says which.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report coverage
  jobruns report coverage --since 1y --job Nightly --format json
  jobruns report coverage --gaps --purge-age 90d")]
pub(crate) struct Coverage {
    /// Shows which spans of time are proved complete, and which are not
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) gaps: bool,

    #[arg(skip)]
    #[serde(flatten)]
    pub(crate) purge_age: PurgeAgeFlag,
}

row! {
    /// What the archive has of a job. A gap counts, whole, where any part of it lies in the span requested.
    JobRow<'a> {
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        first_run_at: Option<Instant> as Instant,
        last_run_at: Option<Instant> as Instant,
        runs: u64 as Integer,
        runs_listed: u64 as Integer,
        runs_absent: u64 as Integer,
        last_synced_at: Option<Instant> as Instant,
        longest_gap_seconds: Option<i64> as Integer,
        count_mismatches: u64 as Integer,
        usual_seconds: Option<i64> as Integer,
        silent_seconds: Option<i64> as Integer,
    }
}

impl Report for Coverage {
    const NAME: &'static str = "coverage";
    const EMPTY: &'static str = "No job is known to the archive.";
    type Row<'a> = Either<JobRow<'a>, GapRow<'a>>;

    fn columns(&self) -> &'static [Column] {
        if self.gaps {
            GapRow::COLUMNS
        } else {
            JobRow::COLUMNS
        }
    }

    fn resolve(&mut self, common: &mut CommonOptions, _now: Instant) -> Result {
        if self.gaps {
            self.purge_age.resolve(common.purge_age);
        } else {
            self.purge_age = PurgeAgeFlag::default();
        }
        Ok(())
    }

    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        if self.gaps {
            let ages = PurgeAges::read(snapshot, self.purge_age.given(scope.options().purge_age))?;
            return gaps::each(snapshot, scope, &ages, |gap| row(&Either::Alternative(gap)));
        }
        each_job(snapshot, scope, |job| row(&Either::Standard(job)))
    }

    /// What the purge age of each server rests on.
    fn notes(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Vec<String>> {
        if !self.gaps {
            return Ok(Vec::new());
        }
        let ages = PurgeAges::read(snapshot, self.purge_age.given(scope.options().purge_age))?;
        Ok(ages.notes(
            snapshot
                .job_freshness()?
                .iter()
                .filter(|job| scope.has_job(job.job_key)),
        ))
    }
}

/// What is counted of a job.
#[derive(Debug, Clone, Copy, Default)]
struct CoverageTally {
    first_ticks: Option<i64>,
    last_ticks: Option<i64>,
    runs: u64,
    runs_absent: u64,
    count_mismatches: u64,
    last_complete: Option<i64>,
    longest_gap: Option<i64>,
}

/// Yields a row for each job, by GUID.
pub(super) fn each_job(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    mut row: impl FnMut(JobRow<'_>) -> Result,
) -> Result {
    let mut tallies: HashMap<i64, CoverageTally> = HashMap::new();
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
            && reaches_into(scope.options(), before, finished)
        {
            // A clock that was set back makes no gap.
            let gap = (finished - before).max(0);
            tally.longest_gap = tally.longest_gap.max(Some(gap));
        }
    })?;
    let fresh = snapshot.job_freshness()?;
    let fresh: HashMap<i64, JobFreshness> = fresh.into_iter().map(|job| (job.job_key, job)).collect();
    for job in scope.jobs() {
        let tally = tallies.get(&job.job_key).copied().unwrap_or_default();
        let fresh = fresh.get(&job.job_key);
        let last_synced = fresh.and_then(|fresh| fresh.last_synced_unix);
        let silence = match fresh {
            Some(fresh) => Silence::read(snapshot, fresh, scope.until())?,
            None => None,
        };
        let starts = snapshot.starts_of_job(job.job_key, scope.since(), scope.until())?;
        row(JobRow {
            job_id: &job.job_id,
            job_name: job.name.as_deref(),
            first_run_at: tally.first_ticks.map(Instant::from_ticks),
            last_run_at: tally.last_ticks.map(Instant::from_ticks),
            runs: tally.runs,
            runs_listed: tally.runs - tally.runs_absent,
            runs_absent: tally.runs_absent,
            last_synced_at: last_synced.map(Instant::from_unix_seconds),
            longest_gap_seconds: tally.longest_gap,
            count_mismatches: tally.count_mismatches,
            usual_seconds: Rhythm::of(&starts).map(Rhythm::whole_seconds),
            silent_seconds: silence.map(|silence| silence.seconds()),
        })?;
    }
    Ok(())
}

/// Whether any part of the time between two syncs (seconds since 1970 UTC) lies in the span requested.
fn reaches_into(common: &CommonOptions, from: i64, to: i64) -> bool {
    let at = Instant::from_unix_seconds;
    common.since.is_none_or(|since| at(to) > since) && common.until.is_none_or(|until| at(from) < until)
}
