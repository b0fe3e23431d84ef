//! The settings, typed and checked: what the other rooms are given.

use std::collections::HashSet;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::error::ConfigError;
use super::flags::{LoginFlags, ServerFlags, SyncFlags, UrlFlags};
use super::jobs_file::{JobsFile, ListedJob, read_jobs_file};
use super::origin::Origin;
use super::pin::parse_pin;
use super::setting::Setting;
use super::size::show_size;
use super::sources::{Chosen, Sources};
use super::values::{
    PasswordEncoding, TableOrJson, parse_concurrency, parse_rate, parse_run_limit, whole_number, word,
    word_of, yes_or_no,
};
use crate::model::{Guid, NaiveZone, Sha256, hex, parse_positive_duration, show_duration};

/// What makes a server's certificate good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustChoice {
    /// The operating system's trusted authorities.
    System,
    /// The authorities in this PEM file.
    CaCert(PathBuf),
    /// This SHA-256 of the certificate.
    Pin(Sha256),
    /// Nothing is checked.
    Insecure,
}

/// Default for the server's longest silence: a server that gathers years of runs may think for a while.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// Default for further tries per job: with doubling waits enough to outlast a restart of the server's service.
const DEFAULT_RETRIES: u32 = 4;

/// Default for jobs fetched at once: two to four keep one connection's waiting time filled.
const DEFAULT_CONCURRENCY: usize = 4;

/// Default for the largest run that is read.
const DEFAULT_RUN_LIMIT: u64 = 256 << 20;

/// Which server, and how patiently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlSettings {
    /// The base URL as given; the client checks it.
    pub url: String,
    /// Longest silence of the server.
    pub timeout: Duration,
}

impl UrlSettings {
    /// Chooses from flags and sources.
    ///
    /// # Errors
    /// When a value cannot be read, or no URL was given.
    pub fn choose(flags: &UrlFlags, sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let same = |text: &str| Ok::<_, String>(text.to_owned());
        let url = sources.find(Setting::URL, flags.url.clone(), same, |url| without_userinfo(url))?;
        let url = url
            .filter(|url| !url.value.is_empty())
            .ok_or(ConfigError::Missing {
                what: "server",
                how: "give its base URL by --url https://HOST:12431, JOBRUNS_URL, or url in the config file.",
            })?;
        let timeout = sources.find_or(
            Setting::TIMEOUT,
            flags.timeout,
            parse_positive_duration,
            |timeout| show_duration(*timeout),
            DEFAULT_TIMEOUT,
        )?;
        Ok(Self {
            url: url.value,
            timeout,
        })
    }
}

/// Who logs in; where the password is, not what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSettings {
    /// The user.
    pub username: String,
    /// The password file, if one was named.
    pub password_file: Option<Chosen<PathBuf>>,
    /// Whether the password is on standard input.
    pub password_stdin: bool,
}

impl LoginSettings {
    /// Chooses from flags and sources.
    ///
    /// # Errors
    /// When a value cannot be read, or no user was given.
    pub fn choose(flags: &LoginFlags, sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let same = |text: &str| Ok::<_, String>(text.to_owned());
        let username = sources.find(Setting::USERNAME, flags.username.clone(), same, String::clone)?;
        let username = username.filter(|name| !name.value.is_empty()).ok_or(ConfigError::Missing {
            what: "user",
            how: r"give it by --username CORP\auditor, JOBRUNS_USERNAME, or username in the config file (there in single quotes: 'CORP\auditor').",
        })?;
        let password_file = sources.find_path(Setting::PASSWORD_FILE, flags.password_file.clone())?;
        Ok(Self {
            username: username.value,
            password_file,
            password_stdin: flags.password_stdin,
        })
    }
}

/// How to reach, trust and treat the server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerSettings {
    /// Which server.
    pub server: UrlSettings,
    /// Who logs in.
    pub login: LoginSettings,
    /// How the token URL wants the password.
    pub password_encoding: PasswordEncoding,
    /// What makes its certificate good.
    pub trust: TrustChoice,
    /// Retries per job after a transient error.
    pub retries: u32,
    /// Most requests per second.
    pub rate_limit: Option<f64>,
}

impl ServerSettings {
    /// Chooses from flags and sources.
    ///
    /// # Errors
    /// When a value cannot be read, URL or user is missing, or two ways to trust contradict each other.
    pub fn choose(flags: &ServerFlags, sources: &Sources<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            server: UrlSettings::choose(&flags.server, sources)?,
            login: LoginSettings::choose(&flags.login, sources)?,
            password_encoding: sources.find_or(
                Setting::PASSWORD_ENCODING,
                flags.password_encoding,
                word,
                word_of,
                PasswordEncoding::default(),
            )?,
            trust: choose_trust(flags, sources)?,
            retries: sources.find_or(
                Setting::RETRIES,
                flags.retries,
                whole_number,
                u32::to_string,
                DEFAULT_RETRIES,
            )?,
            rate_limit: sources
                .find(Setting::RATE_LIMIT, flags.rate_limit, parse_rate, f64::to_string)?
                .map(|chosen| chosen.value),
        })
    }
}

/// The way to trust the server. The three settings are three spellings of one choice: the one from the strongest
/// source counts (a flag over the environment over the file), and two from the same source contradict each other.
fn choose_trust(flags: &ServerFlags, sources: &Sources<'_>) -> Result<TrustChoice, ConfigError> {
    let mut ways: Vec<(TrustChoice, Origin)> = Vec::new();
    if let Some(chosen) = sources.find_path(Setting::CA_CERT, flags.ca_cert.clone())? {
        ways.push((TrustChoice::CaCert(chosen.value), chosen.origin));
    }
    if let Some(chosen) = sources.find(Setting::PIN, flags.pin, parse_pin, |pin| hex(pin))? {
        ways.push((TrustChoice::Pin(chosen.value), chosen.origin));
    }
    let insecure = flags.insecure.then_some(true);
    if let Some(chosen) = sources.find(Setting::INSECURE, insecure, yes_or_no, bool::to_string)?
        && chosen.value
    {
        ways.push((TrustChoice::Insecure, chosen.origin));
    }
    ways.sort_by_key(|(_, origin)| origin.rank());
    match ways.as_slice() {
        [(_, first), (_, second), ..] if first.rank() == second.rank() => Err(ConfigError::TwoWaysToTrust {
            first: first.clone(),
            second: second.clone(),
        }),
        [(way, _), ..] => Ok(way.clone()),
        [] => Ok(TrustChoice::System),
    }
}

/// What a sync fetches, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncSettings {
    /// The jobs that were named, each once; empty for all watched jobs.
    pub jobs: Vec<ListedJob>,
    /// Runs asked for per job; 0 for all.
    pub count: u32,
    /// Jobs fetched at once.
    pub concurrency: usize,
    /// The zone of times without offset, where one was asked for.
    pub naive_time: Option<NaiveZone>,
    /// The largest run that is read, in bytes.
    pub run_limit: u64,
    /// The rhythm of repeated syncs; `None` for a single one.
    pub every: Option<Duration>,
    /// The file to which each sync's head is appended.
    pub head_file: Option<PathBuf>,
    /// What the summary looks like, where that was asked for.
    pub format: Option<TableOrJson>,
}

impl SyncSettings {
    /// Chooses from flags and sources; reads the jobs file.
    ///
    /// Jobs named as arguments stand alone, unless `--jobs-file` is a flag beside them: then both count.
    ///
    /// # Errors
    /// When a value or the jobs file cannot be read.
    pub fn choose(flags: &SyncFlags, sources: &Sources<'_>) -> Result<Self, ConfigError> {
        let count = sources.find_or(Setting::COUNT, flags.count, whole_number, u32::to_string, 0)?;
        let concurrency = sources.find_or(
            Setting::CONCURRENCY,
            flags.concurrency,
            parse_concurrency,
            usize::to_string,
            DEFAULT_CONCURRENCY,
        )?;
        let naive_time = sources.find(
            Setting::NAIVE_TIME,
            flags.naive_time,
            NaiveZone::from_str,
            NaiveZone::to_string,
        )?;
        let run_limit = sources.find_or(
            Setting::RUN_LIMIT,
            flags.run_limit,
            parse_run_limit,
            |bytes| show_size(*bytes),
            DEFAULT_RUN_LIMIT,
        )?;
        let every = sources.find(Setting::EVERY, flags.every, parse_positive_duration, |every| {
            show_duration(*every)
        })?;
        Ok(Self {
            jobs: choose_jobs(flags, sources)?,
            count,
            concurrency,
            naive_time: naive_time.map(|chosen| chosen.value),
            run_limit,
            every: every.map(|chosen| chosen.value),
            head_file: head_file(flags.head_file.as_ref(), sources)?,
            format: flags.format,
        })
    }
}

/// The list of heads that a flag or the config file names.
///
/// # Errors
/// A config file that cannot be read as one.
pub fn head_file(flag: Option<&PathBuf>, sources: &Sources<'_>) -> Result<Option<PathBuf>, ConfigError> {
    let chosen = sources.find_path(Setting::HEAD_FILE, flag.cloned())?;
    Ok(chosen
        .map(|chosen| chosen.value)
        .filter(|path| !path.as_os_str().is_empty()))
}

fn choose_jobs(flags: &SyncFlags, sources: &Sources<'_>) -> Result<Vec<ListedJob>, ConfigError> {
    let mut jobs: Vec<ListedJob> = Vec::new();
    let mut known: HashSet<Guid> = HashSet::new();
    let mut add = |job: ListedJob| {
        if known.insert(job.job_id) {
            jobs.push(job);
        }
    };
    let file_counts = flags.jobs.is_empty() || flags.jobs_file.is_some();
    if file_counts && let Some(path) = sources.find_path(Setting::JOBS_FILE, flags.jobs_file.clone())? {
        let JobsFile {
            jobs: listed,
            repeated_lines,
        } = read_jobs_file(&path.value)?;
        for line in repeated_lines {
            tracing::debug!("{}:{line}: a job of an earlier line again", path.value.display());
        }
        listed.into_iter().for_each(&mut add);
    }
    let named = |&job_id: &Guid| ListedJob { job_id, name: None };
    flags.jobs.iter().map(named).for_each(&mut add);
    Ok(jobs)
}

/// A URL without what stands before `@`, where people put passwords.
fn without_userinfo(url: &str) -> String {
    let (scheme, rest) = url
        .split_once("://")
        .map_or(("", url), |(scheme, rest)| (scheme, rest));
    let Some((_, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    format!("{scheme}://«redacted»@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sources::tests::with_sources;

    const A: &str = "ff761384-4b49-40b4-97d8-0de38669075a";
    const B: &str = "a282d163-2248-4904-8135-0eaf08be8e55";

    fn flags() -> ServerFlags {
        ServerFlags {
            server: UrlFlags {
                url: Some("https://ccs:12431".to_owned()),
                timeout: None,
            },
            login: LoginFlags {
                username: Some("auditor".to_owned()),
                ..LoginFlags::default()
            },
            ..ServerFlags::default()
        }
    }

    fn trust(
        flags: &ServerFlags,
        environment: &[(&str, &str)],
        file: Option<&str>,
    ) -> Result<TrustChoice, ConfigError> {
        with_sources(environment, file, |sources| {
            Ok(ServerSettings::choose(flags, sources)?.trust)
        })
    }

    #[test]
    fn url_and_user_must_be_given_and_the_hint_says_how() {
        for flags in [
            ServerFlags::default(),
            ServerFlags {
                login: LoginFlags::default(),
                ..flags()
            },
            ServerFlags {
                server: UrlFlags::default(),
                ..flags()
            },
        ] {
            let error =
                with_sources(&[], None, |sources| ServerSettings::choose(&flags, sources)).unwrap_err();
            assert!(matches!(error, ConfigError::Missing { .. }), "{error}");
            assert!(error.hint().unwrap().contains("config file"));
        }
    }

    #[test]
    fn the_way_to_trust_from_the_strongest_source_counts() {
        let pin = "ab".repeat(32);
        let file = format!("pin = '{pin}'");
        assert_eq!(trust(&flags(), &[], None).unwrap(), TrustChoice::System);
        assert_eq!(
            trust(&flags(), &[], Some(&file)).unwrap(),
            TrustChoice::Pin([0xAB; 32])
        );
        let environment = [("JOBRUNS_CA_CERT", "ca.pem")];
        let chosen = trust(&flags(), &environment, Some(&file)).unwrap();
        assert_eq!(chosen, TrustChoice::CaCert(PathBuf::from("ca.pem")));
        let insecure = ServerFlags {
            insecure: true,
            ..flags()
        };
        assert_eq!(
            trust(&insecure, &environment, Some(&file)).unwrap(),
            TrustChoice::Insecure
        );
        assert_eq!(
            trust(&flags(), &[("JOBRUNS_INSECURE", "no")], None).unwrap(),
            TrustChoice::System
        );
    }

    #[test]
    fn two_ways_to_trust_from_one_source_contradict_each_other() {
        let both = ServerFlags {
            insecure: true,
            pin: Some([1; 32]),
            ..flags()
        };
        let error = trust(&both, &[], None).unwrap_err();
        assert!(
            error.to_string().contains("--insecure") && error.to_string().contains("--pin"),
            "{error}"
        );
    }

    #[test]
    fn a_choice_never_shows_a_password_in_a_url() {
        let flags = ServerFlags {
            server: UrlFlags {
                url: Some("https://me:hunter2@ccs:12431/x".to_owned()),
                timeout: None,
            },
            ..flags()
        };
        with_sources(&[], None, |sources| {
            ServerSettings::choose(&flags, sources).unwrap();
            assert!(!format!("{:?}", sources.take_choices()).contains("hunter2"));
        });
    }

    #[test]
    fn values_of_the_environment_are_read_like_flags() {
        let environment = [
            ("JOBRUNS_TIMEOUT", "90s"),
            ("JOBRUNS_PASSWORD_ENCODING", "None"),
            ("JOBRUNS_RATE_LIMIT", "0.5"),
            ("JOBRUNS_RETRIES", "0"),
        ];
        with_sources(&environment, None, |sources| {
            let settings = ServerSettings::choose(&flags(), sources).unwrap();
            assert_eq!(settings.server.timeout, Duration::from_secs(90));
            assert_eq!(settings.password_encoding, PasswordEncoding::None);
            assert_eq!(settings.rate_limit, Some(0.5));
            assert_eq!(settings.retries, 0);
        });
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
            let chosen = with_sources(&[(key, value)], None, |sources| {
                ServerSettings::choose(&flags(), sources)
            });
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
            let chosen = with_sources(&[(key, value)], None, |sources| {
                SyncSettings::choose(&SyncFlags::default(), sources)
            });
            assert!(matches!(chosen, Err(ConfigError::Value { .. })), "{key}={value}");
        }
    }

    #[test]
    fn jobs_named_as_arguments_stand_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.txt");
        std::fs::write(&path, format!("{A} checks\n")).unwrap();
        let jobs_file = path.display().to_string();
        let environment = [("JOBRUNS_JOBS_FILE", jobs_file.as_str())];
        let jobs = |flags: &SyncFlags| -> Vec<String> {
            let settings =
                with_sources(&environment, None, |sources| SyncSettings::choose(flags, sources)).unwrap();
            settings.jobs.iter().map(|job| job.job_id.to_string()).collect()
        };
        assert_eq!(jobs(&SyncFlags::default()), [A]);
        let named = SyncFlags {
            jobs: vec![B.parse().unwrap(), B.parse().unwrap()],
            ..SyncFlags::default()
        };
        assert_eq!(jobs(&named), [B]);
        assert_eq!(
            jobs(&SyncFlags {
                jobs_file: Some(path),
                ..named
            }),
            [A, B]
        );
    }
}
