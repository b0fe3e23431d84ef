//! One sync: every job asked for, its runs read as they come, and archived.
//!
//! Each job has a task that fetches, frames, recognises and decodes ([`job`]); one thread owns the archive's writer and
//! stores what the tasks send ([`store`]). A run whose bytes are known by their hash goes no further than its task.
//! Events tell whoever draws progress what happens; nothing is printed here.

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
