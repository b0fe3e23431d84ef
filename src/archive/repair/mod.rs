//! Making tables or a whole archive anew from what is sound: `reindex` in place, `salvage` out of a damaged file.

pub(super) mod rebuild;
pub(super) mod reindex;
pub(super) mod salvage;
