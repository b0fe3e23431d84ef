//! `jobruns report`.

mod all;
mod list;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::all::AllArgs;
use self::list::OneReport;
use crate::archive::ReadOnly;
use crate::cli::commands::status;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::rows::RowsArgs;
use crate::cli::output::target::{PathContext, tell_remarks};
use crate::cli::terminal::cancel::Cancel;
use crate::cli::terminal::console::Console;
use crate::model::{Instant, parse_duration};
use crate::report::{CommonOptions, Request, local_day};

/// Writes reports: failure trends, errors per asset, coverage, and more
///
/// The same archive and options give the same bytes. Rows have a fixed order; new columns come only at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report failure-trends --by month --timezone Europe/Berlin
  jobruns report asset-errors --since 30d --top 20 --output worst.csv --manifest
  jobruns report all --max-age 26h --output-dir reports")]
pub(crate) struct ReportArgs {
    /// Warns and ends with 3 if the last complete answer of a watched job (or of a job given by --job) is older than
    /// this, such as 26h; the report is written anyway
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration, help_heading = "Output")]
    max_age: Option<Duration>,

    #[command(subcommand)]
    report: Which,
}

#[derive(Debug, clap::Subcommand)]
enum Which {
    #[command(flatten)]
    One(Box<OneReport>),
    All(Box<AllArgs>),
}

/// What is to be written: one report, or all of them.
enum Requested<'a> {
    One(Box<dyn Request>, &'a RowsArgs),
    All(&'a AllArgs, CommonOptions),
}

impl Which {
    fn requested(&self, now: Instant) -> Result<Requested<'_>, Failure> {
        Ok(match self {
            Self::One(report) => {
                let (request, rows) = report.request(now)?;
                Requested::One(request, rows)
            }
            Self::All(args) => Requested::All(args, args.common.options(now)?),
        })
    }
}

impl ReportArgs {
    /// Writes what is asked for where it is asked for.
    pub(crate) fn run(&self, archive: &Path, console: &Console) -> Result<Exit, Failure> {
        let now = Instant::now();
        let cancel = Cancel::listen(self.target(now)?.is_some())?;
        self.write(archive, None, now, &cancel, console)
    }

    /// Where it writes, as asked: a file, or a folder for all reports; `None` for standard output.
    pub(crate) fn target(&self, now: Instant) -> Result<Option<PathBuf>, Failure> {
        Ok(match self.report.requested(now)? {
            Requested::One(_, rows) => rows.file().map(Path::to_path_buf),
            Requested::All(args, _) => Some(args.output_dir.clone()),
        })
    }

    /// Writes what is asked for, and says how that ended; files lie in `folder`, where one is given.
    pub(crate) fn write(
        &self,
        archive: &Path,
        folder: Option<&Path>,
        now: Instant,
        cancel: &Cancel,
        console: &Console,
    ) -> Result<Exit, Failure> {
        let requested = self.report.requested(now)?;
        let zone = match &requested {
            Requested::One(request, _) => request.common().zone,
            Requested::All(_, common) => common.zone,
        };
        let place = PathContext {
            folder,
            today: local_day(zone, now),
        };
        // The place comes before the archive: that it cannot be written is reported at once.
        let (exit, common, reader) = match &requested {
            Requested::One(request, rows) => {
                let mut target = Some(rows.open(&place)?);
                let reader = ReadOnly::open(archive)?;
                let (format, written) = reader.settled(|reader| {
                    let target = target.take().map_or_else(|| rows.open(&place), Ok)?;
                    cancel.interrupts(reader);
                    let snapshot = reader.snapshot()?;
                    let mut meta = reader.confirmed(request.meta(&snapshot))?;
                    if target.has_manifest() {
                        meta.jobs = reader.confirmed(request.completeness(&snapshot))?;
                    }
                    let format = target.format();
                    let written = target.held_back_for(reader)?.write(meta, cancel, |printer| {
                        reader.confirmed(request.write(&snapshot, printer))
                    })?;
                    Ok::<_, Failure>((format, written))
                })?;
                tell_remarks(request.name(), format, &written);
                (Exit::Done, request.common(), reader)
            }
            Requested::All(args, common) => {
                let folder = args.folder(&place)?;
                let reader = ReadOnly::open(archive)?;
                cancel.interrupts(&reader);
                let exit = AllArgs::write(common, &folder, &reader, cancel, console)?;
                (exit, common, reader)
            }
        };
        let fresh = match self.max_age {
            Some(max_age) => freshness(&reader, common, max_age, now)?,
            None => Exit::Done,
        };
        Ok(if exit == Exit::Done { fresh } else { exit })
    }
}

/// Whether what was reported is fresh: of the jobs that were named, else of all that are watched.
fn freshness(
    reader: &ReadOnly,
    common: &CommonOptions,
    max_age: Duration,
    now: Instant,
) -> Result<Exit, Failure> {
    let mut states = reader.job_states()?;
    if !common.jobs.is_empty() {
        let scope = reader.settled(|reader| reader.confirmed(common.scope(&reader.snapshot()?)))?;
        let names = scope.names().iter();
        let named: HashSet<&str> = names
            .filter(|job| scope.has_job(job.job_key))
            .map(|job| job.job_id.as_str())
            .collect();
        states.retain(|state| named.contains(state.job.job_id.as_str()));
        for state in &mut states {
            // Who names a job wants it fresh, watched or not.
            state.job.watched = true;
        }
    }
    Ok(status::check(states, max_age, now))
}
