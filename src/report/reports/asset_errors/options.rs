//! The options of asset-errors.

use serde::Serialize;

use crate::report::options::{AssetFilter, Category, Comparison, one_of};

/// Which assets have errors, and which errors
///
/// One row per asset and type, the worst first: by errors, then by messages. Messages about no asset are counted in a
/// row with an empty asset. --since and --until apply to the message's own time, or to its run's start if it has none.
/// top_message and top_detail are the message and the details that occur most often in the row, each counted by itself;
/// of equally frequent ones the first in byte order. Messages without details count for no top_detail.
///
/// With --compare, a row has messages and errors before and now, the changes, and whether the asset is new, gone,
/// worse, better or the same; the largest increase comes first.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report asset-errors --since 2024-03-01 --until 2024-04-01 --compare --top 20
  jobruns report asset-errors --top 20
  jobruns report asset-errors --group-by message --since 30d
  jobruns report asset-errors --group-by detail --category error --top 10
  jobruns report asset-errors --category error --category warning --format json")]
pub(crate) struct AssetErrors {
    /// The maximum number of rows
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<u64>,

    /// Only rows with at least this many errors
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) min: u64,

    /// Only messages of this category; may be given several times
    #[arg(long = "category", value_name = "NAME", ignore_case = true, value_parser = one_of(&Category::ALL, Category::name))]
    #[serde(rename = "category")]
    pub(crate) categories: Vec<Category>,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) assets: AssetFilter,

    /// What a row counts
    #[arg(long, value_name = "WHAT", default_value = "asset", ignore_case = true, value_parser = one_of(&GroupBy::ALL, GroupBy::name))]
    pub(crate) group_by: GroupBy,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) compare: Comparison,
}

/// What a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GroupBy {
    /// An asset of a type.
    #[default]
    Asset,
    AssetType,
    /// An owner, as the message says.
    Owner,
    /// A category: error, warning, information, other.
    Category,
    Message,
    /// The details of a message.
    Detail,
}

impl GroupBy {
    pub(crate) const ALL: [Self; 6] = [
        Self::Asset,
        Self::AssetType,
        Self::Owner,
        Self::Category,
        Self::Message,
        Self::Detail,
    ];

    /// Its word on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::AssetType => "asset-type",
            Self::Owner => "owner",
            Self::Category => "category",
            Self::Message => "message",
            Self::Detail => "detail",
        }
    }
}

impl AssetErrors {
    /// The maximum number of rows.
    pub(super) fn most_rows(&self) -> usize {
        let top = self.top.and_then(|top| usize::try_from(top).ok());
        top.unwrap_or(usize::MAX)
    }
}
