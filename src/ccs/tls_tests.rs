//! Trust against real handshakes: certificates made on the spot, TLS 1.2 and 1.3.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData as _, SigningKey as _,
};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{ServerConfig, SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::test_server::{TestServer, token};
use super::*;
use crate::model::Secret;

const BOTH_VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// Always the same certificate and key, whether they fit or not.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn server_config(
    version: &'static SupportedProtocolVersion,
    chain: Vec<CertificateDer<'static>>,
    key: Arc<dyn SigningKey>,
) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Fixed(Arc::new(CertifiedKey::new(chain, key)))))
}

fn signing(key: &KeyPair) -> Arc<dyn SigningKey> {
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    rustls::crypto::ring::sign::any_supported_type(&der).unwrap()
}

/// A server that gives everybody a token.
async fn serving(config: ServerConfig) -> TestServer {
    TestServer::start(Some(config), |_, _| token("first", "again")).await
}

async fn login(port: u16, trust: Trust) -> Result<(), CcsError> {
    let mut settings = Settings::new(
        format!("https://127.0.0.1:{port}"),
        "auditor",
        Secret::from("hunter2"),
    );
    settings.trust = trust;
    settings.connect_timeout = Duration::from_secs(10);
    settings.idle_timeout = Duration::from_secs(10);
    Client::new(&settings)?.login().await
}

fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "ccs.example");
    params
}

/// A private CA and what it issues.
struct Authority {
    der: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Private CA");
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    Authority {
        der: certificate.der().clone(),
        pem: certificate.pem(),
        issuer: Issuer::new(params, key),
    }
}

async fn issued(authority: &Authority, params: CertificateParams) -> TestServer {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let chain = vec![certificate.der().clone()];
    serving(server_config(&rustls::version::TLS13, chain, signing(&key))).await
}

fn self_signed(key: &KeyPair, marked_ca: bool) -> CertificateDer<'static> {
    let mut params = params(&["elsewhere.example"]);
    if marked_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params.self_signed(key).unwrap().der().clone()
}

fn pin_of(der: &CertificateDer<'_>) -> Trust {
    Trust::Pin(CertificateFacts::read(der).fingerprint)
}

fn refusal(error: &CcsError) -> &CertificateRefused {
    match error {
        CcsError::Tls { problem, .. } => match &**problem {
            TlsProblem::Certificate(refused) => refused,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// DER of `tag` around `parts`.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut bytes = vec![tag];
    match u16::try_from(content.len()).unwrap() {
        length @ 0..128 => bytes.push(length as u8),
        length => {
            bytes.push(0x82);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&content);
    bytes
}

/// A self-signed certificate of X.509 version 1, which rcgen does not make: no version field, no extensions.
fn version_1(spki: &[u8], sign: impl FnOnce(&[u8]) -> Vec<u8>) -> CertificateDer<'static> {
    const ECDSA_WITH_SHA256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 0x04, 0x03];
    let algorithm = der(0x30, &[ECDSA_WITH_SHA256]);
    let name = der(
        0x30,
        &[&der(
            0x31,
            &[&der(0x30, &[COMMON_NAME, &der(0x0c, &[b"old.example"])])],
        )],
    );
    let validity = der(
        0x30,
        &[&der(0x17, &[b"200101000000Z"]), &der(0x17, &[b"491231235959Z"])],
    );
    let tbs = der(
        0x30,
        &[&der(0x02, &[&[1]]), &algorithm, &name, &validity, &name, spki],
    );
    let signature = der(0x03, &[&[0], &sign(&tbs)]);
    CertificateDer::from(der(0x30, &[&tbs, &algorithm, &signature]))
}

/// The public key of an RSA key of `bits` that nobody holds.
fn rsa_spki(bits: usize) -> Vec<u8> {
    const RSA_ENCRYPTION: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let modulus = der(0x02, &[&[0], &vec![0xc3; bits / 8]]);
    let key = der(0x30, &[&modulus, &der(0x02, &[&[1, 0, 1]])]);
    der(
        0x30,
        &[
            &der(0x30, &[RSA_ENCRYPTION, &[0x05, 0]]),
            &der(0x03, &[&[0], &key]),
        ],
    )
}

/// Signs with zeros.
#[derive(Debug)]
struct Forger;

impl SigningKey for Forger {
    fn choose_scheme(&self, _: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(Self))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl Signer for Forger {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        Ok(vec![0; 128])
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::RSA_PSS_SHA256
    }
}

/// One key of each kind that rustls can serve with.
fn keys() -> Vec<KeyPair> {
    vec![
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap(),
        KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap(),
        KeyPair::from_pem(include_str!("testdata/rsa-2048-key-for-tests.pem")).unwrap(),
    ]
}

#[tokio::test]
async fn a_named_ca_vouches_for_its_server() {
    let authority = authority();
    let server = issued(&authority, params(&["127.0.0.1"])).await;
    let other = self::authority();
    let roots = roots_from_pem(format!("two of them\n{}\n{}", other.pem, authority.pem).as_bytes()).unwrap();
    login(server.port(), Trust::Roots(roots)).await.unwrap();

    let error = login(server.port(), Trust::Roots(vec![other.der]))
        .await
        .unwrap_err();
    assert_ne!(refusal(&error).problem, CertificateProblem::Expired);
    assert!(error.is_tls() && !retry::may_heal(&error));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_no_cas_may_be_named_as_its_own_ca() {
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["127.0.0.1"]).self_signed(&key).unwrap().der().clone();
    let server = serving(server_config(
        &rustls::version::TLS12,
        vec![certificate.clone()],
        signing(&key),
    ))
    .await;
    login(server.port(), Trust::Roots(vec![certificate]))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_pin_accepts_any_kind_of_certificate_whose_key_the_server_holds() {
    for version in BOTH_VERSIONS {
        for key in keys() {
            for marked_ca in [false, true] {
                let certificate = self_signed(&key, marked_ca);
                let server = serving(server_config(version, vec![certificate.clone()], signing(&key))).await;
                login(server.port(), pin_of(&certificate)).await.unwrap();
            }
        }
        let key = KeyPair::generate().unwrap();
        let old = version_1(&key.subject_public_key_info(), |tbs| key.sign(tbs).unwrap());
        assert_eq!(CertificateFacts::read(&old).version, 1);
        let server = serving(server_config(version, vec![old.clone()], signing(&key))).await;
        login(server.port(), pin_of(&old)).await.unwrap();
    }
}

#[tokio::test]
async fn a_pinned_certificate_shown_by_somebody_without_its_key_is_refused() {
    for version in BOTH_VERSIONS {
        for key in keys() {
            let certificate = self_signed(&key, true);
            let thief = match key.algorithm() {
                // The fixture is the only RSA key here; a forged signature does for another one.
                algorithm if algorithm == &rcgen::PKCS_RSA_SHA256 => Arc::new(Forger) as Arc<dyn SigningKey>,
                algorithm => signing(&KeyPair::generate_for(algorithm).unwrap()),
            };
            let server = serving(server_config(version, vec![certificate.clone()], thief)).await;
            for trust in [pin_of(&certificate), Trust::Insecure] {
                let error = login(server.port(), trust).await.unwrap_err();
                assert_eq!(refusal(&error).problem, CertificateProblem::BadSignature);
            }
            assert_eq!(server.requests().len(), 0);
        }
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused_and_both_are_shown() {
    let key = KeyPair::generate().unwrap();
    let certificate = self_signed(&key, false);
    let server = serving(server_config(
        &rustls::version::TLS13,
        vec![certificate.clone()],
        signing(&key),
    ))
    .await;
    let error = login(server.port(), Trust::Pin([0xab; 32])).await.unwrap_err();
    let refused = refusal(&error);
    assert_eq!(refused.problem, CertificateProblem::PinMismatch([0xab; 32]));
    assert!(refused.to_string().contains(&"ab".repeat(32)), "{refused}");
    assert!(
        refused
            .to_string()
            .contains(&CertificateFacts::read(&certificate).pin()),
        "{refused}"
    );
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_apart() {
    let authority = authority();
    let trust = || Trust::Roots(vec![authority.der.clone()]);

    let mut expired = params(&["127.0.0.1"]);
    expired.not_before = rcgen::date_time_ymd(2001, 1, 1);
    expired.not_after = rcgen::date_time_ymd(2002, 1, 1);
    let server = issued(&authority, expired).await;
    let error = login(server.port(), trust()).await.unwrap_err();
    assert_eq!(refusal(&error).problem, CertificateProblem::Expired);
    assert!(
        refusal(&error).to_string().contains("2002-01-01T00:00:00Z"),
        "{}",
        refusal(&error)
    );

    let mut early = params(&["127.0.0.1"]);
    early.not_before = rcgen::date_time_ymd(2901, 1, 1);
    early.not_after = rcgen::date_time_ymd(2902, 1, 1);
    let server = issued(&authority, early).await;
    let error = login(server.port(), trust()).await.unwrap_err();
    assert_eq!(refusal(&error).problem, CertificateProblem::NotYetValid);

    let server = issued(&authority, params(&["ccs.example", "10.0.0.1"])).await;
    let error = login(server.port(), trust()).await.unwrap_err();
    assert_eq!(
        refusal(&error).problem,
        CertificateProblem::WrongName("127.0.0.1".to_owned())
    );
    assert_eq!(
        refusal(&error).to_string(),
        "the certificate is for ccs.example, 10.0.0.1, not for 127.0.0.1"
    );

    let mut unknown = CertificateParams::new(Vec::new()).unwrap();
    unknown
        .distinguished_name
        .push(DnType::CommonName, "Somebody else");
    unknown.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let somebody = unknown.self_signed(&key).unwrap();
    let error = login(server.port(), Trust::Roots(vec![somebody.der().clone()]))
        .await
        .unwrap_err();
    assert_eq!(refusal(&error).problem, CertificateProblem::UnknownIssuer);
    assert!(
        refusal(&error).to_string().contains("Private CA"),
        "{}",
        refusal(&error)
    );

    // Self-signed and marked CA: refused even as a root of its own; the hint has the pin.
    let certificate = self_signed(&key, true);
    let server = serving(server_config(
        &rustls::version::TLS12,
        vec![certificate.clone()],
        signing(&key),
    ))
    .await;
    let error = login(server.port(), Trust::Roots(vec![certificate.clone()]))
        .await
        .unwrap_err();
    assert_eq!(refusal(&error).problem, CertificateProblem::MarkedCa);
    assert_eq!(refusal(&error).served, CertificateFacts::read(&certificate));

    let old = version_1(&key.subject_public_key_info(), |tbs| key.sign(tbs).unwrap());
    let server = serving(server_config(&rustls::version::TLS13, vec![old], signing(&key))).await;
    let error = login(server.port(), trust()).await.unwrap_err();
    assert_eq!(refusal(&error).problem, CertificateProblem::OldVersion);
}

#[tokio::test]
async fn a_short_rsa_key_is_named_and_only_insecure_takes_it() {
    let weak = version_1(&rsa_spki(1024), |_| vec![0; 128]);
    let server = serving(server_config(
        &rustls::version::TLS13,
        vec![weak.clone()],
        Arc::new(Forger),
    ))
    .await;
    let error = login(server.port(), pin_of(&weak)).await.unwrap_err();
    assert_eq!(refusal(&error).problem, CertificateProblem::WeakKey);
    assert!(
        refusal(&error).to_string().contains("RSA 1024 bits"),
        "{}",
        refusal(&error)
    );

    let url = format!("https://127.0.0.1:{}", server.port());
    let served = served_certificate(&url, Duration::from_secs(10)).await.unwrap();
    assert_eq!(served.facts, CertificateFacts::read(&weak));
    assert!(served.handshake_problem.is_some());

    login(server.port(), Trust::Insecure).await.unwrap();
}

#[tokio::test]
async fn the_systems_trust_store_does_not_know_a_private_ca() {
    let server = issued(&authority(), params(&["127.0.0.1"])).await;
    let error = login(server.port(), Trust::System).await.unwrap_err();
    match &error {
        // A bare container has no trust store at all.
        CcsError::NoTrustedRoots { .. } => {}
        error => assert_eq!(refusal(error).problem, CertificateProblem::UnknownIssuer),
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn insecure_takes_any_certificate() {
    let key = KeyPair::generate().unwrap();
    for version in BOTH_VERSIONS {
        let chain = vec![self_signed(&key, true)];
        let server = serving(server_config(version, chain, signing(&key))).await;
        login(server.port(), Trust::Insecure).await.unwrap();
    }
}

#[tokio::test]
async fn the_served_certificate_is_shown_without_a_secret_sent() {
    let authority = authority();
    let key = KeyPair::generate().unwrap();
    let certificate = params(&["ccs.example", "10.0.0.1"])
        .signed_by(&key, &authority.issuer)
        .unwrap();
    let chain = vec![certificate.der().clone(), authority.der.clone()];
    let server = serving(server_config(&rustls::version::TLS13, chain, signing(&key))).await;

    let url = format!("https://127.0.0.1:{}/", server.port());
    let served = served_certificate(&url, Duration::from_secs(10)).await.unwrap();
    assert_eq!(served.facts, CertificateFacts::read(certificate.der()));
    assert!(
        served.handshake_problem.is_none(),
        "{:?}",
        served.handshake_problem
    );
    let facts = &served.facts;
    assert!(facts.subject.contains("CN=ccs.example"), "{facts:?}");
    assert!(facts.issuer.contains("CN=Private CA"), "{facts:?}");
    assert_eq!(facts.names, ["ccs.example", "10.0.0.1"]);
    assert_eq!(
        (facts.version, facts.marked_ca, facts.self_signed),
        (3, false, false)
    );
    assert_eq!(facts.key, "elliptic curve, 256 bits");
    assert_eq!(facts.signature, "ecdsa-with-SHA256");
    let [request] = server.requests().try_into().unwrap();
    assert_eq!(request.line, "HEAD /");
    assert_eq!(request.header("authorization"), None);

    // The pin shown is the pin that works.
    login(server.port(), Trust::Pin(facts.fingerprint)).await.unwrap();
    let error = served_certificate("http://127.0.0.1:1", Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(matches!(error, CcsError::BadUrl { .. }));
}

/// A port that answers whatever is said first with `bytes`, and closes.
async fn blunt(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 4096];
            let _ = stream.read(&mut hello).await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn what_speaks_no_tls_or_only_old_tls_is_recognised() {
    let problem = |error: CcsError| match error {
        CcsError::Tls { problem, .. } => *problem,
        other => panic!("{other:?}"),
    };
    let port = blunt(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let error = login(port, Trust::Pin([0; 32])).await.unwrap_err();
    assert!(matches!(problem(error), TlsProblem::NotTls));
    let url = format!("https://127.0.0.1:{port}");
    let error = served_certificate(&url, Duration::from_secs(10))
        .await
        .unwrap_err();
    assert!(matches!(problem(error), TlsProblem::NotTls));

    // Alerts of an old server: protocol_version (70), handshake_failure (40).
    for alert in [b"\x15\x03\x01\x00\x02\x02\x46", b"\x15\x03\x03\x00\x02\x02\x28"] {
        let error = login(blunt(alert).await, Trust::Pin([0; 32])).await.unwrap_err();
        assert!(matches!(problem(error), TlsProblem::TooOld(_)));
    }
}

#[tokio::test]
async fn a_connection_closed_within_the_handshake_may_heal() {
    let error = login(blunt(b"").await, Trust::Pin([0; 32])).await.unwrap_err();
    assert!(
        matches!(
            error,
            CcsError::Connect {
                problem: ConnectProblem::Closed,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(retry::may_heal(&error));
}

#[tokio::test]
async fn a_handshake_that_hangs_ends_with_the_connect_timeout() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let mut settings = Settings::new(url, "auditor", Secret::from("hunter2"));
    settings.trust = Trust::Pin([0; 32]);
    settings.connect_timeout = Duration::from_millis(200);
    let error = Client::new(&settings).unwrap().login().await.unwrap_err();
    assert!(
        matches!(error, CcsError::Connect { problem: ConnectProblem::TimedOut(after), .. } if after.as_millis() == 200),
        "{error:?}"
    );
}

#[test]
fn ca_files_are_read_as_people_have_them() {
    let authority = authority();
    let key = KeyPair::generate().unwrap().serialize_pem();
    let mixed = format!(
        "Subject: Private CA\r\n{}{key}{}",
        authority.pem.replace('\n', "\r\n"),
        authority.pem
    );
    assert_eq!(
        roots_from_pem(mixed.as_bytes()).unwrap(),
        [authority.der.clone(), authority.der.clone()]
    );
    assert_eq!(
        roots_from_pem(&authority.der).unwrap(),
        std::slice::from_ref(&authority.der)
    );

    for nothing in ["", "hello", key.as_str()] {
        let error = roots_from_pem(nothing.as_bytes()).unwrap_err();
        assert!(matches!(error, CcsError::NoCertificateInPem), "{error}");
    }
    let broken = format!(
        "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        authority.pem
    );
    let cut = &authority.pem[..authority.pem.len() / 2];
    for (text, place) in [(broken.as_str(), 2), (cut, 1)] {
        let error = roots_from_pem(text.as_bytes()).unwrap_err();
        assert!(
            matches!(error, CcsError::BadCertificate { place: found, .. } if found == place),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_address_that_stands_in_the_certificate_as_a_dns_name_is_told_as_such() {
    let authority = authority();
    let mut params = params(&[]);
    params.subject_alt_names = vec![rcgen::SanType::DnsName("127.0.0.1".try_into().unwrap())];
    let server = issued(&authority, params).await;
    let trust = Trust::Roots(vec![authority.der.clone()]);
    let error = login(server.port(), trust).await.unwrap_err();
    let refused = refusal(&error);
    assert!(matches!(refused.problem, CertificateProblem::WrongName(_)));
    let said = refused.to_string();
    assert!(said.contains("has the address 127.0.0.1 as a DNS name"), "{said}");
}

#[tokio::test]
async fn a_server_that_requires_a_client_certificate_is_told_as_such() {
    for version in BOTH_VERSIONS {
        let authority = authority();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        )
        .build()
        .unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params(&["127.0.0.1"]).signed_by(&key, &authority.issuer).unwrap();
        let certified = CertifiedKey::new(vec![certificate.der().clone()], signing(&key));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(Fixed(Arc::new(certified))));
        let server = serving(config).await;
        let error = login(server.port(), Trust::Roots(vec![authority.der.clone()]))
            .await
            .unwrap_err();
        let said = match &error {
            CcsError::Tls { problem, .. } => problem.to_string(),
            other => other.to_string(),
        };
        assert!(
            said.contains("requires a client certificate"),
            "{version:?}: {said}"
        );
        assert!(!retry::may_heal(&error));
    }
}
