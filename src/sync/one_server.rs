//! One server of a sync: login, its list of jobs, then its jobs, several at a time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as MonotonicInstant};

use tokio::task::JoinSet;

use super::event::SyncEvent;
use super::job::{self, JobResult};
use super::messages::of_client;
use super::patience::Patience;
use super::servers::NoServer;
use super::shared::Shared;
use crate::archive::MOST_CLOCK_SKEW;
use crate::ccs::retry;
use crate::model::{Guid, show_rounded};
use crate::text::chain;

/// What a server is to be asked.
pub(super) struct ServerQuestion {
    pub(super) jobs: Vec<Guid>,
    /// Jobs that no server is asked for yet; all servers share it, and each claims those that it lists.
    pub(super) unassigned: Arc<Mutex<Vec<(Guid, NoServer)>>>,
    /// Whether to watch jobs that the server lists and nobody has watched yet.
    pub(super) watch_new: bool,
    /// Whether this sync is only for the jobs that were named.
    pub(super) is_named: bool,
    pub(super) concurrency: usize,
    pub(super) is_one_of_many: bool,
}

/// What came of one server's jobs.
pub(super) struct ServerResult {
    /// In the order of the jobs.
    pub(super) results: Vec<JobResult>,
    /// Whether the server may have jobs that were not asked for.
    pub(super) may_miss_jobs: bool,
    /// This machine's clock minus the server's, in seconds.
    pub(super) skew: Option<i64>,
}

impl ServerResult {
    pub(super) fn panicked(jobs: &[Guid], url: &str) -> Self {
        Self {
            results: jobs.iter().map(|&job| panicked(job, url)).collect(),
            may_miss_jobs: true,
            skew: None,
        }
    }
}

/// Logs in, asks for the list of jobs, then for the runs of each job.
pub(super) async fn ask_server(shared: &Arc<Shared>, ask: ServerQuestion) -> ServerResult {
    let mut jobs = ask.jobs;
    let url = shared.client.base_url();
    let logged_in = login(shared).await;
    let skew = shared.client.take_clock_skew();
    if let Some(seconds) = skew {
        warn_of_clock(seconds, ask.is_one_of_many.then_some(url));
    }
    let (mut results, may_miss_jobs) = match logged_in {
        Ok(()) => {
            let new = ask_for_list(shared, ask.watch_new).await;
            let may_miss_jobs = new.is_none() && ask.watch_new;
            if !ask.is_named && ask.watch_new {
                jobs.extend(new.into_iter().flatten());
            }
            jobs.extend(claim(shared, &ask.unassigned));
            if !ask.is_named {
                jobs.sort_unstable();
                jobs.dedup();
            }
            (fetch_all(shared, &jobs, ask.concurrency).await, may_miss_jobs)
        }
        // Recorded for each job, so that each has its last error.
        Err(error) => {
            if jobs.is_empty() {
                tracing::error!("{url}: {error}");
            }
            let failed: Vec<_> = jobs
                .iter()
                .map(|&job| job::failed(job, MonotonicInstant::now(), error.clone(), Some(url)))
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
    let positions: HashMap<Guid, usize> = jobs.iter().copied().zip(0..).collect();
    results.sort_by_key(|result| positions.get(&result.record.job_id).copied());
    ServerResult {
        results,
        may_miss_jobs,
        skew: shared.client.take_clock_skew().or(skew),
    }
}

/// Takes the jobs that no server is known to have and that this one lists.
fn claim(shared: &Shared, unassigned: &Mutex<Vec<(Guid, NoServer)>>) -> Vec<Guid> {
    let Some(listed) = shared.listed.get() else {
        return Vec::new();
    };
    let mut unassigned = unassigned.lock().unwrap_or_else(PoisonError::into_inner);
    unassigned
        .extract_if(.., |(job, why)| {
            *why == NoServer::NoneKnown && listed.contains_key(job)
        })
        .map(|(job, _)| job)
        .collect()
}

/// How long the list of jobs may take; a sync goes on without it.
const LIST_TIME: Duration = Duration::from_secs(30);

/// Asks the server once for its list of jobs, which gives their names. With `watch_new`, also watches the new jobs and
/// returns them. `None` if there was no list: not every server supports it.
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
            tracing::warn!("the server did not list its jobs, so new ones are not watched: {error}");
            return None;
        }
        Err(error) => {
            tracing::debug!("the server did not list its jobs: {error}");
            return None;
        }
    };
    let listed: Vec<(Guid, String)> = found.into_iter().map(|job| (job.job_id, job.name)).collect();
    drop(shared.listed.set(listed.iter().cloned().collect()));
    let server = shared.client.base_url();
    // If the archive cannot be written, every job reports that.
    let new = shared.store.server_jobs(server, listed, watch_new).await;
    let new = new.unwrap_or_default();
    for (job, name) in &new {
        tracing::info!(job_id = %job, "the server has a new job, {name} ({job}), which is watched from now on");
    }
    Some(new.into_iter().map(|(job, _)| job).collect())
}

/// Warns if this machine's clock is far from the server's; `url` names the server if there are several.
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

/// Gets a token before the first large request, with the same patience as for any request.
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
                    MonotonicInstant::now(),
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
    // A panic is a bug, and must not look like a job that was never asked for.
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
    job::failed(job, MonotonicInstant::now(), error, Some(url))
}
