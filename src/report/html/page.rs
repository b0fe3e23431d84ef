//! A page: a chart that fits the report, and its first rows as a table.

use std::io::{self, Write};

use super::layout::{lead, page};
use super::picture::Drawn;
use super::table::PageTable;
use crate::report::ReportMeta;
use crate::report::format::Format;
use crate::report::table::{Cell, Column, Rows};

/// The format.
pub(in crate::report) const FORMAT: Format = Format {
    name: "html",
    extension: "html",
    is_binary: false,
    open: |out, _, meta| Ok(Box::new(Html::new(out, meta))),
};

/// Writes one HTML page, at the end: what is charted is known only then.
pub struct Html<'a, W: Write> {
    out: W,
    about: &'a ReportMeta,
    table: PageTable,
    /// What stands above the table.
    pub(in crate::report) drawn: Drawn,
}

impl<'a, W: Write> Html<'a, W> {
    /// To `out`, the rows that `about` tells of.
    pub fn new(out: W, about: &'a ReportMeta) -> Self {
        Self {
            out,
            about,
            table: PageTable::default(),
            drawn: Drawn::default(),
        }
    }
}

impl<W: Write> Rows for Html<'_, W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.table.columns(columns);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.table.row(cells);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let table = self.table.draw("Rows", &self.about.report);
        let page = page(
            &title(&self.about.report),
            &lead(&self.drawn.lead),
            self.about,
            &[&self.drawn.charts, &table],
        );
        self.out.write_all(page.0.as_bytes())?;
        self.out.flush()
    }
}

/// The heading of a report: `failure-trends` is `Failure trends`.
fn title(report: &str) -> String {
    let words = match report {
        "changes" => "changed runs".to_owned(),
        name => name.replace('-', " "),
    };
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
