//! The command line: settings, usage, secrets, and what is said where.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod bad_settings;
mod config;
mod quiet;
mod secrets;
mod simulate;
mod usage;
#[cfg(windows)]
mod windows;
