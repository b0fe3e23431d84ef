//! How many runs of a job are asked for.

use std::time::Duration;

use crate::model::{Instant, TICKS_PER_SECOND};

/// Runs that a job is asked for first where its latest ones are enough: a night's, and one before them that is known.
const FIRST_COUNT: u32 = 8;

/// What is fetched of each job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// Every run.
    Full,
    /// Every run where the last complete answer with all of them is older than `full_every`, else the latest, as many as
    /// reach back to what is archived.
    Auto {
        /// How old that answer may be.
        full_every: Duration,
    },
    /// So many of the latest runs, whatever they leave out.
    Latest(u32),
}

impl Fetch {
    /// The count of every job, 0 for all; `None` where each job has its own.
    pub(super) const fn count(self) -> Option<u32> {
        match self {
            Self::Full => Some(0),
            Self::Auto { .. } => None,
            Self::Latest(count) => Some(count),
        }
    }

    /// Since when a complete answer with all runs must have come, so that the latest are enough.
    pub(super) fn full_since(self, now: Instant) -> Option<Instant> {
        let Self::Auto { full_every } = self else {
            return None;
        };
        let seconds = i64::try_from(full_every.as_secs()).unwrap_or(i64::MAX);
        let ticks = seconds.saturating_mul(TICKS_PER_SECOND);
        Some(Instant::from_ticks(now.ticks().saturating_sub(ticks)))
    }
}

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
