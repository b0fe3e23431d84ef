//! How many runs of each job a sync asks for.

use std::time::Duration;

use super::instant::{Instant, TICKS_PER_SECOND};

/// Which runs of each job a sync asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// All runs.
    Full,
    /// All runs if the last complete answer with all of them is older than `full_every`, else the latest, as many as reach
    /// back to what is archived.
    Auto {
        /// How old that answer may be.
        full_every: Duration,
    },
    /// This many of the latest runs, whatever that leaves out.
    Latest(u32),
}

impl Fetch {
    /// The count to ask for, 0 for all runs; `None` if it is decided job by job.
    pub(crate) const fn count(self) -> Option<u32> {
        match self {
            Self::Full => Some(0),
            Self::Auto { .. } => None,
            Self::Latest(count) => Some(count),
        }
    }

    /// The latest runs are enough for a job that had a complete answer with all runs at this time or later; `None` if no
    /// such answer counts.
    pub(crate) fn full_since(self, now: Instant) -> Option<Instant> {
        let Self::Auto { full_every } = self else {
            return None;
        };
        let seconds = i64::try_from(full_every.as_secs()).unwrap_or(i64::MAX);
        let ticks = seconds.saturating_mul(TICKS_PER_SECOND);
        Some(Instant::from_ticks(now.ticks().saturating_sub(ticks)))
    }
}
