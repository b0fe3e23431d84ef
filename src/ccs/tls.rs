//! The TLS configuration for each kind of trust.
//!
//! The provider of cryptography is ring, named here; no process-wide default is read or set.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use rustls::client::ResolvesClientCert;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::certificate::CertificateFacts;
use super::error::CcsError;
use super::settings::Trust;
use super::verifier::{AnyOrPinned, Chain, NotingExpiry, SeenCertificate};

pub(super) struct Tls {
    pub(super) config: ClientConfig,
    /// Whether a server has asked for a client certificate.
    pub(super) client_certificate: Arc<AtomicBool>,
    /// When the server's certificate expires, in seconds since 1970 UTC; 0 if none was accepted yet.
    pub(super) expiry: Arc<AtomicI64>,
}

/// Presents no client certificate, and notes that one was asked for: many servers then close the connection without a
/// reason.
#[derive(Debug)]
struct NoClientCertificate(Arc<AtomicBool>);

impl ResolvesClientCert for NoClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }

    /// With `false`, rustls would not ask for one.
    fn has_certs(&self) -> bool {
        true
    }
}

/// The TLS configuration that accepts the certificates of `trust`.
///
/// # Errors
/// [`CcsError::NoTrustedRoots`] if the system has no readable trust store, [`CcsError::BadCertificate`] if a root is not a
/// certificate.
pub(super) fn config(trust: &Trust) -> Result<Tls, CcsError> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::System => chain(system_roots()?, &provider)?,
        Trust::Roots(roots) => chain(named_roots(roots)?, &provider)?,
        Trust::Pin(pin) => Arc::new(AnyOrPinned::pinned(*pin, algorithms)),
        Trust::Insecure => Arc::new(AnyOrPinned::any(None, algorithms)),
    };
    with_verifier(provider, verifier)
}

/// The TLS configuration that accepts any certificate and stores what the server presented in `seen`.
pub(super) fn watching_config(seen: SeenCertificate) -> Result<Tls, CcsError> {
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    with_verifier(provider, Arc::new(AnyOrPinned::any(Some(seen), algorithms)))
}

fn with_verifier(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Tls, CcsError> {
    let client_certificate = Arc::new(AtomicBool::new(false));
    let expiry = Arc::new(AtomicI64::new(0));
    let verifier = Arc::new(NotingExpiry {
        inner: verifier,
        expiry: Arc::clone(&expiry),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| CcsError::TlsSetup {
            source: Arc::new(source),
        })?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_cert_resolver(Arc::new(NoClientCertificate(Arc::clone(&client_certificate))));
    Ok(Tls {
        config,
        client_certificate,
        expiry,
    })
}

fn chain(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, CcsError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|source| CcsError::TlsSetup {
            source: Arc::new(source),
        })?;
    Ok(Arc::new(Chain(verifier)))
}

/// The variable that replaces the system's trust store, as for other programs, and its value.
#[must_use]
pub fn replaced_trust_store() -> Option<(&'static str, OsString)> {
    ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .find_map(|name| Some((name, std::env::var_os(name)?)))
}

fn system_roots() -> Result<RootCertStore, CcsError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(loaded.certs);
    match replaced_trust_store() {
        None => tracing::debug!(added, ignored, "system trust store read"),
        Some((variable, path)) => tracing::debug!(
            variable,
            path = %path.display(),
            added,
            ignored,
            "trusted authorities read from the environment's place instead of the system's store"
        ),
    }
    if roots.is_empty() {
        // Unreadable files do not matter as long as there are other roots.
        let source = loaded.errors.into_iter().next().map(Arc::new);
        return Err(CcsError::NoTrustedRoots { source });
    }
    Ok(roots)
}

fn named_roots(certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, CcsError> {
    let mut roots = RootCertStore::empty();
    for (place, certificate) in (1..).zip(certificates) {
        roots
            .add(certificate.clone())
            .map_err(|source| CcsError::BadCertificate {
                place,
                source: Arc::new(source),
            })?;
    }
    if roots.is_empty() {
        return Err(CcsError::NoTrustedRoots { source: None });
    }
    Ok(roots)
}

/// The certificates in `bytes`: one or several in PEM (other text and keys between them are skipped), or one in DER, the
/// default of an export on Windows.
///
/// # Errors
/// [`CcsError::NoCertificateInPem`] if there is none, [`CcsError::BadCertificate`] (with its position, from 1) for one that
/// cannot be read.
pub fn roots_from_pem(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, CcsError> {
    let mut certificates = Vec::new();
    for (place, certificate) in (1..).zip(CertificateDer::pem_slice_iter(bytes)) {
        let certificate = certificate.map_err(|source| CcsError::BadCertificate {
            place,
            source: Arc::new(source),
        })?;
        certificates.push(certificate);
    }
    if certificates.is_empty() && CertificateFacts::read(bytes).version != 0 {
        certificates.push(CertificateDer::from(bytes.to_vec()));
    }
    if certificates.is_empty() {
        return Err(CcsError::NoCertificateInPem);
    }
    named_roots(&certificates)?;
    Ok(certificates)
}
