//! A server that does not answer, as all jobs of a sync see it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant as MonotonicInstant;

/// Since when the server has not answered any job. All jobs share it, so that a server that is gone for good is waited for
/// once and not once per job, and is told once.
#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Began>>);

#[derive(Debug, Clone, Copy)]
pub(super) struct Began {
    pub(super) at: MonotonicInstant,
    pub(super) is_told: bool,
}

impl Outage {
    fn state(&self) -> MutexGuard<'_, Option<Began>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When it began: now, unless it has begun before.
    pub(super) fn began(&self) -> MonotonicInstant {
        let begin = || Began {
            at: MonotonicInstant::now(),
            is_told: false,
        };
        self.state().get_or_insert_with(begin).at
    }

    pub(super) fn end(&self) -> Option<Began> {
        self.state().take()
    }

    /// Whether it is yet to be told; the caller tells it.
    pub(super) fn should_report(&self) -> bool {
        match &mut *self.state() {
            Some(began) if !began.is_told => {
                began.is_told = true;
                true
            }
            _ => false,
        }
    }
}
