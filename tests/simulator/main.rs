//! The simulator as any HTTP client sees it: raw requests and raw JSON, without our own client and decoder.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod bench;
mod faults;
mod history;
mod more_faults;
mod nights;
mod tokens;
mod transport;
