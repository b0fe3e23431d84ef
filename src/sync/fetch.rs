//! How many runs of a job are asked for.

use crate::model::{Fetch, Instant};

/// Runs that a job is asked for first where its latest ones are enough: a night's, and one before them that is known.
const FIRST_COUNT: u32 = 8;

/// A question for the latest runs, which grows until its answer reaches back to what is archived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growing {
    /// The end of the job's last complete answer: what was archived since may have runs before it that no answer had.
    pub(super) answered_at: Instant,
    /// Runs that began then or later and have not ended are to be listed.
    pub(super) open_since: Instant,
}

/// The question of a job: how many of its runs, and whether that may grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// 0: all.
    pub(super) count: u32,
    pub(super) growing: Option<Growing>,
}

impl Question {
    /// Of a job of which the latest runs are enough where it was answered at `answered_at`; `full_since` as above.
    pub(super) fn new(fetch: Fetch, full_since: Option<Instant>, answered_at: Option<Instant>) -> Self {
        match (fetch.count(), full_since, answered_at) {
            (None, Some(open_since), Some(answered_at)) => Self {
                count: FIRST_COUNT,
                growing: Some(Growing {
                    answered_at,
                    open_since,
                }),
            },
            (count, ..) => Self {
                count: count.unwrap_or(0),
                growing: None,
            },
        }
    }

    /// Asks for more; says whether it can.
    pub(super) fn grow(&mut self) -> bool {
        let grown = self.count.saturating_mul(2);
        std::mem::replace(&mut self.count, grown) != grown
    }
}
