//! What a sync tells while it goes on, and how it is cancelled.

use std::time::Duration;

use tokio::sync::watch;

use crate::archive::{JobRecord, NewerRules};
use crate::model::Guid;

#[derive(Debug)]
#[expect(missing_docs, reason = "fields are named after what they are")]
pub enum SyncEvent<'a> {
    /// Times without offset are read by newer rules from here on.
    NewerRules(&'a NewerRules),
    Began {
        /// Its number in the archive.
        sync_id: i64,
        /// Whether the archive was created just now.
        archive_created: bool,
        /// Jobs it will ask for.
        jobs: usize,
    },
    /// A job is being asked for.
    JobBegan {
        job: Guid,
        /// Its name, where one is known.
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
        /// `TotalJobRuns`, where the answer has said it already.
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
    /// The server does not answer; it is tried again for some time. Told once, whatever the number of jobs and tries.
    ServerSilent {
        /// What the last try failed with.
        error: &'a str,
        /// How long it is tried again.
        up_to: Duration,
    },
    /// The server answers again.
    ServerAnswers {
        /// How long it did not.
        after: Duration,
    },
    /// Something a person should know, which does not make the job partial.
    JobWarning { job: Guid, text: &'a str },
    JobEnded {
        /// Its name, where one is known.
        name: Option<&'a str>,
        record: &'a JobRecord,
    },
}

/// Asks a sync to stop: what was read is kept. Clones are the same cancellation.
#[derive(Debug, Clone)]
pub struct Cancellation(watch::Receiver<bool>);

impl Cancellation {
    /// One that never comes.
    #[must_use]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// One that comes when `true` is sent.
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
