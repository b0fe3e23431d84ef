//! The state of the archive on one page: is it complete, is it getting worse, and where?
//!
//! It is put together from what the other reports say, so that no figure here differs from theirs.

mod assets;
mod compare;
mod count;
mod rows;
mod state;
mod text;

use serde::Serialize;

pub(in crate::report) use self::compare::{Share, Verdict};
use self::rows::FigureRow;
pub(in crate::report) use self::state::{JobOverview, Overview};
pub(in crate::report) use self::text::{
    MOST_DRAWN, as_of, by_concern, complete_in_words, day, write as write_text,
};
use crate::archive::Snapshot;
use crate::model::Instant;
use crate::report::definition::{EachRow, Report};
use crate::report::error::Result;
use crate::report::options::{CommonOptions, PurgeAgeFlag, Scope};

/// The state of the archive on one page: is it complete, is it getting worse, and where?
///
/// Written as a page (--format html), as text of 80 columns (table), or as one JSON object; other formats have one
/// figure per row. With --since or --until, it covers that time and compares it with the time before; without, it
/// covers everything archived, and compares the last 28 days with the 28 days before. Two failure rates count as
/// different if chance alone would rarely produce the difference (two standard errors). Gaps are those of missed-runs
/// with its default factor.
///
/// It says that the archive is complete, as far as the server told, only if nothing of all this was found: watched jobs
/// that were never complete, that stopped, or whose last sync is behind; a sync later than the server's purge age; spans
/// that coverage --gaps does not prove; runs that vanished early; pieces in quarantine; wrong message counts; missed
/// runs; a doubtful clock. Else it names them, the worst first, each with the command that shows more.
#[derive(Debug, Clone, Default, clap::Args, Serialize)]
#[command(after_help = "Examples:
  jobruns report overview
  jobruns report overview --format html --output overview.html
  jobruns report overview --since 1y --timezone Europe/Berlin --format json")]
pub(crate) struct OverviewReport {
    #[arg(skip)]
    #[serde(flatten)]
    purge_age: PurgeAgeFlag,
}

impl OverviewReport {
    /// Reads the state of the archive.
    pub(in crate::report) fn overview(&self, snapshot: &Snapshot<'_>, scope: &Scope) -> Result<Overview> {
        Overview::read(snapshot, scope, self.purge_age.given(scope.options().purge_age))
    }
}

impl Report for OverviewReport {
    const NAME: &'static str = "overview";
    const EMPTY: &'static str = "There is nothing to report.";
    type Row<'a> = FigureRow<'a>;

    fn resolve(&mut self, common: &mut CommonOptions, _now: Instant) -> Result {
        self.purge_age.resolve(common.purge_age);
        Ok(())
    }

    /// A figure a row, for formats that know nothing but rows.
    fn each(&self, snapshot: &Snapshot<'_>, scope: &Scope, row: EachRow<'_, Self>) -> Result {
        rows::each(&self.overview(snapshot, scope)?, |figure| row(&figure))
    }
}
