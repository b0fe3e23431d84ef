//! Texts stored once, looked up by key with a bounded memory.

use foldhash::fast::RandomState;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::HashMap;

use super::finding::{Finding, Findings, Remedy};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::storage::keys::Keys;

/// Bytes of texts that are remembered of one table, by one thread: what repeats stays known, what does not is read once.
const BUDGET_BYTES: usize = 2 << 20;
/// What an entry costs beside its texts.
const ENTRY_BYTES: usize = 64;

/// The placeholder of a value that is not text; no text is equal to it.
const NO_TEXT: &[u8] = b"\xff no text";

/// The texts of one row, `None` for NULL.
pub(super) type TextBytes<const N: usize> = [Option<Box<[u8]>>; N];

/// One of the three tables of repeated texts.
#[derive(Debug)]
pub(super) struct Texts<const N: usize> {
    by_key: &'static str,
    young: HashMap<i64, TextBytes<N>, RandomState>,
    old: HashMap<i64, TextBytes<N>, RandomState>,
    young_bytes: usize,
    /// Keys that were met.
    pub(super) used: Keys,
}

impl<const N: usize> Texts<N> {
    /// `by_key` selects the texts of a key.
    pub(super) fn new(by_key: &'static str) -> Self {
        Self {
            by_key,
            young: HashMap::default(),
            old: HashMap::default(),
            young_bytes: 0,
            used: Keys::default(),
        }
    }

    /// The texts of a key; `None` where there is no such row.
    pub(super) fn get(
        &mut self,
        connection: &Connection,
        key: i64,
    ) -> Result<Option<&TextBytes<N>>, ArchiveError> {
        if !self.young.contains_key(&key) {
            let row = match self.old.remove(&key) {
                Some(row) => row,
                None => match self.read(connection, key)? {
                    Some(row) => row,
                    None => return Ok(None),
                },
            };
            self.used.insert(key);
            self.young_bytes += ENTRY_BYTES + row.iter().flatten().map(|text| text.len()).sum::<usize>();
            if self.young_bytes > BUDGET_BYTES / 2 {
                self.old = std::mem::take(&mut self.young);
                self.young_bytes = 0;
            }
            self.young.insert(key, row);
        }
        Ok(self.young.get(&key))
    }

    fn read(&self, connection: &Connection, key: i64) -> Result<Option<TextBytes<N>>, ArchiveError> {
        connection
            .cached()
            .optional(self.by_key, [key], "read a text", |row| {
                let mut texts = [const { None }; N];
                for (index, text) in texts.iter_mut().enumerate() {
                    *text = match row.get_ref(index)? {
                        ValueRef::Null => None,
                        ValueRef::Text(found) => Some(found.into()),
                        _ => Some(NO_TEXT.into()),
                    };
                }
                Ok(texts)
            })
    }
}

/// Names texts that no message has.
pub(super) fn check_unused(
    connection: &Connection,
    (table, key): (&str, &str),
    used: &Keys,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        &format!("SELECT {key} FROM {table}"),
        [],
        "read the texts",
        |row| {
            let key: i64 = row.get(0)?;
            if !used.contains(key) {
                let place = format!("{table}, row {key}");
                findings.push(Finding::new(Remedy::Reindex, place, "no message has this text"));
            }
            Ok(())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_once_while_they_are_remembered() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t (k INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'x', NULL), (2, x'00', '')")
            .unwrap();
        let mut texts: Texts<2> = Texts::new("SELECT a, b FROM t WHERE k = ?1");
        assert_eq!(
            texts.get(&connection, 1).unwrap().unwrap()[0].as_deref(),
            Some(&b"x"[..])
        );
        assert_eq!(
            texts.get(&connection, 2).unwrap().unwrap()[0].as_deref(),
            Some(NO_TEXT)
        );
        connection.execute_batch("DELETE FROM t").unwrap();
        assert!(texts.get(&connection, 1).unwrap().is_some());
        assert!(texts.get(&connection, 3).unwrap().is_none());
        assert!(texts.used.contains(2) && !texts.used.contains(3));
    }
}
