//! Which messages are asked for, by what they say and whom they are about.
//!
//! Texts are stored once, so they are looked through first: each text that fits gives a key. Then messages are only
//! compared by their keys, in the order in which they lie in the file.

use std::collections::HashMap;

use memchr::memmem;
use serde_json::{Map, Value};

use super::asset_errors::Category;
use crate::archive::{ArchiveError, MessageKeys, Snapshot};

/// Which assets are asked for; any by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AssetsWanted {
    /// With one of these names, in any letter case; `''` is no asset. Any where none is named.
    pub assets: Vec<String>,
    /// Of one of these types, likewise.
    pub asset_types: Vec<String>,
    /// Of one of these owners, as the message says, likewise.
    pub owners: Vec<String>,
}

impl AssetsWanted {
    /// Adds the options as the manifest has them.
    pub(super) fn describe(&self, options: &mut Map<String, Value>) {
        options.insert("asset".to_owned(), self.assets.clone().into());
        options.insert("asset_type".to_owned(), self.asset_types.clone().into());
        options.insert("owner".to_owned(), self.owners.clone().into());
    }

    /// Whether every asset is wanted.
    pub(super) fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Decides about an asset by its name, type and owner.
    pub(super) fn judge(&self) -> impl Fn([Option<&str>; 3]) -> bool {
        let lower = |names: &Vec<String>| names.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
        let wanted = [&self.assets, &self.asset_types, &self.owners].map(lower);
        move |texts| {
            let fits = |(names, text): (&Vec<String>, Option<&str>)| {
                names.is_empty() || names.contains(&text.unwrap_or_default().to_lowercase())
            };
            wanted.iter().zip(texts).all(fits)
        }
    }
}

/// What a message must be; nothing is asked of it by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessagesWanted {
    /// Of one of these categories; any where none is named.
    pub categories: Vec<Category>,
    /// About one of these assets.
    pub about: AssetsWanted,
    /// With this text somewhere in the message or its details, in any letter case.
    pub search: Option<String>,
}

impl MessagesWanted {
    /// Whether every message is wanted.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the options as the manifest has them.
    pub(super) fn describe(&self, options: &mut Map<String, Value>) {
        let categories: Vec<&str> = self.categories.iter().map(|category| category.name()).collect();
        options.insert("category".to_owned(), categories.into());
        self.about.describe(options);
        options.insert("search".to_owned(), self.search.clone().into());
    }

    /// Finds the keys of the texts that fit; `None` where every message is wanted.
    pub(super) fn keys(&self, snapshot: &Snapshot<'_>) -> Result<Option<WantedKeys>, ArchiveError> {
        if self.is_any() {
            return Ok(None);
        }
        let mut wanted = WantedKeys::default();
        let needle = self.search.as_deref().map(Needle::new);
        let mut found = needle.is_some().then(KeySet::default);
        if needle.is_some() || !self.categories.is_empty() {
            let mut fitting = KeySet::default();
            snapshot.each_kind(|key, message, category| {
                if self.categories.is_empty() || self.categories.contains(&Category::of(category)) {
                    fitting.insert(key);
                }
                if let (Some(found), Some(needle), Some(message)) = (&mut found, &needle, message)
                    && needle.is_in(message)
                {
                    found.insert(key);
                }
            })?;
            wanted.kinds = Some(fitting);
        }
        if let (Some(kinds), Some(needle)) = (found, needle) {
            let mut details = KeySet::default();
            snapshot.each_detail(|key, text| {
                if needle.is_in(text) {
                    details.insert(key);
                }
            })?;
            wanted.found = Some((kinds, details));
        }
        if !self.about.is_any() {
            let is_wanted = self.about.judge();
            let mut fitting = KeySet::default();
            snapshot.each_asset(|key, texts| {
                if is_wanted(texts) {
                    fitting.insert(key);
                }
            })?;
            wanted.assets = Some(fitting);
        }
        Ok(Some(wanted))
    }
}

/// Keys of texts that fit; `None` where everything does.
#[derive(Debug, Default)]
pub(super) struct WantedKeys {
    kinds: Option<KeySet>,
    assets: Option<KeySet>,
    /// Of messages and of details with the text searched for: one of the two is enough.
    found: Option<(KeySet, KeySet)>,
}

impl WantedKeys {
    /// Whether the message is one of those asked for.
    pub(super) fn has(&self, message: &MessageKeys) -> bool {
        let fits = |set: &Option<KeySet>, key| set.as_ref().is_none_or(|set| set.contains(key));
        fits(&self.kinds, message.kind_key)
            && fits(&self.assets, message.asset_key)
            && self.found.as_ref().is_none_or(|(kinds, details)| {
                kinds.contains(message.kind_key)
                    || message.detail_key.is_some_and(|key| details.contains(key))
            })
    }

    /// The runs that have such a message, absent ones only where asked for. One pass over all messages.
    pub(super) fn runs(&self, snapshot: &Snapshot<'_>, include_absent: bool) -> Result<KeySet, ArchiveError> {
        let mut runs = KeySet::default();
        snapshot.each_message_keys(i64::MIN, i64::MAX, |message| {
            if (include_absent || !message.is_absent) && self.has(&message) {
                runs.insert(message.run_key());
            }
        })?;
        Ok(runs)
    }
}

/// A set of keys: a bit for each, in blocks, since neighbours in the file have neighbouring keys.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    blocks: HashMap<i64, [u64; BLOCK_WORDS], foldhash::fast::RandomState>,
}

const BLOCK_WORDS: usize = 16;
const BLOCK_BITS: i64 = 64 * 16;

impl KeySet {
    fn place(key: i64) -> (i64, usize, u64) {
        let bit = usize::try_from(key.rem_euclid(BLOCK_BITS)).expect("a remainder is not negative");
        (key.div_euclid(BLOCK_BITS), bit / 64, 1 << (bit % 64))
    }

    pub(super) fn insert(&mut self, key: i64) {
        let (block, word, bit) = Self::place(key);
        self.blocks.entry(block).or_default()[word] |= bit;
    }

    pub(super) fn contains(&self, key: i64) -> bool {
        let (block, word, bit) = Self::place(key);
        self.blocks
            .get(&block)
            .is_some_and(|words| words[word] & bit != 0)
    }
}

/// A text to be found in others, in any letter case.
struct Needle {
    lower: String,
    finder: memmem::Finder<'static>,
}

impl Needle {
    fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        Self {
            finder: memmem::Finder::new(&lower).into_owned(),
            lower,
        }
    }

    fn is_in(&self, text: &str) -> bool {
        if text.is_ascii() {
            return self.lower.is_ascii() && self.is_in_ascii(text.as_bytes());
        }
        self.finder.find(text.to_lowercase().as_bytes()).is_some()
    }

    /// Without a copy of the whole text: pieces of it, which overlap by the length of what is searched for.
    fn is_in_ascii(&self, text: &[u8]) -> bool {
        const PIECE: usize = 512;
        let overlap = self.lower.len().saturating_sub(1);
        if overlap >= PIECE {
            return self.finder.find(&text.to_ascii_lowercase()).is_some();
        }
        let mut piece = [0; PIECE * 2];
        let mut from = 0;
        loop {
            let to = text.len().min(from + PIECE + overlap);
            let piece = &mut piece[..to - from];
            piece.copy_from_slice(&text[from..to]);
            piece.make_ascii_lowercase();
            if self.finder.find(piece).is_some() {
                return true;
            }
            if to == text.len() {
                return false;
            }
            from += PIECE;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_found_in_any_letter_case_of_any_script() {
        for (needle, text, found) in [
            ("refused", "Connection REFUSED by host", true),
            ("ÜBER", "Zugriff über LDAP", true),
            ("ü", "u", false),
            ("", "anything", true),
            ("", "", true),
            ("x", "", false),
            ("ΣΊΣΥΦΟΣ", "Σίσυφος", true),
            ("%", "100%", true),
            ("_", "a b", false),
        ] {
            assert_eq!(Needle::new(needle).is_in(text), found, "{needle:?} in {text:?}");
        }
        let long = "x".repeat(2000) + "Yes";
        assert!(Needle::new("yeS").is_in(&long));
        assert!(Needle::new(&("X".repeat(1500) + "yes")).is_in(&long));
    }

    proptest! {
        #[test]
        fn where_a_text_lies_makes_no_difference(before in 0..1600_usize, after in 0..1600_usize, length in 1..600_usize) {
            let inside = "n".repeat(length);
            let text = "a".repeat(before) + &inside.to_uppercase() + &"a".repeat(after);
            prop_assert!(Needle::new(&inside).is_in(&text));
            prop_assert!(!Needle::new(&(inside + "n")).is_in(&text));
        }

        #[test]
        fn a_set_holds_what_was_put_in(keys in proptest::collection::hash_set(any::<i64>(), 0..50), other in -3000..3000_i64) {
            let mut set = KeySet::default();
            keys.iter().for_each(|&key| set.insert(key));
            prop_assert!(keys.iter().all(|&key| set.contains(key)));
            prop_assert_eq!(set.contains(other), keys.contains(&other));
        }
    }
}
