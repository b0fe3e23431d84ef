//! Two spans against each other: failed runs of jobs, or errors of assets, now and before.

use crate::report::About;
use crate::report::chart::{Bar, bars, counted, grouped};
use crate::report::page::cells::{count, job_title, place, places, text};
use crate::report::page::picture::{Drawn, Picture};
use crate::report::table::{Cell, Column};

/// Bars at most.
const MOST_BARS: usize = 20;

struct Compared {
    what: &'static str,
    noun: &'static str,
    /// Place of the name, and of what stands for it where there is none.
    names: [usize; 2],
    /// Places of the figure before, of the figure now, and of the trend.
    places: [usize; 3],
    rows: u64,
    worse: u64,
    better: u64,
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
        worse: 0,
        better: 0,
        bars: Vec::new(),
    }))
}

impl Picture for Compared {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let [before, now, trend] = self.places;
        let trend = text(cells, trend).unwrap_or_default();
        self.rows += 1;
        self.worse += u64::from(trend == "worse");
        self.better += u64::from(trend == "better");
        let [name, other] = self.names.map(|place| text(cells, place));
        self.bars.push(Bar {
            name: job_title(other, name),
            value: count(cells, now),
            behind: vec![grouped(count(cells, before)), trend.to_owned()],
        });
        // The largest of all rows, in as much memory as a few of them need.
        if self.bars.len() >= 2 * MOST_BARS {
            self.keep_largest();
        }
    }

    fn draw(&self) -> Drawn {
        let mut shown = self.bars.clone();
        shown.sort_by_key(|bar| std::cmp::Reverse(bar.value));
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
            lead: format!(
                "{}: {} worse, {} better.",
                counted(self.rows, "row"),
                grouped(self.worse),
                grouped(self.better)
            ),
            charts: bars(&title, &below, self.what, self.noun, &["before", "trend"], &shown),
        }
    }
}

impl Compared {
    fn keep_largest(&mut self) {
        self.bars.sort_by_key(|bar| std::cmp::Reverse(bar.value));
        self.bars.truncate(MOST_BARS);
    }
}
