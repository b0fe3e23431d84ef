//! What the reports ask of the archive: each question with its SQL, its answer as named rows.
//!
//! Everything is asked of a [`Snapshot`]: one state of the archive, whatever a sync writes meanwhile.

mod assets;
mod completeness;
mod coverage;
mod jobs;
mod ledger;
mod messages;
mod query;
mod runs;
mod state;
mod texts;
mod trends;

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::error::{ArchiveError, Doing};
use super::ledger as chain;
use super::reader::Reader;
use crate::model::Sha256;

pub use assets::{AssetName, KindName, MessageFacts, RunPlace};
pub use completeness::{CompleteAnswer, CountMismatch};
pub use coverage::{RunChange, RunCoverage};
pub use jobs::JobName;
pub use ledger::{LedgerChoice, LedgerLine};
pub use messages::{MessageKeys, MessageReader, MessageRow, message_key_range};
pub use query::{Answer, QueryError};
pub use runs::{RunKey, RunRow};
pub use state::{JobFreshness, LastSync};
pub use trends::RunFacts;

/// One state of the archive, held from the first question to the drop. A sync goes on meanwhile and is not seen.
#[derive(Debug)]
pub struct Snapshot<'r> {
    transaction: Transaction<'r>,
    path: &'r Path,
    entry_id: i64,
    head: Sha256,
}

impl Reader {
    /// Holds the archive's present state.
    ///
    /// # Errors
    /// SQL errors.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, ArchiveError> {
        self.refuse_changed()?;
        let transaction = self.connection().unchecked_transaction().doing("begin to read")?;
        let head = chain::read_head(&transaction)?;
        Ok(Snapshot {
            transaction,
            path: self.path(),
            entry_id: head.entry_id,
            head: head.hash,
        })
    }
}

impl Snapshot<'_> {
    /// The ledger's head in this state.
    #[must_use]
    pub const fn head(&self) -> Sha256 {
        self.head
    }

    /// The archive's path.
    #[must_use]
    pub const fn path(&self) -> &Path {
        self.path
    }

    /// The connection, inside the read transaction.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.transaction
    }

    /// Whether `other` is the same state, as the ledger tells: everything that reports read goes in with an entry.
    #[must_use]
    pub fn is_same_state(&self, other: &Snapshot<'_>) -> bool {
        (self.entry_id, self.head) == (other.entry_id, other.head)
    }
}
