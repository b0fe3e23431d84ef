//! The REST client of CCS: token, TLS, retry. The only HTTP client.
//!
//! | file | subject |
//! | --- | --- |
//! | `client` | [`Client`]: one request with its token; answers in `answer`, names of jobs in `names` |
//! | `session` | the token: login, renewal, one at a time for all jobs |
//! | `transport` | one HTTP exchange: pace, redirects, timeouts |
//! | `body` | a body, decompressed as it arrives, and limits on one that makes no progress |
//! | `proxy`, `cookies` | the proxy on the way to the server; the cookies of a load balancer |
//! | `redact`, `decodings` | finds password and tokens in every form in which a server may repeat them |
//! | `tls`, `verifier`, `certificate` | whom to trust, how a pin is checked, what a certificate says |
//! | `ping` | [`Monitor`]: pings to a monitoring service, not to CCS |
//! | `served` | [`served_certificate`]: a server's certificate, not yet trusted |
//! | `error`, `refusal`, `diagnosis` | what failed, and how that is found from the library's error |
//! | [`retry`] | pure: whether and when another try makes sense |
//!
//! # What never happens
//! - A password that was refused is not sent again by the same [`Client`]: an account must not be locked by retries.
//! - Token and password go only to the scheme, host and port of [`Settings::base_url`].
//! - No error, log line or debug print holds a password or a token.

mod answer;
mod base_url;
mod body;
mod certificate;
mod client;
mod clock;
mod cookies;
mod decodings;
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
pub(crate) use names::NamedJob;
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
