//! The archive as a lake of Parquet files, for engines that read many files at once.
//!
//! A lake is a folder with a manifest, which names its files and the ledger entry up to which they have the history.
//! [`export`] asks the ledger what came after that entry and rewrites the partitions that it touches; replacing the
//! manifest is the one step that counts. [`check`] compares manifest, files and archive.

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
