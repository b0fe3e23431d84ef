//! Which runs are read, and of which job each is.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::archive::{ArchiveError, InSpan, Snapshot};
use crate::report::options::Scope;

/// A run to be read. There may be millions, so it takes 16 bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RunToRead {
    /// Its key, and below it the place of its job among the jobs.
    pub(super) key_and_job: i64,
    /// Its start; [`i64::MIN`] where it has none.
    pub(super) started_ticks: i64,
}

impl RunToRead {
    const JOB_BITS: u32 = 24;

    /// The runs that may have messages that the scope asks for, by key.
    pub(super) fn read(snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Vec<Self>, ArchiveError> {
        let places: HashMap<i64, i64, RandomState> =
            (scope.names().iter().map(|job| job.job_key)).zip(0..).collect();
        let mut runs = Vec::new();
        let mut lost = None;
        snapshot.each_run_place(InSpan::Messages, scope.since(), scope.until(), |run| {
            if !scope.has_job(run.job_key) {
                return;
            }
            let key = run.run_key << Self::JOB_BITS;
            match places.get(&run.job_key) {
                Some(job) if key >> Self::JOB_BITS == run.run_key && job >> Self::JOB_BITS == 0 => {
                    runs.push(Self {
                        key_and_job: key | job,
                        started_ticks: run.started_ticks.unwrap_or(i64::MIN),
                    });
                }
                _ => lost = Some(run.run_key),
            }
        })?;
        if let Some(run_key) = lost {
            return Err(ArchiveError::Damaged {
                what: format!("run {run_key} is of a job that is not there, or its key is out of range"),
            });
        }
        runs.sort_unstable_by_key(|run| run.key_and_job);
        Ok(runs)
    }

    pub(super) const fn run_key(self) -> i64 {
        self.key_and_job >> Self::JOB_BITS
    }

    pub(super) fn job(self) -> usize {
        usize::try_from(self.key_and_job & ((1 << Self::JOB_BITS) - 1)).expect("24 bits fit")
    }
}
