//! Rows by the text of details. Every message may have one of its own, so neither the texts nor the counts fit into memory:
//! messages are counted part by part (see [`details`]), and of those rows that are asked for the texts are read and sorted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use foldhash::fast::FixedState;

use super::details::{self, NO_KEY};
use super::parts::{PARTS, Parts};
use super::scan::{Counted, GroupRow};
use super::sorted::{Rank, Sorted};
use crate::archive::{ArchiveError, Snapshot};
use crate::report::error::ReportError;

/// Neighbouring keys whose rows are in one part, so that their texts are read together.
const KEYS_TOGETHER: u64 = 1 << 12;

/// Rows up to which those with the best ranks are looked for before any text is read.
const MOST_BEST: usize = 1 << 16;

/// What is counted of a text in one span.
#[derive(Debug, Clone, Copy)]
struct DetailTally {
    by_category: [u32; 4],
    runs: u32,
    jobs: u32,
    /// [`i64::MAX`] where no message has a time.
    first_ticks: i64,
    /// [`i64::MIN`] where no message has a time.
    last_ticks: i64,
    last_run: i64,
}

impl DetailTally {
    const WORDS: usize = 5;

    const EMPTY: Self = Self {
        by_category: [0; 4],
        runs: 0,
        jobs: 0,
        first_ticks: i64::MAX,
        last_ticks: i64::MIN,
        last_run: i64::MIN,
    };

    fn to_words(self) -> [u64; Self::WORDS] {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let [errors, warnings, information, other] = self.by_category;
        [
            pair(errors, warnings),
            pair(information, other),
            pair(self.runs, self.jobs),
            self.first_ticks.cast_unsigned(),
            self.last_ticks.cast_unsigned(),
        ]
    }
}

/// The row that a tally's words say; `None` where nothing was counted.
fn row(words: &[u64]) -> Option<GroupRow<'static>> {
    let (high, low) = (|word: u64| word >> 32, |word: u64| word & u64::from(u32::MAX));
    let [first, last] = [words[3], words[4]].map(u64::cast_signed);
    (words[2] > 0).then(|| GroupRow {
        by_category: [high(words[0]), low(words[0]), high(words[1]), low(words[1])],
        runs: high(words[2]),
        jobs: low(words[2]),
        first_ticks: Some(first).filter(|&ticks| ticks != i64::MAX),
        last_ticks: Some(last).filter(|&ticks| ticks != i64::MIN),
        owner: None,
        top_message: None,
    })
}

fn rows<const SPANS: usize>(words: &[u64]) -> [Option<GroupRow<'static>>; SPANS] {
    std::array::from_fn(|span| row(&words[span * DetailTally::WORDS..][..DetailTally::WORDS]))
}

/// Leaves out rows that cannot be among the first, so that few texts are read.
struct Best {
    most: usize,
    ranks: BinaryHeap<Reverse<Rank>>,
}

impl Best {
    fn may_have(&mut self, rank: Rank) -> bool {
        if self.most > MOST_BEST {
            return true;
        }
        if self.ranks.len() == self.most {
            if self.ranks.peek().is_none_or(|least| rank < least.0) {
                return false;
            }
            self.ranks.pop();
        }
        self.ranks.push(Reverse(rank));
        true
    }
}

/// Yields the first `most` rows that have a rank, in the order of ranks and then of texts: what was counted in each span,
/// and the text.
pub(super) fn each<const SPANS: usize>(
    mut counted: [Counted; SPANS],
    snapshot: &Snapshot<'_>,
    most: usize,
    rank: impl Fn(&[Option<GroupRow<'_>>; SPANS]) -> Option<Rank>,
    mut see: impl FnMut([Option<GroupRow<'_>>; SPANS], Option<&str>) -> Result<(), ReportError>,
) -> Result<(), ReportError> {
    let words = SPANS * DetailTally::WORDS;
    let mut by_key = Parts::new(1 + words);
    let mut best = Best {
        most,
        ranks: BinaryHeap::new(),
    };
    for number in 0..PARTS {
        for (mark, (key, tallies)) in tallies(&mut counted, number)? {
            // Messages without details and those with empty ones are one row.
            let key = if mark == 0 { NO_KEY } else { key };
            let mut record = vec![u64::from(key)];
            record.extend(tallies.iter().flat_map(|tally| tally.to_words()));
            if rank(&rows(&record[1..])).is_some_and(|rank| best.may_have(rank)) {
                by_key.put(u64::from(key) / KEYS_TOGETHER, &record)?;
            }
        }
    }
    drop(counted);
    let mut sorted = Sorted::new(words);
    for number in 0..PARTS {
        let mut records = Vec::new();
        by_key.each_of(number, |record| records.extend_from_slice(record))?;
        let mut records: Vec<&[u64]> = records.chunks_exact(1 + words).collect();
        records.sort_unstable_by_key(|record| record[0]);
        let mut add = |record: &[u64], text: Option<&[u8]>| {
            let words = &record[1..];
            rank(&rows(words)).map_or(Ok(()), |rank| sorted.add(rank, text, words))
        };
        if let Some(without) = records.pop_if(|record| record[0] == u64::from(NO_KEY)) {
            add(without, None)?;
        }
        let keys: Vec<u32> = records.iter().map(|record| record[0] as u32).collect();
        let mut records = records.iter();
        details::each_text(snapshot, &keys, |text| {
            records.next().map_or(Ok(()), |record| add(record, Some(text)))
        })?;
    }
    sorted.each(most, |text, words| {
        let text = text.map(str::from_utf8).transpose();
        let text = text.map_err(|_| ArchiveError::Damaged {
            what: "details of a message are not UTF-8".to_owned(),
        })?;
        see(rows(words), text)
    })
}

type Tallies<const SPANS: usize> = HashMap<u64, (u32, [DetailTally; SPANS]), FixedState>;

/// What the messages in a part count for, by the marks of their texts, with the least key of each text.
fn tallies<const SPANS: usize>(
    counted: &mut [Counted; SPANS],
    number: u64,
) -> Result<Tallies<SPANS>, ReportError> {
    let mut found = Tallies::default();
    let mut jobs: HashSet<(u64, usize, usize), FixedState> = HashSet::default();
    for (span, counted) in counted.iter_mut().enumerate() {
        for details in counted.details() {
            // The messages of a run follow each other, and no other thread has any of them.
            details.each_of(number, |mark, message| {
                let new = || (message.key, [DetailTally::EMPTY; SPANS]);
                let (key, tallies) = found.entry(mark).or_insert_with(new);
                *key = message.key.min(*key);
                let tally = &mut tallies[span];
                tally.by_category[usize::from(message.category)] += 1;
                if message.ticks != i64::MIN {
                    tally.first_ticks = tally.first_ticks.min(message.ticks);
                    tally.last_ticks = tally.last_ticks.max(message.ticks);
                }
                if tally.last_run != message.run.run_key() {
                    tally.last_run = message.run.run_key();
                    tally.runs += 1;
                    tally.jobs += u32::from(jobs.insert((mark, span, message.run.job())));
                }
            })?;
        }
    }
    Ok(found)
}
