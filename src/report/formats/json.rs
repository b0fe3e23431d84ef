//! One JSON array, an object a line: numbers are numbers, an empty cell is null.

use std::collections::HashSet;
use std::io::{self, Write};

use crate::report::format::Format;
use crate::report::table::{Cell, Column, Rows};

pub(in crate::report) const FORMAT: Format = Format {
    name: "json",
    extension: "json",
    fits_terminal: true,
    has_remarks: false,
    open: |out, _, _| Ok(Box::new(Json::new(out))),
};

/// Writes one JSON array.
pub struct Json<W: Write> {
    out: W,
    object: JsonObject,
    is_first: bool,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            object: JsonObject::default(),
            is_first: true,
        }
    }
}

impl<W: Write> Rows for Json<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.object.name(columns);
        self.out.write_all(b"[")
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let separator = if self.is_first { "\n" } else { ",\n" };
        self.is_first = false;
        self.out.write_all(separator.as_bytes())?;
        self.out.write_all(self.object.of(cells).as_bytes())
    }

    fn finish(&mut self) -> io::Result<()> {
        let end = if self.is_first { "]\n" } else { "\n]\n" };
        self.out.write_all(end.as_bytes())?;
        self.out.flush()
    }
}

/// Turns rows into JSON objects.
#[derive(Debug, Default)]
pub(super) struct JsonObject {
    /// `"name":` of each column.
    names: Vec<String>,
    text: String,
    cell: String,
}

impl JsonObject {
    /// Takes the names; of equal ones (a query may have them) the second gets `_2`, so that no value hides another.
    pub(super) fn name(&mut self, columns: &[Column]) {
        let mut taken: HashSet<String> = HashSet::new();
        self.names = columns
            .iter()
            .map(|column| {
                let mut name = column.name.to_string();
                let mut number = 2;
                while !taken.insert(name.clone()) {
                    name = format!("{}_{number}", column.name);
                    number += 1;
                }
                quoted(&name) + ":"
            })
            .collect();
    }

    /// The row as an object.
    pub(super) fn of(&mut self, cells: &[Cell<'_>]) -> &str {
        self.text.clear();
        for (index, (name, cell)) in self.names.iter().zip(cells).enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(name);
            match cell {
                Cell::Null => self.text.push_str("null"),
                // JSON knows no infinity.
                Cell::Real(number) if !number.is_finite() => self.text.push_str("null"),
                Cell::Integer(_) | Cell::Decimal(_) | Cell::Real(_) => cell.write_text(&mut self.text),
                Cell::Text(text) => push_quoted(text, &mut self.text),
                Cell::Instant(_) | Cell::Date(_) | Cell::Bytes(_) => {
                    self.cell.clear();
                    cell.write_text(&mut self.cell);
                    push_quoted(&self.cell, &mut self.text);
                }
            }
        }
        self.text.push('}');
        &self.text
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    push_quoted(text, &mut quoted);
    quoted
}

fn push_quoted(text: &str, out: &mut String) {
    if text
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
    {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).expect("a text is always JSON"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Decimal;
    use crate::model::Instant;
    use crate::report::table::ColumnType;

    fn written(rows: &[&[Cell<'_>]]) -> String {
        let mut out = Vec::new();
        let mut json = Json::new(&mut out);
        let columns = ["a", "b\"", "a"].map(|name| Column::new(name, ColumnType::Any));
        json.columns(&columns).unwrap();
        for row in rows {
            json.row(row).unwrap();
        }
        json.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_numbers_and_what_is_empty_is_null() {
        let first = [
            Cell::Decimal(Decimal::new(2500, 4)),
            Cell::Null,
            Cell::Text("x\n\"y\"\0"),
        ];
        let second = [
            Cell::Instant(Instant::from_unix_seconds(0)),
            Cell::Real(f64::INFINITY),
            Cell::Integer(-3),
        ];
        let text = written(&[&first, &second]);
        assert_eq!(
            text,
            "[\n{\"a\":0.2500,\"b\\\"\":null,\"a_2\":\"x\\n\\\"y\\\"\\u0000\"},\n\
             {\"a\":\"1970-01-01T00:00:00Z\",\"b\\\"\":null,\"a_2\":-3}\n]\n"
        );
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed[0]["a"], 0.25);
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        assert_eq!(written(&[]), "[]\n");
    }
}
