//! How long a sync tries again: a number of tries for answers that broke off, a time for a server that does not answer.

use std::time::{Duration, Instant as MonotonicInstant};

use super::event::SyncEvent;
use super::shared::Shared;
use crate::ccs::{CcsError, retry};
use crate::text::chain;

/// What one job, or the login, has tried so far.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Answers that broke off.
    broken: u32,
    /// Tries in a row that the server did not answer, and when the first of them failed.
    unanswered: u32,
    unanswered_since: Option<MonotonicInstant>,
}

impl Patience {
    /// The server answered, whatever it said.
    pub(super) fn answered(&mut self, shared: &Shared) {
        (self.unanswered, self.unanswered_since) = (0, None);
        let ended = shared.outage.end();
        if let Some(began) = ended.filter(|began| began.is_told) {
            (shared.events)(SyncEvent::ServerAnswers {
                after: began.at.elapsed(),
            });
        }
    }

    /// The wait before another try after an answer that broke off; `None` where there is none.
    pub(super) fn after_broken(&mut self, shared: &Shared) -> Option<Duration> {
        self.broken += 1;
        retry::own_wait(self.broken, &shared.options.retry, random())
    }

    /// The wait before another try after `error`; `None` where there is none.
    pub(super) fn after(&mut self, error: &CcsError, shared: &Shared) -> Option<Duration> {
        let policy = &shared.options.retry;
        if !retry::is_unanswered(error) {
            self.broken += 1;
            return retry::next_wait(error, self.broken, policy, random());
        }
        self.unanswered += 1;
        let own = *self.unanswered_since.get_or_insert_with(MonotonicInstant::now);
        // Of a server that answers other jobs, this job's own time counts.
        let down = own.min(shared.outage.began()).elapsed();
        let wait = retry::wait_for_server(error, self.unanswered, down, policy, random())?;
        if shared.outage.should_report() {
            (shared.events)(SyncEvent::ServerSilent {
                error: &chain(error),
                up_to: policy.retry_for,
            });
        }
        tracing::debug!(
            attempt = self.unanswered,
            wait_ms = wait.as_millis() as u64,
            error = chain(error),
            "no answer yet"
        );
        Some(wait)
    }
}

/// A number from 0 to 1 to spread waits with.
fn random() -> f64 {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    f64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) / f64::from(u32::MAX)
}
