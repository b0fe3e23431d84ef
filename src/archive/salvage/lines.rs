//! Which lines of a damaged ledger go into the new one.
//!
//! Up to the first line that is missing or changed, all of them, as they stand: heads lodged until then stay provable. Behind
//! it, a line counts where its hash is that of the line right before it and itself, and where it still makes sense without
//! what is missing. It is then sealed anew.

use std::collections::{HashMap, HashSet};

use crate::archive::claims::{Claim, RevisionClaim};
use crate::archive::ledger::{Entry, GENESIS, entry_hash};
use crate::model::{Guid, Instant, Sha256};

/// A line of the damaged ledger.
#[derive(Debug, Clone)]
pub(super) struct OldLine {
    pub(super) entry: i64,
    pub(super) line: String,
    pub(super) hash: Sha256,
}

/// What to do with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Append these lines; the last one is the old one.
    Keep(Vec<String>),
    /// The chain ends before it. Whatever follows is judged line by line.
    Broken,
    /// It cannot be kept. Says why.
    Drop(String),
    /// A revision whose line is not sealed, or does not fit: its payload alone can prove it.
    ByPayload(Box<RevisionClaim>),
}

/// Judges the lines in their order.
#[derive(Debug)]
pub(super) struct Judge {
    now: Instant,
    /// Number and hash of the line before.
    before: (i64, Sha256),
    pub(super) broken: bool,
    jobs: HashSet<Guid>,
    open: Option<i64>,
    syncs: HashSet<i64>,
    /// The latest revision of each run.
    runs: HashMap<Guid, i64>,
    quarantined: HashSet<i64>,
}

impl Judge {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            now,
            before: (0, GENESIS),
            broken: false,
            jobs: HashSet::new(),
            open: None,
            syncs: HashSet::new(),
            runs: HashMap::new(),
            quarantined: HashSet::new(),
        }
    }

    /// Judges the next line. After [`Verdict::Broken`], which comes once, it is to be asked again about the same line.
    pub(super) fn judge(&mut self, old: &OldLine) -> Verdict {
        let adjacent = old.entry == self.before.0 + 1;
        let sealed = adjacent && entry_hash(&self.before.1, &old.line) == old.hash;
        let claim = Claim::read(&old.line);
        let sound = sealed && claim.is_ok();
        if !self.broken && !sound {
            self.broken = true;
            return Verdict::Broken;
        }
        self.before = (old.entry, old.hash);
        let claim = match claim {
            Ok(claim) => claim,
            Err(why) => return Verdict::Drop(why),
        };
        if !self.broken {
            self.note(&claim);
            return Verdict::Keep(vec![old.line.clone()]);
        }
        if !sealed {
            return match claim {
                Claim::Revision(revision) => Verdict::ByPayload(Box::new(revision)),
                _ => Verdict::Drop("nothing seals it".to_owned()),
            };
        }
        self.behind_the_break(claim, &old.line)
    }

    /// The number of the latest revision of a run that was kept; 0 where there is none.
    pub(super) fn latest(&self, run: Guid) -> i64 {
        self.runs.get(&run).copied().unwrap_or_default()
    }

    /// A number for a sync of the salvage's own, and whether another one must be ended before.
    pub(super) fn next_sync(&self) -> (i64, Option<i64>) {
        (
            self.syncs.iter().copied().max().unwrap_or_default() + 1,
            self.open,
        )
    }

    /// Whether a job is known so far; it is from now on.
    pub(super) fn meets_job(&mut self, job: Guid) -> bool {
        !self.jobs.insert(job)
    }

    fn note(&mut self, claim: &Claim) {
        match claim {
            Claim::JobAdded { job, .. } => drop(self.jobs.insert(*job)),
            Claim::SyncBegan(began) => {
                self.syncs.insert(began.sync);
                self.open = Some(began.sync);
            }
            Claim::SyncKilled { .. } | Claim::SyncEnded(_) => self.open = None,
            Claim::Revision(revision) => drop(self.runs.insert(revision.run, revision.number)),
            Claim::Quarantined(claim) => drop(self.quarantined.insert(claim.id)),
            _ => {}
        }
    }

    fn behind_the_break(&mut self, claim: Claim, line: &str) -> Verdict {
        let mut lines = Vec::new();
        let fits = match &claim {
            Claim::NaiveTime { .. } | Claim::Reindexed { .. } => Ok(()),
            Claim::JobAdded { job, .. } if self.jobs.contains(job) => Err("the job is known already"),
            Claim::JobAdded { .. } => Ok(()),
            Claim::JobWatched { job, .. } | Claim::JobNamed { job, .. } | Claim::JobServer { job, .. } => {
                lines.extend(self.adding(*job));
                Ok(())
            }
            Claim::SyncBegan(began) if self.syncs.contains(&began.sync) => {
                Err("a sync of that number is known already")
            }
            Claim::SyncBegan(_) => {
                lines.extend(self.ending());
                Ok(())
            }
            Claim::SyncKilled { sync } if self.open == Some(*sync) => Ok(()),
            Claim::SyncEnded(ended) if self.open == Some(ended.sync) => Ok(()),
            Claim::SyncKilled { .. } | Claim::SyncEnded(_) => Err("the beginning of its sync is lost"),
            Claim::Revision(revision) if revision.number <= self.latest(revision.run) => {
                return Verdict::ByPayload(Box::new(revision.clone()));
            }
            Claim::Revision(revision) => {
                lines.extend(self.beginning(revision.sync));
                lines.extend(self.adding(revision.job));
                Ok(())
            }
            Claim::Quarantined(claim) if self.quarantined.contains(&claim.id) => {
                Err("that number is known already")
            }
            Claim::Quarantined(claim) => {
                lines.extend(self.beginning(claim.sync));
                lines.extend(self.adding(claim.job));
                Ok(())
            }
            Claim::Accepted { id, .. } if self.quarantined.contains(id) => Ok(()),
            Claim::Absent { run, .. } | Claim::Returned { run } if self.runs.contains_key(run) => Ok(()),
            Claim::Accepted { .. } | Claim::Absent { .. } | Claim::Returned { .. } => {
                Err("what it is about is lost")
            }
            Claim::Archive { .. } | Claim::Salvaged { .. } | Claim::Lost(_) => {
                Err("it names places of the old ledger")
            }
        };
        match fits {
            Ok(()) => {
                self.note(&claim);
                lines.push(line.to_owned());
                Verdict::Keep(lines)
            }
            Err(why) => Verdict::Drop(why.to_owned()),
        }
    }

    /// A line that makes a job known again whose own is lost.
    fn adding(&mut self, job: Guid) -> Option<String> {
        let line = Entry::new("job-added").with("job", job).with("at", self.now);
        self.jobs.insert(job).then(|| line.as_str().to_owned())
    }

    /// A line that ends the sync that is open: how it ended is lost.
    fn ending(&mut self) -> Option<String> {
        let sync = self.open.take()?;
        let line = Entry::new("sync-killed").with("sync", sync).with("at", self.now);
        Some(line.as_str().to_owned())
    }

    /// Lines that begin a sync again whose beginning is lost; it asked for one run, so that it proves nothing absent.
    fn beginning(&mut self, sync: i64) -> Vec<String> {
        if !self.syncs.insert(sync) {
            return Vec::new();
        }
        let mut lines: Vec<String> = self.ending().into_iter().collect();
        self.open = Some(sync);
        let line = Entry::new("sync-began")
            .with("sync", sync)
            .with("at", self.now)
            .with("count", 1)
            .with("version", "lost")
            .with("process", 0);
        lines.push(line.as_str().to_owned());
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
            format!("archive id={RUN} at={AT}"),
            format!("job-added job={RUN} at={AT}"),
            format!("sync-began sync=1 at={AT} count=0 version=1 process=5"),
            format!(
                "revision run={RUN} number=1 sync=1 at={AT} job={RUN} bytes=2 sha256={hex} reader=1 zone=utc"
            ),
            format!("sync-ended sync=1 at={AT} outcome=complete jobs=1 results={hex}"),
            format!("sync-began sync=2 at={AT} count=0 version=1 process=5"),
            format!(
                "revision run={RUN} number=2 sync=2 at={AT} job={RUN} bytes=2 sha256={hex} reader=1 zone=utc"
            ),
            format!("sync-ended sync=2 at={AT} outcome=complete jobs=1 results={hex}"),
        ];
        (1..)
            .zip(lines)
            .map(|(entry, line)| {
                hash = entry_hash(&hash, &line);
                OldLine { entry, line, hash }
            })
            .collect()
    }

    /// What is done with each line: k(ept, with how many lines), b(roken), d(ropped), p(ayload).
    fn verdicts(ledger: &[OldLine]) -> String {
        let mut judge = Judge::new(Instant::from_unix_seconds(0));
        let mut told = String::new();
        for old in ledger {
            let mut verdict = judge.judge(old);
            if verdict == Verdict::Broken {
                told.push('b');
                verdict = judge.judge(old);
            }
            match verdict {
                Verdict::Keep(lines) => told.push_str(&format!("k{}", lines.len())),
                Verdict::Broken => panic!("it breaks once"),
                Verdict::Drop(_) => told.push('d'),
                Verdict::ByPayload(_) => told.push('p'),
            }
        }
        told
    }

    #[test]
    fn a_sound_ledger_is_kept_as_it_stands() {
        assert_eq!(verdicts(&ledger()), "k1k1k1k1k1k1k1k1");
    }

    #[test]
    fn behind_a_changed_line_the_next_ones_are_kept() {
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
        cut[1].line.push('x');
        assert_eq!(verdicts(&cut), "k1bdd");
    }
}
