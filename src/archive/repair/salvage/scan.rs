//! Reads what can be read of a damaged file, around the places where it is not.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row};

use crate::archive::error::ArchiveError;
use crate::archive::open::ReadConnection;
use crate::archive::paths::{nobody_else_uri, resolve};
use crate::archive::unchanging::Unchanging;
use crate::archive::{limits, open};

/// Rows that are read at a time.
const ROWS: i64 = 200;

/// Opens a damaged file to read, as far as SQLite can be brought to.
///
/// # Errors
/// Its first page, which names the tables, cannot be read: then nothing can be. A name of one of our tables is something
/// else there.
pub(super) fn open_damaged(path: &Path) -> Result<ReadConnection, ArchiveError> {
    // A journal that must be rolled back first: what the file holds meanwhile was never committed.
    let left = |error: &rusqlite::Error| {
        error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_READONLY_ROLLBACK)
    };
    let open = |source: rusqlite::Error| {
        let path = path.to_path_buf();
        let is_left = left(&source);
        let source = source.into();
        if is_left {
            ArchiveError::LeftJournal { path, source }
        } else {
            ArchiveError::Open { path, source }
        }
    };
    let missing = |_| ArchiveError::Missing {
        path: path.to_path_buf(),
    };
    std::fs::metadata(path).map_err(missing)?;
    let file = &resolve(path)?;
    open::refuse_empty(path, file)?;
    open::refuse_other_names(path, file)?;
    let attempt = |uri: bool| -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = if uri {
            let uri = nobody_else_uri(file, "immutable=1")
                .map_err(|_| rusqlite::Error::InvalidPath(file.clone()))?;
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
        } else {
            Connection::open_with_flags(file, flags)?
        };
        // SQLite then reads a file that is shorter than it says, and tables beside a broken line of the schema.
        connection.pragma_update(None, "writable_schema", true)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        limits::apply_to_damaged(&connection)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema WHERE true", [], |row| {
            row.get::<_, i64>(0)
        })?;
        limits::bound(&connection)?;
        Ok(connection)
    };
    let (connection, unchanging) = match attempt(false) {
        Err(error) if open::needs_shared_memory(&error) && !left(&error) => {
            let unchanging = Unchanging::begin(path)?;
            (attempt(true).map_err(open)?, Some(unchanging))
        }
        attempted => (attempted.map_err(open)?, None),
    };
    limits::refuse_foreign_tables(path, &connection)?;
    Ok(ReadConnection {
        connection,
        unchanging,
    })
}

/// What became of a reading.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Places where rows could not be read.
    pub(super) gaps: u64,
}

/// Gives each readable row of `table` to `take`, in order of its key; `columns` begin with the key. Where a page cannot be
/// read it goes on behind it: farther and farther until something can be read again, then back to the first such row.
pub(super) fn scan(
    connection: &Connection,
    table: &str,
    columns: &str,
    key: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<(), ArchiveError>,
) -> Result<Scanned, ArchiveError> {
    let rows = format!("SELECT {columns} FROM {table} WHERE {key} >= ?1 ORDER BY {key} LIMIT {ROWS}");
    let first = format!("SELECT {key} FROM {table} WHERE {key} >= ?1 ORDER BY {key} LIMIT 1");
    let mut scanned = Scanned::default();
    let mut from = i64::MIN;
    loop {
        let (mut last, mut count, mut taken) = (None, 0, Ok(()));
        let read = connection.prepare_cached(&rows).and_then(|mut statement| {
            let mut found = statement.query([from])?;
            while let Some(row) = found.next()? {
                last = Some(row.get::<_, i64>(0)?);
                count += 1;
                taken = take(row);
                if taken.is_err() {
                    break;
                }
            }
            Ok(())
        });
        taken?;
        if let Some(last) = last {
            // On a damaged page keys may be in any order; going back to a smaller one would never end.
            if last < from {
                scanned.gaps += 1;
                return Ok(scanned);
            }
            from = last.saturating_add(1);
        }
        if read.is_ok() {
            if count < ROWS {
                return Ok(scanned);
            }
            continue;
        }
        scanned.gaps += 1;
        let start = from.max(0);
        let readable = |at: i64| {
            connection
                .prepare_cached(&first)
                .and_then(|mut statement| {
                    let mut rows = statement.query([at])?;
                    rows.next()?.map(|row| row.get::<_, i64>(0)).transpose()
                })
                .ok()
        };
        // The first distance at which something can be read, or at which there is nothing more.
        let Some(far) = (0..62)
            .map(|power| 1_i64 << power)
            .find(|step| start.checked_add(*step).is_some_and(|at| readable(at).is_some()))
        else {
            return Ok(scanned);
        };
        let (mut low, mut high) = (start, start + far);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if readable(middle).is_some() {
                high = middle;
            } else {
                low = middle;
            }
        }
        match readable(high).flatten() {
            Some(next) if next > from => from = next,
            _ => return Ok(scanned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_around_a_zeroed_page_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA page_size = 1024; CREATE TABLE t (k INTEGER PRIMARY KEY, v);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                 INSERT INTO t SELECT i, printf('%050d', i) FROM n",
            )
            .unwrap();
        drop(connection);
        let sound = std::fs::read(&path).unwrap();
        for (zeroed, kept) in [
            (20, sound.len()),
            (40, sound.len()),
            (60, sound.len()),
            (0, sound.len() / 2),
        ] {
            let mut bytes = sound[..kept].to_vec();
            if zeroed > 0 {
                bytes[zeroed * 1024..][..1024].fill(0);
            }
            std::fs::write(&path, bytes).unwrap();
            let damaged = open_damaged(&path).unwrap();
            let mut keys = Vec::new();
            let scanned = scan(&damaged.connection, "t", "k, v", "k", |row| {
                keys.push(row.get::<_, i64>(0).unwrap());
                Ok(())
            })
            .unwrap();
            assert!(scanned.gaps > 0, "{zeroed} {kept}");
            assert!(keys.is_sorted() && keys.len() < 2000);
            let least = if zeroed > 0 { 1900 } else { 800 };
            assert!(keys.len() > least, "{zeroed} {kept}: {}", keys.len());
        }
    }
}
