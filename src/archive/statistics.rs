//! The statistics by which SQLite's planner chooses how to answer: fixed ones, so that each archive has the same plans.
//!
//! `ANALYZE` and `PRAGMA optimize` of another tool write theirs in the same place, which changes nothing but the time that
//! a query takes. So it is not a finding of `verify`, and whoever opens the archive to write puts ours back.

use std::collections::{BTreeSet, HashSet};
use std::sync::OnceLock;

use rusqlite::{Connection, Row, params};

use super::db::Db;
use super::error::ArchiveError;
use super::migrations::fresh;

/// Table, index (none: of the table itself), numbers.
type Statistic = (String, Option<String>, String);

/// What this program ships, and the names of the tables and indexes that it makes.
struct Shipped {
    statistics: BTreeSet<Statistic>,
    objects: HashSet<String>,
}

fn shipped() -> Result<&'static Shipped, ArchiveError> {
    static SHIPPED: OnceLock<Shipped> = OnceLock::new();
    if let Some(shipped) = SHIPPED.get() {
        return Ok(shipped);
    }
    let fresh = fresh()?;
    let made = Shipped {
        statistics: stored(&fresh)?,
        objects: fresh.all("SELECT name FROM sqlite_schema", [], DOING, |row| row.get(0))?,
    };
    Ok(SHIPPED.get_or_init(|| made))
}

const DOING: &str = "look at the statistics of SQLite's planner";

fn stored(connection: &Connection) -> Result<BTreeSet<Statistic>, ArchiveError> {
    let text = |row: &Row<'_>, column: usize| {
        let bytes = row.get_ref(column)?.as_bytes_or_null()?;
        Ok::<_, rusqlite::Error>(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    };
    connection.all(
        "SELECT CAST(tbl AS BLOB), CAST(idx AS BLOB), CAST(stat AS BLOB) FROM sqlite_stat1",
        [],
        DOING,
        |row| {
            let [table, index, numbers] = [text(row, 0)?, text(row, 1)?, text(row, 2)?];
            Ok((table.unwrap_or_default(), index, numbers.unwrap_or_default()))
        },
    )
}

fn tables(connection: &Connection) -> Result<Vec<String>, ArchiveError> {
    connection.all(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('sqlite_stat1', 'sqlite_stat3', 'sqlite_stat4')",
        [],
        DOING,
        |row| row.get(0),
    )
}

impl Shipped {
    /// Whether it is about a table or index of ours.
    fn is_ours(&self, (table, index, _): &Statistic) -> bool {
        self.objects.contains(table) && index.as_ref().is_none_or(|index| self.objects.contains(index))
    }

    fn is_in(&self, connection: &Connection) -> Result<bool, ArchiveError> {
        if tables(connection)? != ["sqlite_stat1"] {
            return Ok(false);
        }
        let mut found = stored(connection)?;
        found.retain(|statistic| self.is_ours(statistic));
        Ok(found == self.statistics)
    }
}

/// Whether the planner goes by the statistics that this program ships.
pub(super) fn are_ours(connection: &Connection) -> Result<bool, ArchiveError> {
    shipped()?.is_in(connection)
}

/// Puts ours back where somebody's are in their place; those about an analyst's own tables and indexes stay. Connections
/// that are open already go by what they have read.
pub(super) fn restore(connection: &Connection) -> Result<(), ArchiveError> {
    let shipped = shipped()?;
    if shipped.is_in(connection)? {
        return Ok(());
    }
    let doing = "restore the statistics of SQLite's planner";
    let mut kept = BTreeSet::new();
    for table in tables(connection)? {
        if table == "sqlite_stat1" {
            kept = stored(connection)?;
        }
        connection.run(&format!("DROP TABLE {table}"), [], doing)?;
    }
    kept.retain(|statistic| !shipped.is_ours(statistic));
    // Nothing else makes the table.
    connection.run("ANALYZE job_statuses", [], doing)?;
    connection.run("DROP TABLE IF EXISTS sqlite_stat4", [], doing)?;
    connection.run("DELETE FROM sqlite_stat1", [], doing)?;
    for (table, index, numbers) in kept.union(&shipped.statistics) {
        connection.run(
            "INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?1, ?2, ?3)",
            params![table, index, numbers],
            doing,
        )?;
    }
    Ok(())
}
