//! A page: a chart that fits the report, and its first rows as a table.

use std::io::{self, Write};

use crate::report::About;
use crate::report::each::Each;
use crate::report::missed_runs;
use crate::report::overview::{self, Overview};
use crate::report::page::{JobGap, PageTable, Picture, lead, page, picture_of};
use crate::report::table::{Cell, Column, Rows};

/// Writes one HTML page, at the end: what is charted is known only then.
pub struct Html<'a, W: Write> {
    out: W,
    about: &'a About,
    table: PageTable,
    picture: Option<Box<dyn Picture>>,
    gaps: Gaps,
}

/// Keeps the gaps of the jobs until there is a picture to show them in.
#[derive(Default)]
struct Gaps(Vec<JobGap>);

impl Rows for Gaps {
    fn columns(&mut self, _columns: &[Column]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let gaps = &mut self.0;
        let mut each = Each::new(&missed_runs::COLUMNS, |row| {
            if let (Some(job_id), Some(from), Some(to)) =
                (row.text("job_id"), row.instant("from"), row.instant("to"))
            {
                gaps.push(JobGap {
                    job_id: job_id.to_owned(),
                    from,
                    to,
                    runs_missed: row.count("runs_missed"),
                });
            }
        });
        each.row(cells)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a, W: Write> Html<'a, W> {
    /// To `out`, the rows that `about` tells of.
    pub fn new(out: W, about: &'a About) -> Self {
        Self {
            out,
            about,
            table: PageTable::default(),
            picture: None,
            gaps: Gaps::default(),
        }
    }
}

impl<W: Write> Rows for Html<'_, W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.table.columns(columns);
        self.picture = picture_of(self.about, columns, &self.gaps.0);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if let Some(picture) = &mut self.picture {
            picture.row(cells);
        }
        self.table.row(cells);
        Ok(())
    }

    fn gaps(&mut self) -> Option<&mut dyn Rows> {
        Some(&mut self.gaps)
    }

    fn overview(&mut self, overview: &Overview) -> io::Result<bool> {
        let page = overview::draw_page(overview, self.about);
        self.out.write_all(page.0.as_bytes())?;
        self.out.flush()?;
        Ok(true)
    }

    fn finish(&mut self) -> io::Result<()> {
        let drawn = self
            .picture
            .as_ref()
            .map(|picture| picture.draw())
            .unwrap_or_default();
        let table = self.table.draw("Rows", &self.about.report);
        let page = page(
            title(&self.about.report),
            &lead(&drawn.lead),
            self.about,
            &[&drawn.charts, &table],
        );
        self.out.write_all(page.0.as_bytes())?;
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
