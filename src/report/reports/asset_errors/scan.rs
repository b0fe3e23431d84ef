//! Counting all messages, in pieces by several threads.
//!
//! Each thread has a connection of its own. A thread whose connection sees another state of the archive (a sync wrote
//! between the two openings) counts nothing, and the others do its share: the result is always that of one state.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::details::{self, Details, NO_KEY};
use super::group::{Groups, NONE};
use super::run_to_read::RunToRead;
use super::texts::TextCounts;
use crate::archive::{ArchiveError, MessageFacts, ReadOnly, Snapshot};
use crate::memory;
use crate::model::Sha256;
use crate::report::error::ReportError;
use crate::report::options::Scope;

/// Runs that a thread takes at a time: some 10,000 messages, so that the threads end together.
const RUNS_AT_A_TIME: usize = 256;

/// Threads at most; more only wait for the same pages.
const MOST_THREADS: usize = 8;

/// What the groups of all threads but one may take: with very many groups one thread counts alone.
const MOST_BYTES: usize = 8 << 20;

/// Messages that are looked at together. Their groups lie all over memory: fetched one after the other between two steps
/// of SQLite, each fetch is waited for (a quarter of the time, by `perf`); fetched together, they overlap.
const MESSAGES_AT_A_TIME: usize = 256;

/// Below so many runs a second connection costs more than it brings.
const RUNS_FOR_THREADS: usize = 2_000;

/// What is counted of a group. One line of the processor's cache, since messages jump from group to group.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct GroupTally {
    by_category: [u32; 4],
    runs: u32,
    /// Of the latest message; the higher number of two at the same time.
    owner: u32,
    /// [`i64::MAX`] where no message has a time.
    first_ticks: i64,
    /// [`i64::MIN`] where no message has a time.
    last_ticks: i64,
    last_run: i64,
}

impl GroupTally {
    const EMPTY: Self = Self {
        by_category: [0; 4],
        runs: 0,
        owner: 0,
        first_ticks: i64::MAX,
        last_ticks: i64::MIN,
        last_run: i64::MIN,
    };

    /// Sees the owner and the time of one message, or of the latest of several.
    fn see_owner(&mut self, ticks: i64, owner: u32) {
        if ticks > self.last_ticks {
            self.last_ticks = ticks;
            self.owner = owner;
        } else if ticks == self.last_ticks {
            self.owner = self.owner.max(owner);
        }
    }

    /// Adds what another thread counted, of other runs.
    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.by_category.iter_mut().zip(other.by_category) {
            *mine += theirs;
        }
        self.runs += other.runs;
        self.first_ticks = self.first_ticks.min(other.first_ticks);
        self.see_owner(other.last_ticks, other.owner);
    }
}

/// Everything that a thread counted.
#[derive(Debug)]
pub(super) struct Counted {
    tallies: Vec<GroupTally>,
    /// A bit for each job of each group.
    jobs: Vec<u64>,
    words: usize,
    texts: TextCounts,
    /// Of each thread.
    details: Vec<Details>,
}

/// A row of the report, less its names.
#[derive(Debug)]
pub(super) struct GroupRow<'g> {
    pub(super) by_category: [u64; 4],
    pub(super) runs: u64,
    pub(super) jobs: u64,
    pub(super) first_ticks: Option<i64>,
    pub(super) last_ticks: Option<i64>,
    pub(super) owner: Option<&'g str>,
    pub(super) top_message: Option<&'g str>,
}

impl GroupRow<'_> {
    pub(super) fn messages(&self) -> u64 {
        self.by_category.iter().sum()
    }

    pub(super) const fn errors(&self) -> u64 {
        self.by_category[0]
    }
}

impl Counted {
    fn new(groups: &Groups, words: usize) -> Self {
        Self {
            tallies: vec![GroupTally::EMPTY; groups.len()],
            jobs: vec![0; groups.len() * words],
            words,
            texts: TextCounts::new(groups.len(), groups.text_count()),
            details: vec![Details::new(groups.marks.clone(), groups.are_details())],
        }
    }

    fn see_job(&mut self, group: u32, job: usize) {
        self.jobs[group as usize * self.words + job / 64] |= 1 << (job % 64);
    }

    fn add(&mut self, messages: &[Counting], groups: &Groups) -> Result<(), ReportError> {
        if groups.are_details() {
            for message in messages {
                let ticks = message.ticks.unwrap_or(i64::MIN);
                self.details[0].add_to_text(message.detail, message.category, ticks, message.run);
            }
            return Ok(());
        }
        // Nothing but fetches, which do not wait for each other.
        let fetched = messages
            .iter()
            .map(|message| self.tallies[message.group as usize].last_run);
        std::hint::black_box(fetched.fold(0, |all, run_key| all ^ run_key));
        for message in messages {
            let tally = &mut self.tallies[message.group as usize];
            tally.by_category[usize::from(message.category)] += 1;
            tally.first_ticks = tally.first_ticks.min(message.ticks.unwrap_or(i64::MAX));
            tally.see_owner(message.ticks.unwrap_or(i64::MIN), message.owner);
            if tally.last_run != message.run.run_key() {
                tally.last_run = message.run.run_key();
                tally.runs += 1;
                self.see_job(message.group, message.run.job());
            }
        }
        if groups.wants_message {
            for message in messages.iter().filter(|message| message.text != NONE) {
                self.texts.add(message.group, message.text)?;
            }
        }
        if groups.wants_detail {
            for message in messages.iter().filter(|message| message.detail != NO_KEY) {
                self.details[0].add(message.group, message.detail);
            }
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        for (mine, theirs) in self.tallies.iter_mut().zip(&other.tallies) {
            mine.merge(theirs);
        }
        for (mine, theirs) in self.jobs.iter_mut().zip(&other.jobs) {
            *mine |= theirs;
        }
        self.texts.merge(other.texts);
        self.details.extend(other.details);
    }

    /// The messages of each thread, where details are the groups.
    pub(super) fn details(&mut self) -> &mut [Details] {
        &mut self.details
    }

    /// The keys of the most frequent details of the groups in these rows, by group.
    pub(super) fn top_details(
        &mut self,
        snapshot: &Snapshot<'_>,
        rows: &[u32],
    ) -> Result<HashMap<u32, u32>, ReportError> {
        let mut is_wanted = vec![false; self.tallies.len()];
        rows.iter().for_each(|&group| is_wanted[group as usize] = true);
        details::top(&mut self.details, snapshot, &is_wanted)
    }

    /// The groups of which something was counted.
    pub(super) fn groups(&self) -> Vec<u32> {
        let numbered = (0..).zip(&self.tallies);
        let seen = numbered.filter(|(_, tally)| tally.runs > 0);
        seen.map(|(group, _)| group).collect()
    }

    pub(super) fn errors(&self, group: u32) -> u64 {
        self.tallies[group as usize].by_category[0].into()
    }

    pub(super) fn messages(&self, group: u32) -> u64 {
        let by_category = self.tallies[group as usize].by_category;
        by_category.map(u64::from).iter().sum()
    }

    /// What was counted of a group, with its top text; `None` where that is nothing.
    pub(super) fn row<'g>(&self, group: u32, groups: &'g Groups, top_texts: &[u32]) -> Option<GroupRow<'g>> {
        let tally = &self.tallies[group as usize];
        let jobs = &self.jobs[group as usize * self.words..][..self.words];
        (tally.runs > 0).then(|| GroupRow {
            by_category: tally.by_category.map(u64::from),
            runs: tally.runs.into(),
            jobs: jobs.iter().map(|word| u64::from(word.count_ones())).sum(),
            first_ticks: Some(tally.first_ticks).filter(|&ticks| ticks != i64::MAX),
            last_ticks: Some(tally.last_ticks).filter(|&ticks| ticks != i64::MIN),
            owner: groups.owner(tally.owner),
            top_message: groups.text(top_texts[group as usize]),
        })
    }

    /// The most frequent text of each group; of equally frequent ones the first in order of letters.
    pub(super) fn top_texts(&mut self) -> Result<Vec<u32>, ReportError> {
        let mut top = vec![(0, NONE); self.tallies.len()];
        self.texts.each(|group, text, count| {
            let best = &mut top[group as usize];
            if (count, Reverse(text)) > (best.0, Reverse(best.1)) {
                *best = (count, text);
            }
        })?;
        Ok(top.into_iter().map(|(_, text)| text).collect())
    }
}

/// What all threads share.
struct Work<'w> {
    runs: &'w [RunToRead],
    next: AtomicUsize,
    scope: &'w Scope,
    groups: &'w Groups,
}

/// Counts the messages that the options ask for.
pub(super) fn count(snapshot: &Snapshot<'_>, scope: &Scope, groups: &Groups) -> Result<Counted, ReportError> {
    count_with(snapshot, scope, groups, |runs| {
        if runs < RUNS_FOR_THREADS {
            return 1;
        }
        let bytes_of_one = groups.len() * (size_of::<GroupTally>() + 8 * words(scope));
        memory::threads(MOST_THREADS.min(1 + MOST_BYTES / bytes_of_one.max(1)))
    })
}

/// Words of the bits of a group's jobs.
fn words(scope: &Scope) -> usize {
    scope.names().len().div_ceil(64)
}

/// The same with a number of threads for a number of runs.
fn count_with(
    snapshot: &Snapshot<'_>,
    scope: &Scope,
    groups: &Groups,
    threads: impl FnOnce(usize) -> usize,
) -> Result<Counted, ReportError> {
    let runs = RunToRead::read(snapshot, scope)?;
    let threads = threads(runs.len());
    let work = Work {
        runs: &runs,
        next: AtomicUsize::new(0),
        scope,
        groups,
    };
    let state = (snapshot.head(), snapshot.path());
    std::thread::scope(|threads_of_work| {
        let helpers: Vec<_> = (1..threads)
            .map_while(|_| {
                let help = || help(&work, state.1, &state.0);
                std::thread::Builder::new()
                    .spawn_scoped(threads_of_work, help)
                    .ok()
            })
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
fn help(work: &Work<'_>, path: &Path, head: &Sha256) -> Result<Option<Counted>, ReportError> {
    let Ok(reader) = ReadOnly::open(path) else {
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
    fn count(&self, snapshot: &Snapshot<'_>) -> Result<Counted, ReportError> {
        let mut counted = Counted::new(self.groups, words(self.scope));
        loop {
            let from = self.next.fetch_add(RUNS_AT_A_TIME, Ordering::Relaxed);
            if from >= self.runs.len() {
                return Ok(counted);
            }
            let to = self.runs.len().min(from + RUNS_AT_A_TIME);
            self.count_piece(snapshot, from..to, &mut counted)?;
        }
    }

    fn count_piece(
        &self,
        snapshot: &Snapshot<'_>,
        piece: Range<usize>,
        counted: &mut Counted,
    ) -> Result<(), ReportError> {
        let runs = &self.runs[piece];
        let (mut lost, mut failed) = (None, Ok(()));
        let mut at = 0;
        let mut seen = Vec::with_capacity(MESSAGES_AT_A_TIME);
        let include_absent = self.scope.options().include_absent;
        let with_details = self.groups.reads_details();
        // Runs that are not requested lie between those that are.
        for stretch in runs.chunk_by(|run, next| run.run_key() + 1 == next.run_key()) {
            let (first, last) = (stretch[0].run_key(), stretch[stretch.len() - 1].run_key());
            snapshot.each_message_facts(first, last, include_absent, with_details, |message| {
                while runs[at].run_key() < message.run_key {
                    at += 1;
                }
                seen.push((message, runs[at]));
                if seen.len() == MESSAGES_AT_A_TIME {
                    match self.see(&seen, counted) {
                        Ok(found) => lost = lost.or(found),
                        Err(error) => failed = Err(error),
                    }
                    seen.clear();
                }
            })?;
        }
        failed?;
        if let Some(run_key) = lost.or(self.see(&seen, counted)?) {
            let what =
                format!("a message of run {run_key} has a text, details or an asset that are not there");
            return Err(ArchiveError::Damaged { what }.into());
        }
        counted.details[0].resolve(snapshot)
    }

    /// Counts messages, each with its run. The key of a run where a text or an asset of one is not there.
    fn see(
        &self,
        messages: &[(MessageFacts, RunToRead)],
        counted: &mut Counted,
    ) -> Result<Option<i64>, ReportError> {
        let mut lost = None;
        let mut counting = [Counting::default(); MESSAGES_AT_A_TIME];
        let mut count = 0;
        for (message, run) in messages {
            let kind = self.groups.kind(message.kind_key);
            let asset = self.groups.asset(message.asset_key);
            let detail = message.detail_key.map_or(Ok(NO_KEY), u32::try_from);
            let (Some(kind), Some(asset), Ok(detail)) = (kind, asset, detail) else {
                lost = Some(message.run_key);
                continue;
            };
            let ticks = message
                .occurred_ticks
                .or(Some(run.started_ticks).filter(|&ticks| ticks != i64::MIN));
            if kind.counts && asset.counts && self.scope.has_time(ticks) {
                counting[count] = Counting {
                    // One of them decides the group, the others have none.
                    group: kind.group.min(asset.group),
                    text: kind.text,
                    detail,
                    owner: asset.owner,
                    category: kind.category,
                    ticks,
                    run: *run,
                };
                count += 1;
            }
        }
        counted.add(&counting[..count], self.groups)?;
        Ok(lost)
    }
}

/// A message that counts, and what for.
#[derive(Debug, Clone, Copy, Default)]
struct Counting {
    group: u32,
    text: u32,
    detail: u32,
    owner: u32,
    category: u8,
    ticks: Option<i64>,
    run: RunToRead,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::options::CommonOptions;
    use crate::report::reports::AssetErrors;
    use crate::report::testing::{TestArchive, TestMessage, TestRun};

    fn archive() -> TestArchive {
        let assets = ["a", "b", "c", "d", "e"];
        let runs: Vec<TestRun> = (0..1500)
            .map(|number| TestRun {
                job: number % 3,
                start: i64::try_from(number).ok(),
                messages: (0..number % 4)
                    .map(|message| TestMessage {
                        asset: Some(assets[number * message % 5]),
                        text: Some(assets[(number + message) % 5]),
                        owner: Some(assets[number % 4]),
                        ..TestMessage::default()
                    })
                    .collect(),
                ..TestRun::default()
            })
            .collect();
        TestArchive::new(&[None, None, None], &runs)
    }

    /// The rows that so many threads count, where `meanwhile` happens after the first has begun to read.
    fn counted(archive: &TestArchive, threads: usize, meanwhile: impl FnOnce()) -> Vec<String> {
        let reader = ReadOnly::open(&archive.path()).unwrap();
        let snapshot = reader.snapshot().unwrap();
        meanwhile();
        let scope = CommonOptions::default().scope(&snapshot).unwrap();
        let groups = Groups::read(&snapshot, &AssetErrors::default(), true).unwrap();
        let mut counted = count_with(&snapshot, &scope, &groups, |_| threads).unwrap();
        let top_texts = counted.top_texts().unwrap();
        let row = |group| format!("{:?}", counted.row(group, &groups, &top_texts));
        counted.groups().into_iter().map(row).collect()
    }

    #[test]
    fn any_number_of_threads_counts_the_same() {
        let archive = archive();
        let alone = counted(&archive, 1, || {});
        assert_eq!(alone.len(), 5);
        for threads in [2, 5] {
            assert_eq!(counted(&archive, threads, || {}), alone);
        }
    }

    #[test]
    fn a_thread_that_sees_another_state_counts_nothing() {
        let archive = archive();
        let alone = counted(&archive, 1, || {});
        let found = counted(&archive, 4, || {
            let connection = archive.connection();
            let entry = "INSERT INTO ledger SELECT max(entry_id) + 1, 'x', zeroblob(32) FROM ledger";
            connection
                .execute_batch(&format!(
                    "BEGIN; UPDATE _message SET asset_key = 1; {entry}; COMMIT"
                ))
                .unwrap();
        });
        assert_eq!(found, alone);
        assert_ne!(counted(&archive, 4, || {}), alone);
    }
}
