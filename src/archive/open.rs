//! Opening the archive: to write (made and migrated where need be), or to read (never changed).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{ArchiveError, io_error};
use super::ledger::{self, Entry};
use crate::model::{Guid, Instant};

mod embedded {
    #![allow(missing_docs, reason = "made by refinery's macro")]
    refinery::embed_migrations!("migrations");
}

/// Size of a page: payloads of about 1 KiB leave less of a page of 8 KiB unused than of one of 4 KiB: 4 % of the file, measured.
pub(super) const PAGE_BYTES: usize = 8192;

/// `application_id` of every archive: "JRUN" in ASCII.
pub const APPLICATION_ID: i32 = 0x4A52_554E;

/// How long a statement waits for another process's short write before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a file turned out to be.
enum Identity {
    /// No bytes, a database without anything in it, or one whose first migration did not come to its end.
    Fresh,
    /// An archive with this schema version.
    Archive(i64),
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

/// The SQL of every migration, in order.
pub(super) fn migrations() -> Vec<String> {
    embedded::migrations::runner()
        .get_migrations()
        .iter()
        .filter_map(|migration| migration.sql().map(str::to_owned))
        .collect()
}

/// An empty database in memory with the schema that this program makes.
pub(super) fn fresh() -> Result<Connection, ArchiveError> {
    let path = Path::new(":memory:");
    let mut connection = Connection::open_in_memory().map_err(opening(path))?;
    migrate(path, &mut connection)?;
    Ok(connection)
}

/// Opens the archive to write, after making or upgrading it.
///
/// A file that is no archive, or one of a newer program, is refused and left untouched.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, ArchiveError> {
    let fresh = match look(path)? {
        None => {
            make_private(path)?;
            true
        }
        Some(connection) => match identify(path, &connection)? {
            Identity::Fresh => true,
            Identity::Archive(_) => false,
        },
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(opening(path))?;
    prepare_to_write(&connection).map_err(opening(path))?;
    if fresh {
        connection
            .pragma_update(None, "page_size", PAGE_BYTES)
            .map_err(opening(path))?;
        // In rollback mode still: whatever happens from here on, the file either is empty or names itself.
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(opening(path))?;
    }
    migrate(path, &mut connection)?;
    // Readers never wait for the writer, nor the writer for readers. The mode is kept in the file.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(opening(path))?;
    begin_ledger(&mut connection)?;
    Ok(connection)
}

/// Opens the archive to read; it is neither made nor upgraded, and works on a read-only file or folder.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, ArchiveError> {
    let connection = look(path)?.ok_or_else(|| ArchiveError::Missing {
        path: path.to_path_buf(),
    })?;
    let known = known_schema_version();
    match identify(path, &connection)? {
        Identity::Fresh => Err(ArchiveError::Empty {
            path: path.to_path_buf(),
        }),
        Identity::Archive(found) if found < known => Err(ArchiveError::Older {
            path: path.to_path_buf(),
            found,
            known,
        }),
        Identity::Archive(_) => Ok(connection),
    }
}

/// Refuses a file that is no archive, or one of a newer program; a file that is not there yet is fine.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), ArchiveError> {
    match look(path)? {
        Some(connection) => identify(path, &connection).map(drop),
        None => Ok(()),
    }
}

/// A read-only connection; `None` where there is no file.
fn look(path: &Path) -> Result<Option<Connection>, ArchiveError> {
    match fs::metadata(path) {
        Ok(data) if data.is_dir() => {
            return Err(ArchiveError::Directory {
                path: path.to_path_buf(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("look at", path)(error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(opening(path))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(opening(path))?;
    match connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    }) {
        Ok(_) => Ok(Some(connection)),
        Err(error) if needs_shared_memory(&error) => look_at_unchanging(path).map(Some),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            Err(ArchiveError::NotAnArchive {
                path: path.to_path_buf(),
                what: "not an SQLite database".to_owned(),
            })
        }
        Err(error) => Err(opening(path)(error)),
    }
}

/// In write-ahead mode even a reader needs a shared-memory file, which a read-only folder does not let it make.
fn needs_shared_memory(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            rusqlite::ErrorCode::CannotOpen
                | rusqlite::ErrorCode::ReadOnly
                | rusqlite::ErrorCode::PermissionDenied
        )
    )
}

/// Opens a file that nobody can be writing: allowed only where no write-ahead log with content lies beside it.
fn look_at_unchanging(path: &Path) -> Result<Connection, ArchiveError> {
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|data| data.len() > 0) {
        return Err(ArchiveError::UnreadableLog {
            path: path.to_path_buf(),
        });
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let uri = nobody_else_uri(path, "immutable=1")?;
    let connection = Connection::open_with_flags(uri, flags).map_err(opening(path))?;
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(opening(path))?;
    Ok(connection)
}

/// Opens a whole archive that nobody writes, without any lock.
pub(super) fn open_unchanging(path: &Path) -> Result<Connection, ArchiveError> {
    let connection = look_at_unchanging(path)?;
    identify(path, &connection).map(|_| connection)
}

/// `file:` URI of the absolute path, as SQLite reads it on Unix and Windows, with an option for a file that no other
/// process writes.
pub(super) fn nobody_else_uri(path: &Path, option: &str) -> Result<String, ArchiveError> {
    let absolute = std::path::absolute(path).map_err(io_error("find", path))?;
    // Byte by byte, so that on Unix a name that is no UTF-8 is the same one.
    let bytes = absolute.as_os_str().as_encoded_bytes();
    let mut uri = "file://".to_owned();
    if !bytes.starts_with(b"/") && !bytes.starts_with(b"\\") {
        uri.push('/');
    }
    for &byte in bytes {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'/' | b':' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(byte.into())
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    Ok(format!("{uri}?{option}"))
}

/// Says whether the database is empty or an archive, and refuses everything else.
fn identify(path: &Path, connection: &Connection) -> Result<Identity, ArchiveError> {
    let application_id: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(opening(path))?;
    let objects: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(opening(path))?;
    if objects == 0 && matches!(application_id, 0 | APPLICATION_ID) {
        return Ok(Identity::Fresh);
    }
    if application_id != APPLICATION_ID {
        return Err(ArchiveError::NotAnArchive {
            path: path.to_path_buf(),
            what: "an SQLite database of another program".to_owned(),
        });
    }
    let found: i64 = connection
        .query_row(
            "SELECT coalesce(max(version), 0) FROM refinery_schema_history",
            [],
            |row| row.get(0),
        )
        .map_err(opening(path))?;
    let known = known_schema_version();
    if found > known {
        return Err(ArchiveError::Newer {
            path: path.to_path_buf(),
            found,
            known,
        });
    }
    let ours: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> 'refinery_schema_history'",
            [],
            |row| row.get(0),
        )
        .map_err(opening(path))?;
    // The disk was full, say, after the history of migrations was made and before the first one.
    Ok(if found == 0 && ours == 0 {
        Identity::Fresh
    } else {
        Identity::Archive(found)
    })
}

/// Settings of the writing connection, each with its reason.
fn prepare_to_write(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A commit that was reported is on the disk, even when the power fails.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Declared, and checked by `verify`: checking each message's keys doubles the time of an insert.
    connection.pragma_update(None, "foreign_keys", false)?;
    // Views and generated columns of ours use nothing but SQLite's own harmless functions.
    connection.pragma_update(None, "trusted_schema", false)?;
    // 8 MiB of pages, so that memory stays small and known.
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    // Pages are taken over from the log in large pieces: a page written often is then taken over once.
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Pages of the write-ahead log after which a commit takes them over: 32 MiB.
const WAL_PAGES: i64 = 4096;

fn migrate(path: &Path, connection: &mut Connection) -> Result<(), ArchiveError> {
    embedded::migrations::runner()
        // All or nothing: a crash must not leave a migration applied and unrecorded.
        .set_grouped(true)
        .run(connection)
        .map(drop)
        .map_err(|source| ArchiveError::Migrate {
            path: path.to_path_buf(),
            source: Box::new(source),
        })
}

/// The first entry names the archive, so that the head of another one never fits.
fn begin_ledger(connection: &mut Connection) -> Result<(), ArchiveError> {
    use super::error::Doing;
    let doing = "begin the ledger";
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .doing("begin to write")?;
    let mut head = ledger::read_head(&transaction)?;
    if head.entry_id == 0 {
        let id = Guid::from_bytes(*uuid::Uuid::new_v4().as_bytes());
        let made = Instant::now();
        transaction
            .execute(
                "INSERT INTO _archive (only, archive_id, made_unix) VALUES (1, ?1, ?2)",
                (id.to_string(), made.unix_seconds()),
            )
            .doing(doing)?;
        ledger::append(
            &transaction,
            &mut head,
            &Entry::new("archive").with("id", id).with("at", made),
        )?;
    }
    transaction.commit().doing(doing)
}

/// Makes an empty file that only its owner can read, as SQLite's companions (`-wal`, `-shm`) then are too.
fn make_private(path: &Path) -> Result<(), ArchiveError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        // Another process was quicker; whoever it was, the file is there.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io_error("make the archive", path)(error)),
    }
}

/// The path with `suffix` behind its file name, as SQLite names its companions.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn opening(path: &Path) -> impl Fn(rusqlite::Error) -> ArchiveError {
    move |source| {
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
            let what = "not an SQLite database".to_owned();
            return ArchiveError::NotAnArchive {
                path: path.to_path_buf(),
                what,
            };
        }
        ArchiveError::Open {
            path: path.to_path_buf(),
            source,
        }
    }
}
