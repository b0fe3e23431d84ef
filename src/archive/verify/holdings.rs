//! What an archive holds, counted in the state that is verified.

use rusqlite::Connection;

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::LedgerEntry;
use crate::model::Instant;

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Holdings {
    /// When the archive was made.
    pub created_at: Option<String>,
    /// The time of the ledger's last line that has one.
    pub recorded_until: Option<String>,
    /// Syncs, of whatever outcome.
    pub syncs: u64,
    /// Pieces that were put in quarantine, accepted ones too.
    pub quarantined: u64,
    /// Start of the earliest run.
    pub first_run_at: Option<String>,
    /// Start of the latest run.
    pub last_run_at: Option<String>,
    /// Every known job, by GUID.
    pub jobs: Vec<JobHoldings>,
}

/// What an archive holds of a job.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct JobHoldings {
    /// The job's GUID.
    pub job_id: String,
    pub name: Option<String>,
    pub runs: u64,
    /// Start of the earliest.
    pub first_run_at: Option<String>,
    /// Start of the latest.
    pub last_run_at: Option<String>,
}

/// Counts what the archive holds.
pub(super) fn count(connection: &Connection) -> Result<Holdings, ArchiveError> {
    let doing = "count what the archive holds";
    let jobs: Vec<JobHoldings> = connection.all(
        "SELECT j.job_id, j.name, count(r.run_key), min(r.started_at), max(r.started_at)
         FROM _job j LEFT JOIN _run r USING (job_key) GROUP BY j.job_key ORDER BY j.job_id",
        [],
        doing,
        |row| {
            Ok(JobHoldings {
                job_id: row.get(0)?,
                name: row.get(1)?,
                runs: row.get(2)?,
                first_run_at: row.get(3)?,
                last_run_at: row.get(4)?,
            })
        },
    )?;
    let last: Vec<String> = connection.all(
        "SELECT entry FROM ledger ORDER BY entry_id DESC LIMIT 100",
        [],
        doing,
        |row| row.get(0),
    )?;
    let at = |line: &String| LedgerEntry::read(line).ok().and_then(|entry| entry.at());
    let recorded_until = last.iter().find_map(at).map(Instant::from_unix_seconds);
    let (syncs, quarantined, created) = connection.one(
        "SELECT (SELECT count(*) FROM _sync), (SELECT count(*) FROM _quarantined), (SELECT made_unix FROM _archive)",
        [],
        doing,
        |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?)),
    )?;
    Ok(Holdings {
        created_at: created.map(|at| Instant::from_unix_seconds(at).to_string()),
        recorded_until: recorded_until.map(|at| at.to_string()),
        syncs,
        quarantined,
        first_run_at: jobs.iter().filter_map(|job| job.first_run_at.clone()).min(),
        last_run_at: jobs.iter().filter_map(|job| job.last_run_at.clone()).max(),
        jobs,
    })
}
