//! Coverage, span by span: what is proved complete, what may be missing, and where nobody looked.

use super::coverage::Lines;
use crate::report::About;
use crate::report::chart::{Piece, PieceKind, counted, timeline};
use crate::report::page::cells::{instant, places, text, wall_clock, zone};
use crate::report::page::picture::{Drawn, Picture};
use crate::report::table::{Cell, Column};

/// The words of the key.
const KINDS: [(PieceKind, &str); 3] = [
    (PieceKind::There, "proved complete"),
    (PieceKind::Gap, "something may be missing"),
    (PieceKind::Unknown, "nobody looked"),
];

struct Spans {
    zone: crate::model::Zone,
    /// Places of job_id, job_name, from, to, state, why.
    places: [usize; 6],
    lines: Lines,
    complete: u64,
    others: u64,
}

pub(super) fn picture(about: &About, columns: &[Column]) -> Option<Box<dyn Picture>> {
    Some(Box::new(Spans {
        zone: zone(about),
        places: places(columns, ["job_id", "job_name", "from", "to", "state", "why"])?,
        lines: Lines::default(),
        complete: 0,
        others: 0,
    }))
}

impl Picture for Spans {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [job_id, name, from, to, state, why] = self.places;
        let kind = match text(cells, state) {
            Some("complete") => PieceKind::There,
            Some("not_looked") => PieceKind::Unknown,
            _ => PieceKind::Gap,
        };
        let is_complete = u64::from(kind == PieceKind::There);
        self.complete += is_complete;
        self.others += 1 - is_complete;
        // A span without an end goes on beyond what is known, and one of a run has no length.
        let (from, to) = (instant(cells, from), instant(cells, to));
        let (Some(from), Some(to)) = (from.or(to), to.or(from)) else {
            return;
        };
        let piece = Piece {
            kind,
            from: wall_clock(self.zone, from),
            to: wall_clock(self.zone, to),
            words: text(cells, why)
                .or(text(cells, state))
                .unwrap_or_default()
                .to_owned(),
        };
        self.lines
            .add(text(cells, job_id), text(cells, name), piece, 1 - is_complete);
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
