//! Runs whose content was removed by a retention rule.

use serde::Serialize;

use crate::archive::Snapshot;
use crate::model::Instant;
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::{ReportError, Result};
use crate::report::options::Scope;

/// Runs that were removed by a retention rule (`jobruns retain`), with who removed them, when and why
///
/// One row per removed run. Its content is gone from the archive; the ledger still proves what was received, and that it
/// was removed by this plan. A run that the server still lists is not archived again. --since and --until apply to the
/// starts of runs.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report removals
  jobruns report removals --job Nightly --format csv --output removals.csv")]
pub(crate) struct Removals {}

row! {
    /// A run that was removed.
    RemovalRow<'a> {
        job_run_id: &'a str as Text,
        job_id: &'a str as Text,
        started_at: Option<Instant> as Instant,
        revisions: u64 as Integer,
        messages: u64 as Integer,
        removed_at: Instant as Instant,
        removed_by: Option<&'a str> as Text,
        reason: Option<&'a str> as Text,
        plan: &'a str as Text,
    }
}

impl Report for Removals {
    const NAME: &'static str = "removals";
    const EMPTY: &'static str = "No run was removed by a retention rule.";
    type Row<'a> = RemovalRow<'a>;

    /// By the GUID of the job, then by start.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        snapshot.each_removed_run(|run| {
            if !scope.has_job(run.job_key) || !scope.has_time(run.started_ticks) {
                return Ok(());
            }
            row(&RemovalRow {
                job_run_id: &run.job_run_id,
                job_id: &run.job_id,
                started_at: run.started_ticks.map(Instant::from_ticks),
                revisions: run.revisions,
                messages: run.messages,
                removed_at: Instant::from_unix_seconds(run.removed_unix),
                removed_by: run.removed_by.as_deref(),
                reason: run.reason.as_deref(),
                plan: &run.plan,
            })
        })
    }
}

/// How many runs of the scope a retention rule removed.
pub(crate) fn count(snapshot: &Snapshot<'_>, scope: &Scope) -> Result<u64> {
    let mut count = 0;
    snapshot.each_removed_run::<ReportError>(|run| {
        count += u64::from(scope.has_job(run.job_key) && scope.has_time(run.started_ticks));
        Ok(())
    })?;
    Ok(count)
}
