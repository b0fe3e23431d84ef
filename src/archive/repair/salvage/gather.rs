//! Gathers the rows of a file that SQLite does not find its way through into one that it does.
//!
//! First what SQLite still reads, which knows the write-ahead log and what was deleted; then, of rows that are not there yet,
//! those that the pages hold. The rest of salvage reads what was gathered as if it were the damaged file, and proves it.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::pages::{FoundRow, Tree, rows_in_pages};
use super::scan::{open_damaged, scan};
use crate::archive::atomic_file::{Access, AtomicFile};
use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing, io_error};
use crate::archive::migrations::fresh;
use crate::archive::open;
use crate::archive::unchanging::Unchanging;

/// Tables that salvage reads, and by which column they are read in order; `None`: they have no rowid.
const TABLES: [(&str, Option<&str>); 14] = [
    ("ledger", Some("entry_id")),
    ("_reason", None),
    ("_actor", None),
    ("_zone_rules", None),
    ("_server", Some("server_key")),
    ("_job", Some("job_key")),
    ("_sync_job", None),
    ("_sync_job_unchanged", None),
    ("_run", Some("run_key")),
    ("dictionary", Some("dictionary_key")),
    ("_revision", Some("entry_id")),
    ("payload", Some("entry_id")),
    ("_quarantined", Some("quarantine_id")),
    ("_backup", None),
];

/// A damaged archive as it can be read.
pub(super) struct DamagedArchive {
    pub(super) connection: Connection,
    /// Where it is read without SQLite's locks.
    pub(super) unchanging: Option<Unchanging>,
    /// SQLite read the ledger to its end.
    pub(super) ends: bool,
    /// Where rows were gathered; removed when it is dropped.
    _scratch: Option<AtomicFile>,
}

/// Opens a damaged file; where its pages are not in order, its rows are gathered into a file beside `new` first.
///
/// # Errors
/// It cannot be read; the disk is full.
pub(super) fn open(damaged: &Path, new: &Path) -> Result<DamagedArchive, ArchiveError> {
    let opened = open_damaged(damaged);
    match opened {
        Err(error) if !error.is_damage() => Err(error),
        Ok(found) if is_in_order(&found.connection) => Ok(DamagedArchive {
            connection: found.connection,
            unchanging: found.unchanging,
            ends: true,
            _scratch: None,
        }),
        Ok(found) => {
            let old = gather(Some(&found.connection), damaged, new)?;
            Ok(DamagedArchive {
                unchanging: found.unchanging,
                ..old
            })
        }
        Err(_) => gather(None, damaged, new),
    }
}

fn is_in_order(connection: &Connection) -> bool {
    connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .is_ok_and(|word| word == "ok")
}

/// A table to gather rows into.
struct TargetTable {
    name: &'static str,
    key: Option<&'static str>,
    columns: Vec<String>,
    /// For each column, the type of its values, and whether one may be missing.
    kinds: Vec<(String, bool)>,
    insert: String,
}

fn gather(old: Option<&Connection>, damaged: &Path, new: &Path) -> Result<DamagedArchive, ArchiveError> {
    let scratch = AtomicFile::scratch(new, Access::Private).map_err(io_error("make a file beside", new))?;
    scratch.release_on_network_drive();
    let doing = "gather what can be read";
    let connection = Connection::open(scratch.path()).doing(doing)?;
    // Nobody needs it after a crash.
    connection
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN",
        )
        .doing(doing)?;
    let fresh = fresh()?;
    let targets: Vec<TargetTable> = TABLES
        .iter()
        .map(|&(name, key)| target(&fresh, &connection, name, key))
        .collect::<Result<_, _>>()?;
    let mut ends = false;
    for target in &targets {
        let whole = old.is_some_and(|old| copy(old, &connection, target).is_ok_and(|gaps| gaps == 0));
        ends |= whole && target.name == "ledger";
    }
    rows_in_pages(damaged, open::PAGE_BYTES, |found| {
        for target in &targets {
            if target.fits(found) {
                target.put(&connection, found)?;
            }
        }
        Ok::<_, GatherError>(())
    })
    .map_err(|failure| match failure {
        GatherError::Io(error) => io_error("read", damaged)(error),
        GatherError::Archive(error) => error,
    })?;
    connection.execute_batch("COMMIT").doing(doing)?;
    Ok(DamagedArchive {
        connection,
        unchanging: None,
        ends,
        _scratch: Some(scratch),
    })
}

enum GatherError {
    Io(std::io::Error),
    Archive(ArchiveError),
}

impl From<std::io::Error> for GatherError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Makes the table as the migrations do, whose types and checks keep out what cannot be a row of it.
fn target(
    fresh: &Connection,
    connection: &Connection,
    name: &'static str,
    key: Option<&'static str>,
) -> Result<TargetTable, ArchiveError> {
    let doing = "gather what can be read";
    let sql: String = fresh.one(
        "SELECT sql FROM sqlite_schema WHERE name = ?1",
        [name],
        doing,
        |row| row.get(0),
    )?;
    connection.execute_batch(&sql).doing(doing)?;
    let (mut columns, mut kinds) = (Vec::new(), Vec::new());
    fresh.each(
        "SELECT name, type, \"notnull\" FROM pragma_table_info(?1) ORDER BY cid",
        [name],
        doing,
        |row| {
            columns.push(row.get(0)?);
            let needed: bool = row.get(2)?;
            kinds.push((row.get(1)?, !needed));
            Ok(())
        },
    )?;
    let marks = vec!["?"; columns.len()].join(", ");
    let insert = format!(
        "INSERT OR IGNORE INTO {name} ({}) VALUES ({marks})",
        columns.join(", ")
    );
    Ok(TargetTable {
        name,
        key,
        columns,
        kinds,
        insert,
    })
}

/// Copies what SQLite reads of a table; says at how many places it could not.
fn copy(old: &Connection, new: &Connection, target: &TargetTable) -> Result<u64, ArchiveError> {
    let columns = target.columns.join(", ");
    let take = |row: &rusqlite::Row<'_>| {
        let values: Result<Vec<Value>, _> = (0..target.columns.len()).map(|index| row.get(index)).collect();
        values.map_or(Ok(()), |values| insert(new, target, values))
    };
    if let Some(key) = target.key {
        return Ok(scan(old, target.name, &columns, key, take)?.gaps);
    }
    old.each(
        &format!("SELECT {columns} FROM {}", target.name),
        [],
        "read a table",
        |row| Ok(take(row)?),
    )?;
    Ok(0)
}

/// A row that the table does not take, or has, is left out; what keeps from writing at all is an error.
fn insert(new: &Connection, target: &TargetTable, values: Vec<Value>) -> Result<(), ArchiveError> {
    let put = new
        .prepare_cached(&target.insert)
        .and_then(|mut statement| statement.execute(params_from_iter(values)));
    match put {
        Err(error) if error.sqlite_error_code() != Some(rusqlite::ErrorCode::ConstraintViolation) => {
            Err(error).doing("gather what can be read")
        }
        _ => Ok(()),
    }
}

impl TargetTable {
    /// Whether a row has the shape of this table's.
    fn fits(&self, found: &FoundRow) -> bool {
        let tree = if self.key.is_some() {
            Tree::Rowid
        } else {
            Tree::Keyed
        };
        let fits = |(value, (kind, may_miss)): (&Value, &(String, bool))| match value {
            Value::Null => *may_miss,
            Value::Integer(_) => kind == "INTEGER",
            Value::Text(_) => kind == "TEXT",
            Value::Blob(_) => kind == "BLOB",
            Value::Real(_) => false,
        };
        let values = found.values.iter();
        let skipped = usize::from(self.key.is_some());
        found.tree == tree
            && found.values.len() == self.kinds.len()
            && (self.key.is_none() || found.values[0] == Value::Null)
            && values.zip(&self.kinds).skip(skipped).all(fits)
            // Details of messages have the shape of servers.
            && (self.name != "_server" || matches!(&found.values[1], Value::Text(url) if url.starts_with("http")))
    }

    fn put(&self, new: &Connection, found: &FoundRow) -> Result<(), GatherError> {
        let mut values = found.values.clone();
        if self.key.is_some() {
            values[0] = Value::Integer(found.rowid);
        }
        insert(new, self, values).map_err(GatherError::Archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_of_messages_are_not_taken_for_servers_nor_index_entries_for_results() {
        let fresh = fresh().unwrap();
        let scratch = Connection::open_in_memory().unwrap();
        let target = |name, key| target(&fresh, &scratch, name, key).unwrap();
        let (server, results) = (
            target("_server", Some("server_key")),
            target("_sync_job_unchanged", None),
        );
        let found = |tree, values: Vec<Value>| FoundRow {
            tree,
            rowid: 3,
            values,
        };
        let text = |text: &str| found(Tree::Rowid, vec![Value::Null, Value::Text(text.to_owned())]);
        assert!(server.fits(&text("https://ccs.example.com")));
        assert!(!server.fits(&text("Access is denied.")));
        let numbers = |tree, count| found(tree, vec![Value::Integer(1); count]);
        assert!(results.fits(&numbers(Tree::Keyed, 7)));
        assert!(!results.fits(&numbers(Tree::Keyed, 3)));
        assert!(!results.fits(&numbers(Tree::Rowid, 7)));
        // What is there already stays.
        server.put(&scratch, &text("https://first")).ok().unwrap();
        server.put(&scratch, &text("https://second")).ok().unwrap();
        let kept: String = scratch
            .query_row("SELECT url FROM _server WHERE server_key = 3", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(kept, "https://first");
    }
}
