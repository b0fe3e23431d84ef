//! The order of ledger lines: the grammar as `docs/evidence.md` states it.
//!
//! Pure: it takes entries in order, and reports what is wrong with one. [`Grammar::fault`] checks a line, [`Grammar::take`]
//! moves on behind it, so that one wrong line is one finding.

mod seen_runs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use self::seen_runs::{SeenRun, SeenRuns};
use super::chain::Subject;
use super::entry::{HoldEntry, LedgerEntry, Loss, RemovedEntry};
use super::hash::GENESIS;
use super::removal_rule::{HoldSpan, is_older_than};
use crate::model::{Guid, Instant, Sha256, ZoneName, hex};

/// The state of the ledger behind the last line.
#[derive(Debug, Default)]
pub(in crate::archive) struct Grammar {
    /// Lines taken so far, and the hash of the last.
    entries: i64,
    head: Sha256,
    archive: bool,
    /// No line may be older than this.
    bound: Option<i64>,
    zone: Option<ZoneName>,
    jobs: HashSet<Guid>,
    /// The jobs that revisions named, and the place of each: a run keeps its job in four bytes.
    named_jobs: Vec<Guid>,
    job_places: HashMap<Guid, u32>,
    sync: i64,
    open: Option<i64>,
    runs: SeenRuns,
    /// Entries of revisions that some `lost` line names, known ahead: of their runs alone every revision is remembered,
    /// since a loss counts from its own line on.
    will_be_lost: HashSet<i64>,
    /// Entry and number of the revisions of such runs, and which entries were lost so far.
    revisions: HashMap<Guid, Vec<(i64, u32)>>,
    lost: HashSet<i64>,
    /// Runs that were absent when this salvage recorded a revision of them, and the entries of those revisions.
    seen_again: HashMap<Guid, Vec<i64>>,
    /// What is in quarantine: the SHA-256 of what was received, and whether it was accepted.
    quarantined: HashMap<i64, (Sha256, bool)>,
    /// The job of each piece, whether it was lost or not.
    pieces: HashMap<i64, Guid>,
    /// The job that each revision named which some `lost` line names.
    lost_jobs: HashMap<i64, Guid>,
    last_quarantined: i64,
    /// When the salvage was made whose block this is.
    salvage: Option<i64>,
    /// The holds in force: job, none for every job, and span.
    holds: BTreeMap<i64, (Option<Guid>, HoldSpan)>,
    last_hold: i64,
    /// No run that ended fewer days ago is removed.
    locked_days: i64,
}

impl Grammar {
    /// Begins before the first line. `will_be_lost` are the entries of revisions that `lost` lines of this ledger name.
    pub(in crate::archive) fn new(will_be_lost: HashSet<i64>) -> Self {
        Self {
            head: GENESIS,
            will_be_lost,
            ..Self::default()
        }
    }

    pub(in crate::archive) const fn open_sync(&self) -> Option<i64> {
        self.open
    }

    /// The number of the last sync.
    pub(in crate::archive) const fn last_sync(&self) -> i64 {
        self.sync
    }

    /// Whether a salvage has begun and not ended.
    pub(in crate::archive) const fn in_salvage(&self) -> bool {
        self.salvage.is_some()
    }

    pub(in crate::archive) fn knows_job(&self, job: Guid) -> bool {
        self.jobs.contains(&job)
    }

    /// The latest revision of a run; 0 where there is none.
    pub(in crate::archive) fn latest(&self, run: Guid) -> i64 {
        self.runs.get(run).map_or(0, |run| run.number.into())
    }

    /// The last number that something in quarantine was given.
    pub(in crate::archive) const fn last_quarantined(&self) -> i64 {
        self.last_quarantined
    }

    /// Whether a retention rule removed the run.
    pub(in crate::archive) fn is_removed(&self, run: Guid) -> bool {
        self.runs.get(run).is_some_and(|run| run.removed)
    }

    /// Whether a run is absent; `None` where it was never archived, or lost.
    pub(in crate::archive) fn is_absent(&self, run: Guid) -> Option<bool> {
        self.run(run).map(|run| run.absent)
    }

    /// The job of a run, a piece of the quarantine, or a revision that some `lost` line names.
    pub(in crate::archive) fn job_of(&self, subject: Subject) -> Option<Guid> {
        match subject {
            Subject::Run(run) | Subject::JobAndRun(_, run) => {
                let run = self.runs.get(run)?;
                self.named_jobs.get(usize::try_from(run.job).ok()?).copied()
            }
            Subject::Quarantined(id) => self.pieces.get(&id).copied(),
            Subject::Revision(entry_id) => self.lost_jobs.get(&entry_id).copied(),
            Subject::Job(job) => Some(job),
            Subject::Nobody | Subject::Every => None,
        }
    }

    /// What is wrong with a line that comes next.
    pub(in crate::archive) fn fault(&self, entry: &LedgerEntry) -> Option<String> {
        self.order(entry).or_else(|| self.time(entry))
    }

    fn time(&self, entry: &LedgerEntry) -> Option<String> {
        let at = entry.at()?;
        if let (Some(made), false) = (self.salvage, matches!(entry, LedgerEntry::SalvageEnded { .. })) {
            return (at > made).then(|| {
                let (at, made) = (Instant::from_unix_seconds(at), Instant::from_unix_seconds(made));
                format!("its time {at} is later than the salvage that it belongs to, {made}")
            });
        }
        let bound = self.salvage.or(self.bound)?;
        if let LedgerEntry::ClockSetBack { from, .. } = *entry {
            let wrong = from != bound || at >= from;
            return wrong.then(|| {
                let (bound, from) = (Instant::from_unix_seconds(bound), Instant::from_unix_seconds(from));
                format!("a clock is set back from the latest time so far, {bound}, to an earlier one; it says from={from}")
            });
        }
        (at < bound).then(|| {
            let (at, bound) = (Instant::from_unix_seconds(at), Instant::from_unix_seconds(bound));
            format!("its time {at} is earlier than {bound} of a line before it, and no line says that the clock was set back")
        })
    }

    fn order(&self, entry: &LedgerEntry) -> Option<String> {
        if !self.archive && !matches!(entry, LedgerEntry::Archive { .. }) {
            return (self.entries == 0)
                .then(|| "the ledger does not begin with what the archive is".to_owned());
        }
        let block = self.in_salvage();
        match entry {
            LedgerEntry::Archive { .. } => self
                .archive
                .then(|| "an archive begins in the middle of the ledger".to_owned()),
            // A salvage may have lost the line `reindexed` that changed it.
            LedgerEntry::NaiveTime { zone, .. } => self.zone.filter(|before| !block && before != zone).map(|before| {
                format!("it changes the zone of times without offset from {before} to {zone}, which only `reindexed` may")
            }),
            LedgerEntry::JobAdded { job, .. } => self
                .knows_job(*job)
                .then(|| format!("job {job} was added before")),
            LedgerEntry::JobWatched { job, .. } | LedgerEntry::JobNamed { job, .. } | LedgerEntry::JobServer { job, .. } => {
                self.unknown_job(*job)
            }
            LedgerEntry::SyncBegan(began) => self.beginning(began.sync),
            LedgerEntry::SyncKilled { sync, .. } => self.outside(*sync),
            LedgerEntry::SyncEnded(ended) => self.outside(ended.sync),
            LedgerEntry::Revision(revision) => self
                .outside(revision.sync)
                .or_else(|| self.unknown_job(revision.job))
                .or_else(|| self.was_removed(revision.run))
                .or_else(|| {
                    let latest = self.latest(revision.run);
                    let fits = if block {
                        revision.number > latest
                    } else {
                        revision.number == latest + 1
                    };
                    (!fits || revision.number > i64::from(u32::MAX)).then(|| {
                        format!("it is revision {} of run {}, whose latest is {latest}", revision.number, revision.run)
                    })
                }),
            LedgerEntry::Quarantined(entry) => self
                .outside(entry.sync)
                .or_else(|| self.unknown_job(entry.job))
                .or_else(|| self.was_removed(entry.run?))
                .or_else(|| {
                    let last = self.last_quarantined;
                    let fits = if block { entry.id > last } else { Some(entry.id) == last.checked_add(1) };
                    (!fits).then(|| format!("it is number {} in quarantine, and the last is {last}", entry.id))
                }),
            LedgerEntry::Accepted { id, sha256, .. } => match self.quarantined.get(id) {
                Some((received, false)) => (received != sha256)
                    .then(|| format!("its sha256 is not that of number {id} in quarantine, {}", hex(received))),
                Some((_, true)) => Some(format!("number {id} in quarantine was accepted before")),
                None => Some(format!("there is no number {id} in quarantine")),
            },
            LedgerEntry::Absent { run, sync, .. } => self.outside(*sync).or_else(|| match self.run(*run) {
                Some(SeenRun { absent: false, .. }) => None,
                Some(_) => Some(format!("run {run} was absent before")),
                None => Some(format!("run {run} was never archived")),
            }),
            LedgerEntry::Returned { run, sync, .. } => self.outside(*sync).or_else(|| match self.run(*run) {
                Some(SeenRun { absent: true, .. }) => None,
                Some(_) => Some(format!("run {run} was not absent")),
                None => Some(format!("run {run} was never archived")),
            }),
            LedgerEntry::Reindexed { .. } | LedgerEntry::Acknowledged(_) => self.within_a_sync(),
            LedgerEntry::Salvaged { head, entries, .. } => {
                if block {
                    Some("a salvage begins before the one before it ended".to_owned())
                } else {
                    (*entries != self.entries || *head != self.head).then(|| {
                        format!("it does not name number and hash of the line before it ({})", self.entries)
                    })
                }
            }
            LedgerEntry::SalvageEnded { .. } => {
                if block {
                    self.within_a_sync()
                } else {
                    Some("no salvage has begun".to_owned())
                }
            }
            LedgerEntry::HoldAdded(hold) => hold.job.and_then(|job| self.unknown_job(job)).or_else(|| {
                let last = self.last_hold;
                let fits = if block { hold.id > last } else { Some(hold.id) == last.checked_add(1) };
                if !fits {
                    return Some(format!("it is hold {}, and the last is {last}", hold.id));
                }
                let span = hold.span;
                let empty = span.since.zip(span.until).is_some_and(|(since, until)| since >= until);
                empty.then(|| "its span has no second".to_owned())
            }),
            LedgerEntry::HoldReleased { id, job, .. } => match self.holds.get(id) {
                Some((held, _)) => (held != job).then(|| format!("its job is not that of hold {id}")),
                None => Some(format!("there is no hold {id} in force")),
            },
            LedgerEntry::RetentionLocked { days, .. } => (*days <= self.locked_days)
                .then(|| format!("runs of {} days are locked before, and that can only be lengthened", self.locked_days)),
            LedgerEntry::Removed(removed) => self.removal(removed),
            LedgerEntry::Lost(_) => (!block).then(|| "only a salvage may say that something is lost".to_owned()),
            LedgerEntry::ClockSetBack { .. } => block.then(|| "a salvage has one time alone".to_owned()),
        }
    }

    /// A run that has a revision.
    fn run(&self, run: Guid) -> Option<SeenRun> {
        self.runs.get(run).filter(|run| run.number > 0 && !run.removed)
    }

    fn was_removed(&self, run: Guid) -> Option<String> {
        self.is_removed(run)
            .then(|| format!("run {run} was removed before"))
    }

    /// What is wrong with a removal. In a salvage, lines that it follows from may be lost.
    fn removal(&self, removed: &RemovedEntry) -> Option<String> {
        let RemovedEntry {
            run,
            job,
            at,
            started,
            ended,
            ..
        } = *removed;
        let block = self.in_salvage();
        let latest = self.latest(run);
        let numbers_fit = if block {
            removed.revisions >= latest.max(1)
        } else {
            removed.revisions == latest && latest > 0
        };
        let its_job = self.job_of(Subject::Run(run));
        (if block { None } else { self.within_a_sync() })
            .or_else(|| self.unknown_job(job))
            .or_else(|| self.was_removed(run))
            .or_else(|| {
                (!numbers_fit).then(|| {
                    format!(
                        "it says that run {run} had {} revisions, and the latest is {latest}",
                        removed.revisions
                    )
                })
            })
            .or_else(|| {
                its_job
                    .is_some_and(|its| its != job)
                    .then(|| format!("run {run} is not one of job {job}"))
            })
            .or_else(|| {
                let days = self.locked_days.max(1);
                (!is_older_than(started, ended, at, days))
                    .then(|| format!("run {run} was not {days} days old"))
            })
            .or_else(|| {
                let mut holds = self.holds.iter().filter(|_| !block);
                let keeps = |(of, span): &(Option<Guid>, HoldSpan)| {
                    of.is_none_or(|of| of == job) && span.meets(started, ended)
                };
                let (id, _) = holds.find(|(_, hold)| keeps(hold))?;
                Some(format!("hold {id} keeps run {run}"))
            })
    }

    fn set_absent(&mut self, id: Guid, absent: bool) {
        let run = self.runs.get(id).unwrap_or_default();
        self.runs.set(id, SeenRun { absent, ..run });
    }

    fn unknown_job(&self, job: Guid) -> Option<String> {
        (!self.knows_job(job)).then(|| format!("job {job} was not added before"))
    }

    fn beginning(&self, sync: i64) -> Option<String> {
        let last = self.sync;
        let fits = if self.in_salvage() {
            sync > last
        } else {
            Some(sync) == last.checked_add(1)
        };
        match self.open {
            Some(open) => Some(format!("a sync begins before sync {open} ended")),
            None => (!fits).then(|| format!("sync {sync} begins, and the last is {last}")),
        }
    }

    /// A line that belongs to a sync that is not open.
    fn outside(&self, sync: i64) -> Option<String> {
        match self.open {
            Some(open) if open == sync => None,
            Some(open) => Some(format!("it speaks of sync {sync}, and sync {open} is open")),
            None => Some(format!("it speaks of sync {sync}, and no sync is open")),
        }
    }

    fn within_a_sync(&self) -> Option<String> {
        self.open
            .map(|open| format!("it stands before sync {open} ended"))
    }

    /// Takes in a line, even if it should not be there.
    pub(in crate::archive) fn take(&mut self, entry_id: i64, hash: &Sha256, entry: &LedgerEntry) {
        self.entries += 1;
        self.head = *hash;
        match entry {
            LedgerEntry::ClockSetBack { at, .. } => self.bound = Some(*at),
            entry if self.salvage.is_none() => self.bound = self.bound.max(entry.at()),
            _ => {}
        }
        match entry {
            LedgerEntry::Archive { .. } => self.archive = true,
            LedgerEntry::NaiveTime { zone, .. } | LedgerEntry::Reindexed { zone, .. } => {
                self.zone = Some(*zone)
            }
            LedgerEntry::JobAdded { job, .. } => drop(self.jobs.insert(*job)),
            LedgerEntry::SyncBegan(began) => {
                self.sync = self.sync.max(began.sync);
                self.open = Some(began.sync);
            }
            LedgerEntry::SyncKilled { .. } | LedgerEntry::SyncEnded(_) => self.open = None,
            LedgerEntry::Revision(revision) => {
                let number = u32::try_from(revision.number).unwrap_or(u32::MAX);
                let mut run = self.runs.get(revision.run).unwrap_or_default();
                run.job = self.job_place(revision.job);
                if self.will_be_lost.contains(&entry_id) {
                    self.lost_jobs.insert(entry_id, revision.job);
                    // What came before stands for itself, whichever line it was.
                    let before = (run.number > 0).then_some((0, run.number));
                    let known = self.revisions.entry(revision.run);
                    known.or_insert_with(|| before.into_iter().collect());
                }
                if let Some(known) = self.revisions.get_mut(&revision.run) {
                    known.push((entry_id, number));
                }
                run.number = number;
                // A salvage may have lost the line that says that the run is listed again.
                if self.salvage.is_some() {
                    if std::mem::take(&mut run.absent) {
                        self.seen_again.insert(revision.run, Vec::new());
                    }
                    if let Some(seen) = self.seen_again.get_mut(&revision.run) {
                        seen.push(entry_id);
                    }
                }
                self.runs.set(revision.run, run);
            }
            LedgerEntry::Quarantined(entry) => {
                self.last_quarantined = self.last_quarantined.max(entry.id);
                self.quarantined.insert(entry.id, (entry.sha256, false));
                self.pieces.insert(entry.id, entry.job);
            }
            LedgerEntry::Accepted { id, sha256, .. } => drop(self.quarantined.insert(*id, (*sha256, true))),
            LedgerEntry::Absent { run, .. } => self.set_absent(*run, true),
            LedgerEntry::Returned { run, .. } => self.set_absent(*run, false),
            LedgerEntry::Salvaged { at, .. } => self.salvage = Some(*at),
            LedgerEntry::SalvageEnded { .. } => {
                self.salvage = None;
                self.bound = entry.at();
                self.go_on_from_what_is_held();
            }
            LedgerEntry::Lost(Loss::Payload { entry_id }) => drop(self.lost.insert(*entry_id)),
            LedgerEntry::Lost(Loss::Quarantined { id }) => drop(self.quarantined.remove(id)),
            LedgerEntry::HoldAdded(HoldEntry { id, job, span, .. }) => {
                self.last_hold = self.last_hold.max(*id);
                self.holds.insert(*id, (*job, *span));
            }
            LedgerEntry::HoldReleased { id, .. } => drop(self.holds.remove(id)),
            LedgerEntry::RetentionLocked { days, .. } => self.locked_days = self.locked_days.max(*days),
            LedgerEntry::Removed(removed) => {
                let mut run = self.runs.get(removed.run).unwrap_or_default();
                if run.number == 0 {
                    run.job = self.job_place(removed.job);
                }
                run.removed = true;
                self.runs.set(removed.run, run);
            }
            LedgerEntry::JobWatched { .. }
            | LedgerEntry::JobNamed { .. }
            | LedgerEntry::JobServer { .. }
            | LedgerEntry::Acknowledged(_)
            | LedgerEntry::Lost(_)
            | LedgerEntry::ClockSetBack { .. } => {}
        }
    }

    fn job_place(&mut self, job: Guid) -> u32 {
        *self.job_places.entry(job).or_insert_with(|| {
            self.named_jobs.push(job);
            // No ledger has so many jobs that the place would not fit.
            u32::try_from(self.named_jobs.len() - 1).unwrap_or_default()
        })
    }

    /// What follows a salvage goes on from what the tables hold behind it.
    fn go_on_from_what_is_held(&mut self) {
        let lost = &self.lost;
        let is_lost = |entry_id: &i64| lost.contains(entry_id);
        let seen_again = std::mem::take(&mut self.seen_again);
        for (id, _) in seen_again
            .into_iter()
            .filter(|(_, seen)| seen.iter().all(is_lost))
        {
            let run = self.runs.get(id).unwrap_or_default();
            self.runs.set(id, SeenRun { absent: true, ..run });
        }
        for (&id, revisions) in &self.revisions {
            let held = revisions.iter().filter(|(entry_id, _)| !is_lost(entry_id));
            let number = held.map(|&(_, number)| number).max().unwrap_or_default();
            let run = self.runs.get(id).unwrap_or_default();
            let absent = run.absent && number > 0;
            let now = SeenRun {
                number,
                absent,
                ..run
            };
            self.runs.set(id, now);
        }
    }
}
