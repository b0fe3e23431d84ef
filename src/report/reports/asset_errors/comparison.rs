//! What goes wrong with assets more or less often than in another span: asset-errors with `--compare`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::group::Groups;
use super::options::{AssetErrors, GroupBy};
use super::scan::{self, Row};
use crate::archive::Snapshot;
use crate::report::definition::row;
use crate::report::error::ReportError;
use crate::report::options::Scope;
use crate::report::reports::trend::{Trend, change};

row! {
    /// An asset, or whatever rows are grouped by, in two spans.
    AssetComparison<'a> {
        asset: Option<&'a str> as Text,
        asset_type: Option<&'a str> as Text,
        asset_owner: Option<&'a str> as Text,
        messages_before: u64 as Integer,
        messages: u64 as Integer,
        messages_change: i64 as Integer,
        errors_before: u64 as Integer,
        errors: u64 as Integer,
        errors_change: i64 as Integer,
        trend: Trend as Text,
        top_message: Option<&'a str> as Text,
        top_detail: Option<&'a str> as Text,
        /// Only where rows are categories.
        category: Option<&'a str> as Text,
    }
}

/// What was counted of a group in the two spans.
struct Pair<'g> {
    group: u32,
    before: Option<Row<'g>>,
    now: Option<Row<'g>>,
}

impl<'g> Pair<'g> {
    fn messages(&self) -> [u64; 2] {
        [&self.before, &self.now].map(|row| row.as_ref().map_or(0, Row::messages))
    }

    fn errors(&self) -> [u64; 2] {
        [&self.before, &self.now].map(|row| row.as_ref().map_or(0, Row::errors))
    }

    /// Of this span, or of the one before where there is nothing in this one.
    fn latest(&self) -> Option<&Row<'g>> {
        self.now.as_ref().or(self.before.as_ref())
    }
}

impl AssetErrors {
    /// Yields a row for each group with a message in one of the two spans: what grew most comes first.
    pub(super) fn each_comparison(
        &self,
        snapshot: &Snapshot<'_>,
        now: &Scope,
        before: &Scope,
        mut row: impl FnMut(AssetComparison<'_>) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let groups = Groups::read(snapshot, self, true)?;
        let mut counted = [
            scan::count(snapshot, before, &groups)?,
            scan::count(snapshot, now, &groups)?,
        ];
        let mut pairs: BTreeMap<u32, Pair<'_>> = BTreeMap::new();
        for (is_now, counted) in [(false, &counted[0]), (true, &counted[1])] {
            for row in counted.rows(&groups) {
                let pair = pairs.entry(row.group).or_insert(Pair {
                    group: row.group,
                    before: None,
                    now: None,
                });
                *(if is_now { &mut pair.now } else { &mut pair.before }) = Some(row);
            }
        }
        let mut found: Vec<Pair<'_>> = pairs.into_values().collect();
        found.retain(|pair| pair.errors().iter().any(|&errors| errors >= self.min));
        found.sort_by_cached_key(|pair| {
            let ([errors_before, errors], [_, messages]) = (pair.errors(), pair.messages());
            let grown = i128::from(errors) - i128::from(errors_before);
            (Reverse((grown, errors, messages)), groups.names(pair.group))
        });
        found.truncate(self.most_rows());
        let of_span = |is_now: bool| {
            let pairs = found.iter().filter(move |pair| pair.now.is_some() == is_now);
            pairs.map(|pair| pair.group)
        };
        let mut top_details = counted[0].top_details(snapshot, of_span(false))?;
        top_details.extend(counted[1].top_details(snapshot, of_span(true))?);
        for pair in &found {
            let names = groups.names(pair.group);
            let detail = top_details
                .get(&pair.group)
                .map(|&key| snapshot.detail(key.into()));
            let detail = detail.transpose()?;
            let (asset_owner, top_message, top_detail) = match self.group_by {
                GroupBy::Asset => {
                    let (owner, top_message) = pair
                        .latest()
                        .map_or((None, None), |row| (row.owner, row.top_message));
                    let top_detail = detail.as_deref();
                    (owner, top_message, top_detail)
                }
                _ => (names.owner, names.message, names.detail),
            };
            let ([messages_before, messages], [errors_before, errors]) = (pair.messages(), pair.errors());
            row(AssetComparison {
                asset: names.asset,
                asset_type: names.asset_type,
                asset_owner,
                messages_before,
                messages,
                messages_change: change(messages_before, messages),
                errors_before,
                errors,
                errors_change: change(errors_before, errors),
                trend: Trend::of_counts(messages_before, messages, errors_before, errors),
                top_message,
                top_detail,
                category: names.category,
            })?;
        }
        Ok(())
    }
}
