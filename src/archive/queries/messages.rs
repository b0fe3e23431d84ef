//! Messages, whole: what the analysts' view `messages` shows; and as keys, to find those that are asked for.
//!
//! A message's texts are stored once and found by key: those of message, category and asset in a bounded memory, details
//! by SQLite itself, since half of them may be unique.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, params};

use super::Snapshot;
use super::texts::TextsByKey;
use crate::archive::db::{Db, RowError, each_row};
use crate::archive::error::{ArchiveError, Doing};
use crate::model::MessageKey;

/// A message as keys, with what decides whether it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageKeys {
    /// Its own key: that of its run times 2^24, and its number in the run.
    pub message_key: i64,
    /// Its time, in ticks of 100 ns since 1970 UTC.
    pub occurred_ticks: Option<i64>,
    /// Its text with category.
    pub kind_key: i64,
    pub asset_key: i64,
    pub detail_key: Option<i64>,
    /// Whether its run no longer has it.
    pub is_absent: bool,
}

impl MessageKeys {
    pub const fn run_key(&self) -> i64 {
        MessageKey::from_stored(self.message_key).run_key()
    }
}

/// A message as it is stored, with its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageRow<'r> {
    /// Its number within its run when first seen, from 0.
    pub ordinal: i64,
    /// Its time, in ticks of 100 ns since 1970 UTC.
    pub occurred_ticks: Option<i64>,
    pub message: Option<&'r str>,
    pub message_details: Option<&'r str>,
    pub category: Option<&'r str>,
    pub asset: Option<&'r str>,
    pub asset_type: Option<&'r str>,
    pub asset_owner: Option<&'r str>,
    /// Since when its run no longer has it, seconds since 1970 UTC.
    pub absent_since_unix: Option<i64>,
    /// `DateTime` as sent, where it could not be read.
    pub occurred_at_raw: Option<&'r str>,
    /// Whether the server wrote its time without an offset; `None` without a time.
    pub occurred_assumed: Option<bool>,
}

/// Reads messages with their texts, run after run.
pub struct MessageReader<'s> {
    messages: CachedStatement<'s>,
    kinds: TextsByKey<'s, 2>,
    assets: TextsByKey<'s, 3>,
}

impl Snapshot<'_> {
    /// A reader of messages; it holds at most some 20 MiB of texts.
    pub fn message_reader(&self) -> Result<MessageReader<'_>, ArchiveError> {
        let messages = self
            .connection()
            .prepare_cached(
                "SELECT m.message_key, m.occurred_ticks, m.kind_key, m.asset_key, d.message_details, m.detail_key,
                        m.absent_since_unix, m.occurred_at_raw, m.occurred_assumed
                 FROM _message m LEFT JOIN _message_detail d ON d.detail_key = m.detail_key
                 WHERE m.message_key BETWEEN ?1 AND ?2 ORDER BY m.message_key",
            )
            .doing("read the messages")?;
        Ok(MessageReader {
            messages,
            kinds: TextsByKey::kinds(self)?,
            assets: TextsByKey::assets(self)?,
        })
    }

    /// Every message from key `first` to key `last`, both included, as keys and in their order.
    pub fn each_message_keys(
        &self,
        first: i64,
        last: i64,
        mut see: impl FnMut(MessageKeys),
    ) -> Result<(), ArchiveError> {
        self.connection().cached().each(
            "SELECT message_key, occurred_ticks, kind_key, asset_key, detail_key, absent_since_unix
             FROM _message WHERE message_key BETWEEN ?1 AND ?2 ORDER BY message_key",
            params![first, last],
            "read the messages",
            |row| {
                see(MessageKeys {
                    message_key: row.get_ref(0)?.as_i64()?,
                    occurred_ticks: row.get_ref(1)?.as_i64_or_null()?,
                    kind_key: row.get_ref(2)?.as_i64()?,
                    asset_key: row.get_ref(3)?.as_i64()?,
                    detail_key: row.get_ref(4)?.as_i64_or_null()?,
                    is_absent: row.get_ref(5)? != ValueRef::Null,
                });
                Ok(())
            },
        )
    }

    /// Every stored message text with its category: key, message, category.
    pub fn each_kind(
        &self,
        mut see: impl FnMut(i64, Option<&str>, Option<&str>),
    ) -> Result<(), ArchiveError> {
        self.each_text(
            "SELECT kind_key, message, category FROM _message_kind",
            |key, [message, category]| see(key, message, category),
        )
    }

    /// Every stored asset: key, and asset, type and owner.
    pub fn each_asset(&self, see: impl FnMut(i64, [Option<&str>; 3])) -> Result<(), ArchiveError> {
        self.each_text(
            "SELECT asset_key, asset, asset_type, asset_owner FROM _asset",
            see,
        )
    }

    /// All stored details: key and text.
    pub fn each_detail(&self, mut see: impl FnMut(i64, &str)) -> Result<(), ArchiveError> {
        self.each_text(
            "SELECT detail_key, message_details FROM _message_detail",
            |key, [text]| see(key, text.unwrap_or_default()),
        )
    }

    /// The details from key `first` to key `last`, both included, by key: the bytes of each text, which are not read as
    /// text: that takes a third of the time.
    pub fn each_detail_bytes<E: From<ArchiveError>>(
        &self,
        first: i64,
        last: i64,
        mut see: impl FnMut(i64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.connection().cached().try_each(
            "SELECT detail_key, message_details FROM _message_detail
             WHERE detail_key BETWEEN ?1 AND ?2 ORDER BY detail_key",
            [first, last],
            "read the details of messages",
            |row| see(row.get(0)?, row.get_ref(1)?.as_bytes()?).map_err(RowError::Other),
        )
    }

    /// The details with this key.
    pub fn detail(&self, detail_key: i64) -> Result<String, ArchiveError> {
        let text = self.connection().cached().optional(
            "SELECT message_details FROM _message_detail WHERE detail_key = ?1",
            [detail_key],
            "read the details of a message",
            |row| row.get(0),
        )?;
        text.ok_or_else(missing_details)
    }

    fn each_text<const N: usize>(
        &self,
        sql: &str,
        mut see: impl FnMut(i64, [Option<&str>; N]),
    ) -> Result<(), ArchiveError> {
        self.connection()
            .each(sql, [], "read the texts of messages", |row| {
                let mut texts = [None; N];
                for (index, text) in (1..).zip(&mut texts) {
                    *text = row.get_ref(index)?.as_str_or_null()?;
                }
                see(row.get(0)?, texts);
                Ok(())
            })
    }
}

fn missing_details() -> ArchiveError {
    ArchiveError::Damaged {
        what: "a message has details that are not there".to_owned(),
    }
}

impl MessageReader<'_> {
    /// Shows every message from key `first` to key `last`, both included, in their order.
    pub fn each<E: From<ArchiveError>>(
        &mut self,
        first: i64,
        last: i64,
        mut see: impl FnMut(MessageRow<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (kinds, assets) = (&mut self.kinds, &mut self.assets);
        each_row(
            &mut self.messages,
            params![first, last],
            "read the messages",
            |row| {
                let integer = |index: usize| -> rusqlite::Result<i64> { Ok(row.get_ref(index)?.as_i64()?) };
                let optional = |index: usize| -> rusqlite::Result<Option<i64>> {
                    Ok(row.get_ref(index)?.as_i64_or_null()?)
                };
                let text = |index: usize| -> rusqlite::Result<Option<&str>> {
                    Ok(row.get_ref(index)?.as_str_or_null()?)
                };
                let [message, category] = kinds.get(integer(2)?).map_err(E::from)?;
                let [asset, asset_type, asset_owner] = assets.get(integer(3)?).map_err(E::from)?;
                let message = MessageRow {
                    ordinal: MessageKey::from_stored(integer(0)?).ordinal(),
                    occurred_ticks: optional(1)?,
                    message: message.as_deref(),
                    message_details: text(4)?,
                    category: category.as_deref(),
                    asset: asset.as_deref(),
                    asset_type: asset_type.as_deref(),
                    asset_owner: asset_owner.as_deref(),
                    absent_since_unix: optional(6)?,
                    occurred_at_raw: text(7)?,
                    occurred_assumed: optional(8)?.map(|assumed| assumed != 0),
                };
                if message.message_details.is_none() && optional(5)?.is_some() {
                    return Err(E::from(missing_details()).into());
                }
                Ok(see(message)?)
            },
        )
    }
}
