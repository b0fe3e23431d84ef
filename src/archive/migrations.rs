//! The migrations that make the schema.

use std::error::Error;
use std::path::Path;

use rusqlite::Connection;

use super::error::{ArchiveError, opening};
use super::sqlite_error::SqliteError;

mod embedded {
    #![allow(missing_docs, reason = "made by refinery's macro")]
    refinery::embed_migrations!("migrations");
}

/// The newest schema version that this program knows.
#[must_use]
pub fn known_schema_version() -> i64 {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(|m| i64::from(m.version()))
        .max()
        .unwrap_or(0)
}

pub(super) struct Migration {
    /// Its number, which is the version of the schema that it makes.
    pub(super) number: i64,
    /// Its name, without the number.
    pub(super) name: String,
    pub(super) sql: String,
}

/// Every migration, in order.
pub(super) fn migrations() -> Vec<Migration> {
    let mut migrations: Vec<Migration> = embedded::migrations::runner()
        .get_migrations()
        .iter()
        .filter_map(|migration| {
            Some(Migration {
                number: migration.version().into(),
                name: migration.name().to_owned(),
                sql: migration.sql()?.to_owned(),
            })
        })
        .collect();
    migrations.sort_by_key(|migration| migration.number);
    migrations
}

/// An empty database in memory with the schema that this program makes.
pub(super) fn fresh() -> Result<Connection, ArchiveError> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory().map_err(opening(path))?;
    migrate(path, &mut connection)?;
    Ok(connection)
}

/// Brings the schema to the newest version, all or nothing.
pub(super) fn migrate(path: &Path, connection: &mut Connection) -> Result<(), ArchiveError> {
    embedded::migrations::runner()
        // All or nothing: a crash must not leave a migration applied and unrecorded.
        .set_grouped(true)
        .run(connection)
        .map(drop)
        .map_err(|source| ArchiveError::Migrate {
            path: path.to_path_buf(),
            source: match sqlite_cause(&source) {
                Some(cause) => Box::new(SqliteError::from(cause)),
                None => Box::new(source),
            },
        })
}

/// The error of SQLite below one of refinery's.
fn sqlite_cause(error: &refinery::Error) -> Option<rusqlite::Error> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        match cause.downcast_ref() {
            Some(rusqlite::Error::SqliteFailure(error, text)) => {
                return Some(rusqlite::Error::SqliteFailure(*error, text.clone()));
            }
            // Without the migration itself, which is long.
            Some(rusqlite::Error::SqlInputError { error, msg, .. }) => {
                return Some(rusqlite::Error::SqliteFailure(*error, Some(msg.clone())));
            }
            _ => {}
        }
        next = cause.source();
    }
    None
}
