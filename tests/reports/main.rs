//! The reports through the binary: against a recount in plain code over the bodies that were served, and on bad input.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod better;
mod compared;
mod reasons;
mod recount;
mod served;
