//! What a report looks like: it sees every row go by, and draws at the end.

use super::pictures::{asset_errors, changes, compare, coverage, failure_trends, missed_runs, over_time};
use crate::model::Instant;
use crate::report::About;
use crate::report::chart::Markup;
use crate::report::table::{Cell, Column};

/// What a picture is at the end.
#[derive(Debug, Clone, Default)]
pub struct Drawn {
    /// What the page says first, in a sentence; nothing where there is nothing to say.
    pub lead: String,
    /// The charts, one below the other.
    pub charts: Markup,
}

/// A picture under construction. It holds counts, never rows.
pub trait Picture {
    /// Sees a row.
    fn row(&mut self, cells: &[Cell<'_>]);

    /// Draws what it saw.
    fn draw(&self) -> Drawn;

    /// What it saw as lines of block characters for a terminal; nothing where it has none.
    fn blocks(&self) -> String {
        String::new()
    }
}

/// A gap of a job, as the report `missed-runs` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobGap {
    /// GUID of the job.
    pub job_id: String,
    /// Start of the run before.
    pub from: Instant,
    /// Start of the run behind.
    pub to: Instant,
    /// Runs that are missing.
    pub runs_missed: u64,
}

/// The picture that fits a report; `None` where none does, as for a query. Coverage is shown with the gaps.
#[must_use]
pub fn picture_of(about: &About, columns: &[Column], gaps: &[JobGap]) -> Option<Box<dyn Picture>> {
    match about.report.as_str() {
        "failure-trends" => {
            failure_trends::picture(about, columns).or_else(|| compare::picture(about, columns))
        }
        "asset-errors" => asset_errors::picture(about, columns).or_else(|| compare::picture(about, columns)),
        "coverage" => coverage::picture(about, columns, gaps),
        "missed-runs" => missed_runs::picture(about, columns),
        "changes" => changes::picture(about, columns),
        "runs" => over_time::of_runs(about, columns),
        "messages" => over_time::of_messages(about, columns),
        _ => None,
    }
}
