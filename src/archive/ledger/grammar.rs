//! Which line may follow which: the ledger's grammar as `docs/evidence.md` states it.
//!
//! Pure: claims go in, in order; what is wrong with one comes out. [`Grammar::fault`] judges a line, [`Grammar::take`]
//! moves on behind it, so that one wrong line is one finding.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::chain::Subject;
use super::entry::{HoldEntry, LedgerEntry, Loss, RemovedEntry};
use super::hash::GENESIS;
use super::retention::{HoldSpan, is_older_than};
use crate::model::{Guid, Instant, Sha256, ZoneName, hex};

/// Where the ledger is.
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
    /// Runs that were absent when this salvage told of a revision of them, and the entries of those revisions.
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

#[derive(Debug, Default, Clone, Copy)]
struct SeenRun {
    /// The latest revision; 0 for a run of which every revision was lost.
    number: u32,
    absent: bool,
    /// Whether a retention rule removed it.
    removed: bool,
    /// The job that the last line of a revision of it named, by its place in [`Grammar::named_jobs`].
    job: u32,
}

/// Every run that the ledger names. An archive has millions of them, so they stand close together, in order of their GUIDs:
/// a hash map of a million takes twice the memory.
#[derive(Debug)]
struct SeenRuns {
    /// By the last byte of the GUID.
    parts: Vec<SeenRunsPart>,
}

#[derive(Debug, Default)]
struct SeenRunsPart {
    sorted: Vec<PackedRun>,
    /// The latest ones, in no order, until they are enough to be sorted in.
    recent: Vec<PackedRun>,
}

/// A [`SeenRun`] that needs no alignment: GUID, number, and four times the job's place, one more for an absent run and two more
/// for a removed one.
type PackedRun = ([u8; 16], [u8; 4], [u8; 4]);

/// Runs of a part that are looked through one by one.
const MOST_RECENT: usize = 64;

impl Default for SeenRuns {
    fn default() -> Self {
        Self {
            parts: (0..256).map(|_| SeenRunsPart::default()).collect(),
        }
    }
}

impl SeenRunsPart {
    fn place(&mut self, id: &[u8; 16]) -> Option<&mut PackedRun> {
        if let Ok(place) = self.sorted.binary_search_by(|run| run.0.cmp(id)) {
            return self.sorted.get_mut(place);
        }
        self.recent.iter_mut().find(|run| run.0 == *id)
    }

    fn add(&mut self, run: PackedRun) {
        self.recent.push(run);
        if self.recent.len() == MOST_RECENT {
            self.sorted.reserve_exact(MOST_RECENT);
            self.sorted.append(&mut self.recent);
            self.sorted.sort_by_key(|run| run.0);
        }
    }
}

impl SeenRuns {
    fn get(&self, run: Guid) -> Option<SeenRun> {
        let id = run.as_bytes();
        let part = &self.parts[usize::from(id[15])];
        let found = match part.sorted.binary_search_by(|run| run.0.cmp(id)) {
            Ok(place) => part.sorted.get(place),
            Err(_) => part.recent.iter().find(|run| run.0 == *id),
        };
        found.map(|&(_, number, rest)| {
            let rest = u32::from_le_bytes(rest);
            SeenRun {
                number: u32::from_le_bytes(number),
                absent: rest & 1 == 1,
                removed: rest & 2 == 2,
                job: rest >> 2,
            }
        })
    }

    fn set(&mut self, id: Guid, run: SeenRun) {
        let id = id.as_bytes();
        let part = &mut self.parts[usize::from(id[15])];
        let rest = run.job << 2 | u32::from(run.removed) << 1 | u32::from(run.absent);
        let packed = (*id, run.number.to_le_bytes(), rest.to_le_bytes());
        match part.place(id) {
            Some(place) => *place = packed,
            None => part.add(packed),
        }
    }
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
            Subject::Revision(entry) => self.lost_jobs.get(&entry).copied(),
            Subject::Job(job) => Some(job),
            Subject::Nobody | Subject::Every => None,
        }
    }

    /// What is wrong with a line that comes next.
    pub(in crate::archive) fn fault(&self, claim: &LedgerEntry) -> Option<String> {
        self.order(claim).or_else(|| self.time(claim))
    }

    fn time(&self, claim: &LedgerEntry) -> Option<String> {
        let at = claim.at()?;
        if let (Some(made), false) = (self.salvage, matches!(claim, LedgerEntry::SalvageEnded { .. })) {
            return (at > made).then(|| {
                let (at, made) = (Instant::from_unix_seconds(at), Instant::from_unix_seconds(made));
                format!("its time {at} is later than the salvage that it belongs to, {made}")
            });
        }
        let bound = self.salvage.or(self.bound)?;
        if let LedgerEntry::ClockSetBack { from, .. } = *claim {
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

    fn order(&self, claim: &LedgerEntry) -> Option<String> {
        if !self.archive && !matches!(claim, LedgerEntry::Archive { .. }) {
            return (self.entries == 0)
                .then(|| "the ledger does not begin with what the archive is".to_owned());
        }
        let block = self.in_salvage();
        match claim {
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
            LedgerEntry::Quarantined(claim) => self
                .outside(claim.sync)
                .or_else(|| self.unknown_job(claim.job))
                .or_else(|| self.was_removed(claim.run?))
                .or_else(|| {
                    let last = self.last_quarantined;
                    let fits = if block { claim.id > last } else { Some(claim.id) == last.checked_add(1) };
                    (!fits).then(|| format!("it is number {} in quarantine, and the last is {last}", claim.id))
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

    /// Moves on behind a line, also where it should not stand there.
    pub(in crate::archive) fn take(&mut self, entry: i64, hash: &Sha256, claim: &LedgerEntry) {
        self.entries += 1;
        self.head = *hash;
        match claim {
            LedgerEntry::ClockSetBack { at, .. } => self.bound = Some(*at),
            claim if self.salvage.is_none() => self.bound = self.bound.max(claim.at()),
            _ => {}
        }
        match claim {
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
                if self.will_be_lost.contains(&entry) {
                    self.lost_jobs.insert(entry, revision.job);
                    // What came before stands for itself, whichever line it was.
                    let before = (run.number > 0).then_some((0, run.number));
                    let known = self.revisions.entry(revision.run);
                    known.or_insert_with(|| before.into_iter().collect());
                }
                if let Some(known) = self.revisions.get_mut(&revision.run) {
                    known.push((entry, number));
                }
                run.number = number;
                // A salvage may have lost the line that says that the run is listed again.
                if self.salvage.is_some() {
                    if std::mem::take(&mut run.absent) {
                        self.seen_again.insert(revision.run, Vec::new());
                    }
                    if let Some(seen) = self.seen_again.get_mut(&revision.run) {
                        seen.push(entry);
                    }
                }
                self.runs.set(revision.run, run);
            }
            LedgerEntry::Quarantined(claim) => {
                self.last_quarantined = self.last_quarantined.max(claim.id);
                self.quarantined.insert(claim.id, (claim.sha256, false));
                self.pieces.insert(claim.id, claim.job);
            }
            LedgerEntry::Accepted { id, sha256, .. } => drop(self.quarantined.insert(*id, (*sha256, true))),
            LedgerEntry::Absent { run, .. } => self.set_absent(*run, true),
            LedgerEntry::Returned { run, .. } => self.set_absent(*run, false),
            LedgerEntry::Salvaged { at, .. } => self.salvage = Some(*at),
            LedgerEntry::SalvageEnded { .. } => {
                self.salvage = None;
                self.bound = claim.at();
                self.go_on_from_what_is_held();
            }
            LedgerEntry::Lost(Loss::Payload { entry }) => drop(self.lost.insert(*entry)),
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
        let is_lost = |entry: &i64| lost.contains(entry);
        let seen_again = std::mem::take(&mut self.seen_again);
        for (id, _) in seen_again
            .into_iter()
            .filter(|(_, seen)| seen.iter().all(is_lost))
        {
            let run = self.runs.get(id).unwrap_or_default();
            self.runs.set(id, SeenRun { absent: true, ..run });
        }
        for (&id, revisions) in &self.revisions {
            let held = revisions.iter().filter(|(entry, _)| !is_lost(entry));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ledger::entry_hash;
    use crate::model::hex;

    const ID: &str = "ff761384-4b49-40b4-97d8-0de38669075a";
    const OTHER: &str = "0b6a3c1e-52f7-4d0a-9c3e-7f2b8d41a690";

    /// A line with its words short: `T3` is a second of a day, `J` a job, `R` and `S` runs, `H` some hash, `@` number and
    /// hash of the line before.
    fn line(short: &str, entries: i64, head: &Sha256) -> String {
        let some = "ab".repeat(32);
        let mut words = Vec::new();
        for word in short.split(' ') {
            words.push(match word.split_once('=') {
                None if word == "@" => format!("head={} entries={entries}", hex(head)),
                Some((key, value)) => match value.strip_prefix('T') {
                    Some(second) => format!("{key}=2026-01-31T03:00:{second:0>2}Z"),
                    None => match value {
                        "J" | "R" => format!("{key}={ID}"),
                        "S" => format!("{key}={OTHER}"),
                        "H" => format!("{key}={some}"),
                        _ => word.to_owned(),
                    },
                },
                None => word.to_owned(),
            });
        }
        words.join(" ")
    }

    fn revision(run: &str, number: i64, sync: i64, at: u32) -> String {
        format!(
            "revision run={run} number={number} sync={sync} at=T{at} job=J bytes=2 sha256=H reader=1 zone=utc started=-"
        )
    }

    fn began(sync: i64, at: u32) -> String {
        format!("sync-began sync={sync} at=T{at} count=0 version=1 process=5")
    }

    fn ended(sync: i64, at: u32) -> String {
        format!("sync-ended sync={sync} at=T{at} outcome=complete clock=0 jobs=1 figures=H results=H")
    }

    fn quarantined(id: i64, sync: i64, at: u32) -> String {
        format!(
            "quarantined id={id} job=J sync={sync} at=T{at} position=0 bytes=2 sha256=H kept=H reason=H run=-"
        )
    }

    /// What is wrong with each line that is wrong, by its number.
    fn faults(lines: &[String]) -> Vec<(usize, String)> {
        let claims: Vec<LedgerEntry> = {
            let (mut head, mut claims) = (GENESIS, Vec::new());
            for (entries, short) in (0..).zip(lines) {
                let line = line(short, entries, &head);
                claims.push(LedgerEntry::read(&line).unwrap());
                head = entry_hash(&head, &line);
            }
            claims
        };
        let lost = claims.iter().filter_map(|claim| match claim {
            LedgerEntry::Lost(Loss::Payload { entry }) => Some(*entry),
            _ => None,
        });
        let mut grammar = Grammar::new(lost.collect());
        let mut head = GENESIS;
        let mut found = Vec::new();
        for (index, (claim, short)) in claims.iter().zip(lines).enumerate() {
            let text = line(short, i64::try_from(index).unwrap(), &head);
            head = entry_hash(&head, &text);
            if let Some(why) = grammar.fault(claim) {
                found.push((index + 1, why));
            }
            grammar.take(i64::try_from(index + 1).unwrap(), &head, claim);
        }
        found
    }

    /// Five lines: an archive, its zone, a job, a sync with a revision.
    fn begun() -> Vec<String> {
        let mut lines: Vec<String> = [
            "archive id=J at=T1 schema=1",
            "naive-time zone=utc rules=- release=- at=T1",
            "job-added job=J at=T2 by=-",
        ]
        .map(str::to_owned)
        .to_vec();
        lines.extend([began(1, 3), revision("R", 1, 1, 4)]);
        lines
    }

    fn after_five(more: &[&str]) -> Vec<(usize, String)> {
        let mut lines = begun();
        lines.extend(more.iter().map(|&line| line.to_owned()));
        faults(&lines)
    }

    #[test]
    fn thousands_of_runs_are_found_as_they_were_set_last() {
        let id = |number: u32| {
            let mut bytes = [7; 16];
            bytes[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B9).to_le_bytes());
            bytes[15] = u8::try_from(number % 3).unwrap();
            Guid::from_bytes(bytes)
        };
        let mut runs = SeenRuns::default();
        for number in (0..5_000).chain(1_000..2_000) {
            let absent = runs.get(id(number)).is_some();
            runs.set(
                id(number),
                SeenRun {
                    number,
                    absent,
                    removed: number % 5 == 0,
                    job: number % 7,
                },
            );
        }
        for number in 0..5_000 {
            let run = runs.get(id(number)).unwrap();
            assert_eq!(
                (run.number, run.absent, run.removed, run.job),
                (
                    number,
                    (1_000..2_000).contains(&number),
                    number % 5 == 0,
                    number % 7
                )
            );
        }
        assert!(runs.get(id(5_000)).is_none());
    }

    #[test]
    fn what_this_program_writes_obeys() {
        let lines = [
            &*quarantined(1, 1, 4),
            "accepted id=1 at=T4 sha256=H why=H by=H",
            &ended(1, 5),
            "reindexed at=T5 reader=1 zone=Europe/Berlin rules=H release=2026a by=H",
            &began(2, 6),
            "absent run=R sync=2 at=T6",
            &ended(2, 6),
            &began(3, 7),
            "returned run=R sync=3 at=T7",
            &revision("R", 2, 3, 7),
            "sync-killed sync=3 at=T9",
            "clock-set-back from=T9 at=T2",
            &began(4, 2),
            &quarantined(2, 4, 2),
            &ended(4, 3),
            "acknowledged at=T3 heads=1 list=H why=H by=H",
            "hold-added id=1 job=J at=T3 since=- until=T2 why=H by=H",
            "hold-added id=2 job=- at=T3 since=T1 until=T2 why=H by=H",
            "hold-released id=2 job=- at=T3 why=H by=H",
            "retention-locked at=T3 days=30 by=H",
            "hold-released id=1 job=J at=T4 why=H by=H",
            &removed("R", 2),
            &began(5, 4),
            "hold-added id=3 job=J at=T4 since=- until=- why=H by=H",
        ];
        assert_eq!(after_five(&lines), []);
    }

    /// A removal of a run that started on the first day of 1970.
    fn removed(run: &str, revisions: i64) -> String {
        format!(
            "removed run={run} job=J at=T4 started=1970-01-01T00:00:00.5Z ended=- revisions={revisions} messages=2 plan=H why=H by=H"
        )
    }

    #[test]
    fn what_holds_keep_and_what_is_too_young_is_not_removed() {
        let end = ended(1, 4);
        let removed = removed("R", 1);
        let young = removed.replace("1970-01-01", "2026-01-01");
        let locked = "retention-locked at=T4 days=30 by=H";
        let hold = "hold-added id=1 job=J at=T4 since=- until=- why=H by=H";
        for (lines, why) in [
            (vec![&*removed], "it stands before sync 1 ended"),
            (
                vec![&*end, &removed.replace("=1 ", "=2 ")],
                "had 2 revisions, and the latest is 1",
            ),
            (vec![&*end, &removed.replace("run=R", "run=S")], "the latest is 0"),
            (
                vec![&*end, &removed.replace("job=J", "job=S")],
                "was not added before",
            ),
            (vec![&*end, &removed, &removed], "was removed before"),
            (
                vec![&*end, &removed, &began(2, 5), &revision("R", 2, 2, 5)],
                "was removed before",
            ),
            (
                vec![&*end, &removed, &began(2, 5), "absent run=R sync=2 at=T5"],
                "was never archived",
            ),
            (vec![&*end, hold, &removed], "hold 1 keeps run"),
            (vec![&*end, locked, &young], "was not 30 days old"),
            (vec![&*end, locked, locked], "only be lengthened"),
            (
                vec![&*end, &hold.replace("id=1", "id=2")],
                "it is hold 2, and the last is 0",
            ),
            (
                vec![&*end, &hold.replace("job=J", "job=S")],
                "was not added before",
            ),
            (
                vec![&*end, &hold.replace("since=- until=-", "since=T2 until=T2")],
                "no second",
            ),
            (
                vec![&*end, "hold-released id=1 job=J at=T4 why=H by=H"],
                "there is no hold 1 in force",
            ),
            (
                vec![&*end, hold, "hold-released id=1 job=- at=T4 why=H by=H"],
                "its job is not that of hold 1",
            ),
        ] {
            let said = after_five(&lines);
            assert!(
                matches!(&said[..], [(_, said)] if said.contains(why)),
                "{lines:?}: {said:?}"
            );
        }
        // What a hold keeps is told by its span; a released one keeps nothing.
        let elsewhere = hold.replace("since=-", "since=T1");
        let released = "hold-released id=1 job=J at=T4 why=H by=H";
        assert_eq!(after_five(&[&end, &elsewhere, &removed]), []);
        assert_eq!(after_five(&[&end, hold, released, &removed]), []);
        // A salvage may have lost the release, and the revisions.
        let block = ["salvaged at=T9 @ by=H", "salvage-ended at=T9"];
        assert_eq!(after_five(&[&end, hold, block[0], &removed, block[1]]), []);
    }

    #[test]
    fn each_line_that_may_not_stand_there_is_told() {
        for (line, why) in [
            ("archive id=J at=T4 schema=1", "an archive begins in the middle"),
            (
                "naive-time zone=Europe/Berlin rules=H release=2026a at=T4",
                "which only `reindexed` may",
            ),
            ("job-added job=J at=T4 by=-", "was added before"),
            ("job-watched job=S at=T4 by=-", "was not added before"),
            ("job-watched job=J at=T3 by=-", "is earlier than"),
            ("clock-set-back from=T5 at=T2", "from the latest time so far"),
            ("clock-set-back from=T4 at=T4", "to an earlier one"),
            (&began(2, 4), "before sync 1 ended"),
            (&ended(2, 4), "it speaks of sync 2, and sync 1 is open"),
            ("sync-killed sync=0 at=T4", "it speaks of sync 0"),
            (&revision("R", 1, 1, 4), "whose latest is 1"),
            (&revision("R", 3, 1, 4), "whose latest is 1"),
            (&revision("S", 2, 1, 4), "whose latest is 0"),
            (&revision("R", 2, 2, 4), "it speaks of sync 2"),
            (&quarantined(2, 1, 4), "the last is 0"),
            ("accepted id=1 at=T4 sha256=H why=H by=H", "there is no number 1"),
            ("absent run=S sync=1 at=T4", "was never archived"),
            ("returned run=R sync=1 at=T4", "was not absent"),
            (
                "reindexed at=T4 reader=1 zone=utc rules=- release=- by=H",
                "before sync 1 ended",
            ),
            (
                "acknowledged at=T4 heads=1 list=H why=H by=H",
                "before sync 1 ended",
            ),
            ("lost what=payload entry=5", "only a salvage may say"),
            ("salvage-ended at=T4", "no salvage has begun"),
            ("salvaged at=T4 head=HH entries=4 by=H", "number and hash"),
        ] {
            let line = line.replace("head=HH", &format!("head={}", "ab".repeat(32)));
            let found = after_five(&[&line]);
            assert!(
                matches!(&found[..], [(6, said)] if said.contains(why)),
                "{line}: {found:?}"
            );
        }
        let closed = after_five(&[&ended(1, 5), &revision("R", 2, 1, 6)]);
        assert!(
            matches!(&closed[..], [(7, said)] if said.contains("no sync is open")),
            "{closed:?}"
        );
        let again = after_five(&[
            &quarantined(1, 1, 4),
            "accepted id=1 at=T4 sha256=H why=H by=H",
            "accepted id=1 at=T4 sha256=H why=H by=H",
        ]);
        assert!(
            matches!(&again[..], [(8, said)] if said.contains("accepted before")),
            "{again:?}"
        );
        let other = format!("accepted id=1 at=T4 sha256={} why=H by=H", "00".repeat(32));
        let other = after_five(&[&quarantined(1, 1, 4), &other]);
        assert!(
            matches!(&other[..], [(7, said)] if said.contains("its sha256 is not that of number 1")),
            "{other:?}"
        );
        assert_eq!(faults(&["job-added job=J at=T1 by=-".to_owned()]).len(), 1);
    }

    #[test]
    fn a_salvage_has_gaps_and_old_times_and_what_it_lost_comes_as_new() {
        let lines = [
            &*revision("S", 1, 1, 4),
            "salvaged at=T9 @ by=H",
            &revision("R", 4, 1, 5),
            "sync-killed sync=1 at=T9",
            &began(3, 6),
            &quarantined(5, 3, 6),
            &ended(3, 7),
            "lost what=payload entry=6",
            "lost what=payload entry=8",
            "salvage-ended at=T9",
            &began(4, 10),
            &revision("R", 2, 4, 10),
            &revision("S", 1, 4, 10),
            &quarantined(6, 4, 10),
        ];
        assert_eq!(after_five(&lines), []);
        // What a later salvage loses was there until then.
        let lines = [
            &*ended(1, 5),
            "salvaged at=T6 @ by=H",
            "salvage-ended at=T6",
            &began(2, 7),
            &revision("R", 2, 2, 7),
            &ended(2, 7),
            "salvaged at=T8 @ by=H",
            "lost what=payload entry=10",
            "lost what=payload entry=5",
            "salvage-ended at=T8",
            &began(3, 9),
            &revision("R", 1, 3, 9),
            &ended(3, 9),
            "salvaged at=T9 @ by=H",
            "lost what=payload entry=17",
            "salvage-ended at=T9",
            &began(4, 10),
            &revision("R", 1, 4, 10),
        ];
        assert_eq!(after_five(&lines), []);
        // And what is lost by none of them goes on where it was.
        let wrong =
            after_five(&[lines[..10].to_vec(), vec![&*began(3, 9), &revision("R", 3, 3, 9)]].concat());
        assert!(
            matches!(&wrong[..], [(17, said)] if said.contains("whose latest is 0")),
            "{wrong:?}"
        );
        // A run is absent as before where the salvage lost the revision with which it came back, and only there.
        for (loss, then) in [
            ("lost what=payload entry=12", "returned"),
            ("lost what=name job=J", "absent"),
        ] {
            let lines = [
                &*ended(1, 5),
                &began(2, 6),
                "absent run=R sync=2 at=T6",
                &ended(2, 6),
                "salvaged at=T7 @ by=H",
                &began(3, 6),
                &revision("R", 2, 3, 6),
                "sync-killed sync=3 at=T7",
                loss,
                "salvage-ended at=T7",
                &began(4, 8),
                &format!("{then} run=R sync=4 at=T8"),
            ];
            assert_eq!(after_five(&lines), [], "{then}");
        }
        let late = after_five(&[
            "salvaged at=T9 @ by=H",
            &revision("R", 2, 1, 10),
            "sync-killed sync=1 at=T9",
            "salvage-ended at=T8",
        ]);
        let said: Vec<usize> = late.iter().map(|&(line, _)| line).collect();
        assert_eq!(said, [7, 9], "{late:?}");
    }
}
