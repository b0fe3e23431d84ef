//! Sets of keys of rows: a bit or two bytes a key, since keys lie close together, and no more for a damaged one.

use roaring::RoaringTreemap;

/// A set of keys of rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Keys(RoaringTreemap);

impl Keys {
    /// Adds a key; says whether it is new.
    pub fn insert(&mut self, key: i64) -> bool {
        self.0.insert(key.cast_unsigned())
    }

    /// Removes a key; says whether it was there.
    pub fn remove(&mut self, key: i64) -> bool {
        self.0.remove(key.cast_unsigned())
    }

    /// Whether the key is there.
    #[must_use]
    pub fn contains(&self, key: i64) -> bool {
        self.0.contains(key.cast_unsigned())
    }

    /// Removes all keys.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Moves the keys of `other` here.
    pub fn append(&mut self, other: &mut Self) {
        self.0 |= std::mem::take(&mut other.0);
    }

    /// Removes every key that `other` has.
    pub fn subtract(&mut self, other: &Self) {
        self.0 -= &other.0;
    }

    /// The keys, sorted.
    pub fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.iter().map(u64::cast_signed)
    }
}

impl Extend<i64> for Keys {
    fn extend<I: IntoIterator<Item = i64>>(&mut self, keys: I) {
        self.0.extend(keys.into_iter().map(i64::cast_unsigned));
    }
}

impl FromIterator<i64> for Keys {
    fn from_iter<I: IntoIterator<Item = i64>>(keys: I) -> Self {
        let mut set = Self::default();
        set.extend(keys);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_keys_hold_any_key() {
        let mut keys: Keys = [5, i64::MIN, -1, i64::MAX, 5].into_iter().collect();
        assert!(!keys.insert(5) && keys.insert(6) && keys.remove(-1) && !keys.remove(-1));
        let mut others: Keys = [7, 6].into_iter().collect();
        keys.append(&mut others);
        assert_eq!(others, Keys::default());
        keys.subtract(&[5, 100].into_iter().collect());
        assert!(keys.contains(i64::MIN) && keys.contains(7) && !keys.contains(5));
        assert_eq!(keys.iter().collect::<Vec<_>>(), [6, 7, i64::MAX, i64::MIN]);
    }
}
