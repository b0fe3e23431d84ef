//! Why an archive of some jobs as of a head could not be made.

use crate::archive::error::ArchiveError;
use crate::model::{Guid, Sha256, hex};

/// Some jobs of an archive as of a head could not be taken out.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// The archive cannot be read, or is not intact.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// There is no head to bind to.
    #[error("no sync of this archive has ended yet, so there is no head that seals anything")]
    NoSync,
    /// No line of the ledger has this hash.
    #[error("this archive does not hold the head {}", hex(head))]
    UnknownHead {
        /// As it was given.
        head: Sha256,
    },
    /// The line with this hash does not end a sync, so it seals no results.
    #[error(
        "{} is not the head of a sync: the ledger's entry {entry_id} has this hash, which is a line `{kind}`{}",
        hex(head), .before.map_or_else(String::new, |(sync, head)| format!("; sync {sync} before it ended with the head {}", hex(&head)))
    )]
    NotOfSync {
        /// As it was given.
        head: Sha256,
        /// The number of the line.
        entry_id: i64,
        /// Its first word.
        kind: String,
        /// The sync that ended before it, with its head.
        before: Option<(i64, Sha256)>,
    },
    /// The ledger did not know the job by then.
    #[error("job {job} was not known to the archive when sync {sync} ended")]
    JobNotKnown {
        job: Guid,
        /// The sync that the head ended.
        sync: i64,
    },
    /// Content that is needed was removed after the head.
    #[error(
        "since sync {sync} ended, a retention rule removed {runs} {} of these jobs and this span, which the head of that sync cannot prove",
        if *.runs == 1 { "run" } else { "runs" }
    )]
    RemovedSince {
        /// The sync that the head ended.
        sync: i64,
        runs: u64,
        /// The first sync that ended after the removals, with its head.
        newer: Option<(i64, Sha256)>,
    },
    /// A salvage lost what binds the jobs to this head.
    #[error("the head of sync {sync} does not bind the history of a job: {why}")]
    NotBound {
        /// The sync that the head ended.
        sync: i64,
        why: &'static str,
    },
}
