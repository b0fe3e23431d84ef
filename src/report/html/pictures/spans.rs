//! Coverage, span by span: what is proved complete, what may be missing, and where no sync looked.

use super::lines::JobTimelines;
use crate::model::Zone;
use crate::report::definition::Either;
use crate::report::html::chart::{TimelineSpan, TimelineSpanKind, timeline};
use crate::report::html::picture::{DrawnPicture, Picture};
use crate::report::numbers::counted;
use crate::report::reports::coverage::JobRow;
use crate::report::reports::{Coverage, GapRow, GapState};
use crate::report::titles::wall_clock;

/// The words of the key.
const KINDS: [(TimelineSpanKind, &str); 3] = [
    (TimelineSpanKind::There, "proved complete"),
    (TimelineSpanKind::Gap, "something may be missing"),
    (TimelineSpanKind::Unknown, "nobody looked"),
];

pub(super) struct Spans {
    zone: Zone,
    lines: JobTimelines,
    complete: u64,
    others: u64,
}

impl Spans {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            lines: JobTimelines::default(),
            complete: 0,
            others: 0,
        }
    }
}

impl Picture<Coverage> for Spans {
    fn see(&mut self, row: &Either<JobRow<'_>, GapRow<'_>>) {
        let Either::Alternative(row) = row else { return };
        let kind = match row.state {
            GapState::Complete => TimelineSpanKind::There,
            GapState::NotLooked => TimelineSpanKind::Unknown,
            GapState::Disputed | GapState::MayBeMissing | GapState::CountMismatch => TimelineSpanKind::Gap,
        };
        let is_complete = u64::from(kind == TimelineSpanKind::There);
        self.complete += is_complete;
        self.others += 1 - is_complete;
        // A span without an end goes on beyond what is known, and one of a run has no length.
        let (Some(from), Some(to)) = (row.from.or(row.to), row.to.or(row.from)) else {
            return;
        };
        let piece = TimelineSpan {
            kind,
            from: wall_clock(self.zone, from),
            to: wall_clock(self.zone, to),
            label: row.why.to_owned(),
        };
        self.lines.add(row.job_id, row.job_name, piece, 1 - is_complete);
    }

    fn draw(&self) -> DrawnPicture {
        let below = format!("In {}. {}", self.zone.name(), self.lines.left_out());
        let lead = format!(
            "{} proved complete; {} of which that cannot be said.",
            counted(self.complete, "span"),
            counted(self.others, "row")
        );
        let lines = self.lines.worst();
        DrawnPicture {
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
