//! How often a job usually runs, and which intervals are longer than that.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::archive::{ArchiveError, JobFreshness, Snapshot};
use crate::model::{Decimal, Instant};

/// Starts from which on an open interval is judged: two closed intervals to compare it with.
pub(super) const LEAST_STARTS: usize = 3;

/// A number above zero with a few decimals, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Factor {
    /// The number times 10^9.
    billionths: i128,
}

impl Factor {
    const PLACES: u32 = 9;

    /// Whether `number` is more than so many times `other`.
    const fn is_exceeded(self, number: i128, other: i128) -> bool {
        number * 10_i128.pow(Self::PLACES) > self.billionths * other
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::trimmed(self.billionths, Self::PLACES).fmt(f)
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Default for Factor {
    /// 2.5: a run that is half an interval late was not missed.
    fn default() -> Self {
        Self {
            billionths: 2_500_000_000,
        }
    }
}

/// The text is not a factor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number above 0 such as 2.5, with at most 9 digits before and behind the point")]
pub(crate) struct NoFactor;

impl FromStr for Factor {
    type Err = NoFactor;

    fn from_str(text: &str) -> Result<Self, NoFactor> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let is_number = |digits: &str| {
            (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole) || !is_number(fraction) {
            return Err(NoFactor);
        }
        let billionths: i128 = format!("{whole}{fraction:0<9}").parse().map_err(|_| NoFactor)?;
        if billionths == 0 {
            return Err(NoFactor);
        }
        Ok(Self { billionths })
    }
}

/// How often a job usually runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// The median interval in units of 50 ns: the middle of two is exact in them.
    usual_halves: i128,
}

impl Rhythm {
    /// The median of the intervals between starts (ticks, in their order). `None` where there is no interval, and where
    /// the usual one has no length: then nothing is known of the others.
    pub(super) fn of(starts: &[i64]) -> Option<Self> {
        let mut intervals: Vec<i128> = starts
            .windows(2)
            .map(|pair| i128::from(pair[1]) - i128::from(pair[0]))
            .collect();
        intervals.sort_unstable();
        let upper = *intervals.get(intervals.len() / 2)?;
        let lower = intervals[(intervals.len() - 1) / 2];
        Some(Self {
            usual_halves: lower + upper,
        })
        .filter(|rhythm| rhythm.usual_halves > 0)
    }

    pub(super) const fn usual_seconds(self) -> Decimal {
        // 50 ns are 5 of the eighth decimal.
        Decimal::trimmed(self.usual_halves * 5, 8)
    }

    /// The usual interval in whole seconds, rounded down.
    pub(crate) fn whole_seconds(self) -> i64 {
        i64::try_from(self.usual_halves / 20_000_000).unwrap_or(i64::MAX)
    }

    /// How many runs start in so many seconds at this rhythm, rounded down.
    pub(super) fn runs_in(self, seconds: i64) -> u64 {
        u64::try_from(i128::from(seconds) * 20_000_000 / self.usual_halves).unwrap_or(0)
    }

    /// How many runs are missing between two starts; `None` where the interval is not longer than `factor` usual ones.
    pub(super) fn runs_missed(self, from: i64, to: i64, factor: Factor) -> Option<i64> {
        let halves = self.halves_beyond(from, to, factor)?;
        // Rounded, halves up.
        let intervals = (halves * 2 + self.usual_halves) / (self.usual_halves * 2);
        i64::try_from(intervals - 1).ok()
    }

    /// Likewise of the interval since the last start: the next run is not there yet, and none that is due is rounded up.
    fn runs_missed_since(self, from: i64, until: i64, factor: Factor) -> Option<i64> {
        let halves = self.halves_beyond(from, until, factor)?;
        i64::try_from(halves / self.usual_halves).ok()
    }

    fn halves_beyond(self, from: i64, to: i64, factor: Factor) -> Option<i128> {
        let halves = (i128::from(to) - i128::from(from)) * 2;
        factor.is_exceeded(halves, self.usual_halves).then_some(halves)
    }
}

/// The time since the last start of a job, up to its last complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Silence {
    /// The last start, in ticks of 100 ns since 1970 UTC.
    pub(super) from: i64,
    /// The last complete answer, or the end of the span asked for where that is earlier.
    until: i64,
    /// Whether there are enough runs to tell what is usual, and somebody expects more of them.
    is_judged: bool,
    /// How often the job usually runs.
    pub(crate) rhythm: Option<Rhythm>,
}

impl Silence {
    /// Of a job up to `until`, where that is given; `None` where it has no start or no complete answer.
    pub(crate) fn read(
        snapshot: &Snapshot<'_>,
        job: &JobFreshness,
        until: Option<i64>,
    ) -> Result<Option<Self>, ArchiveError> {
        let starts = snapshot.starts_of_job(job.job_key, None, until)?;
        // A run behind the span ends the interval: it is not open, whatever the span is.
        let is_last = until.is_none() || snapshot.last_start_of_job(job.job_key)? == starts.last().copied();
        let (Some(&from), Some(answered), true) = (starts.last(), job.answered_by_server_unix, is_last)
        else {
            return Ok(None);
        };
        let answered = Instant::from_unix_seconds(answered).ticks();
        Ok(Some(Self {
            from,
            until: until.map_or(answered, |until| until.min(answered)),
            is_judged: job.is_watched && starts.len() >= LEAST_STARTS,
            rhythm: Rhythm::of(&starts),
        }))
    }

    /// Whether it is known whether the job has stopped.
    pub(crate) const fn is_judged(&self) -> bool {
        self.is_judged && self.rhythm.is_some()
    }

    /// Its length in whole seconds, rounded down; a start that lies behind the answer makes none.
    pub(crate) const fn seconds(&self) -> i64 {
        let ticks = self.until.saturating_sub(self.from);
        if ticks < 0 { 0 } else { ticks / 10_000_000 }
    }

    pub(crate) const fn last_start(&self) -> Instant {
        Instant::from_ticks(self.from)
    }

    /// Whether the open interval meets what begins at `since`.
    pub(super) fn reaches_into(&self, since: Option<i64>) -> bool {
        since.is_none_or(|since| self.until > since)
    }

    /// How many runs the job has missed since, where it has stopped: the interval is longer than `factor` usual ones.
    pub(crate) fn runs_missed(&self, factor: Factor) -> Option<i64> {
        self.rhythm
            .filter(|_| self.is_judged)?
            .runs_missed_since(self.from, self.until, factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(starts: &[i64], factor: &str) -> Vec<(i64, i64)> {
        let factor = factor.parse().unwrap();
        let Some(rhythm) = Rhythm::of(starts) else {
            return Vec::new();
        };
        let pairs = starts.windows(2);
        pairs
            .filter_map(|pair| Some((pair[0], rhythm.runs_missed(pair[0], pair[1], factor)?)))
            .collect()
    }

    #[test]
    fn the_open_interval_counts_whole_intervals() {
        let rhythm = Rhythm::of(&[0, 10, 20]).unwrap();
        let since = |until| rhythm.runs_missed_since(20, until, Factor::default());
        // 25 is not more than 2.5 times 10, and 39 is three whole ones.
        assert_eq!([45, 46, 59, 60].map(since), [None, Some(2), Some(3), Some(4)]);
        assert_eq!(since(0), None, "a start behind the answer");
    }

    #[test]
    fn an_interval_longer_than_the_factor_times_the_median_misses_the_rest_of_it() {
        let daily = [0, 10, 20, 30, 55, 65, 91, 101];
        // 25 is not more than 2.5 times 10; 26 is, and nearer to three than to two.
        assert_eq!(missed(&daily, "2.5"), [(65, 2)]);
        assert_eq!(missed(&daily, "2.4"), [(30, 2), (65, 2)]);
        assert_eq!(missed(&daily, "1"), [(30, 2), (65, 2)]);
        assert_eq!(missed(&daily, "2.6"), []);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_middle_of_two() {
        // Intervals 1, 2, 7, 50: usual is 4.5.
        let starts = [0, 1, 3, 10, 60];
        let rhythm = Rhythm::of(&starts).unwrap();
        assert_eq!(rhythm.usual_seconds().to_string(), "0.00000045");
        assert_eq!(missed(&starts, "2.5"), [(10, 10)]);
        assert_eq!(
            missed(&starts, "0.000000001"),
            [(0, -1), (1, -1), (3, 1), (10, 10)]
        );
    }

    #[test]
    fn too_few_starts_or_all_at_once_have_no_rhythm() {
        for starts in [&[][..], &[5], &[5, 5, 5, 9]] {
            assert_eq!(Rhythm::of(starts), None, "{starts:?}");
        }
        assert_eq!(missed(&[5, 9], "2.5"), []);
        let far = [i64::MIN, 0, 1, i64::MAX];
        assert_eq!(
            Rhythm::of(&far).unwrap().usual_halves,
            i128::from(i64::MAX - 1) * 2
        );
    }

    #[test]
    fn a_factor_is_a_number_above_zero() {
        for text in ["2.5", "2.50", "02.5", " 2.500000000 "] {
            assert_eq!(text.parse::<Factor>(), Ok(Factor::default()), "{text:?}");
        }
        assert_eq!("3".parse::<Factor>().unwrap().to_string(), "3");
        for text in [
            "",
            "x",
            "0",
            "0.0",
            "-1",
            "+1",
            "1e3",
            "2,5",
            ".5",
            "2.",
            "1.2.3",
            "inf",
            "NaN",
            "1234567890",
            "1.1234567891",
        ] {
            assert_eq!(text.parse::<Factor>(), Err(NoFactor), "{text:?}");
        }
    }
}
