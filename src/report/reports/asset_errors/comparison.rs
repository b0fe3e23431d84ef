//! What goes wrong with assets more or less often than in another span: asset-errors with `--compare`.

use std::cmp::Reverse;

use super::by_detail;
use super::group::{Groups, Names};
use super::options::{AssetErrors, GroupBy};
use super::scan::{self, Counted, GroupRow};
use super::sorted::Rank;
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

/// What was counted of a group in the two spans: before, and now.
type Pair<'g> = [Option<GroupRow<'g>>; 2];

fn messages(pair: &Pair<'_>) -> [u64; 2] {
    pair.each_ref()
        .map(|row| row.as_ref().map_or(0, GroupRow::messages))
}

fn errors(pair: &Pair<'_>) -> [u64; 2] {
    pair.each_ref()
        .map(|row| row.as_ref().map_or(0, GroupRow::errors))
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
        let counted = [
            scan::count(snapshot, before, &groups)?,
            scan::count(snapshot, now, &groups)?,
        ];
        if groups.are_details() {
            return by_detail::each(
                counted,
                snapshot,
                self.most_rows(),
                |pair| self.rank(pair),
                |pair, detail| {
                    let names = Names {
                        detail,
                        ..Names::default()
                    };
                    row(self.comparison(&pair, names, None))
                },
            );
        }
        let [mut before, mut now] = counted;
        let top_texts = [before.top_texts()?, now.top_texts()?];
        let pair = |before: &Counted, now: &Counted, group: u32| {
            let before = before.row(group, &groups, &top_texts[0]);
            [before, now.row(group, &groups, &top_texts[1])]
        };
        let mut found = before.groups();
        found.extend(now.groups());
        found.sort_unstable();
        found.dedup();
        let rank = |group| self.rank(&pair(&before, &now, group));
        found.retain(|&group| rank(group).is_some());
        found.sort_by_cached_key(|&group| (Reverse(rank(group)), groups.names(group)));
        found.truncate(self.most_rows());
        let (in_now, in_before): (Vec<u32>, Vec<u32>) =
            found.iter().partition(|&&group| now.messages(group) > 0);
        let mut top_details = before.top_details(snapshot, &in_before)?;
        top_details.extend(now.top_details(snapshot, &in_now)?);
        for group in found {
            let detail = top_details.get(&group).map(|&key| snapshot.detail(key.into()));
            let detail = detail.transpose()?;
            let pair = pair(&before, &now, group);
            row(self.comparison(&pair, groups.names(group), detail.as_deref()))?;
        }
        Ok(())
    }

    /// What grew most comes first; `None` where there are too few errors in both spans.
    fn rank(&self, pair: &Pair<'_>) -> Option<Rank> {
        let ([before, now], [_, messages]) = (errors(pair), messages(pair));
        let rank = [change(before, now), now.cast_signed(), messages.cast_signed()];
        (before.max(now) >= self.min).then_some(rank)
    }

    fn comparison<'r>(
        &self,
        pair: &Pair<'r>,
        names: Names<'r>,
        top_detail: Option<&'r str>,
    ) -> AssetComparison<'r> {
        // Of this span, or of the one before where there is nothing in this one.
        let [before, now] = pair;
        let latest = now.as_ref().or(before.as_ref());
        let (asset_owner, top_message, top_detail) = match self.group_by {
            GroupBy::Asset => {
                let (owner, top_message) = latest.map_or((None, None), |row| (row.owner, row.top_message));
                (owner, top_message, top_detail)
            }
            _ => (names.owner, names.message, names.detail),
        };
        let ([messages_before, messages], [errors_before, errors]) = (messages(pair), errors(pair));
        AssetComparison {
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
        }
    }
}
