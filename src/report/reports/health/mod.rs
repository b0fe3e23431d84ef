//! How healthy the archive's history is: one assessment for `status`, `overview` and whoever else asks.

mod assessment;
mod job;

pub(crate) use self::assessment::{Assessment, FindingKind, HistoryCounts};
pub(crate) use self::job::JobHealth;
