//! Pings to a monitor such as healthchecks.io, which raises an alarm when they stop.

use std::time::Duration;

use reqwest::Url;
use reqwest::redirect::Policy;
use tokio::net::TcpStream;

use super::error::{Cause, CcsError};
use super::proxy::{self, Route};
use super::settings::Trust;
use super::tls;
use crate::model::Secret;

/// How long one ping may take: a monitor that is down must not hold anything up.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a ping's body that monitors keep.
const MOST_BODY: usize = 10_000;

/// What a ping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    Start,
    Success,
    Failure,
}

/// A monitor. Its URL is a secret: whoever has it can report success.
#[derive(Debug)]
pub struct Monitor {
    url: Secret,
}

/// Why a monitor was not reached. Never contains its URL.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// The URL cannot be used.
    #[error("it is not an http or https URL")]
    BadUrl,
    /// The client could not be made.
    #[error(transparent)]
    Setup(CcsError),
    /// The proxy before it cannot be used.
    #[error("the proxy's URL cannot be used")]
    BadProxy,
    #[error("no connection to it")]
    NoConnection(#[source] Cause),
    #[error("it did not answer")]
    NoAnswer(#[source] Cause),
    /// An answer other than success.
    #[error("it answered with status {0}")]
    Status(u16),
}

impl PingError {
    /// Whether another try may succeed.
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::NoConnection(_) => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::BadUrl | Self::BadProxy | Self::Setup(_) => false,
        }
    }
}

impl Monitor {
    /// The monitor with this URL.
    ///
    /// # Errors
    /// [`PingError::BadUrl`].
    pub fn new(url: Secret) -> Result<Self, PingError> {
        let parsed = Url::parse(url.reveal()).map_err(|_| PingError::BadUrl)?;
        if !matches!(parsed.scheme(), "http" | "https") || parsed.cannot_be_a_base() {
            return Err(PingError::BadUrl);
        }
        Ok(Self { url })
    }

    /// Connects to the monitor, or to the proxy on the way, and sends nothing.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn reach(&self) -> Result<(), PingError> {
        let url = Url::parse(self.url.reveal()).map_err(|_| PingError::BadUrl)?;
        let gate = match proxy::route(&url) {
            Route::Proxy(proxy) => Url::parse(&proxy).map_err(|_| PingError::BadProxy)?,
            Route::Direct | Route::System => url,
        };
        let host = gate
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = gate.port_or_known_default().unwrap_or(1080);
        let connected = tokio::time::timeout(TIMEOUT, TcpStream::connect((host, port))).await;
        let connected = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        connected
            .map(drop)
            .map_err(|error| PingError::NoConnection(Cause::io(error)))
    }

    /// Pings once, with a text.
    ///
    /// # Errors
    /// Why the monitor did not take it.
    pub async fn ping(&self, ping: Ping, body: &str) -> Result<(), PingError> {
        let url = self.address(ping)?;
        let tls = tls::config(&Trust::System);
        let builder = reqwest::Client::builder()
            .http1_only()
            .redirect(Policy::none())
            .referer(false)
            .timeout(TIMEOUT)
            .user_agent(concat!("jobruns/", env!("CARGO_PKG_VERSION")));
        let builder = match (tls, url.scheme()) {
            (Ok(tls), _) => builder.tls_backend_preconfigured(tls.config),
            // Without a store of trusted roots http still works.
            (Err(_), "http") => builder,
            (Err(error), _) => return Err(PingError::Setup(error)),
        };
        let no_answer = |error: reqwest::Error| PingError::NoAnswer(Cause::http(error.without_url()));
        let builder = match proxy::route(&url) {
            Route::System => builder,
            Route::Direct => builder.no_proxy(),
            Route::Proxy(proxy) => builder
                .no_proxy()
                .proxy(reqwest::Proxy::all(&proxy).map_err(no_answer)?),
        };
        let client = builder.build().map_err(no_answer)?;
        let body = body[..body.floor_char_boundary(MOST_BODY)].to_owned();
        let answer = client
            .post(url)
            .header("Content-Type", "text/plain; charset=utf-8")
            .body(body)
            .send()
            .await
            .map_err(no_answer)?;
        if answer.status().is_success() {
            Ok(())
        } else {
            Err(PingError::Status(answer.status().as_u16()))
        }
    }

    fn address(&self, ping: Ping) -> Result<Url, PingError> {
        let mut url = Url::parse(self.url.reveal()).map_err(|_| PingError::BadUrl)?;
        let more = match ping {
            Ping::Start => Some("start"),
            Ping::Success => None,
            Ping::Failure => Some("fail"),
        };
        if let Some(more) = more {
            let mut path = url.path_segments_mut().map_err(|()| PingError::BadUrl)?;
            path.pop_if_empty().push(more);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ping_has_its_address() {
        let address = |url: &str, ping| {
            Monitor::new(Secret::from(url))
                .unwrap()
                .address(ping)
                .unwrap()
                .to_string()
        };
        assert_eq!(address("https://hc/uuid", Ping::Start), "https://hc/uuid/start");
        assert_eq!(address("https://hc/uuid", Ping::Success), "https://hc/uuid");
        assert_eq!(
            address("https://hc/k/sync/?create=1", Ping::Failure),
            "https://hc/k/sync/fail?create=1"
        );
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_shown() {
        for url in ["", "hc/uuid", "mailto:a@b", "ftp://hc/uuid"] {
            let error = Monitor::new(Secret::from(url)).unwrap_err();
            assert_eq!(error.to_string(), "it is not an http or https URL");
        }
    }
}
