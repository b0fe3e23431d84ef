//! How fresh each job is: its last complete answer, its silence, and until when it must be synced.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::archive::{ClockFinding, JobState, ReadOnly};
use crate::cli::failure::Failure;
use crate::cli::terminal::titles::{TitledJob, titles};
use crate::cli::watch_list::with_jobs_file;
use crate::config::Sources;
use crate::model::{Instant, NotADuration, parse_duration};
use crate::report::purge_age::PurgeAges;
use crate::report::reports::health::JobHealth;
use crate::report::{CommonOptions, ReportError};

/// How long a job may be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MaxSilence {
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

/// What `--max-age`, `--max-silence` and `--vanished` make a finding.
pub(super) struct Limits {
    pub(super) max_age: Option<Duration>,
    pub(super) max_silence: Option<MaxSilence>,
    pub(super) vanished: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Freshness {
    /// What people call it.
    #[serde(skip)]
    pub(super) title: String,
    pub(super) job_id: String,
    pub(super) name: Option<String>,
    pub(super) watched: bool,
    /// The last complete answer to the question for all runs.
    pub(super) last_synced_at: Option<String>,
    /// The last complete answer, whatever was fetched; the age goes by it.
    pub(super) last_answered_at: Option<String>,
    pub(super) age_seconds: Option<i64>,
    pub(super) overdue: Option<bool>,
    pub(super) runs: i64,
    pub(super) newest_run_at: Option<String>,
    pub(super) last_error: Option<String>,
    pub(super) last_sync_in_future: bool,
    #[serde(flatten)]
    pub(super) silence: SilenceJson,
    #[serde(flatten)]
    pub(super) purge: PurgeClockJson,
    /// Runs that the server had stopped listing early at the last complete answer; null where no purge age is known.
    pub(super) vanished_lately: Option<u64>,
}

/// How long a job did not run.
#[derive(Debug, Default, Serialize)]
pub(super) struct SilenceJson {
    pub(super) last_run_at: Option<String>,
    pub(super) usual_seconds: Option<i64>,
    pub(super) silent_seconds: Option<i64>,
    pub(super) stopped: bool,
    pub(super) runs_missed: Option<i64>,
    /// By `--max-silence`; null without it.
    pub(super) silent_too_long: Option<bool>,
}

/// Until when a job must be synced.
#[derive(Debug, Default, Serialize)]
pub(super) struct PurgeClockJson {
    pub(super) purge_age_seconds: Option<i64>,
    /// Where the purge age comes from, or why none is known.
    pub(super) purge_age_basis: Option<String>,
    pub(super) sync_by: Option<String>,
    pub(super) sync_overdue: bool,
    /// Runs that the job usually starts from its last complete answer to `sync_by`.
    pub(super) runs_expected: Option<u64>,
    /// Runs that usually have been purged unseen by now.
    pub(super) runs_lost: Option<u64>,
}

/// One state of the archive, as it was read.
pub(super) struct ArchiveState {
    states: Vec<JobState>,
    health: HashMap<String, JobHealth>,
    ages: PurgeAges,
    clock_findings: Vec<ClockFinding>,
}

impl ArchiveState {
    pub(super) fn read(
        reader: &ReadOnly,
        purge_age: Option<Duration>,
        now: Instant,
    ) -> Result<Self, ReportError> {
        let snapshot = reader.snapshot()?;
        let ages = PurgeAges::read(&snapshot, purge_age)?;
        let scope = CommonOptions::default().scope(&snapshot)?;
        let health = JobHealth::read(&snapshot, &scope, &ages)?;
        let health = health.into_iter().map(|job| (job.job_id.clone(), job)).collect();
        Ok(Self {
            states: reader.job_states()?,
            health,
            ages,
            clock_findings: reader.clock_findings(now)?,
        })
    }

    /// The jobs of the archive and of the jobs file.
    pub(super) fn freshness(
        mut self,
        limits: &Limits,
        sources: &Sources<'_>,
        now: Instant,
    ) -> Result<(Vec<Freshness>, Vec<ClockFinding>), Failure> {
        let states = with_jobs_file(self.states, sources)?;
        let mut jobs = freshness(states, limits.max_age, now);
        for job in &mut jobs {
            if let Some(health) = self.health.remove(&job.job_id) {
                job.silence = silence(&health, limits.max_silence);
                job.purge = purge_clock(&health, &self.ages, now);
                job.vanished_lately = health.vanished_lately;
            }
        }
        Ok((jobs, self.clock_findings))
    }
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
        purge_age_basis: Some(ages.description(health.freshness.server_key)),
        sync_by: clock.map(|clock| clock.sync_by.to_string()),
        sync_overdue,
        runs_expected: clock.and_then(|clock| clock.runs_expected),
        runs_lost: clock.and_then(|clock| clock.runs_lost(now)),
    }
}

pub(super) fn freshness(states: Vec<JobState>, max_age: Option<Duration>, now: Instant) -> Vec<Freshness> {
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
