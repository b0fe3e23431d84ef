//! The flags about the server and the sync, as typed on a command line. Their comments are the help texts.

use std::path::PathBuf;
use std::time::Duration;

use super::pin::parse_pin;
use super::values::{PasswordEncoding, TableOrJson, parse_concurrency, parse_rate, parse_run_limit};
use crate::model::{Guid, NaiveZone, Sha256, parse_positive_duration};

/// Which server.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct UrlFlags {
    /// The server's base URL, such as https://ccs.example:12431, to which `/ccs/api/v1/...` is appended [env:
    /// JOBRUNS_URL]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// How long the server may be silent before a request fails, such as 90s; an answer fails too if no run of it is
    /// completed for ten times as long [env: JOBRUNS_TIMEOUT] [default: 2m]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    pub timeout: Option<Duration>,
}

/// Who logs in.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Login")]
pub struct LoginFlags {
    /// The user to log in as, such as CORP\auditor [env: JOBRUNS_USERNAME]
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,

    /// A file with the password; a final line break is ignored, and on Unix only the owner may have access to it [env:
    /// JOBRUNS_PASSWORD_FILE]
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub password_file: Option<PathBuf>,

    /// Reads the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
}

/// How to reach, trust and treat the server.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ServerFlags {
    #[expect(missing_docs, reason = "flattened: the fields speak for themselves")]
    #[command(flatten)]
    pub server: UrlFlags,

    #[expect(missing_docs, reason = "flattened: the fields speak for themselves")]
    #[command(flatten)]
    pub login: LoginFlags,

    /// How to encode the password: base64 as the API documents it, none for older servers or a password that is already
    /// encoded [env: JOBRUNS_PASSWORD_ENCODING] [default: base64]
    #[arg(
        long,
        value_name = "HOW",
        help_heading = "Login",
        value_enum,
        hide_possible_values = true
    )]
    pub password_encoding: Option<PasswordEncoding>,

    /// A PEM file with the CA certificates to trust [env: JOBRUNS_CA_CERT]
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    pub ca_cert: Option<PathBuf>,

    /// The SHA-256 of the server's certificate, as shown by `jobruns trust`; no other certificate is trusted [env:
    /// JOBRUNS_PIN]
    #[arg(long, value_name = "SHA256", help_heading = "Trust", value_parser = parse_pin)]
    pub pin: Option<Sha256>,

    /// Disables the certificate check, so that anybody in between can read the password; required for http:// URLs
    /// [env: JOBRUNS_INSECURE]
    #[arg(long, help_heading = "Trust")]
    pub insecure: bool,

    /// Retries per job after a transient error [env: JOBRUNS_RETRIES] [default: 4]
    #[arg(long, value_name = "N", help_heading = "Server")]
    pub retries: Option<u32>,

    /// Maximum requests per second over all jobs; 0.5 is one every two seconds [env: JOBRUNS_RATE_LIMIT] [default: no
    /// limit]
    #[arg(long, value_name = "N", help_heading = "Server", value_parser = parse_rate)]
    pub rate_limit: Option<f64>,
}

/// What a sync fetches, and how.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct SyncFlags {
    /// The jobs to sync, by GUID [default: all watched jobs]
    #[arg(value_name = "JOB_ID")]
    pub jobs: Vec<Guid>,

    /// A file that lists jobs to sync: a GUID and an optional name per line, and # comments [env: JOBRUNS_JOBS_FILE]
    #[arg(long, value_name = "FILE")]
    pub jobs_file: Option<PathBuf>,

    /// Fetches only the latest N runs of each job, and marks none absent; 0 fetches all [env: JOBRUNS_COUNT] [default: 0]
    #[arg(long, value_name = "N")]
    pub count: Option<u32>,

    /// Number of jobs to fetch at the same time [env: JOBRUNS_CONCURRENCY] [default: 4]
    #[arg(long, value_name = "N", value_parser = parse_concurrency)]
    pub concurrency: Option<usize>,

    /// The time zone of times that the server sends without an offset: utc or an IANA name such as Europe/Berlin; the
    /// archive remembers it [env: JOBRUNS_NAIVE_TIME] [default: what the archive remembers, else utc]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub naive_time: Option<NaiveZone>,

    /// The largest run to read, at most 512MiB; of a larger one, its beginning, length and SHA-256 go to quarantine [env:
    /// JOBRUNS_RUN_LIMIT] [default: 256MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_run_limit)]
    pub run_limit: Option<u64>,

    /// Repeats the sync at this interval, such as 15m, until it is stopped [env: JOBRUNS_EVERY]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration)]
    pub every: Option<Duration>,

    /// Appends a line with time, number and ledger head of each sync to this file; keep it where nobody can change
    /// existing lines, such as a write-once share (see `jobruns verify --help`) [env: JOBRUNS_HEAD_FILE]
    #[arg(long, value_name = "FILE")]
    pub head_file: Option<PathBuf>,

    /// The format of the summary on standard output; JSON is one line per sync with --every [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<TableOrJson>,
}
