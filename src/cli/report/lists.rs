//! `jobruns report runs` and `jobruns report messages`: what can be asked of them.

use super::super::failure::Failure;
use super::super::rows::{RowsArgs, one_of};
use super::common::CommonArgs;
use crate::model::{Instant, JobStatus, STATUS_NAMES};
use crate::report::asset_errors::Category;
use crate::report::{AssetsWanted, MessagesWanted, Request, nearest, runs};

/// Every run, with the columns of the table `runs`
///
/// In the order of starts, then of GUIDs; runs without a start come last, and not at all where --since or --until is
/// given. Of --category, --asset, --asset-type, --owner and --search all that are given must fit one message of the run.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report runs --since 30d --status Faulted --status Aborted
  jobruns report runs --asset SRV-0042 --category error --output runs.csv")]
pub(super) struct RunsArgs {
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

/// Every message, with the columns of the table `messages`
///
/// In the order of runs (by start, then by GUID, those without a start last), then of the messages' numbers. --since and
/// --until look at the message's own time, or at its run's start where it has none. Written as it is read: memory stays
/// small, however many there are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns report messages --since 7d --category error --format jsonl
  jobruns report messages --search 'permission denied' --asset SRV-0042
  jobruns report messages --job Nightly --status Faulted --output messages.csv")]
pub(super) struct MessagesArgs {
    #[command(flatten)]
    wanted: WantedArgs,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    pub(super) rows: RowsArgs,
}

/// Which runs and messages are asked for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Which")]
struct WantedArgs {
    /// Only runs with this status, by name or code; may be given several times
    #[arg(long = "status", value_name = "NAME|CODE", value_parser = status, allow_hyphen_values = true)]
    statuses: Vec<i64>,

    /// Only messages of this category; may be given several times
    #[arg(long = "category", value_name = "NAME", ignore_case = true, value_parser = one_of(&Category::ALL, Category::name))]
    categories: Vec<Category>,

    #[command(flatten)]
    about: AboutArgs,

    /// Only messages with this text in them or in their details, in any letter case
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

/// Which assets are asked for.
#[derive(Debug, clap::Args)]
pub(super) struct AboutArgs {
    /// Only messages about this asset, in any letter case; '' is no asset; may be given several times
    #[arg(long = "asset", value_name = "NAME")]
    assets: Vec<String>,

    /// Only messages about assets of this type, likewise
    #[arg(long = "asset-type", value_name = "NAME")]
    asset_types: Vec<String>,

    /// Only messages about assets of this owner, as the message says, likewise
    #[arg(long = "owner", value_name = "NAME")]
    owners: Vec<String>,
}

impl AboutArgs {
    pub(super) fn wanted(&self) -> AssetsWanted {
        AssetsWanted {
            assets: self.assets.clone(),
            asset_types: self.asset_types.clone(),
            owners: self.owners.clone(),
        }
    }
}

/// A status by its name in any letter case, by its code, or as tables show an unknown one: `Unknown(42)`.
fn status(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let code = text
        .strip_prefix("Unknown(")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(text);
    if let Ok(code) = code.parse() {
        return Ok(code);
    }
    if let Some(JobStatus(code)) = JobStatus::by_name(text) {
        return Ok(code);
    }
    let known = STATUS_NAMES.join(", ");
    Err(match nearest(text, STATUS_NAMES.into_iter()) {
        Some(nearest) => format!("did you mean {nearest}? There are {known}, and codes"),
        None => format!("expected {known}, or a code"),
    })
}

impl WantedArgs {
    fn options(&self, common: &CommonArgs, now: Instant) -> Result<runs::Options, Failure> {
        Ok(runs::Options {
            common: common.options(now)?,
            statuses: self.statuses.clone(),
            messages: MessagesWanted {
                categories: self.categories.clone(),
                about: self.about.wanted(),
                search: self.search.clone(),
            },
        })
    }
}

impl RunsArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        Ok(Request::Runs(self.wanted.options(&self.common, now)?))
    }
}

impl MessagesArgs {
    pub(super) fn request(&self, now: Instant) -> Result<Request, Failure> {
        Ok(Request::Messages(self.wanted.options(&self.common, now)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_name_a_code_or_what_a_table_shows() {
        for (text, code) in [
            ("faulted", 5),
            ("5", 5),
            ("None", 0),
            ("-1", -1),
            ("Unknown(42)", 42),
        ] {
            assert_eq!(status(text), Ok(code), "{text}");
        }
        assert!(status("Fautled").unwrap_err().contains("did you mean Faulted?"));
        assert!(status("").unwrap_err().contains("expected None, Pending"));
        assert!(status("99999999999999999999").is_err());
    }
}
