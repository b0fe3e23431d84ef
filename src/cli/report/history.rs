//! `jobruns report coverage`, `missed-runs` and `changes`: what can be asked of them.

use std::time::Duration;

use super::super::failure::Failure;
use super::super::rows::RowsArgs;
use super::common::CommonArgs;
use crate::config::parse_positive_duration;
use crate::model::Instant;
use crate::report::{Request, changes, coverage, gaps, missed_runs};

/// Purge age of a server that nobody changed: half a year.
const DEFAULT_PURGE_AGE: Duration = Duration::from_secs(180 * 86_400);

/// What the archive has of each job, and the longest time that nobody looked
///
/// runs_listed are those that the server still lists, runs_absent those that only the archive has. longest_gap_seconds is
/// the longest time between the ends of two complete syncs of the job (--count 0); with --since or --until, of those that
/// reach into the span. count_mismatches are runs whose MessageCount is not the number of messages that they have, those
/// without a message list or with messages in quarantine left out. The span is that of the runs' starts.
///
/// With --gaps: rows for spans of time instead, per job, from the syncs that the ledger seals. state is complete (every run
/// that started in it is archived: a complete answer came before the server's purge age was over), disputed (an answer came,
/// and the server's TotalJobRuns says otherwise), may_be_missing (longer than the purge age between two complete answers),
/// not_looked (no complete answer reaches it; an empty from or to is without end), or count_mismatch (a run without as many
/// messages as its MessageCount says). runs are those archived that started in the span.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report coverage
  jobruns report coverage --since 1y --job Nightly --format json
  jobruns report coverage --gaps --purge-age 90d")]
pub(super) struct CoverageArgs {
    /// Which spans of time are proved complete, and which are not known
    #[arg(long)]
    gaps: bool,

    /// How old a run is when the server purges it, such as 90d [default: 180d]
    #[arg(long, value_name = "DURATION", value_parser = parse_positive_duration, requires = "gaps")]
    purge_age: Option<Duration>,

    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

/// Runs that were due by a job's usual rhythm and did not come
///
/// A row for each interval between two starts of a job that is longer than --factor times its usual one, which is the
/// median. runs_missed is how many usual intervals it is long, rounded, less 1. Only starts within --since and --until
/// are looked at; jobs most of whose runs start at the same instant have no rhythm.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report missed-runs --since 1y
  jobruns report missed-runs --factor 1.5 --job Nightly")]
pub(super) struct MissedRunsArgs {
    /// How many usual intervals an interval must exceed
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "2.5",
        allow_hyphen_values = true
    )]
    factor: missed_runs::Factor,

    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

/// Runs that changed after they were first archived
///
/// A row for each revision after a run's first, in the order in which they were archived, which is also what --since and
/// --until look at. was_final is 1 where the run was finished before it changed (status 4 to 7).
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report changes --since 30d
  jobruns report changes --format json --output changes.json")]
pub(super) struct ChangesArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

impl CoverageArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        let common = self.common.options(now)?;
        Ok(if self.gaps {
            let purge_age = self.purge_age.unwrap_or(DEFAULT_PURGE_AGE);
            Request::Gaps(gaps::Options { common, purge_age })
        } else {
            Request::Coverage(coverage::Options { common })
        })
    }
}

impl MissedRunsArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        Ok(Request::MissedRuns(missed_runs::Options {
            common: self.common.options(now)?,
            factor: self.factor,
        }))
    }
}

impl ChangesArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        let common = self.common.options(now)?;
        Ok(Request::Changes(changes::Options { common }))
    }
}
