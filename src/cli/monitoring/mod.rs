//! How others hear of a command's end: metrics for Prometheus, a ping to a monitor, a command of the operator's own, the
//! Windows Event Log, the systemd journal.
//!
//! Nothing here changes how a command ends: a notification that fails is a warning.

mod ending;
pub(crate) mod event_log;
pub(crate) mod exposition;
#[cfg(unix)]
mod journal;
pub(crate) mod metrics;
mod metrics_file;
mod on_failure;
pub(crate) mod program;

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant as MonotonicInstant};

use serde::Serialize;
use tokio::runtime::Builder;

use self::ending::{Ending, SyncResult};
use self::metrics_file::MetricsFile;
use crate::archive::ReadOnly;
use crate::ccs::{Monitor, Ping, PingError};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::in_use;
use crate::cli::terminal::console::{Console, report_lines, shown};
use crate::cli::terminal::signals::spare_descriptors;
use crate::config::{MonitoringSettings, Sources, TerminalUse};
use crate::model::{Instant, hex};
use crate::text::causes;

/// How often a monitor that does not answer is notified of the end, and the pause in between.
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
    began: MonotonicInstant,
    began_at: Instant,
    is_reported: bool,
    sync: Option<SyncResult>,
    certificate_expiry: Option<i64>,
}

impl Round {
    fn new() -> Self {
        Self {
            began: MonotonicInstant::now(),
            began_at: Instant::now(),
            is_reported: false,
            sync: None,
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
            let message = format!(
                "ping_url ({}) cannot be used: {error}",
                sources.origin("ping_url")
            );
            Failure::new(Exit::WrongUsage, message)
        })?;
        if let Some(path) = &settings.metrics_file {
            in_use::refuse(path)?;
        }
        let metrics_file = settings.metrics_file.as_deref().map(|path| MetricsFile {
            path,
            archive,
            sources,
        });
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

    /// Runs the command and reports its end. A command that repeats itself reports each end itself.
    pub(crate) fn around(
        &self,
        repeats: bool,
        run: impl FnOnce() -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        if !repeats {
            self.ping_blocking(|| self.begin());
        }
        let result = run();
        if !self.round.borrow().is_reported {
            self.ping_blocking(|| self.end(&result));
        }
        result
    }

    /// Waits for a future that may ping, with threads of its own only where it does.
    fn ping_blocking<F: Future<Output = ()>>(&self, ping: impl FnOnce() -> F) {
        match spare_descriptors().and_then(|()| Builder::new_current_thread().enable_all().build()) {
            Ok(runtime) => runtime.block_on(ping()),
            Err(error) => tracing::warn!("nobody could be told how the command ended ({error})"),
        }
    }

    /// Keeps how a sync ended.
    pub(crate) fn note_sync(&self, line: String, summary: &impl Serialize) {
        let summary = serde_json::to_value(summary).unwrap_or_default();
        self.round.borrow_mut().sync = Some(SyncResult { line, summary });
    }

    /// Keeps until when the server's certificate is valid, in seconds since 1970 UTC.
    pub(crate) fn note_certificate(&self, expiry: Option<i64>) {
        self.round.borrow_mut().certificate_expiry = expiry;
    }

    /// Tells that the work begins.
    pub(crate) async fn begin(&self) {
        *self.round.borrow_mut() = Round::new();
        self.console.take_reported();
        if let Some(monitor) = &self.monitor
            && let Err(error) = monitor.ping(Ping::Start, "").await
        {
            warn(&error);
        }
    }

    /// Tells how it ended.
    pub(crate) async fn end(&self, result: &Result<Exit, Failure>) {
        let mut ending = self.ending(result);
        let exit = ending.exit;
        if let Some(file) = &self.metrics_file
            && let Err(failure) = file.write(&ending)
        {
            let message = format!("the metrics could not be written: {}", failure.in_a_line());
            self.console.warn_though_quiet(&message);
            ending.warnings.push(message);
        }
        // An interrupted command has neither failed nor finished: the monitor that hears nothing more raises the alarm.
        if exit != Exit::Interrupted {
            self.ping_end(exit, &ending.text()).await;
        }
        if let Some(command) = self.on_failure
            && !matches!(exit, Exit::Done | Exit::Interrupted)
            && let Err(why) = on_failure::run(command, &format!("{}\n", ending.json()))
        {
            tracing::error!("the command of on_failure failed: {why}");
        }
        self.write_event(&ending);
        #[cfg(unix)]
        if self.console.is_journal()
            && let Err(error) = journal::write(&ending)
        {
            tracing::debug!("the result could not be written to the journal: {error}");
        }
    }

    fn ending(&self, result: &Result<Exit, Failure>) -> Ending {
        let mut errors = self.console.take_reported();
        let exit = match result {
            Ok(exit) => *exit,
            Err(failure) => failure.exit(),
        };
        if let Err(Failure::Error(report)) = result {
            let lines = report_lines(report);
            errors.extend(
                lines
                    .iter()
                    .map(|(label, text)| format!("{label}: {}", shown(text))),
            );
        }
        let mut round = self.round.borrow_mut();
        round.is_reported = true;
        let sync = round.sync.take();
        let head = match &sync {
            Some(sync) => sync.summary["head"].as_str().map(str::to_owned),
            None => self.head(),
        };
        Ending {
            command: self.command,
            exit,
            archive: self.archive.display().to_string(),
            began_at: round.began_at,
            finished_at: Instant::now(),
            duration: round.began.elapsed(),
            head,
            sync,
            errors,
            warnings: self
                .console
                .log_file_problem()
                .map(str::to_owned)
                .into_iter()
                .collect(),
            certificate_expiry: round.certificate_expiry,
        }
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

    fn write_event(&self, ending: &Ending) {
        if !self.event_log.decide(cfg!(windows)) {
            return;
        }
        if let Err(error) = event_log::write(ending.exit, &ending.text()) {
            let message = format!("the result could not be written to the Windows Event Log: {error}");
            if self.event_log == TerminalUse::Always {
                tracing::warn!("{message}");
            } else {
                tracing::debug!("{message}");
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
