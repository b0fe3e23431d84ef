//! How often each group has each text.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Counts that a table without gaps may have: 16 MiB a thread. Below that it is twice as quick as a map.
const MOST_IN_TABLE: usize = 4 * 1024 * 1024;

/// Messages by group and text.
#[derive(Debug)]
pub(super) enum TextCounts {
    /// A count for each pair that there could be: few texts, as servers have them.
    Table {
        /// Counts of the first group, then of the second, and so on.
        counts: Vec<u32>,
        width: usize,
    },
    /// Only pairs that there are: every message may have a text of its own.
    Map(HashMap<(u32, u32), u32, BuildHasherDefault<PairHasher>>),
}

impl TextCounts {
    pub(super) fn new(groups: usize, texts: usize) -> Self {
        match groups.checked_mul(texts) {
            Some(pairs) if pairs <= MOST_IN_TABLE => Self::Table {
                counts: vec![0; pairs],
                width: texts,
            },
            _ => Self::Map(HashMap::default()),
        }
    }

    /// Counts `count` more.
    pub(super) fn add(&mut self, group: u32, text: u32, count: u32) {
        match self {
            Self::Table { counts, width } => counts[group as usize * *width + text as usize] += count,
            Self::Map(counts) => *counts.entry((group, text)).or_default() += count,
        }
    }

    /// Shows every pair that was counted: group, text, count.
    pub(super) fn each(&self, mut see: impl FnMut(u32, u32, u32)) {
        match self {
            Self::Table { counts, width } => {
                for (group, counts) in (0..).zip(counts.chunks((*width).max(1))) {
                    let counted = (0..).zip(counts).filter(|(_, count)| **count > 0);
                    counted.for_each(|(text, &count)| see(group, text, count));
                }
            }
            Self::Map(counts) => counts
                .iter()
                .for_each(|(&(group, text), &count)| see(group, text, count)),
        }
    }
}

/// Mixes the two halves of a pair by multiplication: quick, and nobody from outside chooses the numbers.
#[derive(Debug, Default)]
pub(super) struct PairHasher(u64);

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn counted(mut texts: TextCounts) -> BTreeMap<(u32, u32), u32> {
        for number in 0..1000_u32 {
            texts.add(number % 7, number * number % 11, 1 + number % 2);
        }
        let mut found = BTreeMap::new();
        texts.each(|group, text, count| assert_eq!(found.insert((group, text), count), None));
        found
    }

    #[test]
    fn a_map_counts_as_a_table_does() {
        assert!(matches!(TextCounts::new(7, 11), TextCounts::Table { .. }));
        assert!(matches!(TextCounts::new(1 << 20, 1 << 20), TextCounts::Map(_)));
        let found = counted(TextCounts::new(7, 11));
        assert_eq!(found.values().sum::<u32>(), 1500);
        assert_eq!(counted(TextCounts::new(1 << 20, 1 << 20)), found);
    }

    #[test]
    fn no_texts_are_no_counts() {
        TextCounts::new(3, 0).each(|_, _, _| panic!("there is none"));
    }
}
