//! The table of a page: the first rows of a report, to be sorted and searched where the script runs.

use maud::{Markup, Render, html};

use crate::report::html::text::{Breakable, Text};
use crate::report::numbers::{duration, grouped};
use crate::report::table::{Cell, Column, ColumnType};
use crate::text::shortened;

/// Rows that a page shows; more are slow to scroll, and are not read.
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
    /// Whether a column's cells were texts, and whether they were numbers; for columns whose type the cells decide.
    seen: Vec<(bool, bool)>,
    rows: Vec<Vec<RenderedCell>>,
    bytes: usize,
    all: u64,
}

/// A cell as the page shows it.
#[derive(Debug)]
struct RenderedCell {
    markup: Markup,
    /// The class of the style sheet that fits what is in it.
    class: Option<&'static str>,
    /// The number, where the markup gives it as text.
    number: Option<String>,
}

impl PageTable {
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
        let job_id = self.columns.iter().position(|column| column.name == "job_id");
        let job_id = job_id.map(|at| &cells[at]);
        for ((cell, column), seen) in cells.iter().zip(&self.columns).zip(&mut self.seen) {
            // A job without a name goes by its GUID.
            let cell = match cell {
                Cell::Null if column.name == "job_name" => job_id.unwrap_or(cell),
                cell => cell,
            };
            seen.0 |= !cell.is_number() && *cell != Cell::Null;
            seen.1 |= cell.is_number();
            let cell = show(cell, column);
            self.bytes += cell.markup.0.len();
            row.push(cell);
        }
        self.rows.push(row);
    }

    /// All rows, those that are not shown too.
    pub const fn all(&self) -> u64 {
        self.all
    }

    /// The table, and a sentence about what it leaves out.
    #[must_use]
    pub fn draw(&self, title: &str, report: &str) -> Markup {
        let shown = u64::try_from(self.rows.len()).expect("a length fits");
        let (mut kept, empty): (Vec<usize>, Vec<usize>) =
            (0..self.columns.len()).partition(|&column| self.has_something(column));
        let empty: Vec<&str> = empty.iter().map(|&column| &*self.columns[column].name).collect();
        if report != "query" {
            // The name says what the code says, an unknown code too.
            if self.columns.iter().any(|column| column.name == "status_name") {
                kept.retain(|&column| self.columns[column].name != "status");
            }
            kept.sort_by_key(|&column| self.place(column));
        }
        html! {
            section #table .part {
                h2 { (Text(title)) }
                @if self.all == 0 {
                    p.note { "No matching rows." }
                }
                @if shown < self.all {
                    p.note {
                        "These are the first " (grouped(shown)) " of " (grouped(self.all))
                        " rows. All of them: the same with --format csv or --format xlsx."
                    }
                }
                @if !empty.is_empty() {
                    p.soft { "Empty in each of these rows, and left out: " (Text(&empty.join(", "))) "." }
                }
                div #tools .tools hidden {
                    label for="search" { "Search the rows" }
                    input #search type="search" autocomplete="off" spellcheck="false";
                    span #found role="status" aria-live="polite" {}
                }
                div.scroll tabindex="0" role="region" aria-label="Rows" {
                    table #rows {
                        thead {
                            tr {
                                @for &column in &kept {
                                    th.n[self.is_numeric(column)] scope="col" {
                                        (Text(&self.heading(column, report)))
                                    }
                                }
                            }
                        }
                        @for (number, portion) in self.portions().into_iter().enumerate() {
                            tbody class=[(number > 0).then_some("later")] {
                                "\n"
                                @for row in portion {
                                    tr {
                                        @for cell in kept.iter().map(|&column| &row[column]) {
                                            td class=[cell.class] data-number=[&cell.number] { (cell.markup) }
                                        }
                                    }
                                    "\n"
                                }
                            }
                        }
                    }
                }
                p #rest .soft hidden { " " button type="button" { "Draw all of them" } }
            }
            "\n"
        }
    }

    /// The rows in portions; one without rows where there are none.
    fn portions(&self) -> Vec<&[Vec<RenderedCell>]> {
        let mut portions = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (at, row) in self.rows.iter().enumerate() {
            if at - start == PORTION || bytes >= PORTION_BYTES {
                portions.push(&self.rows[start..at]);
                (start, bytes) = (at, 0);
            }
            bytes += row.iter().map(|cell| cell.markup.0.len()).sum::<usize>();
        }
        portions.push(&self.rows[start..]);
        portions
    }

    fn has_something(&self, column: usize) -> bool {
        self.rows.is_empty() || self.seen[column] != (false, false)
    }

    fn is_numeric(&self, column: usize) -> bool {
        let (text, number) = self.seen[column];
        self.columns[column].kind.is_number()
            || (self.columns[column].kind == ColumnType::Any && number && !text)
    }

    /// A column's name as people read it; that of a query as it was written.
    fn heading(&self, column: usize, report: &str) -> String {
        let Column { name, kind } = &self.columns[column];
        if report == "query" {
            return name.to_string();
        }
        match (name.strip_suffix(SECONDS), kind) {
            (Some("usual"), _) => "usual interval".to_owned(),
            (Some("longest_gap"), _) => "longest time between syncs".to_owned(),
            (Some("silent"), _) => "time since last run".to_owned(),
            (Some(duration), _) => duration.replace('_', " "),
            (None, ColumnType::Decimal) => match name.strip_suffix("_days") {
                Some(name) => name.replace('_', " ") + " (days)",
                None => name.replace('_', " "),
            },
            (None, ColumnType::Instant) => name.replace('_', " ") + " (UTC)",
            (None, _) => name.replace('_', " "),
        }
    }

    /// Where a column of a report stands: the job's name where its GUID does, GUIDs and hashes last, and before them the
    /// revision, which few need.
    fn place(&self, column: usize) -> (u8, usize) {
        let is_id = |column: &Column| column.kind == ColumnType::Text && is_identifier(&column.name);
        let first_id = self.columns.iter().position(is_id);
        match &self.columns[column] {
            Column { name, .. } if name == "job_name" => (0, first_id.unwrap_or(column).min(column)),
            Column { name, .. } if name == "revision" => (1, column),
            other => (if is_id(other) { 2 } else { 0 }, column),
        }
    }
}

/// What the name of a column of durations ends with.
const SECONDS: &str = "_seconds";

fn is_identifier(name: &str) -> bool {
    name.ends_with("_id") || name.ends_with("_sha256") || name == "draw"
}

fn show(cell: &Cell<'_>, column: &Column) -> RenderedCell {
    let mut text = String::new();
    let mut number = None;
    let class = match *cell {
        Cell::Null => None,
        Cell::Text(foreign) => {
            text.push_str(foreign);
            class_of_text(foreign)
        }
        Cell::Integer(_) | Cell::Decimal(_)
            if column.kind != ColumnType::Any && column.name.ends_with(SECONDS) =>
        {
            cell.write_text(&mut text);
            let whole = text.split('.').next().unwrap_or_default();
            let whole = whole.parse::<i64>().ok().filter(|whole| whole.abs() >= 60);
            let formatted = whole.map_or_else(|| format!("{text} s"), duration);
            number = Some(std::mem::replace(&mut text, formatted));
            NUMBER
        }
        Cell::Integer(number) => {
            let digits = grouped(number.unsigned_abs());
            text = if number < 0 { format!("-{digits}") } else { digits };
            NUMBER
        }
        // A rate has four decimals: a percentage with two says the same.
        Cell::Decimal(number) if column.kind == ColumnType::Rate => {
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
            None
        }
        Cell::Bytes(bytes) => {
            Cell::Bytes(&bytes[..bytes.len().min(LETTERS_SHOWN)]).write_text(&mut text);
            Some("w mono")
        }
    };
    let markup = match shortened(&text, LETTERS_SHOWN) {
        None => Breakable(&text).render(),
        Some(short) => {
            let rest = text.chars().count() - LETTERS_SHOWN;
            let rest = u64::try_from(rest).expect("a length fits");
            html! { (Breakable(short)) span.cut { "… and " (grouped(rest)) " letters more" } }
        }
    };
    RenderedCell {
        markup,
        class,
        number,
    }
}

const TIME: Option<&str> = Some("t");
const NUMBER: Option<&str> = Some("n");

fn class_of_text(text: &str) -> Option<&'static str> {
    if is_guid(text) {
        Some("id")
    } else if shortened(text, LONG_LETTERS).is_some() {
        Some("w x")
    } else if shortened(text, SHORT_LETTERS).is_some() || text.contains('\n') {
        Some("w")
    } else {
        None
    }
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
