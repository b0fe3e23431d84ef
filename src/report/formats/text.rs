//! A table for people: aligned columns that fit the terminal.
//!
//! The first rows decide how wide the columns are; the rest goes through one row at a time. Reports and lists on a terminal
//! show jobs by name, leave out columns that do not fit beside those that matter more, and shorten cells; elsewhere what
//! does not fit goes on in the next line of its cell.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use crate::report::format::Format;
use crate::report::table::{Cell, Column, ColumnType, Rows};
use crate::text::{columns_of, visible};

/// Rows that decide the widths; as many as anybody looks at.
const ROWS_FOR_WIDTHS: usize = 1000;

/// No column gets narrower than this to make the table fit: a date, or the begin of a GUID.
const NARROWEST: usize = 10;

/// How narrow a column of a report may get on a terminal whose cells are so wide: what is as short as a point in time stays
/// whole, of longer texts the beginning tells them apart.
const fn readable(cells: usize) -> usize {
    if cells <= 20 { cells } else { 16 }
}

/// No column gets wider than this, even where nothing has to fit: longer lines are not read.
const WIDEST: usize = 200;

const GAP: usize = 2;

pub(in crate::report) const FORMAT: Format = Format {
    name: "table",
    extension: "txt",
    fits_terminal: true,
    has_remarks: true,
    open: |out, style, _| Ok(Box::new(TextTable::shortened(out, style.width))),
};

/// Writes a text table.
pub struct TextTable<W: Write> {
    out: W,
    terminal: Option<usize>,
    numeric: Vec<bool>,
    /// Columns whose type the cells decide: whether one was text, whether one was a number.
    undecided: Vec<Option<(bool, bool)>>,
    heading: Vec<String>,
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    remarks: Vec<String>,
    /// Whether what does not fit is left out, not wrapped.
    shortens: bool,
    /// The columns that are shown, in their order.
    shown: Vec<usize>,
    jobs: Option<JobColumns>,
}

/// The columns of a job's GUID and name, which a terminal shows as one.
struct JobColumns {
    id: usize,
    name: usize,
    ids: HashMap<String, String>,
    ambiguous: HashSet<String>,
}

impl JobColumns {
    fn of(heading: &[String]) -> Option<Self> {
        let place = |wanted: &str| heading.iter().position(|name| name == wanted);
        Some(Self {
            id: place("job_id")?,
            name: place("job_name").or_else(|| place("name"))?,
            ids: HashMap::new(),
            ambiguous: HashSet::new(),
        })
    }

    /// Notes a name that two jobs have.
    fn see(&mut self, row: &[String]) {
        let (id, name) = (&row[self.id], &row[self.name]);
        let first = self.ids.entry(name.clone()).or_insert_with(|| id.clone());
        if first != id {
            self.ambiguous.insert(name.clone());
        }
    }

    /// Puts what the job is called in the place of its name: the GUID where there is none, the beginning of the GUID behind
    /// a name that another job has too.
    fn name(&self, row: &mut [String]) {
        let id = &row[self.id];
        if matches!(row[self.name].as_str(), "" | "-") {
            row[self.name] = id.clone();
        } else if self.ambiguous.contains(&row[self.name]) {
            row[self.name] = format!("{} ({})", row[self.name], id.get(..SHORT_ID).unwrap_or(id));
        }
    }
}

/// Digits of a GUID that tell two jobs of one name apart.
const SHORT_ID: usize = 8;

/// Columns that are left out first where not all fit, beside GUIDs and hashes.
const MINOR: [&str; 13] = [
    "status",
    "ordinal",
    "message_details",
    "message_count",
    "job_summary",
    "status_details",
    "custom_status_text",
    "activity_status_list",
    "first_seen_at",
    "last_changed_at",
    "started_at_raw",
    "ended_at_raw",
    "time_basis",
];

/// The column that says why, for which failures and errors are looked at; it is left out as the last.
const REASON: &str = "top_message";

/// How narrow it may get: the beginning of a sentence.
const READABLE_REASON: usize = 27;

/// Columns that give way to the reason.
const BESIDE_A_REASON: [&str; 12] = [
    "asset_type",
    "messages",
    "warnings",
    "information",
    "other",
    "runs",
    "jobs",
    "first_seen",
    "last_seen",
    "ended_at",
    "duration_seconds",
    "revision",
];

/// How soon a column is left out; 0 as the last.
fn expendable(name: &str, has_reason: bool, cells: impl Iterator<Item = bool>) -> u8 {
    // Of a job without a name its GUID is all there is.
    let is_hash = name.ends_with("_hash") || name.ends_with("sha256") || name == "draw";
    if (name.ends_with("_id") && name != "job_id") || is_hash {
        return 5;
    }
    if MINOR.contains(&name) {
        return 4;
    }
    if cells.into_iter().all(|says_nothing| says_nothing) {
        return 3;
    }
    match name {
        REASON => 0,
        _ if has_reason && BESIDE_A_REASON.contains(&name) => 2,
        _ => 1,
    }
}

impl<W: Write> TextTable<W> {
    /// To `out`, a terminal of so many columns, or no terminal; what does not fit is wrapped.
    pub fn new(out: W, terminal: Option<usize>) -> Self {
        Self {
            out,
            terminal,
            numeric: Vec::new(),
            undecided: Vec::new(),
            heading: Vec::new(),
            waiting: Vec::new(),
            widths: None,
            remarks: Vec::new(),
            shortens: false,
            shown: Vec::new(),
            jobs: None,
        }
    }

    /// The same, but what does not fit a terminal is left out or shortened. The columns of a query are what somebody asked
    /// for, and are wrapped.
    pub fn shortened(out: W, terminal: Option<usize>) -> Self {
        Self {
            shortens: terminal.is_some(),
            ..Self::new(out, terminal)
        }
    }

    /// Chooses the columns that fit beside one another, each with room for its heading and some of its cells; the widths
    /// are those of the cells.
    fn choose_columns(&mut self, widths: &[usize], terminal: usize) {
        let least = |column: usize| {
            let of_cells = match self.numeric[column] {
                true => widths[column],
                false if self.heading[column] == REASON => widths[column].min(READABLE_REASON),
                false => readable(widths[column]),
            };
            of_cells.max(columns_of(&self.heading[column]))
        };
        if let Some(jobs) = &self.jobs {
            // The name stands where the GUID stood.
            self.shown.retain(|&column| column != jobs.name);
            let place = self.shown.iter().position(|&column| column == jobs.id);
            self.shown[place.unwrap_or_default()] = jobs.name;
        }
        let needed = |shown: &[usize]| {
            let gaps = GAP * shown.len().saturating_sub(1);
            shown.iter().map(|&column| least(column)).sum::<usize>() + gaps
        };
        let has_reason = self.heading.iter().any(|name| name == REASON);
        let mut shown = self.shown.clone();
        while shown.len() > 1 && needed(&shown) > terminal {
            let cells = |column: usize| {
                let cells = self.waiting.iter().map(move |row| &row[column]);
                cells.map(|cell| matches!(cell.as_str(), "" | "0" | "-"))
            };
            // Not the first one, which says what the row is about, but where that is a GUID or the like.
            let about = expendable(&self.heading[shown[0]], has_reason, cells(shown[0]));
            let first = usize::from(about < 4);
            let least_wanted = (first..shown.len()).max_by_key(|&place| {
                (
                    expendable(&self.heading[shown[place]], has_reason, cells(shown[place])),
                    place,
                )
            });
            let Some(place) = least_wanted else { break };
            shown.remove(place);
        }
        self.shown = shown;
    }

    /// Decides the widths and writes what waited for them.
    fn begin(&mut self) -> io::Result<Vec<usize>> {
        for (numeric, seen) in self.numeric.iter_mut().zip(&self.undecided) {
            *numeric |= *seen == Some((false, true));
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        if let Some(jobs) = &mut self.jobs {
            waiting.iter().for_each(|row| jobs.see(row));
            waiting.iter_mut().for_each(|row| jobs.name(row));
        }
        self.waiting = waiting;
        let mut widths: Vec<usize> = self.heading.iter().map(|name| columns_of(name)).collect();
        for row in &self.waiting {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(columns_of(cell).min(WIDEST));
            }
        }
        self.shown = (0..self.heading.len()).collect();
        if self.shortens
            && let Some(terminal) = self.terminal
        {
            self.choose_columns(&widths, terminal);
        }
        let mut widths: Vec<usize> = self.shown.iter().map(|&column| widths[column]).collect();
        self.numeric = self.shown.iter().map(|&column| self.numeric[column]).collect();
        let heading = std::mem::take(&mut self.heading);
        let heading = self.only_shown(heading);
        if let Some(terminal) = self.terminal {
            // A heading is never cut, nor a number.
            let least: Vec<usize> = heading
                .iter()
                .zip(&widths)
                .zip(&self.numeric)
                .map(|((name, &cells), &is_number)| match (self.shortens, is_number) {
                    (false, _) => NARROWEST,
                    (true, true) => cells,
                    (true, false) => columns_of(name).max(readable(cells)),
                })
                .collect();
            fit(&mut widths, &least, terminal);
        }
        self.write_row(&heading, &widths)?;
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        self.write_row(&rule, &widths)?;
        for row in std::mem::take(&mut self.waiting) {
            let row = self.only_shown(row);
            self.write_row(&row, &widths)?;
        }
        Ok(widths)
    }

    /// The cells of the columns that are shown.
    fn only_shown(&self, mut row: Vec<String>) -> Vec<String> {
        let shown = self.shown.iter();
        shown.map(|&column| std::mem::take(&mut row[column])).collect()
    }

    fn write_row(&mut self, cells: &[String], widths: &[usize]) -> io::Result<()> {
        if !self.shortens {
            return write_row(&mut self.out, cells, widths, &self.numeric);
        }
        let cells: Vec<String> = cells
            .iter()
            .zip(widths)
            .map(|(cell, &wide)| shorten(cell, wide))
            .collect();
        write_row(&mut self.out, &cells, widths, &self.numeric)
    }
}

impl<W: Write> Rows for TextTable<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.numeric = columns.iter().map(|column| column.kind.is_number()).collect();
        self.undecided = columns
            .iter()
            .map(|column| (column.kind == ColumnType::Any).then_some((false, false)))
            .collect();
        self.heading = columns
            .iter()
            .map(|column| visible(&column.name).into_owned())
            .collect();
        self.shortens &= columns.iter().all(|column| column.kind != ColumnType::Any);
        self.jobs = self.shortens.then(|| JobColumns::of(&self.heading)).flatten();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let mut row = Vec::with_capacity(cells.len());
        for cell in cells {
            let mut text = String::new();
            cell.write_text(&mut text);
            row.push(visible(&text).into_owned());
        }
        if let Some(widths) = self.widths.take() {
            if let Some(jobs) = &mut self.jobs {
                jobs.see(&row);
                jobs.name(&mut row);
            }
            let row = self.only_shown(row);
            let written = self.write_row(&row, &widths);
            self.widths = Some(widths);
            return written;
        }
        for (seen, cell) in self.undecided.iter_mut().zip(cells) {
            if let Some((text, number)) = seen {
                *number |= cell.is_number();
                *text |= !cell.is_number() && *cell != Cell::Null;
            }
        }
        self.waiting.push(row);
        if self.waiting.len() == ROWS_FOR_WIDTHS {
            self.widths = Some(self.begin()?);
        }
        Ok(())
    }

    fn remark(&mut self, sentence: &str) -> io::Result<()> {
        self.remarks.push(visible(sentence).into_owned());
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        // Headings of nothing help nobody who reads that there is nothing.
        let is_empty = self.widths.is_none() && self.waiting.is_empty();
        let columns = self.undecided.len();
        if self.widths.is_none() && (!is_empty || self.remarks.is_empty()) {
            self.widths = Some(self.begin()?);
        }
        if self.widths.is_some() && self.shown.len() < columns {
            let more = columns - self.shown.len();
            let plural = if more == 1 { "" } else { "s" };
            writeln!(self.out, "({more} more column{plural} with --wide)")?;
        }
        if !is_empty && !self.remarks.is_empty() {
            self.out.write_all(b"\n")?;
        }
        for remark in std::mem::take(&mut self.remarks) {
            let columns = self.terminal.unwrap_or(WIDEST).max(NARROWEST);
            write_row(&mut self.out, &[remark], &[columns], &[false])?;
        }
        self.out.flush()
    }
}

/// Takes from the widest columns until the table fits, or each is as narrow as it may be.
fn fit(widths: &mut [usize], least: &[usize], terminal: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(terminal);
    while excess > 0 {
        let wider = (0..widths.len()).filter(|&column| widths[column] > least[column]);
        let Some(widest) = wider.max_by_key(|&column| widths[column]) else {
            return;
        };
        widths[widest] -= 1;
        excess -= 1;
    }
}

/// As much of the text as fits into `wide` columns, with an ellipsis where that is not all.
fn shorten(text: &str, wide: usize) -> String {
    if columns_of(text) <= wide {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= wide
    };
    let mut beginning: String = text.chars().take_while(fits).collect();
    beginning.truncate(beginning.trim_end().len());
    beginning + "…"
}

fn write_row(out: &mut impl Write, cells: &[String], widths: &[usize], numeric: &[bool]) -> io::Result<()> {
    let mut rest: Vec<&str> = cells.iter().map(String::as_str).collect();
    let mut line = String::new();
    loop {
        line.clear();
        for ((cell, &wide), &is_number) in rest.iter_mut().zip(widths).zip(numeric) {
            let (piece, behind) = split(cell, wide);
            *cell = behind;
            let spaces = wide.saturating_sub(columns_of(piece));
            if is_number {
                line.extend(std::iter::repeat_n(' ', spaces));
                line.push_str(piece);
            } else {
                line.push_str(piece);
                line.extend(std::iter::repeat_n(' ', spaces));
            }
            line.extend([' '; GAP]);
        }
        out.write_all(line.trim_end_matches(' ').as_bytes())?;
        out.write_all(b"\n")?;
        if rest.iter().all(|cell| cell.is_empty()) {
            return Ok(());
        }
    }
}

/// As much of the text as fits into `wide` columns, and the rest; broken after a space where there is one.
fn split(text: &str, wide: usize) -> (&str, &str) {
    if columns_of(text) <= wide {
        return (text, "");
    }
    let mut used = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        used += character.width().unwrap_or(0);
        if used > wide && at > 0 {
            break;
        }
        end = at + character.len_utf8();
    }
    let (piece, rest) = text.split_at(end);
    match piece.rfind(' ') {
        Some(space) if space > 0 && !rest.starts_with(' ') => (&piece[..space], &text[space + 1..]),
        _ => (piece, rest.strip_prefix(' ').unwrap_or(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(terminal: Option<usize>, rows: &[[Cell<'_>; 3]]) -> String {
        let mut out = Vec::new();
        let mut text = TextTable::new(&mut out, terminal);
        let columns = [
            Column::new("asset", ColumnType::Text),
            Column::new("errors", ColumnType::Integer),
            Column::new("message", ColumnType::Text),
        ];
        text.columns(&columns).unwrap();
        for row in rows {
            text.row(row).unwrap();
        }
        text.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_stand_right_and_wide_characters_are_measured() {
        let rows = [
            [Cell::Text("東京"), Cell::Integer(7), Cell::Text("a\x1b[2J")],
            [Cell::Text("x"), Cell::Integer(12345), Cell::Null],
        ];
        assert_eq!(
            written(None, &rows),
            "asset  errors  message\n-----  ------  -------\n東京        7  a␛[2J\nx       12345\n"
        );
    }

    #[test]
    fn a_table_fits_the_terminal_and_loses_nothing() {
        let long = "the quick brown fox jumps over the lazy dog 東京東京東京東京東京東京";
        let rows = [[Cell::Text("host"), Cell::Integer(1), Cell::Text(long)]];
        let text = written(Some(40), &rows);
        assert!(text.lines().all(|line| columns_of(line) <= 40), "{text}");
        let message: String = text
            .lines()
            .skip(2)
            .map(|line| line.chars().skip(15).collect::<String>().trim().to_owned() + " ")
            .collect();
        assert_eq!(message.replace(' ', ""), long.replace(' ', ""));
    }

    #[test]
    fn rows_beyond_those_that_decide_the_widths_are_written_too() {
        let rows = vec![[Cell::Text("a"), Cell::Integer(1), Cell::Text("b")]; ROWS_FOR_WIDTHS * 2 + 1];
        assert_eq!(written(None, &rows).lines().count(), ROWS_FOR_WIDTHS * 2 + 3);
    }

    #[test]
    fn a_terminal_shows_why_before_figures_of_less_weight() {
        let names = [
            "asset",
            "asset_type",
            "asset_owner",
            "messages",
            "errors",
            "warnings",
            "first_seen",
            "top_message",
        ];
        let columns = names.map(|name| Column::new(name, ColumnType::Text));
        let why = "The asset could not be reached within the time limit.";
        let mut out = Vec::new();
        let mut text = TextTable::shortened(&mut out, Some(80));
        text.columns(&columns).unwrap();
        let owner = r"CORP\server.operations";
        let cells = [
            r"CORP\WIN-01",
            "Windows Machine",
            owner,
            "800",
            "769",
            "17",
            "2026-01-01T00:00:00Z",
            why,
        ];
        text.row(&cells.map(Cell::Text)).unwrap();
        text.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| columns_of(line) <= 80), "{text}");
        for shown in [owner, "769", "The asset could not be"] {
            assert!(text.contains(shown), "{shown}:\n{text}");
        }
    }

    #[test]
    fn a_terminal_shows_names_and_the_columns_that_matter() {
        let columns = [
            Column::new("job_run_id", ColumnType::Text),
            Column::new("job_id", ColumnType::Text),
            Column::new("started_at", ColumnType::Text),
            Column::new("longest_gap_seconds", ColumnType::Integer),
            Column::new("nothing", ColumnType::Text),
            Column::new("message", ColumnType::Text),
            Column::new("job_name", ColumnType::Text),
        ];
        let run = "3c6bafcd-9b04-4c9b-8b4b-6a1f2c9f0d11";
        let message = "the agent did not answer, and the check was left out".repeat(2);
        let written = |terminal| {
            let mut out = Vec::new();
            let mut text = TextTable::shortened(&mut out, terminal);
            text.columns(&columns).unwrap();
            for (id, name) in [
                ("11111111-a", Some("Nightly")),
                ("22222222-b", Some("Nightly")),
                ("33333333-c", None),
            ] {
                let name = name.map_or(Cell::Null, Cell::Text);
                let at = Cell::Text("2026-01-01T00:00:00Z");
                text.row(&[
                    Cell::Text(run),
                    Cell::Text(id),
                    at,
                    Cell::Integer(1_234_567),
                    Cell::Null,
                    Cell::Text(&message),
                    name,
                ])
                .unwrap();
            }
            text.finish().unwrap();
            String::from_utf8(out).unwrap()
        };
        for terminal in [80, 100, 132] {
            let text = written(Some(terminal));
            assert!(text.lines().all(|line| columns_of(line) <= terminal), "{text}");
            for whole in [
                "longest_gap_seconds",
                "1234567",
                "Nightly (11111111)",
                "Nightly (22222222)",
                "33333333-c",
                "…",
            ] {
                assert!(text.contains(whole), "{whole} at {terminal}:\n{text}");
            }
            assert!(text.contains(" with --wide)\n"), "{text}");
        }
        // Elsewhere all is there.
        let all = written(None);
        assert!(
            all.contains(run) && all.contains("11111111-a") && all.contains(&message),
            "{all}"
        );
    }

    #[test]
    fn no_rows_are_a_heading() {
        assert_eq!(
            written(Some(80), &[]),
            "asset  errors  message\n-----  ------  -------\n"
        );
    }
}
