//! Runs and messages: how many of which kind, over time.

use super::failure_trends::KINDS;
use crate::report::About;
use crate::report::asset_errors::Category;
use crate::report::chart::{Bins, Counts, OverTime, Runs, counted, grouped, over_time, percent};
use crate::report::page::cells::{instant, places, text, wall_clock, zone};
use crate::report::page::picture::{Drawn, Picture};
use crate::report::period::By;
use crate::report::table::{Cell, Column};

struct OfRuns {
    zone: crate::model::Zone,
    /// Places of started_at, status.
    places: [usize; 2],
    runs: Bins<Runs>,
    kinds: Bins<Counts<3>>,
    rows: u64,
}

pub(in crate::report::page) fn of_runs(about: &About, columns: &[Column]) -> Option<Box<dyn Picture>> {
    Some(Box::new(OfRuns {
        zone: zone(about),
        places: places(columns, ["started_at", "status"])?,
        runs: Bins::new(By::Day),
        kinds: Bins::new(By::Day),
        rows: 0,
    }))
}

impl Picture for OfRuns {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [started, status] = self.places;
        self.rows += 1;
        let Some(started) = instant(cells, started) else {
            return;
        };
        let day = wall_clock(self.zone, started).date();
        let (completed, failed) = match cells.get(status) {
            Some(Cell::Integer(4)) => (1, 0),
            Some(Cell::Integer(5 | 7)) => (0, 1),
            _ => (0, 0),
        };
        let finished = completed + failed;
        self.runs.add(
            day,
            Runs {
                runs: 1,
                failed,
                finished,
            },
        );
        self.kinds.add(day, Counts([completed, failed, 1 - finished]));
    }

    fn draw(&self) -> Drawn {
        let rate = self.runs.sum().rate();
        let rate = rate.map(|rate| format!("; {} of those that finished failed", percent(rate)));
        Drawn {
            lead: counted(self.rows, "run") + &rate.unwrap_or_default() + ".",
            charts: over_time(&OverTime {
                title: "Runs over time",
                noun: "runs",
                zone: self.zone.name(),
                kinds: KINDS,
                counts: &self.kinds,
                runs: Some(&self.runs),
            }),
        }
    }
}

struct OfMessages {
    zone: crate::model::Zone,
    /// Places of occurred_at, category.
    places: [usize; 2],
    counts: Bins<Counts<4>>,
    rows: u64,
}

pub(in crate::report::page) fn of_messages(about: &About, columns: &[Column]) -> Option<Box<dyn Picture>> {
    Some(Box::new(OfMessages {
        zone: zone(about),
        places: places(columns, ["occurred_at", "category"])?,
        counts: Bins::new(By::Day),
        rows: 0,
    }))
}

impl Picture for OfMessages {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [occurred, category] = self.places;
        self.rows += 1;
        let Some(occurred) = instant(cells, occurred) else {
            return;
        };
        let mut counts = [0; 4];
        counts[match Category::of(text(cells, category)) {
            Category::Error => 0,
            Category::Warning => 1,
            Category::Information => 2,
            Category::Other => 3,
        }] = 1;
        self.counts
            .add(wall_clock(self.zone, occurred).date(), Counts(counts));
    }

    fn draw(&self) -> Drawn {
        let Counts([errors, ..]) = self.counts.sum();
        Drawn {
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
