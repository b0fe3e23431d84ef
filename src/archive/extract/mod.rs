//! An archive of its own, of some jobs as they were at the head of a sync: what an evidence package is made from.
//!
//! It is made by the way that `reindex` makes tables: from the ledger's lines that tell of these jobs and from the payloads,
//! up to that head, in a database of its own that nobody else sees. So whatever is asked of it follows from the evidence, and
//! nothing of other jobs can be in an answer.

mod bound;
mod chains;
mod error;
mod lines;
mod presence;
mod walk;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};

pub use self::bound::BoundSync;
pub use self::error::ExtractError;
pub use self::presence::presence_at;

use self::bound::bound;
use self::chains::Binding;
use self::lines::{Chosen, LaterRemoval, copy_lines};
use super::db::{Db, RowError};
use super::error::{ArchiveError, Doing, opening};
use super::ledger::entry::LedgerEntry;
use super::ledger::text_hash;
use super::migrations;
use super::queries::Snapshot;
use super::read_only::ReadOnly;
use super::repair::rebuild::rebuild;
use super::storage::quarantine;
use super::storage::revisions::Payloads;
use super::verify::{self, LedgerState};
use crate::model::{Guid, Instant, Sha256, hex};

/// Pages of the database that are kept in memory, in KiB.
const CACHE_KIB: i64 = 64 << 10;

/// A job as of the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractedJob {
    /// GUID, lower case with hyphens.
    pub job_id: String,
    /// Its name; `None` while it was not known.
    pub name: Option<String>,
    /// Base URL of the server that had answered last; `None` before the first answer.
    pub server: Option<String>,
}

/// Some jobs of an archive as of a head.
#[derive(Debug)]
pub struct Extract {
    reader: ReadOnly,
    bound: BoundSync,
    archive_id: Guid,
    jobs: Vec<ExtractedJob>,
    binding: Binding,
    payload_bytes: u64,
}

/// Bytes that the server sent, as a file of their own.
#[derive(Debug, Clone, Copy)]
pub struct ExtractedPayload<'p> {
    /// GUID of the run.
    pub run: &'p str,
    pub revision: i64,
    /// As received.
    pub bytes: &'p [u8],
}

/// Takes jobs out of an archive as they were at the head of a sync; every job that was known then where none is named.
/// `is_needed` says of a run, by its start, whether its content is needed.
///
/// # Errors
/// [`ExtractError::NoSync`], [`ExtractError::UnknownHead`], [`ExtractError::NotOfSync`], [`ExtractError::JobNotKnown`],
/// [`ExtractError::RemovedSince`], [`ExtractError::NotBound`]; the archive is not intact.
pub fn extract(
    snapshot: &Snapshot<'_>,
    jobs: &[Guid],
    head: Option<Sha256>,
    is_needed: &dyn Fn(Option<Instant>) -> bool,
) -> Result<Extract, ExtractError> {
    let source = snapshot.connection();
    let (bound, ended) = bound(source, head)?;
    let target = empty()?;
    let chosen = copy_lines(source, &target, bound.entry_id, jobs)?;
    if let Some(&job) = chosen.jobs.iter().find(|job| !chosen.known.contains(job)) {
        let sync = bound.sync_id;
        return Err(ExtractError::JobNotKnown { job, sync });
    }
    refuse_removed(source, &bound, &chosen, is_needed)?;
    copy_tables(source, &target, &chosen)?;
    let mut ledger = verify::told(&target)?;
    for removed in &chosen.removed_later {
        ledger.remove_later(&removed.entry);
    }
    for job in &chosen.jobs {
        name_job(source, &target, *job, &ledger)?;
    }
    rebuild(&target, &ledger, &|_| {})?;
    let binding = chains::bind(source, &target, &bound, &ended, &chosen)?;
    let Some((archive_id, _)) = ledger.archive else {
        let what = "the ledger does not begin with what the archive is".to_owned();
        return Err(ArchiveError::Damaged { what }.into());
    };
    let jobs = target.all(
        "SELECT job_id, name, server FROM jobs ORDER BY job_id",
        [],
        "read the jobs",
        |row| {
            Ok(ExtractedJob {
                job_id: row.get(0)?,
                name: row.get(1)?,
                server: row.get(2)?,
            })
        },
    )?;
    Ok(Extract {
        reader: ReadOnly::of_own(target, snapshot.path()),
        bound,
        archive_id,
        jobs,
        binding,
        payload_bytes: ledger.payload_bytes,
    })
}

/// Refuses a head behind which content that is needed was removed: the lines that prove the removal lie behind it too.
fn refuse_removed(
    source: &Connection,
    bound: &BoundSync,
    chosen: &Chosen,
    is_needed: &dyn Fn(Option<Instant>) -> bool,
) -> Result<(), ExtractError> {
    let needed: Vec<&LaterRemoval> = chosen
        .removed_later
        .iter()
        .filter(|removed| {
            // Pieces in quarantine belong to every extract of the job, whatever its span.
            removed.had_pieces || is_needed(removed.started) || is_needed(removed.entry.started)
        })
        .collect();
    let Some(last) = needed.last() else { return Ok(()) };
    Err(ExtractError::RemovedSince {
        sync: bound.sync_id,
        runs: needed.len() as u64,
        newer: bound::first_after(source, last.entry_id)?,
    })
}

/// A database that this process alone sees, empty; SQLite keeps what does not fit into memory in a file without a name.
fn empty() -> Result<Connection, ArchiveError> {
    let path = Path::new("");
    let mut connection = Connection::open(path).map_err(opening(path))?;
    let doing = "make a temporary database";
    for (name, value) in [
        ("cache_size", -CACHE_KIB),
        ("synchronous", 0),
        ("foreign_keys", 0),
    ] {
        connection.pragma_update(None, name, value).doing(doing)?;
    }
    connection
        .query_row("PRAGMA journal_mode = OFF", [], |_| Ok(()))
        .optional()
        .doing(doing)?;
    migrations::migrate(path, &mut connection)?;
    Ok(connection)
}

/// Copies rows into the table of the same columns.
fn copy(
    source: &Connection,
    target: &Connection,
    table: &str,
    sql: &str,
    params: impl Params,
) -> Result<(), ArchiveError> {
    let doing = "copy what belongs to the jobs";
    source.prepared(sql, doing, |statement| {
        let names = statement.column_names();
        let places = vec!["?"; names.len()].join(", ");
        let insert = format!("INSERT INTO {table} ({}) VALUES ({places})", names.join(", "));
        let columns = names.len();
        let mut rows = statement.query(params).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let values: rusqlite::Result<Vec<Value>> = (0..columns).map(|column| row.get(column)).collect();
            let values = values.doing(doing)?;
            target.cached().run(&insert, params_from_iter(values), doing)?;
        }
        Ok(())
    })
}

/// Copies what is held only in its own table.
fn copy_tables(source: &Connection, target: &Connection, chosen: &Chosen) -> Result<(), ArchiveError> {
    for table in ["_server", "_zone_rules"] {
        copy(source, target, table, &format!("SELECT * FROM {table}"), [])?;
    }
    let mut dictionaries = BTreeSet::new();
    for job in &chosen.jobs {
        let id = job.to_string();
        copy(
            source,
            target,
            "_job",
            "SELECT job_key, job_id, 0 AS watched, 0 AS first_seen_unix FROM _job WHERE job_id = ?1",
            [&id],
        )?;
        for table in ["_sync_job", "_sync_job_unchanged"] {
            let sql = format!(
                "SELECT r.* FROM _job j CROSS JOIN _sync s CROSS JOIN {table} r ON r.sync_id = s.sync_id AND r.job_key = j.job_key
                 WHERE j.job_id = ?1 AND s.sync_id <= ?2"
            );
            copy(source, target, table, &sql, params![id, chosen.last_sync])?;
        }
    }
    for entry in &chosen.revisions {
        copy(
            source,
            target,
            "payload",
            "SELECT * FROM payload WHERE entry_id = ?1",
            [entry],
        )?;
    }
    target.each(
        "SELECT DISTINCT dictionary_key FROM payload WHERE dictionary_key IS NOT NULL",
        [],
        "read the payloads",
        |row| {
            dictionaries.insert(row.get::<_, i64>(0)?);
            Ok(())
        },
    )?;
    for key in dictionaries {
        copy(
            source,
            target,
            "dictionary",
            "SELECT * FROM dictionary WHERE dictionary_key = ?1",
            [key],
        )?;
    }
    for hash in &chosen.texts {
        for (table, column) in [("_actor", "by_sha256"), ("_reason", "why_sha256")] {
            let sql = format!("SELECT * FROM {table} WHERE {column} = ?1");
            copy(source, target, table, &sql, [hash])?;
        }
    }
    for id in &chosen.quarantined {
        copy(
            source,
            target,
            "_quarantined",
            "SELECT quarantine_id, job_key, sync_id, captured_unix, position, reason, payload, payload_bytes,
                    payload_sha256, accepted_unix, accepted_why FROM _quarantined WHERE quarantine_id = ?1",
            [id],
        )?;
    }
    Ok(())
}

/// Gives the job the name whose hash its last line `job-named` says: it may have got another one since.
fn name_job(
    source: &Connection,
    target: &Connection,
    job: Guid,
    ledger: &LedgerState,
) -> Result<(), ArchiveError> {
    let Some(wanted) = ledger.jobs.get(&job).and_then(|job| job.name) else {
        return Ok(());
    };
    let doing = "look for the name of a job";
    let names: Vec<String> = source.all(
        "SELECT name FROM _job WHERE job_id = ?1 AND name IS NOT NULL
         UNION ALL SELECT f.name FROM _former_name f JOIN _job j USING (job_key) WHERE j.job_id = ?1",
        [job.to_string()],
        doing,
        |row| row.get(0),
    )?;
    let name = names.iter().find(|name| text_hash(name) == wanted);
    target
        .run(
            "UPDATE _job SET name = ?2 WHERE job_id = ?1",
            params![job.to_string(), name],
            doing,
        )
        .map(drop)
}

impl Extract {
    /// The jobs as an archive to read.
    pub const fn reader(&self) -> &ReadOnly {
        &self.reader
    }

    /// To whose head everything is bound.
    pub const fn bound(&self) -> &BoundSync {
        &self.bound
    }

    /// The id of the archive that they were taken out of.
    pub const fn archive_id(&self) -> Guid {
        self.archive_id
    }

    /// The jobs, by GUID.
    pub fn jobs(&self) -> &[ExtractedJob] {
        &self.jobs
    }

    fn connection(&self) -> &Connection {
        self.reader.connection()
    }

    /// Forgets every run that does not start in the span; bounds are ticks of 100 ns since 1970 UTC, the first is included, the
    /// second is not. A run whose start a later line `reindexed` has read again counts by either start.
    pub fn keep_span(&self, since: Option<i64>, until: Option<i64>) -> Result<(), ArchiveError> {
        if since.is_none() && until.is_none() {
            return Ok(());
        }
        let connection = self.connection();
        let doing = "leave out what is not in the span";
        let runs: Vec<(i64, Option<i64>, String)> = connection.all(
            "SELECT r.run_key, r.started_ticks, l.entry FROM _run r
             JOIN _revision v ON v.run_key = r.run_key AND v.revision = r.revision
             JOIN ledger l ON l.entry_id = v.entry_id",
            [],
            doing,
            |row| row.try_into(),
        )?;
        let within = |ticks: Option<i64>| {
            ticks.is_some_and(|ticks| {
                since.is_none_or(|since| ticks >= since) && until.is_none_or(|until| ticks < until)
            })
        };
        for (run_key, started, line) in runs {
            let told = match LedgerEntry::read(&line) {
                Ok(LedgerEntry::Revision(revision)) => revision.started.map(Instant::ticks),
                _ => None,
            };
            if within(started) || within(told) {
                continue;
            }
            for sql in [
                "DELETE FROM _message WHERE message_key BETWEEN ?1 << 24 AND (?1 << 24) + 16777215",
                "DELETE FROM _revision WHERE run_key = ?1",
                "DELETE FROM _run WHERE run_key = ?1",
            ] {
                connection.cached().run(sql, [run_key], doing)?;
            }
        }
        Ok(())
    }

    /// How many payloads there are: revisions of all runs.
    pub fn payloads(&self) -> Result<u64, ArchiveError> {
        self.connection().one(
            "SELECT count(*) FROM _revision",
            [],
            "count the payloads",
            |row| row.get(0),
        )
    }

    /// Bytes that no table made of it exceeds.
    pub fn most_bytes(&self) -> Result<u64, ArchiveError> {
        // Beside its texts a row has ids, times, numbers, and the name of its job.
        let rows: u64 = self.connection().one(
            "SELECT (SELECT count(*) + coalesce(sum(messages_held), 0) FROM _run)
                     * (1000 + 2 * (SELECT coalesce(max(length(CAST(name AS BLOB))), 0) FROM _job))
                 + (SELECT count(*) FROM _revision) * 1000
                 + (SELECT coalesce(sum(length(line) + 20), 0) FROM temp.chain_line)",
            [],
            "estimate the size of the tables",
            |row| row.get(0),
        )?;
        // A byte of a payload becomes three where it is not text, and a quote two.
        Ok(rows.saturating_add(self.payload_bytes.saturating_mul(6)))
    }

    /// Every payload, in the order of the names `RUN-REVISION.json`.
    ///
    /// # Errors
    /// A damaged payload; SQL errors; errors of `each`.
    pub fn each_payload<E: From<ArchiveError>>(
        &self,
        mut each: impl FnMut(ExtractedPayload<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let connection = self.connection();
        let mut payloads = Payloads::default();
        connection.try_each(
            "SELECT r.job_run_id, v.revision, v.entry_id, l.entry FROM _revision v JOIN _run r USING (run_key)
             JOIN ledger l ON l.entry_id = v.entry_id
             ORDER BY r.job_run_id || '-' || v.revision || '.json'",
            [],
            "read the payloads",
            |row| {
                let (entry_id, line): (i64, String) = (row.get(2)?, row.get(3)?);
                let damaged = |why: String| ArchiveError::DamagedPayload { entry_id, why };
                let Ok(LedgerEntry::Revision(entry)) = LedgerEntry::read(&line) else {
                    return Err(E::from(damaged("its line is not one of a revision".to_owned())).into());
                };
                let bytes = payloads
                    .read(connection, entry_id, &entry)
                    .and_then(|read| read.map_err(|unsound| damaged(unsound.words())))
                    .map_err(E::from)?;
                Ok(each(ExtractedPayload {
                    run: row.get_ref(0)?.as_str()?,
                    revision: row.get(1)?,
                    bytes,
                })?)
            },
        )
    }

    /// Every piece in quarantine that came from these jobs, with its bytes, in the order of their numbers as text.
    pub fn each_quarantined<E: From<ArchiveError>>(
        &self,
        mut each: impl FnMut(i64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut ids: Vec<i64> = quarantine::list(self.connection())?
            .iter()
            .map(|row| row.quarantine_id)
            .collect();
        ids.sort_by_cached_key(|id| format!("{id}."));
        for id in ids {
            let (_, bytes) = quarantine::show(self.connection(), id)?;
            each(id, &bytes)?;
        }
        Ok(())
    }

    /// The rules of time zones that lines name: SHA-256 in hexadecimal, and the TZif bytes; by their hash.
    pub fn zone_rules(&self) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
        self.connection().all(
            "SELECT sha256, tzif FROM _zone_rules GROUP BY sha256 ORDER BY sha256",
            [],
            "read the rules of time zones",
            |row| Ok((hex(&row.get::<_, Sha256>(0)?), row.get(1)?)),
        )
    }

    /// Writes the lines that bind the jobs to the head; docs/evidence-package.md says in which form.
    pub fn write_ledger(&self, out: &mut dyn Write) -> Result<(), ExtractLedgerError> {
        let Self { binding, bound, .. } = self;
        writeln!(out, "jobruns ledger 1")?;
        writeln!(out, "archive {}", self.archive_id)?;
        writeln!(out, "before {}", hex(&binding.before))?;
        writeln!(out, "head {}", hex(&bound.head))?;
        writeln!(out, "{}", binding.sync_ended)?;
        writeln!(out, "results {}", binding.results.len())?;
        for line in &binding.results {
            writeln!(out, "{line}")?;
        }
        let connection = self.connection();
        for (place, job) in binding.jobs.iter().enumerate() {
            let lines: u64 = connection.one(
                "SELECT count(*) FROM temp.chain_line WHERE job = ?1",
                [place],
                "count the lines of a job",
                |row| row.get(0),
            )?;
            writeln!(out, "chain {job} {lines}")?;
            connection.try_each::<ExtractLedgerError>(
                "SELECT coalesce(entry_id, '-') || ' ' || line FROM temp.chain_line WHERE job = ?1 ORDER BY number",
                [place],
                "read the lines of a job",
                |row| {
                    writeln!(out, "{}", row.get_ref(0)?.as_str()?)
                        .map_err(|error| RowError::from(ExtractLedgerError::from(error)))
                },
            )?;
        }
        writeln!(out, "end")?;
        Ok(())
    }
}

/// The lines could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExtractLedgerError {
    /// They could not be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// What takes them says so.
    #[error(transparent)]
    Write(#[from] io::Error),
}
