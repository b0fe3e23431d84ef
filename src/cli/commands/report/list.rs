//! The list of reports: a subcommand for each.

use crate::cli::failure::Failure;
use crate::cli::output::rows::RowsArgs;
use crate::model::Instant;
use crate::report::definition::Report;
use crate::report::html::Present;
use crate::report::options::CommonArgs;
use crate::report::reports;
use crate::report::{CommonOptions, Ready, Request};

macro_rules! list {
    ($($module:ident::$report:ident,)*) => {
        /// One report, with all its flags.
        #[derive(Debug, clap::Subcommand)]
        pub(super) enum OneReport {
            $(#[command(name = <reports::$module::$report as Report>::NAME)]
            $report(Flags<reports::$module::$report>),)*
        }

        impl OneReport {
            /// The report that the flags ask for at this time, and where it goes.
            pub(super) fn request(&self, now: Instant) -> Result<(Box<dyn Request>, &RowsArgs), Failure> {
                match self {
                    $(Self::$report(flags) => flags.request(now),)*
                }
            }
        }

        /// Every report that can be made without options of its own, with the options that all have.
        pub(super) fn every_report(common: &CommonOptions) -> Vec<Box<dyn Request>> {
            let mut all: Vec<Box<dyn Request>> = Vec::new();
            $(if !<reports::$module::$report as Report>::NEEDS_OPTIONS {
                all.push(Box::new(Ready::<reports::$module::$report>::plain(common)));
            })*
            all
        }
    };
}

// In the order of the help.
list! {
    failure_trends::FailureTrends,
    asset_errors::AssetErrors,
    failures::Failures,
    coverage::Coverage,
    missed_runs::MissedRuns,
    vanished::Vanished,
    changes::Changes,
    runs::Runs,
    messages::Messages,
    sample::Sample,
    removals::Removals,
    overview::OverviewReport,
}

// The flags of a report: its own, those of all reports, and those of its output. Not a doc comment: the help of the command
// is the report's own.
#[derive(Debug, clap::Args)]
pub(super) struct Flags<R: clap::Args> {
    #[command(flatten)]
    report: R,
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    rows: RowsArgs,
}

impl<R: Present + Clone + clap::Args> Flags<R> {
    fn request(&self, now: Instant) -> Result<(Box<dyn Request>, &RowsArgs), Failure> {
        let common = self.common.options(now)?;
        let request = Ready::new(self.report.clone(), common, now)?;
        Ok((Box::new(request), &self.rows))
    }
}
