//! `jobruns status`.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::archive::{ArchiveError, ClockFinding, JobState, ReadOnly};
use crate::cli::commands::clock;
use crate::cli::commands::watch_list::{tell_unwatched, with_jobs_file};
use crate::cli::failure::{Exit, Failure};
use crate::cli::monitoring::{exposition, metrics};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::{
    TerminalColumn, or_dash, print_result, print_text, table, width_to_fit, yes_or_no,
};
use crate::cli::terminal::titles::{TitledJob, titles};
use crate::config::{MonitoringSettings, Sources, TableOrJson};
use crate::model::{
    Instant, NotADuration, parse_duration, parse_positive_duration, show_duration, show_rounded,
};
use crate::report::purge_age::PurgeAges;
use crate::report::reports::health::JobHealth;
use crate::report::{CommonOptions, ReportError};
use crate::text::{at_most, counted};

/// Shows how fresh the archive is, per job
///
/// Shows the last complete answer, the last error, the number of runs and the newest run of each job. A complete answer
/// is one to a sync with --fetch full or auto, so with auto it may have had the latest runs alone; --format json has
/// the last one with all runs too (last_synced_at). With --max-age, the exit code is 3 if the last complete answer of a
/// watched job is older, if there was none, or if no job is watched. It is always 3 if the last sync lies in the future, or if the clock was set back before a sync of the last two days; with
/// --max-age or --max-silence also if the clock was 5 minutes or more from the server's at the last sync.
///
/// A watched job that has stopped is named: at its last complete answer, its last run had begun more than 2.5 times its
/// usual (median) interval before. With --max-silence auto the exit code is then 3; with a duration, if the last run of
/// a watched job had begun longer before.
///
/// Where the server's purge age is known, the last line says until when the next complete sync must have run so that no
/// run is purged before it is archived. Once that time has passed, the exit code is 3 with --max-age or --max-silence.
///
/// Runs that the server stopped listing early are named on the morning after the sync that noticed it: deleted at the
/// server, most likely. With --vanished, the exit code is then 3. `jobruns report vanished` has all of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns status
  jobruns status --max-age 26h --max-silence auto --vanished
  jobruns status --max-age 26h --format json")]
pub(crate) struct StatusArgs {
    /// Maximum age of the last complete answer of a watched job, such as 26h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<Duration>,

    /// Maximum time from the last run of a watched job to its last complete answer, such as 3d, or auto for 2.5 times its
    /// usual interval
    #[arg(long, value_name = "DURATION|auto")]
    max_silence: Option<MaxSilence>,

    /// Ends with 3 if, at its last complete answer, runs of a watched job had vanished before their purge age
    #[arg(long)]
    vanished: bool,

    /// The age at which the server purges runs, such as 90d [default: learned from the runs that it stopped listing]
    #[arg(long, env = "JOBRUNS_PURGE_AGE", value_name = "DURATION", value_parser = parse_positive_duration)]
    purge_age: Option<Duration>,

    /// The output format [default: table]; prometheus is metrics in Prometheus' text format
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<StatusFormat>,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,

    #[command(flatten)]
    pub(crate) monitoring: MonitoringSettings,
}

/// What it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StatusFormat {
    /// Text for people.
    Table,
    /// JSON for programs.
    Json,
    /// Metrics for Prometheus.
    Prometheus,
}

/// How long a job may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MaxSilence {
    /// As long as it has not stopped by its own usual interval.
    Auto,
    Of(Duration),
}

impl FromStr for MaxSilence {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        if text.trim() == "auto" {
            return Ok(Self::Auto);
        }
        parse_duration(text).map(Self::Of)
    }
}

#[derive(Debug, Serialize)]
struct Freshness {
    /// What people call it.
    #[serde(skip)]
    title: String,
    job_id: String,
    name: Option<String>,
    watched: bool,
    /// The last complete answer to the question for all runs.
    last_synced_at: Option<String>,
    /// The last complete answer, whatever was fetched; the age goes by it.
    last_answered_at: Option<String>,
    age_seconds: Option<i64>,
    overdue: Option<bool>,
    runs: i64,
    newest_run_at: Option<String>,
    last_error: Option<String>,
    last_sync_in_future: bool,
    #[serde(flatten)]
    silence: SilenceJson,
    #[serde(flatten)]
    purge: PurgeClockJson,
    /// Runs that the server had stopped listing early at the last complete answer; null where no purge age is known.
    vanished_lately: Option<u64>,
}

/// How long a job did not run.
#[derive(Debug, Default, Serialize)]
struct SilenceJson {
    last_run_at: Option<String>,
    usual_seconds: Option<i64>,
    silent_seconds: Option<i64>,
    stopped: bool,
    runs_missed: Option<i64>,
    /// By `--max-silence`; null without it.
    silent_too_long: Option<bool>,
}

/// Until when a job must be synced.
#[derive(Debug, Default, Serialize)]
struct PurgeClockJson {
    purge_age_seconds: Option<i64>,
    /// Where the purge age comes from, or why none is known.
    purge_age_basis: Option<String>,
    sync_by: Option<String>,
    sync_overdue: bool,
    /// Runs that the job usually starts from its last complete answer to `sync_by`.
    runs_expected: Option<u64>,
    /// Runs that usually have been purged unseen by now.
    runs_lost: Option<u64>,
}

pub(crate) fn run(
    args: &StatusArgs,
    sources: &Sources<'_>,
    archive: &Path,
    console: &Console,
) -> Result<Exit, Failure> {
    let now = Instant::now();
    let read =
        ReadOnly::open(archive)?.settled(|reader| reader.confirmed(read(reader, args.purge_age, now)))?;
    let Read {
        states,
        mut health,
        ages,
        clock_findings,
    } = read;
    let states = with_jobs_file(states, sources)?;
    let mut jobs = freshness(states, args.max_age, now);
    for job in &mut jobs {
        if let Some(health) = health.remove(&job.job_id) {
            job.silence = silence(&health, args.max_silence);
            job.purge = purge_clock(&health, &ages, now);
            job.vanished_lately = health.vanished_lately;
        }
    }
    let columns = [
        TerminalColumn::Text("job"),
        TerminalColumn::Text("watched"),
        TerminalColumn::Text("last complete answer"),
        TerminalColumn::Number("age"),
        TerminalColumn::Number("runs"),
        TerminalColumn::Text("newest run"),
        TerminalColumn::Text("last error"),
    ];
    let cells = |job: &Freshness| {
        let age = job
            .age_seconds
            .map(|age| show_rounded(Duration::from_secs(age.unsigned_abs())));
        vec![
            job.title.clone(),
            yes_or_no(job.watched),
            or_dash(job.last_answered_at.as_deref()),
            if job.last_sync_in_future {
                "in the future".to_owned()
            } else if job.overdue == Some(true) {
                "overdue".to_owned()
            } else {
                or_dash(age.as_deref())
            },
            job.runs.to_string(),
            or_dash(job.newest_run_at.as_deref()),
            or_dash(
                job.last_error
                    .as_deref()
                    .map(|error| at_most(error, MAX_ERROR_WIDTH))
                    .as_deref(),
            ),
        ]
    };
    let text = || table(&columns, jobs.iter().map(cells), width_to_fit(args.wide));
    match args.format {
        Some(StatusFormat::Prometheus) => {
            let (metrics, _) = metrics::of_archive(archive, sources, args.purge_age)?;
            print_text(&exposition::write(&metrics))?;
        }
        Some(StatusFormat::Json) => print_result(console, Some(TableOrJson::Json), text, &jobs)?,
        Some(StatusFormat::Table) => print_result(console, Some(TableOrJson::Table), text, &jobs)?,
        None => print_result(console, None, text, &jobs)?,
    }
    tell_unwatched(&ReadOnly::open(archive)?.server_jobs()?, |job_id| {
        jobs.iter().any(|job| job.watched && job.job_id == job_id)
    });
    tell_removals(&ReadOnly::open(archive)?)?;
    let is_check = args.max_age.is_some() || args.max_silence.is_some();
    let is_unwatched = args.max_age.is_none() && args.max_silence.is_some() && !any_watched(&jobs);
    // A last sync that lies in the future is told once, not with each of its jobs.
    let is_told = clock_findings
        .iter()
        .any(|finding| matches!(finding, ClockFinding::InFuture { .. }));
    let findings = [
        !is_told && tell_last_syncs_in_future(&jobs) == Exit::Findings,
        clock::tell(&clock_findings, is_check) == Exit::Findings,
        args.max_age
            .is_some_and(|max_age| exit_for(&jobs, max_age) == Exit::Findings),
        is_unwatched,
        tell_silent(&jobs, args.max_silence),
        tell_purge_clock(&jobs, is_check),
        tell_vanished(&jobs, args.vanished),
    ];
    Ok(if findings.contains(&true) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

/// What is read of one state of the archive.
struct Read {
    states: Vec<JobState>,
    health: HashMap<String, JobHealth>,
    ages: PurgeAges,
    clock_findings: Vec<ClockFinding>,
}

fn read(reader: &ReadOnly, purge_age: Option<Duration>, now: Instant) -> Result<Read, ReportError> {
    let snapshot = reader.snapshot()?;
    let ages = PurgeAges::read(&snapshot, purge_age)?;
    let scope = CommonOptions::default().scope(&snapshot)?;
    let health = JobHealth::read(&snapshot, &scope, &ages)?;
    let health = health.into_iter().map(|job| (job.job_id.clone(), job)).collect();
    Ok(Read {
        states: reader.job_states()?,
        health,
        ages,
        clock_findings: reader.clock_findings(now)?,
    })
}

/// Says how many runs a retention rule removed, and whether bytes of them are still in the file.
fn tell_removals(reader: &ReadOnly) -> Result<(), ArchiveError> {
    let removals = reader.snapshot()?.removals()?;
    if removals.runs > 0 {
        tracing::info!(
            "a retention rule removed {}, last at {}; `jobruns report removals` lists them",
            counted(removals.runs, "run"),
            removals.last_at.as_deref().unwrap_or("-")
        );
    }
    if let Some(plan) = removals.uncleared {
        tracing::warn!(
            "the removal by the plan {plan} is recorded, and its bytes are not all cleared from the file: run that `jobruns retain` again with --apply {plan}"
        );
    }
    Ok(())
}

fn silence(health: &JobHealth, max_silence: Option<MaxSilence>) -> SilenceJson {
    let runs_missed = health.stopped();
    let silent_seconds = health.silent_seconds();
    let is_watched = health.freshness.is_watched;
    let silent_too_long = max_silence.map(|max| match max {
        MaxSilence::Auto => runs_missed.is_some(),
        MaxSilence::Of(max) => {
            is_watched && silent_seconds.is_some_and(|silent| i128::from(silent) > i128::from(max.as_secs()))
        }
    });
    SilenceJson {
        last_run_at: health.silence.map(|silence| silence.last_start().to_string()),
        usual_seconds: health
            .silence
            .and_then(|silence| silence.rhythm)
            .map(|rhythm| rhythm.whole_seconds()),
        silent_seconds,
        stopped: runs_missed.is_some(),
        runs_missed,
        silent_too_long,
    }
}

fn purge_clock(health: &JobHealth, ages: &PurgeAges, now: Instant) -> PurgeClockJson {
    let clock = health.purge_clock;
    let sync_overdue = clock.is_some_and(|clock| clock.is_overdue(now));
    PurgeClockJson {
        purge_age_seconds: health.purge_age.map(|age| age.seconds),
        purge_age_basis: Some(ages.words(health.freshness.server_key)),
        sync_by: clock.map(|clock| clock.sync_by.to_string()),
        sync_overdue,
        runs_expected: clock.and_then(|clock| clock.runs_expected),
        runs_lost: clock.and_then(|clock| clock.runs_lost(now)),
    }
}

fn in_brief(seconds: Option<i64>) -> String {
    show_rounded(Duration::from_secs(seconds.unwrap_or(0).unsigned_abs()))
}

/// An interval to the nearest unit: a week less a few seconds is `7d`.
fn to_nearest_unit(seconds: u64) -> String {
    let half = match seconds {
        0..120 => 0,
        120..7_200 => 30,
        7_200..172_800 => 1_800,
        _ => 43_200,
    };
    show_rounded(Duration::from_secs(seconds + half))
}

/// Names each watched job that has stopped, or is silent for too long; says whether that is a finding.
fn tell_silent(jobs: &[Freshness], max_silence: Option<MaxSilence>) -> bool {
    let mut is_finding = false;
    for job in jobs.iter().filter(|job| job.watched) {
        let SilenceJson {
            last_run_at,
            usual_seconds,
            silent_seconds,
            runs_missed,
            silent_too_long,
            ..
        } = &job.silence;
        let too_long = *silent_too_long == Some(true);
        let title = &job.title;
        let since = last_run_at.as_deref().map_or_else(
            || "it has no run".to_owned(),
            |at| format!("its last run began at {at}"),
        );
        let silent = in_brief(*silent_seconds);
        let words = match (runs_missed, max_silence) {
            (Some(missed), _) => format!(
                "{title}: it has stopped: {since}, {silent} before its last complete answer; it usually runs every {}, so \
                 {missed} runs are missing",
                to_nearest_unit(usual_seconds.unwrap_or(0).unsigned_abs())
            ),
            (None, Some(MaxSilence::Of(max))) if too_long => format!(
                "{title}: {since}, {silent} before its last complete answer; that is longer than {}",
                show_duration(max)
            ),
            _ => continue,
        };
        if too_long {
            tracing::error!(job_id = job.job_id, "{words}; look at its schedule in CCS");
        } else {
            tracing::warn!(job_id = job.job_id, "{words}");
        }
        is_finding |= too_long;
    }
    if matches!(max_silence, Some(MaxSilence::Auto)) {
        let unknown = jobs
            .iter()
            .filter(|job| job.watched && job.silence.usual_seconds.is_none())
            .count();
        if unknown > 0 {
            tracing::info!(
                "whether {} stopped is not known: a usual interval takes three runs with a start",
                if unknown == 1 {
                    "1 watched job has".to_owned()
                } else {
                    format!("{unknown} watched jobs have")
                }
            );
        }
    }
    is_finding
}

/// Says until when the next complete sync must have run, of the watched job that comes first; and whether that is a
/// finding, which a check makes of a time that has passed.
fn tell_purge_clock(jobs: &[Freshness], is_check: bool) -> bool {
    let watched = || {
        jobs.iter()
            .filter(|job| job.watched && job.purge.sync_by.is_some())
    };
    let Some(first) = watched().min_by_key(|job| job.purge.sync_by.as_deref()) else {
        return false;
    };
    let title = &first.title;
    let by = first.purge.sync_by.as_deref().unwrap_or_default();
    let basis = first.purge.purge_age_basis.as_deref().unwrap_or_default();
    let overdue = watched().filter(|job| job.purge.sync_overdue).count();
    if overdue == 0 {
        let expected: u64 = watched().filter_map(|job| job.purge.runs_expected).sum();
        tracing::info!(
            "sync again by {by} (that is {title}), or runs are purged before they are archived; until then about \
             {expected} runs are expected ({basis})"
        );
        return false;
    }
    let lost: u64 = watched().filter_map(|job| job.purge.runs_lost).sum();
    let words = format!(
        "a complete sync was needed by {by} ({title}, the first of {}); since then the server purged about {} \
         that no sync had archived ({basis}): sync now",
        counted(overdue as u64, "job"),
        counted(lost, "run")
    );
    if is_check {
        tracing::error!("{words}");
    } else {
        tracing::warn!("{words}");
    }
    is_check
}

/// Names each watched job of which runs vanished early at its last complete answer; says whether that is a finding. It is
/// told once: the next complete sync is about other runs.
fn tell_vanished(jobs: &[Freshness], is_finding: bool) -> bool {
    let mut is_any = false;
    for job in jobs.iter().filter(|job| job.watched) {
        let Some(runs) = job.vanished_lately.filter(|&runs| runs > 0) else {
            continue;
        };
        let title = &job.title;
        let words = format!(
            "{title}: runs that the server no longer lists, long before their purge age: {runs}. The archive keeps them; ask \
             who deleted them at the server: `jobruns report vanished` lists them"
        );
        if is_finding {
            tracing::error!(job_id = job.job_id, "{words}");
        } else {
            tracing::warn!(job_id = job.job_id, "{words}");
        }
        is_any = true;
    }
    is_any && is_finding
}

fn freshness(states: Vec<JobState>, max_age: Option<Duration>, now: Instant) -> Vec<Freshness> {
    let titles = titles(states.iter().map(|state| TitledJob::of(&state.job)));
    let titled = states.into_iter().zip(titles);
    titled
        .map(|(state, title)| freshness_of(state, title, max_age, now))
        .collect()
}

fn freshness_of(state: JobState, title: String, max_age: Option<Duration>, now: Instant) -> Freshness {
    let JobState {
        job,
        runs,
        newest_run_at,
    } = state;
    let last_sync_in_future = job.last_answered_at.is_some_and(|answered| answered > now);
    let age_seconds = job
        .last_answered_at
        .filter(|_| !last_sync_in_future)
        .map(|answered| now.unix_seconds() - answered.unix_seconds());
    let too_old =
        |max_age: Duration| age_seconds.is_none_or(|age| i128::from(age) > i128::from(max_age.as_secs()));
    Freshness {
        title,
        job_id: job.job_id,
        name: job.name,
        watched: job.watched,
        last_synced_at: job.last_synced_at.map(|synced| synced.to_string()),
        last_answered_at: job.last_answered_at.map(|answered| answered.to_string()),
        age_seconds,
        overdue: max_age.map(|max_age| job.watched && !last_sync_in_future && too_old(max_age)),
        runs,
        newest_run_at,
        last_error: job.last_error,
        last_sync_in_future,
        silence: SilenceJson::default(),
        purge: PurgeClockJson::default(),
        vanished_lately: None,
    }
}

/// Says of each watched job whose last complete answer lies in the future: the clock was ahead then or is behind now, so
/// its age cannot be told, and a check of the age would be silent until the clock has caught up.
fn tell_last_syncs_in_future(jobs: &[Freshness]) -> Exit {
    let mut exit = Exit::Done;
    for job in jobs.iter().filter(|job| job.watched && job.last_sync_in_future) {
        let title = &job.title;
        let at = job.last_answered_at.as_deref().unwrap_or_default();
        tracing::error!(
            job_id = job.job_id,
            "{title}: its last complete answer lies in the future ({at}); check the clock, then sync again"
        );
        exit = Exit::Findings;
    }
    exit
}

/// Whether the watched ones of these jobs are fresh enough; says of each that is not.
pub(crate) fn check(states: Vec<JobState>, max_age: Duration, now: Instant) -> Exit {
    let jobs = freshness(states, Some(max_age), now);
    let ahead = tell_last_syncs_in_future(&jobs);
    let stale = exit_for(&jobs, max_age);
    if stale == Exit::Done { ahead } else { stale }
}

/// Whether any job is watched; says so where none is.
fn any_watched(jobs: &[Freshness]) -> bool {
    let is_any = jobs.iter().any(|job| job.watched);
    if !is_any {
        tracing::error!(
            "no job is watched, so nothing is fresh; `jobruns jobs discover` lists the jobs of the server, `jobruns jobs add` watches one"
        );
    }
    is_any
}

/// Whether all is fresh enough; a check over nothing is none, and fails.
fn exit_for(jobs: &[Freshness], max_age: Duration) -> Exit {
    let max_age = show_duration(max_age);
    if !any_watched(jobs) {
        return Exit::Findings;
    }
    let mut exit = Exit::Done;
    for job in jobs.iter().filter(|job| job.overdue == Some(true)) {
        let title = &job.title;
        match &job.last_answered_at {
            Some(at) => tracing::error!(
                job_id = job.job_id,
                "{title}: its last complete answer is older than {max_age} ({at}); {SYNC_NOW}"
            ),
            None => tracing::error!(
                job_id = job.job_id,
                "{title}: it has not answered completely yet; {SYNC_NOW}"
            ),
        }
        exit = Exit::Findings;
    }
    exit
}

/// What to do about a job that is not fresh.
const SYNC_NOW: &str = "sync now: `jobruns check` says why a scheduled sync fails";

/// The most characters of an error that the table shows; JSON has all of it.
const MAX_ERROR_WIDTH: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::JobRow;

    #[test]
    fn an_interval_is_told_to_the_nearest_unit() {
        let told = [604_795, 86_400, 5_399, 59].map(to_nearest_unit);
        assert_eq!(told, ["7d", "24h", "90m", "59s"]);
    }

    fn job(watched: bool, synced: Option<i64>) -> JobState {
        JobState {
            job: JobRow {
                job_id: "a".to_owned(),
                name: None,
                server: None,
                watched,
                last_synced_at: None,
                last_answered_at: synced.map(Instant::from_unix_seconds),
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
        exit_for(&freshness(states, Some(max_age), now), max_age)
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
        let ahead = freshness(vec![job(true, Some(1001))], None, now);
        assert_eq!((ahead[0].age_seconds, ahead[0].last_sync_in_future), (None, true));
        assert_eq!(tell_last_syncs_in_future(&ahead), Exit::Findings);
        assert_eq!(
            check(vec![job(true, Some(5000))], Duration::from_secs(100), now),
            Exit::Findings
        );
        let unwatched = freshness(vec![job(false, Some(1001))], None, now);
        assert_eq!(tell_last_syncs_in_future(&unwatched), Exit::Done);
    }
}
