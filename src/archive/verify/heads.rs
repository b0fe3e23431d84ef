//! Published heads against the ledger: which history is held, and what later lines did to what a head had sealed.

use std::collections::HashSet;

use super::finding::{Finding, Findings, Remedy};
use super::report::{HeadsOf, HeldHead, VerifyOptions, VerifyReport};
use super::state::ActKind;
use super::state::LedgerState;
use crate::archive::ledger::entry::{LedgerEntry, SyncEnded};
use crate::archive::ledger::heads::{PublishedHead, not_held};
use crate::model::{Guid, Instant, Sha256, hex};

/// Every hash that must be looked for.
pub(super) fn wanted(options: &VerifyOptions) -> HashSet<Sha256> {
    let listed = options.lists.iter().flat_map(|list| &list.heads);
    let mut wanted: HashSet<Sha256> = options.heads.iter().copied().collect();
    wanted.extend(listed.map(|line| line.head));
    wanted.extend(options.since_head);
    wanted
}

/// Compares the published heads with the ledger; notes and losses go to `report`.
pub(super) fn check(
    options: &VerifyOptions,
    ledger: &LedgerState,
    findings: &mut Findings,
    report: &mut VerifyReport,
) {
    let archive = ledger.archive.map(|(id, _)| id);
    let mut demanded: Vec<i64> = Vec::new();
    let not_there = |place: String, head: &Sha256| {
        Finding::new(
            Remedy::OtherCopy,
            place,
            "the history sealed by this head is not held",
        )
        .with(hex(head), "no entry with this hash")
    };
    let given: Vec<&Sha256> = options.heads.iter().chain(&options.since_head).collect();
    if !given.is_empty() {
        let mut of = HeadsOf::default();
        let mut newest = None;
        for head in given {
            match ledger.met.get(head) {
                Some((entry_id, line)) => {
                    of.held += 1;
                    demanded.push(*entry_id);
                    newest = newest.max(Some((*entry_id, line, head)));
                }
                None => {
                    of.not_held += 1;
                    findings.push(not_there("ledger".to_owned(), head));
                }
            }
        }
        of.newest_held = newest.map(held);
        report.heads.push(of);
    }
    for list in &options.lists {
        let file = list.path.display().to_string();
        let mut of = HeadsOf {
            file: Some(file.clone()),
            unreadable_lines: list.unreadable_lines.clone(),
            ..HeadsOf::default()
        };
        let mut newest = None;
        for line in &list.heads {
            if !line.is_of(archive) {
                of.of_other_archives += 1;
            } else if let Some((entry_id, text)) = ledger.met.get(&line.head) {
                of.held += 1;
                demanded.push(*entry_id);
                newest = newest.max(Some((*entry_id, text, &line.head)));
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
            findings.push(Finding::new(Remedy::OtherList, file, what).with(id, others));
        }
        of.newest_held = newest.map(held);
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
        let words = act.words(ledger);
        let Some((what, sealed)) = act.takes_back() else {
            report.notes.push(words);
            continue;
        };
        let is_listed = listed.contains(&(what, &act.hash));
        let after = demanded.partition_point(|&head| head < sealed);
        let is_demanded = demanded.get(after).is_some_and(|&head| head < act.entry_id);
        if is_demanded && !is_listed {
            let what = format!(
                "a head that was published before seals what this line changes, and no line of the list of heads records it: {words}. \
                 If it was lawful, whoever keeps the list appends: {} {what} {} {}",
                Instant::from_unix_seconds(act.at),
                archive.map_or_else(|| "ARCHIVE_ID".to_owned(), |id| id.to_string()),
                hex(&act.hash)
            );
            let place = format!("ledger, entry {}", act.entry_id);
            findings.push(Finding::new(Remedy::Unlisted, place, what));
        } else if is_listed || !matches!(act.kind, ActKind::Lost { .. }) {
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

/// A head that is held, by its entry, the line there, and its hash.
fn held((entry_id, line, head): (i64, &String, &Sha256)) -> HeldHead {
    let entry = LedgerEntry::read(line);
    let at = entry.as_ref().ok().and_then(LedgerEntry::at);
    HeldHead {
        head: hex(head),
        entry_id,
        sync_id: match entry {
            Ok(LedgerEntry::SyncEnded(SyncEnded { sync, .. })) => Some(sync),
            _ => None,
        },
        at: at.map(|at| Instant::from_unix_seconds(at).to_string()),
    }
}
