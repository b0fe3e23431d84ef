//! A sync from start to end: takes the lock, opens the archive, assigns jobs to servers, asks the servers, and records
//! how it ended.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant as MonotonicInstant;

use tokio::task::JoinSet;

use super::event::{Cancellation, SyncEvent};
use super::job::{self, JobResult};
use super::messages::{self, HintOf};
use super::one_server::{ServerQuestion, ServerResult, ask_server};
use super::outage::Outage;
use super::servers::{Assigned, NoServer, Servers};
use super::shared::{JobOptions, Shared};
use super::store::{self, Store, StoreThread};
use crate::archive::{
    ArchiveError, JobOutcome, SyncLock, SyncOutcome, SyncRecord, Writer, is_to_be_made, refuse_missing,
};
use crate::ccs::retry::Policy;
use crate::model::{Fetch, Guid, NaiveZone};

/// What a sync is to do.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Jobs to ask for, with their names if given; if empty, all watched jobs. A job is watched once it has answered.
    pub jobs: Vec<(Guid, Option<String>)>,
    /// Which runs of each job to ask for.
    pub fetch: Fetch,
    /// The most jobs to ask each server for at a time.
    pub concurrency: usize,
    /// When and how often to try again.
    pub retry: Policy,
    /// The most bytes of JSON that one run may have; a longer one goes to quarantine.
    pub run_limit: usize,
    /// The zone of times without an offset; if `None`, the one that the archive remembers.
    pub naive_time: Option<NaiveZone>,
    /// Whether to create the archive if there is none.
    pub create_archive: bool,
    /// Says what to do about a problem; archived with the job's error.
    pub hint: HintOf,
}

/// Why there was no sync, or no record of its end.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The archive is in use, or cannot be opened or written.
    #[error(transparent)]
    Archive(Arc<ArchiveError>),
    /// No job was named, and none is watched.
    #[error("there is no job to sync: none was named, and none{} is watched in {archive}", .others.then_some(" of this server").unwrap_or_default())]
    NoJob {
        /// The archive's path.
        archive: String,
        /// Whether jobs of other servers are watched.
        others: bool,
    },
}

impl From<ArchiveError> for SyncError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(Arc::new(error))
    }
}

/// Syncs once into the archive at `path`, asking each server for its own jobs.
///
/// A job that fails is an entry of the result and stops no other job; the same goes for a server that does not answer. A
/// sync that is cancelled keeps what was read, and its outcome is `interrupted`.
///
/// # Errors
/// Another sync holds the archive; it cannot be opened or written; there is no job.
pub async fn sync(
    path: &Path,
    servers: &Servers,
    options: SyncOptions,
    events: Box<dyn Fn(SyncEvent<'_>) + Send + Sync>,
    cancellation: Cancellation,
) -> Result<SyncRecord, SyncError> {
    refuse_without_jobs(path, servers, &options)?;
    let lock = SyncLock::take(path)?;
    let writer = Writer::open_for_sync(path, &lock, options.create_archive)?;
    let mut engine = Engine {
        path,
        servers,
        named: distinct(&options.jobs),
        options,
        events: Arc::from(events),
        cancellation,
    };
    let (writer, started) = engine.begin(writer)?;
    let (store, thread) = store::start(writer, started.sync_id).map_err(|source| ArchiveError::Io {
        doing: "start the thread that writes",
        path: path.to_path_buf(),
        source,
    })?;
    let mut answers = engine.ask_servers(store, started).await;
    let unassigned = std::mem::take(&mut answers.unassigned);
    answers.results.extend(engine.report_unassigned(unassigned));
    let record = engine.end(thread, answers).await?;
    drop(lock);
    Ok(record)
}

/// Refuses a sync that must not create an archive, or that would create an empty one. Called before the lock is taken,
/// which leaves a file.
fn refuse_without_jobs(path: &Path, servers: &Servers, options: &SyncOptions) -> Result<(), SyncError> {
    if !options.create_archive {
        refuse_missing(path)?;
    }
    let any_job = !options.jobs.is_empty()
        || servers.asked.iter().any(|server| server.watch_all)
        || servers.job_lists().any(|list| !list.jobs.is_empty());
    if !any_job && is_to_be_made(path)? {
        return Err(no_job(path, false));
    }
    Ok(())
}

struct Engine<'a> {
    path: &'a Path,
    servers: &'a Servers,
    /// Jobs to ask for, each once; none: all watched jobs.
    named: Vec<Guid>,
    options: SyncOptions,
    events: Arc<dyn Fn(SyncEvent<'_>) + Send + Sync>,
    cancellation: Cancellation,
}

/// A sync that the archive has recorded as started.
struct StartedSync {
    sync_id: i64,
    zone: NaiveZone,
    assigned: Assigned,
}

/// What came of all servers.
struct ServerAnswers {
    /// In the order of the servers, then of their jobs.
    results: Vec<JobResult>,
    /// Jobs that no server was asked for.
    unassigned: Vec<(Guid, NoServer)>,
    /// Whether a server may have jobs that were not asked for.
    may_miss_jobs: bool,
    /// The largest of the servers' differences from this machine's clock.
    clock_skew_seconds: Option<i64>,
}

impl Engine<'_> {
    /// Brings the archive's settings and watched jobs up to date, assigns the jobs to the servers, and records the begin.
    fn begin(&mut self, mut writer: Writer) -> Result<(Writer, StartedSync), SyncError> {
        let (zone, newer_rules) = writer.settle_naive_time(self.options.naive_time)?;
        if let Some(newer) = &newer_rules {
            (self.events)(SyncEvent::NewerRules(newer));
        }
        for list in self.servers.job_lists() {
            for job in writer.follow_jobs_file(&list.path, &list.jobs)? {
                tracing::warn!(
                    job_id = %job,
                    "job {job} was taken out of {}, and is no longer watched; its history stays",
                    list.path
                );
            }
        }
        let watched = writer.watched_jobs()?;
        warn_not_requested(&self.named, &watched);
        let wanted = if self.named.is_empty() {
            &watched
        } else {
            &self.named
        };
        let assigned = self.servers.assign(wanted, &writer.job_servers()?);
        let watch_all = self.servers.asked.iter().any(|server| server.watch_all);
        if assigned.is_empty() && !watch_all {
            return Err(no_job(self.path, !wanted.is_empty()));
        }
        let sync_id = writer.begin_sync(self.options.fetch.count())?;
        (self.events)(SyncEvent::Began {
            sync_id,
            archive_created: writer.created(),
            jobs: assigned.len(),
        });
        let started = StartedSync {
            sync_id,
            zone,
            assigned,
        };
        Ok((writer, started))
    }

    /// Asks all servers at the same time. Takes the store by value: the writing thread ends when its last sender is gone.
    async fn ask_servers(&self, store: Store, started: StartedSync) -> ServerAnswers {
        let Assigned {
            of_server,
            unassigned,
        } = started.assigned;
        let names = Arc::new(self.names());
        let unassigned = Arc::new(Mutex::new(unassigned));
        let mut asking = JoinSet::new();
        for (index, (server, jobs)) in self.servers.asked.iter().zip(&of_server).enumerate() {
            let shared = Arc::new(Shared {
                client: server.client.clone(),
                store: store.clone(),
                options: JobOptions {
                    fetch: self.options.fetch,
                    retry: self.options.retry.clone(),
                    run_limit: self.options.run_limit,
                    zone: started.zone,
                    hint: self.options.hint,
                },
                names: Arc::clone(&names),
                listed: OnceLock::new(),
                events: Arc::clone(&self.events),
                cancellation: self.cancellation.clone(),
                outage: Outage::default(),
            });
            let question = ServerQuestion {
                jobs: jobs.clone(),
                unassigned: Arc::clone(&unassigned),
                watch_new: server.watch_all,
                is_named: !self.named.is_empty(),
                concurrency: self.options.concurrency,
                is_one_of_many: self.servers.asked.len() > 1,
            };
            asking.spawn(async move { (index, ask_server(&shared, question).await) });
        }
        drop(store);
        let mut answered: Vec<Option<ServerResult>> = of_server.iter().map(|_| None).collect();
        while let Some(ended) = asking.join_next().await {
            if let Ok((index, result)) = ended {
                answered[index] = Some(result);
            }
        }
        let mut results = Vec::with_capacity(of_server.iter().map(Vec::len).sum());
        let mut may_miss_jobs = false;
        let mut skews = Vec::new();
        for ((result, server), jobs) in answered.into_iter().zip(&self.servers.asked).zip(&of_server) {
            let url = server.client.base_url();
            let result = result.unwrap_or_else(|| ServerResult::panicked(jobs, url));
            results.extend(result.results);
            may_miss_jobs |= result.may_miss_jobs;
            skews.extend(result.skew.map(|skew| (skew, url)));
        }
        let unassigned = std::mem::take(&mut *unassigned.lock().unwrap_or_else(PoisonError::into_inner));
        ServerAnswers {
            results,
            unassigned,
            may_miss_jobs,
            clock_skew_seconds: largest(&skews),
        }
    }

    /// The names that were given with jobs. If a job was named several times, the first name wins.
    fn names(&self) -> HashMap<Guid, String> {
        let given = self.options.jobs.iter().rev();
        given
            .filter_map(|(id, name)| Some((*id, name.clone()?)))
            .collect()
    }

    /// A job that no server was asked for has failed, unless one of the servers that this sync leaves aside may have it.
    fn report_unassigned(&self, unassigned: Vec<(Guid, NoServer)>) -> Vec<JobResult> {
        let mut failed = Vec::new();
        for (job, why) in unassigned {
            let error = messages::of_unassigned(job, &why, self.options.hint);
            if self.servers.others.is_empty() {
                let result = job::failed(job, MonotonicInstant::now(), error, None);
                (self.events)(SyncEvent::JobEnded {
                    name: None,
                    record: &result.record,
                });
                failed.push(result);
            } else {
                tracing::info!(job_id = %job, "job {job} was not asked for: {error}");
            }
        }
        failed
    }

    /// Waits for the writing thread, and records the end of the sync.
    async fn end(self, thread: StoreThread, answers: ServerAnswers) -> Result<SyncRecord, SyncError> {
        let results = answers.results;
        let interrupted = self.cancellation.is_cancelled() && results.iter().any(|result| result.interrupted);
        let outcome = match outcome(interrupted, &results) {
            SyncOutcome::Complete if answers.may_miss_jobs => SyncOutcome::Partial,
            outcome => outcome,
        };
        // Jobs named in the options are watched from now on, on their own account. Jobs that a jobs file lists are left
        // out: they are watched because of the file, and no longer once it drops them.
        let mut watch_named: HashSet<Guid> = self.named.into_iter().collect();
        for (job, _) in self.servers.job_lists().flat_map(|list| &list.jobs) {
            watch_named.remove(job);
        }
        let ended = results
            .into_iter()
            .map(|result| (result.record, result.missing))
            .collect();
        let skew = answers.clock_skew_seconds;
        tokio::task::spawn_blocking(move || thread.end(outcome, skew, &watch_named, ended))
            .await
            .unwrap_or_else(|_| {
                Err(Arc::new(ArchiveError::Damaged {
                    what: "ending the sync panicked".to_owned(),
                }))
            })
            .map_err(SyncError::Archive)
    }
}

fn no_job(archive: &Path, others: bool) -> SyncError {
    SyncError::NoJob {
        archive: archive.display().to_string(),
        others,
    }
}

/// The jobs, each once, in the order in which they were named.
fn distinct(named: &[(Guid, Option<String>)]) -> Vec<Guid> {
    let mut seen = HashSet::new();
    named
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| seen.insert(*id))
        .collect()
}

/// The largest difference between this machine's clock and a server's: a sync records only one.
fn largest(skews: &[(i64, &str)]) -> Option<i64> {
    let &(largest, url) = skews.iter().max_by_key(|(skew, _)| skew.unsigned_abs())?;
    if skews.iter().any(|&(skew, _)| skew != largest) {
        tracing::info!(
            clock_skew_seconds = largest,
            "of the servers' clocks, that of {url} differs most from this machine's, by {largest} s; the sync records that"
        );
    }
    Some(largest)
}

/// Reports how many watched jobs are left out because others were named.
fn warn_not_requested(named: &[Guid], watched: &[Guid]) {
    if named.is_empty() {
        return;
    }
    let named: HashSet<&Guid> = named.iter().collect();
    match watched.iter().filter(|job| !named.contains(job)).count() {
        0 => {}
        1 => tracing::info!("1 watched job was not asked for, since others were named"),
        many => tracing::info!("{many} watched jobs were not asked for, since others were named"),
    }
}

fn outcome(interrupted: bool, results: &[JobResult]) -> SyncOutcome {
    if results.is_empty() && !interrupted {
        // All jobs of the server were to be asked for, and it listed none.
        return SyncOutcome::Failed;
    }
    let all = |wanted: JobOutcome| results.iter().all(|result| result.record.outcome == wanted);
    if interrupted {
        SyncOutcome::Interrupted
    } else if all(JobOutcome::Complete) {
        SyncOutcome::Complete
    } else if all(JobOutcome::Failed) {
        SyncOutcome::Failed
    } else {
        SyncOutcome::Partial
    }
}
