//! What a certificate says.

use sha2::Digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::model::{Instant, Sha256, hex};

/// What a certificate says of itself. Only [`Self::fingerprint`] is proof of anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-256 of the DER: what a pin names.
    pub fingerprint: Sha256,
    /// The holder's name; empty where the certificate cannot be read.
    pub subject: String,
    /// The issuer's name.
    pub issuer: String,
    /// DNS names and IP addresses that it is made for (subject alternative names; the common name does not count).
    pub names: Vec<String>,
    pub not_before: Option<Instant>,
    pub not_after: Option<Instant>,
    /// Kind and size of the key, e.g. `RSA 2048 bits`.
    pub key: String,
    /// How its issuer signed it, e.g. `sha256WithRSAEncryption`.
    pub signature: String,
    /// Whether subject and issuer are the same.
    pub self_signed: bool,
    /// Whether it is marked as a CA's, which rustls refuses for a server.
    pub marked_ca: bool,
    /// X.509 version: 3 as a rule, 1 for some old ones; 0 where the certificate cannot be read.
    pub version: u32,
}

impl CertificateFacts {
    /// Reads a certificate in DER. What cannot be read leaves the fingerprint and empty fields.
    #[must_use]
    pub fn read(der: &[u8]) -> Self {
        let mut facts = Self {
            fingerprint: sha2::Sha256::digest(der).into(),
            subject: String::new(),
            issuer: String::new(),
            names: Vec::new(),
            not_before: None,
            not_after: None,
            key: "unreadable".to_owned(),
            signature: "unreadable".to_owned(),
            self_signed: false,
            marked_ca: false,
            version: 0,
        };
        if let Ok((_, certificate)) = X509Certificate::from_der(der) {
            facts.fill(&certificate);
        }
        facts
    }

    fn fill(&mut self, certificate: &X509Certificate<'_>) {
        self.subject = super::text::one_line(certificate.subject().to_string().as_bytes());
        self.issuer = super::text::one_line(certificate.issuer().to_string().as_bytes());
        self.self_signed = certificate.subject().as_raw() == certificate.issuer().as_raw();
        self.marked_ca = certificate.is_ca();
        self.version = certificate.version().0 + 1;
        self.not_before = Some(Instant::from_unix_seconds(
            certificate.validity().not_before.timestamp(),
        ));
        self.not_after = Some(Instant::from_unix_seconds(
            certificate.validity().not_after.timestamp(),
        ));
        if let Ok(Some(extension)) = certificate.subject_alternative_name() {
            let names = extension.value.general_names.iter();
            self.names = names.filter_map(name_text).collect();
        }
        let public = certificate.public_key();
        self.key = match public.parsed() {
            Ok(PublicKey::RSA(key)) => format!("RSA {} bits", rsa_bits(key.modulus)),
            Ok(PublicKey::EC(key)) => format!("elliptic curve, {} bits", key.key_size()),
            _ => algorithm_name(&public.algorithm.algorithm),
        };
        self.signature = algorithm_name(&certificate.signature_algorithm.algorithm);
    }

    /// The SHA-256 fingerprint as `--pin` takes it: lower-case hexadecimal.
    pub fn pin(&self) -> String {
        hex(&self.fingerprint)
    }

    /// Bits of an RSA key; `None` for other keys.
    pub(super) fn rsa_bits(&self) -> Option<u32> {
        self.key.strip_prefix("RSA ")?.strip_suffix(" bits")?.parse().ok()
    }
}

/// Bits of an RSA modulus as DER has it, with a zero byte before a leading one bit.
fn rsa_bits(modulus: &[u8]) -> usize {
    let leading = modulus.iter().take_while(|byte| **byte == 0).count();
    let digits = &modulus[leading..];
    digits
        .first()
        .map_or(0, |first| digits.len() * 8 - first.leading_zeros() as usize)
}

fn algorithm_name(oid: &x509_parser::der_parser::oid::Oid<'_>) -> String {
    // The registry of x509-parser names it by its short name, e.g. `sha256WithRSAEncryption`.
    match x509_parser::objects::oid2sn(oid, x509_parser::objects::oid_registry()) {
        Ok(name) => name.to_owned(),
        Err(_) => oid.to_id_string(),
    }
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(super::text::one_line(name.as_bytes())),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(std::net::Ipv4Addr::from(four).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|sixteen| std::net::Ipv6Addr::from(sixteen).to_string()),
        },
        _ => None,
    }
}
