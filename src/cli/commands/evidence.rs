//! `jobruns evidence`.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::Digest;

use crate::archive::{ExtractError, HeadFileError, ReadOnly, read_heads};
use crate::cli::commands::verify::parse_head;
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::output::{Output, in_use};
use crate::cli::terminal::cancel::Cancel;
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::table::{counted, print_result};
use crate::config::{Sources, TableOrJson, parse_line};
use crate::evidence::{EvidenceError, MadePackage, PackageOptions, SampleOptions, make};
use crate::model::{Instant, Sha256, hex};
use crate::report::options::{PurgeAgeFlag, ScopeArgs};
use crate::report::reports::sample;
use crate::text::grouped;

/// Makes a package of evidence for an outside auditor, who needs neither the archive nor this program to check it
///
/// The package is one ZIP file: the runs of the jobs that started in the span, as CSV files; the bytes that the server
/// sent for them; the lines of the ledger that prove that no run was left out; a workpaper; a page that explains it all
/// (README.html); and two programs that check it, one in Python and one in a browser. Everything is as of the head of one
/// sync, so the same head and options give the same package. It holds no name, message or asset of another job.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns evidence --job Nightly --quarter 2026-Q1 --output nightly-2026-Q1.zip
  jobruns evidence --job Nightly --year 2025 --sample 25 --seed \"audit 2026\" --output nightly.zip
  jobruns evidence --year 2025 --redact-owners --prepared-by \"J. Doe, IT\" --output 2025.zip

Exit codes: 0 the package is there; 1 it was not made: no run is in the span, runs were removed from it after the head, or the archive cannot be read; 2 wrong usage: the head is not that of a sync of this archive, an unknown job, no file can be written there.")]
pub(crate) struct EvidenceArgs {
    /// The package to write, which gets its name when it is complete
    #[arg(short, long, value_name = "PACK.zip")]
    output: PathBuf,

    #[command(flatten)]
    scope: ScopeArgs,

    /// Draws a sample of so many runs, as `report sample` does, for the workpaper
    #[arg(long, value_name = "N", requires = "seed", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Sample")]
    sample: Option<u64>,

    /// The text that decides which runs are drawn: agree on it before anybody sees the runs
    #[arg(long, value_name = "TEXT", requires = "sample", value_parser = sample::seed, help_heading = "Sample")]
    seed: Option<String>,

    /// How many runs more to draw, which take the place of those that cannot be tested
    #[arg(
        long,
        value_name = "N",
        requires = "sample",
        default_value_t = 0,
        help_heading = "Sample"
    )]
    spare: u64,

    #[command(flatten)]
    purge_age: PurgeAgeFlag,

    /// Leaves out owners of assets and who acted, and with them the bytes that the server sent: what runs and messages say
    /// can then not be checked
    #[arg(long)]
    redact_owners: bool,

    /// Everything as it was at this head of a sync [default: that of the sync that ended last]
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    head: Option<Sha256>,

    /// A list of heads kept elsewhere, to say whether it has the head of the package [config: head_file]
    #[arg(long, value_name = "FILE")]
    head_file: Option<PathBuf>,

    /// Makes the package even if there is no run in the span
    #[arg(long)]
    allow_empty: bool,

    /// Who prepared the package, for the page and the workpaper
    #[arg(long, value_name = "TEXT", value_parser = parse_line)]
    prepared_by: Option<String>,

    /// The output format of the summary [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<TableOrJson>,
}

#[derive(Serialize)]
struct EvidenceSummary {
    path: String,
    #[serde(flatten)]
    made: MadePackage,
    bytes: u64,
    sha256: String,
    #[serde(skip)]
    sample_size: Option<u64>,
    /// Whether a list of heads has the head; null where there is no list.
    head_listed: Option<bool>,
}

pub(crate) fn run(
    args: &EvidenceArgs,
    sources: &Sources<'_>,
    archive: &Path,
    console: &Console,
) -> Result<Exit, Failure> {
    let now = Instant::now();
    let options = PackageOptions {
        common: args.scope.options(now)?,
        head: args.head,
        sample: args
            .sample
            .zip(args.seed.clone())
            .map(|(size, seed)| SampleOptions {
                size,
                seed,
                spare: args.spare,
            }),
        redacts_owners: args.redact_owners,
        allows_empty: args.allow_empty,
        prepared_by: args.prepared_by.clone(),
        purge_age: args.purge_age.purge_age,
    };
    let list = in_use::head_file(args.head_file.as_ref(), sources)?;
    let cancel = Cancel::listen(true)?;
    let reader = ReadOnly::open(archive)?;
    let output = Output::open_private(&args.output, archive)?;
    let file = output.file().ok_or_else(|| {
        let message = format!("cannot write a package to {}", args.output.display());
        Failure::new(Exit::WrongUsage, message).with_hint("name a file with --output.")
    })?;
    cancel.interrupts(&reader);
    let snapshot = reader.snapshot()?;
    let made = make(&snapshot, &options, BufWriter::new(file), &|| {
        cancel.is_cancelled()
    });
    let made = match reader.confirm().map_err(EvidenceError::from).and(made) {
        Err(EvidenceError::Write(error)) => return Err(output.failed(&error)),
        made => made?,
    };
    let (bytes, sha256) = digest(file).map_err(|error| output.failed(&error))?;
    let list = list.map(|list| list.path);
    let head_listed = list.as_deref().map(|list| is_listed(list, &made)).transpose()?;
    output.finish()?;
    let summary = EvidenceSummary {
        path: args.output.display().to_string(),
        made,
        bytes,
        sha256: hex(&sha256),
        sample_size: args.sample,
        head_listed,
    };
    print_result(console, args.format, || text(&summary), &summary)?;
    if head_listed != Some(true) {
        let sync = summary.made.sync_id;
        let why = match list {
            None => "no list of heads is known here (--head-file)".to_owned(),
            Some(list) => format!("{} does not have it", list.display()),
        };
        tracing::warn!(
            "the head of sync {sync} is not known to be lodged elsewhere: {why}. Without that the package proves only that it agrees with itself. Hand the head to somebody else now, in a mail or a ticket: {}",
            summary.made.head
        );
    }
    Ok(Exit::Done)
}

fn text(summary: &EvidenceSummary) -> String {
    let MadePackage {
        head,
        sync_id,
        head_at,
        jobs,
        runs,
        payloads,
        files,
        population,
        drawn,
        complete,
        purge_age_assumed,
        removed,
        ..
    } = &summary.made;
    let complete = if *purge_age_assumed {
        "not proved: for how long the server keeps runs is only assumed (--purge-age tells it)"
    } else if *complete {
        "proved: every run of the span is in it"
    } else {
        "not proved for all of the span: README.html and gaps.csv say for which parts"
    };
    let sample = match population.zip(*drawn) {
        Some((population, drawn)) => {
            let sample = drawn.min(summary.sample_size.unwrap_or_default());
            let runs = counted(sample, "run");
            format!(
                "sample    {runs} and {} spare, drawn from {}\n",
                grouped(drawn - sample),
                grouped(population)
            )
        }
        None => String::new(),
    };
    let removed = match removed {
        0 => String::new(),
        removed => format!(
            "removed   {} by a retention rule before the head, so not in it\n",
            counted(*removed, "run")
        ),
    };
    format!(
        "package   {}\nruns      {} of {}, with {}\n{removed}{sample}complete  {complete}\nhead      {head} (sync {sync_id}, {head_at})\nfiles     {}\nSHA-256   {} ({})\n",
        shown(&summary.path),
        grouped(*runs),
        counted(*jobs, "job"),
        counted(*payloads, "payload"),
        grouped(*files),
        summary.sha256,
        counted(summary.bytes, "byte")
    )
}

/// Length and SHA-256 of a whole file.
fn digest(mut file: &File) -> io::Result<(u64, Sha256)> {
    file.rewind()?;
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hash.finalize().into()));
        }
        bytes += read as u64;
        hash.update(&buffer[..read]);
    }
}

/// Whether a list has the head of the package as one of its archive.
fn is_listed(list: &Path, made: &MadePackage) -> Result<bool, Failure> {
    let failed = |error: HeadFileError| {
        let hint = hints::head_file(&error).to_owned();
        Failure::of(Exit::WrongUsage, &error, Some(hint))
    };
    let heads = read_heads(list).map_err(failed)?.heads;
    let is_it = |line: &crate::archive::PublishedHead| {
        hex(&line.head) == made.head
            && line
                .archive
                .is_none_or(|archive| archive.to_string() == made.archive_id)
    };
    Ok(heads.iter().any(is_it))
}

impl From<EvidenceError> for Failure {
    fn from(error: EvidenceError) -> Self {
        let (exit, hint) = match &error {
            EvidenceError::Extract(ExtractError::Archive(error)) => return Self::from(error),
            EvidenceError::Report(_) => {
                let EvidenceError::Report(error) = error else {
                    unreachable!("just matched")
                };
                return Self::from(error);
            }
            EvidenceError::Extract(ExtractError::NoSync) => (Exit::NotDone, "run `jobruns sync` first."),
            EvidenceError::Extract(ExtractError::UnknownHead { .. }) => (
                Exit::WrongUsage,
                "`jobruns query \"SELECT sync_id, finished_at, head FROM syncs\"` lists the heads of the syncs; a head of a former state of a restored archive is not among them.",
            ),
            EvidenceError::Extract(ExtractError::NotOfSync { .. }) => {
                (Exit::WrongUsage, "give the head of a sync with --head.")
            }
            EvidenceError::Extract(ExtractError::JobNotKnown { .. }) => (
                Exit::WrongUsage,
                "give a later --head, or leave it out for that of the last sync.",
            ),
            EvidenceError::Extract(ExtractError::RemovedSince { newer, .. }) => {
                let hint = match newer {
                    Some((sync, head)) => format!(
                        "give --head {}, with which sync {sync} ended, or a later one: its ledger proves the removal.",
                        hex(head)
                    ),
                    None => "run `jobruns sync`: the head of that sync will prove the removal.".to_owned(),
                };
                return Self::of(Exit::NotDone, &error, Some(hint));
            }
            EvidenceError::Extract(ExtractError::NotBound { .. }) => {
                (Exit::NotDone, "give the head of another sync with --head.")
            }
            EvidenceError::Empty { .. } => (
                Exit::NotDone,
                "look at the span and the jobs (`jobruns report coverage`); --allow-empty makes a package without runs.",
            ),
            EvidenceError::Cancelled => return Self::of(Exit::Interrupted, &error, None),
            EvidenceError::Write(_) => return Self::of(Exit::NotDone, &error, None),
        };
        Self::of(exit, &error, Some(hint.to_owned()))
    }
}
