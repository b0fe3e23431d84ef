//! Whether something is getting better: the word for a pair of counts.

use crate::report::table::Cell;

/// How many more there are than before.
pub(super) fn change(before: u64, now: u64) -> i64 {
    let [before, now] = [before, now].map(|count| i64::try_from(count).expect("counts of stored rows fit"));
    now - before
}

/// What became of something from the span before to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trend {
    /// It was not there before.
    New,
    /// It is not there any more.
    Gone,
    /// There is more to complain about.
    Worse,
    Better,
    /// There is as much.
    Same,
    /// Nothing can be said: nothing finished in one of the two.
    Unknown,
}

impl Trend {
    /// Its word in a cell.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::Unknown => "unknown",
        }
    }

    /// Of something that was there so often before and now, with so much to complain about.
    pub(super) fn of_counts(there_before: u64, there: u64, bad_before: u64, bad: u64) -> Self {
        Self::of_shares(there_before, there, (bad_before, 1), (bad, 1))
    }

    /// The same where shares are compared: bad of all, before and now.
    pub(super) fn of_shares(there_before: u64, there: u64, before: (u64, u64), now: (u64, u64)) -> Self {
        if there_before == 0 {
            return Self::New;
        }
        if there == 0 {
            return Self::Gone;
        }
        if before.1 == 0 || now.1 == 0 {
            return Self::Unknown;
        }
        let cross = |a: u64, b: u64| u128::from(a) * u128::from(b);
        match cross(now.0, before.1).cmp(&cross(before.0, now.1)) {
            std::cmp::Ordering::Greater => Self::Worse,
            std::cmp::Ordering::Less => Self::Better,
            std::cmp::Ordering::Equal => Self::Same,
        }
    }
}

impl From<Trend> for Cell<'_> {
    fn from(trend: Trend) -> Self {
        Self::Text(trend.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_compared_exactly_and_only_where_there_are_two() {
        assert_eq!(Trend::of_shares(1, 1, (1, 3), (2, 6)), Trend::Same);
        assert_eq!(Trend::of_shares(1, 1, (333_333, 1_000_000), (1, 3)), Trend::Worse);
        assert_eq!(Trend::of_shares(1, 1, (1, 2), (1, 3)), Trend::Better);
        assert_eq!(Trend::of_shares(1, 1, (0, 0), (1, 3)), Trend::Unknown);
        assert_eq!(Trend::of_shares(0, 1, (0, 0), (1, 3)), Trend::New);
        assert_eq!(Trend::of_shares(1, 0, (1, 3), (0, 0)), Trend::Gone);
        assert_eq!(Trend::of_counts(5, 5, 1, 2), Trend::Worse);
    }
}
