//! Makes a complete, verified copy of the archive that nothing writes to.
//!
//! # How it is copied
//! By SQLite's backup interface, page by page out of one read transaction: a sync goes on meanwhile, and the copy is one
//! committed state. `VACUUM INTO` was tried: it rewrites every row, so it would need to understand the schema (SQLite
//! 3.40 fails on our generated columns), and an archive from which nothing is deleted has no room to win back.
//!
//! # What never lies under the name
//! The copy is made beside its target under another name, in rollback-journal mode, so that it can be read on a read-only
//! share; checked; brought to the disk; and only then renamed. A process that was killed leaves such a file behind; the
//! next backup to the same name removes it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, params};

use super::atomic_file::{Access, AtomicFile};
use super::connection::open_and_read;
use super::db::Db;
use super::error::{ArchiveError, Doing};
use super::ledger::actor;
use super::lock::SyncLock;
use super::network::network_drive;
use super::open::open_to_read;
use super::paths::{COMPANIONS, beside, comparable, nobody_else_uri, resolve};
use super::read_only::ReadOnly;
use super::sqlite_error::SqliteError;
use super::verify::{Finding, Verified};
use crate::model::{Instant, Sha256};

/// A copy that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupMade {
    pub path: PathBuf,
    pub bytes: u64,
    /// The last hash of the copy's ledger, recomputed.
    pub head: Sha256,
    /// How much of it was checked.
    pub verified: Verified,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something about the archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file is there already.
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
    /// No copy may be written there.
    #[error("cannot write a backup to {}: {why}", path.display())]
    Place { path: PathBuf, why: &'static str },
    /// The operating system refused something.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// SQLite could not write the copy.
    #[error("could not write the copy beside {}", path.display())]
    Copy {
        path: PathBuf,
        #[source]
        source: SqliteError,
    },
    /// The copy does not prove itself, so neither does the archive; no file was left.
    #[error("the copy is not intact, so it was not kept: {} ({count} findings)", first)]
    NotIntact {
        /// The first finding, as text.
        first: String,
        count: usize,
    },
}

/// Copies the archive at `archive` to `target`, checks the copy, and gives it its name. `force` replaces a file that is
/// there. Its owner only may read the copy.
///
/// # Errors
/// See [`BackupError`]. On any error an earlier file of this name is unchanged, and no partial file has the name.
pub fn backup(archive: &Path, target: &Path, force: bool) -> Result<BackupMade, BackupError> {
    let begun = Instant::now();
    drop(open_to_read(archive)?);
    let place = BackupTarget::check(archive, target, force)?;
    let copy = ReadOnly::open(archive)?.settled(|reader| {
        let copy = AtomicFile::begin(&place.target, Access::Private).map_err(place.failed("write beside"))?;
        reader.confirmed(copy_pages(reader.connection(), copy.path(), &place.target))?;
        Ok::<_, BackupError>(copy)
    })?;
    leave_write_ahead_mode(copy.path()).map_err(place.failed("end the copy beside"))?;
    let verified = check(copy.path())?;
    let bytes = place.name(copy, force)?;
    let made = BackupMade {
        path: place.target,
        bytes,
        head: verified.0,
        verified: verified.1,
    };
    note(archive, &made, begun);
    Ok(made)
}

/// A backup that the archive remembers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct KnownBackup {
    /// Where it was made.
    pub path: String,
    /// When, UTC.
    pub made_at: String,
    pub host: String,
    /// Whether a file of that name is there, as seen from this computer.
    pub is_there: bool,
}

/// Notes in the archive that a backup was made, so that a later removal can name it. Who may only read the archive makes
/// backups too: then nothing is noted.
fn note(archive: &Path, made: &BackupMade, at: Instant) {
    let doing = "note the backup";
    let noted = resolve(archive).and_then(|file| {
        // An archive that does not change, or is on a share, is only read: it is a copy itself.
        if !is_in_write_ahead_mode(&file) || network_drive(&file).is_some() {
            return Ok(());
        }
        let connection = open_and_read(&file, OpenFlags::SQLITE_OPEN_READ_WRITE).doing(doing)?;
        connection
            .run(
                "INSERT OR REPLACE INTO _backup (path, made_unix, host) VALUES (?1, ?2, ?3)",
                params![made.path.to_string_lossy(), at.unix_seconds(), actor::host()],
                doing,
            )
            .map(drop)
    });
    if let Err(error) = noted {
        tracing::debug!("the archive could not note this backup: {error}");
    }
}

/// Whether the file is in write-ahead mode: its header says so (see [`leave_write_ahead_mode`]).
fn is_in_write_ahead_mode(file: &Path) -> bool {
    let mut header = [0; 19];
    File::open(file).is_ok_and(|mut file| file.read_exact(&mut header).is_ok() && header[18] == 2)
}

/// The backups that were made up to then.
pub(super) fn known_backups(
    connection: &Connection,
    until: Instant,
) -> Result<Vec<KnownBackup>, ArchiveError> {
    connection.all(
        "SELECT path, made_unix, host FROM _backup WHERE made_unix <= ?1 ORDER BY made_unix, path",
        [until.unix_seconds()],
        "read which backups were made",
        |row| {
            let path: String = row.get(0)?;
            Ok(KnownBackup {
                is_there: Path::new(&path).exists(),
                path,
                made_at: Instant::from_unix_seconds(row.get(1)?).to_string(),
                host: row.get(2)?,
            })
        },
    )
}

/// Where the copy goes.
struct BackupTarget {
    /// The target; of a link what it leads to.
    target: PathBuf,
    /// Of an archive that is replaced, so that no sync writes it meanwhile.
    _lock: Option<SyncLock>,
}

impl BackupTarget {
    fn check(archive: &Path, target: &Path, force: bool) -> Result<Self, BackupError> {
        let refused = |why| BackupError::Place {
            path: target.to_path_buf(),
            why,
        };
        // A link stays one: the file behind it is replaced.
        let real = dunce::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
        let name = real
            .file_name()
            .ok_or(refused("it is not a file name"))?
            .to_owned();
        if target
            .as_os_str()
            .to_string_lossy()
            .ends_with(['/', std::path::MAIN_SEPARATOR])
        {
            return Err(refused("it is a folder"));
        }
        let folder = match real.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let folder = dunce::canonicalize(&folder).map_err(io("look at", &folder))?;
        let real = folder.join(&name);
        let archive = dunce::canonicalize(archive).map_err(io("look at", archive))?;
        let is_real = |path: PathBuf| comparable(path) == comparable(real.clone());
        if is_real(archive.clone()) || COMPANIONS.iter().any(|suffix| is_real(beside(&archive, suffix))) {
            return Err(refused("it belongs to the archive itself"));
        }
        let mut lock = None;
        match fs::metadata(&real) {
            Ok(found) if found.is_dir() => return Err(refused("it is a folder")),
            Ok(found) if !found.is_file() => return Err(refused("it is not an ordinary file")),
            Ok(_) if !force => {
                return Err(BackupError::Exists {
                    path: target.to_path_buf(),
                });
            }
            // An archive that a sync writes is not replaced beneath it, and none begins until it is replaced.
            Ok(_) if beside(&real, ".lock").exists() => lock = Some(SyncLock::take(&real)?),
            _ => {}
        }
        for suffix in ["-wal", "-journal"] {
            // SQLite would play the log of another database into the copy.
            if fs::metadata(beside(&real, suffix)).is_ok_and(|log| log.len() > 0) {
                return Err(refused(
                    "a log of a database of that name lies beside it (its name with -wal or -journal)",
                ));
            }
        }
        Ok(Self {
            target: real,
            _lock: lock,
        })
    }

    /// Gives the finished copy its name; its size.
    fn name(&self, copy: AtomicFile, force: bool) -> Result<u64, BackupError> {
        let bytes = copy
            .file()
            .metadata()
            .map_err(self.failed("look at the copy beside"))?
            .len();
        let named = if force { copy.replace() } else { copy.name_new() };
        named.map(|()| bytes).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists if !force => BackupError::Exists {
                path: self.target.clone(),
            },
            _ => self.failed("name the copy")(error),
        })
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(io::Error) -> BackupError {
        io(doing, &self.target)
    }
}

fn copy_pages(source: &Connection, path: &Path, target: &Path) -> Result<(), BackupError> {
    let doing = "read the archive for a copy";
    let of_copy = |error: rusqlite::Error| BackupError::Copy {
        path: target.to_path_buf(),
        source: error.into(),
    };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    // Nobody else uses the file, and some shares have no locks.
    let mut copy = Connection::open_with_flags(nobody_else_uri(path, "nolock=1")?, flags).map_err(of_copy)?;
    // If it fails it is thrown away, and when it is done it is brought to the disk at once.
    copy.pragma_update(None, "journal_mode", "OFF").map_err(of_copy)?;
    copy.pragma_update(None, "synchronous", "OFF").map_err(of_copy)?;
    // One state from the first page to the last: writes of other processes do not restart the copy.
    let state = source.unchecked_transaction().doing(doing)?;
    state.one("SELECT EXISTS (SELECT 1 FROM _archive)", [], doing, |row| {
        row.get::<_, i64>(0)
    })?;
    let pages = Backup::new(&state, &mut copy).map_err(of_copy)?;
    loop {
        match pages.step(PAGES_AT_ONCE).map_err(of_copy)? {
            StepResult::Done => break,
            StepResult::More => {}
            // Another program holds the file briefly, such as a virus scanner.
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    drop(pages);
    copy.close().map_err(|(_, error)| of_copy(error))
}

/// Pages copied in one step.
const PAGES_AT_ONCE: i32 = 4096;

/// Marks the file as one in rollback-journal mode: bytes 18 and 19 of an SQLite file are its write and read version, 1
/// without a write-ahead log and 2 with one (<https://www.sqlite.org/fileformat2.html#file_format_version_numbers>).
/// `PRAGMA journal_mode` does the same, but opens the file with a write-ahead log first, which shares do not allow.
fn leave_write_ahead_mode(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.seek(SeekFrom::Start(18))?;
    file.write_all(&[1, 1])?;
    file.flush()
}

/// Head of the copy, and how much of it was checked.
fn check(path: &Path) -> Result<(Sha256, Verified), BackupError> {
    let report = ReadOnly::open_unchanging(path)?.verify(&[])?;
    match report.findings.first() {
        None => Ok((report.head, report.verified)),
        Some(Finding { place, what, .. }) => Err(BackupError::NotIntact {
            first: format!("{place}: {what}"),
            count: report.findings.len(),
        }),
    }
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_path_buf();
    move |source| BackupError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Writer;

    struct Two {
        folder: tempfile::TempDir,
    }

    impl Two {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            drop(Writer::open(&folder.path().join("a.db")).unwrap());
            Self { folder }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn backup(&self, name: &str, force: bool) -> Result<BackupMade, BackupError> {
            backup(&self.path("a.db"), &self.path(name), force)
        }

        fn parts(&self) -> usize {
            let names = fs::read_dir(self.folder.path()).unwrap();
            names
                .filter(|entry| {
                    entry
                        .as_ref()
                        .unwrap()
                        .file_name()
                        .to_string_lossy()
                        .ends_with(".part")
                })
                .count()
        }
    }

    #[test]
    fn a_copy_is_whole_in_rollback_mode_and_has_the_head_of_the_archive() {
        let two = Two::new();
        let made = two.backup("b.db", false).unwrap();
        let bytes = fs::read(two.path("b.db")).unwrap();
        assert_eq!((bytes.len() as u64, &bytes[18..20]), (made.bytes, &[1, 1][..]));
        assert_eq!(
            made.head,
            ReadOnly::open(&two.path("a.db")).unwrap().head().unwrap()
        );
        assert_eq!(made.verified.entries, 1);
        assert_eq!(two.parts(), 0);
        // It is an archive like any other.
        drop(Writer::open(&two.path("b.db")).unwrap());
    }

    #[test]
    fn a_file_that_is_there_is_replaced_by_force_alone() {
        let two = Two::new();
        fs::write(two.path("b.db"), "precious").unwrap();
        assert!(matches!(
            two.backup("b.db", false),
            Err(BackupError::Exists { .. })
        ));
        assert_eq!(fs::read(two.path("b.db")).unwrap(), b"precious");
        two.backup("b.db", true).unwrap();
        assert!(ReadOnly::open(&two.path("b.db")).is_ok());
    }

    #[test]
    fn places_where_a_copy_would_do_harm_are_refused_even_by_force() {
        let two = Two::new();
        fs::write(two.path("c.db-wal"), "log").unwrap();
        fs::create_dir(two.path("folder")).unwrap();
        for name in [
            "a.db",
            "a.db-wal",
            "a.db-shm",
            "a.db.lock",
            "c.db",
            "folder",
            "new/",
        ] {
            let refused = two.backup(name, true);
            assert!(
                matches!(refused, Err(BackupError::Place { .. })),
                "{name}: {refused:?}"
            );
        }
        assert!(matches!(
            two.backup("none/b.db", true),
            Err(BackupError::Io { .. })
        ));
    }

    #[test]
    fn an_archive_that_a_sync_holds_is_not_replaced() {
        let two = Two::new();
        two.backup("b.db", false).unwrap();
        let lock = SyncLock::take(&two.path("b.db")).unwrap();
        let refused = two.backup("b.db", true);
        assert!(
            matches!(refused, Err(BackupError::Archive(ArchiveError::Held { .. }))),
            "{refused:?}"
        );
        drop(lock);
        two.backup("b.db", true).unwrap();
    }

    #[test]
    fn what_a_killed_backup_left_is_removed_and_what_another_writes_is_not() {
        let two = Two::new();
        fs::write(two.path(".b.db.abc123.part"), "half").unwrap();
        fs::write(two.path(".b.db.other.part"), "not ours").unwrap();
        fs::write(two.path(".other.db.abc123.part"), "of another name").unwrap();
        let running = AtomicFile::begin(&two.path("b.db"), Access::Private).unwrap();
        fs::write(two.path(".b.db.abc123.part"), "half").unwrap();
        two.backup("b.db", false).unwrap();
        assert!(running.path().exists());
        assert!(!two.path(".b.db.abc123.part").exists());
        assert_eq!(two.parts(), 3);
    }

    #[test]
    fn a_damaged_archive_makes_no_backup() {
        let two = Two::new();
        let connection = Connection::open(two.path("a.db")).unwrap();
        connection
            .execute("UPDATE ledger SET entry = 'archive id=other'", [])
            .unwrap();
        drop(connection);
        fs::write(two.path("b.db"), "the backup of yesterday").unwrap();
        let refused = two.backup("b.db", true);
        assert!(
            matches!(refused, Err(BackupError::NotIntact { .. })),
            "{refused:?}"
        );
        assert_eq!(fs::read(two.path("b.db")).unwrap(), b"the backup of yesterday");
        assert_eq!(two.parts(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_copy_belongs_to_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let two = Two::new();
        let mode = |name: &str| fs::metadata(two.path(name)).unwrap().permissions().mode() & 0o777;
        two.backup("b.db", false).unwrap();
        assert_eq!(mode("b.db"), 0o600);
        fs::set_permissions(two.path("a.db"), fs::Permissions::from_mode(0o640)).unwrap();
        two.backup("b.db", true).unwrap();
        assert_eq!(mode("b.db"), 0o600);
    }
}
