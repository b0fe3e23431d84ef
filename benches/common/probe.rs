//! What SQLite alone takes to store what a first sync stores: every row of an archive, ready in memory, inserted into the same
//! empty tables by a bare loop.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Rows of a transaction, about as many as a first sync takes together.
const TRANSACTION: usize = 150_000;

struct Table {
    insert: String,
    rows: Vec<Vec<Value>>,
}

/// Copies `from` to the new file `to`; wall and CPU seconds from the first insert to the end of the last checkpoint.
pub(crate) fn insert(from: &Path, to: &Path) -> rusqlite::Result<(f64, f64)> {
    let source = Connection::open(from)?;
    let ours = "name NOT LIKE 'sqlite_%' ORDER BY rowid";
    let schema = texts(
        &source,
        &format!("SELECT sql FROM sqlite_schema WHERE type IN ('table', 'index') AND {ours}"),
    )?;
    let tables = texts(
        &source,
        &format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND {ours}"),
    )?
    .iter()
    .map(|table| read(&source, table))
    .collect::<rusqlite::Result<Vec<_>>>()?;

    let mut target = Connection::open(to)?;
    target.execute_batch(
        "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
         PRAGMA cache_size = -49152; PRAGMA wal_autocheckpoint = 12288;",
    )?;
    target.execute_batch(&schema.join(";"))?;
    let (begun, used) = (Instant::now(), cpu());
    for table in &tables {
        for rows in table.rows.chunks(TRANSACTION) {
            let transaction = target.transaction()?;
            {
                let mut insert = transaction.prepare(&table.insert)?;
                for row in rows {
                    insert.execute(params_from_iter(row))?;
                }
            }
            transaction.commit()?;
        }
    }
    target.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok((begun.elapsed().as_secs_f64(), cpu() - used))
}

/// CPU seconds of this thread, the only one.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(f64::NAN);
    nanoseconds / 1e9
}

/// The rows of a table, without generated columns.
fn read(source: &Connection, table: &str) -> rusqlite::Result<Table> {
    let columns: Vec<String> = texts(
        source,
        &format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0"),
    )?;
    let names = columns.join(", ");
    let places = ", ?".repeat(columns.len() - 1);
    let rows = source
        .prepare(&format!("SELECT {names} FROM {table}"))?
        .query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect())?
        .collect::<Result<_, _>>()?;
    Ok(Table {
        insert: format!("INSERT OR ROLLBACK INTO {table} ({names}) VALUES (?{places})"),
        rows,
    })
}

fn texts(source: &Connection, sql: &str) -> rusqlite::Result<Vec<String>> {
    source.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}
