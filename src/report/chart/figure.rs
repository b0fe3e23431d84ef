//! The frame of every chart: its title, what it shows in words, and its figures as a table.

use super::markup::{Markup, Value, in_brief, label};
use super::scale::{MOST_MARKS, TimeAxis};

/// The figures of a chart, as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Headings; the first column names the row.
    pub columns: Vec<String>,
    /// Rows, with a cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Figures {
    /// With these headings.
    #[must_use]
    pub fn new(columns: &[&str]) -> Self {
        Self {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    /// The table, folded until somebody asks for it.
    #[must_use]
    pub fn folded(&self, title: &str) -> Markup {
        let mut markup = Markup::new();
        markup.raw("<details class=\"figures\"><summary>Figures of this chart</summary>");
        markup.open(
            "div",
            &[
                ("class", Value::Word("scroll")),
                ("tabindex", Value::Word("0")),
                ("role", Value::Word("region")),
                ("aria-label", Value::Text(&format!("Figures: {title}"))),
            ],
        );
        markup.raw("<table><thead><tr>");
        for column in &self.columns {
            markup.leaf("th", &[("scope", Value::Word("col"))], column);
        }
        markup.raw("</tr></thead><tbody>");
        for row in &self.rows {
            markup.raw("<tr>");
            for (place, cell) in row.iter().enumerate() {
                if place == 0 {
                    markup.leaf("th", &[("scope", Value::Word("row"))], cell);
                } else {
                    markup.leaf("td", &[], cell);
                }
            }
            markup.raw("</tr>\n");
        }
        markup.raw("</tbody></table></div></details>");
        markup
    }
}

/// Puts a chart into its frame.
///
/// `below` is what is said under the title, `body` the drawing.
#[must_use]
pub(super) fn framed(title: &str, below: &str, body: &Markup, figures: Option<&Figures>) -> Markup {
    let mut markup = Markup::new();
    markup.raw("<figure class=\"chart\"><figcaption>");
    markup.leaf("h2", &[], title);
    if !below.is_empty() {
        markup.leaf("p", &[], below);
    }
    markup.raw("</figcaption>\n");
    markup.add(body);
    if let Some(figures) = figures {
        markup.add(&figures.folded(title));
    }
    markup.raw("</figure>\n");
    markup
}

/// Opens a drawing of a height in pixels and the width of its place. `title` names it and `description` says what it shows
/// to whoever cannot see it.
pub(super) fn open_drawing(
    markup: &mut Markup,
    class: &'static str,
    height: f64,
    title: &str,
    description: &str,
) {
    markup.open(
        "svg",
        &[
            ("class", Value::Word(class)),
            ("role", Value::Word("img")),
            ("aria-label", Value::Text(&format!("{title}. {description}"))),
            ("width", Value::Word("100%")),
            ("height", Value::Units(height)),
        ],
    );
    markup.leaf("title", &[], title).leaf("desc", &[], description);
}

/// The key of a chart's colours.
pub(super) fn key(markup: &mut Markup, entries: &[(&'static str, &str)]) {
    markup.raw("<ul class=\"key\">");
    for (class, word) in entries {
        markup.raw("<li><svg width=\"14\" height=\"14\" aria-hidden=\"true\">");
        markup.empty(
            "rect",
            &[
                ("class", Value::Word(class)),
                ("width", Value::Word("14")),
                ("height", Value::Word("14")),
                ("rx", Value::Word("2")),
            ],
        );
        markup.raw("</svg>").text(word).raw("</li>");
    }
    markup.raw("</ul>\n");
}

/// Letters of a name that a tooltip shows.
const TOOLTIP_LETTERS: usize = 400;

/// Pixels that the marks of a time axis need.
pub(super) const AXIS_HEIGHT: f64 = 24.0;

/// Letters of a day; with them half as many marks have room on a narrow screen as with months.
const LONG_WORD: usize = 10;

/// The marks of a time axis, along the top of the drawing that is open. Where the screen is narrow, every other one is left
/// out; of whole days and of a small drawing all but every fourth, if there are many.
///
/// `has_neighbours` is set where something stands close to both ends of the axis: a mark there must not reach into it.
pub(super) fn marks_below(markup: &mut Markup, axis: TimeAxis, most: usize, has_neighbours: bool) {
    let marks = axis.marks(most);
    let are_many = marks.len() > 4;
    let ends_at_end = marks.last().is_some_and(|(at, _)| axis.percent(*at) >= 99.0);
    for (index, (at, word)) in marks.into_iter().enumerate() {
        let x = axis.percent(at);
        let (tick, below) = match index % 4 {
            2 if are_many && word.len() >= LONG_WORD => ("tick other", "mark-below other"),
            2 if are_many => ("tick second", "mark-below second"),
            0 | 2 => ("tick", "mark-below"),
            _ => ("tick other", "mark-below other"),
        };
        let anchor = match x {
            ..1.0 if has_neighbours && (ends_at_end || word.len() >= LONG_WORD) => "start",
            99.0.. if has_neighbours => "end",
            _ => "middle",
        };
        markup.empty(
            "line",
            &[
                ("class", Value::Word(tick)),
                ("x1", Value::Percent(x)),
                ("x2", Value::Percent(x)),
                ("y2", Value::Word("5")),
            ],
        );
        let place = [
            ("class", Value::Word(below)),
            ("text-anchor", Value::Word(anchor)),
            ("x", Value::Percent(x)),
            ("y", Value::Word("19")),
        ];
        markup.leaf("text", &place, &word);
    }
}

/// A chart that is a table: a row for each thing, with its name, its drawing and its numbers. Readers that show no drawing
/// have the names and the numbers.
#[derive(Debug)]
pub(super) struct RowChart {
    markup: Markup,
}

/// A column behind the name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Heading<'a> {
    /// A drawing.
    Plot(&'a str),
    /// A drawing that a narrow screen leaves out.
    OptionalPlot(&'a str),
    /// A number.
    Number(&'a str),
    /// A number that a narrow screen leaves out.
    OptionalNumber(&'a str),
}

impl RowChart {
    /// With these headings.
    pub(super) fn new(title: &str, name: &str, headings: &[Heading<'_>]) -> Self {
        let mut markup = Markup::new();
        markup.open(
            "table",
            &[("class", Value::Word("rows")), ("aria-label", Value::Text(title))],
        );
        markup.raw("<thead><tr>");
        markup.leaf(
            "th",
            &[("scope", Value::Word("col")), ("class", Value::Word("name"))],
            name,
        );
        for heading in headings {
            let (class, word) = match *heading {
                Heading::Plot(word) => ("plot-cell", word),
                Heading::OptionalPlot(word) => ("plot-cell optional", word),
                Heading::Number(word) => ("num", word),
                Heading::OptionalNumber(word) => ("num optional", word),
            };
            markup.leaf(
                "th",
                &[("scope", Value::Word("col")), ("class", Value::Word(class))],
                word,
            );
        }
        markup.raw("</tr></thead><tbody>\n");
        Self { markup }
    }

    /// Begins the row of a thing; its whole name is in the tooltip.
    pub(super) fn begin(&mut self, name: &str) {
        self.markup.raw("<tr>");
        let whole = in_brief(name, TOOLTIP_LETTERS);
        let attributes = [
            ("scope", Value::Word("row")),
            ("class", Value::Word("name")),
            ("title", Value::Text(&whole)),
        ];
        self.markup
            .open("th", &attributes)
            .raw("<span>")
            .breakable(&label(name))
            .raw("</span>");
        self.markup.close("th");
    }

    /// A cell with a drawing of a height in pixels, or the place for one that a narrow screen leaves out.
    pub(super) fn plot(&mut self, is_optional: bool, height: f64, draw: impl FnOnce(&mut Markup)) {
        let class = if is_optional {
            "plot-cell optional"
        } else {
            "plot-cell"
        };
        self.markup.open("td", &[("class", Value::Word(class))]);
        self.markup.open(
            "svg",
            &[
                ("class", Value::Word("row-plot")),
                ("aria-hidden", Value::Word("true")),
                ("width", Value::Word("100%")),
                ("height", Value::Units(height)),
            ],
        );
        draw(&mut self.markup);
        self.markup.close("svg").close("td");
    }

    /// A cell with a number.
    pub(super) fn number(&mut self, is_optional: bool, text: &str) {
        let class = if is_optional { "num optional" } else { "num" };
        self.markup.leaf("td", &[("class", Value::Word(class))], text);
    }

    /// Ends the row.
    pub(super) fn end(&mut self) {
        self.markup.raw("</tr>\n");
    }

    /// The last row: time axes under the drawings, `plots` of which the first is never left out, and room for the numbers.
    pub(super) fn axes(&mut self, axis: TimeAxis, plots: usize, numbers: &[bool]) {
        self.markup
            .raw("<tr class=\"axis\" aria-hidden=\"true\"><td class=\"name\"></td>");
        // Of two drawings beside each other each has less than half of the room.
        let most = if plots > 1 { 4 } else { MOST_MARKS };
        for plot in 0..plots {
            self.plot(plot > 0, AXIS_HEIGHT, |markup| {
                marks_below(markup, axis, most, true)
            });
        }
        for &is_optional in numbers {
            self.number(is_optional, "");
        }
        self.end();
    }

    /// The whole table.
    pub(super) fn finish(mut self) -> Markup {
        self.markup.raw("</tbody></table>\n");
        self.markup
    }
}
