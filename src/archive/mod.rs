//! The SQLite file: the only SQL of the program, and no async.
//!
//! # Who writes
//! One [`Writer`] at a time syncs (see [`SyncLock`]); small changes by a person (`jobs add`, `quarantine accept`) may
//! come between its transactions. Every transaction first reads the ledger's head and then appends what it records, so rows
//! and ledger go in together or not at all.
//!
//! # What is never changed
//! The ledger is only appended to. A sync adds revisions and payloads and deletes nothing; what the server no longer sends
//! is marked absent. Only [`retain`] removes runs, by a plan, and leaves a ledger line for each.
//!
//! # Older and newer files
//! Writing upgrades an older archive by migrations, all or nothing. Reading never changes the file. A newer archive, or a
//! file that is none, is refused and left untouched.

mod atomic_file;
mod backup;
mod connection;
mod db;
mod error;
mod extract;
mod held;
mod identity;
mod ledger;
mod limits;
mod lock;
mod migrations;
mod network;
mod open;
mod paths;
mod queries;
mod read_only;
mod repair;
mod retention;
mod schema;
mod sqlite_error;
mod statistics;
mod storage;
mod unchanging;
mod verify;
mod write;

pub(crate) use atomic_file::{Access, AtomicFile, replace_file};
pub(crate) use backup::{BackupError, BackupMade, KnownBackup};
pub(crate) use connection::sqlite_version;
pub(crate) use extract::{
    BoundSync, Extract, ExtractError, ExtractLedgerError, ExtractedJob, extract, presence_at,
};
pub(crate) use held::{is_held, wait_while_held};
pub(crate) use identity::FileIdentity;
pub(crate) use ledger::WITHOUT_EVIDENCE;
pub(crate) use ledger::acknowledge::Acknowledged;
pub(crate) use ledger::heads::{HeadFileError, PublishedHead, head_of};
pub(crate) use ledger::publish::{HeadToPublish, Publication, PublishError, publish_head};
pub(crate) use lock::lock_holder;
pub(crate) use migrations::known_schema_version;
pub(crate) use network::network_drive;
pub(crate) use open::{is_to_be_made, refuse_missing};
pub(crate) use paths::{COMPANIONS, comparable, device_of, folder_of, give_to_owner_of_folder, resolve};
pub(crate) use queries::{
    Absence, CompleteAnswer, FullSync, HoldRow, InSpan, JobFreshness, JobName, KindName, LakeChanges,
    LastSync, LedgerChoice, LedgerLine, MessageFacts, MessageKeys, MessageReader, MessageRow, NaiveTimeRules,
    PartitionRun, QueryError, QueryRows, RemovalTotals, RunFacts, RunKey, RunRecord, Snapshot,
};
pub(crate) use read_only::Interrupter;
pub(crate) use repair::reindex::Reindexed;
pub(crate) use retention::{PlannedJob, Removal, RetentionAge, RetentionPlan};
pub(crate) use schema::{DocumentedColumn, DocumentedTable};
pub(crate) use storage::clock::{ClockFinding, MOST_CLOCK_SKEW};
pub(crate) use storage::dictionary::{Dictionary, DictionaryMaker};
pub(crate) use storage::jobs::{FormerName, JobRow, JobState, ServerJobs};
pub(crate) use storage::keys::Keys;
pub(crate) use storage::known::KnownRuns;
pub(crate) use storage::quarantine::QuarantineRow;
pub(crate) use storage::syncs::{Growth, JobFigures, JobRecord};
pub(crate) use verify::{Finding, HeadsOf, Holdings, Verified, verify_script};
pub(crate) use write::{
    AddedHold, KnownJob, NewerRules, PackedPayload, ReceivedRun, ReceivedUnreadable, Stored, StoredChange,
};

// What tests, benches and fuzzing use.
pub use backup::backup;
pub use error::ArchiveError;
pub use ledger::acknowledge::acknowledge;
pub use ledger::heads::{PublishedHeads, read_heads};
pub use ledger::{GENESIS, entry_hash, text_hash};
pub use lock::SyncLock;
pub use read_only::ReadOnly;
pub use repair::reindex::reindex;
pub use repair::salvage::{Salvaged, salvage};
pub use retention::{RetentionRule, retain};
pub use schema::{NAMES_FOR_ANALYSTS, documented_tables};
pub use sqlite_error::SqliteError;
pub use storage::jobs::NameFrom;
pub use storage::payload::{Packer, unpack};
pub use storage::syncs::{JobOutcome, SyncOutcome, SyncRecord};
pub use verify::{VerifyOptions, VerifyReport};
pub use write::Writer;
