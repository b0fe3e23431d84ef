//! The `jobruns` binary.

fn main() {}
