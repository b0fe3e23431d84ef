//! What all connections of the server share: its options, and what changes while it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::certificate::CertificateKind;
use super::fault::{Fault, FaultKind};
use super::history::History;
use super::served::Served;
use super::site::Site;
use super::token::{Credentials, Tokens};

/// The most requests that are kept: more than any test makes, and few enough for weeks of `simulate`.
const MOST_REQUESTS: usize = 100_000;

/// Options of the simulator.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// The history that it serves if `site` is `None`.
    pub history: History,
    /// The site that it serves, if any.
    pub site: Option<Site>,
    /// Who may log in.
    pub credentials: Credentials,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// The certificate that it presents.
    pub certificate: CertificateKind,
    /// Serves plain HTTP instead of HTTPS.
    pub plain: bool,
    /// Whether answers are compressed if the request accepts gzip.
    pub gzip: bool,
    /// Whether uncompressed answers have a `Content-Length` instead of coming in chunks.
    pub with_length: bool,
    /// Whether a night passes for a job after each answer with its runs.
    pub nights_pass: bool,
    /// Its clock minus the machine's, in seconds; shows in the `Date` of its answers.
    pub clock_offset: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            history: History::default(),
            site: None,
            credentials: Credentials::default(),
            faults: Vec::new(),
            certificate: CertificateKind::default(),
            plain: false,
            gzip: true,
            with_length: false,
            nights_pass: false,
            clock_offset: 0,
        }
    }
}

impl Options {
    /// The jobs that are served: GUID and name.
    pub fn jobs(&self) -> Vec<(String, String)> {
        self.served().list()
    }

    fn served(&self) -> Served {
        match &self.site {
            Some(site) => Served::Site(site.clone()),
            None => Served::Uniform(self.history.clone()),
        }
    }
}

/// A request, and the status of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    pub method: String,
    /// Path with query.
    pub path: String,
    /// The `grant_type` of a request to the token URL.
    pub grant: Option<String>,
    /// 0 if the connection was dropped without an answer. Any other status says nothing about the body, which may have
    /// broken off.
    pub status: u16,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct SimulatorShared {
    pub(super) options: Options,
    pub(super) served: Arc<Served>,
    state: Mutex<SimulatorState>,
}

/// What changes while it runs.
#[derive(Debug, Default)]
pub(super) struct SimulatorState {
    pub(super) tokens: Tokens,
    pub(super) nights: u32,
    pub(super) clock_offset: i64,
    pub(super) faults: Vec<Fault>,
    /// Requests for runs, by job, since the faults were set.
    pub(super) asked: HashMap<u32, u32>,
    /// Requests to the token URL, since the faults were set.
    pub(super) logins: u32,
    /// Nights that passed for one job alone, after its answers.
    nights_of: HashMap<u32, u32>,
    /// Exact bodies that tests set, by job.
    pub(super) bodies: HashMap<u32, Bytes>,
    pub(super) requests: Vec<RequestRecord>,
}

impl SimulatorState {
    /// Counts a request to the token URL, and says what goes wrong with it.
    pub(super) fn faults_of_login(&mut self) -> Vec<FaultKind> {
        self.logins += 1;
        let due = |fault: &&Fault| fault.applies_to_login(self.logins);
        self.faults
            .iter()
            .filter(due)
            .map(|fault| fault.kind.clone())
            .collect()
    }

    /// Counts a request for the runs of a job, and says what goes wrong with it.
    pub(super) fn faults_of_runs(&mut self, job: u32) -> Vec<FaultKind> {
        let asked = self.asked.entry(job).or_default();
        *asked += 1;
        let due = |fault: &&Fault| fault.applies(job, *asked);
        self.faults
            .iter()
            .filter(due)
            .map(|fault| fault.kind.clone())
            .collect()
    }

    /// How many nights have passed for a job; with `one_passes`, another one passes afterwards.
    pub(super) fn nights(&mut self, job: u32, one_passes: bool) -> u32 {
        let own = self.nights_of.entry(job).or_default();
        let nights = self.nights + *own;
        *own += u32::from(one_passes);
        nights
    }

    /// The exact body that a test set for a job.
    pub(super) fn body(&self, job: u32) -> Option<Bytes> {
        self.bodies.get(&job).cloned()
    }

    pub(super) fn note(&mut self, request: RequestRecord) {
        if self.requests.len() == MOST_REQUESTS {
            self.requests.drain(..MOST_REQUESTS / 2);
        }
        self.requests.push(request);
    }
}

impl SimulatorShared {
    pub(super) fn new(options: Options) -> Self {
        let state = SimulatorState {
            faults: options.faults.clone(),
            clock_offset: options.clock_offset,
            ..SimulatorState::default()
        };
        Self {
            served: Arc::new(options.served()),
            options,
            state: Mutex::new(state),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SimulatorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
