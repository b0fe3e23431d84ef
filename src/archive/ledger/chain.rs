//! The chain of each job: the hash over the ledger lines about it, which does not depend on lines about other jobs.
//!
//! `c = SHA-256(c before || line)`, from 32 zero bytes. What a sync found of a job is a line of that chain, too: at the end of
//! each sync every known job has such a line, and the ledger seals all of them by one hash.

use sha2::Digest;

use super::entry::{HoldEntry, LedgerEntry, Loss, RemovedEntry};
use super::hash::{GENESIS, entry_hash};
use crate::model::{Guid, Instant, Sha256, hex};

/// The state of a job's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct JobChain {
    pub(in crate::archive) lines: u64,
    /// The hash behind the last.
    pub(in crate::archive) hash: Sha256,
}

impl Default for JobChain {
    fn default() -> Self {
        Self {
            lines: 0,
            hash: GENESIS,
        }
    }
}

impl JobChain {
    /// Moves on behind a line.
    pub(in crate::archive) fn push(&mut self, line: &str) {
        self.lines += 1;
        self.hash = entry_hash(&self.hash, line);
    }

    /// Adds the job's own line of the results of a sync, and ends that line with the state of the chain after it.
    fn seal(&mut self, line: &str) -> String {
        self.push(line);
        line.to_owned() + &self.ending()
    }

    /// The end of the line of a result: the state of the chain after it.
    pub(in crate::archive) fn ending(&self) -> String {
        format!(" lines={} chain={}", self.lines, hex(&self.hash))
    }
}

/// Which jobs a line is about, as far as the line itself says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) enum Subject {
    Nobody,
    /// Every job, those that are added later too.
    Every,
    Job(Guid),
    /// The job of this run.
    Run(Guid),
    /// This job, and the job of this run where that is another one.
    JobAndRun(Guid, Guid),
    /// The job of this number in quarantine.
    Quarantined(i64),
    /// The job of the revision of this entry.
    Revision(i64),
}

impl LedgerEntry {
    /// Which jobs the line is about.
    pub(in crate::archive) const fn subject(&self) -> Subject {
        match self {
            Self::Archive { .. }
            | Self::NaiveTime { .. }
            | Self::Reindexed { .. }
            | Self::Salvaged { .. }
            | Self::HoldAdded(HoldEntry { job: None, .. })
            | Self::HoldReleased { job: None, .. }
            | Self::RetentionLocked { .. }
            // The results of a sync have a line of every job.
            | Self::Lost(Loss::Results { .. }) => Subject::Every,
            Self::JobAdded { job, .. }
            | Self::JobWatched { job, .. }
            | Self::JobNamed { job, .. }
            | Self::JobServer { job, .. }
            | Self::HoldAdded(HoldEntry { job: Some(job), .. })
            | Self::HoldReleased { job: Some(job), .. }
            | Self::Removed(RemovedEntry { job, .. })
            | Self::Lost(Loss::Name { job } | Loss::Server { job }) => Subject::Job(*job),
            Self::Revision(revision) => Subject::Job(revision.job),
            Self::Quarantined(quarantined) => match quarantined.run {
                Some(run) => Subject::JobAndRun(quarantined.job, run),
                None => Subject::Job(quarantined.job),
            },
            Self::Accepted { id, .. } | Self::Lost(Loss::Quarantined { id }) => Subject::Quarantined(*id),
            Self::Absent { run, .. } | Self::Returned { run, .. } => Subject::Run(*run),
            Self::Lost(Loss::Payload { entry_id }) => Subject::Revision(*entry_id),
            Self::SyncBegan(_)
            | Self::SyncKilled { .. }
            | Self::SyncEnded(_)
            | Self::SalvageEnded { .. }
            | Self::ClockSetBack { .. }
            | Self::Acknowledged(_)
            | Self::Lost(Loss::Why { .. } | Loss::By { .. }) => Subject::Nobody,
        }
    }
}

/// What the line of a job's result says of the sync: its number, and when it began and ended.
#[derive(Debug)]
pub(in crate::archive) struct ResultOf(String);

impl ResultOf {
    /// A sync that began and ended then.
    pub(in crate::archive) fn new(sync: i64, began: i64, ended: i64) -> Self {
        let time = Instant::from_unix_seconds;
        Self(format!("sync={sync} began={} at={}", time(began), time(ended)))
    }

    /// The line of a job in its chain; `found` is `None` if the sync has no result of it.
    pub(in crate::archive) fn line(&self, job: Guid, found: Option<&str>) -> String {
        format!("job id={job} {} {}", self.0, found.unwrap_or("outcome=none"))
    }
}

/// The results of a sync on their way into the ledger: a line of every known job, in order of the jobs.
#[derive(Debug)]
pub(in crate::archive) struct Results {
    sync: ResultOf,
    asked: u64,
    figures: sha2::Sha256,
    results: sha2::Sha256,
}

/// What `sync-ended` says of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct SealedResults {
    /// The number of jobs with a result.
    pub(in crate::archive) asked: u64,
    /// Over the lines of those jobs as they stand in the chains.
    pub(in crate::archive) figures: Sha256,
    /// Over the lines of all known jobs, with where each chain stands.
    pub(in crate::archive) results: Sha256,
}

impl Results {
    /// Begins the results of a sync that began and ended then.
    pub(in crate::archive) fn new(sync: i64, began: i64, ended: i64) -> Self {
        Self {
            sync: ResultOf::new(sync, began, ended),
            asked: 0,
            figures: sha2::Sha256::new(),
            results: sha2::Sha256::new(),
        }
    }

    /// Takes the next job, in order of the GUIDs, with what the sync found of it; `None` where it has no result of it. The
    /// line goes into the job's chain.
    pub(in crate::archive) fn job(&mut self, job: Guid, found: Option<&str>, chain: &mut JobChain) {
        let line = self.sync.line(job, found);
        if found.is_some() {
            self.asked += 1;
            self.figures.update(sha2::Sha256::digest(line.as_bytes()));
        }
        self.results
            .update(sha2::Sha256::digest(chain.seal(&line).as_bytes()));
    }

    pub(in crate::archive) fn seal(self) -> SealedResults {
        SealedResults {
            asked: self.asked,
            figures: self.figures.finalize().into(),
            results: self.results.finalize().into(),
        }
    }
}
