//! Runs expected from a job's usual schedule that never arrived.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::archive::Snapshot;
use crate::model::{Decimal, Instant};
use crate::report::definition::{EachRow, Report, row};
use crate::report::error::ReportError;
use crate::report::options::Scope;

/// Runs, expected from a job's usual schedule, that never arrived
///
/// One row per interval between two starts of a job that is longer than --factor times the job's usual interval, which
/// is the median. runs_missed is the length in usual intervals, rounded, minus 1. Only starts from --since to --until
/// are considered. Jobs most of whose runs start at the same time are left out.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report missed-runs --since 1y
  jobruns report missed-runs --factor 1.5 --job Nightly")]
pub(crate) struct MissedRuns {
    /// How many usual intervals an interval must exceed
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "2.5",
        allow_hyphen_values = true
    )]
    pub(crate) factor: Factor,
}

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
    /// 2.5: a run that came half an interval late is none that was missed.
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

row! {
    /// An interval between two starts in which runs are missing.
    MissedRow<'a> {
        job_id: &'a str as Text,
        job_name: Option<&'a str> as Text,
        from: Instant as Instant,
        to: Instant as Instant,
        usual_seconds: Decimal as Decimal,
        runs_missed: i64 as Integer,
    }
}

impl MissedRow<'_> {
    /// How many runs are missing, for sums.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.runs_missed).unwrap_or(0)
    }
}

impl Report for MissedRuns {
    const NAME: &'static str = "missed-runs";
    type Row<'a> = MissedRow<'a>;

    /// By the GUID of the job, then by time.
    fn each(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        row: EachRow<'_, Self>,
    ) -> Result<(), ReportError> {
        for job in scope.jobs() {
            let starts = snapshot.starts_of_job(job.job_key, scope.since(), scope.until())?;
            let Some(rhythm) = Rhythm::of(&starts) else {
                continue;
            };
            for pair in starts.windows(2) {
                let Some(runs_missed) = rhythm.runs_missed(pair[0], pair[1], self.factor) else {
                    continue;
                };
                row(&MissedRow {
                    job_id: &job.job_id,
                    job_name: job.name.as_deref(),
                    from: Instant::from_ticks(pair[0]),
                    to: Instant::from_ticks(pair[1]),
                    usual_seconds: rhythm.usual_seconds(),
                    runs_missed,
                })?;
            }
        }
        Ok(())
    }
}

/// How often a job usually runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rhythm {
    /// The median interval in units of 50 ns: the middle of two is exact in them.
    usual_halves: i128,
}

impl Rhythm {
    /// The median of the intervals between starts (ticks, in their order). `None` where there is no interval, and where
    /// the usual one has no length: then nothing can be told of the others.
    fn of(starts: &[i64]) -> Option<Self> {
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

    const fn usual_seconds(self) -> Decimal {
        // 50 ns are 5 of the eighth decimal.
        Decimal::trimmed(self.usual_halves * 5, 8)
    }

    /// How many runs are missing between two starts; `None` where the interval is not longer than `factor` usual ones.
    fn runs_missed(self, from: i64, to: i64, factor: Factor) -> Option<i64> {
        let halves = (i128::from(to) - i128::from(from)) * 2;
        if !factor.is_exceeded(halves, self.usual_halves) {
            return None;
        }
        // Rounded, halves up.
        let intervals = (halves * 2 + self.usual_halves) / (self.usual_halves * 2);
        i64::try_from(intervals - 1).ok()
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
