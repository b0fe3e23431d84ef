//! Fetches the runs of all jobs from the servers and archives them.
//!
//! Each job has a task that reads its answer as it arrives ([`job`]). A run whose bytes have a known hash is done with there;
//! all others go to one thread that owns the archive's writer ([`store`]). Nothing is printed: progress is sent as events.

mod engine;
mod event;
mod fetch;
mod job;
mod messages;
mod one_server;
mod outage;
mod patience;
mod servers;
mod shared;
mod store;

pub(crate) use messages::JobProblem;
pub(crate) use servers::{JobList, OtherServer, Server, Servers};

// What tests, benches and fuzzing use.
pub use engine::{SyncError, SyncOptions, sync};
pub use event::{Cancellation, SyncEvent};
