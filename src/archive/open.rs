//! Opening the archive: to write (made and migrated where need be), or to read (never changed).

use std::fs;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::atomic_file::{Access, AtomicFile, remove_leftovers};
use super::connection::{BUSY_TIMEOUT, open_and_read};
use super::error::{ArchiveError, io_error, opening};
use super::identity;
use super::ledger::{self, entry::LedgerEntry};
use super::limits;
use super::migrations::{known_schema_version, migrate};
use super::paths::{beside, has_content, resolve};
use super::statistics;
use super::unchanging::{self, Unchanging};
use crate::model::{Guid, Instant};

/// Size of a page: payloads of about 1 KiB leave less of a page of 8 KiB unused than of one of 4 KiB: 4 % of the file, measured.
pub(super) const PAGE_BYTES: usize = 8192;

/// `application_id` of every archive: "JRUN" in ASCII.
pub const APPLICATION_ID: i32 = 0x4A52_554E;

/// What a file turned out to be.
enum Identity {
    /// No bytes, a database without anything in it, or one whose first migration did not come to its end.
    Fresh,
    /// An archive with this schema version.
    Archive(i64),
}

/// Whether there is no archive at `path` yet that could be opened to write: no file, or one without bytes.
///
/// # Errors
/// A directory or a device; a path that cannot be looked at.
pub fn is_to_be_made(path: &Path) -> Result<bool, ArchiveError> {
    Ok(state(path, &resolve(path)?)? != FileContent::Filled)
}

/// What is done where there is no archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMissing {
    Create,
    Fail,
}

/// An archive that is open to write.
pub(super) struct OpenToWrite {
    pub(super) connection: Connection,
    /// Whether it was created just now.
    pub(super) created: bool,
}

/// Opens the archive to write, after making or upgrading it. Who may have to make it holds its [`SyncLock`](super::SyncLock).
///
/// A file that is not an archive, or one of a newer program, is refused and left untouched.
pub(super) fn open_to_write(path: &Path, if_missing: IfMissing) -> Result<OpenToWrite, ArchiveError> {
    if if_missing == IfMissing::Fail {
        refuse_missing(path)?;
    }
    let file = resolve(path)?;
    if refuse_other_names(path, &file).is_err() {
        // Without a rename that refuses to replace, a new file briefly has two names, and a kill leaves both.
        drop(remove_leftovers(&file));
    }
    refuse_other_names(path, &file)?;
    let created = state(path, &file)? != FileContent::Filled;
    if created {
        if if_missing == IfMissing::Fail {
            return Err(missing(path));
        }
        make(path, &file)?;
        refuse_other_names(path, &file)?;
    }
    if has_content(&beside(&file, "-journal")) {
        // Opening to write rolls the journal back, which only an archive may be asked to bear.
        refuse_foreign_bytes(path, &file)?;
    } else if let Ok(connection) = connect(path, &file, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        identify(path, &connection)?;
    }
    let mut connection = connect(path, &file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let fresh = matches!(identify(path, &connection)?, Identity::Fresh);
    prepare_to_write(&connection).map_err(opening(path))?;
    if fresh {
        set_identity(&connection).map_err(opening(path))?;
    }
    migrate(path, &mut connection)?;
    // Readers never wait for the writer, nor the writer for readers. The mode is kept in the file.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(opening(path))?;
    drop_unusable_indexes(path, &connection)?;
    restore_statistics(&mut connection)?;
    begin_ledger(&mut connection)?;
    Ok(OpenToWrite { connection, created })
}

/// There is no archive: no file, or one without bytes.
fn missing(path: &Path) -> ArchiveError {
    let path = path.to_path_buf();
    if path.exists() {
        ArchiveError::Empty { path }
    } else {
        ArchiveError::Missing { path }
    }
}

/// Refuses a path at which there is no archive.
///
/// # Errors
/// [`ArchiveError::Missing`] or [`ArchiveError::Empty`]; a path that cannot be looked at.
pub fn refuse_missing(path: &Path) -> Result<(), ArchiveError> {
    if is_to_be_made(path)? {
        return Err(missing(path));
    }
    Ok(())
}

/// Makes the archive: built under another name in the same folder, synchronised to the disk, then given its name. So a
/// process that is killed meanwhile leaves no half an archive. The lock keeps two that make one at once apart: the slower
/// would replace the empty file that it has seen, which is the archive of the quicker by now.
fn make(path: &Path, file: &Path) -> Result<(), ArchiveError> {
    build_and_name(path, file).or_else(|error| if has_content(file) { Ok(()) } else { Err(error) })
}

fn build_and_name(path: &Path, file: &Path) -> Result<(), ArchiveError> {
    refuse_log_of_another(path, file)?;
    let failed = |error| io_error("make the archive", path)(error);
    // Readable by its owner only, as SQLite's companions (`-wal`, `-shm`) then are too.
    let part = AtomicFile::begin(file, Access::Private).map_err(failed)?;
    part.release_on_network_drive();
    build(path, part.path())?;
    if fs::metadata(file).is_ok_and(|data| data.len() == 0) {
        part.replace().map_err(failed)
    } else {
        part.name_new().map_err(failed)
    }
}

/// Fills a new file: schema, identity and the ledger's first line.
pub(super) fn build(path: &Path, part: &Path) -> Result<(), ArchiveError> {
    let mut connection = connect(path, part, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // The file is not visible before it is complete, and it is synchronised as one.
    connection
        .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
        .map_err(opening(path))?;
    set_identity(&connection).map_err(opening(path))?;
    migrate(path, &mut connection)?;
    begin_ledger(&mut connection)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(opening(path))?;
    connection.close().map_err(|(_, error)| opening(path)(error))
}

/// Page size and application id, which stand in the header of the file.
fn set_identity(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)
}

/// Opens the archive to read; it is neither made nor upgraded, and works on a read-only file or folder.
pub(super) fn open_to_read(path: &Path) -> Result<ReadConnection, ArchiveError> {
    let Some(found) = look(path)? else {
        return Err(missing(path));
    };
    let known = known_schema_version();
    match identify(path, &found.connection)? {
        Identity::Fresh => Err(ArchiveError::Empty {
            path: path.to_path_buf(),
        }),
        Identity::Archive(found) if found < known => Err(ArchiveError::Older {
            path: path.to_path_buf(),
            found,
            known,
        }),
        Identity::Archive(_) => Ok(found),
    }
}

/// Refuses a file that is not an archive, or one of a newer program; a file that is not there yet is fine.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), ArchiveError> {
    let file = resolve(path)?;
    if has_content(&beside(&file, "-journal")) {
        return refuse_foreign_bytes(path, &file);
    }
    match look(path)? {
        Some(found) => identify(path, &found.connection).map(drop),
        None => Ok(()),
    }
}

/// Another hard link, or a mount of the file by itself, is another name for the same bytes, beside which SQLite keeps another log: who writes by two names
/// spoils the file, and who reads by one does not see what stands in the log beside the other.
pub(super) fn refuse_other_names(path: &Path, file: &Path) -> Result<(), ArchiveError> {
    if identity::is_mounted_alone(file) {
        return Err(ArchiveError::MountedAlone {
            path: path.to_path_buf(),
        });
    }
    match identity::names(file) {
        Ok(names) if names > 1 => Err(ArchiveError::HardLinked {
            path: path.to_path_buf(),
            names,
        }),
        // What cannot be looked at is reported when it is opened.
        _ => Ok(()),
    }
}

/// What lies at the place of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileContent {
    Missing,
    NoBytes,
    Filled,
}

fn state(path: &Path, file: &Path) -> Result<FileContent, ArchiveError> {
    match fs::metadata(file) {
        Ok(data) if data.is_dir() => Err(ArchiveError::Directory {
            path: path.to_path_buf(),
        }),
        // A device or pipe has no bytes either, but is not ours to replace, and opening a pipe may never end.
        Ok(data) if !data.is_file() => Err(ArchiveError::NotAnArchive {
            path: path.to_path_buf(),
            what: "a device, a pipe or a socket".to_owned(),
        }),
        Ok(data) if data.len() == 0 => Ok(FileContent::NoBytes),
        Ok(_) => Ok(FileContent::Filled),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(FileContent::Missing),
        Err(error) => Err(io_error("look at", path)(error)),
    }
}

/// SQLite would play a log that was left beside a missing or empty file into whatever file takes its place, or delete
/// it; it may hold the last commits of an archive that was moved without it.
fn refuse_log_of_another(path: &Path, file: &Path) -> Result<(), ArchiveError> {
    let logs = ["-wal", "-journal"].map(|suffix| beside(file, suffix));
    match logs.into_iter().find(|log| has_content(log)) {
        Some(log) => Err(ArchiveError::LogWithoutArchive {
            path: path.to_path_buf(),
            log,
        }),
        None => Ok(()),
    }
}

/// The same refusal as [`identify`]'s, from the header of the file: of a database that cannot be read before its journal
/// is rolled back.
fn refuse_foreign_bytes(path: &Path, file: &Path) -> Result<(), ArchiveError> {
    use std::io::Read;
    let mut header = Vec::new();
    fs::File::open(file)
        .and_then(|file| file.take(72).read_to_end(&mut header))
        .map_err(io_error("read", path))?;
    let ours = header.len() == 72
        && header.starts_with(b"SQLite format 3\0")
        && header[68..72] == APPLICATION_ID.to_be_bytes();
    if ours {
        return Ok(());
    }
    Err(ArchiveError::NotAnArchive {
        path: path.to_path_buf(),
        what: "a file with a journal of another program".to_owned(),
    })
}

/// A connection that has read the schema once, so that what cannot be read is known at once.
fn connect(path: &Path, file: &Path, mode: OpenFlags) -> Result<Connection, ArchiveError> {
    open_and_read(file, mode).map_err(opening(path))
}

/// Refuses a file without bytes, which SQLite must never open: where another program makes an archive of it meanwhile,
/// SQLite takes the log of that for one that was left, and deletes it.
pub(super) fn refuse_empty(path: &Path, file: &Path) -> Result<(), ArchiveError> {
    if state(path, file)? != FileContent::NoBytes {
        return Ok(());
    }
    refuse_log_of_another(path, file)?;
    Err(ArchiveError::Damaged {
        what: format!("{} is empty", path.display()),
    })
}

/// A read-only connection; `None` where there is no file, or one without bytes.
fn look(path: &Path) -> Result<Option<ReadConnection>, ArchiveError> {
    let file = resolve(path)?;
    match state(path, &file)? {
        FileContent::Missing => return Ok(None),
        FileContent::NoBytes => return refuse_log_of_another(path, &file).map(|()| None),
        FileContent::Filled => refuse_other_names(path, &file)?,
    }
    let read_only = || open_and_read(&file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let mut looked = read_only();
    // Not where the program that holds the file is at work still.
    let left = |error: &rusqlite::Error| error.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly);
    if looked.as_ref().is_err_and(left) && has_content(&beside(&file, "-journal")) {
        roll_back_journal(path, &file)?;
        looked = read_only();
    }
    match looked {
        Ok(connection) => Ok(Some(ReadConnection {
            connection,
            unchanging: None,
        })),
        Err(error) if needs_shared_memory(&error) => open_unchanging(path).map(Some),
        Err(error) => Err(opening(path)(error)),
    }
}

/// Undoes what a program that was killed within a transaction had changed: SQLite does so itself when it opens the file
/// to write. Reading past the journal would show a state that never was.
fn roll_back_journal(path: &Path, file: &Path) -> Result<(), ArchiveError> {
    refuse_foreign_bytes(path, file)?;
    open_and_read(file, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map(drop)
        .map_err(|source| ArchiveError::LeftJournal {
            path: path.to_path_buf(),
            source: source.into(),
        })
}

/// In write-ahead mode even a reader needs a shared-memory file, which a read-only folder does not let it make.
pub(super) fn needs_shared_memory(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            rusqlite::ErrorCode::CannotOpen
                | rusqlite::ErrorCode::ReadOnly
                | rusqlite::ErrorCode::PermissionDenied
        )
    )
}

/// Opens a whole archive that is not being written, without any lock.
pub(super) fn open_unchanging(path: &Path) -> Result<ReadConnection, ArchiveError> {
    let (connection, unchanging) = unchanging::open(path, |connection| identify(path, connection))?;
    Ok(ReadConnection {
        connection,
        unchanging: Some(unchanging),
    })
}

/// A connection to read by, and what must stay as it is while it reads without SQLite's locks.
#[derive(Debug)]
pub(super) struct ReadConnection {
    pub(super) connection: Connection,
    pub(super) unchanging: Option<Unchanging>,
}

/// An index that somebody added and that this program cannot write, because it lacks a function or collation of theirs.
#[derive(Debug)]
pub(super) struct UnusableIndex {
    pub(super) name: String,
    pub(super) table: String,
    /// What about it, and SQLite's words where it says so.
    pub(super) why: String,
}

/// The indexes that SQLite cannot compile here, and those that compute something for each row: that may take any time,
/// within one step, so that no limit on steps ends it. This program's own are not among them.
pub(super) fn unusable_indexes(connection: &Connection) -> Result<Vec<UnusableIndex>, ArchiveError> {
    use super::error::Doing;
    let doing = "look for indexes that others added";
    let indexes: Vec<(String, String, Vec<u8>)> = connection
        .prepare(
            "SELECT name, tbl_name, CAST(sql AS BLOB) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name",
        )
        .and_then(|mut statement| {
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
                .collect()
        })
        .doing(doing)?;
    let mut unusable = Vec::new();
    for (name, table, sql) in indexes {
        // Compiled, and not run: the statement that would make the index anew.
        if let Err(error) = connection.prepare(&format!("EXPLAIN REINDEX {}", quoted(&name))) {
            let why = format!("uses a function or collation that this program lacks ({error})");
            unusable.push(UnusableIndex { name, table, why });
            continue;
        }
        let computed: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM pragma_index_xinfo(?1) WHERE cid = -2)")
            .and_then(|mut statement| statement.query_row([&name], |row| row.get(0)))
            .doing(doing)?;
        if computed || condition_computes(&String::from_utf8_lossy(&sql)) {
            let why = "computes something for each row, which may take any time".to_owned();
            unusable.push(UnusableIndex { name, table, why });
        }
    }
    Ok(unusable)
}

/// Whether the condition of an index may call a function; `sql` makes the index, of columns alone.
fn condition_computes(sql: &str) -> bool {
    // The first bracket that closes is that of the columns, or one in a name: then more is taken for the condition.
    let condition = sql.split_once(')').map_or(sql, |(_, condition)| condition);
    let condition = condition.to_ascii_uppercase();
    ["(", "LIKE", "GLOB", "MATCH", "REGEXP"]
        .iter()
        .any(|call| condition.contains(call))
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Drops the indexes that would stop every insert, and says so.
fn drop_unusable_indexes(path: &Path, connection: &Connection) -> Result<(), ArchiveError> {
    for index in unusable_indexes(connection)? {
        connection
            .execute_batch(&format!("DROP INDEX {}", quoted(&index.name)))
            .map_err(opening(path))?;
        tracing::warn!(
            "dropped the index {} on {}, which somebody added and which would keep runs from being archived: it {}",
            index.name,
            index.table,
            index.why
        );
    }
    Ok(())
}

/// Takes the write-ahead log over into the file, so that a copy of the file alone is whole. A reader in the way is not
/// waited for: the rest of the log is then taken over by a later writer.
pub(super) fn take_over_log(connection: &Connection) {
    let wait = |how_long| drop(connection.busy_timeout(how_long));
    wait(Duration::ZERO);
    drop(connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
    wait(BUSY_TIMEOUT);
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
    limits::refuse_foreign_tables(path, connection)?;
    let versions: Vec<Value> = connection
        .prepare("SELECT version FROM refinery_schema_history ORDER BY version LIMIT 1000")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(opening(path))?;
    let known = known_schema_version();
    let whole = (1..)
        .zip(&versions)
        .all(|(number, version)| *version == Value::Integer(number));
    // A record that was changed names no version: `verify` compares it, and it does not mean a newer program.
    let found = if whole {
        i64::try_from(versions.len()).unwrap_or(i64::MAX)
    } else {
        known
    };
    if found > known && schema_of_ledger(connection).map_err(opening(path))? != Some(found) {
        return Err(ArchiveError::Damaged {
            what: format!(
                "refinery_schema_history says that its tables are of version {found}, and the ledger does not tell of that; \
                 nothing else was looked at"
            ),
        });
    }
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
    } else if found == 0 {
        // Tables, and no record of who made them: changed as well.
        Identity::Archive(known)
    } else {
        Identity::Archive(found)
    })
}

/// The version of the tables that the ledger tells of: that with which the archive was made, or to which a later program
/// brought it, which then says so by a line `migrated`.
fn schema_of_ledger(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let line: Option<String> = connection
        .query_row(
            "SELECT CAST(entry AS TEXT) FROM ledger WHERE entry_id = 1 OR entry GLOB 'migrated *'
             ORDER BY entry_id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    let mut words = line.iter().flat_map(|line| line.split(' '));
    Ok(words.find_map(|word| word.strip_prefix("schema=")?.parse().ok()))
}

/// Settings of the writing connection, each with its reason.
fn prepare_to_write(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A commit that was reported is on the disk, even when the power fails.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Declared, and checked by `verify`: checking each message's keys doubles the time of an insert.
    connection.pragma_update(None, "foreign_keys", false)?;
    // 8 MiB of pages, so that memory stays small and known.
    connection.pragma_update(None, "cache_size", -8 * 1024)?;
    // Pages are taken over from the log in large pieces: a page written often is then taken over once.
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Pages of the write-ahead log after which a commit takes them over: 32 MiB.
const WAL_PAGES: i64 = 4096;

/// The planner's statistics, in a transaction of their own.
fn restore_statistics(connection: &mut Connection) -> Result<(), ArchiveError> {
    use super::error::Doing;
    if statistics::are_ours(connection)? {
        return Ok(());
    }
    let doing = "restore the statistics of SQLite's planner";
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .doing(doing)?;
    statistics::restore(&transaction)?;
    transaction.commit().doing(doing)
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
            &LedgerEntry::Archive {
                id,
                at: made.unix_seconds(),
                schema: known_schema_version(),
            },
        )?;
    }
    head.store_chains(&transaction)?;
    transaction.commit().doing(doing)
}
