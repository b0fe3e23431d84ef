//! The messages of a run.

use std::sync::LazyLock;

use rusqlite::{Connection, params};

use super::insert::{BoundValues, Insert};
use super::plan::{HeldMessage, MessagePlan};
use super::texts::{self, Mark, StoredDetails, StoredTexts, mark};
use crate::archive::db::Db;
use crate::archive::error::{ArchiveError, Doing};
use crate::model::{Instant, JobRun, Message, MessageKey, OwnedMessage, TimeBasis, TimeReading};

/// The marks of a message's texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct MessageMarks {
    kind: Mark,
    asset: Mark,
    details: Mark,
}

const fn kind<'m>(message: &Message<'m>) -> [Option<&'m str>; 2] {
    [message.message, message.category]
}

const fn asset<'m>(message: &Message<'m>) -> [Option<&'m str>; 3] {
    [message.asset, message.asset_type, message.asset_owner]
}

impl MessageMarks {
    /// Of one message; `scratch` saves an allocation.
    pub(in crate::archive) fn of_one(scratch: &mut Vec<u8>, message: &Message<'_>) -> Self {
        Self {
            kind: mark(scratch, kind(message)),
            asset: mark(scratch, asset(message)),
            details: mark(scratch, [message.message_details]),
        }
    }

    /// Of each message of a run, in their order.
    pub(in crate::archive) fn of(run: &JobRun) -> Vec<Self> {
        let mut scratch = Vec::new();
        let marks = |message: Message<'_>| Self::of_one(&mut scratch, &message);
        run.messages()
            .map_or_else(Vec::new, |messages| messages.map(marks).collect())
    }
}

/// The texts of messages.
#[derive(Debug)]
pub(in crate::archive) struct MessageTexts {
    kinds: StoredTexts<2>,
    assets: StoredTexts<3>,
    details: StoredDetails,
}

impl Default for MessageTexts {
    fn default() -> Self {
        Self {
            kinds: texts::kinds(),
            assets: texts::assets(),
            details: StoredDetails::default(),
        }
    }
}

impl MessageTexts {
    /// Forgets everything: the rows of a transaction that was rolled back are not there.
    pub(in crate::archive) fn forget(&mut self) {
        self.kinds.forget();
        self.assets.forget();
        self.details.forget();
    }

    /// Adds messages with their marks and the ordinals they are to have.
    pub(in crate::archive) fn insert<'run>(
        &mut self,
        connection: &Connection,
        run_key: i64,
        messages: impl Iterator<Item = (i64, MessageMarks, Message<'run>)>,
    ) -> Result<(), ArchiveError> {
        static INSERT: LazyLock<Insert> = LazyLock::new(|| {
            let columns = "message_key, occurred_ticks, kind_key, asset_key, detail_key, occurred_assumed, occurred_at_raw";
            Insert::new(
                &format!("INSERT OR ROLLBACK INTO _message ({columns}) VALUES "),
                7,
            )
        });
        let doing = "store a message";
        let messages: Vec<_> = messages.collect();
        let fetched = messages.iter().fold(0, |fetched, (_, marks, _)| {
            fetched ^ self.assets.fetch(marks.asset) ^ self.details.fetch(marks.details)
        });
        // Nothing is done with it: what counts is that it was read.
        std::hint::black_box(fetched);
        let mut new_details = Vec::new();
        let mut rows = Vec::with_capacity(messages.len());
        for (ordinal, marks, message) in messages {
            let (occurred, assumed) = time_columns(message.occurred);
            rows.push(MessageInsert {
                key: message_key(run_key, ordinal).doing(doing)?,
                occurred,
                kind_key: self.kinds.key(connection, marks.kind, kind(&message))?,
                asset_key: self.assets.key(connection, marks.asset, asset(&message))?,
                detail_key: match message.message_details {
                    Some(details) => {
                        Some(
                            self.details
                                .key(connection, marks.details, details, &mut new_details)?,
                        )
                    }
                    None => None,
                },
                assumed,
                raw: identity(message).occurred_raw,
            });
        }
        StoredDetails::store(connection, &new_details)?;
        let bind = |row: &MessageInsert<'_>, bound: &mut BoundValues<'_, '_>| {
            bound.bind(row.key)?;
            bound.bind(row.occurred)?;
            bound.bind(row.kind_key)?;
            bound.bind(row.asset_key)?;
            bound.bind(row.detail_key)?;
            bound.bind(row.assumed)?;
            bound.bind(row.raw)
        };
        INSERT.rows(connection, &rows, bind).doing(doing)
    }
}

/// A row of the table `message`.
struct MessageInsert<'m> {
    key: i64,
    occurred: Option<i64>,
    kind_key: i64,
    asset_key: i64,
    detail_key: Option<i64>,
    assumed: Option<bool>,
    raw: Option<&'m str>,
}

/// What tells two messages apart: everything the tables say of them, so the raw text of a time that could be read does
/// not count.
pub(in crate::archive) fn identity(message: Message<'_>) -> Message<'_> {
    let raw = (message.occurred == TimeReading::Unreadable)
        .then_some(message.occurred_raw)
        .flatten();
    Message {
        occurred_raw: raw,
        ..message
    }
}

/// The messages that the archive holds of a run, absent ones too, by ordinal.
pub(in crate::archive) fn held_messages(
    connection: &Connection,
    run_key: i64,
) -> Result<Vec<HeldMessage<OwnedMessage>>, ArchiveError> {
    connection.cached().all(
        "SELECT m.ordinal, m.absent_since_unix IS NOT NULL, m.occurred_ticks, m.occurred_assumed,
                m.occurred_at_raw, k.message, d.message_details, k.category, a.asset, a.asset_type,
                a.asset_owner
         FROM _message m
         JOIN _message_kind k ON k.kind_key = m.kind_key
         JOIN _asset a ON a.asset_key = m.asset_key
         LEFT JOIN _message_detail d ON d.detail_key = m.detail_key
         WHERE m.message_key BETWEEN ?1 AND ?2 ORDER BY m.message_key",
        MessageKey::range(run_key),
        "read the messages of a run",
        |row| {
            let text = |column: usize| {
                row.get_ref(column)?
                    .as_str_or_null()
                    .map_err(rusqlite::Error::from)
            };
            let occurred_raw = text(4)?;
            let occurred = match (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<bool>>(3)?) {
                (Some(ticks), assumed) => TimeReading::At(
                    Instant::from_ticks(ticks),
                    if assumed == Some(true) {
                        TimeBasis::Assumed
                    } else {
                        TimeBasis::Explicit
                    },
                ),
                (None, _) if occurred_raw.is_some() => TimeReading::Unreadable,
                (None, _) => TimeReading::Absent,
            };
            let message = Message {
                occurred,
                occurred_raw,
                message: text(5)?,
                message_details: text(6)?,
                category: text(7)?,
                asset: text(8)?,
                asset_type: text(9)?,
                asset_owner: text(10)?,
            };
            Ok(HeldMessage {
                ordinal: row.get(0)?,
                absent: row.get(1)?,
                message: message.into(),
            })
        },
    )
}

/// Marks what a plan says went absent or came back.
pub(in crate::archive) fn set_absences(
    connection: &Connection,
    run_key: i64,
    plan: &MessagePlan,
    now: Instant,
) -> Result<(), ArchiveError> {
    for &ordinal in &plan.absent {
        set_absence(connection, run_key, ordinal, Some(now.unix_seconds()))?;
    }
    for &ordinal in &plan.returned {
        set_absence(connection, run_key, ordinal, None)?;
    }
    Ok(())
}

/// Marks a message as absent since then, or as there.
pub(in crate::archive) fn set_absence(
    connection: &Connection,
    run_key: i64,
    ordinal: i64,
    since: Option<i64>,
) -> Result<(), ArchiveError> {
    let doing = "mark a message";
    connection
        .cached()
        .run(
            "UPDATE _message SET absent_since_unix = ?2 WHERE message_key = ?1",
            params![message_key(run_key, ordinal).doing(doing)?, since],
            doing,
        )
        .map(drop)
}

/// The key under which a message is stored.
fn message_key(run_key: i64, ordinal: i64) -> rusqlite::Result<i64> {
    MessageKey::new(run_key, ordinal)
        .map(MessageKey::stored)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(0, ordinal))
}

/// Ticks, and whether the offset was assumed.
pub(in crate::archive) fn time_columns(reading: TimeReading) -> (Option<i64>, Option<bool>) {
    (
        reading.instant().map(Instant::ticks),
        reading.basis().map(|basis| basis == TimeBasis::Assumed),
    )
}
