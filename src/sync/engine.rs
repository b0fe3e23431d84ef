//! The whole of a sync: lock, archive, login, jobs side by side, end.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant as Clock};

use tokio::task::JoinSet;

use super::event::{Cancellation, SyncEvent};
use super::fetch::Fetch;
use super::job::{self, JobResult};
use super::messages::{self, HintOf, of_client};
use super::outage::Outage;
use super::patience::Patience;
use super::servers::Servers;
use super::shared::{JobOptions, Shared};
use super::store;
use crate::archive::{
    ArchiveError, JobOutcome, MOST_CLOCK_SKEW, SyncLock, SyncOutcome, SyncRecord, Writer, is_to_be_made,
    refuse_missing,
};
use crate::ccs::retry::{self, Policy};
use crate::model::{Guid, NaiveZone, show_rounded};
use crate::text::chain;

/// What a sync is to do.
#[derive(Debug, Clone)]
pub struct SyncOptions {
    /// Jobs to ask for, with names where somebody gave one; none: all watched jobs. They are watched once they answered.
    pub jobs: Vec<(Guid, Option<String>)>,
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

/// Why a sync could not be done at all.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Something about the archive.
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
/// A failed job is an entry of the result, and never stops another one; nor does a server that does not answer. Stopped,
/// it keeps what was read and says `interrupted`.
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
    if !options.create_archive {
        // Before the lock, which leaves a file.
        refuse_missing(path)?;
    }
    let asks_for_any = !options.jobs.is_empty()
        || servers
            .asked
            .iter()
            .any(|server| server.watch_all || server.jobs_files.iter().any(|file| !file.jobs.is_empty()));
    if !asks_for_any && is_to_be_made(path)? {
        // Otherwise an empty archive would be created without a word.
        return Err(no_job(path, false));
    }
    let lock = SyncLock::take(path)?;
    let mut writer = Writer::open_for_sync(path, &lock, options.create_archive)?;
    let (zone, newer_rules) = writer.settle_naive_time(options.naive_time)?;
    if let Some(newer) = &newer_rules {
        events(SyncEvent::NewerRules(newer));
    }
    for file in servers.asked.iter().flat_map(|server| &server.jobs_files) {
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
    let wanted = if named.is_empty() { &watched } else { &named };
    let assigned = servers.assign(wanted, &writer.job_servers()?);
    let watch_all = servers.asked.iter().any(|server| server.watch_all);
    if assigned.is_empty() && !watch_all {
        return Err(no_job(path, !wanted.is_empty()));
    }
    let sync_id = writer.begin_sync(options.fetch.count())?;
    events(SyncEvent::Began {
        sync_id,
        archive_created: writer.created(),
        jobs: assigned.len(),
    });
    let (store, thread) = store::start(writer, sync_id).map_err(|source| ArchiveError::Io {
        doing: "start the thread that writes",
        path: path.to_path_buf(),
        source,
    })?;
    // If a job is named several times, the first name wins.
    let names: Arc<HashMap<Guid, String>> = Arc::new(
        options
            .jobs
            .iter()
            .rev()
            .filter_map(|(id, name)| name.clone().map(|name| (*id, name)))
            .collect(),
    );
    let events: Arc<dyn Fn(SyncEvent<'_>) + Send + Sync> = Arc::from(events);
    let unclaimed = Arc::new(Mutex::new(assigned.unclaimed));
    let mut asking = JoinSet::new();
    for (place, (server, jobs)) in servers.asked.iter().zip(&assigned.of_server).enumerate() {
        let shared = Arc::new(Shared {
            client: server.client.clone(),
            store: store.clone(),
            options: JobOptions {
                fetch: options.fetch,
                retry: options.retry.clone(),
                run_limit: options.run_limit,
                zone,
                hint: options.hint,
            },
            names: Arc::clone(&names),
            listed: OnceLock::new(),
            events: Arc::clone(&events),
            cancellation: cancellation.clone(),
            outage: Outage::default(),
        });
        let ask = Ask {
            jobs: jobs.clone(),
            unclaimed: Arc::clone(&unclaimed),
            watch_new: server.watch_all,
            is_named: !named.is_empty(),
            concurrency: options.concurrency,
            is_one_of_many: servers.asked.len() > 1,
        };
        asking.spawn(async move { (place, ask_server(&shared, ask).await) });
    }
    // The writing thread ends when the last of its senders has gone.
    drop(store);
    let mut answered: Vec<Option<ServerResult>> = servers.asked.iter().map(|_| None).collect();
    while let Some(ended) = asking.join_next().await {
        if let Ok((place, result)) = ended {
            answered[place] = Some(result);
        }
    }
    let mut results = Vec::with_capacity(assigned.of_server.iter().map(Vec::len).sum());
    let mut is_short = false;
    let mut skews = Vec::new();
    for ((answered, server), jobs) in answered.into_iter().zip(&servers.asked).zip(&assigned.of_server) {
        let url = server.client.base_url();
        let answered = answered.unwrap_or_else(|| ServerResult {
            results: jobs.iter().map(|&job| panicked(job, url)).collect(),
            is_short: true,
            skew: None,
        });
        results.extend(answered.results);
        is_short |= answered.is_short;
        skews.extend(answered.skew.map(|skew| (skew, url)));
    }
    // Where every server was asked, a job that is no server's is an error.
    let unclaimed = std::mem::take(&mut *unclaimed.lock().unwrap_or_else(PoisonError::into_inner));
    let ownerless = unclaimed
        .into_iter()
        .map(|job| (job, None))
        .chain(assigned.unknown_server);
    for (job, server) in ownerless {
        let error = messages::of_ownerless(job, server.as_deref(), options.hint);
        if servers.others.is_empty() {
            let result = job::failed(job, Clock::now(), error, None);
            events(SyncEvent::JobEnded {
                name: None,
                record: &result.record,
            });
            results.push(result);
        } else {
            tracing::info!(job_id = %job, "job {job} was not asked for: {error}");
        }
    }
    let interrupted = cancellation.is_cancelled() && results.iter().any(|result| result.interrupted);
    let outcome = match outcome(interrupted, &results) {
        // Of the jobs that the servers have, some may never have been asked for.
        SyncOutcome::Complete if is_short => SyncOutcome::Partial,
        outcome => outcome,
    };
    // A jobs file that lists a job is reason enough to watch it.
    let mut named: HashSet<Guid> = named.into_iter().collect();
    for file in servers.asked.iter().flat_map(|server| &server.jobs_files) {
        for (job, _) in &file.jobs {
            named.remove(job);
        }
    }
    let skew = largest(&skews);
    let ended = results
        .into_iter()
        .map(|result| (result.record, result.missing))
        .collect();
    let record = tokio::task::spawn_blocking(move || thread.end(outcome, skew, &named, ended))
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

fn no_job(archive: &Path, others: bool) -> SyncError {
    SyncError::NoJob {
        archive: archive.display().to_string(),
        others,
    }
}

/// What a server is asked.
struct Ask {
    jobs: Vec<Guid>,
    /// Jobs of which no server is known: those that it lists are its own.
    unclaimed: Arc<Mutex<BTreeSet<Guid>>>,
    watch_new: bool,
    /// Whether somebody named the jobs.
    is_named: bool,
    concurrency: usize,
    is_one_of_many: bool,
}

/// What came of a server's jobs.
struct ServerResult {
    /// In the order of the jobs.
    results: Vec<JobResult>,
    /// Whether it may have jobs that were not asked for.
    is_short: bool,
    /// This machine's clock less the server's, in seconds.
    skew: Option<i64>,
}

async fn ask_server(shared: &Arc<Shared>, ask: Ask) -> ServerResult {
    let mut jobs = ask.jobs;
    let url = shared.client.base_url();
    let logged_in = login(shared).await;
    let skew = shared.client.take_clock_skew();
    if let Some(seconds) = skew {
        warn_of_clock(seconds, ask.is_one_of_many.then_some(url));
    }
    let (mut results, is_short) = match logged_in {
        Ok(()) => {
            let new = ask_for_list(shared, ask.watch_new).await;
            let is_short = new.is_none() && ask.watch_new;
            if !ask.is_named && ask.watch_new {
                jobs.extend(new.into_iter().flatten());
            }
            jobs.extend(claim(shared, &ask.unclaimed));
            if !ask.is_named {
                jobs.sort_unstable();
                jobs.dedup();
            }
            (fetch_all(shared, &jobs, ask.concurrency).await, is_short)
        }
        // Told once for each job, so that each has its last error.
        Err(error) => {
            if jobs.is_empty() {
                tracing::error!("{url}: {error}");
            }
            let failed: Vec<_> = jobs
                .iter()
                .map(|&job| job::failed(job, Clock::now(), error.clone(), Some(url)))
                .collect();
            for result in &failed {
                (shared.events)(SyncEvent::JobEnded {
                    name: None,
                    record: &result.record,
                });
            }
            (failed, ask.watch_new || jobs.is_empty())
        }
    };
    let places: HashMap<Guid, usize> = jobs.iter().copied().zip(0..).collect();
    results.sort_by_key(|result| places.get(&result.record.job_id).copied());
    ServerResult {
        results,
        is_short,
        skew: shared.client.take_clock_skew().or(skew),
    }
}

/// Takes those of the jobs that no server has claimed yet and that this one lists.
fn claim(shared: &Shared, unclaimed: &Mutex<BTreeSet<Guid>>) -> Vec<Guid> {
    let Some(listed) = shared.listed.get() else {
        return Vec::new();
    };
    let mut unclaimed = unclaimed.lock().unwrap_or_else(PoisonError::into_inner);
    let (claimed, rest): (BTreeSet<Guid>, BTreeSet<Guid>) =
        unclaimed.iter().partition(|job| listed.contains_key(job));
    *unclaimed = rest;
    claimed.into_iter().collect()
}

/// The largest difference between this machine's clock and a server's, which stands for all of them.
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
/// new ones, and returns them. `None` where there was no list: a server need not support it.
async fn ask_for_list(shared: &Shared, watch_new: bool) -> Option<Vec<Guid>> {
    let mut cancellation = shared.cancellation.clone();
    let asked = async {
        match tokio::time::timeout(LIST_TIME, shared.client.discover()).await {
            Ok(found) => found.map_err(|error| chain(&error)),
            Err(_) => Err(format!("it took longer than {}", show_rounded(LIST_TIME))),
        }
    };
    let found = tokio::select! {
        found = asked => found,
        () = cancellation.cancelled() => return Some(Vec::new()),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) if watch_new => {
            tracing::warn!(
                "the server did not tell which jobs it has, so that new ones are not watched: {error}"
            );
            return None;
        }
        Err(error) => {
            tracing::debug!("the server did not tell which jobs it has: {error}");
            return None;
        }
    };
    let listed: Vec<(Guid, String)> = found.into_iter().map(|job| (job.job_id, job.name)).collect();
    drop(shared.listed.set(listed.iter().cloned().collect()));
    let server = shared.client.base_url();
    // Where the archive cannot be written, every job says so.
    let new = shared.store.server_jobs(server, listed, watch_new).await;
    let new = new.unwrap_or_default();
    for (job, name) in &new {
        tracing::info!(job_id = %job, "the server has a new job, {name} ({job}), which is watched from now on");
    }
    Some(new.into_iter().map(|(job, _)| job).collect())
}

/// Warns of a clock that is far from the server's; `url` says which, where there are several.
fn warn_of_clock(seconds: i64, url: Option<&str>) {
    if seconds.unsigned_abs() < MOST_CLOCK_SKEW {
        return;
    }
    let skew = Duration::from_secs(seconds.unsigned_abs());
    tracing::warn!(
        clock_skew_seconds = seconds,
        "this machine's clock is {} {} the server's{}; set the wrong one of the two: times of syncs and ages of runs are \
         wrong by as much",
        show_rounded(skew),
        if seconds > 0 { "ahead of" } else { "behind" },
        url.map_or_else(String::new, |url| format!(" ({url})"))
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
                    Some(shared.client.base_url()),
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
            results.push(panicked(job, shared.client.base_url()));
        }
    }
    results
}

fn panicked(job: Guid, url: &str) -> JobResult {
    let error = "its task ended in a panic; please report this".to_owned();
    job::failed(job, Clock::now(), error, Some(url))
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
