//! The threads for the network.

use tokio::runtime::{Builder, Runtime};

use super::failure::{Exit, Failure};
use super::stop;

/// A runtime for commands that speak with a server.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    stop::spare_descriptors()
        .and_then(|()| Builder::new_multi_thread().enable_all().build())
        .map_err(|error| {
            Failure::new(Exit::NotDone, "could not start the threads for the network").caused_by(&error)
        })
}
