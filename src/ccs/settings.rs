//! What a client needs to know before its first request.

use std::time::Duration;

use rustls_pki_types::CertificateDer;

use crate::model::{Secret, Sha256};

/// Where the server is, who asks, whom to trust, and how long to wait.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://HOST:12431`. A path (of a reverse proxy) is kept; `/ccs/api/v1/...` is appended.
    pub base_url: String,
    /// The user, e.g. `CORP\auditor`.
    pub username: String,
    /// The user's password, as the user types it.
    pub password: Secret,
    /// Where the password came from, for the error if the server refuses it.
    pub password_origin: Option<String>,
    /// How the password is written into the token request.
    pub password_encoding: PasswordEncoding,
    /// Which certificate of the server to accept.
    pub trust: Trust,
    /// The longest time for name look-up, TCP and TLS together.
    pub connect_timeout: Duration,
    /// The longest time without data, before the answer begins and between two pieces of it. The whole answer has no time
    /// limit.
    pub idle_timeout: Duration,
    /// The most requests per second, token requests included; `None` for no limit.
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

/// Which certificate of the server to accept.
///
/// In every case the server must prove in the handshake that it has the key of its certificate (see [`Trust::Insecure`]
/// for the exception).
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// Issued by a CA that the operating system trusts, for this name, valid now.
    #[default]
    System,
    /// Issued by one of these CAs **instead of** the system's, for this name, valid now. Whoever names a CA does not expect
    /// a public CA to vouch for the same host.
    Roots(Vec<CertificateDer<'static>>),
    /// The certificate whose DER has this SHA-256, whatever its issuer, names, dates, version and CA mark.
    Pin(Sha256),
    /// Any certificate, and plain `http://` too. The handshake is still checked if the kind of key is supported.
    Insecure,
}
