//! Missed runs: the spans in which a job should have run, on one timeline.

use std::collections::HashMap;

use super::coverage::piece_of_runs;
use super::lines::JobTimelines;
use crate::archive::Snapshot;
use crate::model::Zone;
use crate::report::definition::{Either, Report};
use crate::report::error::Result;
use crate::report::html::chart::{GAPS, TimelineSpan, TimelineSpanKind, timeline};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::{counted, grouped};
use crate::report::options::Scope;
use crate::report::reports::missed_runs::MissedRow;
use crate::report::reports::{Coverage, MissedRuns};
use crate::report::titles::wall_clock;

struct Missed {
    zone: Zone,
    /// The runs of each job that has no line yet.
    runs: HashMap<String, TimelineSpan>,
    lines: JobTimelines,
    gaps: u64,
    /// Gaps that no run has ended.
    open: u64,
    missed: u64,
}

impl Present for MissedRuns {
    /// Gaps are shown between the first run of their job and its last.
    fn picture(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        let zone = scope.options().zone;
        let mut runs = HashMap::new();
        Coverage::default().each(snapshot, scope, &mut |row| {
            if let Either::Standard(job) = row
                && let Some(piece) = piece_of_runs(zone, job)
            {
                runs.insert(job.job_id.to_owned(), piece);
            }
            Ok(())
        })?;
        Ok(Some(Box::new(Missed {
            zone,
            runs,
            lines: JobTimelines::default(),
            gaps: 0,
            open: 0,
            missed: 0,
        })))
    }
}

impl Picture<MissedRuns> for Missed {
    fn see(&mut self, row: &MissedRow<'_>) {
        let missed = row.count();
        self.gaps += 1;
        self.open += u64::from(row.to.is_none());
        self.missed += missed;
        if let Some(runs) = self.runs.remove(row.job_id) {
            self.lines.add(row.job_id, row.job_name, runs, 0);
        }
        let piece = TimelineSpan {
            kind: TimelineSpanKind::Gap,
            from: wall_clock(self.zone, row.from),
            to: wall_clock(self.zone, row.end()),
            label: format!("{} missed", counted(missed, "run")),
        };
        self.lines.add(row.job_id, row.job_name, piece, missed);
    }

    fn draw(&self) -> DrawnPicture {
        let lead = match self.gaps {
            0 => "No missed run was found.".to_owned(),
            gaps => {
                let open = match self.open {
                    0 => String::new(),
                    open => format!(", {} of them still open", grouped(open)),
                };
                format!(
                    "{} in {}{open}.",
                    counted(self.missed, "missed run"),
                    counted(gaps, "gap")
                )
            }
        };
        let below = format!("In {}. {}", self.zone.name(), self.lines.left_out());
        let lines = self.lines.worst();
        DrawnPicture {
            lead,
            charts: timeline(
                "Missed runs on the timeline",
                below.trim_end(),
                &GAPS,
                "runs missed",
                &lines,
            ),
        }
    }
}
