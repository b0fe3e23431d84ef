//! Certificates made at the start: a private authority, and what the server presents.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The certificate that the server presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CertificateKind {
    /// Signed by a private authority, for localhost and the loopback addresses.
    #[default]
    Signed,
    /// Self-signed.
    SelfSigned,
    /// Self-signed and marked as an authority.
    SelfSignedAuthority,
    /// Signed by the authority, and expired.
    Expired,
    /// Signed by the authority, for another name.
    OtherName,
}

/// Keys and certificates of a server, and what its clients need to trust it.
#[derive(Debug)]
pub(super) struct ServerIdentity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) authority_pem: String,
}

/// Makes a new key and certificate, with the extensions that strict clients require (such as Python from 3.13 on).
pub(super) fn make(kind: CertificateKind) -> Result<ServerIdentity, rcgen::Error> {
    let names = match kind {
        CertificateKind::OtherName => vec!["elsewhere.example.com".to_owned()],
        _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()],
    };
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params
        .distinguished_name
        .push(DnType::CommonName, "CCS look-alike");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if kind == CertificateKind::Expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let (certificate, authority_pem) = match kind {
        CertificateKind::SelfSigned => {
            let certificate = params.self_signed(&key)?;
            let pem = certificate.pem();
            (certificate, pem)
        }
        CertificateKind::SelfSignedAuthority => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let certificate = params.self_signed(&key)?;
            let pem = certificate.pem();
            (certificate, pem)
        }
        CertificateKind::Signed | CertificateKind::Expired | CertificateKind::OtherName => {
            params.use_authority_key_identifier_extension = true;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            let mut authority = CertificateParams::new(Vec::new())?;
            authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            authority
                .distinguished_name
                .push(DnType::CommonName, authority_name());
            let authority_key = KeyPair::generate()?;
            let pem = authority.self_signed(&authority_key)?.pem();
            (
                params.signed_by(&key, &Issuer::new(authority, authority_key))?,
                pem,
            )
        }
    };
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok(ServerIdentity {
        certificate: certificate.der().clone(),
        key,
        authority_pem,
    })
}

/// A different name each time. A client that trusts the authority of an earlier start then finds an unknown authority, not
/// the same one with a bad signature.
fn authority_name() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("CCS look-alike private authority {}", &id[..8])
}
