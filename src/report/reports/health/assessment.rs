//! Whether the history is complete, as one list of findings, the worst first.
//!
//! Silence is never taken for health: what was not asked is named as not known, and what the answer rests on is said.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::job::JobHealth;
use crate::archive::{ArchiveError, ClockFinding, Snapshot};
use crate::model::{Instant, show_rounded};
use crate::report::error::Result;
use crate::report::numbers::counted;
use crate::report::options::Scope;
use crate::report::purge_age::{PurgeAge, PurgeAges, in_days};
use crate::report::reports::gaps::{self, GapState};
use crate::report::reports::vanished;

/// A job is stale if it was last complete so many seconds before the archive's last sync: a day, and what nights differ
/// by.
const STALE_SECONDS: i64 = 26 * 3600;

/// What is wrong, or not known. In the order of concern: what may be lost permanently first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FindingKind {
    /// Watched jobs that never were complete.
    NeverComplete,
    /// Watched jobs whose last complete sync is longer ago than the server keeps runs.
    PurgeOverdue,
    /// Spans that no complete answer proves.
    Unproved,
    /// Runs that the server stopped listing before their purge age.
    Vanished,
    /// The purge age is not known or too short, so early absences cannot be distinguished from others.
    PurgeAge,
    /// The clock by which syncs are timed is doubtful.
    Clock,
    /// Watched jobs whose last sync was not complete, or is long ago.
    Stale,
    /// Watched jobs that have stopped.
    Stopped,
    /// Pieces in quarantine that nobody accepted.
    Quarantine,
    /// Runs whose message count disagrees with their messages.
    CountMismatches,
    /// Runs that were expected between two others.
    MissedRuns,
    /// Jobs of the server that nobody watches.
    Unwatched,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Runs may be missing for good.
    Lost,
    /// Something must be done, or runs will be missing.
    Act,
    Look,
}

impl FindingKind {
    const fn severity(self) -> Severity {
        match self {
            Self::NeverComplete | Self::PurgeOverdue | Self::Unproved | Self::Vanished => Severity::Lost,
            Self::PurgeAge | Self::Clock | Self::Stale | Self::Stopped | Self::Quarantine => Severity::Act,
            Self::CountMismatches | Self::MissedRuns | Self::Unwatched => Severity::Look,
        }
    }

    /// What it is about, in a word or two.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::NeverComplete => "never complete",
            Self::PurgeOverdue => "synced too late",
            Self::Unproved => "not proved",
            Self::Vanished => "vanished",
            Self::PurgeAge => "purge age",
            Self::Clock => "clock",
            Self::Stale => "behind",
            Self::Stopped => "stopped",
            Self::Quarantine => "quarantine",
            Self::CountMismatches => "counts",
            Self::MissedRuns => "gaps",
            Self::Unwatched => "not watched",
        }
    }

    /// The command that shows more.
    const fn command(self) -> &'static str {
        match self {
            Self::NeverComplete | Self::Stale | Self::Clock => "jobruns status",
            Self::PurgeOverdue => "jobruns sync",
            Self::Unproved | Self::CountMismatches => "jobruns report coverage --gaps",
            Self::Vanished | Self::PurgeAge => "jobruns report vanished",
            Self::Stopped | Self::MissedRuns => "jobruns report missed-runs",
            Self::Quarantine => "jobruns quarantine list",
            Self::Unwatched => "jobruns jobs discover",
        }
    }
}

/// Something that stands against a complete history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct HealthFinding {
    pub(crate) kind: FindingKind,
    pub(crate) severity: Severity,
    /// How many jobs, spans, runs or pieces.
    pub(crate) count: u64,
    /// All of it in a few words: `3 jobs have stopped`.
    pub(crate) text: String,
    pub(crate) worst: Option<WorstCase>,
    /// The command that shows more.
    pub(crate) command: &'static str,
}

/// The worst example of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WorstCase {
    /// The job; none where the finding is not about one.
    pub(crate) job: Option<String>,
    pub(crate) text: String,
}

/// What the caller has counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct HistoryCounts {
    pub(crate) count_mismatches: u64,
    /// Closed intervals in which runs are missing, and how many.
    pub(crate) gaps: u64,
    pub(crate) runs_missed: u64,
    /// Jobs that the server has and nobody watches; `None` where it was not asked.
    pub(crate) unwatched: Option<u64>,
    /// Jobs that the server has and a person stopped watching.
    pub(crate) removed: u64,
}

/// Whether the history is complete, and how that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Assessment {
    /// Whether nothing was found, of all that can be known.
    pub(crate) is_complete: bool,
    /// The answer in a line.
    pub(crate) answer: String,
    /// What was found, the worst first.
    pub(crate) findings: Vec<HealthFinding>,
    /// What the answer rests on, in sentences.
    pub(crate) rests_on: Vec<String>,
    pub(crate) not_known: Vec<String>,
    /// Until when the next complete sync must have run, so that no run is purged unseen.
    pub(crate) sync_by: Option<String>,
    /// Runs that are expected until then.
    pub(crate) runs_expected: Option<u64>,
}

impl Assessment {
    /// Of the jobs and the span that are requested, as of a time: that of the last sync, where the same archive is to give
    /// the same answer.
    pub(crate) fn read(
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        ages: &PurgeAges,
        counts: &HistoryCounts,
        at: Instant,
    ) -> Result<Self> {
        let jobs = JobHealth::read(snapshot, scope, ages)?;
        let mut findings = of_jobs(&jobs, at);
        findings.extend(unproved(snapshot, scope, ages)?);
        findings.extend(early(snapshot, scope, ages)?);
        findings.extend(doubtful_purge_ages(&jobs, ages));
        findings.extend(clock(snapshot, at)?);
        let quarantine: i64 = jobs.iter().map(|job| job.freshness.open_quarantine).sum();
        let quarantine = u64::try_from(quarantine).unwrap_or(0);
        let missed = counted(counts.runs_missed, "missed run");
        let unwatched = counts.unwatched.unwrap_or(0);
        let plain = [
            (
                FindingKind::Quarantine,
                quarantine,
                format!("{} in quarantine", counted(quarantine, "piece")),
            ),
            (
                FindingKind::CountMismatches,
                counts.count_mismatches,
                format!(
                    "{} with a wrong message count",
                    counted(counts.count_mismatches, "run")
                ),
            ),
            (
                FindingKind::MissedRuns,
                counts.gaps,
                format!("{missed} in {}", counted(counts.gaps, "gap")),
            ),
            (
                FindingKind::Unwatched,
                unwatched,
                format!("{} of the server not watched", counted(unwatched, "job")),
            ),
        ];
        let plain = plain.into_iter().filter(|(_, count, _)| *count > 0);
        findings.extend(plain.map(|(kind, count, text)| finding(kind, count, text, None)));
        findings.sort_by_key(|finding| finding.kind);
        let watched = jobs.iter().filter(|job| job.freshness.is_watched);
        let clocks = || jobs.iter().filter_map(|job| job.purge_clock);
        let mut not_known = Vec::new();
        if counts.unwatched.is_none() {
            not_known
                .push("whether the server has jobs that nobody watches (jobruns jobs discover)".to_owned());
        }
        if jobs
            .iter()
            .any(|job| job.freshness.is_watched && job.purge_age.is_none())
        {
            not_known.push("whether runs vanished early: no purge age is known (--purge-age)".to_owned());
        }
        let unjudged = watched.clone().filter(|job| !job.is_rhythm_known()).count();
        if unjudged > 0 {
            not_known.push(format!(
                "whether {} stopped: too few runs to know how often",
                if unjudged == 1 {
                    "1 job has".to_owned()
                } else {
                    format!("{unjudged} jobs have")
                }
            ));
        }
        let is_any_watched = watched.clone().next().is_some();
        let mut rests_on = ages.notes(watched.map(|job| &job.freshness));
        if counts.removed > 0 {
            rests_on.push(format!(
                "Left out: {} of the server that somebody stopped watching.",
                counted(counts.removed, "job")
            ));
        }
        let is_complete = findings.is_empty() && is_any_watched;
        Ok(Self {
            is_complete,
            answer: answer(&findings, jobs.is_empty(), is_any_watched),
            findings,
            rests_on,
            not_known,
            sync_by: clocks().map(|clock| clock.sync_by).min().map(|at| at.to_string()),
            runs_expected: clocks()
                .filter_map(|clock| clock.runs_expected)
                .reduce(|a, b| a + b),
        })
    }
}

fn answer(findings: &[HealthFinding], is_empty: bool, is_any_watched: bool) -> String {
    if findings.is_empty() {
        let text = if is_empty {
            "not known: no job is archived"
        } else if !is_any_watched {
            "not known: no job is watched"
        } else {
            "complete as far as the server told"
        };
        return text.to_owned();
    }
    let texts: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
    texts.join(", ")
}

fn finding(kind: FindingKind, count: u64, text: String, worst: Option<WorstCase>) -> HealthFinding {
    HealthFinding {
        kind,
        severity: kind.severity(),
        count,
        text,
        worst,
        command: kind.command(),
    }
}

/// A finding about jobs: how many, and the one with the greatest measure.
fn about_jobs<'j>(
    kind: FindingKind,
    problem: &str,
    jobs: impl Iterator<Item = (&'j JobHealth, i64, String)>,
) -> Option<HealthFinding> {
    let jobs: Vec<_> = jobs.collect();
    let (job, _, text) = jobs.iter().rev().max_by_key(|(_, measure, _)| *measure)?;
    let worst = WorstCase {
        job: Some(job.title().to_owned()),
        text: text.clone(),
    };
    let count = u64::try_from(jobs.len()).unwrap_or(u64::MAX);
    let text = format!("{} {problem}", counted(count, "job"));
    Some(finding(kind, count, text, Some(worst)))
}

fn of_jobs(jobs: &[JobHealth], at: Instant) -> Vec<HealthFinding> {
    let watched = || jobs.iter().filter(|job| job.freshness.is_watched);
    let age = |job: &JobHealth| {
        let answered = job.freshness.last_answered_unix?;
        Some(at.unix_seconds().saturating_sub(answered).max(0))
    };
    let never = watched()
        .filter(|job| job.freshness.last_answered_unix.is_none())
        .map(|job| {
            (
                job,
                0,
                job.freshness
                    .last_error
                    .clone()
                    .unwrap_or_else(|| "no complete answer yet".to_owned()),
            )
        });
    let overdue = watched().filter_map(|job| {
        let clock = job.purge_clock.filter(|clock| clock.is_overdue(at))?;
        let lost = clock.runs_lost(at).unwrap_or(0);
        let text = format!(
            "a sync was needed by {}; about {} lost",
            clock.sync_by,
            counted(lost, "run")
        );
        Some((job, at.unix_seconds() - clock.sync_by.unix_seconds(), text))
    });
    let stale = watched().filter_map(|job| {
        let age = age(job)?;
        let error = job.freshness.last_error.clone();
        if error.is_none() && age <= STALE_SECONDS {
            return None;
        }
        let ago = format!("last complete {} before the archive's last sync", in_days(age));
        Some((
            job,
            age,
            error.map_or(ago.clone(), |error| format!("{ago}: {error}")),
        ))
    });
    let stopped = watched().filter_map(|job| {
        let (missed, silence) = (job.stopped()?, job.silence?);
        let text = format!("no run since {}, {missed} missed", silence.last_start());
        Some((job, silence.seconds(), text))
    });
    [
        about_jobs(FindingKind::NeverComplete, "never complete", never),
        about_jobs(
            FindingKind::PurgeOverdue,
            "not synced before runs were purged",
            overdue,
        ),
        about_jobs(FindingKind::Stale, "behind", stale),
        about_jobs(FindingKind::Stopped, "stopped", stopped),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The spans that `coverage --gaps` does not prove, found by the same function.
fn unproved(snapshot: &Snapshot<'_>, scope: &Scope, ages: &PurgeAges) -> Result<Option<HealthFinding>> {
    let (mut count, mut worst): (u64, Option<(i64, WorstCase)>) = (0, None);
    gaps::each(snapshot, scope, ages, |span| {
        // A span without an end on one side is one that no sync could have reached, unless its end was asked for.
        let (Some(from), Some(to)) = (span.from, span.to) else {
            return Ok(());
        };
        if matches!(span.state, GapState::Complete | GapState::CountMismatch) {
            return Ok(());
        }
        count += 1;
        let seconds = to.unix_seconds() - from.unix_seconds();
        if worst.as_ref().is_none_or(|(most, _)| seconds > *most) {
            let name = span.job_name.filter(|name| !name.trim().is_empty());
            let worst_span = WorstCase {
                job: Some(name.unwrap_or(span.job_id).to_owned()),
                text: format!("{from} to {to}, {}", span.state.word().replace('_', " ")),
            };
            worst = Some((seconds, worst_span));
        }
        Ok(())
    })?;
    let text = format!("{} not proved", counted(count, "span"));
    let worst = worst.map(|(_, worst)| worst);
    Ok((count > 0).then(|| finding(FindingKind::Unproved, count, text, worst)))
}

/// Servers whose purge age does not tell which of their absences were early.
fn doubtful_purge_ages(jobs: &[JobHealth], ages: &PurgeAges) -> Option<HealthFinding> {
    let servers: BTreeMap<Option<i64>, &JobHealth> =
        jobs.iter().map(|job| (job.freshness.server_key, job)).collect();
    let (mut gone, mut too_short, mut worst) = (0_u64, 0_u64, None);
    for (server, job) in servers {
        let unjudged = u64::try_from(ages.unjudged(server)).unwrap_or(u64::MAX);
        gone += unjudged;
        too_short += u64::from(job.purge_age.is_some_and(|age| age.is_too_short()));
        let text = match job.purge_age.filter(PurgeAge::is_too_short) {
            Some(age) => format!(
                "the server still lists {} older than {}",
                counted(age.outlived_by as u64, "run"),
                in_days(age.seconds)
            ),
            None if unjudged > 0 => "too few are gone to learn from; give --purge-age".to_owned(),
            None => continue,
        };
        worst.get_or_insert(WorstCase { job: None, text });
    }
    let mut reasons = Vec::new();
    if gone > 0 {
        reasons.push(format!(
            "whether {} vanished early is not known",
            counted(gone, "run")
        ));
    }
    if too_short > 0 {
        reasons.push("the purge age is too short".to_owned());
    }
    worst.map(|worst| {
        finding(
            FindingKind::PurgeAge,
            gone + too_short,
            reasons.join(", "),
            Some(worst),
        )
    })
}

fn early(snapshot: &Snapshot<'_>, scope: &Scope, ages: &PurgeAges) -> Result<Option<HealthFinding>> {
    let (mut count, mut worst) = (0, None);
    vanished::each(snapshot, scope, ages, |run| {
        count += 1;
        worst.get_or_insert_with(|| WorstCase {
            job: Some(run.job_name.unwrap_or(run.job_id).to_owned()),
            text: format!(
                "run {} of {}, gone at {} days",
                run.job_run_id, run.started_at, run.age_days
            ),
        });
        Ok(())
    })?;
    let text = format!("{} vanished early", counted(count, "run"));
    Ok((count > 0).then(|| finding(FindingKind::Vanished, count, text, worst)))
}

fn clock(snapshot: &Snapshot<'_>, at: Instant) -> Result<Option<HealthFinding>, ArchiveError> {
    let findings: Vec<String> = snapshot
        .clock_findings(at)?
        .iter()
        .map(|found| match found {
            ClockFinding::InFuture { sync_id, at } => format!("sync {sync_id} lies in the future ({at})"),
            ClockFinding::SetBack { sync_id, before, .. } => {
                format!("sync {sync_id} began before the time of the one before it ({before})")
            }
            ClockFinding::Off { skew, .. } => format!(
                "at the last sync it was {} {} the server's",
                show_rounded(Duration::from_secs(skew.unsigned_abs())),
                if *skew > 0 { "ahead of" } else { "behind" }
            ),
        })
        .collect();
    let count = u64::try_from(findings.len()).unwrap_or(u64::MAX);
    Ok(findings.into_iter().next().map(|text| {
        let worst = Some(WorstCase { job: None, text });
        finding(
            FindingKind::Clock,
            count,
            "the clock is doubtful".to_owned(),
            worst,
        )
    }))
}
