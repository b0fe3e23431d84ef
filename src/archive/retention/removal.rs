//! Removes exactly what a plan names, in one transaction, then clears its bytes from the file.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::plan::{PlannedRun, RetentionRule, read, what_changed};
use super::{clearing, dictionaries};
use crate::archive::backup::{KnownBackup, known_backups};
use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing};
use crate::archive::ledger::entry::{LedgerEntry, RemovedEntry};
use crate::archive::ledger::{self, actor};
use crate::archive::limits;
use crate::archive::lock::SyncLock;
use crate::archive::open;
use crate::archive::storage::{holds_and_removals, jobs, syncs};
use crate::archive::verify;
use crate::model::{Instant, MessageKey, Sha256};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    pub recorded: RecordedRemoval,
    /// Size of the archive file before and after.
    pub file_bytes: (u64, u64),
    /// Backups made before the removal, which may still hold the removed bytes.
    pub backups: Vec<KnownBackup>,
}

/// A removal as the archive records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRemoval {
    /// 0 if the plan has none; then nothing was written.
    pub runs: u64,
    pub messages: u64,
    /// Payloads of other runs that were packed again because their dictionary held bytes of removed runs.
    pub repacked: u64,
    pub at: Instant,
    /// The ledger's head after the last line of the removal; `None` if the plan has no run.
    pub head: Option<Sha256>,
    /// Whether it was recorded by an earlier call. Bytes that call left are cleared now.
    pub already_done: bool,
}

/// Carries out the plan with this hash. The runs to remove are first verified against their payloads and the ledger.
///
/// # Errors
/// [`ArchiveError::Locked`] while a sync runs; [`ArchiveError::PlanChanged`] if the archive no longer gives this plan;
/// [`ArchiveError::Damaged`] if the ledger or a run to remove is damaged; disk full: in these cases nothing was removed.
/// [`ArchiveError::NotCleared`] if the removal is recorded but not all of its bytes are cleared: calling it again goes on.
pub fn retain(path: &Path, rule: &RetentionRule, plan: &Sha256) -> Result<Removal, ArchiveError> {
    // A missing file fails here, before the lock makes its own file next to it.
    drop(open::open_to_read(path)?);
    let _lock = SyncLock::take(path)?;
    let connection = open::open_to_write(path, open::IfMissing::Fail)?.connection;
    limits::refuse_changed(path, &connection)?;
    // Deleted rows are overwritten with zeros even if clearing the file is interrupted.
    connection
        .pragma_update(None, "secure_delete", true)
        .doing("prepare the removal")?;
    let size = || std::fs::metadata(path).map_or(0, |file| file.len());
    let before = size();
    let recorded = match recorded_removal(&connection, plan)? {
        Some(recorded) => recorded,
        None => record_removal(&connection, rule, plan)?,
    };
    let backups = known_backups(&connection, recorded.at)?;
    if clearing::due(&connection)?.is_some() {
        clearing::clear(&connection, path).map_err(|source| ArchiveError::NotCleared {
            runs: recorded.runs,
            source: Box::new(source),
        })?;
    }
    Ok(Removal {
        recorded,
        file_bytes: (before, size()),
        backups,
    })
}

/// The removal by this plan, if the archive has one.
fn recorded_removal(connection: &Connection, plan: &Sha256) -> Result<Option<RecordedRemoval>, ArchiveError> {
    let (runs, messages, at): (u64, Option<u64>, Option<i64>) = connection.one(
        "SELECT count(*), sum(messages), max(removed_unix) FROM _removed_run WHERE plan = ?1",
        [plan],
        "read the removed runs",
        |row| row.try_into(),
    )?;
    let Some(at) = at else { return Ok(None) };
    let head = connection.one(
        "SELECT entry_hash FROM ledger WHERE entry GLOB 'removed *' AND instr(entry, ?1) > 0 ORDER BY entry_id DESC LIMIT 1",
        [format!(" plan={} ", crate::model::hex(plan))],
        "read the ledger",
        |row| row.get(0),
    )?;
    Ok(Some(RecordedRemoval {
        runs,
        messages: messages.unwrap_or_default(),
        repacked: 0,
        at: Instant::from_unix_seconds(at),
        head: Some(head),
        already_done: true,
    }))
}

fn record_removal(
    connection: &Connection,
    rule: &RetentionRule,
    hash: &Sha256,
) -> Result<RecordedRemoval, ArchiveError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        .doing("begin to remove runs")?;
    let plan = read(&transaction, rule)?;
    if plan.hash != *hash {
        let what = what_changed(&transaction, rule, hash)?;
        return Err(ArchiveError::PlanChanged { what });
    }
    let at = Instant::now();
    let mut removal = RecordedRemoval {
        runs: plan.runs.len() as u64,
        messages: plan.jobs.iter().map(|job| job.messages).sum(),
        repacked: 0,
        at,
        head: None,
        already_done: false,
    };
    if plan.runs.is_empty() {
        return Ok(removal);
    }
    let keys: Vec<i64> = plan.runs.iter().map(|run| run.run_key).collect();
    if let Some(finding) = verify::first_finding_of(&transaction, &keys)? {
        let what = format!("{}: {}; nothing was removed", finding.place, finding.what);
        return Err(ArchiveError::Damaged { what });
    }
    let mut head = ledger::read_head(&transaction)?;
    syncs::close_killed(&transaction, &mut head, at)?;
    let why = holds_and_removals::keep_reason(&transaction, &rule.why)?;
    for run in &plan.runs {
        let entry = entry_of(run, at, hash, &why);
        ledger::append(&transaction, &mut head, &LedgerEntry::Removed(entry))?;
        holds_and_removals::insert_removed(&transaction, &entry, Some(run.first_seen), run.absent_since)?;
    }
    removal.head = Some(head.hash);
    delete_rows(&transaction, &plan.runs)?;
    let jobs: BTreeSet<_> = plan.runs.iter().map(|run| run.job).collect();
    let runs: HashSet<_> = plan.runs.iter().map(|run| run.run).collect();
    let mut job_keys = dictionaries::jobs_that_name(&transaction, &runs)?;
    for job in jobs {
        job_keys.extend(jobs::key(&transaction, job)?);
    }
    for job_key in job_keys {
        removal.repacked += dictionaries::replace(&transaction, job_key)?;
    }
    head.store_chains(&transaction)?;
    clearing::note(&transaction, hash, at.unix_seconds())?;
    transaction.commit().doing("commit")?;
    Ok(removal)
}

fn entry_of(run: &PlannedRun, at: Instant, plan: &Sha256, why: &Sha256) -> RemovedEntry {
    RemovedEntry {
        run: run.run,
        job: run.job,
        at: at.unix_seconds(),
        started: run.started,
        ended: run.ended,
        revisions: run.revisions,
        messages: run.messages,
        plan: *plan,
        why: *why,
        by: actor::this(),
    }
}

/// Deletes the rows of the runs, then the texts that no message uses any more.
fn delete_rows(connection: &Connection, runs: &[PlannedRun]) -> Result<(), ArchiveError> {
    let doing = "remove runs";
    for run in runs {
        let db = connection.cached();
        let (first, last) = MessageKey::range(run.run_key);
        db.run(
            "DELETE FROM _message WHERE message_key BETWEEN ?1 AND ?2",
            params![first, last],
            doing,
        )?;
        db.run(
            "DELETE FROM payload WHERE entry_id IN (SELECT entry_id FROM _revision WHERE run_key = ?1)",
            [run.run_key],
            doing,
        )?;
        db.run("DELETE FROM _revision WHERE run_key = ?1", [run.run_key], doing)?;
        db.run("DELETE FROM _run WHERE run_key = ?1", [run.run_key], doing)?;
    }
    connection.run(
        "DELETE FROM _quarantined WHERE run_key IS NOT NULL AND run_key NOT IN (SELECT run_key FROM _run)",
        [],
        doing,
    )?;
    for (table, key) in [
        ("_message_kind", "kind_key"),
        ("_asset", "asset_key"),
        ("_message_detail", "detail_key"),
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE {key} NOT IN (SELECT {key} FROM _message WHERE {key} IS NOT NULL)"
        );
        connection.run(&sql, [], doing)?;
    }
    delete_sampled_values(connection)
}

/// SQLite's own statistics may hold sampled values of rows.
fn delete_sampled_values(connection: &Connection) -> Result<(), ArchiveError> {
    let doing = "remove the samples of statistics";
    let tables: Vec<String> = connection.all(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('sqlite_stat3', 'sqlite_stat4')",
        [],
        doing,
        |row| row.get(0),
    )?;
    for table in tables {
        connection.run(&format!("DELETE FROM {table}"), [], doing)?;
    }
    Ok(())
}
