//! Asset errors: the worst assets, the longest bar first.

use crate::report::About;
use crate::report::chart::{Bar, bars, counted, grouped};
use crate::report::page::cells::{asset_title, count, place, places, text};
use crate::report::page::picture::{Drawn, Picture};
use crate::report::table::{Cell, Column};

/// Bars at most.
const MOST_BARS: usize = 20;

struct Worst {
    what: &'static str,
    /// Places of the columns that name a row: the name, and what tells it from others of that name.
    name: usize,
    kind: Option<usize>,
    /// Places of messages, errors, warnings.
    counts: [usize; 3],
    bars: Vec<(String, [u64; 3])>,
    rows: u64,
    sums: [u64; 3],
}

pub(in crate::report::page) fn picture(about: &About, columns: &[Column]) -> Option<Box<dyn Picture>> {
    let group_by = about.options.get("group_by").and_then(serde_json::Value::as_str);
    let (what, name, kind) = match group_by {
        Some("asset-type") => ("asset type", "asset_type", None),
        Some("owner") => ("owner", "asset_owner", None),
        Some("category") => ("category", "category", None),
        Some("message") => ("message", "top_message", None),
        _ => ("asset", "asset", Some("asset_type")),
    };
    Some(Box::new(Worst {
        what,
        name: place(columns, name)?,
        kind: kind.and_then(|kind| place(columns, kind)),
        counts: places(columns, ["messages", "errors", "warnings"])?,
        bars: Vec::new(),
        rows: 0,
        sums: [0; 3],
    }))
}

impl Picture for Worst {
    fn row(&mut self, cells: &[Cell<'_>]) {
        let counts = self.counts.map(|place| count(cells, place));
        self.rows += 1;
        for (sum, count) in self.sums.iter_mut().zip(counts) {
            *sum += count;
        }
        if self.bars.len() < MOST_BARS {
            let name = text(cells, self.name).filter(|name| !name.is_empty());
            let name = match (self.kind, name) {
                (Some(kind), name) => asset_title(name, text(cells, kind)),
                (None, Some(name)) => name.to_owned(),
                (None, None) => format!("(no {})", self.what),
            };
            self.bars.push((name, counts));
        }
    }

    fn draw(&self) -> Drawn {
        let [messages, errors, warnings] = self.sums;
        // Asked for warnings alone, every row has no errors; the messages then say which is the worst.
        let by_errors = errors > 0;
        let (noun, headings) = if by_errors {
            ("errors", ["warnings", "messages"])
        } else {
            ("messages", ["errors", "warnings"])
        };
        let shown: Vec<Bar> = self
            .bars
            .iter()
            .map(|(name, [messages, errors, warnings])| Bar {
                name: name.clone(),
                value: if by_errors { *errors } else { *messages },
                before: None,
                behind: if by_errors {
                    [*warnings, *messages]
                } else {
                    [*errors, *warnings]
                }
                .map(grouped)
                .to_vec(),
            })
            .collect();
        let title = format!("{}{} per {}", noun[..1].to_uppercase(), &noun[1..], self.what);
        let below = if self.rows > MOST_BARS as u64 {
            format!("The first {MOST_BARS} of {}.", counted(self.rows, "row"))
        } else {
            String::new()
        };
        let lead = if self.rows == 0 {
            "No messages.".to_owned()
        } else {
            format!(
                "{}: {}, {} among {}.",
                counted(self.rows, "row"),
                counted(errors, "error"),
                counted(warnings, "warning"),
                counted(messages, "message")
            )
        };
        Drawn {
            lead,
            charts: bars(&title, &below, self.what, noun, &headings, &shown),
        }
    }
}
