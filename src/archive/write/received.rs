//! What a sync hands over to be archived, and what it hears of it.

use std::sync::Arc;

use crate::archive::RunPlan;
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
    /// Length of the bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes.
    pub sha256: Sha256,
}

/// A received run.
#[derive(Debug)]
pub struct ReceivedRun {
    /// Index in the body, from 0.
    pub position: u64,
    pub(super) run: JobRun,
    /// Of the run's messages, in their order.
    pub(super) marks: Vec<MessageMarks>,
    /// Order-blind hash of its content, where it was computed already: half of the work of reading, and only needed where
    /// the archive knows the run in other bytes.
    pub content_sha256: Option<Sha256>,
    /// Its bytes, packed.
    pub payload: PackedPayload,
}

impl ReceivedRun {
    /// Prepares a run for the archive. What can be done beside the writing thread is done here.
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
    /// Its bytes, or the first of them where it is beyond the limit.
    pub payload: Vec<u8>,
    /// Length of all its bytes.
    pub bytes: u64,
    /// SHA-256 of all its bytes.
    pub sha256: Sha256,
}

/// What became of a run that was handed to [`Writer::store_run`](super::Writer::store_run).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The run's key in the archive; none where a retention rule removed it.
    pub run_key: Option<i64>,
    /// What was decided.
    pub plan: RunPlan,
    /// Messages added.
    pub messages_new: u64,
    /// Whether it belongs to another job that listed it first.
    pub foreign: bool,
    /// Whether any of its messages is in quarantine.
    pub quarantined: bool,
    /// Whether any of those was not accepted yet.
    pub unaccepted: bool,
}

/// What a sync needs to know of a job before it asks for it.
#[derive(Debug, Default)]
pub struct KnownJob {
    /// The job's key; `None` where the archive does not know it.
    pub job_key: Option<i64>,
    /// Its name, where one is known.
    pub name: Option<String>,
    /// Base URL of the server that answered last; `None` before the first answer.
    pub server: Option<String>,
    /// When its last complete answer was received, if fetching its latest runs is enough.
    pub answered_at: Option<Instant>,
    /// Its runs; where its latest runs are enough, some of these.
    pub runs: KnownRuns,
    /// What its payloads are packed with; `None` while it has none, or when a fresh one is due.
    pub dictionary: Option<Arc<Dictionary>>,
}
