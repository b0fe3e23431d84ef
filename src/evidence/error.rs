//! Why a package was not made.

use std::io;

use crate::archive::{ArchiveError, ExtractError, ExtractLedgerError};
use crate::report::ReportError;

/// A package could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The archive has no such head, had no such job at that head, or cannot be read.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// A table could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The package could not be written.
    #[error(transparent)]
    Write(#[from] io::Error),
    #[error(
        "no run of {jobs} started in this span, as the archive stood when sync {sync} ended{}: no package was made",
        match removed {
            0 => String::new(),
            removed => format!(", but for {removed} that a retention rule removed"),
        }
    )]
    Empty {
        /// The jobs, as text.
        jobs: String,
        sync: i64,
        /// How many runs of the span a retention rule removed.
        removed: u64,
    },
    /// The user asked to stop.
    #[error("interrupted: no package was made")]
    Cancelled,
}

impl From<ArchiveError> for EvidenceError {
    fn from(error: ArchiveError) -> Self {
        Self::Extract(error.into())
    }
}

impl From<ExtractLedgerError> for EvidenceError {
    fn from(error: ExtractLedgerError) -> Self {
        match error {
            ExtractLedgerError::Archive(error) => error.into(),
            ExtractLedgerError::Write(error) => error.into(),
        }
    }
}
