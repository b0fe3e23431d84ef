//! `jobruns jobs`.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use crate::archive::{JobState, ReadOnly, Writer};
use crate::ccs;
use crate::cli::client::client;
use crate::cli::failure::{Exit, Failure};
use crate::cli::new_archive::{may_create, tell_created};
use crate::cli::runtime::runtime;
use crate::cli::terminal::table::{Column, or_dash, print};
use crate::config::{GlobalSettings, ServerSettings, Sources, TableOrJson};
use crate::model::Guid;

/// Manages the watched jobs, which a sync fetches unless jobs are named
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns jobs discover --url https://ccs.example:12431 --username 'CORP\\auditor' --pin SHA256
  jobruns jobs add ff761384-4b49-40b4-97d8-0de38669075a --name 'Nightly Windows servers'
  jobruns jobs list")]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    List(ListArgs),
    Add(AddArgs),
    Remove(RemoveArgs),
    Discover(DiscoverArgs),
    Move(MoveArgs),
}

/// Lists the jobs that the archive knows
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: TableOrJson,
}

/// Watches a job
///
/// If there is no archive, creates one and says so. With --quiet, or if the head file has lines, a missing archive is an
/// error unless --new is given.
#[derive(Debug, clap::Args)]
struct AddArgs {
    /// The job, by GUID
    #[arg(value_name = "ID")]
    job_id: Guid,

    /// The job's name; if not given, the next sync asks the server
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Creates the archive if there is none, whatever --quiet and the head file say
    #[arg(long)]
    new: bool,
}

/// Stops watching a job; deletes nothing
#[derive(Debug, clap::Args)]
struct RemoveArgs {
    /// The job, by GUID
    #[arg(value_name = "ID")]
    job_id: Guid,
}

/// Lists the jobs of the server
#[derive(Debug, clap::Args)]
struct DiscoverArgs {
    /// Watches all of them
    #[arg(long)]
    add: bool,

    /// With --add, creates the archive if there is none, whatever --quiet and the head file say
    #[arg(long, requires = "add")]
    new: bool,

    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: TableOrJson,

    #[command(flatten)]
    server: ServerSettings,
}

/// Records that jobs have moved to another server
///
/// A job that suddenly answers under another base URL may belong to a clone or a restored copy of the server. Until its
/// move is recorded here, a sync archives what is new, changes nothing that is known, marks nothing absent, and ends
/// partial.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns jobs move --all --from https://ccs01.example:12431 --to https://ccs02.example:12431
  jobruns jobs move ff761384-4b49-40b4-97d8-0de38669075a --to https://ccs02.example:12431")]
struct MoveArgs {
    /// The job, by GUID
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    job_id: Option<Guid>,

    /// Every job
    #[arg(long)]
    all: bool,

    /// Only jobs that answered under this base URL
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// The base URL under which they answer from now on
    #[arg(long, value_name = "URL")]
    to: String,
}

pub(crate) fn run(args: &JobsArgs, sources: &Sources<'_>, global: &GlobalSettings) -> Result<Exit, Failure> {
    let archive = global.archive.as_path();
    match &args.action {
        Action::List(args) => list(args, archive)?,
        Action::Add(args) => {
            open_or_create(args.new, sources, global)?.watch(args.job_id, args.name.as_deref())?;
            tracing::info!(job_id = %args.job_id, "job {} is watched", args.job_id);
        }
        Action::Remove(args) => {
            Writer::open_existing(archive)?.unwatch(args.job_id)?;
            tracing::info!(job_id = %args.job_id, "job {} is no longer watched; its history stays", args.job_id);
        }
        Action::Discover(args) => discover(args, sources, global)?,
        Action::Move(args) => move_jobs(args, archive)?,
    }
    Ok(Exit::Done)
}

/// Opens the archive to write; creates it where that is allowed, and says so.
fn open_or_create(new: bool, sources: &Sources<'_>, global: &GlobalSettings) -> Result<Writer, Failure> {
    if !may_create(new, global, sources.path("head_file")?.as_deref())? {
        return Ok(Writer::open_existing(&global.archive)?);
    }
    let writer = Writer::open(&global.archive)?;
    if writer.created() {
        tell_created(&global.archive);
    }
    Ok(writer)
}

#[derive(Serialize)]
struct Listed {
    job_id: String,
    name: Option<String>,
    watched: bool,
    runs: i64,
    server: Option<String>,
}

fn list(args: &ListArgs, archive: &Path) -> Result<(), Failure> {
    let listed = |state: JobState| Listed {
        job_id: state.job.job_id,
        name: state.job.name,
        watched: state.job.watched,
        runs: state.runs,
        server: state.job.server,
    };
    let jobs: Vec<Listed> = ReadOnly::open(archive)?
        .job_states()?
        .into_iter()
        .map(listed)
        .collect();
    let columns = [
        Column::Text("job_id"),
        Column::Text("name"),
        Column::Text("watched"),
        Column::Number("runs"),
        Column::Text("server"),
    ];
    print(args.format, &jobs, &columns, |job| {
        vec![
            job.job_id.clone(),
            or_dash(job.name.as_deref()),
            yes_or_no(job.watched),
            job.runs.to_string(),
            or_dash(job.server.as_deref()),
        ]
    })
}

#[derive(Serialize)]
struct Discovered {
    job_id: String,
    name: String,
    watched: bool,
}

fn discover(args: &DiscoverArgs, sources: &Sources<'_>, global: &GlobalSettings) -> Result<(), Failure> {
    let archive = global.archive.as_path();
    let client = client(&args.server, sources)?;
    let mut found = runtime()?.block_on(client.discover())?;
    found.sort_by(|one, other| one.name.cmp(&other.name));
    if args.add {
        let jobs = found.iter().map(|job| (job.job_id, Some(job.name.as_str())));
        open_or_create(args.new, sources, global)?.watch_all(jobs)?;
    }
    let watched = watched(archive)?;
    let jobs: Vec<Discovered> = found
        .into_iter()
        .map(|job| Discovered {
            watched: watched.contains(&job.job_id.to_string()),
            job_id: job.job_id.to_string(),
            name: job.name,
        })
        .collect();
    let columns = [
        Column::Text("job_id"),
        Column::Text("name"),
        Column::Text("watched"),
    ];
    print(args.format, &jobs, &columns, |job| {
        vec![job.job_id.clone(), job.name.clone(), yes_or_no(job.watched)]
    })
}

fn move_jobs(args: &MoveArgs, archive: &Path) -> Result<(), Failure> {
    // As the client writes it, or a slash at the end would be another server.
    let plain = |url: &String| ccs::plain_base_url(url);
    let to = plain(&args.to)?;
    let from = args.from.as_ref().map(plain).transpose()?;
    let moved = Writer::open_existing(archive)?.move_jobs(args.job_id, from.as_deref(), &to)?;
    if moved == 0 {
        let from = from.map_or_else(String::new, |from| format!(" from {from}"));
        let words = format!("no job moved{from} to {to}: none was served there, or all were moved before");
        return Err(
            Failure::new(Exit::NotDone, words).with_hint("`jobruns jobs list` shows the server of each job")
        );
    }
    tracing::info!(moved, "jobs that are served by {to} from now on: {moved}");
    Ok(())
}

/// The watched jobs; none where there is no archive yet.
fn watched(archive: &Path) -> Result<HashSet<String>, Failure> {
    if !archive.exists() {
        return Ok(HashSet::new());
    }
    let states = ReadOnly::open(archive)?.job_states()?;
    Ok(states
        .into_iter()
        .filter(|state| state.job.watched)
        .map(|state| state.job.job_id)
        .collect())
}

pub(crate) fn yes_or_no(yes: bool) -> String {
    if yes { "yes" } else { "no" }.to_owned()
}
