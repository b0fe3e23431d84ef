//! Failure trends: how often runs failed over time, all jobs together and each for itself.

use std::collections::HashMap;

use maud::html;

use super::compare::Compared;
use crate::archive::Snapshot;
use crate::model::Zone;
use crate::report::bins::{Bins, Counts, RunCounts};
use crate::report::blocks::Blocks;
use crate::report::definition::Either;
use crate::report::error::Result;
use crate::report::html::chart::{Markup, OverTime, Sparks, over_time, sparks};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::{counted, percent};
use crate::report::options::{Period, Scope};
use crate::report::reports::failure_trends::PeriodRow;
use crate::report::reports::{FailureTrends, JobComparison};
use crate::report::titles::job_title;
use crate::text::{columns_of, in_columns};

/// Jobs that have a line of their own; those that failed most.
const MOST_JOBS: usize = 24;

/// Block characters of a job's line in a terminal.
const BLOCKS: usize = 48;

/// Columns of a terminal that everybody has.
const COLUMNS: usize = 80;

/// Kinds of runs, as the bars show them.
pub(in crate::report) const KINDS: [(&str, &str); 3] =
    [("good", "completed"), ("bad", "failed"), ("rest", "others")];

struct Trends {
    zone: Zone,
    runs: Bins<RunCounts>,
    kinds: Bins<Counts<3>>,
    numbers: HashMap<String, usize>,
    jobs: Vec<(String, Bins<RunCounts>)>,
    without_start: u64,
}

impl Trends {
    fn new(zone: Zone, period: Period) -> Self {
        Self {
            zone,
            runs: Bins::new(period),
            kinds: Bins::new(period),
            numbers: HashMap::new(),
            jobs: Vec::new(),
            without_start: 0,
        }
    }
}

impl Present for FailureTrends {
    fn picture(&self, _: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        Ok(Some(match self.compare.span() {
            None => Box::new(Trends::new(scope.options().zone, self.by)),
            Some(_) => Box::new(Compared::new("job", "failed")),
        }))
    }

    fn blocks(&self) -> BoxedPicture<Self> {
        Some(Box::new(Trends::new(Zone::UTC, self.by)))
    }
}

impl Picture<FailureTrends> for Compared {
    fn see(&mut self, row: &Either<PeriodRow<'_>, JobComparison<'_>>) {
        if let Either::Alternative(row) = row {
            let name = job_title(row.job_id, row.job_name);
            self.add(name, row.failed_before, row.failed, row.trend);
        }
    }

    fn draw(&self) -> DrawnPicture {
        self.draw_bars()
    }
}

impl Picture<FailureTrends> for Trends {
    fn see(&mut self, row: &Either<PeriodRow<'_>, JobComparison<'_>>) {
        let Either::Standard(row) = row else { return };
        let Some(day) = row.period_start else {
            self.without_start += row.runs;
            return;
        };
        let failed = row.faulted + row.aborted;
        let finished = row.completed + failed;
        let counts = RunCounts {
            runs: row.runs,
            failed,
            finished,
        };
        self.runs.add(day, counts);
        self.kinds.add(
            day,
            Counts([row.completed, failed, row.runs.saturating_sub(finished)]),
        );
        if let Some(job_id) = row.job_id {
            let number = match self.numbers.get(job_id) {
                Some(&number) => number,
                None => {
                    let title = job_title(Some(job_id), row.job_name);
                    self.jobs.push((title, Bins::new(self.runs.by())));
                    self.numbers.insert(job_id.to_owned(), self.jobs.len() - 1);
                    self.jobs.len() - 1
                }
            };
            self.jobs[number].1.add(day, counts);
        }
    }

    fn draw(&self) -> DrawnPicture {
        let mut charts = over_time(&OverTime {
            title: "Failure rate and runs over time",
            noun: "runs",
            zone: self.zone.name(),
            kinds: KINDS,
            counts: &self.kinds,
            runs: Some(&self.runs),
        });
        if self.jobs.len() > 1 {
            charts = html! { (charts) (by_job(&self.jobs, self.zone.name())) };
        }
        DrawnPicture {
            lead: self.lead(),
            charts,
        }
    }

    fn blocks(&self) -> String {
        let jobs = by_failures(&self.jobs);
        let Some(blocks) = Blocks::of(jobs.iter().map(|(_, bins)| *bins), BLOCKS) else {
            return String::new();
        };
        let (from, to) = blocks.span();
        let mut text = format!(
            "\nfailed of finished by {}, {from} to {to}; the highest: {}\n",
            blocks.by().name(),
            percent(blocks.top())
        );
        for (title, bins) in jobs {
            let rate = bins.sum().rate().map_or_else(|| "-".to_owned(), percent);
            let line = blocks.line(bins);
            let room = COLUMNS.saturating_sub(columns_of(&line) + 11);
            text += &format!("{line} {rate:>8}  {}\n", in_columns(title, room));
        }
        text
    }
}

impl Trends {
    fn lead(&self) -> String {
        let sum = self.runs.sum();
        if sum.runs + self.without_start == 0 {
            return "No runs.".to_owned();
        }
        let of_jobs = match self.jobs.len() {
            0 => String::new(),
            jobs => format!(
                " of {}",
                counted(u64::try_from(jobs).expect("a length fits"), "job")
            ),
        };
        let mut lead = counted(sum.runs + self.without_start, "run") + &of_jobs;
        lead += &match sum.rate() {
            Some(rate) => format!("; {} of those that finished failed.", percent(rate)),
            None => "; none has finished.".to_owned(),
        };
        if self.without_start > 0 {
            lead += &format!(
                " {} without a start in no chart.",
                counted(self.without_start, "run")
            );
        }
        lead
    }
}

/// The jobs with the most failed runs, those first.
fn by_failures(jobs: &[(String, Bins<RunCounts>)]) -> Vec<(&str, &Bins<RunCounts>)> {
    let mut worst: Vec<(&str, &Bins<RunCounts>)> =
        jobs.iter().map(|(title, bins)| (title.as_str(), bins)).collect();
    worst.sort_by_key(|(_, bins)| std::cmp::Reverse(bins.sum().failed));
    worst.truncate(MOST_JOBS);
    worst
}

/// A line for each job, those that failed most first.
fn by_job(jobs: &[(String, Bins<RunCounts>)], zone: &str) -> Markup {
    let worst = by_failures(jobs);
    let below = if worst.len() < jobs.len() {
        format!(
            "The {MOST_JOBS} of {} with the most failed runs.",
            counted(jobs.len() as u64, "job")
        )
    } else {
        "Those with the most failed runs first.".to_owned()
    };
    sparks(&Sparks {
        title: "Each job",
        below: &below,
        zone,
        rows: &worst,
    })
}
