//! `jobruns report all`.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::console::Console;
use super::super::destination::{Destination, Place};
use super::super::failure::{Exit, Failure};
use super::super::halt::Halt;
use super::super::rows::FormArgs;
use super::common::CommonArgs;
use crate::archive::Snapshot;
use crate::report::render::{Format, Style};
use crate::report::{About, Common, Request};

/// Every report, each into a file of its own
///
/// All tell of the same state of the archive, even while a sync writes. A file is named for its report, such as
/// failure-trends.csv, and replaced when the new one is whole. Where one report cannot be written the others are, and
/// the exit code is 3; it is 1 where none could.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report all --output-dir reports
  jobruns report all --output-dir 'reports/{date}' --format xlsx --timezone Europe/Berlin
  jobruns report all --output-dir reports --excel --manifest --max-age 26h")]
pub(super) struct AllArgs {
    /// The folder for the files, made where it is not there; {date} in its name is today
    #[arg(long, value_name = "FOLDER", help_heading = "Output")]
    pub(super) output_dir: PathBuf,

    /// Writes FILE.manifest.json beside each: SHA-256, rows, columns, options, ledger head, versions, time
    #[arg(long, help_heading = "Output")]
    manifest: bool,

    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    form: FormArgs,
}

/// A folder that is there, and how files in it are written.
pub(super) struct Folder<'p> {
    path: PathBuf,
    archive: &'p Path,
    format: Format,
    style: Style,
}

impl AllArgs {
    /// Makes the folder, before any work is done.
    ///
    /// # Errors
    /// Wrong usage: a folder that cannot be made, options that contradict the format.
    pub(super) fn folder<'p>(&self, place: &Place<'p>) -> Result<Folder<'p>, Failure> {
        let (format, style) = self.form.form(Format::Csv, None)?;
        let path = place.resolve(&self.output_dir);
        fs::create_dir_all(&path).map_err(|error| {
            let words = format!("could not make the folder {}", path.display());
            Failure::new(Exit::WrongUsage, words).caused_by(&error)
        })?;
        Ok(Folder {
            path,
            archive: place.archive,
            format,
            style,
        })
    }

    /// Writes every report, and says how that ended. What went wrong with one of them is told at once.
    ///
    /// # Errors
    /// Wrong usage, which would go wrong with each; the wish to stop.
    pub(super) fn write(
        &self,
        common: &Common,
        folder: &Folder<'_>,
        snapshot: &Snapshot<'_>,
        halt: &Halt,
        console: &Console,
    ) -> Result<Exit, Failure> {
        common.scope(snapshot)?;
        let requests = Request::all(common);
        let mut written = 0;
        for request in &requests {
            match self.one(request, folder, snapshot, halt) {
                Ok(()) => written += 1,
                Err(failure) if failure.exit() == Exit::Interrupted => return Err(failure),
                Err(failure) => console.tell(&failure.about(&format!("{}: ", request.name()))),
            }
        }
        Ok(match written {
            0 => Exit::NotDone,
            all if all == requests.len() => Exit::Done,
            _ => Exit::Findings,
        })
    }

    fn one(
        &self,
        request: &Request,
        folder: &Folder<'_>,
        snapshot: &Snapshot<'_>,
        halt: &Halt,
    ) -> Result<(), Failure> {
        let name = format!("{}.{}", request.name(), folder.format.extension());
        let file = folder.path.join(name);
        let destination =
            Destination::file(&file, self.manifest, folder.archive, folder.format, folder.style)?;
        let about = About::new(snapshot, request.name(), request.described());
        let rows = destination.write(about, halt, |rows| request.write(snapshot, rows))?;
        tracing::info!("{}: {rows} rows", file.display());
        Ok(())
    }
}
