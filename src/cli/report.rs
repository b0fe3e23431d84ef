//! `jobruns report`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono_tz::Tz;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::console::Console;
use super::destination::Place;
use super::failure::{Exit, Failure};
use super::halt::Halt;
use super::report_all::AllArgs;
use super::report_compare::CompareArgs;
use super::report_history::{ChangesArgs, CoverageArgs, MissedRunsArgs};
use super::report_overview::OverviewArgs;
use super::report_rows::{AboutArgs, MessagesArgs, RunsArgs};
use super::rows::RowsArgs;
use super::status;
use crate::archive::Reader;
use crate::config::parse_duration;
use crate::model::Instant;
use crate::report::asset_errors::{self, Category, GroupBy};
use crate::report::{
    About, By, Common, Request, UnknownTimeZone, failure_trends, local_day, read_moment, read_zone,
};

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

/// What every report can be asked.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What counts")]
pub(super) struct CommonArgs {
    /// Only what is not before: 2024-03-01 (midnight in the zone), 2024-03-01T06:00:00Z, or 30d, 12w, 6mo, 2y ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only what is before: like --since
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// The zone that decides which day something belongs to (IANA); instants in cells stay UTC
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    timezone: Tz,

    /// Only this job, by GUID or name; may be given several times
    #[arg(long = "job", value_name = "ID|NAME")]
    jobs: Vec<String>,

    /// Messages that their run no longer has count too
    #[arg(long)]
    include_absent: bool,
}

/// How often runs failed, period by period
///
/// One row per period and job that had a run. A run belongs to the period in which it started, in the zone asked for.
/// failure_rate is (faulted + aborted) / (completed + faulted + aborted). Runs without a start come last, unless --since
/// or --until is given.
///
/// With --compare a row is a job: runs, failures and failure_rate before and now, and by how much they changed; trend is
/// new, gone, worse, better, same, or unknown where nothing finished.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report failure-trends
  jobruns report failure-trends --since 30d --compare
  jobruns report failure-trends --by week --all-jobs --fill --since 26w
  jobruns report failure-trends --job Nightly --excel --output trends.csv")]
struct FailureTrendsArgs {
    /// How long a period is; weeks begin on Monday
    #[arg(long, value_name = "PERIOD", default_value = "day", ignore_case = true, value_parser = one_of(&By::ALL, By::name), conflicts_with_all = ["compare", "compare_since"])]
    by: By,

    /// One row per period over all jobs
    #[arg(long)]
    all_jobs: bool,

    /// A row for each period of each job, zeros and empty cells where nothing ran
    #[arg(long, conflicts_with_all = ["compare", "compare_since"])]
    fill: bool,

    #[command(flatten)]
    compare: CompareArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

/// What goes wrong with which asset
///
/// One row per asset and type, the worst first: by errors, then by messages. Messages about no asset are a row with an
/// empty asset. --since and --until look at the message's own time, or at its run's start where it has none.
///
/// With --compare a row has messages and errors before and now, by how much they changed, and whether the asset is new, gone,
/// worse, better or the same; what grew most comes first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report asset-errors --since 2024-03-01 --until 2024-04-01 --compare --top 20
  jobruns report asset-errors --top 20
  jobruns report asset-errors --group-by message --since 30d
  jobruns report asset-errors --category error --category warning --format json")]
struct AssetErrorsArgs {
    /// At most so many rows
    #[arg(long, value_name = "N")]
    top: Option<u64>,

    /// Only rows with at least so many errors
    #[arg(long, value_name = "N", default_value_t = 0)]
    min: u64,

    /// Only messages of this category; may be given several times
    #[arg(long = "category", value_name = "NAME", ignore_case = true, value_parser = one_of(&Category::ALL, Category::name))]
    categories: Vec<Category>,

    #[command(flatten)]
    about: AboutArgs,

    /// What a row is about
    #[arg(long, value_name = "WHAT", default_value = "asset", ignore_case = true, value_parser = one_of(&GroupBy::ALL, GroupBy::name))]
    group_by: GroupBy,

    #[command(flatten)]
    compare: CompareArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

fn zone(text: &str) -> Result<Tz, UnknownTimeZone> {
    read_zone(text)
}

/// One of a few words, in any letter case.
pub(super) fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: &'static [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = all.map(name);
    PossibleValuesParser::new(names).map(move |word| {
        let meant = all
            .iter()
            .copied()
            .find(|&value| name(value).eq_ignore_ascii_case(&word));
        meant.expect("only words of the list are let through")
    })
}

/// The instant that a flag names, where it is given.
pub(super) fn moment(
    flag: &str,
    text: Option<&str>,
    zone: Tz,
    now: Instant,
) -> Result<Option<Instant>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let instant = read_moment(text, zone, now)
        .map_err(|error| Failure::new(Exit::WrongUsage, format!("{flag}: {error}")))?;
    tracing::debug!("{flag} {text} = {instant}");
    Ok(Some(instant))
}

impl CommonArgs {
    pub(super) fn options(&self, now: Instant) -> Result<Common, Failure> {
        Ok(Common {
            since: moment("--since", self.since.as_deref(), self.timezone, now)?,
            until: moment("--until", self.until.as_deref(), self.timezone, now)?,
            zone: self.timezone,
            jobs: self.jobs.clone(),
            include_absent: self.include_absent,
        })
    }
}

/// What is to be written: one report, or all of them.
enum Asked<'a> {
    One(Request, &'a RowsArgs),
    All(&'a AllArgs, Common),
}

impl Named {
    fn request(&self, now: Instant) -> Result<Request, Failure> {
        Ok(match self {
            Self::FailureTrends(args) => {
                let mut common = args.common.options(now)?;
                Request::FailureTrends(failure_trends::Options {
                    compare: args.compare.span(&mut common, now)?,
                    common,
                    by: args.by,
                    all_jobs: args.all_jobs,
                    fill: args.fill,
                })
            }
            Self::AssetErrors(args) => {
                let mut common = args.common.options(now)?;
                Request::AssetErrors(asset_errors::Options {
                    compare: args.compare.span(&mut common, now)?,
                    common,
                    top: args.top,
                    min: args.min,
                    categories: args.categories.clone(),
                    about: args.about.wanted(),
                    group_by: args.group_by,
                })
            }
            Self::Coverage(args) => return args.request(now),
            Self::MissedRuns(args) => return args.request(now),
            Self::Changes(args) => return args.request(now),
            Self::Runs(args) => return args.request(now),
            Self::Messages(args) => return args.request(now),
            Self::Overview(args) => return args.request(now),
        })
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
            archive,
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
                let about = About::new(&snapshot, request.name(), request.described());
                destination.write(about, halt, |rows| request.write(&snapshot, rows))?;
                drop(snapshot);
                (Exit::Done, request.common(), reader)
            }
            Asked::All(args, common) => {
                let folder = args.folder(&place)?;
                let reader = Reader::open(archive)?;
                halt.interrupts(&reader);
                let snapshot = reader.snapshot()?;
                let exit = args.write(common, &folder, &snapshot, halt, console)?;
                drop(snapshot);
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
fn freshness(reader: &Reader, common: &Common, max_age: Duration, now: Instant) -> Result<Exit, Failure> {
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
