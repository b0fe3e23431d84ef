//! The evidence package: runs of some jobs in a span of time, the bytes that the server sent for them, and what proves that
//! these runs are all there are, for somebody who has neither the archive nor this program.
//!
//! # Where the rows come from
//! From an [extract](crate::archive::Extract): the jobs as they were at the head of a sync, rebuilt from ledger and
//! payloads. Reports are run on it, so that the tables are those of the reports to the letter.
//!
//! # Same archive, head and options: same bytes
//! Files are in the order of their names and of the time of the head; nothing looks at the clock.
//!
//! The format is specified in `docs/evidence-package.md`.

mod bag;
pub mod check;
mod error;
mod facts;
mod package;
mod readme;
mod tables;
mod workpaper;

pub(crate) use self::error::EvidenceError;
pub(crate) use self::package::{MadePackage, PackageOptions, make};

use serde::Serialize;

/// The sample that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SampleOptions {
    /// How many runs.
    pub(crate) size: u64,
    /// How many more.
    pub(crate) spare: u64,
    /// What decides the draw.
    pub(crate) seed: String,
}
