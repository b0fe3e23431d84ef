//! What can be wrong with settings and credentials, and the way out.

use std::io;
use std::path::{Path, PathBuf};

use super::origin::Origin;
use super::text::NotText;

/// What a config file is called where none is named.
pub const CONFIG_FILE_NAME: &str = "jobruns.toml";

/// An error of the config room: each is a wrong use, found before any work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named cannot be read.
    #[error("could not read the {what} {}", path.display())]
    Read {
        /// What the file is: "config file", "password file", "jobs file", "certificate file".
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that was named is not text.
    #[error("the {what} {} cannot be read as text", path.display())]
    Encoding {
        /// What the file is.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: NotText,
    },
    /// The config file is not TOML. The line itself is not repeated: it may hold a password.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Toml {
        /// The config file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// The config file has a key that means nothing.
    #[error("{}:{line}: there is no setting {key:?}", path.display())]
    UnknownKey {
        /// The config file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// The setting that was probably meant.
        meant: Option<String>,
    },
    /// The config file has a list or a table where one value belongs.
    #[error("{}:{line}: {key} takes one value, not {found}", path.display())]
    NotOneValue {
        /// The config file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The setting.
        key: String,
        /// What stands there.
        found: &'static str,
    },
    /// An entry of the reports that are written after each sync cannot be read.
    #[error("{}:{line}: [[export]]: {reason}", path.display())]
    Export {
        /// The config file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why; no value is repeated.
        reason: String,
    },
    /// The config file has a password.
    #[error("{}:{line}: a password does not belong in the config file", path.display())]
    PasswordInFile {
        /// The config file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// A value cannot be read.
    #[error("{origin}: {reason}")]
    Value {
        /// Where the value stands.
        origin: Origin,
        /// Why it cannot be read.
        reason: String,
    },
    /// A text in the config file holds a control character.
    #[error(
        "{}:{line}: {key} holds a control character ({}), which double quotes make of a backslash and a letter",
        path.display(), control.escape_default()
    )]
    ControlCharacter {
        /// The config file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The setting's key.
        key: String,
        /// The character.
        control: char,
    },
    /// The arguments were refused when the values of environment and config file were added to them.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// A setting that is needed was given nowhere.
    #[error("no {what} was given")]
    Missing {
        /// What is needed, in words.
        what: &'static str,
        /// How to give it.
        how: &'static str,
    },
    /// Two ways to trust the server at once.
    #[error("{first} and {second} contradict each other: each says another way to trust the server")]
    TwoWaysToTrust {
        /// Where the one stands.
        first: Origin,
        /// Where the other stands.
        second: Origin,
    },
    /// The password file can be read by others than its owner.
    #[error("the password file {} can be read by others (its mode is {mode:03o})", path.display())]
    OpenPasswordFile {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The password file is far too long for one.
    #[error("the password file {} is no password file: it is longer than {limit} bytes", path.display())]
    LongPasswordFile {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A password source holds nothing.
    #[error("the password from {origin} is empty")]
    EmptyPassword {
        /// Where it came from, in words.
        origin: String,
    },
    /// A password cannot be read from standard input or a terminal.
    #[error("could not read the password from {origin}")]
    ReadPassword {
        /// Where it should come from.
        origin: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The password of a stream or of the environment is not text.
    #[error("the password from {origin} cannot be read as text")]
    PasswordEncoding {
        /// Where it came from.
        origin: &'static str,
        /// Why.
        #[source]
        source: NotText,
    },
    /// A line of the jobs file is not a job.
    #[error("{}:{line}: {text:?} is no job (expected a GUID and an optional name)", path.display())]
    JobsLine {
        /// The jobs file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The line's first word.
        text: String,
    },
    /// The jobs file names no job.
    #[error("the jobs file {} names no job", path.display())]
    NoJobs {
        /// The jobs file.
        path: PathBuf,
    },
}

impl ConfigError {
    /// The way out, in a sentence or two; `None` where the error says it all.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::UnknownKey { meant: Some(meant), .. } => format!("did you mean {meant}?"),
            Self::UnknownKey { .. } => {
                "the settings are those of `jobruns sync --help`, with _ in place of -.".to_owned()
            }
            Self::PasswordInFile { .. } => format!("take it out of there. {PASSWORD_WAYS}"),
            Self::Export { .. } => {
                "an entry is report = \"NAME\", output = \"FILE\", and options of that report as keys, with _ in place of -.".to_owned()
            }
            Self::ControlCharacter { .. } => {
                r"write the text in single quotes, which leave backslashes as they are: username = 'CORP\nightly'.".to_owned()
            }
            Self::Missing { how, .. } => match unread_config_file() {
                Some(unread) => format!("{how} {unread}"),
                None => (*how).to_owned(),
            },
            Self::TwoWaysToTrust { .. } => "keep the one that is meant; --pin is the strictest.".to_owned(),
            Self::OpenPasswordFile { path, .. } => {
                format!("keep it to its owner: chmod 600 {}", quoted(&path.display().to_string()))
            }
            Self::EmptyPassword { .. } => PASSWORD_WAYS.to_owned(),
            Self::NoJobs { .. } => {
                "put a GUID and an optional name on each line, or leave --jobs-file out to sync all watched jobs."
                    .to_owned()
            }
            Self::Read { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "check who may read the file; the task that runs jobruns must be able to.".to_owned()
            }
            Self::Read { what, source, .. } if source.kind() == io::ErrorKind::NotFound => {
                format!("create the {what}, or correct its path where it is named; -v shows where each setting comes from.")
            }
            Self::Read { .. }
            | Self::Encoding { .. }
            | Self::Toml { .. }
            | Self::NotOneValue { .. }
            | Self::Value { .. }
            | Self::Arguments(_)
            | Self::LongPasswordFile { .. }
            | Self::ReadPassword { .. }
            | Self::PasswordEncoding { .. }
            | Self::JobsLine { .. } => return None,
        };
        Some(hint)
    }
}

/// What to say where something is missing that a config file of the current folder may name; `None` without one.
pub(crate) fn unread_config_file() -> Option<String> {
    Path::new(CONFIG_FILE_NAME).exists().then(|| {
        format!("The {CONFIG_FILE_NAME} of the current folder is read only where it is named: --config {CONFIG_FILE_NAME}.")
    })
}

/// How to hand over a password, for hints.
pub(crate) const PASSWORD_WAYS: &str = "give the password by --password-file FILE, --password-stdin, \
     JOBRUNS_PASSWORD or `jobruns password set`; on a terminal it is asked for.";

/// `text` as a POSIX shell takes it, in quotes only where they are needed.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_of_a_hint_can_be_pasted() {
        assert_eq!(quoted("/etc/jobruns/pw"), "/etc/jobruns/pw");
        assert_eq!(quoted("it's my pw"), r"'it'\''s my pw'");
    }
}
