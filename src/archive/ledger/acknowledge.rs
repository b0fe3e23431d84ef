//! Gives up published heads that a restored backup cannot hold, in the ledger and for good.

use std::path::Path;

use super::actor;
use super::entry::{AcknowledgedEntry, LedgerEntry};
use super::heads::{PublishedHeads, hash_of_heads, not_held};
use crate::archive::error::{ArchiveError, Doing};
use crate::archive::ledger;
use crate::archive::lock::SyncLock;
use crate::archive::open;
use crate::archive::read_only::ReadOnly;
use crate::archive::storage::{holds_and_removals, syncs};
use crate::model::{Instant, Sha256};

/// What was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// How many heads; 0 where the archive holds every one of them, and nothing was written.
    pub heads: u64,
    /// The ledger's head after the line that records the acknowledgement.
    pub head: Sha256,
    pub at: Instant,
}

/// Writes into the ledger that the heads of `list` that this archive does not hold are given up, and why.
///
/// # Errors
/// [`ArchiveError::Held`] while a sync runs; [`ArchiveError::NoSuch`] where the list has no line of this archive; SQL errors.
pub fn acknowledge(path: &Path, list: &PublishedHeads, why: &str) -> Result<Acknowledged, ArchiveError> {
    // A file that is not there is not made.
    let archive = ReadOnly::open(path)?.archive_id()?;
    let _lock = SyncLock::take(path)?;
    let connection = open::open_to_write(path, open::IfMissing::Fail)?.connection;
    let transaction =
        rusqlite::Transaction::new_unchecked(&connection, rusqlite::TransactionBehavior::Immediate)
            .doing("begin to acknowledge")?;
    if !list.heads.iter().any(|line| line.is_of(Some(archive))) {
        return Err(ArchiveError::NoSuch {
            what: format!("line of this archive ({archive}) in {}", list.path.display()),
        });
    }
    let ledger = crate::archive::verify::replay_for(&transaction, list)?;
    let pending = not_held(
        &list.heads,
        Some(archive),
        |head| ledger.met.contains_key(head),
        &ledger.acknowledged,
    );
    let at = Instant::now();
    let mut head = ledger::read_head(&transaction)?;
    if pending.is_empty() {
        return Ok(Acknowledged {
            heads: 0,
            head: head.hash,
            at,
        });
    }
    syncs::close_killed(&transaction, &mut head, at)?;
    let why = holds_and_removals::keep_reason(&transaction, why)?;
    let entry = LedgerEntry::Acknowledged(AcknowledgedEntry {
        at: at.unix_seconds(),
        heads: pending.len() as u64,
        list: hash_of_heads(pending.iter().map(|line| &line.head)),
        why,
        by: actor::this(),
    });
    ledger::append(&transaction, &mut head, &entry)?;
    let heads = pending.len() as u64;
    transaction.commit().doing("commit")?;
    open::take_over_log(&connection);
    Ok(Acknowledged {
        heads,
        head: head.hash,
        at,
    })
}
