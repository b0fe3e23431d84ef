//! Counting all messages, in pieces by several threads.
//!
//! Each thread has a connection of its own. A thread whose connection sees another state of the archive (a sync wrote
//! between the two openings) counts nothing, and the others do its share: the result is always that of one state.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Options;
use super::group::{Groups, NONE};
use crate::archive::{ArchiveError, MessageFacts, Reader, RunPlace, Snapshot};
use crate::report::options::Scope;

/// Runs that a thread takes at a time: some 10,000 messages, so that the threads end together.
const RUNS_AT_A_TIME: usize = 256;

/// Threads at most; more only wait for the same pages.
const MOST_THREADS: usize = 8;

/// Below so many runs a second connection costs more than it brings.
const RUNS_FOR_THREADS: usize = 2_000;

/// What is counted of a group.
#[derive(Debug, Clone)]
struct Tally {
    by_category: [u64; 4],
    runs: u64,
    jobs: Vec<u32>,
    first_ticks: Option<i64>,
    last_ticks: Option<i64>,
    /// Time of the latest message and its owner's number; the higher number of two at the same time.
    latest_owner: Option<(Option<i64>, u32)>,
    last_run: i64,
}

impl Tally {
    const EMPTY: Self = Self {
        by_category: [0; 4],
        runs: 0,
        jobs: Vec::new(),
        first_ticks: None,
        last_ticks: None,
        latest_owner: None,
        last_run: i64::MIN,
    };

    fn see_time(&mut self, ticks: Option<i64>) {
        if let Some(ticks) = ticks {
            self.first_ticks = Some(self.first_ticks.map_or(ticks, |first| first.min(ticks)));
            self.last_ticks = Some(self.last_ticks.map_or(ticks, |last| last.max(ticks)));
        }
    }

    fn see_job(&mut self, job: u32) {
        // A group has messages of few jobs, and mostly of the one that was last.
        if self.jobs.last() != Some(&job) && !self.jobs.contains(&job) {
            self.jobs.push(job);
        }
    }

    /// Adds what another thread counted, of other runs.
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.by_category.iter_mut().zip(other.by_category) {
            *mine += theirs;
        }
        self.runs += other.runs;
        for &job in &other.jobs {
            self.see_job(job);
        }
        self.see_time(other.first_ticks);
        self.see_time(other.last_ticks);
        self.latest_owner = self.latest_owner.max(other.latest_owner);
    }
}

/// Messages by group and text.
type Texts = HashMap<(u32, u32), u64, BuildHasherDefault<PairHasher>>;

/// Everything that a thread counted.
#[derive(Debug)]
pub(super) struct Counted {
    tallies: Vec<Tally>,
    texts: Texts,
}

/// A row of the report, less its names.
#[derive(Debug)]
pub(super) struct Row<'g> {
    pub(super) group: u32,
    pub(super) by_category: [u64; 4],
    pub(super) runs: u64,
    pub(super) jobs: u64,
    pub(super) first_ticks: Option<i64>,
    pub(super) last_ticks: Option<i64>,
    pub(super) owner: Option<&'g str>,
    pub(super) top_message: Option<&'g str>,
}

impl Row<'_> {
    pub(super) fn messages(&self) -> u64 {
        self.by_category.iter().sum()
    }

    pub(super) const fn errors(&self) -> u64 {
        self.by_category[0]
    }
}

impl Counted {
    fn new(groups: &Groups) -> Self {
        Self {
            tallies: vec![Tally::EMPTY; groups.len()],
            texts: Texts::default(),
        }
    }

    fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
            mine.merge(theirs);
        }
        for (pair, count) in other.texts {
            *self.texts.entry(pair).or_default() += count;
        }
    }

    /// The groups of which something was counted.
    pub(super) fn rows<'g>(&self, groups: &'g Groups) -> Vec<Row<'g>> {
        // The most frequent text of each group; of equally frequent ones the first in order of their letters.
        let mut top: Vec<(u64, u32)> = vec![(0, NONE); self.tallies.len()];
        for (&(group, text), &count) in &self.texts {
            let best = &mut top[group as usize];
            if (count, std::cmp::Reverse(text)) > (best.0, std::cmp::Reverse(best.1)) {
                *best = (count, text);
            }
        }
        let numbered = (0..).zip(self.tallies.iter().zip(&top));
        let seen = numbered.filter(|(_, (tally, _))| tally.runs > 0);
        seen.map(|(group, (tally, &(_, text)))| Row {
            group,
            by_category: tally.by_category,
            runs: tally.runs,
            jobs: u64::try_from(tally.jobs.len()).expect("a length fits"),
            first_ticks: tally.first_ticks,
            last_ticks: tally.last_ticks,
            owner: tally.latest_owner.and_then(|(_, owner)| groups.owner(owner)),
            top_message: groups.text(text),
        })
        .collect()
    }
}

/// What all threads share.
struct Work<'w> {
    runs: &'w [RunPlace],
    next: AtomicUsize,
    options: &'w Options,
    scope: &'w Scope,
    groups: &'w Groups,
}

/// Counts the messages that the options ask for.
pub(super) fn count(
    snapshot: &Snapshot<'_>,
    options: &Options,
    scope: &Scope,
    groups: &Groups,
) -> Result<Counted, ArchiveError> {
    let mut runs = snapshot.run_places()?;
    runs.retain(|run| scope.has_job(run.job_key));
    let threads = if runs.len() < RUNS_FOR_THREADS {
        1
    } else {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS))
    };
    let work = Work {
        runs: &runs,
        next: AtomicUsize::new(0),
        options,
        scope,
        groups,
    };
    let state = (snapshot.head(), snapshot.path());
    std::thread::scope(|threads_of_work| {
        let helpers: Vec<_> = (1..threads)
            .map(|_| threads_of_work.spawn(|| help(&work, state.1, &state.0)))
            .collect();
        let mut counted = work.count(snapshot)?;
        for helper in helpers {
            match helper.join().expect("a helper does not panic") {
                Ok(Some(other)) => counted.merge(other),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(counted)
    })
}

/// A second reader. It leaves the work to the first where it cannot open the archive or sees another state of it.
fn help(
    work: &Work<'_>,
    path: &std::path::Path,
    head: &crate::model::Sha256,
) -> Result<Option<Counted>, ArchiveError> {
    let Ok(reader) = Reader::open(path) else {
        return Ok(None);
    };
    let Ok(snapshot) = reader.snapshot() else {
        return Ok(None);
    };
    if snapshot.head() != *head {
        return Ok(None);
    }
    work.count(&snapshot).map(Some)
}

impl Work<'_> {
    /// Takes pieces until none is left.
    fn count(&self, snapshot: &Snapshot<'_>) -> Result<Counted, ArchiveError> {
        let mut counted = Counted::new(self.groups);
        loop {
            let from = self.next.fetch_add(RUNS_AT_A_TIME, Ordering::Relaxed);
            let Some(rest) = self.runs.get(from..).filter(|rest| !rest.is_empty()) else {
                return Ok(counted);
            };
            self.count_piece(snapshot, &rest[..rest.len().min(RUNS_AT_A_TIME)], &mut counted)?;
        }
    }

    fn count_piece(
        &self,
        snapshot: &Snapshot<'_>,
        runs: &[RunPlace],
        counted: &mut Counted,
    ) -> Result<(), ArchiveError> {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else {
            return Ok(());
        };
        let mut lost = None;
        let mut at = 0;
        snapshot.each_message_facts(first.run_key, last.run_key, |message| {
            while runs.get(at).is_some_and(|run| run.run_key < message.run_key) {
                at += 1;
            }
            // Runs of jobs that are not asked for lie between those that are.
            if let Some(run) = runs.get(at).filter(|run| run.run_key == message.run_key)
                && self.see(run, &message, counted).is_none()
            {
                lost = Some(message.run_key);
            }
        })?;
        match lost {
            None => Ok(()),
            Some(run_key) => Err(ArchiveError::Damaged {
                what: format!("a message of run {run_key} has a text or an asset that is not there"),
            }),
        }
    }

    /// Counts a message; `None` where its text or asset is not there.
    fn see(&self, run: &RunPlace, message: &MessageFacts, counted: &mut Counted) -> Option<()> {
        let kind = self.groups.kind(message.kind_key)?;
        let asset = self.groups.asset(message.asset_key)?;
        let ticks = message.occurred_ticks.or(run.started_ticks);
        let is_left_out = message.is_absent && !self.options.common.include_absent;
        if is_left_out || !kind.counts || !self.scope.has_time(ticks) {
            return Some(());
        }
        // One of the two decides the group, the other has none.
        let group = kind.group.min(asset.group);
        let tally = counted.tallies.get_mut(group as usize)?;
        tally.by_category[usize::from(kind.category)] += 1;
        tally.see_time(ticks);
        if tally.last_run != run.run_key {
            tally.last_run = run.run_key;
            tally.runs += 1;
            tally.see_job(u32::try_from(run.job_key).ok()?);
        }
        if self.groups.wants_details {
            tally.latest_owner = tally.latest_owner.max(Some((ticks, asset.owner)));
            if kind.text != NONE {
                *counted.texts.entry((group, kind.text)).or_default() += 1;
            }
        }
        Some(())
    }
}

/// Mixes the two halves of a pair by multiplication: quick, and nobody from outside chooses the numbers.
#[derive(Debug, Default)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(byte.into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        // An odd number close to 2^64 divided by the golden ratio (Knuth).
        self.0 = (self.0.rotate_left(5) ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
