//! A page: a chart that fits the report, and its first rows as a table.

use std::io::{self, Write};

use crate::report::About;
use crate::report::page::{PageTable, Picture, Shell, picture_of};
use crate::report::table::{Cell, Column, Rows};

/// Writes one HTML page, at the end: what is charted is known only then.
pub struct Html<'a, W: Write> {
    out: W,
    about: &'a About,
    table: PageTable,
    picture: Option<Box<dyn Picture>>,
}

impl<'a, W: Write> Html<'a, W> {
    /// To `out`, the rows that `about` tells of.
    pub fn new(out: W, about: &'a About) -> Self {
        Self {
            out,
            about,
            table: PageTable::default(),
            picture: None,
        }
    }
}

impl<W: Write> Rows for Html<'_, W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.table.columns(columns);
        self.picture = picture_of(self.about, columns);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if let Some(picture) = &mut self.picture {
            picture.row(cells);
        }
        self.table.row(cells);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let drawn = self
            .picture
            .as_ref()
            .map(|picture| picture.draw())
            .unwrap_or_default();
        let mut page = Shell::new(title(&self.about.report), &drawn.lead);
        page.about(self.about);
        page.add(&drawn.charts);
        page.add(&self.table.draw(&self.about.report));
        self.out.write_all(page.finish().as_str().as_bytes())?;
        self.out.flush()
    }
}

fn title(report: &str) -> &str {
    match report {
        "failure-trends" => "Failure trends",
        "asset-errors" => "Asset errors",
        "coverage" => "Coverage",
        "missed-runs" => "Missed runs",
        "changes" => "Changed runs",
        "runs" => "Runs",
        "messages" => "Messages",
        "query" => "Query",
        other => other,
    }
}
