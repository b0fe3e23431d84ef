//! What can go wrong between this machine and CCS.
//!
//! An error says what was being done, to which URL, and what happened. It never contains a password or a token. It can be
//! cloned, since jobs that waited for one login share its outcome. What to do about it is in `cli::hints`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::body::Stall;
use super::refusal::TlsProblem;
use crate::model::Guid;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestPurpose {
    /// The token request with user and password.
    Login,
    /// The token request with the refresh token.
    Renewal,
    JobRuns(Guid),
    JobName(Guid),
    ListJobs,
    ReadCertificate,
}

impl fmt::Display for RequestPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Login => f.write_str("logging in"),
            Self::Renewal => f.write_str("renewing the token"),
            Self::JobRuns(job) => write!(f, "asking for the runs of job {job}"),
            Self::JobName(job) => write!(f, "asking for the name of job {job}"),
            Self::ListJobs => f.write_str("asking for the list of jobs"),
            Self::ReadCertificate => f.write_str("reading the server's certificate"),
        }
    }
}

/// Why a request to CCS did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CcsError {
    /// The base URL cannot be used.
    #[error("{url:?} cannot be used as the server's URL: {reason}")]
    BadUrl {
        /// The URL as given, without what could be a password.
        url: String,
        /// What is wrong with it.
        reason: UrlProblem,
    },
    /// The operating system's trust store has no usable certificate.
    #[error("no trusted CA certificate was found on this system")]
    NoTrustedRoots {
        /// The system's error.
        source: Option<Arc<rustls_native_certs::Error>>,
    },
    /// A file of CA certificates has none.
    #[error("there is no certificate in it (expected lines from -----BEGIN CERTIFICATE----- on)")]
    NoCertificateInPem,
    /// A CA certificate cannot be read.
    #[error("certificate {place} cannot be read as a CA's certificate")]
    BadCertificate {
        /// Its position among the certificates given, from 1.
        place: usize,
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The TLS library refused its configuration.
    #[error("TLS could not be set up")]
    TlsSetup { source: Arc<dyn Error + Send + Sync> },
    /// The HTTP library refused its configuration, such as a proxy address that is not a URL.
    #[error("the HTTP client could not be set up")]
    HttpSetup { source: Cause },
    /// No connection could be made.
    #[error("{doing}: no connection to {}{url}{}: {problem}", by_proxy(proxy), if proxy.is_some() { ")" } else { "" })]
    Connect {
        doing: RequestPurpose,
        /// Scheme, host and port.
        url: String,
        /// The proxy that did not make the connection, if there is one.
        proxy: Option<String>,
        problem: ConnectProblem,
        /// The cause below it.
        source: Option<Cause>,
    },
    /// The TLS handshake failed: no secret was sent.
    #[error("{doing}: no TLS connection to {url}")]
    Tls {
        doing: RequestPurpose,
        /// Scheme, host and port.
        url: String,
        #[source]
        problem: Box<TlsProblem>,
    },
    /// The connection broke before an answer began.
    #[error("{doing}: {url} closed the connection before it answered")]
    NoAnswer {
        doing: RequestPurpose,
        url: String,
        /// The cause below it.
        source: Cause,
    },
    /// What arrived is not HTTP.
    #[error("{doing}: what {url} answered is not HTTP")]
    NotHttp {
        doing: RequestPurpose,
        url: String,
        /// The cause below it.
        source: Cause,
    },
    /// Nothing arrived for too long.
    #[error("{doing}: {url} was silent for {after:?} ({bytes} bytes of the answer had come)")]
    Silence {
        doing: RequestPurpose,
        url: String,
        /// How long nothing arrived.
        after: Duration,
        /// Bytes of the body read before, after decompression; 0 if no answer had begun.
        bytes: u64,
    },
    /// The answer goes on without making progress.
    #[error("{doing}: the answer of {url} {stall} ({bytes} bytes had come)")]
    NoProgress {
        doing: RequestPurpose,
        url: String,
        /// What it did instead.
        stall: Stall,
        /// Bytes of the body read before, after decompression.
        bytes: u64,
    },
    /// The connection was closed in the middle of the answer, or its compression is broken.
    #[error("{doing}: the answer of {url} was cut after {bytes} bytes")]
    Cut {
        doing: RequestPurpose,
        url: String,
        /// Bytes of the body read before, after decompression.
        bytes: u64,
        /// The cause below it.
        source: Cause,
    },
    /// The server answered with another status than 200.
    #[error("{doing}: {url} answered {status}{}", quoted(text))]
    Status {
        doing: RequestPurpose,
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer's text, as one line.
        text: String,
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
    },
    /// The server answered 200 with something that is not JSON, such as a login page.
    #[error(
        "{doing}: {url} answered with {content_type} instead of JSON{}",
        quoted(beginning)
    )]
    NotJson {
        doing: RequestPurpose,
        url: String,
        /// The answer's Content-Type, or that it has none.
        content_type: String,
        /// How it begins, as one line.
        beginning: String,
    },
    /// The JSON of a small answer cannot be read, or lacks what it should contain.
    #[error("{doing}: the answer of {url} cannot be used: {reason}")]
    Unusable {
        doing: RequestPurpose,
        url: String,
        /// What is wrong with it, without its content.
        reason: &'static str,
    },
    /// The server redirects elsewhere; token and password are not sent there.
    #[error("{doing}: {url} redirects to {to}, {why}")]
    Redirected {
        doing: RequestPurpose,
        url: String,
        /// HTTP status.
        status: u16,
        to: String,
        /// Why it is not followed.
        why: RedirectProblem,
    },
    /// The server refused user and password. They are not sent again.
    #[error(
        "the server refused the login of {username}{} ({url} answered {status}{})",
        password_from(password_origin),
        quoted(text)
    )]
    LoginRejected {
        url: String,
        username: String,
        /// Where the password came from, if known.
        password_origin: Option<String>,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer's text, as one line.
        text: String,
    },
    /// The server refused the token, and the new one too.
    #[error("{doing}: {url} answered 401 to a fresh token too{}", quoted(text))]
    Unauthorized {
        doing: RequestPurpose,
        url: String,
        /// The beginning of the answer's text, as one line.
        text: String,
    },
}

fn by_proxy(proxy: &Option<String>) -> String {
    proxy
        .as_ref()
        .map_or_else(String::new, |proxy| format!("the proxy {proxy} (on the way to "))
}

fn password_from(origin: &Option<String>) -> String {
    origin
        .as_ref()
        .map_or_else(String::new, |origin| format!(" with the password from {origin}"))
}

fn quoted(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl CcsError {
    /// The HTTP status of the answer, if there was one.
    pub const fn http_status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. }
            | Self::LoginRejected { status, .. }
            | Self::Redirected { status, .. } => Some(*status),
            Self::Unauthorized { .. } => Some(401),
            Self::NotJson { .. } | Self::Unusable { .. } | Self::Cut { .. } | Self::NoProgress { .. } => {
                Some(200)
            }
            _ => None,
        }
    }

    /// Whether the TLS handshake failed.
    pub const fn is_tls(&self) -> bool {
        matches!(self, Self::Tls { .. })
    }

    /// Whether the settings are wrong, so that nothing was sent at all.
    pub const fn is_setting(&self) -> bool {
        matches!(
            self,
            Self::BadUrl { .. } | Self::NoCertificateInPem | Self::BadCertificate { .. }
        )
    }

    /// How long the server asks to wait, if it does.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why a text cannot be used as the server's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    #[error("it is not a URL; expected https://HOST:12431")]
    NotAUrl,
    #[error("it does not begin with https://; expected https://HOST:12431")]
    NotHttps,
    #[error("plain http shows password and history to the network")]
    PlainHttp,
    #[error("user and password do not belong into the URL")]
    UserInfo,
    #[error("a base URL has no `?` and no `#`")]
    Query,
    #[error("it names no host")]
    NoHost,
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectProblem {
    #[error("which was not followed")]
    Elsewhere,
    /// It leads to another path or query, whose answer would be about something else.
    #[error("which asks another question (path, query and method must stay) and was not followed")]
    OtherQuestion,
    #[error("again and again")]
    Endless,
}

/// The innermost cause of an error of the HTTP library; the outer ones only repeat that a request failed.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// An error of the HTTP library. Our errors name the URL themselves.
    pub(super) fn http(error: reqwest::Error) -> Self {
        Self(Arc::new(error.without_url()))
    }

    /// An error below it.
    pub(super) fn io(error: std::io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut deepest: &dyn Error = &*self.0;
        while let Some(below) = deepest.source() {
            deepest = below;
        }
        fmt::Display::fmt(deepest, f)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Error for Cause {}

/// Why no connection could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConnectProblem {
    /// The name has no address.
    #[error("the host name is unknown")]
    UnknownHost,
    #[error("the connection was refused")]
    Refused,
    #[error("there is no route to the host")]
    Unreachable,
    /// No reply in time.
    #[error("nothing answered within {0:?}")]
    TimedOut(Duration),
    /// The other side closed during the handshake.
    #[error("the other side closed the connection during the handshake")]
    Closed,
    /// The proxy requires a login (407).
    #[error("the proxy wants a login (407)")]
    ProxyLogin,
    /// The proxy did not make the connection.
    #[error("the proxy refused to connect")]
    ProxyRefused,
    /// The connection was made, but no certificate was received.
    #[error("no certificate was served")]
    NoCertificate,
    /// The server asked for a client certificate and closed the connection without one.
    #[error("the server requires a client certificate, and this program presents none")]
    ClientCertificate,
    /// Something else; the source says what.
    #[error("it failed")]
    Other,
}
