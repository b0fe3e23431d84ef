//! Reports: rows of the archive to tables, tables to bytes.
//!
//! A report is a function from a [`Snapshot`](crate::archive::Snapshot) and its options to rows, which go one at a time
//! to a [`Rows`]: a format of [`render`], or a counter around one. So nothing is held that need not be.
//!
//! Pictures: [`chart`] draws, [`page`] says which chart fits which report and makes an HTML file of it, and [`overview`]
//! is put together from what the other reports say.
//!
//! # Same archive, same options: same bytes
//! Rows have an order of their own, numbers are computed from integers, and nothing looks at the clock: relative times
//! became instants before.

mod about;
pub mod asset_errors;
pub mod changes;
pub mod chart;
pub mod coverage;
mod decimal;
mod each;
mod error;
pub mod export;
pub mod failure_changes;
pub mod failure_trends;
pub mod gaps;
pub mod manifest;
pub mod messages;
mod messages_wanted;
pub mod missed_runs;
mod moment;
mod options;
pub mod overview;
pub mod page;
mod period;
pub mod query;
pub mod render;
mod request;
pub mod runs;
mod span;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trend;

pub use about::About;
pub use decimal::Decimal;
pub use error::ReportError;
pub use messages_wanted::{AssetsWanted, MessagesWanted};
pub use moment::{UnreadableMoment, read_moment};
pub use options::{Common, Scope, UnknownTimeZone, nearest, read_zone};
pub use period::{By, local_day};
pub use request::Request;
pub use span::Span;
pub use table::{Cell, Column, Counted, Kind, Rows};
