//! The identity of a file, whatever name it is opened by.

use std::fs::{self, File};
use std::io;
use std::path::Path;

#[cfg(target_os = "linux")]
use super::paths::folder_of;

/// The volume a file lies on and its number there: the same by every name of the file, and another one for a file that
/// took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity {
    volume: u64,
    number: u64,
}

impl FileIdentity {
    /// The file at `path`, links followed.
    pub fn of(path: &Path) -> io::Result<Self> {
        look(path).map(|(identity, _)| identity)
    }

    /// An open file.
    pub fn of_open(file: &File) -> io::Result<Self> {
        #[cfg(unix)]
        return Ok(of_metadata(&file.metadata()?).0);
        #[cfg(windows)]
        return Ok(of_handle(file)?.0);
    }
}

/// How many names (hard links) the file at `path` has.
pub(super) fn names(path: &Path) -> io::Result<u64> {
    look(path).map(|(_, names)| names)
}

/// Whether the file is mounted by itself (`mount --bind file other`): then it has another name somewhere, and its folder is not
/// the one that SQLite keeps its log in.
#[cfg(target_os = "linux")]
pub(super) fn is_mounted_alone(file: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    let mount = |path: &Path| {
        let found = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
        // Kernels before 5.8 do not say.
        StatxFlags::from_bits_retain(found.stx_mask)
            .contains(StatxFlags::MNT_ID)
            .then_some(found.stx_mnt_id)
    };
    matches!((mount(file), mount(folder_of(file))), (Some(file), Some(folder)) if file != folder)
}

/// Only Linux mounts single files.
#[cfg(not(target_os = "linux"))]
pub(super) const fn is_mounted_alone(_file: &Path) -> bool {
    false
}

/// Without opening the file: closing a second handle gives up all locks that this process, and SQLite in it, has on it.
#[cfg(unix)]
fn look(path: &Path) -> io::Result<(FileIdentity, u64)> {
    fs::metadata(path).map(|data| of_metadata(&data))
}

#[cfg(unix)]
fn of_metadata(data: &fs::Metadata) -> (FileIdentity, u64) {
    use std::os::unix::fs::MetadataExt;
    let identity = FileIdentity {
        volume: data.dev(),
        number: data.ino(),
    };
    (identity, data.nlink())
}

/// Only the handle of an open file tells its number, and closing one gives up no lock of another. It is opened for its
/// attributes alone, which needs no right to read it and is in nobody's way.
#[cfg(windows)]
fn look(path: &Path) -> io::Result<(FileIdentity, u64)> {
    use std::os::windows::fs::OpenOptionsExt;
    of_handle(&fs::OpenOptions::new().access_mode(0).open(path)?)
}

#[cfg(windows)]
fn of_handle(file: &File) -> io::Result<(FileIdentity, u64)> {
    let data = winapi_util::file::information(file)?;
    let identity = FileIdentity {
        volume: data.volume_serial_number(),
        number: data.file_index(),
    };
    Ok((identity, data.number_of_links()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_every_name_and_another_one_in_its_place_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, other] = ["file", "link", "other"].map(|name| folder.path().join(name));
        fs::write(&file, "").unwrap();
        let open = File::open(&file).unwrap();
        let identity = FileIdentity::of(&file).unwrap();
        assert_eq!(FileIdentity::of_open(&open).unwrap(), identity);
        assert_eq!(names(&file).unwrap(), 1);
        drop(open);
        fs::hard_link(&file, &link).unwrap();
        assert_eq!(FileIdentity::of(&link).unwrap(), identity);
        assert_eq!((names(&file).unwrap(), names(&link).unwrap()), (2, 2));
        // Made while the other is there, so that its number is not given again.
        fs::write(&other, "").unwrap();
        fs::rename(&other, &file).unwrap();
        assert_ne!(FileIdentity::of(&file).unwrap(), identity);
        assert_eq!(FileIdentity::of(&link).unwrap(), identity);
    }
}
