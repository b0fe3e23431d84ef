//! `jobruns export`.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use crate::archive::{NAMES_FOR_ANALYSTS, ReadOnly};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::dir::{OutputDir, exit_of};
use crate::cli::output::target::PathContext;
use crate::cli::terminal::cancel::Cancel;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::counted;
use crate::lake::{self, Lake, LakeError, SiteName};
use crate::model::{Instant, Zone};
use crate::report::export::{self, ExportOptions};
use crate::report::format::{Format, Style};
use crate::report::{ReportMeta, local_day};

/// Exports the archive for other engines: as a lake of Parquet files, or as JSON Lines
///
/// As Parquet, the folder is a lake: a folder per table, with messages by month and runs by year, and _manifest.json,
/// which names the files that belong to it. Every further export brings the lake up to date: it writes only the
/// partitions that changed, and nothing where nothing is new. An export that is killed leaves the lake as it was.
///
/// As JSON Lines, one file per table is written, such as runs.jsonl, with every row and column. All files are of the same
/// state of the archive, even while a sync writes. A file is replaced only once the new one is complete. If one table
/// cannot be written, the others still are, and the exit code is 3; it is 1 if none could be written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns export --output-dir lake
  jobruns export --output-dir lake --check
  jobruns export --format jsonl --table runs --table messages --output-dir exported")]
pub(crate) struct ExportArgs {
    /// A lake of Parquet files, or JSON Lines
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "parquet",
        ignore_case = true,
        value_enum
    )]
    format: ExportFormat,

    /// The folder for the files, created if missing; {date} in its name is replaced by today's date [default:
    /// jobruns-lake, or jobruns-export for JSON Lines]
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<PathBuf>,

    /// Name of this archive's part of a lake that several archives share
    #[arg(long, value_name = "NAME", help_heading = "Parquet")]
    site: Option<SiteName>,

    /// Rewrites every file of the lake
    #[arg(long, help_heading = "Parquet")]
    full: bool,

    /// Writes nothing, but reads every file of the lake against the manifest, and the manifest against the archive;
    /// findings end with code 3
    #[arg(long, conflicts_with = "full", help_heading = "Parquet")]
    check: bool,

    /// Exports only this table; may be given several times
    #[arg(long = "table", value_name = "NAME", ignore_case = true, value_parser = PossibleValuesParser::new(NAMES_FOR_ANALYSTS), conflicts_with_all = ["site", "full", "check"], help_heading = "JSON Lines")]
    tables: Vec<String>,

    /// Writes FILE.manifest.json beside each file: SHA-256, rows, columns, ledger head, versions, time
    #[arg(long, conflicts_with_all = ["site", "full", "check"], help_heading = "JSON Lines")]
    manifest: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ExportFormat {
    Parquet,
    Jsonl,
}

pub(crate) fn run(args: &ExportArgs, archive: &Path, console: &Console) -> Result<Exit, Failure> {
    let place = PathContext {
        folder: None,
        today: local_day(Zone::UTC, Instant::now()),
    };
    let folder = |default: &str| {
        let folder = args.output_dir.as_deref();
        place.resolve(folder.unwrap_or(Path::new(default)))
    };
    let wrong_usage = |flags: &str, format: &str| {
        let message = format!("{flags} can be used with --format {format} only");
        Err(Failure::new(Exit::WrongUsage, message))
    };
    match args.format {
        ExportFormat::Parquet if args.manifest || !args.tables.is_empty() => {
            wrong_usage("--table and --manifest", "jsonl")
        }
        ExportFormat::Jsonl if args.site.is_some() || args.full || args.check => {
            wrong_usage("--site, --full and --check", "parquet")
        }
        ExportFormat::Parquet => {
            let lake = Lake::new(folder("jobruns-lake"), args.site.clone());
            bring_up_to_date(&lake, args, archive)
        }
        ExportFormat::Jsonl => write_lines(&folder("jobruns-export"), &place, args, archive, console),
    }
}

fn bring_up_to_date(lake: &Lake, args: &ExportArgs, archive: &Path) -> Result<Exit, Failure> {
    let cancel = Cancel::listen(true)?;
    let is_cancelled = || cancel.is_cancelled();
    let reader = ReadOnly::open(archive)?;
    cancel.interrupts(&reader);
    let archive_id = reader.archive_id()?;
    let snapshot = reader.snapshot()?;
    let folder = lake.folder().display();
    if args.check {
        let checked = reader.confirmed(lake::check(&snapshot, archive_id, lake, &is_cancelled))?;
        for finding in &checked.findings {
            tracing::error!("{finding}");
        }
        let behind = match checked.newer_entries {
            0 => "the ledger has no newer entries".to_owned(),
            newer => format!("the ledger has {newer} newer entries, which the next export brings"),
        };
        let is_sound = checked.findings.is_empty();
        let count = checked.findings.len();
        let outcome = if is_sound {
            "no findings".to_owned()
        } else {
            format!(
                "{}, which `jobruns export --full` mends",
                counted(count as u64, "finding")
            )
        };
        tracing::info!(
            "{folder}: {} with {} checked, {outcome}; {behind}",
            counted(checked.files, "file"),
            counted(checked.rows, "row")
        );
        return Ok(if is_sound { Exit::Done } else { Exit::Findings });
    }
    let exported = lake::export(&snapshot, archive_id, lake, args.full, &is_cancelled);
    let exported = reader.confirmed(exported)?;
    if exported.files_written == 0 {
        tracing::info!(
            "{folder} is up to date: {} in {}",
            counted(exported.rows, "row"),
            counted(exported.files, "file")
        );
    } else {
        tracing::info!(
            "{folder} is up to date: {} with {} written, {} deleted; {} in {}",
            counted(exported.files_written, "file"),
            counted(exported.rows_written, "row"),
            counted(exported.files_removed, "superseded file"),
            counted(exported.rows, "row"),
            counted(exported.files, "file")
        );
    }
    Ok(Exit::Done)
}

fn write_lines(
    folder: &Path,
    place: &PathContext<'_>,
    args: &ExportArgs,
    archive: &Path,
    console: &Console,
) -> Result<Exit, Failure> {
    let is_wanted = |name: &&str| {
        let mut wanted = args.tables.iter();
        args.tables.is_empty() || wanted.any(|table| table.eq_ignore_ascii_case(name))
    };
    let tables: Vec<&str> = NAMES_FOR_ANALYSTS.into_iter().filter(is_wanted).collect();
    let cancel = Cancel::listen(true)?;
    let folder = OutputDir::open(folder, place, Format::JSONL, Style::default(), args.manifest)?;
    let reader = ReadOnly::open(archive)?;
    cancel.interrupts(&reader);
    let snapshot = reader.snapshot()?;
    let results = folder.write_each(
        &tables,
        &cancel,
        console,
        |table| table,
        |table| Ok(ReportMeta::new(&snapshot, "export", &ExportOptions { table })),
        |table, printer| printer.rows(|rows| reader.confirmed(export::write(&snapshot, table, rows))),
    )?;
    Ok(exit_of(&results))
}

impl From<LakeError> for Failure {
    fn from(error: LakeError) -> Self {
        let exit = match &error {
            LakeError::Archive(error) => return Self::from(error),
            LakeError::Cancelled => Exit::Interrupted,
            LakeError::Folder { .. } | LakeError::NotALake { .. } | LakeError::NoLake { .. } => {
                Exit::WrongUsage
            }
            _ => Exit::NotDone,
        };
        let hint = match &error {
            LakeError::Folder { .. } => Some("name another folder with --output-dir."),
            LakeError::NotALake { .. } => Some("name an empty or a new folder with --output-dir."),
            LakeError::NoLake { .. } => {
                Some("name the folder of a lake; without --check, `jobruns export` makes one.")
            }
            LakeError::Manifest { .. } => {
                Some("restore the manifest, or delete the folder and export again.")
            }
            LakeError::NewerLayout { .. } => Some("use that version, or export to another folder."),
            LakeError::OtherArchive { .. } => {
                Some("check --archive and --output-dir; archives that share a lake each need a --site.")
            }
            LakeError::UnknownHead { .. } => Some(
                "`jobruns verify --head` with that head says more; `jobruns export --full` rewrites the lake from this archive.",
            ),
            LakeError::Locked { .. } => Some("wait until it has ended, then run it again."),
            _ => None,
        };
        let hint = hint.map(str::to_owned);
        Self::of(exit, &error, hint)
    }
}
