//! A connection to a file of unknown origin: bounded before anything is read.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::limits;

/// How long a statement waits for another process's short write before it gives up.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn open_and_read(file: impl AsRef<Path>, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    limits::apply(&connection)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema WHERE true", [], |row| {
        row.get::<_, i64>(0)
    })?;
    limits::bound(&connection)?;
    Ok(connection)
}

/// The version of the SQLite that is built in.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
