//! What goes wrong with assets more or less often than in another span: asset-errors with `--compare`.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::group::Groups;
use super::scan::{self, Row};
use super::{CATEGORY_COLUMN, GroupBy, Options};
use crate::archive::Snapshot;
use crate::report::error::ReportError;
use crate::report::span::Span;
use crate::report::table::{Cell, Column, Kind, Rows};
use crate::report::trend::Trend;

/// The columns, in their order; grouping by category adds [`CATEGORY_COLUMN`].
pub static COLUMNS: [Column; 11] = [
    Column::new("asset", Kind::Text),
    Column::new("asset_type", Kind::Text),
    Column::new("asset_owner", Kind::Text),
    Column::new("messages_before", Kind::Integer),
    Column::new("messages", Kind::Integer),
    Column::new("messages_change", Kind::Integer),
    Column::new("errors_before", Kind::Integer),
    Column::new("errors", Kind::Integer),
    Column::new("errors_change", Kind::Integer),
    Column::new("trend", Kind::Text),
    Column::new("top_message", Kind::Text),
];

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

/// Writes a row for each group with a message in one of the two spans: what grew most comes first.
pub(super) fn write(
    snapshot: &Snapshot<'_>,
    options: &Options,
    before: Span,
    rows: &mut dyn Rows,
) -> Result<(), ReportError> {
    let now = options.common.scope(snapshot)?;
    let before = before.of(&options.common).scope(snapshot)?;
    let groups = Groups::read(snapshot, options)?;
    let counted = [
        scan::count(snapshot, options, &before, &groups)?,
        scan::count(snapshot, options, &now, &groups)?,
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
    found.retain(|pair| pair.errors().iter().any(|&errors| errors >= options.min));
    found.sort_by_cached_key(|pair| {
        let ([errors_before, errors], [_, messages]) = (pair.errors(), pair.messages());
        let grown = i128::from(errors) - i128::from(errors_before);
        (
            Reverse((grown, errors, messages)),
            groups.names(pair.group).clone(),
        )
    });
    let top = options.top.and_then(|top| usize::try_from(top).ok());
    found.truncate(top.unwrap_or(usize::MAX));

    let mut columns = COLUMNS.to_vec();
    columns.extend((options.group_by == GroupBy::Category).then_some(CATEGORY_COLUMN));
    rows.columns(&columns)?;
    for pair in &found {
        let names = groups.names(pair.group);
        let (owner, top_message) = match options.group_by {
            GroupBy::Asset => pair
                .latest()
                .map_or((None, None), |row| (row.owner, row.top_message)),
            _ => (names.owner.as_deref(), names.message.as_deref()),
        };
        let ([messages_before, messages], [errors_before, errors]) = (pair.messages(), pair.errors());
        let trend = Trend::of_counts(messages_before, messages, errors_before, errors);
        let cells = [
            Cell::text(names.asset.as_deref()),
            Cell::text(names.asset_type.as_deref()),
            Cell::text(owner),
            Cell::count(messages_before),
            Cell::count(messages),
            Cell::change(messages_before, messages),
            Cell::count(errors_before),
            Cell::count(errors),
            Cell::change(errors_before, errors),
            Cell::Text(trend.word()),
            Cell::text(top_message),
            Cell::text(names.category.as_deref()),
        ];
        rows.row(&cells[..columns.len()])?;
    }
    rows.finish()?;
    Ok(())
}
