//! From the bytes of an answer to runs.
/// How payloads are read; goes up when the same bytes would be read differently.
pub const READER_VERSION: u32 = 1;
