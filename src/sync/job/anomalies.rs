//! Oddities in the runs of an answer, which are reported but do not change its outcome.

use crate::model::{JobRun, TimeReading};

/// Counts of oddities in the runs that a try read.
#[derive(Debug, Default)]
pub(super) struct Anomalies {
    /// Times that could not be read.
    unreadable_times: u64,
    /// Runs whose `MessageCount` is not the number of their messages.
    count_mismatches: u64,
}

impl Anomalies {
    pub(super) fn see(&mut self, run: &JobRun) {
        let unreadable = |time: TimeReading| u64::from(time == TimeReading::Unreadable);
        self.unreadable_times += unreadable(run.started()) + unreadable(run.ended());
        let Some(messages) = run.messages() else { return };
        if run.unreadable_messages().is_empty()
            && let Some(count) = run.message_count()
        {
            self.count_mismatches += u64::from(usize::try_from(count) != Ok(messages.len()));
        }
        self.unreadable_times += messages.map(|message| unreadable(message.occurred)).sum::<u64>();
    }

    pub(super) fn messages(&self) -> Vec<String> {
        let mut messages = Vec::new();
        if self.unreadable_times > 0 {
            messages.push(format!(
                "times that cannot be read: {} (kept as sent in the columns that end in _raw)",
                self.unreadable_times
            ));
        }
        if self.count_mismatches > 0 {
            messages.push(format!(
                "runs whose MessageCount is not the number of their messages: {} (the report coverage counts all of them)",
                self.count_mismatches
            ));
        }
        messages
    }
}
