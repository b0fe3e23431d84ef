//! Flags, environment, file; credentials.
