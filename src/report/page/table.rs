//! The table of a page: the first rows of a report, to be sorted and searched where the script runs.

use crate::report::chart::{Markup, Value, grouped, shortened};
use crate::report::table::{Cell, Column, ColumnType as Kind};

/// Rows that a page shows; more are slow to scroll, and nobody reads them.
pub const ROWS_SHOWN: usize = 5_000;

/// Letters of a text that a cell shows.
const LETTERS_SHOWN: usize = 1_000;

/// Up to so many letters a text stands on one line; a longer one is broken.
const SHORT_LETTERS: usize = 28;

/// From so many letters on a text gets a wide column, so that its row does not get too high.
const LONG_LETTERS: usize = 160;

/// Rows that are laid out before any is asked for: the script brings the others when they are scrolled to, since a browser
/// takes seconds to lay out thousands. Without the script, and on paper, all are there.
const PORTION: usize = 200;

/// Bytes of markup at which a portion is full, whatever its rows: long texts take as long to lay out.
const PORTION_BYTES: usize = 192 * 1024;

/// Bytes of markup at which a page is full, whatever its rows.
const MOST_BYTES: usize = 24 * 1024 * 1024;

/// The rows of a page.
#[derive(Debug, Default)]
pub struct PageTable {
    columns: Vec<Column>,
    /// Whether a column's cells were texts, and whether they were numbers; for columns of which the cells decide.
    seen: Vec<(bool, bool)>,
    rows: Vec<Vec<Shown>>,
    bytes: usize,
    all: u64,
}

/// A cell as the page shows it.
#[derive(Debug)]
struct Shown {
    markup: Markup,
    /// The element's begin: with the class of the style sheet that fits what is in it.
    begin: &'static str,
}

impl PageTable {
    /// Takes the columns.
    pub fn columns(&mut self, columns: &[Column]) {
        self.columns = columns.to_vec();
        self.seen = vec![(false, false); columns.len()];
    }

    /// Takes a row, and keeps it if it is one of the first.
    pub fn row(&mut self, cells: &[Cell<'_>]) {
        self.all += 1;
        if self.rows.len() >= ROWS_SHOWN || self.bytes >= MOST_BYTES {
            return;
        }
        let mut row = Vec::with_capacity(cells.len());
        for ((cell, column), seen) in cells.iter().zip(&self.columns).zip(&mut self.seen) {
            seen.0 |= !cell.is_number() && *cell != Cell::Null;
            seen.1 |= cell.is_number();
            let cell = show(cell, column.kind);
            self.bytes += cell.markup.as_str().len();
            row.push(cell);
        }
        self.rows.push(row);
    }

    /// All rows, those that are not shown too.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.all
    }

    /// The table, with what it leaves out in words.
    #[must_use]
    pub fn draw(&self, title: &str, report: &str) -> Markup {
        let mut markup = Markup::new();
        markup.raw("<section id=\"table\" class=\"part\">\n");
        markup.leaf("h2", &[], title).raw("\n");
        if self.all == 0 {
            markup.raw(
                "<p class=\"note\">Nothing in the archive is what was asked for: there are no rows.</p>\n",
            );
        }
        let shown = u64::try_from(self.rows.len()).expect("a length fits");
        if shown < self.all {
            let words = format!(
                "These are the first {} of {} rows. All of them: the same with --format csv or --format xlsx.",
                grouped(shown),
                grouped(self.all)
            );
            markup
                .leaf("p", &[("class", Value::Word("note"))], &words)
                .raw("\n");
        }
        let kept: Vec<usize> = (0..self.columns.len())
            .filter(|&column| self.has_something(column))
            .collect();
        if kept.len() < self.columns.len() && !self.rows.is_empty() {
            let names: Vec<&str> = (0..self.columns.len())
                .filter(|column| !kept.contains(column))
                .map(|column| &*self.columns[column].name)
                .collect();
            let words = format!("Empty in each of these rows, and left out: {}.", names.join(", "));
            markup
                .leaf("p", &[("class", Value::Word("soft"))], &words)
                .raw("\n");
        }
        markup.raw("<div class=\"tools\" id=\"tools\" hidden><label for=\"search\">Search the rows</label>");
        markup.raw("<input type=\"search\" id=\"search\" autocomplete=\"off\" spellcheck=\"false\">");
        markup.raw("<span id=\"found\" role=\"status\" aria-live=\"polite\"></span></div>\n");
        markup.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Rows\"><table id=\"rows\">\n<thead><tr>");
        for &column in &kept {
            let class = if self.is_numeric(column) { "n" } else { "" };
            let attributes = [("scope", Value::Word("col")), ("class", Value::Word(class))];
            markup.leaf("th", &attributes, &self.heading(column, report));
        }
        markup.raw("</tr></thead>\n<tbody>\n");
        let (mut rows, mut bytes) = (0, 0);
        for row in &self.rows {
            if rows == PORTION || bytes >= PORTION_BYTES {
                markup.raw("</tbody>\n<tbody class=\"later\">\n");
                (rows, bytes) = (0, 0);
            }
            rows += 1;
            bytes += row.iter().map(|cell| cell.markup.as_str().len()).sum::<usize>();
            markup.raw("<tr>");
            for &column in &kept {
                let cell = &row[column];
                markup.raw(cell.begin).add(&cell.markup).raw("</td>");
            }
            markup.raw("</tr>\n");
        }
        markup.raw("</tbody></table></div>\n");
        markup.raw("<p class=\"soft\" id=\"rest\" hidden> <button type=\"button\">Draw all of them</button></p>\n</section>\n");
        markup
    }

    fn has_something(&self, column: usize) -> bool {
        self.rows.is_empty() || self.seen[column] != (false, false)
    }

    fn is_numeric(&self, column: usize) -> bool {
        let (text, number) = self.seen[column];
        self.columns[column].kind.is_number() || (self.columns[column].kind == Kind::Any && number && !text)
    }

    /// A column's name as people read it; that of a query as it was written.
    fn heading(&self, column: usize, report: &str) -> String {
        let Column { name, kind } = &self.columns[column];
        let name = if report == "query" {
            name.to_string()
        } else {
            name.replace('_', " ")
        };
        if *kind == Kind::Instant {
            name + " (UTC)"
        } else {
            name
        }
    }
}

fn show(cell: &Cell<'_>, kind: Kind) -> Shown {
    let mut markup = Markup::new();
    let mut text = String::new();
    let begin = match *cell {
        Cell::Null => SHORT,
        Cell::Text(foreign) => {
            text.push_str(foreign);
            begin_of_text(foreign)
        }
        Cell::Integer(number) => {
            let digits = grouped(number.unsigned_abs());
            text = if number < 0 { format!("-{digits}") } else { digits };
            NUMBER
        }
        // A rate has four decimals: a percentage with two says the same.
        Cell::Decimal(number) if kind == Kind::Rate => {
            text = number.percent();
            NUMBER
        }
        Cell::Decimal(_) | Cell::Real(_) => {
            cell.write_text(&mut text);
            NUMBER
        }
        Cell::Instant(_) => {
            cell.write_text(&mut text);
            text = text.replace('T', " ").replace('Z', "");
            TIME
        }
        Cell::Date(_) => {
            cell.write_text(&mut text);
            SHORT
        }
        Cell::Bytes(bytes) => {
            Cell::Bytes(&bytes[..bytes.len().min(LETTERS_SHOWN)]).write_text(&mut text);
            "<td class=\"w mono\">"
        }
    };
    match shortened(&text, LETTERS_SHOWN) {
        None => markup.breakable(&text),
        Some(short) => {
            let rest = text.chars().count() - LETTERS_SHOWN;
            let rest = u64::try_from(rest).expect("a length fits");
            markup.breakable(short).raw("<span class=\"cut\">… and ");
            markup.text(&grouped(rest)).raw(" letters more</span>")
        }
    };
    Shown { markup, begin }
}

const SHORT: &str = "<td>";
const TIME: &str = "<td class=\"t\">";
const NUMBER: &str = "<td class=\"n\">";

fn begin_of_text(text: &str) -> &'static str {
    if is_guid(text) {
        "<td class=\"id\">"
    } else if shortened(text, LONG_LETTERS).is_some() {
        "<td class=\"w x\">"
    } else if shortened(text, SHORT_LETTERS).is_some() || text.contains('\n') {
        "<td class=\"w\">"
    } else {
        SHORT
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
