//! The settings of server and sync. Each is defined once, with its flag, variable (`env`), default, help (the comment) and
//! type; its key in the config file is the field's name. See [`Sources`] for where a value comes from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::BoolishValueParser;

use super::error::{ConfigError, Missing};
use super::origin::Origin;
use super::pin::parse_pin;
use super::sources::Sources;
use super::values::{TableOrJson, parse_concurrency, parse_rate, parse_run_limit, parse_whole_number};
use crate::ccs::PasswordEncoding;
use crate::model::{Fetch, Guid, NaiveZone, Sha256, parse_duration, parse_positive_duration};

/// Which certificate of the server to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustChoice {
    /// One issued by an authority that the operating system trusts.
    System,
    /// One issued by an authority in this PEM file.
    CaCert(PathBuf),
    /// The one with this SHA-256.
    Pin(Sha256),
    /// Any.
    Insecure,
}

/// Which server, and how long to wait for it.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct UrlSettings {
    /// The server's base URL, such as https://ccs.example:12431, to which `/ccs/api/v1/...` is appended
    #[arg(long, env = "JOBRUNS_URL", value_name = "URL")]
    url: Option<String>,

    // The default is long because a server needs a while to collect years of runs.
    /// How long the server may be silent before a request fails, such as 90s. Fewer than 1,024 bytes in that time, and no run
    /// completed, count as silence; an answer fails too if no run of it is completed for ten times as long
    #[arg(
        long,
        env = "JOBRUNS_TIMEOUT",
        value_name = "DURATION",
        value_parser = parse_positive_duration,
        default_value = "2m"
    )]
    pub timeout: Duration,
}

impl UrlSettings {
    /// Sets the URL from a dialogue.
    pub fn set_url(&mut self, url: String) {
        self.url = Some(url);
    }

    /// The base URL as given; the client checks it.
    ///
    /// # Errors
    /// If none was given.
    pub fn url(&self) -> Result<&str, ConfigError> {
        let url = self.url.as_deref().filter(|url| !url.is_empty());
        url.ok_or(ConfigError::Missing(Missing::Server))
    }
}

/// Who logs in, and where the password is found.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Login")]
pub struct LoginSettings {
    /// The user to log in as, such as CORP\auditor
    #[arg(long, env = "JOBRUNS_USERNAME", value_name = "NAME")]
    username: Option<String>,

    /// A file with the password; a final line break is ignored, and on Unix only the owner may have access to it
    #[arg(
        long,
        env = "JOBRUNS_PASSWORD_FILE",
        value_name = "FILE",
        conflicts_with = "password_stdin"
    )]
    pub password_file: Option<PathBuf>,

    /// Reads the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
}

impl LoginSettings {
    /// Sets the user from a dialogue.
    pub fn set_username(&mut self, username: String) {
        self.username = Some(username);
    }

    /// The user to log in as.
    ///
    /// # Errors
    /// If none was given.
    pub fn username(&self) -> Result<&str, ConfigError> {
        let username = self.username.as_deref().filter(|name| !name.is_empty());
        username.ok_or(ConfigError::Missing(Missing::User))
    }
}

/// How to reach, trust and treat the server.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerSettings {
    #[command(flatten)]
    pub server: UrlSettings,

    #[command(flatten)]
    pub login: LoginSettings,

    /// How to encode the password: base64 as the API documents it, none for older servers or a password that is already
    /// encoded
    #[arg(
        long,
        env = "JOBRUNS_PASSWORD_ENCODING",
        value_name = "HOW",
        help_heading = "Login",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        default_value_t
    )]
    pub password_encoding: PasswordEncoding,

    /// A PEM file with the CA certificates to trust
    #[arg(long, env = "JOBRUNS_CA_CERT", value_name = "FILE", help_heading = "Trust")]
    ca_cert: Option<PathBuf>,

    /// The SHA-256 of the server's certificate, as shown by `jobruns trust`; no other certificate is trusted
    #[arg(long, env = "JOBRUNS_PIN", value_name = "SHA256", help_heading = "Trust", value_parser = parse_pin)]
    pin: Option<Sha256>,

    /// Disables the certificate check, so that anybody in between can read the password; required for http:// URLs
    #[arg(
        long,
        env = "JOBRUNS_INSECURE",
        help_heading = "Trust",
        value_parser = BoolishValueParser::new()
    )]
    insecure: bool,

    /// Retries per job after an answer that broke off or that the server could not finish; 0 also ends --retry-for
    #[arg(
        long,
        env = "JOBRUNS_RETRIES",
        value_name = "N",
        help_heading = "Server",
        value_parser = parse_whole_number,
        default_value_t = 4
    )]
    pub retries: u32,

    /// Maximum requests per second over all jobs; 0.5 is one every two seconds [default: no limit]
    #[arg(
        long,
        env = "JOBRUNS_RATE_LIMIT",
        value_name = "N",
        help_heading = "Server",
        value_parser = parse_rate
    )]
    pub rate_limit: Option<f64>,
}

impl ServerSettings {
    /// Trusts this certificate, which a person has checked.
    pub fn set_pin(&mut self, pin: Sha256) {
        self.pin = Some(pin);
    }

    /// Trusts the authorities in this PEM file.
    pub fn set_ca_cert(&mut self, file: PathBuf) {
        self.ca_cert = Some(file);
    }

    /// Which certificate to trust. The three settings are three spellings of one choice: the one from the strongest source
    /// counts (a flag over the environment over the file), and two from the same source contradict each other.
    ///
    /// # Errors
    /// If two settings from the same source contradict each other.
    pub fn trust(&self, sources: &Sources<'_>) -> Result<TrustChoice, ConfigError> {
        let mut ways: Vec<(TrustChoice, Origin)> = Vec::new();
        let mut add = |key, way: Option<TrustChoice>| ways.extend(way.map(|way| (way, sources.origin(key))));
        add("ca_cert", self.ca_cert.clone().map(TrustChoice::CaCert));
        add("pin", self.pin.map(TrustChoice::Pin));
        add("insecure", self.insecure.then_some(TrustChoice::Insecure));
        ways.sort_by_key(|(_, origin)| origin.rank());
        match ways.as_slice() {
            [(_, first), (_, second), ..] if first.rank() == second.rank() => {
                Err(ConfigError::TwoWaysToTrust {
                    first: first.clone(),
                    second: second.clone(),
                })
            }
            [(way, _), ..] => Ok(way.clone()),
            [] => Ok(TrustChoice::System),
        }
    }
}

/// Which jobs a sync watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Watch {
    /// Those that were added by a command, a jobs file or an entry of the config file.
    #[default]
    Listed,
    /// All that the server has.
    All,
}

/// The values of `--fetch`, since clap takes only variants without fields. The choice itself, which also depends on
/// `--count` and `--full-every`, is [`Fetch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum FetchWord {
    #[default]
    Full,
    Auto,
}

/// What a sync fetches, and how.
#[derive(Debug, Clone, clap::Args)]
pub struct SyncSettings {
    /// The jobs to sync, by GUID [default: all watched jobs]
    #[arg(value_name = "JOB_ID")]
    jobs: Vec<Guid>,

    /// A file that lists jobs to watch: a GUID and an optional name per line, and # comments; a job that is taken out of it
    /// is no longer watched, unless it is watched otherwise. `jobruns jobs discover --format jobs-file` writes one
    #[arg(long, env = "JOBRUNS_JOBS_FILE", value_name = "FILE")]
    jobs_file: Option<PathBuf>,

    /// Asks the server at each sync which jobs it has, and watches new ones, but for those removed by `jobruns jobs remove`
    /// [env: JOBRUNS_WATCH=all] [config: watch = 'all']
    #[arg(long)]
    watch_all: bool,

    /// Which jobs are watched: listed (by the commands and the jobs file) or all that the server has
    #[arg(
        long,
        env = "JOBRUNS_WATCH",
        value_name = "WHICH",
        value_enum,
        default_value_t,
        hide = true
    )]
    watch: Watch,

    /// Fetches only the latest N runs of each job, whatever that leaves out, and marks none absent; 0 fetches all; not with
    /// --fetch
    #[arg(
        long,
        env = "JOBRUNS_COUNT",
        value_name = "N",
        value_parser = parse_whole_number,
        default_value_t = 0
    )]
    count: u32,

    /// What to fetch of each job: full (all runs), or auto: all runs where the last complete answer with all is older than
    /// --full-every, else the latest, as many as reach back to what is archived. Only an answer with all runs marks runs absent
    #[arg(
        long,
        env = "JOBRUNS_FETCH",
        value_name = "WHAT",
        value_enum,
        ignore_case = true,
        hide_possible_values = true,
        default_value_t,
        conflicts_with = "count"
    )]
    fetch: FetchWord,

    /// With --fetch auto, how old the last complete answer with all runs of a job may be
    #[arg(
        long,
        env = "JOBRUNS_FULL_EVERY",
        value_name = "DURATION",
        value_parser = parse_positive_duration,
        default_value = "7d"
    )]
    full_every: Duration,

    // Two to four jobs keep the connection busy while one of them waits.
    /// Number of jobs to fetch at the same time
    #[arg(
        long,
        env = "JOBRUNS_CONCURRENCY",
        value_name = "N",
        value_parser = parse_concurrency,
        default_value_t = 4
    )]
    pub concurrency: usize,

    /// The time zone of times that the server sends without an offset: utc or an IANA name such as Europe/Berlin; the
    /// archive remembers it [default: what the archive remembers, else utc]
    #[arg(
        long,
        env = "JOBRUNS_NAIVE_TIME",
        value_name = "ZONE",
        allow_hyphen_values = true
    )]
    pub naive_time: Option<NaiveZone>,

    // With doubling waits, the default is enough to outlast a restart of the server's service.
    /// How long to try again while the server does not answer: no connection, a connection that is closed before an
    /// answer, a timeout, or status 502, 503 or 504; 1h outlasts a reboot at night. Counts from the first failure, for
    /// the login and all jobs together; --retries counts answers that broke off
    #[arg(
        long,
        env = "JOBRUNS_RETRY_FOR",
        value_name = "DURATION",
        help_heading = "Server",
        value_parser = parse_duration,
        default_value = "15s"
    )]
    pub retry_for: Duration,

    /// The largest run to read, at most 512MiB; of a larger one, its beginning, length and SHA-256 go to quarantine
    #[arg(
        long,
        env = "JOBRUNS_RUN_LIMIT",
        value_name = "SIZE",
        value_parser = parse_run_limit,
        default_value = "256MiB"
    )]
    pub run_limit: u64,

    /// Repeats the sync at this interval, such as 15m, until it is stopped
    #[arg(
        long,
        env = "JOBRUNS_EVERY",
        value_name = "DURATION",
        value_parser = parse_positive_duration
    )]
    pub every: Option<Duration>,

    /// Appends a line with time, number and ledger head of each sync to this file; keep it where nobody can change
    /// existing lines, such as a write-once share (see `jobruns verify --help`)
    #[arg(long, env = "JOBRUNS_HEAD_FILE", value_name = "FILE")]
    pub head_file: Option<PathBuf>,

    /// The format of the summary on standard output; JSON is one line per sync with --every [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub format: Option<TableOrJson>,

    /// Shows all columns and whole cells on a terminal, however narrow it is
    #[arg(long)]
    pub wide: bool,
}

impl SyncSettings {
    /// Whether all jobs of a server are watched; `entry` is what its entry in the config file says.
    #[must_use]
    pub fn watches_all(&self, entry: Option<bool>) -> bool {
        self.watch_all || entry.unwrap_or(self.watch == Watch::All)
    }

    /// Which runs of each job to ask for. `--count` and `--fetch` are two spellings of one choice: the one from the stronger
    /// source counts, and both from the same source contradict each other.
    ///
    /// # Errors
    /// If they contradict each other.
    pub fn fetch(&self, sources: &Sources<'_>) -> Result<Fetch, ConfigError> {
        let (count, fetch) = (sources.origin("count"), sources.origin("fetch"));
        let is_given = |origin: &Origin| !matches!(origin, Origin::Default);
        if is_given(&count) && is_given(&fetch) && count.rank() == fetch.rank() {
            return Err(ConfigError::CountWithFetch { count, fetch });
        }
        Ok(match self.fetch {
            _ if count.rank() < fetch.rank() && self.count > 0 => Fetch::Latest(self.count),
            _ if count.rank() < fetch.rank() => Fetch::Full,
            FetchWord::Full => Fetch::Full,
            FetchWord::Auto => Fetch::Auto {
                full_every: self.full_every,
            },
        })
    }

    /// The jobs that were named on the command line.
    #[must_use]
    pub fn named_jobs(&self) -> &[Guid] {
        &self.jobs
    }

    /// The path of the jobs file, if it counts: jobs named on the command line replace it, unless `--jobs-file` is a flag, too.
    #[must_use]
    pub fn jobs_file(&self, sources: &Sources<'_>) -> Option<&Path> {
        let counts = self.jobs.is_empty() || matches!(sources.origin("jobs_file"), Origin::Flag(_));
        self.jobs_file.as_deref().filter(|_| counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sources::tests::settled;

    const B: &str = "a282d163-2248-4904-8135-0eaf08be8e55";

    fn trust(
        arguments: &[&str],
        environment: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<TrustChoice, ConfigError> {
        settled(
            arguments,
            environment,
            file,
            |settings: &ServerSettings, sources| settings.trust(sources),
        )?
    }

    #[test]
    fn url_and_user_must_be_given() {
        for url in [&[][..], &["--url", ""]] {
            settled(url, &[], None, |settings: &ServerSettings, _| {
                let (url, user) = (settings.server.url(), settings.login.username());
                assert!(matches!(url, Err(ConfigError::Missing(Missing::Server))));
                assert!(matches!(user, Err(ConfigError::Missing(Missing::User))));
            })
            .unwrap();
        }
    }

    #[test]
    fn the_way_to_trust_from_the_strongest_source_counts() {
        let pin = "ab".repeat(32);
        let file = format!("pin = '{pin}'");
        assert_eq!(trust(&[], &[], None).unwrap(), TrustChoice::System);
        assert_eq!(
            trust(&[], &[], Some(&file)).unwrap(),
            TrustChoice::Pin([0xAB; 32])
        );
        let environment = [("JOBRUNS_CA_CERT", "ca.pem")];
        let chosen = trust(&[], &environment, Some(&file)).unwrap();
        assert_eq!(chosen, TrustChoice::CaCert(PathBuf::from("ca.pem")));
        assert_eq!(
            trust(&["--insecure"], &environment, Some(&file)).unwrap(),
            TrustChoice::Insecure
        );
        assert_eq!(
            trust(&[], &[("JOBRUNS_INSECURE", "no")], None).unwrap(),
            TrustChoice::System
        );
    }

    #[test]
    fn two_ways_to_trust_from_one_source_contradict_each_other() {
        let pin = format!("--pin={}", "01".repeat(32));
        let error = trust(&["--insecure", &pin], &[], None).unwrap_err();
        assert!(
            error.to_string().contains("--insecure") && error.to_string().contains("--pin"),
            "{error}"
        );
    }

    #[test]
    fn values_of_the_environment_are_read_like_flags() {
        let environment = [
            ("JOBRUNS_TIMEOUT", "90s"),
            ("JOBRUNS_PASSWORD_ENCODING", "None"),
            ("JOBRUNS_RATE_LIMIT", "0.5"),
            ("JOBRUNS_RETRIES", "0"),
        ];
        settled(&[], &environment, None, |settings: &ServerSettings, _| {
            assert_eq!(settings.server.timeout, Duration::from_secs(90));
            assert_eq!(settings.password_encoding, PasswordEncoding::None);
            assert_eq!(settings.rate_limit, Some(0.5));
            assert_eq!(settings.retries, 0);
        })
        .unwrap();
    }

    #[test]
    fn bad_values_are_refused() {
        for (key, value) in [
            ("JOBRUNS_TIMEOUT", "90"),
            ("JOBRUNS_TIMEOUT", "0s"),
            ("JOBRUNS_PASSWORD_ENCODING", "rot13"),
            ("JOBRUNS_RATE_LIMIT", "0"),
            ("JOBRUNS_RATE_LIMIT", "NaN"),
            ("JOBRUNS_RETRIES", "-1"),
            ("JOBRUNS_PIN", "abc"),
            ("JOBRUNS_INSECURE", "perhaps"),
        ] {
            let chosen = settled(&[], &[(key, value)], None, |_: &ServerSettings, _| ());
            assert!(matches!(chosen, Err(ConfigError::Value { .. })), "{key}={value}");
        }
        for (key, value) in [
            ("JOBRUNS_CONCURRENCY", "0"),
            ("JOBRUNS_CONCURRENCY", "65"),
            ("JOBRUNS_NAIVE_TIME", "Mars/Olympus"),
            ("JOBRUNS_RUN_LIMIT", "1KiB"),
            ("JOBRUNS_EVERY", "0m"),
            ("JOBRUNS_COUNT", "all"),
        ] {
            let chosen = settled(&[], &[(key, value)], None, |_: &SyncSettings, _| ());
            assert!(matches!(chosen, Err(ConfigError::Value { .. })), "{key}={value}");
        }
    }

    #[test]
    fn jobs_named_as_arguments_stand_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.txt");
        let jobs_file = path.display().to_string();
        let environment = [("JOBRUNS_JOBS_FILE", jobs_file.as_str())];
        let jobs = |arguments: &[&str]| {
            settled(
                arguments,
                &environment,
                None,
                |settings: &SyncSettings, sources| {
                    let named: Vec<String> = settings.named_jobs().iter().map(ToString::to_string).collect();
                    (named.join(" "), settings.jobs_file(sources).is_some())
                },
            )
            .unwrap()
        };
        assert_eq!(jobs(&[]), (String::new(), true));
        assert_eq!(jobs(&[B]), (B.to_owned(), false));
        assert_eq!(jobs(&[B, "--jobs-file", &jobs_file]), (B.to_owned(), true));
    }
}
