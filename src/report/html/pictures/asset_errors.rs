//! Asset errors: the worst assets, the longest bar first.

use super::compare::Compared;
use crate::archive::Snapshot;
use crate::report::definition::Either;
use crate::report::error::Result;
use crate::report::html::chart::{Bar, bars};
use crate::report::html::picture::{BoxedPicture, DrawnPicture, Picture, Present};
use crate::report::numbers::{counted, grouped};
use crate::report::options::Scope;
use crate::report::reports::AssetErrors;
use crate::report::reports::asset_errors::{AssetComparison, AssetRow, GroupBy};
use crate::report::titles::asset_title;
use crate::text::capitalized;

const MOST_BARS: usize = 20;

struct WorstGroups {
    group_by: GroupBy,
    what: &'static str,
    bars: Vec<(String, [u64; 3])>,
    rows: u64,
    /// Rows of messages that have an asset, or whatever they are grouped by.
    named: u64,
    sums: [u64; 3],
}

impl Present for AssetErrors {
    fn picture(&self, _: &Snapshot<'_>, _: &Scope) -> Result<BoxedPicture<Self>> {
        if self.compare.span().is_some() {
            return Ok(Some(Box::new(Compared::new("asset", "errors"))));
        }
        Ok(Some(Box::new(WorstGroups {
            group_by: self.group_by,
            what: match self.group_by {
                GroupBy::Asset => "asset",
                GroupBy::AssetType => "asset type",
                GroupBy::Owner => "owner",
                GroupBy::Category => "category",
                GroupBy::Message => "message",
                GroupBy::Detail => "detail",
            },
            bars: Vec::new(),
            rows: 0,
            named: 0,
            sums: [0; 3],
        })))
    }
}

impl Picture<AssetErrors> for Compared {
    fn see(&mut self, row: &Either<AssetRow<'_>, AssetComparison<'_>>) {
        if let Either::Alternative(row) = row {
            let name = asset_title(row.asset, row.asset_type);
            self.add(name, row.errors_before, row.errors, row.trend);
        }
    }

    fn draw(&self) -> DrawnPicture {
        self.draw_bars()
    }
}

impl WorstGroups {
    /// `150 assets`, or `149 assets and messages without one`.
    fn count(&self) -> String {
        let named = match self.group_by {
            GroupBy::Category => {
                grouped(self.named)
                    + if self.named == 1 {
                        " category"
                    } else {
                        " categories"
                    }
            }
            GroupBy::Message => counted(self.named, "message text"),
            GroupBy::Detail => counted(self.named, "detail text"),
            _ => counted(self.named, self.what),
        };
        if self.named < self.rows {
            named + " and messages without one"
        } else {
            named
        }
    }
}

impl Picture<AssetErrors> for WorstGroups {
    fn see(&mut self, row: &Either<AssetRow<'_>, AssetComparison<'_>>) {
        let Either::Standard(row) = row else { return };
        let counts = [row.messages, row.errors, row.warnings];
        self.rows += 1;
        for (sum, count) in self.sums.iter_mut().zip(counts) {
            *sum += count;
        }
        let grouped_by = match self.group_by {
            GroupBy::Asset => row.asset,
            GroupBy::AssetType => row.asset_type,
            GroupBy::Owner => row.asset_owner,
            GroupBy::Category => row.category,
            GroupBy::Message => row.top_message,
            GroupBy::Detail => row.top_detail,
        };
        let name = grouped_by.filter(|name| !name.is_empty());
        self.named += u64::from(name.is_some());
        if self.bars.len() < MOST_BARS {
            let name = match self.group_by {
                GroupBy::Asset => Some(asset_title(row.asset, row.asset_type)),
                _ => name.map(str::to_owned),
            };
            let name = name.unwrap_or_else(|| format!("(no {})", self.what));
            self.bars.push((name, counts));
        }
    }

    fn draw(&self) -> DrawnPicture {
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
        let title = capitalized(&format!("{noun} per {}", self.what));
        let below = if self.rows > MOST_BARS as u64 {
            format!("The first {MOST_BARS} of {}.", self.count())
        } else {
            String::new()
        };
        let lead = if self.rows == 0 {
            "No messages.".to_owned()
        } else {
            format!(
                "{}: {}, {} among {}.",
                self.count(),
                counted(errors, "error"),
                counted(warnings, "warning"),
                counted(messages, "message")
            )
        };
        DrawnPicture {
            lead,
            charts: bars(&title, &below, self.what, noun, &headings, &shown),
        }
    }
}
