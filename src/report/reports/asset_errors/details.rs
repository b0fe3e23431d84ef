//! How often each group has each text of details.
//!
//! A text may be stored under several keys, and half of the texts may be unique: they are by far the largest part of what
//! there is to read, and neither they nor a number for each fit into memory. So each message with details becomes a record
//! of 16 bytes, with a hash of the text. Equal records go to the same of many parts, what is too much goes to a temporary
//! file, and in the end one part after the other is counted. The texts are read once, in the order in which they lie in the
//! file, and once more only those that win.

use std::collections::HashMap;
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{Read, Seek, SeekFrom, Write};

use foldhash::fast::FixedState;
use foldhash::quality::RandomState;

use crate::archive::{ArchiveError, Snapshot};
use crate::report::error::ReportError;

/// Parts; a power of two. At a hundred million messages one of them is counted in some 10 MB.
const PARTS: usize = 256;

/// Records of a part in memory; more go to the file.
const RECORDS_IN_MEMORY: usize = 1024;

const RECORD_BYTES: usize = 16;

/// Keys whose text is remembered by its hash; a power of two.
const REMEMBERED: usize = 1 << 15;

/// Keys closer than this are read together with those between them.
const NEAR: u32 = 4;

/// Candidates for the most frequent text, of all groups together, before those that have lost are dropped.
const MOST_CANDIDATES: usize = 1 << 19;

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

/// A message with details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    mark: u64,
    group: u32,
    key: u32,
}

impl Record {
    const fn part(self) -> usize {
        // An odd number close to 2^64 divided by the golden ratio (Knuth).
        let mixed = (self.mark ^ self.group as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize % PARTS
    }

    fn to_bytes(self) -> [u8; RECORD_BYTES] {
        (u128::from(self.mark) << 64 | u128::from(self.group) << 32 | u128::from(self.key)).to_ne_bytes()
    }

    const fn from_bytes(bytes: [u8; RECORD_BYTES]) -> Self {
        let all = u128::from_ne_bytes(bytes);
        Self {
            mark: (all >> 64) as u64,
            group: (all >> 32) as u32,
            key: all as u32,
        }
    }
}

/// The messages with details that one thread has seen.
#[derive(Debug)]
pub(super) struct Details {
    marks: Marks,
    /// Group and key of messages whose texts are not read yet.
    pending: Vec<(u32, u32)>,
    /// Keys that come again and again, with their marks: each at the place that its lowest bits say.
    remembered: Vec<(u32, u64)>,
    parts: Vec<Vec<Record>>,
    file: Option<File>,
    /// How often each part was written to the file: by so many records each time.
    blocks: Vec<u8>,
}

impl Details {
    /// All threads take the same `marks`.
    pub(super) fn new(marks: Marks) -> Self {
        Self {
            marks,
            pending: Vec::new(),
            remembered: Vec::new(),
            parts: Vec::new(),
            file: None,
            blocks: Vec::new(),
        }
    }

    /// Counts a message.
    pub(super) fn add(&mut self, group: u32, key: u32) {
        self.pending.push((group, key));
    }

    /// Reads the texts of the messages that were added.
    pub(super) fn resolve(&mut self, snapshot: &Snapshot<'_>) -> Result<(), ReportError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, Vec::new);
            self.remembered.resize(REMEMBERED, (0, 0));
        }
        let is_remembered = |key: u32| self.remembered[key as usize % REMEMBERED].0 == key && key != 0;
        let mut keys: Vec<u32> = self.pending.iter().map(|&(_, key)| key).collect();
        keys.retain(|&key| !is_remembered(key));
        keys.sort_unstable();
        keys.dedup();
        let marks = read(snapshot, &self.marks, &keys)?;
        for (group, key) in std::mem::take(&mut self.pending) {
            let place = key as usize % REMEMBERED;
            let mark = match self.remembered[place] {
                (at, mark) if at == key && key != 0 => mark,
                _ => marks[index_of(&keys, key)],
            };
            if mark != 0 {
                self.put(Record { mark, group, key })?;
            }
        }
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

    fn put(&mut self, record: Record) -> Result<(), ReportError> {
        let number = record.part();
        let part = &mut self.parts[number];
        part.push(record);
        if part.len() == RECORDS_IN_MEMORY {
            write(&mut self.file, part).map_err(temporary)?;
            part.clear();
            self.blocks
                .push(u8::try_from(number).expect("there are 256 parts"));
        }
        Ok(())
    }

    /// Shows every record of a part.
    fn each_of(&mut self, number: usize, mut see: impl FnMut(Record)) -> Result<(), ReportError> {
        self.parts
            .get(number)
            .into_iter()
            .flatten()
            .for_each(|&record| see(record));
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut bytes = vec![0; RECORDS_IN_MEMORY * RECORD_BYTES];
        let blocks = (0..).zip(&self.blocks);
        for (block, _) in blocks.filter(|&(_, &part)| usize::from(part) == number) {
            let from = block * bytes.len() as u64;
            file.seek(SeekFrom::Start(from))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(temporary)?;
            for record in bytes.as_chunks().0 {
                see(Record::from_bytes(*record));
            }
        }
        Ok(())
    }
}

fn write(file: &mut Option<File>, records: &[Record]) -> std::io::Result<()> {
    let file = match file {
        Some(file) => file,
        none => none.insert(tempfile::tempfile()?),
    };
    let bytes: Vec<u8> = records.iter().flat_map(|record| record.to_bytes()).collect();
    file.write_all(&bytes)
}

fn temporary(source: std::io::Error) -> ReportError {
    ReportError::Temporary {
        folder: std::env::temp_dir(),
        source,
    }
}

/// The marks of the texts with these keys, which are in order.
fn read(snapshot: &Snapshot<'_>, marks: &Marks, keys: &[u32]) -> Result<Vec<u64>, ArchiveError> {
    let mut found = Vec::with_capacity(keys.len());
    for near in keys.chunk_by(|key, next| next - key < NEAR) {
        let (first, last) = (near[0].into(), near[near.len() - 1].into());
        snapshot.each_detail_bytes(first, last, |key, text| {
            if keys.get(found.len()).is_some_and(|&next| i64::from(next) == key) {
                found.push(marks.of(text));
            }
        })?;
    }
    if found.len() < keys.len() {
        return Err(ArchiveError::Damaged {
            what: "a message has details that are not there".to_owned(),
        });
    }
    Ok(found)
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
    let mut best = Best {
        most: vec![0; is_wanted.len()],
        candidates: Vec::new(),
    };
    let mut counts: HashMap<(u64, u32), (u32, u32), FixedState> = HashMap::default();
    for number in 0..PARTS {
        for details in &mut *all {
            details.each_of(number, |record| {
                if is_wanted[record.group as usize] {
                    let (key, count) = counts
                        .entry((record.mark, record.group))
                        .or_insert((record.key, 0));
                    *key = (*key).min(record.key);
                    *count += 1;
                }
            })?;
        }
        for ((_, group), (key, count)) in counts.drain() {
            best.see(group, key, count);
        }
        if best.candidates.len() > MOST_CANDIDATES {
            best.reduce(snapshot)?;
        }
    }
    best.reduce(snapshot)?;
    let won = best.candidates.into_iter();
    Ok(won.map(|(group, key, _)| (group, key)).collect())
}

/// The most frequent texts so far.
struct Best {
    /// How often the most frequent one of each group is there.
    most: Vec<u32>,
    /// Group, key and count of those that were as frequent when they were seen.
    candidates: Vec<(u32, u32, u32)>,
}

impl Best {
    fn see(&mut self, group: u32, key: u32, count: u32) {
        let most = &mut self.most[group as usize];
        if count >= *most {
            *most = count;
            self.candidates.push((group, key, count));
        }
    }

    /// Leaves one of each group: of equally frequent texts the first by bytes.
    fn reduce(&mut self, snapshot: &Snapshot<'_>) -> Result<(), ArchiveError> {
        let most = &self.most;
        self.candidates
            .retain(|&(group, _, count)| count == most[group as usize]);
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
    fn a_record_is_written_as_it_is_read() {
        let record = Record {
            mark: 0x0102_0304_0506_0708,
            group: 0x0A0B_0C0D,
            key: u32::MAX - 1,
        };
        assert_eq!(Record::from_bytes(record.to_bytes()), record);
    }

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
        for times in [1, 3 * PARTS * RECORDS_IN_MEMORY / keys.len()] {
            let marks = Marks::default();
            let mut threads = [Details::new(marks.clone()), Details::new(marks)];
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
            assert_eq!(threads[0].file.is_some(), times > 1);
            let found = top(&mut threads, &snapshot, &[true, true, false]).unwrap();
            let texts: Vec<String> = [0]
                .iter()
                .map(|group| snapshot.detail(found[group].into()).unwrap())
                .collect();
            assert_eq!((found.len(), texts), (1, vec!["b".to_owned()]));
        }
    }
}
