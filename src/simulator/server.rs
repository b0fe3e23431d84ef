//! The server and its connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::Digest;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::certificate;
use super::fault::Fault;
use super::history::History;
use super::line::{Breaker, ResettableStream};
use super::routes;
use super::shared::{Options, RequestRecord, SimulatorShared};

/// How long a TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(30);

/// Why the simulator cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// It cannot listen on its port.
    #[error("could not listen on 127.0.0.1:{port}")]
    Listen {
        port: u16,
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

/// A running simulator. It and all its connections end when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<SimulatorShared>,
    address: SocketAddr,
    authority_pem: String,
    certificate_sha256: [u8; 32],
    accepting: JoinHandle<()>,
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
        let shared = Arc::new(SimulatorShared::new(options));
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
    pub fn base_url(&self) -> String {
        let scheme = if self.shared.options.plain {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://127.0.0.1:{}", self.address.port())
    }

    /// The private authority's certificate, for `--ca-cert`; the server's own if that is self-signed.
    pub fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// SHA-256 of the certificate it presents, for `--pin`.
    pub const fn certificate_sha256(&self) -> [u8; 32] {
        self.certificate_sha256
    }

    /// The jobs it serves: GUID and name.
    pub fn jobs(&self) -> Vec<(String, String)> {
        self.shared.served.list()
    }

    /// The history it serves, unless it serves a site.
    pub fn history(&self) -> &History {
        &self.shared.options.history
    }

    /// Lets a night pass at all jobs.
    pub fn pass_night(&self) {
        self.shared.state().nights += 1;
    }

    /// The requests so far, oldest first; only the last tens of thousands are kept.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.state().requests.clone()
    }

    // Only tests use what follows.

    /// Sets its clock to this many seconds ahead of the machine's.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.shared.state().clock_offset = seconds;
    }

    /// Replaces the faults, and counts requests from 1 again.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut state = self.shared.state();
        state.faults = faults;
        state.asked.clear();
        state.logins = 0;
    }

    /// Serves exactly these bytes as the runs of a job, from 0. Faults in the content do not apply to them, faults in how
    /// they are sent do.
    pub fn set_body(&self, job: u32, body: impl Into<Bytes>) {
        self.shared.state().bodies.insert(job, body.into());
    }

    /// Revokes every token, as a restart of the server's service does.
    pub fn revoke_tokens(&self) {
        self.shared.state().tokens.revoke();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<SimulatorShared>) {
    // Dropped with this task, which ends all connections.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, for example: some are freed when connections end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        connections.spawn(connection(stream, acceptor.clone(), Arc::clone(&shared)));
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<SimulatorShared>) {
    // Sends small answers at once. If it cannot be set, that only costs time.
    drop(stream.set_nodelay(true));
    let (line, breaker) = ResettableStream::new(stream);
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

async fn serve<S>(stream: S, shared: Arc<SimulatorShared>, breaker: Breaker)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (shared, breaker) = (Arc::clone(&shared), breaker.clone());
        async move { routes::answer(&shared, request, breaker).await }
    });
    // A client may go away at any time.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}
