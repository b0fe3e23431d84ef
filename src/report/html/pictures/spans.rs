//! Coverage, span by span: what is proved complete, what may be missing, and where nobody looked.

use super::lines::Lines;
use crate::model::Zone;
use crate::report::definition::Either;
use crate::report::html::chart::{Piece, PieceKind, timeline};
use crate::report::html::picture::{Drawn, Picture};
use crate::report::numbers::counted;
use crate::report::reports::coverage::JobRow;
use crate::report::reports::{Coverage, GapRow, GapState};
use crate::report::titles::wall_clock;

/// The words of the key.
const KINDS: [(PieceKind, &str); 3] = [
    (PieceKind::There, "proved complete"),
    (PieceKind::Gap, "something may be missing"),
    (PieceKind::Unknown, "nobody looked"),
];

pub(super) struct Spans {
    zone: Zone,
    lines: Lines,
    complete: u64,
    others: u64,
}

impl Spans {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            lines: Lines::default(),
            complete: 0,
            others: 0,
        }
    }
}

impl Picture<Coverage> for Spans {
    fn see(&mut self, row: &Either<JobRow<'_>, GapRow<'_>>) {
        let Either::Other(row) = row else { return };
        let kind = match row.state {
            GapState::Complete => PieceKind::There,
            GapState::NotLooked => PieceKind::Unknown,
            GapState::Disputed | GapState::MayBeMissing | GapState::CountMismatch => PieceKind::Gap,
        };
        let is_complete = u64::from(kind == PieceKind::There);
        self.complete += is_complete;
        self.others += 1 - is_complete;
        // A span without an end goes on beyond what is known, and one of a run has no length.
        let (Some(from), Some(to)) = (row.from.or(row.to), row.to.or(row.from)) else {
            return;
        };
        let piece = Piece {
            kind,
            from: wall_clock(self.zone, from),
            to: wall_clock(self.zone, to),
            words: row.why.to_owned(),
        };
        self.lines.add(row.job_id, row.job_name, piece, 1 - is_complete);
    }

    fn draw(&self) -> Drawn {
        let below = format!("In {}. {}", self.zone.name(), self.lines.left_out());
        let lead = format!(
            "{} proved complete; {} of which that cannot be said.",
            counted(self.complete, "span"),
            counted(self.others, "row")
        );
        let lines = self.lines.worst();
        Drawn {
            lead,
            charts: timeline(
                "What is proved complete, and what is not",
                below.trim_end(),
                &KINDS,
                "not proved",
                &lines,
            ),
        }
    }
}
