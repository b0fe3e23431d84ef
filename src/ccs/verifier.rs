//! Checks the certificate that a server presents.
//!
//! [`Chain`] has webpki check issuer, name and dates, and reports a refusal in full. [`AnyOrPinned`] compares only the
//! fingerprint, or nothing. webpki refuses a server certificate that is marked CA, and cannot read one of X.509 version 1,
//! not even to check a signature with its key. Therefore x509-parser extracts the key, and ring checks the signature of
//! the handshake with it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use x509_parser::asn1_rs::Any;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::certificate::CertificateFacts;
use super::refusal::{CertificateProblem, CertificateRefused};
use crate::model::Sha256;

/// The smallest RSA key, in bits, with which ring checks a signature.
const SMALLEST_RSA_BITS: u32 = 2048;

/// Wraps our own error in the type that rustls passes through.
fn refused(der: &CertificateDer<'_>, problem: CertificateProblem) -> Error {
    let refused = CertificateRefused {
        problem,
        served: CertificateFacts::read(der),
    };
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
}

/// Why webpki or ring refused the certificate; looks into the certificate for the reason.
fn explained(der: &CertificateDer<'_>, wanted: &str, error: Error) -> Error {
    let Error::InvalidCertificate(cause) = &error else {
        return error;
    };
    let facts = CertificateFacts::read(der);
    let problem = match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => CertificateProblem::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::WrongName(wanted.to_owned())
        }
        CertificateError::UnknownIssuer => CertificateProblem::UnknownIssuer,
        _ if matches!(facts.version, 1 | 2) => CertificateProblem::OldVersion,
        _ if facts.rsa_bits().is_some_and(|bits| bits < SMALLEST_RSA_BITS) => CertificateProblem::WeakKey,
        CertificateError::BadSignature => CertificateProblem::BadSignature,
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            CertificateProblem::OldSignature
        }
        // webpki has a name for this; rustls has none.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            CertificateProblem::MarkedCa
        }
        other => CertificateProblem::Other(other.to_string()),
    };
    let refused = CertificateRefused {
        problem,
        served: facts,
    };
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
}

/// The usual check: a chain to a trusted CA, the name, the dates.
#[derive(Debug)]
pub(super) struct Chain(pub(super) Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| explained(end_entity, &server_name.to_str(), error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .verify_tls12_signature(message, cert, dss)
            .map_err(|error| explained(cert, "", error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0
            .verify_tls13_signature(message, cert, dss)
            .map_err(|error| explained(cert, "", error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Notes when an accepted certificate expires, in seconds since 1970 UTC; 0 if none was accepted yet.
#[derive(Debug)]
pub(super) struct NotingExpiry {
    pub(super) inner: Arc<dyn ServerCertVerifier>,
    pub(super) expiry: Arc<AtomicI64>,
}

impl ServerCertVerifier for NotingExpiry {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if let Some(not_after) = CertificateFacts::read(end_entity).not_after {
            self.expiry.store(not_after.unix_seconds(), Ordering::Relaxed);
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The server's own certificate, as presented.
pub(super) type SeenCertificate = Arc<Mutex<Option<CertificateFacts>>>;

/// Accepts the pinned certificate, or any; still checks the signature of the handshake.
#[derive(Debug)]
pub(super) struct AnyOrPinned {
    pin: Option<Sha256>,
    seen: Option<SeenCertificate>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl AnyOrPinned {
    /// Accepts only the certificate with this fingerprint.
    pub(super) const fn pinned(pin: Sha256, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self {
            pin: Some(pin),
            seen: None,
            algorithms,
        }
    }

    /// Accepts any certificate and notes it in `seen`, if given.
    pub(super) const fn any(seen: Option<SeenCertificate>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self {
            pin: None,
            seen,
            algorithms,
        }
    }

    /// Checks `dss` over `message` with the certificate's key, by `check`.
    ///
    /// Without a pin, a key that ring does not support is accepted: the certificate proves nothing anyway.
    fn checked(
        &self,
        cert: &CertificateDer<'_>,
        check: impl FnOnce(&[u8]) -> Result<(), Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        let lenient = self.pin.is_none() && self.seen.is_none();
        let facts = CertificateFacts::read(cert);
        if facts.rsa_bits().is_some_and(|bits| bits < SMALLEST_RSA_BITS) {
            return if lenient {
                Ok(HandshakeSignatureValid::assertion())
            } else {
                Err(refused(cert, CertificateProblem::WeakKey))
            };
        }
        let Ok((_, certificate)) = X509Certificate::from_der(cert) else {
            return if lenient {
                Ok(HandshakeSignatureValid::assertion())
            } else {
                Err(refused(
                    cert,
                    CertificateProblem::Other("it cannot be read".to_owned()),
                ))
            };
        };
        match check(certificate.public_key().raw) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(error) => Err(explained(cert, "", error)),
        }
    }
}

impl ServerCertVerifier for AnyOrPinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(seen) = &self.seen {
            let facts = CertificateFacts::read(end_entity);
            *seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(facts);
        }
        match self.pin {
            // Fingerprints are public, so the comparison need not take constant time.
            Some(pin) if CertificateFacts::read(end_entity).fingerprint != pin => {
                Err(refused(end_entity, CertificateProblem::PinMismatch(pin)))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checked(cert, |spki| tls12_signature(&self.algorithms, message, spki, dss))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.checked(cert, |spki| {
            let spki = SubjectPublicKeyInfoDer::from(spki);
            rustls::crypto::verify_tls13_signature_with_raw_key(message, &spki, dss, &self.algorithms)
                .map(|_| ())
        })
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The signature check of TLS 1.2 with a bare key, which rustls offers only for 1.3. The scheme does not name the curve,
/// so several algorithms match it; the kind of the key selects one.
fn tls12_signature(
    algorithms: &WebPkiSupportedAlgorithms,
    message: &[u8],
    spki: &[u8],
    dss: &DigitallySignedStruct,
) -> Result<(), Error> {
    let unsupported = || Error::InvalidCertificate(CertificateError::BadSignature);
    let (kind, key) = split_spki(spki).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    let candidates = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == dss.scheme)
        .map(|(_, candidates)| *candidates)
        .ok_or_else(unsupported)?;
    let algorithm = candidates
        .iter()
        .find(|candidate| candidate.public_key_alg_id().as_ref() == kind)
        .ok_or_else(unsupported)?;
    algorithm
        .verify_signature(key, message, dss.signature())
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadSignature))
}

/// The content of the key's AlgorithmIdentifier and the bytes of the key, from `SEQUENCE { SEQUENCE, BIT STRING }`.
fn split_spki(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, outer) = Any::from_der(spki).ok()?;
    let (rest, kind) = Any::from_der(outer.data).ok()?;
    let (_, bits) = Any::from_der(rest).ok()?;
    match bits.data.split_first()? {
        // The first byte counts unused bits; a key has whole bytes.
        (0, key) => Some((kind.data, key)),
        _ => None,
    }
}
