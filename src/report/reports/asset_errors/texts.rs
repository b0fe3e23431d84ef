//! How often each group has each text.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::parts::{PARTS, Parts};
use crate::report::error::ReportError;

/// Counts that a table without gaps may have: 8 MiB a thread.
const MOST_IN_TABLE: usize = 2 * 1024 * 1024;

/// Messages by group and text.
#[derive(Debug)]
pub(super) enum TextCounts {
    /// A count for each pair that there could be: few texts, as servers have them.
    Table {
        /// Counts of the first group, then of the second, and so on.
        counts: Vec<u32>,
        width: usize,
    },
    /// A record for each message, of each thread: every message may have a text of its own.
    Parts(Vec<Parts>),
}

impl TextCounts {
    pub(super) fn new(groups: usize, texts: usize) -> Self {
        match groups.checked_mul(texts) {
            Some(pairs) if pairs <= MOST_IN_TABLE => Self::Table {
                counts: vec![0; pairs],
                width: texts,
            },
            _ => Self::Parts(vec![Parts::new(1)]),
        }
    }

    /// Counts a message.
    pub(super) fn add(&mut self, group: u32, text: u32) -> Result<(), ReportError> {
        match self {
            Self::Table { counts, width } => counts[group as usize * *width + text as usize] += 1,
            Self::Parts(parts) => {
                let record = u64::from(group) << 32 | u64::from(text);
                parts[0].put(group.into(), &[record])?;
            }
        }
        Ok(())
    }

    /// Adds what another thread counted of the same groups and texts.
    pub(super) fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Table { counts, .. }, Self::Table { counts: theirs, .. }) => {
                for (mine, theirs) in counts.iter_mut().zip(theirs) {
                    *mine += theirs;
                }
            }
            (Self::Parts(mine), Self::Parts(theirs)) => mine.extend(theirs),
            _ => unreachable!("each thread counts the same groups and texts"),
        }
    }

    /// Shows every pair that was counted: group, text, count.
    pub(super) fn each(&mut self, mut see: impl FnMut(u32, u32, u32)) -> Result<(), ReportError> {
        match self {
            Self::Table { counts, width } => {
                for (group, counts) in (0..).zip(counts.chunks((*width).max(1))) {
                    let counted = (0..).zip(counts).filter(|(_, count)| **count > 0);
                    counted.for_each(|(text, &count)| see(group, text, count));
                }
            }
            Self::Parts(parts) => {
                let mut counts: HashMap<u64, u32, FixedState> = HashMap::default();
                for number in 0..PARTS {
                    for parts in &mut *parts {
                        parts.each_of(number, |record| *counts.entry(record[0]).or_default() += 1)?;
                    }
                    for (pair, count) in counts.drain() {
                        see((pair >> 32) as u32, pair as u32, count);
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn counted(groups: usize, texts: usize) -> BTreeMap<(u32, u32), u32> {
        let mut threads = [TextCounts::new(groups, texts), TextCounts::new(groups, texts)];
        for number in 0..1000_u32 {
            let thread = &mut threads[number as usize % 3 / 2];
            thread.add(number % 7, number * number % 11).unwrap();
        }
        let [mut counts, other] = threads;
        counts.merge(other);
        let mut found = BTreeMap::new();
        counts
            .each(|group, text, count| assert_eq!(found.insert((group, text), count), None))
            .unwrap();
        found
    }

    #[test]
    fn what_goes_to_a_file_is_counted_as_what_stays_in_memory() {
        assert!(matches!(TextCounts::new(7, 11), TextCounts::Table { .. }));
        assert!(matches!(TextCounts::new(1 << 20, 1 << 20), TextCounts::Parts(_)));
        let found = counted(7, 11);
        assert_eq!(found.values().sum::<u32>(), 1000);
        assert_eq!(counted(1 << 20, 1 << 20), found);
    }

    #[test]
    fn no_texts_are_no_counts() {
        let mut none = TextCounts::new(3, 0);
        none.each(|_, _, _| panic!("there is none")).unwrap();
    }
}
