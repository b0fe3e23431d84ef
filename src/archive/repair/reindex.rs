//! Rebuilds every derived table from payloads and ledger, in place, in one transaction.
//!
//! In place and not into a new file: readers go on meanwhile, rights, path and links stay, nobody can write to a file that
//! was swapped away, and SQLite's own journal makes it all or nothing, however the process ends. It needs room for the new
//! tables beside the old ones until the log is taken over.

use std::path::Path;

use super::rebuild::rebuild;
use crate::archive::error::{ArchiveError, Doing};
use crate::archive::ledger::entry::{LedgerEntry, Rules};
use crate::archive::ledger::{self, actor};
use crate::archive::lock::SyncLock;
use crate::archive::open;
use crate::archive::storage::zones;
use crate::archive::verify;
use crate::decode::READER_VERSION;
use crate::model::{Instant, NaiveZone, Sha256};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reindexed {
    pub runs: u64,
    /// Revisions, and so payloads that were read.
    pub revisions: u64,
    pub messages: u64,
    /// Bytes of the payloads.
    pub payload_bytes: u64,
    /// The zone in which times without offset were read.
    pub zone: NaiveZone,
    /// The ledger's head after the line that records the reindex.
    pub head: Sha256,
    /// When the line was written.
    pub at: Instant,
}

/// Rebuilds the derived tables of the archive at `path`. Times without offset are read in `zone`, else in the one that the
/// archive remembers. `progress` is called with the bytes of payloads read so far, and of all.
///
/// # Errors
/// [`ArchiveError::Held`] while a sync runs; [`ArchiveError::NotRepairable`] if the ledger, payloads or texts that are stored
/// only once are damaged; disk full and other SQL errors. The archive is then unchanged.
pub fn reindex(
    path: &Path,
    zone: Option<NaiveZone>,
    progress: &dyn Fn(u64, u64),
) -> Result<Reindexed, ArchiveError> {
    // A file that is not there is not made.
    drop(open::open_to_read(path)?);
    let _lock = SyncLock::take(path)?;
    let connection = open::open_to_write(path, open::IfMissing::Fail)?.connection;
    let transaction =
        rusqlite::Transaction::new_unchecked(&connection, rusqlite::TransactionBehavior::Immediate)
            .doing("begin to reindex")?;
    let (before, hurt) = verify::replay(&transaction)?;
    if let Some(first) = hurt.first() {
        let what = format!("{}: {} ({} findings)", first.place, first.what, hurt.len());
        return Err(ArchiveError::NotRepairable { what });
    }
    let damaged = |what| ArchiveError::NotRepairable { what };
    let remembered = before.zone_in_force().map_err(damaged)?;
    let zone = match zone {
        Some(requested) if requested.name() != remembered.name() => requested,
        _ => zones::newest(remembered),
    };
    zones::keep(&transaction, zone)?;
    let mut head = ledger::read_head(&transaction)?;
    let at = Instant::now();
    if let Some(killed) = before.open_sync {
        let entry = LedgerEntry::SyncKilled {
            sync: killed,
            at: at.unix_seconds(),
        };
        ledger::append(&transaction, &mut head, &entry)?;
    }
    let entry = LedgerEntry::Reindexed {
        zone: zone.name(),
        rules: Rules::of(zone),
        reader: READER_VERSION,
        at: at.unix_seconds(),
        by: actor::this(),
    };
    ledger::append(&transaction, &mut head, &entry)?;
    let (ledger, _) = verify::replay(&transaction)?;
    let rebuilt = rebuild(&transaction, &ledger, &|done| {
        progress(done, ledger.payload_bytes)
    })?;
    transaction.commit().doing("commit")?;
    open::take_over_log(&connection);
    Ok(Reindexed {
        runs: rebuilt.runs,
        revisions: rebuilt.revisions,
        messages: rebuilt.messages,
        payload_bytes: rebuilt.bytes,
        zone,
        head: head.hash,
        at,
    })
}
