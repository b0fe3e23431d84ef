//! `verify` finds all that changes what the archive says: a bounded part of the campaign in `benches/campaign`.

mod edits;
mod flips;
mod sound;
