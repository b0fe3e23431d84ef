//! The threads for the network.

use tokio::runtime::{Builder, Runtime};

use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::signals;
use crate::memory;

/// A runtime for commands that speak with a server.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    // One that waits for the disk beside them, and the one that writes the archive.
    let workers = memory::threads(usize::MAX);
    signals::spare_descriptors()
        .and_then(|()| memory::spare_threads(workers + 2))
        .and_then(|()| {
            Builder::new_multi_thread()
                .worker_threads(workers)
                .enable_all()
                .build()
        })
        .map_err(|error| {
            Failure::new(Exit::NotDone, "could not start the threads for the network").caused_by(&error)
        })
}
