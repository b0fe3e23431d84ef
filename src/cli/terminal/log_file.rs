//! The log file: appended to, and set aside when it gets too large.
//!
//! Several commands may write to one file at a time. With a limit each takes a lock for the time of a write, and looks
//! whether the file still has its name: another may have set it aside.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::archive::{FileIdentity, give_to_owner_of_folder, wait_while_held};

/// How often, and after which time each, a lock that another holds is tried.
const TRIES: u32 = 50;
const WAIT: Duration = Duration::from_millis(10);

/// When a log file is set aside, and how many former ones are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// The size in bytes that it does not exceed, but for a line that is longer by itself.
    pub(crate) max_size: u64,
    /// Former files: `FILE.1` is the newest. Older ones are removed.
    pub(crate) keep: u32,
}

/// An open log file.
#[derive(Debug)]
pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    rotation: Option<Rotation>,
}

impl LogFile {
    /// Opens the file, which is made readable by its owner only if it is new.
    pub(crate) fn open(path: &Path, rotation: Option<Rotation>) -> io::Result<Self> {
        let file = wait_while_held(|| open(path))?;
        // A device or pipe has no size and no former ones.
        let is_file = file.metadata()?.is_file();
        Ok(Self {
            path: path.to_path_buf(),
            file,
            rotation: rotation.filter(|_| is_file),
        })
    }

    /// Appends a line.
    pub(crate) fn append(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        let Some(rotation) = self.rotation else {
            return self.file.write_all(line.as_bytes());
        };
        if !self.lock()? {
            // A lock held by others must not block us.
            return self.file.write_all(line.as_bytes());
        }
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let size = self.file.metadata()?.len();
        if size > 0 && size.saturating_add(length) > rotation.max_size {
            self.set_aside(rotation.keep)?;
        }
        let written = self.file.write_all(line.as_bytes());
        // The line counts whatever became of the lock, which the end of the program gives back too.
        let _ = self.file.unlock();
        written
    }

    /// Takes the lock of the file that has the name; says whether it was to be had.
    fn lock(&mut self) -> io::Result<bool> {
        for _ in 0..TRIES {
            match self.file.try_lock() {
                Err(TryLockError::WouldBlock) => thread::sleep(WAIT),
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => {
                    let named = FileIdentity::of(&self.path).ok();
                    if named.is_some() && named == FileIdentity::of_open(&self.file).ok() {
                        return Ok(true);
                    }
                    self.file = open(&self.path)?;
                }
            }
        }
        Ok(false)
    }

    /// Gives the file the name of the newest former one, and begins a new one. What cannot be renamed goes on growing: a
    /// line is worth more than a limit.
    fn set_aside(&mut self, keep: u32) -> io::Result<()> {
        let former = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..keep).rev() {
            let _ = fs::rename(former(number), former(number + 1));
        }
        if fs::rename(&self.path, former(1)).is_ok() {
            self.file = open(&self.path)?;
            if keep == 0 {
                // Only now: Windows may keep the name of a removed file taken while the file is open.
                let _ = fs::remove_file(former(1));
            }
            // Others can hold it only briefly, and one line too many does no harm.
            let _ = self.file.try_lock();
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    // A lock takes the right to read on Windows.
    options.read(true).append(true);
    owner_only(&mut options);
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            give_to_owner_of_folder(&file, path);
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.create(true).open(path),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

/// Windows: a file inherits its folder's list of who may read.
#[cfg(not(unix))]
fn owner_only(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_set_aside_at_its_size_and_so_many_former_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let rotation = Rotation {
            max_size: 20,
            keep: 2,
        };
        // Two that write by turns, as two commands do.
        let mut logs = [0, 1].map(|_| LogFile::open(&path, Some(rotation)).unwrap());
        for number in 0..9 {
            logs[number % 2].append(&format!("line {number}")).unwrap();
        }
        logs[0].append(&"long".repeat(10)).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("log"), "long".repeat(10) + "\n");
        assert_eq!(read("log.1"), "line 8\n");
        assert_eq!(read("log.2"), "line 6\nline 7\n");
        assert!(!folder.path().join("log.3").exists());
    }

    #[test]
    fn without_a_limit_it_grows_and_with_none_kept_it_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = LogFile::open(&path, None).unwrap();
        log.append("a").unwrap();
        log.append("b").unwrap();
        drop(log);
        let rotation = Rotation { max_size: 4, keep: 0 };
        let mut log = LogFile::open(&path, Some(rotation)).unwrap();
        log.append("c").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "c\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
