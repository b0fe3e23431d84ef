//! Missed runs: the spans in which a job should have run, on one timeline.

use super::lines::Lines;
use crate::archive::Snapshot;
use crate::model::Zone;
use crate::report::error::ReportError;
use crate::report::html::chart::{GAPS, Piece, PieceKind, timeline};
use crate::report::html::picture::{BoxedPicture, Drawn, Picture, Present};
use crate::report::numbers::counted;
use crate::report::options::Scope;
use crate::report::reports::MissedRuns;
use crate::report::reports::missed_runs::MissedRow;
use crate::report::titles::wall_clock;

struct Missed {
    zone: Zone,
    lines: Lines,
    gaps: u64,
    missed: u64,
}

impl Present for MissedRuns {
    fn picture(&self, _: &Snapshot<'_>, scope: &Scope) -> Result<BoxedPicture<Self>, ReportError> {
        Ok(Some(Box::new(Missed {
            zone: scope.options().zone,
            lines: Lines::default(),
            gaps: 0,
            missed: 0,
        })))
    }
}

impl Picture<MissedRuns> for Missed {
    fn see(&mut self, row: &MissedRow<'_>) {
        let missed = row.count();
        self.gaps += 1;
        self.missed += missed;
        let piece = Piece {
            kind: PieceKind::Gap,
            from: wall_clock(self.zone, row.from),
            to: wall_clock(self.zone, row.to),
            words: format!("{} missed", counted(missed, "run")),
        };
        self.lines.add(row.job_id, row.job_name, piece, missed);
    }

    fn draw(&self) -> Drawn {
        let lead = match self.gaps {
            0 => "No run was missed.".to_owned(),
            gaps => format!(
                "{} in {}.",
                counted(self.missed, "missed run"),
                counted(gaps, "gap")
            ),
        };
        let below = format!("In {}. {}", self.zone.name(), self.lines.left_out());
        let lines = self.lines.worst();
        Drawn {
            lead,
            charts: timeline(
                "Missed runs on the timeline",
                below.trim_end(),
                &[(PieceKind::Gap, GAPS[1].1)],
                "runs missed",
                &lines,
            ),
        }
    }
}
