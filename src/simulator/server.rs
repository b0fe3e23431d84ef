//! The server: connections, paths, and what each answers.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::Digest;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::body::{Answer, Body};
use super::certificate::{self, CertificateKind};
use super::fault::{Fault, FaultKind};
use super::history::History;
use super::line::{Breaker, Line};
use super::request::{Place, asks_for_gzip, place};
use super::token::{Credentials, Tokens};

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
    /// Whether answers say their length instead of coming in chunks.
    pub with_length: bool,
    /// Whether a night passes after each job was asked for once more.
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
    /// Status; the body may have broken off later.
    pub status: u16,
}

/// A running look-alike; it ends when dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority_pem: String,
    certificate_sha256: [u8; 32],
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    options: Options,
    history: Arc<History>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Tokens,
    nights: u32,
    faults: Vec<Fault>,
    /// Requests for runs, by job.
    asked: HashMap<u32, u32>,
    /// Exact bodies that tests set, by job.
    bodies: HashMap<u32, Bytes>,
    requests: Vec<RequestRecord>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
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

    /// Replaces the faults, and counts requests for runs from 1 again.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        let mut state = self.shared.state();
        state.faults = faults;
        state.asked.clear();
    }

    /// Serves exactly these bytes as the runs of a job, from 0; of the faults only those that serve no runs still happen.
    pub fn set_body(&self, job: u32, body: impl Into<Bytes>) {
        self.shared.state().bodies.insert(job, body.into());
    }

    /// Forgets every token, as when the server's service restarts.
    pub fn revoke_tokens(&self) {
        self.shared.state().tokens.revoke();
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.state().requests.clone()
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // The connections end with the server.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, say: the next one may go.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            drop(stream.set_nodelay(true));
            let (line, breaker) = Line::new(stream);
            match acceptor {
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(line).await {
                        serve(stream, shared, breaker).await;
                    }
                }
                None => serve(line, shared, breaker).await,
            }
        });
    }
}

async fn serve<S>(stream: S, shared: Arc<Shared>, breaker: Breaker)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (shared, breaker) = (Arc::clone(&shared), breaker.clone());
        async move { Ok::<_, Infallible>(answer(&shared, request, breaker).await) }
    });
    // A client that goes away is no concern of ours.
    drop(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn answer(shared: &Shared, request: Request<Incoming>, breaker: Breaker) -> Response<Body> {
    let method = request.method().clone();
    let target = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let path = request.uri().path().to_owned();
    let query: HashMap<String, String> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
            .collect();
    let authorization = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let gzip = shared.options.gzip
        && request
            .headers()
            .get(header::ACCEPT_ENCODING)
            .is_some_and(|value| value.to_str().is_ok_and(asks_for_gzip));
    let mut grant = None;
    let response = match place(&path) {
        Place::Tokens if method == Method::POST => {
            let body = Limited::new(request.into_body(), 1 << 20).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            grant = form_urlencoded::parse(&body)
                .find(|(name, _)| name == "grant_type")
                .map(|(_, v)| v.into_owned());
            let (status, json) = shared.state().tokens.answer(&shared.options.credentials, &body);
            text(status, "application/json; charset=utf-8", json)
        }
        Place::Elsewhere => text(
            404,
            "text/html",
            "<html><body><h1>404 - File or directory not found.</h1></body></html>".to_owned(),
        ),
        place if place == Place::Tokens || method != Method::GET => {
            text(405, "text/plain", "Method Not Allowed".to_owned())
        }
        _ if !shared.state().tokens.allows(authorization.as_deref()) => unauthorized(),
        Place::Tokens | Place::Jobs => jobs(shared, &query),
        Place::Job(id) => match find(shared, id) {
            Ok(job) => text(
                200,
                "application/json",
                format!("{{\"Job\":{}}}", shared.history.job_properties(job)),
            ),
            Err(response) => *response,
        },
        Place::Runs(id) => match find(shared, id) {
            Ok(job) => runs(shared, job, &query, gzip, breaker),
            Err(response) => *response,
        },
    };
    let status = response.status().as_u16();
    shared.state().requests.push(RequestRecord {
        method: method.to_string(),
        path: target,
        grant,
        status,
    });
    response
}

fn unauthorized() -> Response<Body> {
    let mut response = text(
        401,
        "text/plain",
        "Authorization has been denied for this request.".to_owned(),
    );
    let scheme = header::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

/// The job with an id of a path, or the document's errors.
fn find(shared: &Shared, id: &str) -> Result<u32, Box<Response<Body>>> {
    // A client may write braces as they are, or encoded.
    let bare = id.replace("%7B", "{").replace("%7b", "{");
    let bare = bare.replace("%7D", "}").replace("%7d", "}");
    let Ok(guid) = uuid::Uuid::try_parse(&bare) else {
        return Err(Box::new(text(400, "text/plain", "JobID is invalid.".to_owned())));
    };
    let guid = guid.hyphenated().to_string();
    shared.history.job_with_id(&guid).ok_or_else(|| {
        Box::new(text(
            404,
            "text/plain",
            format!("Job for specified JobID '{bare}' not found."),
        ))
    })
}

fn jobs(shared: &Shared, query: &HashMap<String, String>) -> Response<Body> {
    let number = |name: &str, default: u32| {
        query
            .get(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    let (page, size) = (number("page", 0), number("pagesize", 50).max(1));
    let all = shared.history.jobs;
    let rows: Vec<String> = (page.saturating_mul(size)
        ..all.min(page.saturating_mul(size).saturating_add(size)))
        .map(|job| shared.history.job_properties(job))
        .collect();
    let body = format!(
        "{{\"TotalPages\":{},\"Data\":{{\"Rows\":[{}]}}}}",
        all.div_ceil(size),
        rows.join(",")
    );
    text(200, "application/json", body)
}

fn runs(
    shared: &Shared,
    job: u32,
    query: &HashMap<String, String>,
    gzip: bool,
    breaker: Breaker,
) -> Response<Body> {
    let (faults, nights, body) = {
        let mut state = shared.state();
        let asked = state.asked.entry(job).or_default();
        *asked += 1;
        let attempt = *asked;
        let faults: Vec<FaultKind> = state
            .faults
            .iter()
            .filter(|fault| fault.applies(job, attempt))
            .map(|fault| fault.kind.clone())
            .collect();
        if faults.contains(&FaultKind::TokenDies) {
            state.tokens.revoke_access();
        }
        let nights = if shared.options.nights_pass {
            attempt - 1
        } else {
            0
        } + state.nights;
        (faults, nights, state.bodies.get(&job).cloned())
    };
    for fault in &faults {
        if let Some(response) = refusal(shared, job, fault) {
            return response;
        }
    }
    if let Some(body) = body {
        return response(200, "application/json; charset=utf-8", whole(body));
    }
    let count = query
        .get("count")
        .map_or(Some(1), |count| count.parse::<usize>().ok());
    let Some(count) = count else {
        return text(400, "text/plain", "Count is invalid.".to_owned());
    };
    let messages = query
        .get("showmessages")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let take = if count == 0 { usize::MAX } else { count };
    let served = shared.history.runs_served(job, nights).take(take).collect();
    let answer = Answer::new(Arc::clone(&shared.history), job, nights, messages, served, faults);
    let length = (shared.options.with_length && !gzip).then(|| answer.length());
    let mut response = response(
        200,
        "application/json; charset=utf-8",
        answer.stream(gzip, breaker),
    );
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
    if gzip {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    }
    response
}

/// The answer of a fault that leaves no runs to serve.
fn refusal(shared: &Shared, job: u32, fault: &FaultKind) -> Option<Response<Body>> {
    let told = match fault {
        FaultKind::TokenDies => return Some(unauthorized()),
        FaultKind::Html => {
            return Some(text(
                200,
                "text/html",
                "<html><title>Proxy login</title><body>Please sign in</body></html>".to_owned(),
            ));
        }
        FaultKind::Xml => return Some(text(200, "application/xml", "<JobStatusInfo/>".to_owned())),
        FaultKind::Redirect => {
            let mut response = text(302, "text/plain", String::new());
            let target = header::HeaderValue::from_static("https://elsewhere.example.com/login");
            response.headers_mut().insert(header::LOCATION, target);
            return Some(response);
        }
        FaultKind::Status(status, retry_after) => (*status, *retry_after),
        _ => return None,
    };
    let words = match told.0 {
        400 => "JobID is invalid.".to_owned(),
        403 => "You are not authorized to perform this task. Access is denied.".to_owned(),
        404 => format!("Job for specified JobID '{}' not found.", shared.history.job_id(job)),
        429 => "Too many requests.".to_owned(),
        502 => "<html><body>502 Bad Gateway</body></html>".to_owned(),
        503 => "Service unavailable.".to_owned(),
        _ => "The server encountered an error while serving the request. Please contact the administrator if the problem persists.".to_owned(),
    };
    let mut response = text(
        told.0,
        if told.0 == 502 { "text/html" } else { "text/plain" },
        words,
    );
    if let Some(seconds) = told.1 {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Some(response)
}

fn text(status: u16, content_type: &'static str, words: String) -> Response<Body> {
    response(status, content_type, whole(Bytes::from(words)))
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

fn response(status: u16, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    response
}
