//! Reports that are written after each sync: the `[[export]]` entries of the config file.
//!
//! An entry says what `jobruns report` can be asked, an option a key; it is read as those words, so that whatever a
//! report can do an entry can.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::cli::commands::report::ReportArgs;
use crate::cli::entries;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::in_use;
use crate::cli::terminal::cancel::Cancel;
use crate::cli::terminal::console::Console;
use crate::config::{Export, Sources};
use crate::model::Instant;
use crate::sync::Cancellation;

/// The arguments of an entry.
#[derive(Debug, Parser)]
#[command(
    name = "export",
    no_binary_name = true,
    disable_help_flag = true,
    disable_help_subcommand = true
)]
struct ExportEntryArgs {
    #[command(flatten)]
    report: ReportArgs,
}

/// What is written after each sync.
#[derive(Default)]
pub(crate) struct ExportEntries {
    /// The folder of the config file, to which paths in it are relative.
    folder: PathBuf,
    entries: Vec<ExportEntry>,
}

struct ExportEntry {
    /// Where it stands, and what it is.
    title: String,
    report: ReportArgs,
    /// The file, as named.
    target: PathBuf,
}

impl ExportEntries {
    /// Reads the entries, before a sync begins.
    ///
    /// # Errors
    /// Wrong usage: an entry that means no report or names no file, two with the same file.
    pub(crate) fn of(sources: &Sources<'_>) -> Result<Self, Failure> {
        let Some(file) = sources.file() else {
            return Ok(Self::default());
        };
        let mut targets: HashMap<PathBuf, usize> = HashMap::new();
        let mut entries = Vec::new();
        for export in file.exports() {
            let place = format!("{}:{}", file.path().display(), export.line);
            let refused = |why: String| Failure::new(Exit::WrongUsage, format!("{place}: [[export]]: {why}"));
            let report = read(export, sources, &refused)?;
            let target = report
                .target(Instant::now())
                .map_err(|failure| failure.about(&format!("{place}: [[export]]: ")))?
                .ok_or_else(|| refused("it names no file".to_owned()).with_hint("add output = \"FILE\"."))?;
            let path = file.resolve(&target);
            in_use::refuse(&path).map_err(|failure| failure.about(&format!("{place}: [[export]]: ")))?;
            if let Some(line) = targets.insert(in_use::located(&path), export.line) {
                return Err(refused(format!(
                    "it writes the same file as the one in line {line}"
                )));
            }
            entries.push(ExportEntry {
                title: format!("[[export]] {} ({place})", export.report),
                report,
                target,
            });
        }
        tracing::debug!("{} reports are written after each sync", entries.len());
        Ok(Self {
            folder: file.resolve(Path::new("")),
            entries,
        })
    }

    /// The files that they write, as they are named today.
    pub(crate) fn targets(&self) -> Vec<PathBuf> {
        let targets = self.entries.iter().map(|entry| &entry.target);
        targets.map(|target| self.folder.join(target)).collect()
    }

    /// Writes them all, and says how that ended: done, or with findings where one of them could not be written or is not
    /// fresh. What went wrong is reported at once, and stops none of the others.
    pub(crate) fn write(&self, archive: &Path, cancellation: &Cancellation, console: &Console) -> Exit {
        let cancel = Cancel::by(cancellation.clone());
        let mut exit = Exit::Done;
        for entry in &self.entries {
            let folder = Some(self.folder.as_path());
            match entry
                .report
                .write(archive, folder, Instant::now(), &cancel, console)
            {
                Ok(Exit::Done) => tracing::info!("written: {}", entry.title),
                Ok(_) => exit = Exit::Findings,
                Err(failure) => {
                    console.report(&failure.about(&format!("{}: ", entry.title)));
                    exit = Exit::Findings;
                }
            }
            if cancellation.is_cancelled() {
                return Exit::Interrupted;
            }
        }
        exit
    }
}

/// Reads an entry as a command line would be: what it leaves open is taken from environment and config file.
fn read(
    export: &Export,
    sources: &Sources<'_>,
    refused: &dyn Fn(String) -> Failure,
) -> Result<ReportArgs, Failure> {
    match entries::parse::<ExportEntryArgs>(&export.arguments, sources)? {
        Ok((arguments, _)) => Ok(arguments.report),
        Err(message) => Err(refused(message).with_hint(
            "its keys are report and the options of `jobruns report NAME --help`, with _ in place of -.",
        )),
    }
}
