//! What goes to stderr, and to the log file: lines of the program's own events, warnings, errors.
//!
//! Every line passes through one [`Console`], so that each has the chosen form: text for people, or one JSON object
//! `{"time","level","message",...}` per line. Control characters of foreign texts are shown escaped, never executed.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use console::Term;
use indicatif::MultiProgress;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::cli::failure::{ErrorReport, Failure};
use crate::cli::hints;
use crate::cli::terminal::bars::bars;
use crate::cli::terminal::journal;
use crate::cli::terminal::log_file::LogFile;
use crate::config::{LogFormat, Origin, Sources, TerminalUse};

/// How much is said: `--quiet` 0, usually 1, `-v` 2, `-vv` 3.
const LEVELS: [Level; 4] = [Level::ERROR, Level::INFO, Level::DEBUG, Level::TRACE];

/// Lines of errors that are kept for those who ask how the command ended.
const KEPT_LINES: usize = 60;

/// The place where everything but data is said. Clones share it.
#[derive(Clone)]
pub(crate) struct Console(Arc<ConsoleInner>);

struct ConsoleInner {
    format: LogFormat,
    color: bool,
    level: Level,
    file: Option<Mutex<LogFile>>,
    /// What the log file is called in messages, and why nothing is written to it.
    file_name: String,
    file_problem: OnceLock<String>,
    /// Whether stderr is the systemd journal.
    journal: bool,
    bars: OnceLock<MultiProgress>,
    error_reported: AtomicBool,
    reported: Mutex<Vec<String>>,
}

/// One line to say.
struct LogLine<'l> {
    level: Level,
    message: &'l str,
    /// Whether the fields repeat the message for programs.
    message_says_all: bool,
    fields: Map<String, Value>,
}

impl Console {
    /// A console for stderr without a log file.
    #[must_use]
    pub(crate) fn new(format: LogFormat, color: TerminalUse, verbosity: u8) -> Self {
        let level = LEVELS[usize::from(verbosity).min(LEVELS.len() - 1)];
        let color = format == LogFormat::Text && color.decide(stderr_is_terminal());
        Self(Arc::new(ConsoleInner {
            format,
            color,
            level,
            file: None,
            file_name: String::new(),
            file_problem: OnceLock::new(),
            journal: journal::has_stderr(),
            bars: OnceLock::new(),
            error_reported: AtomicBool::new(false),
            reported: Mutex::default(),
        }))
    }

    /// The same with a log file. One that cannot be opened is a warning: what is to be done is worth more than its log.
    #[must_use]
    pub(crate) fn with_log_file(self, name: String, opened: io::Result<LogFile>) -> Self {
        let ConsoleInner {
            format,
            color,
            level,
            journal,
            ..
        } = *self.0;
        let (file, problem) = match opened {
            Ok(file) => (Some(Mutex::new(file)), None),
            Err(error) => (None, Some(error)),
        };
        let console = Self(Arc::new(ConsoleInner {
            format,
            color,
            level,
            file,
            file_name: name,
            file_problem: OnceLock::new(),
            journal,
            bars: OnceLock::new(),
            error_reported: AtomicBool::new(false),
            reported: Mutex::default(),
        }));
        if let Some(problem) = problem {
            console.warn_of_log_file(&problem);
        }
        console
    }

    /// Warns once that the log file lacks lines, on stderr alone, even with `--quiet`.
    fn warn_of_log_file(&self, error: &io::Error) {
        let hint = hints::held(error).unwrap_or_else(|| hints::output(error));
        let message = format!(
            "could not write to the log file {}: {error}. Hint: {hint}",
            self.0.file_name
        );
        if self.0.file_problem.set(message.clone()).is_ok() {
            self.show_on_stderr(&now(), &warning(&message));
        }
    }

    /// Warns on stderr even with `--quiet`, if nothing else would report it: that somebody is not notified is itself
    /// something wrong.
    pub(crate) fn warn_though_quiet(&self, message: &str) {
        let (time, line) = (now(), warning(message));
        self.show_on_stderr(&time, &line);
        self.put_in_file(&time, &line);
    }

    /// Why the log file lacks lines, if it does.
    pub(crate) fn log_file_problem(&self) -> Option<&str> {
        self.0.file_problem.get().map(String::as_str)
    }

    /// Takes what the program notes of its doings (`tracing` events) from now on.
    pub(crate) fn listen(&self) {
        let subscriber = tracing_subscriber::registry().with(Listener(self.clone()));
        // A second console in one process (a test's) says its failures, and leaves the events to the first.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }

    /// Whether lines are JSON objects.
    pub(crate) fn is_json(&self) -> bool {
        self.0.format == LogFormat::Json
    }

    /// Whether anything but errors is said.
    pub(crate) fn is_quiet(&self) -> bool {
        self.0.level == Level::ERROR
    }

    /// Whether stderr is the systemd journal.
    #[cfg(unix)]
    pub(crate) fn is_journal(&self) -> bool {
        self.0.journal
    }

    pub(crate) fn has_reported_error(&self) -> bool {
        self.0.error_reported.load(Ordering::Relaxed)
    }

    /// The lines of the first few errors that were reported since the last call.
    pub(crate) fn take_reported(&self) -> Vec<String> {
        std::mem::take(&mut *self.reported())
    }

    fn reported(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_reported(&self, lines: impl Iterator<Item = String>) {
        self.0.error_reported.store(true, Ordering::Relaxed);
        let mut reported = self.reported();
        let room = KEPT_LINES.saturating_sub(reported.len());
        reported.extend(lines.take(room));
    }

    /// Notes in a log file of text what standard output says as well.
    pub(crate) fn note_in_log(&self, message: &str) {
        let line = LogLine {
            level: Level::INFO,
            message,
            message_says_all: true,
            fields: Map::new(),
        };
        self.to_file(&file_line(&now(), &line));
    }

    /// The bars that lines must not tear; made at the first call.
    pub(crate) fn bars(&self) -> &MultiProgress {
        self.0.bars.get_or_init(|| bars(stderr_is_terminal()))
    }

    /// Tells a failure: `Error:`, `Caused by:`, `Hint:`, or one JSON object.
    pub(crate) fn report(&self, failure: &Failure) {
        let Failure::Error(report) = failure else { return };
        let lines = report_lines(report);
        self.keep_reported(
            lines
                .iter()
                .map(|(label, text)| format!("{label}: {}", shown(text))),
        );
        if self.is_json() {
            let mut fields = Map::new();
            fields.insert("caused_by".to_owned(), report.causes.clone().into());
            fields.insert("hint".to_owned(), report.hint.clone().into());
            fields.insert("exit_code".to_owned(), report.exit.code().into());
            self.put(&LogLine {
                level: Level::ERROR,
                message: &report.message,
                message_says_all: true,
                fields,
            });
            return;
        }
        self.to_stderr(Level::ERROR, |stderr| {
            for (label, text) in &lines {
                let style = if *label == "Error" { "1;31" } else { "1" };
                writeln!(stderr, "{}: {}", self.styled(style, label), shown(text))?;
            }
            Ok(())
        });
        let time = now();
        for (label, text) in &lines {
            self.to_file(&format!("{time} ERROR {label}: {}", shown(text)));
        }
    }

    /// Tells what clap has to say about wrong usage.
    pub(crate) fn report_usage(&self, error: &clap::Error) {
        if !self.is_json() {
            self.to_stderr(Level::ERROR, |stderr| {
                let text = error.render();
                if self.0.color {
                    write!(stderr, "{}", text.ansi())
                } else {
                    write!(stderr, "{text}")
                }
            });
            return;
        }
        let text = error.render().to_string();
        let text = text.trim().trim_start_matches("error: ");
        let (message, rest) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut fields = Map::new();
        fields.insert("usage".to_owned(), rest.into());
        fields.insert("exit_code".to_owned(), 2.into());
        self.write(&LogLine {
            level: Level::ERROR,
            message,
            message_says_all: true,
            fields,
        });
    }

    /// Whether lines of this level are said on stderr.
    fn says(&self, level: Level) -> bool {
        level <= self.0.level
    }

    /// Whether lines of this level go anywhere. `--quiet` is about stderr; a log file still gets the usual lines.
    fn takes(&self, level: Level) -> bool {
        self.says(level) || (self.0.file.is_some() && level <= Level::INFO)
    }

    fn write(&self, line: &LogLine<'_>) {
        if line.level == Level::ERROR {
            self.keep_reported([format!("Error: {}", text_line(line))].into_iter());
        }
        self.put(line);
    }

    fn put(&self, line: &LogLine<'_>) {
        let time = now();
        if self.says(line.level) {
            self.show_on_stderr(&time, line);
        }
        self.put_in_file(&time, line);
    }

    fn put_in_file(&self, time: &str, line: &LogLine<'_>) {
        self.to_file(&if self.is_json() {
            json_line(time, line)
        } else {
            file_line(time, line)
        });
    }

    fn show_on_stderr(&self, time: &str, line: &LogLine<'_>) {
        if self.is_json() {
            let json = json_line(time, line);
            return self.to_stderr(line.level, |stderr| writeln!(stderr, "{json}"));
        }
        let text = text_line(line);
        self.to_stderr(line.level, |stderr| match line.level {
            Level::ERROR => writeln!(stderr, "{}: {text}", self.styled("1;31", "Error")),
            Level::WARN => writeln!(stderr, "{}: {text}", self.styled("1;33", "Warning")),
            Level::INFO => writeln!(stderr, "{text}"),
            _ => writeln!(stderr, "{}", self.styled("2", &text)),
        });
    }

    /// Writes to stderr without tearing the bars. Errors of stderr itself (closed, full) are ignored.
    fn to_stderr(&self, level: Level, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let write = || {
            // One write per line or block, so that two processes on one terminal do not mix theirs.
            let mut block = Vec::new();
            let _ = write(&mut block);
            if self.0.journal {
                block = journal::with_level(level, &String::from_utf8_lossy(&block)).into_bytes();
            }
            let _ = io::stderr().lock().write_all(&block);
        };
        self.without_bars(write);
    }

    /// Does this while no bar is drawn.
    pub(crate) fn without_bars<T>(&self, act: impl FnOnce() -> T) -> T {
        match self.0.bars.get() {
            Some(bars) => bars.suspend(act),
            None => act(),
        }
    }

    fn to_file(&self, line: &str) {
        if let Some(file) = &self.0.file
            && let Err(error) = file.lock().unwrap_or_else(PoisonError::into_inner).append(line)
        {
            // A full disk must not stop a sync; stderr has the line as well.
            self.warn_of_log_file(&error);
        }
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.0.color {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A warning without fields.
fn warning(message: &str) -> LogLine<'_> {
    LogLine {
        level: Level::WARN,
        message,
        message_says_all: true,
        fields: Map::new(),
    }
}

/// Whether stderr is a terminal that understands escape sequences. A console of Windows has to be asked to, and old ones
/// cannot; with `NO_COLOR` it is not asked.
pub(crate) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
        && std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
        && (cfg!(unix) || Term::stderr().features().colors_supported())
}

/// The clock's time, as every line has it.
fn now() -> String {
    DateTime::<Utc>::from(std::time::SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// What is reported of a failure: a label and a text each.
pub(crate) fn report_lines(report: &ErrorReport) -> Vec<(&'static str, &str)> {
    let mut lines = vec![("Error", report.message.as_str())];
    lines.extend(report.causes.iter().map(|cause| ("Caused by", cause.as_str())));
    lines.extend(report.hint.iter().map(|hint| ("Hint", hint.as_str())));
    lines
}

/// The line for the log file.
fn file_line(time: &str, line: &LogLine<'_>) -> String {
    format!("{time} {:5} {}", line.level.as_str(), text_line(line))
}

fn json_line(time: &str, line: &LogLine<'_>) -> String {
    let mut object = Map::new();
    object.insert("time".to_owned(), time.into());
    object.insert("level".to_owned(), line.level.as_str().to_lowercase().into());
    object.insert("message".to_owned(), line.message.into());
    for (key, value) in &line.fields {
        object.entry(key.clone()).or_insert_with(|| value.clone());
    }
    // Bidirectional and zero-width marks, which JSON would let stand.
    crate::text::printable_json(&Value::Object(object).to_string()).into_owned()
}

/// The line for people: the message, then the fields that they are to see.
fn text_line(line: &LogLine<'_>) -> String {
    let mut text = shown(line.message);
    if line.message_says_all {
        return text;
    }
    for (key, value) in &line.fields {
        let value = match value {
            Value::String(value) => shown(value),
            other => other.to_string(),
        };
        text.push_str(&format!(" {key}={value}"));
    }
    text
}

/// `text` on one line, with control characters escaped: a server's or a file's text must not steer a terminal.
#[must_use]
pub(crate) fn shown(text: &str) -> String {
    crate::text::printable(text)
}

/// Hands the program's events to the console.
struct Listener(Console);

impl<S: Subscriber> Layer<S> for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // Other crates' events may hold headers; only our own modules are known to keep secrets out.
        self.0.takes(*metadata.level()) && metadata.target().starts_with(env!("CARGO_PKG_NAME"))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        // The messages of this module are whole sentences; elsewhere the fields hold the figures.
        let message_says_all = event
            .metadata()
            .target()
            .starts_with(concat!(env!("CARGO_PKG_NAME"), "::cli"));
        self.0.write(&LogLine {
            level,
            message: &fields.message,
            message_says_all,
            fields: fields.others,
        });
    }
}

/// An event's message and fields.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text
        } else {
            self.put(field, text.into())
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message)
        } else {
            self.put(field, value.into())
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// Says (with `-v`) where each setting came from.
pub(crate) fn log_choices(sources: &Sources<'_>) {
    for choice in sources.choices() {
        let place = match &choice.origin {
            Origin::Flag(flag) => format!("from {flag}"),
            Origin::Variable(name) => format!("from the environment: {name}"),
            Origin::File { path, line, .. } => format!("from {}:{line}", path.display()),
            Origin::Default => "by default".to_owned(),
        };
        tracing::debug!("{} = {} ({place})", choice.key, choice.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Exit;

    fn line(message: &str) -> LogLine<'_> {
        let mut fields = Map::new();
        fields.insert("runs".to_owned(), 3.into());
        fields.insert("level".to_owned(), "forged".into());
        LogLine {
            level: Level::WARN,
            message,
            message_says_all: false,
            fields,
        }
    }

    #[test]
    fn a_json_line_is_one_object_that_begins_with_time_level_and_message() {
        let json = json_line("2026-01-01T00:00:00.000Z", &line("two\nlines \x1b[31m"));
        assert!(
            json.starts_with(r#"{"time":"2026-01-01T00:00:00.000Z","level":"warn","message":"#),
            "{json}"
        );
        assert!(!json.contains('\n') && !json.contains('\x1b'));
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["runs"], 3);
        assert_eq!(read["level"], "warn");
    }

    #[test]
    fn control_characters_are_shown_and_never_executed() {
        assert_eq!(shown("a\x1b[2J\nb\u{9b}"), r"a\u{1b}[2J\nb\u{9b}");
        let detail = LogLine {
            message_says_all: true,
            ..line("x\ny")
        };
        assert_eq!(text_line(&detail), r"x\ny");
        assert!(text_line(&line("x\ny")).starts_with(r"x\ny runs=3"));
    }

    #[test]
    fn a_failure_is_reported_as_error_cause_and_hint() {
        let failure = Failure::new(Exit::NotDone, "it broke").with_hint("mend it.");
        let Failure::Error(report) = failure else {
            panic!("it is told")
        };
        assert_eq!(
            report_lines(&report),
            [("Error", "it broke"), ("Hint", "mend it.")]
        );
    }

    #[test]
    fn verbosity_decides_what_is_said() {
        let says = |verbosity| {
            let console = Console::new(LogFormat::Text, TerminalUse::Never, verbosity);
            [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE]
                .map(|level| console.says(level))
        };
        assert_eq!(says(0), [true, false, false, false, false]);
        assert_eq!(says(1), [true, true, true, false, false]);
        assert_eq!(says(2), [true, true, true, true, false]);
        assert_eq!(says(3), [true; 5]);
    }

    #[test]
    fn the_log_file_is_appended_to_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        for _ in 0..2 {
            let console = Console::new(LogFormat::Text, TerminalUse::Never, 1)
                .with_log_file(String::new(), LogFile::open(&path, None));
            console.to_file("line");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
