//! Runs and messages over time, by kind.

use super::failure_trends::KINDS;
use crate::archive::Snapshot;
use crate::model::Zone;
use crate::report::bins::{Bins, Counts, RunCounts};
use crate::report::error::Result;
use crate::report::html::chart::{OverTime, over_time};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::{counted, grouped, percent};
use crate::report::options::{Category, Period, Scope, local_day};
use crate::report::reports::messages::MessagesRow;
use crate::report::reports::runs::RunsRow;
use crate::report::reports::{Messages, Runs};

struct OfRuns {
    zone: Zone,
    /// Whether runs were chosen for how they ended or what they said, so that a rate of failures says nothing.
    is_selected: bool,
    runs: Bins<RunCounts>,
    kinds: Bins<Counts<3>>,
    rows: u64,
}

impl Present for Runs {
    fn picture(&self, _: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        Ok(Some(Box::new(OfRuns {
            zone: scope.options().zone,
            is_selected: !self.filter.is_any(),
            runs: Bins::new(Period::Day),
            kinds: Bins::new(Period::Day),
            rows: 0,
        })))
    }
}

impl Picture<Runs> for OfRuns {
    fn see(&mut self, row: &RunsRow<'_>) {
        self.rows += 1;
        let Some(started) = row.started_at else { return };
        let day = local_day(self.zone, started);
        let (completed, failed) = match row.status {
            Some(4) => (1, 0),
            Some(5 | 7) => (0, 1),
            _ => (0, 0),
        };
        let finished = completed + failed;
        self.runs.add(
            day,
            RunCounts {
                runs: 1,
                failed,
                finished,
            },
        );
        self.kinds.add(day, Counts([completed, failed, 1 - finished]));
    }

    fn draw(&self) -> DrawnPicture {
        let rate = self.runs.sum().rate().filter(|_| !self.is_selected);
        let rate = rate.map(|rate| format!("; {} of those that finished failed", percent(rate)));
        DrawnPicture {
            lead: counted(self.rows, "run") + &rate.unwrap_or_default() + ".",
            charts: over_time(&OverTime {
                title: "Runs over time",
                noun: "runs",
                zone: self.zone.name(),
                kinds: KINDS,
                counts: &self.kinds,
                runs: (!self.is_selected).then_some(&self.runs),
            }),
        }
    }
}

struct OfMessages {
    zone: Zone,
    counts: Bins<Counts<4>>,
    rows: u64,
}

impl Present for Messages {
    fn picture(&self, _: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        Ok(Some(Box::new(OfMessages {
            zone: scope.options().zone,
            counts: Bins::new(Period::Day),
            rows: 0,
        })))
    }
}

impl Picture<Messages> for OfMessages {
    fn see(&mut self, row: &MessagesRow<'_>) {
        self.rows += 1;
        let Some(occurred) = row.occurred_at else { return };
        let mut counts = [0; 4];
        counts[Category::of(row.category) as usize] = 1;
        self.counts.add(local_day(self.zone, occurred), Counts(counts));
    }

    fn draw(&self) -> DrawnPicture {
        let Counts([errors, ..]) = self.counts.sum();
        DrawnPicture {
            lead: format!(
                "{}, {} of them errors.",
                counted(self.rows, "message"),
                grouped(errors)
            ),
            charts: over_time(&OverTime {
                title: "Messages over time",
                noun: "messages",
                zone: self.zone.name(),
                kinds: [
                    ("bad", "errors"),
                    ("warn", "warnings"),
                    ("info", "information"),
                    ("rest", "others"),
                ],
                counts: &self.counts,
                runs: None,
            }),
        }
    }
}
