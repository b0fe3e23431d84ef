//! The REST client of CCS: token, TLS, retry. The only HTTP client.
//!
//! | file | subject |
//! | --- | --- |
//! | `client` | [`Client`]: one request with its token; `JobRunsAnswer` in `answer`, names of jobs in `names` |
//! | `session` | the token: login, renewal, one at a time for all jobs |
//! | `transport` | one HTTP exchange: pace, redirects, timeouts, what went wrong |
//! | `body` | a body, unpacked as it arrives, and the limits on one that does not get on |
//! | `proxy`, `cookies` | the way to the server, and what a load balancer before it sets |
//! | `redact` | password and tokens, found in every form in which a server may say them again |
//! | `tls`, `verifier`, `certificate` | whom to trust, how a pin is checked, what a certificate says |
//! | `ping` | [`Monitor`]: pings to a dead-man's monitor, which is no CCS server |
//! | `served` | [`served_certificate`]: a server's certificate, not yet trusted |
//! | `error`, `refusal`, `diagnosis` | what failed, and how it is told from the cause |
//! | [`retry`] | pure: whether and when another try makes sense |
//!
//! # What never happens
//! - A password that was refused is not sent again by the same [`Client`]: an account must not be locked by retries.
//! - Neither token nor password goes to another scheme, host or port than the one of [`Settings::base_url`].
//! - No error, log line or debug print holds a password or a token.

mod answer;
mod base_url;
mod body;
mod certificate;
mod client;
mod clock;
mod cookies;
mod diagnosis;
mod error;
mod names;
mod pace;
mod ping;
mod proxy;
mod redact;
mod refusal;
pub mod retry;
mod served;
mod session;
mod settings;
mod text;
mod tls;
mod transport;
mod verifier;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tls_tests;

pub(crate) use answer::JsonAnswer;
pub(crate) use base_url::{check_base_url, host_and_port, plain_base_url};
pub(crate) use certificate::CertificateFacts;
pub(crate) use error::{CcsError, ConnectProblem, RedirectProblem, RequestPurpose, UrlProblem};
pub(crate) use ping::{Monitor, Ping, PingError};
pub(crate) use proxy::{proxy_to, use_no_proxy};
pub(crate) use refusal::{CertificateProblem, CertificateRefused, TlsProblem};
pub(crate) use served::{ServedCertificate, served_certificate};
pub(crate) use settings::PasswordEncoding;
pub(crate) use tls::replaced_trust_store;

// What tests, benches and fuzzing use.
pub use client::Client;
pub use settings::{Settings, Trust};
pub use tls::roots_from_pem;
