//! What can be wrong with settings and credentials.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::origin::Origin;
use super::text::NotText;

/// What a config file is called where none is named.
pub const CONFIG_FILE_NAME: &str = "jobruns.toml";

/// What a command needs and cannot do without.
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

/// An error of the configuration: each is a wrong use, found before any work.
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
        /// How it is written, where that is plain.
        remedy: Option<String>,
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
    /// An entry of a server cannot be read, or contradicts another one.
    #[error("{}:{line}: [[server]]: {reason}", path.display())]
    ServerEntry {
        /// The config file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Why.
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
    #[error("no {0} was given")]
    Missing(Missing),
    /// Two ways to trust the server at once.
    #[error("{first} and {second} contradict each other: each says another way to trust the server")]
    TwoWaysToTrust {
        /// Where the one stands.
        first: Origin,
        /// Where the other stands.
        second: Origin,
    },
    /// Two ways to say what is fetched at once.
    #[error(
        "{count} and {fetch} contradict each other: the one asks for a fixed number of runs, the other does not"
    )]
    CountWithFetch {
        /// Where the number stands.
        count: Origin,
        /// Where the other stands.
        fetch: Origin,
    },
    /// The password file can be read by others than its owner.
    #[cfg_attr(
        not(any(unix, test)),
        expect(dead_code, reason = "its rights are not looked at")
    )]
    #[error("the password file {} can be read by others (its mode is {mode:03o})", path.display())]
    OpenPasswordFile {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The password file is far too long for one.
    #[error("the password file {} is not a password file: it is longer than {limit} bytes", path.display())]
    LongPasswordFile {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A password source holds nothing.
    #[error("the password from {origin} is empty")]
    EmptyPassword {
        /// Where it came from, as text.
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
    #[error("{}:{line}: {text:?} is not a job (expected a GUID and an optional name)", path.display())]
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
