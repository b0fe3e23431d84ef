//! Removes exactly the runs of a plan in one transaction, and clears their bytes from the file.

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
use crate::archive::storage::{jobs, retention, syncs};
use crate::archive::verify;
use crate::model::{Instant, MessageKey, Sha256};

/// A removal by a plan: what it removed, and what it left to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Removed runs; 0 if the plan has none, and then nothing was written.
    pub runs: u64,
    /// Removed messages, absent ones too.
    pub messages: u64,
    /// Payloads of other runs that were packed again, because their dictionary held bytes of removed runs.
    pub repacked: u64,
    /// When the removal was recorded.
    pub at: Instant,
    /// The ledger's head after the last line of the removal; `None` if the plan has no run.
    pub head: Option<Sha256>,
    /// The plan had been carried out before; only what was left to be cleared was cleared now.
    pub already_done: bool,
    /// Size of the archive's file in bytes, before and after.
    pub file_bytes: (u64, u64),
    /// Backups that were made before the removal and may still hold the bytes.
    pub backups: Vec<KnownBackup>,
}

/// Carries out the plan of `rule` if it has the hash `plan`, after comparing the runs with their payloads and the ledger. A plan
/// that was carried out before only has its bytes cleared.
///
/// # Errors
/// Nothing was removed: [`ArchiveError::Held`] while a sync runs; [`ArchiveError::PlanChanged`] if the rule now has another plan;
/// [`ArchiveError::Damaged`] if the ledger or a run of the plan is damaged; SQL errors, such as a full disk.
///
/// [`ArchiveError::NotCleared`]: the removal is recorded, and not all of its bytes are cleared; it can be run again.
pub fn retain(path: &Path, rule: &RetentionRule, plan: &Sha256) -> Result<Removal, ArchiveError> {
    // Fails if there is no archive, before a lock file is made for it.
    drop(open::open_to_read(path)?);
    let _lock = SyncLock::take(path)?;
    let connection = open::open_to_write(path, open::IfMissing::Fail)?.connection;
    limits::refuse_changed(path, &connection)?;
    connection
        .pragma_update(None, "secure_delete", true)
        .doing("prepare the removal")?;
    let size = || std::fs::metadata(path).map_or(0, |file| file.len());
    let before = size();
    let removed = match find_removal(&connection, plan)? {
        Some(found) => found,
        None => remove(&connection, rule, plan)?,
    };
    let backups = known_backups(&connection, removed.at)?;
    if clearing::due(&connection)?.is_some() {
        clearing::clear(&connection, path).map_err(|source| ArchiveError::NotCleared {
            runs: removed.runs,
            source: Box::new(source),
        })?;
    }
    Ok(Removal {
        runs: removed.runs,
        messages: removed.messages,
        repacked: removed.repacked,
        at: removed.at,
        head: removed.head,
        already_done: removed.already_done,
        file_bytes: (before, size()),
        backups,
    })
}

/// What the transaction of a removal did.
struct Removed {
    runs: u64,
    messages: u64,
    repacked: u64,
    at: Instant,
    head: Option<Sha256>,
    already_done: bool,
}

/// The removal by this plan, if the ledger records one.
fn find_removal(connection: &Connection, plan: &Sha256) -> Result<Option<Removed>, ArchiveError> {
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
    Ok(Some(Removed {
        runs,
        messages: messages.unwrap_or_default(),
        repacked: 0,
        at: Instant::from_unix_seconds(at),
        head: Some(head),
        already_done: true,
    }))
}

fn remove(connection: &Connection, rule: &RetentionRule, hash: &Sha256) -> Result<Removed, ArchiveError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        .doing("begin to remove runs")?;
    let plan = read(&transaction, rule)?;
    if plan.hash != *hash {
        let what = what_changed(&transaction, rule, hash)?;
        return Err(ArchiveError::PlanChanged { what });
    }
    let at = Instant::now();
    let mut removed = Removed {
        runs: plan.runs.len() as u64,
        messages: plan.jobs.iter().map(|job| job.messages).sum(),
        repacked: 0,
        at,
        head: None,
        already_done: false,
    };
    if plan.runs.is_empty() {
        return Ok(removed);
    }
    let keys: Vec<i64> = plan.runs.iter().map(|run| run.run_key).collect();
    if let Some(finding) = verify::first_finding_of(&transaction, &keys)? {
        let what = format!("{}: {}; nothing was removed", finding.place, finding.what);
        return Err(ArchiveError::Damaged { what });
    }
    let mut head = ledger::read_head(&transaction)?;
    syncs::close_killed(&transaction, &mut head, at)?;
    let why = retention::keep_reason(&transaction, &rule.why)?;
    for run in &plan.runs {
        let entry = entry_of(run, at, hash, &why);
        ledger::append(&transaction, &mut head, &LedgerEntry::Removed(entry))?;
        retention::insert_removed(&transaction, &entry, Some(run.first_seen), run.absent_since)?;
    }
    removed.head = Some(head.hash);
    delete_rows(&transaction, &plan.runs)?;
    let jobs: BTreeSet<_> = plan.runs.iter().map(|run| run.job).collect();
    let runs: HashSet<_> = plan.runs.iter().map(|run| run.run).collect();
    let mut job_keys = dictionaries::jobs_that_name(&transaction, &runs)?;
    for job in jobs {
        job_keys.extend(jobs::key(&transaction, job)?);
    }
    for job_key in job_keys {
        removed.repacked += dictionaries::replace(&transaction, job_key)?;
    }
    head.store_chains(&transaction)?;
    clearing::note(&transaction, hash, at.unix_seconds())?;
    transaction.commit().doing("commit")?;
    Ok(removed)
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

/// SQLite's own statistics may hold sampled values of the rows.
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
