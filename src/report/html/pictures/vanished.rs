//! Vanished runs: when they were first missing, and how they had ended.

use std::collections::HashSet;

use super::failure_trends::KINDS;
use crate::archive::Snapshot;
use crate::model::Zone;
use crate::report::bins::{Bins, Counts};
use crate::report::error::Result;
use crate::report::html::chart::{OverTime, over_time};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::{counted, grouped};
use crate::report::options::{Period, Scope, local_day};
use crate::report::reports::Vanished;
use crate::report::reports::vanished::VanishedRow;

struct OfVanished {
    zone: Zone,
    /// By when they were first missing: completed, failed, others.
    counts: Bins<Counts<3>>,
    jobs: HashSet<String>,
}

impl Present for Vanished {
    fn picture(&self, _: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        Ok(Some(Box::new(OfVanished {
            zone: scope.options().zone,
            counts: Bins::new(Period::Day),
            jobs: HashSet::new(),
        })))
    }
}

impl Picture<Vanished> for OfVanished {
    fn see(&mut self, row: &VanishedRow<'_>) {
        let kinds = match row.status_name {
            Some("Completed") => [1, 0, 0],
            Some("Faulted" | "Aborted") => [0, 1, 0],
            _ => [0, 0, 1],
        };
        self.counts
            .add(local_day(self.zone, row.absent_since), Counts(kinds));
        self.jobs.insert(row.job_id.to_owned());
    }

    fn draw(&self) -> DrawnPicture {
        let Counts([completed, failed, others]) = self.counts.sum();
        DrawnPicture {
            lead: format!(
                "{} of {} vanished from the server before their purge age, {} of them failed.",
                counted(completed + failed + others, "run"),
                counted(self.jobs.len() as u64, "job"),
                grouped(failed)
            ),
            charts: over_time(&OverTime {
                title: "Vanished runs by when they were first missing",
                noun: "vanished runs",
                zone: self.zone.name(),
                kinds: KINDS,
                counts: &self.counts,
                runs: None,
            }),
        }
    }
}
