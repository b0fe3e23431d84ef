//! The SQLite file: the only SQL of the house, and no async.
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

mod acknowledge;
mod atomic_file;
mod backup;
mod connection;
mod db;
mod error;
mod heads;
mod identity;
mod jobs;
mod keys;
mod ledger;
mod limits;
mod lock;
mod migrations;
mod network;
mod open;
mod paths;
mod payload;
mod plan;
mod quarantine;
mod queries;
mod read_only;
mod reindex;
mod replay;
mod revisions;
mod salvage;
mod schema;
mod syncs;
mod unchanging;
mod verify;
mod write;
mod zones;

pub use acknowledge::{Acknowledged, acknowledge};
pub use atomic_file::{Access, AtomicFile};
pub use backup::{BackupError, BackupMade, backup};
pub use error::ArchiveError;
pub use heads::{
    HeadFileError, HeadToPublish, Publication, PublishError, PublishedHead, PublishedHeads, publish_head,
    read_heads,
};
pub use identity::FileIdentity;
pub use jobs::{JobRow, JobState};
pub use keys::Keys;
pub use ledger::{GENESIS, WITHOUT_EVIDENCE, entry_hash, text_hash};
pub use lock::SyncLock;
pub use migrations::known_schema_version;
pub use network::network_drive;
pub use open::APPLICATION_ID;
pub use paths::{COMPANIONS, resolve};
pub use payload::{Packer, unpack};
pub use plan::{ArchivedRun, HeldMessage, MessagePlan, RunPlan, Sameness, plan_messages, plan_run};
pub use quarantine::QuarantineRow;
pub use queries::{
    Answer, AssetName, Changes, CompleteAnswer, CountMismatch, JobFreshness, JobName, KindName, LastSync,
    LedgerChoice, LedgerLine, MessageFacts, MessageKeys, MessageReader, MessageRow, NaiveTimeRules,
    PartitionRun, QueryError, RunChange, RunCoverage, RunFacts, RunKey, RunPlace, RunRow, Snapshot,
    message_key_range,
};
pub use read_only::{Interrupter, Payload, ReadOnly};
pub use reindex::{Reindexed, reindex};
pub use salvage::{Salvaged, salvage};
pub use schema::{DocumentedColumn, DocumentedTable, NAMES_FOR_ANALYSTS, documented_tables};
pub use syncs::{JobFigures, JobOutcome, JobRecord, SyncOutcome, SyncRecord};
pub use verify::{Finding, HeadsOf, Verified, VerifyOptions, VerifyProgress, VerifyReport};
pub use write::{
    Dictionary, DictionaryMaker, KnownJob, KnownRun, KnownRuns, MAX_MESSAGES, PackedPayload, ReceivedRun,
    ReceivedUnreadable, Stored, Writer,
};
