//! How often runs failed, period by period.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter::Peekable;

use chrono::NaiveDate;
use serde::Serialize;

use super::failure_comparison::{self, JobComparison};
use super::run_tally::RunTally;
use crate::archive::{InSpan, Snapshot};
use crate::model::{Decimal, Instant};
use crate::report::definition::{EachRow, Either, Report, Row, row};
use crate::report::error::{ReportError, Result};
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

    fn resolve(&mut self, common: &mut CommonOptions, now: Instant) -> Result {
        self.compare.resolve(common, now)
    }

    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
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

/// Periods that are counted at a time. Runs come by their start, but a day may come back: where the clock was set back at
/// midnight, or a country moved over the date line.
const OPEN_PERIODS: usize = 3;

/// Counts by job: its place in the list by GUID; 0 where all jobs are one.
type JobTallies = BTreeMap<usize, RunTally>;

impl FailureTrends {
    /// Yields periods in their order, and in each the jobs by GUID; runs without a start come last.
    fn each_period(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        mut row: impl FnMut(PeriodRow<'_>) -> Result,
    ) -> Result {
        let places: HashMap<i64, usize> = scope
            .names()
            .iter()
            .enumerate()
            .filter(|(_, job)| scope.has_job(job.job_key))
            .map(|(place, job)| (job.job_key, if self.all_jobs { 0 } else { place }))
            .collect();
        let mut put = |day: Option<NaiveDate>, job: usize, tally: &RunTally| {
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
        let (jobs, mut to_fill) = self.fill(snapshot, scope, &places)?;
        let mut put_period = |first: Option<NaiveDate>, found: &JobTallies| -> Result {
            while let Some(empty) = to_fill.next_if(|&next| first.is_none_or(|first| next < first)) {
                jobs.iter()
                    .try_for_each(|&job| put(Some(empty), job, &RunTally::default()))?;
            }
            let jobs = match first.and_then(|first| to_fill.next_if_eq(&first)) {
                Some(_) => &jobs,
                None => &found.keys().copied().collect(),
            };
            jobs.iter()
                .try_for_each(|job| put(first, *job, found.get(job).unwrap_or(&RunTally::default())))
        };
        let options = scope.options();
        let mut open: BTreeMap<NaiveDate, JobTallies> = BTreeMap::new();
        let mut dateless = JobTallies::new();
        snapshot.each_run_facts_by_start::<ReportError>(|run| {
            let Some(&place) = places
                .get(&run.job_key)
                .filter(|_| scope.has_time(run.started_ticks))
            else {
                return Ok(());
            };
            let messages = if options.include_absent {
                run.messages_held
            } else {
                run.messages_present
            };
            let of_period = match run.started_ticks {
                Some(ticks) => open.entry(self.period_of(scope, ticks)).or_default(),
                None => &mut dateless,
            };
            of_period.entry(place).or_default().add(&run, messages);
            if open.len() > OPEN_PERIODS
                && let Some((first, found)) = open.pop_first()
            {
                put_period(Some(first), &found)?;
            }
            Ok(())
        })?;
        for (&first, found) in &open {
            put_period(Some(first), found)?;
        }
        put_period(None, &dateless)
    }

    fn period_of(&self, scope: &Scope, ticks: i64) -> NaiveDate {
        self.by
            .first_day(local_day(scope.options().zone, Instant::from_ticks(ticks)))
    }

    /// The jobs and periods that each have a row; none if only those with runs have one.
    fn fill(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        places: &HashMap<i64, usize>,
    ) -> Result<(BTreeSet<usize>, Peekable<impl Iterator<Item = NaiveDate> + use<>>)> {
        let mut jobs = BTreeSet::new();
        let mut found: Option<(NaiveDate, NaiveDate)> = None;
        if self.fill {
            snapshot.each_run_place(InSpan::Start, scope.since(), scope.until(), |run| {
                let Some(&place) = places.get(&run.job_key) else {
                    return;
                };
                jobs.insert(place);
                if let Some(ticks) = run.started_ticks {
                    let first = self.period_of(scope, ticks);
                    let (least, most) = found.unwrap_or((first, first));
                    found = Some((least.min(first), most.max(first)));
                }
            })?;
        }
        let periods = self.fill.then(|| self.periods_to_fill(found, scope.options()));
        Ok((jobs, periods.into_iter().flatten().peekable()))
    }

    /// From the period of `--since` (else the first found) to the last that begins before `--until` (else the last found).
    fn periods_to_fill(
        &self,
        found: Option<(NaiveDate, NaiveDate)>,
        options: &CommonOptions,
    ) -> impl Iterator<Item = NaiveDate> + use<> {
        let by = self.by;
        let zone = options.zone;
        let first_day = |at: Instant| by.first_day(local_day(zone, at));
        let first = options.since.map(first_day);
        let first = first.or(found.map(|(first, _)| first));
        let last_instant = options.until.map(|until| Instant::from_ticks(until.ticks() - 1));
        let last = last_instant.map(first_day);
        let last = last.or(found.map(|(_, last)| last));
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
