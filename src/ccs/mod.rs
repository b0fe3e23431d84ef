//! The REST client: the only HTTP of the house.
//!
//! [`Client`] logs in, keeps the token fresh for all jobs, and asks for the runs of a job: one request a call, the body in
//! chunks. Whether to ask again is the caller's decision, with [`retry`] as its rule.

mod client;
mod error;
mod names;
pub mod retry;
mod secret;
mod tls;
mod token;
mod trust;

pub use client::{Client, JobRunsAnswer, Settings, base_url};
pub use error::CcsError;
pub use secret::Secret;
pub use tls::{Trust, certificates_from_pem};
pub use token::PasswordEncoding;
pub use trust::{ServedCertificate, served_certificate};
