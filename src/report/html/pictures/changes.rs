//! Changes: when the archive found that a run is not what it was.

use crate::archive::Snapshot;
use crate::model::Zone;
use crate::report::bins::{Bins, Counts};
use crate::report::error::Result;
use crate::report::html::chart::{OverTime, over_time};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::{counted, grouped};
use crate::report::options::{Period, Scope, local_day};
use crate::report::reports::Changes;
use crate::report::reports::changes::ChangeRow;

struct OfChanges {
    zone: Zone,
    counts: Bins<Counts<2>>,
}

impl Present for Changes {
    fn picture(&self, _: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        Ok(Some(Box::new(OfChanges {
            zone: scope.options().zone,
            counts: Bins::new(Period::Day),
        })))
    }
}

impl Picture<Changes> for OfChanges {
    fn see(&mut self, row: &ChangeRow<'_>) {
        let was_final = u64::from(row.was_final);
        self.counts.add(
            local_day(self.zone, row.captured_at),
            Counts([1 - was_final, was_final]),
        );
    }

    fn draw(&self) -> DrawnPicture {
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
        DrawnPicture {
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
