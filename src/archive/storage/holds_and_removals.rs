//! The rows of holds and of removed runs. What may be removed is decided in `retention/plan.rs`.

use rusqlite::{Connection, params};

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{HoldEntry, LedgerEntry, RemovedEntry};
use crate::archive::ledger::removal_rule::HoldSpan;
use crate::archive::ledger::text_hash;
use crate::model::{Instant, Sha256};

pub(in crate::archive) fn insert_hold(connection: &Connection, hold: &HoldEntry) -> Result<(), ArchiveError> {
    connection
        .run(
            "INSERT INTO _hold (hold_id, job_key, since_unix, until_unix, added_unix, added_by, added_why)
             VALUES (?1, (SELECT job_key FROM _job WHERE job_id = ?2), ?3, ?4, ?5, ?6, ?7)",
            params![
                hold.id,
                hold.job.map(|job| job.to_string()),
                hold.span.since,
                hold.span.until,
                hold.at,
                hold.by,
                hold.why,
            ],
            "store a hold",
        )
        .map(drop)
}

/// How many runs of a job, or of every job, the span covers.
pub(in crate::archive) fn count_covered(
    connection: &Connection,
    job_key: Option<i64>,
    span: HoldSpan,
) -> Result<u64, ArchiveError> {
    let mut covered = 0;
    connection.each(
        "SELECT started_ticks, ended_ticks FROM _run WHERE ?1 IS NULL OR job_key = ?1",
        [job_key],
        "count the runs that a hold covers",
        |row| {
            let time = |index| {
                row.get::<_, Option<i64>>(index)
                    .map(|ticks| ticks.map(Instant::from_ticks))
            };
            covered += u64::from(span.meets(time(0)?, time(1)?));
            Ok(())
        },
    )?;
    Ok(covered)
}

pub(in crate::archive) fn release_hold(
    connection: &Connection,
    id: i64,
    at: i64,
    why: &Sha256,
    by: &Sha256,
) -> Result<(), ArchiveError> {
    connection
        .run(
            "UPDATE _hold SET released_unix = ?2, released_why = ?3, released_by = ?4 WHERE hold_id = ?1",
            params![id, at, why, by],
            "release a hold",
        )
        .map(drop)
}

pub(in crate::archive) fn insert_removed(
    connection: &Connection,
    removed: &RemovedEntry,
    first_seen: Option<i64>,
    absent_since: Option<i64>,
) -> Result<(), ArchiveError> {
    connection
        .cached()
        .run(
            "INSERT INTO _removed_run (job_run_id, job_key, started_ticks, ended_ticks, revisions, messages,
                 first_seen_unix, absent_since_unix, removed_unix, removed_by, removed_why, plan)
             VALUES (?1, (SELECT job_key FROM _job WHERE job_id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                removed.run.to_string(),
                removed.job.to_string(),
                removed.started.map(Instant::ticks),
                removed.ended.map(Instant::ticks),
                removed.revisions,
                removed.messages,
                first_seen,
                absent_since,
                removed.at,
                removed.by,
                removed.why,
                removed.plan,
            ],
            "note that a run was removed",
        )
        .map(drop)
}

/// Keeps the text of a reason, and returns the hash by which a ledger line names it.
pub(in crate::archive) fn keep_reason(connection: &Connection, why: &str) -> Result<Sha256, ArchiveError> {
    let hash = text_hash(why);
    connection.run(
        "INSERT OR IGNORE INTO _reason (why_sha256, why) VALUES (?1, ?2)",
        params![hash, why],
        "keep the reason",
    )?;
    Ok(hash)
}

/// Refuses a run that a retention rule removed; `beginning` is its GUID or the first characters of it.
pub(in crate::archive) fn refuse_removed(
    connection: &Connection,
    beginning: &str,
) -> Result<(), ArchiveError> {
    let found = connection.optional(
        "SELECT job_run_id, removed_at, removed_by, reason FROM removed_runs
         WHERE substr(job_run_id, 1, length(?1)) = ?1 LIMIT 1",
        [beginning],
        "read a removed run",
        |row| {
            let or_lost = |text: Option<String>| text.unwrap_or_else(|| "(lost)".to_owned());
            Ok(ArchiveError::RemovedRun {
                run: row.get(0)?,
                at: row.get(1)?,
                by: or_lost(row.get(2)?),
                why: or_lost(row.get(3)?),
            })
        },
    )?;
    found.map_or(Ok(()), Err)
}

/// The age in days below which the ledger says that no run may be removed; 0 if nothing is locked.
pub(in crate::archive) fn locked_days(connection: &Connection) -> Result<i64, ArchiveError> {
    let lines: Vec<String> = connection.all(
        "SELECT entry FROM ledger WHERE entry GLOB 'retention-locked *'",
        [],
        "read the ledger",
        |row| row.get(0),
    )?;
    let days = lines.iter().filter_map(|line| match LedgerEntry::read(line) {
        Ok(LedgerEntry::RetentionLocked { days, .. }) => Some(days),
        _ => None,
    });
    Ok(days.max().unwrap_or_default())
}
