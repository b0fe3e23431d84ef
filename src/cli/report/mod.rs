//! `jobruns report`.

mod all;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::all::AllArgs;
use super::console::Console;
use super::destination::{Place, tell_empty};
use super::failure::{Exit, Failure};
use super::halt::Halt;
use super::rows::RowsArgs;
use super::status;
use crate::archive::Reader;
use crate::model::{Instant, parse_duration};
use crate::report::definition::Report;
use crate::report::options::CommonArgs;
use crate::report::page::Present;
use crate::report::reports::{
    AssetErrors, Changes, Coverage, FailureTrends, Messages, MissedRuns, OverviewReport, Runs,
};
use crate::report::{CommonOptions, Ready, Request, local_day};

/// Makes a subcommand of each report.
macro_rules! reports {
    ($($report:ident),* $(,)?) => {
        #[derive(Debug, clap::Subcommand)]
        enum Named {
            $(#[command(name = <$report as Report>::NAME)] $report(NamedArgs<$report>),)*
        }

        impl Named {
            fn asked(&self, now: Instant) -> Result<Asked<'_>, Failure> {
                match self {
                    $(Self::$report(args) => args.asked(now),)*
                }
            }
        }

        /// Every report, with the options that all have and otherwise as it is without any.
        fn every_report(common: &CommonOptions) -> Vec<Box<dyn Request>> {
            vec![$(Box::new(Ready::<$report>::plain(common)),)*]
        }
    };
}

// Every report, in the order of the help.
reports! {
    FailureTrends,
    AssetErrors,
    Coverage,
    MissedRuns,
    Changes,
    Runs,
    Messages,
    OverviewReport,
}

// The flags of a report: its own, those of all reports, and those of its output. Not a doc comment: the help of the command
// is the report's own.
#[derive(Debug, clap::Args)]
struct NamedArgs<R: clap::Args> {
    #[command(flatten)]
    report: R,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

impl<R: Present + Clone + clap::Args> NamedArgs<R> {
    fn asked(&self, now: Instant) -> Result<Asked<'_>, Failure> {
        let common = self.common.options(now)?;
        let request = Ready::new(self.report.clone(), common, now)?;
        Ok(Asked::One(Box::new(request), &self.rows))
    }
}

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
    One(Box<Named>),
    All(AllArgs),
}

/// What is to be written: one report, or all of them.
enum Asked<'a> {
    One(Box<dyn Request>, &'a RowsArgs),
    All(&'a AllArgs, CommonOptions),
}

impl Which {
    fn asked(&self, now: Instant) -> Result<Asked<'_>, Failure> {
        Ok(match self {
            Self::One(named) => named.asked(now)?,
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
                let destination = rows.open(&place)?;
                let reader = Reader::open(archive)?;
                halt.interrupts(&reader);
                let snapshot = reader.snapshot()?;
                let rows = destination.write(request.meta(&snapshot), halt, |printer| {
                    reader.confirmed(request.write(&snapshot, printer))
                })?;
                tell_empty(request.name(), rows);
                drop(snapshot);
                (Exit::Done, request.common(), reader)
            }
            Asked::All(args, common) => {
                let folder = args.folder(&place)?;
                let reader = Reader::open(archive)?;
                halt.interrupts(&reader);
                let snapshot = reader.snapshot()?;
                let exit = AllArgs::write(common, &folder, &snapshot, halt, console)?;
                drop(snapshot);
                reader.confirm()?;
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
    reader: &Reader,
    common: &CommonOptions,
    max_age: Duration,
    now: Instant,
) -> Result<Exit, Failure> {
    let mut states = reader.job_states()?;
    if !common.jobs.is_empty() {
        let scope = common.scope(&reader.snapshot()?)?;
        let named = |job_id: &str| {
            scope
                .names()
                .iter()
                .any(|job| job.job_id == job_id && scope.has_job(job.job_key))
        };
        states.retain(|state| named(&state.job.job_id));
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
