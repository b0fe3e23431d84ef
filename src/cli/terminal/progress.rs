//! How far a sync is: a bar per job on a terminal, a plain line per job elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::cli::hints;
use crate::cli::terminal::console::{Console, shown, stderr_is_terminal};
use crate::config::When;
use crate::model::{Guid, show_duration};
use crate::sync::SyncEvent;
use crate::text::at_most;

/// Bars wait this long: what is done by then needs none.
const BARS_WAIT: Duration = Duration::from_millis(250);

/// How often a bar is drawn anew; quicker than the eye needs costs time and flickers.
const BAR_PACE: Duration = Duration::from_millis(125);

/// How often a job that goes on gets a line where no bars can be drawn, so that a log shows life.
const LINE_PACE: Duration = Duration::from_secs(30);

/// The same where progress was asked for (`--progress always`).
const EAGER_LINE_PACE: Duration = Duration::from_secs(1);

/// The most letters of a job's name that a bar shows: bar, figures and name fit 80 columns.
const SHOWN_OF_A_NAME: usize = 30;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Bars,
    Lines { pace: Duration },
    Nothing,
}

/// Shows how far a sync is. Clones share the display.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Inner>);

struct Inner {
    console: Console,
    manner: Manner,
    state: Mutex<ProgressState>,
}

#[derive(Default)]
struct ProgressState {
    jobs: usize,
    began: Option<Instant>,
    finished: usize,
    bars_may_show: bool,
    /// The line about all jobs, below those of single ones.
    overall: Option<ProgressBar>,
    running: HashMap<Guid, Running>,
}

struct Running {
    name: String,
    started: Instant,
    last_line: Instant,
    bytes: u64,
    runs: u64,
    bar: Option<ProgressBar>,
}

/// How a job ended, as far as a line tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobEnd<'e> {
    /// "complete", "partial" or "failed".
    pub outcome: &'e str,
    /// Elements of the answer that were read.
    pub runs_seen: u64,
    /// Runs that were not archived before.
    pub runs_new: u64,
    /// Runs that differ from what was archived.
    pub runs_changed: u64,
    /// Body bytes, after decompression.
    pub body_bytes: u64,
    /// What went wrong, if anything.
    pub error: Option<&'e str>,
}

impl Progress {
    /// A display on `console`, as `--progress` says.
    #[must_use]
    pub(crate) fn new(console: &Console, when: When) -> Self {
        let terminal = stderr_is_terminal() && !console.is_json();
        let manner = manner(when, terminal, console.is_quiet());
        Self(Arc::new(Inner {
            console: console.clone(),
            manner,
            state: Mutex::default(),
        }))
    }

    /// Shows an event of a sync.
    pub(crate) fn show(&self, event: &SyncEvent<'_>) {
        match *event {
            SyncEvent::NewerRules(newer) => tracing::warn!("{newer}. Hint: {}", hints::NEWER_RULES),
            SyncEvent::Began { jobs, sync_id, .. } => {
                tracing::debug!(sync_id, jobs, "the sync begins");
                self.sync_started(jobs);
            }
            SyncEvent::JobBegan { job, name } => self.job_started(job, name),
            SyncEvent::JobProgress {
                job,
                body_bytes,
                runs,
                total,
            } => {
                self.job_moved(job, body_bytes, runs, total);
            }
            SyncEvent::JobRetry {
                job,
                attempt,
                wait,
                error,
            } => self.job_retries(job, attempt, wait, error),
            SyncEvent::ServerSilent { error, up_to } => {
                let up_to = show_duration(up_to);
                tracing::warn!(error, "{error}; trying again for up to {up_to}");
            }
            SyncEvent::ServerAnswers { after } => {
                let after = show_duration(Duration::from_secs(after.as_secs()));
                tracing::info!("the server answers again, after {after}");
            }
            SyncEvent::JobWarning { job, text } => self.job_warned(job, text),
            SyncEvent::JobEnded { name, record } => {
                let end = JobEnd {
                    outcome: record.outcome.as_str(),
                    runs_seen: record.figures.runs_seen,
                    runs_new: record.figures.runs_new,
                    runs_changed: record.figures.runs_changed,
                    body_bytes: record.figures.body_bytes,
                    error: record.error.as_deref(),
                };
                self.job_finished(record.job_id, name, &end);
            }
        }
    }

    /// A sync of `jobs` jobs begins.
    pub(crate) fn sync_started(&self, jobs: usize) {
        *self.state() = ProgressState {
            jobs,
            began: Some(Instant::now()),
            ..ProgressState::default()
        };
        if self.0.manner == Manner::Bars {
            let later: Weak<Inner> = Arc::downgrade(&self.0);
            let show = move || {
                std::thread::sleep(BARS_WAIT);
                if let Some(inner) = later.upgrade() {
                    Self(inner).show_bars();
                }
            };
            // Without a thread there are no bars.
            drop(std::thread::Builder::new().spawn(show));
        }
    }

    /// The fetch of a job begins.
    pub(crate) fn job_started(&self, job: Guid, name: Option<&str>) {
        let now = Instant::now();
        let name = name.map_or_else(|| job.to_string(), shown);
        let mut running = Running {
            name,
            started: now,
            last_line: now,
            bytes: 0,
            runs: 0,
            bar: None,
        };
        let mut state = self.state();
        if self.0.manner == Manner::Bars && state.bars_may_show {
            running.bar = Some(self.bar(&running));
        }
        tracing::debug!(job_id = %job, "{}: asking the server", running.name);
        state.running.insert(job, running);
    }

    /// A job's answer goes on: bytes of its body and runs so far, and how many runs the server says there are.
    pub(crate) fn job_moved(&self, job: Guid, bytes: u64, runs: u64, total: Option<i64>) {
        if self.0.manner == Manner::Nothing {
            return;
        }
        let mut state = self.state();
        let Some(running) = state.running.get_mut(&job) else {
            return;
        };
        (running.bytes, running.runs) = (bytes, runs);
        if let Some(bar) = &running.bar {
            bar.set_position(bytes);
            bar.set_message(runs_of(runs, total));
        }
        if let Manner::Lines { pace } = self.0.manner
            && running.last_line.elapsed() >= pace
        {
            running.last_line = Instant::now();
            let Running { name, started, .. } = running;
            let figures = figures(bytes, runs, started.elapsed());
            tracing::info!(job_id = %job, body_bytes = bytes, runs_seen = runs, "{name}: {figures} so far");
        }
    }

    /// A job is tried again after `wait`.
    pub(crate) fn job_retries(&self, job: Guid, attempt: u32, wait: Duration, error: &str) {
        let wait = show_duration(Duration::from_secs(wait.as_secs_f64().ceil() as u64));
        let name = self.name(job);
        tracing::warn!(job_id = %job, attempt, error, "{name}: {error}; trying again in {wait}");
    }

    /// Something about a job that somebody should know.
    pub(crate) fn job_warned(&self, job: Guid, text: &str) {
        let name = self.name(job);
        tracing::warn!(job_id = %job, "{name}: {text}");
    }

    /// A job ended.
    pub(crate) fn job_finished(&self, job: Guid, name: Option<&str>, end: &JobEnd<'_>) {
        let mut state = self.state();
        state.finished += 1;
        let place = format!("{}/{}", state.finished, state.jobs);
        if let Some(overall) = &state.overall {
            overall.set_prefix(format!("{place} jobs"));
        }
        // A job that was never asked for (the login failed) ends without having begun.
        let running = state.running.remove(&job);
        drop(state);
        if let Some(bar) = running.as_ref().and_then(|running| running.bar.as_ref()) {
            bar.finish_and_clear();
        }
        let seconds = running
            .as_ref()
            .map_or(Duration::ZERO, |running| running.started.elapsed());
        let was_asked_for = running.is_some();
        let name = match running {
            Some(running) => running.name,
            None => name.map_or_else(|| job.to_string(), shown),
        };
        let JobEnd {
            outcome,
            runs_seen,
            runs_new,
            runs_changed,
            body_bytes,
            error,
        } = *end;
        // The errors are told at the end of the sync, those of one cause together.
        if let Some(error) = error {
            tracing::debug!(job_id = %job, outcome, error, "[{place}] {name}: {outcome}: {error}");
        }
        if !matches!(self.0.manner, Manner::Lines { .. }) {
            return;
        }
        if body_bytes == 0 && was_asked_for {
            tracing::info!(job_id = %job, outcome, "[{place}] {name}: {outcome}");
        } else if body_bytes > 0 {
            let figures = figures(body_bytes, runs_seen, seconds);
            tracing::info!(
                job_id = %job, outcome, runs_seen, runs_new, runs_changed, body_bytes,
                seconds = seconds.as_secs_f64(),
                "[{place}] {name}: {outcome}, {figures} ({} new, {} changed)",
                HumanCount(runs_new), HumanCount(runs_changed),
            );
        }
    }

    /// Takes away what is still drawn.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        for (_, running) in state.running.drain() {
            if let Some(bar) = running.bar {
                bar.finish_and_clear();
            }
        }
        if let Some(overall) = state.overall.take() {
            overall.finish_and_clear();
        }
        // What has ended by then is not drawn any more.
        state.jobs = 0;
    }

    fn show_bars(&self) {
        let mut state = self.state();
        if state.jobs == 0 {
            return;
        }
        state.bars_may_show = true;
        let overall = self
            .0
            .console
            .bars()
            .add(ProgressBar::no_length().with_style(style(OVERALL)));
        let overall = overall.with_elapsed(state.began.map_or(Duration::ZERO, |began| began.elapsed()));
        overall.set_prefix(format!("{}/{} jobs", state.finished, state.jobs));
        overall.enable_steady_tick(BAR_PACE);
        state.overall = Some(overall);
        for running in state.running.values_mut().filter(|running| running.bar.is_none()) {
            running.bar = Some(self.bar(running));
        }
    }

    fn bar(&self, running: &Running) -> ProgressBar {
        // Above the line about all jobs.
        let bar = self
            .0
            .console
            .bars()
            .insert(0, ProgressBar::no_length().with_style(style(OF_A_JOB)));
        bar.set_prefix(at_most(&running.name, SHOWN_OF_A_NAME).into_owned());
        bar.set_message(format!("{} runs", HumanCount(running.runs)));
        bar.set_position(running.bytes);
        bar.enable_steady_tick(BAR_PACE);
        bar
    }

    fn name(&self, job: Guid) -> String {
        match self.state().running.get(&job) {
            Some(running) => running.name.clone(),
            None => job.to_string(),
        }
    }

    fn state(&self) -> MutexGuard<'_, ProgressState> {
        // A panic elsewhere leaves figures, not invariants; they can still be shown.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line of a job. The server does not say how long its answer will be, so there is no total to fill a bar towards.
const OF_A_JOB: &str = "{spinner} {prefix}  {decimal_bytes:>10}  {msg}  {decimal_bytes_per_sec}";

/// The line about all jobs.
const OVERALL: &str = "{spinner} {prefix}, {elapsed} elapsed";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant, tried by a test")
}

pub(crate) const fn manner(when: When, terminal: bool, quiet: bool) -> Manner {
    match when {
        When::Never => Manner::Nothing,
        // Stderr leaves the lines out; a log file has them.
        _ if quiet => Manner::Lines { pace: LINE_PACE },
        When::Auto | When::Always if terminal => Manner::Bars,
        When::Auto => Manner::Lines { pace: LINE_PACE },
        When::Always => Manner::Lines {
            pace: EAGER_LINE_PACE,
        },
    }
}

fn figures(bytes: u64, runs: u64, time: Duration) -> String {
    let per_second = bytes as f64 / time.as_secs_f64().max(0.001);
    format!(
        "{} runs, {} in {:.1} s ({}/s)",
        HumanCount(runs),
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
        Some(total) => format!("{} of {} runs", HumanCount(runs), HumanCount(total)),
        None => format!("{} runs", HumanCount(runs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogFormat;

    #[test]
    fn bars_are_for_terminals_and_quiet_is_quiet() {
        assert_eq!(manner(When::Auto, true, false), Manner::Bars);
        assert_eq!(
            manner(When::Auto, false, false),
            Manner::Lines { pace: LINE_PACE }
        );
        assert_eq!(
            manner(When::Always, false, false),
            Manner::Lines {
                pace: EAGER_LINE_PACE
            }
        );
        assert_eq!(manner(When::Never, true, false), Manner::Nothing);
        assert_eq!(
            manner(When::Always, true, true),
            Manner::Lines { pace: LINE_PACE }
        );
        assert_eq!(manner(When::Never, true, true), Manner::Nothing);
    }

    #[test]
    fn figures_are_in_plain_units() {
        let text = figures(96_200_000, 1030, Duration::from_secs(10));
        assert_eq!(text, "1,030 runs, 96.20 MB in 10.0 s (9.62 MB/s)");
    }

    #[test]
    fn a_job_is_followed_from_start_to_end() {
        let console = Console::new(LogFormat::Text, When::Never, 1);
        let progress = Progress(Arc::new(Inner {
            console,
            manner: Manner::Bars,
            state: Mutex::default(),
        }));
        let job = Guid::from_bytes([1; 16]);
        progress.sync_started(1);
        progress.job_started(job, Some("Nightly\x1b[2J"));
        progress.show_bars();
        progress.job_moved(job, 1000, 3, Some(12));
        assert_eq!(progress.name(job), r"Nightly\u{1b}[2J");
        let bar = progress.state().running[&job].bar.clone().unwrap();
        assert_eq!((bar.position(), bar.message().as_str()), (1000, "3 of 12 runs"));
        let end = JobEnd {
            outcome: "complete",
            runs_seen: 3,
            runs_new: 3,
            runs_changed: 0,
            body_bytes: 1000,
            error: None,
        };
        let overall = progress.state().overall.clone().unwrap();
        assert_eq!(overall.prefix(), "0/1 jobs");
        progress.job_finished(job, None, &end);
        assert!(progress.state().running.is_empty());
        assert!(bar.is_finished());
        assert_eq!(overall.prefix(), "1/1 jobs");
        progress.clear();
        assert!(overall.is_finished());
        // A line that comes too late is not drawn.
        progress.show_bars();
        assert!(progress.state().overall.is_none());
    }
}
