//! Names of the archive's files: where a path leads, and what SQLite and the sync keep beside the archive.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::error::{ArchiveError, io_error};

/// What stands behind the archive's name in the names of the files that belong to it: SQLite's log, its shared memory and
/// its rollback journal, and the lock of the sync.
pub const COMPANIONS: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];

/// The file that `path` leads to: absolute, symbolic links followed, also where the file is not there yet. So an archive
/// has one lock whatever it is called, and no name means something else to SQLite (`:memory:`, `file:a.db?mode=memory`).
///
/// # Errors
/// What the system refuses; an empty name, or one of a device; links that lead in a circle.
pub fn resolve(path: &Path) -> Result<PathBuf, ArchiveError> {
    let failed = |error| io_error("find", path)(error);
    if path.as_os_str().is_empty() {
        return Err(failed(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "its name is empty",
        )));
    }
    if let Some(device) = device_of(path) {
        let why = format!("Windows takes {device} for a device");
        return Err(failed(std::io::Error::new(
            std::io::ErrorKind::InvalidFilename,
            why,
        )));
    }
    let mut file = std::path::absolute(path).map_err(failed)?;
    // A link that leads nowhere yet is followed by hand, as the system does when it makes the file.
    for _ in 0..MOST_LINKS {
        match dunce::canonicalize(&file) {
            Ok(canonical) => return Ok(canonical),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        match fs::read_link(&file) {
            Ok(target) => file = folder_of(&file).join(target),
            Err(_) => {
                let (folder, Some(name)) = (folder_of(&file), file.file_name()) else {
                    return Ok(file);
                };
                return Ok(match dunce::canonicalize(folder) {
                    Ok(folder) => folder.join(name),
                    Err(_) => file,
                });
            }
        }
    }
    Err(failed(std::io::Error::other(
        "its symbolic links lead in a circle",
    )))
}

/// Gives a new file to the owner of its folder, where root made it: what root began in the folder of the scheduled tasks
/// would be closed to their account. Where it cannot be given, it stays root's.
#[cfg(unix)]
pub fn give_to_owner_of_folder(file: &fs::File, path: &Path) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if rustix::process::geteuid().is_root()
        && let Ok(folder) = fs::metadata(folder_of(path))
    {
        let _ = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
}

/// Windows: a file inherits its folder's rights.
#[cfg(not(unix))]
pub const fn give_to_owner_of_folder(_: &fs::File, _: &Path) {}

/// Symbolic links that are followed by hand; Linux gives up at 40 too.
const MOST_LINKS: u32 = 40;

/// The path with `suffix` behind its file name, as SQLite names its companions.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn has_content(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.len() > 0)
}

/// `file:` URI of the absolute path, as SQLite reads it on Unix and Windows, with an option for a file that no other
/// process writes.
pub(super) fn nobody_else_uri(path: &Path, option: &str) -> Result<String, ArchiveError> {
    let absolute = std::path::absolute(path).map_err(io_error("find", path))?;
    // Byte by byte, so that on Unix a name that is not UTF-8 is the same one.
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

/// The folder of a file.
pub(crate) fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The path as it is compared with others: Windows does not mind letter case.
pub(crate) fn comparable(path: PathBuf) -> PathBuf {
    match cfg!(windows) {
        true => PathBuf::from(path.to_string_lossy().to_lowercase()),
        false => path,
    }
}

/// The device that Windows takes a file or a folder of the path for; `None` on other systems.
pub(crate) fn device_of(path: &Path) -> Option<String> {
    device_on_windows(path).filter(|_| cfg!(windows))
}

fn device_on_windows(path: &Path) -> Option<String> {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    path.components().find_map(|component| {
        let Component::Normal(name) = component else {
            return None;
        };
        // In whatever folder, with whatever extension or stream, and with blanks behind it.
        let stem = name.to_str()?.split(['.', ':']).next()?;
        let stem = stem.trim_end().to_ascii_uppercase();
        let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
        let is_port = port.is_some_and(|number| {
            // The Latin-1 superscripts count too.
            [
                "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u{b9}", "\u{b2}", "\u{b3}",
            ]
            .contains(&number)
        });
        (is_port || DEVICES.contains(&stem.as_str())).then_some(stem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices_are_known_and_names_like_them_are_not() {
        for (path, device) in [
            ("NUL", Some("NUL")),
            ("reports/con.csv", Some("CON")),
            ("reports/con/a.csv", Some("CON")),
            ("prn.d/../a.csv", Some("PRN")),
            ("Com7.2026.csv", Some("COM7")),
            ("lpt\u{b2}", Some("LPT\u{b2}")),
            ("conout$", Some("CONOUT$")),
            ("aux .csv", Some("AUX")),
            ("console.csv", None),
            ("com0.csv", None),
            ("com10.csv", None),
            ("a.nul", None),
        ] {
            assert_eq!(device_on_windows(Path::new(path)).as_deref(), device, "{path}");
        }
    }
}
