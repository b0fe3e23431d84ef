//! How often runs failed, period by period.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::decimal::Decimal;
use super::error::ReportError;
use super::failure_changes;
use super::options::{Common, Scope};
use super::period::{By, has_day, local_day};
use super::span::Span;
use super::table::{Cell, Column, Kind, Rows};
use crate::archive::{RunFacts, Snapshot};
use crate::model::Instant;

/// What can be asked of this report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What every report can be asked.
    pub common: Common,
    /// How long a period is.
    pub by: By,
    /// One row per period over all jobs.
    pub all_jobs: bool,
    /// A row for each period, zeros and empty cells where nothing ran.
    pub fill: bool,
    /// A row for each job in place of its periods, beside this span.
    pub compare: Option<Span>,
}

impl Options {
    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        let mut options = self.common.described();
        options.insert("by".to_owned(), self.by.name().into());
        options.insert("all_jobs".to_owned(), self.all_jobs.into());
        options.insert("fill".to_owned(), self.fill.into());
        Span::describe(self.compare, &mut options);
        options
    }
}

const WIDTH: usize = 14;

/// The columns, in their order.
pub static COLUMNS: [Column; WIDTH] = [
    Column::new("period_start", Kind::Date),
    Column::new("job_id", Kind::Text),
    Column::new("job_name", Kind::Text),
    Column::new("runs", Kind::Integer),
    Column::new("completed", Kind::Integer),
    Column::new("faulted", Kind::Integer),
    Column::new("aborted", Kind::Integer),
    Column::new("unfinished", Kind::Integer),
    Column::new("other", Kind::Integer),
    Column::new("failure_rate", Kind::Rate),
    Column::new("runs_with_messages", Kind::Integer),
    Column::new("messages", Kind::Integer),
    Column::new("mean_duration_seconds", Kind::Decimal),
    Column::new("max_duration_seconds", Kind::Decimal),
];

/// What is counted for a period of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) runs: u64,
    pub(super) completed: u64,
    pub(super) faulted: u64,
    pub(super) aborted: u64,
    unfinished: u64,
    other: u64,
    runs_with_messages: u64,
    messages: u64,
    timed_runs: u64,
    sum_ticks: i128,
    max_ticks: Option<i128>,
}

impl Tally {
    /// Counts one run, with `messages` messages.
    pub(super) fn add(&mut self, run: &RunFacts, messages: i64) {
        self.runs += 1;
        *match run.status {
            Some(0..=3) => &mut self.unfinished,
            Some(4) => &mut self.completed,
            Some(5) => &mut self.faulted,
            Some(7) => &mut self.aborted,
            _ => &mut self.other,
        } += 1;
        self.runs_with_messages += u64::from(messages > 0);
        self.messages += u64::try_from(messages).unwrap_or(0);
        if let (Some(start), Some(end)) = (run.started_ticks, run.ended_ticks) {
            let ticks = i128::from(end) - i128::from(start);
            self.timed_runs += 1;
            self.sum_ticks += ticks;
            self.max_ticks = Some(self.max_ticks.map_or(ticks, |max| max.max(ticks)));
        }
    }

    /// Faulted and aborted runs.
    pub(super) const fn failed(&self) -> u64 {
        self.faulted + self.aborted
    }

    /// Runs of which the failure rate is told.
    pub(super) const fn finished(&self) -> u64 {
        self.failed() + self.completed
    }

    /// (faulted + aborted) / (completed + faulted + aborted), four decimals; `None` where nothing finished.
    pub(super) fn failure_rate(&self) -> Option<Decimal> {
        Decimal::ratio(self.failed().into(), self.finished().into(), 4)
    }

    fn mean_duration(&self) -> Option<Decimal> {
        Decimal::ratio(self.sum_ticks, i128::from(self.timed_runs) * 10_000_000, 1)
    }

    fn cells(&self) -> [Cell<'static>; 11] {
        [
            Cell::count(self.runs),
            Cell::count(self.completed),
            Cell::count(self.faulted),
            Cell::count(self.aborted),
            Cell::count(self.unfinished),
            Cell::count(self.other),
            Cell::decimal(self.failure_rate()),
            Cell::count(self.runs_with_messages),
            Cell::count(self.messages),
            Cell::decimal(self.mean_duration()),
            Cell::decimal(self.max_ticks.map(Decimal::seconds)),
        ]
    }
}

/// Counts by job (its place in the list by GUID; 0 where all jobs are one) within periods.
#[derive(Debug, Default)]
struct Counts {
    dated: BTreeMap<NaiveDate, BTreeMap<usize, Tally>>,
    dateless: BTreeMap<usize, Tally>,
}

/// Writes the report.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    if let Some(before) = options.compare {
        return failure_changes::write(snapshot, options, before, rows);
    }
    let scope = options.common.scope(snapshot)?;
    let counts = count(snapshot, options, &scope)?;
    rows.columns(&COLUMNS)?;
    let mut put = |day: Option<NaiveDate>, job: usize, tally: &Tally| {
        let name = scope.names().get(job).filter(|_| !options.all_jobs);
        let mut cells = [Cell::Null; WIDTH];
        cells[0] = day.map_or(Cell::Null, Cell::Date);
        cells[1] = Cell::text(name.map(|name| name.job_id.as_str()));
        cells[2] = Cell::text(name.and_then(|name| name.name.as_deref()));
        cells[3..].copy_from_slice(&tally.cells());
        rows.row(&cells)
    };
    if options.fill {
        let jobs: BTreeSet<usize> = counts
            .dated
            .values()
            .flat_map(BTreeMap::keys)
            .chain(counts.dateless.keys())
            .copied()
            .collect();
        for first in periods_to_fill(&counts, options) {
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
    rows.finish()?;
    Ok(())
}

fn count(snapshot: &Snapshot<'_>, options: &Options, scope: &Scope) -> Result<Counts, ReportError> {
    let places: HashMap<i64, usize> = scope
        .names()
        .iter()
        .enumerate()
        .filter(|(_, job)| scope.has_job(job.job_key))
        .map(|(place, job)| (job.job_key, if options.all_jobs { 0 } else { place }))
        .collect();
    let mut counts = Counts::default();
    snapshot.each_run_facts::<ReportError>(|run| {
        let Some(&place) = places.get(&run.job_key) else {
            return Ok(());
        };
        if !scope.has_time(run.started_ticks) {
            return Ok(());
        }
        let messages = if options.common.include_absent {
            run.messages_held
        } else {
            run.messages_present
        };
        let of_period = match run.started_ticks {
            Some(ticks) => {
                let first = options
                    .by
                    .first_day(local_day(options.common.zone, Instant::from_ticks(ticks)));
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
fn periods_to_fill(counts: &Counts, options: &Options) -> impl Iterator<Item = NaiveDate> {
    let by = options.by;
    let zone = options.common.zone;
    let first_day = |at: Instant| by.first_day(local_day(zone, at));
    let first = options.common.since.map(first_day);
    let first = first.or_else(|| counts.dated.keys().next().copied());
    let last_instant = options
        .common
        .until
        .map(|until| Instant::from_ticks(until.ticks() - 1));
    let last = last_instant.map(first_day);
    let last = last.or_else(|| counts.dated.keys().next_back().copied());
    // An empty span has no period, though an instant before its end has one.
    let is_empty = options.common.since.is_some() && options.common.since == options.common.until;
    let span = first.zip(last).filter(|_| !is_empty);
    let mut next = span.map(|(first, _)| first);
    let all = std::iter::from_fn(move || {
        let (this, (_, last)) = (next?, span?);
        next = Some(by.next(this));
        (this <= last).then_some(this)
    });
    all.filter(move |&first| by != By::Day || has_day(zone, first))
}
