//! What holds for every command: the archive, and what is seen on stderr.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::error::ConfigError;
use super::file::ConfigFile;
use super::setting::{CONFIG_FILE_NAME, Setting};
use super::sources::{Environment, Sources};
use super::values::{word, word_of};

/// The archive that is taken when none is named.
pub const DEFAULT_ARCHIVE: &str = "jobruns.db";

/// What lines on stderr look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// Text for people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// When something is done that suits a terminal only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum When {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl When {
    /// Whether it is done, given whether the place is a terminal.
    #[must_use]
    pub const fn decide(self, terminal: bool) -> bool {
        match self {
            Self::Auto => terminal,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

/// The flags that every command takes, before or behind its name.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalFlags {
    /// The archive, an SQLite file [env: JOBRUNS_ARCHIVE] [default: jobruns.db]
    #[arg(long, global = true, value_name = "FILE")]
    pub archive: Option<PathBuf>,

    /// The config file, TOML [env: JOBRUNS_CONFIG] [default: jobruns/jobruns.toml in the user's config folder, else in the machine's]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Prints only errors to stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Prints more: requests, timings, the origin of each setting; -vv prints even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// The format of lines on stderr: text, or json for one object per line [env: JOBRUNS_LOG_FORMAT] [default: text]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true
    )]
    pub log_format: Option<LogFormat>,

    /// Appends the same lines, with timestamps, to a file; not affected by --quiet [env: JOBRUNS_LOG_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// When to use colours: auto, always or never; NO_COLOR is respected [env: JOBRUNS_COLOR] [default: auto]
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        hide_possible_values = true
    )]
    pub color: Option<When>,

    /// When to show progress: auto (on a terminal), always or never [env: JOBRUNS_PROGRESS] [default: auto]
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        hide_possible_values = true
    )]
    pub progress: Option<When>,
}

/// What holds for every command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlobalSettings {
    /// The archive's file.
    pub archive: PathBuf,
    /// 0 with `--quiet`, 1 as usual, 2 with `-v`, 3 with `-vv`.
    pub verbosity: u8,
    /// What lines on stderr look like.
    pub log_format: LogFormat,
    /// A file that gets the same lines.
    pub log_file: Option<PathBuf>,
    /// When to colour.
    pub color: When,
    /// When to draw progress.
    pub progress: When,
}

impl GlobalSettings {
    /// Whether `--quiet` was given.
    #[must_use]
    pub const fn is_quiet(&self) -> bool {
        self.verbosity == 0
    }

    /// Chooses from flags and sources.
    ///
    /// # Errors
    /// When a value cannot be read.
    pub fn choose(flags: &GlobalFlags, sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let archive = sources.find_path(Setting::ARCHIVE, flags.archive.clone())?;
        let archive = match archive {
            Some(chosen) => chosen.value,
            None => {
                sources.note(
                    Setting::ARCHIVE,
                    DEFAULT_ARCHIVE.to_owned(),
                    super::Origin::Default,
                );
                PathBuf::from(DEFAULT_ARCHIVE)
            }
        };
        // `NO_COLOR` (any text that is not empty) stands for `never` where nothing else was said.
        let color = match sources.variable("NO_COLOR") {
            Some(_) => When::Never,
            None => When::Auto,
        };
        Ok(Self {
            archive,
            verbosity: if flags.quiet {
                0
            } else {
                flags.verbose.saturating_add(1).min(3)
            },
            log_format: sources.find_or(
                Setting::LOG_FORMAT,
                flags.log_format,
                word,
                word_of,
                LogFormat::default(),
            )?,
            log_file: sources
                .find_path(Setting::LOG_FILE, flags.log_file.clone())?
                .map(|chosen| chosen.value),
            color: sources.find_or(Setting::COLOR, flags.color, word, word_of, color)?,
            progress: sources.find_or(Setting::PROGRESS, flags.progress, word, word_of, When::default())?,
        })
    }
}

/// The config file: the one that `flag`, else `JOBRUNS_CONFIG` names, else the first of [`default_config_files`] that is
/// there, else none.
///
/// # Errors
/// When it cannot be read; a file that was named must be there.
pub fn find_config_file(
    flag: Option<&Path>,
    environment: Environment<'_>,
) -> Result<Option<ConfigFile>, ConfigError> {
    let variable = environment("JOBRUNS_CONFIG")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    if let Some(path) = flag.map(Path::to_path_buf).or(variable) {
        return ConfigFile::read(&path).map(Some);
    }
    default_config_files(environment)
        .iter()
        .find(|path| path.exists())
        .map(|path| ConfigFile::read(path))
        .transpose()
}

/// Where a config file is looked for unasked: in the user's config folder, then in the machine's. Never in the current
/// folder, which may be somebody else's.
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
    use crate::config::sources::tests::with_sources;

    fn settings(flags: &GlobalFlags, environment: &[(&str, &str)]) -> GlobalSettings {
        with_sources(environment, None, |sources| {
            GlobalSettings::choose(flags, sources).unwrap()
        })
    }

    #[test]
    fn no_color_gives_way_to_what_was_asked_for() {
        let environment = [("NO_COLOR", "1")];
        assert_eq!(settings(&GlobalFlags::default(), &environment).color, When::Never);
        let asked = GlobalFlags {
            color: Some(When::Always),
            ..GlobalFlags::default()
        };
        assert_eq!(settings(&asked, &environment).color, When::Always);
        assert_eq!(
            settings(&GlobalFlags::default(), &[("NO_COLOR", "")]).color,
            When::Auto
        );
    }

    #[test]
    fn the_archive_has_a_default() {
        assert_eq!(
            settings(&GlobalFlags::default(), &[]).archive,
            PathBuf::from("jobruns.db")
        );
        let environment = [("JOBRUNS_ARCHIVE", "other.db")];
        assert_eq!(
            settings(&GlobalFlags::default(), &environment).archive,
            PathBuf::from("other.db")
        );
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
        // A relative folder would be one in the current folder.
        assert_eq!(places(&[("XDG_CONFIG_HOME", "x"), ("HOME", "")]), [machine]);
    }

    #[test]
    fn a_config_file_that_was_named_must_be_there() {
        let missing = Path::new("no-such-folder/jobruns.toml");
        assert!(matches!(
            find_config_file(Some(missing), &|_| None),
            Err(ConfigError::Read { .. })
        ));
    }
}
