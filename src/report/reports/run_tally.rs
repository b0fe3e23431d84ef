//! Runs counted by how they ended.

use crate::archive::RunFacts;
use crate::model::Decimal;

/// What is counted for a period of a job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RunTally {
    pub(super) runs: u64,
    pub(super) completed: u64,
    pub(super) faulted: u64,
    pub(super) aborted: u64,
    pub(super) unfinished: u64,
    pub(super) other: u64,
    pub(super) runs_with_messages: u64,
    pub(super) messages: u64,
    timed_runs: u64,
    sum_ticks: i128,
    pub(super) max_ticks: Option<i128>,
}

impl RunTally {
    /// Counts one run, with `messages` messages.
    pub(super) fn add(&mut self, run: &RunFacts, messages: i64) {
        self.runs += 1;
        *match run.status {
            Some(0..=3) => &mut self.unfinished,
            Some(4) => &mut self.completed,
            Some(5) => &mut self.faulted,
            Some(7) => &mut self.aborted,
            _ => &mut self.other,
        } += 1;
        self.runs_with_messages += u64::from(messages > 0);
        self.messages += u64::try_from(messages).unwrap_or(0);
        if let (Some(start), Some(end)) = (run.started_ticks, run.ended_ticks) {
            let ticks = i128::from(end) - i128::from(start);
            self.timed_runs += 1;
            self.sum_ticks += ticks;
            self.max_ticks = Some(self.max_ticks.map_or(ticks, |max| max.max(ticks)));
        }
    }

    /// Faulted and aborted runs.
    pub(super) const fn failed(&self) -> u64 {
        self.faulted + self.aborted
    }

    /// The runs that the failure rate is of.
    pub(super) const fn finished(&self) -> u64 {
        self.failed() + self.completed
    }

    /// (faulted + aborted) / (completed + faulted + aborted), four decimals; `None` where nothing finished.
    pub(super) fn failure_rate(&self) -> Option<Decimal> {
        Decimal::ratio(self.failed().into(), self.finished().into(), 4)
    }

    pub(super) fn mean_duration(&self) -> Option<Decimal> {
        Decimal::ratio(self.sum_ticks, i128::from(self.timed_runs) * 10_000_000, 1)
    }
}
