//! Which jobs there are, and how people call them.

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;

/// A job's key with its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobName {
    /// The key inside the archive.
    pub job_key: i64,
    /// GUID, lower case with hyphens.
    pub job_id: String,
    /// Its name; `None` while it is not known.
    pub name: Option<String>,
}

impl Snapshot<'_> {
    /// Every job, by GUID.
    pub fn job_names(&self) -> Result<Vec<JobName>, ArchiveError> {
        self.connection().all(
            "SELECT job_key, job_id, name FROM _job ORDER BY job_id",
            [],
            "read the jobs",
            |row| {
                Ok(JobName {
                    job_key: row.get(0)?,
                    job_id: row.get(1)?,
                    name: row.get(2)?,
                })
            },
        )
    }
}
