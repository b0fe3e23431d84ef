//! The events of a sync as progress of its jobs, and as lines about them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount};

use crate::archive::JobRecord;
use crate::cli::hints;
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::progress::{Progress, ProgressFigures};
use crate::cli::terminal::table::counted;
use crate::cli::terminal::titles::TitledJob;
use crate::config::TerminalUse;
use crate::model::{Guid, show_duration};
use crate::sync::SyncEvent;

/// Shows how far a sync is. Clones share the display.
#[derive(Clone)]
pub(crate) struct JobProgress {
    display: Progress<Guid>,
    jobs: Arc<Mutex<JobCounts>>,
}

#[derive(Debug, Default)]
struct JobCounts {
    all: usize,
    begun: usize,
    ended: usize,
    /// The jobs of each name, with the servers that are asked for them.
    named: HashMap<String, Vec<(Guid, String)>>,
}

impl JobCounts {
    fn place(&self) -> String {
        format!("{}/{}", self.ended, self.all)
    }
}

impl JobCounts {
    /// What the job is called: with its server from when on another one has its name.
    fn title(&mut self, job: Guid, name: Option<&str>, server: &str) -> String {
        let Some(name) = name else {
            return job.to_string();
        };
        let bearers = self.named.entry(name.to_owned()).or_default();
        if bearers.iter().all(|(known, _)| *known != job) {
            bearers.push((job, server.to_owned()));
        }
        let others = bearers.iter().filter(|(known, _)| *known != job);
        let mut others = others.map(|(_, server)| Some(server.as_str())).peekable();
        if others.peek().is_none() {
            return shown(name);
        }
        let titled = TitledJob {
            id: &job.to_string(),
            name: Some(&shown(name)),
            server: Some(server),
        };
        titled.beside(others)
    }
}

impl JobProgress {
    /// A display on `console`, as `--progress` says.
    pub(crate) fn new(console: &Console, when: TerminalUse) -> Self {
        Self {
            display: Progress::new(console, when),
            jobs: Arc::default(),
        }
    }

    /// Takes away what is still drawn.
    pub(crate) fn clear(&self) {
        self.display.clear();
    }

    pub(crate) fn show(&self, event: &SyncEvent<'_>) {
        match *event {
            SyncEvent::NewerRules(newer) => tracing::warn!("{newer}. Hint: {}", hints::NEWER_RULES),
            SyncEvent::Began { jobs, sync_id, .. } => {
                tracing::debug!(sync_id, jobs, "the sync begins");
                let mut of_sync = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
                of_sync.all = jobs;
                (of_sync.begun, of_sync.ended) = (0, 0);
                self.display.begin(Some(format!("{} jobs", of_sync.place())));
            }
            SyncEvent::JobBegan { job, name, server } => {
                let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
                jobs.begun += 1;
                // Jobs that the server lists for the first time are added to those that were known.
                jobs.all = jobs.all.max(jobs.begun);
                let name = jobs.title(job, name, server);
                drop(jobs);
                tracing::debug!(job_id = %job, "{name}: asking the server");
                self.display.start(job, name);
            }
            SyncEvent::JobProgress {
                job,
                body_bytes,
                runs,
                total,
            } => self.moved(job, body_bytes, runs, total),
            SyncEvent::JobRetry {
                job,
                attempt,
                wait,
                error,
            } => {
                let wait = show_duration(Duration::from_secs(wait.as_secs_f64().ceil() as u64));
                let name = self.name(job);
                tracing::warn!(job_id = %job, attempt, error, "{name}: {error}; trying again in {wait}");
            }
            SyncEvent::ServerSilent { error, up_to } => {
                let up_to = show_duration(up_to);
                tracing::warn!(error, "{error}; trying again for up to {up_to}");
            }
            SyncEvent::ServerAnswers { after } => {
                let after = show_duration(Duration::from_secs(after.as_secs()));
                tracing::info!("the server answers again, after {after}");
            }
            SyncEvent::JobWarning { job, text } => {
                let name = self.name(job);
                tracing::warn!(job_id = %job, "{name}: {text}");
            }
            SyncEvent::JobEnded { name, record } => self.ended(name, record),
        }
    }

    fn moved(&self, job: Guid, bytes: u64, runs: u64, total: Option<i64>) {
        let moved = ProgressFigures {
            bytes,
            total_bytes: None,
            text: runs_of(runs, total),
        };
        self.display.moved(job, moved, |name, time| {
            let figures = figures(bytes, runs, time);
            tracing::info!(job_id = %job, body_bytes = bytes, runs_seen = runs, "{name}: {figures} so far");
        });
    }

    fn ended(&self, name: Option<&str>, record: &JobRecord) {
        let place = {
            let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.ended += 1;
            jobs.place()
        };
        self.display.set_overall(format!("{place} jobs"));
        let job = record.job_id;
        // A job that was never requested (the login failed) ends without having started.
        let began = self.display.end(job);
        let was_asked_for = began.is_some();
        let (name, time) = began.unwrap_or_else(|| (title(job, name), Duration::ZERO));
        let outcome = record.outcome.as_str();
        // The errors are reported at the end of the sync, those of one cause together.
        if let Some(error) = record.error.as_deref() {
            tracing::debug!(job_id = %job, outcome, error, "[{place}] {name}: {outcome}: {error}");
        }
        if !self.display.is_lines() {
            return;
        }
        let of = &record.figures;
        if of.body_bytes == 0 && was_asked_for {
            tracing::info!(job_id = %job, outcome, "[{place}] {name}: {outcome}");
        } else if of.body_bytes > 0 {
            let figures = figures(of.body_bytes, of.runs_seen, time);
            tracing::info!(
                job_id = %job, outcome, runs_seen = of.runs_seen, runs_new = of.runs_new,
                runs_changed = of.runs_changed, body_bytes = of.body_bytes, seconds = time.as_secs_f64(),
                "[{place}] {name}: {outcome}, {figures} ({} new, {} changed)",
                HumanCount(of.runs_new), HumanCount(of.runs_changed),
            );
        }
    }

    fn name(&self, job: Guid) -> String {
        self.display.name(job).unwrap_or_else(|| job.to_string())
    }
}

fn title(job: Guid, name: Option<&str>) -> String {
    name.map_or_else(|| job.to_string(), shown)
}

fn figures(bytes: u64, runs: u64, time: Duration) -> String {
    let per_second = bytes as f64 / time.as_secs_f64().max(0.001);
    format!(
        "{}, {} in {:.1} s ({}/s)",
        counted(runs, "run"),
        DecimalBytes(bytes),
        time.as_secs_f64(),
        DecimalBytes(per_second as u64)
    )
}

/// Runs so far, and how many there are where the server has said so.
fn runs_of(runs: u64, total: Option<i64>) -> String {
    match total
        .and_then(|total| u64::try_from(total).ok())
        .filter(|total| *total >= runs)
    {
        Some(total) => format!("{} of {}", HumanCount(runs), counted(total, "run")),
        None => counted(runs, "run"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn figures_are_in_plain_units() {
        let text = figures(96_200_000, 1030, Duration::from_secs(10));
        assert_eq!(text, "1,030 runs, 96.20 MB in 10.0 s (9.62 MB/s)");
        assert_eq!(runs_of(3, Some(12)), "3 of 12 runs");
        assert_eq!(runs_of(3, Some(2)), "3 runs");
    }

    #[test]
    fn a_job_is_called_by_its_name_while_it_runs() {
        let console = Console::new(LogFormat::Text, TerminalUse::Never, 1);
        let progress = JobProgress::new(&console, TerminalUse::Never);
        let job = Guid::from_bytes([1; 16]);
        assert_eq!(progress.name(job), job.to_string());
        let began = |job, server| {
            let name = Some("Nightly\x1b[2J");
            progress.show(&SyncEvent::JobBegan { job, name, server });
        };
        began(job, "https://a:1");
        assert_eq!(progress.name(job), r"Nightly\u{1b}[2J");
        // Another server has one of that name.
        let other = Guid::from_bytes([2; 16]);
        began(other, "https://b:1");
        assert_eq!(progress.name(other), r"Nightly\u{1b}[2J (b:1)");
        began(job, "https://a:1");
        assert_eq!(progress.name(job), r"Nightly\u{1b}[2J (a:1)");
    }
}
