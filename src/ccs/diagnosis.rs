//! Turns an error of the HTTP library into one of ours, by walking down its causes.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::body::BodyError;
use super::error::{Cause, CcsError, ConnectProblem, RequestPurpose};
use super::refusal::{CertificateRefused, TlsProblem};

/// What a request was for, where it went, and its timeouts.
#[derive(Debug, Clone)]
pub(super) struct RequestContext {
    pub(super) doing: RequestPurpose,
    /// Scheme, host and port.
    pub(super) origin: String,
    /// The URL without query.
    pub(super) url: String,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
    /// The proxy on the way, without user and password.
    pub(super) proxy: Option<String>,
}

/// Why no answer began. `certificate_wanted` says that the server asked for a client certificate; many ask for one
/// without needing it, so it is the reason only if the server then refused.
pub(super) fn no_answer(
    request_context: &RequestContext,
    error: reqwest::Error,
    certificate_wanted: bool,
) -> CcsError {
    let doing = request_context.doing;
    if let Some(problem) = tls_problem(&error, certificate_wanted) {
        return CcsError::Tls {
            doing,
            url: request_context.origin.clone(),
            problem: Box::new(problem),
        };
    }
    if error.is_connect() {
        let problem = match connect_problem(&error, request_context.connect_timeout) {
            ConnectProblem::Closed if certificate_wanted => ConnectProblem::ClientCertificate,
            other => other,
        };
        // If the proxy refused the request, the problem is the server; anything earlier is the proxy.
        let beyond = matches!(
            problem,
            ConnectProblem::ProxyLogin | ConnectProblem::ProxyRefused | ConnectProblem::ClientCertificate
        );
        return CcsError::Connect {
            doing,
            url: request_context.origin.clone(),
            proxy: request_context.proxy.clone().filter(|_| !beyond),
            problem,
            source: Some(Cause::http(error)),
        };
    }
    let url = request_context.url.clone();
    if error.is_timeout() {
        let after = request_context.idle_timeout;
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
    let closed = causes(&error).any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe
            )
        }) || cause.to_string().starts_with("connection closed")
    });
    let source = Cause::http(error);
    if certificate_wanted && closed {
        return CcsError::Connect {
            doing,
            url: request_context.origin.clone(),
            proxy: None,
            problem: ConnectProblem::ClientCertificate,
            source: Some(source),
        };
    }
    if unparsable {
        CcsError::NotHttp { doing, url, source }
    } else {
        CcsError::NoAnswer { doing, url, source }
    }
}

/// Why the rest of an answer did not arrive after `bytes` of its body.
pub(super) fn broken_body(request_context: &RequestContext, bytes: u64, error: BodyError) -> CcsError {
    let (doing, url) = (request_context.doing, request_context.url.clone());
    let source = match error {
        BodyError::Http(error) if error.is_timeout() => {
            return CcsError::Silence {
                doing,
                url,
                after: request_context.idle_timeout,
                bytes,
            };
        }
        BodyError::NoProgress(stall) => {
            return CcsError::NoProgress {
                doing,
                url,
                stall,
                bytes,
            };
        }
        BodyError::Http(error) => Cause::http(error),
        BodyError::Unpack(error) => Cause::io(error),
    };
    CcsError::Cut {
        doing,
        url,
        bytes,
        source,
    }
}

/// The error and all its causes. What an `io::Error` wraps is a cause too, although `source` does not return it.
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

fn tls_problem(error: &(dyn Error + 'static), certificate_wanted: bool) -> Option<TlsProblem> {
    let error = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>())?;
    Some(match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<CertificateRefused>() {
                Some(refused) => TlsProblem::Certificate(refused.clone()),
                None => TlsProblem::Other(error.clone()),
            }
        }
        // The first bytes of `HTTP/1.1 400 ...`, read as a TLS record.
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => TlsProblem::NotTls,
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => TlsProblem::ClientCertificate,
        rustls::Error::AlertReceived(
            AlertDescription::HandshakeFailure
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) if certificate_wanted => TlsProblem::ClientCertificate,
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
        // The library does not export these kinds of errors, so their text must do.
        match cause.to_string().as_str() {
            "dns error" | "invalid dns name" => return ConnectProblem::UnknownHost,
            "proxy authorization required" | "tunnel error: proxy authorization required" => {
                return ConnectProblem::ProxyLogin;
            }
            // The proxy itself was not reached; a cause below says why.
            "tunnel error: failed to create underlying connection" => {}
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
    use crate::ccs::test_server::{TestServer, reply};

    /// The error of a request through a proxy that answers CONNECT with `status`.
    async fn through_proxy(status: u16) -> CcsError {
        let proxy = TestServer::start(None, move |_, _| reply(status, "text/html", "<html>")).await;
        let proxy_url = format!("http://127.0.0.1:{}", proxy.port());
        let tls = crate::ccs::tls::config(&crate::ccs::Trust::Insecure).unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.config)
            .proxy(reqwest::Proxy::all(&proxy_url).unwrap())
            .build()
            .unwrap();
        let error = client.get("https://ccs.example:12431/").send().await.unwrap_err();
        assert_eq!(proxy.requests()[0].line, "CONNECT ccs.example:12431");
        let request_context = RequestContext {
            doing: RequestPurpose::Login,
            origin: "https://ccs.example:12431".to_owned(),
            url: "https://ccs.example:12431/".to_owned(),
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            proxy: Some(proxy_url),
        };
        no_answer(&request_context, error, false)
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
        }
    }
}
