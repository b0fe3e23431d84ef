//! The reports, one file or folder each: options, a typed row, and the rows.

pub(crate) mod asset_errors;
pub(crate) mod changes;
pub(crate) mod completeness;
pub(crate) mod coverage;
mod failure_comparison;
pub(crate) mod failure_trends;
pub(crate) mod failures;
pub(crate) mod gaps;
pub(crate) mod health;
pub(crate) mod messages;
pub(crate) mod missed_runs;
pub(crate) mod overview;
pub(crate) mod removals;
mod rhythm;
mod run_tally;
pub(crate) mod runs;
pub(crate) mod sample;
mod trend;
pub(crate) mod vanished;

pub(crate) use asset_errors::AssetErrors;
pub(crate) use changes::Changes;
pub(crate) use completeness::JobCompleteness;
pub(crate) use coverage::Coverage;
pub(crate) use failure_comparison::JobComparison;
pub(crate) use failure_trends::FailureTrends;
pub(crate) use failures::Failures;
pub(crate) use gaps::{GapRow, GapState};
pub(crate) use messages::Messages;
pub(crate) use missed_runs::MissedRuns;
pub(crate) use overview::OverviewReport;
pub(crate) use removals::Removals;
pub(crate) use runs::Runs;
pub(crate) use trend::Trend;
pub(crate) use vanished::Vanished;
