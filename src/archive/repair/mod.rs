//! Rebuilds tables or a whole archive from what is sound: `reindex` in place, `salvage` from a damaged file into a new one.

pub(super) mod rebuild;
pub(super) mod reindex;
pub(super) mod salvage;
