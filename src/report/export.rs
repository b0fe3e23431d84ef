//! The tables for analysts as they are, for other engines.

use serde::Serialize;

use super::error::ReportError;
use super::query;
use super::table::{Column, ColumnType, Rows};
use crate::archive::{DocumentedColumn, DocumentedTable, NAMES_FOR_ANALYSTS, Snapshot, documented_tables};

/// Writes every row and column of one of [`NAMES_FOR_ANALYSTS`], in the archive's own order; values are those that SQLite
/// gives, so a point in time is text.
///
/// # Errors
/// SQL errors; those of `rows`.
///
/// # Panics
/// For another name.
pub fn write(snapshot: &Snapshot<'_>, table: &str, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let table = documented(table);
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let sql = format!("SELECT {} FROM {}", names.join(", "), table.name);
    let columns: Vec<Column> = table.columns.iter().map(typed).collect();
    snapshot.query(&sql, &[], |_, answer| {
        rows.columns(&columns)?;
        query::write_rows(answer, None, rows)?;
        Ok(())
    })
}

/// What is exported, as its manifest has it.
#[derive(Debug, Clone, Serialize)]
pub struct ExportOptions<'a> {
    /// Name of the table.
    pub table: &'a str,
}

fn documented(name: &str) -> DocumentedTable {
    debug_assert!(NAMES_FOR_ANALYSTS.contains(&name), "{name}");
    documented_tables()
        .into_iter()
        .find(|table| table.name == name)
        .expect("the migrations make each name for analysts")
}

/// A column's type, by the unit that its documentation names.
fn typed(column: &DocumentedColumn) -> Column {
    let kind = match column.unit.as_str() {
        "0 or 1" | "code" | "count" | "number" => ColumnType::Integer,
        "seconds" => ColumnType::Decimal,
        "bytes" => ColumnType::Bytes,
        "UTC time" => ColumnType::Instant,
        _ => ColumnType::Text,
    };
    Column {
        name: column.name.clone().into(),
        kind,
    }
}
