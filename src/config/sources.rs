//! Takes the value of each setting from the flag, else the environment, else the config file, else its default, and
//! remembers which it was.
//!
//! A setting is an argument of the command line that names an environment variable (`env = "JOBRUNS_RATE_LIMIT"`); its
//! key in the config file (`rate_limit`) is the argument's own name. The arguments are parsed twice: alone, which tells
//! the command and the config file; then with the values of environment and file as defaults. clap does not read the
//! environment itself: it would take an empty variable for a value, and blame the flag if a variable is wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{Resettable, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::error::ConfigError;
use super::file::ConfigFile;
use super::origin::Origin;
use crate::model::REDACTED;

/// A setting's value as `-v` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The setting's key.
    pub key: String,
    /// The value as written; secrets are left out.
    pub value: String,
    /// Where it was found.
    pub origin: Origin,
}

/// Looks up an environment variable; a closure in tests.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<OsString>;

/// The environment and the config file, and where the value of each setting was found.
pub struct Sources<'e> {
    environment: Environment<'e>,
    file: Option<ConfigFile>,
    choices: Vec<Choice>,
}

/// Settings whose values are never shown: a URL that is a secret itself, a command that may contain one.
const SECRET_SETTINGS: [&str; 2] = ["ping_url", "on_failure"];

fn is_setting(argument: &Arg) -> bool {
    argument.get_env().is_some()
}

/// The keys that a config file may have: the settings of all commands, except the path of the config file itself.
#[must_use]
pub fn config_keys(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter(|argument| is_setting(argument));
    let mut keys: Vec<String> = own.map(|argument| argument.get_id().to_string()).collect();
    keys.extend(command.get_subcommands().flat_map(config_keys));
    keys.retain(|key| key != "config");
    keys
}

/// `command` and its subcommands with the variables of their settings in the help, which clap itself does not read.
#[must_use]
pub fn with_variables_in_help(command: Command) -> Command {
    command
        .mut_args(|argument| {
            let Some(variable) = argument.get_env() else {
                return argument;
            };
            let variable = variable.to_string_lossy().into_owned();
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            argument
                .help(format!("{help} [env: {variable}]"))
                .env(Resettable::Reset)
        })
        .mut_subcommands(with_variables_in_help)
}

impl<'e> Sources<'e> {
    #[must_use]
    pub const fn new(environment: Environment<'e>, file: Option<ConfigFile>) -> Self {
        Self {
            environment,
            file,
            choices: Vec::new(),
        }
    }

    /// The same environment and config file with other choices, for an entry of the file.
    #[must_use]
    pub fn with_choices(&self, choices: Vec<Choice>) -> Self {
        Self {
            environment: self.environment,
            file: self.file.clone(),
            choices,
        }
    }

    #[must_use]
    pub const fn file(&self) -> Option<&ConfigFile> {
        self.file.as_ref()
    }

    /// The values of the command's settings, and where each was found.
    #[must_use]
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// Where the value of the setting `key` was found.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        let choice = self.choices.iter().find(|choice| choice.key == key);
        choice.map_or(Origin::Default, |choice| choice.origin.clone())
    }

    /// The path that the environment or the config file has for the setting `key` of any command.
    ///
    /// # Errors
    /// [`ConfigError::Value`] for an empty path.
    pub fn path(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let found = self.find(key);
        found
            .map(|(text, origin)| self.resolve(&text, &origin))
            .transpose()
    }

    /// The value that the environment or the config file has for the setting `key` of any command.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if `parse` refuses it.
    pub fn value<T, E: std::fmt::Display>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let Some((text, origin)) = self.find(key) else {
            return Ok(None);
        };
        match parse(text.to_string_lossy().trim()) {
            Ok(value) => Ok(Some(value)),
            Err(reason) => Err(ConfigError::Value {
                origin,
                reason: reason.to_string(),
            }),
        }
    }

    /// Parses `arguments` for `command` with the values of environment and config file as defaults, and remembers where
    /// each value was found. `parsed` is the result of the arguments alone.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if a value of the environment or the config file is refused.
    pub fn parse(
        &mut self,
        command: &Command,
        arguments: &[OsString],
        parsed: &ArgMatches,
    ) -> Result<ArgMatches, ConfigError> {
        let (matches, choices) = self.complete(command, arguments, parsed)?;
        self.choices = choices;
        Ok(matches)
    }

    /// Like [`Self::parse`], with the values and where each was found.
    pub fn complete(
        &self,
        command: &Command,
        arguments: &[OsString],
        parsed: &ArgMatches,
    ) -> Result<(ArgMatches, Vec<Choice>), ConfigError> {
        let mut choices = Vec::new();
        let mut found = BTreeMap::new();
        let settings = settings_of(command, parsed);
        for setting in &settings {
            let key = setting.get_id().as_str();
            if leaf(parsed).value_source(key) == Some(ValueSource::CommandLine) {
                continue;
            }
            if let Some((text, origin)) = self.find(key) {
                let value = self.checked(setting, text, &origin)?;
                found.insert(key.to_owned(), (value, origin));
            }
        }
        let completed = with_defaults(command.clone(), &found, parsed);
        let matches = with_variables_in_help(completed).try_get_matches_from(arguments)?;
        for setting in settings {
            let key = setting.get_id().as_str();
            let Some(values) = leaf(&matches).get_raw(key) else {
                continue;
            };
            let values: Vec<_> = values.map(OsStr::to_string_lossy).collect();
            let origin = match found.remove(key) {
                Some((_, origin)) => origin,
                None if leaf(&matches).value_source(key) == Some(ValueSource::CommandLine) => {
                    Origin::Flag(format!("--{}", setting.get_long().unwrap_or(key)))
                }
                None => Origin::Default,
            };
            choices.push(Choice {
                key: key.to_owned(),
                value: if SECRET_SETTINGS.contains(&key) {
                    REDACTED.to_owned()
                } else {
                    without_userinfo(&values.join(", "))
                },
                origin,
            });
        }
        Ok((matches, choices))
    }

    /// A variable of the environment; an empty one counts as not set.
    fn variable(&self, name: &str) -> Option<OsString> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    fn find(&self, key: &str) -> Option<(OsString, Origin)> {
        let variable = format!("JOBRUNS_{}", key.to_uppercase());
        if let Some(text) = self.variable(&variable) {
            return Some((text, Origin::Variable(variable)));
        }
        if let Some(file) = &self.file
            && let Some(value) = file.value(key)
        {
            let origin = Origin::File {
                path: file.path().to_path_buf(),
                line: value.line,
                key: key.to_owned(),
            };
            return Some((OsString::from(&value.text), origin));
        }
        // `NO_COLOR` means `never` if nothing else was given.
        let no_color = (key == "color").then(|| self.variable("NO_COLOR")).flatten()?;
        (!no_color.is_empty()).then(|| (OsString::from("never"), Origin::Variable("NO_COLOR".to_owned())))
    }

    /// The value in a spelling that the setting's parser accepts.
    fn checked(&self, setting: &Arg, text: OsString, origin: &Origin) -> Result<OsString, ConfigError> {
        let parser = setting.get_value_parser();
        if parser.type_id() == ValueParser::path_buf().type_id() {
            return Ok(self.resolve(&text, origin)?.into_os_string());
        }
        // `set JOBRUNS_RETRIES=2 & jobruns sync` in cmd.exe ends the value with a space.
        let text = match text.to_str() {
            Some(text) => OsString::from(text.trim()),
            None => text,
        };
        match reason_to_refuse(setting, &text) {
            None => Ok(text),
            Some(reason) => Err(ConfigError::Value {
                origin: origin.clone(),
                reason,
            }),
        }
    }

    /// A path from the config file is relative to that file's folder.
    fn resolve(&self, text: &OsStr, origin: &Origin) -> Result<PathBuf, ConfigError> {
        if text.is_empty() {
            return Err(ConfigError::Value {
                origin: origin.clone(),
                reason: "the path is empty".to_owned(),
            });
        }
        Ok(match (origin, &self.file) {
            (Origin::File { .. }, Some(file)) => file.resolve(text.as_ref()),
            _ => PathBuf::from(text),
        })
    }
}

/// The matches of the innermost subcommand, which include those of the global arguments.
fn leaf(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, inner)| leaf(inner))
}

/// The settings of the command in `matches`.
fn settings_of<'c>(command: &'c Command, matches: &ArgMatches) -> Vec<&'c Arg> {
    let mut settings: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| is_setting(argument) && argument.get_id() != "config")
        .collect();
    if let Some((name, inner)) = matches.subcommand()
        && let Some(subcommand) = command.find_subcommand(name)
    {
        settings.extend(settings_of(subcommand, inner));
    }
    settings
}

fn with_defaults(
    command: Command,
    found: &BTreeMap<String, (OsString, Origin)>,
    parsed: &ArgMatches,
) -> Command {
    let command = command.mut_args(|argument| match found.get(argument.get_id().as_str()) {
        Some((value, _)) if is_setting(&argument) => argument.default_value(value.clone()),
        _ => argument,
    });
    match parsed.subcommand() {
        Some((name, inner)) => command.mut_subcommand(name, |command| with_defaults(command, found, inner)),
        None => command,
    }
}

/// Why a setting's parser refuses a text; `None` if it accepts it.
fn reason_to_refuse(setting: &Arg, text: &OsStr) -> Option<String> {
    let value = Arg::new("value")
        .value_parser(setting.get_value_parser().clone())
        .ignore_case(setting.is_ignore_case_set())
        .allow_hyphen_values(true);
    let command = Command::new("setting").no_binary_name(true).arg(value);
    let error = command.try_get_matches_from([text]).err()?;
    let reason = match (error.kind(), error.source()) {
        (ErrorKind::InvalidUtf8, _) => "it is not valid Unicode".to_owned(),
        (_, Some(reason)) => reason.to_string(),
        (_, None) => match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(words)) => format!("{text:?} is none of {}", words.join(", ")),
            _ => "it is empty".to_owned(),
        },
    };
    Some(reason)
}

/// A URL without the part before `@`, where people put passwords.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://«redacted»@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Args;

    use super::*;

    /// Settings from arguments, environment variables and the text of a config file.
    pub(crate) fn settled<S: Args, R>(
        arguments: &[&str],
        environment: &[(&str, &str)],
        file: Option<&str>,
        test: impl FnOnce(&S, &Sources<'_>) -> R,
    ) -> Result<R, ConfigError> {
        let command = S::augment_args(Command::new("jobruns").no_binary_name(true));
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let parsed = with_variables_in_help(command.clone())
            .try_get_matches_from(&arguments)
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = file.map(|text| {
            let path = folder.path().join("jobruns.toml");
            std::fs::write(&path, text).unwrap();
            ConfigFile::read(&path, &config_keys(&command)).unwrap()
        });
        let look_up = |name: &str| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let mut sources = Sources::new(&look_up, file);
        let matches = sources.parse(&command, &arguments, &parsed)?;
        Ok(test(&S::from_arg_matches(&matches).unwrap(), &sources))
    }

    #[derive(Debug, Args)]
    struct Example {
        #[arg(long, env = "JOBRUNS_RETRIES", default_value_t = 4)]
        retries: u32,

        #[arg(long, env = "JOBRUNS_CA_CERT")]
        ca_cert: Option<PathBuf>,

        #[arg(long, env = "JOBRUNS_PIN_FILE")]
        pin_file: Option<PathBuf>,
    }

    fn retries(arguments: &[&str], environment: &[(&str, &str)], file: Option<&str>) -> (u32, u8) {
        settled(arguments, environment, file, |example: &Example, sources| {
            (example.retries, sources.origin("retries").rank())
        })
        .unwrap()
    }

    #[test]
    fn flag_wins_over_environment_over_file_over_default() {
        let environment = [("JOBRUNS_RETRIES", "2")];
        let file = Some("retries = 3");
        assert_eq!(retries(&["--retries=1"], &environment, file), (1, 0));
        assert_eq!(retries(&[], &environment, file), (2, 1));
        assert_eq!(retries(&[], &[], file), (3, 2));
        assert_eq!(retries(&[], &[], None), (4, 3));
    }

    #[test]
    fn an_empty_variable_is_not_set_and_blanks_around_a_value_do_not_count() {
        assert_eq!(retries(&[], &[("JOBRUNS_RETRIES", "")], None), (4, 3));
        assert_eq!(retries(&[], &[("JOBRUNS_RETRIES", " 5 ")], None), (5, 1));
    }

    #[test]
    fn a_bad_value_names_its_place() {
        let error = |environment: &[(&str, &str)], file| {
            settled(&[], environment, file, |_: &Example, _| ())
                .unwrap_err()
                .to_string()
        };
        assert!(error(&[("JOBRUNS_RETRIES", "x")], None).starts_with("JOBRUNS_RETRIES: "));
        assert!(error(&[], Some("\nretries = 'x'")).contains("jobruns.toml:2: retries: "));
        assert!(error(&[], Some("ca_cert = ''")).contains("the path is empty"));
    }

    #[test]
    fn a_path_of_the_file_is_relative_to_it_and_one_of_the_environment_is_not() {
        let environment = [("JOBRUNS_CA_CERT", "ca.pem")];
        settled(
            &[],
            &environment,
            Some("pin_file = 'pin'"),
            |example: &Example, sources| {
                assert!(example.pin_file.as_ref().unwrap().is_absolute());
                assert_eq!(sources.path("pin_file").unwrap(), example.pin_file);
                assert_eq!(example.ca_cert, Some(PathBuf::from("ca.pem")));
            },
        )
        .unwrap();
    }

    #[test]
    fn the_variable_stands_in_the_help() {
        let command = with_variables_in_help(Example::augment_args(Command::new("jobruns")));
        let help = command.clone().render_help().to_string();
        assert!(help.contains("[env: JOBRUNS_RETRIES] [default: 4]"), "{help}");
    }

    #[test]
    fn user_and_password_of_a_url_are_not_shown() {
        assert_eq!(without_userinfo("https://ccs:1/x"), "https://ccs:1/x");
        assert_eq!(
            without_userinfo("https://me:hunter2@ccs/x"),
            "https://«redacted»@ccs/x"
        );
        assert_eq!(without_userinfo(r"CORP\a@b"), r"CORP\a@b");
    }
}
