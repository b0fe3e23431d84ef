//! One sync at a time: a lock file beside the archive, held by the operating system.
//!
//! The lock goes with the process, however it ends, so a killed process leaves no lock behind. The file itself
//! stays: removing it would let two processes hold two files of one name.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant as MonotonicInstant};

use super::error::{ArchiveError, io_error};
use super::held::wait_while_held;
use super::identity::FileIdentity;
use super::open::{self, open_to_read};
use super::paths::{beside, resolve};
use crate::model;

/// How long to wait for a holder to write who it is, once there is an archive.
const UNKNOWN_HOLDER: Duration = Duration::from_secs(1);

/// The right to sync into an archive; given back when dropped.
#[derive(Debug)]
pub struct SyncLock {
    file: File,
}

/// Given back in so many words: closing the file alone leaves the lock with a child process that another thread is
/// just starting, until that child runs its own program.
impl Drop for SyncLock {
    fn drop(&mut self) {
        // Where it fails, closing the file, which follows, is what is left to do.
        let _ = self.file.unlock();
    }
}

impl SyncLock {
    /// The lock for as long as the archive at `path` is being made; `None` where it is there already. Another one that
    /// makes it is waited for.
    pub(super) fn to_make(path: &Path) -> Result<Option<Self>, ArchiveError> {
        if !open::is_to_be_made(path)? {
            return Ok(None);
        }
        match Self::take(path) {
            Err(ArchiveError::Locked { .. }) if !open::is_to_be_made(path)? => Ok(None),
            taken => taken.map(Some),
        }
    }

    /// Takes the lock of the archive at `path`, which need not exist yet.
    ///
    /// # Errors
    /// [`ArchiveError::Locked`] with the holder's process id and start time; a file that is not an archive, or a newer one;
    /// I/O errors of the lock file.
    pub fn take(path: &Path) -> Result<Self, ArchiveError> {
        if path.is_dir() {
            return Err(ArchiveError::Directory {
                path: path.to_path_buf(),
            });
        }
        let lock_path = lock_path(&resolve(path)?);
        // Nothing is laid beside a file that is not ours.
        if !lock_path.exists() {
            open::refuse_foreign(path)?;
        }
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let begun = MonotonicInstant::now();
        loop {
            let file = wait_while_held(|| options.open(&lock_path))
                .map_err(io_error("open the lock file", &lock_path))?;
            match file.try_lock() {
                // A file that was removed between the two is locked by nobody else, whoever holds its name.
                Ok(()) if !has_name(&file, &lock_path)? => {}
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::WouldBlock) => {
                    let holder = holder(path);
                    // It may be about to tell, or only be making the archive.
                    let patience = if open::is_to_be_made(path)? {
                        super::connection::BUSY_TIMEOUT
                    } else {
                        UNKNOWN_HOLDER
                    };
                    if holder.is_none() && begun.elapsed() < patience {
                        std::thread::sleep(Duration::from_millis(10));
                        continue;
                    }
                    return Err(ArchiveError::Locked {
                        path: path.to_path_buf(),
                        holder: holder.unwrap_or_else(|| "it has not told its process id".to_owned()),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(io_error("lock", &lock_path)(error)),
            }
        }
    }
}

/// Who is syncing into the archive at `path`, as text; `None` if nobody is. Creates and changes nothing.
///
/// # Errors
/// The lock file cannot be opened.
pub fn lock_holder(path: &Path) -> Result<Option<String>, ArchiveError> {
    let lock_path = lock_path(&resolve(path)?);
    let file = match File::open(&lock_path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(io_error("open the lock file", &lock_path))?,
    };
    match file.try_lock_shared() {
        // Given back by its end.
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(
            holder(path).unwrap_or_else(|| "it has not told its process id".to_owned()),
        )),
        Err(TryLockError::Error(error)) => Err(io_error("look at the lock of", &lock_path)(error)),
    }
}

/// Whether the open file is the one that has the name.
fn has_name(file: &File, path: &Path) -> Result<bool, ArchiveError> {
    let open = FileIdentity::of_open(file).map_err(io_error("look at", path))?;
    Ok(FileIdentity::of(path).is_ok_and(|named| named == open))
}

/// The lock file of an archive.
fn lock_path(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

/// The running sync notes its process id and start in the archive itself.
fn holder(path: &Path) -> Option<String> {
    // On Windows, an open file of no bytes would keep the archive that is being made from getting its name.
    if open::is_to_be_made(path).ok()? {
        return None;
    }
    let (process_id, started) = open_to_read(path)
        .ok()?
        .connection
        .query_row(
            "SELECT process_id, started_unix FROM _sync WHERE outcome IS NULL ORDER BY sync_id DESC LIMIT 1",
            [],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )
        .ok()?;
    Some(format!(
        "process {process_id}, started {}",
        model::Instant::from_unix_seconds(started)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_back_even_where_a_copy_of_its_handle_is_still_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(crate::archive::Writer::open(&path).unwrap());
        let lock = SyncLock::take(&path).unwrap();
        assert!(matches!(SyncLock::take(&path), Err(ArchiveError::Locked { .. })));
        // As a child process that inherited the handle.
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        SyncLock::take(&path).unwrap();
        drop(copy);
    }

    /// On Windows an open file keeps its name until it is closed.
    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_lost_its_name_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db.lock");
        let file = File::create(&path).unwrap();
        assert!(has_name(&file, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!has_name(&file, &path).unwrap());
        std::fs::write(&path, "").unwrap();
        assert!(!has_name(&file, &path).unwrap());
    }
}
