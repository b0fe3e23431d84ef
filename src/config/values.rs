//! Values that several settings take, and their limits.

use clap::ValueEnum;

use super::size::parse_size;
use crate::text::is_active;

/// The format of a list or summary on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum TableOrJson {
    /// Text for people.
    #[default]
    Table,
    /// JSON for programs.
    Json,
}

/// The most jobs fetched at once: each takes a connection and the memory of a run, and the server has other users.
pub const MAX_CONCURRENCY: usize = 64;

/// The smallest limit for a run: quarantine keeps the first 1 MiB of a larger run.
const SMALLEST_RUN_LIMIT: u64 = 1 << 20;

/// The largest limit for a run: an archive does not unpack more.
const LARGEST_RUN_LIMIT: u64 = 512 << 20;

/// The smallest limit for a log file: room for its longest lines.
const SMALLEST_LOG: u64 = 4 << 10;

/// A number of jobs at once, from 1 to [`MAX_CONCURRENCY`].
pub(crate) fn parse_concurrency(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(jobs @ 1..=MAX_CONCURRENCY) => Ok(jobs),
        _ => Err(format!("{text:?} is not a number from 1 to {MAX_CONCURRENCY}")),
    }
}

/// Requests per second: more than 0, at most a million.
pub(crate) fn parse_rate(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(rate) if rate > 0.000_01 && rate <= 1_000_000.0 => Ok(rate),
        _ => Err(format!(
            "{text:?} is not a number of requests per second (such as 2, or 0.5)"
        )),
    }
}

/// The largest run to read: 1 MiB to 512 MiB.
pub(crate) fn parse_run_limit(text: &str) -> Result<u64, String> {
    match parse_size(text).map_err(|error| error.to_string())? {
        bytes if bytes < SMALLEST_RUN_LIMIT => Err(format!("{text:?} is less than 1MiB")),
        bytes if bytes > LARGEST_RUN_LIMIT => Err(format!("{text:?} is more than 512MiB")),
        bytes => Ok(bytes),
    }
}

/// The largest log file: 4 KiB or more.
pub(super) fn parse_log_size(text: &str) -> Result<u64, String> {
    match parse_size(text).map_err(|error| error.to_string())? {
        bytes if bytes < SMALLEST_LOG => Err(format!("{text:?} is less than 4KiB")),
        bytes => Ok(bytes),
    }
}

/// A reason or a name: one line without hidden characters.
pub(crate) fn parse_line(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() {
        Err("an empty text says nothing")
    } else if text.chars().any(is_active) {
        Err("it must be one line of text, without control characters")
    } else {
        Ok(text.to_owned())
    }
}

/// A whole number from 0.
pub(super) fn parse_whole_number(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a whole number from 0 to {}", u32::MAX))
}
