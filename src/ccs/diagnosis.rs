//! From an error of the HTTP library to ours: what is behind it is found by walking down its causes.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::error::{Cause, CcsError, ConnectProblem, Doing};
use super::refusal::{CertificateRefused, TlsProblem};

/// What was asked of whom, and how long the waits were.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) doing: Doing,
    /// Scheme, host and port.
    pub(super) origin: String,
    /// The URL without query.
    pub(super) url: String,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
}

/// Why no answer began.
pub(super) fn no_answer(asked: &Asked, error: reqwest::Error) -> CcsError {
    let doing = asked.doing;
    if let Some(problem) = tls_problem(&error) {
        return CcsError::Tls {
            doing,
            url: asked.origin.clone(),
            problem: Box::new(problem),
        };
    }
    if error.is_connect() {
        let problem = connect_problem(&error, asked.connect_timeout);
        return CcsError::Connect {
            doing,
            url: asked.origin.clone(),
            problem,
            source: Some(Cause::new(error)),
        };
    }
    let url = asked.url.clone();
    if error.is_timeout() {
        let after = asked.idle_timeout;
        return CcsError::Silence {
            doing,
            url,
            after,
            bytes: 0,
        };
    }
    let unparsable = causes(&error).any(|cause| {
        cause.to_string().starts_with("invalid HTTP") || cause.to_string() == "message head is too large"
    });
    let source = Cause::new(error);
    if unparsable {
        CcsError::NotHttp { doing, url, source }
    } else {
        CcsError::NoAnswer { doing, url, source }
    }
}

/// Why the rest of an answer did not come, `bytes` of its body having been read.
pub(super) fn broken_body(asked: &Asked, bytes: u64, error: reqwest::Error) -> CcsError {
    let (doing, url) = (asked.doing, asked.url.clone());
    if error.is_timeout() {
        let after = asked.idle_timeout;
        CcsError::Silence {
            doing,
            url,
            after,
            bytes,
        }
    } else {
        let source = Cause::new(error);
        CcsError::Cut {
            doing,
            url,
            bytes,
            source,
        }
    }
}

/// The error and all its causes. What an `io::Error` wraps is a cause too, though it does not say so.
fn causes<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'error (dyn Error + 'static)| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => (*error).source(),
        }
    })
}

fn tls_problem(error: &(dyn Error + 'static)) -> Option<TlsProblem> {
    let error = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())?;
    Some(match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<CertificateRefused>() {
                Some(refused) => TlsProblem::Certificate(refused.clone()),
                None => TlsProblem::Other(error.clone()),
            }
        }
        // The first bytes of `HTTP/1.1 400 ...` read as a TLS record.
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => TlsProblem::NotTls,
        rustls::Error::PeerIncompatible(_)
        | rustls::Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::HandshakeFailure
            | AlertDescription::InsufficientSecurity,
        ) => TlsProblem::TooOld(error.clone()),
        other => TlsProblem::Other(other.clone()),
    })
}

fn connect_problem(error: &reqwest::Error, connect_timeout: Duration) -> ConnectProblem {
    if error.is_timeout() {
        return ConnectProblem::TimedOut(connect_timeout);
    }
    for cause in causes(error) {
        // The library's own words: it keeps these kinds of errors to itself.
        match cause.to_string().as_str() {
            "dns error" | "invalid dns name" => return ConnectProblem::UnknownHost,
            "proxy authorization required" | "tunnel error: proxy authorization required" => {
                return ConnectProblem::ProxyLogin;
            }
            text if text.starts_with("tunnel error") => return ConnectProblem::ProxyRefused,
            _ => {}
        }
        let Some(io) = cause.downcast_ref::<io::Error>() else {
            continue;
        };
        match io.kind() {
            io::ErrorKind::ConnectionRefused => return ConnectProblem::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                return ConnectProblem::Unreachable;
            }
            io::ErrorKind::TimedOut => return ConnectProblem::TimedOut(connect_timeout),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => return ConnectProblem::Closed,
            _ => {}
        }
    }
    ConnectProblem::Other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ccs::test_server::{Server, reply};

    /// What comes of a request through a proxy that answers CONNECT with `status`.
    async fn through_proxy(status: u16) -> CcsError {
        let proxy = Server::start(None, move |_, _| reply(status, "text/html", "<html>")).await;
        let proxy_url = format!("http://127.0.0.1:{}", proxy.port());
        let tls = crate::ccs::tls::config(&crate::ccs::Trust::Insecure).unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .proxy(reqwest::Proxy::all(proxy_url).unwrap())
            .build()
            .unwrap();
        let error = client.get("https://ccs.example:12431/").send().await.unwrap_err();
        assert_eq!(proxy.requests()[0].line, "CONNECT ccs.example:12431");
        let asked = Asked {
            doing: Doing::Login,
            origin: "https://ccs.example:12431".to_owned(),
            url: "https://ccs.example:12431/".to_owned(),
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
        };
        no_answer(&asked, error)
    }

    #[tokio::test]
    async fn a_proxy_that_wants_a_login_or_refuses_is_recognised() {
        for (status, expected) in [
            (407, ConnectProblem::ProxyLogin),
            (403, ConnectProblem::ProxyRefused),
            (502, ConnectProblem::ProxyRefused),
        ] {
            let error = through_proxy(status).await;
            assert!(
                matches!(error, CcsError::Connect { problem, .. } if problem == expected),
                "{status}: {error:?}"
            );
            assert!(error.hint().unwrap().contains("NO_PROXY"));
        }
    }
}
