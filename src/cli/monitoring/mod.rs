//! How others hear of a command's end: metrics for Prometheus, a ping to a monitor, a command of the operator's own, the
//! Windows Event Log.
//!
//! Nothing here changes how a command ends: what could not be told is a warning.

pub(crate) mod event_log;
pub(crate) mod exposition;
pub(crate) mod metrics;
mod metrics_file;
pub(crate) mod on_failure;

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant as Moment};

use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Builder;

use self::metrics_file::{CommandEnd, MetricsFile};
use crate::archive::ReadOnly;
use crate::ccs::{Monitor, Ping, PingError};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::in_use;
use crate::cli::terminal::console::{Console, told_lines};
use crate::cli::terminal::signals::spare_descriptors;
use crate::config::{MonitoringSettings, Sources, TerminalUse};
use crate::model::{Instant, hex};
use crate::text::causes;

/// How often the end is told to a monitor that does not answer, and how long it is waited between.
const TRIES: u32 = 3;
const WAIT: Duration = Duration::from_secs(1);

/// Who hears of a command's end.
pub(crate) struct Monitoring<'m> {
    command: &'static str,
    archive: &'m Path,
    console: &'m Console,
    monitor: Option<Monitor>,
    on_failure: Option<&'m str>,
    metrics_file: Option<MetricsFile<'m>>,
    event_log: TerminalUse,
    round: RefCell<Round>,
}

/// What is known of the command, or of one sync of many.
struct Round {
    began: Moment,
    began_at: Instant,
    is_told: bool,
    summary: Option<SyncResult>,
    certificate_expiry: Option<i64>,
}

/// How a sync ended.
struct SyncResult {
    line: String,
    head: String,
    json: Value,
}

/// The end of a command as programs read it.
#[derive(Serialize)]
struct CommandResult<'r> {
    command: &'r str,
    exit_code: u8,
    archive: String,
    started_at: String,
    finished_at: String,
    /// The ledger's head; null where the archive cannot be read.
    head: Option<String>,
    /// What was told of errors: `Error:`, `Caused by:` and `Hint:` lines.
    errors: Vec<String>,
    /// The summary of a sync; null for other commands, and where it did not come to one.
    summary: Option<Value>,
    tool_version: &'r str,
}

impl Round {
    fn new() -> Self {
        Self {
            began: Moment::now(),
            began_at: Instant::now(),
            is_told: false,
            summary: None,
            certificate_expiry: None,
        }
    }
}

impl<'m> Monitoring<'m> {
    /// Who hears of this command's end.
    ///
    /// # Errors
    /// Wrong usage: a ping URL that cannot be used, a metrics file that is in use for something else.
    pub(crate) fn of(
        settings: &'m MonitoringSettings,
        command: &'static str,
        sources: &'m Sources<'m>,
        archive: &'m Path,
        console: &'m Console,
    ) -> Result<Self, Failure> {
        let monitor = settings.ping_url(command, sources).map(Monitor::new).transpose();
        let monitor = monitor.map_err(|error| {
            let words = format!(
                "ping_url ({}) cannot be used: {error}",
                sources.origin("ping_url")
            );
            Failure::new(Exit::WrongUsage, words)
        })?;
        let metrics_file = match &settings.metrics_file {
            Some(path) => {
                in_use::refuse(path)?;
                // What is to be done is worth more than who hears of it.
                MetricsFile::new(path, archive, sources)
                    .inspect_err(|failure| {
                        tracing::warn!("no metrics will be written: {}", failure.in_a_line())
                    })
                    .ok()
            }
            None => None,
        };
        Ok(Self {
            command,
            archive,
            console,
            monitor,
            on_failure: settings
                .on_failure
                .as_deref()
                .filter(|command| !command.trim().is_empty()),
            metrics_file,
            event_log: settings.event_log,
            round: RefCell::new(Round::new()),
        })
    }

    /// Runs the command and tells its end. One that repeats itself tells of each time by itself.
    pub(crate) fn around(
        &self,
        repeats: bool,
        run: impl FnOnce() -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        if !repeats {
            self.ping_blocking(|| self.begin());
        }
        let result = run();
        if !self.round.borrow().is_told {
            self.ping_blocking(|| self.end(&result));
        }
        result
    }

    /// Waits for a future that may ping, with threads of its own only where it does.
    fn ping_blocking<F: Future<Output = ()>>(&self, told: impl FnOnce() -> F) {
        match spare_descriptors().and_then(|()| Builder::new_current_thread().enable_all().build()) {
            Ok(runtime) => runtime.block_on(told()),
            Err(error) => tracing::warn!("nobody could be told how the command ended ({error})"),
        }
    }

    /// Keeps how a sync ended.
    pub(crate) fn note_sync(&self, line: String, head: String, summary: &impl Serialize) {
        let json = serde_json::to_value(summary).unwrap_or_default();
        self.round.borrow_mut().summary = Some(SyncResult { line, head, json });
    }

    /// Keeps until when the server's certificate is valid, in seconds since 1970 UTC.
    pub(crate) fn note_certificate(&self, expiry: Option<i64>) {
        self.round.borrow_mut().certificate_expiry = expiry;
    }

    /// Tells that the work begins.
    pub(crate) async fn begin(&self) {
        *self.round.borrow_mut() = Round::new();
        self.console.take_told();
        if let Some(monitor) = &self.monitor
            && let Err(error) = monitor.ping(Ping::Start, "").await
        {
            warn(&error);
        }
    }

    /// Tells how it ended.
    pub(crate) async fn end(&self, result: &Result<Exit, Failure>) {
        let exit = match result {
            Ok(exit) => *exit,
            Err(failure) => failure.exit(),
        };
        let mut errors = self.console.take_told();
        if let Err(Failure::Error(report)) = result {
            let lines = told_lines(report);
            errors.extend(lines.iter().map(|(label, text)| format!("{label}: {text}")));
        }
        let (report, text, end) = {
            let mut round = self.round.borrow_mut();
            round.is_told = true;
            let (line, head, summary) = match round.summary.take() {
                Some(SyncResult { line, head, json }) => (Some(line), Some(head), Some(json)),
                None => (None, self.head(), None),
            };
            let finished = Instant::now();
            let end = CommandEnd {
                command: self.command,
                exit,
                at: finished.unix_seconds(),
                duration: round.began.elapsed(),
                certificate_expiry: round.certificate_expiry,
            };
            let line = line.or_else(|| head.as_ref().map(|head| format!("ledger head {head}")));
            let mut text = text(&end, line.as_deref(), &errors);
            if let Some(problem) = self.console.log_file_problem() {
                text.push_str(&format!("Warning: {problem}\n"));
            }
            let report = CommandResult {
                command: self.command,
                exit_code: exit.code(),
                archive: self.archive.display().to_string(),
                started_at: round.began_at.to_string(),
                finished_at: finished.to_string(),
                head,
                errors,
                summary,
                tool_version: env!("CARGO_PKG_VERSION"),
            };
            (report, text, end)
        };
        if let Some(file) = &self.metrics_file
            && let Err(failure) = file.write(&end)
        {
            tracing::warn!("the metrics could not be written: {}", failure.in_a_line());
        }
        // An interrupted command has neither failed nor finished: the monitor that hears nothing more raises the alarm.
        if exit != Exit::Interrupted {
            self.ping_end(exit, &text).await;
        }
        if let Some(command) = self.on_failure
            && !matches!(exit, Exit::Done | Exit::Interrupted)
        {
            let input = serde_json::to_string(&report).expect("text keys and plain values") + "\n";
            if let Err(why) = on_failure::run(command, &input) {
                tracing::error!("the command of on_failure failed: {why}");
            }
        }
        self.write_event(exit, &text);
    }

    async fn ping_end(&self, exit: Exit, text: &str) {
        let Some(monitor) = &self.monitor else { return };
        let ping = if exit == Exit::Done {
            Ping::Success
        } else {
            Ping::Failure
        };
        for left in (0..TRIES).rev() {
            match monitor.ping(ping, text).await {
                Ok(()) => return,
                Err(error) if left == 0 || !error.may_pass() => return warn(&error),
                Err(_) => tokio::time::sleep(WAIT).await,
            }
        }
    }

    fn write_event(&self, exit: Exit, text: &str) {
        if !self.event_log.decide(cfg!(windows)) {
            return;
        }
        if let Err(error) = event_log::write(exit, text) {
            let words = format!("the result could not be written to the Windows Event Log: {error}");
            if self.event_log == TerminalUse::Always {
                tracing::warn!("{words}");
            } else {
                tracing::debug!("{words}");
            }
        }
    }

    fn head(&self) -> Option<String> {
        let reader = ReadOnly::open(self.archive).ok()?;
        let snapshot = reader.snapshot().ok()?;
        Some(hex(&snapshot.head()))
    }
}

fn warn(error: &PingError) {
    let causes = causes(error).join(": ");
    let because = if causes.is_empty() {
        String::new()
    } else {
        format!(" ({causes})")
    };
    tracing::warn!("the monitor of ping_url was not told: {error}{because}");
}

/// The end in a few lines for people.
fn text(end: &CommandEnd, line: Option<&str>, errors: &[String]) -> String {
    let mut text = format!(
        "jobruns {}: exit code {} after {:.1} s\n",
        end.command,
        end.exit.code(),
        end.duration.as_secs_f64()
    );
    for line in line.into_iter().chain(errors.iter().map(String::as_str)) {
        text.push_str(line);
        text.push('\n');
    }
    text
}
