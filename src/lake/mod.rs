//! The archive as a lake of Parquet files, for engines that read many files at once.
//!
//! A lake is a folder with a manifest, which names the files that belong to it and the ledger entry up to which they
//! tell the history. [`export`] asks the ledger what came after that entry and writes the partitions that it touches
//! anew; replacing the manifest is the one step that counts. [`check`] compares manifest, files and archive.

mod assets;
mod check;
mod error;
mod export;
mod file;
mod layout;
mod manifest;
mod messages;
mod parquet;
mod rows;
mod table;

pub(crate) use check::check;
pub(crate) use error::LakeError;
pub(crate) use export::export;
pub(crate) use layout::{Lake, SiteName};
