//! The key under which an archive keeps a message.

/// A message's key in an archive: the key of its run, and in the lower 24 bits its number within the run. This keeps the
/// messages of a run together, in the order of the run keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey(i64);

impl MessageKey {
    const ORDINAL_BITS: u32 = 24;
    const ORDINAL: i64 = (1 << Self::ORDINAL_BITS) - 1;

    /// The key of a run's message; `None` for a number above 16,777,215.
    #[must_use]
    pub const fn new(run_key: i64, ordinal: i64) -> Option<Self> {
        if ordinal < 0 || ordinal > Self::ORDINAL {
            return None;
        }
        Some(Self(run_key << Self::ORDINAL_BITS | ordinal))
    }

    #[must_use]
    pub const fn from_stored(key: i64) -> Self {
        Self(key)
    }

    /// The key as it is stored.
    #[must_use]
    pub const fn stored(self) -> i64 {
        self.0
    }

    #[must_use]
    pub const fn run_key(self) -> i64 {
        self.0 >> Self::ORDINAL_BITS
    }

    /// The message's number within its run.
    #[must_use]
    pub const fn ordinal(self) -> i64 {
        self.0 & Self::ORDINAL
    }

    /// The first and the last key that messages of a run can have, as stored.
    #[must_use]
    pub const fn range(run_key: i64) -> (i64, i64) {
        let first = run_key << Self::ORDINAL_BITS;
        (first, first | Self::ORDINAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_holds_run_and_number() {
        let key = MessageKey::new(7, 16_777_215).unwrap();
        assert_eq!((key.run_key(), key.ordinal()), (7, 16_777_215));
        assert_eq!(MessageKey::from_stored(key.stored()), key);
        assert_eq!(MessageKey::range(7), (7 << 24, key.stored()));
        assert_eq!(MessageKey::new(7, 0).map(MessageKey::stored), Some(7 << 24));
        assert_eq!(MessageKey::new(7, 16_777_216), None);
        assert_eq!(MessageKey::new(7, -1), None);
    }
}
