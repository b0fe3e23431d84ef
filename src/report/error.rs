//! What can go wrong with a report.

use std::io;
use std::path::PathBuf;

use crate::archive::{ArchiveError, QueryError};
use crate::model::Instant;

/// What a report yields, or why it could not be made.
pub(crate) type Result<T = (), E = ReportError> = std::result::Result<T, E>;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The archive could not be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The rows could not be written.
    #[error("could not write the report")]
    Write(#[from] io::Error),
    /// What does not fit into memory could not be kept elsewhere.
    #[error("could not use a temporary file in {}", folder.display())]
    Temporary {
        /// The folder for temporary files.
        folder: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A query was not answered.
    #[error(transparent)]
    Query(QueryError),
    /// No job has this GUID or name.
    #[error("the archive has no job {given:?}")]
    UnknownJob {
        given: String,
        /// The most similar name or GUID that there is.
        nearest: Option<String>,
    },
    /// Several jobs have this name, or GUIDs that begin so.
    #[error("{given:?} is the name of several jobs, or several GUIDs begin so")]
    AmbiguousJob { given: String, meant: Vec<String> },
    /// Options that make no sense.
    #[error("{message}")]
    WrongUsage {
        message: String,
        /// The way out; `None` where the message says it all.
        hint: Option<&'static str>,
    },
    /// The span ends before it begins.
    #[error("--since ({since}) is after --until ({until})")]
    SinceAfterUntil { since: Instant, until: Instant },
}

impl ReportError {
    /// Options that make no sense, for the reason that `message` says.
    pub(super) const fn wrong_usage(message: String) -> Self {
        Self::WrongUsage { message, hint: None }
    }

    /// Whether what was requested makes no sense, rather than something having failed.
    pub const fn is_wrong_usage(&self) -> bool {
        match self {
            Self::UnknownJob { .. }
            | Self::AmbiguousJob { .. }
            | Self::WrongUsage { .. }
            | Self::SinceAfterUntil { .. } => true,
            Self::Query(error) => error.is_wrong_usage(),
            Self::Archive(_) | Self::Write(_) | Self::Temporary { .. } => false,
        }
    }
}
