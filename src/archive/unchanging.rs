//! Reading a file without any lock, where the system lets us make no shared memory beside it.
//!
//! SQLite is told that the file does not change (`immutable=1`), so it is on us to know that. A writer fills its log before
//! it changes the file, and empties the log after. So a file whose log and journal are empty is one state of the archive,
//! and what was read of it since is of that state if log and journal are empty still, and the file itself is as it was.
//! While a sync writes there are moments in which this holds: they are waited for, a little while.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::connection::open_and_read;
use super::error::{ArchiveError, io_error, opening};
use super::identity::FileIdentity;
use super::paths::{beside, has_content, nobody_else_uri, resolve};

/// How often a state that can be read is looked for, and how long it is waited between.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);

/// How often something is read again that was written meanwhile.
pub(super) const READINGS: u32 = 5;

/// The length of an SQLite file's header.
const HEADER_BYTES: u64 = 100;

/// Opens a file that nobody is writing; `is_fit` may refuse it. Whoever reads through the connection asks
/// [`Unchanging::check`] at the end whether the file stayed as it was.
///
/// # Errors
/// [`ArchiveError::UnreadableLog`], [`ArchiveError::WrittenMeanwhile`]; those of SQLite and of `is_fit`.
pub(super) fn open<T>(
    path: &Path,
    is_fit: impl Fn(&Connection) -> Result<T, ArchiveError>,
) -> Result<(Connection, Unchanging), ArchiveError> {
    let open = || {
        let unchanging = Unchanging::begin(path)?;
        let uri = nobody_else_uri(&unchanging.file, "immutable=1")?;
        let mode = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = open_and_read(uri, mode)
            .map_err(opening(path))
            .and_then(|connection| is_fit(&connection).map(|_| connection));
        // Before the error is believed: pages of two states may look damaged.
        unchanging.check()?;
        Ok((connection?, unchanging))
    };
    for _ in 1..TRIES {
        match open() {
            Err(ArchiveError::UnreadableLog { .. } | ArchiveError::WrittenMeanwhile { .. }) => {
                std::thread::sleep(PAUSE);
            }
            opened => return opened,
        }
    }
    open()
}

/// The state in which a file was when it began to be read.
#[derive(Debug)]
pub(super) struct Unchanging {
    path: PathBuf,
    file: PathBuf,
    state: FileState,
}

/// What is another one after a change. The header has, among others, SQLite's change counter (bytes 24 to 27) and for which
/// value of it the header's other figures hold (92 to 95); either alone stays as it is at some commits.
#[derive(Debug, PartialEq, Eq)]
struct FileState {
    identity: FileIdentity,
    bytes: u64,
    modified: Option<SystemTime>,
    header: Vec<u8>,
}

impl FileState {
    fn of(file: &Path) -> std::io::Result<Self> {
        let data = fs::metadata(file)?;
        let mut header = Vec::new();
        File::open(file)?.take(HEADER_BYTES).read_to_end(&mut header)?;
        Ok(Self {
            identity: FileIdentity::of(file)?,
            bytes: data.len(),
            modified: data.modified().ok(),
            header,
        })
    }
}

impl Unchanging {
    /// # Errors
    /// [`ArchiveError::UnreadableLog`] where the file alone is not the archive.
    pub(super) fn begin(path: &Path) -> Result<Self, ArchiveError> {
        let file = resolve(path)?;
        // The file before its log: what is written into it after this is seen at the end by the file, and what was being
        // written into it by the log.
        let state = FileState::of(&file).map_err(io_error("look at", path))?;
        if has_content(&beside(&file, "-wal")) || has_content(&beside(&file, "-journal")) {
            return Err(ArchiveError::UnreadableLog {
                path: path.to_path_buf(),
            });
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
            state,
        })
    }

    /// Whether what was read since the beginning is one state of the archive.
    pub(super) fn check(&self) -> Result<(), ArchiveError> {
        match Self::begin(&self.path) {
            Ok(now) if now.file == self.file && now.state == self.state => Ok(()),
            _ => Err(ArchiveError::WrittenMeanwhile {
                path: self.path.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::archive::Writer;

    #[test]
    fn a_change_of_any_kind_is_noticed_though_size_and_time_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        drop(Writer::open(&path).unwrap());
        let (_, unchanging) = open(&path, |_| Ok(())).unwrap();
        assert!(unchanging.check().is_ok());
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let put = |place: u64, bytes: &[u8]| {
            let mut file = File::options().read(true).write(true).open(&path).unwrap();
            let mut before = vec![0; bytes.len()];
            file.seek(SeekFrom::Start(place)).unwrap();
            file.read_exact(&mut before).unwrap();
            file.seek(SeekFrom::Start(place)).unwrap();
            file.write_all(bytes).unwrap();
            file.set_modified(time).unwrap();
            before
        };
        // The change counter, and the number for which it is valid.
        for place in [24, 92] {
            let before = put(place, &[9, 9, 9, 9]);
            let error = unchanging.check().unwrap_err();
            assert!(
                matches!(error, ArchiveError::WrittenMeanwhile { .. }),
                "{error:?}"
            );
            put(place, &before);
            assert!(unchanging.check().is_ok());
        }
        // Another file in its place, with the same bytes and the same time.
        let copy = folder.path().join("copy.db");
        fs::copy(&path, &copy).unwrap();
        File::options()
            .write(true)
            .open(&copy)
            .unwrap()
            .set_modified(time)
            .unwrap();
        fs::rename(&copy, &path).unwrap();
        assert!(unchanging.check().is_err());
        // A log or a journal with content, and neither if it is empty.
        for suffix in ["-wal", "-journal"] {
            let (_, unchanging) = open(&path, |_| Ok(())).unwrap();
            fs::write(beside(&path, suffix), "").unwrap();
            assert!(unchanging.check().is_ok(), "{suffix}");
            fs::write(beside(&path, suffix), "content").unwrap();
            assert!(unchanging.check().is_err(), "{suffix}");
            fs::remove_file(beside(&path, suffix)).unwrap();
        }
    }

    #[test]
    fn a_moment_in_which_nobody_writes_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut writer = Writer::open(&path).unwrap();
        writer
            .watch(crate::model::Guid::from_bytes([1; 16]), None)
            .unwrap();
        assert!(has_content(&beside(&path, "-wal")));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                std::thread::sleep(PAUSE);
                drop(writer);
            });
            open(&path, |_| Ok(())).unwrap();
        });
    }
}
