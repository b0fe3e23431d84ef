//! The pictures, one file each.

pub(super) mod asset_errors;
pub(super) mod changes;
pub(super) mod compare;
pub(super) mod coverage;
pub(super) mod failure_trends;
pub(super) mod missed_runs;
pub(super) mod over_time;
mod spans;
