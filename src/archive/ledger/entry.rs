//! The lines of the ledger as values; `line.rs` writes and reads them.
//!
//! `docs/evidence.md` specifies them. Nothing here says whether an entry is true; `verify`, `reindex` and `salvage` do.

use super::removal_rule::HoldSpan;
use crate::model::{Guid, Instant, NaiveZone, Sha256, ZoneName};

/// One line of the ledger. Times are seconds since 1970 UTC; `by` is the SHA-256 of who acted, none where a sync did it by
/// itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) enum LedgerEntry {
    /// The archive was made, with tables of this version.
    Archive {
        id: Guid,
        at: i64,
        schema: i64,
    },
    /// The zone in which times without offset are read, and its rules; none for UTC.
    NaiveTime {
        zone: ZoneName,
        rules: Option<Rules>,
        at: i64,
    },
    /// A job is known from here on.
    JobAdded {
        job: Guid,
        at: i64,
        by: Option<Sha256>,
    },
    /// A sync without named jobs asks for it, or no longer.
    JobWatched {
        job: Guid,
        watched: bool,
        at: i64,
        by: Option<Sha256>,
    },
    /// SHA-256 of the job's name.
    JobNamed {
        job: Guid,
        name: Sha256,
        at: i64,
        by: Option<Sha256>,
    },
    /// SHA-256 of the base URL under which the job answered.
    JobServer {
        job: Guid,
        server: Sha256,
        at: i64,
        by: Option<Sha256>,
    },
    SyncBegan(SyncBegan),
    /// A later sync found that this one had not ended.
    SyncKilled {
        sync: i64,
        at: i64,
    },
    SyncEnded(SyncEnded),
    /// Bytes were received as a revision of a run.
    Revision(RevisionEntry),
    /// Bytes that could not be read were kept.
    Quarantined(QuarantinedEntry),
    /// A person accepted them.
    Accepted {
        id: i64,
        at: i64,
        /// Of the bytes in quarantine, said again.
        sha256: Sha256,
        why: Sha256,
        by: Sha256,
    },
    /// A complete answer lacked the run.
    Absent {
        run: Guid,
        sync: i64,
        at: i64,
    },
    /// It was listed again.
    Returned {
        run: Guid,
        sync: i64,
        at: i64,
    },
    /// The derived tables were rebuilt: revisions before this line are read by these rules, in this zone.
    Reindexed {
        zone: ZoneName,
        rules: Option<Rules>,
        reader: u32,
        at: i64,
        by: Sha256,
    },
    /// The archive was taken out of a damaged one: what follows was found behind the last sound line. `head` and `entries`
    /// are hash and number of the line before.
    Salvaged {
        head: Sha256,
        entries: i64,
        at: i64,
        by: Sha256,
    },
    /// Nothing more of the damaged archive follows.
    SalvageEnded {
        at: i64,
    },
    /// The clock was set back: times begin again at `at`.
    ClockSetBack {
        from: i64,
        at: i64,
    },
    /// A person gave up so many published heads, which this archive cannot hold.
    Acknowledged(AcknowledgedEntry),
    /// Something that earlier lines record could not be saved.
    Lost(Loss),
    /// Runs are kept, whatever a retention rule says.
    HoldAdded(HoldEntry),
    HoldReleased {
        id: i64,
        /// As the line that added it says.
        job: Option<Guid>,
        at: i64,
        why: Sha256,
        by: Sha256,
    },
    /// No run that ended fewer days ago is removed from here on.
    RetentionLocked {
        at: i64,
        days: i64,
        by: Sha256,
    },
    /// A run was removed by a retention rule: its revisions, messages, and pieces in quarantine.
    Removed(RemovedEntry),
}

/// Rules of a time zone: SHA-256 of the TZif bytes, and the release of the database that they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct Rules {
    pub(in crate::archive) sha256: Sha256,
    pub(in crate::archive) release: String,
}

impl Rules {
    /// The rules by which times of this zone are read; none for UTC.
    pub(in crate::archive) fn of(zone: NaiveZone) -> Option<Self> {
        zone.rules().map(|rules| Self {
            sha256: rules.sha256(),
            release: rules.version().to_owned(),
        })
    }
}

/// Words of `sync-began`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct SyncBegan {
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    /// Latest runs of each job that were asked for, 0 for all; `None`: `auto`, each job by its result.
    pub(in crate::archive) count: Option<i64>,
    pub(in crate::archive) version: String,
    pub(in crate::archive) process: i64,
}

/// Words of `sync-ended`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct SyncEnded {
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) outcome: String,
    /// Our clock minus the server's, in seconds; `None` if the server sent no time.
    pub(in crate::archive) clock: Option<i64>,
    /// The number of jobs with a result.
    pub(in crate::archive) jobs: u64,
    /// Over the results of these.
    pub(in crate::archive) figures: Sha256,
    /// Over a line of every known job, with the state of its chain.
    pub(in crate::archive) results: Sha256,
}

/// Words of `revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct RevisionEntry {
    pub(in crate::archive) run: Guid,
    pub(in crate::archive) number: i64,
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) job: Guid,
    pub(in crate::archive) bytes: u64,
    pub(in crate::archive) sha256: Sha256,
    pub(in crate::archive) reader: u32,
    pub(in crate::archive) zone: ZoneName,
    /// The start of the run as it was read then.
    pub(in crate::archive) started: Option<Instant>,
}

/// Words of `quarantined`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::archive) struct QuarantinedEntry {
    pub(in crate::archive) id: i64,
    pub(in crate::archive) job: Guid,
    pub(in crate::archive) sync: i64,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) position: i64,
    pub(in crate::archive) bytes: i64,
    pub(in crate::archive) sha256: Sha256,
    pub(in crate::archive) kept: Sha256,
    pub(in crate::archive) reason: Sha256,
    pub(in crate::archive) run: Option<Guid>,
}

/// Words of `acknowledged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct AcknowledgedEntry {
    pub(in crate::archive) at: i64,
    /// How many heads, and SHA-256 over their hexadecimal digits, each with a line feed.
    pub(in crate::archive) heads: u64,
    pub(in crate::archive) list: Sha256,
    pub(in crate::archive) why: Sha256,
    pub(in crate::archive) by: Sha256,
}

/// Words of `hold-added`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct HoldEntry {
    pub(in crate::archive) id: i64,
    /// The job whose runs it keeps; none for every job.
    pub(in crate::archive) job: Option<Guid>,
    pub(in crate::archive) at: i64,
    pub(in crate::archive) span: HoldSpan,
    pub(in crate::archive) why: Sha256,
    pub(in crate::archive) by: Sha256,
}

/// Words of `removed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::archive) struct RemovedEntry {
    pub(in crate::archive) run: Guid,
    pub(in crate::archive) job: Guid,
    pub(in crate::archive) at: i64,
    /// Start and end of the run as they were read then.
    pub(in crate::archive) started: Option<Instant>,
    pub(in crate::archive) ended: Option<Instant>,
    /// The number of its latest revision.
    pub(in crate::archive) revisions: i64,
    /// Messages that were held, absent ones too.
    pub(in crate::archive) messages: i64,
    /// SHA-256 of the plan.
    pub(in crate::archive) plan: Sha256,
    pub(in crate::archive) why: Sha256,
    pub(in crate::archive) by: Sha256,
}

/// What a `lost` line says is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::archive) enum Loss {
    /// The payload of the revision of this ledger entry; the tables hold no such revision.
    Payload {
        entry_id: i64,
    },
    /// The bytes in quarantine under this number.
    Quarantined {
        id: i64,
    },
    /// What a sync found of each job.
    Results {
        sync: i64,
    },
    Name {
        job: Guid,
    },
    /// The base URL of a job.
    Server {
        job: Guid,
    },
    /// The reason of an acknowledgement.
    Why {
        sha256: Sha256,
    },
    /// Who acted.
    By {
        sha256: Sha256,
    },
}

impl LedgerEntry {
    /// When the line was written; a `lost` line has the time of its salvage.
    pub(in crate::archive) const fn at(&self) -> Option<i64> {
        match self {
            Self::Archive { at, .. }
            | Self::NaiveTime { at, .. }
            | Self::JobAdded { at, .. }
            | Self::JobWatched { at, .. }
            | Self::JobNamed { at, .. }
            | Self::JobServer { at, .. }
            | Self::SyncBegan(SyncBegan { at, .. })
            | Self::SyncKilled { at, .. }
            | Self::SyncEnded(SyncEnded { at, .. })
            | Self::Revision(RevisionEntry { at, .. })
            | Self::Quarantined(QuarantinedEntry { at, .. })
            | Self::Accepted { at, .. }
            | Self::Absent { at, .. }
            | Self::Returned { at, .. }
            | Self::Reindexed { at, .. }
            | Self::Salvaged { at, .. }
            | Self::SalvageEnded { at }
            | Self::ClockSetBack { at, .. }
            | Self::Acknowledged(AcknowledgedEntry { at, .. })
            | Self::HoldAdded(HoldEntry { at, .. })
            | Self::HoldReleased { at, .. }
            | Self::RetentionLocked { at, .. }
            | Self::Removed(RemovedEntry { at, .. }) => Some(*at),
            Self::Lost(_) => None,
        }
    }

    /// SHA-256 of who acted; none where a sync did it by itself, and where no person can.
    pub(in crate::archive) const fn by(&self) -> Option<&Sha256> {
        match self {
            Self::JobAdded { by, .. }
            | Self::JobWatched { by, .. }
            | Self::JobNamed { by, .. }
            | Self::JobServer { by, .. } => by.as_ref(),
            Self::Accepted { by, .. }
            | Self::Reindexed { by, .. }
            | Self::Salvaged { by, .. }
            | Self::Acknowledged(AcknowledgedEntry { by, .. })
            | Self::HoldAdded(HoldEntry { by, .. })
            | Self::HoldReleased { by, .. }
            | Self::RetentionLocked { by, .. }
            | Self::Removed(RemovedEntry { by, .. }) => Some(by),
            _ => None,
        }
    }

    /// SHA-256 of a reason; its text is in the table `_reason`.
    pub(in crate::archive) const fn why(&self) -> Option<&Sha256> {
        match self {
            Self::Acknowledged(AcknowledgedEntry { why, .. })
            | Self::HoldAdded(HoldEntry { why, .. })
            | Self::HoldReleased { why, .. }
            | Self::Removed(RemovedEntry { why, .. }) => Some(why),
            _ => None,
        }
    }
}
