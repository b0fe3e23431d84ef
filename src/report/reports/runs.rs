//! Every run that is requested, a row each: the columns of the table `runs`.

use std::collections::HashMap;

use serde::Serialize;

use crate::archive::{ArchiveError, InSpan, RunKey, RunRecord, Snapshot};
use crate::model::{Decimal, Instant, JobStatus, STATUS_NAMES};
use crate::report::definition::{EachRow, Report, Row, row};
use crate::report::error::{ReportError, Result};
use crate::report::options::{KeySet, MatchingKeys, MessageFilter, Scope, nearest};
use crate::report::table::Rows;

/// Every run, with the columns of the table `runs`
///
/// Ordered by start, then by GUID; runs without a start come last, and are left out if --since or --until is given. A
/// run matches --category, --asset, --asset-type, --owner and --search if one of its messages matches all that are
/// given.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report runs --since 30d --status failed
  jobruns report runs --asset SRV-0042 --category error --output runs.csv")]
pub(crate) struct Runs {
    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) filter: RunFilter,
}

/// Which runs and messages are requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args, Serialize)]
#[command(next_help_heading = "Which")]
pub(crate) struct RunFilter {
    /// Only runs with this status, by name or code, or `failed` (Faulted or Aborted); may be given several times
    #[arg(long = "status", value_name = "NAME|CODE", value_parser = status, allow_hyphen_values = true)]
    #[serde(rename = "status")]
    pub(crate) statuses: Vec<WantedStatus>,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) messages: MessageFilter,
}

/// A status that is requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WantedStatus {
    /// Any that is a failure.
    Failed,
    #[serde(untagged)]
    Code(i64),
}

impl WantedStatus {
    fn has(self, code: i64) -> bool {
        match self {
            Self::Code(wanted) => wanted == code,
            Self::Failed => JobStatus(code).is_failure(),
        }
    }
}

/// A status by its name in any letter case, by its code, or as tables show an unknown one: `Unknown(42)`; or `failed`.
fn status(text: &str) -> Result<WantedStatus, String> {
    let text = text.trim();
    let code = text
        .strip_prefix("Unknown(")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(text);
    if let Ok(code) = code.parse() {
        return Ok(WantedStatus::Code(code));
    }
    if text.eq_ignore_ascii_case("failed") {
        return Ok(WantedStatus::Failed);
    }
    if let Some(JobStatus(code)) = JobStatus::by_name(text) {
        return Ok(WantedStatus::Code(code));
    }
    let known = STATUS_NAMES.join(", ");
    Err(match nearest(text, STATUS_NAMES.into_iter().chain(["failed"])) {
        Some(nearest) => format!("did you mean {nearest}? There are {known}, failed, and codes"),
        None => format!("expected {known}, failed, or a code"),
    })
}

row! {
    RunsRow<'a> {
        job_run_id: &'a str as Text,
        job_id: &'a str as Text,
        status: Option<i64> as Integer,
        status_name: Option<&'a str> as Text,
        started_at: Option<Instant> as Instant,
        ended_at: Option<Instant> as Instant,
        duration_seconds: Option<Decimal> as Decimal,
        exception: Option<&'a str> as Text,
        custom_status_text: Option<&'a str> as Text,
        job_summary: Option<&'a str> as Text,
        status_details: Option<&'a str> as Text,
        activity_status_list: Option<&'a str> as Text,
        message_count: Option<i64> as Integer,
        revision: i64 as Integer,
        first_seen_at: Instant as Instant,
        last_changed_at: Instant as Instant,
        absent_since: Option<Instant> as Instant,
        started_at_raw: Option<&'a str> as Text,
        ended_at_raw: Option<&'a str> as Text,
        time_basis: Option<&'a str> as Text,
        job_name: Option<&'a str> as Text,
    }
}

impl Report for Runs {
    const NAME: &'static str = "runs";
    const EMPTY: &'static str = "No run matches.";
    type Row<'a> = RunsRow<'a>;

    /// By start, then by GUID; runs without a start last, unless a span is requested.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        let jobs = job_ids(scope);
        let wanted = self.filter.wanted(snapshot, scope, InSpan::Start)?;
        snapshot.each_run_key::<ReportError>(InSpan::Start, scope.since(), scope.until(), |run| {
            if !wanted.has(&run) {
                return Ok(());
            }
            snapshot.run_row(run.run_key, |run| yield_row(&run, &jobs, scope, row))
        })
    }
}

impl RunFilter {
    /// Whether every run and message is wanted.
    pub(in crate::report) fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Finds the runs of the span with the messages that are requested.
    pub(super) fn wanted<'f>(
        &'f self,
        snapshot: &Snapshot<'_>,
        scope: &'f Scope,
        in_span: InSpan,
    ) -> Result<WantedRuns<'f>> {
        let keys = self.messages.keys(snapshot)?;
        let with_message = keys
            .as_ref()
            .map(|keys| keys.runs(snapshot, scope, in_span))
            .transpose()?;
        Ok(WantedRuns {
            scope,
            statuses: &self.statuses,
            with_message,
            keys,
        })
    }
}

/// Which runs are requested: by job, status and what their messages say.
pub(super) struct WantedRuns<'f> {
    scope: &'f Scope,
    statuses: &'f [WantedStatus],
    with_message: Option<KeySet>,
    /// Which messages are requested; `None` for all.
    pub(super) keys: Option<MatchingKeys>,
}

impl WantedRuns<'_> {
    pub(super) fn has(&self, run: &RunKey<'_>) -> bool {
        let has_status = |code| self.statuses.iter().any(|wanted| wanted.has(code));
        let has_message = |runs: &KeySet| runs.contains(run.run_key);
        self.scope.has_job(run.job_key)
            && (self.statuses.is_empty() || run.status.is_some_and(has_status))
            && self.with_message.as_ref().is_none_or(has_message)
    }
}

/// GUIDs of the jobs by their key.
pub(super) fn job_ids(scope: &Scope) -> HashMap<i64, &str> {
    let names = scope.names().iter();
    names.map(|job| (job.job_key, job.job_id.as_str())).collect()
}

/// The GUID of a run's job.
pub(super) fn job_id<'s>(jobs: &HashMap<i64, &'s str>, job_key: i64) -> Result<&'s str, ArchiveError> {
    let id = jobs.get(&job_key).copied();
    id.ok_or_else(|| ArchiveError::Damaged {
        what: format!("a run is of a job with the key {job_key}, which is not there"),
    })
}

/// Where the offset of a time came from, in the contract's word.
pub(super) const fn time_basis(is_assumed: bool) -> &'static str {
    if is_assumed { "assumed" } else { "explicit" }
}

/// Writes the row of one run.
pub(in crate::report) fn each_of(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    run_key: i64,
    rows: &mut dyn Rows,
) -> Result {
    rows.columns(RunsRow::COLUMNS)?;
    snapshot.run_row::<ReportError>(run_key, |run| {
        yield_row(&run, &job_ids(scope), scope, &mut |row| {
            Ok(row.cells(|cells| rows.row(cells))?)
        })
    })?;
    Ok(rows.finish()?)
}

/// The time from start to end, where the run has both.
pub(super) fn duration(run: &RunRecord<'_>) -> Option<Decimal> {
    let (start, end) = run.started_ticks.zip(run.ended_ticks)?;
    Some(Decimal::seconds(i128::from(end) - i128::from(start)))
}

fn yield_row(
    run: &RunRecord<'_>,
    jobs: &HashMap<i64, &str>,
    scope: &Scope,
    row: EachRow<'_, Runs>,
) -> Result {
    let status_name = run.status.map(|status| JobStatus(status).name());
    row(&RunsRow {
        job_run_id: run.job_run_id,
        job_id: job_id(jobs, run.job_key)?,
        status: run.status,
        status_name: status_name.as_deref(),
        started_at: run.started_ticks.map(Instant::from_ticks),
        ended_at: run.ended_ticks.map(Instant::from_ticks),
        duration_seconds: duration(run),
        exception: run.exception,
        custom_status_text: run.custom_status_text,
        job_summary: run.job_summary,
        status_details: run.status_details,
        activity_status_list: run.activity_status_list,
        message_count: run.message_count,
        revision: run.revision,
        first_seen_at: Instant::from_unix_seconds(run.first_seen_unix),
        last_changed_at: Instant::from_unix_seconds(run.last_changed_unix),
        absent_since: run.absent_since_unix.map(Instant::from_unix_seconds),
        started_at_raw: run.started_at_raw,
        ended_at_raw: run.ended_at_raw,
        time_basis: match (run.started_assumed, run.ended_assumed) {
            (Some(start), Some(end)) if start != end => Some("mixed"),
            (start, end) => start.or(end).map(time_basis),
        },
        job_name: scope.name_of(run.job_key),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_name_a_code_what_a_table_shows_or_failed() {
        for (text, code) in [
            ("faulted", 5),
            ("5", 5),
            ("None", 0),
            ("-1", -1),
            ("Unknown(42)", 42),
        ] {
            assert_eq!(status(text), Ok(WantedStatus::Code(code)), "{text}");
        }
        let failed = status("Failed").unwrap();
        let codes: Vec<i64> = (-1..9).filter(|&code| failed.has(code)).collect();
        assert_eq!(codes, [5, 7]);
        let said = serde_json::to_string(&[failed, WantedStatus::Code(42)]).unwrap();
        assert_eq!(said, r#"["failed",42]"#);
        assert!(status("Fautled").unwrap_err().contains("did you mean Faulted?"));
        assert!(status("").unwrap_err().contains("expected None, Pending"));
        assert!(status("99999999999999999999").is_err());
    }
}
