//! Clears what removed rows leave in the file: free pages, free room within pages, the write-ahead log.
//!
//! `secure_delete` writes zeros over each row that goes, but what was moved or freed earlier (by a reindex, an update) lies in
//! free room still. `VACUUM` writes every row that is left into new pages. It was preferred to a new file that takes the
//! archive's name: whoever has the archive open (`jobs add`, a reader on Windows) would go on in the old one, or keep it from
//! being renamed. VACUUM is a transaction like any other: killed, it is as if it had not begun, and the row of `_clearing`
//! says that it is still to be done.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing};
use crate::model::Sha256;

const DOING: &str = "clear the removed bytes";

/// The setting of SQLite that says where its temporary files are made.
const TEMPORARY_FOLDER: &str = "temp_store_directory";

/// The plan of a removal whose bytes are still to be cleared.
pub(super) fn due(connection: &Connection) -> Result<Option<Sha256>, ArchiveError> {
    connection.optional("SELECT plan FROM _clearing", [], DOING, |row| row.get(0))
}

/// Notes, within the transaction of a removal, that its bytes are to be cleared.
pub(super) fn note(connection: &Connection, plan: &Sha256, at: i64) -> Result<(), ArchiveError> {
    connection
        .run(
            "INSERT OR REPLACE INTO _clearing (plan, since_unix) VALUES (?1, ?2)",
            params![plan, at],
            DOING,
        )
        .map(drop)
}

/// Writes what is left into new pages and empties the log.
///
/// # Errors
/// Disk full; [`ArchiveError::Busy`] while another program reads an earlier state. The row stays, and it can be done again.
pub(super) fn clear(connection: &Connection, path: &Path) -> Result<(), ArchiveError> {
    put_scratch_beside(connection, path);
    let vacuumed = connection.execute_batch("VACUUM").doing(DOING);
    // The setting applies to the whole process, and this folder may be deleted.
    drop(connection.pragma_update(None, TEMPORARY_FOLDER, ""));
    vacuumed?;
    empty_log(connection)?;
    connection.run("DELETE FROM _clearing", [], DOING)?;
    empty_log(connection)
}

/// Has SQLite make the temporary file of VACUUM beside the archive: it has what is left of the archive, so it needs as much room,
/// and should lie under the same rights. Where SQLite was built without this, it takes the system's folder.
fn put_scratch_beside(connection: &Connection, path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.and_then(Path::to_str) {
        drop(connection.pragma_update(None, TEMPORARY_FOLDER, folder));
    }
}

fn empty_log(connection: &Connection) -> Result<(), ArchiveError> {
    let is_busy: bool = connection.one("PRAGMA wal_checkpoint(TRUNCATE)", [], DOING, |row| row.get(0))?;
    if is_busy {
        return Err(ArchiveError::Busy { doing: DOING });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_files_of_others_do_not_lie_beside_an_archive_that_was_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE _clearing (plan)").unwrap();
        clear(&connection, &path).unwrap();
        let left = connection.query_row("PRAGMA temp_store_directory", [], |row| row.get::<_, String>(0));
        assert_eq!(left, Err(rusqlite::Error::QueryReturnedNoRows));
    }
}
