//! A report with its options: what can be asked for by name.

use serde_json::{Map, Value};

use super::error::ReportError;
use super::options::Common;
use super::table::Rows;
use super::{asset_errors, changes, coverage, failure_trends, gaps, messages, missed_runs, overview, runs};
use crate::archive::Snapshot;

/// A report with its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// How often runs failed, period by period.
    FailureTrends(failure_trends::Options),
    /// What goes wrong with which asset.
    AssetErrors(asset_errors::Options),
    /// What the archive has of each job.
    Coverage(coverage::Options),
    /// How complete the history of each job is, span by span.
    Gaps(gaps::Options),
    /// Runs that were due and did not come.
    MissedRuns(missed_runs::Options),
    /// Runs that changed after they were archived.
    Changes(changes::Options),
    /// Every run.
    Runs(runs::Options),
    /// Every message.
    Messages(messages::Options),
    /// The state of the archive on one page.
    Overview(overview::Options),
}

impl Request {
    /// The report's name on the command line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::FailureTrends(_) => "failure-trends",
            Self::AssetErrors(_) => "asset-errors",
            Self::Coverage(_) | Self::Gaps(_) => "coverage",
            Self::MissedRuns(_) => "missed-runs",
            Self::Changes(_) => "changes",
            Self::Runs(_) => "runs",
            Self::Messages(_) => "messages",
            Self::Overview(_) => "overview",
        }
    }

    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        match self {
            Self::FailureTrends(options) => options.described(),
            Self::AssetErrors(options) => options.described(),
            Self::Coverage(options) => options.described(),
            Self::Gaps(options) => options.described(),
            Self::MissedRuns(options) => options.described(),
            Self::Changes(options) => options.described(),
            Self::Runs(options) => options.described(),
            Self::Messages(options) => options.described(),
            Self::Overview(options) => options.described(),
        }
    }

    /// What every report can be asked.
    #[must_use]
    pub const fn common(&self) -> &Common {
        match self {
            Self::FailureTrends(options) => &options.common,
            Self::AssetErrors(options) => &options.common,
            Self::Coverage(options) => &options.common,
            Self::Gaps(options) => &options.common,
            Self::MissedRuns(options) => &options.common,
            Self::Changes(options) => &options.common,
            Self::Runs(options) => &options.common,
            Self::Messages(options) => &options.common,
            Self::Overview(options) => &options.common,
        }
    }

    /// Every report, with the options that all have and otherwise as it is without any.
    #[must_use]
    pub fn all(common: &Common) -> Vec<Self> {
        vec![
            Self::FailureTrends(failure_trends::Options {
                common: common.clone(),
                ..failure_trends::Options::default()
            }),
            Self::AssetErrors(asset_errors::Options {
                common: common.clone(),
                ..asset_errors::Options::default()
            }),
            Self::Coverage(coverage::Options {
                common: common.clone(),
            }),
            Self::MissedRuns(missed_runs::Options {
                common: common.clone(),
                ..missed_runs::Options::default()
            }),
            Self::Changes(changes::Options {
                common: common.clone(),
            }),
            Self::Runs(runs::Options {
                common: common.clone(),
                ..runs::Options::default()
            }),
            Self::Messages(messages::Options {
                common: common.clone(),
                ..messages::Options::default()
            }),
            Self::Overview(overview::Options {
                common: common.clone(),
            }),
        ]
    }

    /// Writes the report of one state of the archive.
    ///
    /// # Errors
    /// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
    pub fn write(&self, snapshot: &Snapshot<'_>, rows: &mut dyn Rows) -> Result<(), ReportError> {
        match self {
            Self::FailureTrends(options) => failure_trends::write(snapshot, options, rows),
            Self::AssetErrors(options) => asset_errors::write(snapshot, options, rows),
            Self::Coverage(options) => {
                if let Some(gaps) = rows.gaps() {
                    let options = missed_runs::Options {
                        common: options.common.clone(),
                        ..missed_runs::Options::default()
                    };
                    missed_runs::write(snapshot, &options, gaps)?;
                }
                coverage::write(snapshot, options, rows)
            }
            Self::Gaps(options) => gaps::write(snapshot, options, rows),
            Self::MissedRuns(options) => missed_runs::write(snapshot, options, rows),
            Self::Changes(options) => changes::write(snapshot, options, rows),
            Self::Runs(options) => runs::write(snapshot, options, rows),
            Self::Messages(options) => messages::write(snapshot, options, rows),
            Self::Overview(options) => overview::write(snapshot, options, rows),
        }
    }
}
