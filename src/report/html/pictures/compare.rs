//! Two spans against each other: failed runs of jobs, or errors of assets, now and before.

use crate::report::html::chart::{Bar, bars};
use crate::report::html::picture::DrawnPicture;
use crate::report::numbers::{counted, grouped};
use crate::report::reports::Trend;

const MOST_BARS: usize = 20;

/// Trends in the order in which the page tells how many there are; of the first two it always does.
const TRENDS: [Trend; 6] = [
    Trend::Worse,
    Trend::Better,
    Trend::Same,
    Trend::New,
    Trend::Gone,
    Trend::Unknown,
];

pub(super) struct Compared {
    what: &'static str,
    noun: &'static str,
    rows: u64,
    /// How many rows have which trend.
    trends: [u64; TRENDS.len()],
    bars: Vec<Bar>,
}

impl Compared {
    /// Of such rows, by such figures.
    pub(super) const fn new(what: &'static str, noun: &'static str) -> Self {
        Self {
            what,
            noun,
            rows: 0,
            trends: [0; TRENDS.len()],
            bars: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: String, before: u64, now: u64, trend: Trend) {
        self.rows += 1;
        for (known, count) in TRENDS.iter().zip(&mut self.trends) {
            *count += u64::from(*known == trend);
        }
        self.bars.push(Bar {
            name,
            value: now,
            before: Some(before),
            behind: vec![grouped(before), trend.word().to_owned()],
        });
        // The largest of all rows, in as much memory as a few of them need.
        if self.bars.len() >= 2 * MOST_BARS {
            self.keep_largest();
        }
    }

    pub(super) fn draw_bars(&self) -> DrawnPicture {
        let mut shown = self.bars.clone();
        sort(&mut shown);
        shown.truncate(MOST_BARS);
        let title = format!("Now and before, by {}", self.what);
        let below = if self.rows > shown.len() as u64 {
            format!(
                "The {MOST_BARS} of {} with the most now.",
                counted(self.rows, self.what)
            )
        } else {
            String::new()
        };
        DrawnPicture {
            lead: self.lead(),
            charts: bars(&title, &below, self.what, self.noun, &["before", "trend"], &shown),
        }
    }
}

/// The largest now first, then the largest before.
fn sort(bars: &mut [Bar]) {
    bars.sort_by_key(|bar| std::cmp::Reverse((bar.value, bar.before)));
}

impl Compared {
    /// `12 assets: 3 worse, 4 better, 1 gone.`
    fn lead(&self) -> String {
        if self.rows == 0 {
            return "There is nothing in either span.".to_owned();
        }
        let counts = TRENDS.iter().zip(self.trends).enumerate();
        let told: Vec<String> = counts
            .filter(|(place, (_, count))| *place < 2 || *count > 0)
            .map(|(_, (trend, count))| format!("{} {}", grouped(count), trend.word()))
            .collect();
        format!("{}: {}.", counted(self.rows, self.what), told.join(", "))
    }

    fn keep_largest(&mut self) {
        sort(&mut self.bars);
        self.bars.truncate(MOST_BARS);
    }
}
