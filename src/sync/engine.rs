//! The whole of a sync: lock, archive, login, jobs side by side, end.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as Clock};

use tokio::task::JoinSet;

use super::event::{Cancellation, SyncEvent};
use super::fetch::Fetch;
use super::job::{self, JobResult};
use super::messages::{HintOf, of_client};
use super::outage::Outage;
use super::patience::Patience;
use super::shared::{JobOptions, Shared};
use super::store;
use crate::archive::{
    ArchiveError, JobOutcome, MOST_CLOCK_SKEW, SyncLock, SyncOutcome, SyncRecord, Writer, refuse_missing,
};
use crate::ccs::Client;
use crate::ccs::retry::{self, Policy};
use crate::model::{Guid, NaiveZone, show_rounded};
use crate::text::chain;

/// What a sync is to do.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Jobs to ask for, with names where somebody gave one; none: all watched jobs. They are watched once they answered.
    pub jobs: Vec<(Guid, Option<String>)>,
    /// The jobs file, whose jobs are watched.
    pub jobs_file: Option<JobsFile>,
    /// Whether every job that the server has is watched, but for those of which a person ended that.
    pub watch_all: bool,
    /// Runs to ask for of each job.
    pub fetch: Fetch,
    /// Jobs asked for at a time.
    pub concurrency: usize,
    /// When a job is tried again.
    pub retry: Policy,
    /// Bytes that one run may have.
    pub run_limit: usize,
    /// Zone of times without offset that was asked for; the archive may remember one.
    pub naive_time: Option<NaiveZone>,
    /// Whether an archive is created where there is none.
    pub create_archive: bool,
    /// What to do about a problem, in words that are archived with the job's error.
    pub hint: HintOf,
}

/// A jobs file, read.
#[derive(Debug, Clone)]
pub struct JobsFile {
    /// Its absolute path, which tells jobs files apart.
    pub path: String,
    /// Its jobs, with names where it has one.
    pub jobs: Vec<(Guid, Option<String>)>,
}

/// Why a sync could not be done at all.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Something about the archive.
    #[error(transparent)]
    Archive(Arc<ArchiveError>),
    /// No job was named, and none is watched.
    #[error("there is no job to sync: none was named, and the archive {archive} watches none")]
    NoJob {
        /// The archive's path.
        archive: String,
    },
}

impl From<ArchiveError> for SyncError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(Arc::new(error))
    }
}

/// Syncs once into the archive at `path`.
///
/// A failed job is an entry of the result, and never stops another one. Stopped, it keeps what was read and says
/// `interrupted`.
///
/// # Errors
/// Another sync holds the archive; it cannot be opened or written; there is no job.
pub async fn sync(
    path: &Path,
    client: &Client,
    options: SyncOptions,
    events: Box<dyn Fn(SyncEvent<'_>) + Send + Sync>,
    cancellation: Cancellation,
) -> Result<SyncRecord, SyncError> {
    if !options.create_archive {
        // Before the lock, which leaves a file.
        refuse_missing(path)?;
    }
    let lock = SyncLock::take(path)?;
    let mut writer = Writer::open_for_sync(path, &lock, options.create_archive)?;
    let (zone, newer_rules) = writer.settle_naive_time(options.naive_time)?;
    if let Some(newer) = &newer_rules {
        events(SyncEvent::NewerRules(newer));
    }
    if let Some(file) = &options.jobs_file {
        for job in writer.follow_jobs_file(&file.path, &file.jobs)? {
            tracing::warn!(
                job_id = %job,
                "job {job} was taken out of {}, and is no longer watched; its history stays",
                file.path
            );
        }
    }
    let named = distinct(&options.jobs);
    let watched = writer.watched_jobs()?;
    warn_not_requested(&named, &watched);
    let mut jobs = if named.is_empty() { watched } else { named.clone() };
    if jobs.is_empty() && !options.watch_all {
        return Err(SyncError::NoJob {
            archive: path.display().to_string(),
        });
    }
    let sync_id = writer.begin_sync(options.fetch.count())?;
    events(SyncEvent::Began {
        sync_id,
        archive_created: writer.created(),
        jobs: jobs.len(),
    });
    let (store, thread) = store::start(writer, sync_id).map_err(|source| ArchiveError::Io {
        doing: "start the thread that writes",
        path: path.to_path_buf(),
        source,
    })?;
    // Of several names of a job the first counts.
    let names = options
        .jobs
        .iter()
        .rev()
        .filter_map(|(id, name)| name.clone().map(|name| (*id, name)))
        .collect();
    let shared = Arc::new(Shared {
        client: client.clone(),
        store,
        options: JobOptions {
            fetch: options.fetch,
            retry: options.retry,
            run_limit: options.run_limit,
            zone,
            hint: options.hint,
        },
        names,
        listed: OnceLock::new(),
        events,
        cancellation,
        outage: Outage::default(),
    });
    let logged_in = login(&shared).await;
    let skew = client.take_clock_skew();
    if let Some(seconds) = skew {
        warn_of_clock(seconds);
    }
    let mut is_list_missing = false;
    let mut results = match logged_in {
        Ok(()) => {
            is_list_missing = !ask_for_list(&shared, options.watch_all).await && options.watch_all;
            if named.is_empty()
                && options.watch_all
                && let Ok(watched) = shared.store.watched().await
            {
                jobs = watched;
            }
            fetch_all(&shared, &jobs, options.concurrency).await
        }
        // Told once for each job, so that each has its last error.
        Err(error) => {
            let failed: Vec<_> = jobs
                .iter()
                .map(|&job| job::failed(job, Clock::now(), error.clone()))
                .collect();
            for result in &failed {
                (shared.events)(SyncEvent::JobEnded {
                    name: None,
                    record: &result.record,
                });
            }
            failed
        }
    };
    let places: HashMap<Guid, usize> = jobs.iter().copied().zip(0..).collect();
    results.sort_by_key(|result| places.get(&result.record.job_id).copied());
    drop(places);
    let interrupted = shared.cancellation.is_cancelled() && results.iter().any(|result| result.interrupted);
    let outcome = match outcome(interrupted, &results) {
        // Of the jobs that the server has, some may never have been asked for.
        SyncOutcome::Complete if is_list_missing => SyncOutcome::Partial,
        outcome => outcome,
    };
    // A jobs file that lists a job is reason enough to watch it.
    let mut named: HashSet<Guid> = named.into_iter().collect();
    for (job, _) in options.jobs_file.iter().flat_map(|file| &file.jobs) {
        named.remove(job);
    }
    let server = shared.client.base_url().to_owned();
    let skew = client.take_clock_skew().or(skew);
    // The writing thread ends when the last of its senders has gone.
    drop(shared);
    let ended = results
        .into_iter()
        .map(|result| (result.record, result.missing))
        .collect();
    let record = tokio::task::spawn_blocking(move || thread.end(outcome, &server, skew, &named, ended))
        .await
        .unwrap_or_else(|_| {
            Err(Arc::new(ArchiveError::Damaged {
                what: "ending the sync panicked".to_owned(),
            }))
        })
        .map_err(SyncError::Archive)?;
    drop(lock);
    Ok(record)
}

/// Says that watched jobs were not asked for, where jobs were named.
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

/// How long the list of jobs may take where the sync does not depend on it.
const LIST_TIME: Duration = Duration::from_secs(30);

/// Asks the server once which jobs it has, for their names and for those that nobody watches; with `watch_new`, watches the
/// new ones. Says whether there was a list: a server need not support it.
async fn ask_for_list(shared: &Shared, watch_new: bool) -> bool {
    let mut cancellation = shared.cancellation.clone();
    let asked = async {
        match tokio::time::timeout(LIST_TIME, shared.client.discover()).await {
            Ok(found) => found.map_err(|error| chain(&error)),
            Err(_) => Err(format!("it took longer than {}", show_rounded(LIST_TIME))),
        }
    };
    let found = tokio::select! {
        found = asked => found,
        () = cancellation.cancelled() => return true,
    };
    let found = match found {
        Ok(found) => found,
        Err(error) if watch_new => {
            tracing::warn!(
                "the server did not tell which jobs it has, so that new ones are not watched: {error}"
            );
            return false;
        }
        Err(error) => {
            tracing::debug!("the server did not tell which jobs it has: {error}");
            return false;
        }
    };
    let listed: Vec<(Guid, String)> = found.into_iter().map(|job| (job.job_id, job.name)).collect();
    drop(shared.listed.set(listed.iter().cloned().collect()));
    let server = shared.client.base_url();
    // Where the archive cannot be written, every job says so.
    let new = shared.store.server_jobs(server, listed, watch_new).await;
    for (job, name) in new.unwrap_or_default() {
        tracing::info!(job_id = %job, "the server has a new job, {name} ({job}), which is watched from now on");
    }
    true
}

fn warn_of_clock(seconds: i64) {
    if seconds.unsigned_abs() < MOST_CLOCK_SKEW {
        return;
    }
    let skew = Duration::from_secs(seconds.unsigned_abs());
    tracing::warn!(
        clock_skew_seconds = seconds,
        "this machine's clock is {} {} the server's; set the wrong one of the two: times of syncs and ages of runs are \
         wrong by as much",
        show_rounded(skew),
        if seconds > 0 { "ahead of" } else { "behind" }
    );
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

/// The token before the first big request, with the patience of any request.
async fn login(shared: &Shared) -> Result<(), String> {
    let mut cancellation = shared.cancellation.clone();
    let mut patience = Patience::default();
    loop {
        let asked = tokio::select! {
            asked = shared.client.login() => asked,
            () = cancellation.cancelled() => return Ok(()),
        };
        let Err(error) = asked else {
            patience.answered(shared);
            return Ok(());
        };
        let Some(wait) = patience.after(&error, shared) else {
            return Err(of_client(&error, &shared.options.retry, shared.options.hint));
        };
        if !retry::is_unanswered(&error) {
            tracing::warn!("{}; trying to log in again", chain(&error));
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancellation.cancelled() => return Ok(()),
        }
    }
}

async fn fetch_all(shared: &Arc<Shared>, jobs: &[Guid], concurrency: usize) -> Vec<JobResult> {
    let mut waiting: VecDeque<Guid> = jobs.iter().copied().collect();
    let mut running = JoinSet::new();
    let mut results = Vec::with_capacity(jobs.len());
    loop {
        while running.len() < concurrency.max(1)
            && let Some(job) = waiting.pop_front()
        {
            if shared.cancellation.is_cancelled() {
                let mut result = job::failed(
                    job,
                    Clock::now(),
                    "interrupted before it was asked for".to_owned(),
                );
                result.interrupted = true;
                results.push(result);
                continue;
            }
            let shared = Arc::clone(shared);
            running.spawn(async move { (job, job::run(shared, job).await) });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        if let Ok((_, result)) = ended {
            (shared.events)(SyncEvent::JobEnded {
                name: result.name.as_deref(),
                record: &result.record,
            });
            results.push(result);
        }
    }
    // A task that panicked is a bug, and must not look like a job that was never asked for.
    let ended: HashSet<Guid> = results.iter().map(|result| result.record.job_id).collect();
    for &job in jobs {
        if !ended.contains(&job) {
            results.push(job::failed(
                job,
                Clock::now(),
                "its task ended in a panic; please report this".to_owned(),
            ));
        }
    }
    results
}

fn outcome(interrupted: bool, results: &[JobResult]) -> SyncOutcome {
    if results.is_empty() && !interrupted {
        // Every job of the server was to be asked for, and it told none.
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
