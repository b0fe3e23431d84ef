//! Texts stored once, as far as a bounded memory can tell.
//!
//! The writer remembers the latest texts of each kind with their keys. A text that it has forgotten is stored again:
//! nothing depends on its being stored once, and an exact answer would cost memory that grows with the history or a
//! random read per text. A new process begins with the texts stored last, so a text in daily use stays known.

use foldhash::fast::RandomState;
use rusqlite::Connection;
use std::collections::HashMap;

use super::error::{ArchiveError, Doing};

/// Bytes that one kind of text may take in memory; texts and the cost of an entry counted.
const BUDGET_BYTES: usize = 4 << 20;
/// What an entry costs beside its text: key, pointer, length, hash table slot.
const ENTRY_BYTES: usize = 64;

/// Keys of the latest texts; the older half is dropped when the budget is used up.
#[derive(Debug, Default)]
struct Remembered {
    young: HashMap<Box<[u8]>, i64, RandomState>,
    old: HashMap<Box<[u8]>, i64, RandomState>,
    young_bytes: usize,
}

impl Remembered {
    fn get(&mut self, text: &[u8]) -> Option<i64> {
        if let Some(&key) = self.young.get(text) {
            return Some(key);
        }
        let (text, key) = self.old.remove_entry(text)?;
        self.insert(text, key);
        Some(key)
    }

    fn insert(&mut self, text: Box<[u8]>, key: i64) {
        self.young_bytes += text.len() + ENTRY_BYTES;
        self.young.insert(text, key);
        if self.is_half_full() {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }

    fn is_half_full(&self) -> bool {
        self.young_bytes >= BUDGET_BYTES / 2
    }
}

/// One of the three tables of repeated texts: its rows, and the memory of them.
#[derive(Debug)]
pub(super) struct Texts<const N: usize> {
    insert: &'static str,
    latest: &'static str,
    remembered: Option<Remembered>,
    scratch: Vec<u8>,
}

impl<const N: usize> Texts<N> {
    const fn new(insert: &'static str, latest: &'static str) -> Self {
        Self {
            insert,
            latest,
            remembered: None,
            scratch: Vec::new(),
        }
    }

    /// The key of a row with these texts; stores one where none is remembered.
    pub(super) fn key(
        &mut self,
        connection: &Connection,
        texts: [Option<&str>; N],
    ) -> Result<i64, ArchiveError> {
        let remembered = match &mut self.remembered {
            Some(remembered) => remembered,
            none => none.insert(load_latest::<N>(connection, self.latest)?),
        };
        identity(&mut self.scratch, texts);
        if let Some(key) = remembered.get(&self.scratch) {
            return Ok(key);
        }
        let mut statement = connection.prepare_cached(self.insert).doing("store a text")?;
        let key = statement
            .insert(rusqlite::params_from_iter(texts))
            .doing("store a text")?;
        remembered.insert(self.scratch.as_slice().into(), key);
        Ok(key)
    }

    /// Forgets everything: the rows of a transaction that was rolled back are not there.
    pub(super) fn forget(&mut self) {
        self.remembered = None;
    }
}

/// Message text with its category.
pub(super) const fn kinds() -> Texts<2> {
    Texts::new(
        "INSERT INTO message_kind (message, category) VALUES (?1, ?2)",
        "SELECT kind_key, message, category FROM message_kind ORDER BY kind_key DESC",
    )
}

/// Asset with type and owner.
pub(super) const fn assets() -> Texts<3> {
    Texts::new(
        "INSERT INTO asset (asset, asset_type, asset_owner) VALUES (?1, ?2, ?3)",
        "SELECT asset_key, asset, asset_type, asset_owner FROM asset ORDER BY asset_key DESC",
    )
}

/// Message details.
pub(super) const fn details() -> Texts<1> {
    Texts::new(
        "INSERT INTO message_detail (message_details) VALUES (?1)",
        "SELECT detail_key, message_details FROM message_detail ORDER BY detail_key DESC",
    )
}

/// Half a budget of the texts stored last.
fn load_latest<const N: usize>(
    connection: &Connection,
    latest: &'static str,
) -> Result<Remembered, ArchiveError> {
    let doing = "read the texts stored last";
    let mut remembered = Remembered::default();
    let mut scratch = Vec::new();
    let mut statement = connection.prepare(latest).doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let key: i64 = row.get(0).doing(doing)?;
        let mut texts = [None; N];
        for (index, text) in texts.iter_mut().enumerate() {
            *text = row
                .get_ref(index + 1)
                .and_then(|value| Ok(value.as_str_or_null()?))
                .doing(doing)?;
        }
        identity(&mut scratch, texts);
        remembered.young_bytes += scratch.len() + ENTRY_BYTES;
        remembered.young.entry(scratch.as_slice().into()).or_insert(key);
        if remembered.is_half_full() {
            break;
        }
    }
    // As the old half: what this sync uses moves to the young one, and the rest is the first to go.
    Ok(Remembered {
        old: remembered.young,
        ..Remembered::default()
    })
}

/// Bytes that differ where the texts do: null and each length are told apart.
fn identity<const N: usize>(scratch: &mut Vec<u8>, texts: [Option<&str>; N]) {
    scratch.clear();
    for text in texts {
        match text {
            None => scratch.extend_from_slice(&u32::MAX.to_le_bytes()),
            Some(text) => {
                // A text longer than 4 GiB cannot come: runs are limited to less.
                scratch.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX - 1).to_le_bytes());
                scratch.extend_from_slice(text.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(include_str!("../../migrations/V1__the_archive.sql"))
            .unwrap();
        connection
    }

    fn rows(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM message_detail", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_text_is_stored_once_and_known_again() {
        let connection = store();
        let mut texts = details();
        let one = texts.key(&connection, [Some("one")]).unwrap();
        let two = texts.key(&connection, [Some("two")]).unwrap();
        assert_ne!(one, two);
        assert_eq!(texts.key(&connection, [Some("one")]).unwrap(), one);
        // A new process knows it too.
        assert_eq!(details().key(&connection, [Some("one")]).unwrap(), one);
        assert_eq!(rows(&connection), 2);
    }

    #[test]
    fn null_and_empty_and_borders_are_told_apart() {
        let connection = store();
        let mut texts = kinds();
        let all = [
            [None, None],
            [Some(""), None],
            [None, Some("")],
            [Some("a"), Some("b")],
            [Some("ab"), Some("")],
            [Some(""), Some("ab")],
        ];
        let keys: Vec<i64> = all
            .iter()
            .map(|&pair| texts.key(&connection, pair).unwrap())
            .collect();
        let again: Vec<i64> = all
            .iter()
            .map(|&pair| texts.key(&connection, pair).unwrap())
            .collect();
        assert_eq!(keys, again);
        assert_eq!(
            keys.iter().collect::<std::collections::HashSet<_>>().len(),
            all.len()
        );
    }

    #[test]
    fn memory_stays_within_the_budget() {
        let connection = store();
        let mut texts = details();
        let text = "x".repeat(1000);
        for number in 0..20_000 {
            texts
                .key(&connection, [Some(&format!("{number} {text}"))])
                .unwrap();
            texts.key(&connection, [Some("daily")]).unwrap();
        }
        let remembered = texts.remembered.as_ref().unwrap();
        let held: usize = remembered
            .young
            .keys()
            .chain(remembered.old.keys())
            .map(|k| k.len() + ENTRY_BYTES)
            .sum();
        assert!(held <= BUDGET_BYTES, "{held}");
        let daily: i64 = connection
            .query_row(
                "SELECT count(*) FROM message_detail WHERE message_details = 'daily'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(daily, 1, "what is used again and again is not forgotten");
    }
}
