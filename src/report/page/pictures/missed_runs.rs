//! Missed runs: the spans in which a job should have run, on one timeline.

use super::coverage::Lines;
use crate::report::About;
use crate::report::chart::{GAPS, Piece, PieceKind, counted, timeline};
use crate::report::page::cells::{count, instant, places, text, wall_clock, zone};
use crate::report::page::picture::{Drawn, Picture};
use crate::report::table::{Cell, Column};

struct Missed {
    zone: crate::model::Zone,
    /// Places of job_id, job_name, from, to, runs_missed.
    places: [usize; 5],
    lines: Lines,
    gaps: u64,
    missed: u64,
}

pub(in crate::report::page) fn picture(about: &About, columns: &[Column]) -> Option<Box<dyn Picture>> {
    Some(Box::new(Missed {
        zone: zone(about),
        places: places(columns, ["job_id", "job_name", "from", "to", "runs_missed"])?,
        lines: Lines::default(),
        gaps: 0,
        missed: 0,
    }))
}

impl Picture for Missed {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [job_id, name, from, to, missed] = self.places;
        let missed = count(cells, missed);
        self.gaps += 1;
        self.missed += missed;
        let (Some(from), Some(to)) = (instant(cells, from), instant(cells, to)) else {
            return;
        };
        let piece = Piece {
            kind: PieceKind::Gap,
            from: wall_clock(self.zone, from),
            to: wall_clock(self.zone, to),
            words: format!("{} missed", counted(missed, "run")),
        };
        self.lines
            .add(text(cells, job_id), text(cells, name), piece, missed);
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
