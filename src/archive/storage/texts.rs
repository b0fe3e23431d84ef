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

use std::sync::LazyLock;

use rusqlite::Connection;
use siphasher::sip128::SipHasher13;

use super::insert::Insert;
use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing};

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

/// Marks that one place of the memory holds: they fill a line of the processor's cache.
const WAYS: usize = 4;

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Place([Mark; WAYS]);

/// Places for assets, and for details: 131,072 texts in 3 MiB.
const MANY_PLACES: usize = 1 << 15;

/// Places for kinds of messages, which are few.
const FEW_PLACES: usize = 1 << 12;

/// The keys of the latest texts. A mark has one place, where it takes that of the one that was not met for longest: so to
/// look one up reads two lines of memory, and what is met again and again stays.
#[derive(Debug)]
struct Remembered {
    /// The latest first.
    places: Vec<Place>,
    /// Of each place; 0 where there is none.
    keys: Vec<[i64; WAYS]>,
}

impl Remembered {
    fn new(places: usize) -> Self {
        debug_assert!(places.is_power_of_two());
        Self {
            places: vec![Place::default(); places],
            keys: vec![[0; WAYS]; places],
        }
    }

    /// Where a mark belongs: it is a hash already.
    const fn place(&self, mark: Mark) -> usize {
        mark[0] as usize & (self.places.len() - 1)
    }

    /// Reads what [`Self::get`] will look at. Many such reads in a row wait for the memory together, not one after the other.
    fn fetch(&self, mark: Mark) -> u64 {
        let place = self.place(mark);
        self.places[place].0[0][0] ^ self.keys[place][0].cast_unsigned()
    }

    fn get(&mut self, mark: Mark) -> Option<i64> {
        let place = self.place(mark);
        let marks = &mut self.places[place].0;
        let way = marks.iter().position(|known| *known == mark)?;
        let keys = &mut self.keys[place];
        marks[..=way].rotate_right(1);
        keys[..=way].rotate_right(1);
        Some(keys[0]).filter(|key| *key != 0)
    }

    /// Of the texts stored last, from the last one back: what has no room is forgotten.
    fn insert_earlier(&mut self, mark: Mark, key: i64) {
        let place = self.place(mark);
        let (marks, keys) = (&mut self.places[place].0, &mut self.keys[place]);
        for (known, slot) in marks.iter_mut().zip(keys) {
            if *slot == 0 {
                (*known, *slot) = (mark, key);
            }
            if *known == mark {
                return;
            }
        }
    }

    fn insert(&mut self, mark: Mark, key: i64) {
        let place = self.place(mark);
        let (marks, keys) = (&mut self.places[place].0, &mut self.keys[place]);
        marks.rotate_right(1);
        keys.rotate_right(1);
        (marks[0], keys[0]) = (mark, key);
    }
}

/// One of the tables of repeated texts that have an index: its rows, and the memory of them.
#[derive(Debug)]
pub(in crate::archive) struct StoredTexts<const N: usize> {
    insert: &'static str,
    latest: &'static str,
    /// Finds the key of given texts.
    find: &'static str,
    places: usize,
    remembered: Option<Remembered>,
}

impl<const N: usize> StoredTexts<N> {
    const fn new(insert: &'static str, latest: &'static str, find: &'static str, places: usize) -> Self {
        Self {
            insert,
            latest,
            find,
            places,
            remembered: None,
        }
    }

    /// Reads what [`Self::key`] will look at.
    pub(in crate::archive) fn fetch(&self, mark: Mark) -> u64 {
        self.remembered
            .as_ref()
            .map_or(0, |remembered| remembered.fetch(mark))
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
            none => none.insert(load_latest::<N>(connection, self.latest, self.places)?.0),
        };
        if let Some(key) = remembered.get(mark) {
            return Ok(key);
        }
        let texts = || rusqlite::params_from_iter(texts);
        let connection = connection.cached();
        let found = connection.optional(self.find, texts(), "look a text up", |row| row.get(0))?;
        let key = match found {
            Some(key) => key,
            None => connection.insert(self.insert, texts(), "store a text")?,
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
        "SELECT kind_key FROM _message_kind WHERE message IS ?1 AND category IS ?2",
        FEW_PLACES,
    )
}

/// Asset with type and owner.
pub(in crate::archive) const fn assets() -> StoredTexts<3> {
    StoredTexts::new(
        "INSERT INTO _asset (asset, asset_type, asset_owner) VALUES (?1, ?2, ?3)",
        "SELECT asset_key, asset, asset_type, asset_owner FROM _asset ORDER BY asset_key DESC LIMIT ?1",
        "SELECT asset_key FROM _asset WHERE asset IS ?1 AND asset_type IS ?2 AND asset_owner IS ?3",
        MANY_PLACES,
    )
}

/// Message details, and the memory of them.
#[derive(Debug, Default)]
pub(in crate::archive) struct StoredDetails {
    /// With the highest key.
    remembered: Option<(Remembered, i64)>,
}

/// Details with the key under which they are to be stored.
pub(in crate::archive) type NewDetails<'run> = (i64, &'run str);

impl StoredDetails {
    /// Reads what [`Self::key`] will look at.
    pub(in crate::archive) fn fetch(&self, mark: Mark) -> u64 {
        self.remembered
            .as_ref()
            .map_or(0, |(remembered, _)| remembered.fetch(mark))
    }

    /// The key of a row with these details, whose mark is `mark`. Where none is known it is a new one, and they go to `new`,
    /// which the caller gives to [`Self::store`].
    pub(in crate::archive) fn key<'run>(
        &mut self,
        connection: &Connection,
        mark: Mark,
        details: &'run str,
        new: &mut Vec<NewDetails<'run>>,
    ) -> Result<i64, ArchiveError> {
        let latest =
            "SELECT detail_key, message_details FROM _message_detail ORDER BY detail_key DESC LIMIT ?1";
        let (remembered, highest) = match &mut self.remembered {
            Some(remembered) => remembered,
            none => none.insert(load_latest::<1>(connection, latest, MANY_PLACES)?),
        };
        if let Some(key) = remembered.get(mark) {
            return Ok(key);
        }
        *highest += 1;
        remembered.insert(mark, *highest);
        new.push((*highest, details));
        Ok(*highest)
    }

    /// Stores new details.
    pub(in crate::archive) fn store(
        connection: &Connection,
        new: &[NewDetails<'_>],
    ) -> Result<(), ArchiveError> {
        static INSERT: LazyLock<Insert> = LazyLock::new(|| {
            Insert::new(
                "INSERT INTO _message_detail (detail_key, message_details) VALUES ",
                2,
            )
        });
        INSERT
            .rows(connection, new, |(key, details), row| {
                row.bind(key)?;
                row.bind(details)
            })
            .doing("store a text")
    }

    /// Forgets everything: the rows of a transaction that was rolled back are not there.
    pub(in crate::archive) fn forget(&mut self) {
        self.remembered = None;
    }
}

/// The texts stored last, and the highest key.
fn load_latest<const N: usize>(
    connection: &Connection,
    latest: &'static str,
    places: usize,
) -> Result<(Remembered, i64), ArchiveError> {
    let mut remembered = Remembered::new(places);
    let mut highest = 0;
    let mut scratch = Vec::new();
    connection.each(latest, [places * WAYS / 2], "read the texts stored last", |row| {
        let key: i64 = row.get(0)?;
        highest = highest.max(key);
        let mut texts = [None; N];
        for (index, text) in texts.iter_mut().enumerate() {
            *text = row.get_ref(index + 1)?.as_str_or_null()?;
        }
        remembered.insert_earlier(mark(&mut scratch, texts), key);
        Ok(())
    })?;
    Ok((remembered, highest))
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

    fn detail(texts: &mut StoredDetails, connection: &Connection, details: &str) -> i64 {
        let mut new = Vec::new();
        let mark = mark(&mut Vec::new(), [Some(details)]);
        let key = texts.key(connection, mark, details, &mut new).unwrap();
        StoredDetails::store(connection, &new).unwrap();
        key
    }

    fn rows(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM _message_detail", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn a_text_is_stored_once_and_known_again() {
        let connection = store();
        let mut texts = StoredDetails::default();
        let one = detail(&mut texts, &connection, "one");
        let two = detail(&mut texts, &connection, "two");
        assert_ne!(one, two);
        assert_eq!(detail(&mut texts, &connection, "one"), one);
        // A new process knows it too, and goes on after the last.
        let mut texts = StoredDetails::default();
        assert_eq!(detail(&mut texts, &connection, "one"), one);
        assert_eq!(rows(&connection), 2);
        assert_eq!(detail(&mut texts, &connection, "three"), two + 1);
        assert_eq!(rows(&connection), 3);
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
        let mut texts = StoredDetails::default();
        for number in 0..2 * MANY_PLACES * WAYS {
            detail(&mut texts, &connection, &number.to_string());
            if number % 1000 == 0 {
                detail(&mut texts, &connection, "daily");
            }
        }
        let daily: i64 = connection
            .query_row(
                "SELECT count(*) FROM _message_detail WHERE message_details = 'daily'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(daily, 1);
        // Which places a text may take depends on a random key, so a few of the first are still remembered.
        let first_keys = 100;
        let is_stored_again =
            |number: &i64| detail(&mut texts, &connection, &number.to_string()) > first_keys + 1;
        let stored_again = (0..first_keys).filter(is_stored_again).count();
        assert!(
            stored_again > 50,
            "what is long gone is stored again: {stored_again}"
        );
    }

    #[test]
    fn assets_and_kinds_are_one_row_each_however_many_there_are() {
        let connection = store();
        let (mut assets, mut kinds) = (assets(), kinds());
        let many = MANY_PLACES * WAYS + 10;
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
                &format!("EXPLAIN QUERY PLAN {}", super::assets().find),
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
