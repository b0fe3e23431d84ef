//! The server: the way to it, its certificate, the login, the jobs.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use futures_util::stream::{self, StreamExt};

use super::problem::Problem;
use super::report::{CheckReport, State};
use crate::archive::{JobState, MOST_CLOCK_SKEW};
use crate::ccs::{
    self, CcsError, Client, ConnectProblem, NamedJob, proxy_to, replaced_trust_store, served_certificate,
};
use crate::cli::client::{CONNECT_TIMEOUT, client_with};
use crate::cli::credentials;
use crate::cli::failure::Failure;
use crate::cli::terminal::console::shown;
use crate::cli::terminal::table::counted;
use crate::config::{PasswordOrigin, ServerSettings, Sources, TrustChoice};
use crate::decode::{AnswerReader, DEFAULT_RUN_LIMIT, End};
use crate::model::{Guid, Instant};

/// Days of the certificate from which on it is not worth a word.
const FEW_DAYS: i64 = 30;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// The most names of jobs that nobody watches.
const MOST_NAMES: usize = 3;

/// The state of each job that the archive knows, by its GUID.
type KnownJobs<'s> = HashMap<&'s str, &'s JobState>;

/// A server of the settings, and the jobs to ask it for.
pub(super) struct ServerCheck<'c> {
    pub(super) server: &'c ServerSettings,
    pub(super) sources: &'c Sources<'c>,
    /// The jobs as the next sync will take them, by the archive and the jobs file.
    pub(super) states: &'c [JobState],
    /// Jobs of other servers.
    pub(super) elsewhere: HashSet<&'c str>,
    /// Jobs that are known to be this server's; others of `states` are, if it lists them.
    pub(super) own: HashSet<&'c str>,
    /// Jobs that were named: those alone.
    pub(super) named: &'c [Guid],
    pub(super) watches_all: bool,
    pub(super) concurrency: usize,
}

impl ServerCheck<'_> {
    /// Checks everything from the URL to the jobs; each step only where the one before it made sense.
    pub(super) async fn run(&self, report: &mut CheckReport) {
        // A password that is missing does not keep the server from being looked at.
        let client = self.client(report);
        let trust = self.reach(report).await;
        let (Some(client), Some(trust)) = (client, trust) else {
            return;
        };
        let login = client.login().await;
        // Only an answer proves that the certificate was accepted.
        if login
            .as_ref()
            .err()
            .is_none_or(|error| error.http_status().is_some())
        {
            match trust {
                Trusted::Checked(message) => report.ok("tls", message),
                Trusted::Not(problem) => report.warning("tls", &problem),
            }
        }
        match login {
            Ok(()) => report.ok("login", format!("the login to {} works", client.base_url())),
            Err(error) => {
                let check = if error.is_tls() { "tls" } else { "login" };
                report.failure(State::Fault, check, error);
                return;
            }
        }
        match client.take_clock_skew() {
            None => report.ok("clock", "the server does not tell its time"),
            Some(skew) if skew.unsigned_abs() >= MOST_CLOCK_SKEW => {
                report.warning("clock", &Problem::ClockOff { skew });
            }
            Some(skew) => report.ok(
                "clock",
                format!("{} from the server's", counted(skew.unsigned_abs(), "second")),
            ),
        }
        self.jobs(report, &client).await;
    }

    /// A client of the server, with the password that a task without a terminal would find.
    fn client(&self, report: &mut CheckReport) -> Option<Client> {
        let url = self
            .server
            .server
            .url()
            .map_err(|error| report.failure(State::Fault, "server", error))
            .ok()?;
        self.server
            .login
            .username()
            .map_err(|error| report.failure(State::Fault, "login", error))
            .ok()?;
        let choice = self
            .server
            .trust(self.sources)
            .map_err(|error| report.failure(State::Fault, "tls", error))
            .ok()?;
        let found = credentials::unattended_password(&self.server.login, url, self.sources);
        let (password, origin) = match found {
            Ok((password, origin)) => {
                match &origin {
                    PasswordOrigin::Variable => report.warning("password", &Problem::VariablePassword),
                    PasswordOrigin::Stdin => report.warning("password", &Problem::StdinPassword),
                    PasswordOrigin::Keyring if cfg!(target_os = "linux") => {
                        report.warning("password", &Problem::KernelPassword);
                    }
                    origin @ PasswordOrigin::File(_) if cfg!(windows) => report.ok(
                        "password",
                        format!("found in {origin}; who else may read it is not checked (icacls shows it)"),
                    ),
                    origin => report.ok("password", format!("found in {origin}")),
                }
                (password, origin)
            }
            Err(failure) => {
                report.failure(State::Fault, "password", failure);
                return None;
            }
        };
        client_with(self.server, &choice, password, &origin)
            .map_err(|failure| report.failure(State::Fault, "server", failure))
            .ok()
    }

    /// Name, proxy, connection and certificate; how the server is trusted, where a login makes sense.
    async fn reach(&self, report: &mut CheckReport) -> Option<Trusted> {
        let url = self.server.server.url().ok()?;
        let choice = self.server.trust(self.sources).ok()?;
        let proxy = proxy_to(url);
        let shown = proxy.as_deref().unwrap_or("none");
        report.ok("proxy", format!("{shown}, by environment and settings"));
        let addresses = match &proxy {
            Some(_) => Ok(None),
            None => addresses(url).await.map(Some),
        };
        let tell_addresses = |report: &mut CheckReport| {
            if let Ok(Some(addresses)) = &addresses {
                report.ok("dns", addresses.clone());
            }
        };
        if url.trim().to_ascii_lowercase().starts_with("http://") {
            tell_addresses(report);
            return Some(Trusted::Not(Problem::NotEncrypted));
        }
        let timeout = self.server.server.timeout.min(CONNECT_TIMEOUT);
        let served = match served_certificate(url, timeout).await {
            Ok(served) => served,
            Err(error) => {
                let check = match &error {
                    CcsError::Connect { proxy: Some(_), .. } => "proxy",
                    CcsError::Connect {
                        problem: ConnectProblem::UnknownHost,
                        ..
                    } => "dns",
                    CcsError::Tls { .. } => "tls",
                    _ => "connection",
                };
                if check != "dns" {
                    tell_addresses(report);
                }
                report.failure(State::Fault, check, error);
                return None;
            }
        };
        tell_addresses(report);
        report.ok("connection", "the server answers on its port");
        if let Some(end) = served.facts.not_after {
            let days = (end.unix_seconds() - Instant::now().unix_seconds()).div_euclid(DAY);
            let pinned = matches!(choice, TrustChoice::Pin(_) | TrustChoice::Insecure);
            match certificate_state(days, pinned) {
                State::Ok => report.ok(
                    "certificate",
                    format!("valid for {}, until {end}", counted(days.unsigned_abs(), "day")),
                ),
                state => report.problem(state, "certificate", &Problem::CertificateEnds { days, pinned }),
            }
        }
        Some(match choice {
            TrustChoice::Insecure => Trusted::Not(Problem::NotChecked),
            TrustChoice::Pin(_) => Trusted::Checked("the certificate is the pinned one".to_owned()),
            TrustChoice::CaCert(path) => Trusted::Checked(format!("trusted by {}", path.display())),
            TrustChoice::System => match replaced_trust_store() {
                None => Trusted::Checked("trusted by the system's authorities".to_owned()),
                Some((name, path)) => Trusted::Not(Problem::TrustVariable {
                    name,
                    path: path.display().to_string(),
                }),
            },
        })
    }

    /// Permission on each job, and the jobs that are not watched.
    async fn jobs(&self, report: &mut CheckReport, client: &Client) {
        let discovered = match client.discover().await {
            Ok(jobs) => Some(jobs),
            Err(error) => {
                let state = if self.watches_all {
                    State::Fault
                } else {
                    State::Warning
                };
                report.failure(state, "jobs", error);
                None
            }
        };
        let known: KnownJobs<'_> = self
            .states
            .iter()
            .map(|state| (state.job.job_id.as_str(), state))
            .collect();
        let found = discovered.as_deref().unwrap_or_default();
        let jobs = self.jobs_to_ask(&known, found);
        if self.named.is_empty() && !jobs.is_empty() && !self.watches_all {
            self.report_unwatched(report, &known, found);
        }
        if jobs.is_empty() {
            report.fault("jobs", &Problem::NoJobs);
            return;
        }
        let answers: Vec<(Guid, Result<(), Refusal>)> = stream::iter(jobs)
            .map(async |job| (job, ask(client, job).await))
            .buffered(self.concurrency)
            .collect()
            .await;
        let readable = answers.iter().filter(|(_, answer)| answer.is_ok()).count() as u64;
        if readable > 0 {
            report.ok(
                "jobs",
                format!("{} may be read", counted(readable, "watched job")),
            );
        }
        for (job, answer) in answers {
            let state = known.get(job.to_string().as_str()).copied();
            report_answer(report, client, job, state, answer);
        }
    }

    fn is_watched(&self, known: &KnownJobs<'_>, job: Guid) -> bool {
        match known.get(job.to_string().as_str()) {
            Some(state) => state.job.watched,
            None => self.watches_all && !self.is_elsewhere(job),
        }
    }

    /// Whether another server has the job.
    fn is_elsewhere(&self, job: Guid) -> bool {
        self.elsewhere.contains(job.to_string().as_str())
    }

    /// The jobs that a sync would fetch from this server: those that are named, else those that are watched.
    fn jobs_to_ask(&self, known: &KnownJobs<'_>, found: &[NamedJob]) -> Vec<Guid> {
        if !self.named.is_empty() {
            let named = self.named.iter().copied();
            return named.filter(|&job| !self.is_elsewhere(job)).collect();
        }
        let own = |state: &&JobState| state.job.watched && self.own.contains(state.job.job_id.as_str());
        let mut jobs: Vec<Guid> = self
            .states
            .iter()
            .filter(own)
            .filter_map(|state| state.job.job_id.parse().ok())
            .collect();
        for job in found.iter().map(|job| job.job_id) {
            if self.is_watched(known, job) && !jobs.contains(&job) {
                jobs.push(job);
            }
        }
        jobs
    }

    fn report_unwatched(&self, report: &mut CheckReport, known: &KnownJobs<'_>, found: &[NamedJob]) {
        let unwatched: Vec<&str> = found
            .iter()
            .filter(|job| !self.is_watched(known, job.job_id) && !self.is_elsewhere(job.job_id))
            .map(|job| job.name.as_str())
            .collect();
        if unwatched.is_empty() {
            return;
        }
        let names: Vec<String> = unwatched
            .iter()
            .take(MOST_NAMES)
            .map(|name| shown(name))
            .collect();
        let more = if unwatched.len() > MOST_NAMES { ", ..." } else { "" };
        report.warning(
            "jobs",
            &Problem::Unwatched {
                count: unwatched.len(),
                of: found.len() as u64,
                names: names.join(", ") + more,
            },
        );
    }
}

/// Reports what the server answered for a job, and whether another server had it until now.
fn report_answer(
    report: &mut CheckReport,
    client: &Client,
    job: Guid,
    state: Option<&JobState>,
    answer: Result<(), Refusal>,
) {
    let title = match state.and_then(|state| state.job.name.as_deref()) {
        Some(name) => format!("{name} ({job})"),
        None => job.to_string(),
    };
    match answer {
        Err(Refusal::Client(error)) => {
            report.failure(
                State::Fault,
                "jobs",
                Failure::from(error).about(&format!("{title}: ")),
            );
        }
        Err(Refusal::NotAnAnswer(why)) => {
            report.fault("jobs", &Problem::NotAnAnswer { job: title, why });
        }
        Ok(()) => {}
    }
    if let Some(before) = state.and_then(|state| state.job.server.as_deref())
        && before != client.base_url()
    {
        let now = client.base_url().to_owned();
        let (job, before) = (job.to_string(), before.to_owned());
        report.fault("jobs", &Problem::OtherServer { job, before, now });
    }
}

/// How a certificate with so many days left is; a pin accepts an expired one.
const fn certificate_state(days: i64, pinned: bool) -> State {
    match days {
        ..0 if !pinned => State::Fault,
        ..=FEW_DAYS => State::Warning,
        _ => State::Ok,
    }
}

enum Trusted {
    Checked(String),
    Not(Problem),
}

/// Why a job cannot be read.
enum Refusal {
    Client(CcsError),
    NotAnAnswer(String),
}

/// Asks for the newest run of a job, and reads no further than to the first run.
async fn ask(client: &Client, job: Guid) -> Result<(), Refusal> {
    let mut answer = client.job_runs(job, 1).await.map_err(Refusal::Client)?;
    let mut reader = AnswerReader::new(DEFAULT_RUN_LIMIT);
    let mut has_run = false;
    while let Some(chunk) = answer.chunk().await.map_err(Refusal::Client)? {
        reader
            .push(&chunk, &mut |_| has_run = true)
            .map_err(|error| Refusal::NotAnAnswer(error.to_string()))?;
        if has_run {
            break;
        }
    }
    let other = reader.envelope().job_id.filter(|&answered| answered != job);
    if let Some(other) = other {
        return Err(Refusal::NotAnAnswer(format!("it is about job {other}")));
    }
    match reader.finish() {
        End::NotAnAnswer(error) => Err(Refusal::NotAnAnswer(error.to_string())),
        End::Cut(_) if !has_run => Err(Refusal::NotAnAnswer("it was cut".to_owned())),
        _ => Ok(()),
    }
}

/// The addresses of the URL's host, in words.
async fn addresses(url: &str) -> Result<String, ()> {
    let (host, port) = ccs::host_and_port(url).ok_or(())?;
    if host.parse::<IpAddr>().is_ok() {
        return Ok(format!("{host} is an address"));
    }
    let found = tokio::net::lookup_host((host.as_str(), port))
        .await
        .map_err(drop)?;
    let mut addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
    addresses.dedup();
    Ok(format!("{host} is {}", addresses.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_of_from_30_days_on_and_an_expired_one_is_a_fault_unless_pinned() {
        let states = |pinned| [31, 30, 0, -1].map(|days| certificate_state(days, pinned));
        assert_eq!(
            states(false),
            [State::Ok, State::Warning, State::Warning, State::Fault]
        );
        assert_eq!(
            states(true),
            [State::Ok, State::Warning, State::Warning, State::Warning]
        );
    }
}
