//! `jobruns hold`.

use std::path::Path;

use serde::Serialize;

use crate::archive::{AddedHold, HoldRow, ReadOnly, Writer};
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::{TerminalColumn, counted, or_dash, print, print_result, width_to_fit};
use crate::config::{TableOrJson, parse_line};
use crate::model::{Guid, Instant, Zone};
use crate::report::CommonOptions;
use crate::report::options::read_time;

/// Manages legal holds: runs that `jobruns retain` must not remove, whatever their age
///
/// A hold covers the runs whose time from start to end meets its span, those that are archived later too. Holds and their
/// release are recorded in the ledger, with who, when and why.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns hold add --reason "litigation 2026/17" --job "Nightly Windows servers" --since 2019-01-01 --until 2021-01-01
  jobruns hold list
  jobruns hold release 1 --reason "litigation 2026/17 was settled"

Exit codes: 0 done; 1 there is no such hold, or it would cover nothing; 2 wrong usage."#)]
pub(crate) struct HoldArgs {
    #[command(subcommand)]
    action: HoldAction,
}

#[derive(Debug, clap::Subcommand)]
enum HoldAction {
    Add(AddHoldArgs),
    /// Lists the holds, released ones too
    List {
        /// The output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: TableOrJson,
        /// Shows all columns and whole cells on a terminal, however narrow it is
        #[arg(long)]
        wide: bool,
    },
    /// Releases a hold
    Release {
        /// The number, as listed
        #[arg(value_name = "ID")]
        id: i64,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT", value_parser = parse_line)]
        reason: String,
    },
}

/// Adds a hold: one for each job named, or one for every job
#[derive(Debug, clap::Args)]
struct AddHoldArgs {
    /// The reason, for the record
    #[arg(long, value_name = "TEXT", value_parser = parse_line)]
    reason: String,

    /// Only runs of this job, by its GUID (or the first 8 digits of it, or more) or by its name; may be given several times
    #[arg(long = "job", value_name = "ID|NAME")]
    jobs: Vec<String>,

    /// Only runs that ended at this time or later: 2024-03-01 (midnight UTC), 2024-03-01T06:00:00Z, or 30d, 12w, 6mo, 2y ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Only runs that started before this time, written as for --since
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// The output format [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<TableOrJson>,
}

#[derive(Serialize)]
struct Added {
    hold_id: i64,
    job_id: Option<String>,
    /// Runs of the archive that it covers now.
    runs: u64,
}

pub(crate) fn run(args: &HoldArgs, archive: &Path, console: &Console) -> Result<Exit, Failure> {
    match &args.action {
        HoldAction::Add(args) => add(args, archive, console)?,
        HoldAction::List { format, wide } => list(archive, *format, *wide)?,
        HoldAction::Release { id, reason } => {
            Writer::open_existing(archive)?.release_hold(*id, reason)?;
            tracing::info!(hold_id = id, "hold {id} is released");
        }
    }
    Ok(Exit::Done)
}

fn add(args: &AddHoldArgs, archive: &Path, console: &Console) -> Result<(), Failure> {
    let now = Instant::now();
    let time = |flag, text: &Option<String>| read_time(flag, text.as_deref(), Zone::default(), now);
    let options = CommonOptions {
        since: time("--since", &args.since)?,
        until: time("--until", &args.until)?,
        jobs: args.jobs.clone(),
        ..CommonOptions::default()
    };
    if options.since.is_some() && options.since == options.until {
        let message = "--since and --until are the same time, so the hold would cover nothing";
        return Err(Failure::new(Exit::WrongUsage, message));
    }
    let jobs = chosen_jobs(&ReadOnly::open(archive)?, &options)?;
    let added =
        Writer::open_existing(archive)?.add_holds(&jobs, options.since, options.until, &args.reason)?;
    let added: Vec<Added> = added
        .into_iter()
        .map(|AddedHold { id, job, runs }| Added {
            hold_id: id,
            job_id: job.map(|job| job.to_string()),
            runs,
        })
        .collect();
    let text = || {
        let line = |hold: &Added| {
            let of = hold
                .job_id
                .as_ref()
                .map_or_else(|| "every job".to_owned(), |job| format!("job {job}"));
            format!(
                "Hold {} is in force for {of}; it covers {}.\n",
                hold.hold_id,
                counted(hold.runs, "archived run")
            )
        };
        added.iter().map(line).collect()
    };
    print_result(console, args.format, text, &added)
}

/// The jobs that `--job` names; none where it is not given.
pub(super) fn chosen_jobs(reader: &ReadOnly, options: &CommonOptions) -> Result<Vec<Guid>, Failure> {
    let snapshot = reader.snapshot()?;
    let scope = options.scope(&snapshot)?;
    if options.jobs.is_empty() {
        return Ok(Vec::new());
    }
    let ids = scope.jobs().map(|job| job.job_id.parse());
    ids.collect::<Result<_, _>>().map_err(|_| {
        let message = "the archive is not intact: the GUID of a job cannot be read";
        Failure::new(Exit::NotDone, message).with_hint("run `jobruns verify` to see every finding.")
    })
}

fn list(archive: &Path, format: TableOrJson, wide: bool) -> Result<(), Failure> {
    let holds: Vec<HoldRow> = ReadOnly::open(archive)?.settled(|reader| {
        let snapshot = reader.snapshot()?;
        reader.confirmed(snapshot.holds().map_err(Failure::from))
    })?;
    let columns = [
        TerminalColumn::Number("id"),
        TerminalColumn::Text("job"),
        TerminalColumn::Text("since"),
        TerminalColumn::Text("until"),
        TerminalColumn::Text("reason"),
        TerminalColumn::Text("added"),
        TerminalColumn::Text("by"),
        TerminalColumn::Text("released"),
        TerminalColumn::Text("release reason"),
    ];
    print(format, &holds, &columns, width_to_fit(wide), |hold| {
        vec![
            hold.hold_id.to_string(),
            hold.job_id.clone().unwrap_or_else(|| "every job".to_owned()),
            or_dash(hold.since.as_deref()),
            or_dash(hold.until.as_deref()),
            or_dash(hold.reason.as_deref()),
            hold.added_at.clone(),
            or_dash(hold.added_by.as_deref()),
            or_dash(hold.released_at.as_deref()),
            or_dash(hold.release_reason.as_deref()),
        ]
    })
}
