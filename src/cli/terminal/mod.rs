//! What a person at a terminal sees: lines, progress, tables, and how a command is cancelled.

mod bars;
pub(crate) mod cancel;
pub(crate) mod console;
mod journal;
pub(crate) mod log_file;
pub(crate) mod progress;
pub(crate) mod signals;
pub(crate) mod table;
pub(crate) mod titles;
