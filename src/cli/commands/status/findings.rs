//! What `jobruns status` finds, and which of it ends with exit code 3.

use std::time::Duration;

use super::clock;
use super::freshness::{Freshness, Limits, MaxSilence, SilenceJson, freshness};
use crate::archive::{ClockFinding, JobState, RemovalTotals};
use crate::cli::failure::Exit;
use crate::model::{Instant, show_duration, show_rounded};
use crate::text::counted;

/// Reports whatever is wrong with the jobs and the clock; [`Exit::Findings`] where the limits, or the clock, make that a
/// failure.
pub(super) fn report(jobs: &[Freshness], clock_findings: &[ClockFinding], limits: &Limits) -> Exit {
    let is_check = limits.max_age.is_some() || limits.max_silence.is_some();
    let is_unwatched = limits.max_age.is_none() && limits.max_silence.is_some() && !any_watched(jobs);
    // A last sync in the future is reported once, not for each of its jobs.
    let is_reported = clock_findings
        .iter()
        .any(|finding| matches!(finding, ClockFinding::InFuture { .. }));
    let findings = [
        !is_reported && report_last_syncs_in_future(jobs) == Exit::Findings,
        clock::report(clock_findings, is_check) == Exit::Findings,
        limits
            .max_age
            .is_some_and(|max_age| exit_for(jobs, max_age) == Exit::Findings),
        is_unwatched,
        report_silent(jobs, limits.max_silence),
        report_purge_clock(jobs, is_check),
        report_vanished(jobs, limits.vanished),
    ];
    if findings.contains(&true) {
        Exit::Findings
    } else {
        Exit::Done
    }
}

/// Whether every watched job is fresh enough; if no job is watched, the check fails.
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

/// Says of each watched job whose last complete answer lies in the future: the clock was ahead then or is behind now, so
/// its age cannot be told, and a check of the age would be silent until the clock has caught up.
fn report_last_syncs_in_future(jobs: &[Freshness]) -> Exit {
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
    let ahead = report_last_syncs_in_future(&jobs);
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

/// Names each watched job that has stopped, or is silent for too long; says whether that is a finding.
fn report_silent(jobs: &[Freshness], max_silence: Option<MaxSilence>) -> bool {
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
        let message = match (runs_missed, max_silence) {
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
            tracing::error!(job_id = job.job_id, "{message}; look at its schedule in CCS");
        } else {
            tracing::warn!(job_id = job.job_id, "{message}");
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
fn report_purge_clock(jobs: &[Freshness], is_check: bool) -> bool {
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
    let message = format!(
        "a complete sync was needed by {by} ({title}, the first of {}); since then the server purged about {} \
         that no sync had archived ({basis}): sync now",
        counted(overdue as u64, "job"),
        counted(lost, "run")
    );
    if is_check {
        tracing::error!("{message}");
    } else {
        tracing::warn!("{message}");
    }
    is_check
}

/// Names each watched job with runs that vanished early at its last complete answer; returns whether that is a finding.
/// It is reported once: the next complete sync is about other runs.
fn report_vanished(jobs: &[Freshness], is_finding: bool) -> bool {
    let mut is_any = false;
    for job in jobs.iter().filter(|job| job.watched) {
        let Some(runs) = job.vanished_lately.filter(|&runs| runs > 0) else {
            continue;
        };
        let title = &job.title;
        let message = format!(
            "{title}: runs that the server no longer lists, long before their purge age: {runs}. The archive keeps them; ask \
             who deleted them at the server: `jobruns report vanished` lists them"
        );
        if is_finding {
            tracing::error!(job_id = job.job_id, "{message}");
        } else {
            tracing::warn!(job_id = job.job_id, "{message}");
        }
        is_any = true;
    }
    is_any && is_finding
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

/// Says how many runs a retention rule removed, and whether bytes of them are still in the file.
pub(super) fn report_removals(removals: &RemovalTotals) {
    if removals.runs > 0 {
        tracing::info!(
            "a retention rule removed {}, last at {}; `jobruns report removals` lists them",
            counted(removals.runs, "run"),
            removals.last_at.as_deref().unwrap_or("-")
        );
    }
    if let Some(plan) = &removals.uncleared {
        tracing::warn!(
            "the removal by the plan {plan} is recorded, and its bytes are not all cleared from the file: run that `jobruns retain` again with --apply {plan}"
        );
    }
}

/// What to do about a job that is not fresh.
const SYNC_NOW: &str = "sync now: `jobruns check` says why a scheduled sync fails";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::JobRow;

    #[test]
    fn an_interval_is_reported_to_the_nearest_unit() {
        let shown = [604_795, 86_400, 5_399, 59].map(to_nearest_unit);
        assert_eq!(shown, ["7d", "24h", "90m", "59s"]);
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

    fn exit_of(states: Vec<JobState>) -> Exit {
        let max_age = Duration::from_secs(100);
        let now = Instant::from_unix_seconds(1000);
        exit_for(&freshness(states, Some(max_age), now), max_age)
    }

    #[test]
    fn one_watched_job_that_is_too_old_fails_the_check() {
        assert_eq!(
            exit_of(vec![job(true, Some(900)), job(true, Some(999))]),
            Exit::Done
        );
        assert_eq!(
            exit_of(vec![job(true, Some(899)), job(true, Some(999))]),
            Exit::Findings
        );
        assert_eq!(exit_of(vec![job(true, None)]), Exit::Findings);
    }

    #[test]
    fn a_job_that_is_not_watched_may_be_old_but_something_must_be_watched() {
        assert_eq!(
            exit_of(vec![job(true, Some(999)), job(false, Some(1))]),
            Exit::Done
        );
        assert_eq!(exit_of(vec![job(false, Some(999))]), Exit::Findings);
        assert_eq!(exit_of(Vec::new()), Exit::Findings);
    }

    #[test]
    fn a_last_sync_in_the_future_is_a_finding_and_has_no_age() {
        let now = Instant::from_unix_seconds(1000);
        let ahead = freshness(vec![job(true, Some(1001))], None, now);
        assert_eq!((ahead[0].age_seconds, ahead[0].last_sync_in_future), (None, true));
        assert_eq!(report_last_syncs_in_future(&ahead), Exit::Findings);
        assert_eq!(
            check(vec![job(true, Some(5000))], Duration::from_secs(100), now),
            Exit::Findings
        );
        let unwatched = freshness(vec![job(false, Some(1001))], None, now);
        assert_eq!(report_last_syncs_in_future(&unwatched), Exit::Done);
    }
}
