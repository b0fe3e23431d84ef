//! Published heads against the ledger: which history is held, and what later lines did to what a head had sealed.

use std::collections::HashSet;

use super::finding::{Finding, Findings, Remedy};
use super::ledger::LedgerState;
use super::{VerifyOptions, VerifyReport};
use crate::archive::heads::{PublishedHead, not_held};
use crate::archive::ledger::entry::{LedgerEntry, SyncEnded};
use crate::model::{Guid, Instant, Sha256, ZoneName, hex};

/// A line that takes back, rereads or gives up what earlier ones say.
#[derive(Debug, Clone)]
pub(in crate::archive) struct Act {
    pub(super) entry: i64,
    /// What a list of heads names it by.
    pub(super) hash: Sha256,
    pub(super) at: i64,
    pub(super) deed: Deed,
}

/// What such a line does.
#[derive(Debug, Clone)]
pub(in crate::archive) enum Deed {
    /// Every earlier time without offset is read in another zone, or the same.
    Reindexed {
        from: Option<ZoneName>,
        to: ZoneName,
    },
    Salvaged,
    /// Something that the line `sealed` told of is gone.
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
    /// What is received from then on is read by other rules of the same zone.
    OtherRules {
        zone: ZoneName,
        release: String,
    },
}

impl Act {
    fn words(&self) -> String {
        let at = Instant::from_unix_seconds(self.at);
        match &self.deed {
            Deed::Reindexed { from, to } => {
                let from = from.map(|zone| zone.to_string());
                format!(
                    "every table was made anew on {at}; times without offset of all earlier revisions are read in {to} since (before: {})",
                    from.as_deref().unwrap_or("-")
                )
            }
            Deed::Salvaged => format!(
                "the archive was taken out of a damaged one on {at}: what stands up to the end of the salvage is as the damaged file held it then"
            ),
            Deed::Lost { what, .. } => format!("{what} was lost, as the salvage of {at} says"),
            Deed::Acknowledged { heads, why } => format!(
                "{heads} published heads that this archive does not hold were given up on {at}; the reason given has the SHA-256 {}",
                hex(why)
            ),
            Deed::OtherRules { zone, release } => format!(
                "times without offset that were received from {at} on are read by the rules of {zone} of release {release}"
            ),
            Deed::ClockSetBack { from } => format!(
                "the clock was set back from {} to {at}",
                Instant::from_unix_seconds(*from)
            ),
        }
    }

    /// The word of a list of heads for it, and the first entry that it takes back or rereads; `None` where it does neither.
    const fn takes_back(&self) -> Option<(&'static str, i64)> {
        match self.deed {
            Deed::Reindexed { .. } => Some(("reindex", 1)),
            Deed::Salvaged => Some(("salvage", 1)),
            Deed::Lost { sealed, .. } => Some(("salvage", sealed)),
            Deed::Acknowledged { .. } | Deed::ClockSetBack { .. } | Deed::OtherRules { .. } => None,
        }
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
    /// Up to where the newest head that is held seals the history, in words; null where none is.
    pub newest_held: Option<String>,
}

/// Every hash that must be looked for.
pub(super) fn wanted(options: &VerifyOptions) -> HashSet<Sha256> {
    let listed = options.lists.iter().flat_map(|list| &list.heads);
    let mut wanted: HashSet<Sha256> = options.heads.iter().copied().collect();
    wanted.extend(listed.map(|line| line.head));
    wanted.extend(options.since_head);
    wanted
}

/// Judges what the heads demand; the findings, notes and losses go to `report`.
pub(super) fn check(
    options: &VerifyOptions,
    ledger: &LedgerState,
    findings: &mut Findings,
    report: &mut VerifyReport,
) {
    let archive = ledger.archive.map(|(id, _)| id);
    let mut demanded: Vec<i64> = Vec::new();
    let entry_of = |head: &Sha256| ledger.met.get(head).map(|(entry, _)| *entry);
    demanded.extend(options.since_head.as_ref().and_then(entry_of));
    let not_there = |place: String, head: &Sha256| {
        Finding::new(
            Remedy::OtherCopy,
            place,
            "the history sealed by this head is not held",
        )
        .with(hex(head), "no entry with this hash")
    };
    if !options.heads.is_empty() {
        let mut of = HeadsOf::default();
        let mut newest = None;
        for head in &options.heads {
            match ledger.met.get(head) {
                Some((entry, line)) => {
                    of.held += 1;
                    demanded.push(*entry);
                    newest = newest.max(Some((*entry, line)));
                }
                None => {
                    of.not_held += 1;
                    findings.push(not_there("ledger".to_owned(), head));
                }
            }
        }
        of.newest_held = newest.map(|(entry, line)| up_to(entry, line));
        report.heads.push(of);
    }
    for list in &options.lists {
        let file = list.path.display().to_string();
        let mut of = HeadsOf {
            file: Some(file.clone()),
            ..HeadsOf::default()
        };
        let mut newest = None;
        for line in &list.heads {
            if !line.is_of(archive) {
                of.of_other_archives += 1;
            } else if let Some((entry, line)) = ledger.met.get(&line.head) {
                of.held += 1;
                demanded.push(*entry);
                newest = newest.max(Some((*entry, line)));
            }
        }
        let is_held = |head: &Sha256| ledger.met.contains_key(head);
        for line in not_held(&list.heads, archive, is_held, &ledger.acknowledged) {
            of.not_held += 1;
            findings.push(not_there(place_of(&file, line), &line.head));
        }
        if of.of_other_archives == list.heads.len() as u64 && !list.heads.is_empty() {
            let what = "it has lines of other archives and none of this one: nothing of it was ever published there, or this is not the archive that it was taken for";
            let id = archive.map_or_else(|| "an archive's id".to_owned(), |id| id.to_string());
            let others = ids(&list.heads);
            findings.push(Finding::new(Remedy::OtherCopy, file, what).with(id, others));
        }
        of.newest_held = newest.map(|(entry, line)| up_to(entry, line));
        report.heads.push(of);
    }
    demanded.sort_unstable();
    acts(options, ledger, archive, &demanded, findings, report);
}

fn acts(
    options: &VerifyOptions,
    ledger: &LedgerState,
    archive: Option<Guid>,
    demanded: &[i64],
    findings: &mut Findings,
    report: &mut VerifyReport,
) {
    // The exact lines of acts, by their heads.
    let lines = options.lists.iter().flat_map(|list| &list.heads);
    let listed: HashSet<(&str, &Sha256)> = lines
        .filter(|line| line.archive.is_some() && line.archive == archive)
        .filter_map(|line| Some((line.what.as_deref()?, &line.head)))
        .collect();
    for act in &ledger.acts {
        let words = act.words();
        let Some((what, sealed)) = act.takes_back() else {
            report.notes.push(words);
            continue;
        };
        let is_listed = listed.contains(&(what, &act.hash));
        let after = demanded.partition_point(|&head| head < sealed);
        let is_demanded = demanded.get(after).is_some_and(|&head| head < act.entry);
        if is_demanded && !is_listed {
            let what = format!(
                "a head that was published before seals what this line changes, and no line of the list of heads tells of it: {words}"
            );
            let place = format!("ledger, entry {}", act.entry);
            findings.push(Finding::new(Remedy::OtherCopy, place, what));
        } else if is_listed || !matches!(act.deed, Deed::Lost { .. }) {
            report.notes.push(words);
        } else {
            report.losses.push(words);
        }
    }
}

fn place_of(file: &str, line: &PublishedHead) -> String {
    let time = line
        .time
        .as_deref()
        .map_or_else(String::new, |time| format!(", of {time}"));
    format!("{file}, line {}{time}", line.line)
}

fn ids(lines: &[PublishedHead]) -> String {
    let mut ids: Vec<String> = Vec::new();
    for id in lines.iter().filter_map(|line| line.archive) {
        let id = id.to_string();
        if !ids.contains(&id) && ids.len() < 3 {
            ids.push(id);
        }
    }
    ids.join(", ")
}

/// Up to where a head seals the history, by the line that has its hash.
fn up_to(entry: i64, line: &str) -> String {
    let claim = LedgerEntry::read(line);
    let at = claim
        .as_ref()
        .ok()
        .and_then(LedgerEntry::at)
        .map(Instant::from_unix_seconds);
    match (claim, at) {
        (Ok(LedgerEntry::SyncEnded(SyncEnded { sync, .. })), Some(at)) => {
            format!("up to sync {sync} of {at}")
        }
        (Ok(_), Some(at)) => format!("up to ledger entry {entry} of {at}"),
        _ => format!("up to ledger entry {entry}"),
    }
}
