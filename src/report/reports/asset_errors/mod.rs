//! What goes wrong with which asset.
//!
//! All messages are read once, as keys, in the order in which they lie in the file; the counting is done here, in vectors
//! by key. On several cores several threads read a piece each (see [`scan`]).

mod by_detail;
mod comparison;
mod details;
mod group;
mod options;
mod parts;
mod run_to_read;
mod scan;
mod sorted;
mod texts;

pub(crate) use self::comparison::AssetComparison;
use self::group::{Groups, Names};
pub(crate) use self::options::{AssetErrors, GroupBy};
use crate::archive::Snapshot;
use crate::model::Instant;
use crate::report::definition::{EachRow, Either, Report, Row, row};
use crate::report::error::ReportError;
use crate::report::options::{CommonOptions, Scope};
use crate::report::table::Column;

row! {
    /// An asset, or whatever rows are grouped by.
    AssetRow<'a> {
        asset: Option<&'a str> as Text,
        asset_type: Option<&'a str> as Text,
        asset_owner: Option<&'a str> as Text,
        messages: u64 as Integer,
        errors: u64 as Integer,
        warnings: u64 as Integer,
        information: u64 as Integer,
        other: u64 as Integer,
        runs: u64 as Integer,
        jobs: u64 as Integer,
        first_seen: Option<Instant> as Instant,
        last_seen: Option<Instant> as Instant,
        top_message: Option<&'a str> as Text,
        top_detail: Option<&'a str> as Text,
        /// Only where rows are categories.
        category: Option<&'a str> as Text,
    }
}

impl Report for AssetErrors {
    const NAME: &'static str = "asset-errors";
    const EMPTY: &'static str = "No asset has matching messages.";
    type Row<'a> = Either<AssetRow<'a>, AssetComparison<'a>>;

    fn columns(&self) -> &'static [Column] {
        let columns = match self.compare.span() {
            None => AssetRow::COLUMNS,
            Some(_) => AssetComparison::COLUMNS,
        };
        // The last one is the category.
        let left_out = usize::from(self.group_by != GroupBy::Category);
        &columns[..columns.len() - left_out]
    }

    fn resolve(&mut self, common: &mut CommonOptions, now: Instant) -> Result<(), ReportError> {
        self.compare.resolve(common, now)
    }

    fn each(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        row: EachRow<'_, Self>,
    ) -> Result<(), ReportError> {
        match self.compare.span() {
            None => self.each_asset(snapshot, scope, true, |asset| row(&Either::Standard(asset))),
            Some(before) => {
                let before = before.of(scope.options()).scope(snapshot)?;
                self.each_comparison(snapshot, scope, &before, |asset| row(&Either::Alternative(asset)))
            }
        }
    }
}

impl AssetErrors {
    /// Yields the groups with the most errors first, then those with the most messages; top_detail is empty where nobody
    /// asks for it.
    pub(in crate::report::reports) fn each_asset(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        with_top_detail: bool,
        mut row: impl FnMut(AssetRow<'_>) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let groups = Groups::read(snapshot, self, with_top_detail)?;
        let mut counted = scan::count(snapshot, scope, &groups)?;
        if groups.are_details() {
            return by_detail::each(
                [counted],
                snapshot,
                self.most_rows(),
                |[group]| {
                    let group = group.as_ref().filter(|group| group.errors() >= self.min)?;
                    Some([group.errors().cast_signed(), group.messages().cast_signed(), 0])
                },
                |[group], detail| {
                    let names = Names {
                        detail,
                        ..Names::default()
                    };
                    group.map_or(Ok(()), |group| row(self.row(&group, names, None)))
                },
            );
        }
        let top_texts = counted.top_texts()?;
        let mut found = counted.groups();
        found.retain(|&group| counted.errors(group) >= self.min);
        // What is equal goes by its names, so that the order is always the same.
        found.sort_unstable_by(|&a, &b| {
            let counts = |group| (counted.errors(group), counted.messages(group));
            (counts(b).cmp(&counts(a))).then_with(|| groups.names(a).cmp(&groups.names(b)))
        });
        found.truncate(self.most_rows());
        let top_details = counted.top_details(snapshot, &found)?;
        for number in found {
            if let Some(group) = counted.row(number, &groups, &top_texts) {
                let detail = top_details.get(&number).map(|&key| snapshot.detail(key.into()));
                let detail = detail.transpose()?;
                row(self.row(&group, groups.names(number), detail.as_deref()))?;
            }
        }
        Ok(())
    }

    fn row<'r>(
        &self,
        group: &scan::GroupRow<'r>,
        names: Names<'r>,
        top_detail: Option<&'r str>,
    ) -> AssetRow<'r> {
        let (asset_owner, top_message, top_detail) = match self.group_by {
            GroupBy::Asset => (group.owner, group.top_message, top_detail),
            _ => (names.owner, names.message, names.detail),
        };
        let [errors, warnings, information, other] = group.by_category;
        AssetRow {
            asset: names.asset,
            asset_type: names.asset_type,
            asset_owner,
            messages: group.messages(),
            errors,
            warnings,
            information,
            other,
            runs: group.runs,
            jobs: group.jobs,
            first_seen: group.first_ticks.map(Instant::from_ticks),
            last_seen: group.last_ticks.map(Instant::from_ticks),
            top_message,
            top_detail,
            category: names.category,
        }
    }
}
