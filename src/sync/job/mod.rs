//! One job of a sync: asks for its runs, reads the answer, and hands the archive every run that it does not have yet.

mod anomalies;
mod end_of_try;
mod outcome;
mod run_packer;

use std::sync::Arc;
use std::time::Instant as MonotonicInstant;

use sha2::Digest;

use self::anomalies::Anomalies;
use self::end_of_try::{EndOfBody, Try, judge};
use self::run_packer::RunPacker;
use super::event::{Cancellation, SyncEvent};
use super::fetch::Question;
use super::patience::Patience;
use super::shared::Shared;
use super::store::{Batch, JobTally, Received};
use crate::archive::{
    ArchiveError, JobFigures, JobOutcome, JobRecord, Keys, KnownRuns, ReceivedRun, ReceivedUnreadable,
};
use crate::ccs::{JsonAnswer, retry};
use crate::decode::{AnswerReader, Element, Envelope, UnreadableRun, read_run, read_run_fields};
use crate::model::{Guid, Instant, JobRun, Sha256};
use crate::text::chain;

/// Bytes of JSON that are handed to the archive at a time.
const BATCH_BYTES: u64 = 256 << 10;

/// What came of a job.
pub(super) struct JobResult {
    pub(super) record: JobRecord,
    pub(super) name: Option<String>,
    /// Keys of archived runs that are missing from a complete answer with all runs.
    pub(super) missing: Keys,
    /// Whether it ended because the sync was asked to stop.
    pub(super) interrupted: bool,
}

/// Fetches and archives one job. An error is part of the result: it must not stop the other jobs.
pub(super) async fn run(shared: Arc<Shared>, job: Guid) -> JobResult {
    let begun = MonotonicInstant::now();
    let mut work = match JobWork::open(&shared, job).await {
        Ok(work) => work,
        Err(error) => {
            return failed(
                job,
                begun,
                format!("the archive cannot be written: {}", chain(&*error)),
                Some(shared.client.base_url()),
            );
        }
    };
    // A job that is new to the archive is recorded only once it has answered.
    let mut new_name = None;
    if work.name.is_none()
        && let Some((name, from)) = shared.name_of(job).await
    {
        if work.is_known {
            shared.store.name(job, name.clone(), from).await;
        } else {
            new_name = Some((name.clone(), from));
        }
        work.name = Some(name);
    }
    (shared.events)(SyncEvent::JobBegan {
        job,
        name: work.name.as_deref(),
        server: shared.client.base_url(),
    });
    let ended = work.try_until_done().await;
    let (outcome, error) = match shared.store.tally(job).await {
        Ok(tally) => {
            work.tally = tally;
            work.decide(&ended)
        }
        Err(error) => (
            JobOutcome::Failed,
            Some(format!("the archive cannot be written: {}", chain(&*error))),
        ),
    };
    if let Some((name, from)) = new_name.filter(|_| outcome != JobOutcome::Failed) {
        shared.store.name(job, name, from).await;
    }
    work.result(begun, outcome, error, &ended)
}

/// The result of a job that failed before it was asked for.
pub(super) fn failed(job: Guid, begun: MonotonicInstant, error: String, server: Option<&str>) -> JobResult {
    let record = JobRecord {
        job_id: job,
        outcome: JobOutcome::Failed,
        error: Some(error),
        http_status: None,
        figures: JobFigures {
            milliseconds: milliseconds(begun),
            ..JobFigures::default()
        },
        total_job_runs: None,
        count_asked: None,
        server: server.map(str::to_owned),
    };
    JobResult {
        record,
        name: None,
        missing: Keys::default(),
        interrupted: false,
    }
}

struct JobWork<'a> {
    shared: &'a Shared,
    job: Guid,
    is_known: bool,
    name: Option<String>,
    question: Question,
    /// The server that listed the job's runs last, if it is not the one that is asked now.
    other_server: Option<String>,
    known: KnownRuns,
    packer: RunPacker,
    batch: Vec<Received>,
    batch_bytes: u64,
    this_try: TryState,
    /// The most runs that an earlier try saw.
    seen_before: u64,
    attempts: u32,
    /// Of the latest try that the server answered.
    http_status: Option<u16>,
    /// Of all tries together.
    body_bytes: u64,
    /// What the archive did with the runs; known at the end.
    tally: JobTally,
}

/// What belongs to one answer: the next try starts without it.
#[derive(Default)]
struct TryState {
    envelope: Envelope,
    anomalies: Anomalies,
    /// Keys of the known runs that the answer listed.
    met: Keys,
    /// Runs that needed nothing from the archive.
    unchanged: u64,
}

impl<'a> JobWork<'a> {
    async fn open(shared: &'a Shared, job: Guid) -> Result<Self, Arc<ArchiveError>> {
        let fetch = shared.options.fetch;
        let full_since = fetch.full_since(Instant::now());
        let at_hand = shared.store.open(job, full_since).await?;
        Ok(Self {
            shared,
            job,
            is_known: at_hand.job_key.is_some(),
            name: at_hand.name,
            question: Question::new(fetch, full_since, at_hand.answered_at),
            other_server: at_hand.server.filter(|server| server != shared.client.base_url()),
            known: at_hand.runs,
            packer: RunPacker::new(at_hand.dictionary),
            batch: Vec::new(),
            batch_bytes: 0,
            this_try: TryState::default(),
            seen_before: 0,
            attempts: 0,
            http_status: None,
            body_bytes: 0,
            tally: JobTally::default(),
        })
    }

    async fn try_until_done(&mut self) -> Try {
        let mut patience = Patience::default();
        loop {
            self.attempts += 1;
            let ended = self.try_once().await;
            self.flush().await;
            match &ended {
                Try::Refused(error) if retry::is_unanswered(error) => {}
                Try::Stopped => {}
                _ => patience.answered(self.shared),
            }
            let again = match &ended {
                Try::Broken {
                    error,
                    may_heal: true,
                } => patience
                    .after_broken(self.shared)
                    .map(|wait| (error.clone(), wait)),
                Try::Stuck(error) if retry::may_heal(error) => patience
                    .after_broken(self.shared)
                    .map(|wait| (chain(error), wait)),
                Try::Refused(error) => patience
                    .after(error, self.shared)
                    .map(|wait| (chain(error), wait)),
                _ => None,
            };
            let Some((error, wait)) = again else {
                if matches!(ended, Try::Closed) && !self.reaches_back().await && self.question.grow() {
                    tracing::debug!(
                        job_id = %self.job,
                        "the latest runs do not reach back to what is archived; asking for {}",
                        self.question.count
                    );
                    self.begin_next_try().await;
                    continue;
                }
                return ended;
            };
            // A server that does not answer is reported once for all jobs.
            if !matches!(&ended, Try::Refused(error) if retry::is_unanswered(error)) {
                (self.shared.events)(SyncEvent::JobRetry {
                    job: self.job,
                    attempt: self.attempts,
                    wait,
                    error: &error,
                });
            }
            let mut cancellation = self.shared.cancellation.clone();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = cancellation.cancelled() => return Try::Stopped,
            }
            self.begin_next_try().await;
        }
    }

    async fn begin_next_try(&mut self) {
        self.shared.store.next_try(self.job).await;
        let ended = std::mem::take(&mut self.this_try);
        self.seen_before = self.seen_before.max(ended.envelope.runs_seen);
    }

    /// Whether a closed answer leaves out nothing new: its oldest runs are known, or it has all runs.
    async fn reaches_back(&self) -> bool {
        let Some(growing) = self.question.growing else {
            return true;
        };
        if self.this_try.envelope.runs_seen < u64::from(self.question.count) {
            return true; // the job has no more runs
        }
        let (store, met) = (&self.shared.store, self.this_try.met.clone());
        let reaches = store.reaches_back(self.job, met, growing.answered_at, growing.open_since);
        // If the archive cannot be read, `tally` reports that.
        reaches.await.unwrap_or(true)
    }

    async fn try_once(&mut self) -> Try {
        let mut cancellation = self.shared.cancellation.clone();
        let asked = tokio::select! {
            answer = self.shared.client.job_runs(self.job, self.question.count) => answer,
            () = cancellation.cancelled() => return Try::Stopped,
        };
        let mut answer = match asked {
            Ok(answer) => answer,
            Err(error) => {
                self.http_status = error.http_status().or(self.http_status);
                return Try::Refused(error);
            }
        };
        self.http_status = Some(answer.status());
        let mut reader = AnswerReader::new(self.shared.options.run_limit);
        let end = self.read_body(&mut answer, &mut reader, cancellation).await;
        let (ended, envelope) = judge(end, reader, self.job, answer.bytes_received());
        self.this_try.envelope = envelope;
        ended
    }

    /// Reads the body as it arrives, and hands its runs on.
    async fn read_body(
        &mut self,
        answer: &mut JsonAnswer,
        reader: &mut AnswerReader,
        mut cancellation: Cancellation,
    ) -> EndOfBody {
        let mut elements = Vec::new();
        loop {
            let chunk = tokio::select! {
                chunk = answer.chunk() => chunk,
                () = cancellation.cancelled() => return EndOfBody::Stopped,
            };
            let chunk = match chunk {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return EndOfBody::Closed,
                Err(error) => return EndOfBody::Failed(error),
            };
            self.body_bytes += chunk.len() as u64;
            let pushed = reader.push(&chunk, &mut |element| elements.push(element));
            drop(chunk);
            // Before its runs are stored.
            if let Some(other) = reader.envelope().job_id_at_first_run.filter(|&id| id != self.job) {
                return EndOfBody::OtherJob(other);
            }
            // Elements that cannot be read are not progress: they may come for ever.
            let mut is_progress = false;
            for element in elements.drain(..) {
                is_progress |= self.take(element).await;
            }
            if is_progress {
                answer.progressed();
            }
            (self.shared.events)(SyncEvent::JobProgress {
                job: self.job,
                body_bytes: answer.bytes_received(),
                runs: reader.envelope().runs_seen,
                total: reader.envelope().total_job_runs,
            });
            if let Err(error) = pushed {
                return EndOfBody::Malformed(error);
            }
        }
    }

    /// Recognises a run by the hash of its bytes, or reads it and hands it to the archive. Returns whether it was a run.
    async fn take(&mut self, element: Element) -> bool {
        let received = match element {
            Element::Whole { position, bytes } => {
                let sha256: Sha256 = sha2::Sha256::digest(&bytes).into();
                match self.known.get(&sha256) {
                    Some(known) if !known.unreadable_messages || self.other_server.is_some() => {
                        self.this_try.met.insert(known.run_key);
                        // The answer of another server does not mean that the job's own lists the run again.
                        if !known.absent || self.other_server.is_some() {
                            self.this_try.unchanged += 1;
                            return true;
                        }
                        Received::Returned(known.run_key)
                    }
                    _ => self.read(position, bytes, sha256),
                }
            }
            Element::Oversize {
                position,
                head,
                length,
                sha256,
            } => Received::Unreadable(ReceivedUnreadable {
                position,
                reason: format!(
                    "a run of {length} bytes, beyond the limit of {} bytes; its first {} bytes are kept",
                    self.shared.options.run_limit,
                    head.len()
                ),
                payload: head,
                bytes: length,
                sha256,
            }),
        };
        let is_run = !matches!(received, Received::Unreadable(_));
        self.batch_bytes += received.bytes();
        self.batch.push(received);
        if self.batch_bytes >= BATCH_BYTES {
            self.flush().await;
        }
        is_run
    }

    fn read(&mut self, position: u64, bytes: Vec<u8>, sha256: Sha256) -> Received {
        let length = bytes.len() as u64;
        match self.read_run(&bytes) {
            Err(unreadable) => Received::Unreadable(ReceivedUnreadable {
                position,
                reason: unreadable.to_string(),
                payload: bytes,
                bytes: length,
                sha256,
            }),
            Ok((run, content_sha256)) => {
                self.this_try.anomalies.see(&run);
                let payload = match self.packer.pack(&bytes, sha256) {
                    Ok(payload) => payload,
                    Err(error) => {
                        // Too little memory for this run: it goes to quarantine, and the others are read.
                        return Received::Unreadable(ReceivedUnreadable {
                            position,
                            reason: format!("the run could not be packed: {error}"),
                            payload: bytes,
                            bytes: length,
                            sha256,
                        });
                    }
                };
                Received::Run(Box::new(ReceivedRun::new(position, run, content_sha256, payload)))
            }
        }
    }

    /// Reads a run, and hashes its content if the archive may have the run in other bytes. A job's first sync needs no hash,
    /// which saves half of the work.
    fn read_run(&self, bytes: &[u8]) -> Result<(JobRun, Option<Sha256>), UnreadableRun> {
        let zone = self.shared.options.zone;
        if self.known.is_empty() {
            return Ok((read_run_fields(bytes, zone)?, None));
        }
        let read = read_run(bytes, zone)?;
        Ok((read.run, Some(read.content_sha256)))
    }

    async fn flush(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let received = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.shared
            .store
            .store(Batch {
                job: self.job,
                only_new: self.other_server.is_some(),
                received,
            })
            .await;
    }

    fn warn(&self, text: &str) {
        (self.shared.events)(SyncEvent::JobWarning { job: self.job, text });
    }
}

fn milliseconds(begun: MonotonicInstant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
