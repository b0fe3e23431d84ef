//! What reports can be asked: a span of time, a zone, jobs, periods, messages.
//!
//! The structs here are flags (`clap`) and what a manifest says of them (`serde`) in one.

mod calendar;
mod common;
mod comparison;
mod message_filter;
mod one_of;
mod pattern;
mod period;
mod purge_age;
mod time;

pub(crate) use crate::text::nearest;
pub(crate) use common::{CommonArgs, ScopeArgs};
pub(crate) use common::{CommonOptions, Scope};
pub(crate) use comparison::{Comparison, Span};
pub(crate) use message_filter::{AssetFilter, Category, MessageFilter};
pub(super) use message_filter::{KeySet, MatchingKeys};
pub(crate) use one_of::one_of;
pub(super) use period::has_day;
pub use period::{Period, local_day};
pub(crate) use purge_age::PurgeAgeFlag;
pub(crate) use time::read_time;
