//! `verify` finds all that changes what the archive says: a bounded part of the campaign in `benches/campaign`.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod edits;
mod flips;
mod sound;
