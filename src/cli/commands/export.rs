//! `jobruns export`.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use crate::archive::{NAMES_FOR_ANALYSTS, ReadOnly};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::dir::{OutputDir, exit_of};
use crate::cli::output::target::PathContext;
use crate::cli::terminal::cancel::Cancel;
use crate::cli::terminal::console::Console;
use crate::model::{Instant, Zone};
use crate::report::export::{self, ExportOptions};
use crate::report::format::{Format, Style};
use crate::report::options::one_of;
use crate::report::{ReportMeta, local_day};

/// Exports the tables as JSON Lines or Parquet, for other engines
///
/// Writes one file per table, such as runs.parquet, with every row and column, including purged runs and messages. All
/// files are of the same state of the archive, even while a sync writes. A file is replaced only once the new one is
/// complete. Values are those of the tables: times are UTC text. Bytes in quarantine are binary in Parquet and
/// hexadecimal text in JSON Lines. If one table cannot be written, the others still are, and the exit code is 3; it is
/// 1 if none could be written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns export --format parquet
  jobruns export --format parquet --output-dir 'lake/{date}' --manifest
  jobruns export --table runs --table messages --output-dir exported")]
pub(crate) struct ExportArgs {
    /// JSON Lines, or Parquet compressed with Zstandard
    #[arg(long, value_name = "FORMAT", default_value = "jsonl", ignore_case = true, value_parser = one_of(&FORMATS, |format| format.name))]
    format: Format,

    /// The folder for the files, created if missing; {date} in its name is replaced by today's date
    #[arg(long, value_name = "FOLDER", default_value = "jobruns-export")]
    output_dir: PathBuf,

    /// Exports only this table; may be given several times
    #[arg(long = "table", value_name = "NAME", ignore_case = true, value_parser = PossibleValuesParser::new(NAMES_FOR_ANALYSTS))]
    tables: Vec<String>,

    /// Writes FILE.manifest.json beside each file: SHA-256, rows, columns, ledger head, versions, time
    #[arg(long)]
    manifest: bool,
}

/// In which the tables can be had.
static FORMATS: [Format; 2] = [Format::JSONL, Format::PARQUET];

pub(crate) fn run(args: &ExportArgs, archive: &Path, console: &Console) -> Result<Exit, Failure> {
    let is_wanted = |name: &&str| {
        let mut wanted = args.tables.iter();
        args.tables.is_empty() || wanted.any(|table| table.eq_ignore_ascii_case(name))
    };
    let tables: Vec<&str> = NAMES_FOR_ANALYSTS.into_iter().filter(is_wanted).collect();
    let place = PathContext {
        folder: None,
        today: local_day(Zone::UTC, Instant::now()),
    };
    let cancel = Cancel::listen(true)?;
    let folder = OutputDir::open(
        &args.output_dir,
        &place,
        args.format,
        Style::default(),
        args.manifest,
    )?;
    let reader = ReadOnly::open(archive)?;
    cancel.interrupts(&reader);
    let snapshot = reader.snapshot()?;
    let results = folder.write_each(
        &tables,
        &cancel,
        console,
        |table| table,
        |table| ReportMeta::new(&snapshot, "export", &ExportOptions { table }),
        |table, printer| printer.rows(|rows| reader.confirmed(export::write(&snapshot, table, rows))),
    )?;
    Ok(exit_of(&results))
}
