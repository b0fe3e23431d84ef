//! The lines of the ledger, for display and export.

use rusqlite::params;

use super::Snapshot;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::model::{Guid, Sha256};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// Its number, from 1.
    pub entry_id: i64,
    /// The line; U+FFFD where the file was damaged so that it is not UTF-8.
    pub entry: String,
    /// The hash that seals it and all before it.
    pub entry_hash: Sha256,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct LedgerChoice {
    /// Those that name this run.
    pub run: Option<Guid>,
    pub last: Option<u32>,
}

impl Snapshot<'_> {
    /// Hands the chosen lines to `each`, in their order, one at a time.
    pub fn ledger_lines<E: From<ArchiveError>>(
        &self,
        choice: LedgerChoice,
        mut each: impl FnMut(LedgerLine) -> Result<(), E>,
    ) -> Result<(), E> {
        // A run is named by a word in the line; there is no index by it, and reading all lines takes a second for some
        // millions. Newest first and a limit, turned round: only what is shown is read.
        let chosen = choice.run.map(|run| format!(" run={run} "));
        let sql = if choice.last.is_some() {
            "SELECT * FROM (SELECT entry_id, entry, entry_hash FROM ledger
                WHERE ?1 IS NULL OR instr(entry, ?1) > 0 ORDER BY entry_id DESC LIMIT ?2) ORDER BY entry_id"
        } else {
            "SELECT entry_id, entry, entry_hash FROM ledger
                WHERE ?1 IS NULL OR instr(entry, ?1) > 0 ORDER BY entry_id LIMIT ?2"
        };
        let limit = choice.last.map_or(-1, i64::from);
        self.connection()
            .try_each(sql, params![chosen, limit], "read the ledger", |row| {
                let bytes = row.get_ref(1)?.as_bytes().unwrap_or_default();
                each(LedgerLine {
                    entry_id: row.get(0)?,
                    entry: String::from_utf8_lossy(bytes).into_owned(),
                    entry_hash: row.get(2)?,
                })?;
                Ok(())
            })
    }

    /// The first end of a sync behind a line: its number and head, which seals that line; `None` where no sync has ended
    /// since.
    pub fn sealed_by(&self, entry_id: i64) -> Result<Option<(i64, Sha256)>, ArchiveError> {
        self.connection().cached().try_optional(
            "SELECT entry, entry_hash FROM ledger WHERE entry_id >= ?1 AND entry GLOB 'sync-ended sync=*'
             ORDER BY entry_id LIMIT 1",
            [entry_id],
            "read the ledger",
            |row| {
                let line: String = row.get(0)?;
                Ok((sync_of(&line)?, row.get(1)?))
            },
        )
    }
}

/// The number of the sync that a line names.
pub(super) fn sync_of(line: &str) -> Result<i64, ArchiveError> {
    let words = line.split(' ');
    let number = words.filter_map(|word| word.strip_prefix("sync=")).next();
    number
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| ArchiveError::Damaged {
            what: format!("the ledger's line {line:?} names no sync"),
        })
}
