//! `jobruns report overview`: what can be asked of it.

use super::super::failure::Failure;
use super::super::rows::RowsArgs;
use super::common::CommonArgs;
use crate::model::Instant;
use crate::report::{Request, overview};

/// The state of the archive on one page: is it complete, is it getting worse, and where?
///
/// As a page (--format html), as text that fits 80 columns (table), or as one JSON object; other formats have a figure a
/// row. With --since or --until that span is told of and held against the one before; without, all that is archived is told
/// of, and its last 28 days are held against the 28 before. Two failure rates differ where chance alone would seldom make
/// such a difference (two standard errors). Gaps are those of missed-runs with its default factor.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report overview
  jobruns report overview --format html --output overview.html
  jobruns report overview --since 1y --timezone Europe/Berlin --format json")]
pub(super) struct OverviewArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

impl OverviewArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        Ok(Request::Overview(overview::Options {
            common: self.common.options(now)?,
        }))
    }
}
