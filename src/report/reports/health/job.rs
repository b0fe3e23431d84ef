//! What is known of each job's health without reading its syncs or messages: `status` asks for it every few minutes.

use std::collections::HashMap;

use crate::archive::{FullSync, JobFreshness, Snapshot};
use crate::model::Instant;
use crate::report::error::{ReportError, Result};
use crate::report::options::Scope;
use crate::report::purge_age::{PurgeAge, PurgeAges};
use crate::report::reports::rhythm::{Factor, Rhythm, Silence};

/// A job, and what is known of its health.
#[derive(Debug, Clone)]
pub(crate) struct JobHealth {
    pub(crate) job_id: String,
    /// Its name; `None` while it is not known.
    pub(crate) name: Option<String>,
    /// Its record in the archive.
    pub(crate) freshness: JobFreshness,
    /// The time since its last start, up to its last complete answer.
    pub(crate) silence: Option<Silence>,
    /// The purge age of its server, where one is given or learned.
    pub(crate) purge_age: Option<PurgeAge>,
    /// Until when it must be synced; `None` where no purge age is known, and before its first complete sync.
    pub(crate) purge_clock: Option<PurgeClock>,
    /// Runs that vanished early at its last complete sync; `None` as above.
    pub(crate) vanished_lately: Option<u64>,
}

/// Until when the next complete sync of a job must have run, so that no run is purged unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PurgeClock {
    /// The runs that start right after the last complete sync are purged from then on.
    pub(crate) sync_by: Instant,
    /// Runs that the job usually starts between the last complete sync and then: until then the server alone has them.
    pub(crate) runs_expected: Option<u64>,
    rhythm: Option<Rhythm>,
}

impl PurgeClock {
    /// Whether runs may have been purged unseen at this time.
    pub(crate) fn is_overdue(&self, at: Instant) -> bool {
        at > self.sync_by
    }

    /// Runs that usually have been purged unseen at this time; `None` where nothing is usual.
    pub(crate) fn runs_lost(&self, at: Instant) -> Option<u64> {
        let late = at.unix_seconds().saturating_sub(self.sync_by.unix_seconds());
        self.rhythm.map(|rhythm| rhythm.runs_in(late.max(0)))
    }
}

impl JobHealth {
    /// The jobs that are requested, by GUID.
    pub(crate) fn read(snapshot: &Snapshot<'_>, scope: &Scope, ages: &PurgeAges) -> Result<Vec<Self>> {
        let mut freshness: HashMap<i64, JobFreshness> = snapshot
            .job_freshness()?
            .into_iter()
            .map(|job| (job.job_key, job))
            .collect();
        let syncs = snapshot.full_syncs()?;
        let mut jobs = Vec::new();
        for job in scope.jobs() {
            let Some(freshness) = freshness.remove(&job.job_key) else {
                continue;
            };
            let silence = Silence::read(snapshot, &freshness, None)?;
            let purge_age = ages.of(freshness.server_key);
            let rhythm = silence.and_then(|silence| silence.rhythm);
            let (mut purge_clock, mut vanished_lately) = (None, None);
            if let (Some(answered), Some(age), true) =
                (freshness.last_answered_unix, purge_age, freshness.is_watched)
            {
                let began = began(&syncs, answered);
                purge_clock = Some(until(began, age, rhythm));
                vanished_lately = Some(vanished_since(snapshot, job.job_key, age, began)?);
            }
            jobs.push(Self {
                job_id: job.job_id.clone(),
                name: job.name.clone(),
                freshness,
                silence,
                purge_age,
                purge_clock,
                vanished_lately,
            });
        }
        Ok(jobs)
    }

    /// How people call it.
    pub(super) fn title(&self) -> &str {
        let name = self.name.as_deref().filter(|name| !name.trim().is_empty());
        name.unwrap_or(&self.job_id)
    }

    /// How many runs it has missed since its last one, where it has stopped.
    pub(crate) fn stopped(&self) -> Option<i64> {
        self.silence?.runs_missed(Factor::default())
    }

    /// Whether there are enough runs to tell whether it has stopped.
    pub(crate) fn is_rhythm_known(&self) -> bool {
        self.silence.is_some_and(|silence| silence.is_judged())
    }

    /// For how many seconds it was silent at its last complete answer: since its last start; since the archive first
    /// knew of it where no run of it has one.
    pub(crate) fn silent_seconds(&self) -> Option<i64> {
        let answered = self.freshness.answered_by_server_unix?;
        Some(match self.silence {
            Some(silence) => silence.seconds(),
            None => answered.saturating_sub(self.freshness.first_seen_unix).max(0),
        })
    }
}

/// When the sync began that ended then: the runs that start during it may be missing in its answers.
fn began(syncs: &[FullSync], ended_unix: i64) -> i64 {
    let sync = syncs.iter().rev().find(|sync| sync.ended_unix == ended_unix);
    sync.map_or(ended_unix, |sync| sync.began_unix.min(ended_unix))
}

/// How many runs have vanished early since then.
fn vanished_since(snapshot: &Snapshot<'_>, job_key: i64, age: PurgeAge, since_unix: i64) -> Result<u64> {
    let mut runs = 0;
    snapshot.each_run_absent_before(job_key, age.early_seconds(), |run| {
        runs += u64::from(run.absent_since_unix >= since_unix);
        Ok::<(), ReportError>(())
    })?;
    Ok(runs)
}

fn until(synced_unix: i64, age: PurgeAge, rhythm: Option<Rhythm>) -> PurgeClock {
    PurgeClock {
        sync_by: Instant::from_unix_seconds(synced_unix.saturating_add(age.listed_seconds)),
        runs_expected: rhythm.map(|rhythm| rhythm.runs_in(age.listed_seconds)),
        rhythm,
    }
}
