//! The one thread that writes: batches come over a bounded channel. A transaction takes the batches of all jobs that come
//! within a second or so, since each commit waits for the disk and writes its pages again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant as MonotonicInstant;

use crate::archive::{
    ArchiveError, JobRecord, Keys, KnownJob, NameFrom, ReceivedRun, ReceivedUnreadable, Stored, StoredChange,
    SyncOutcome, SyncRecord, Writer,
};
use crate::model::{Guid, Instant};

/// Batches that may wait: with those being filled they bound the memory of a sync.
const WAITING_BATCHES: usize = 8;
/// Bytes of JSON after which a transaction is committed although more is waiting. Measured on ten million messages: with
/// half of it a tenth more is written.
const TRANSACTION_BYTES: u64 = 48 << 20;
/// Bytes of JSON in one transaction that make the sync a large one.
const LARGE_SYNC_BYTES: u64 = 4 << 20;
/// How long a transaction waits for more, from its begin: batches that trickle in must not keep it open.
const WAIT_FOR_MORE: Duration = Duration::from_secs(1);
/// How long it may last while more comes. Other writers wait for it, half a minute at most.
const MOST_TRANSACTION_TIME: Duration = Duration::from_secs(5);

/// What a task found that concerns the archive.
#[derive(Debug)]
pub(super) enum Received {
    /// A run whose bytes are not the ones seen last.
    Run(Box<ReceivedRun>),
    /// A run that is listed again with the bytes seen last.
    Returned(i64),
    /// What is not a run.
    Unreadable(ReceivedUnreadable),
}

/// Bytes of memory that a run takes beside its JSON, roughly: what batches of very small runs mostly hold.
const RUN_OVERHEAD: u64 = 1 << 10;

impl Received {
    /// What it counts in batches and transactions.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Run(run) => run.payload.bytes + RUN_OVERHEAD,
            Self::Returned(_) => 0,
            Self::Unreadable(unreadable) => unreadable.payload.len() as u64,
        }
    }
}

/// What one try of a job sent to the archive.
#[derive(Debug, Default)]
pub(super) struct TryTally {
    pub(super) unchanged: u64,
    pub(super) quarantined: u64,
    /// Those of the quarantined that nobody has accepted.
    pub(super) unaccepted: u64,
    /// Runs that the archive has with other bytes, and that were left as they are.
    pub(super) differing: u64,
    /// Keys of all runs of the answer.
    pub(super) met: Keys,
    /// Keys of those that are as they were before this sync.
    same: Keys,
    /// Keys of those that belong to this job.
    listed: Keys,
    /// Keys of those that are new or changed.
    stored: Keys,
}

/// What a job sent to the archive, over all its tries.
#[derive(Debug, Default)]
pub(super) struct JobTally {
    pub(super) new: u64,
    pub(super) changed: u64,
    pub(super) messages_new: u64,
    pub(super) last_try: TryTally,
    pub(super) earlier: EarlierTries,
}

/// What is kept of the tries before the last one.
#[derive(Debug, Default)]
pub(super) struct EarlierTries {
    /// The most that one of them had.
    pub(super) quarantined: u64,
    /// Keys of runs that belong to this job.
    pub(super) listed: Keys,
    /// Keys of runs that they stored and the last try has not met yet: they must not be counted twice.
    stored: Keys,
}

impl EarlierTries {
    fn merge(&mut self, mut ended: TryTally) {
        self.quarantined = self.quarantined.max(ended.quarantined);
        self.listed.append(&mut ended.listed);
        self.stored.append(&mut ended.stored);
    }
}

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) job: Guid,
    /// Another server than the job's answered: what is known stays as it is.
    pub(super) only_new: bool,
    pub(super) received: Vec<Received>,
}

/// Where an answer goes.
type Reply<T> = oneshot::Sender<Result<T, Arc<ArchiveError>>>;

enum StoreRequest {
    Open {
        job: Guid,
        full_since: Option<Instant>,
        reply: Reply<KnownJob>,
    },
    Name {
        job: Guid,
        name: String,
        from: NameFrom,
    },
    ServerJobs {
        server: String,
        listed: Vec<(Guid, String)>,
        watch_new: bool,
        reply: Reply<Vec<(Guid, String)>>,
    },
    NextTry {
        job: Guid,
    },
    ReachesBack {
        job: Guid,
        met: Keys,
        answered_at: Instant,
        open_since: Instant,
        reply: Reply<bool>,
    },
    Store(Batch),
    Tally {
        job: Guid,
        reply: Reply<JobTally>,
    },
}

/// The tasks' end of the writing thread.
#[derive(Debug, Clone)]
pub(super) struct Store(mpsc::Sender<StoreRequest>);

/// The writing thread itself.
#[derive(Debug)]
pub(super) struct StoreThread(JoinHandle<Worker>);

/// Begins the writing thread.
pub(super) fn start(writer: Writer, sync_id: i64) -> std::io::Result<(Store, StoreThread)> {
    let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
    let worker = Worker {
        writer,
        sync_id,
        jobs: HashMap::new(),
        listed: Keys::default(),
        open: None,
        is_large: false,
        failed: None,
    };
    let runtime = Handle::current();
    let thread = std::thread::Builder::new()
        .name("archive".to_owned())
        .spawn(move || worker.work(receiver, &runtime))?;
    Ok((Store(sender), StoreThread(thread)))
}

impl Store {
    /// What the archive knows of a job.
    pub(super) async fn open(
        &self,
        job: Guid,
        full_since: Option<Instant>,
    ) -> Result<KnownJob, Arc<ArchiveError>> {
        self.ask(|reply| StoreRequest::Open {
            job,
            full_since,
            reply,
        })
        .await
    }

    pub(super) async fn name(&self, job: Guid, name: String, from: NameFrom) {
        self.tell(StoreRequest::Name { job, name, from }).await;
    }

    /// Notes the jobs that the server has; says which of them are watched from now on.
    pub(super) async fn server_jobs(
        &self,
        server: &str,
        listed: Vec<(Guid, String)>,
        watch_new: bool,
    ) -> Result<Vec<(Guid, String)>, Arc<ArchiveError>> {
        self.ask(|reply| StoreRequest::ServerJobs {
            server: server.to_owned(),
            listed,
            watch_new,
            reply,
        })
        .await
    }

    pub(super) async fn next_try(&self, job: Guid) {
        self.tell(StoreRequest::NextTry { job }).await;
    }

    /// Whether the latest runs reach back so far that nothing new can lie before them: see [`Writer::reaches_back`].
    /// `met` are runs of the last try that were recognised and not sent here.
    pub(super) async fn reaches_back(
        &self,
        job: Guid,
        met: Keys,
        answered_at: Instant,
        open_since: Instant,
    ) -> Result<bool, Arc<ArchiveError>> {
        self.ask(|reply| StoreRequest::ReachesBack {
            job,
            met,
            answered_at,
            open_since,
            reply,
        })
        .await
    }

    pub(super) async fn store(&self, batch: Batch) {
        self.tell(StoreRequest::Store(batch)).await;
    }

    /// What became of all that was sent of a job. It is on the disk once the sync has ended.
    pub(super) async fn tally(&self, job: Guid) -> Result<JobTally, Arc<ArchiveError>> {
        self.ask(|reply| StoreRequest::Tally { job, reply }).await
    }

    async fn tell(&self, request: StoreRequest) {
        // The thread only goes when every sender has gone.
        drop(self.0.send(request).await);
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> StoreRequest) -> Result<T, Arc<ArchiveError>> {
        let (reply, answer) = oneshot::channel();
        self.tell(request(reply)).await;
        answer.await.unwrap_or_else(|_| {
            Err(Arc::new(ArchiveError::Damaged {
                what: "the writing thread ended early".to_owned(),
            }))
        })
    }
}

impl StoreThread {
    /// Waits for the thread, whose senders must have gone, and ends the sync in the archive.
    pub(super) fn end(
        self,
        outcome: SyncOutcome,
        clock_skew_seconds: Option<i64>,
        named: &HashSet<Guid>,
        jobs: Vec<(JobRecord, Keys)>,
    ) -> Result<SyncRecord, Arc<ArchiveError>> {
        let mut worker = self.0.join().map_err(|_| {
            Arc::new(ArchiveError::Damaged {
                what: "the writing thread ended in a panic".to_owned(),
            })
        })?;
        if let Some(error) = worker.failed {
            return Err(error);
        }
        // A run that is listed elsewhere in this sync is not absent.
        let jobs: Vec<_> = jobs
            .into_iter()
            .map(|(record, mut missing)| {
                missing.subtract(&worker.listed);
                (record, missing)
            })
            .collect();
        worker
            .writer
            .end_sync(worker.sync_id, outcome, clock_skew_seconds, named, jobs)
            .map_err(Arc::new)
    }
}

struct Worker {
    writer: Writer,
    sync_id: i64,
    jobs: HashMap<Guid, JobTally>,
    /// Runs met in an answer of a job that is not theirs, or in accepted bytes that could not be read.
    listed: Keys,
    open: Option<OpenTransaction>,
    is_large: bool,
    /// The first error; nothing is written after it.
    failed: Option<Arc<ArchiveError>>,
}

/// A transaction that takes the batches of all jobs.
#[derive(Debug, Clone, Copy)]
struct OpenTransaction {
    since: MonotonicInstant,
    bytes: u64,
}

impl Worker {
    fn work(mut self, mut requests: mpsc::Receiver<StoreRequest>, runtime: &Handle) -> Self {
        while let Some(request) = self.next(&mut requests, runtime) {
            match request {
                StoreRequest::Open {
                    job,
                    full_since,
                    reply,
                } => drop(reply.send(self.guarded(|w| w.writer.job_at_hand(job, full_since)))),
                StoreRequest::Name { job, name, from } => {
                    drop(self.guarded(|w| w.writer.name_job(job, &name, from)))
                }
                StoreRequest::ServerJobs {
                    server,
                    listed,
                    watch_new,
                    reply,
                } => {
                    let noted = self.guarded(|w| w.writer.note_server_jobs(&server, &listed, watch_new));
                    drop(reply.send(noted));
                }
                StoreRequest::NextTry { job } => self.jobs.entry(job).or_default().begin_next_try(),
                StoreRequest::ReachesBack {
                    job,
                    met,
                    answered_at,
                    open_since,
                    reply,
                } => {
                    let reaches = self.reaches_back(job, met, answered_at, open_since);
                    drop(reply.send(reaches));
                }
                StoreRequest::Tally { job, reply } => drop(reply.send(self.tally(job))),
                StoreRequest::Store(batch) => self.store_batch(batch),
            }
        }
        self.commit();
        self
    }

    /// The next request; commits the open transaction if none comes in time.
    fn next(
        &mut self,
        requests: &mut mpsc::Receiver<StoreRequest>,
        runtime: &Handle,
    ) -> Option<StoreRequest> {
        if let Some(open) = self.open {
            let until = open.since + WAIT_FOR_MORE;
            match runtime.block_on(async { tokio::time::timeout_at(until, requests.recv()).await }) {
                Ok(next) => return next,
                Err(_) => self.commit(),
            }
        }
        requests.blocking_recv()
    }

    fn store_batch(&mut self, batch: Batch) {
        let stored = self.guarded(|worker| {
            let mut open = match worker.open {
                Some(open) => open,
                None => {
                    worker.writer.begin()?;
                    OpenTransaction {
                        since: MonotonicInstant::now(),
                        bytes: 0,
                    }
                }
            };
            open.bytes += worker.store(batch)?;
            worker.open = Some(open);
            if open.bytes >= LARGE_SYNC_BYTES && !worker.is_large {
                worker.is_large = true;
                worker.writer.expect_much()?;
            }
            Ok(open)
        });
        match stored {
            Ok(open) if open.bytes >= TRANSACTION_BYTES || open.since.elapsed() >= MOST_TRANSACTION_TIME => {
                self.commit()
            }
            Ok(_) => {}
            Err(_) => self.writer.rollback(),
        }
    }

    /// Commits what is open; where something has failed, it was rolled back.
    fn commit(&mut self) {
        if self.open.take().is_some() {
            drop(self.guarded(|worker| worker.writer.commit()));
        }
    }

    /// Does something unless something has failed before; remembers the first failure.
    fn guarded<T>(
        &mut self,
        what: impl FnOnce(&mut Self) -> Result<T, ArchiveError>,
    ) -> Result<T, Arc<ArchiveError>> {
        if let Some(error) = &self.failed {
            return Err(Arc::clone(error));
        }
        what(self).map_err(|error| {
            let error = Arc::new(error);
            self.failed = Some(Arc::clone(&error));
            error
        })
    }

    fn reaches_back(
        &mut self,
        job: Guid,
        mut met: Keys,
        answered_at: Instant,
        open_since: Instant,
    ) -> Result<bool, Arc<ArchiveError>> {
        self.guarded(|worker| {
            let mut same = met.clone();
            if let Some(job) = worker.jobs.get(&job) {
                met.append(&mut job.last_try.met.clone());
                same.append(&mut job.last_try.same.clone());
            }
            let job_key = worker.writer.job_key(job)?;
            worker
                .writer
                .reaches_back(job_key, &met, &same, answered_at, open_since)
        })
    }

    fn tally(&mut self, job: Guid) -> Result<JobTally, Arc<ArchiveError>> {
        self.guarded(|worker| Ok(worker.jobs.remove(&job).unwrap_or_default()))
    }

    fn store(&mut self, batch: Batch) -> Result<u64, ArchiveError> {
        let job_key = self.writer.job_key(batch.job)?;
        let job = self.jobs.entry(batch.job).or_default();
        let mut bytes = 0;
        for received in batch.received {
            bytes += received.bytes();
            match received {
                Received::Run(run) => {
                    if batch.only_new
                        && let Some(known) = self.writer.known_key(&run)?
                    {
                        job.last_try.differing += 1;
                        job.last_try.met.insert(known);
                        continue;
                    }
                    let stored = self.writer.store_run(self.sync_id, job_key, &run)?;
                    job.count(&stored);
                    if let (true, Some(run_key)) = (stored.foreign, stored.run_key) {
                        self.listed.insert(run_key);
                    }
                }
                Received::Returned(run_key) => {
                    self.writer.store_returned(self.sync_id, run_key)?;
                    job.last_try.listed.insert(run_key);
                    job.last_try.unchanged += 1;
                }
                Received::Unreadable(unreadable) => {
                    let accepted = self.writer.store_unreadable(self.sync_id, job_key, &unreadable)?;
                    job.last_try.quarantined += 1;
                    job.last_try.unaccepted += u64::from(!accepted);
                    if accepted {
                        // The answer counts as complete, but what it lists in broken bytes it does not lack.
                        self.listed
                            .extend(self.writer.runs_named_in(&unreadable.payload)?);
                    }
                }
            }
        }
        Ok(bytes)
    }
}

impl JobTally {
    fn begin_next_try(&mut self) {
        self.earlier.merge(std::mem::take(&mut self.last_try));
    }

    fn count(&mut self, run: &Stored) {
        let this_try = &mut self.last_try;
        // A removed run is as it was, and cannot be absent.
        let Some(key) = run.run_key else {
            this_try.unchanged += 1;
            return;
        };
        this_try.met.insert(key);
        if !run.foreign {
            this_try.listed.insert(key);
        }
        this_try.quarantined += u64::from(run.quarantined);
        this_try.unaccepted += u64::from(run.unaccepted);
        self.messages_new += run.messages_new;
        match run.change {
            StoredChange::New => {
                self.new += 1;
                this_try.stored.insert(key);
            }
            StoredChange::Changed => {
                self.changed += 1;
                this_try.stored.insert(key);
            }
            // Counted by the try that stored it. Should another try follow, this one has met it.
            StoredChange::Unchanged if self.earlier.stored.remove(key) => {
                this_try.stored.insert(key);
            }
            StoredChange::Unchanged => {
                this_try.unchanged += 1;
                if !this_try.stored.contains(key) {
                    this_try.same.insert(key);
                }
            }
        }
    }
}
