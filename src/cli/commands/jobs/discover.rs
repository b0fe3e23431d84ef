//! `jobruns jobs discover`.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use crate::archive::{NameFrom, ReadOnly};
use crate::ccs::Client;
use crate::cli::failure::{Exit, Failure};
use crate::cli::new_archive::open_or_create;
use crate::cli::runtime::runtime;
use crate::cli::servers::{self, ChosenServer, ServerChoice};
use crate::cli::terminal::console::shown;
use crate::cli::terminal::table::{TerminalColumn, counted, print, print_text, width_to_fit, yes_or_no};
use crate::config::{GlobalSettings, ServerSettings, Sources, TableOrJson};
use crate::model::Guid;
use crate::text::chain;

/// Lists the jobs of the server, or of each server of the config file
#[derive(Debug, clap::Args)]
pub(super) struct DiscoverArgs {
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

/// The formats of `jobs discover`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum DiscoverFormat {
    #[default]
    Table,
    Json,
    JobsFile,
}

#[derive(Serialize)]
struct Discovered {
    job_id: String,
    name: String,
    watched: bool,
    server: String,
}

pub(super) fn run(
    args: &DiscoverArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
) -> Result<Exit, Failure> {
    let archive = global.archive.as_path();
    let servers = servers::chosen(&args.choice, &args.server, sources, true)?.requested;
    let is_one = servers.len() == 1;
    if !is_one && args.format == DiscoverFormat::JobsFile {
        let message = "a jobs file lists the jobs of one server, and the config file has several";
        return Err(Failure::new(Exit::WrongUsage, message).with_hint("choose one by --server NAME."));
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
    show(&jobs, args, is_one)?;
    if failed.is_empty() {
        return Ok(Exit::Done);
    }
    let is_all = failed.len() == servers.len();
    let exit = if is_all { Exit::NotDone } else { Exit::Findings };
    let message = format!(
        "{} of {} did not tell their jobs",
        failed.len(),
        counted(servers.len() as u64, "server")
    );
    Err(Failure::new(exit, message).with_causes(failed))
}

fn show(jobs: &[Discovered], args: &DiscoverArgs, is_one: bool) -> Result<(), Failure> {
    match args.format {
        DiscoverFormat::JobsFile => print_text(&jobs_file_of(jobs)),
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
            print(format, jobs, &columns, width_to_fit(args.wide), |job| {
                let mut cells = vec![job.job_id.clone(), job.name.clone(), yes_or_no(job.watched)];
                cells.extend((!is_one).then(|| job.server.clone()));
                cells
            })
        }
    }
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
