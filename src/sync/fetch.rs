//! How many runs of a job to ask for.

use crate::model::{Fetch, Instant};

/// Runs to ask for first if the latest ones may be enough: usually those of one night, and a known one before them.
const FIRST_COUNT: u32 = 8;

/// A question for the latest runs, repeated for more of them until the answer reaches back to what is archived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Growing {
    /// When the job's last complete answer ended. Runs archived after it prove nothing: there may be older runs that no
    /// answer contained.
    pub(super) answered_at: Instant,
    /// The answer must list all runs that started since then and have not ended.
    pub(super) open_since: Instant,
}

/// How many of a job's runs to ask for, and whether to ask for more later.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// 0 asks for all.
    pub(super) count: u32,
    pub(super) growing: Option<Growing>,
}

impl Question {
    /// `full_since` as [`Fetch::full_since`] gives it. `answered_at` is when the job's last complete answer came, if it is
    /// recent enough that the latest runs may do.
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

    /// Doubles the count; returns whether that was possible.
    pub(super) fn grow(&mut self) -> bool {
        let grown = self.count.saturating_mul(2);
        std::mem::replace(&mut self.count, grown) != grown
    }
}
