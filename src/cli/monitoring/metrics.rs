//! The metrics of an archive. Ages and dates are timestamps, as Prometheus recommends: `time()` minus a timestamp is an
//! age that keeps growing even if the file is no longer written.

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

/// A job with what is known of it.
struct Job<'k> {
    state: &'k JobState,
    failed_runs: i64,
    health: Option<&'k JobHealth>,
    completeness: Option<&'k JobCompleteness>,
}

/// A metric of jobs: name, help, and its value for a job, if it has one.
type JobMetric = (&'static str, &'static str, fn(&Job<'_>) -> Option<f64>);

/// The metrics of jobs, in the order in which they are written.
const JOB_METRICS: &[JobMetric] = &[
    (
        "jobruns_job_watched",
        "Whether syncs fetch the job (1) or not (0).",
        |job| Some(flag(job.state.job.watched)),
    ),
    (
        "jobruns_job_last_complete_sync_timestamp_seconds",
        "When the last sync ended in which all of the job was fetched.",
        |job| job.state.job.last_synced_at.map(seconds),
    ),
    (
        "jobruns_job_last_answer_timestamp_seconds",
        "When the last sync ended in which the job was answered completely, of all or of its latest runs.",
        |job| job.state.job.last_answered_at.map(seconds),
    ),
    (
        "jobruns_job_last_sync_failed",
        "Whether the last sync of the job was not complete (1) or was (0).",
        |job| Some(flag(job.state.job.last_error.is_some())),
    ),
    ("jobruns_job_runs", "Archived runs of the job.", |job| {
        Some(job.state.runs as f64)
    }),
    (
        "jobruns_job_failed_runs",
        "Archived runs of the job that failed (Faulted or Aborted).",
        |job| Some(job.failed_runs as f64),
    ),
    (
        "jobruns_job_last_run_start_timestamp_seconds",
        "When the newest archived run began.",
        |job| job.health?.silence.map(|silence| seconds(silence.last_start())),
    ),
    (
        "jobruns_job_stopped",
        "Whether the job has stopped: no run for 2.5 times its usual interval (1).",
        |job| Some(flag(job.health?.stopped().is_some())),
    ),
    (
        "jobruns_job_missed_runs",
        "Runs that a job that has stopped would usually have had since.",
        |job| Some(job.health?.stopped().unwrap_or(0) as f64),
    ),
    (
        "jobruns_job_quarantined_pieces",
        "Pieces in quarantine that nobody accepted yet.",
        |job| Some(job.health?.freshness.open_quarantine as f64),
    ),
    (
        "jobruns_job_history_gaps",
        "Spans between the first and the last complete answer in which runs may be missing, or that are disputed.",
        |job| Some(job.completeness?.gaps() as f64),
    ),
    (
        "jobruns_job_message_count_mismatches",
        "Runs with another number of messages than the server says.",
        |job| Some(job.completeness?.count_mismatches as f64),
    ),
    (
        "jobruns_job_vanished_runs",
        "Runs that the server stopped listing before their purge age, noticed by the last complete answer.",
        |job| job.health?.vanished_lately.map(|runs| runs as f64),
    ),
    (
        "jobruns_job_purge_loss_timestamp_seconds",
        "From when on runs are purged at the server before they are archived, unless a sync is complete before; missing where the purge age is not known.",
        |job| job.health?.purge_clock.map(|clock| seconds(clock.sync_by)),
    ),
];

fn job_metrics(known: &Known, states: &[JobState], archive: &str) -> Vec<Metric> {
    let jobs: Vec<_> = states
        .iter()
        .map(|state| {
            let id = &state.job.job_id;
            let labels = Labels::new(&[
                archive,
                &label("job_id", id),
                &label("job_name", state.job.name.as_deref().unwrap_or_default()),
            ]);
            let job = Job {
                state,
                failed_runs: known.failed_runs.get(id).copied().unwrap_or(0),
                health: known.health.get(id),
                completeness: known.completeness.get(id),
            };
            (labels, job)
        })
        .collect();
    JOB_METRICS
        .iter()
        .map(|&(name, help, value)| {
            let mut metric = Metric::new(name, help);
            for (labels, job) in &jobs {
                if let Some(value) = value(job) {
                    metric.add(labels, value);
                }
            }
            metric
        })
        .collect()
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
