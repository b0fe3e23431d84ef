//! How healthy the archive's history is: one assessment for `status`, `overview` and whoever else asks.

mod job;

pub(crate) use self::job::JobHealth;
