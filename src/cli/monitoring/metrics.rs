//! What an archive tells Prometheus. Ages and dates are timestamps, as Prometheus asks: `time()` less one is an age that
//! goes on growing where nobody writes it anew.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::exposition::{Labels, Metric, label};
use crate::archive::{COMPANIONS, JobState, LastSync, ReadOnly, folder_of};
use crate::cli::failure::Failure;
use crate::cli::watch_list::with_jobs_file;
use crate::config::Sources;
use crate::model::Instant;
use crate::report::purge_age::PurgeAges;
use crate::report::reports::completeness::{self, JobCompleteness};
use crate::report::reports::health::JobHealth;
use crate::report::{CommonOptions, ReportError};

/// How a sync can end, as `syncs` has it.
const OUTCOMES: [&str; 4] = ["complete", "partial", "failed", "interrupted"];

/// The label that tells archives apart: the absolute path.
pub(crate) fn archive_label(archive: &Path) -> String {
    let path = std::path::absolute(archive).unwrap_or_else(|_| archive.to_path_buf());
    label("archive", &path.to_string_lossy())
}

/// The metrics of an archive; of one that cannot be read, that alone.
///
/// # Errors
/// A jobs file that cannot be read.
pub(crate) fn of_archive(
    archive: &Path,
    sources: &Sources<'_>,
    purge_age: Option<Duration>,
) -> Result<(Vec<Metric>, Option<Failure>), Failure> {
    let labels = [archive_label(archive)];
    let of_archive = Labels::new(&[&labels[0]]);
    let mut readable = Metric::new(
        "jobruns_archive_readable",
        "Whether the archive could be read (1) or not (0).",
    );
    let read = ReadOnly::open(archive)
        .map_err(Failure::from)
        .and_then(|reader| Ok(reader.settled(|reader| reader.confirmed(Known::read(reader, purge_age)))?));
    let mut metrics = vec![];
    let failure = match read {
        Ok(known) => {
            readable.add(&of_archive, 1.0);
            let states = with_jobs_file(known.states.clone(), sources)?;
            metrics.extend(sync_metrics(&known, &of_archive));
            metrics.extend(job_metrics(&known, &states, &labels[0]));
            None
        }
        Err(failure) => {
            readable.add(&of_archive, 0.0);
            Some(failure)
        }
    };
    metrics.insert(0, readable);
    metrics.extend(disk_metrics(archive, &of_archive));
    Ok((metrics, failure))
}

/// What is read of one state of the archive.
struct Known {
    states: Vec<JobState>,
    health: HashMap<String, JobHealth>,
    completeness: HashMap<String, JobCompleteness>,
    failed_runs: HashMap<String, i64>,
    last_sync: Option<LastSync>,
    clock_skew: Option<i64>,
    unwatched: Option<u64>,
}

impl Known {
    fn read(reader: &ReadOnly, purge_age: Option<Duration>) -> Result<Self, ReportError> {
        let snapshot = reader.snapshot()?;
        let ages = PurgeAges::read(&snapshot, purge_age)?;
        let scope = CommonOptions::default().scope(&snapshot)?;
        let servers = snapshot.server_jobs()?;
        let health = JobHealth::read(&snapshot, &scope, &ages)?.into_iter();
        let completeness = completeness::of_jobs(&snapshot, &scope, &ages)?.into_iter();
        let unwatched = servers.iter().map(|server| server.unwatched.len() as u64);
        Ok(Self {
            states: reader.job_states()?,
            health: health.map(|job| (job.job_id.clone(), job)).collect(),
            completeness: completeness.map(|job| (job.job_id.clone(), job)).collect(),
            failed_runs: snapshot.failed_runs()?.into_iter().collect(),
            last_sync: snapshot.last_sync()?,
            clock_skew: snapshot.last_clock_skew()?,
            unwatched: (!servers.is_empty()).then(|| unwatched.sum()),
        })
    }
}

fn seconds(at: Instant) -> f64 {
    at.unix_seconds() as f64
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn sync_metrics(known: &Known, labels: &Labels) -> Vec<Metric> {
    let mut started = Metric::new(
        "jobruns_last_sync_start_timestamp_seconds",
        "When the sync that began last began.",
    );
    let mut ended = Metric::new(
        "jobruns_last_sync_end_timestamp_seconds",
        "When it ended; missing while it runs, and where it was killed.",
    );
    let mut duration = Metric::new("jobruns_last_sync_duration_seconds", "How long it took.");
    let mut outcome = Metric::new(
        "jobruns_last_sync_outcome",
        "How it ended: 1 for the outcome that it had, 0 for the others.",
    );
    let mut skew = Metric::new(
        "jobruns_clock_skew_seconds",
        "This machine's clock less the server's at the last sync that could compare them.",
    );
    let mut unwatched = Metric::new(
        "jobruns_jobs_unwatched",
        "Jobs that the server has and nobody watches.",
    );
    if let Some(sync) = &known.last_sync {
        started.add(labels, sync.started_unix as f64);
        if let Some(finished) = sync.finished_unix {
            ended.add(labels, finished as f64);
            duration.add(labels, (finished - sync.started_unix) as f64);
        }
        if let Some(had) = &sync.outcome {
            for word in OUTCOMES {
                let labels = labels.with(&label("outcome", word));
                outcome.add(&labels, flag(had == word));
            }
        }
    }
    if let Some(seconds) = known.clock_skew {
        skew.add(labels, seconds as f64);
    }
    if let Some(jobs) = known.unwatched {
        unwatched.add(labels, jobs as f64);
    }
    vec![started, ended, duration, outcome, skew, unwatched]
}

/// The metrics of jobs, in the order in which they are written.
struct JobMetrics {
    watched: Metric,
    last_complete: Metric,
    last_answer: Metric,
    last_failed: Metric,
    runs: Metric,
    failed_runs: Metric,
    newest_run: Metric,
    stopped: Metric,
    runs_missed: Metric,
    quarantine: Metric,
    gaps: Metric,
    mismatches: Metric,
    vanished: Metric,
    purge_loss: Metric,
}

impl JobMetrics {
    const fn new() -> Self {
        Self {
            watched: Metric::new(
                "jobruns_job_watched",
                "Whether syncs fetch the job (1) or not (0).",
            ),
            last_complete: Metric::new(
                "jobruns_job_last_complete_sync_timestamp_seconds",
                "When the last sync ended in which all of the job was fetched.",
            ),
            last_answer: Metric::new(
                "jobruns_job_last_answer_timestamp_seconds",
                "When the last sync ended in which the job was answered completely, of all or of its latest runs.",
            ),
            last_failed: Metric::new(
                "jobruns_job_last_sync_failed",
                "Whether the last sync of the job was not complete (1) or was (0).",
            ),
            runs: Metric::new("jobruns_job_runs", "Archived runs of the job."),
            failed_runs: Metric::new(
                "jobruns_job_failed_runs",
                "Archived runs of the job that failed (Faulted or Aborted).",
            ),
            newest_run: Metric::new(
                "jobruns_job_last_run_start_timestamp_seconds",
                "When the newest archived run began.",
            ),
            stopped: Metric::new(
                "jobruns_job_stopped",
                "Whether the job has stopped: no run for 2.5 times its usual interval (1).",
            ),
            runs_missed: Metric::new(
                "jobruns_job_missed_runs",
                "Runs that a job that has stopped would usually have had since.",
            ),
            quarantine: Metric::new(
                "jobruns_job_quarantined_pieces",
                "Pieces in quarantine that nobody accepted yet.",
            ),
            gaps: Metric::new(
                "jobruns_job_history_gaps",
                "Spans between the first and the last complete answer in which runs may be missing, or that are disputed.",
            ),
            mismatches: Metric::new(
                "jobruns_job_message_count_mismatches",
                "Runs with another number of messages than the server says.",
            ),
            vanished: Metric::new(
                "jobruns_job_vanished_runs",
                "Runs that the server stopped listing before their purge age, noticed by the last complete answer.",
            ),
            purge_loss: Metric::new(
                "jobruns_job_purge_loss_timestamp_seconds",
                "From when on runs are purged at the server before they are archived, unless a sync is complete before; missing where the purge age is not known.",
            ),
        }
    }

    fn all(self) -> [Metric; 14] {
        [
            self.watched,
            self.last_complete,
            self.last_answer,
            self.last_failed,
            self.runs,
            self.failed_runs,
            self.newest_run,
            self.stopped,
            self.runs_missed,
            self.quarantine,
            self.gaps,
            self.mismatches,
            self.vanished,
            self.purge_loss,
        ]
    }
}

fn job_metrics(known: &Known, states: &[JobState], archive: &str) -> [Metric; 14] {
    let mut metrics = JobMetrics::new();
    for JobState { job, runs, .. } in states {
        let labels = Labels::new(&[
            archive,
            &label("job_id", &job.job_id),
            &label("job_name", job.name.as_deref().unwrap_or_default()),
        ]);
        metrics.watched.add(&labels, flag(job.watched));
        if let Some(at) = job.last_synced_at {
            metrics.last_complete.add(&labels, seconds(at));
        }
        if let Some(at) = job.last_answered_at {
            metrics.last_answer.add(&labels, seconds(at));
        }
        metrics.last_failed.add(&labels, flag(job.last_error.is_some()));
        metrics.runs.add(&labels, *runs as f64);
        let failed = known.failed_runs.get(&job.job_id).copied().unwrap_or(0);
        metrics.failed_runs.add(&labels, failed as f64);
        if let Some(health) = known.health.get(&job.job_id) {
            if let Some(silence) = health.silence {
                metrics.newest_run.add(&labels, seconds(silence.last_start()));
            }
            let missed = health.stopped();
            metrics.stopped.add(&labels, flag(missed.is_some()));
            metrics.runs_missed.add(&labels, missed.unwrap_or(0) as f64);
            metrics
                .quarantine
                .add(&labels, health.freshness.open_quarantine as f64);
            if let Some(runs) = health.vanished_lately {
                metrics.vanished.add(&labels, runs as f64);
            }
            if let Some(clock) = health.purge_clock {
                metrics.purge_loss.add(&labels, seconds(clock.sync_by));
            }
        }
        if let Some(of_job) = known.completeness.get(&job.job_id) {
            metrics.gaps.add(&labels, of_job.gaps() as f64);
            metrics.mismatches.add(&labels, of_job.count_mismatches as f64);
        }
    }
    metrics.all()
}

fn disk_metrics(archive: &Path, labels: &Labels) -> [Metric; 2] {
    let mut size = Metric::new(
        "jobruns_archive_size_bytes",
        "Size of the archive with the files that SQLite keeps beside it.",
    );
    let mut free = Metric::new(
        "jobruns_archive_disk_free_bytes",
        "Free space of the disk on which the archive lies.",
    );
    let beside = COMPANIONS.iter().map(|suffix| {
        let mut path = archive.as_os_str().to_owned();
        path.push(suffix);
        fs::metadata(path).map_or(0, |data| data.len())
    });
    if let Ok(data) = fs::metadata(archive) {
        size.add(labels, (data.len() + beside.sum::<u64>()) as f64);
    }
    if let Ok(bytes) = fs4::available_space(folder_of(archive)) {
        free.add(labels, bytes as f64);
    }
    [size, free]
}
