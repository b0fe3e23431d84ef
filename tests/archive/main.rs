//! Archives: damaged, locked, backed up, reindexed, retained and salvaged.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod backup;
mod bad_archive;
mod opening;
mod reindex;
mod retain;
mod salvage;
mod salvages;
