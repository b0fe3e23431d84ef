//! `jobruns check`.

mod notifications;
mod places;
pub(crate) mod problem;
mod report;
mod server;

use std::path::Path;

use self::problem::Problem;
use self::report::{CheckReport, Line, State};
use self::server::ServerCheck;
use crate::archive::{JobState, ReadOnly, read_heads};
use crate::cli::commands::schedule;
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::output::in_use;
use crate::cli::runtime::runtime;
use crate::cli::servers::{self, ServerChoice};
use crate::cli::sync_task::export_entries::ExportEntries;
use crate::cli::sync_task::server_lists::JobOwners;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{counted, print_result, unprinted};
use crate::cli::watch_list::with_named_jobs_file;
use crate::config::{GlobalSettings, MonitoringSettings, Origin, ServerSettings, Sources, SyncSettings};

/// Checks everything that a nightly sync needs, and says what to do about each problem
///
/// Takes the settings of `sync`, and uses the password that a task without a terminal would find. Checks the settings, the
/// password, the proxy, DNS, the connection, the certificate, the login, the permission on each watched job, the jobs that
/// are not watched, the clocks, the rights and the free space where the archive, reports, heads, log and metrics are written,
/// whether the monitor of ping_url can be connected to (no ping is sent) and the program of on_failure is there. Changes
/// nothing, and creates no archive.
///
/// Run it under the account that runs the sync: another one may find another password, and has other rights.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns check --config /etc/jobruns/jobruns.toml
  sudo -u svc-jobruns jobruns check --config /etc/jobruns/jobruns.toml
  jobruns check --format json

Each line is ok, a warning (it works, and somebody should look at it) or a fault (a scheduled task will fail, or fail unheard). Exit codes: 0 without faults; 2 wrong usage; 3 faults; 130 interrupted.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    sync: SyncSettings,

    #[command(flatten)]
    choice: ServerChoice,

    #[command(flatten)]
    server: ServerSettings,

    #[command(flatten)]
    monitoring: MonitoringSettings,
}

pub(crate) fn run(
    args: &CheckArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    let mut report = CheckReport::default();
    settings(&mut report, sources);
    report.ok("account", format!("runs as {}", account()));
    let head_file = match in_use::head_file(args.sync.head_file.as_ref(), sources) {
        Ok(list) => list.map(|list| list.path),
        Err(failure) => {
            report.failure(State::Fault, "heads", failure);
            None
        }
    };
    let origin = sources.origin("archive");
    let archive = places::archive(&mut report, global, &origin, head_file.as_deref());
    if let Some(path) = &head_file {
        places::file(&mut report, "heads", path);
        if path.exists()
            && let Err(error) = read_heads(path)
        {
            let hint = hints::head_file(&error).to_owned();
            report.failure(
                State::Fault,
                "heads",
                Failure::of(Exit::Findings, &error, Some(hint)),
            );
        }
    }
    match ExportEntries::of(sources) {
        Ok(entries) => entries
            .targets()
            .iter()
            .for_each(|path| places::file(&mut report, "exports", path)),
        Err(failure) => report.failure(State::Fault, "exports", failure),
    }
    match schedule::installed() {
        None => report.ok("schedule", "no task of `jobruns schedule` is installed"),
        Some(Ok(message)) => report.ok("schedule", message),
        Some(Err(message)) => report.warning("schedule", &Problem::Schedule { message }),
    }
    let states = job_states(
        &mut report,
        archive.as_ref(),
        sources,
        args.sync.jobs_file(sources),
    );
    let interrupted = runtime()?.block_on(async {
        let mut cancellation = signals::listen()?;
        Ok::<bool, Failure>(tokio::select! {
            () = async {
                notifications::check(&mut report, &args.monitoring, global, sources).await;
                servers(args, sources, states, &mut report).await;
            } => false,
            () = cancellation.cancelled() => true,
        })
    })?;
    if interrupted {
        return Err(Failure::new(
            Exit::Interrupted,
            "interrupted before everything was checked",
        ));
    }
    let with_details = global.verbosity() > 1;
    print_result(
        console,
        args.sync.format,
        || text(&report, with_details),
        &report.lines,
    )?;
    let faults = report.count(State::Fault);
    if faults == 0 {
        return Ok(Exit::Done);
    }
    let line_text = |line: &Line| format!("{}: {}", line.check, line.message);
    let lines = report.lines.iter().filter(|line| line.state == State::Fault);
    let first = lines.clone().find_map(|line| line.remedy.clone());
    let failure = Failure::new(
        Exit::Findings,
        format!("the check found {}", counted(faults, "fault")),
    )
    .with_causes(unprinted(console, lines.map(line_text)));
    Err(match first {
        Some(remedy) if console.is_quiet() => failure.with_hint(remedy),
        _ => failure,
    })
}

fn text(report: &CheckReport, with_details: bool) -> String {
    let mut text = report.text(with_details);
    text.push_str(&format!(
        "\n{}, {}\n",
        counted(report.count(State::Fault), "fault"),
        counted(report.count(State::Warning), "warning")
    ));
    text
}

/// The config file, and each setting with its origin.
fn settings(report: &mut CheckReport, sources: &Sources<'_>) {
    match sources.file() {
        Some(file) => report.ok("settings", format!("config file {}", file.path().display())),
        None => report.ok("settings", "no config file"),
    }
    for choice in sources.choices() {
        let line = format!("{} = {} ({})", choice.key, choice.value, choice.origin);
        if choice.origin == Origin::Default {
            report.detail("settings", line);
        } else {
            report.ok("settings", line);
        }
    }
}

/// Each server with its own jobs.
async fn servers(args: &CheckArgs, sources: &Sources<'_>, states: Vec<JobState>, report: &mut CheckReport) {
    let chosen = match servers::chosen(&args.choice, &args.server, sources, false) {
        Ok(chosen) => chosen,
        Err(failure) => return report.failure(State::Fault, "server", failure),
    };
    let owners = match JobOwners::read(sources) {
        Ok(owners) => owners,
        Err(failure) => return report.failure(State::Fault, "jobs", failure),
    };
    let is_only = chosen.requested.len() == 1 && chosen.others.is_empty();
    for server in &chosen.requested {
        let is_elsewhere = |state: &&JobState| {
            let owner = owners.of(&state.job);
            owner.is_some() && server.name().is_some() && owner != server.name()
        };
        let (elsewhere, own): (Vec<&JobState>, Vec<&JobState>) = states.iter().partition(is_elsewhere);
        report.server = server.name().map(str::to_owned);
        for choice in server.own_choices() {
            report.ok("settings", choice);
        }
        let check = ServerCheck {
            server: &server.settings,
            sources: &server.sources,
            states: &own.iter().copied().cloned().collect::<Vec<_>>(),
            elsewhere: elsewhere.iter().map(|state| state.job.job_id.as_str()).collect(),
            own: own
                .iter()
                .filter(|state| is_only || owners.of(&state.job) == server.name())
                .map(|state| state.job.job_id.as_str())
                .collect(),
            named: args.sync.named_jobs(),
            watches_all: args
                .sync
                .watches_all(server.entry.and_then(|entry| entry.watches_all)),
            concurrency: args.sync.concurrency,
        };
        check.run(report).await;
    }
    report.server = None;
}

/// The jobs as the next sync takes them.
fn job_states(
    report: &mut CheckReport,
    archive: Option<&ReadOnly>,
    sources: &Sources<'_>,
    jobs_file: Option<&Path>,
) -> Vec<JobState> {
    let states = match archive.map(ReadOnly::job_states).transpose() {
        Ok(states) => states.unwrap_or_default(),
        Err(error) => {
            report.failure(State::Fault, "archive", error);
            Vec::new()
        }
    };
    match with_named_jobs_file(states, sources, jobs_file) {
        Ok(states) => states,
        Err(failure) => {
            report.failure(State::Fault, "jobs", failure);
            Vec::new()
        }
    }
}

/// The user by whose rights this process runs.
fn account() -> String {
    let user = whoami::username().unwrap_or_else(|_| "an unnamed user".to_owned());
    match whoami::hostname() {
        Ok(host) => format!("{user} on {host}"),
        Err(_) => user,
    }
}
