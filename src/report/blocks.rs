//! Small lines in a terminal: a block for each period, the higher the more.

use chrono::NaiveDate;

use super::bins::{Bins, RunCounts, fitting};
use crate::report::options::Period;

/// Blocks from the lowest to the highest.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What stands for a period in which nothing finished.
const NOTHING: char = '·';

/// A scale that several small lines share, so that they can be compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    by: Period,
    from: NaiveDate,
    end: NaiveDate,
    top: u64,
}

impl Blocks {
    /// For jobs with these counts, in at most so many blocks; `None` where nothing was counted.
    #[must_use]
    pub(super) fn of<'b>(
        jobs: impl Iterator<Item = &'b Bins<RunCounts>> + Clone,
        most: usize,
    ) -> Option<Self> {
        let spans = || jobs.clone().filter_map(Bins::span);
        let (from, end) = (
            spans().map(|span| span.0).min()?,
            spans().map(|span| span.1).max()?,
        );
        let by = jobs.clone().map(Bins::by).max()?;
        // One more may begin before the span, and one end behind it.
        let by = fitting(by, from, end, most.saturating_sub(2));
        let rates = jobs.flat_map(|bins| bins.merged(by).iter().filter_map(|(_, runs)| runs.rate()).max());
        Some(Self {
            by,
            from: by.first_day(from),
            end,
            top: rates.max().unwrap_or(0).max(1),
        })
    }

    /// How long the time of one block is.
    pub(super) const fn by(&self) -> Period {
        self.by
    }

    /// The highest rate, in hundredths of a percent.
    pub(super) const fn top(&self) -> u64 {
        self.top
    }

    /// First day, and the last period's first day.
    pub(super) fn span(&self) -> (NaiveDate, NaiveDate) {
        let last = self.firsts().last();
        (self.from, last.unwrap_or(self.from))
    }

    fn firsts(&self) -> impl Iterator<Item = NaiveDate> {
        let Self { by, from, end, .. } = *self;
        std::iter::successors(Some(from), move |&first| Some(by.next(first)))
            .take_while(move |&first| first < end)
    }

    /// The rates of one job as blocks; where nothing finished, a dot.
    #[must_use]
    pub(super) fn line(&self, bins: &Bins<RunCounts>) -> String {
        let bins = bins.merged(self.by);
        let block = |first| match bins.get(first).and_then(|runs| runs.rate()) {
            None => NOTHING,
            Some(rate) => {
                let step = (rate * 7).div_ceil(self.top).min(7);
                BLOCKS[usize::try_from(step).expect("at most 7")]
            }
        };
        self.firsts().map(block).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_rate_of_all_jobs_is_the_highest_block_and_none_is_a_dot() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let runs = |failed, finished| RunCounts {
            runs: finished,
            failed,
            finished,
        };
        let (mut first, mut second): (Bins<RunCounts>, Bins<RunCounts>) =
            (Bins::new(Period::Day), Bins::new(Period::Day));
        first.add(day("2024-01-01"), runs(0, 4));
        first.add(day("2024-01-02"), runs(1, 4));
        first.add(day("2024-01-04"), runs(1, 100));
        second.add(day("2024-01-05"), runs(2, 4));
        let blocks = Blocks::of([&first, &second].into_iter(), 40).unwrap();
        assert_eq!(blocks.line(&first), "▁▅·▂·");
        assert_eq!(blocks.line(&second), "····█");
        assert_eq!((blocks.top(), blocks.by()), (5_000, Period::Day));
        assert_eq!(blocks.span(), (day("2024-01-01"), day("2024-01-05")));
        assert!(Blocks::of([&Bins::<RunCounts>::new(Period::Day)].into_iter(), 40).is_none());
    }
}
