//! Runs that the server stopped listing before it should have purged them.

use std::collections::HashMap;

use serde::Serialize;

use crate::archive::{JobName, Snapshot};
use crate::model::{Decimal, Instant, JobStatus};
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::Result;
use crate::report::options::{CommonOptions, PurgeAgeFlag, Scope};
use crate::report::purge_age::{PurgeAge, PurgeAges, days};

/// Runs that the server stopped listing before they were old enough to be purged
///
/// One row per run that was absent at less than 0.9 of its server's purge age: somebody or something deleted it at the
/// server. The archive still has it. age_days is the time from its start to its absence. The purge age is learned from
/// all absences of the same server, as the median age of at least ten runs; with fewer, --purge-age is needed, and the
/// report says so. --since and --until apply to the starts of runs.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report vanished
  jobruns report vanished --purge-age 90d --job Nightly --format json")]
pub(crate) struct Vanished {
    #[arg(skip)]
    #[serde(flatten)]
    pub(crate) purge_age: PurgeAgeFlag,
}

row! {
    /// A run that vanished early.
    VanishedRow<'a> {
        job_run_id: &'a str as Text,
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        status_name: Option<&'a str> as Text,
        started_at: Instant as Instant,
        absent_since: Instant as Instant,
        age_days: Decimal as Decimal,
        purge_age_days: Decimal as Decimal,
    }
}

impl Report for Vanished {
    const NAME: &'static str = "vanished";
    const EMPTY: &'static str = "No run vanished from the server before its purge age.";
    type Row<'a> = VanishedRow<'a>;

    fn resolve(&mut self, common: &mut CommonOptions, _now: Instant) -> Result {
        self.purge_age.resolve(common.purge_age);
        Ok(())
    }

    /// By the GUID of the job, then by start.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        let ages = PurgeAges::read(snapshot, self.purge_age.given(scope.options().purge_age))?;
        each(snapshot, scope, &ages, |vanished| row(&vanished))
    }

    fn empty(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<String> {
        let ages = PurgeAges::read(snapshot, self.purge_age.given(scope.options().purge_age))?;
        let servers = servers(snapshot)?;
        let age = |job: &JobName| ages.of(servers.get(&job.job_key).copied().flatten());
        let (known, too_short): (Vec<PurgeAge>, Vec<PurgeAge>) =
            scope.jobs().filter_map(age).partition(|age| !age.is_too_short());
        Ok(if !too_short.is_empty() {
            "Whether runs vanished early is not known: the server keeps runs for longer than the purge age says."
        } else if !known.is_empty() {
            Self::EMPTY
        } else {
            "Whether runs vanished early is not known: no purge age is known."
        }
        .to_owned())
    }

    /// What the purge age of each server rests on.
    fn notes(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Vec<String>> {
        let ages = PurgeAges::read(snapshot, self.purge_age.given(scope.options().purge_age))?;
        Ok(ages.known_notes(
            snapshot
                .job_freshness()?
                .iter()
                .filter(|job| scope.has_job(job.job_key)),
        ))
    }
}

/// Yields the runs that vanished early at servers whose purge age is known.
pub(crate) fn each(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    ages: &PurgeAges,
    mut row: impl FnMut(VanishedRow<'_>) -> Result,
) -> Result {
    let servers = servers(snapshot)?;
    for job in scope.jobs() {
        let server = servers.get(&job.job_key).copied().flatten();
        let Some(age) = ages.of(server) else { continue };
        snapshot.each_run_absent_before(job.job_key, age.early_seconds(), |run| {
            if !scope.has_time(Some(run.started_ticks)) {
                return Ok(());
            }
            let status_name = run.status.map(|status| JobStatus(status).name());
            let started_at = Instant::from_ticks(run.started_ticks);
            // A start behind the absence, by a clock that was wrong, is not a negative age.
            let seconds = (run.absent_since_unix - started_at.unix_seconds()).max(0);
            row(VanishedRow {
                job_run_id: run.job_run_id,
                job_id: &job.job_id,
                job_name: job.name.as_deref(),
                status_name: status_name.as_deref(),
                started_at,
                absent_since: Instant::from_unix_seconds(run.absent_since_unix),
                age_days: days(seconds),
                purge_age_days: age.days(),
            })
        })?;
    }
    Ok(())
}

/// The server of each job.
fn servers(snapshot: &Snapshot<'_>) -> Result<HashMap<i64, Option<i64>>> {
    let jobs = snapshot.job_freshness()?;
    Ok(jobs
        .into_iter()
        .map(|job| (job.job_key, job.server_key))
        .collect())
}
