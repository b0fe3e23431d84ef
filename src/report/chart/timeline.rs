//! A timeline: a row for each job, with the spans of time in which it was there, and those in which it was not.

use chrono::NaiveDateTime;

use super::figure::{Figures, Heading, RowChart, framed, key};
use super::markup::{Markup, Value, label};
use super::scale::TimeAxis;

/// Pixels of a row.
const HEIGHT: f64 = 20.0;

/// What a span of a timeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// There are runs.
    There,
    /// There should be runs, and there are none.
    Gap,
}

impl PieceKind {
    const fn class(self) -> &'static str {
        match self {
            Self::There => "there",
            Self::Gap => "gap",
        }
    }
}

/// A span of a timeline, in wall-clock time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Where it begins.
    pub from: NaiveDateTime,
    /// Where it ends.
    pub to: NaiveDateTime,
    /// What is said about it.
    pub words: String,
}

/// A row of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose it is.
    pub name: String,
    /// Its spans; later ones lie over earlier ones.
    pub pieces: Vec<Piece>,
    /// The number behind it.
    pub number: String,
}

/// Draws it; nothing where there is nothing. `words` are those of the key and of the number's heading.
#[must_use]
pub fn timeline(title: &str, below: &str, there: &str, gap: &str, number: &str, lines: &[Line]) -> Markup {
    let pieces = || lines.iter().flat_map(|line| &line.pieces);
    let (Some(from), Some(to)) = (
        pieces().map(|piece| piece.from).min(),
        pieces().map(|piece| piece.to).max(),
    ) else {
        return Markup::new();
    };
    let axis = TimeAxis::new(from, to);
    let mut body = Markup::new();
    key(&mut body, &[("there", there), ("gap", gap)]);
    let mut table = RowChart::new(title, "job", &[Heading::Plot(""), Heading::Number(number)]);
    for line in lines {
        table.begin(&line.name);
        table.plot(false, HEIGHT, |markup| {
            for piece in &line.pieces {
                draw(markup, axis, piece);
            }
        });
        table.number(false, &line.number);
        table.end();
    }
    table.axes(axis, 1, &[false]);
    body.add(&table.finish());
    framed(title, below, &body, Some(&figures(lines, there, gap)))
}

fn draw(markup: &mut Markup, axis: TimeAxis, piece: &Piece) {
    let left = axis.percent(piece.from);
    // What has no length is seen as well.
    let width = (axis.percent(piece.to) - left).max(0.2);
    let inset = if piece.kind == PieceKind::Gap { 0.0 } else { 4.0 };
    markup.open(
        "rect",
        &[
            ("class", Value::Word(piece.kind.class())),
            ("x", Value::Percent(left.min(99.8))),
            ("y", Value::Units(inset)),
            ("width", Value::Percent(width)),
            ("height", Value::Units(2.0_f64.mul_add(-inset, HEIGHT))),
        ],
    );
    markup.leaf("title", &[], &piece.words).close("rect");
}

fn figures(lines: &[Line], there: &str, gap: &str) -> Figures {
    let mut figures = Figures::new(&["job", "what", "from", "to", "note"]);
    for line in lines {
        for piece in &line.pieces {
            let what = match piece.kind {
                PieceKind::There => there,
                PieceKind::Gap => gap,
            };
            let time = |at: NaiveDateTime| at.format("%Y-%m-%d %H:%M").to_string();
            figures.rows.push(vec![
                label(&line.name),
                what.to_owned(),
                time(piece.from),
                time(piece.to),
                piece.words.clone(),
            ]);
        }
    }
    figures
}
