//! `jobruns jobs`.

mod discover;
mod list;

use std::path::Path;

use self::discover::DiscoverArgs;
use self::list::ListArgs;
use crate::archive::{JobState, ReadOnly, Writer};
use crate::ccs;
use crate::cli::failure::{Exit, Failure};
use crate::cli::new_archive::open_or_create;
use crate::config::{GlobalSettings, Sources, read_jobs_file};
use crate::model::Guid;

/// Manages the watched jobs, which a sync fetches unless jobs are named
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns jobs discover --url https://ccs.example:12431 --username "CORP\auditor" --pin SHA256
  jobruns jobs add ff761384-4b49-40b4-97d8-0de38669075a --name "Nightly Windows servers"
  jobruns jobs list"#)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    action: JobsAction,
}

#[derive(Debug, clap::Subcommand)]
enum JobsAction {
    List(ListArgs),
    Add(AddJobArgs),
    Remove(RemoveArgs),
    Discover(DiscoverArgs),
    Move(MoveArgs),
}

/// Watches a job
///
/// If there is no archive, creates one and says so. With --quiet, or if the head file has lines, a missing archive is an
/// error unless --new is given.
#[derive(Debug, clap::Args)]
struct AddJobArgs {
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
    /// The job, by GUID or name
    #[arg(value_name = "ID|NAME")]
    job: String,
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
        JobsAction::List(args) => list::run(args, sources, archive)?,
        JobsAction::Add(args) => {
            open_or_create(args.new, sources, global)?.watch(args.job_id, args.name.as_deref())?;
            tracing::info!(job_id = %args.job_id, "job {} is watched", args.job_id);
        }
        JobsAction::Remove(args) => {
            remove(&args.job, sources, archive)?;
        }
        JobsAction::Discover(args) => return discover::run(args, sources, global),
        JobsAction::Move(args) => move_jobs(args, archive)?,
    }
    Ok(Exit::Done)
}

/// Stops watching the job with this id or name.
fn remove(job: &str, sources: &Sources<'_>, archive: &Path) -> Result<(), Failure> {
    let mut writer = Writer::open_existing(archive)?;
    let states = ReadOnly::open(archive)?.job_states()?;
    let job_id = match job.parse::<Guid>() {
        Ok(job_id) => job_id,
        Err(_) => job_named(&states, job)?,
    };
    if let Some(path) = sources.path("jobs_file")?
        && read_jobs_file(&path)?
            .jobs
            .iter()
            .any(|listed| listed.job_id == job_id)
    {
        let message = format!(
            "job {job_id} stands in the jobs file {}, which has it watched",
            path.display()
        );
        return Err(Failure::new(Exit::WrongUsage, message).with_hint(
            "take it out of that file; the next sync then stops watching it, unless it is watched otherwise",
        ));
    }
    writer.unwatch(job_id)?;
    tracing::info!(%job_id, "job {job_id} is no longer watched; its history stays");
    let files = states
        .iter()
        .filter(|state| state.job.job_id == job_id.to_string())
        .flat_map(|state| &state.job.only_in_jobs_files);
    for file in files {
        tracing::warn!(
            "{file} listed job {job_id} at the last sync: take it out of it too, or the next sync watches it again"
        );
    }
    Ok(())
}

fn move_jobs(args: &MoveArgs, archive: &Path) -> Result<(), Failure> {
    // As the client writes it, or a slash at the end would be another server.
    let plain = |url: &String| ccs::plain_base_url(url);
    let to = plain(&args.to)?;
    let from = args.from.as_ref().map(plain).transpose()?;
    let moved = Writer::open_existing(archive)?.move_jobs(args.job_id, from.as_deref(), &to)?;
    if moved == 0 {
        let from = from.map_or_else(String::new, |from| format!(" from {from}"));
        let message = format!("no job moved{from} to {to}: none was served there, or all were moved before");
        return Err(Failure::new(Exit::NotDone, message)
            .with_hint("`jobruns jobs list` shows the server of each job"));
    }
    tracing::info!(moved, "jobs that are served by {to} from now on: {moved}");
    Ok(())
}

/// The one job with this name, in any letter case.
fn job_named(states: &[JobState], name: &str) -> Result<Guid, Failure> {
    let named: Vec<&str> = states
        .iter()
        .filter(|state| {
            let known = state.job.name.as_deref();
            known.is_some_and(|known| known.to_lowercase() == name.to_lowercase())
        })
        .map(|state| state.job.job_id.as_str())
        .collect();
    match named.as_slice() {
        [job] => job
            .parse()
            .map_err(|_| Failure::new(Exit::NotDone, format!("{job:?} is not a GUID"))),
        [] => Err(
            Failure::new(Exit::NotDone, format!("the archive knows no job named {name:?}"))
                .with_hint("`jobruns jobs list` shows the jobs with their names and ids"),
        ),
        several => Err(Failure::new(
            Exit::WrongUsage,
            format!(
                "{} jobs are named {name:?}: {}",
                several.len(),
                several.join(", ")
            ),
        )
        .with_hint("give the id of the one that is meant")),
    }
}
