//! `jobruns status`.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::archive::{ClockFinding, JobState, ReadOnly};
use crate::cli::commands::clock;
use crate::cli::commands::jobs::yes_or_no;
use crate::cli::commands::watch_list::{tell_unwatched, with_jobs_file};
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::{Column, or_dash, print_result, table, width_to_fit};
use crate::cli::terminal::titles::titles;
use crate::config::{Sources, TableOrJson};
use crate::model::{Instant, parse_duration, show_duration, show_rounded};

/// Shows how fresh the archive is, per job
///
/// Shows the last complete sync, the last error, the number of runs and the newest run of each job. With --max-age, the
/// exit code is 3 if the last complete sync of a watched job is older, if there was none, or if no job is watched. It
/// is always 3 if the last sync lies in the future, or if the clock was set back before a sync of the last two days.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns status
  jobruns status --max-age 26h --format json")]
pub(crate) struct StatusArgs {
    /// Maximum age of the last complete sync of a watched job, such as 26h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<Duration>,

    /// The output format [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<TableOrJson>,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,
}

#[derive(Debug, Serialize)]
struct Freshness {
    job_id: String,
    name: Option<String>,
    watched: bool,
    last_synced_at: Option<String>,
    age_seconds: Option<i64>,
    overdue: Option<bool>,
    runs: i64,
    newest_run_at: Option<String>,
    last_error: Option<String>,
    last_sync_in_future: bool,
}

pub(crate) fn run(
    args: &StatusArgs,
    sources: &Sources<'_>,
    archive: &Path,
    console: &Console,
) -> Result<Exit, Failure> {
    let now = Instant::now();
    let states = with_jobs_file(ReadOnly::open(archive)?.job_states()?, sources)?;
    let jobs: Vec<Freshness> = states
        .into_iter()
        .map(|state| freshness(state, args.max_age, now))
        .collect();
    let columns = [
        Column::Text("job"),
        Column::Text("watched"),
        Column::Text("last complete sync"),
        Column::Number("age"),
        Column::Number("runs"),
        Column::Text("newest run"),
        Column::Text("last error"),
    ];
    let cells = |job: &Freshness, title: String| {
        let age = job
            .age_seconds
            .map(|age| show_rounded(Duration::from_secs(age.unsigned_abs())));
        vec![
            title,
            yes_or_no(job.watched),
            or_dash(job.last_synced_at.as_deref()),
            if job.last_sync_in_future {
                "in the future".to_owned()
            } else if job.overdue == Some(true) {
                "overdue".to_owned()
            } else {
                or_dash(age.as_deref())
            },
            job.runs.to_string(),
            or_dash(job.newest_run_at.as_deref()),
            or_dash(job.last_error.as_deref().map(beginning).as_deref()),
        ]
    };
    let titles = titles(jobs.iter().map(|job| (job.job_id.as_str(), job.name.as_deref())));
    let text = || {
        let rows = jobs.iter().zip(titles).map(|(job, title)| cells(job, title));
        table(&columns, rows, width_to_fit(args.wide))
    };
    print_result(console, args.format, text, &jobs)?;
    tell_unwatched(&ReadOnly::open(archive)?.server_jobs()?);
    let mut clock_findings = ReadOnly::open(archive)?.clock_findings(now)?;
    let mut ahead = tell_last_syncs_in_future(&jobs);
    if ahead != Exit::Done {
        // Told with the jobs.
        clock_findings.retain(|finding| !matches!(finding, ClockFinding::InFuture { .. }));
    }
    if clock::tell(&clock_findings) != Exit::Done {
        ahead = Exit::Findings;
    }
    let stale = args
        .max_age
        .map_or(Exit::Done, |max_age| exit_for(&jobs, max_age));
    Ok(if stale == Exit::Done { ahead } else { stale })
}

fn freshness(state: JobState, max_age: Option<Duration>, now: Instant) -> Freshness {
    let JobState {
        job,
        runs,
        newest_run_at,
    } = state;
    let last_sync_in_future = job.last_synced_at.is_some_and(|synced| synced > now);
    let age_seconds = job
        .last_synced_at
        .filter(|_| !last_sync_in_future)
        .map(|synced| now.unix_seconds() - synced.unix_seconds());
    let too_old =
        |max_age: Duration| age_seconds.is_none_or(|age| i128::from(age) > i128::from(max_age.as_secs()));
    Freshness {
        job_id: job.job_id,
        name: job.name,
        watched: job.watched,
        last_synced_at: job.last_synced_at.map(|synced| synced.to_string()),
        age_seconds,
        overdue: max_age.map(|max_age| job.watched && !last_sync_in_future && too_old(max_age)),
        runs,
        newest_run_at,
        last_error: job.last_error,
        last_sync_in_future,
    }
}

/// Says of each watched job whose last complete sync lies in the future: the clock was ahead then or is behind now, so
/// its age cannot be told, and a check of the age would be silent until the clock has caught up.
fn tell_last_syncs_in_future(jobs: &[Freshness]) -> Exit {
    let mut exit = Exit::Done;
    for job in jobs.iter().filter(|job| job.watched && job.last_sync_in_future) {
        let title = job.name.as_deref().unwrap_or(&job.job_id);
        let at = job.last_synced_at.as_deref().unwrap_or_default();
        tracing::error!(
            job_id = job.job_id,
            "{title}: its last complete sync lies in the future ({at}); check the clock, then sync again"
        );
        exit = Exit::Findings;
    }
    exit
}

/// Whether the watched ones of these jobs are fresh enough; says of each that is not.
pub(crate) fn check(states: Vec<JobState>, max_age: Duration, now: Instant) -> Exit {
    let jobs: Vec<Freshness> = states
        .into_iter()
        .map(|state| freshness(state, Some(max_age), now))
        .collect();
    let ahead = tell_last_syncs_in_future(&jobs);
    let stale = exit_for(&jobs, max_age);
    if stale == Exit::Done { ahead } else { stale }
}

/// Whether all is fresh enough; a check over nothing is none, and fails.
fn exit_for(jobs: &[Freshness], max_age: Duration) -> Exit {
    let max_age = show_duration(max_age);
    if !jobs.iter().any(|job| job.watched) {
        tracing::error!("no job is watched, so nothing is fresh");
        return Exit::Findings;
    }
    let mut exit = Exit::Done;
    for job in jobs.iter().filter(|job| job.overdue == Some(true)) {
        let title = job.name.as_deref().unwrap_or(&job.job_id);
        match &job.last_synced_at {
            Some(at) => tracing::error!(
                job_id = job.job_id,
                "{title}: its last complete sync is older than {max_age} ({at})"
            ),
            None => tracing::error!(job_id = job.job_id, "{title}: there was no complete sync yet"),
        }
        exit = Exit::Findings;
    }
    exit
}

/// The most letters of an error that the table shows; JSON has all of it.
const SHOWN_OF_AN_ERROR: usize = 80;

fn beginning(error: &str) -> String {
    if error.chars().count() <= SHOWN_OF_AN_ERROR {
        return error.to_owned();
    }
    error.chars().take(SHOWN_OF_AN_ERROR - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::JobRow;

    fn job(watched: bool, synced: Option<i64>) -> JobState {
        JobState {
            job: JobRow {
                job_id: "a".to_owned(),
                name: None,
                server: None,
                watched,
                last_synced_at: synced.map(Instant::from_unix_seconds),
                last_error: None,
                name_given: false,
                former_names: Vec::new(),
                only_in_jobs_files: Vec::new(),
            },
            runs: 0,
            newest_run_at: None,
        }
    }

    fn judged(states: Vec<JobState>) -> Exit {
        let max_age = Duration::from_secs(100);
        let now = Instant::from_unix_seconds(1000);
        let jobs: Vec<Freshness> = states
            .into_iter()
            .map(|state| freshness(state, Some(max_age), now))
            .collect();
        exit_for(&jobs, max_age)
    }

    #[test]
    fn one_watched_job_that_is_too_old_fails_the_check() {
        assert_eq!(
            judged(vec![job(true, Some(900)), job(true, Some(999))]),
            Exit::Done
        );
        assert_eq!(
            judged(vec![job(true, Some(899)), job(true, Some(999))]),
            Exit::Findings
        );
        assert_eq!(judged(vec![job(true, None)]), Exit::Findings);
    }

    #[test]
    fn a_job_that_is_not_watched_may_be_old_but_something_must_be_watched() {
        assert_eq!(
            judged(vec![job(true, Some(999)), job(false, Some(1))]),
            Exit::Done
        );
        assert_eq!(judged(vec![job(false, Some(999))]), Exit::Findings);
        assert_eq!(judged(Vec::new()), Exit::Findings);
    }

    #[test]
    fn a_last_sync_in_the_future_is_a_finding_and_has_no_age() {
        let now = Instant::from_unix_seconds(1000);
        let ahead = freshness(job(true, Some(1001)), None, now);
        assert_eq!((ahead.age_seconds, ahead.last_sync_in_future), (None, true));
        assert_eq!(tell_last_syncs_in_future(&[ahead]), Exit::Findings);
        assert_eq!(
            check(vec![job(true, Some(5000))], Duration::from_secs(100), now),
            Exit::Findings
        );
        let unwatched = freshness(job(false, Some(1001)), None, now);
        assert_eq!(tell_last_syncs_in_future(&[unwatched]), Exit::Done);
    }
}
