//! Several connections that see one state of the archive.

use rusqlite::Connection;

use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing};
use crate::archive::read_only::ReadOnly;

/// How often several connections are tried to be brought to one state, while a sync commits between them.
const TRIES: usize = 20;

/// KiB of pages that a connection keeps: runs are read once, in order.
const CACHE_KIB: i64 = 2048;

/// Up to `wanted` connections, each in a read transaction on the same state; one at least.
///
/// SQLite tells a connection by `data_version` whether another one committed since it last asked. Where it did not
/// between two questions, all that began to read between them see the same.
pub(super) fn take(reader: &ReadOnly, wanted: usize) -> Result<Vec<Connection>, ArchiveError> {
    let doing = "begin to verify";
    let mut connections = Vec::new();
    for _ in 0..wanted.max(1) {
        let connection = reader.another_connection()?;
        connection
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .doing(doing)?;
        connection.set_prepared_statement_cache_capacity(32);
        connections.push(connection);
    }
    for _ in 0..TRIES {
        let before = data_version(reader)?;
        for connection in &connections {
            connection.execute_batch("BEGIN").doing(doing)?;
            connection.one("SELECT count(*) FROM sqlite_schema", [], doing, |row| {
                row.get::<_, i64>(0)
            })?;
        }
        if data_version(reader)? == before {
            return Ok(connections);
        }
        for connection in &connections {
            connection.execute_batch("ROLLBACK").doing(doing)?;
        }
    }
    connections.truncate(1);
    connections[0].execute_batch("BEGIN").doing(doing)?;
    Ok(connections)
}

fn data_version(reader: &ReadOnly) -> Result<i64, ArchiveError> {
    reader
        .connection()
        .pragma_query_value(None, "data_version", |row| row.get(0))
        .doing("begin to verify")
}
