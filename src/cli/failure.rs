//! From a module's error to its message and exit code: the one place where this is decided.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use crate::archive::{ArchiveError, QueryError};
use crate::ccs::CcsError;
use crate::cli::hints;
use crate::config::{ConfigError, KeyringError};
use crate::report::ReportError;
use crate::simulator::SimulatorError;
use crate::sync::SyncError;
use crate::text::causes;

/// How a command ends, as scripts and scheduled tasks see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// It could not be done: nothing, or no job, succeeded.
    NotDone = 1,
    /// Wrong usage: flags, settings, files that were named.
    WrongUsage = 2,
    /// Done in part, or a check has findings.
    Findings = 3,
    /// The archive is not intact.
    NotIntact = 4,
    /// Another sync holds the archive.
    Locked = 5,
    /// Interrupted; what was read is kept.
    Interrupted = 130,
}

impl Exit {
    /// The code for the operating system.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of the output closed it (`| head`): a quiet end.
    ClosedPipe,
    Error(Box<ErrorReport>),
}

/// What is reported of a failure.
#[derive(Debug)]
pub(crate) struct ErrorReport {
    /// How the command ends.
    pub exit: Exit,
    /// What failed, in one sentence.
    pub message: String,
    /// Why, from the nearest cause to the deepest.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a cause.
    #[must_use]
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Error(Box::new(ErrorReport {
            exit,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }))
    }

    /// An error and its causes.
    #[must_use]
    pub(crate) fn of(exit: Exit, error: &(dyn Error + 'static), hint: Option<String>) -> Self {
        Self::Error(Box::new(ErrorReport {
            exit,
            message: error.to_string(),
            causes: causes(error),
            hint,
        }))
    }

    /// The same with what to do about it.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Error(report) = &mut self {
            report.hint = Some(hint.into());
        }
        self
    }

    /// The same with more to do about it, unless that is said already.
    #[must_use]
    pub(crate) fn with_further_hint(mut self, more: &str) -> Self {
        if let Self::Error(report) = &mut self {
            report.hint = Some(match report.hint.take() {
                Some(hint) if hint.ends_with(more) => hint,
                Some(hint) => format!("{hint} {more}"),
                None => more.to_owned(),
            });
        }
        self
    }

    /// The same with what it is about before its words.
    #[must_use]
    pub(crate) fn about(mut self, about: &str) -> Self {
        if let Self::Error(report) = &mut self {
            report.message.insert_str(0, about);
        }
        self
    }

    /// The same with why it failed, a line each.
    #[must_use]
    pub(crate) fn with_causes(mut self, causes: Vec<String>) -> Self {
        if let Self::Error(report) = &mut self {
            report.causes = causes;
        }
        self
    }

    #[must_use]
    pub(crate) fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        if let Self::Error(report) = &mut self {
            report.causes.push(error.to_string());
            report.causes.extend(causes(error));
        }
        self
    }

    /// Standard output took no more.
    #[must_use]
    pub(crate) fn of_stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        let report = ErrorReport {
            exit: Exit::NotDone,
            message: "could not write to standard output".to_owned(),
            causes: vec![error.to_string()],
            hint: None,
        };
        Self::Error(Box::new(report))
    }

    /// What failed and why, in a line.
    pub(crate) fn in_a_line(&self) -> String {
        match self {
            Self::ClosedPipe => "nobody reads any more".to_owned(),
            Self::Error(report) => {
                let mut message = vec![report.message.as_str()];
                message.extend(report.causes.iter().map(String::as_str));
                let hint = report.hint.iter().map(|hint| format!(". Hint: {hint}"));
                message.join(": ") + &hint.collect::<String>()
            }
        }
    }

    /// How the command ends.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::ClosedPipe => Exit::Done,
            Self::Error(report) => report.exit,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::of(Exit::WrongUsage, &error, hints::config(&error))
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        Self::of(Exit::NotDone, &error, None)
    }
}

impl From<&ArchiveError> for Failure {
    fn from(error: &ArchiveError) -> Self {
        let exit = match error {
            ArchiveError::Held { .. } | ArchiveError::TakenOver { .. } => Exit::Locked,
            // Between the questions that have words of their own for it.
            error if error.is_interruption() => Exit::Interrupted,
            ArchiveError::OtherNaiveTime { .. }
            | ArchiveError::Exists { .. }
            | ArchiveError::AgeLocked { .. } => Exit::WrongUsage,
            _ => Exit::NotDone,
        };
        Self::of(exit, error, hints::archive(error))
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::from(&error)
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match &error {
            ReportError::Archive(error) => Self::from(error),
            ReportError::Query(QueryError::Interrupted) => Self::of(Exit::Interrupted, &error, None),
            error if error.is_wrong_usage() => Self::of(Exit::WrongUsage, error, hints::report(error)),
            error => Self::of(Exit::NotDone, error, hints::report(error)),
        }
    }
}

impl From<CcsError> for Failure {
    fn from(error: CcsError) -> Self {
        let exit = if error.is_setting() {
            Exit::WrongUsage
        } else {
            Exit::NotDone
        };
        Self::of(exit, &error, hints::ccs(&error))
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        match &error {
            SyncError::Archive(error) => Self::from(&**error),
            SyncError::NoJob { .. } => Self::of(Exit::WrongUsage, &error, Some(hints::no_job())),
        }
    }
}

impl From<SimulatorError> for Failure {
    fn from(error: SimulatorError) -> Self {
        let hint = matches!(error, SimulatorError::Listen { .. }).then(|| {
            "another program has that port, or may not give it away; --port 0 takes a free one.".to_owned()
        });
        Self::of(Exit::NotDone, &error, hint)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_codes_are_those_of_the_contract() {
        let all = [
            Exit::Done,
            Exit::NotDone,
            Exit::WrongUsage,
            Exit::Findings,
            Exit::NotIntact,
            Exit::Locked,
            Exit::Interrupted,
        ];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4, 5, 130]);
    }

    #[test]
    fn a_closed_pipe_is_a_quiet_end_and_a_full_disk_is_not() {
        let closed = Failure::of_stdout(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(closed.exit(), Exit::Done);
        let full = Failure::of_stdout(&io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit(), Exit::NotDone);
    }

    #[test]
    fn the_causes_of_an_error_are_reported_from_the_nearest_on() {
        let error = ConfigError::Read {
            what: "jobs file",
            path: PathBuf::from("jobs.txt"),
            source: io::Error::from(io::ErrorKind::NotFound),
        };
        let Failure::Error(report) = Failure::from(error) else {
            panic!("it is told")
        };
        assert_eq!(report.message, "could not read the jobs file jobs.txt");
        assert_eq!(report.causes.len(), 1);
        assert_eq!(report.exit, Exit::WrongUsage);
    }

    #[test]
    fn a_cause_that_comes_again_with_more_in_front_is_reported_once() {
        let full = rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            Some("database or disk is full".to_owned()),
        );
        let error = ArchiveError::Sql {
            doing: "commit",
            source: full.into(),
        };
        let Failure::Error(report) = Failure::from(error) else {
            panic!("it is told")
        };
        let [cause] = &report.causes[..] else {
            panic!("{:?}", report.causes)
        };
        assert!(cause == "the disk is full (SQLite error 13)", "{cause}");
        assert!(report.hint.is_some_and(|hint| hint.contains("free some space")));
    }

    #[test]
    fn what_was_interrupted_ends_as_that_wherever_it_was() {
        let interrupted = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT);
        let failure = Failure::from(ArchiveError::Sql {
            doing: "begin to read",
            source: rusqlite::Error::SqliteFailure(interrupted, None).into(),
        });
        assert_eq!(failure.exit(), Exit::Interrupted);
    }

    #[test]
    fn a_held_archive_has_its_own_code() {
        let error = ArchiveError::Held {
            path: PathBuf::from("a.db"),
            holder: "process 1".to_owned(),
        };
        let failure = Failure::from(error);
        assert_eq!(failure.exit(), Exit::Locked);
    }
}
