//! Who is notified of the end of a command, beside stderr and the log file.

use std::convert::Infallible;
use std::path::PathBuf;

use super::global::TerminalUse;
use super::origin::Origin;
use super::sources::Sources;
use crate::model::Secret;

/// Replaced by the command's name in a ping URL.
const COMMAND: &str = "{command}";

/// Who is notified of the end of a command.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Monitoring")]
pub struct MonitoringSettings {
    /// Pings this URL of a monitor such as healthchecks.io: /start appended at the beginning, nothing on success, /fail on
    /// failure, with the result and the ledger's head as the body; {command} is replaced by the command's name. The URL is
    /// a secret, so set it in the environment or the config file, where it counts for `sync` alone unless it has {command}
    #[arg(long, env = "JOBRUNS_PING_URL", value_name = "URL", value_parser = secret)]
    ping_url: Option<Secret>,

    /// Runs this command of the system's shell if the exit code is not 0 or 130, with the result as JSON on its standard
    /// input; it is stopped after a minute
    #[arg(long, env = "JOBRUNS_ON_FAILURE", value_name = "COMMAND")]
    pub on_failure: Option<String>,

    /// Writes metrics in Prometheus' text format to this file at the end, such as a .prom file of the node exporter's
    /// textfile collector; replaced only once the new one is complete
    #[arg(long, env = "JOBRUNS_METRICS_FILE", value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,

    /// When to write the result to the Windows Event Log: auto (always on Windows), always or never
    #[arg(
        long,
        env = "JOBRUNS_EVENT_LOG",
        value_name = "WHEN",
        value_enum,
        ignore_case = true,
        hide = cfg!(not(windows)),
        hide_possible_values = true,
        default_value_t
    )]
    pub event_log: TerminalUse,
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::from(text))
}

impl MonitoringSettings {
    /// The URL that this command pings, if any. A URL in the config file, which all commands read, counts for `sync` alone
    /// unless it contains `{command}`: otherwise a `status` would look like a sync to the monitor.
    #[must_use]
    pub fn ping_url(&self, command: &str, sources: &Sources<'_>) -> Option<Secret> {
        let url = self.ping_url.as_ref().filter(|url| !url.reveal().is_empty())?;
        let is_shared = matches!(sources.origin("ping_url"), Origin::File { .. });
        if is_shared && command != "sync" && !url.reveal().contains(COMMAND) {
            return None;
        }
        Some(Secret::new(url.reveal().replace(COMMAND, command)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sources::tests::settled;

    #[test]
    fn a_ping_url_of_the_config_file_is_that_of_syncs_unless_it_has_the_command() {
        let pinged = |arguments: &[&str], file: &str, command: &str| {
            settled(
                arguments,
                &[],
                Some(file),
                |settings: &MonitoringSettings, sources| {
                    settings
                        .ping_url(command, sources)
                        .map(|url| url.reveal().to_owned())
                },
            )
            .unwrap()
        };
        let file = "ping_url = 'https://hc/a'";
        assert_eq!(pinged(&[], file, "sync").as_deref(), Some("https://hc/a"));
        assert_eq!(pinged(&[], file, "backup"), None);
        let each = "ping_url = 'https://hc/k/{command}'";
        assert_eq!(
            pinged(&[], each, "backup").as_deref(),
            Some("https://hc/k/backup")
        );
        let flag = ["--ping-url", "https://hc/b"];
        assert_eq!(pinged(&flag, file, "backup").as_deref(), Some("https://hc/b"));
        assert_eq!(pinged(&["--ping-url", ""], "", "sync"), None);
    }

    #[test]
    fn neither_a_ping_url_nor_a_command_is_shown_with_the_settings() {
        let arguments = ["--ping-url", "https://hc/b"];
        let file = Some("on_failure = 'curl -H t0ken'");
        settled(&arguments, &[], file, |settings: &MonitoringSettings, sources| {
            let shown = format!("{:?} {:?}", settings.ping_url, sources.choices());
            assert!(!shown.contains("hc/b") && !shown.contains("t0ken"), "{shown}");
        })
        .unwrap();
    }
}
