//! The health of the archive's history: one assessment for `status`, `overview` and others.

mod assessment;
mod job;

pub(crate) use self::assessment::{Assessment, FindingKind, HistoryCounts};
pub(crate) use self::job::JobHealth;
