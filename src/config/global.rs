//! The settings of every command: the archive, and what appears on stderr.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::error::{CONFIG_FILE_NAME, ConfigError};
use super::file::ConfigFile;
use super::sources::Environment;
use super::values::{parse_log_size, parse_whole_number};

/// The archive that is used if none is given.
pub const DEFAULT_ARCHIVE: &str = "jobruns.db";

/// The format of lines on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// When to do something that is meant for terminals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TerminalUse {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl TerminalUse {
    /// Whether to do it, given whether the output is a terminal.
    #[must_use]
    pub const fn decide(self, terminal: bool) -> bool {
        match self {
            Self::Auto => terminal,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The settings that every command takes, before or after its name.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalSettings {
    /// The archive, an SQLite file
    #[arg(
        long,
        env = "JOBRUNS_ARCHIVE",
        global = true,
        value_name = "FILE",
        default_value = DEFAULT_ARCHIVE
    )]
    pub archive: PathBuf,

    /// The config file, TOML [default: jobruns/jobruns.toml in the user's config folder, else in the machine's]
    #[arg(long, env = "JOBRUNS_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Prints nothing on success, and only errors otherwise, so that cron mails exactly when something is wrong; data that
    /// --format or the command itself asks for is still printed
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Prints more: requests, timings, the origin of each setting; -vv prints even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    /// The format of lines on stderr: text, or json for one object per line
    #[arg(
        long,
        env = "JOBRUNS_LOG_FORMAT",
        global = true,
        value_name = "FORMAT",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        default_value_t
    )]
    pub log_format: LogFormat,

    /// Appends the same lines, with timestamps, to a file; not affected by --quiet. {date} and {weekday} in its name are
    /// replaced by the day (UTC) on which the command began: 2026-01-31, saturday
    #[arg(long, env = "JOBRUNS_LOG_FILE", global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Renames the log file to FILE.1 (and FILE.1 to FILE.2, and so on) before it exceeds this size, such as 10MiB
    /// [default: no limit]
    #[arg(
        long,
        env = "JOBRUNS_LOG_MAX_SIZE",
        global = true,
        value_name = "SIZE",
        value_parser = parse_log_size
    )]
    pub log_max_size: Option<u64>,

    /// The number of former log files to keep with --log-max-size
    #[arg(
        long,
        env = "JOBRUNS_LOG_KEEP",
        global = true,
        value_name = "N",
        value_parser = parse_whole_number,
        default_value_t = 5
    )]
    pub log_keep: u32,

    /// Whether to use a proxy: auto (as HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, or the Windows settings, say) or none
    #[arg(
        long,
        env = "JOBRUNS_PROXY",
        global = true,
        value_name = "WHICH",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        default_value_t
    )]
    pub proxy: Proxy,

    /// When to use colours: auto, always or never; NO_COLOR is respected
    #[arg(
        long,
        env = "JOBRUNS_COLOR",
        global = true,
        value_name = "WHEN",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        default_value_t
    )]
    pub color: TerminalUse,

    /// When to show progress: auto (on a terminal), always or never
    #[arg(
        long,
        env = "JOBRUNS_PROGRESS",
        global = true,
        value_name = "WHEN",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        default_value_t
    )]
    pub progress: TerminalUse,
}

/// Whether connections go through a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Proxy {
    /// As the environment says, else the system.
    #[default]
    Auto,
    None,
}

impl GlobalSettings {
    /// Whether `--quiet` was given.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// 0 with `--quiet`, 1 by default, 2 with `-v`, 3 with `-vv`.
    #[must_use]
    pub fn verbosity(&self) -> u8 {
        if self.quiet {
            return 0;
        }
        self.verbose.saturating_add(1).min(3)
    }
}

/// The config file: that of `flag`, else of `JOBRUNS_CONFIG`, else the first of [`default_config_files`] that exists, else
/// none.
///
/// # Errors
/// If it cannot be read; a file that was given must exist.
pub fn find_config_file(
    flag: Option<&Path>,
    environment: Environment<'_>,
    keys: &[String],
) -> Result<Option<ConfigFile>, ConfigError> {
    let variable = environment("JOBRUNS_CONFIG")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    if let Some(path) = flag.map(Path::to_path_buf).or(variable) {
        return ConfigFile::read(&path, keys).map(Some);
    }
    default_config_files(environment)
        .iter()
        .find(|path| path.exists())
        .map(|path| ConfigFile::read(path, keys))
        .transpose()
}

/// Where a config file is looked for if none is given: in the user's config folder, then in the machine's. Never in the
/// current folder, which may belong to somebody else.
#[must_use]
pub fn default_config_files(environment: Environment<'_>) -> Vec<PathBuf> {
    let folder = |name: &str| {
        environment(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let folders = if cfg!(windows) {
        [folder("APPDATA"), folder("ProgramData")]
    } else {
        let home = || folder("HOME").map(|home| home.join(".config"));
        [
            folder("XDG_CONFIG_HOME").or_else(home),
            Some(PathBuf::from("/etc")),
        ]
    };
    folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join("jobruns").join(CONFIG_FILE_NAME))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sources::tests::settled;

    fn settings(arguments: &[&str], environment: &[(&str, &str)]) -> GlobalSettings {
        settled(arguments, environment, None, |settings: &GlobalSettings, _| {
            settings.clone()
        })
        .unwrap()
    }

    #[test]
    fn no_color_gives_way_to_what_was_asked_for() {
        let environment = [("NO_COLOR", "1")];
        assert_eq!(settings(&[], &environment).color, TerminalUse::Never);
        assert_eq!(
            settings(&["--color=always"], &environment).color,
            TerminalUse::Always
        );
        assert_eq!(settings(&[], &[("NO_COLOR", "")]).color, TerminalUse::Auto);
    }

    #[cfg(unix)]
    #[test]
    fn a_config_file_is_looked_for_in_the_users_folder_and_the_machines() {
        let places = |variables: &[(&str, &str)]| -> Vec<String> {
            let environment = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            };
            let files = default_config_files(&environment);
            files.iter().map(|path| path.display().to_string()).collect()
        };
        let machine = "/etc/jobruns/jobruns.toml";
        assert_eq!(
            places(&[("HOME", "/home/a")]),
            ["/home/a/.config/jobruns/jobruns.toml", machine]
        );
        assert_eq!(
            places(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/x")]),
            ["/x/jobruns/jobruns.toml", machine]
        );
        // A relative folder would be looked up in the current folder.
        assert_eq!(places(&[("XDG_CONFIG_HOME", "x"), ("HOME", "")]), [machine]);
    }

    #[test]
    fn a_config_file_that_was_named_must_be_there() {
        let missing = Path::new("no-such-folder/jobruns.toml");
        assert!(matches!(
            find_config_file(Some(missing), &|_| None, &[]),
            Err(ConfigError::Read { .. })
        ));
    }
}
