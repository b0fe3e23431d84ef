//! What a sync keeps in memory of each run of a job, in a few bytes: a job may have millions of runs.

use super::keys::Keys;
use super::texts::{Mark, mark_bytes};
use crate::archive::error::ArchiveError;
use crate::model::Sha256;

/// What the archive knows of a run before its job is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRun {
    /// The run's key.
    pub run_key: i64,
    /// Whether it is marked absent.
    pub absent: bool,
    /// Whether some of its messages went to quarantine: it is always read again, to see whether they were accepted.
    pub unreadable_messages: bool,
}

/// The runs of a job, found by the SHA-256 of their bytes as last received.
///
/// A keyed hash of 128 bits stands for each SHA-256, for the reasons given for [`Mark`]: 24 bytes a run.
#[derive(Debug, Default)]
pub struct KnownRuns(Vec<Packed>);

#[derive(Debug, Clone, Copy)]
struct Packed {
    mark: Mark,
    /// The key, and below it one bit for each flag.
    key_and_flags: i64,
}

const ABSENT: i64 = 1;
const UNREADABLE_MESSAGES: i64 = 2;
const FLAG_BITS: u32 = 2;

impl Packed {
    fn known(self) -> KnownRun {
        KnownRun {
            run_key: self.key_and_flags >> FLAG_BITS,
            absent: self.key_and_flags & ABSENT != 0,
            unreadable_messages: self.key_and_flags & UNREADABLE_MESSAGES != 0,
        }
    }
}

impl KnownRuns {
    /// `runs` are at most `count`.
    pub(in crate::archive) fn new(
        count: usize,
        runs: impl Iterator<Item = Result<(Sha256, KnownRun), ArchiveError>>,
    ) -> Result<Self, ArchiveError> {
        // A vector that grows holds everything twice briefly.
        let mut packed = Vec::new();
        packed
            .try_reserve_exact(count)
            .map_err(|_| ArchiveError::NoMemory {
                what: format!("the {count} runs of a job"),
            })?;
        for run in runs {
            let (sha256, known) = run?;
            let mut key_and_flags = known.run_key << FLAG_BITS;
            if key_and_flags >> FLAG_BITS != known.run_key {
                return Err(ArchiveError::Damaged {
                    what: format!("run_key {} is out of range", known.run_key),
                });
            }
            key_and_flags |= i64::from(known.absent) * ABSENT;
            key_and_flags |= i64::from(known.unreadable_messages) * UNREADABLE_MESSAGES;
            packed.push(Packed {
                mark: mark_bytes(&sha256),
                key_and_flags,
            });
        }
        packed.sort_unstable_by_key(|packed| packed.mark);
        Ok(Self(packed))
    }

    /// The run that was last received in bytes with this SHA-256.
    #[must_use]
    pub fn get(&self, sha256: &Sha256) -> Option<KnownRun> {
        if self.0.is_empty() {
            return None;
        }
        let mark = mark_bytes(sha256);
        let found = self.0.binary_search_by_key(&mark, |packed| packed.mark).ok()?;
        Some(self.0[found].known())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys of the runs that are not marked absent.
    #[must_use]
    pub fn present(&self) -> Keys {
        let known = self.0.iter().map(|packed| packed.known());
        known
            .filter(|known| !known.absent)
            .map(|known| known.run_key)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_run_is_found_by_its_hash_with_all_that_is_known_of_it() {
        let hash = |number: i64| -> Sha256 { [u8::try_from(number).unwrap(); 32] };
        let known = |number: i64| KnownRun {
            run_key: number << 30,
            absent: number % 2 == 0,
            unreadable_messages: number % 3 == 0,
        };
        let runs = KnownRuns::new(100, (1..=100).map(|n| Ok((hash(n), known(n))))).unwrap();
        for number in 1..=100 {
            assert_eq!(runs.get(&hash(number)), Some(known(number)));
        }
        assert_eq!(runs.get(&hash(101)), None);
        assert_eq!(runs.0.len(), 100);
        let odd: Vec<i64> = (1..=100).step_by(2).map(|n| n << 30).collect();
        assert_eq!(runs.present().iter().collect::<Vec<_>>(), odd);
    }

    #[test]
    fn a_run_takes_two_dozen_bytes() {
        assert_eq!(size_of::<Packed>(), 24);
    }

    #[test]
    fn a_key_beyond_every_table_is_damage() {
        let run_key = 1 << 62;
        let known = KnownRun {
            run_key,
            absent: false,
            unreadable_messages: false,
        };
        assert!(KnownRuns::new(1, std::iter::once(Ok(([0; 32], known)))).is_err());
    }
}
