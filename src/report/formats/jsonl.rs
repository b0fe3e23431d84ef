//! JSON Lines: an object a line.

use std::io::{self, Write};

use super::json::JsonObject;
use crate::report::format::Format;
use crate::report::table::{Cell, Column, Rows};

pub(in crate::report) const FORMAT: Format = Format {
    name: "jsonl",
    extension: "jsonl",
    fits_terminal: true,
    has_remarks: false,
    open: |out, _, _| Ok(Box::new(JsonLines::new(out))),
};

pub struct JsonLines<W: Write> {
    out: W,
    object: JsonObject,
}

impl<W: Write> JsonLines<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            object: JsonObject::default(),
        }
    }
}

impl<W: Write> Rows for JsonLines<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.object.name(columns);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.out.write_all(self.object.of(cells).as_bytes())?;
        self.out.write_all(b"\n")
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::ColumnType;

    #[test]
    fn each_row_is_a_line_whatever_is_in_it() {
        let mut out = Vec::new();
        let mut lines = JsonLines::new(&mut out);
        lines.columns(&[Column::new("a", ColumnType::Text)]).unwrap();
        lines.row(&[Cell::Text("x\ny")]).unwrap();
        lines.row(&[Cell::Null]).unwrap();
        lines.finish().unwrap();
        assert_eq!(out, b"{\"a\":\"x\\ny\"}\n{\"a\":null}\n");
    }
}
