//! The input of the asset report: all messages as keys, and the texts of the keys.

use rusqlite::Row;

use super::Snapshot;
use crate::archive::db::{Db, RowError};
use crate::archive::error::ArchiveError;
use crate::model::MessageKey;

/// What a stored row of `message_kind` says. Two rows may say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindName {
    pub kind_key: i64,
    /// The message's text.
    pub message: Option<String>,
    pub category: Option<String>,
}

/// A message, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFacts {
    pub run_key: i64,
    /// Its time, in ticks of 100 ns since 1970 UTC.
    pub occurred_ticks: Option<i64>,
    /// Its text with category.
    pub kind_key: i64,
    pub asset_key: i64,
    /// Its details, where they are asked for.
    pub detail_key: Option<i64>,
}

/// A row of the view `assets`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow {
    pub asset: Option<String>,
    pub asset_type: Option<String>,
    /// The owner in its latest message.
    pub asset_owner: Option<String>,
    /// First and last message, or the starts of runs whose messages have no time; ticks of 100 ns since 1970 UTC.
    pub span_ticks: Option<(i64, i64)>,
    /// Messages about it, absent ones included.
    pub messages: i64,
}

impl AssetRow {
    fn is_same_asset(&self, other: &Self) -> bool {
        (&self.asset, &self.asset_type) == (&other.asset, &other.asset_type)
    }

    /// Adds the messages about the same asset that name another owner.
    fn merge(&mut self, other: Self) {
        let last = |row: &Self| row.span_ticks.map(|(_, last)| last);
        let is_later = (last(&other), &other.asset_owner) > (last(self), &self.asset_owner);
        self.messages += other.messages;
        self.span_ticks = match (self.span_ticks, other.span_ticks) {
            (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
            (one, other) => one.or(other),
        };
        if is_later {
            self.asset_owner = other.asset_owner;
        }
    }
}

/// What is counted of one row of `_asset`.
#[derive(Debug, Clone, Copy)]
struct AssetTally {
    messages: i64,
    /// [`i64::MAX`] without any time.
    first_ticks: i64,
    /// [`i64::MIN`] without any time.
    last_ticks: i64,
}

impl AssetTally {
    const EMPTY: Self = Self {
        messages: 0,
        first_ticks: i64::MAX,
        last_ticks: i64::MIN,
    };
}

impl Snapshot<'_> {
    /// The rows of the view `assets`, sorted by asset and type. The view has SQLite sort all messages; this keeps 24 bytes
    /// per row of `_asset` in memory and needs a quarter of the time.
    ///
    /// # Errors
    /// SQL errors; a message about an asset that is not there; what `see` returns.
    pub fn each_asset_row<E: From<ArchiveError>>(
        &self,
        mut see: impl FnMut(&AssetRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let tallies = self.asset_tallies()?;
        let text = |row: &Row<'_>, column: usize| -> rusqlite::Result<Option<String>> {
            // Text in a damaged file need not be Unicode.
            let bytes = row.get_ref(column)?.as_bytes_or_null()?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        };
        let mut current: Option<AssetRow> = None;
        self.connection().try_each(
            "SELECT asset_key, asset_name, type_name, asset_owner FROM _asset ORDER BY asset_name, type_name",
            [],
            "read the assets",
            |row| {
                let key = usize::try_from(row.get::<_, i64>(0)?).ok();
                let Some(tally) = key
                    .and_then(|key| tallies.get(key))
                    .filter(|tally| tally.messages > 0)
                else {
                    return Ok(());
                };
                let stored = AssetRow {
                    asset: text(row, 1)?,
                    asset_type: text(row, 2)?,
                    asset_owner: text(row, 3)?,
                    span_ticks: (tally.last_ticks != i64::MIN)
                        .then_some((tally.first_ticks, tally.last_ticks)),
                    messages: tally.messages,
                };
                match &mut current {
                    Some(asset) if asset.is_same_asset(&stored) => asset.merge(stored),
                    _ => {
                        if let Some(asset) = current.replace(stored) {
                            see(&asset).map_err(RowError::Other)?;
                        }
                    }
                }
                Ok(())
            },
        )?;
        current.map_or(Ok(()), |asset| see(&asset))
    }

    /// Counts the messages of each row of `_asset`, by key.
    fn asset_tallies(&self) -> Result<Vec<AssetTally>, ArchiveError> {
        let connection = self.connection();
        let (assets, last_key): (i64, i64) = connection.one(
            "SELECT count(*), coalesce(max(asset_key), 0) FROM _asset",
            [],
            "read the assets",
            |row| row.try_into(),
        )?;
        // The writer leaves no holes to speak of.
        let places = usize::try_from(last_key + 1)
            .ok()
            .filter(|_| last_key < 4 * assets + 1_000_000);
        let places = places.ok_or_else(|| ArchiveError::Damaged {
            what: format!("the key {last_key} of an asset is out of sequence"),
        })?;
        let mut tallies = vec![AssetTally::EMPTY; places];
        let mut run_start = (0, None);
        connection.each(
            "SELECT asset_key, occurred_ticks, message_key FROM _message ORDER BY message_key",
            [],
            "read the messages",
            |row| {
                let asset_key = row.get_ref(0)?.as_i64()?;
                let tally = usize::try_from(asset_key)
                    .ok()
                    .and_then(|key| tallies.get_mut(key));
                let tally = tally.ok_or_else(|| ArchiveError::Damaged {
                    what: format!("a message is about asset {asset_key}, which is not there"),
                })?;
                tally.messages += 1;
                let mut ticks = row.get_ref(1)?.as_i64_or_null()?;
                if ticks.is_none() {
                    let run_key = MessageKey::from_stored(row.get_ref(2)?.as_i64()?).run_key();
                    if run_start.0 != run_key {
                        run_start = (run_key, self.started_ticks(run_key)?);
                    }
                    ticks = run_start.1;
                }
                if let Some(ticks) = ticks {
                    tally.first_ticks = tally.first_ticks.min(ticks);
                    tally.last_ticks = tally.last_ticks.max(ticks);
                }
                Ok(())
            },
        )?;
        Ok(tallies)
    }

    fn started_ticks(&self, run_key: i64) -> Result<Option<i64>, ArchiveError> {
        let start = self.connection().cached().optional(
            "SELECT started_ticks FROM _run WHERE run_key = ?1",
            [run_key],
            "read a run",
            |row| row.get(0),
        )?;
        Ok(start.flatten())
    }

    /// Every stored message text with its category, in no order.
    pub fn kind_names(&self) -> Result<Vec<KindName>, ArchiveError> {
        self.connection().all(
            "SELECT kind_key, message, category FROM _message_kind",
            [],
            "read the message texts",
            |row| {
                Ok(KindName {
                    kind_key: row.get(0)?,
                    message: row.get(1)?,
                    category: row.get(2)?,
                })
            },
        )
    }

    /// Every message of the runs from key `first` to key `last`, both included, by run; those that their run no longer has
    /// only where asked for, and so the keys of their details.
    pub fn each_message_facts(
        &self,
        first: i64,
        last: i64,
        include_absent: bool,
        with_details: bool,
        mut see: impl FnMut(MessageFacts),
    ) -> Result<(), ArchiveError> {
        // SQLite leaves out absent messages, and details that are not needed: fewer values to read.
        let details = if with_details { ", detail_key" } else { "" };
        let present = if include_absent {
            ""
        } else {
            "AND absent_since_unix IS NULL"
        };
        let sql = format!(
            "SELECT message_key, occurred_ticks, kind_key, asset_key{details} FROM _message
             WHERE message_key BETWEEN ?1 AND ?2 {present} ORDER BY message_key"
        );
        let keys = [MessageKey::range(first).0, MessageKey::range(last).1];
        self.connection()
            .cached()
            .each(&sql, keys, "read the messages", |row| {
                see(MessageFacts {
                    // As the column run_key has it.
                    run_key: MessageKey::from_stored(row.get_ref(0)?.as_i64()?).run_key(),
                    occurred_ticks: row.get_ref(1)?.as_i64_or_null()?,
                    kind_key: row.get_ref(2)?.as_i64()?,
                    asset_key: row.get_ref(3)?.as_i64()?,
                    detail_key: if with_details {
                        row.get_ref(4)?.as_i64_or_null()?
                    } else {
                        None
                    },
                });
                Ok(())
            })
    }
}
