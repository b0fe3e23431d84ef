//! Proves the archive intact: everything that its tables say, against a fresh reading of payloads and ledger.
//!
//! # What is compared with what
//! The ledger's chain is recomputed line by line; each line says what a row must hold. Each run's payloads are
//! unpacked, hashed and read again, in order, by the reader and the plan that the writer uses; what comes out is compared
//! with the run's row and its messages, column by column. The schema is compared with what the migrations make.
//!
//! # What is not compared
//! How it is stored, where nothing that the archive says depends on it: the numbers of keys, how often a text is stored, the
//! bytes of a dictionary that no payload needs. `run.seen_sha256` is only a memory by which a sync recognises bytes.
//!
//! # One state, several threads
//! Every thread has a connection of its own, and all of them see one state of the archive (see [`snapshot`]). Memory is
//! bounded by the largest single run per thread.

mod finding;
mod heads;
mod holdings;
mod holds_and_removals;
mod jobs;
mod ledger;
mod line_texts;
mod quarantine;
mod report;
mod runs;
mod schema;
mod script;
mod snapshot;
mod state;
mod syncs;
mod texts;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

pub(super) use self::finding::Expected;
use self::finding::{Findings, Remedy};
use self::runs::RunVerifier;
use self::state::VerifyScope;
pub(super) use self::state::{LedgerState, knows_rules};
pub(super) use self::syncs::results;
use super::db::Db;
use super::error::ArchiveError;
use super::ledger::heads::{PublishedHeads, hash_of_heads, not_held};
use super::read_only::ReadOnly;
use super::storage::keys::Keys;
use crate::memory;
use crate::model::{Guid, Sha256, hex};

pub use self::finding::Finding;
pub use self::holdings::Holdings;
pub use self::report::{HeadsOf, Verified, VerifyOptions, VerifyProgress, VerifyReport};
pub use self::script::verify_script;

/// Threads that compare runs: more than that only wait for the disk and for each other's pages.
const MAX_THREADS: usize = 4;

/// Runs that a thread takes at a time.
const RUNS_AT_A_TIME: usize = 128;

impl ReadOnly {
    /// Checks the archive, in one snapshot; changes nothing. `heads` are hashes that the ledger must hold.
    pub fn verify(&self, heads: &[Sha256]) -> Result<VerifyReport, ArchiveError> {
        let options = VerifyOptions {
            heads: heads.to_vec(),
            ..VerifyOptions::default()
        };
        self.verify_with(&options, &|_| {})
    }

    /// Checks what `options` say, in one snapshot; changes nothing. `progress` is called now and then, from any thread.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`] where `since_head` is not in the ledger; SQL errors that leave nothing to look at. Damage
    /// that is met on the way is a finding.
    pub fn verify_with(
        &self,
        options: &VerifyOptions,
        progress: &(dyn Fn(VerifyProgress) + Sync),
    ) -> Result<VerifyReport, ArchiveError> {
        self.settled(|reader| reader.confirmed(reader.look_at_everything(options, progress)))
    }

    /// Whether every head of the list that this archive does not hold is given up by a line of the ledger, listed or not.
    pub(super) fn acknowledges(&self, list: &PublishedHeads, archive: Guid) -> Result<bool, ArchiveError> {
        self.settled(|reader| {
            let ledger = reader.confirmed(replay_for(reader.connection(), list))?;
            let is_held = |head: &Sha256| ledger.met.contains_key(head);
            let pending = not_held(&list.heads, Some(archive), is_held, &ledger.acknowledged);
            let given_up = (
                pending.len() as u64,
                hash_of_heads(pending.iter().map(|line| &line.head)),
            );
            Ok(ledger.acknowledged.values().any(|named| *named == given_up))
        })
    }

    fn look_at_everything(
        &self,
        options: &VerifyOptions,
        progress: &(dyn Fn(VerifyProgress) + Sync),
    ) -> Result<VerifyReport, ArchiveError> {
        let connections = snapshot::take(self, memory::threads(MAX_THREADS))?;
        let mut findings = Findings::default();
        let first = &connections[0];
        let scope = scope_of(first, options)?;
        let ledger = match ledger::check(first, scope, &heads::wanted(options), &mut findings) {
            Ok(ledger) => ledger,
            // Without it nothing else can be said, and this says enough.
            Err(error) => {
                damage_as_finding::<()>(Err(error), &mut findings)?;
                return Ok(VerifyReport {
                    findings: findings.listed,
                    more_findings: findings.omitted,
                    ..VerifyReport::default()
                });
            }
        };
        let work = VerifyWork {
            scope,
            ledger: &ledger,
            cursor: Mutex::new(RunCursor::begin(first, scope, &ledger)?),
            done_bytes: AtomicU64::new(0),
            progress,
        };
        let work = &work;
        let mut connections = connections.into_iter();
        let leading = connections.next();
        let parts: Vec<ThreadResult> = std::thread::scope(|threads| {
            // Where no more threads can be had, those that are there do all the work.
            let helpers: Vec<_> = connections
                .map_while(|connection| {
                    let help = move || work.run(connection, false);
                    std::thread::Builder::new().spawn_scoped(threads, help).ok()
                })
                .collect();
            let led = leading.map(|connection| work.run(connection, true));
            let helped = helpers.into_iter().map(|helper| match helper.join() {
                Ok(part) => part,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            led.into_iter().chain(helped).collect::<Result<_, ArchiveError>>()
        })?;
        conclude(options, scope, &ledger, parts, findings)
    }
}

/// Replays the whole ledger, and returns what is damaged among the things that cannot be rebuilt.
pub(super) fn replay(connection: &Connection) -> Result<(LedgerState, Vec<Finding>), ArchiveError> {
    let mut findings = Findings::default();
    let ledger = ledger::check(
        connection,
        VerifyScope { after: 0 },
        &HashSet::new(),
        &mut findings,
    )?;
    jobs::check_servers(connection, &ledger, &mut findings)?;
    jobs::check_jobs(connection, &ledger, &mut findings)?;
    quarantine::check_accepted(connection, &ledger, &mut findings)?;
    line_texts::check_reasons(connection, &ledger, &mut findings)?;
    line_texts::check_actors(connection, &ledger, &mut findings)?;
    let hurt = findings
        .listed
        .into_iter()
        .filter(|finding| !finding.is_repairable());
    Ok((ledger, hurt.collect()))
}

/// The first finding about the ledger, about what cannot be rebuilt, or about one of these runs; `None` if all of that is sound.
pub(super) fn first_finding_of(
    connection: &Connection,
    runs: &[i64],
) -> Result<Option<Finding>, ArchiveError> {
    let (ledger, hurt) = replay(connection)?;
    if let Some(finding) = hurt.into_iter().next() {
        return Ok(Some(finding));
    }
    let mut check = RunVerifier::new(connection, &ledger);
    for &run in runs {
        check.check(run)?;
        if let Some(finding) = check.findings.listed.first() {
            return Ok(Some(finding.clone()));
        }
    }
    Ok(None)
}

/// Replays a part of a ledger. That it is only a part is not a finding.
pub(super) fn told(connection: &Connection) -> Result<LedgerState, ArchiveError> {
    ledger::check(
        connection,
        VerifyScope { after: 0 },
        &HashSet::new(),
        &mut Findings::default(),
    )
}

/// Replays the ledger, and notes which heads of a list it holds.
pub(super) fn replay_for(
    connection: &Connection,
    list: &PublishedHeads,
) -> Result<LedgerState, ArchiveError> {
    let wanted = list.heads.iter().map(|line| line.head).collect();
    ledger::check(
        connection,
        VerifyScope { after: 0 },
        &wanted,
        &mut Findings::default(),
    )
}

fn scope_of(connection: &Connection, options: &VerifyOptions) -> Result<VerifyScope, ArchiveError> {
    let after = match options.since_head {
        None => 0,
        Some(head) => ledger::entry_of(connection, &head)?.ok_or_else(|| ArchiveError::NoSuch {
            what: format!("ledger entry with the hash {}", hex(&head)),
        })?,
    };
    Ok(VerifyScope { after })
}

/// What the threads share.
struct VerifyWork<'w> {
    scope: VerifyScope,
    ledger: &'w LedgerState,
    cursor: Mutex<RunCursor>,
    done_bytes: AtomicU64,
    progress: &'w (dyn Fn(VerifyProgress) + Sync),
}

/// What a thread returns.
struct ThreadResult {
    connection: Connection,
    /// Of everything but runs.
    findings: Findings,
    /// Of runs, by the number of the portion.
    of_runs: Vec<(u64, Findings)>,
    notes: Vec<String>,
    verified: Verified,
    used: [Keys; 3],
    seen_otherwise: u64,
    /// Nothing broke off the comparison of runs.
    whole: bool,
}

impl VerifyWork<'_> {
    /// The work of one thread: if it leads, the checks of the file as a whole; then runs until none are left.
    fn run(&self, connection: Connection, leads: bool) -> Result<ThreadResult, ArchiveError> {
        let mut findings = Findings::default();
        let mut notes = Vec::new();
        if leads {
            notes = self.check_file(&connection, &mut findings)?;
        }
        let mut part = ThreadResult {
            findings,
            of_runs: Vec::new(),
            notes,
            verified: Verified::default(),
            used: Default::default(),
            seen_otherwise: 0,
            whole: true,
            connection,
        };
        let compared = self.check_runs(&mut part);
        part.whole = compared.is_ok();
        damage_as_finding(compared, &mut part.findings)?;
        Ok(part)
    }

    fn check_file(
        &self,
        connection: &Connection,
        findings: &mut Findings,
    ) -> Result<Vec<String>, ArchiveError> {
        let ledger = self.ledger;
        let notes = schema::check_schema(connection, findings);
        let mut notes = damage_as_finding(notes, findings)?.unwrap_or_default();
        if self.scope.is_all() {
            let of_pages = schema::check_pages(connection, findings);
            notes.extend(damage_as_finding(of_pages, findings)?.unwrap_or_default());
            damage_as_finding(schema::check_foreign_keys(connection, findings), findings)?;
        }
        damage_as_finding(jobs::check_archive(connection, ledger, findings), findings)?;
        damage_as_finding(jobs::check_servers(connection, ledger, findings), findings)?;
        damage_as_finding(jobs::check_zone_rules(connection, ledger, findings), findings)?;
        damage_as_finding(jobs::check_jobs(connection, ledger, findings), findings)?;
        damage_as_finding(
            syncs::check_orphans(connection, &ledger.syncs, findings),
            findings,
        )?;
        damage_as_finding(quarantine::check_accepted(connection, ledger, findings), findings)?;
        damage_as_finding(line_texts::check_reasons(connection, ledger, findings), findings)?;
        damage_as_finding(line_texts::check_actors(connection, ledger, findings), findings)?;
        damage_as_finding(
            holds_and_removals::check_holds(connection, ledger, findings),
            findings,
        )?;
        damage_as_finding(
            holds_and_removals::check_removed(connection, ledger, findings),
            findings,
        )?;
        damage_as_finding(syncs::check_chains(connection, ledger, findings), findings)?;
        let missing = runs::check_missing_revisions(connection, self.scope, ledger, findings);
        damage_as_finding(missing, findings)?;
        Ok(notes)
    }

    fn check_runs(&self, part: &mut ThreadResult) -> Result<(), ArchiveError> {
        let mut runs = RunVerifier::new(&part.connection, self.ledger);
        let mut result = Ok(());
        loop {
            // Whoever panicked holding it left a number, which is whole.
            let taken = self
                .cursor
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next(&part.connection);
            let (portion, keys) = match taken {
                Ok(taken) => taken,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
            if keys.is_empty() {
                break;
            }
            let before = runs.verified.payload_bytes;
            for key in keys {
                let checked = runs.check(key);
                damage_as_finding(checked, &mut runs.findings)?;
            }
            let bytes = runs.verified.payload_bytes - before;
            let done_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
            (self.progress)(VerifyProgress {
                done_bytes,
                total_bytes: self.ledger.payload_bytes,
            });
            let found = std::mem::take(&mut runs.findings);
            if !found.listed.is_empty() {
                part.of_runs.push((portion, found));
            }
        }
        part.verified = runs.verified;
        part.seen_otherwise = runs.seen_otherwise;
        part.used = [runs.kinds.used, runs.assets.used, runs.details.used];
        result
    }
}

/// Where the comparison of runs is.
enum RunCursor {
    /// Behind this key, in the table.
    Table { portion: u64, after: i64 },
    /// Those runs that something is new about.
    List { portion: u64, keys: Vec<i64> },
}

impl RunCursor {
    fn begin(
        connection: &Connection,
        scope: VerifyScope,
        ledger: &LedgerState,
    ) -> Result<Self, ArchiveError> {
        if scope.is_all() {
            return Ok(Self::Table {
                portion: 0,
                after: i64::MIN,
            });
        }
        let mut keys: Vec<i64> = connection.all(
            "SELECT DISTINCT run_key FROM _revision WHERE entry_id > ?1",
            [scope.after],
            "list the runs that something is new about",
            |row| row.get(0),
        )?;
        keys.extend(ledger.presence.iter().map(|&(key, _)| key));
        keys.sort_unstable();
        keys.dedup();
        keys.reverse();
        Ok(Self::List { portion: 0, keys })
    }

    /// The next keys of runs, and the number of that portion; no keys at the end.
    fn next(&mut self, connection: &Connection) -> Result<(u64, Vec<i64>), ArchiveError> {
        match self {
            Self::Table { portion, after } => {
                let keys: Vec<i64> = connection.cached().all(
                    "SELECT run_key FROM _run WHERE run_key > ?1 ORDER BY run_key LIMIT ?2",
                    [*after, RUNS_AT_A_TIME as i64],
                    "list the runs",
                    |row| row.get(0),
                )?;
                // On a damaged page keys may be in any order; continuing after a smaller one would never end.
                for &key in &keys {
                    if key <= *after {
                        return Err(ArchiveError::Damaged {
                            what: format!("the rows of the table run are out of order behind row {after}"),
                        });
                    }
                    *after = key;
                }
                *portion += 1;
                Ok((*portion, keys))
            }
            Self::List { portion, keys } => {
                let mut taken = keys.split_off(keys.len().saturating_sub(RUNS_AT_A_TIME));
                taken.reverse();
                *portion += 1;
                Ok((*portion, taken))
            }
        }
    }
}

/// Merges the threads' results, and does the checks that need all of them.
fn conclude(
    options: &VerifyOptions,
    scope: VerifyScope,
    ledger: &LedgerState,
    parts: Vec<ThreadResult>,
    mut findings: Findings,
) -> Result<VerifyReport, ArchiveError> {
    let mut verified = Verified {
        entries: ledger.entries,
        ..Verified::default()
    };
    let (mut of_runs, mut notes, mut whole) = (Vec::new(), Vec::new(), true);
    let mut used: [Keys; 3] = Default::default();
    let mut seen_otherwise = 0;
    let mut connections = Vec::new();
    for mut part in parts {
        findings.append(part.findings);
        of_runs.extend(part.of_runs);
        notes.extend(part.notes);
        verified += part.verified;
        whole &= part.whole;
        seen_otherwise += part.seen_otherwise;
        for (all, of_part) in used.iter_mut().zip(&mut part.used) {
            all.append(of_part);
        }
        connections.push(part.connection);
    }
    of_runs.sort_by_key(|&(portion, _)| portion);
    for (_, found) in of_runs {
        findings.append(found);
    }
    let connection = &connections[0];
    if scope.is_all() && whole {
        let orphans = runs::check_orphans(connection, verified.messages, &mut findings);
        damage_as_finding(orphans, &mut findings)?;
        let tables = [
            ("_message_kind", "kind_key"),
            ("_asset", "asset_key"),
            ("_message_detail", "detail_key"),
        ];
        // If a message could not be read, its texts would look unused.
        if findings.is_empty() {
            for (table, used) in tables.into_iter().zip(&used) {
                let unused = texts::check_unused(connection, table, used, &mut findings);
                damage_as_finding(unused, &mut findings)?;
            }
        }
    }
    if seen_otherwise > 0 {
        notes.push(format!(
            "runs seen last in other bytes with the same content: {seen_otherwise}; the hash of those bytes, by which the next sync knows them, is not proved, and a reindex forgets it"
        ));
    }
    let mut report = VerifyReport {
        notes,
        verified,
        head: ledger.head,
        archive: ledger.archive.map(|(id, _)| id),
        since_head: options.since_head,
        ..VerifyReport::default()
    };
    heads::check(options, ledger, &mut findings, &mut report);
    // Damage is reported by the checks.
    report.holdings = holdings::count(connection).unwrap_or_default();
    report.findings = findings.listed;
    report.more_findings = findings.omitted;
    Ok(report)
}

/// Damage that a check met on its way becomes a finding, and the other checks go on; what keeps from looking (a locked file,
/// a disk that fails) stays an error.
fn damage_as_finding<T>(
    result: Result<T, ArchiveError>,
    findings: &mut Findings,
) -> Result<Option<T>, ArchiveError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_damage(&error) => {
            findings.push(Finding::new(Remedy::File, "the file", sentence(&error)));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A sound archive has every table and column with values of its type, so that anything else is damage too.
fn is_damage(error: &ArchiveError) -> bool {
    match error {
        ArchiveError::Sql { source, .. } => source.sqlite_error_code().is_none_or(|code| {
            matches!(
                code,
                rusqlite::ErrorCode::Unknown
                    | rusqlite::ErrorCode::TypeMismatch
                    | rusqlite::ErrorCode::TooBig
            ) || error.is_damage()
        }),
        error => error.is_damage(),
    }
}

fn sentence(error: &ArchiveError) -> String {
    use std::error::Error;
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
