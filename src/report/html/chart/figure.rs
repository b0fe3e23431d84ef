//! The frame of every chart: its title, what it shows as text, and its figures as a table.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use maud::{Markup, Render, html};

use super::scale::{MOST_MARKS, TimeAxis};
use crate::report::bins::{Bins, RunCounts};
use crate::report::html::simple_table;
use crate::report::html::text::{Breakable, Percent, Text, Units};
use crate::report::numbers::grouped;
use crate::report::options::Period;
use crate::report::titles::label;
use crate::text::in_columns;

/// The figures of a chart, as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FigureTable {
    /// Headings; the first column names the row.
    pub columns: Vec<String>,
    /// Rows, with a cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl FigureTable {
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// A row for each period, and for each job what failed of what finished.
    pub(super) fn of_jobs(by: Period, jobs: &[(&str, Bins<RunCounts>)]) -> Self {
        let mut columns = vec![by.name().to_owned()];
        columns.extend(jobs.iter().map(|(name, _)| label(name)));
        let firsts = jobs
            .iter()
            .flat_map(|(_, bins)| bins.iter().map(|(first, _)| first));
        let firsts: BTreeSet<NaiveDate> = firsts.collect();
        let cell = |bins: &Bins<RunCounts>, first| match bins.get(first) {
            None => String::new(),
            Some(runs) => format!("{} of {}", grouped(runs.failed), grouped(runs.finished)),
        };
        let row = |first: NaiveDate| {
            let cells = jobs.iter().map(|(_, bins)| cell(bins, first));
            std::iter::once(first.to_string()).chain(cells).collect()
        };
        Self {
            columns,
            rows: firsts.into_iter().map(row).collect(),
        }
    }

    /// The table, collapsed until opened.
    fn folded(&self, title: &str) -> Markup {
        let rows = self.rows.iter();
        let rows: Vec<Vec<Markup>> = rows
            .map(|row| row.iter().map(|cell| Text(cell).render()).collect())
            .collect();
        html! {
            details.figures {
                summary { "Figures of this chart" }
                (simple_table(&format!("Figures: {title}"), &self.columns, &rows))
            }
        }
    }
}

/// Puts a chart into its frame.
///
/// `below` is what is said under the title, `body` the drawing.
#[must_use]
pub(super) fn framed(title: &str, below: &str, body: &Markup, figures: Option<&FigureTable>) -> Markup {
    html! {
        figure.chart {
            figcaption {
                h2 { (Text(title)) }
                @if !below.is_empty() { p { (Text(below)) } }
            }
            "\n" (body)
            @if let Some(figures) = figures { (figures.folded(title)) }
        }
        "\n"
    }
}

/// The key of a chart's colours.
pub(super) fn key(entries: &[(&'static str, &str)]) -> Markup {
    html! {
        ul.key {
            @for (class, word) in entries {
                li {
                    svg width="14" height="14" aria-hidden="true" {
                        rect class=(class) width="14" height="14" rx="2" {}
                    }
                    (Text(word))
                }
            }
        }
        "\n"
    }
}

/// Letters of a name that a tooltip shows.
const TOOLTIP_COLUMNS: usize = 400;

/// Pixels that the marks of a time axis need.
pub(super) const AXIS_HEIGHT: f64 = 24.0;

/// Letters of a day; with them half as many marks have room on a narrow screen as with months.
const LONG_WORD: usize = 10;

/// The marks of a time axis, along the top of the drawing that they are put into. Where the screen is narrow, every other
/// one is left out; of whole days and of a small drawing all but every fourth, if there are many.
///
/// `has_neighbours` is set where something stands close to both ends of the axis: a mark there must not reach into it.
pub(super) fn marks_below(axis: TimeAxis, most: usize, has_neighbours: bool) -> Markup {
    let marks = axis.marks(most);
    let are_many = marks.len() > 4;
    let classes = |index: usize, word: &str| match index % 4 {
        2 if are_many && word.len() >= LONG_WORD => ("tick other", "mark-below other"),
        2 if are_many => ("tick second", "mark-below second"),
        0 | 2 => ("tick", "mark-below"),
        _ => ("tick other", "mark-below other"),
    };
    let anchor = |x: f64| match x {
        ..1.0 if has_neighbours => "start",
        99.0.. if has_neighbours => "end",
        _ => "middle",
    };
    html! {
        @for (index, &(x, ref word)) in marks.iter().enumerate() {
            @let (tick, below) = classes(index, word);
            line class=(tick) x1=(Percent(x)) x2=(Percent(x)) y2="5" {}
            text class=(below) text-anchor=(anchor(x)) x=(Percent(x)) y="19" { (word) }
        }
    }
}

/// A column behind the name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heading<'a> {
    Plot(&'a str),
    /// A drawing that a narrow screen leaves out.
    OptionalPlot(&'a str),
    Number(&'a str),
    /// A number that a narrow screen leaves out.
    OptionalNumber(&'a str),
}

/// A chart that is a table: a row for each thing, with its name, its drawing and its numbers. Readers that show no drawing
/// have the names and the numbers.
pub(super) fn row_chart(title: &str, name: &str, headings: &[Heading<'_>], rows: &Markup) -> Markup {
    html! {
        table.rows aria-label=(Text(title)) {
            thead {
                tr {
                    th scope="col" class="name" { (Text(name)) }
                    @for heading in headings {
                        @let (class, word) = match *heading {
                            Heading::Plot(word) => (plot_class(false), word),
                            Heading::OptionalPlot(word) => (plot_class(true), word),
                            Heading::Number(word) => (number_class(false), word),
                            Heading::OptionalNumber(word) => (number_class(true), word),
                        };
                        th scope="col" class=(class) { (Text(word)) }
                    }
                }
            }
            tbody { "\n" (rows) }
        }
        "\n"
    }
}

const fn plot_class(is_optional: bool) -> &'static str {
    if is_optional {
        "plot-cell optional"
    } else {
        "plot-cell"
    }
}

const fn number_class(is_optional: bool) -> &'static str {
    if is_optional { "num optional" } else { "num" }
}

/// The row of a thing, with the cells behind its name; its whole name is in the tooltip.
pub(super) fn row(name: &str, cells: &Markup) -> Markup {
    html! {
        tr {
            th scope="row" class="name" title=(Text(&in_columns(name, TOOLTIP_COLUMNS))) {
                span { (Breakable(&label(name))) }
            }
            (cells)
        }
        "\n"
    }
}

/// A cell with a drawing of a height in pixels, or the place for one that a narrow screen leaves out.
pub(super) fn plot(is_optional: bool, height: f64, drawing: &Markup) -> Markup {
    html! {
        td class=(plot_class(is_optional)) {
            svg.row-plot aria-hidden="true" width="100%" height=(Units(height)) { (drawing) }
        }
    }
}

/// A cell with a number.
pub(super) fn number(is_optional: bool, text: &str) -> Markup {
    html! { td class=(number_class(is_optional)) { (Text(text)) } }
}

/// The last row: time axes under the drawings, `plots` of which the first is never left out, and room for the numbers.
pub(super) fn axes(axis: TimeAxis, plots: usize, numbers: &[bool]) -> Markup {
    // Of two drawings beside each other each has less than half of the room.
    let most = if plots > 1 { 4 } else { MOST_MARKS };
    let marks = marks_below(axis, most, true);
    html! {
        tr.axis aria-hidden="true" {
            td.name {}
            @for at in 0..plots { (plot(at > 0, AXIS_HEIGHT, &marks)) }
            @for &is_optional in numbers { (number(is_optional, "")) }
        }
        "\n"
    }
}
