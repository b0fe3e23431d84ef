//! The look-alike as any HTTP client sees it: raw requests, raw JSON, and none of our own client or reader.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod bench;
mod faults;
mod history;
mod more_faults;
mod nights;
mod tokens;
mod transport;
