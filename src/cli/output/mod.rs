//! Where data goes: standard output, or a file that is whole or not there.
//!
//! A file is written beside its target under a temporary name and renamed at the end, so a failed or killed command
//! leaves the old file as it was. It is opened before the work begins: a folder, a missing folder or a place without
//! rights is reported at once.

pub(crate) mod dated;
pub(crate) mod device;
pub(crate) mod dir;
pub(crate) mod in_use;
pub(crate) mod publish;
pub(crate) mod rows;
pub(crate) mod target;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use crate::archive::{Access, AtomicFile, resolve, wait_while_held};
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;

/// Bytes gathered before a write; reports are written cell by cell.
const BUFFER_BYTES: usize = 64 * 1024;

/// Where data goes. What is still gathered when it is dropped is not written: a command that fails before the first rows
/// are out leaves standard output empty.
pub(crate) struct Output {
    sink: Sink,
    gathered: Vec<u8>,
    target: Option<PathBuf>,
    /// Where it is kept until [`Self::finish`], of a sink that gives nothing back.
    held_back: Option<File>,
}

enum Sink {
    Stdout(io::Stdout),
    /// A pipe or device, which cannot be replaced by a rename.
    Direct(File),
    Beside(AtomicFile),
}

impl Output {
    #[must_use]
    pub(crate) fn stdout() -> Self {
        Self::new(Sink::Stdout(io::stdout()), None)
    }

    /// The file at `path`; `-` is standard output.
    ///
    /// # Errors
    /// Wrong usage, when `path` is a folder or nothing can be written there.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_with(path, None)
    }

    /// The same for bytes out of the archive at `archive`, which only its readers may read.
    pub(crate) fn open_private(path: &Path, archive: &Path) -> Result<Self, Failure> {
        let permissions = fs::metadata(archive).map(|data| data.permissions());
        let access = permissions.map(Access::Like).map_err(|error| {
            Failure::new(Exit::NotDone, format!("could not look at {}", archive.display())).caused_by(&error)
        })?;
        Self::open_with(path, Some(access))
    }

    fn open_with(path: &Path, access: Option<Access>) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::stdout());
        }
        in_use::refuse(path)?;
        let refused = |error: &io::Error| {
            let message = format!("cannot write to {}", path.display());
            match hints::held(error) {
                // The command is right; it is the moment that is not.
                Some(hint) => Failure::new(Exit::NotDone, message).with_hint(hint),
                None => Failure::new(Exit::WrongUsage, message).with_hint(hints::output(error)),
            }
            .caused_by(error)
        };
        // A link stays one: the file behind it is replaced.
        let target = match resolve(path) {
            Ok(behind) if path.is_symlink() => behind,
            _ => path.to_path_buf(),
        };
        let existing = match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => {
                let message = format!("cannot write to {}: it is a folder", path.display());
                return Err(Failure::new(Exit::WrongUsage, message).with_hint("name a file in it."));
            }
            Ok(metadata) => {
                // A read-only file is not to be replaced, though a rename would not ask.
                let file = wait_while_held(|| OpenOptions::new().write(true).open(&target))
                    .map_err(|error| refused(&error))?;
                if !metadata.is_file() {
                    return Ok(Self::new(Sink::Direct(file), Some(target)));
                }
                Access::Like(metadata.permissions())
            }
            Err(_) => Access::Umask,
        };
        let beside =
            AtomicFile::begin(&target, access.unwrap_or(existing)).map_err(|error| refused(&error))?;
        Ok(Self::new(Sink::Beside(beside), Some(target)))
    }

    /// The file that is to get its name, for what is not written from its begin to its end; `None` where a pipe or a device
    /// takes the bytes.
    pub(crate) const fn file(&self) -> Option<&File> {
        match &self.sink {
            Sink::Beside(file) => Some(file.file()),
            Sink::Stdout(_) | Sink::Direct(_) => None,
        }
    }

    /// Lets nothing out before [`Self::finish`]: what is read from an archive without locks must be confirmed first.
    pub(crate) fn hold_back(&mut self) -> Result<(), Failure> {
        if !matches!(self.sink, Sink::Beside(_)) {
            let file = tempfile::tempfile().map_err(|error| {
                let folder = std::env::temp_dir();
                let message = format!("could not make a temporary file in {}", folder.display());
                Failure::new(Exit::NotDone, message).caused_by(&error)
            })?;
            self.held_back = Some(file);
        }
        Ok(())
    }

    /// Writes what is still gathered, and gives the file its name.
    ///
    /// # Errors
    /// When something cannot be written; the old file is then as it was.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.written()?.name()
    }

    /// As [`Self::finish`], for a file and the manifest that describes it. Two files cannot be renamed at once, so the old
    /// manifest is removed first: whenever this is interrupted, no manifest is left that describes another file.
    ///
    /// # Errors
    /// When something cannot be written; both old files are then as they were.
    pub(crate) fn finish_with_manifest(self, manifest: Self) -> Result<(), Failure> {
        let (file, manifest) = (self.written()?, manifest.written()?);
        let former = manifest
            .set_aside()
            .map_err(|error| of_write(manifest.target.as_deref(), &error))?;
        let (Some(former), Some(path)) = (former, manifest.target.clone()) else {
            file.name()?;
            return manifest.name();
        };
        let named = file.name();
        if named.is_err() {
            // It describes the file that is still there.
            drop(fs::rename(&former, path));
            return named;
        }
        manifest.name()?;
        // What stays is removed by the next one.
        drop(fs::remove_file(former));
        Ok(())
    }

    /// Writes what is still gathered, and brings it to the disk.
    fn written(mut self) -> Result<Self, Failure> {
        let written = self.write_out().and_then(|()| {
            if let Some(mut held) = self.held_back.take() {
                held.rewind()?;
                io::copy(&mut held, &mut self.sink)?;
            }
            match &mut self.sink {
                Sink::Beside(file) => file.prepare(),
                sink => sink.flush(),
            }
        });
        written.map_err(|error| self.failed(&error)).map(|()| self)
    }

    /// Gives the file its name.
    fn name(self) -> Result<(), Failure> {
        let Self { sink, target, .. } = self;
        match sink {
            Sink::Beside(file) => file
                .replace()
                .map_err(|error| of_write(target.as_deref(), &error)),
            _ => Ok(()),
        }
    }

    /// Takes the name from the file that has it; gives the one that it has now.
    fn set_aside(&self) -> io::Result<Option<PathBuf>> {
        match (&self.sink, &self.target) {
            (Sink::Beside(file), Some(path)) => file.set_aside(path),
            _ => Ok(None),
        }
    }

    /// The failure to write `error` stands for: a closed pipe is a quiet end.
    #[must_use]
    pub(crate) fn failed(&self, error: &io::Error) -> Failure {
        of_write(self.target.as_deref(), error)
    }

    fn new(sink: Sink, target: Option<PathBuf>) -> Self {
        Self {
            sink,
            gathered: Vec::with_capacity(BUFFER_BYTES),
            target,
            held_back: None,
        }
    }

    fn out(&mut self) -> &mut dyn Write {
        match &mut self.held_back {
            Some(file) => file,
            None => &mut self.sink,
        }
    }

    /// Writes what is gathered.
    fn write_out(&mut self) -> io::Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        self.out().write_all(&gathered)?;
        self.gathered = gathered;
        self.gathered.clear();
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + bytes.len() > BUFFER_BYTES {
            self.write_out()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            return self.out().write(bytes);
        }
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Nothing: some writers flush when they are dropped, after a failure too. [`Self::finish`] writes what is gathered.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
            let message = format!("could not write {}: {error}", path.display());
            let held = hints::held(error).map(|hint| format!("{hint} "));
            let hint = format!(
                "{}the file that was there before is as it was.",
                held.unwrap_or_default()
            );
            Failure::new(Exit::NotDone, message).with_hint(hint)
        }
    }
}

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
    fn no_step_leaves_a_manifest_beside_a_file_of_which_it_does_not_tell() {
        let folder = tempfile::tempdir().unwrap();
        let (path, beside) = (
            folder.path().join("out.csv"),
            folder.path().join("out.csv.manifest.json"),
        );
        let begun = |path: &Path, text: &str| {
            let mut output = Output::open(path).unwrap();
            output.write_all(text.as_bytes()).unwrap();
            output
        };
        let agree = || fs::read(&path).ok() == fs::read(&beside).ok() || !beside.exists();
        for text in ["old", "new"] {
            begun(&path, text)
                .finish_with_manifest(begun(&beside, text))
                .unwrap();
            assert!(beside.exists() && agree());
        }
        // The same steps one by one, as a kill after each of them would leave it.
        let (file, manifest) = (begun(&path, "newest"), begun(&beside, "newest"));
        let (file, manifest) = (file.written().unwrap(), manifest.written().unwrap());
        assert!(agree());
        let former = manifest.set_aside().unwrap();
        assert!(former.is_some() && agree());
        file.name().unwrap();
        assert!(agree());
        manifest.name().unwrap();
        assert!(beside.exists() && agree());
        // What was set aside is taken for a leftover.
        begun(&beside, "newest").finish().unwrap();
        let mut left = names(folder.path());
        left.sort();
        assert_eq!(left, ["out.csv", "out.csv.manifest.json"]);
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
    fn a_place_that_cannot_be_written_is_reported_at_once() {
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
    fn what_is_held_back_comes_out_at_the_end_or_not_at_all() {
        use std::io::Read;
        for ends in [false, true] {
            let (mut reader, writer) = io::pipe().unwrap();
            let sink = Sink::Direct(std::os::fd::OwnedFd::from(writer).into());
            let mut output = Output::new(sink, None);
            output.hold_back().unwrap();
            let text = vec![b'x'; 3 * BUFFER_BYTES / 2];
            // More than is gathered, and less than a pipe takes.
            output.write_all(&text[..BUFFER_BYTES / 2]).unwrap();
            output.write_all(&text[BUFFER_BYTES / 2..]).unwrap();
            let mut come = Vec::new();
            if ends {
                std::thread::scope(|threads| {
                    threads.spawn(|| output.finish().unwrap());
                    reader.read_to_end(&mut come).unwrap();
                });
                assert!(come == text);
            } else {
                drop(output);
                reader.read_to_end(&mut come).unwrap();
                assert!(come.is_empty());
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_not_replaced() {
        let mut output = Output::open(Path::new("/dev/null")).unwrap();
        output.write_all(b"x").unwrap();
        output.finish().unwrap();
    }
}
