//! A simulated CCS server over HTTPS, for the demo, for tests and for rehearsals.
//!
//! Written from the API document and what is known of real servers, not from our client: it shares no code with `decode`
//! or `ccs`, so that no misreading can hide in both. It serves a uniform history or a site with a story, drawn from a seed
//! and independent of the clock. Bodies are made while they are sent, so that even many gigabytes take no memory.

mod answer;
mod body;
mod certificate;
mod fault;
mod history;
mod line;
mod request;
mod routes;
mod served;
mod server;
mod shared;
mod site;
mod token;

pub(crate) use fault::Fault;
pub(crate) use server::SimulatorError;
pub(crate) use site::Site;

// What tests, benches and fuzzing use.
pub use certificate::CertificateKind;
pub use fault::FAULT_KINDS;
pub use history::History;
pub use server::Simulator;
pub use shared::Options;
pub use token::Credentials;
