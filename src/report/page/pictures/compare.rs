//! Two spans against each other: failed runs of jobs, or errors of assets, now and before.

use crate::report::About;
use crate::report::chart::{Bar, bars, counted, grouped};
use crate::report::page::cells::{asset_title, count, job_title, place, places, text};
use crate::report::page::picture::{Drawn, Picture};
use crate::report::table::{Cell, Column};

/// Bars at most.
const MOST_BARS: usize = 20;

/// Words of trends, in the order in which the page tells how many there are; of the first two it always does.
const TRENDS: [&str; 6] = ["worse", "better", "same", "new", "gone", "unknown"];

struct Compared {
    what: &'static str,
    noun: &'static str,
    /// Place of the name, and of what stands for it where there is none.
    names: [usize; 2],
    /// Places of the figure before, of the figure now, and of the trend.
    places: [usize; 3],
    rows: u64,
    /// How many rows have which trend.
    trends: [u64; TRENDS.len()],
    bars: Vec<Bar>,
}

/// Of the columns of a comparison; `None` where they are others.
pub(in crate::report::page) fn picture(_about: &About, columns: &[Column]) -> Option<Box<dyn Picture>> {
    let is_of_jobs = place(columns, "failed_before").is_some();
    let (what, noun, names, figures) = if is_of_jobs {
        (
            "job",
            "failed",
            ["job_name", "job_id"],
            ["failed_before", "failed", "trend"],
        )
    } else {
        (
            "asset",
            "errors",
            ["asset", "asset_type"],
            ["errors_before", "errors", "trend"],
        )
    };
    Some(Box::new(Compared {
        what,
        noun,
        names: places(columns, names)?,
        places: places(columns, figures)?,
        rows: 0,
        trends: [0; TRENDS.len()],
        bars: Vec::new(),
    }))
}

impl Picture for Compared {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [before, now, trend] = self.places;
        let trend = text(cells, trend).unwrap_or_default();
        self.rows += 1;
        for (word, count) in TRENDS.iter().zip(&mut self.trends) {
            *count += u64::from(*word == trend);
        }
        let [name, other] = self.names.map(|place| text(cells, place));
        self.bars.push(Bar {
            name: if self.what == "job" {
                job_title(other, name)
            } else {
                asset_title(name, other)
            },
            value: count(cells, now),
            before: Some(count(cells, before)),
            behind: vec![grouped(count(cells, before)), trend.to_owned()],
        });
        // The largest of all rows, in as much memory as a few of them need.
        if self.bars.len() >= 2 * MOST_BARS {
            self.keep_largest();
        }
    }

    fn draw(&self) -> Drawn {
        let mut shown = self.bars.clone();
        sort(&mut shown);
        shown.truncate(MOST_BARS);
        let title = format!("Now and before, by {}", self.what);
        let below = if self.rows > shown.len() as u64 {
            format!(
                "The {MOST_BARS} of {} with the most now.",
                counted(self.rows, "row")
            )
        } else {
            String::new()
        };
        Drawn {
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
    /// `12 rows: 3 worse, 4 better, 1 gone.`
    fn lead(&self) -> String {
        if self.rows == 0 {
            return "There is nothing in either span.".to_owned();
        }
        let counts = TRENDS.iter().zip(self.trends).enumerate();
        let told: Vec<String> = counts
            .filter(|(place, (_, count))| *place < 2 || *count > 0)
            .map(|(_, (trend, count))| format!("{} {trend}", grouped(count)))
            .collect();
        format!("{}: {}.", counted(self.rows, "row"), told.join(", "))
    }

    fn keep_largest(&mut self) {
        sort(&mut self.bars);
        self.bars.truncate(MOST_BARS);
    }
}
