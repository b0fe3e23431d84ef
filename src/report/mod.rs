//! Reports: the archive to typed rows, rows to tables, tables to bytes.
//!
//! A report ([`definition`]) is a struct of options that yields typed rows; they are in [`reports`]. Table formats
//! ([`formats`]) get the cells of each row, one row at a time, so nothing is held that need not be. Pages ([`html`]) get the row
//! itself, and draw with [`html::chart`]. [`request`] joins them.
//!
//! # Same archive, same options: same bytes
//! Rows have an order of their own, numbers are computed from integers, and nothing looks at the clock: relative times
//! became instants before.

pub(crate) mod bins;
mod blocks;
pub(crate) mod certificate;
pub(crate) mod definition;
mod error;
pub(crate) mod export;
pub(crate) mod format;
pub(crate) mod formats;
pub(crate) mod html;
pub(crate) mod manifest;
mod meta;
pub(crate) mod numbers;
pub(crate) mod options;
pub(crate) mod purge_age;
pub(crate) mod query;
pub(crate) mod reports;
mod request;
pub(crate) mod run_page;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod titles;

pub(crate) use error::ReportError;
pub(crate) use meta::ReportMeta;
pub(crate) use options::CommonOptions;
pub(crate) use options::{Period, local_day};
pub(crate) use request::{Printer, Ready, Request};
pub(crate) use table::{Cell, Column, ColumnType, Rows, Written};
