//! Rebuilds every derived table from payloads and ledger, inside one transaction of the caller.
//!
//! Derived is what the ledger's lines and the payloads say by themselves: runs, messages, their texts, revisions, syncs, what
//! the rows of jobs and quarantine say beside their texts. What stands nowhere else (payloads, names, addresses, reasons,
//! errors) stays as it is and must have been checked before.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Row, params, params_from_iter};

use crate::archive::db::{Db, RowError};
use crate::archive::error::{ArchiveError, Doing};
use crate::archive::ledger::entry::{LedgerEntry, SyncBegan};
use crate::archive::ledger::text_hash;
use crate::archive::migrations::fresh;
use crate::archive::open::quoted;
use crate::archive::statistics;
use crate::archive::storage::holds_and_removals;
use crate::archive::storage::messages::{MessageMarks, MessageTexts, set_absence};
use crate::archive::storage::replay::Replay;
use crate::archive::storage::revisions::Payloads;
use crate::archive::storage::run_rows::{RUN_COLUMNS, RunState, insert_revision, run_columns};
use crate::archive::verify::{LedgerState, knows_rules};
use crate::decode::read_run_fields;
use crate::model::{Guid, Sha256};

/// Tables with rows or columns that cannot be derived from anything else.
const KEPT: [&str; 18] = [
    "_reason",
    "_actor",
    "_zone_rules",
    "ledger",
    "payload",
    "dictionary",
    "_quarantined",
    "_sync_job",
    "_sync_job_unchanged",
    "_job",
    "_former_name",
    "_jobs_file",
    "_job_list",
    "_listed_job",
    "_server",
    "_backup",
    "_clearing",
    "refinery_schema_history",
];

/// What was rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::archive) struct Rebuilt {
    pub(in crate::archive) runs: u64,
    pub(in crate::archive) revisions: u64,
    pub(in crate::archive) messages: u64,
    pub(in crate::archive) bytes: u64,
}

/// Rebuilds the derived tables. `told` is the state after replaying the whole ledger; `done` is called with the bytes read so
/// far.
///
/// # Errors
/// [`ArchiveError::NotRepairable`] if a payload or a kept table is damaged; SQL errors. The caller rolls back.
pub(in crate::archive) fn rebuild(
    connection: &Connection,
    ledger: &LedgerState,
    done: &dyn Fn(u64),
) -> Result<Rebuilt, ArchiveError> {
    let schema = Schema::begin(connection)?;
    fill_archive(connection, ledger)?;
    forget_zone_rules(connection, ledger)?;
    fill_jobs(connection, ledger)?;
    fill_chains(connection, ledger)?;
    fill_retention(connection, ledger)?;
    drop_lost_results(connection, ledger)?;
    replay(connection, ledger)?;
    drop_unrecorded_results(connection)?;
    let mut runs = RunRebuilder {
        connection,
        ledger,
        texts: MessageTexts::default(),
        payloads: Payloads::default(),
        rebuilt: Rebuilt::default(),
    };
    connection.each(
        "SELECT run_key, job_run_id, absent_since_unix FROM rebuilt_run ORDER BY run_key",
        [],
        "list the runs of the ledger",
        |row| {
            let id: String = row.get(1)?;
            runs.fill(row.get(0)?, &id, row.get(2)?)?;
            done(runs.rebuilt.bytes);
            Ok(())
        },
    )?;
    finish_quarantine(connection, ledger)?;
    schema.end(connection)?;
    // Those of a table go with it.
    statistics::restore(connection)?;
    Ok(runs.rebuilt)
}

fn not_repairable(what: impl Into<String>) -> ArchiveError {
    ArchiveError::NotRepairable { what: what.into() }
}

/// What is created again once the tables are filled.
struct Schema {
    /// Statements, in order.
    after: Vec<String>,
}

/// Type, table and SQL of an object of the schema.
type ObjectDefinition = (String, String, Option<String>);

fn objects(connection: &Connection) -> Result<BTreeMap<String, ObjectDefinition>, ArchiveError> {
    connection.all(
        "SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE name NOT GLOB 'sqlite_*'",
        [],
        "read the schema",
        |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))),
    )
}

impl Schema {
    /// Drops triggers, our views and the derived tables, and creates these tables again, empty.
    fn begin(connection: &Connection) -> Result<Self, ArchiveError> {
        let doing = "make the tables anew";
        let fresh = fresh()?;
        let (ours, found) = (objects(&fresh)?, objects(connection)?);
        let unique: HashSet<String> = connection.all(
            "SELECT i.name FROM sqlite_schema s, pragma_index_list(s.name) i
             WHERE s.type = 'table' AND i.\"unique\"",
            [],
            doing,
            |row| row.get(0),
        )?;
        let unique: HashSet<String> = unique
            .into_iter()
            .filter(|name| {
                found
                    .get(name)
                    .is_some_and(|(_, table, _)| ours.contains_key(table))
            })
            .collect();
        let is_kept = |table: &str| KEPT.contains(&table);
        for table in KEPT {
            if found.get(table) != ours.get(table) {
                return Err(not_repairable(format!(
                    "the table {table} is not what this program makes"
                )));
            }
        }
        let mut after = Vec::new();
        for (name, (kind, table, sql)) in &found {
            let known = ours.get(name);
            match kind.as_str() {
                // Nobody else's may change what is archived, and ours has none.
                "trigger" => {}
                // It could keep out what is to be archived.
                "index" if known.is_none() && unique.contains(name) => {}
                // Of kept tables, an index of ours that was changed is dropped; others stay.
                "index" if is_kept(table) && known.is_none_or(|known| known.2 == *sql) => continue,
                // An analyst's index goes with its table, and is made again.
                "index" if known.is_none() => {
                    after.extend(sql.clone());
                    continue;
                }
                "index" if !is_kept(table) => continue,
                "table" | "view" if known.is_none() || is_kept(name) => continue,
                _ => {}
            }
            connection
                .execute_batch(&format!("DROP {kind} IF EXISTS {}", quoted(name)))
                .doing(doing)?;
        }
        let left = objects(connection)?;
        let missing = |wanted: &str| {
            let found = ours.iter().filter(move |(_, (kind, _, _))| kind == wanted);
            let missing = found.filter(|(name, _)| !left.contains_key(*name));
            missing
                .filter_map(|(_, (_, _, sql))| sql.clone())
                .collect::<Vec<_>>()
        };
        for sql in missing("table") {
            connection.execute_batch(&sql).doing(doing)?;
        }
        // Of texts stored once, by which each is looked up while the tables are filled.
        let (texts, rest): (Vec<_>, Vec<_>) = missing("index")
            .into_iter()
            .partition(|sql| sql.contains("_by_text ON "));
        for sql in texts {
            connection.execute_batch(&sql).doing(doing)?;
        }
        after.extend(rest);
        after.extend(missing("view"));
        connection
            .execute_batch(
                "DROP TABLE IF EXISTS temp.rebuilt_run;
                 DROP TABLE IF EXISTS temp.rebuilt_revision;
                 CREATE TEMP TABLE rebuilt_run (
                     run_key INTEGER PRIMARY KEY, job_run_id TEXT NOT NULL UNIQUE, absent_since_unix INTEGER);
                 CREATE TEMP TABLE rebuilt_revision (
                     run_key INTEGER NOT NULL, entry_id INTEGER NOT NULL, PRIMARY KEY (run_key, entry_id)) WITHOUT ROWID",
            )
            .doing(doing)?;
        for statement in rows_of_migrations(&fresh)? {
            connection.run(
                "INSERT INTO job_statuses (status, status_name, is_final, is_failure)
                 VALUES (?1, ?2, ?3, ?4)",
                statement,
                doing,
            )?;
        }
        Ok(Self { after })
    }

    /// Makes indexes and views.
    fn end(self, connection: &Connection) -> Result<(), ArchiveError> {
        let doing = "make indexes and views anew";
        for sql in self.after {
            connection.execute_batch(&sql).doing(doing)?;
        }
        connection
            .execute_batch(
                "DROP TABLE temp.rebuilt_run; DROP TABLE temp.rebuilt_revision; PRAGMA user_version = 0",
            )
            .doing(doing)
    }
}

fn rows_of_migrations(fresh: &Connection) -> Result<Vec<(i64, String, i64, i64)>, ArchiveError> {
    fresh.all(
        "SELECT status, status_name, is_final, is_failure FROM job_statuses",
        [],
        "read the schema",
        |row| row.try_into(),
    )
}

/// Results of syncs whose results were lost: any rows there were added later.
fn drop_lost_results(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    for sync in &ledger.lost.results {
        for table in ["_sync_job", "_sync_job_unchanged"] {
            connection.run(
                &format!("DELETE FROM {table} WHERE sync_id = ?1"),
                [sync],
                "remove results that no ledger line records",
            )?;
        }
    }
    Ok(())
}

/// Results of syncs that did not end, or that the ledger does not know.
fn drop_unrecorded_results(connection: &Connection) -> Result<(), ArchiveError> {
    for table in ["_sync_job", "_sync_job_unchanged"] {
        let sql = format!(
            "DELETE FROM {table} WHERE sync_id NOT IN (SELECT sync_id FROM _sync WHERE finished_unix IS NOT NULL)"
        );
        connection.run(&sql, [], "remove results that no ledger line records")?;
    }
    Ok(())
}

fn fill_archive(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    let Some((id, made)) = ledger.archive else {
        return Err(not_repairable(
            "the ledger does not begin with what the archive is",
        ));
    };
    let zone = ledger.zone.map(|zone| zone.to_string());
    connection
        .run(
            "INSERT INTO _archive (only, archive_id, made_unix, naive_time, zone_rules, zone_release)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                id.to_string(),
                made,
                zone,
                ledger.zone_rules.as_ref().map(|rules| rules.sha256),
                ledger.zone_rules.as_ref().map(|rules| &rules.release),
            ],
            "fill in what the archive is",
        )
        .map(drop)
}

/// Removes rules of time zones that no line names.
fn forget_zone_rules(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    let doing = "look through the rules of time zones";
    let rows: Vec<(String, Vec<u8>, String)> = connection.all(
        "SELECT zone, sha256, release FROM _zone_rules",
        [],
        doing,
        |row| row.try_into(),
    )?;
    for (zone, sha256, release) in &rows {
        if !ledger.names_rules(zone, sha256, release) {
            connection.run(
                "DELETE FROM _zone_rules WHERE zone = ?1 AND sha256 = ?2 AND release = ?3",
                params![zone, sha256, release],
                doing,
            )?;
        }
    }
    Ok(())
}

/// The state of the jobs' chains.
fn fill_chains(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    let jobs = ledger.chains.iter().map(|(job, chain)| (Some(job), chain));
    for (job, chain) in std::iter::once((None, &ledger.common_chain)).chain(jobs) {
        connection.cached().run(
            "INSERT INTO _chain (job_key, lines, hash)
             SELECT coalesce(j.job_key, 0), ?2, ?3 FROM (SELECT 1) LEFT JOIN _job j ON j.job_id = ?1",
            params![job.map(Guid::to_string), chain.lines, chain.hash],
            "fill in where the chains of the jobs stand",
        )?;
    }
    Ok(())
}

/// Holds, and runs that were removed.
fn fill_retention(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    for hold in ledger.holds.values() {
        holds_and_removals::insert_hold(connection, &hold.added)?;
        if let Some((at, why, by)) = &hold.released {
            holds_and_removals::release_hold(connection, hold.added.id, *at, why, by)?;
        }
    }
    for removal in ledger.removed.values() {
        let first_seen = removal.first_seen.map(|(_, at)| at);
        holds_and_removals::insert_removed(connection, &removal.entry, first_seen, removal.absent_since)?;
    }
    Ok(())
}

fn fill_jobs(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    let doing = "fill in the jobs";
    let servers: Vec<(i64, String)> =
        connection.all("SELECT server_key, url FROM _server", [], doing, |row| {
            row.try_into()
        })?;
    let servers: Vec<(i64, Sha256)> = servers
        .into_iter()
        .map(|(key, url)| (key, text_hash(&url)))
        .collect();
    for (key, hash) in &servers {
        if !ledger.servers.contains(hash) {
            connection.run("DELETE FROM _server WHERE server_key = ?1", [key], doing)?;
        }
    }
    let known: Vec<(i64, String)> = connection.all("SELECT job_key, job_id FROM _job", [], doing, |row| {
        row.try_into()
    })?;
    for (key, id) in known {
        let job = id.parse::<Guid>().ok().and_then(|job| ledger.jobs.get(&job));
        let Some(job) = job else {
            for table in ["_former_name", "_jobs_file", "_job"] {
                connection.run(&format!("DELETE FROM {table} WHERE job_key = ?1"), [key], doing)?;
            }
            continue;
        };
        let server = job
            .server
            .and_then(|wanted| servers.iter().find(|(_, hash)| *hash == wanted));
        let last = job.last.as_ref();
        connection.run(
            "UPDATE _job SET watched = ?2, first_seen_unix = ?3, server_key = ?4, last_synced_unix = ?5,
             last_answered_unix = ?6, last_error = ?7, total_job_runs = ?8, name = CASE WHEN ?9 THEN name END
             WHERE job_key = ?1",
            params![
                key,
                job.watched,
                job.added_at,
                server.map(|(key, _)| key),
                last.and_then(|last| last.synced_at),
                last.and_then(|last| last.answered_at),
                last.and_then(|last| last.error.as_deref()),
                last.and_then(|last| last.total_job_runs),
                job.name.is_some(),
            ],
            doing,
        )?;
    }
    Ok(())
}

/// Goes through the ledger: syncs, quarantine, which revisions each run has and whether it is absent.
fn replay(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT entry_id, entry, entry_hash FROM ledger ORDER BY entry_id",
        [],
        "read the ledger",
        |row| replay_entry(connection, ledger, row),
    )
}

fn replay_entry(connection: &Connection, ledger: &LedgerState, row: &Row<'_>) -> Result<(), RowError> {
    let execute = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        connection
            .cached()
            .run(sql, values, "fill in what the ledger tells")
    };
    let entry_id: i64 = row.get(0)?;
    let line: String = row.get(1)?;
    let entry = LedgerEntry::read(&line)
        .map_err(|why| not_repairable(format!("ledger entry {entry_id} cannot be read: {why}")))?;
    match entry {
        LedgerEntry::SyncBegan(SyncBegan {
            sync,
            at,
            count,
            version,
            process,
        }) => {
            execute(
                "INSERT INTO _sync (sync_id, started_unix, count_asked, process_id, tool_version)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                &[&sync, &at, &count, &process, &version],
            )?;
        }
        LedgerEntry::SyncKilled { sync, .. } => {
            execute(
                "UPDATE _sync SET outcome = 'interrupted' WHERE sync_id = ?1",
                &[&sync],
            )?;
        }
        LedgerEntry::SyncEnded(ended) => {
            let hash: Sha256 = row.get(2)?;
            execute(
                "UPDATE _sync SET finished_unix = ?2, outcome = ?3, head = ?4, clock_skew_seconds = ?5 WHERE sync_id = ?1",
                &[&ended.sync, &ended.at, &ended.outcome, &hash, &ended.clock],
            )?;
            execute(TOTALS, &[&ended.sync])?;
        }
        LedgerEntry::Revision(revision)
            if !ledger.lost.payloads.contains(&entry_id) && !ledger.removed.contains_key(&revision.run) =>
        {
            let run = revision.run.to_string();
            // Whoever sent it lists the run.
            execute(
                "INSERT INTO rebuilt_run (job_run_id) VALUES (?1)
                     ON CONFLICT (job_run_id) DO UPDATE SET absent_since_unix = NULL",
                &[&run],
            )?;
            execute(
                "INSERT INTO rebuilt_revision (run_key, entry_id)
                     VALUES ((SELECT run_key FROM rebuilt_run WHERE job_run_id = ?1), ?2)",
                &[&run, &entry_id],
            )?;
        }
        LedgerEntry::Quarantined(entry) => {
            execute(
                "UPDATE _quarantined SET job_key = (SELECT job_key FROM _job WHERE job_id = ?2),
                         sync_id = ?3, captured_unix = ?4, position = ?5, payload_bytes = ?6, payload_sha256 = ?7,
                         run_key = (SELECT run_key FROM rebuilt_run WHERE job_run_id = ?8)
                     WHERE quarantine_id = ?1",
                    &[
                        &entry.id,
                        &entry.job.to_string(),
                        &entry.sync,
                        &entry.at,
                        &entry.position,
                        &entry.bytes,
                        &entry.sha256,
                        &entry.run.map(|run| run.to_string()),
                    ],
                )?;
        }
        LedgerEntry::Absent { run, at, .. } => {
            execute(ABSENT, &[&run.to_string(), &Some(at)])?;
        }
        LedgerEntry::Returned { run, .. } => {
            execute(ABSENT, &[&run.to_string(), &None::<i64>])?;
        }
        _ => {}
    }
    Ok(())
}

const ABSENT: &str = "UPDATE rebuilt_run SET absent_since_unix = ?2 WHERE job_run_id = ?1";

/// The totals of a sync are the sums over its jobs.
const TOTALS: &str = "UPDATE _sync SET (attempts, runs_seen, runs_new, runs_changed, runs_unchanged, runs_quarantined, runs_absent,
         messages_new, body_bytes, milliseconds) = (
     SELECT coalesce(sum(attempts), 0), coalesce(sum(runs_seen), 0), coalesce(sum(runs_new), 0),
            coalesce(sum(runs_changed), 0), coalesce(sum(runs_unchanged), 0), coalesce(sum(runs_quarantined), 0),
            coalesce(sum(runs_absent), 0), coalesce(sum(messages_new), 0), coalesce(sum(body_bytes), 0),
            coalesce(sum(milliseconds), 0)
     FROM (SELECT attempts, runs_seen, runs_new, runs_changed, runs_unchanged, runs_quarantined, runs_absent, messages_new,
                  body_bytes, milliseconds
           FROM _sync_job WHERE sync_id = ?1
           UNION ALL
           SELECT 1, runs_seen, 0, 0, runs_seen, 0, 0, 0, body_bytes, milliseconds FROM _sync_job_unchanged WHERE sync_id = ?1))
     WHERE sync_id = ?1";

fn finish_quarantine(connection: &Connection, ledger: &LedgerState) -> Result<(), ArchiveError> {
    let doing = "fill in the quarantine";
    let ids: Vec<i64> = connection.all("SELECT quarantine_id FROM _quarantined", [], doing, |row| {
        row.get(0)
    })?;
    for id in ids {
        let sql = if ledger.quarantined.contains(&id) {
            "UPDATE _quarantined SET accepted_unix = ?2, accepted_why = CASE WHEN ?2 IS NOT NULL THEN accepted_why END
             WHERE quarantine_id = ?1"
        } else {
            "DELETE FROM _quarantined WHERE quarantine_id = ?1 AND ?2 IS ?2"
        };
        let accepted = ledger.accepted.get(&id).map(|&(at, _)| at);
        connection.run(sql, params![id, accepted], doing)?;
    }
    Ok(())
}

/// Runs, one after the other.
struct RunRebuilder<'c> {
    connection: &'c Connection,
    ledger: &'c LedgerState,
    texts: MessageTexts,
    payloads: Payloads,
    rebuilt: Rebuilt,
}

static INSERT_RUN: LazyLock<String> = LazyLock::new(|| {
    let (names, places) = (RUN_COLUMNS.join(", "), ", ?".repeat(RUN_COLUMNS.len()));
    format!(
        "INSERT INTO _run (run_key, job_run_id, first_seen_unix, absent_since_unix, job_key, {names})
         VALUES (?, ?, ?, ?, (SELECT job_key FROM _job WHERE job_id = ?){places})"
    )
});

impl RunRebuilder<'_> {
    fn fill(&mut self, run_key: i64, id: &str, absent_since: Option<i64>) -> Result<(), ArchiveError> {
        let connection = self.connection;
        let entries: Vec<(i64, String)> = connection.cached().all(
            "SELECT r.entry_id, l.entry FROM rebuilt_revision r JOIN ledger l ON l.entry_id = r.entry_id
             WHERE r.run_key = ?1 ORDER BY r.entry_id",
            [run_key],
            "read the ledger",
            |row| row.try_into(),
        )?;
        let mut replay = Replay::default();
        let mut last = None;
        let count = entries.len();
        for (index, (entry_id, line)) in entries.into_iter().enumerate() {
            let Ok(LedgerEntry::Revision(entry)) = LedgerEntry::read(&line) else {
                return Err(not_repairable(format!(
                    "ledger entry {entry_id} is not a revision"
                )));
            };
            let (zone, reader) = self
                .ledger
                .rules(entry_id, &entry)
                .map_err(|why| not_repairable(format!("ledger entry {entry_id}: {why}")))?;
            if !knows_rules(reader) {
                let what = format!(
                    "ledger entry {entry_id} is read by rules of version {reader}, which this program does not have"
                );
                return Err(not_repairable(what));
            }
            let bytes = self
                .payloads
                .read(connection, entry_id, &entry)?
                .map_err(|unsound| {
                    not_repairable(format!("payload of ledger entry {entry_id}: {}", unsound.words()))
                })?;
            self.rebuilt.bytes += bytes.len() as u64;
            let run = read_run_fields(bytes, zone).map_err(|why| {
                not_repairable(format!("payload of ledger entry {entry_id} is not a run: {why}"))
            })?;
            if run.job_run_id() != entry.run {
                return Err(not_repairable(format!(
                    "payload of ledger entry {entry_id} is one of another run"
                )));
            }
            insert_revision(connection, entry_id, run_key, &entry, &run)?;
            replay.add(run, entry.number, entry.at, index + 1 < count);
            last = Some(entry);
        }
        let (Some(latest), Some(entry)) = (replay.latest(), last) else {
            return Ok(());
        };
        let run = &latest.run;
        let counts = replay.counts();
        let job = entry.job.to_string();
        let own = [
            run_key.into(),
            id.into(),
            latest.first_at.into(),
            absent_since.map_or(ToSqlOutput::Owned(Value::Null), Into::into),
        ];
        let state = RunState {
            messages: counts,
            revision: latest.revision,
            changed_at: latest.last_at,
            seen_sha256: entry.sha256,
            content_sha256: None,
        };
        let columns = run_columns(run, &state);
        connection.cached().run(
            &INSERT_RUN,
            params_from_iter(own.into_iter().chain([job.as_str().into()]).chain(columns)),
            "store a run",
        )?;
        let mut scratch = Vec::new();
        let marked = replay.messages().map(|held| {
            (
                held.ordinal,
                MessageMarks::of_one(&mut scratch, &held.message),
                held.message,
            )
        });
        self.texts.insert(connection, run_key, marked)?;
        for message in replay.messages() {
            if let Some(since) = message.absent_since {
                set_absence(connection, run_key, message.ordinal, Some(since))?;
            }
        }
        self.rebuilt.runs += 1;
        self.rebuilt.revisions += count as u64;
        self.rebuilt.messages += u64::try_from(counts.held).unwrap_or_default();
        Ok(())
    }
}
