//! Whom to trust, and what a failed handshake means.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::Digest;

use super::error::CcsError;
use crate::model::{Sha256, hex};

/// Whom to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The authorities of the operating system.
    System,
    /// These authorities alone.
    Authorities(Vec<CertificateDer<'static>>),
    /// The one certificate with this SHA-256, whoever signed it, whatever name and dates it bears.
    Pin(Sha256),
    /// Anybody.
    Anybody,
}

/// The certificates of a PEM text.
///
/// # Errors
/// None in it, or one that cannot be read.
pub fn certificates_from_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CcsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| CcsError::Certificate {
            why: error.to_string(),
        })?;
    if certificates.is_empty() {
        return Err(CcsError::Certificate {
            why: "there is none in the file".to_owned(),
        });
    }
    Ok(certificates)
}

/// The cryptography of the house: ring.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// TLS settings for a trust.
pub(super) fn client_config(trust: &Trust) -> Result<ClientConfig, CcsError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| CcsError::Certificate {
            why: error.to_string(),
        })?;
    let config = match trust {
        Trust::System => builder.with_root_certificates(system_authorities()),
        Trust::Authorities(certificates) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates {
                roots
                    .add(certificate.clone())
                    .map_err(|error| CcsError::Certificate {
                        why: format!("one is no authority: {error}"),
                    })?;
            }
            builder.with_root_certificates(roots)
        }
        Trust::Pin(pin) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned::new(Some(*pin)))),
        Trust::Anybody => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned::new(None))),
    };
    Ok(config.with_no_client_auth())
}

/// The operating system's authorities; what cannot be read of them is left out, as every browser does.
fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "part of the system's trust store cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

/// Accepts the certificate with one fingerprint, or any; the handshake must be signed with its key either way.
///
/// rustls' own verifiers refuse a certificate marked as authority, an X.509 v1 one, and a self-signed one that is given as
/// its own root, all of which CCS servers are known to present; so the signature is checked here, with the algorithms of
/// the provider.
#[derive(Debug)]
struct Pinned {
    pin: Option<Sha256>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    fn new(pin: Option<Sha256>) -> Self {
        Self {
            pin,
            algorithms: provider().signature_verification_algorithms,
        }
    }

    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let key = &parsed.public_key().subject_public_key.data;
        self.algorithms
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == signed.scheme)
            .flat_map(|(_, algorithms)| algorithms.iter())
            .any(|algorithm| {
                algorithm
                    .verify_signature(key, message, signed.signature())
                    .is_ok()
            })
            .then(HandshakeSignatureValid::assertion)
            .ok_or(Error::InvalidCertificate(CertificateError::BadSignature))
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let served: Sha256 = sha2::Sha256::digest(end_entity).into();
        match self.pin {
            Some(pin) if pin != served => Err(Error::General(format!(
                "{PIN_MISMATCH} {}, not the pinned {}",
                hex(&served),
                hex(&pin)
            ))),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

const PIN_MISMATCH: &str = "the server's certificate has the SHA-256";

/// Cause and way out of a failed handshake; `None` where the error is no TLS error.
pub(super) fn failure(error: &(dyn std::error::Error + 'static)) -> Option<(String, String)> {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(tls) = current.downcast_ref::<Error>() {
            return Some(words(tls));
        }
        // An I/O error does not name the error that it carries as its source.
        if let Some(inner) = current
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            cause = Some(inner);
            continue;
        }
        cause = current.source();
    }
    None
}

fn words(error: &Error) -> (String, String) {
    let look = "look at the certificate with `jobruns trust`, and pin it (--pin) or give its authority (--ca-cert FILE).";
    let (why, way_out): (String, &str) = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "its certificate is signed by an authority that is not trusted here".to_owned(),
            look,
        ),
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => (
            "its certificate has expired".to_owned(),
            "have it renewed on the server; until then --pin accepts exactly this one (`jobruns trust` shows it).",
        ),
        Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        ) => (
            "its certificate is not valid yet".to_owned(),
            "check the clocks of both machines.",
        ),
        Error::InvalidCertificate(CertificateError::NotValidForName) => {
            ("its certificate is for another name".to_owned(), NAME_WAY_OUT)
        }
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { expected, presented }) => (
            format!(
                "its certificate is not for {} but for {}",
                expected.to_str(),
                if presented.is_empty() {
                    "no name at all".to_owned()
                } else {
                    presented.join(", ")
                }
            ),
            NAME_WAY_OUT,
        ),
        Error::InvalidCertificate(other) => {
            let text = format!("{other:?}");
            let why = if text.contains("CaUsedAsEndEntity") {
                "its certificate is marked as an authority, which no server's should be".to_owned()
            } else if text.contains("UnsupportedCertVersion") {
                "its certificate is of the old kind X.509 v1".to_owned()
            } else {
                format!("its certificate is not accepted ({text})")
            };
            (why, look)
        }
        Error::General(text) if text.starts_with(PIN_MISMATCH) => (
            text.clone(),
            "if the server's certificate was renewed, look at it with `jobruns trust` and pin the new one; if not, somebody may be in between.",
        ),
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            rustls::AlertDescription::ProtocolVersion | rustls::AlertDescription::HandshakeFailure,
        ) => (
            format!("the two sides have no protocol or cipher in common ({error})"),
            "the server must offer TLS 1.2 or 1.3 with an ECDHE cipher; ask its administrator to enable one.",
        ),
        Error::InvalidMessage(_) => (
            "what answers on this port does not speak TLS".to_owned(),
            "check the port; for a server without TLS give an http:// URL and --insecure.",
        ),
        other => (other.to_string(), look),
    };
    (why, way_out.to_owned())
}

const NAME_WAY_OUT: &str = "use one of the certificate's names in --url, or pin the certificate with --pin (`jobruns trust` shows it).";
