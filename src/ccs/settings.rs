//! What a client needs to know before its first request.

use std::time::Duration;

use rustls_pki_types::CertificateDer;

use crate::model::{Secret, Sha256};

/// Where the server is, who asks, whom to trust, and how long to wait.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://HOST:12431`. `/ccs/api/v1/...` is added; a path before it (a reverse proxy) is kept.
    pub base_url: String,
    /// The user, e.g. `CORP\auditor`.
    pub username: String,
    /// The user's password, as the user types it.
    pub password: Secret,
    /// Where the password came from, as text: told where the server refuses it.
    pub password_origin: Option<String>,
    /// How the password is written into the token request.
    pub password_encoding: PasswordEncoding,
    /// Which certificate of the server is accepted.
    pub trust: Trust,
    /// Longest time for name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest silence: before the answer begins, and between two pieces of it. There is no limit on the whole
    /// of an answer.
    pub idle_timeout: Duration,
    /// Most requests per second, token requests included; `None` is no limit.
    pub rate_limit: Option<f64>,
}

impl Settings {
    /// Settings with the defaults: Base64 password, system trust, 30 s to connect, 120 s of silence, no rate limit.
    #[must_use]
    pub fn new(base_url: impl Into<String>, username: impl Into<String>, password: Secret) -> Self {
        Self {
            base_url: base_url.into(),
            username: username.into(),
            password,
            password_origin: None,
            password_encoding: PasswordEncoding::Base64,
            trust: Trust::System,
            connect_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(120),
            rate_limit: None,
        }
    }
}

/// How the password is written into the token request; also the words of the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum PasswordEncoding {
    /// Base64 of its UTF-8 bytes, as the API document asks.
    #[default]
    Base64,
    /// As it is: for older servers, or a password that is already encoded.
    None,
}

/// Which certificate of the server is accepted.
///
/// In every case the server must prove in the handshake that it holds the key of its certificate
/// ([`Trust::Insecure`] says where it cannot be asked to).
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// Issued by a CA that the operating system trusts, for this name, valid now.
    #[default]
    System,
    /// Issued by one of these CAs, **in place of** the system's, for this name, valid now. Whoever names a CA
    /// wants that one, and a public CA that vouches for the same host would be a surprise.
    Roots(Vec<CertificateDer<'static>>),
    /// Exactly the certificate whose DER has this SHA-256, whatever its issuer, names, dates, version and CA mark.
    Pin(Sha256),
    /// Any certificate, and plain `http://` too. The handshake is still checked where the kind of key allows it.
    Insecure,
}
