//! The append-only ledger: what was done to the archive, chained by hashes.
//!
//! An entry is one line of text: a kind, then `key=value` words, one space between them, no line break. Values hold no
//! space, no name and no free text: ids, numbers, times, hashes. The hash of an entry is
//! `SHA-256(hash of the entry before || the line as UTF-8)`; 32 zero bytes stand before the first. The kinds and their
//! words are specified in `docs/evidence.md`.

use rusqlite::Connection;

pub(super) mod acknowledge;
pub(super) mod actor;
pub(super) mod chain;
pub(super) mod entry;
pub(super) mod grammar;
mod hash;
pub(super) mod heads;
mod line;
pub(super) mod publish;
pub(super) mod removal_rule;
mod stored_chains;
mod words;

pub use self::hash::{GENESIS, entry_hash, text_hash};

use self::chain::JobChain;
use self::entry::LedgerEntry;
use self::stored_chains::MovedChains;
use super::db::Db;
use super::error::ArchiveError;
use crate::model::{Guid, Instant, Sha256};

/// Whether payloads and ledger are left out (`--cfg jobruns_without_evidence`): a build that measures what evidence costs, see
/// `docs/performance.md`, and is good for nothing else. Its archives prove nothing.
pub const WITHOUT_EVIDENCE: bool = cfg!(jobruns_without_evidence);

/// The end of the chain within one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// The last entry's number; 0 in an empty ledger.
    pub entry_id: i64,
    /// The last entry's hash.
    pub hash: Sha256,
    /// When the last entry that has a time was written: a later one that is older says that the clock was set back.
    pub at: Option<i64>,
    /// The chains of jobs that moved on since the transaction began.
    moved: MovedChains,
}

impl Head {
    /// The chain of every known job, in order of the jobs.
    pub(super) fn job_chains(
        &mut self,
        connection: &Connection,
    ) -> Result<impl Iterator<Item = (Guid, &mut JobChain)>, ArchiveError> {
        self.moved.jobs(connection)
    }

    /// Stores the state of the jobs' chains; to be called before the transaction is committed.
    pub(super) fn store_chains(&mut self, connection: &Connection) -> Result<(), ArchiveError> {
        self.moved.store(connection)
    }
}

/// When a line was written, in seconds since 1970 UTC.
fn time_of(line: &str) -> Option<i64> {
    let (_, rest) = line.split_once(" at=")?;
    words::read_time(rest.get(..20)?)
}

/// Reads the end of the chain.
pub(super) fn read_head(connection: &Connection) -> Result<Head, ArchiveError> {
    let doing = "read the ledger's head";
    let sql = if WITHOUT_EVIDENCE {
        // Revisions are numbered by their entries.
        "SELECT entry_id, zeroblob(32), '' FROM _revision ORDER BY entry_id DESC LIMIT 1"
    } else {
        "SELECT entry_id, entry_hash, entry FROM ledger ORDER BY entry_id DESC LIMIT 1"
    };
    let head = connection.cached().optional(sql, [], doing, |row| {
        Ok(Head {
            entry_id: row.get(0)?,
            hash: row.get(1)?,
            at: time_of(row.get_ref(2)?.as_str()?),
            moved: MovedChains::default(),
        })
    })?;
    let mut head = head.unwrap_or(Head {
        entry_id: 0,
        hash: GENESIS,
        at: None,
        moved: MovedChains::default(),
    });
    if head.at.is_none() && head.entry_id > 0 && !WITHOUT_EVIDENCE {
        head.at = connection
            .optional(
                "SELECT entry FROM ledger WHERE entry GLOB '* at=*' ORDER BY entry_id DESC LIMIT 1",
                [],
                doing,
                |row| Ok(time_of(row.get_ref(0)?.as_str()?)),
            )?
            .flatten();
    }
    Ok(head)
}

/// Appends an entry after `head` and moves `head` to it. Where the clock was set back since the entry before, an entry that
/// says so comes first.
pub(super) fn append(
    connection: &Connection,
    head: &mut Head,
    entry: &LedgerEntry,
) -> Result<(), ArchiveError> {
    if !WITHOUT_EVIDENCE && let Some(at) = entry.at() {
        note_clock_at(connection, head, at)?;
    }
    append_unseen(connection, head, entry)
}

/// Appends an entry whatever its time is, and extends the chains of the jobs it is about.
pub(super) fn append_unseen(
    connection: &Connection,
    head: &mut Head,
    entry: &LedgerEntry,
) -> Result<(), ArchiveError> {
    if WITHOUT_EVIDENCE {
        head.entry_id += 1;
        return Ok(());
    }
    if let Some(by) = entry.by() {
        actor::keep(connection, by)?;
    }
    let line = entry.to_string();
    head.moved.push(connection, entry, &line)?;
    append_line(connection, head, &line)
}

/// Appends that the clock was set back, if a line of that time would be older than the one before.
pub(super) fn note_clock_at(connection: &Connection, head: &mut Head, at: i64) -> Result<(), ArchiveError> {
    let Some(from) = head.at.filter(|from| at < *from) else {
        return Ok(());
    };
    let time = Instant::from_unix_seconds;
    tracing::warn!(
        "the clock was set back from {} to {}; the ledger records this",
        time(from),
        time(at)
    );
    append_unseen(connection, head, &LedgerEntry::ClockSetBack { from, at })
}

/// Appends a line as it is, and leaves the chains of jobs alone: a salvage copies lines.
pub(super) fn append_line(connection: &Connection, head: &mut Head, line: &str) -> Result<(), ArchiveError> {
    let (entry_id, hash) = (head.entry_id + 1, entry_hash(&head.hash, line));
    connection.cached().run(
        "INSERT INTO ledger (entry_id, entry, entry_hash) VALUES (?1, ?2, ?3)",
        (entry_id, line, hash),
        "append to the ledger",
    )?;
    (head.entry_id, head.hash) = (entry_id, hash);
    head.at = time_of(line).or(head.at);
    Ok(())
}
