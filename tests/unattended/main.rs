//! Syncs that nobody watches: what is set up once, and what is said when something goes wrong.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod faults;
#[cfg(target_os = "linux")]
mod half_a_year;
mod monitoring;
mod nightly;
mod setup;
