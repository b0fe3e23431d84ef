//! How long a sync keeps trying: a number of tries if answers break off, a span of time if the server does not answer.

use std::time::{Duration, Instant as MonotonicInstant};

use super::event::SyncEvent;
use super::shared::Shared;
use crate::ccs::{CcsError, retry};
use crate::text::chain;

/// The failed tries of one job, or of the login.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Answers that broke off.
    broken: u32,
    /// Tries in a row that the server did not answer.
    unanswered: u32,
    /// When the first of these failed.
    unanswered_since: Option<MonotonicInstant>,
}

impl Patience {
    /// To be called when the server answered, whatever the answer was.
    pub(super) fn answered(&mut self, shared: &Shared) {
        (self.unanswered, self.unanswered_since) = (0, None);
        let ended = shared.outage.end();
        if let Some(began) = ended.filter(|began| began.is_reported) {
            (shared.events)(SyncEvent::ServerAnswers {
                after: began.at.elapsed(),
            });
        }
    }

    /// How long to wait before the next try, after an answer that broke off; `None` if there is to be none.
    pub(super) fn after_broken(&mut self, shared: &Shared) -> Option<Duration> {
        self.broken += 1;
        retry::own_wait(self.broken, &shared.options.retry, random())
    }

    /// How long to wait before the next try, after `error`; `None` if there is to be none.
    pub(super) fn after(&mut self, error: &CcsError, shared: &Shared) -> Option<Duration> {
        let policy = &shared.options.retry;
        if !retry::is_unanswered(error) {
            self.broken += 1;
            return retry::next_wait(error, self.broken, policy, random());
        }
        self.unanswered += 1;
        let own = *self.unanswered_since.get_or_insert_with(MonotonicInstant::now);
        // If the server answers other jobs, the outage starts over again and again: this job's own time counts too.
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

/// A random number from 0 to 1, to spread the waits of several jobs.
fn random() -> f64 {
    let bytes = uuid::Uuid::new_v4().into_bytes();
    f64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])) / f64::from(u32::MAX)
}
