//! What became of runs after they were first archived.

use serde::Serialize;

use super::runs::{job_id, job_ids};
use crate::archive::Snapshot;
use crate::model::{Instant, JobStatus};
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::{ReportError, Result};
use crate::report::options::Scope;

/// Runs that changed after they were first archived
///
/// One row per revision after a run's first, ordered by the time at which it was archived, to which --since and --until
/// apply. was_final is 1 if the run had finished before it changed (status 4 to 7). what names the fields that say
/// something else and counts the messages that were added and that are gone; a message that was changed is one of each.
/// `jobruns run` shows the values.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report changes --since 30d
  jobruns report changes --format json --output changes.json")]
pub(crate) struct Changes {}

row! {
    /// A change of a run.
    ChangeRow<'a> {
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        job_run_id: &'a str as Text,
        revision: i64 as Integer,
        captured_at: Instant as Instant,
        status_before: Option<i64> as Integer,
        status: Option<i64> as Integer,
        was_final: bool as Integer,
        what: Option<&'a str> as Text,
    }
}

impl Report for Changes {
    const NAME: &'static str = "changes";
    const EMPTY: &'static str = "No archived run changed.";
    type Row<'a> = ChangeRow<'a>;

    /// By the time of the change, then by the GUIDs of job and run, then by revision.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        let ids = job_ids(scope);
        let mut reader = snapshot.revision_reader();
        snapshot.each_change::<ReportError>(|change| {
            let captured = Instant::from_unix_seconds(change.captured_unix);
            if !scope.has_job(change.job_key) || !scope.has_time(Some(captured.ticks())) {
                return Ok(());
            }
            let changes = change
                .entry_before
                .map(|before| reader.changes(before, change.entry_id))
                .transpose()?;
            let what = changes.map_or_else(String::new, |changes| changes.to_string());
            row(&ChangeRow {
                job_id: job_id(&ids, change.job_key)?,
                job_name: scope.name_of(change.job_key),
                job_run_id: change.job_run_id,
                revision: change.revision,
                captured_at: captured,
                status_before: change.status_before,
                status: change.status,
                was_final: change
                    .status_before
                    .is_some_and(|code| JobStatus(code).is_final()),
                what: Some(what.as_str()).filter(|what| !what.is_empty()),
            })
        })
    }
}
