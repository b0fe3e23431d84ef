//! The commands, a file each: arguments, one call, output.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod clock;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod export;
pub(crate) mod findings;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod man;
pub(crate) mod password;
pub(crate) mod payload;
pub(crate) mod quarantine;
pub(crate) mod query;
pub(crate) mod reindex;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod salvage;
pub(crate) mod schedule;
pub(crate) mod schema;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod sync;
pub(crate) mod trust;
pub(crate) mod verify;
pub(crate) mod watch_list;
