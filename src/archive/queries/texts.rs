//! Texts by their key, with bounded memory.

use rusqlite::{CachedStatement, OptionalExtension};

use super::Snapshot;
use crate::archive::error::{ArchiveError, Doing};

/// Places for texts, by the lowest bits of the key: the writer hands keys out one after the other, so neighbours in time
/// do not push each other out. 15,000 assets in daily use have a place each.
const PLACES: usize = 1 << 14;

/// Bytes that a row may have to get one of the places; with all places taken by such rows 9 MiB are used.
const SMALL_BYTES: usize = 512;

/// The texts of a row of `message_kind` or `asset`.
pub(super) type TextRow<const N: usize> = [Option<Box<str>>; N];

/// Rows of one table of texts, each read when it is first needed.
pub(super) struct TextsByKey<'s, const N: usize> {
    statement: CachedStatement<'s>,
    places: Vec<Option<(i64, TextRow<N>)>>,
    /// The latest row that is too large for a place.
    large: Option<(i64, TextRow<N>)>,
}

impl<'s> TextsByKey<'s, 2> {
    /// `message` and `category` of `message_kind`.
    pub(super) fn kinds(snapshot: &'s Snapshot<'_>) -> Result<Self, ArchiveError> {
        Self::new(
            snapshot,
            "SELECT message, category FROM _message_kind WHERE kind_key = ?1",
        )
    }
}

impl<'s> TextsByKey<'s, 3> {
    /// `asset`, `asset_type` and `asset_owner` of `asset`.
    pub(super) fn assets(snapshot: &'s Snapshot<'_>) -> Result<Self, ArchiveError> {
        Self::new(
            snapshot,
            "SELECT asset, asset_type, asset_owner FROM _asset WHERE asset_key = ?1",
        )
    }
}

impl<'s, const N: usize> TextsByKey<'s, N> {
    fn new(snapshot: &'s Snapshot<'_>, sql: &str) -> Result<Self, ArchiveError> {
        let statement = snapshot.connection().prepare_cached(sql).doing("read texts")?;
        let mut places = Vec::new();
        places.resize_with(PLACES, || None);
        Ok(Self {
            statement,
            places,
            large: None,
        })
    }

    /// The texts with this key.
    ///
    /// # Errors
    /// There is no such row; SQL errors.
    pub(super) fn get(&mut self, key: i64) -> Result<&TextRow<N>, ArchiveError> {
        let place = usize::try_from(key).unwrap_or(0) % PLACES;
        let is_at = |held: &Option<(i64, TextRow<N>)>| held.as_ref().is_some_and(|(at, _)| *at == key);
        let held = if is_at(&self.places[place]) {
            &self.places[place]
        } else if is_at(&self.large) {
            &self.large
        } else {
            let row = self.read(key)?;
            let bytes: usize = row.iter().flatten().map(|text| text.len()).sum();
            let held = if bytes <= SMALL_BYTES {
                &mut self.places[place]
            } else {
                &mut self.large
            };
            *held = Some((key, row));
            held
        };
        Ok(held
            .as_ref()
            .map(|(_, row)| row)
            .expect("it was found or put there"))
    }

    fn read(&mut self, key: i64) -> Result<TextRow<N>, ArchiveError> {
        let row = self.statement.query_row([key], |row| {
            let mut texts = [const { None }; N];
            for (index, text) in texts.iter_mut().enumerate() {
                *text = row.get(index)?;
            }
            Ok(texts)
        });
        let row = row.optional().doing("read texts")?;
        row.ok_or_else(|| ArchiveError::Damaged {
            what: format!("a message has a text or an asset with the key {key}, which is not there"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{ReadOnly, Writer};

    #[test]
    fn a_text_is_found_however_many_keys_share_its_place_and_however_large_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobruns.db");
        drop(Writer::open(&path).unwrap());
        let connection = rusqlite::Connection::open(&path).unwrap();
        let places = i64::try_from(PLACES).unwrap();
        let large = "x".repeat(SMALL_BYTES + 1);
        for (key, text) in [
            (1, "one"),
            (1 + places, "other"),
            (2, large.as_str()),
            (3, &large[1..]),
        ] {
            connection
                .execute("INSERT INTO _message_kind VALUES (?1, ?2, NULL)", (key, text))
                .unwrap();
        }
        let reader = ReadOnly::open(&path).unwrap();
        let snapshot = reader.snapshot().unwrap();
        let mut kinds = TextsByKey::kinds(&snapshot).unwrap();
        for _ in 0..2 {
            for (key, text) in [
                (1, "one"),
                (1 + places, "other"),
                (2, large.as_str()),
                (3, &large[1..]),
            ] {
                assert_eq!(kinds.get(key).unwrap()[0].as_deref(), Some(text));
                assert_eq!(kinds.get(key).unwrap()[1], None);
            }
        }
        assert!(matches!(kinds.get(4), Err(ArchiveError::Damaged { .. })));
        assert!(matches!(kinds.get(-1), Err(ArchiveError::Damaged { .. })));
    }
}
