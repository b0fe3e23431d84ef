//! `jobruns status`.

mod clock;
mod findings;
mod freshness;

use std::path::Path;
use std::time::Duration;

use self::freshness::{ArchiveState, Freshness, Limits, MaxSilence};
use crate::archive::ReadOnly;
use crate::cli::failure::{Exit, Failure};
use crate::cli::monitoring::{exposition, metrics};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::{
    TerminalColumn, or_dash, print_result, print_text, table, width_to_fit, yes_or_no,
};
use crate::cli::watch_list::report_unwatched;
use crate::config::{MonitoringSettings, Sources, TableOrJson};
use crate::model::{Instant, parse_duration, parse_positive_duration, show_rounded};
use crate::text::at_most;

pub(crate) use self::findings::check;

/// Shows how fresh the archive is, per job
///
/// Shows the last complete answer, the last error, the number of runs and the newest run of each job. A complete answer
/// is one to a sync with --fetch full or auto, so with auto it may have had the latest runs alone; --format json has
/// the last one with all runs too (last_synced_at). With --max-age, the exit code is 3 if the last complete answer of a
/// watched job is older, if there was none, or if no job is watched. It is always 3 if the last sync lies in the future, or if the clock was set back before a sync of the last two days; with
/// --max-age or --max-silence also if the clock was 5 minutes or more from the server's at the last sync.
///
/// A watched job that has stopped is named: at its last complete answer, its last run had begun more than 2.5 times its
/// usual (median) interval before. With --max-silence auto the exit code is then 3; with a duration, if the last run of
/// a watched job had begun longer before.
///
/// Where the server's purge age is known, the last line says until when the next complete sync must have run so that no
/// run is purged before it is archived. Once that time has passed, the exit code is 3 with --max-age or --max-silence.
///
/// Runs that the server stopped listing early are named on the morning after the sync that noticed it: deleted at the
/// server, most likely. With --vanished, the exit code is then 3. `jobruns report vanished` has all of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns status
  jobruns status --max-age 26h --max-silence auto --vanished
  jobruns status --max-age 26h --format json")]
pub(crate) struct StatusArgs {
    /// Maximum age of the last complete answer of a watched job, such as 26h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<Duration>,

    /// Maximum time from the last run of a watched job to its last complete answer, such as 3d, or auto for 2.5 times its
    /// usual interval
    #[arg(long, value_name = "DURATION|auto")]
    max_silence: Option<MaxSilence>,

    /// Ends with 3 if, at its last complete answer, runs of a watched job had vanished before their purge age
    #[arg(long)]
    vanished: bool,

    /// The age at which the server purges runs, such as 90d [default: learned from the runs that it stopped listing]
    #[arg(long, env = "JOBRUNS_PURGE_AGE", value_name = "DURATION", value_parser = parse_positive_duration)]
    purge_age: Option<Duration>,

    /// The output format [default: table]; prometheus is metrics in Prometheus' text format
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<StatusFormat>,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,

    #[command(flatten)]
    pub(crate) monitoring: MonitoringSettings,
}

/// What it prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum StatusFormat {
    /// Text for people.
    Table,
    /// JSON for programs.
    Json,
    /// Metrics for Prometheus.
    Prometheus,
}

pub(crate) fn run(
    args: &StatusArgs,
    sources: &Sources<'_>,
    archive: &Path,
    console: &Console,
) -> Result<Exit, Failure> {
    let now = Instant::now();
    let state = ReadOnly::open(archive)?
        .settled(|reader| reader.confirmed(ArchiveState::read(reader, args.purge_age, now)))?;
    let limits = Limits {
        max_age: args.max_age,
        max_silence: args.max_silence,
        vanished: args.vanished,
    };
    let (jobs, clock_findings) = state.freshness(&limits, sources, now)?;
    let text = || text(&jobs, args.wide);
    match args.format {
        Some(StatusFormat::Prometheus) => {
            let (metrics, _) = metrics::of_archive(archive, sources, args.purge_age)?;
            print_text(&exposition::write(&metrics))?;
        }
        Some(StatusFormat::Json) => print_result(console, Some(TableOrJson::Json), text, &jobs)?,
        Some(StatusFormat::Table) => print_result(console, Some(TableOrJson::Table), text, &jobs)?,
        None => print_result(console, None, text, &jobs)?,
    }
    report_unwatched(&ReadOnly::open(archive)?.server_jobs()?, |job_id| {
        jobs.iter().any(|job| job.watched && job.job_id == job_id)
    });
    findings::report_removals(&ReadOnly::open(archive)?.snapshot()?.removals()?);
    Ok(findings::report(&jobs, &clock_findings, &limits))
}

fn text(jobs: &[Freshness], is_wide: bool) -> String {
    let columns = [
        TerminalColumn::Text("job"),
        TerminalColumn::Text("watched"),
        TerminalColumn::Text("last complete answer"),
        TerminalColumn::Number("age"),
        TerminalColumn::Number("runs"),
        TerminalColumn::Text("newest run"),
        TerminalColumn::Text("last error"),
    ];
    let cells = |job: &Freshness| {
        let age = job
            .age_seconds
            .map(|age| show_rounded(Duration::from_secs(age.unsigned_abs())));
        let last_error = job.last_error.as_deref();
        vec![
            job.title.clone(),
            yes_or_no(job.watched),
            or_dash(job.last_answered_at.as_deref()),
            if job.last_sync_in_future {
                "in the future".to_owned()
            } else if job.overdue == Some(true) {
                "overdue".to_owned()
            } else {
                or_dash(age.as_deref())
            },
            job.runs.to_string(),
            or_dash(job.newest_run_at.as_deref()),
            or_dash(last_error.map(|error| at_most(error, MAX_ERROR_WIDTH)).as_deref()),
        ]
    };
    table(&columns, jobs.iter().map(cells), width_to_fit(is_wide))
}

/// The most characters of an error that the table shows; JSON has all of it.
const MAX_ERROR_WIDTH: usize = 80;
