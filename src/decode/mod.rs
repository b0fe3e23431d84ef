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

pub use answer::{AnswerReader, DEFAULT_RUN_LIMIT, Element, End, Envelope, NotAnAnswer, OVERSIZE_HEAD};
pub use changes::compare_runs;
pub use json::MAX_DEPTH;
pub use run::{MAX_RUN_BYTES, ReadRun, UnreadableRun, read_run, read_run_fields};
pub use time::read as read_time;

/// How payloads are read; goes up when the same bytes would be read differently. Each revision's ledger entry names it.
pub const READER_VERSION: u32 = 1;
