//! Coverage: from when to when each job has runs, and where they are missing.

use std::collections::HashMap;

use super::lines::JobTimelines;
use super::spans::Spans;
use crate::archive::Snapshot;
use crate::model::{Instant, Zone};
use crate::report::definition::{Either, Report};
use crate::report::error::Result;
use crate::report::html::chart::{GAPS, TimelineSpan, TimelineSpanKind, timeline};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::{counted, grouped};
use crate::report::options::Scope;
use crate::report::reports::coverage::JobRow;
use crate::report::reports::{Coverage, GapRow, MissedRuns};
use crate::report::titles::wall_clock;

/// A gap in the runs of a job.
struct CoverageGap {
    from: Instant,
    to: Instant,
    runs_missed: u64,
}

struct OfJobs {
    zone: Zone,
    lines: JobTimelines,
    gaps: HashMap<String, Vec<CoverageGap>>,
    missed: u64,
    jobs: u64,
    runs: u64,
    absent: u64,
    mismatches: u64,
}

impl Present for Coverage {
    /// Jobs are shown with the gaps that the report `missed-runs` finds.
    fn picture(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>> {
        if self.gaps {
            return Ok(Some(Box::new(Spans::new(scope.options().zone))));
        }
        let mut gaps: HashMap<String, Vec<CoverageGap>> = HashMap::new();
        MissedRuns::default().each(snapshot, scope, &mut |row| {
            gaps.entry(row.job_id.to_owned()).or_default().push(CoverageGap {
                from: row.from,
                to: row.end(),
                runs_missed: row.count(),
            });
            Ok(())
        })?;
        Ok(Some(Box::new(OfJobs {
            zone: scope.options().zone,
            lines: JobTimelines::default(),
            gaps,
            missed: 0,
            jobs: 0,
            runs: 0,
            absent: 0,
            mismatches: 0,
        })))
    }
}

impl Picture<Coverage> for OfJobs {
    fn see(&mut self, row: &Either<JobRow<'_>, GapRow<'_>>) {
        let Either::Standard(row) = row else { return };
        self.jobs += 1;
        self.runs += row.runs;
        self.absent += row.runs_absent;
        self.mismatches += row.count_mismatches;
        let Some(runs) = piece_of_runs(self.zone, row) else {
            return;
        };
        self.lines.add(row.job_id, row.job_name, runs, 0);
        for gap in self.gaps.get(row.job_id).into_iter().flatten() {
            let piece = TimelineSpan {
                kind: TimelineSpanKind::Gap,
                from: wall_clock(self.zone, gap.from),
                to: wall_clock(self.zone, gap.to),
                label: format!("{} missed", counted(gap.runs_missed, "run")),
            };
            self.lines.add(row.job_id, row.job_name, piece, gap.runs_missed);
            self.missed += gap.runs_missed;
        }
    }

    fn draw(&self) -> DrawnPicture {
        let mut lead = format!("{} of {}", counted(self.runs, "run"), counted(self.jobs, "job"));
        if self.absent > 0 {
            lead += &format!("; {} of them only the archive still has", grouped(self.absent));
        }
        if self.mismatches > 0 {
            lead += &format!(
                "; {} whose message count does not match",
                counted(self.mismatches, "run")
            );
        }
        if self.missed > 0 {
            lead += &format!("; {} missed in gaps", counted(self.missed, "run"));
        }
        let below = format!(
            "In {}. A gap is longer than 2.5 times what is usual between two runs. {}",
            self.zone.name(),
            self.lines.left_out()
        );
        let lines = self.lines.worst();
        DrawnPicture {
            lead: lead + ".",
            charts: timeline(
                "From the first run to the last, and gaps",
                below.trim_end(),
                &GAPS,
                "runs missed",
                &lines,
            ),
        }
    }
}

/// The span from a job's first run to its last; `None` without runs.
pub(super) fn piece_of_runs(zone: Zone, job: &JobRow<'_>) -> Option<TimelineSpan> {
    Some(TimelineSpan {
        kind: TimelineSpanKind::There,
        from: wall_clock(zone, job.first_run_at?),
        to: wall_clock(zone, job.last_run_at?),
        label: counted(job.runs, "run"),
    })
}
