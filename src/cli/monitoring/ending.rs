//! How a command ended: the one account from which ping, journal, Event Log, metrics and `on_failure` are made.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::failure::Exit;
use crate::model::Instant;

/// How bad an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventLevel {
    Information,
    Warning,
    Error,
}

impl From<Exit> for EventLevel {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::Information,
            Exit::Findings | Exit::Interrupted => Self::Warning,
            Exit::NotDone | Exit::WrongUsage | Exit::NotIntact | Exit::Locked => Self::Error,
        }
    }
}

/// How a sync ended.
pub(super) struct SyncResult {
    /// In a line.
    pub(super) line: String,
    /// As `sync --format json` prints it.
    pub(super) summary: Value,
}

/// How a command ended.
pub(super) struct Ending {
    pub(super) command: &'static str,
    pub(super) exit: Exit,
    pub(super) archive: String,
    pub(super) began_at: Instant,
    pub(super) finished_at: Instant,
    pub(super) duration: Duration,
    /// The ledger's head; `None` where the archive cannot be read.
    pub(super) head: Option<String>,
    /// `None` for other commands, and where a sync did not come to a result.
    pub(super) sync: Option<SyncResult>,
    /// The errors that were reported: `Error:`, `Caused by:` and `Hint:` lines.
    pub(super) errors: Vec<String>,
    /// What could not be written or sent; it does not change the exit code.
    pub(super) warnings: Vec<String>,
    /// Until when the server's certificate is valid, in seconds since 1970 UTC; `None` where it was not seen.
    pub(super) certificate_expiry: Option<i64>,
}

impl Ending {
    /// The end in a line.
    pub(super) fn sentence(&self) -> String {
        let sentence = format!(
            "jobruns {}: exit code {} after {:.1} s",
            self.command,
            self.exit.code(),
            self.duration.as_secs_f64()
        );
        match (&self.sync, &self.head) {
            (Some(sync), _) => format!("{sentence}; {}", sync.line),
            (None, Some(head)) => format!("{sentence}; ledger head {head}"),
            (None, None) => sentence,
        }
    }

    /// The end with its errors, a line each, for people.
    pub(super) fn text(&self) -> String {
        let mut text = self.sentence() + "\n";
        for line in &self.errors {
            text.push_str(line);
            text.push('\n');
        }
        for warning in &self.warnings {
            text.push_str(&format!("Warning: {warning}\n"));
        }
        text
    }

    /// The end for programs: one JSON object.
    pub(super) fn json(&self) -> Value {
        json!({
            "command": self.command,
            "exit_code": self.exit.code(),
            "archive": self.archive,
            "started_at": self.began_at.to_string(),
            "finished_at": self.finished_at.to_string(),
            "head": self.head,
            "errors": self.errors,
            "summary": self.sync.as_ref().map(|sync| &sync.summary),
            "tool_version": env!("CARGO_PKG_VERSION"),
        })
    }
}
