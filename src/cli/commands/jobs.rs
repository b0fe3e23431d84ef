//! `jobruns jobs`.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use crate::archive::{self, JobState, NameFrom, ReadOnly, Writer};
use crate::ccs::{self, Client};
use crate::cli::commands::watch_list::with_jobs_file;
use crate::cli::failure::{Exit, Failure};
use crate::cli::new_archive::{may_create, tell_created};
use crate::cli::runtime::runtime;
use crate::cli::servers::{self, ChosenServer, ServerChoice};
use crate::cli::terminal::console::shown;
use crate::cli::terminal::table::{TerminalColumn, counted, or_dash, print, print_text, width_to_fit};
use crate::config::{GlobalSettings, ServerSettings, Sources, TableOrJson, read_jobs_file};
use crate::model::Guid;
use crate::text::chain;

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

/// Lists the jobs that the archive knows, with their former names
///
/// The watched ones are those that the next sync without named jobs asks for; a configured jobs file is taken into account.
#[derive(Debug, clap::Args)]
struct ListArgs {
    /// The output format; csv can serve as a jobs file
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ListFormat,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,
}

/// The formats of `jobs list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum ListFormat {
    #[default]
    Table,
    Json,
    Csv,
}

/// The formats of `jobs discover`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum DiscoverFormat {
    #[default]
    Table,
    Json,
    JobsFile,
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

/// Lists the jobs of the server, or of each server of the config file
#[derive(Debug, clap::Args)]
struct DiscoverArgs {
    /// Watches all of them
    #[arg(long)]
    add: bool,

    /// With --add, creates the archive if there is none, whatever --quiet and the head file say
    #[arg(long, requires = "add")]
    new: bool,

    /// The output format; jobs-file is what --jobs-file reads, with the server's names as comments
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: DiscoverFormat,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    wide: bool,

    #[command(flatten)]
    choice: ServerChoice,

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
        JobsAction::List(args) => list(args, sources, archive)?,
        JobsAction::Add(args) => {
            open_or_create(args.new, sources, global)?.watch(args.job_id, args.name.as_deref())?;
            tracing::info!(job_id = %args.job_id, "job {} is watched", args.job_id);
        }
        JobsAction::Remove(args) => {
            remove(&args.job, sources, archive)?;
        }
        JobsAction::Discover(args) => return discover(args, sources, global),
        JobsAction::Move(args) => move_jobs(args, archive)?,
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
        let words = format!(
            "job {job_id} stands in the jobs file {}, which has it watched",
            path.display()
        );
        return Err(Failure::new(Exit::WrongUsage, words).with_hint(
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

#[derive(Serialize)]
struct JobListItem {
    job_id: String,
    name: Option<String>,
    /// `given` by a person, or the `server`'s.
    name_from: Option<&'static str>,
    watched: bool,
    runs: i64,
    server: Option<String>,
    former_names: Vec<FormerNameJson>,
}

#[derive(Serialize)]
struct FormerNameJson {
    name: String,
    since: Option<String>,
    until: String,
}

impl From<JobState> for JobListItem {
    fn from(state: JobState) -> Self {
        let former = |former: archive::FormerName| FormerNameJson {
            name: former.name,
            since: former.since.map(|since| since.to_string()),
            until: former.until.to_string(),
        };
        let from = if state.job.name_given { "given" } else { "server" };
        Self {
            job_id: state.job.job_id,
            name_from: state.job.name.is_some().then_some(from),
            name: state.job.name,
            watched: state.job.watched,
            runs: state.runs,
            server: state.job.server,
            former_names: state.job.former_names.into_iter().map(former).collect(),
        }
    }
}

impl JobListItem {
    /// The former names in one text, each with its last day.
    fn former_names(&self) -> Option<String> {
        let names = self.former_names.iter();
        let names: Vec<String> = names
            .map(|former| format!("{} (until {})", former.name, &former.until[..10]))
            .collect();
        (!names.is_empty()).then(|| names.join("; "))
    }
}

fn list(args: &ListArgs, sources: &Sources<'_>, archive: &Path) -> Result<(), Failure> {
    let states = with_jobs_file(ReadOnly::open(archive)?.job_states()?, sources)?;
    let jobs: Vec<JobListItem> = states.into_iter().map(JobListItem::from).collect();
    let format = match args.format {
        ListFormat::Csv => return print_text(&csv_of(&jobs)),
        ListFormat::Json => TableOrJson::Json,
        ListFormat::Table => TableOrJson::Table,
    };
    let columns = [
        TerminalColumn::Text("job_id"),
        TerminalColumn::Text("name"),
        TerminalColumn::Text("watched"),
        TerminalColumn::Number("runs"),
        TerminalColumn::Text("server"),
        TerminalColumn::Text("former names"),
    ];
    print(format, &jobs, &columns, width_to_fit(args.wide), |job| {
        vec![
            job.job_id.clone(),
            or_dash(job.name.as_deref()),
            yes_or_no(job.watched),
            job.runs.to_string(),
            or_dash(job.server.as_deref()),
            or_dash(job.former_names().as_deref()),
        ]
    })
}

fn csv_of(jobs: &[JobListItem]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "job_id",
        "name",
        "name_from",
        "watched",
        "runs",
        "server",
        "former_names",
    ];
    let mut written = writer.write_record(header);
    for job in jobs {
        written = written.and_then(|()| {
            writer.write_record([
                job.job_id.as_str(),
                job.name.as_deref().unwrap_or_default(),
                job.name_from.unwrap_or_default(),
                &yes_or_no(job.watched),
                &job.runs.to_string(),
                job.server.as_deref().unwrap_or_default(),
                &job.former_names().unwrap_or_default(),
            ])
        });
    }
    written.expect("memory takes every byte");
    let bytes = writer.into_inner().expect("memory takes every byte");
    String::from_utf8(bytes).expect("texts of UTF-8 stay UTF-8")
}

#[derive(Serialize)]
struct Discovered {
    job_id: String,
    name: String,
    watched: bool,
    server: String,
}

fn discover(args: &DiscoverArgs, sources: &Sources<'_>, global: &GlobalSettings) -> Result<Exit, Failure> {
    let archive = global.archive.as_path();
    let servers = servers::chosen(&args.choice, &args.server, sources, true)?.asked;
    let is_one = servers.len() == 1;
    if !is_one && args.format == DiscoverFormat::JobsFile {
        let words = "a jobs file lists the jobs of one server, and the config file has several";
        return Err(Failure::new(Exit::WrongUsage, words).with_hint("choose one by --server NAME."));
    }
    let clients: Vec<Client> = servers
        .iter()
        .map(ChosenServer::client)
        .collect::<Result<_, _>>()?;
    let mut jobs: Vec<Discovered> = Vec::new();
    let mut failed = Vec::new();
    let runtime = runtime()?;
    for (client, server) in clients.iter().zip(&servers) {
        let mut found = match runtime.block_on(client.discover()) {
            Ok(found) => found,
            Err(error) if is_one => return Err(error.into()),
            Err(error) => {
                failed.push(format!(
                    "{}: {}",
                    server.name().unwrap_or_default(),
                    chain(&error)
                ));
                continue;
            }
        };
        found.sort_by(|one, other| one.name.cmp(&other.name));
        if args.add {
            let mut writer = open_or_create(args.new, sources, global)?;
            let listed: Vec<(Guid, String)> =
                found.iter().map(|job| (job.job_id, job.name.clone())).collect();
            writer.watch_all(
                found
                    .iter()
                    .map(|job| (job.job_id, Some((job.name.as_str(), NameFrom::Server)))),
            )?;
            writer.note_server_jobs(client.base_url(), &listed, false)?;
        }
        jobs.extend(found.into_iter().map(|job| Discovered {
            job_id: job.job_id.to_string(),
            name: job.name,
            watched: false,
            server: client.base_url().to_owned(),
        }));
    }
    let watched = watched(archive)?;
    for job in &mut jobs {
        job.watched = watched.contains(&job.job_id);
    }
    match args.format {
        DiscoverFormat::JobsFile => print_text(&jobs_file_of(&jobs))?,
        format => {
            let format = match format {
                DiscoverFormat::Json => TableOrJson::Json,
                _ => TableOrJson::Table,
            };
            let mut columns = vec![
                TerminalColumn::Text("job_id"),
                TerminalColumn::Text("name"),
                TerminalColumn::Text("watched"),
            ];
            columns.extend((!is_one).then_some(TerminalColumn::Text("server")));
            print(format, &jobs, &columns, width_to_fit(args.wide), |job| {
                let mut cells = vec![job.job_id.clone(), job.name.clone(), yes_or_no(job.watched)];
                cells.extend((!is_one).then(|| job.server.clone()));
                cells
            })?;
        }
    }
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    let is_all = failed.len() == servers.len();
    let exit = if is_all { Exit::NotDone } else { Exit::Findings };
    let words = format!(
        "{} of {} did not tell their jobs",
        failed.len(),
        counted(servers.len() as u64, "server")
    );
    Err(Failure::new(exit, words).with_causes(failed))
}

/// A jobs file of these jobs. Their names are comments, since a name in a jobs file would stand above the server's for ever.
fn jobs_file_of(jobs: &[Discovered]) -> String {
    let mut text =
        "# Jobs to watch, one per line: a GUID, and optionally a name that replaces the one on the server.\n"
            .to_owned();
    for job in jobs {
        text.push_str(&format!(
            "{}  # {}\n",
            job.job_id,
            shown(&job.name).replace('\n', " ")
        ));
    }
    text
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
