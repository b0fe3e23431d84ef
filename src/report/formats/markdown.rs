//! A table of GitHub's Markdown; nothing in a cell is markup.

use std::io::{self, Write};

use crate::report::format::Format;
use crate::report::table::{Cell, Column, Rows};
use crate::text::visible;

pub(in crate::report) const FORMAT: Format = Format {
    name: "markdown",
    extension: "md",
    fits_terminal: true,
    has_remarks: true,
    open: |out, _, _| Ok(Box::new(Markdown::new(out))),
};

/// Writes a Markdown table.
pub struct Markdown<W: Write> {
    out: W,
    cell: String,
    line: String,
}

impl<W: Write> Markdown<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            cell: String::new(),
            line: String::new(),
        }
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.line.push_str("|\n");
        self.out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> Rows for Markdown<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        for column in columns {
            self.line.push_str("| ");
            escape(&column.name, &mut self.line);
            self.line.push(' ');
        }
        self.end_line()?;
        for column in columns {
            self.line.push_str(if column.kind.is_number() {
                "| ---: "
            } else {
                "| --- "
            });
        }
        self.end_line()
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            self.line.push_str("| ");
            self.cell.clear();
            cell.write_text(&mut self.cell);
            if matches!(cell, Cell::Text(_)) {
                escape(&self.cell, &mut self.line);
            } else {
                self.line.push_str(&self.cell);
            }
            self.line.push(' ');
        }
        self.end_line()
    }

    fn remark(&mut self, sentence: &str) -> io::Result<()> {
        self.line.push('\n');
        escape(sentence, &mut self.line);
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes())?;
        self.line.clear();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The text with what Markdown or HTML would read as markup made harmless; line breaks as `<br>`.
pub(in crate::report) fn escape(text: &str, out: &mut String) {
    let text = text.replace("\r\n", "\n");
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            out.push_str("<br>");
        }
        let line = visible(line);
        let mut before = ' ';
        let mut rest = line.chars().peekable();
        while let Some(character) = rest.next() {
            match character {
                '<' => out.push_str("&lt;"),
                '&' => out.push_str("&amp;"),
                '\\' | '|' | '`' | '*' | '[' | ']' | '~' | '$' => out.extend(['\\', character]),
                // Within a word, as in our column names, it is not markup.
                '_' if !(before.is_alphanumeric()
                    && rest.peek().is_some_and(|next| next.is_alphanumeric())) =>
                {
                    out.push_str("\\_");
                }
                _ => out.push(character),
            }
            before = character;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::ColumnType;

    #[test]
    fn nothing_in_a_cell_is_markup() {
        let mut out = Vec::new();
        let mut markdown = Markdown::new(&mut out);
        let columns = [
            Column::new("job_id", ColumnType::Text),
            Column::new("runs", ColumnType::Integer),
        ];
        markdown.columns(&columns).unwrap();
        markdown
            .row(&[Cell::Text("a|b\n<script>*x* C:\\y\x1b _z_"), Cell::Integer(1)])
            .unwrap();
        markdown.row(&[Cell::Null, Cell::Null]).unwrap();
        markdown.finish().unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "| job_id | runs |\n| --- | ---: |\n| a\\|b<br>&lt;script>\\*x\\* C:\\\\y␛ \\_z\\_ | 1 |\n|  |  |\n"
        );
    }
}
