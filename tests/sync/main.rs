//! Syncs: what each promises, whatever the server does.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../common/mod.rs"]
mod common;

mod bad_server;
mod commands;
mod gaps;
mod hostile;
mod killed;
mod patience;
mod promises;
mod servers;
