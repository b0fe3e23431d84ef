//! What can be wrong with settings and credentials.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::origin::Origin;
use super::text::NotText;

/// The name of the config file that is looked for if none is given.
pub const CONFIG_FILE_NAME: &str = "jobruns.toml";

/// A setting without a default that a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The server's base URL.
    Server,
    /// The user to log in as.
    User,
    /// The user's password.
    Password,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server",
            Self::User => "user",
            Self::Password => "password",
        })
    }
}

/// An error in settings or credentials: wrong usage, found before any work. Lines and columns count from 1.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that was given cannot be read.
    #[error("could not read the {what} {}", path.display())]
    Read {
        /// What the file is: "config file", "password file", "jobs file", "certificate file".
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file that was given is not text.
    #[error("the {what} {} cannot be read as text", path.display())]
    Encoding {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: NotText,
    },
    /// The config file is not TOML. The line itself is not repeated: it may contain a password.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Toml {
        path: PathBuf,
        line: usize,
        column: usize,
        /// What the parser says.
        message: String,
        /// What to write instead, if the mistake is a usual one.
        remedy: Option<String>,
    },
    /// The config file has a key that is not a setting.
    #[error("{}:{line}: there is no setting {key:?}", path.display())]
    UnknownKey {
        path: PathBuf,
        line: usize,
        key: String,
        /// The most similar setting.
        meant: Option<String>,
    },
    /// The config file has a list or a table where one value belongs.
    #[error("{}:{line}: {key} takes one value, not {found}", path.display())]
    NotOneValue {
        path: PathBuf,
        line: usize,
        key: String,
        /// "a list" or "a table".
        found: &'static str,
    },
    /// An `[[export]]` entry cannot be read.
    #[error("{}:{line}: [[export]]: {reason}", path.display())]
    Export {
        path: PathBuf,
        line: usize,
        /// Repeats no value.
        reason: String,
    },
    /// A `[[server]]` entry cannot be read, or contradicts another one.
    #[error("{}:{line}: [[server]]: {reason}", path.display())]
    ServerEntry {
        path: PathBuf,
        line: usize,
        reason: String,
    },
    /// The config file has a password.
    #[error("{}:{line}: a password does not belong in the config file", path.display())]
    PasswordInFile { path: PathBuf, line: usize },
    /// A value cannot be read.
    #[error("{origin}: {reason}")]
    Value { origin: Origin, reason: String },
    /// A text in the config file contains a control character.
    #[error(
        "{}:{line}: {key} holds a control character ({}), which double quotes make of a backslash and a letter",
        path.display(), control.escape_default()
    )]
    ControlCharacter {
        path: PathBuf,
        line: usize,
        key: String,
        control: char,
    },
    /// The arguments were refused together with the values from the environment and the config file.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// A needed setting was not given.
    #[error("no {0} was given")]
    Missing(Missing),
    /// Two ways to trust the server at once.
    #[error("{first} and {second} contradict each other: each says another way to trust the server")]
    TwoWaysToTrust { first: Origin, second: Origin },
    /// `--count` and `--fetch` from the same source.
    #[error(
        "{count} and {fetch} contradict each other: the one asks for a fixed number of runs, the other does not"
    )]
    CountWithFetch { count: Origin, fetch: Origin },
    /// Others than the owner can read the password file.
    #[cfg_attr(
        not(any(unix, test)),
        expect(dead_code, reason = "file permissions are only checked on Unix")
    )]
    #[error("the password file {} can be read by others (its mode is {mode:03o})", path.display())]
    OpenPasswordFile {
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The password file is far too long for one.
    #[error("the password file {} is not a password file: it is longer than {limit} bytes", path.display())]
    LongPasswordFile {
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// The source of the password is empty.
    #[error("the password from {origin} is empty")]
    EmptyPassword { origin: String },
    /// A password cannot be read from standard input or a terminal.
    #[error("could not read the password from {origin}")]
    ReadPassword {
        origin: &'static str,
        #[source]
        source: io::Error,
    },
    /// The password from a stream or from the environment is not text.
    #[error("the password from {origin} cannot be read as text")]
    PasswordNotText {
        origin: &'static str,
        #[source]
        source: NotText,
    },
    /// A line of the jobs file is not a job.
    #[error("{}:{line}: {text:?} is not a job (expected a GUID and an optional name)", path.display())]
    JobsLine {
        path: PathBuf,
        line: usize,
        /// The line's first word.
        text: String,
    },
    /// The jobs file lists no job.
    #[error("the jobs file {} names no job", path.display())]
    NoJobs { path: PathBuf },
}
