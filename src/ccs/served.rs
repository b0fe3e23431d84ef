//! How a server's certificate is fetched without trusting it (`jobruns trust`).

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

/// The certificate that a server sent, and what happened to the handshake.
#[derive(Debug, Clone)]
pub struct ServedCertificate {
    /// What the server's own certificate says.
    pub facts: CertificateFacts,
    /// Why the handshake failed after the certificate came, where it did: then no pin will help.
    pub handshake_problem: Option<CcsError>,
}

/// Fetches the certificate of `base_url` without trusting it, over the same way (proxy included) as all requests.
///
/// The handshake is completed, so that it is known whether the server holds the key; then one `HEAD /` goes out,
/// without user, password or token.
///
/// # Errors
/// [`CcsError::BadUrl`] for what is no `https://` URL, and whatever kept the certificate from coming.
pub async fn served_certificate(
    base_url: &str,
    connect_timeout: Duration,
) -> Result<ServedCertificate, CcsError> {
    // `Trust::System` makes the check refuse plain http, which has no certificate.
    let base = BaseUrl::parse(base_url, &Trust::System)?;
    let seen = SeenCertificate::default();
    let mut settings = Settings::new(base_url, "", Secret::from(""));
    settings.trust = Trust::Insecure;
    settings.connect_timeout = connect_timeout;
    settings.idle_timeout = connect_timeout;
    let transport = Transport::new(&settings, base.clone(), tls::watching_config(Arc::clone(&seen))?)?;
    let outcome = transport.head(RequestPurpose::ReadCertificate, base.root()).await;

    // A panic while holding it leaves what was seen, or nothing.
    let seen = seen
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .take();
    match (seen, outcome) {
        (Some(facts), outcome) => {
            Ok(ServedCertificate {
                facts,
                // What comes after the handshake (no HTTP, a silent server) is not asked here.
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
