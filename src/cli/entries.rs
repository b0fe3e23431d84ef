//! Entries of the config file that are read as the words of a command line.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::failure::Failure;
use crate::config::{Choice, ConfigError, Sources, with_variables_in_help};

/// Reads an entry as a command line would be: what it leaves open is taken from environment and config file. `Err` within
/// says what is wrong with the entry itself.
///
/// # Errors
/// A value of environment or config file is refused.
pub(crate) fn parse<A: CommandFactory + FromArgMatches>(
    arguments: &[String],
    sources: &Sources<'_>,
) -> Result<Result<(A, Vec<Choice>), String>, Failure> {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let command = A::command();
    match with_variables_in_help(command.clone()).try_get_matches_from(&arguments) {
        Ok(parsed) => {
            let (matches, choices) = sources.complete(&command, &arguments, &parsed)?;
            let parsed = A::from_arg_matches(&matches).map_err(ConfigError::from)?;
            Ok(Ok((parsed, choices)))
        }
        Err(error) => {
            let text = error.render().to_string();
            // What it says, without the usage of a command that nobody typed.
            let message: Vec<&str> = text
                .lines()
                .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect();
            let message = message.join("; ");
            Ok(Err(message
                .strip_prefix("error: ")
                .unwrap_or(&message)
                .to_owned()))
        }
    }
}
