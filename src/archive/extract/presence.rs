//! Which runs of all jobs the servers listed, and for how long, as known at the head of a sync: what purge ages are learned
//! from. It follows from the ledger's lines up to that head alone, so nothing that happens later changes it, not even a removal.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::bound::BoundSync;
use super::{copy, empty};
use crate::archive::db::{Db, RowError};
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, Loss};
use crate::archive::ledger::text_hash;
use crate::archive::queries::Snapshot;
use crate::archive::read_only::ReadOnly;
use crate::model::{Guid, Instant, Sha256};

/// An archive of jobs, syncs and runs as of the head. Of a run it has the job, the start as its line says, and since when it
/// is absent; nothing else that is asked of it means anything.
pub fn presence_at(snapshot: &Snapshot<'_>, bound: &BoundSync) -> Result<ReadOnly, ArchiveError> {
    let source = snapshot.connection();
    let target = empty()?;
    copy(
        source,
        &target,
        "_job",
        "SELECT job_key, job_id, 0 AS watched, 0 AS first_seen_unix FROM _job",
        [],
    )?;
    for table in ["_sync", "_sync_job", "_sync_job_unchanged"] {
        let sql = format!("SELECT * FROM {table} WHERE sync_id <= ?1");
        copy(source, &target, table, &sql, [bound.sync_id])?;
    }
    target.run(LAST_ANSWERS, [], DOING)?;
    let servers: Vec<(String, i64)> =
        source.all("SELECT url, server_key FROM _server", [], DOING, |row| {
            row.try_into()
        })?;
    let servers: HashMap<Sha256, i64> = servers
        .into_iter()
        .map(|(url, key)| (text_hash(&url), key))
        .collect();
    let mut lost = HashSet::new();
    each_line(source, "lost *", bound.entry_id, |_, entry| {
        if let LedgerEntry::Lost(Loss::Payload { entry_id }) = entry {
            lost.insert(entry_id);
        }
        Ok(())
    })?;
    each_line(source, "*", bound.entry_id, |entry_id, entry| {
        match entry {
            LedgerEntry::JobServer { job, server, .. } => serve(&target, job, servers.get(&server)),
            LedgerEntry::Lost(Loss::Server { job }) => serve(&target, job, None),
            // Whoever sent it lists the run.
            LedgerEntry::Revision(revision) if !lost.contains(&entry_id) => run(
                &target,
                LISTED,
                params![
                    revision.run.to_string(),
                    revision.job.to_string(),
                    revision.started.map(Instant::ticks)
                ],
            ),
            LedgerEntry::Absent { run, at, .. } => mark(&target, run, Some(at)),
            LedgerEntry::Returned { run, .. } => mark(&target, run, None),
            LedgerEntry::Removed(entry) => {
                let id = entry.run.to_string();
                run(
                &target,
                "INSERT INTO _removed_run (job_run_id, job_key, started_ticks, revisions, messages, absent_since_unix,
                                           removed_unix, removed_by, removed_why, plan)
                 SELECT job_run_id, job_key, ?2, 0, 0, absent_since_unix, 0, zeroblob(32), zeroblob(32), zeroblob(32)
                 FROM _run WHERE job_run_id = ?1",
                params![id, entry.started.map(Instant::ticks)],
            )?;
                run(&target, "DELETE FROM _run WHERE job_run_id = ?1", params![id])
            }
            _ => Ok(()),
        }
    })?;
    Ok(ReadOnly::of_own(target, snapshot.path()))
}

/// A run that was sent.
const LISTED: &str = "
INSERT INTO _run (job_run_id, job_key, started_ticks, has_message_list, unreadable_messages, messages_present,
                  messages_held, messages_without_time, revision, first_seen_unix, last_changed_unix, seen_sha256)
VALUES (?1, (SELECT job_key FROM _job WHERE job_id = ?2), ?3, 0, 0, 0, 0, 0, 1, 0, 0, zeroblob(32))
ON CONFLICT (job_run_id) DO UPDATE
SET job_key = excluded.job_key, started_ticks = excluded.started_ticks, absent_since_unix = NULL";

const DOING: &str = "find out what was listed at the head";

/// When the last complete answer with all runs of each job was received, and its `TotalJobRuns`.
const LAST_ANSWERS: &str = "
WITH answer AS MATERIALIZED (
    SELECT job_key, sync_id, total_job_runs AS total FROM _sync_job WHERE outcome = 'complete' AND count_asked = 0
    UNION ALL
    SELECT job_key, sync_id, coalesce(other_total, runs_seen) FROM _sync_job_unchanged WHERE count_asked = 0
), latest AS (
    SELECT job_key, max(sync_id) AS sync_id, max(sync_id) FILTER (WHERE total IS NOT NULL) AS counted FROM answer GROUP BY job_key
)
UPDATE _job SET last_synced_unix = l.finished_unix, total_job_runs = l.total
FROM (SELECT latest.job_key, s.finished_unix, a.total
      FROM latest JOIN _sync s USING (sync_id)
      LEFT JOIN answer a ON a.job_key = latest.job_key AND a.sync_id = latest.counted) l
WHERE l.job_key = _job.job_key";

fn each_line(
    source: &Connection,
    pattern: &str,
    until: i64,
    mut each: impl FnMut(i64, LedgerEntry) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    source.each(
        "SELECT entry_id, entry FROM ledger WHERE entry_id <= ?1 AND entry GLOB ?2 ORDER BY entry_id",
        params![until, pattern],
        "read the ledger",
        |row| {
            let entry_id = row.get(0)?;
            let entry = LedgerEntry::read(row.get_ref(1)?.as_str()?).map_err(|why| {
                let what = format!("ledger entry {entry_id} cannot be read: {why}");
                RowError::from(ArchiveError::Damaged { what })
            })?;
            Ok(each(entry_id, entry)?)
        },
    )
}

fn run(target: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<(), ArchiveError> {
    target.cached().run(sql, params, DOING).map(drop)
}

fn serve(target: &Connection, job: Guid, server: Option<&i64>) -> Result<(), ArchiveError> {
    let sql = "UPDATE _job SET server_key = ?2 WHERE job_id = ?1";
    run(target, sql, params![job.to_string(), server])
}

fn mark(target: &Connection, id: Guid, absent_since: Option<i64>) -> Result<(), ArchiveError> {
    let sql = "UPDATE _run SET absent_since_unix = ?2 WHERE job_run_id = ?1";
    run(target, sql, params![id.to_string(), absent_since])
}
