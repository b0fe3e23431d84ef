//! The pictures, one file each: from the rows of a report to its charts.

mod asset_errors;
mod changes;
mod compare;
mod coverage;
pub(super) mod failure_trends;
mod failures;
mod lines;
mod missed_runs;
mod over_time;
mod overview;
mod spans;
mod vanished;

use super::Present;
use crate::report::reports::Removals;

impl Present for Removals {}
