//! A folder of files that are made in one go, of the same state of the archive.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::output::target::{OutputTarget, PathContext};
use crate::cli::terminal::cancel::Cancel;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::counted;
use crate::report::format::{Format, Style};
use crate::report::{Printer, ReportError, ReportMeta, Written};

/// A folder that is there, and how files in it are written.
pub(crate) struct OutputDir {
    path: PathBuf,
    format: Format,
    style: Style,
    manifests: bool,
}

impl OutputDir {
    /// Makes the folder, before any work is done.
    ///
    /// # Errors
    /// Wrong usage: a folder that cannot be made.
    pub(crate) fn open(
        path: &Path,
        place: &PathContext<'_>,
        format: Format,
        style: Style,
        manifests: bool,
    ) -> Result<Self, Failure> {
        let path = place.resolve(path);
        fs::create_dir_all(&path).map_err(|error| {
            let message = format!("could not make the folder {}", path.display());
            Failure::new(Exit::WrongUsage, message)
                .caused_by(&error)
                .with_hint(hints::output(&error))
        })?;
        Ok(Self {
            path,
            format,
            style,
            manifests,
        })
    }

    /// Writes a file for each of `things`, named by `name`, and says what was written of each: whatever goes wrong with one
    /// of them is reported at once, and the others are written.
    ///
    /// # Errors
    /// The wish to stop.
    pub(crate) fn write_each<T>(
        &self,
        things: &[T],
        cancel: &Cancel,
        console: &Console,
        name: impl Fn(&T) -> &str,
        meta: impl Fn(&T) -> Result<ReportMeta, ReportError>,
        produce: impl Fn(&T, Printer<'_>) -> Result<Written, ReportError>,
    ) -> Result<Vec<Option<Written>>, Failure> {
        let mut results = Vec::new();
        for thing in things {
            let written = meta(thing)
                .map_err(Failure::from)
                .and_then(|meta| self.write(name(thing), meta, cancel, |printer| produce(thing, printer)));
            match written {
                Ok(written) => results.push(Some(written)),
                Err(failure) if failure.exit() == Exit::Interrupted => return Err(failure),
                Err(failure) => {
                    console.report(&failure.about(&format!("{}: ", name(thing))));
                    results.push(None);
                }
            }
        }
        Ok(results)
    }

    /// The name of the file that [`Self::write`] writes for a thing.
    pub(crate) fn file_name(&self, name: &str) -> String {
        format!("{name}.{}", self.format.extension)
    }

    /// Whether each file has a manifest.
    pub(crate) const fn has_manifests(&self) -> bool {
        self.manifests
    }

    /// In which format files are written, and what that leaves open.
    pub(crate) const fn form(&self) -> (Format, &Style) {
        (self.format, &self.style)
    }

    /// Writes a file.
    pub(crate) fn write(
        &self,
        name: &str,
        meta: ReportMeta,
        cancel: &Cancel,
        produce: impl FnOnce(Printer<'_>) -> Result<Written, ReportError>,
    ) -> Result<Written, Failure> {
        let file = self.path.join(self.file_name(name));
        let target = OutputTarget::file(&file, self.manifests, self.format, self.style.clone())?;
        let written = target.write(meta, cancel, produce)?;
        tracing::info!("{}: {}", file.display(), counted(written.rows, "row"));
        Ok(written)
    }
}

/// How the writing of several files ended.
pub(crate) fn exit_of(results: &[Option<Written>]) -> Exit {
    match results.iter().flatten().count() {
        0 => Exit::NotDone,
        all if all == results.len() => Exit::Done,
        _ => Exit::Findings,
    }
}
