//! From the bytes of an answer to runs, one at a time.
//!
//! [`AnswerReader`] finds where each run begins and ends in the stream of bytes and whether the answer was closed;
//! [`read_run`] says what a run's bytes say; [`time::read`] reads its times. Pure: bytes in, runs out.
//!
//! The first question is asked of every byte the server sends, every night; the second only of runs whose bytes are new.

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

/// How payloads are read; goes up when the same bytes would be read differently. Each revision's ledger entry names it.
pub const READER_VERSION: u32 = 1;
