//! Changes: when the archive found that a run is not what it was.

use crate::report::About;
use crate::report::chart::{Bins, Counts, OverTime, counted, grouped, over_time};
use crate::report::page::cells::{count, instant, places, wall_clock, zone};
use crate::report::page::picture::{Drawn, Picture};
use crate::report::period::By;
use crate::report::table::{Cell, Column};

struct Changes {
    zone: crate::model::Zone,
    /// Places of captured_at, was_final.
    places: [usize; 2],
    counts: Bins<Counts<2>>,
}

pub(in crate::report::page) fn picture(about: &About, columns: &[Column]) -> Option<Box<dyn Picture>> {
    Some(Box::new(Changes {
        zone: zone(about),
        places: places(columns, ["captured_at", "was_final"])?,
        counts: Bins::new(By::Day),
    }))
}

impl Picture for Changes {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [captured, was_final] = self.places;
        let Some(captured) = instant(cells, captured) else {
            return;
        };
        let was_final = count(cells, was_final).min(1);
        self.counts.add(
            wall_clock(self.zone, captured).date(),
            Counts([1 - was_final, was_final]),
        );
    }

    fn draw(&self) -> Drawn {
        let Counts([open, after]) = self.counts.sum();
        let lead = match (open, after) {
            (0, 0) => "No run changed.".to_owned(),
            (open, 0) => format!(
                "{}, each of a run that had not finished.",
                counted(open, "change")
            ),
            (open, after) => format!(
                "{}; {} of a run that had already finished.",
                counted(open + after, "change"),
                grouped(after)
            ),
        };
        Drawn {
            lead,
            charts: over_time(&OverTime {
                title: "Changes by when they were found",
                noun: "changes",
                zone: self.zone.name(),
                kinds: [("good", "of runs under way"), ("bad", "of finished runs")],
                counts: &self.counts,
                runs: None,
            }),
        }
    }
}
