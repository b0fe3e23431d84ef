//! `--compare` of `jobruns report failure-trends` and `asset-errors`: which two spans are compared.

use super::super::failure::{Exit, Failure};
use super::common::moment;
use crate::model::Instant;
use crate::report::{Common, Span};

/// Is it getting better?
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Comparison")]
pub(super) struct CompareArgs {
    /// Compares the span from --since to --until (now, where not given) with the one just before it: as many whole months or
    /// days where both ends are such, else as long
    #[arg(long)]
    compare: bool,

    /// Compares with the span that begins here; it ends at --compare-until, else at --since
    #[arg(long, value_name = "TIME")]
    compare_since: Option<String>,

    /// Where the span to compare with ends
    #[arg(long, value_name = "TIME", requires = "compare_since")]
    compare_until: Option<String>,
}

impl CompareArgs {
    /// The span to compare with, where one is asked for. The span of the report itself then gets an end.
    pub(super) fn span(&self, common: &mut Common, now: Instant) -> Result<Option<Span>, Failure> {
        if !self.compare && self.compare_since.is_none() {
            return Ok(None);
        }
        let wrong = |words: String| Failure::new(Exit::WrongUsage, words);
        let Some(since) = common.since else {
            let words = "a comparison needs --since, where the span begins that is compared with another";
            return Err(wrong(words.to_owned()).with_hint("for example --since 30d --compare."));
        };
        let until = *common.until.get_or_insert(now);
        let read = |flag, text: &Option<String>| moment(flag, text.as_deref(), common.zone, now);
        let before = match read("--compare-since", &self.compare_since)? {
            Some(since_before) => Span {
                since: since_before,
                until: read("--compare-until", &self.compare_until)?.unwrap_or(since),
            },
            None => Span { since, until }.before(common.zone).ok_or_else(|| {
                wrong(format!(
                    "no time lies between --since ({since}) and --until ({until})"
                ))
            })?,
        };
        if before.since >= before.until {
            let words = format!(
                "no time lies between --compare-since ({}) and the end of that span ({})",
                before.since, before.until
            );
            return Err(wrong(words));
        }
        tracing::debug!(
            "{since} to {until} is compared with {} to {}",
            before.since,
            before.until
        );
        Ok(Some(before))
    }
}
