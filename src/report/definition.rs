//! What a report is: options, and typed rows that say their columns once.

use serde::Serialize;
use serde_json::{Map, Value};

use super::error::Result;
use super::options::{CommonOptions, Scope};
use super::table::{Cell, Column};
use crate::archive::Snapshot;
use crate::model::Instant;

/// A report: its fields are its options, which are also its flags (`clap`) and what the manifest says (`serde`).
pub(crate) trait Report: Serialize + Default + 'static {
    /// Its name on the command line.
    const NAME: &'static str;

    /// What it says if there are no rows.
    const EMPTY: &'static str;

    /// Whether it has options that must be given, so that `all` leaves it out.
    const NEEDS_OPTIONS: bool = false;

    /// Whether workbook and page say how complete the jobs are known to be; manifests do in any case.
    const SHOWS_COMPLETENESS: bool = false;

    type Row<'a>: Row;

    /// The columns of its rows; more than one list only where the options decide it.
    fn columns(&self) -> &'static [Column] {
        <Self::Row<'static> as Row>::COLUMNS
    }

    /// Resolves what depends on the common options and on the time; for most reports nothing does.
    fn resolve(&mut self, _common: &mut CommonOptions, _now: Instant) -> Result {
        Ok(())
    }

    /// Yields the rows, in their fixed order.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result;

    /// Says that there is no row; more than [`EMPTY`](Self::EMPTY) only where there is a reason to name.
    fn empty(&self, _snapshot: &Snapshot<'_>, _scope: &Scope) -> Result<String> {
        Ok(Self::EMPTY.to_owned())
    }

    /// What its rows rest on, in sentences; for most reports there is nothing to say.
    fn notes(&self, _snapshot: &Snapshot<'_>, _scope: &Scope) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// What manifest, workbook and page say beside the options; for most reports nothing.
    fn facts(&self, _snapshot: &Snapshot<'_>, _scope: &Scope) -> Result<Map<String, Value>> {
        Ok(Map::new())
    }
}

/// Takes the rows of a report, one at a time.
pub(crate) type EachRow<'f, R> = &'f mut dyn FnMut(&<R as Report>::Row<'_>) -> Result;

/// A row of a report; see [`row!`](row) for how one is declared.
pub(crate) trait Row {
    /// The columns, in their order.
    const COLUMNS: &'static [Column];

    /// Shows the cells, one for each column.
    fn cells<T>(&self, see: impl FnOnce(&[Cell<'_>]) -> T) -> T;
}

/// One of two kinds of rows: of a report whose options decide which it has.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Either<A, B> {
    /// A row as the report has it without that option.
    Standard(A),
    /// A row as the report has it with that option.
    Alternative(B),
}

impl<A: Row, B: Row> Row for Either<A, B> {
    // Reports with such rows override `columns`, which asks the options.
    const COLUMNS: &'static [Column] = A::COLUMNS;

    fn cells<T>(&self, see: impl FnOnce(&[Cell<'_>]) -> T) -> T {
        match self {
            Self::Standard(row) => row.cells(see),
            Self::Alternative(row) => row.cells(see),
        }
    }
}

/// Declares a row: a struct whose fields are the columns, each with its type and the type of its column.
///
/// ```text
/// row! {
///     /// A job.
///     JobRow<'a> {
///         job_id: &'a str as Text,
///         runs: u64 as Integer,
///     }
/// }
/// ```
macro_rules! row {
    ($(#[$about:meta])* $name:ident $(<$life:lifetime>)? {
        $($(#[$about_field:meta])* $field:ident: $type:ty as $column:ident,)*
    }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $name $(<$life>)? {
            $($(#[$about_field])* pub(crate) $field: $type,)*
        }

        impl $(<$life>)? $crate::report::definition::Row for $name $(<$life>)? {
            const COLUMNS: &'static [$crate::report::Column] = &[
                $($crate::report::Column::new(
                    stringify!($field),
                    $crate::report::ColumnType::$column,
                ),)*
            ];

            fn cells<T>(&self, see: impl FnOnce(&[$crate::report::Cell<'_>]) -> T) -> T {
                see(&[$($crate::report::Cell::from(self.$field),)*])
            }
        }
    };
}
pub(crate) use row;
