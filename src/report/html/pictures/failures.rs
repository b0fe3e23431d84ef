//! Failures: when runs failed.

use crate::archive::Snapshot;
use crate::model::Zone;
use crate::report::bins::{Bins, Counts};
use crate::report::error::Result;
use crate::report::html::chart::{OverTime, over_time};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::counted;
use crate::report::options::{Period, Scope, local_day};
use crate::report::reports::Failures;
use crate::report::reports::failures::FailureRow;

struct OfFailures {
    zone: Zone,
    /// By their start: faulted, aborted.
    counts: Bins<Counts<2>>,
    runs: u64,
    errors: u64,
}

impl Present for Failures {
    fn picture(&self, _: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        Ok(Some(Box::new(OfFailures {
            zone: scope.options().zone,
            counts: Bins::new(Period::Day),
            runs: 0,
            errors: 0,
        })))
    }
}

impl Picture<Failures> for OfFailures {
    fn see(&mut self, row: &FailureRow<'_>) {
        self.runs += 1;
        self.errors += row.errors;
        if let Some(start) = row.started_at {
            let is_aborted = u64::from(row.status_name == Some("Aborted"));
            self.counts
                .add(local_day(self.zone, start), Counts([1 - is_aborted, is_aborted]));
        }
    }

    fn draw(&self) -> DrawnPicture {
        let lead = match self.runs {
            0 => "No run failed.".to_owned(),
            runs => format!(
                "{} failed, with {}.",
                counted(runs, "run"),
                counted(self.errors, "error message")
            ),
        };
        DrawnPicture {
            lead,
            charts: over_time(&OverTime {
                title: "Failed runs by their start",
                noun: "failed runs",
                zone: self.zone.name(),
                kinds: [("bad", "faulted"), ("warn", "aborted")],
                counts: &self.counts,
                runs: None,
            }),
        }
    }
}
