//! How often each group has each text of details.
//!
//! A text may be stored under several keys, and half of the texts may be unique: they are by far the largest part of what
//! there is to read, and neither they nor a number for each fit into memory. So each message with details becomes a record
//! of 16 bytes, with a hash of the text (of 32 where the texts are the groups). Equal records go to the same of many parts,
//! and in the end one part after the other is counted (see [`Parts`]). The texts are read once, in the order in which they
//! lie in the file, and once more only those that win.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use foldhash::quality::RandomState;

use super::parts::{PARTS, Parts};
use super::run_to_read::RunToRead;
use crate::archive::{ArchiveError, Snapshot};
use crate::report::error::ReportError;

/// Stands for a message without details: keys count from 1.
pub(super) const NO_KEY: u32 = u32::MAX;

/// Keys whose text is remembered by its hash; a power of two.
const REMEMBERED: usize = 1 << 15;

/// Keys closer than this are read together with those between them.
const NEAR: u32 = 4;

/// Candidates for the most frequent text that are kept at least before those that have lost are dropped. With those of one
/// more part they fit into 2^19 places of memory.
const MOST_CANDIDATES: usize = 7 << 16;

/// Stands for a text: a keyed hash of 64 bits. Among 30 million texts two are taken for one once in 40,000 times, and
/// nobody can look for such texts, since the key is drawn anew each time.
#[derive(Debug, Default, Clone)]
pub(super) struct Marks(RandomState);

impl Marks {
    /// The mark of a text; 0 of the empty one alone.
    pub(super) fn of(&self, text: &[u8]) -> u64 {
        if text.is_empty() {
            return 0;
        }
        self.0.hash_one(text).max(1)
    }
}

/// The messages that one thread has seen.
#[derive(Debug)]
pub(super) struct Details {
    marks: Marks,
    /// Whether the texts are the groups.
    are_groups: bool,
    /// Records of messages whose texts are not read yet.
    pending: Vec<u64>,
    /// Keys that come again and again, with their marks: each at the place that its lowest bits say.
    remembered: Vec<(u32, u64)>,
    /// Records: the mark, and the key beneath what the second half of that word has; then the rest.
    parts: Parts,
}

/// A message where the texts are the groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageOfText {
    /// Of its details; [`NO_KEY`] where it has none.
    pub(super) key: u32,
    pub(super) category: u8,
    /// Its time; [`i64::MIN`] where there is none.
    pub(super) ticks: i64,
    pub(super) run: RunToRead,
}

impl Details {
    /// All threads take the same `marks`.
    pub(super) fn new(marks: Marks, are_groups: bool) -> Self {
        Self {
            marks,
            are_groups,
            pending: Vec::new(),
            remembered: Vec::new(),
            parts: Parts::new(words(are_groups)),
        }
    }

    /// Counts a message with details.
    pub(super) fn add(&mut self, group: u32, key: u32) {
        self.pending.extend([0, pair(group, key)]);
    }

    /// Counts a message where the texts are the groups.
    pub(super) fn add_to_text(&mut self, key: u32, category: u8, ticks: i64, run: RunToRead) {
        let rest = [ticks, run.key_and_job].map(i64::cast_unsigned);
        self.pending
            .extend([0, pair(category.into(), key), rest[0], rest[1]]);
    }

    /// Reads the texts of the messages that were added.
    pub(super) fn resolve(&mut self, snapshot: &Snapshot<'_>) -> Result<(), ReportError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.remembered.resize(REMEMBERED, (0, 0));
        let words = words(self.are_groups);
        let is_remembered = |key: u32| self.remembered[key as usize % REMEMBERED].0 == key && key != 0;
        let keys = self.pending.chunks_exact(words).map(|record| halves(record[1]).1);
        let mut keys: Vec<u32> = keys.filter(|&key| key != NO_KEY && !is_remembered(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut marks = Vec::with_capacity(keys.len());
        each_text(snapshot, &keys, |text| {
            marks.push(self.marks.of(text));
            Ok(())
        })?;
        for record in self.pending.chunks_exact_mut(words) {
            let (group, key) = halves(record[1]);
            let mark = match self.remembered[key as usize % REMEMBERED] {
                _ if key == NO_KEY => 0,
                (at, mark) if at == key && key != 0 => mark,
                _ => marks[index_of(&keys, key)],
            };
            record[0] = mark;
            if self.are_groups {
                self.parts.put(mixed(mark), record)?;
            } else if mark != 0 {
                self.parts.put(mixed(mark ^ u64::from(group)), record)?;
            }
        }
        self.pending.clear();
        // Keys come in the order of messages: one that lies alone was stored long before, and comes again.
        let mut at = 0;
        for near in keys.chunk_by(|key, next| next - key < NEAR) {
            if near.len() <= NEAR as usize {
                for (key, mark) in near.iter().zip(&marks[at..]) {
                    self.remembered[*key as usize % REMEMBERED] = (*key, *mark);
                }
            }
            at += near.len();
        }
        Ok(())
    }

    /// Shows every message of a part, with the mark of its text.
    pub(super) fn each_of(
        &mut self,
        number: u64,
        mut see: impl FnMut(u64, MessageOfText),
    ) -> Result<(), ReportError> {
        self.parts.each_of(number, |record| {
            let (category, key) = halves(record[1]);
            let message = MessageOfText {
                key,
                category: category as u8,
                ticks: record[2].cast_signed(),
                run: RunToRead {
                    key_and_job: record[3].cast_signed(),
                    started_ticks: i64::MIN,
                },
            };
            see(record[0], message);
        })
    }
}

/// Words of a record.
const fn words(are_groups: bool) -> usize {
    if are_groups { 4 } else { 2 }
}

const fn pair(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

const fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// The part of a record.
const fn mixed(number: u64) -> u64 {
    // An odd number close to 2^64 divided by the golden ratio (Knuth).
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

/// Shows the texts with these keys, which are in order.
pub(super) fn each_text(
    snapshot: &Snapshot<'_>,
    keys: &[u32],
    mut see: impl FnMut(&[u8]) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let mut left = keys.iter().copied().peekable();
    for near in keys.chunk_by(|key, next| next - key < NEAR) {
        let (first, last) = (near[0].into(), near[near.len() - 1].into());
        snapshot.each_detail_bytes(first, last, |key, text| {
            match left.next_if(|&next| i64::from(next) == key) {
                Some(_) => see(text),
                None => Ok(()),
            }
        })?;
    }
    if left.next().is_some() {
        return Err(ArchiveError::Damaged {
            what: "a message has details that are not there".to_owned(),
        }
        .into());
    }
    Ok(())
}

/// Where a key stands in `keys`, which are in order and most often without a gap at their end.
fn index_of(keys: &[u32], key: u32) -> usize {
    let guess = || {
        let before_last = keys.last()?.checked_sub(key)?;
        let index = keys.len().checked_sub(before_last as usize + 1)?;
        (keys[index] == key).then_some(index)
    };
    guess()
        .or_else(|| keys.binary_search(&key).ok())
        .expect("every key was read")
}

/// The key of the most frequent text of each group that `is_wanted`, by group; of equally frequent ones the first by bytes.
/// Each of `all` is what one thread has seen.
pub(super) fn top(
    all: &mut [Details],
    snapshot: &Snapshot<'_>,
    is_wanted: &[bool],
) -> Result<HashMap<u32, u32>, ReportError> {
    let mut best = MostFrequent {
        most: vec![0; is_wanted.len()],
        candidates: Vec::new(),
    };
    // Each group keeps one.
    let most_candidates = MOST_CANDIDATES.max(2 * is_wanted.iter().filter(|wanted| **wanted).count());
    let mut counts: HashMap<(u64, u32), (u32, u32), FixedState> = HashMap::default();
    for number in 0..PARTS {
        for details in &mut *all {
            details.parts.each_of(number, |record| {
                let (group, at) = halves(record[1]);
                if is_wanted[group as usize] {
                    let (key, count) = counts.entry((record[0], group)).or_insert((at, 0));
                    *key = at.min(*key);
                    *count += 1;
                }
            })?;
        }
        for ((_, group), (key, count)) in counts.drain() {
            best.see(group, key, count);
        }
        if best.candidates.len() > most_candidates {
            best.drop_lost();
            // Reading the texts of those that are equally frequent takes far longer.
            if best.candidates.len() > most_candidates / 4 * 3 {
                best.reduce(snapshot)?;
            }
        }
    }
    best.reduce(snapshot)?;
    let won = best.candidates.into_iter();
    Ok(won.map(|(group, key, _)| (group, key)).collect())
}

/// The most frequent texts so far.
struct MostFrequent {
    /// How often the most frequent one of each group is there.
    most: Vec<u32>,
    /// Group, key and count of those that were as frequent when they were seen.
    candidates: Vec<(u32, u32, u32)>,
}

impl MostFrequent {
    fn see(&mut self, group: u32, key: u32, count: u32) {
        let most = &mut self.most[group as usize];
        if count >= *most {
            *most = count;
            self.candidates.push((group, key, count));
        }
    }

    /// Drops those that a more frequent text of their group has beaten since.
    fn drop_lost(&mut self) {
        let most = &self.most;
        self.candidates
            .retain(|&(group, _, count)| count == most[group as usize]);
    }

    /// Leaves one of each group: of equally frequent texts the first by bytes.
    fn reduce(&mut self, snapshot: &Snapshot<'_>) -> Result<(), ArchiveError> {
        self.drop_lost();
        self.candidates.sort_unstable();
        let mut left = 0;
        let mut first: Option<String> = None;
        for at in 1..self.candidates.len() {
            let (mine, other) = (self.candidates[left], self.candidates[at]);
            if mine.0 == other.0 {
                let text = match first.take() {
                    Some(text) => text,
                    None => snapshot.detail(mine.1.into())?,
                };
                let next = snapshot.detail(other.1.into())?;
                if next < text {
                    self.candidates[left] = other;
                }
                first = Some(text.min(next));
            } else {
                left += 1;
                self.candidates[left] = other;
                first = None;
            }
        }
        self.candidates.truncate(left + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::ReadOnly;
    use crate::report::testing::{TestArchive, TestMessage, TestRun};

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let keys = [2, 7, 100, 101, 102];
        for (index, &key) in keys.iter().enumerate() {
            assert_eq!(index_of(&keys, key), index);
        }
    }

    #[test]
    fn texts_are_counted_however_many_keys_they_have_and_wherever_their_records_lie() {
        // Every other text is stored again; "b" is then as frequent as "c", and stands before it.
        let texts = ["c", "b", "", "a", "b", "c", "d", "c", "b"];
        let messages = texts.iter().map(|&text| TestMessage {
            details: Some(text),
            ..TestMessage::default()
        });
        let archive = TestArchive::new(
            &[None],
            &[TestRun {
                messages: messages.collect(),
                ..TestRun::default()
            }],
        );
        let reader = ReadOnly::open(&archive.path()).unwrap();
        let snapshot = reader.snapshot().unwrap();
        let mut keys = Vec::new();
        let all = i64::MIN..=i64::MAX;
        let add = |message: crate::archive::MessageKeys| {
            keys.push(u32::try_from(message.detail_key.unwrap()).unwrap())
        };
        snapshot.each_message_keys(*all.start(), *all.end(), add).unwrap();
        // Once in memory, once with so many that they go to the file; the second thread has the last message alone.
        for times in [1, 1_000_000 / keys.len()] {
            let marks = Marks::default();
            let mut threads = [marks.clone(), marks].map(|marks| Details::new(marks, false));
            for _ in 0..times {
                for (index, &key) in keys.iter().enumerate() {
                    let thread = &mut threads[index / (keys.len() - 1)];
                    thread.add(0, key);
                    thread.add(2, keys[6]);
                }
                threads
                    .iter_mut()
                    .for_each(|thread| thread.resolve(&snapshot).unwrap());
            }
            assert_eq!(threads[0].parts.is_in_file(), times > 1);
            let found = top(&mut threads, &snapshot, &[true, true, false]).unwrap();
            let texts: Vec<String> = [0]
                .iter()
                .map(|group| snapshot.detail(found[group].into()).unwrap())
                .collect();
            assert_eq!((found.len(), texts), (1, vec!["b".to_owned()]));
        }
    }
}
