//! `jobruns report all`.

use std::path::PathBuf;

use super::list::every_report;
use crate::archive::ReadOnly;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::dir::{OutputDir, exit_of};
use crate::cli::output::rows::FormArgs;
use crate::cli::output::target::PathContext;
use crate::cli::terminal::cancel::Cancel;
use crate::cli::terminal::console::Console;
use crate::report::format::Format;
use crate::report::html::index;
use crate::report::options::CommonArgs;
use crate::report::{CommonOptions, ReportMeta, Written};

/// Every report, each in its own file
///
/// All reports are of the same state of the archive, even while a sync writes. A file is named after its report, such
/// as failure-trends.csv, and replaced only once the new one is complete. If one report cannot be written, the others
/// still are, and the exit code is 3; it is 1 if none could be written. With --format html there is also an index.html
/// with a link to each report and its result in a sentence.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns report all --output-dir reports
  jobruns report all --output-dir "reports/{date}" --format xlsx --timezone Europe/Berlin
  jobruns report all --output-dir reports --excel --manifest --max-age 26h"#)]
pub(super) struct AllArgs {
    /// The folder for the files, created if missing; {date} in its name is replaced by today's date
    #[arg(long, value_name = "FOLDER", help_heading = "Output")]
    pub(super) output_dir: PathBuf,

    /// Writes FILE.manifest.json beside each: SHA-256, rows, columns, options, ledger head, how complete the jobs are known to be, versions, time
    #[arg(long, help_heading = "Output")]
    manifest: bool,

    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    form: FormArgs,
}

impl AllArgs {
    /// Makes the folder, before any work is done.
    pub(super) fn folder(&self, place: &PathContext<'_>) -> Result<OutputDir, Failure> {
        let (format, style) = self.form.form(Format::CSV, None)?;
        OutputDir::open(&self.output_dir, place, format, style, self.manifest)
    }

    /// Writes every report, and returns how that ended. If one of them fails, that is reported at once.
    pub(super) fn write(
        common: &CommonOptions,
        folder: &OutputDir,
        reader: &ReadOnly,
        cancel: &Cancel,
        console: &Console,
    ) -> Result<Exit, Failure> {
        let snapshot = &reader.snapshot()?;
        reader.confirmed(common.scope(snapshot))?;
        let reports = every_report(common);
        // The jobs of all of them are the same.
        let jobs = match reports.first() {
            Some(request) if folder.has_manifests() => reader.confirmed(request.completeness(snapshot))?,
            _ => Vec::new(),
        };
        let results = folder.write_each(
            &reports,
            cancel,
            console,
            |request| request.name(),
            |request| {
                let meta = reader.confirmed(request.meta(snapshot))?;
                let jobs = jobs.clone();
                Ok(ReportMeta { jobs, ..meta })
            },
            |request, printer| reader.confirmed(request.write(snapshot, printer)),
        )?;
        let (format, style) = folder.form();
        if format == Format::HTML {
            let names = reports.iter().map(|request| request.name());
            let entries: Vec<_> = names
                .zip(&results)
                .map(|(name, written)| (name, folder.file_name(name), written.as_ref()))
                .collect();
            let meta = ReportMeta::new(snapshot, "all", common);
            folder.write("index", meta, cancel, |printer| {
                let page = index(&style.heading, printer.meta, &entries);
                printer.out.write_all(page.as_bytes())?;
                Ok(Written {
                    rows: entries.len() as u64,
                    ..Written::default()
                })
            })?;
        }
        Ok(exit_of(&results))
    }
}
