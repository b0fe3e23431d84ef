//! The arguments of the program. The comments here are the help texts.

use std::ffi::{OsStr, OsString};

use clap::{Parser, Subcommand, ValueEnum};

use crate::archive::sqlite_version;
use crate::cli::commands::{
    backup, check, completions, demo, evidence, export, hold, init, jobs, ledger, man, password, payload,
    quarantine, query, reindex, report, retain, run, salvage, schedule, schema, simulate, status, sync,
    trust, verify,
};
use crate::config::{Environment, GlobalSettings, LogFormat, TerminalUse};

/// Archives the job-run history of Control Compliance Suite (CCS) in one SQLite file with a verifiable ledger
#[derive(Debug, Parser)]
#[command(
    name = "jobruns",
    version,
    long_version = long_version(),
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 110,
    after_help = "`jobruns help COMMAND` tells more of a command, `jobruns --help` of exit codes and settings.",
    after_long_help = AFTER_HELP
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalSettings,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `--version` says behind the name. A package names the commit that it was built from.
fn long_version() -> String {
    let commit = option_env!("JOBRUNS_COMMIT").map(|commit| format!("commit {commit}, "));
    format!(
        "{} ({}SQLite {})",
        env!("CARGO_PKG_VERSION"),
        commit.unwrap_or_default(),
        sqlite_version()
    )
}

/// What stands below the options in `jobruns --help`.
const AFTER_HELP: &str = r"Where a setting comes from:
  its flag, else the environment (JOBRUNS_ and its name in capitals: JOBRUNS_RATE_LIMIT), else the config file (rate_limit = 2), else the default; -v says which it was. Relative paths in a config file are relative to that file's folder. Durations are a number and s, m, h or d: 90s, 15m, 26h, 7d.

Where the password comes from, the first that is there:
  --password-file FILE, --password-stdin, JOBRUNS_PASSWORD, the credential jobruns-password of systemd ($CREDENTIALS_DIRECTORY), the password_file of the environment or the config file, the system's store of passwords (`jobruns password set`), on Windows the machine's, a question if standard input is a terminal. No flag takes a password, and the config file must not hold one.

What is written where:
  data goes to standard output, everything else to standard error; with --log-format json every line there is one JSON object.

Exit codes:
  0    done (also when a closed pipe ends the output early)
  1    could not be done: nothing, or no job, succeeded
  2    wrong usage: arguments, settings, files that were named
  3    done in part (some jobs failed, some runs are in quarantine), or a check has findings (`status --max-age`, `--max-silence` or `--vanished`)
  4    the archive is not intact (`verify`), or the evidence package is not sound (`verify --pack`)
  5    the archive is held by another sync
  130  interrupted; what was read is kept";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::DemoArgs),
    Simulate(simulate::SimulateArgs),
    Init(init::InitArgs),
    Check(check::CheckArgs),
    Schedule(schedule::ScheduleCommand),
    Sync(sync::SyncArgs),
    Report(report::ReportArgs),
    Run(run::RunArgs),
    Query(query::QueryArgs),
    Export(export::ExportArgs),
    Evidence(evidence::EvidenceArgs),
    Schema(schema::SchemaArgs),
    Jobs(jobs::JobsArgs),
    Status(status::StatusArgs),
    Verify(verify::VerifyArgs),
    Reindex(reindex::ReindexArgs),
    Salvage(salvage::SalvageArgs),
    Backup(backup::BackupArgs),
    Ledger(ledger::LedgerArgs),
    Payload(payload::PayloadArgs),
    Quarantine(quarantine::QuarantineArgs),
    Hold(hold::HoldArgs),
    Retain(retain::RetainArgs),
    Trust(trust::TrustArgs),
    Password(password::PasswordArgs),
    Completions(completions::CompletionsArgs),
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// How lines look before the settings are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Early {
    pub(crate) log_format: LogFormat,
    pub(crate) color: TerminalUse,
}

/// Looks for `--log-format` and `--color` before the arguments are parsed, so that an error in them has the form that
/// was asked for. What cannot be read here is an error later.
pub(crate) fn early(arguments: &[OsString], environment: Environment<'_>) -> Early {
    let no_color = environment("NO_COLOR").is_some_and(|value| !value.is_empty());
    let color = if no_color {
        TerminalUse::Never
    } else {
        TerminalUse::Auto
    };
    Early {
        log_format: early_word(arguments, environment, "log-format").unwrap_or_default(),
        color: early_word(arguments, environment, "color").unwrap_or(color),
    }
}

fn early_word<T: ValueEnum>(arguments: &[OsString], environment: Environment<'_>, name: &str) -> Option<T> {
    let flag = format!("--{name}");
    let mut given = None;
    let mut rest = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .peekable();
    while let Some(argument) = rest.next() {
        let Some(text) = argument.to_str() else { continue };
        match text.strip_prefix(&flag) {
            Some("") => given = rest.peek().copied().cloned(),
            Some(value) => given = value.strip_prefix('=').map(OsString::from).or(given),
            None => {}
        }
    }
    let text =
        given.or_else(|| environment(&format!("JOBRUNS_{}", name.to_uppercase().replace('-', "_"))))?;
    T::from_str(OsStr::to_str(&text)?.trim(), true).ok()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_in_its_own_words_what_it_does() {
        fn check(command: &clap::Command) {
            let mut texts = std::collections::HashSet::new();
            for found in command.get_subcommands() {
                let about = found.get_about().map(ToString::to_string);
                // A doc comment on flattened arguments takes the place of the command's own.
                assert!(
                    about.is_some_and(|about| texts.insert(about)),
                    "{}",
                    found.get_name()
                );
                check(found);
            }
        }
        check(&Cli::command());
    }

    #[test]
    fn examples_of_the_help_work_in_the_shells_of_windows_too() {
        fn check(command: &clap::Command) {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            for example in help.lines().filter(|line| line.starts_with("  jobruns ")) {
                let outside: String = example.split('"').step_by(2).collect();
                assert!(
                    !outside.contains('\''),
                    "cmd.exe knows no single quotes: {example}"
                );
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn flag_and_variable_of_a_setting_follow_from_its_key() {
        fn check(command: &clap::Command) {
            for setting in command.get_arguments() {
                let Some(variable) = setting.get_env() else {
                    continue;
                };
                let key = setting.get_id().as_str();
                assert_eq!(variable, OsStr::new(&format!("JOBRUNS_{}", key.to_uppercase())));
                assert_eq!(setting.get_long(), Some(key.replace('_', "-").as_str()));
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn the_form_of_lines_is_known_before_the_arguments_are_parsed() {
        let form = |arguments: &[&str], environment: &[(&str, &str)]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            let look_up = |name: &str| {
                let found = environment.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| OsString::from(value))
            };
            let early = early(&arguments, &look_up);
            (early.log_format, early.color)
        };
        let json = LogFormat::Json;
        assert_eq!(
            form(&["x", "--log-format", "json", "--bad"], &[]),
            (json, TerminalUse::Auto)
        );
        assert_eq!(
            form(&["x", "--log-format=JSON"], &[("NO_COLOR", "1")]),
            (json, TerminalUse::Never)
        );
        assert_eq!(
            form(&["x", "--", "--log-format=json"], &[]),
            (LogFormat::Text, TerminalUse::Auto)
        );
        assert_eq!(
            form(&["x", "--color", "always"], &[("JOBRUNS_LOG_FORMAT", "json")]),
            (json, TerminalUse::Always)
        );
        assert_eq!(
            form(&["x", "--log-format"], &[]),
            (LogFormat::Text, TerminalUse::Auto)
        );
    }
}
