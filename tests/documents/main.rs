//! The documents: what they say is tried, and compared with the program and the code.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod analysts;
mod architecture;
mod auditors;
mod evidence;
mod readme;
mod schema;
