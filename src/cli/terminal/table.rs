//! Small tables for people, and the same rows as JSON for programs.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::terminal::console::{Console, shown};
use crate::config::TableOrJson;
use crate::report::formats::TextTable;
use crate::report::{self, Cell, ColumnType, Rows};
pub(crate) use crate::text::counted;

/// A column's heading and side.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TerminalColumn {
    /// Text, on the left.
    Text(&'static str),
    /// A number, on the right.
    Number(&'static str),
}

/// Columns of the terminal that a table on standard output has to fit into: none where it is no terminal, or all of a
/// table is wanted (`--wide`).
pub(crate) fn width_to_fit(wide: bool) -> Option<usize> {
    if wide {
        return None;
    }
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// The rows under their headings, as text that fits so many columns. Control characters in cells are shown escaped.
pub(crate) fn table(
    columns: &[TerminalColumn],
    rows: impl IntoIterator<Item = Vec<String>>,
    width: Option<usize>,
) -> String {
    let mut text = Vec::new();
    write_table(&mut text, columns, rows, width).expect("memory takes all");
    String::from_utf8(text).expect("what is written is text")
}

fn write_table(
    out: &mut impl Write,
    columns: &[TerminalColumn],
    rows: impl IntoIterator<Item = Vec<String>>,
    width: Option<usize>,
) -> io::Result<()> {
    let mut text = TextTable::shortened(out, width);
    let columns: Vec<report::Column> = columns
        .iter()
        .map(|column| match *column {
            TerminalColumn::Text(heading) => report::Column::new(heading, ColumnType::Text),
            TerminalColumn::Number(heading) => report::Column::new(heading, ColumnType::Integer),
        })
        .collect();
    text.columns(&columns)?;
    for row in rows {
        let row: Vec<String> = row.iter().map(|cell| shown(cell)).collect();
        let cells: Vec<Cell<'_>> = row.iter().map(|cell| Cell::Text(cell)).collect();
        text.row(&cells)?;
    }
    text.finish()
}

/// Writes rows to standard output, as a table or as one JSON array.
pub(crate) fn print<R: Serialize>(
    format: TableOrJson,
    rows: &[R],
    columns: &[TerminalColumn],
    width: Option<usize>,
    cells: impl Fn(&R) -> Vec<String>,
) -> Result<(), Failure> {
    match format {
        TableOrJson::Table => {
            let mut output = Output::stdout();
            write_table(&mut output, columns, rows.iter().map(cells), width)
                .map_err(|error| output.failed(&error))?;
            output.finish()
        }
        TableOrJson::Json => print_json(&rows),
    }
}

/// Writes what a command that does or checks something found: as text, which `--quiet` leaves out, or in the format that was
/// asked for.
pub(crate) fn print_result(
    console: &Console,
    format: Option<TableOrJson>,
    text: impl FnOnce() -> String,
    json: &impl Serialize,
) -> Result<(), Failure> {
    match format {
        None if console.is_quiet() => Ok(()),
        None | Some(TableOrJson::Table) => print_text(&text()),
        Some(TableOrJson::Json) => print_json(json),
    }
}

/// The most details that an error line quotes of what `--quiet` left out.
const QUOTED_DETAILS: usize = 20;

pub(crate) fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}

/// With `--quiet`, the details of a result for the error: standard output has none, or data that nobody may read.
pub(crate) fn unprinted(console: &Console, details: impl Iterator<Item = String>) -> Vec<String> {
    if !console.is_quiet() {
        return Vec::new();
    }
    let mut details: Vec<String> = details.collect();
    if details.len() > QUOTED_DETAILS {
        let more = details.len() - QUOTED_DETAILS;
        details.truncate(QUOTED_DETAILS);
        details.push(format!("{more} more"));
    }
    details
}

/// Writes one JSON value and a line break to standard output.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print_text(&json(value))
}

/// One JSON value and a line break.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our rows have text keys and no maps of their own") + "\n"
}

/// Writes text to standard output.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to standard output.
pub(crate) fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    write_all(Output::stdout(), bytes)
}

/// Writes bytes out of the archive, exactly, to the file at `path` or to standard output.
pub(crate) fn write_bytes(path: Option<&Path>, archive: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let output = match path {
        Some(path) => Output::open_private(path, archive)?,
        None => Output::stdout(),
    };
    write_all(output, bytes)
}

/// Writes bytes, and nothing more.
pub(crate) fn write_all(mut output: Output, bytes: &[u8]) -> Result<(), Failure> {
    output.write_all(bytes).map_err(|error| output.failed(&error))?;
    output.finish()
}

/// A cell for what may be missing.
pub(crate) fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_plain_text_with_numbers_on_the_right() {
        let rows = [
            vec!["a\nb".to_owned(), "5".to_owned()],
            vec!["c".to_owned(), "1,000".to_owned()],
        ];
        let text = table(
            &[TerminalColumn::Text("name"), TerminalColumn::Number("runs")],
            rows,
            None,
        );
        let expected = "name   runs\n----  -----\na\\nb      5\nc     1,000\n";
        assert_eq!(text, expected);
    }
}
