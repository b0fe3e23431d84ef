//! Which lines of a damaged ledger go into the new one.
//!
//! Up to the first line that is missing or changed, all of them, as they stand: heads published until then stay provable. Behind
//! it, a line counts where its hash is that of the line right before it and itself, and where it still makes sense without
//! what is missing. It then gets a new hash.

use std::collections::HashSet;

use crate::archive::ledger::entry::{LedgerEntry, QuarantinedEntry, RevisionEntry, SyncBegan};
use crate::archive::ledger::grammar::Grammar;
use crate::archive::ledger::{GENESIS, entry_hash};
use crate::model::{Guid, Instant, Sha256};

/// A line of the damaged ledger.
#[derive(Debug, Clone)]
pub(super) struct OldLine {
    pub(super) entry_id: i64,
    pub(super) line: String,
    pub(super) hash: Sha256,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Append these lines; the last one is the old one.
    Keep(Vec<String>),
    /// The chain breaks before it. From here on each line is decided on its own.
    Broken,
    /// It cannot be kept. Says why.
    Drop(String),
    /// A revision whose line is not sealed, or does not fit: its payload alone can prove it.
    ByPayload(Box<RevisionEntry>),
}

/// Judges the lines in their order.
#[derive(Debug)]
pub(super) struct LineFilter {
    now: Instant,
    /// Number and hash of the line before.
    before: (i64, Sha256),
    pub(super) broken: bool,
    /// Of the new ledger.
    grammar: Grammar,
}

impl LineFilter {
    /// Begins; `lost` are the entries of revisions that an earlier salvage lost.
    pub(super) fn new(now: Instant, lost: HashSet<i64>) -> Self {
        Self {
            now,
            before: (0, GENESIS),
            broken: false,
            grammar: Grammar::new(lost),
        }
    }

    /// Judges the next line. After [`Decision::Broken`], which comes once, it is to be asked again about the same line.
    pub(super) fn decide(&mut self, old: &OldLine) -> Decision {
        let adjacent = old.entry_id == self.before.0 + 1;
        let sealed = adjacent && entry_hash(&self.before.1, &old.line) == old.hash;
        let entry = LedgerEntry::read(&old.line);
        if !self.broken {
            let fits = entry
                .as_ref()
                .is_ok_and(|entry| self.grammar.fault(entry).is_none());
            if !(sealed && fits) {
                self.broken = true;
                return Decision::Broken;
            }
        }
        self.before = (old.entry_id, old.hash);
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) => return Decision::Drop(why),
        };
        if !self.broken {
            self.grammar.take(old.entry_id, &old.hash, &entry);
            return Decision::Keep(vec![old.line.clone()]);
        }
        if !sealed {
            return match entry {
                LedgerEntry::Revision(revision) => Decision::ByPayload(Box::new(revision)),
                _ => Decision::Drop("nothing seals it".to_owned()),
            };
        }
        self.after_the_break(entry, &old.line)
    }

    /// The number of the latest revision of a run that was kept; 0 where there is none.
    pub(super) fn latest(&self, run: Guid) -> i64 {
        self.grammar.latest(run)
    }

    /// A number for a sync of the salvage's own.
    pub(super) const fn next_sync(&self) -> i64 {
        self.grammar.last_sync() + 1
    }

    /// Lines that end an earlier salvage within which the chain breaks.
    pub(super) fn end_earlier_salvage(&mut self) -> Vec<String> {
        if !self.grammar.in_salvage() {
            return Vec::new();
        }
        let mut lines: Vec<String> = self.ending().into_iter().collect();
        lines.push(self.say(&LedgerEntry::SalvageEnded {
            at: self.now.unix_seconds(),
        }));
        lines
    }

    /// The block of the salvage begins: it holds every line that is taken over from here on.
    pub(super) fn begin_salvage(&mut self) {
        let at = self.now.unix_seconds();
        let (head, entries, by) = (GENESIS, 0, GENESIS);
        // If the old first line is lost, that of the new archive takes its place: the grammar needs one.
        let (id, schema) = (Guid::from_bytes([0; 16]), 0);
        self.grammar
            .take(0, &head, &LedgerEntry::Archive { id, at, schema });
        let salvaged = LedgerEntry::Salvaged {
            head,
            entries,
            at,
            by,
        };
        self.grammar.take(0, &head, &salvaged);
    }

    fn after_the_break(&mut self, entry: LedgerEntry, line: &str) -> Decision {
        let names_places = "it names places of the old ledger";
        let later = entry.at().is_some_and(|at| at > self.now.unix_seconds());
        let unsaid = match &entry {
            _ if later => Some("its time is later than now".to_owned()),
            LedgerEntry::Revision(revision) if revision.number <= self.latest(revision.run) => {
                Some("a later revision is kept".to_owned())
            }
            LedgerEntry::Revision(RevisionEntry { sync, .. }) => self.unspeakable(*sync),
            LedgerEntry::Quarantined(entry) if entry.id <= self.grammar.last_quarantined() => {
                Some("that number is known already".to_owned())
            }
            // Its bytes are part of the payload of its run, should that be found by itself.
            LedgerEntry::Quarantined(entry) if entry.run.is_some_and(|run| self.latest(run) == 0) => {
                Some("the line about its run is lost".to_owned())
            }
            LedgerEntry::Quarantined(entry) => self.unspeakable(entry.sync),
            LedgerEntry::Absent { run, sync, .. } => {
                self.presence(*run, false).or_else(|| self.unspeakable(*sync))
            }
            LedgerEntry::Returned { run, sync, .. } => {
                self.presence(*run, true).or_else(|| self.unspeakable(*sync))
            }
            LedgerEntry::SyncBegan(began) if began.sync <= self.grammar.last_sync() => {
                Some("a sync of that number is known already".to_owned())
            }
            LedgerEntry::HoldAdded(hold) if hold.job.is_some_and(|job| !self.grammar.knows_job(job)) => None,
            LedgerEntry::Removed(removed) if !self.grammar.knows_job(removed.job) => None,
            LedgerEntry::SyncBegan(_)
            | LedgerEntry::Reindexed { .. }
            | LedgerEntry::JobWatched { .. }
            | LedgerEntry::JobNamed { .. }
            | LedgerEntry::JobServer { .. } => None,
            LedgerEntry::JobAdded { .. }
            | LedgerEntry::NaiveTime { .. }
            | LedgerEntry::SyncKilled { .. }
            | LedgerEntry::SyncEnded(_)
            | LedgerEntry::Accepted { .. }
            | LedgerEntry::HoldAdded(_)
            | LedgerEntry::HoldReleased { .. }
            | LedgerEntry::RetentionLocked { .. }
            | LedgerEntry::Removed(_) => self.grammar.fault(&entry),
            LedgerEntry::Archive { .. }
            | LedgerEntry::Salvaged { .. }
            | LedgerEntry::SalvageEnded { .. }
            | LedgerEntry::Lost(_)
            | LedgerEntry::Acknowledged(_)
            | LedgerEntry::ClockSetBack { .. } => Some(names_places.to_owned()),
        };
        match (unsaid, entry) {
            (Some(_), LedgerEntry::Revision(revision)) => Decision::ByPayload(Box::new(revision)),
            (Some(why), _) => Decision::Drop(why),
            (None, entry) => {
                let mut lines = self.said_before(&entry);
                self.grammar.take(0, &GENESIS, &entry);
                lines.push(line.to_owned());
                Decision::Keep(lines)
            }
        }
    }

    /// What must be said again before a line.
    fn said_before(&mut self, entry: &LedgerEntry) -> Vec<String> {
        let mut lines = Vec::new();
        match entry {
            LedgerEntry::JobWatched { job, .. }
            | LedgerEntry::JobNamed { job, .. }
            | LedgerEntry::JobServer { job, .. } => {
                lines.extend(self.adding(*job));
            }
            LedgerEntry::HoldAdded(hold) => lines.extend(hold.job.and_then(|job| self.adding(job))),
            LedgerEntry::Removed(removed) => lines.extend(self.adding(removed.job)),
            LedgerEntry::SyncBegan(_) | LedgerEntry::Reindexed { .. } => lines.extend(self.ending()),
            LedgerEntry::Revision(RevisionEntry { sync, job, .. })
            | LedgerEntry::Quarantined(QuarantinedEntry { sync, job, .. }) => {
                lines.extend(self.beginning(*sync));
                lines.extend(self.adding(*job));
            }
            LedgerEntry::Absent { sync, .. } | LedgerEntry::Returned { sync, .. } => {
                lines.extend(self.beginning(*sync))
            }
            _ => {}
        }
        lines
    }

    /// Why nothing can be said of a sync: it is over.
    fn unspeakable(&self, sync: i64) -> Option<String> {
        let can = self.grammar.open_sync() == Some(sync) || sync > self.grammar.last_sync();
        (!can).then(|| "its sync is over".to_owned())
    }

    fn presence(&self, run: Guid, must_be_absent: bool) -> Option<String> {
        match self.grammar.is_absent(run) {
            Some(absent) if absent == must_be_absent => None,
            Some(_) => Some("what came between is lost".to_owned()),
            None => Some("what it is about is lost".to_owned()),
        }
    }

    /// A line of the salvage's own.
    fn say(&mut self, entry: &LedgerEntry) -> String {
        self.grammar.take(0, &GENESIS, entry);
        entry.to_string()
    }

    /// A line that makes a job known again whose own is lost.
    pub(super) fn adding(&mut self, job: Guid) -> Option<String> {
        let at = self.now.unix_seconds();
        (!self.grammar.knows_job(job)).then(|| self.say(&LedgerEntry::JobAdded { job, at, by: None }))
    }

    /// A line that ends the sync that is open: how it ended is lost.
    pub(super) fn ending(&mut self) -> Option<String> {
        let sync = self.grammar.open_sync()?;
        let at = self.now.unix_seconds();
        Some(self.say(&LedgerEntry::SyncKilled { sync, at }))
    }

    /// Lines that begin a sync again whose beginning is lost; it asked for one run, so that it proves nothing absent.
    fn beginning(&mut self, sync: i64) -> Vec<String> {
        if self.grammar.open_sync() == Some(sync) {
            return Vec::new();
        }
        let mut lines: Vec<String> = self.ending().into_iter().collect();
        let began = SyncBegan {
            sync,
            at: self.now.unix_seconds(),
            count: Some(1),
            version: "lost".to_owned(),
            process: 0,
        };
        lines.push(self.say(&LedgerEntry::SyncBegan(began)));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "ff761384-4b49-40b4-97d8-0de38669075a";
    const AT: &str = "2026-01-31T03:00:00Z";

    fn ledger() -> Vec<OldLine> {
        let mut hash = GENESIS;
        let hex = "ab".repeat(32);
        let lines = [
            format!("archive id={RUN} at={AT} schema=1"),
            format!("job-added job={RUN} at={AT} by=-"),
            format!("sync-began sync=1 at={AT} count=0 version=1 process=5"),
            format!(
                "revision run={RUN} number=1 sync=1 at={AT} job={RUN} bytes=2 sha256={hex} reader=1 zone=utc started=-"
            ),
            format!("sync-ended sync=1 at={AT} outcome=complete clock=0 jobs=1 figures={hex} results={hex}"),
            format!("sync-began sync=2 at={AT} count=0 version=1 process=5"),
            format!(
                "revision run={RUN} number=2 sync=2 at={AT} job={RUN} bytes=2 sha256={hex} reader=1 zone=utc started=-"
            ),
            format!("sync-ended sync=2 at={AT} outcome=complete clock=0 jobs=1 figures={hex} results={hex}"),
        ];
        (1..)
            .zip(lines)
            .map(|(entry_id, line)| {
                hash = entry_hash(&hash, &line);
                OldLine { entry_id, line, hash }
            })
            .collect()
    }

    /// What is done with each line: k(ept, with how many lines), b(roken), d(ropped), p(ayload).
    fn verdicts(ledger: &[OldLine]) -> String {
        let mut filter = LineFilter::new(Instant::from_unix_seconds(1_769_900_000), HashSet::new());
        let mut decisions = String::new();
        for old in ledger {
            let mut decision = filter.decide(old);
            if decision == Decision::Broken {
                decisions.push('b');
                filter.begin_salvage();
                decision = filter.decide(old);
            }
            match decision {
                Decision::Keep(lines) => decisions.push_str(&format!("k{}", lines.len())),
                Decision::Broken => panic!("it breaks once"),
                Decision::Drop(_) => decisions.push('d'),
                Decision::ByPayload(_) => decisions.push('p'),
            }
        }
        decisions
    }

    #[test]
    fn a_sound_ledger_is_kept_as_it_stands() {
        assert_eq!(verdicts(&ledger()), "k1k1k1k1k1k1k1k1");
    }

    #[test]
    fn after_a_changed_line_the_next_ones_are_kept() {
        let mut changed = ledger();
        changed[4].line.push('x');
        // The end of sync 1 is dropped; sync 2 ends it as killed.
        assert_eq!(verdicts(&changed), "k1k1k1k1bdk2k1k1");
    }

    #[test]
    fn behind_a_gap_a_line_counts_that_the_one_before_seals() {
        let mut cut = ledger();
        cut.remove(4);
        assert_eq!(verdicts(&cut), "k1k1k1k1bdk3k1");
        let mut cut = ledger();
        cut.drain(1..6);
        assert_eq!(verdicts(&cut), "k1bpd");
        cut[1].line.push_str(" x");
        assert_eq!(verdicts(&cut), "k1bdd");
    }

    #[test]
    fn behind_a_lost_first_line_the_others_are_judged_all_the_same() {
        let mut ledger = ledger();
        // An acceptance of bytes whose own line is nowhere: sealed, and yet nothing that may be said.
        let hex = "ab".repeat(32);
        let by = format!("accepted id=1 at={AT} sha256={hex} why={hex} by={hex}");
        let hash = entry_hash(&ledger[7].hash, &by);
        ledger.push(OldLine {
            entry_id: 9,
            line: by,
            hash,
        });
        assert_eq!(verdicts(&ledger[1..]), "bdk1k2k1k1k1k1d");
    }
}
