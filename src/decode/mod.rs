//! From the bytes of an answer to runs, one at a time.
//!
//! [`AnswerReader`] finds the start and end of each run in the stream of bytes, and whether the answer was closed;
//! [`read_run`] reads the bytes of a run, [`time::read`] its times. All of it is pure.
//!
//! Every byte that a server sends goes through the first; only runs with new bytes go through the second.

mod answer;
mod changes;
mod content;
mod field;
mod json;
mod message;
mod run;
mod scan;
mod text;
pub mod time;

pub(crate) use answer::{Envelope, NotAnAnswer};
pub(crate) use changes::compare_runs;
pub(crate) use run::UnreadableRun;
pub(crate) use time::read as read_time;

// What tests, benches and fuzzing use.
pub use answer::{AnswerReader, DEFAULT_RUN_LIMIT, Element, End, OVERSIZE_HEAD};
pub use run::{read_run, read_run_fields};

/// The version of how payloads are read, recorded in the ledger entry of each revision. Must be raised when the same bytes
/// would be read differently.
pub const READER_VERSION: u32 = 1;
