//! `jobruns report failure-trends` and `asset-errors`: what can be asked of them.

use super::super::failure::Failure;
use super::super::rows::{RowsArgs, one_of};
use super::common::CommonArgs;
use super::compare::CompareArgs;
use super::lists::AboutArgs;
use crate::model::Instant;
use crate::report::asset_errors::{self, Category, GroupBy};
use crate::report::{By, Request, failure_trends};

/// How often runs failed, period by period
///
/// One row per period and job that had a run. A run belongs to the period in which it started, in the zone asked for.
/// failure_rate is (faulted + aborted) / (completed + faulted + aborted). Runs without a start come last, unless --since
/// or --until is given.
///
/// With --compare a row is a job: runs, failures and failure_rate before and now, and by how much they changed; trend is
/// new, gone, worse, better, same, or unknown where nothing finished.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report failure-trends
  jobruns report failure-trends --since 30d --compare
  jobruns report failure-trends --by week --all-jobs --fill --since 26w
  jobruns report failure-trends --job Nightly --excel --output trends.csv")]
pub(super) struct FailureTrendsArgs {
    /// How long a period is; weeks begin on Monday
    #[arg(long, value_name = "PERIOD", default_value = "day", ignore_case = true, value_parser = one_of(&By::ALL, By::name), conflicts_with_all = ["compare", "compare_since"])]
    by: By,

    /// One row per period over all jobs
    #[arg(long)]
    all_jobs: bool,

    /// A row for each period of each job, zeros and empty cells where nothing ran
    #[arg(long, conflicts_with_all = ["compare", "compare_since"])]
    fill: bool,

    #[command(flatten)]
    compare: CompareArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

/// What goes wrong with which asset
///
/// One row per asset and type, the worst first: by errors, then by messages. Messages about no asset are a row with an
/// empty asset. --since and --until look at the message's own time, or at its run's start where it has none.
///
/// With --compare a row has messages and errors before and now, by how much they changed, and whether the asset is new, gone,
/// worse, better or the same; what grew most comes first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report asset-errors --since 2024-03-01 --until 2024-04-01 --compare --top 20
  jobruns report asset-errors --top 20
  jobruns report asset-errors --group-by message --since 30d
  jobruns report asset-errors --category error --category warning --format json")]
pub(super) struct AssetErrorsArgs {
    /// At most so many rows
    #[arg(long, value_name = "N")]
    top: Option<u64>,

    /// Only rows with at least so many errors
    #[arg(long, value_name = "N", default_value_t = 0)]
    min: u64,

    /// Only messages of this category; may be given several times
    #[arg(long = "category", value_name = "NAME", ignore_case = true, value_parser = one_of(&Category::ALL, Category::name))]
    categories: Vec<Category>,

    #[command(flatten)]
    about: AboutArgs,

    /// What a row is about
    #[arg(long, value_name = "WHAT", default_value = "asset", ignore_case = true, value_parser = one_of(&GroupBy::ALL, GroupBy::name))]
    group_by: GroupBy,

    #[command(flatten)]
    compare: CompareArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

impl FailureTrendsArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        let mut common = self.common.options(now)?;
        Ok(Request::FailureTrends(failure_trends::Options {
            compare: self.compare.span(&mut common, now)?,
            common,
            by: self.by,
            all_jobs: self.all_jobs,
            fill: self.fill,
        }))
    }
}

impl AssetErrorsArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        let mut common = self.common.options(now)?;
        Ok(Request::AssetErrors(asset_errors::Options {
            compare: self.compare.span(&mut common, now)?,
            common,
            top: self.top,
            min: self.min,
            categories: self.categories.clone(),
            about: self.about.wanted(),
            group_by: self.group_by,
        }))
    }
}
