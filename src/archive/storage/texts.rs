//! Texts stored once.
//!
//! The writer remembers the latest texts of each kind with their keys, in a bounded memory. A new process begins with the
//! texts stored last, so a text in daily use stays known. Assets and kinds of messages are what reports count by: one that
//! is not remembered is looked up by its index, so each is one row however many there are. Details have no index, which
//! would cost a random write for each new one: those that are forgotten are stored again, and nothing depends on their
//! being stored once.
//!
//! Remembered is not a text but its [`Mark`], a keyed hash of 128 bits: a mark takes 16 bytes whatever the text, and the
//! tasks that read the runs compute it, not the one thread that writes. Two texts with one mark would be taken for one. The
//! key is drawn anew by each process and never leaves it, so nobody can look for such texts, and by chance they meet
//! once in 2^64 times among 2^32 texts; `verify` would name the row.

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use rusqlite::Connection;
use siphasher::sip128::SipHasher13;

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;

/// Stands for one or several texts.
pub(in crate::archive) type Mark = [u64; 2];

static KEYED: LazyLock<SipHasher13> = LazyLock::new(|| {
    // 122 bits of the operating system's chance.
    SipHasher13::new_with_key(uuid::Uuid::new_v4().as_bytes())
});

/// The mark of texts; null and each length are told apart. `scratch` saves an allocation.
pub(in crate::archive) fn mark<const N: usize>(scratch: &mut Vec<u8>, texts: [Option<&str>; N]) -> Mark {
    scratch.clear();
    for text in texts {
        // A text longer than 4 GiB cannot come: runs are limited to less.
        let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
        scratch.extend_from_slice(&length.to_le_bytes());
        scratch.extend_from_slice(text.unwrap_or_default().as_bytes());
    }
    mark_bytes(scratch)
}

/// The mark of some bytes.
pub(in crate::archive) fn mark_bytes(bytes: &[u8]) -> Mark {
    let hash = KEYED.hash(bytes);
    [hash.h1, hash.h2]
}

/// Marks in each half of the memory: as many as a table of 65,536 places takes, 1.6 MiB.
const HALF: usize = 57_344;

/// Keys of the latest texts; the older half is dropped when the newer one is full.
#[derive(Debug, Default)]
struct Remembered {
    young: HashMap<Mark, i64, RandomState>,
    old: HashMap<Mark, i64, RandomState>,
}

impl Remembered {
    fn get(&mut self, mark: Mark) -> Option<i64> {
        if let Some(&key) = self.young.get(&mark) {
            return Some(key);
        }
        let key = self.old.remove(&mark)?;
        self.insert(mark, key);
        Some(key)
    }

    fn insert(&mut self, mark: Mark, key: i64) {
        self.young.insert(mark, key);
        if self.young.len() >= HALF {
            // The room of the dropped half is used again.
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
    }
}

/// One of the three tables of repeated texts: its rows, and the memory of them.
#[derive(Debug)]
pub(in crate::archive) struct StoredTexts<const N: usize> {
    insert: &'static str,
    latest: &'static str,
    /// Finds the key of given texts, where an index can.
    find: Option<&'static str>,
    remembered: Option<Remembered>,
}

impl<const N: usize> StoredTexts<N> {
    const fn new(insert: &'static str, latest: &'static str, find: Option<&'static str>) -> Self {
        Self {
            insert,
            latest,
            find,
            remembered: None,
        }
    }

    /// The key of a row with these texts, whose mark is `mark`; stores one where none is known.
    pub(in crate::archive) fn key(
        &mut self,
        connection: &Connection,
        mark: Mark,
        texts: [Option<&str>; N],
    ) -> Result<i64, ArchiveError> {
        let remembered = match &mut self.remembered {
            Some(remembered) => remembered,
            none => none.insert(load_latest::<N>(connection, self.latest)?),
        };
        if let Some(key) = remembered.get(mark) {
            return Ok(key);
        }
        let found = match self.find {
            Some(find) => connection.cached().optional(
                find,
                rusqlite::params_from_iter(texts),
                "look a text up",
                |row| row.get(0),
            )?,
            None => None,
        };
        let key = match found {
            Some(key) => key,
            None => {
                let texts = rusqlite::params_from_iter(texts);
                connection.cached().insert(self.insert, texts, "store a text")?
            }
        };
        remembered.insert(mark, key);
        Ok(key)
    }

    /// Forgets everything: the rows of a transaction that was rolled back are not there.
    pub(in crate::archive) fn forget(&mut self) {
        self.remembered = None;
    }
}

/// Message text with its category.
pub(in crate::archive) const fn kinds() -> StoredTexts<2> {
    StoredTexts::new(
        "INSERT INTO _message_kind (message, category) VALUES (?1, ?2)",
        "SELECT kind_key, message, category FROM _message_kind ORDER BY kind_key DESC LIMIT ?1",
        Some("SELECT kind_key FROM _message_kind WHERE message IS ?1 AND category IS ?2"),
    )
}

/// Asset with type and owner.
pub(in crate::archive) const fn assets() -> StoredTexts<3> {
    StoredTexts::new(
        "INSERT INTO _asset (asset, asset_type, asset_owner) VALUES (?1, ?2, ?3)",
        "SELECT asset_key, asset, asset_type, asset_owner FROM _asset ORDER BY asset_key DESC LIMIT ?1",
        Some("SELECT asset_key FROM _asset WHERE asset IS ?1 AND asset_type IS ?2 AND asset_owner IS ?3"),
    )
}

/// Message details.
pub(in crate::archive) const fn details() -> StoredTexts<1> {
    StoredTexts::new(
        "INSERT INTO _message_detail (message_details) VALUES (?1)",
        "SELECT detail_key, message_details FROM _message_detail ORDER BY detail_key DESC LIMIT ?1",
        None,
    )
}

/// The texts stored last, as the old half: what this sync uses moves to the young one, and the rest is the first to go.
fn load_latest<const N: usize>(
    connection: &Connection,
    latest: &'static str,
) -> Result<Remembered, ArchiveError> {
    let mut remembered = Remembered::default();
    let mut scratch = Vec::new();
    connection.each(latest, [HALF], "read the texts stored last", |row| {
        let key: i64 = row.get(0)?;
        let mut texts = [None; N];
        for (index, text) in texts.iter_mut().enumerate() {
            *text = row.get_ref(index + 1)?.as_str_or_null()?;
        }
        remembered.old.entry(mark(&mut scratch, texts)).or_insert(key);
        Ok(())
    })?;
    Ok(remembered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(include_str!("../../../migrations/V1__the_archive.sql"))
            .unwrap();
        connection
    }

    fn key<const N: usize>(
        texts: &mut StoredTexts<N>,
        connection: &Connection,
        words: [Option<&str>; N],
    ) -> i64 {
        texts
            .key(connection, mark(&mut Vec::new(), words), words)
            .unwrap()
    }

    fn rows(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM _message_detail", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_text_is_stored_once_and_known_again() {
        let connection = store();
        let mut texts = details();
        let one = key(&mut texts, &connection, [Some("one")]);
        let two = key(&mut texts, &connection, [Some("two")]);
        assert_ne!(one, two);
        assert_eq!(key(&mut texts, &connection, [Some("one")]), one);
        // A new process knows it too.
        assert_eq!(key(&mut details(), &connection, [Some("one")]), one);
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
        let keys = all.map(|pair| key(&mut texts, &connection, pair));
        assert_eq!(keys, all.map(|pair| key(&mut texts, &connection, pair)));
        let different: std::collections::HashSet<i64> = keys.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_again_and_again_is_not_forgotten() {
        let connection = store();
        let mut texts = details();
        for number in 0..3 * HALF {
            key(&mut texts, &connection, [Some(&number.to_string())]);
            if number % 1000 == 0 {
                key(&mut texts, &connection, [Some("daily")]);
            }
        }
        let remembered = texts.remembered.as_ref().unwrap();
        assert!(remembered.young.len() <= HALF && remembered.old.len() <= HALF);
        let daily: i64 = connection
            .query_row(
                "SELECT count(*) FROM _message_detail WHERE message_details = 'daily'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(daily, 1);
        let forgotten = key(&mut texts, &connection, [Some("0")]);
        assert!(forgotten > 1, "what is long gone is stored again");
    }

    #[test]
    fn assets_and_kinds_are_one_row_each_however_many_there_are() {
        let connection = store();
        let (mut assets, mut kinds) = (assets(), kinds());
        let many = 2 * HALF + 10;
        let mut round = || -> Vec<(i64, i64)> {
            (0..many)
                .map(|number| {
                    let name = number.to_string();
                    let asset = key(&mut assets, &connection, [Some(&name), None, Some("")]);
                    (asset, key(&mut kinds, &connection, [Some(&name), None]))
                })
                .collect()
        };
        assert_eq!(round(), round());
        for table in ["_asset", "_message_kind"] {
            let count = format!("SELECT count(*) FROM {table}");
            let rows: usize = connection.query_row(&count, [], |row| row.get(0)).unwrap();
            assert_eq!(rows, many, "{table}");
        }
        let plan: String = connection
            .query_row(
                &format!("EXPLAIN QUERY PLAN {}", super::assets().find.unwrap()),
                [None::<&str>; 3],
                |row| row.get(3),
            )
            .unwrap();
        assert!(
            plan.contains("asset_by_text (asset=? AND asset_type=? AND asset_owner=?)"),
            "{plan}"
        );
    }
}
