//! A page: a chart that fits the report, and its first rows as a table.

use std::io::{self, Write};

use super::layout::{PageLayout, completeness, lead, made_with};
use super::picture::DrawnPicture;
use super::table::PageTable;
use crate::report::ReportMeta;
use crate::report::format::{Format, PageHeading};
use crate::report::table::{Cell, Column, Rows};
use crate::report::titles::report_title;

pub(in crate::report) const FORMAT: Format = Format {
    name: "html",
    extension: "html",
    fits_terminal: false,
    has_remarks: true,
    open: |out, style, meta| Ok(Box::new(Html::new(out, style.heading, meta))),
};

/// Writes one HTML page, at the end: what is charted is known only then.
pub struct Html<'a, W: Write> {
    out: W,
    heading: PageHeading,
    meta: &'a ReportMeta,
    table: PageTable,
    /// What stands above the table.
    pub(in crate::report) drawn: DrawnPicture,
}

impl<'a, W: Write> Html<'a, W> {
    /// To `out`, the rows that `meta` describes.
    pub fn new(out: W, heading: PageHeading, meta: &'a ReportMeta) -> Self {
        Self {
            out,
            heading,
            meta,
            table: PageTable::default(),
            drawn: DrawnPicture::default(),
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

    fn remark(&mut self, sentence: &str) -> io::Result<()> {
        if !self.drawn.lead.is_empty() {
            self.drawn.lead.push(' ');
        }
        self.drawn.lead.push_str(sentence);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let title = report_title(&self.meta.report);
        let page = PageLayout::new(&title, &self.heading)
            .with(lead(&self.drawn.lead))
            .with(made_with(self.meta))
            .with(self.drawn.charts.clone())
            .with(self.table.draw("Rows", &self.meta.report))
            .with(completeness(self.meta));
        self.out.write_all(page.document().as_bytes())?;
        self.out.flush()
    }
}
