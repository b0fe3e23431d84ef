//! Where data goes: standard output, or a file that is whole or not there.
//!
//! A file is written beside its target under a temporary name and renamed at the end, so a failed or killed command
//! leaves the old file as it was. It is opened before the work begins: a folder, a missing folder or a place without
//! rights is told at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::failure::{Exit, Failure};
use super::in_use;

/// Bytes gathered before a write; reports are written cell by cell.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where data goes.
pub(super) struct Output {
    writer: BufWriter<Sink>,
    target: Option<PathBuf>,
}

enum Sink {
    Stdout(io::Stdout),
    /// A pipe or device, which cannot be replaced by a rename.
    Direct(File),
    Beside(NamedTempFile),
}

impl Output {
    /// Standard output.
    #[must_use]
    pub(super) fn stdout() -> Self {
        Self::new(Sink::Stdout(io::stdout()), None)
    }

    /// The file at `path`; `-` is standard output.
    ///
    /// # Errors
    /// Wrong usage, when `path` is a folder or nothing can be written there.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::stdout());
        }
        in_use::refuse(path)?;
        let refused = |error: &io::Error| {
            Failure::new(Exit::WrongUsage, format!("cannot write to {}", path.display())).caused_by(error)
        };
        // A link stays one: the file behind it is replaced.
        let target = match fs::canonicalize(path) {
            Ok(behind) if path.is_symlink() => behind,
            _ => path.to_path_buf(),
        };
        let existing = match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => {
                let words = format!("cannot write to {}: it is a folder", path.display());
                return Err(Failure::new(Exit::WrongUsage, words).with_hint("name a file in it."));
            }
            Ok(metadata) => {
                // A read-only file is not to be replaced, though a rename would not ask.
                let file = OpenOptions::new()
                    .write(true)
                    .open(&target)
                    .map_err(|error| refused(&error))?;
                if !metadata.is_file() {
                    return Ok(Self::new(Sink::Direct(file), Some(target)));
                }
                Some(metadata.permissions())
            }
            Err(_) => None,
        };
        let beside = create_beside(&target, existing).map_err(|error| refused(&error))?;
        Ok(Self::new(Sink::Beside(beside), Some(target)))
    }

    /// Writes what is still gathered, and gives the file its name.
    ///
    /// # Errors
    /// When something cannot be written; the old file is then as it was.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self { writer, target } = self;
        let failed = |error: &io::Error| of_write(target.as_deref(), error);
        let sink = writer.into_inner().map_err(|error| failed(error.error()))?;
        match (sink, &target) {
            (Sink::Beside(file), Some(path)) => {
                // On disk before it has the name: a power cut leaves the old file or the whole new one.
                file.as_file().sync_all().map_err(|error| failed(&error))?;
                persist(file, path).map_err(|error| failed(&error))
            }
            (mut sink, _) => sink.flush().map_err(|error| failed(&error)),
        }
    }

    /// The failure to write `error` stands for: a closed pipe is a quiet end.
    #[must_use]
    pub(super) fn failed(&self, error: &io::Error) -> Failure {
        of_write(self.target.as_deref(), error)
    }

    fn new(sink: Sink, target: Option<PathBuf>) -> Self {
        Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, sink),
            target,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::Direct(file) => file.write(bytes),
            Self::Beside(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::Direct(file) => file.flush(),
            Self::Beside(file) => file.flush(),
        }
    }
}

fn of_write(target: Option<&Path>, error: &io::Error) -> Failure {
    match target {
        None => Failure::of_stdout(error),
        Some(_) if error.kind() == io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        Some(path) => {
            let words = format!("could not write {}: {error}", path.display());
            Failure::new(Exit::NotDone, words).with_hint("the file that was there before is as it was.")
        }
    }
}

/// Gives the file its name, and the one that had it goes. Windows refuses that while another program reads, checks or
/// replaces the old one, so there it is tried for a second.
fn persist(mut file: NamedTempFile, path: &Path) -> io::Result<()> {
    const ACCESS_DENIED: i32 = 5;
    const SHARING_VIOLATION: i32 = 32;
    let mut waits = (1..=10).map(|times| Duration::from_millis(20 * times));
    loop {
        let refused = match file.persist(path) {
            Ok(_) => return Ok(()),
            Err(refused) => refused,
        };
        let is_held = cfg!(windows)
            && matches!(
                refused.error.raw_os_error(),
                Some(ACCESS_DENIED | SHARING_VIOLATION)
            );
        match waits.next() {
            Some(wait) if is_held => std::thread::sleep(wait),
            _ => return Err(refused.error),
        }
        file = refused.file;
    }
}

/// A temporary file in the folder of `target`, with the rights of the file that is there, else of a new file.
fn create_beside(target: &Path, existing: Option<fs::Permissions>) -> io::Result<NamedTempFile> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(target.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    prefix.push(".");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".tmp");
    rights_of_a_new_file(&mut builder);
    let file = builder.tempfile_in(folder)?;
    if let Some(permissions) = existing {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file)
}

/// What any program's new file gets: the umask's rights, not those of a private temporary file.
#[cfg(unix)]
fn rights_of_a_new_file(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

/// Windows: a file inherits its folder's rights.
#[cfg(not(unix))]
fn rights_of_a_new_file(_: &mut tempfile::Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_finished_file_has_its_name_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        for text in ["old", "new"] {
            let mut output = Output::open(&path).unwrap();
            output.write_all(text.as_bytes()).unwrap();
            output.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn an_unfinished_file_leaves_the_old_one_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        let mut output = Output::open(&path).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["out.csv"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for path in [
            folder.path().to_path_buf(),
            folder.path().join("none").join("out.csv"),
        ] {
            let failure = Output::open(&path).err().unwrap();
            assert_eq!(failure.exit(), Exit::WrongUsage, "{}", path.display());
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_rights_of_the_old_file_are_kept_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.csv");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut output = Output::open(&link).unwrap();
        output.write_all(b"new").unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let mut output = Output::open(Path::new("/dev/null")).unwrap();
        output.write_all(b"x").unwrap();
        output.finish().unwrap();
    }
}
