//! `jobruns report`.

mod all;
mod common;
mod compare;
mod failures;
mod history;
mod lists;
mod overview;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::all::AllArgs;
use self::failures::{AssetErrorsArgs, FailureTrendsArgs};
use self::history::{ChangesArgs, CoverageArgs, MissedRunsArgs};
use self::lists::{MessagesArgs, RunsArgs};
use self::overview::OverviewArgs;
use super::console::Console;
use super::destination::{Place, tell_empty};
use super::failure::{Exit, Failure};
use super::halt::Halt;
use super::rows::RowsArgs;
use super::status;
use crate::archive::ReadOnly;
use crate::config::parse_duration;
use crate::model::Instant;
use crate::report::{About, Common, Request, local_day};

/// Writes what the archive says, as rows
///
/// The same archive and options give the same bytes. Rows have a fixed order; new columns come only at the end.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report failure-trends --by month --timezone Europe/Berlin
  jobruns report asset-errors --since 30d --top 20 --output worst.csv --manifest
  jobruns report all --max-age 26h --output-dir reports")]
pub(super) struct ReportArgs {
    /// Ends with 3, after a loud word, where the last complete sync of a watched job (of one named by --job) is older than this, such as 26h; the report is written all the same
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse_duration, help_heading = "Output")]
    max_age: Option<Duration>,

    #[command(subcommand)]
    report: Which,
}

#[derive(Debug, clap::Subcommand)]
enum Which {
    #[command(flatten)]
    One(Named),
    All(AllArgs),
}

#[derive(Debug, clap::Subcommand)]
enum Named {
    FailureTrends(FailureTrendsArgs),
    AssetErrors(AssetErrorsArgs),
    Coverage(CoverageArgs),
    MissedRuns(MissedRunsArgs),
    Changes(ChangesArgs),
    Runs(RunsArgs),
    Messages(MessagesArgs),
    Overview(OverviewArgs),
}

/// What is to be written: one report, or all of them.
enum Asked<'a> {
    One(Request, &'a RowsArgs),
    All(&'a AllArgs, Common),
}

impl Named {
    fn request(&self, now: Instant) -> Result<Request, Failure> {
        match self {
            Self::FailureTrends(args) => args.request(now),
            Self::AssetErrors(args) => args.request(now),
            Self::Coverage(args) => args.request(now),
            Self::MissedRuns(args) => args.request(now),
            Self::Changes(args) => args.request(now),
            Self::Runs(args) => args.request(now),
            Self::Messages(args) => args.request(now),
            Self::Overview(args) => args.request(now),
        }
    }

    const fn rows(&self) -> &RowsArgs {
        match self {
            Self::FailureTrends(args) => &args.rows,
            Self::AssetErrors(args) => &args.rows,
            Self::Coverage(args) => &args.rows,
            Self::MissedRuns(args) => &args.rows,
            Self::Changes(args) => &args.rows,
            Self::Runs(args) => &args.rows,
            Self::Messages(args) => &args.rows,
            Self::Overview(args) => &args.rows,
        }
    }
}

impl Which {
    fn asked(&self, now: Instant) -> Result<Asked<'_>, Failure> {
        Ok(match self {
            Self::One(named) => Asked::One(named.request(now)?, named.rows()),
            Self::All(args) => Asked::All(args, args.common.options(now)?),
        })
    }
}

impl ReportArgs {
    /// Where it writes, as asked: a file, or a folder for all reports; `None` for standard output.
    ///
    /// # Errors
    /// Wrong usage: a time that is none.
    pub(super) fn target(&self, now: Instant) -> Result<Option<PathBuf>, Failure> {
        Ok(match self.report.asked(now)? {
            Asked::One(_, rows) => rows.file().map(Path::to_path_buf),
            Asked::All(args, _) => Some(args.output_dir.clone()),
        })
    }

    /// Writes what is asked for, and says how that ended; files lie in `folder`, where one is given.
    ///
    /// # Errors
    /// Wrong usage, an archive that cannot be read, a place that cannot be written, the wish to stop.
    pub(super) fn write(
        &self,
        archive: &Path,
        folder: Option<&Path>,
        now: Instant,
        halt: &Halt,
        console: &Console,
    ) -> Result<Exit, Failure> {
        let asked = self.report.asked(now)?;
        let zone = match &asked {
            Asked::One(request, _) => request.common().zone,
            Asked::All(_, common) => common.zone,
        };
        let place = Place {
            folder,
            today: local_day(zone, now),
        };
        // The place comes before the archive: that it cannot be written is told at once.
        let (exit, common, reader) = match &asked {
            Asked::One(request, rows) => {
                let mut destination = Some(rows.open(&place)?);
                let reader = ReadOnly::open(archive)?;
                let rows = reader.settled(|reader| {
                    let destination = destination.take().map_or_else(|| rows.open(&place), Ok)?;
                    halt.interrupts(reader);
                    let snapshot = reader.snapshot()?;
                    let about = About::new(&snapshot, request.name(), request.described());
                    destination.held_back_for(reader)?.write(about, halt, |rows| {
                        reader.confirmed(request.write(&snapshot, rows))
                    })
                })?;
                tell_empty(request.name(), rows);
                (Exit::Done, request.common(), reader)
            }
            Asked::All(args, common) => {
                let folder = args.folder(&place)?;
                let reader = ReadOnly::open(archive)?;
                halt.interrupts(&reader);
                let exit = AllArgs::write(common, &folder, &reader, halt, console)?;
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
fn freshness(reader: &ReadOnly, common: &Common, max_age: Duration, now: Instant) -> Result<Exit, Failure> {
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

pub(super) fn run(args: &ReportArgs, archive: &Path, console: &Console) -> Result<Exit, Failure> {
    let now = Instant::now();
    let halt = Halt::listen(args.target(now)?.is_some())?;
    args.write(archive, None, now, &halt, console)
}
