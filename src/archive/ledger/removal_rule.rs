//! When a retention rule may remove a run: its age, and the holds that keep it. Pure.
//!
//! `retention/plan.rs` applies it, `grammar/mod.rs` checks it on every `removed` line, `storage/holds_and_removals.rs` has the rows.

use crate::model::{Instant, TICKS_PER_SECOND};

pub(in crate::archive) const SECONDS_PER_DAY: i64 = 86_400;

/// The span that a hold covers, in seconds since 1970 UTC; `None` means unbounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::archive) struct HoldSpan {
    pub(in crate::archive) since: Option<i64>,
    /// The first second after the span.
    pub(in crate::archive) until: Option<i64>,
}

impl HoldSpan {
    /// Whether the span overlaps the time from a run's start to its end. A run without any time is covered by every span.
    pub(in crate::archive) fn meets(self, started: Option<Instant>, ended: Option<Instant>) -> bool {
        let Some((one, other)) = started.or(ended).zip(ended.or(started)) else {
            return true;
        };
        let ticks = |second: i64| second.saturating_mul(TICKS_PER_SECOND);
        let (first, last) = (one.min(other).ticks(), one.max(other).ticks());
        self.since.is_none_or(|since| last >= ticks(since))
            && self.until.is_none_or(|until| first < ticks(until))
    }
}

/// The last UTC midnight, in seconds since 1970 UTC: ages are counted from it.
pub(in crate::archive) const fn midnight(at: i64) -> i64 {
    at - at.rem_euclid(SECONDS_PER_DAY)
}

/// The instant before which a run must have ended to be that many days old, in seconds since 1970 UTC.
pub(in crate::archive) const fn cutoff(at: i64, days: i64) -> i64 {
    midnight(at).saturating_sub(days.saturating_mul(SECONDS_PER_DAY))
}

/// Whether a run was that many days old: by its end, or by its start if it has no end. A run without any time never is.
pub(in crate::archive) fn is_older_than(
    started: Option<Instant>,
    ended: Option<Instant>,
    at: i64,
    days: i64,
) -> bool {
    ended
        .or(started)
        .is_some_and(|end| end.ticks() < cutoff(at, days).saturating_mul(TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Instant> {
        Some(Instant::from_unix_seconds(seconds))
    }

    #[test]
    fn a_hold_covers_runs_whose_time_meets_its_span() {
        let span = |since, until| HoldSpan { since, until };
        for (span, started, ended, meets) in [
            (span(None, None), None, None, true),
            (span(Some(10), Some(20)), None, None, true),
            (span(Some(10), Some(20)), at(1), at(9), false),
            (span(Some(10), Some(20)), at(1), at(10), true),
            (span(Some(10), Some(20)), at(19), at(90), true),
            (span(Some(10), Some(20)), at(20), at(90), false),
            (span(Some(10), Some(20)), at(1), at(90), true),
            (span(Some(10), Some(20)), at(90), at(1), true),
            (span(Some(10), Some(20)), at(15), None, true),
            (span(Some(10), Some(20)), None, at(5), false),
            (span(None, Some(20)), at(1), None, true),
            (span(Some(10), None), at(9), None, false),
        ] {
            assert_eq!(
                span.meets(started, ended),
                meets,
                "{span:?} {started:?} {ended:?}"
            );
        }
    }

    #[test]
    fn ages_count_from_the_last_midnight_by_the_end_or_the_start() {
        let day = 86_400;
        let now = 10 * day + 5;
        assert_eq!((midnight(now), midnight(-1)), (10 * day, -day));
        assert!(is_older_than(at(0), at(8 * day - 1), now, 2));
        assert!(!is_older_than(at(0), at(8 * day), now, 2));
        assert!(is_older_than(at(0), None, now, 2));
        assert!(!is_older_than(None, None, now, 2));
        assert!(!is_older_than(at(0), at(0), now, i64::MAX));
    }
}
