//! The command line: one file per command, and the only place that prints, prompts and sets exit codes.
//!
//! [`run`] goes from the arguments to an exit code: arguments, config file, what holds for every command, the command,
//! its failure as text. Data goes to stdout ([`output`]), all else to stderr ([`terminal`]).

mod args;
mod client;
mod commands;
mod credentials;
mod entries;
mod failure;
mod hints;
mod monitoring;
mod new_archive;
mod output;
mod runtime;
mod servers;
mod sync_task;
mod terminal;
mod watch_list;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgMatches, ColorChoice, CommandFactory, FromArgMatches};

use self::args::{Cli, Command};
use self::failure::Failure;
use self::monitoring::Monitoring;
use self::output::dated::dated_today;
use self::terminal::console::{Console, log_choices};
use self::terminal::log_file::{LogFile, Rotation};
use crate::ccs::use_no_proxy;
use crate::config::{
    ConfigError, Environment, GlobalSettings, Proxy, Sources, TerminalUse, config_keys, default_config_files,
    find_config_file, show_size, with_variables_in_help,
};
use crate::memory;
use crate::model::Instant;

pub(crate) use self::failure::Exit;

/// Runs the program with its arguments (the first is the program's own name) and says how it ended.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let environment = |name: &str| std::env::var_os(name);
    let early = args::early(&arguments, &environment);
    // Until the settings are known, lines look as the arguments and the environment alone would have it.
    let console = Console::new(early.log_format, early.color, 1);
    if let Some(limit) = memory::limit().filter(|&limit| limit < memory::LEAST_BYTES) {
        let message = format!(
            "this process may use {} of address space, and needs {} at least",
            show_size(limit),
            show_size(memory::LEAST_BYTES)
        );
        let failure = Failure::new(Exit::NotDone, message)
            .with_hint("raise the limit (`ulimit -v`), then run it again.");
        console.report(&failure);
        return failure.exit();
    }
    terminal::signals::outlive_file_size_signal();
    let color = match early.color {
        TerminalUse::Auto => ColorChoice::Auto,
        TerminalUse::Always => ColorChoice::Always,
        TerminalUse::Never => ColorChoice::Never,
    };
    let command = with_variables_in_help(Cli::command()).color(color);
    let parsed = match command.try_get_matches_from(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => return end_of_parsing(&error, &console),
    };
    output::in_use::protect_arguments(&parsed);
    if !Instant::clock_is_set() {
        let message = "the clock of this machine is set to a time before 1970, so every time that is recorded would be wrong";
        let failure = Failure::new(Exit::NotDone, message).with_hint("set the clock, then run it again.");
        console.report(&failure);
        return failure.exit();
    }
    match dispatch(&arguments, &parsed, &environment, &console) {
        Ok(exit) => exit,
        Err((failure, console)) => {
            console.report(&failure);
            failure.exit()
        }
    }
}

/// Help and version are data; anything else that ends parsing is wrong usage.
fn end_of_parsing(error: &clap::Error, console: &Console) -> Exit {
    if !error.use_stderr() {
        // clap leaves out the colours where stdout is not a terminal.
        return match error.print() {
            Ok(()) => Exit::Done,
            Err(error) => {
                let failure = Failure::of_stdout(&error);
                console.report(&failure);
                failure.exit()
            }
        };
    }
    console.report_usage(error);
    Exit::WrongUsage
}

/// Settles what holds for every command, and runs the one that was asked for. A failure comes with the console to
/// tell it on.
fn dispatch(
    arguments: &[OsString],
    parsed: &ArgMatches,
    environment: Environment<'_>,
    early: &Console,
) -> Result<Exit, (Failure, Console)> {
    let settled = settle(arguments, parsed, environment);
    let (sources, cli, console) = settled.map_err(|failure| (failure, early.clone()))?;
    let rotation = cli.global.log_max_size.map(|max_size| Rotation {
        max_size,
        keep: cli.global.log_keep,
    });
    let console = match &cli.global.log_file {
        None => console,
        Some(path) => {
            let name = format!("{} ({})", path.display(), sources.origin("log_file"));
            console.with_log_file(name, LogFile::open(path, rotation))
        }
    };
    console.listen();
    if cli.global.proxy == Proxy::None {
        use_no_proxy();
    }
    match sources.file() {
        Some(file) => tracing::debug!("config file: {}", file.path().display()),
        None => tracing::debug!("config file: none (looked for {})", looked_for(environment)),
    }
    log_choices(&sources);
    let result = command(cli.command, &sources, &cli.global, &console);
    if let Ok(exit) = result
        && exit != Exit::Done
        && !console.has_reported_error()
    {
        // What the command said about it may not have been shown (`--quiet`).
        let message = match exit {
            Exit::Interrupted => "interrupted".to_owned(),
            exit => format!("the command ended with exit code {}", exit.code()),
        };
        console.report(&Failure::new(exit, message));
    }
    result.map_err(|failure| {
        let is_missing = sources.file().is_none() && !cli.global.archive.exists();
        let failure = match is_missing.then(hints::unread_config_file).flatten() {
            Some(unread) => failure.with_further_hint(&unread),
            None => failure,
        };
        (failure, console)
    })
}

/// The places where a config file is looked for unasked, as text.
fn looked_for(environment: Environment<'_>) -> String {
    let places = default_config_files(environment);
    let places: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
    places.join(", ")
}

fn settle<'e>(
    arguments: &[OsString],
    parsed: &ArgMatches,
    environment: Environment<'e>,
) -> Result<(Sources<'e>, Cli, Console), Failure> {
    let command = Cli::command();
    output::device::refuse_in_arguments(parsed)?;
    let named = parsed.get_one::<PathBuf>("config").map(PathBuf::as_path);
    let file = find_config_file(named, environment, &config_keys(&command))?;
    let mut sources = Sources::new(environment, file);
    let matches = sources.parse(&command, arguments, parsed)?;
    output::device::refuse_in_arguments(&matches)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(ConfigError::from)?;
    let settings = &cli.global;
    output::in_use::protect_archive(&settings.archive);
    output::in_use::protect_settings(&sources)?;
    cli.global.log_file = cli.global.log_file.as_deref().map(dated_today);
    if let Some(path) = &cli.global.log_file {
        output::in_use::refuse(path)?;
        output::in_use::protect(path, "the log file");
    }
    let settings = &cli.global;
    let console = Console::new(settings.log_format, settings.color, settings.verbosity());
    Ok((sources, cli, console))
}

fn command(
    command: Command,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    let archive = &global.archive;
    match command {
        Command::Demo(args) => commands::demo::run(&args, global, console),
        Command::Simulate(args) => commands::simulate::run(args),
        Command::Init(args) => commands::init::run(&args, sources, global, console),
        Command::Check(args) => commands::check::run(&args, sources, global, console),
        Command::Schedule(args) => commands::schedule::run(&args, sources, global),
        Command::Sync(args) => {
            let monitoring = Monitoring::of(&args.monitoring, "sync", sources, archive, console)?;
            monitoring.around(args.repeats(), || {
                commands::sync::run(&args, sources, global, console, &monitoring)
            })
        }
        Command::Jobs(args) => commands::jobs::run(&args, sources, global),
        Command::Status(args) => Monitoring::of(&args.monitoring, "status", sources, archive, console)?
            .around(false, || commands::status::run(&args, sources, archive, console)),
        Command::Query(args) => commands::query::run(&args, archive),
        Command::Report(args) => args.run(archive, console),
        Command::Export(args) => commands::export::run(&args, archive, console),
        Command::Evidence(args) => commands::evidence::run(&args, sources, archive, console),
        Command::Schema(args) => commands::schema::run(&args),
        Command::Verify(args) => Monitoring::of(&args.monitoring, "verify", sources, archive, console)?
            .around(false, || commands::verify::run(&args, sources, global, console)),
        Command::Salvage(args) => commands::salvage::run(&args, sources, global, console),
        Command::Reindex(args) => commands::reindex::run(&args, sources, global, console),
        Command::Backup(args) => Monitoring::of(&args.monitoring, "backup", sources, archive, console)?
            .around(false, || commands::backup::run(&args, archive, console)),
        Command::Ledger(args) => commands::ledger::run(&args, sources, archive, console),
        Command::Run(args) => commands::run::run(&args, archive),
        Command::Payload(args) => commands::payload::run(&args, archive),
        Command::Quarantine(args) => commands::quarantine::run(&args, archive),
        Command::Hold(args) => commands::hold::run(&args, archive, console),
        Command::Retain(args) => commands::retain::run(&args, sources, global, console),
        Command::Trust(args) => commands::trust::run(&args, sources),
        Command::Password(args) => commands::password::run(&args, sources),
        Command::Completions(args) => {
            commands::completions::run(&args, with_variables_in_help(Cli::command()))
        }
        Command::Man(args) => commands::man::run(&args, with_variables_in_help(Cli::command())),
    }
}
