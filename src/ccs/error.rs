//! What can go wrong between us and the server, and the way out.

use std::time::Duration;

/// An error of the client. Neither its words nor its causes hold a password or token.
#[derive(Debug, thiserror::Error)]
pub enum CcsError {
    /// The base URL cannot be used.
    #[error("the URL {url} cannot be used: {why}")]
    Url {
        /// As given, without a password.
        url: String,
        /// Why not.
        why: String,
    },
    /// A file is no certificate.
    #[error("no certificate could be read: {why}")]
    Certificate {
        /// Why not.
        why: String,
    },
    /// No connection came about.
    #[error("could not connect to {url}")]
    Connect {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The TLS handshake failed.
    #[error("no secure connection to {url}: {why}")]
    Tls {
        /// What was asked for.
        url: String,
        /// The cause, in words.
        why: String,
        /// The way out.
        way_out: String,
    },
    /// The server was silent for too long.
    #[error("{url} was silent for {} s after {bytes} bytes of the answer", silence.as_secs())]
    Silence {
        /// What was asked for.
        url: String,
        /// How long.
        silence: Duration,
        /// Bytes of the body that had come.
        bytes: u64,
    },
    /// The connection ended in the middle of the answer.
    #[error("the answer of {url} was cut off after {bytes} bytes")]
    Cut {
        /// What was asked for.
        url: String,
        /// Bytes of the body that had come.
        bytes: u64,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The request could not be sent or its answer not be read.
    #[error("the request to {url} failed")]
    Request {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server answered with an error status.
    #[error("{url} answered {status}{}", told(text))]
    Status {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
        /// The beginning of its text.
        text: String,
        /// `Retry-After`, where it said one.
        retry_after: Option<Duration>,
    },
    /// The user name or password was refused.
    #[error("the login of {username} at {url} was refused with {status}{}", told(text))]
    LoginRefused {
        /// The token URL.
        url: String,
        /// The user name.
        username: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the answer's text.
        text: String,
    },
    /// The token URL answered something without a token.
    #[error("{url} answered without a token: {why}")]
    NoToken {
        /// The token URL.
        url: String,
        /// What was wrong.
        why: String,
    },
    /// A fresh token was refused too.
    #[error("{url} answered 401 although the login was accepted{}", told(text))]
    Unauthorized {
        /// What was asked for.
        url: String,
        /// The beginning of its text.
        text: String,
    },
    /// The answer is no JSON.
    #[error("{url} answered {content_type} where JSON was asked for{}", told(text))]
    NotJson {
        /// What was asked for.
        url: String,
        /// `Content-Type`.
        content_type: String,
        /// The beginning of its text.
        text: String,
    },
    /// The server pointed elsewhere; neither token nor password goes there.
    #[error("{url} points to {target}, another server")]
    Redirected {
        /// What was asked for.
        url: String,
        /// Where it points.
        target: String,
    },
}

fn told(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl CcsError {
    /// The HTTP status that the server answered with, where it did.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::LoginRefused { status, .. } => Some(*status),
            Self::Unauthorized { .. } => Some(401),
            Self::Cut { .. } | Self::NotJson { .. } => Some(200),
            _ => None,
        }
    }

    /// The way out, in a sentence or two.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Url { .. } => "give the base of the REST API, as in --url https://ccs.example.com:12431.",
            Self::Certificate { .. } => "give a PEM file: text with -----BEGIN CERTIFICATE----- lines.",
            Self::Tls { way_out, .. } => way_out,
            Self::Connect { .. } => {
                "check the host name, the port (12431 by default) and the firewall, and that the Symantec Application Server Service runs."
            }
            Self::Silence { .. } => "run it again; where the server needs longer to answer, raise --timeout.",
            Self::Cut { .. } => {
                "what was read is archived. Run `jobruns sync` again; runs already stored are recognised and left alone."
            }
            Self::Request { .. } => return None,
            Self::Status { status, .. } => return status_hint(*status).map(str::to_owned),
            Self::LoginRefused { .. } => {
                "check user name and password (DOMAIN\\user); older servers want --password-encoding none. It was tried once, so that no account is locked."
            }
            Self::NoToken { .. } | Self::NotJson { .. } => {
                "check that the URL is that of the CCS REST API, and that no proxy or login page answers in its place."
            }
            Self::Unauthorized { .. } => {
                "check the user's rights in CCS: View all jobs, View standards, View assets."
            }
            Self::Redirected { .. } => {
                "give that address as --url if it is the right one; the password was not sent there."
            }
        };
        Some(hint.to_owned())
    }
}

const fn status_hint(status: u16) -> Option<&'static str> {
    match status {
        400 => Some("check the job's id with `jobruns jobs discover`."),
        403 => Some(
            "the user needs the tasks View all jobs, View standards and View assets, and access to the folders Asset System and Standards.",
        ),
        404 => Some(
            "list the jobs that the server knows with `jobruns jobs discover`; what is archived of this one stays.",
        ),
        407 => Some("the proxy wants a login: put it into HTTPS_PROXY, or leave the server out by NO_PROXY."),
        429 => Some("the server is asked too often: lower --concurrency or set --rate-limit."),
        500..=599 => Some(
            "run it again later; if it persists, ask the CCS administrator to look into the server's log.",
        ),
        _ => None,
    }
}

/// The beginning of a text for an error: one line, no control characters.
pub(super) fn beginning(text: &str) -> String {
    const SHOWN: usize = 200;
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if line.chars().count() > SHOWN {
        line = line.chars().take(SHOWN).chain("…".chars()).collect();
    }
    line
}

/// Sorts a transport error: TLS, connection, silence, cut. `bytes` of the body had come.
pub(super) fn transport(
    url: &str,
    source: reqwest::Error,
    silence: Duration,
    bytes: Option<u64>,
) -> CcsError {
    let url = url.to_owned();
    let source = source.without_url();
    if let Some((why, way_out)) = super::tls::failure(&source) {
        return CcsError::Tls { url, why, way_out };
    }
    if source.is_connect() {
        return CcsError::Connect { url, source };
    }
    if source.is_timeout() {
        return CcsError::Silence {
            url,
            silence,
            bytes: bytes.unwrap_or(0),
        };
    }
    match bytes {
        Some(bytes) => CcsError::Cut { url, bytes, source },
        None => CcsError::Request { url, source },
    }
}
