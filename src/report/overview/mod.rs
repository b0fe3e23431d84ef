//! The state of the archive on one page: is it complete, is it getting worse, and where?
//!
//! It is put together from what the other reports say, so that no figure here differs from theirs.

mod assets;
mod compare;
mod count;
mod page;
mod rows;
mod text;

use serde::Serialize;
use serde_json::{Map, Value};

use super::chart::{Bins, Counts, Runs};
use super::error::ReportError;
use super::options::Common;
use super::page::asset_title;
use super::table::Rows;
use crate::archive::Snapshot;

pub use compare::{Comparison, Share, Verdict};
pub(super) use page::draw as draw_page;
pub(super) use text::write as write_text;

/// What can be asked of this report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What every report can be asked. The span is that of starts, and what is compared with the one before; without one,
    /// all that is archived is shown, and its last 28 days are compared with the 28 before.
    pub common: Common,
}

impl Options {
    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        self.common.described()
    }
}

/// The state of the archive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// Zone of days and weeks.
    pub timezone: String,
    /// The ledger's head.
    pub head: String,
    /// The sync that began last.
    pub last_sync: Option<LastSync>,
    /// What is archived.
    pub totals: Totals,
    /// What is missing, as far as can be told.
    pub completeness: Completeness,
    /// Now against the span before; `None` where there are no runs.
    pub comparison: Option<Comparison>,
    /// Every job that was asked for, by GUID.
    pub jobs: Vec<Job>,
    /// The assets with the most errors in the span that is compared, the worst first.
    pub worst_assets: Vec<Asset>,
    /// Assets with errors in that span and none in the one before.
    pub assets_new: u64,
    /// Assets with errors in the span before and none in this one.
    pub assets_gone: u64,
    /// Runs of all jobs by day, in the zone.
    #[serde(skip)]
    pub(super) by_day: Bins<Runs>,
    /// The same by kind.
    #[serde(skip)]
    pub(super) kinds: Bins<Counts<3>>,
}

/// How the last sync ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastSync {
    /// Its number.
    pub sync_id: i64,
    /// When it began, UTC.
    pub started_at: String,
    /// When it ended; `None` where it is still running, or was killed.
    pub finished_at: Option<String>,
    /// As the table `syncs` has it.
    pub outcome: Option<String>,
}

/// What is archived, of the jobs and the span that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Jobs.
    pub jobs: u64,
    /// Runs.
    pub runs: u64,
    /// Runs that the server still lists.
    pub runs_listed: u64,
    /// Runs that only the archive still has.
    pub runs_absent: u64,
    /// Start of the first run, UTC.
    pub first_run_at: Option<String>,
    /// Start of the last run, UTC.
    pub last_run_at: Option<String>,
    /// Completed, faulted or aborted.
    pub finished: u64,
    /// Faulted or aborted.
    pub failed: u64,
    /// Failed of finished, four decimals.
    pub failure_rate: Option<f64>,
    /// Changes of runs after they were archived.
    pub changes: u64,
    /// Those of runs that had already finished.
    pub changes_when_final: u64,
}

/// What is missing, as far as can be told.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Completeness {
    /// Intervals between starts in which runs are missing, as the report `missed-runs` tells them.
    pub gaps: u64,
    /// Runs that are missing in them.
    pub runs_missed: u64,
    /// The gaps with the most missing runs, the largest first.
    pub largest_gaps: Vec<Gap>,
    /// Runs whose message count disagrees with their messages.
    pub count_mismatches: u64,
    /// Pieces in quarantine that nobody accepted.
    pub quarantine_open: u64,
    /// Watched jobs of which the last sync was not complete, or more than 26 hours before that of another job.
    pub jobs_behind: u64,
    /// Watched jobs that never were complete.
    pub jobs_never_complete: u64,
}

impl Completeness {
    /// Whether nothing is known to be missing.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.gaps == 0
            && self.count_mismatches == 0
            && self.quarantine_open == 0
            && self.jobs_behind == 0
            && self.jobs_never_complete == 0
    }
}

/// A span in which runs are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// GUID of the job.
    pub job_id: String,
    /// Its name.
    pub job_name: Option<String>,
    /// Start of the run before, UTC.
    pub from: String,
    /// Start of the run behind, UTC.
    pub to: String,
    /// How many are missing.
    pub runs_missed: u64,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// GUID.
    pub job_id: String,
    /// Its name.
    pub job_name: Option<String>,
    /// Whether a sync without named jobs asks for it.
    pub watched: bool,
    /// The last time it was complete, UTC.
    pub last_synced_at: Option<String>,
    /// Whether it is watched, and its last sync was not complete, or more than 26 hours before that of another job.
    pub behind: bool,
    /// Why its last sync was not complete.
    pub last_error: Option<String>,
    /// Runs archived.
    pub runs: u64,
    /// Start of the first, UTC.
    pub first_run_at: Option<String>,
    /// Start of the last, UTC.
    pub last_run_at: Option<String>,
    /// Failed of finished over the whole time.
    pub failed: u64,
    /// Completed, faulted or aborted.
    pub finished: u64,
    /// Now against the span before.
    pub now: Share,
    /// The span before.
    pub before: Share,
    /// Whether it got worse.
    pub verdict: Verdict,
    /// Gaps in its runs.
    pub gaps: u64,
    /// Runs missing in them.
    pub runs_missed: u64,
    /// Pieces in quarantine that nobody accepted.
    pub quarantine_open: u64,
    /// Runs by day, in the zone.
    #[serde(skip)]
    pub(super) by_day: Bins<Runs>,
    /// Spans of its gaps, in ticks of 100 ns, with the runs that are missing.
    #[serde(skip)]
    pub(super) gap_ticks: Vec<(i64, i64, u64)>,
    /// Start of the first and of the last run, in ticks of 100 ns.
    #[serde(skip)]
    pub(super) span_ticks: Option<(i64, i64)>,
}

impl Job {
    /// How people call it.
    #[must_use]
    pub fn title(&self) -> &str {
        let name = self.job_name.as_deref().filter(|name| !name.trim().is_empty());
        name.unwrap_or(&self.job_id)
    }
}

/// An asset, and how it moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asset {
    /// Its name; none where messages are about no asset.
    pub asset: Option<String>,
    /// Its type.
    pub asset_type: Option<String>,
    /// Errors in the span that is compared.
    pub errors: u64,
    /// Errors in the span before.
    pub errors_before: u64,
    /// The message that it has most.
    pub top_message: Option<String>,
}

impl Asset {
    /// Its name with its type.
    #[must_use]
    pub fn title(&self) -> String {
        asset_title(self.asset.as_deref(), self.asset_type.as_deref())
    }
}

/// Writes the report: whole where the format can show it so, else a figure a row.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let overview = Overview::read(snapshot, options)?;
    if !rows.overview(&overview)? {
        rows::write(&overview, rows)?;
    }
    Ok(())
}
