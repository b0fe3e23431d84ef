//! The server: its options, its state, and its connections.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::Digest;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::certificate::{self, CertificateKind};
use super::fault::{Fault, FaultKind};
use super::history::History;
use super::line::{Breaker, Line};
use super::routes;
use super::token::{Credentials, Tokens};

/// How long a client may take to shake hands; the server does not wait for those that never do.
const HANDSHAKE_TIME: Duration = Duration::from_secs(30);

/// Requests that are remembered: more than any test makes, and no growth over weeks of `simulate`.
const MOST_REQUESTS: usize = 100_000;

/// How the look-alike is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port on the loopback address; 0 takes a free one.
    pub port: u16,
    /// What it serves.
    pub history: History,
    /// Who may log in.
    pub credentials: Credentials,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// What it presents.
    pub certificate: CertificateKind,
    /// HTTP without TLS.
    pub plain: bool,
    /// Whether it packs what asks for gzip.
    pub gzip: bool,
    /// Whether answers that are not packed say their length instead of coming in chunks.
    pub with_length: bool,
    /// Whether a night passes at a job after each answer with its runs.
    pub nights_pass: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            history: History {
                seed: 1,
                jobs: 3,
                runs: 50,
                messages: 20,
                unique: 0.5,
            },
            credentials: Credentials::default(),
            faults: Vec::new(),
            certificate: CertificateKind::default(),
            plain: false,
            gzip: true,
            with_length: false,
            nights_pass: false,
        }
    }
}

/// The look-alike cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// Its port cannot be had.
    #[error("could not listen on 127.0.0.1:{port}")]
    Listen {
        /// The port.
        port: u16,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its certificate could not be made.
    #[error("could not make a certificate")]
    Certificate(#[source] rcgen::Error),
    /// Its certificate could not be used.
    #[error("could not use the certificate")]
    Tls(#[source] rustls::Error),
}

/// A request that came, and what it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// Method.
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Form of a request to the token URL: its `grant_type`.
    pub grant: Option<String>,
    /// Status; 0 where the connection was dropped in place of an answer. The body may have broken off later.
    pub status: u16,
}

/// A running look-alike; it and all its connections end when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority_pem: String,
    certificate_sha256: [u8; 32],
    accepting: JoinHandle<()>,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) history: Arc<History>,
    state: Mutex<State>,
}

/// What changes while it runs.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tokens: Tokens,
    nights: u32,
    faults: Vec<Fault>,
    /// Requests for runs, by job, since the faults were set.
    asked: HashMap<u32, u32>,
    /// Requests to the token URL, since the faults were set.
    logins: u32,
    /// Nights that passed at one job alone, after its answers.
    nights_of: HashMap<u32, u32>,
    /// Exact bodies that tests set, by job.
    bodies: HashMap<u32, Bytes>,
    requests: Vec<RequestRecord>,
}

impl State {
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

    /// How many nights have passed at a job; one more afterwards where they pass by themselves.
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

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Simulator {
    /// Starts it on the loopback address.
    ///
    /// # Errors
    /// The port is taken; no certificate can be made.
    pub async fn start(options: Options) -> Result<Self, SimulatorError> {
        let identity = certificate::make(options.certificate).map_err(SimulatorError::Certificate)?;
        let certificate_sha256 = sha2::Sha256::digest(&identity.certificate).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![identity.certificate], identity.key)
            })
            .map_err(SimulatorError::Tls)?;
        let acceptor = (!options.plain).then(|| TlsAcceptor::from(Arc::new(config)));
        let port = options.port;
        let listen = |source| SimulatorError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let state = Mutex::new(State {
            faults: options.faults.clone(),
            ..State::default()
        });
        let shared = Arc::new(Shared {
            history: Arc::new(options.history.clone()),
            options,
            state,
        });
        let accepting = tokio::spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Ok(Self {
            shared,
            address,
            authority_pem: identity.authority_pem,
            certificate_sha256,
            accepting,
        })
    }

    /// Its base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        let scheme = if self.shared.options.plain {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://127.0.0.1:{}", self.address.port())
    }

    /// The private authority's certificate, for `--ca-cert`; the server's own where it signed itself.
    #[must_use]
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// SHA-256 of the certificate it presents, for `--pin`.
    #[must_use]
    pub const fn certificate_sha256(&self) -> [u8; 32] {
        self.certificate_sha256
    }

    /// The history it serves.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.shared.history
    }

    /// Lets a night pass.
    pub fn pass_night(&self) {
        self.shared.state().nights += 1;
    }

    /// Replaces the faults, and counts requests from 1 again.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut state = self.shared.state();
        state.faults = faults;
        state.asked.clear();
        state.logins = 0;
    }

    /// Serves exactly these bytes as the runs of a job, from 0. Faults of what they say leave them alone, faults of how
    /// they are sent do not.
    pub fn set_body(&self, job: u32, body: impl Into<Bytes>) {
        self.shared.state().bodies.insert(job, body.into());
    }

    /// Forgets every token, as when the server's service restarts.
    pub fn revoke_tokens(&self) {
        self.shared.state().tokens.revoke();
    }

    /// The requests so far, oldest first; after many thousands the oldest are forgotten.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.state().requests.clone()
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, say: some come back when connections end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Small answers go at once; a refusal only costs time.
    drop(stream.set_nodelay(true));
    let (line, breaker) = Line::new(stream);
    match acceptor {
        Some(acceptor) => {
            let handshake = tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(line)).await;
            if let Ok(Ok(stream)) = handshake {
                serve(stream, shared, breaker).await;
            }
        }
        None => serve(line, shared, breaker).await,
    }
}

async fn serve<S>(stream: S, shared: Arc<Shared>, breaker: Breaker)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (shared, breaker) = (Arc::clone(&shared), breaker.clone());
        async move { routes::answer(&shared, request, breaker).await }
    });
    // A client that goes away is no concern of ours.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}
