//! The state that replaying the ledger gives, and the acts of people in it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::archive::ledger::chain::JobChain;
use crate::archive::ledger::entry::{HoldEntry, Loss, RemovedEntry, RevisionEntry, Rules};
use crate::decode::READER_VERSION;
use crate::model::{Guid, Instant, NaiveZone, Sha256, ZoneName, hex};

/// What the ledger records about jobs, runs and what was lost; filled line by line.
#[derive(Debug, Default)]
pub(in crate::archive) struct LedgerState {
    pub(in crate::archive) archive: Option<(Guid, i64)>,
    /// Version of the tables with which it was made.
    pub(in crate::archive) schema: i64,
    pub(in crate::archive) zone: Option<ZoneName>,
    /// That zone's rules.
    pub(in crate::archive) zone_rules: Option<Rules>,
    /// What each line says about the zone from its entry on.
    pub(super) zones: Vec<InForce>,
    pub(in crate::archive) jobs: BTreeMap<Guid, LedgerJob>,
    /// SHA-256 of each server's URL.
    pub(in crate::archive) servers: HashSet<Sha256>,
    /// When each accepted piece in quarantine was, and under which reason's hash.
    pub(in crate::archive) accepted: HashMap<i64, (i64, Sha256)>,
    /// Numbers of all pieces in quarantine.
    pub(in crate::archive) quarantined: HashSet<i64>,
    /// Numbers of all syncs.
    pub(in crate::archive) syncs: HashSet<i64>,
    /// Runs that became absent or returned after [`VerifyScope::after`]: key, and since when. Sorted by key, only the latest of
    /// each.
    pub(in crate::archive) presence: Vec<(i64, Option<i64>)>,
    /// Whether every line is in scope, so that what no line names is a finding.
    pub(in crate::archive) is_whole: bool,
    pub(in crate::archive) reindexed: Option<ReindexMark>,
    /// The sync that began and has not ended.
    pub(in crate::archive) open_sync: Option<i64>,
    /// The requested heads that were found: their entry and its line.
    pub(in crate::archive) met: HashMap<Sha256, (i64, String)>,
    /// Acts that take back, reread or give up something, in order.
    pub(in crate::archive) acts: Vec<Act>,
    /// Lines that give heads up, by their hashes: how many, and the hash over them.
    pub(in crate::archive) acknowledged: HashMap<Sha256, (u64, Sha256)>,
    /// Hashes of the reasons that people gave, and the first entries that name them.
    pub(in crate::archive) reasons: HashMap<Sha256, i64>,
    /// The texts of those hashes, as far as they are there.
    pub(super) reason_texts: HashMap<Sha256, String>,
    /// Holds by number, released ones too.
    pub(in crate::archive) holds: BTreeMap<i64, LedgerHold>,
    /// Runs that a retention rule removed.
    pub(in crate::archive) removed: HashMap<Guid, LedgerRemoval>,
    /// Hashes of who acted, and the first entries that name them.
    pub(in crate::archive) actors: HashMap<Sha256, i64>,
    /// The texts of those hashes, as far as they are there.
    pub(super) actor_names: HashMap<Sha256, String>,
    /// The chain of each job, and that of the lines about every job.
    pub(in crate::archive) chains: BTreeMap<Guid, JobChain>,
    pub(in crate::archive) common_chain: JobChain,
    /// A finding affects the chains of jobs, so they are not compared any more.
    pub(super) chains_hurt: bool,
    pub(in crate::archive) lost: Lost,
    pub(in crate::archive) entries: u64,
    /// Revisions after [`VerifyScope::after`], and the bytes of their payloads.
    pub(in crate::archive) revisions: u64,
    pub(in crate::archive) payload_bytes: u64,
    pub(in crate::archive) head: Sha256,
}

/// What the ledger records about a hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::archive) struct LedgerHold {
    pub(in crate::archive) added: HoldEntry,
    /// When, under which reason's hash, and by whom.
    pub(in crate::archive) released: Option<(i64, Sha256, Sha256)>,
}

/// What the ledger records about a run that a retention rule removed.
#[derive(Debug, Clone, Copy)]
pub(in crate::archive) struct LedgerRemoval {
    pub(in crate::archive) entry: RemovedEntry,
    /// Entry and time of its first revision; none where a salvage lost it.
    pub(in crate::archive) first_seen: Option<(i64, i64)>,
    pub(in crate::archive) absent_since: Option<i64>,
}

/// What the ledger records about a job.
#[derive(Debug, Default)]
pub(in crate::archive) struct LedgerJob {
    pub(in crate::archive) added_at: i64,
    pub(in crate::archive) watched: bool,
    pub(in crate::archive) name: Option<Sha256>,
    pub(in crate::archive) server: Option<Sha256>,
    /// Entries of the lines that set name and server.
    pub(super) named_at: i64,
    pub(super) served_at: i64,
    /// The part of its row that comes from the results of syncs; not known where those were not looked at.
    pub(in crate::archive) last: Option<LastResults>,
}

/// What the results of syncs leave in a job's row.
#[derive(Debug, Default)]
pub(in crate::archive) struct LastResults {
    pub(in crate::archive) synced_at: Option<i64>,
    pub(in crate::archive) answered_at: Option<i64>,
    pub(in crate::archive) error: Option<String>,
    pub(in crate::archive) total_job_runs: Option<i64>,
}

/// Revisions before this entry are read by these rules.
#[derive(Debug, Clone, Copy)]
pub(in crate::archive) struct ReindexMark {
    pub(super) entry_id: i64,
    pub(super) reader: u32,
}

/// From this entry on, times without offset are read in this zone.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    pub(super) entry_id: i64,
    pub(super) name: ZoneName,
    pub(super) rules: Option<Rules>,
    /// The zone by the rules that the archive keeps, or why they cannot be read, which does not matter if a later line rereads
    /// everything.
    pub(super) zone: Result<NaiveZone, String>,
}

/// What `lost` lines name.
#[derive(Debug, Default)]
pub(in crate::archive) struct Lost {
    pub(in crate::archive) payloads: HashSet<i64>,
    pub(in crate::archive) quarantined: HashSet<i64>,
    pub(in crate::archive) results: HashSet<i64>,
    /// Runs of the lost payloads.
    pub(in crate::archive) runs: HashSet<Guid>,
    /// Description and entry of what a later `lost` line names.
    pub(super) places: HashMap<Loss, (i64, String)>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::archive) struct VerifyScope {
    /// Only what the ledger tells after this entry; 0 for everything.
    pub(in crate::archive) after: i64,
}

impl VerifyScope {
    pub(in crate::archive) const fn is_all(self) -> bool {
        self.after == 0
    }
}

impl LedgerState {
    /// The zone and the version of the rules by which a revision is read, or why that cannot be said.
    pub(in crate::archive) fn rules(
        &self,
        entry_id: i64,
        entry: &RevisionEntry,
    ) -> Result<(NaiveZone, u32), String> {
        let (line, reader) = match self.reindexed {
            Some(again) if entry_id < again.entry_id => (again.entry_id + 1, again.reader),
            _ => (entry_id, entry.reader),
        };
        let name = |zone: Option<&InForce>| zone.map_or(ZoneName::UTC, |zone| zone.name);
        let said = name(self.in_force(entry_id));
        if entry.zone != said {
            return Err(format!(
                "it names the zone {}, and the lines before it say {said}",
                entry.zone
            ));
        }
        let zone = self
            .in_force(line)
            .map_or(Ok(NaiveZone::Utc), |zone| zone.zone.clone())?;
        Ok((zone, reader))
    }

    /// The zone by which a revision was read when its line was written, where the archive still has its rules.
    pub(super) fn zone_when_written(&self, entry_id: i64) -> Option<NaiveZone> {
        self.in_force(entry_id)
            .map_or(Some(NaiveZone::Utc), |zone| zone.zone.clone().ok())
    }

    /// What the last line before an entry says about the zone.
    pub(super) fn in_force(&self, entry_id: i64) -> Option<&InForce> {
        let before = self.zones.partition_point(|zone| zone.entry_id < entry_id);
        self.zones[..before].last()
    }

    /// Treats a run as removed although the lines read so far do not say so: its payloads no longer exist.
    pub(in crate::archive) fn remove_later(&mut self, entry: &RemovedEntry) {
        let removal = LedgerRemoval {
            entry: *entry,
            first_seen: None,
            absent_since: None,
        };
        self.removed.entry(entry.run).or_insert(removal);
    }

    /// The reason of an act: its text, or its hash where the archive has no text with that hash.
    fn reason(&self, why: &Sha256) -> String {
        match self.reason_texts.get(why) {
            Some(text) => format!("reason: {text}"),
            None => format!("the reason has the SHA-256 {}", hex(why)),
        }
    }

    /// The zone of the archive by the rules that it keeps; UTC where no line names one.
    pub(in crate::archive) fn zone_in_force(&self) -> Result<NaiveZone, String> {
        self.zones
            .last()
            .map_or(Ok(NaiveZone::Utc), |zone| zone.zone.clone())
    }

    /// Whether a line names these rules.
    pub(in crate::archive) fn names_rules(&self, name: &str, sha256: &[u8], release: &str) -> bool {
        let is_named = |rules: &Rules| rules.sha256 == *sha256 && rules.release == release;
        let mut zones = self.zones.iter();
        zones.any(|zone| zone.name.as_str() == name && zone.rules.as_ref().is_some_and(is_named))
    }
}

/// A line that takes back, rereads or gives up what earlier ones say.
#[derive(Debug, Clone)]
pub(in crate::archive) struct Act {
    pub(super) entry_id: i64,
    /// What a list of heads names it by.
    pub(super) hash: Sha256,
    pub(super) at: i64,
    /// SHA-256 of who did it; none where a line does not say that.
    pub(super) by: Option<Sha256>,
    /// It is part of a salvage, which the list of heads names as a whole.
    pub(super) in_salvage: bool,
    pub(super) kind: ActKind,
}

/// What such a line does.
#[derive(Debug, Clone)]
pub(in crate::archive) enum ActKind {
    /// Every earlier time without offset is read in another zone, or the same.
    Reindexed {
        from: Option<ZoneName>,
        to: ZoneName,
    },
    Salvaged,
    /// Something that the line `sealed` recorded is gone.
    Lost {
        sealed: i64,
        what: String,
    },
    Acknowledged {
        heads: u64,
        why: Sha256,
    },
    ClockSetBack {
        from: i64,
    },
    /// A retention rule removed so many runs, the first of them named; `sealed` is the first line about any of them, `last` the
    /// last line of the removal.
    Removed {
        runs: u64,
        named: Vec<Guid>,
        sealed: i64,
        last: i64,
        plan: Sha256,
        why: Sha256,
    },
    /// What is received from then on is read by other rules of the same zone.
    OtherRules {
        zone: ZoneName,
        release: String,
    },
}

impl Act {
    /// What was done, when, and by whom.
    pub(super) fn words(&self, ledger: &LedgerState) -> String {
        let by = match &self.by {
            None => String::new(),
            Some(by) => match ledger.actor_names.get(by) {
                Some(name) => format!("; by {name}"),
                None => format!("; by whom is not known (SHA-256 {})", hex(by)),
            },
        };
        let at = Instant::from_unix_seconds(self.at);
        let done = match &self.kind {
            ActKind::Reindexed { from, to } => {
                let from = from.map(|zone| zone.to_string());
                format!(
                    "every table was made anew on {at}; times without offset of all earlier revisions are read in {to} since (before: {})",
                    from.as_deref().unwrap_or("-")
                )
            }
            ActKind::Salvaged => format!(
                "the archive was taken out of a damaged one on {at}: what stands up to the end of the salvage is as the damaged file held it then"
            ),
            ActKind::Lost { what, .. } => format!("{what} was lost, as the salvage of {at} says"),
            ActKind::Acknowledged { heads, why } => format!(
                "published heads that this archive does not hold were given up on {at}: {heads}; {}",
                ledger.reason(why)
            ),
            ActKind::OtherRules { zone, release } => format!(
                "times without offset that were received from {at} on are read by the rules of {zone} of release {release}"
            ),
            ActKind::Removed {
                runs,
                named,
                plan,
                why,
                ..
            } => {
                let named: Vec<String> = named.iter().map(Guid::to_string).collect();
                let others = runs.saturating_sub(named.len() as u64);
                let others = if others > 0 {
                    format!(" and {others} others")
                } else {
                    String::new()
                };
                let why = ledger.reason(why);
                format!(
                    "{runs} runs were removed by a retention rule on {at} (run {}{others}; plan {}; {why})",
                    named.join(", "),
                    hex(plan)
                )
            }
            ActKind::ClockSetBack { from } => format!(
                "the clock was set back from {} to {at}",
                Instant::from_unix_seconds(*from)
            ),
        };
        done + &by
    }

    /// The word of a list of heads for it, and the first entry that it takes back or rereads; `None` where it does neither.
    pub(super) const fn takes_back(&self) -> Option<(&'static str, i64)> {
        let (what, sealed) = match self.kind {
            ActKind::Reindexed { .. } => ("reindex", 1),
            ActKind::Salvaged => ("salvage", 1),
            ActKind::Lost { sealed, .. } => ("salvage", sealed),
            ActKind::Removed { sealed, .. } => ("retain", sealed),
            ActKind::Acknowledged { .. } | ActKind::ClockSetBack { .. } | ActKind::OtherRules { .. } => {
                return None;
            }
        };
        Some((if self.in_salvage { "salvage" } else { what }, sealed))
    }
}

/// Whether this program has the rules by which a revision is read.
pub(in crate::archive) const fn knows_rules(reader: u32) -> bool {
    reader == READER_VERSION
}
