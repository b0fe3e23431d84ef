//! What goes wrong with which asset.
//!
//! All messages are read once, as keys, in the order in which they lie in the file; the counting is done here, in vectors
//! by key. On several cores several threads read a piece each (see [`scan`]).

pub mod changes;
mod group;
mod scan;
mod texts;

use serde_json::{Map, Value};

use self::group::Groups;
use super::error::ReportError;
use super::messages_wanted::AssetsWanted;
use super::options::Common;
use super::span::Span;
use super::table::{Cell, Column, Kind, Rows};
use crate::archive::Snapshot;

/// What can be asked of this report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What every report can be asked.
    pub common: Common,
    /// At most this many rows.
    pub top: Option<u64>,
    /// Only rows with at least this many errors.
    pub min: u64,
    /// Only messages of these categories; all where none is named.
    pub categories: Vec<Category>,
    /// Only messages about these assets.
    pub about: AssetsWanted,
    /// What a row is about.
    pub group_by: GroupBy,
    /// What changed since this span, in place of what there is.
    pub compare: Option<Span>,
}

impl Options {
    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        let mut options = self.common.described();
        let categories: Vec<&str> = self.categories.iter().map(|category| category.name()).collect();
        options.insert("top".to_owned(), self.top.into());
        options.insert("min".to_owned(), self.min.into());
        options.insert("category".to_owned(), categories.into());
        self.about.describe(&mut options);
        options.insert("group_by".to_owned(), self.group_by.name().into());
        Span::describe(self.compare, &mut options);
        options
    }
}

/// What a message is, by the name of its category in any letter case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// `Error`.
    Error,
    /// `Warning`.
    Warning,
    /// `Information`, `Info`, `Informational`.
    Information,
    /// Everything else, none included.
    Other,
}

impl Category {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Error, Self::Warning, Self::Information, Self::Other];

    /// Its word on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
            Self::Other => "other",
        }
    }

    /// What a message's `Category` means.
    #[must_use]
    pub fn of(text: Option<&str>) -> Self {
        let text = text.unwrap_or("");
        let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
        if is(&["error"]) {
            Self::Error
        } else if is(&["warning"]) {
            Self::Warning
        } else if is(&["information", "info", "informational"]) {
            Self::Information
        } else {
            Self::Other
        }
    }
}

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum GroupBy {
    /// An asset of a type.
    #[default]
    Asset,
    /// A type of assets.
    AssetType,
    /// An owner, as the message says.
    Owner,
    /// A category: error, warning, information, other.
    Category,
    /// A message text.
    Message,
}

impl GroupBy {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Asset,
        Self::AssetType,
        Self::Owner,
        Self::Category,
        Self::Message,
    ];

    /// Its word on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::AssetType => "asset-type",
            Self::Owner => "owner",
            Self::Category => "category",
            Self::Message => "message",
        }
    }
}

/// The columns, in their order; grouping by category adds [`CATEGORY_COLUMN`].
pub static COLUMNS: [Column; 13] = [
    Column::new("asset", Kind::Text),
    Column::new("asset_type", Kind::Text),
    Column::new("asset_owner", Kind::Text),
    Column::new("messages", Kind::Integer),
    Column::new("errors", Kind::Integer),
    Column::new("warnings", Kind::Integer),
    Column::new("information", Kind::Integer),
    Column::new("other", Kind::Integer),
    Column::new("runs", Kind::Integer),
    Column::new("jobs", Kind::Integer),
    Column::new("first_seen", Kind::Instant),
    Column::new("last_seen", Kind::Instant),
    Column::new("top_message", Kind::Text),
];

/// The category of a row, where rows are categories.
pub const CATEGORY_COLUMN: Column = Column::new("category", Kind::Text);

/// Writes the report.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    if let Some(before) = options.compare {
        return changes::write(snapshot, options, before, rows);
    }
    let scope = options.common.scope(snapshot)?;
    let groups = Groups::read(snapshot, options)?;
    let counted = scan::count(snapshot, options, &scope, &groups)?;
    let by_category = options.group_by == GroupBy::Category;
    let mut columns = COLUMNS.to_vec();
    columns.extend(by_category.then_some(CATEGORY_COLUMN));
    rows.columns(&columns)?;
    let mut found = counted.rows(&groups);
    found.retain(|row| row.errors() >= options.min);
    // Largest first; what is equal by its names, so that the order is always the same.
    found.sort_unstable_by(|a, b| {
        (b.errors(), b.messages())
            .cmp(&(a.errors(), a.messages()))
            .then_with(|| groups.names(a.group).cmp(groups.names(b.group)))
    });
    let top = options.top.and_then(|top| usize::try_from(top).ok());
    found.truncate(top.unwrap_or(usize::MAX));
    for row in &found {
        let names = groups.names(row.group);
        let owner = match options.group_by {
            GroupBy::Asset => row.owner,
            _ => names.owner.as_deref(),
        };
        let top_message = match options.group_by {
            GroupBy::Asset => row.top_message,
            _ => names.message.as_deref(),
        };
        let [errors, warnings, information, other] = row.by_category;
        let cells = [
            Cell::text(names.asset.as_deref()),
            Cell::text(names.asset_type.as_deref()),
            Cell::text(owner),
            Cell::count(row.messages()),
            Cell::count(errors),
            Cell::count(warnings),
            Cell::count(information),
            Cell::count(other),
            Cell::count(row.runs),
            Cell::count(row.jobs),
            Cell::ticks(row.first_ticks),
            Cell::ticks(row.last_ticks),
            Cell::text(top_message),
            Cell::text(names.category.as_deref()),
        ];
        rows.row(&cells[..columns.len()])?;
    }
    rows.finish()?;
    Ok(())
}
