//! The SQLite file: the only SQL of the program, and no async.
//!
//! # Who writes
//! One [`Writer`] at a time syncs (see [`SyncLock`]); small changes by a person (`jobs add`, `quarantine accept`) may
//! come between its transactions. Every transaction reads the ledger's head afresh and appends what it claims, so rows
//! and ledger go in together or not at all.
//!
//! # What is never changed
//! Ledger entries, revisions and payloads are only added. Messages and runs are never deleted; what the server no longer
//! sends is marked absent.
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
mod statistics;
mod storage;
mod unchanging;
mod verify;
mod write;

pub use atomic_file::{Access, AtomicFile};
pub use backup::{BackupError, BackupMade, KnownBackup, backup};
pub use connection::sqlite_version;
pub use error::ArchiveError;
pub use extract::{
    BoundSync, Extract, ExtractError, ExtractLedgerError, ExtractedJob, ExtractedPayload, extract,
};
pub use held::{is_held, wait_while_held};
pub use identity::FileIdentity;
pub use ledger::acknowledge::{Acknowledged, acknowledge};
pub use ledger::heads::{HeadFileError, PublishedHead, PublishedHeads, head_of, read_heads};
pub use ledger::publish::{HeadToPublish, Publication, PublishError, publish_head};
pub use ledger::{GENESIS, WITHOUT_EVIDENCE, entry_hash, text_hash};
pub use lock::{SyncLock, lock_holder};
pub use migrations::known_schema_version;
pub use network::network_drive;
pub use open::{APPLICATION_ID, is_to_be_made, refuse_missing};
pub use paths::{COMPANIONS, resolve};
pub use queries::{
    Absence, AbsentRun, Answer, AssetName, Changes, CompleteAnswer, CountMismatch, FullSync, HoldRow,
    JobFreshness, JobName, KindName, LastSync, LatestRevision, LedgerChoice, LedgerLine, MessageFacts,
    MessageKeys, MessageReader, MessageRow, NaiveTimeRules, NewestHead, PartitionRun, QueryError, Removals,
    RemovedRun, RevisionReader, RunChange, RunCoverage, RunFacts, RunKey, RunPlace, RunRevision, RunRow,
    Snapshot,
};
pub use read_only::{Interrupter, Payload, ReadOnly};
pub use repair::reindex::{Reindexed, reindex};
pub use repair::salvage::{Salvaged, salvage};
pub use retention::{HeldBack, PlannedJob, Removal, RetentionPlan, RetentionRule, retain};
pub use schema::{DocumentedColumn, DocumentedTable, NAMES_FOR_ANALYSTS, documented_tables};
pub use storage::clock::{ClockFinding, MOST_CLOCK_SKEW};
pub use storage::dictionary::{Dictionary, DictionaryMaker};
pub use storage::jobs::{FormerName, JobRow, JobState, NameFrom, ServerJobs};
pub use storage::keys::Keys;
pub use storage::known::{KnownRun, KnownRuns};
pub use storage::payload::{Packer, unpack};
pub use storage::plan::{ArchivedRun, HeldMessage, MessagePlan, RunPlan, Sameness, plan_messages, plan_run};
pub use storage::quarantine::QuarantineRow;
pub use storage::syncs::{Growth, JobFigures, JobOutcome, JobRecord, SyncOutcome, SyncRecord};
pub use verify::{
    Finding, HeadsOf, HeldHead, Holdings, JobHoldings, Verified, VerifyOptions, VerifyProgress, VerifyReport,
    verify_script,
};
pub use write::{
    AddedHold, KnownJob, NewerRules, PackedPayload, ReceivedRun, ReceivedUnreadable, Stored, Writer,
};
