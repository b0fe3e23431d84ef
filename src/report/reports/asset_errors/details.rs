//! How often each group has each text of details.
//!
//! Details are counted by their key in the archive, and few texts are ever looked at: half of them may be unique, and
//! then they are by far the largest part of what there is to read.

use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use foldhash::quality::RandomState;

use super::texts::TextCounts;
use crate::archive::{ArchiveError, Snapshot};

/// Messages by group and key of details.
#[derive(Debug)]
pub(super) struct Details {
    /// For each key its first group, and the count there. Most details are those of one message, and keys come in
    /// the order of messages: this is written from the front to the back, and pages that a thread does not touch take no
    /// memory.
    first: Vec<(u32, u32)>,
    /// The other groups of a key.
    others: TextCounts,
}

impl Details {
    /// For so many keys; higher ones are counted too, and take more time and memory.
    pub(super) fn new(keys: usize) -> Self {
        Self {
            first: vec![(0, 0); keys],
            others: TextCounts::sparse(),
        }
    }

    /// Counts `count` more.
    pub(super) fn add(&mut self, group: u32, key: u32, count: u32) {
        match self.first.get_mut(key as usize) {
            Some(first) if first.1 == 0 => *first = (group, count),
            Some(first) if first.0 == group => first.1 += count,
            _ => self.others.add(group, key, count),
        }
    }

    /// Shows every pair that was counted: group, key, count.
    pub(super) fn each(&self, mut see: impl FnMut(u32, u32, u32)) {
        for (key, &(group, count)) in (0..).zip(&self.first) {
            if count > 0 {
                see(group, key, count);
            }
        }
        self.others.each(see);
    }

    /// Counts equal texts as one, and empty ones not at all.
    pub(super) fn join(&mut self, repeated: &Repeated) {
        if repeated.0.is_empty() {
            return;
        }
        let mut moved = self.others.take(|key| repeated.0.contains_key(&key));
        for &key in repeated.0.keys() {
            if let Some(first) = self.first.get_mut(key as usize) {
                let (group, count) = std::mem::take(first);
                moved.push((group, key, count));
            }
        }
        for (group, key, count) in moved {
            if let Some(lowest) = repeated.0[&key].filter(|_| count > 0) {
                self.add(group, lowest, count);
            }
        }
    }

    /// The most frequent text of each group that `is_wanted`, by group; of equally frequent ones the first by bytes.
    pub(super) fn top(
        &self,
        snapshot: &Snapshot<'_>,
        is_wanted: &[bool],
    ) -> Result<HashMap<u32, String>, ArchiveError> {
        let mut most = vec![0; is_wanted.len()];
        self.each(|group, _, count| most[group as usize] = most[group as usize].max(count));
        let mut candidates = Vec::new();
        self.each(|group, key, count| {
            if is_wanted[group as usize] && count == most[group as usize] {
                candidates.push((key, group));
            }
        });
        // Neighbours in the file one after the other.
        candidates.sort_unstable();
        let mut top: HashMap<u32, String> = HashMap::new();
        let mut same = None;
        for (key, group) in candidates {
            let text = match same.take() {
                Some((of, text)) if of == key => text,
                _ => snapshot.detail(key.into())?,
            };
            match top.get_mut(&group) {
                None => {
                    top.insert(group, text.clone());
                }
                Some(best) if text < *best => best.clone_from(&text),
                Some(_) => {}
            }
            same = Some((key, text));
        }
        Ok(top)
    }
}

/// Stands for texts of details. A text may be stored under several keys, and to hold all texts would take too much memory:
/// a keyed hash of 64 bits is held of each. Among 30 million texts two are taken for one once in 40,000 times, and nobody
/// can look for such texts, since the key is drawn anew each time.
#[derive(Debug, Default)]
pub(super) struct Marks(RandomState);

impl Marks {
    pub(super) fn of(&self, text: &[u8]) -> u64 {
        self.0.hash_one(text)
    }
}

/// Keys whose text another key has too, each with the key that stands for all of them; and those of an empty text, with
/// none.
#[derive(Debug, Default)]
pub(super) struct Repeated(HashMap<u32, Option<u32>, FixedState>);

impl Repeated {
    /// Looks through all details.
    pub(super) fn read(snapshot: &Snapshot<'_>) -> Result<Self, ArchiveError> {
        let mut repeated = Self::default();
        let marks = Marks::default();
        let mut marked: Vec<(u64, u32)> = Vec::new();
        snapshot.each_detail_bytes(|key, text| {
            // A message with a key that is none is damage, which counting finds.
            let Ok(key) = u32::try_from(key) else { return };
            if text.is_empty() {
                repeated.0.insert(key, None);
            } else {
                marked.push((marks.of(text), key));
            }
        })?;
        // Quicker than to look each of them up, and they are rarely repeated.
        marked.sort_unstable();
        for same in marked.chunk_by(|(a, _), (b, _)| a == b) {
            let (first, others) = same.split_first().expect("a chunk is not empty");
            repeated
                .0
                .extend(others.iter().map(|&(_, key)| (key, Some(first.1))));
        }
        Ok(repeated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(details: &Details) -> Vec<(u32, u32, u32)> {
        let mut found = Vec::new();
        details.each(|group, key, count| found.push((group, key, count)));
        found.sort_unstable();
        found
    }

    #[test]
    fn equal_texts_count_as_one_wherever_their_keys_lie_and_empty_ones_not_at_all() {
        for keys in [0, 3, 10] {
            let mut details = Details::new(keys);
            for (group, key) in [
                (0, 1),
                (0, 2),
                (1, 1),
                (1, 2),
                (1, 2),
                (0, 5),
                (2, 5),
                (0, 7),
                (1, 7),
            ] {
                details.add(group, key, 1);
            }
            assert_eq!(counted(&details).len(), 8, "{keys}");
            let repeated = [(2, Some(1)), (7, None), (9, Some(1))];
            details.join(&Repeated(repeated.into_iter().collect()));
            let expected = [(0, 1, 2), (0, 5, 1), (1, 1, 3), (2, 5, 1)];
            assert_eq!(counted(&details), expected, "{keys}");
        }
    }
}
