//! Which messages are requested, by what they say and which assets they are about.
//!
//! Texts are stored once, so they are looked through first: each text that fits gives a key. Then messages are only
//! compared by their keys, in the order in which they lie in the file.

use std::collections::HashMap;

use memchr::memmem;
use serde::Serialize;

use super::Scope;
use super::one_of::one_of;
use super::pattern::{Pattern, fold};
use crate::archive::{ArchiveError, InSpan, MessageKeys, Snapshot};
use crate::model::MessageKey;

/// What a message is, by the name of its category in any letter case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Category {
    Error,
    Warning,
    /// `Information`, `Info`, `Informational`.
    Information,
    /// Everything else, none included.
    Other,
}

impl Category {
    pub(crate) const ALL: [Self; 4] = [Self::Error, Self::Warning, Self::Information, Self::Other];

    /// Its word on the command line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
            Self::Other => "other",
        }
    }

    /// What a message's `Category` means.
    pub(crate) fn of(text: Option<&str>) -> Self {
        let text = text.unwrap_or("");
        let is = |names: &[&str]| names.iter().any(|name| text.eq_ignore_ascii_case(name));
        if is(&["error"]) {
            Self::Error
        } else if is(&["warning"]) {
            Self::Warning
        } else if is(&["information", "info", "informational"]) {
            Self::Information
        } else {
            Self::Other
        }
    }
}

/// Which assets are requested; any by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args, Serialize)]
pub(crate) struct AssetFilter {
    /// Only messages about this asset, ignoring case; * stands for any text, '' means no asset; may be given several
    /// times
    #[arg(long = "asset", value_name = "NAME")]
    #[serde(rename = "asset")]
    pub(crate) assets: Vec<String>,

    /// Only messages about assets of this type, written as for --asset; '' means no type
    #[arg(long = "asset-type", value_name = "NAME")]
    #[serde(rename = "asset_type")]
    pub(crate) asset_types: Vec<String>,

    /// Only messages about assets of this owner (as the message says), written as for --asset; '' means no owner
    #[arg(long = "owner", value_name = "NAME")]
    #[serde(rename = "owner")]
    pub(crate) owners: Vec<String>,
}

impl AssetFilter {
    /// Whether every asset is wanted.
    pub(in crate::report) fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Says of a name, type and owner whether they are those of an asset requested.
    pub(in crate::report) fn matcher(&self) -> impl Fn([Option<&str>; 3]) -> bool {
        let patterns = |texts: &Vec<String>| texts.iter().map(|text| Pattern::new(text)).collect::<Vec<_>>();
        let wanted = [&self.assets, &self.asset_types, &self.owners].map(patterns);
        move |texts| {
            let fits = |(patterns, text): (&Vec<Pattern>, Option<&str>)| {
                patterns.is_empty() || {
                    let folded = fold(text.unwrap_or_default());
                    patterns.iter().any(|pattern| pattern.fits(&folded))
                }
            };
            wanted.iter().zip(texts).all(fits)
        }
    }
}

/// Which messages are requested; any by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args, Serialize)]
pub(crate) struct MessageFilter {
    /// Only messages of this category; may be given several times
    #[arg(long = "category", value_name = "NAME", ignore_case = true, value_parser = one_of(&Category::ALL, Category::name))]
    #[serde(rename = "category")]
    pub(crate) categories: Vec<Category>,

    #[command(flatten)]
    #[serde(flatten)]
    pub(crate) assets: AssetFilter,

    /// Only messages that contain this text in message or details, ignoring case
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
}

impl MessageFilter {
    /// Whether every message is wanted.
    fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Finds the keys of the texts that fit; `None` where every message is wanted.
    pub(in crate::report) fn keys(
        &self,
        snapshot: &Snapshot<'_>,
    ) -> Result<Option<MatchingKeys>, ArchiveError> {
        if self.is_any() {
            return Ok(None);
        }
        let mut wanted = MatchingKeys::default();
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
        if !self.assets.is_any() {
            let is_wanted = self.assets.matcher();
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
pub(in crate::report) struct MatchingKeys {
    kinds: Option<KeySet>,
    assets: Option<KeySet>,
    /// Of messages and of details with the text searched for: one of the two is enough.
    found: Option<(KeySet, KeySet)>,
}

impl MatchingKeys {
    /// Whether the message is one of those requested.
    pub(in crate::report) fn has(&self, message: &MessageKeys) -> bool {
        let fits = |set: &Option<KeySet>, key| set.as_ref().is_none_or(|set| set.contains(key));
        fits(&self.kinds, message.kind_key)
            && fits(&self.assets, message.asset_key)
            && self.found.as_ref().is_none_or(|(kinds, details)| {
                kinds.contains(message.kind_key)
                    || message.detail_key.is_some_and(|key| details.contains(key))
            })
    }

    /// The runs of the scope that have such a message, absent ones only where requested. One pass over their messages.
    pub(in crate::report) fn runs(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        in_span: InSpan,
    ) -> Result<KeySet, ArchiveError> {
        let mut runs = KeySet::default();
        let mut find = |first, last| {
            snapshot.each_message_keys(first, last, |message| {
                if (scope.options().include_absent || !message.is_absent) && self.has(&message) {
                    runs.insert(message.run_key());
                }
            })
        };
        if scope.is_everything() {
            find(i64::MIN, i64::MAX)?;
            return Ok(runs);
        }
        let mut keys = Vec::new();
        snapshot.each_run_place(in_span, scope.since(), scope.until(), |run| {
            if scope.has_job(run.job_key) {
                keys.push(run.run_key);
            }
        })?;
        keys.sort_unstable();
        for stretch in keys.chunk_by(|key, next| key + 1 == *next) {
            find(
                MessageKey::range(stretch[0]).0,
                MessageKey::range(stretch[stretch.len() - 1]).1,
            )?;
        }
        Ok(runs)
    }
}

/// A set of keys: a bit for each, in blocks, since neighbours in the file have neighbouring keys.
#[derive(Debug, Default)]
pub(in crate::report) struct KeySet {
    blocks: HashMap<i64, [u64; BLOCK_WORDS], foldhash::fast::RandomState>,
}

const BLOCK_WORDS: usize = 16;
const BLOCK_BITS: i64 = 64 * 16;

impl KeySet {
    fn place(key: i64) -> (i64, usize, u64) {
        let bit = usize::try_from(key.rem_euclid(BLOCK_BITS)).expect("a remainder is not negative");
        (key.div_euclid(BLOCK_BITS), bit / 64, 1 << (bit % 64))
    }

    pub(in crate::report) fn insert(&mut self, key: i64) {
        let (block, word, bit) = Self::place(key);
        self.blocks.entry(block).or_default()[word] |= bit;
    }

    pub(in crate::report) fn contains(&self, key: i64) -> bool {
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
