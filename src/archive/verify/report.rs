//! The options of a verification, and its report.

use std::fmt;

use super::finding::{Finding, Findings, Remedy};
use super::holdings::Holdings;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::heads::PublishedHeads;
use crate::model::{Guid, Sha256};

/// What to verify.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Hashes that the ledger must hold.
    pub heads: Vec<Sha256>,
    /// Lists of heads: those of this archive must be held, and acts that take back what they seal must be listed.
    pub lists: Vec<PublishedHeads>,
    /// Only what was added after this head is compared; the chain is recomputed from its beginning all the same.
    pub since_head: Option<Sha256>,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Verified {
    /// Ledger entries whose hash was recomputed.
    pub entries: u64,
    /// Payloads whose hash was recomputed.
    pub payloads: u64,
    /// Bytes of those payloads, unpacked.
    pub payload_bytes: u64,
    /// Runs that were compared with their payloads.
    pub runs: u64,
    /// Messages that were compared with their payloads.
    pub messages: u64,
}

impl std::ops::AddAssign for Verified {
    fn add_assign(&mut self, other: Self) {
        self.entries += other.entries;
        self.payloads += other.payloads;
        self.payload_bytes += other.payload_bytes;
        self.runs += other.runs;
        self.messages += other.messages;
    }
}

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Bytes of payloads that were compared so far.
    pub done_bytes: u64,
    /// Bytes of all payloads that will be.
    pub total_bytes: u64,
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VerifyReport {
    /// What is wrong; empty where the archive is intact.
    pub findings: Vec<Finding>,
    /// The number of findings that are not listed.
    pub more_findings: u64,
    /// What is not a finding but worth knowing: objects that somebody added, what an earlier salvage could not save.
    pub notes: Vec<String>,
    /// How much was looked at.
    pub verified: Verified,
    /// What the ledger itself says is gone, where no published head demands it.
    pub losses: Vec<String>,
    /// What the published heads prove.
    pub heads: Vec<HeadsOf>,
    /// The archive's id, as its ledger says.
    pub archive: Option<Guid>,
    /// The ledger's last hash, recomputed.
    pub head: Sha256,
    /// The head behind which something was compared, where not all was.
    pub since_head: Option<Sha256>,
    /// What the archive holds, whether it was compared or not.
    pub holdings: Holdings,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty()
    }

    /// The newest of all heads that are held; none where no head was given.
    pub fn newest_held(&self) -> Option<&HeldHead> {
        let held = self.heads.iter().filter_map(|heads| heads.newest_held.as_ref());
        held.max_by_key(|held| held.entry_id)
    }

    /// Whether a line of a list of heads holds none.
    pub fn has_unreadable_lines(&self) -> bool {
        self.heads.iter().any(|heads| !heads.unreadable_lines.is_empty())
    }
}

impl VerifyReport {
    /// The finding for an archive that was not opened because one of our names is something else in it.
    #[must_use]
    pub fn of_foreign_schema(error: &ArchiveError) -> Option<Self> {
        let ArchiveError::ForeignSchema { what, found, .. } = error else {
            return None;
        };
        let what_is =
            "it is not what this program makes; nothing else was looked at, since reading it may never end";
        let mut findings = Findings::default();
        let mut finding = Finding::new(Remedy::File, format!("schema, {what}"), what_is);
        finding.found = Some(found.clone());
        findings.push(finding);
        Some(Self {
            findings: findings.listed,
            ..Self::default()
        })
    }
}

/// What one list of heads proves.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct HeadsOf {
    /// The list; null for heads that were named by themselves.
    pub file: Option<String>,
    /// How many heads of this archive it has that are held.
    pub held: u64,
    /// How many that are not, and that no acknowledgement gives up.
    pub not_held: u64,
    /// Lines of other archives, left aside.
    pub of_other_archives: u64,
    /// Numbers, from 1, of lines that hold no head.
    pub unreadable_lines: Vec<usize>,
    /// The newest head that is held; null where none is.
    pub newest_held: Option<HeldHead>,
}

/// A head that is held: the archive still has all that the ledger said up to its line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HeldHead {
    /// The hash, lower-case hexadecimal.
    pub head: String,
    /// The line of the ledger whose hash it is.
    pub entry_id: i64,
    /// The sync that ended with that line; null where another one did.
    pub sync_id: Option<i64>,
    /// When, as that line says.
    pub at: Option<String>,
}

impl fmt::Display for HeldHead {
    /// Up to where it seals the history: `sync 85 of 2026-03-31`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sync_id {
            Some(sync) => write!(f, "sync {sync}")?,
            None => write!(f, "ledger entry {}", self.entry_id)?,
        }
        match self.at.as_deref().and_then(|at| at.get(..10)) {
            Some(day) => write!(f, " of {day}"),
            None => Ok(()),
        }
    }
}
