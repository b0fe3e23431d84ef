//! What a sync reports as it goes on, and how to cancel it.

use std::time::Duration;

use tokio::sync::watch;

use crate::archive::{JobRecord, NewerRules};
use crate::model::Guid;

#[derive(Debug)]
#[expect(missing_docs, reason = "fields are named after what they are")]
pub enum SyncEvent<'a> {
    /// From this sync on, times without an offset are read by newer rules of their time zone.
    NewerRules(&'a NewerRules),
    Began {
        /// The sync's number in the archive.
        sync_id: i64,
        /// Whether this sync created the archive.
        archive_created: bool,
        /// How many jobs it will ask for, as far as known by now.
        jobs: usize,
    },
    /// A job is being asked for.
    JobBegan {
        job: Guid,
        /// Its name, if known.
        name: Option<&'a str>,
        /// Base URL of the server that is asked.
        server: &'a str,
    },
    /// Some of a job's answer was read.
    JobProgress {
        job: Guid,
        /// Bytes of this answer so far.
        body_bytes: u64,
        /// Runs of this answer so far.
        runs: u64,
        /// `TotalJobRuns`, if the answer has contained it yet.
        total: Option<i64>,
    },
    /// A try failed, and there will be another.
    JobRetry {
        job: Guid,
        /// The try that failed, from 1.
        attempt: u32,
        /// How long until the next.
        wait: Duration,
        error: &'a str,
    },
    /// The server does not answer and is tried again for some time. Sent once, however many jobs and tries there are.
    ServerSilent {
        /// Why the last try failed.
        error: &'a str,
        /// How long it will be tried.
        up_to: Duration,
    },
    /// The server answers again.
    ServerAnswers {
        /// How long it did not.
        after: Duration,
    },
    /// Something that a person should know, although it does not make the job partial.
    JobWarning { job: Guid, text: &'a str },
    JobEnded {
        /// Its name, if known.
        name: Option<&'a str>,
        record: &'a JobRecord,
    },
}

/// A request to stop a sync, which keeps what was read. Clones share one request.
#[derive(Debug, Clone)]
pub struct Cancellation(watch::Receiver<bool>);

impl Cancellation {
    /// A request that never comes.
    #[must_use]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// A request that comes when `true` is sent to `receiver`.
    #[must_use]
    pub const fn new(receiver: watch::Receiver<bool>) -> Self {
        Self(receiver)
    }

    /// Whether it has come.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it comes.
    pub async fn cancelled(&mut self) {
        if self.0.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
