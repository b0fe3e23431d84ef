//! Counts by time, in periods that a chart can show.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use chrono::NaiveDate;

use crate::report::options::Period;

/// Periods kept at most before they are merged into longer ones: thirty years of days. It bounds the memory of a report of
/// whatever length.
const MOST_KEPT: usize = 12_000;

/// Runs of a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCounts {
    pub runs: u64,
    /// Faulted or aborted.
    pub failed: u64,
    /// Completed, faulted or aborted.
    pub finished: u64,
}

impl RunCounts {
    /// The share of the finished that failed, in hundredths of a percent; `None` where nothing finished.
    pub fn rate(&self) -> Option<u64> {
        let doubled = (self.failed * 20_000).checked_div(self.finished)?;
        Some(doubled.div_ceil(2))
    }
}

impl AddAssign for RunCounts {
    fn add_assign(&mut self, more: Self) {
        self.runs += more.runs;
        self.failed += more.failed;
        self.finished += more.finished;
    }
}

impl<const N: usize> AddAssign<[u64; N]> for Counts<N> {
    fn add_assign(&mut self, more: [u64; N]) {
        for (mine, more) in self.0.iter_mut().zip(more) {
            *mine += more;
        }
    }
}

/// Counts of several kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts<const N: usize>(pub [u64; N]);

impl<const N: usize> Default for Counts<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> AddAssign for Counts<N> {
    fn add_assign(&mut self, more: Self) {
        *self += more.0;
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bins<T> {
    by: Period,
    counts: BTreeMap<NaiveDate, T>,
}

impl<T: AddAssign + Copy + Default> Bins<T> {
    /// Of periods of this length.
    #[must_use]
    pub const fn new(by: Period) -> Self {
        Self {
            by,
            counts: BTreeMap::new(),
        }
    }

    /// How long the periods are.
    pub const fn by(&self) -> Period {
        self.by
    }

    /// Adds to the period that `day` is in.
    pub fn add(&mut self, day: NaiveDate, more: T) {
        *self.counts.entry(self.by.first_day(day)).or_default() += more;
        if self.counts.len() > MOST_KEPT {
            // Not into weeks: those could not become months any more.
            *self = self.merged(match longer(self.by) {
                Period::Week => Period::Month,
                longer => longer,
            });
        }
    }

    /// The periods that have something, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (NaiveDate, T)> + '_ {
        self.counts.iter().map(|(&first, &count)| (first, count))
    }

    /// Those that begin from `from` on and before `end`.
    #[must_use]
    pub fn within(&self, from: NaiveDate, end: NaiveDate) -> Self {
        let counts = self.counts.range(from..end.max(from));
        Self {
            by: self.by,
            counts: counts.map(|(&first, &count)| (first, count)).collect(),
        }
    }

    /// Every period from the first to the last, those without anything too.
    pub fn periods(&self) -> impl Iterator<Item = (NaiveDate, T)> + '_ {
        let (from, end) = self.span().unwrap_or_default();
        let firsts = std::iter::successors(Some(from), |&first| Some(self.by.next(first)));
        firsts
            .take_while(move |&first| first < end)
            .map(|first| (first, self.get(first).unwrap_or_default()))
    }

    /// What a period has.
    #[must_use]
    pub fn get(&self, first: NaiveDate) -> Option<T> {
        self.counts.get(&first).copied()
    }

    /// The first day, and the first day after the end; `None` where nothing was counted.
    pub fn span(&self) -> Option<(NaiveDate, NaiveDate)> {
        let (&first, _) = self.counts.first_key_value()?;
        let (&last, _) = self.counts.last_key_value()?;
        Some((first, self.by.next(last)))
    }

    /// The sum of all periods.
    pub fn sum(&self) -> T {
        let mut sum = T::default();
        for &count in self.counts.values() {
            sum += count;
        }
        sum
    }

    /// The same in periods of this length. Weeks that lie in two months count to that of their Monday.
    #[must_use]
    pub fn merged(&self, by: Period) -> Self {
        let mut merged = Self::new(by);
        for (&first, &count) in &self.counts {
            *merged.counts.entry(by.first_day(first)).or_default() += count;
        }
        merged
    }

    /// The length at which the whole span has at most so many periods, not shorter than it is now.
    #[must_use]
    pub fn fitting(&self, most: usize) -> Period {
        let Some((from, end)) = self.span() else {
            return self.by;
        };
        fitting(self.by, from, end, most)
    }
}

/// The shortest length from `by` on at which a span has at most so many periods; years where none does.
#[must_use]
pub fn fitting(by: Period, from: NaiveDate, end: NaiveDate, most: usize) -> Period {
    let days = usize::try_from((end - from).num_days()).unwrap_or(0);
    let lengths = Period::ALL.into_iter().skip_while(|&length| length != by);
    let mut fitting = lengths.filter(|&length| days / shortest_days(length) <= most);
    fitting.next().unwrap_or(Period::Year)
}

/// Days that a period has at least.
const fn shortest_days(by: Period) -> usize {
    match by {
        Period::Day => 1,
        Period::Week => 7,
        Period::Month => 28,
        Period::Quarter => 90,
        Period::Year => 365,
    }
}

const fn longer(by: Period) -> Period {
    match by {
        Period::Day => Period::Week,
        Period::Week => Period::Month,
        Period::Month => Period::Quarter,
        Period::Quarter | Period::Year => Period::Year,
    }
}

#[cfg(test)]
mod tests {
    use chrono::Days;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn rates_are_rounded_to_the_nearest_and_missing_where_nothing_finished() {
        let rate = |failed, finished| {
            let runs = RunCounts {
                runs: finished,
                failed,
                finished,
            };
            runs.rate()
        };
        assert_eq!(rate(0, 0), None);
        assert_eq!(rate(1, 3), Some(3_333));
        assert_eq!(rate(2, 3), Some(6_667));
        assert_eq!(rate(1, 32), Some(313));
        assert_eq!(rate(7, 7), Some(10_000));
    }

    #[test]
    fn periods_get_longer_until_they_fit() {
        let mut bins: Bins<Counts<1>> = Bins::new(Period::Day);
        for days in 0..800 {
            bins.add(day("2024-01-01") + Days::new(days), Counts([1]));
        }
        assert_eq!(bins.fitting(1_000), Period::Day);
        assert_eq!(bins.fitting(120), Period::Week);
        assert_eq!(bins.fitting(60), Period::Month);
        assert_eq!(bins.fitting(10), Period::Quarter);
        let weeks = bins.merged(Period::Week);
        assert_eq!(weeks.get(day("2024-01-01")), Some(Counts([7])));
        assert_eq!(weeks.sum(), bins.sum());
        assert_eq!(bins.span(), Some((day("2024-01-01"), day("2026-03-11"))));
    }

    #[test]
    fn memory_is_bounded_whatever_the_span() {
        let mut bins: Bins<Counts<1>> = Bins::new(Period::Day);
        for days in 0..20_000 {
            bins.add(day("1950-01-01") + Days::new(days), Counts([1]));
        }
        assert_eq!(bins.by(), Period::Month);
        assert_eq!(bins.sum(), Counts([20_000]));
        assert!(bins.iter().count() < 700);
    }
}
