//! A timeline: a row for each job, with the spans of time in which it was there, and those in which it was not.

use chrono::NaiveDateTime;
use maud::{Markup, html};

use super::figure::{FigureTable, Heading, axes, framed, key, number, plot, row, row_chart};
use super::scale::TimeAxis;
use crate::report::html::text::{Percent, Text, Units};
use crate::report::titles::label;

/// Pixels of a row.
const HEIGHT: f64 = 20.0;

/// What a span of a timeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimelineSpanKind {
    There,
    /// Something is missing, or may be.
    Gap,
    Unknown,
}

/// The words for runs and the gaps between them, as the report `missed-runs` tells those.
pub const GAPS: [(TimelineSpanKind, &str); 2] = [
    (TimelineSpanKind::There, "runs"),
    (TimelineSpanKind::Gap, "no run, though one was due"),
];

impl TimelineSpanKind {
    const fn class(self) -> &'static str {
        match self {
            Self::There => "there",
            Self::Gap => "gap",
            Self::Unknown => "rest",
        }
    }
}

/// A span of a timeline, in wall-clock time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineSpan {
    pub kind: TimelineSpanKind,
    pub from: NaiveDateTime,
    pub to: NaiveDateTime,
    /// What is said about it.
    pub label: String,
}

/// A row of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineRow {
    pub name: String,
    /// Its spans; later ones lie over earlier ones.
    pub pieces: Vec<TimelineSpan>,
    /// The number behind it.
    pub number: String,
}

/// Draws it; nothing where there is nothing. `kinds` are the words of the key, `heading` heads the numbers.
#[must_use]
pub fn timeline(
    title: &str,
    below: &str,
    kinds: &[(TimelineSpanKind, &str)],
    heading: &str,
    lines: &[TimelineRow],
) -> Markup {
    let pieces = || lines.iter().flat_map(|line| &line.pieces);
    let (Some(from), Some(to)) = (
        pieces().map(|piece| piece.from).min(),
        pieces().map(|piece| piece.to).max(),
    ) else {
        return Markup::default();
    };
    let axis = TimeAxis::new(from, to);
    let entries: Vec<(&str, &str)> = kinds.iter().map(|(kind, word)| (kind.class(), *word)).collect();
    let headings = [Heading::Plot("over time"), Heading::Number(heading)];
    let rows = html! {
        @for line in lines {
            @let pieces = html! { @for piece in &line.pieces { (draw(axis, piece)) } };
            (row(&line.name, &html! { (plot(false, HEIGHT, &pieces)) (number(false, &line.number)) }))
        }
        (axes(axis, 1, &[false]))
    };
    let body = html! { (key(&entries)) (row_chart(title, "job", &headings, &rows)) };
    framed(title, below, &body, Some(&figures(lines, kinds)))
}

fn draw(axis: TimeAxis, piece: &TimelineSpan) -> Markup {
    let left = axis.percent(piece.from);
    // What has no length is seen as well.
    let width = (axis.percent(piece.to) - left).max(0.2);
    let inset = if piece.kind == TimelineSpanKind::Gap {
        0.0
    } else {
        4.0
    };
    let height = 2.0_f64.mul_add(-inset, HEIGHT);
    html! {
        rect class=(piece.kind.class()) x=(Percent(left.min(99.8))) y=(Units(inset))
            width=(Percent(width)) height=(Units(height)) {
            title { (Text(&piece.label)) }
        }
    }
}

fn figures(lines: &[TimelineRow], kinds: &[(TimelineSpanKind, &str)]) -> FigureTable {
    let mut figures = FigureTable::new(&["job", "what", "from", "to", "note"]);
    for line in lines {
        for piece in &line.pieces {
            let what = kinds.iter().find(|(kind, _)| *kind == piece.kind);
            let what = what.map_or("", |(_, word)| *word);
            let time = |at: NaiveDateTime| at.format("%Y-%m-%d %H:%M").to_string();
            figures.rows.push(vec![
                label(&line.name),
                what.to_owned(),
                time(piece.from),
                time(piece.to),
                piece.label.clone(),
            ]);
        }
    }
    figures
}
