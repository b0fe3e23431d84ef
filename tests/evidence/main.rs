//! The evidence: what changes the archive or a package of it is found, by the program and without it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that fails panics, and one that is skipped says so"
)]

#[path = "../common/mod.rs"]
mod common;

mod archive;
mod bad_evidence;
mod forgeries;
mod heads;
mod package;
mod package_checks;
mod verify;
mod verify_py;
