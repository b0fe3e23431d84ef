//! Looks at a server's certificate without trusting it, so that a person can decide to.

use std::time::Duration;

use rustls_pki_types::ServerName;
use sha2::Digest;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::error::CcsError;
use super::tls::{self, Trust};
use crate::model::{Instant, Sha256};

/// A certificate as served, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedCertificate {
    /// SHA-256 of its DER bytes: what `--pin` takes.
    pub sha256: Sha256,
    /// Whom it is for.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Names and addresses it is for.
    pub names: Vec<String>,
    /// First instant of its life.
    pub not_before: Instant,
    /// Last instant of its life.
    pub not_after: Instant,
    /// Whether it names itself as its signer.
    pub self_signed: bool,
    /// Whether it is marked as an authority.
    pub authority: bool,
    /// X.509 version, 1 to 3.
    pub version: u32,
}

/// Fetches the certificate that the server at `url` presents.
///
/// # Errors
/// No https URL, no connection within `patience`, no TLS, a certificate that cannot be read.
pub async fn served_certificate(url: &str, patience: Duration) -> Result<ServedCertificate, CcsError> {
    let refuse = |why: &str| CcsError::Url {
        url: url.to_owned(),
        why: why.to_owned(),
    };
    let parsed = reqwest::Url::parse(url.trim()).map_err(|_| refuse("it is no URL"))?;
    if parsed.scheme() != "https" {
        return Err(refuse("only an https server has a certificate"));
    }
    let host = parsed
        .host_str()
        .ok_or_else(|| refuse("it names no host"))?
        .trim_matches(['[', ']'])
        .to_owned();
    let port = parsed.port_or_known_default().unwrap_or(443);
    let name =
        ServerName::try_from(host.clone()).map_err(|_| refuse("its host is neither name nor address"))?;
    let place = format!("https://{host}:{port}");
    let failed = |why: String| CcsError::Tls {
        url: place.clone(),
        why,
        way_out: "check the host name, the port (12431 by default) and the firewall.".to_owned(),
    };
    let handshake = async {
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        let connector = TlsConnector::from(std::sync::Arc::new(
            tls::client_config(&Trust::Anybody).map_err(std::io::Error::other)?,
        ));
        connector.connect(name, stream).await
    };
    let stream = match timeout(patience, handshake).await {
        Err(_) => {
            return Err(failed(format!(
                "nothing answered within {} s",
                patience.as_secs()
            )));
        }
        Ok(Err(error)) => {
            return Err(match tls::failure(&error) {
                Some((why, way_out)) => CcsError::Tls {
                    url: place,
                    why,
                    way_out,
                },
                None => failed(error.to_string()),
            });
        }
        Ok(Ok(stream)) => stream,
    };
    let (_, connection) = stream.get_ref();
    let der = connection
        .peer_certificates()
        .and_then(|chain| chain.first())
        .ok_or_else(|| failed("it presented no certificate".to_owned()))?;
    let (_, certificate) = x509_parser::parse_x509_certificate(der)
        .map_err(|error| failed(format!("its certificate cannot be read: {error}")))?;
    Ok(describe(der, &certificate))
}

fn describe(der: &[u8], certificate: &X509Certificate<'_>) -> ServedCertificate {
    let names = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => extension.value.general_names.iter().map(general_name).collect(),
        _ => Vec::new(),
    };
    ServedCertificate {
        sha256: sha2::Sha256::digest(der).into(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names,
        not_before: Instant::from_unix_seconds(certificate.validity().not_before.timestamp()),
        not_after: Instant::from_unix_seconds(certificate.validity().not_after.timestamp()),
        self_signed: certificate.subject() == certificate.issuer(),
        authority: certificate.is_ca(),
        version: certificate.version().0 + 1,
    }
}

fn general_name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => std::net::Ipv4Addr::from(v4).to_string(),
            Err(_) => <[u8; 16]>::try_from(*bytes)
                .map_or_else(|_| "?".to_owned(), |v6| std::net::Ipv6Addr::from(v6).to_string()),
        },
        other => other.to_string(),
    }
}
