//! Fetches a server's certificate without trusting it, for `jobruns trust`.

use std::sync::Arc;
use std::time::Duration;

use super::base_url::BaseUrl;
use super::certificate::CertificateFacts;
use super::error::{CcsError, ConnectProblem, RequestPurpose};
use super::settings::{Settings, Trust};
use super::tls;
use super::transport::Transport;
use super::verifier::SeenCertificate;
use crate::model::Secret;

/// The certificate that a server sent, and whether the handshake succeeded.
#[derive(Debug, Clone)]
pub struct ServedCertificate {
    /// What the server's own certificate says.
    pub facts: CertificateFacts,
    /// Why the handshake failed after the certificate was received, if it did: no pin helps then.
    pub handshake_problem: Option<CcsError>,
}

/// Fetches the certificate of `base_url` without trusting it, by the same route as all requests (proxy included).
///
/// Completes the handshake, which proves that the server has the key, and sends one `HEAD /` without user, password or
/// token.
///
/// # Errors
/// [`CcsError::BadUrl`] if it is not an `https://` URL, else whatever prevented the handshake before the certificate came.
pub async fn served_certificate(
    base_url: &str,
    connect_timeout: Duration,
) -> Result<ServedCertificate, CcsError> {
    // With `Trust::System`, the check refuses plain http, which has no certificate.
    let base = BaseUrl::parse(base_url, &Trust::System)?;
    let seen = SeenCertificate::default();
    let mut settings = Settings::new(base_url, "", Secret::from(""));
    settings.trust = Trust::Insecure;
    settings.connect_timeout = connect_timeout;
    settings.idle_timeout = connect_timeout;
    let transport = Transport::new(&settings, base.clone(), tls::watching_config(Arc::clone(&seen))?)?;
    let outcome = transport.head(RequestPurpose::ReadCertificate, base.root()).await;

    // After a panic it still holds the certificate, or nothing.
    let seen = seen
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    match (seen, outcome) {
        (Some(facts), outcome) => {
            Ok(ServedCertificate {
                facts,
                // What follows the handshake (no HTTP, a silent server) does not matter here.
                handshake_problem: outcome.err().filter(CcsError::is_tls),
            })
        }
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(CcsError::Connect {
            doing: RequestPurpose::ReadCertificate,
            url: super::base_url::origin(&base.root()),
            proxy: None,
            problem: ConnectProblem::NoCertificate,
            source: None,
        }),
    }
}
