//! Reports and exports: the figures, the files and the pages.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails panics, and one that is skipped says so"
)]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod better;
mod browser;
mod compared;
mod exports;
mod files;
mod lake;
mod pages;
mod reasons;
mod recount;
mod served;
mod xlsx;
