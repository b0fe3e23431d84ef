//! A server that does not answer, as seen by all jobs of a sync.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant as MonotonicInstant;

/// Since when the server has not answered any job. Shared by all jobs, so that a server that is gone is waited for once, not
/// once per job, and reported once.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Began>>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    pub(super) at: MonotonicInstant,
    pub(super) is_reported: bool,
}

impl Outage {
    fn state(&self) -> MutexGuard<'_, Option<Began>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it began: now, if it had not begun.
    pub(super) fn began(&self) -> MonotonicInstant {
        let begin = || Began {
            at: MonotonicInstant::now(),
            is_reported: false,
        };
        self.state().get_or_insert_with(begin).at
    }

    pub(super) fn end(&self) -> Option<Began> {
        self.state().take()
    }

    /// Whether it has not been reported yet; the caller must report it.
    pub(super) fn should_report(&self) -> bool {
        match &mut *self.state() {
            Some(began) if !began.is_reported => {
                began.is_reported = true;
                true
            }
            _ => false,
        }
    }
}
