//! How often runs failed, period by period.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use serde::Serialize;

use super::failure_comparison::{self, JobComparison};
use super::run_tally::Tally;
use crate::archive::Snapshot;
use crate::model::{Decimal, Instant};
use crate::report::definition::{EachRow, Either, Report, Row, row};
use crate::report::error::ReportError;
use crate::report::options::{CommonOptions, Comparison, Period, Scope, has_day, local_day, one_of};
use crate::report::table::Column;

/// How often runs failed, period by period
///
/// One row per period and job that had a run. A run belongs to the period in which it started, in the time zone of
/// --timezone. failure_rate is (faulted + aborted) / (completed + faulted + aborted). Runs without a start come last;
/// they are left out if --since or --until is given.
///
/// With --compare, one row per job: runs, failures and failure_rate before and now, and the changes; trend is new,
/// gone, worse, better, same, or unknown if nothing finished.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report failure-trends
  jobruns report failure-trends --since 30d --compare
  jobruns report failure-trends --by week --all-jobs --fill --since 26w
  jobruns report failure-trends --job Nightly --excel --output trends.csv")]
pub(crate) struct FailureTrends {
    /// The length of a period; weeks begin on Monday
    #[arg(long, value_name = "PERIOD", default_value = "day", ignore_case = true, value_parser = one_of(&Period::ALL, Period::name), conflicts_with_all = ["compare", "compare_since"])]
    pub(crate) by: Period,

    /// One row per period over all jobs
    #[arg(long)]
    pub(crate) all_jobs: bool,

    /// Writes a row for every period of every job, with zeros and empty cells where nothing ran
    #[arg(long, conflicts_with_all = ["compare", "compare_since"])]
    pub(crate) fill: bool,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) compare: Comparison,
}

row! {
    /// A period of a job, or of all jobs.
    PeriodRow<'a> {
        period_start: Option<NaiveDate> as Date,
        job_id: Option<&'a str> as Text,
        job_name: Option<&'a str> as Text,
        runs: u64 as Integer,
        completed: u64 as Integer,
        faulted: u64 as Integer,
        aborted: u64 as Integer,
        unfinished: u64 as Integer,
        other: u64 as Integer,
        failure_rate: Option<Decimal> as Rate,
        runs_with_messages: u64 as Integer,
        messages: u64 as Integer,
        mean_duration_seconds: Option<Decimal> as Decimal,
        max_duration_seconds: Option<Decimal> as Decimal,
    }
}

impl Report for FailureTrends {
    const NAME: &'static str = "failure-trends";
    const EMPTY: &'static str = "No run started in this time.";
    type Row<'a> = Either<PeriodRow<'a>, JobComparison<'a>>;

    fn columns(&self) -> &'static [Column] {
        match self.compare.span() {
            None => PeriodRow::COLUMNS,
            Some(_) => JobComparison::COLUMNS,
        }
    }

    fn resolve(&mut self, common: &mut CommonOptions, now: Instant) -> Result<(), ReportError> {
        self.compare.resolve(common, now)
    }

    fn each(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        row: EachRow<'_, Self>,
    ) -> Result<(), ReportError> {
        match self.compare.span() {
            None => self.each_period(snapshot, scope, |period| row(&Either::Plain(period))),
            Some(before) => {
                let before = before.of(scope.options()).scope(snapshot)?;
                failure_comparison::each(snapshot, scope, &before, self.all_jobs, |job| {
                    row(&Either::Other(job))
                })
            }
        }
    }
}

/// Counts by job (its place in the list by GUID; 0 where all jobs are one) within periods.
#[derive(Debug, Default)]
struct Counts {
    dated: BTreeMap<NaiveDate, BTreeMap<usize, Tally>>,
    dateless: BTreeMap<usize, Tally>,
}

impl FailureTrends {
    /// Yields periods in their order, and in each the jobs by GUID; runs without a start come last.
    fn each_period(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        mut row: impl FnMut(PeriodRow<'_>) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let counts = self.count(snapshot, scope)?;
        let mut put = |day: Option<NaiveDate>, job: usize, tally: &Tally| {
            let name = scope.names().get(job).filter(|_| !self.all_jobs);
            row(PeriodRow {
                period_start: day,
                job_id: name.map(|name| name.job_id.as_str()),
                job_name: name.and_then(|name| name.name.as_deref()),
                runs: tally.runs,
                completed: tally.completed,
                faulted: tally.faulted,
                aborted: tally.aborted,
                unfinished: tally.unfinished,
                other: tally.other,
                failure_rate: tally.failure_rate(),
                runs_with_messages: tally.runs_with_messages,
                messages: tally.messages,
                mean_duration_seconds: tally.mean_duration(),
                max_duration_seconds: tally.max_ticks.map(Decimal::seconds),
            })
        };
        if self.fill {
            let jobs: BTreeSet<usize> = counts
                .dated
                .values()
                .flat_map(BTreeMap::keys)
                .chain(counts.dateless.keys())
                .copied()
                .collect();
            for first in self.periods_to_fill(&counts, scope.options()) {
                let found = counts.dated.get(&first);
                for &job in &jobs {
                    let tally = found.and_then(|found| found.get(&job)).copied();
                    put(Some(first), job, &tally.unwrap_or_default())?;
                }
            }
        } else {
            for (&first, found) in &counts.dated {
                for (&job, tally) in found {
                    put(Some(first), job, tally)?;
                }
            }
        }
        for (&job, tally) in &counts.dateless {
            put(None, job, tally)?;
        }
        Ok(())
    }

    fn count(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Counts, ReportError> {
        let places: HashMap<i64, usize> = scope
            .names()
            .iter()
            .enumerate()
            .filter(|(_, job)| scope.has_job(job.job_key))
            .map(|(place, job)| (job.job_key, if self.all_jobs { 0 } else { place }))
            .collect();
        let options = scope.options();
        let mut counts = Counts::default();
        snapshot.each_run_facts::<ReportError>(|run| {
            let Some(&place) = places.get(&run.job_key) else {
                return Ok(());
            };
            if !scope.has_time(run.started_ticks) {
                return Ok(());
            }
            let messages = if options.include_absent {
                run.messages_held
            } else {
                run.messages_present
            };
            let of_period = match run.started_ticks {
                Some(ticks) => {
                    let first = self
                        .by
                        .first_day(local_day(options.zone, Instant::from_ticks(ticks)));
                    counts.dated.entry(first).or_default()
                }
                None => &mut counts.dateless,
            };
            of_period.entry(place).or_default().add(&run, messages);
            Ok(())
        })?;
        Ok(counts)
    }

    /// From the period of `--since` (else the first found) to the last that begins before `--until` (else the last found).
    fn periods_to_fill(
        &self,
        counts: &Counts,
        options: &CommonOptions,
    ) -> impl Iterator<Item = NaiveDate> + use<> {
        let by = self.by;
        let zone = options.zone;
        let first_day = |at: Instant| by.first_day(local_day(zone, at));
        let first = options.since.map(first_day);
        let first = first.or_else(|| counts.dated.keys().next().copied());
        let last_instant = options.until.map(|until| Instant::from_ticks(until.ticks() - 1));
        let last = last_instant.map(first_day);
        let last = last.or_else(|| counts.dated.keys().next_back().copied());
        // An empty span has no period, though an instant before its end has one.
        let is_empty = options.since.is_some() && options.since == options.until;
        let span = first.zip(last).filter(|_| !is_empty);
        let mut next = span.map(|(first, _)| first);
        let all = std::iter::from_fn(move || {
            let (this, (_, last)) = (next?, span?);
            next = Some(by.next(this));
            (this <= last).then_some(this)
        });
        all.filter(move |&first| by != Period::Day || has_day(zone, first))
    }
}
