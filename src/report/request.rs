//! A report that is ready to be written: with all its options, whatever its rows are.

use std::io::Write;

use serde::Serialize;

use super::definition::Row;
use super::error::Result;
use super::format::{Format, Style};
use super::html::{DrawnPicture, Html, Present};
use super::meta::ReportMeta;
use super::options::{CommonOptions, Scope};
use super::reports::completeness::{self, JobCompleteness};
use super::table::{CountingRows, Rows, Written};
use crate::archive::Snapshot;
use crate::model::Instant;

/// Where rows go, and in which form.
pub(crate) struct Printer<'w> {
    pub(crate) out: &'w mut (dyn Write + Send),
    /// What the bytes are.
    pub(crate) format: Format,
    /// What the format leaves open.
    pub(crate) style: Style,
    /// What formats say beside the rows.
    pub(crate) meta: &'w ReportMeta,
    pub(crate) is_cancelled: &'w dyn Fn() -> bool,
}

impl Printer<'_> {
    /// Writes the rows that `produce` makes.
    pub(crate) fn rows(self, produce: impl FnOnce(&mut dyn Rows) -> Result) -> Result<Written> {
        let mut rows = self.format.open(self.out, self.style, self.meta)?;
        let mut counted = CountingRows::new(&mut *rows, self.is_cancelled);
        produce(&mut counted)?;
        Ok(counted.written())
    }
}

/// A report that is ready to be written.
pub(crate) trait Request {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// What every report can be asked.
    fn common(&self) -> &CommonOptions;

    /// What formats and manifests say of it.
    fn meta(&self, snapshot: &Snapshot<'_>) -> Result<ReportMeta>;

    /// How complete the jobs are known to be that it is about.
    ///
    /// # Errors
    /// Jobs that are not there; the archive.
    fn completeness(&self, snapshot: &Snapshot<'_>) -> Result<Vec<JobCompleteness>>;

    /// Writes it, of one state of the archive.
    fn write(&self, snapshot: &Snapshot<'_>, printer: Printer<'_>) -> Result<Written>;
}

/// A report with its options; the manifest has those that all reports have first.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Ready<R> {
    #[serde(flatten)]
    pub(super) common: CommonOptions,
    #[serde(flatten)]
    pub(super) report: R,
}

impl<R: Present> Ready<R> {
    /// The report, its options resolved for this time.
    pub(crate) fn new(mut report: R, mut common: CommonOptions, now: Instant) -> Result<Self> {
        report.resolve(&mut common, now)?;
        Ok(Self { common, report })
    }

    /// The report without any option of its own.
    pub(crate) fn plain(common: &CommonOptions) -> Self {
        Self {
            common: common.clone(),
            report: R::default(),
        }
    }

    fn feed(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        rows: &mut dyn Rows,
        mut see: impl FnMut(&R::Row<'_>),
    ) -> Result {
        let columns = self.report.columns();
        rows.columns(columns)?;
        let mut is_empty = true;
        self.report.each(snapshot, scope, &mut |row| {
            is_empty = false;
            see(row);
            Ok(row.cells(|cells| rows.row(&cells[..columns.len()]))?)
        })?;
        if is_empty {
            rows.remark(&self.report.empty(snapshot, scope)?)?;
        }
        for note in self.report.notes(snapshot, scope)? {
            rows.remark(&note)?;
        }
        Ok(())
    }
}

impl<R: Present> Request for Ready<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn common(&self) -> &CommonOptions {
        &self.common
    }

    fn meta(&self, snapshot: &Snapshot<'_>) -> Result<ReportMeta> {
        let scope = self.common.scope(snapshot)?;
        Ok(ReportMeta {
            facts: self.report.facts(snapshot, &scope)?,
            shows_jobs: R::SHOWS_COMPLETENESS,
            jobs: if R::SHOWS_COMPLETENESS {
                completeness::of_common(snapshot, &self.common)?
            } else {
                Vec::new()
            },
            ..ReportMeta::new(snapshot, R::NAME, self)
        })
    }

    fn completeness(&self, snapshot: &Snapshot<'_>) -> Result<Vec<JobCompleteness>> {
        completeness::of_common(snapshot, &self.common)
    }

    fn write(&self, snapshot: &Snapshot<'_>, printer: Printer<'_>) -> Result<Written> {
        let scope = self.common.scope(snapshot)?;
        let form = (printer.format, &printer.style);
        if let Some(document) = self.report.document(snapshot, &scope, form, printer.meta)? {
            printer.out.write_all(document.text.as_bytes())?;
            return Ok(Written {
                rows: 1,
                summary: document.summary,
                ..Written::default()
            });
        }
        if printer.format == Format::HTML
            && let Some(mut picture) = self.report.picture(snapshot, &scope)?
        {
            let mut page = Html::new(printer.out, printer.style.heading, printer.meta);
            let mut counted = CountingRows::new(&mut page, printer.is_cancelled);
            self.feed(snapshot, &scope, &mut counted, |row| picture.see(row))?;
            let mut written = counted.written();
            let DrawnPicture { lead, charts } = picture.draw();
            page.drawn.charts = charts;
            // Where there is no row, the report itself says that.
            if written.rows > 0 {
                let notes = std::mem::replace(&mut page.drawn.lead, lead);
                if !notes.is_empty() {
                    page.remark(&notes)?;
                }
            }
            written.summary.clone_from(&page.drawn.lead);
            page.finish()?;
            return Ok(written);
        }
        if printer.format == Format::TABLE
            && printer.style.blocks
            && let Some(mut picture) = self.report.blocks()
        {
            let out = &mut *printer.out;
            let written = Printer { out, ..printer }.rows(|rows| {
                self.feed(snapshot, &scope, rows, |row| picture.see(row))?;
                Ok(rows.finish()?)
            })?;
            printer.out.write_all(picture.blocks().as_bytes())?;
            return Ok(written);
        }
        printer.rows(|rows| {
            self.feed(snapshot, &scope, rows, |_| {})?;
            Ok(rows.finish()?)
        })
    }
}
