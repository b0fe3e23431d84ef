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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::db::Db;

    #[test]
    fn threads_share_no_mutex_of_sqlite() {
        let connection = Connection::open_in_memory().unwrap();
        let options: Vec<String> = connection
            .all("PRAGMA compile_options", [], "read", |row| row.get(0))
            .unwrap();
        assert!(options.contains(&"DEFAULT_MEMSTATUS=0".to_owned()), "{options:?}");
        assert!(
            !options.contains(&"ENABLE_MEMORY_MANAGEMENT".to_owned()),
            "{options:?}"
        );
    }
}
