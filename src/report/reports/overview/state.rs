//! The state of the archive: what the overview says, as JSON has it.

use serde::Serialize;

use super::compare::{Share, SpanComparison, Verdict};
use crate::report::bins::{Bins, Counts, RunCounts};
use crate::report::reports::health::Assessment;
use crate::report::titles::asset_title;

/// The state of the archive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Overview {
    /// Zone of days and weeks.
    pub(crate) timezone: String,
    pub(crate) head: String,
    /// The sync that began last.
    pub(crate) last_sync: Option<SyncOverview>,
    pub(crate) totals: Totals,
    /// What is missing, as far as is known.
    pub(crate) completeness: Completeness,
    /// Whether all of it is there, and how that is known.
    pub(crate) assessment: Assessment,
    /// Now against the span before; `None` where there are no runs.
    pub(crate) comparison: Option<SpanComparison>,
    /// Every job that was asked for, by GUID.
    pub(crate) jobs: Vec<JobOverview>,
    /// The assets with the most errors in the span that is compared, the worst first.
    pub(crate) worst_assets: Vec<Asset>,
    /// Assets with errors in that span and none in the one before.
    pub(crate) assets_new: u64,
    /// Assets with errors in the span before and none in this one.
    pub(crate) assets_gone: u64,
    /// Runs of all jobs by day, in the zone.
    #[serde(skip)]
    pub(in crate::report) by_day: Bins<RunCounts>,
    /// The same by kind.
    #[serde(skip)]
    pub(in crate::report) kinds: Bins<Counts<3>>,
}

/// How the last sync ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SyncOverview {
    pub(crate) sync_id: i64,
    pub(crate) started_at: String,
    /// When it ended; `None` where it is still running, or was killed.
    pub(crate) finished_at: Option<String>,
    /// As the table `syncs` has it.
    pub(crate) outcome: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

/// What is archived, of the jobs and the span that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Totals {
    pub(crate) jobs: u64,
    pub(crate) runs: u64,
    /// Runs that the server still lists.
    pub(crate) runs_listed: u64,
    /// Runs that only the archive still has.
    pub(crate) runs_absent: u64,
    /// Runs that a retention rule removed; they are no runs of the archive any more.
    #[serde(skip_serializing_if = "is_none")]
    pub(crate) runs_removed: u64,
    pub(crate) first_run_at: Option<String>,
    pub(crate) last_run_at: Option<String>,
    /// Completed, faulted or aborted.
    pub(crate) finished: u64,
    /// Faulted or aborted.
    pub(crate) failed: u64,
    /// Failed of finished, four decimals.
    pub(crate) failure_rate: Option<f64>,
    /// Changes of runs after they were archived.
    pub(crate) changes: u64,
    /// Those of runs that had already finished.
    pub(crate) changes_when_final: u64,
}

/// What is missing, as far as is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Completeness {
    /// Intervals between starts in which runs are missing, as the report `missed-runs` tells them.
    pub(crate) gaps: u64,
    pub(crate) runs_missed: u64,
    /// The gaps with the most missing runs, the largest first.
    pub(crate) largest_gaps: Vec<Gap>,
    /// Runs whose message count disagrees with their messages.
    pub(crate) count_mismatches: u64,
    /// Pieces in quarantine that nobody accepted.
    pub(crate) quarantine_open: u64,
    /// Watched jobs whose last sync was not complete, or was more than 26 hours before that of another job.
    pub(crate) jobs_behind: u64,
    /// Watched jobs that never were complete.
    pub(crate) jobs_never_complete: u64,
}

/// A span in which runs are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    pub(crate) job_id: String,
    pub(crate) job_name: Option<String>,
    /// Start of the run before, UTC.
    pub(crate) from: String,
    /// Start of the run behind, UTC; `None` where the job has not run since.
    pub(crate) to: Option<String>,
    pub(crate) runs_missed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct JobOverview {
    pub(crate) job_id: String,
    pub(crate) job_name: Option<String>,
    /// Whether a sync without named jobs asks for it.
    pub(crate) watched: bool,
    /// The last time it was complete, whatever was fetched, UTC.
    pub(crate) last_answered_at: Option<String>,
    /// Whether it is watched, and its last sync was not complete, or more than 26 hours before that of another job.
    pub(crate) behind: bool,
    /// Why its last sync was not complete.
    pub(crate) last_error: Option<String>,
    pub(crate) runs: u64,
    pub(crate) first_run_at: Option<String>,
    pub(crate) last_run_at: Option<String>,
    /// Failed of finished over the whole time.
    pub(crate) failed: u64,
    /// Completed, faulted or aborted.
    pub(crate) finished: u64,
    /// Now against the span before.
    pub(crate) now: Share,
    pub(crate) before: Share,
    pub(crate) verdict: Verdict,
    pub(crate) gaps: u64,
    pub(crate) runs_missed: u64,
    /// Pieces in quarantine that nobody accepted.
    pub(crate) quarantine_open: u64,
    /// Runs by day, in the zone.
    #[serde(skip)]
    pub(in crate::report) by_day: Bins<RunCounts>,
    /// Spans of its gaps, in ticks of 100 ns, with the runs that are missing.
    #[serde(skip)]
    pub(in crate::report) gap_ticks: Vec<(i64, i64, u64)>,
    /// Runs that it has missed since its last one, where it has stopped.
    #[serde(skip)]
    pub(in crate::report) open_gap: Option<u64>,
    /// Start of the first and of the last run, in ticks of 100 ns.
    #[serde(skip)]
    pub(in crate::report) span_ticks: Option<(i64, i64)>,
}

impl JobOverview {
    /// How people call it.
    pub(crate) fn title(&self) -> &str {
        let name = self.job_name.as_deref().filter(|name| !name.trim().is_empty());
        name.unwrap_or(&self.job_id)
    }
}

/// An asset, and how it moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Asset {
    /// Its name; none where messages are about no asset.
    pub(crate) asset: Option<String>,
    pub(crate) asset_type: Option<String>,
    /// Errors in the span that is compared.
    pub(crate) errors: u64,
    pub(crate) errors_before: u64,
    pub(crate) top_message: Option<String>,
}

impl Asset {
    pub(crate) fn title(&self) -> String {
        asset_title(self.asset.as_deref(), self.asset_type.as_deref())
    }
}
