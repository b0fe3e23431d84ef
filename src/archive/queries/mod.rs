//! What the reports ask of the archive: each question with its SQL, its answer as named rows.
//!
//! Everything is read from a [`Snapshot`]: one state of the archive, whatever a sync writes meanwhile.

mod absences;
mod assets;
mod completeness;
mod coverage;
mod holds_and_removals;
mod jobs;
mod lake;
mod ledger;
mod messages;
mod query;
mod revisions;
mod runs;
mod state;
mod texts;
mod trends;

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::db::Db;
use super::error::{ArchiveError, Doing};
use super::ledger as chain;
use super::read_only::ReadOnly;
use crate::model::Sha256;

pub use absences::{Absence, FullSync};
pub use assets::{KindName, MessageFacts};
pub use completeness::CompleteAnswer;
pub use holds_and_removals::{HoldRow, RemovalTotals};
pub use jobs::JobName;
pub use lake::{LakeChanges, PartitionRun};
pub use ledger::{LedgerChoice, LedgerLine};
pub use messages::{MessageKeys, MessageReader, MessageRow};
pub use query::{QueryError, QueryRows};
pub use runs::{InSpan, RunKey, RunRecord};
pub use state::{JobFreshness, LastSync};
pub use trends::RunFacts;

/// One state of the archive, held from the first question to the drop. A sync goes on meanwhile and is not seen.
#[derive(Debug)]
pub struct Snapshot<'r> {
    transaction: Transaction<'r>,
    path: &'r Path,
    entry_id: i64,
    head: Sha256,
    archive_id: Option<String>,
    synced_unix: Option<i64>,
    naive_time: NaiveTimeRules,
}

/// By which rules times without offset were read.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct NaiveTimeRules {
    /// `utc` or an IANA name; null before the first sync.
    pub zone: Option<String>,
    /// Release of the IANA time zone database that the rules come from; null for UTC.
    pub release: Option<String>,
    /// SHA-256 of the rules (TZif), lower-case hexadecimal; null for UTC.
    pub sha256: Option<String>,
    /// Releases by which runs may have been read that were received before, or before a `jobruns reindex`.
    pub earlier_releases: Vec<String>,
}

impl ReadOnly {
    /// Holds the archive's present state.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, ArchiveError> {
        self.refuse_changed()?;
        let transaction = self.connection().unchecked_transaction().doing("begin to read")?;
        let head = chain::read_head(&transaction)?;
        let naive_time = naive_time_rules(&transaction)?;
        let doing = "read which archive this is, and as of when";
        let (archive_id, synced_unix) = transaction.one(
            "SELECT (SELECT archive_id FROM _archive), (SELECT max(finished_unix) FROM _sync)",
            [],
            doing,
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(Snapshot {
            transaction,
            path: self.path(),
            entry_id: head.entry_id,
            head: head.hash,
            archive_id,
            synced_unix,
            naive_time,
        })
    }
}

fn naive_time_rules(connection: &Connection) -> Result<NaiveTimeRules, ArchiveError> {
    let doing = "read the zone of times without offset";
    let rules = connection.optional(
        "SELECT naive_time, zone_release, lower(hex(zone_rules)) FROM _archive",
        [],
        doing,
        |row| {
            Ok(NaiveTimeRules {
                zone: row.get(0)?,
                release: row.get(1)?,
                sha256: row.get::<_, Option<String>>(2)?.filter(|hash| !hash.is_empty()),
                earlier_releases: Vec::new(),
            })
        },
    )?;
    let rules = rules.unwrap_or_default();
    let earlier_releases = connection.all(
        "SELECT release FROM _zone_rules WHERE zone = ?1 AND release IS NOT ?2 ORDER BY release",
        [&rules.zone, &rules.release],
        doing,
        |row| row.get(0),
    )?;
    Ok(NaiveTimeRules {
        earlier_releases,
        ..rules
    })
}

impl Snapshot<'_> {
    /// The ledger's head in this state.
    pub const fn head(&self) -> Sha256 {
        self.head
    }

    /// The archive's own id; `None` before the first sync.
    pub fn archive_id(&self) -> Option<&str> {
        self.archive_id.as_deref()
    }

    /// When the last sync ended, in seconds since 1970 UTC; `None` before the first.
    pub const fn synced_unix(&self) -> Option<i64> {
        self.synced_unix
    }

    /// By which rules times without offset were read, as far as this state says.
    pub const fn naive_time(&self) -> &NaiveTimeRules {
        &self.naive_time
    }

    /// The archive's path.
    pub const fn path(&self) -> &Path {
        self.path
    }

    /// The connection, inside the read transaction.
    pub fn connection(&self) -> &Connection {
        &self.transaction
    }
}
