//! How things lie in the file: the rows of jobs, syncs and quarantine, packed payloads and their dictionaries, texts stored
//! once, and the rules by which what arrived becomes rows.

pub(super) mod clock;
pub(super) mod dictionary;
pub(super) mod holds_and_removals;
mod insert;
pub(super) mod jobs;
pub(super) mod keys;
pub(super) mod known;
pub(super) mod messages;
pub(super) mod payload;
pub(super) mod plan;
pub(super) mod quarantine;
pub(super) mod replay;
pub(super) mod revisions;
pub(super) mod run_rows;
pub(super) mod syncs;
pub(super) mod texts;
pub(super) mod watching;
pub(super) mod zones;
