//! What is notified of how a command ended: the log file, the metrics file, the monitor, the operator's own command.

use std::path::Path;

use super::places;
use super::problem::Problem;
use super::report::{CheckReport, State};
use crate::ccs::Monitor;
use crate::cli::failure::{Exit, Failure};
use crate::cli::monitoring::program;
use crate::cli::output::in_use;
use crate::config::{GlobalSettings, MonitoringSettings, Sources};

/// Checks each that is set, and sends nothing: a ping would be taken for a sync.
pub(super) async fn check(
    report: &mut CheckReport,
    settings: &MonitoringSettings,
    global: &GlobalSettings,
    sources: &Sources<'_>,
) {
    if let Some(path) = &global.log_file {
        places::log_file(report, path, global.log_max_size.is_some());
    }
    if let Some(path) = &settings.metrics_file {
        metrics_file(report, path);
    }
    if let Some(url) = settings.ping_url("sync", sources) {
        let reached = match Monitor::new(url) {
            Ok(monitor) => monitor.reach().await,
            Err(error) => Err(error),
        };
        match reached {
            Ok(()) => report.ok("ping_url", "the monitor can be connected to; no ping was sent"),
            Err(error) => {
                let hint = "correct ping_url, or ask whoever runs the monitor, the proxy or the firewall; until then the monitor raises the alarm after each sync";
                let failure = Failure::of(Exit::NotDone, &error, Some(hint.to_owned()));
                report.failure(State::Fault, "ping_url", failure.about("the monitor: "));
            }
        }
    }
    let on_failure_command = settings.on_failure.as_deref();
    if let Some(command) = on_failure_command.filter(|command| !command.trim().is_empty()) {
        match program::program_of(command) {
            Some(program) if !program::is_there(program) => {
                let program = program.to_owned();
                report.fault("on_failure", &Problem::NoProgram { program });
            }
            Some(program) => report.ok(
                "on_failure",
                format!("{program} can be run; the command itself was not"),
            ),
            None => report.ok("on_failure", "a command for the shell; it was not run"),
        }
    }
}

fn metrics_file(report: &mut CheckReport, path: &Path) {
    match in_use::refuse(path) {
        Ok(()) if path.is_dir() => report.fault("metrics", &Problem::IsFolder { path: path.into() }),
        Ok(()) => places::file(report, "metrics", path),
        Err(failure) => report.failure(State::Fault, "metrics", failure),
    }
}
