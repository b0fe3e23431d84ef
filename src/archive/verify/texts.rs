//! Texts stored once, looked up by key with a bounded memory.

use foldhash::fast::RandomState;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{HashMap, HashSet};

use super::finding::{Finding, Findings, Next};
use crate::archive::error::{ArchiveError, Doing};

/// Bytes of texts that are remembered of one table, by one thread: what repeats stays known, what does not is read once.
const BUDGET_BYTES: usize = 2 << 20;
/// What an entry costs beside its texts.
const ENTRY_BYTES: usize = 64;

/// What stands for a value that is no text; no text is equal to it.
const NO_TEXT: &[u8] = b"\xff no text";

/// The texts of one row, `None` for NULL.
pub(super) type Row<const N: usize> = [Option<Box<[u8]>>; N];

/// One of the three tables of repeated texts.
#[derive(Debug)]
pub(super) struct Texts<const N: usize> {
    by_key: &'static str,
    young: HashMap<i64, Row<N>, RandomState>,
    old: HashMap<i64, Row<N>, RandomState>,
    young_bytes: usize,
    pub(super) used: Marks,
}

impl<const N: usize> Texts<N> {
    /// `by_key` selects the texts of a key; the table has `rows` rows.
    pub(super) fn new(by_key: &'static str, rows: u64) -> Self {
        Self {
            by_key,
            young: HashMap::default(),
            old: HashMap::default(),
            young_bytes: 0,
            used: Marks::new(rows),
        }
    }

    /// The texts of a key; `None` where there is no such row.
    pub(super) fn get(&mut self, connection: &Connection, key: i64) -> Result<Option<&Row<N>>, ArchiveError> {
        if !self.young.contains_key(&key) {
            let row = match self.old.remove(&key) {
                Some(row) => row,
                None => match self.read(connection, key)? {
                    Some(row) => row,
                    None => return Ok(None),
                },
            };
            self.used.mark(key);
            self.young_bytes += ENTRY_BYTES + row.iter().flatten().map(|text| text.len()).sum::<usize>();
            if self.young_bytes > BUDGET_BYTES / 2 {
                self.old = std::mem::take(&mut self.young);
                self.young_bytes = 0;
            }
            self.young.insert(key, row);
        }
        Ok(self.young.get(&key))
    }

    fn read(&self, connection: &Connection, key: i64) -> Result<Option<Row<N>>, ArchiveError> {
        connection
            .prepare_cached(self.by_key)
            .and_then(|mut statement| {
                statement
                    .query_row([key], |row| {
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
                    .optional()
            })
            .doing("read a text")
    }
}

/// Keys that were met.
#[derive(Debug, Default)]
pub(super) struct Marks {
    bits: Vec<u64>,
    /// Keys far beyond what a table of that many rows has: a damaged key must not ask for memory.
    beyond: HashSet<i64>,
}

impl Marks {
    fn new(rows: u64) -> Self {
        let words = usize::try_from(rows / 16 + 64).unwrap_or(64);
        Self {
            bits: vec![0; words],
            beyond: HashSet::new(),
        }
    }

    fn place(&self, key: i64) -> Option<(usize, u64)> {
        let key = usize::try_from(key).ok()?;
        (key / 64 < self.bits.len()).then_some((key / 64, 1 << (key % 64)))
    }

    fn mark(&mut self, key: i64) {
        match self.place(key) {
            Some((word, bit)) => self.bits[word] |= bit,
            None => drop(self.beyond.insert(key)),
        }
    }

    fn has(&self, key: i64) -> bool {
        match self.place(key) {
            Some((word, bit)) => self.bits[word] & bit != 0,
            None => self.beyond.contains(&key),
        }
    }

    /// Adds what another thread met in the same table.
    pub(super) fn unite(&mut self, other: &Self) {
        if self.bits.len() < other.bits.len() {
            self.bits.resize(other.bits.len(), 0);
        }
        for (mine, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *mine |= theirs;
        }
        self.beyond.extend(&other.beyond);
    }
}

/// How many rows a table has, by a walk over its pages.
pub(super) fn count(connection: &Connection, table: &str) -> Result<u64, ArchiveError> {
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        .doing("count the rows of a table")
}

/// Names texts that no message has.
pub(super) fn check_unused(
    connection: &Connection,
    (table, key): (&str, &str),
    used: &Marks,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let doing = "read the texts";
    let mut statement = connection
        .prepare(&format!("SELECT {key} FROM {table}"))
        .doing(doing)?;
    let mut rows = statement.query([]).doing(doing)?;
    while let Some(row) = rows.next().doing(doing)? {
        let key: i64 = row.get(0).doing(doing)?;
        if !used.has(key) {
            let place = format!("{table}, row {key}");
            findings.push(Finding::new(Next::Reindex, place, "no message has this text"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_hold_any_key_and_take_little_memory_for_a_damaged_one() {
        let mut marks = Marks::new(100);
        let mut others = Marks::new(100);
        for key in [0, 1, 63, 64, 100] {
            marks.mark(key);
        }
        for key in [i64::MAX, i64::MIN, -1] {
            others.mark(key);
        }
        marks.unite(&others);
        for key in [0, 1, 63, 64, 100, i64::MAX, i64::MIN, -1] {
            assert!(marks.has(key), "{key}");
        }
        assert!(!marks.has(2) && !marks.has(i64::MAX - 1));
        assert!(marks.bits.len() < 100);
    }

    #[test]
    fn texts_are_read_once_while_they_are_remembered() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t (k INTEGER PRIMARY KEY, a, b); INSERT INTO t VALUES (1, 'x', NULL), (2, x'00', '')")
            .unwrap();
        let mut texts: Texts<2> = Texts::new("SELECT a, b FROM t WHERE k = ?1", 2);
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
        assert!(texts.used.has(2) && !texts.used.has(3));
    }
}
