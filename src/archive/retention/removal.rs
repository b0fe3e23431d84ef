//! Removes exactly what a plan names, in one transaction, and clears the file of it.

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Runs; 0 where the plan has none, and then nothing was written.
    pub runs: u64,
    pub messages: u64,
    /// Payloads of other runs that were packed anew, since their dictionary held bytes of removed ones.
    pub packed_anew: u64,
    /// When the removal was recorded.
    pub at: Instant,
    /// The ledger's head behind the last line of the removal; none where the plan has no run.
    pub head: Option<Sha256>,
    /// The plan had been carried out before; what was left to be cleared is cleared now.
    pub was_done: bool,
    /// Size of the archive's file before and after.
    pub file_bytes: (u64, u64),
    /// Backups that were made before the removal and may still hold the bytes.
    pub backups: Vec<KnownBackup>,
}

/// Does what the plan with this hash says. What it removes is first compared with its payloads and the ledger.
///
/// # Errors
/// [`ArchiveError::Held`] while a sync runs; [`ArchiveError::PlanChanged`] where the plan is no longer true;
/// [`ArchiveError::Damaged`] where the ledger or a run that is to go is hurt; disk full: then nothing was removed.
/// [`ArchiveError::NotCleared`] where the removal is recorded and its bytes are not all cleared: it can be run again.
pub fn retain(path: &Path, rule: &RetentionRule, plan: &Sha256) -> Result<Removal, ArchiveError> {
    // A file that is not there is not made.
    drop(open::open_to_read(path)?);
    let _lock = SyncLock::take(path)?;
    let connection = open::open_to_write(path, open::IfMissing::Fail)?.connection;
    limits::refuse_changed(path, &connection)?;
    connection
        .pragma_update(None, "secure_delete", true)
        .doing("prepare the removal")?;
    let size = || std::fs::metadata(path).map_or(0, |file| file.len());
    let before = size();
    let mut removal = match done_before(&connection, plan)? {
        Some(done) => done,
        None => remove(&connection, rule, plan)?,
    };
    removal.backups = known_backups(&connection, removal.at)?;
    if clearing::due(&connection)?.is_some() {
        clearing::clear(&connection, path).map_err(|source| ArchiveError::NotCleared {
            runs: removal.runs,
            source: Box::new(source),
        })?;
    }
    removal.file_bytes = (before, size());
    Ok(removal)
}

/// The removal by this plan that the ledger tells of.
fn done_before(connection: &Connection, plan: &Sha256) -> Result<Option<Removal>, ArchiveError> {
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
    Ok(Some(Removal {
        runs,
        messages: messages.unwrap_or_default(),
        packed_anew: 0,
        at: Instant::from_unix_seconds(at),
        head: Some(head),
        was_done: true,
        file_bytes: (0, 0),
        backups: Vec::new(),
    }))
}

fn remove(connection: &Connection, rule: &RetentionRule, hash: &Sha256) -> Result<Removal, ArchiveError> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
        .doing("begin to remove runs")?;
    let plan = read(&transaction, rule)?;
    if plan.hash != *hash {
        let what = what_changed(&transaction, rule, hash)?;
        return Err(ArchiveError::PlanChanged { what });
    }
    let at = Instant::now();
    let mut removal = Removal {
        runs: plan.runs.len() as u64,
        messages: plan.jobs.iter().map(|job| job.messages).sum(),
        packed_anew: 0,
        at,
        head: None,
        was_done: false,
        file_bytes: (0, 0),
        backups: Vec::new(),
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
    let why = retention::keep_reason(&transaction, &rule.why)?;
    for run in &plan.runs {
        let entry = entry_of(run, at, hash, &why);
        ledger::append(&transaction, &mut head, &LedgerEntry::Removed(entry))?;
        retention::insert_removed(&transaction, &entry, Some(run.first_seen), run.absent_since)?;
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
        removal.packed_anew += dictionaries::replace(&transaction, job_key)?;
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

/// Rows of the runs, then the texts that no message has any more.
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
    forget_samples(connection)
}

/// Statistics of SQLite's own may hold values of rows as samples.
fn forget_samples(connection: &Connection) -> Result<(), ArchiveError> {
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
