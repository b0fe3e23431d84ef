//! A table for people: aligned columns that fit the terminal.
//!
//! The first rows decide how wide the columns are; the rest goes through one row at a time. What does not fit goes on in
//! the next line of its cell.

use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

use crate::report::format::Format;
use crate::report::table::{Cell, Column, ColumnType, Rows};
use crate::text::{columns_of, visible};

/// Rows that decide the widths; as many as anybody looks at.
const ROWS_FOR_WIDTHS: usize = 1000;

/// No column gets narrower than this to make the table fit: a date, or the begin of a GUID.
const NARROWEST: usize = 10;

/// No column gets wider than this, even where nothing has to fit: longer lines nobody reads.
const WIDEST: usize = 200;

/// Spaces between columns.
const GAP: usize = 2;

/// The format.
pub(in crate::report) const FORMAT: Format = Format {
    name: "table",
    extension: "txt",
    fits_terminal: true,
    open: |out, style, _| Ok(Box::new(Text::new(out, style.width))),
};

/// Writes a text table.
pub struct Text<W: Write> {
    out: W,
    terminal: Option<usize>,
    numeric: Vec<bool>,
    /// Columns of which the cells decide: whether one was text, whether one was a number.
    undecided: Vec<Option<(bool, bool)>>,
    heading: Vec<String>,
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
}

impl<W: Write> Text<W> {
    /// To `out`, a terminal of so many columns, or no terminal.
    pub fn new(out: W, terminal: Option<usize>) -> Self {
        Self {
            out,
            terminal,
            numeric: Vec::new(),
            undecided: Vec::new(),
            heading: Vec::new(),
            waiting: Vec::new(),
            widths: None,
        }
    }

    /// Decides the widths and writes what waited for them.
    fn begin(&mut self) -> io::Result<Vec<usize>> {
        for (numeric, seen) in self.numeric.iter_mut().zip(&self.undecided) {
            *numeric |= *seen == Some((false, true));
        }
        let mut widths: Vec<usize> = self.heading.iter().map(|name| columns_of(name)).collect();
        for row in &self.waiting {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(columns_of(cell).min(WIDEST));
            }
        }
        if let Some(terminal) = self.terminal {
            fit(&mut widths, terminal);
        }
        let heading = std::mem::take(&mut self.heading);
        write_row(&mut self.out, &heading, &widths, &self.numeric)?;
        let rule: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
        write_row(&mut self.out, &rule, &widths, &self.numeric)?;
        for row in std::mem::take(&mut self.waiting) {
            write_row(&mut self.out, &row, &widths, &self.numeric)?;
        }
        Ok(widths)
    }
}

impl<W: Write> Rows for Text<W> {
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
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let mut row = Vec::with_capacity(cells.len());
        for cell in cells {
            let mut text = String::new();
            cell.write_text(&mut text);
            row.push(visible(&text).into_owned());
        }
        if let Some(widths) = &self.widths {
            return write_row(&mut self.out, &row, widths, &self.numeric);
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

    fn finish(&mut self) -> io::Result<()> {
        if self.widths.is_none() {
            self.begin()?;
        }
        self.out.flush()
    }
}

/// Takes from the widest columns until the table fits, or nothing can be taken any more.
fn fit(widths: &mut [usize], terminal: usize) {
    let gaps = GAP * widths.len().saturating_sub(1);
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(terminal);
    while excess > 0 {
        let widest = widths.iter().copied().max().unwrap_or(0);
        if widest <= NARROWEST {
            return;
        }
        let next = widths.iter().copied().filter(|&width| width < widest).max();
        let floor = next.unwrap_or(0).max(NARROWEST);
        let count = widths.iter().filter(|&&width| width == widest).count();
        let step = (widest - floor).min(excess.div_ceil(count)).max(1);
        for width in widths.iter_mut().filter(|width| **width == widest) {
            let taken = step.min(excess);
            *width -= taken;
            excess -= taken;
        }
    }
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
        let mut text = Text::new(&mut out, terminal);
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
    fn no_rows_are_a_heading() {
        assert_eq!(
            written(Some(80), &[]),
            "asset  errors  message\n-----  ------  -------\n"
        );
    }
}
