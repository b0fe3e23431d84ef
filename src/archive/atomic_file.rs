//! A file that is written under another name in its folder, and gets its own name when it is whole.
//!
//! Until then it is called `.NAME.xxxxxx.part`. A process that is killed leaves such a file behind; the next one that
//! writes a file of the same name removes it. Which of them are still being written is known by a lock on them (Unix), or
//! because they are open (Windows).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::held::{is_held, wait_while, wait_while_held};
use super::paths::{COMPANIONS, folder_of};

/// Letters and digits that tell temporary files of one name apart.
const RANDOM: usize = 6;
/// The end of the name of a file that is not ready.
const SUFFIX: &str = ".part";
/// New files to try, should others be removed at once.
const TRIES: usize = 10;

/// Who may read and write a new file. Windows: a file inherits its folder's rights in any case.
#[derive(Debug, Clone)]
pub enum Access {
    /// As any program's new file: what the umask leaves.
    Umask,
    Private,
    /// Its owner only until it has its name, then these.
    Like(fs::Permissions),
}

/// A file that does not have its name yet; removed when dropped.
#[derive(Debug)]
pub struct AtomicFile {
    // Closed before the path is removed, in the order of the fields: Windows removes no file that is open.
    file: File,
    path: TempPath,
    target: PathBuf,
    access: Access,
    is_prepared: bool,
}

impl AtomicFile {
    /// Begins the file that is to become `target`, after removing what killed processes left of such files.
    ///
    /// # Errors
    /// `target` is not a file name; nothing can be written in its folder.
    pub fn begin(target: &Path, access: Access) -> io::Result<Self> {
        remove_leftovers(target)?;
        Self::scratch(target, access)
    }

    /// Another file beside `target`, which need not get its name; what others left stays.
    pub(super) fn scratch(target: &Path, access: Access) -> io::Result<Self> {
        let prefix = prefix(target)?;
        // Another process that tidies up may take a new file for a leftover before it is locked.
        for _ in 0..TRIES {
            let made = tempfile::Builder::new()
                .prefix(&prefix)
                .suffix(SUFFIX)
                .rand_bytes(RANDOM)
                .make_in(folder_of(target), |path| make(path, &access))?;
            let (file, path) = made.into_parts();
            if hold(&file) && path.exists() {
                return Ok(Self {
                    file,
                    path,
                    target: target.to_path_buf(),
                    access,
                    is_prepared: false,
                });
            }
        }
        Err(io::Error::other("another program removes new files there"))
    }

    /// Gives up the lock, for a file to which SQLite itself writes: on a network drive its locks and ours would exclude each
    /// other.
    pub(super) fn release_on_network_drive(&self) {
        if super::network::network_drive(&self.path).is_some() {
            // Where it cannot be given up there is none.
            drop(self.file.unlock());
        }
    }

    pub const fn file(&self) -> &File {
        &self.file
    }

    /// The path of the file until it gets its final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the name of this file from the one at `path` that has it, which is then taken for a leftover; its new path,
    /// or `None` where there is no such file.
    pub fn set_aside(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let mut name = prefix(path)?;
        name.push("former");
        name.push(SUFFIX);
        let aside = path.with_file_name(name);
        match wait_while_held(|| fs::rename(path, &aside)) {
            Ok(()) => Ok(Some(aside)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives the file its name; the one that had it goes.
    ///
    /// # Errors
    /// What the system refuses; the old file is then as it was.
    pub fn replace(self) -> io::Result<()> {
        self.name(true)
    }

    /// Gives the file its name, which no other file may have.
    pub fn name_new(self) -> io::Result<()> {
        self.name(false)
    }

    /// Sets the permissions and brings the file to the disk, where it must be before it has the name: a power cut leaves the
    /// old file or the whole new one. Done when it gets its name, unless it was done before.
    pub fn prepare(&mut self) -> io::Result<()> {
        if self.is_prepared {
            return Ok(());
        }
        if cfg!(unix)
            && let Access::Like(permissions) = &self.access
        {
            self.file.set_permissions(permissions.clone())?;
        }
        self.file.sync_all()?;
        self.is_prepared = true;
        Ok(())
    }

    fn name(mut self, replace: bool) -> io::Result<()> {
        self.prepare()?;
        // Windows cannot rename a file that is open in this way. Until it has its name it is kept open in another way, so that
        // no other process takes it for a leftover; on other systems the lock is kept.
        #[cfg(windows)]
        let _open = {
            let open = File::open(&self.path)?;
            drop(self.file);
            open
        };
        rename(self.path, &self.target, replace)?;
        synchronise_folder(folder_of(&self.target));
        Ok(())
    }
}

impl io::Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Renames a file to `target`, replacing the one there.
///
/// # Errors
/// What the system refuses; the old file is then as it was.
pub(crate) fn replace_file(path: TempPath, target: &Path) -> io::Result<()> {
    rename(path, target, true)
}

/// Gives a file its name. Of one that another program reads Windows also says that access is denied.
fn rename(path: TempPath, target: &Path, replace: bool) -> io::Result<()> {
    const ACCESS_DENIED: i32 = 5;
    let mut path = Some(path);
    let mut attempt = |replace: bool| {
        let unnamed = path.take().expect("a refused rename gives the path back");
        let renamed = if replace {
            unnamed.persist(target)
        } else {
            unnamed.persist_noclobber(target)
        };
        renamed.map_err(|refused| {
            path = Some(refused.path);
            refused.error
        })
    };
    if !replace {
        match attempt(false) {
            // Some file systems have no way to rename without replacing.
            Err(_) if fs::symlink_metadata(target).is_err() => {}
            done => return done,
        }
    }
    let is_passing =
        |error: &io::Error| is_held(error) || (cfg!(windows) && error.raw_os_error() == Some(ACCESS_DENIED));
    wait_while(is_passing, || attempt(true)).map_err(|error| {
        // Of a target that another program has open, that is said instead.
        match OpenOptions::new().write(true).open(target) {
            Err(held) if is_held(&held) => held,
            _ => error,
        }
    })
}

/// A name that was just given is on the disk too. Windows has no such call and needs none; a file system that has none
/// says so, and then there is nothing to do.
pub(super) fn synchronise_folder(folder: &Path) {
    #[cfg(unix)]
    if let Ok(folder) = File::open(folder) {
        drop(folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = folder;
}

fn prefix(target: &Path) -> io::Result<OsString> {
    let mut prefix = OsString::from(".");
    prefix.push(target.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    prefix.push(".");
    Ok(prefix)
}

/// Removes what killed processes left of files that were to become `target`.
pub(super) fn remove_leftovers(target: &Path) -> io::Result<()> {
    let prefix = prefix(target)?;
    // What cannot be seen or removed does not prevent a new file.
    let Ok(entries) = fs::read_dir(folder_of(target)) else {
        return Ok(());
    };
    for entry in entries
        .flatten()
        .filter(|entry| is_part(&entry.file_name(), &prefix))
    {
        let path = entry.path();
        if !is_left_over(&path) {
            continue;
        }
        for companion in COMPANIONS {
            let mut beside = path.clone().into_os_string();
            beside.push(companion);
            drop(fs::remove_file(beside));
        }
        if fs::remove_file(&path).is_ok() {
            tracing::debug!("removed {}, which a stopped process had left", path.display());
        }
    }
    Ok(())
}

fn is_part(name: &OsStr, prefix: &OsStr) -> bool {
    name.as_encoded_bytes()
        .strip_prefix(prefix.as_encoded_bytes())
        .and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()))
        .is_some_and(|middle| middle.len() == RANDOM && middle.iter().all(u8::is_ascii_alphanumeric))
}

/// Creates a file that, on Windows, cannot be removed while it is open.
fn make(path: &Path, access: &Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    if !matches!(access, Access::Umask) {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    #[cfg(windows)]
    {
        let _ = access;
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, FILE_SHARE_READ | FILE_SHARE_WRITE);
    }
    options.open(path)
}

#[cfg(windows)]
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};

/// Locks a new file as long as it is open; whether it could be. Where a file system has no locks, nobody else can take it
/// for a leftover either.
#[cfg(unix)]
fn hold(file: &File) -> bool {
    !matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock))
}

#[cfg(unix)]
fn is_left_over(path: &Path) -> bool {
    // A link or a pipe is none of ours, and opening a pipe may never end.
    fs::symlink_metadata(path).is_ok_and(|data| data.is_file())
        && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Windows: a lock would keep SQLite out too; that the file is open, in whatever way, is enough.
#[cfg(not(unix))]
const fn hold(_: &File) -> bool {
    true
}

#[cfg(windows)]
fn is_left_over(path: &Path) -> bool {
    let alone =
        std::os::windows::fs::OpenOptionsExt::share_mode(OpenOptions::new().write(true), 0).open(path);
    alone.is_ok()
}

#[cfg(not(any(unix, windows)))]
const fn is_left_over(_: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        for text in ["old", "new"] {
            let mut file = AtomicFile::begin(&target, Access::Umask).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file.replace().unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), text);
        }
        drop(AtomicFile::begin(&target, Access::Umask).unwrap());
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_new_name_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        AtomicFile::begin(&target, Access::Private)
            .unwrap()
            .name_new()
            .unwrap();
        let refused = AtomicFile::begin(&target, Access::Private).unwrap().name_new();
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            ".a.abc123.part",
            ".a.abc123.part-wal",
            ".a.other.part",
            ".a.abc123.part.txt",
            ".b.abc123.part",
        ] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        let target = folder.path().join("a");
        let running = AtomicFile::begin(&target, Access::Umask).unwrap();
        drop(AtomicFile::begin(&target, Access::Umask).unwrap());
        assert!(running.path().exists());
        running.replace().unwrap();
        assert_eq!(
            names(folder.path()),
            [".a.abc123.part.txt", ".a.other.part", ".b.abc123.part", "a"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_as_asked_for() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let like = Access::Like(fs::Permissions::from_mode(0o640));
        let file = AtomicFile::begin(&target, like).unwrap();
        assert_eq!(mode(file.path()), 0o600);
        file.replace().unwrap();
        assert_eq!(mode(&target), 0o640);
        AtomicFile::begin(&target, Access::Private)
            .unwrap()
            .replace()
            .unwrap();
        assert_eq!(mode(&target), 0o600);
    }
}
