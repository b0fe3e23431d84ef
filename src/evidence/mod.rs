//! The evidence package: the runs of some jobs in a span of time, the bytes that the server sent for them, and the proof that
//! these are all the runs, for a reader who has neither the archive nor this program.
//!
//! # Where the rows come from
//! From an [extract](crate::archive::Extract): the jobs as they were at the head of a sync, rebuilt from ledger and
//! payloads. The tables are reports run on the extract, so they match the reports exactly.
//!
//! # Same archive, head and options: same bytes
//! Files are sorted by name and have the time of the head; the clock is not read.
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

/// The requested sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct SampleOptions {
    /// How many runs to draw.
    pub(crate) size: u64,
    /// How many spare runs to draw.
    pub(crate) spare: u64,
    /// The seed of the draw.
    pub(crate) seed: String,
}
