//! CSV (RFC 4180): UTF-8, a header row, quotes only where needed, an empty field for an empty cell.

use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, Writer, WriterBuilder};

use crate::report::format::{CsvStyle, Format};
use crate::report::table::{Cell, Column, Rows};

pub(in crate::report) const FORMAT: Format = Format {
    name: "csv",
    extension: "csv",
    fits_terminal: true,
    has_remarks: false,
    open: |out, style, _| Ok(Box::new(Csv::new(out, style.csv)?)),
};

pub struct Csv<W: Write> {
    writer: Writer<W>,
    style: CsvStyle,
    field: String,
}

impl<W: Write> Csv<W> {
    /// To `out`, which gets the byte order mark at once if there is to be one.
    pub fn new(mut out: W, style: CsvStyle) -> io::Result<Self> {
        let terminator = if style.excel {
            out.write_all("\u{feff}".as_bytes())?;
            Terminator::CRLF
        } else {
            Terminator::Any(b'\n')
        };
        let writer = WriterBuilder::new()
            .delimiter(style.delimiter)
            .terminator(terminator)
            .quote_style(QuoteStyle::Necessary)
            .buffer_capacity(64 * 1024)
            .from_writer(out);
        Ok(Self {
            writer,
            style,
            field: String::new(),
        })
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if self.style.guard && is_formula(text) {
            self.field.clear();
            self.field.push('\'');
            self.field.push_str(text);
            return self.writer.write_field(&self.field).map_err(io_error);
        }
        self.writer.write_field(text).map_err(io_error)
    }

    fn end_row(&mut self) -> io::Result<()> {
        self.writer.write_record(None::<&[u8]>).map_err(io_error)
    }
}

/// Whether a spreadsheet may take a text for a formula: some skip blanks, and take full-width signs for the plain ones.
fn is_formula(text: &str) -> bool {
    text.starts_with(['\t', '\r', '\n'])
        || text
            .trim_start_matches(|c: char| c.is_whitespace() || "\u{200b}\u{2060}\u{feff}".contains(c))
            .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

impl<W: Write> Rows for Csv<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        for column in columns {
            self.text(&column.name)?;
        }
        self.end_row()
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            if let Cell::Text(text) = cell {
                self.text(text)?;
                continue;
            }
            self.field.clear();
            cell.write_text(&mut self.field);
            self.writer.write_field(&self.field).map_err(io_error)?;
        }
        self.end_row()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The csv crate wraps the writer's error; a closed pipe must be distinguished from a full disk.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::ColumnType;

    fn written(style: CsvStyle, rows: &[&[Cell<'_>]]) -> String {
        let mut out = Vec::new();
        let mut csv = Csv::new(&mut out, style).unwrap();
        let names = ["a", "b", "c"];
        let width = rows.first().map_or(3, |row| row.len());
        let columns: Vec<Column> = names[..width]
            .iter()
            .map(|name| Column::new(name, ColumnType::Text))
            .collect();
        csv.columns(&columns).unwrap();
        for row in rows {
            csv.row(row).unwrap();
        }
        csv.finish().unwrap();
        drop(csv);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quotes_stand_only_where_needed() {
        let row = [
            Cell::Text("x, \"y\""),
            Cell::Text("two\nlines"),
            Cell::Text(" plain 'text'"),
        ];
        let empty = [Cell::Null, Cell::Text(""), Cell::Integer(-1)];
        assert_eq!(
            written(CsvStyle::default(), &[&row, &empty]),
            "a,b,c\n\"x, \"\"y\"\"\",\"two\nlines\", plain 'text'\n,,-1\n"
        );
        assert_eq!(
            written(CsvStyle::default(), &[&[Cell::Text("\r"), Cell::Text(";")]]),
            "a,b\n\"\r\",;\n"
        );
    }

    #[test]
    fn an_empty_cell_alone_is_a_row_and_no_empty_line() {
        assert_eq!(written(CsvStyle::default(), &[&[Cell::Null]]), "a\n\"\"\n");
    }

    #[test]
    fn no_rows_are_a_header_alone() {
        assert_eq!(written(CsvStyle::default(), &[]), "a,b,c\n");
    }

    #[test]
    fn excel_gets_its_mark_its_line_ends_and_no_formulas() {
        let style = CsvStyle {
            delimiter: b';',
            excel: true,
            guard: true,
        };
        let row = [Cell::Text("=1+1"), Cell::Integer(-1), Cell::Text("a;b")];
        assert_eq!(written(style, &[&row]), "\u{feff}a;b;c\r\n'=1+1;-1;\"a;b\"\r\n");
        let odd = [
            "\tx",
            "\rx",
            "\nx",
            " =1",
            "\u{a0}+1",
            "\u{3000}\u{2009} -1",
            "＝1",
            " ＋1",
            "\u{feff}－1",
            "＠SUM(A1)",
        ];
        for text in ["+1", "-x", "@SUM(A1)"].into_iter().chain(odd) {
            let guarded = written(style, &[&[Cell::Text(text)]]);
            let mut reader = csv::ReaderBuilder::new().from_reader(guarded.as_bytes());
            let read = reader.records().next().unwrap().unwrap();
            assert_eq!(read[0], format!("'{text}"));
        }
    }

    #[test]
    fn a_text_that_is_no_formula_is_left_as_it_is() {
        let style = CsvStyle {
            guard: true,
            ..CsvStyle::default()
        };
        for text in ["a=1", " a", "1-1", "'=1", "x＝", ""] {
            let guarded = written(style, &[&[Cell::Text(text)]]);
            let mut reader = csv::ReaderBuilder::new().from_reader(guarded.as_bytes());
            assert_eq!(&reader.records().next().unwrap().unwrap()[0], text);
        }
    }

    #[test]
    fn what_is_written_is_what_is_read_back() {
        let odd = [
            "\"",
            "a\"b",
            "\0",
            "\u{fffd}\u{1f600}",
            "'",
            "\r\n",
            "<b>",
            "=x",
            ",,",
            "\t",
        ];
        let rows: Vec<[Cell<'_>; 1]> = odd.iter().map(|text| [Cell::Text(text)]).collect();
        let rows: Vec<&[Cell<'_>]> = rows.iter().map(|row| row.as_slice()).collect();
        let text = written(CsvStyle::default(), &rows);
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let read: Vec<String> = reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(read, odd);
    }
}
