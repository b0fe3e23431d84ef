//! Why a TLS handshake failed.

use std::error::Error;
use std::fmt;

use super::certificate::CertificateFacts;
use crate::model::{Sha256, hex};

/// Why a TLS handshake failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TlsProblem {
    /// The certificate was not accepted.
    #[error(transparent)]
    Certificate(CertificateRefused),
    /// The other side does not speak TLS; usually it is plain HTTP.
    #[error("the other side does not speak TLS on this port")]
    NotTls,
    /// No common protocol version, cipher or signature: everything that the server offers is too old.
    #[error("client and server have no protocol version or cipher in common ({0})")]
    TooOld(rustls::Error),
    /// The server demands a client certificate.
    #[error("the server requires a client certificate, and this program presents none")]
    ClientCertificate,
    #[error("{0}")]
    Other(rustls::Error),
}

/// A certificate that was not accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRefused {
    pub problem: CertificateProblem,
    /// What the server served.
    pub served: CertificateFacts,
}

/// Why a certificate was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateProblem {
    /// No trusted CA issued it.
    UnknownIssuer,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for other names.
    WrongName(String),
    /// It is marked as a CA's, which no server may use.
    MarkedCa,
    /// It is of X.509 version 1 or 2.
    OldVersion,
    /// Its RSA key is shorter than 2048 bits.
    WeakKey,
    /// It, or one above it, has a signature of a kind that is no longer accepted, such as SHA-1.
    OldSignature,
    /// A signature is wrong.
    BadSignature,
    /// It is not the pinned one.
    PinMismatch(Sha256),
    /// Something else, as the TLS library puts it.
    Other(String),
}

impl fmt::Display for CertificateRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let served = &self.served;
        match &self.problem {
            CertificateProblem::UnknownIssuer if served.self_signed => {
                write!(
                    f,
                    "the certificate is self-signed ({}) and not trusted",
                    served.subject
                )
            }
            CertificateProblem::UnknownIssuer => {
                write!(f, "the certificate's issuer ({}) is not trusted", served.issuer)
            }
            CertificateProblem::Expired => {
                f.write_str("the certificate, or one above it, has expired")?;
                served.not_after.map_or(Ok(()), |end| {
                    write!(f, " (the server's own is valid until {end})")
                })
            }
            CertificateProblem::NotYetValid => {
                f.write_str("the certificate, or one above it, is not valid yet")?;
                served.not_before.map_or(Ok(()), |start| {
                    write!(f, " (the server's own is valid from {start})")
                })
            }
            CertificateProblem::WrongName(wanted) => match served.names.as_slice() {
                [] => write!(
                    f,
                    "the certificate names no host, so it is not valid for {wanted}"
                ),
                names if names.contains(wanted) && wanted.parse::<std::net::IpAddr>().is_ok() => write!(
                    f,
                    "the certificate has the address {wanted} as a DNS name; only as an IP address would it be valid for \
                     that"
                ),
                names => write!(f, "the certificate is for {}, not for {wanted}", names.join(", ")),
            },
            CertificateProblem::MarkedCa => {
                f.write_str("the server's certificate is marked as a CA's, which no server may use")
            }
            CertificateProblem::OldVersion => {
                write!(
                    f,
                    "the certificate is of X.509 version {}, version 3 is needed",
                    served.version
                )
            }
            CertificateProblem::WeakKey => {
                write!(
                    f,
                    "the certificate's key is too short ({}, at least 2048 are needed)",
                    served.key
                )
            }
            CertificateProblem::OldSignature => {
                write!(
                    f,
                    "the certificate is signed in a way no longer accepted ({})",
                    served.signature
                )
            }
            CertificateProblem::BadSignature => {
                f.write_str("a signature of the certificate or of the handshake is wrong")
            }
            CertificateProblem::PinMismatch(pin) => {
                write!(
                    f,
                    "the server's certificate has SHA-256 {}, pinned is {}",
                    served.pin(),
                    hex(pin)
                )
            }
            CertificateProblem::Other(words) => write!(f, "the certificate was refused: {words}"),
        }
    }
}

impl Error for CertificateRefused {}
