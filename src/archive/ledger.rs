//! The append-only ledger: what the archive claims, chained by hashes.
//!
//! An entry is one line of text: a kind, then `key=value` words, one space between them, no line break. Values hold no
//! space, no name and no free text: ids, numbers, times, hashes. The hash of an entry is
//! `SHA-256(hash of the entry before || the line as UTF-8)`; 32 zero bytes stand before the first. The kinds and their
//! words are specified in `docs/evidence.md`.

use std::fmt::{Display, Write};

use rusqlite::{Connection, OptionalExtension};
use sha2::Digest;

use super::error::{ArchiveError, Doing};
use crate::model::{Instant, Sha256, hex};

/// Whether payloads and ledger are left out (`--cfg jobruns_without_evidence`): a build that measures what evidence costs, see
/// `docs/performance.md`, and is good for nothing else. Its archives prove nothing.
pub const WITHOUT_EVIDENCE: bool = cfg!(jobruns_without_evidence);

/// What stands before the first entry's hash.
pub const GENESIS: Sha256 = [0; 32];

/// The end of the chain within one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// The last entry's number; 0 in an empty ledger.
    pub entry_id: i64,
    /// The last entry's hash.
    pub hash: Sha256,
    /// When the last entry that has a time was written: a later one that is older says that the clock was set back.
    pub at: Option<Stamp>,
}

/// A time as the ledger writes it; stamps compare as their times do.
type Stamp = [u8; 20];

/// The time of a line.
fn stamp(line: &str) -> Option<Stamp> {
    let (_, rest) = line.split_once(" at=")?;
    rest.as_bytes().get(..20)?.try_into().ok()
}

/// A line of the ledger being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry(String);

impl Entry {
    /// Begins a line with its kind.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        if WITHOUT_EVIDENCE {
            return Self(String::new());
        }
        let mut line = String::with_capacity(256);
        line.push_str(kind);
        Self(line)
    }

    /// A line that was written before.
    pub(super) fn of_line(line: &str) -> Self {
        Self(line.to_owned())
    }

    /// Adds a word.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Display) -> Self {
        if !WITHOUT_EVIDENCE {
            write!(self.0, " {key}={value}").expect("writing to a String cannot fail");
        }
        self
    }

    /// Adds a word whose value is a hash.
    #[must_use]
    pub fn with_hash(self, key: &str, value: &[u8]) -> Self {
        self.with(key, hex(value))
    }

    /// The line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `SHA-256(before || line)`.
#[must_use]
pub fn entry_hash(before: &Sha256, line: &str) -> Sha256 {
    sha2::Sha256::new()
        .chain_update(before)
        .chain_update(line.as_bytes())
        .finalize()
        .into()
}

/// SHA-256 of a name, an error or a reason: how the ledger names text without holding it.
#[must_use]
pub fn text_hash(text: &str) -> Sha256 {
    sha2::Sha256::digest(text.as_bytes()).into()
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
    let head = connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement
                .query_row([], |row| {
                    Ok(Head {
                        entry_id: row.get(0)?,
                        hash: row.get(1)?,
                        at: stamp(row.get_ref(2)?.as_str()?),
                    })
                })
                .optional()
        })
        .doing(doing)?;
    let mut head = head.unwrap_or(Head {
        entry_id: 0,
        hash: GENESIS,
        at: None,
    });
    if head.at.is_none() && head.entry_id > 0 && !WITHOUT_EVIDENCE {
        head.at = connection
            .query_row(
                "SELECT entry FROM ledger WHERE entry GLOB '* at=*' ORDER BY entry_id DESC LIMIT 1",
                [],
                |row| Ok(stamp(row.get_ref(0)?.as_str()?)),
            )
            .optional()
            .doing(doing)?
            .flatten();
    }
    Ok(head)
}

/// Appends a line after `head` and moves `head` to it. Where the clock was set back since the line before, a line that says
/// so comes first.
pub(super) fn append(connection: &Connection, head: &mut Head, entry: &Entry) -> Result<(), ArchiveError> {
    if let Some(at) = stamp(entry.as_str()) {
        note_clock(connection, head, at)?;
    }
    append_unseen(connection, head, entry)
}

/// Says that the clock was set back, where a line of that time would be older than the one before.
pub(super) fn note_clock_at(
    connection: &Connection,
    head: &mut Head,
    at: Instant,
) -> Result<(), ArchiveError> {
    match stamp(&format!(" at={at}")) {
        Some(at) => note_clock(connection, head, at),
        None => Ok(()),
    }
}

fn note_clock(connection: &Connection, head: &mut Head, at: Stamp) -> Result<(), ArchiveError> {
    let Some(from) = head.at.filter(|from| at < *from) else {
        return Ok(());
    };
    let text = |stamp: &Stamp| String::from_utf8_lossy(stamp).into_owned();
    tracing::warn!(
        "the clock was set back from {} to {}; the ledger says so",
        text(&from),
        text(&at)
    );
    let line = Entry::new("clock-set-back")
        .with("from", text(&from))
        .with("at", text(&at));
    append_unseen(connection, head, &line)
}

/// Appends a line whatever its time is: a salvage copies lines as they stand.
pub(super) fn append_unseen(
    connection: &Connection,
    head: &mut Head,
    entry: &Entry,
) -> Result<(), ArchiveError> {
    if WITHOUT_EVIDENCE {
        head.entry_id += 1;
        return Ok(());
    }
    let next = Head {
        entry_id: head.entry_id + 1,
        hash: entry_hash(&head.hash, entry.as_str()),
        at: stamp(entry.as_str()).or(head.at),
    };
    connection
        .prepare_cached("INSERT INTO ledger (entry_id, entry, entry_hash) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| statement.execute((next.entry_id, entry.as_str(), next.hash)))
        .doing("append to the ledger")?;
    *head = next;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_the_entry_before_and_the_line() {
        // Made with: python3 -c "import hashlib as h; print(h.sha256(bytes(32) + b'archive id=x').hexdigest())"
        let first = entry_hash(&GENESIS, "archive id=x");
        assert_eq!(
            hex(&first),
            "7caeef5dc518ced4633002939e2cebe1ede65c288b5d06b7035b714a5101d90e"
        );
        assert_ne!(entry_hash(&first, "archive id=x"), first);
    }

    #[test]
    fn an_entry_is_a_kind_and_words() {
        let entry = Entry::new("absent")
            .with("run", 7)
            .with_hash("sha256", &[0xab, 0x01]);
        assert_eq!(entry.as_str(), "absent run=7 sha256=ab01");
    }
}
