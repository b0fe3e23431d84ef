//! What a sync hands over to the archive, and what it gets back.

use std::sync::Arc;

use crate::archive::storage::dictionary::Dictionary;
use crate::archive::storage::known::KnownRuns;
use crate::archive::storage::messages::MessageMarks;
use crate::model::{Instant, JobRun, Sha256};

/// A run's bytes, packed.
#[derive(Debug)]
pub struct PackedPayload {
    /// A Zstandard frame.
    pub data: Vec<u8>,
    /// What it was packed with.
    pub dictionary: Option<Arc<Dictionary>>,
    /// Unpacked length.
    pub bytes: u64,
    /// SHA-256 of the unpacked bytes.
    pub sha256: Sha256,
}

/// A received run.
#[derive(Debug)]
pub struct ReceivedRun {
    /// Index in the body, from 0.
    pub position: u64,
    pub(super) run: JobRun,
    /// One for each message, in the same order.
    pub(super) marks: Vec<MessageMarks>,
    /// Hash of its content, whatever its order, if it was computed already: that is half the work of reading, and needed
    /// only if the archive has the run in other bytes.
    pub content_sha256: Option<Sha256>,
    pub payload: PackedPayload,
}

impl ReceivedRun {
    /// Prepares a run for the archive: everything that need not wait for the writer thread.
    #[must_use]
    pub fn new(position: u64, run: JobRun, content_sha256: Option<Sha256>, payload: PackedPayload) -> Self {
        Self {
            position,
            marks: MessageMarks::of(&run),
            run,
            content_sha256,
            payload,
        }
    }
}

/// An element of the answer that is not a readable run.
#[derive(Debug)]
pub struct ReceivedUnreadable {
    /// Index in the body, from 0.
    pub position: u64,
    /// Why it cannot be read.
    pub reason: String,
    /// Its bytes, or the first of them if it is longer than the limit.
    pub payload: Vec<u8>,
    /// Length of all its bytes.
    pub bytes: u64,
    /// SHA-256 of all its bytes.
    pub sha256: Sha256,
}

/// What became of a run that was handed to [`Writer::store_run`](super::Writer::store_run).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The run's key in the archive; `None` if a retention rule removed the run.
    pub run_key: Option<i64>,
    pub change: StoredChange,
    pub messages_new: u64,
    /// Whether another job listed it first, and owns it.
    pub foreign: bool,
    /// Whether any of its messages is in quarantine.
    pub quarantined: bool,
    /// Whether any of those was not accepted yet.
    pub unaccepted: bool,
}

/// What a received run changed in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredChange {
    /// It was not archived before.
    New,
    /// Its content is the archived one, or a retention rule removed it.
    Unchanged,
    /// Its content differs: a new revision.
    Changed,
}

/// What a sync needs to know of a job before it asks for it.
#[derive(Debug, Default)]
pub struct KnownJob {
    /// The job's key; `None` if the archive does not know it.
    pub job_key: Option<i64>,
    pub name: Option<String>,
    /// Base URL of the server that answered last; `None` before the first answer.
    pub server: Option<String>,
    /// When its last complete answer was received, if fetching its latest runs is enough.
    pub answered_at: Option<Instant>,
    /// Its runs, or some of the latest if fetching those is enough.
    pub runs: KnownRuns,
    /// What its payloads are packed with; `None` if it has none yet, or a new one is due.
    pub dictionary: Option<Arc<Dictionary>>,
}
