//! The sync to whose head an extract is bound.

use rusqlite::Connection;

use super::error::ExtractError;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, SyncEnded};
use crate::model::{Instant, Sha256};

/// The sync to whose head everything is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundSync {
    pub sync_id: i64,
    pub at: Instant,
    /// The hash of its last line.
    pub head: Sha256,
    /// The number of that line in the ledger.
    pub entry_id: i64,
}

/// The first sync that ended behind an entry, with its head.
pub(super) fn first_after(
    connection: &Connection,
    entry_id: i64,
) -> Result<Option<(i64, Sha256)>, ArchiveError> {
    let found = connection.optional(
        "SELECT entry, entry_hash FROM ledger WHERE entry_id > ?1 AND entry GLOB 'sync-ended *' ORDER BY entry_id LIMIT 1",
        [entry_id],
        "look for a later head in the ledger",
        |row| Ok((row.get::<_, String>(0)?, row.get(1)?)),
    )?;
    Ok(found.and_then(|(line, head)| match LedgerEntry::read(&line) {
        Ok(LedgerEntry::SyncEnded(ended)) => Some((ended.sync, head)),
        _ => None,
    }))
}

/// The sync that a head ended; the one that ended last where no head is given.
pub(super) fn bound(
    connection: &Connection,
    head: Option<Sha256>,
) -> Result<(BoundSync, SyncEnded), ExtractError> {
    let doing = "look a head up in the ledger";
    let line_of = |sql: &str, values: &dyn rusqlite::ToSql| {
        connection.optional(sql, [values], doing, |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Sha256>(2)?,
            ))
        })
    };
    let last_before = |entry_id: i64| {
        line_of(
            "SELECT entry_id, entry, entry_hash FROM ledger WHERE entry_id < ?1 AND entry GLOB 'sync-ended *'
             ORDER BY entry_id DESC LIMIT 1",
            &entry_id,
        )
    };
    let found = match head {
        None => last_before(i64::MAX)?.ok_or(ExtractError::NoSync)?,
        Some(head) => line_of(
            "SELECT entry_id, entry, entry_hash FROM ledger WHERE entry_hash = ?1 ORDER BY entry_id DESC LIMIT 1",
            &head,
        )?
        .ok_or(ExtractError::UnknownHead { head })?,
    };
    let (entry_id, line, head) = found;
    let ended = |line: &str| match LedgerEntry::read(line) {
        Ok(LedgerEntry::SyncEnded(ended)) => Some(ended),
        _ => None,
    };
    let Some(ended_here) = ended(&line) else {
        let before = last_before(entry_id)?.and_then(|(_, line, head)| Some((ended(&line)?.sync, head)));
        return Err(ExtractError::NotOfSync {
            head,
            entry_id,
            kind: line.split(' ').next().unwrap_or_default().to_owned(),
            before,
        });
    };
    let bound = BoundSync {
        sync_id: ended_here.sync,
        at: Instant::from_unix_seconds(ended_here.at),
        head,
        entry_id,
    };
    Ok((bound, ended_here))
}
