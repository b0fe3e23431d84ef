//! Is it getting worse? A span of time against the one before it.

use serde::Serialize;

use crate::model::{Decimal, Instant};
use crate::report::bins::RunCounts;

/// Ticks of 100 ns in 28 days: four whole weeks, so that each has as many weekends as the other.
const FOUR_WEEKS: i64 = 28 * 86_400 * 10_000_000;

/// The two spans that are compared, in ticks of 100 ns since 1970 UTC; ends are not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) before: i64,
    pub(super) since: i64,
    pub(super) until: i64,
}

impl Windows {
    /// The span asked for and the one as long before it; where none was asked for, the last four weeks of what is archived,
    /// or its last half where it is shorter than eight weeks.
    pub(super) fn of(since: Option<i64>, until: Option<i64>, first: i64, last: i64) -> Self {
        let end = until.unwrap_or_else(|| last.saturating_add(1));
        let begin = since.unwrap_or_else(|| {
            let half = (end.saturating_sub(first)) / 2;
            end.saturating_sub(half.clamp(1, FOUR_WEEKS))
        });
        let length = end.saturating_sub(begin);
        Self {
            before: begin.saturating_sub(length),
            since: begin,
            until: end,
        }
    }

    pub(super) const fn is_now(&self, ticks: i64) -> bool {
        self.since <= ticks && ticks < self.until
    }

    pub(super) const fn is_before(&self, ticks: i64) -> bool {
        self.before <= ticks && ticks < self.since
    }
}

/// How much failed in a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Share {
    /// Runs that began in it.
    pub(crate) runs: u64,
    /// Those that completed, faulted or aborted.
    pub(crate) finished: u64,
    /// Those that faulted or aborted.
    pub(crate) failed: u64,
    /// Failed of finished, four decimals.
    pub(crate) failure_rate: Option<f64>,
}

impl From<RunCounts> for Share {
    fn from(runs: RunCounts) -> Self {
        Self {
            runs: runs.runs,
            finished: runs.finished,
            failed: runs.failed,
            failure_rate: rate(runs),
        }
    }
}

impl Share {
    /// The share in hundredths of a percent; `None` where nothing finished.
    pub(crate) fn hundredths(&self) -> Option<u64> {
        let Self {
            runs,
            finished,
            failed,
            ..
        } = *self;
        RunCounts {
            runs,
            failed,
            finished,
        }
        .rate()
    }
}

/// Failed of finished, four decimals.
pub(super) fn rate(runs: RunCounts) -> Option<f64> {
    Decimal::ratio(runs.failed.into(), runs.finished.into(), 4).map(Decimal::to_f64)
}

/// Which way it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// More failed, and by more than chance lets expect.
    Worse,
    /// Fewer failed, and by more than chance lets expect.
    Better,
    /// No difference that chance would not make.
    NoClearChange,
    /// Nothing finished in one of the spans.
    NotKnown,
}

impl Verdict {
    /// Compares a span with the one before it by a pooled two-proportion z-test: |z| > 2 is significant at about 5 %.
    #[expect(clippy::cast_precision_loss, reason = "counts of runs are far below 2^53")]
    pub(crate) fn of(now: &Share, before: &Share) -> Self {
        if now.finished == 0 || before.finished == 0 {
            return Self::NotKnown;
        }
        let (n, m) = (now.finished as f64, before.finished as f64);
        let difference = now.failed as f64 / n - before.failed as f64 / m;
        let together = (now.failed + before.failed) as f64 / (n + m);
        let error = (together * (1.0 - together) * (1.0 / n + 1.0 / m)).sqrt();
        if difference.abs() <= 2.0 * error {
            Self::NoClearChange
        } else if difference > 0.0 {
            Self::Worse
        } else {
            Self::Better
        }
    }

    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::NoClearChange => "no clear change",
            Self::NotKnown => "not known",
        }
    }
}

/// A span against the one before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SpanComparison {
    /// First instant of the span, UTC.
    pub(crate) since: String,
    /// First instant behind it, UTC.
    pub(crate) until: String,
    /// First instant of the span before it, which ends where this one begins, UTC.
    pub(crate) before_since: String,
    pub(crate) now: Share,
    pub(crate) before: Share,
    /// Which way it went.
    pub(crate) verdict: Verdict,
    /// How long each span is, in words.
    #[serde(skip)]
    pub(in crate::report) length: String,
}

impl SpanComparison {
    pub(super) fn new(windows: Windows, now: Share, before: Share) -> Self {
        let time = |ticks| Instant::from_ticks(ticks).to_string();
        Self {
            since: time(windows.since),
            until: time(windows.until),
            before_since: time(windows.before),
            now,
            before,
            verdict: Verdict::of(&now, &before),
            length: length(windows.until.saturating_sub(windows.since)),
        }
    }
}

/// A length of time, as text: days, or hours where there are not two of them.
fn length(ticks: i64) -> String {
    let hours = ticks / 36_000_000_000;
    if hours >= 48 {
        format!("{} days", hours / 24)
    } else {
        format!("{hours} hours")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 864_000_000_000;

    fn share(failed: u64, finished: u64) -> Share {
        RunCounts {
            runs: finished,
            failed,
            finished,
        }
        .into()
    }

    #[test]
    fn a_difference_that_chance_makes_is_no_verdict() {
        assert_eq!(Verdict::of(&share(3, 20), &share(1, 20)), Verdict::NoClearChange);
        assert_eq!(Verdict::of(&share(30, 200), &share(10, 200)), Verdict::Worse);
        assert_eq!(Verdict::of(&share(10, 200), &share(30, 200)), Verdict::Better);
        assert_eq!(
            Verdict::of(&share(0, 200), &share(0, 200)),
            Verdict::NoClearChange
        );
        assert_eq!(Verdict::of(&share(5, 5), &share(0, 5)), Verdict::Worse);
        assert_eq!(Verdict::of(&share(0, 0), &share(1, 20)), Verdict::NotKnown);
    }

    #[test]
    fn the_last_four_weeks_are_compared_with_the_four_before() {
        let windows = Windows::of(None, None, 0, 1_000 * DAY - 1);
        assert_eq!(
            (windows.before, windows.since, windows.until),
            (944 * DAY, 972 * DAY, 1_000 * DAY)
        );
        assert!(
            windows.is_now(972 * DAY) && !windows.is_now(1_000 * DAY) && windows.is_before(972 * DAY - 1)
        );
    }

    #[test]
    fn a_short_history_is_compared_half_with_half() {
        let windows = Windows::of(None, None, 0, 10 * DAY - 1);
        assert_eq!(
            (windows.before, windows.since, windows.until),
            (0, 5 * DAY, 10 * DAY)
        );
        let one = Windows::of(None, None, 7, 7);
        assert!(one.is_now(7));
    }

    #[test]
    fn a_span_that_was_asked_for_is_compared_with_the_one_before() {
        let windows = Windows::of(Some(10 * DAY), Some(15 * DAY), 0, 100 * DAY);
        assert_eq!(
            (windows.before, windows.since, windows.until),
            (5 * DAY, 10 * DAY, 15 * DAY)
        );
        let far = Windows::of(Some(i64::MIN), Some(i64::MAX), 0, 1);
        assert!(far.is_now(0));
    }
}
