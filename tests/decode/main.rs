//! The reader of the server's answers.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod answers;
mod properties;
