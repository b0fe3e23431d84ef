//! The input of the asset report: all messages as keys, and the texts of the keys.

use super::Snapshot;
use crate::archive::db::Db;
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

impl Snapshot<'_> {
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
