//! Which row a message belongs to: stored keys to dense numbers of groups, equal texts to one number.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::details::Marks;
use super::options::{AssetErrors, GroupBy};
use crate::archive::{ArchiveError, KindName, Snapshot};
use crate::report::options::Category;

/// No key: keys count from 1, and holes stay this.
pub(super) const NONE: u32 = u32::MAX;

/// The text that rows are grouped by, or two of them: asset and type. NULL and `''` are one.
type GroupKey<'k> = [Option<&'k str>; 2];

/// What a row is about; what it is not grouped by is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Names<'g> {
    pub(super) asset: Option<&'g str>,
    pub(super) asset_type: Option<&'g str>,
    pub(super) owner: Option<&'g str>,
    pub(super) message: Option<&'g str>,
    pub(super) detail: Option<&'g str>,
    pub(super) category: Option<&'g str>,
}

/// What a stored asset counts for.
#[derive(Debug, Clone, Copy)]
pub(super) struct AssetPlace {
    /// Its group, where assets decide it; else [`NONE`].
    pub(super) group: u32,
    /// Its owner's number in [`Groups::owners`].
    pub(super) owner: u32,
    /// Whether messages about it are requested.
    pub(super) counts: bool,
}

/// What a stored message text counts for.
#[derive(Debug, Clone, Copy)]
pub(super) struct KindPlace {
    /// Its group, where messages decide it; else [`NONE`].
    pub(super) group: u32,
    /// Its text's number in [`Groups::texts`]; [`NONE`] where it has none.
    pub(super) text: u32,
    pub(super) category: u8,
    /// Whether messages of its category are requested.
    pub(super) counts: bool,
}

/// The groups, and the way from stored keys to them.
#[derive(Debug)]
pub(super) struct Groups {
    by: GroupBy,
    keys: GroupKeys,
    assets: Vec<Option<AssetPlace>>,
    kinds: Vec<Option<KindPlace>>,
    /// Owners, in their order; NULL is the first.
    owners: Vec<Option<String>>,
    /// Message texts, in their order.
    texts: Vec<String>,
    /// The texts of details are told apart by these, in all threads and spans.
    pub(super) marks: Marks,
    /// Whether the top message is requested.
    pub(super) wants_message: bool,
    /// Whether the top details are requested.
    pub(super) wants_detail: bool,
}

impl Groups {
    /// Reads the names behind the keys. The top details take the longest to find; who does not show them leaves them out.
    pub(super) fn read(
        snapshot: &Snapshot<'_>,
        options: &AssetErrors,
        with_top_detail: bool,
    ) -> Result<Self, ArchiveError> {
        let mut owners: HashSet<String, RandomState> = HashSet::default();
        snapshot.each_asset(|_, [_, _, owner]| {
            if let Some(owner) = owner.filter(|owner| !owners.contains(*owner)) {
                owners.insert(owner.to_owned());
            }
        })?;
        let owners = in_order(std::iter::once(None).chain(owners.into_iter().map(Some)));
        let kinds = snapshot.kind_names()?;
        let texts = in_order(kinds.iter().filter_map(|row| named(row.message.as_deref())));
        let mut groups = Numbers::default();
        let is_wanted = options.assets.matcher();
        let mut asset_places = Vec::new();
        snapshot.each_asset(|key, texts| {
            let owner = owners.binary_search_by(|owner| owner.as_deref().cmp(&texts[2]));
            let place = AssetPlace {
                group: asset_group(options.group_by, texts).map_or(NONE, |names| groups.number(names)),
                owner: owner.map_or(NONE, dense),
                counts: options.assets.is_any() || is_wanted(texts),
            };
            asset_places.push((key, place));
        })?;
        let asset_places = by_key(asset_places)?;
        let kind_places = kinds.iter().map(|row| {
            let names = kind_group(options.group_by, row);
            let category = Category::of(row.category.as_deref());
            let text = named(row.message.as_deref());
            let place = KindPlace {
                group: names.map_or(NONE, |names| groups.number(names)),
                text: text.map_or(NONE, |text| place_of(&texts, &text)),
                category: category as u8,
                counts: options.categories.is_empty() || options.categories.contains(&category),
            };
            (row.kind_key, place)
        });
        let kind_places = by_key(kind_places.collect())?;
        Ok(Self {
            by: options.group_by,
            keys: groups.keys,
            assets: asset_places,
            kinds: kind_places,
            owners,
            texts: texts.into_iter().map(str::to_owned).collect(),
            marks: Marks::default(),
            wants_message: options.group_by == GroupBy::Asset,
            wants_detail: options.group_by == GroupBy::Asset && with_top_detail,
        })
    }

    /// How many groups there are; those of which no message is left included.
    pub(super) const fn len(&self) -> usize {
        self.keys.ends.len()
    }

    /// How many texts are counted; none where no top message is requested.
    pub(super) const fn text_count(&self) -> usize {
        if self.wants_message { self.texts.len() } else { 0 }
    }

    /// What the group is about.
    pub(super) fn names(&self, group: u32) -> Names<'_> {
        let [first, second] = self.keys.get(group);
        let mut names = Names::default();
        match self.by {
            GroupBy::Asset => (names.asset, names.asset_type) = (first, second),
            GroupBy::AssetType => names.asset_type = first,
            GroupBy::Owner => names.owner = first,
            GroupBy::Message => names.message = first,
            GroupBy::Category => names.category = first,
            // They have no numbers.
            GroupBy::Detail => {}
        }
        names
    }

    /// Whether the texts of details are the groups; there are no numbers for those.
    pub(super) fn are_details(&self) -> bool {
        self.by == GroupBy::Detail
    }

    /// Whether the keys of details are needed.
    pub(super) fn reads_details(&self) -> bool {
        self.wants_detail || self.are_details()
    }

    /// The owner with this number.
    pub(super) fn owner(&self, owner: u32) -> Option<&str> {
        self.owners.get(owner as usize)?.as_deref()
    }

    /// The message text with this number.
    pub(super) fn text(&self, text: u32) -> Option<&str> {
        self.texts.get(text as usize).map(String::as_str)
    }

    /// What a stored asset counts for.
    pub(super) fn asset(&self, key: i64) -> Option<AssetPlace> {
        *self.assets.get(usize::try_from(key).ok()?)?
    }

    /// What a stored message text counts for.
    pub(super) fn kind(&self, key: i64) -> Option<KindPlace> {
        *self.kinds.get(usize::try_from(key).ok()?)?
    }
}

/// The keys of all groups, one after the other in one text: of very many assets, allocations of their own would take more
/// memory than the names.
#[derive(Debug, Default)]
struct GroupKeys {
    text: String,
    /// Where each of the two texts ends; one without text is NULL.
    ends: Vec<[usize; 2]>,
}

impl GroupKeys {
    fn push(&mut self, key: GroupKey<'_>) {
        let ends = key.map(|text| {
            self.text.push_str(text.unwrap_or_default());
            self.text.len()
        });
        self.ends.push(ends);
    }

    fn get(&self, group: u32) -> GroupKey<'_> {
        let group = group as usize;
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before][1]);
        let [middle, end] = self.ends[group];
        [
            named(Some(&self.text[start..middle])),
            named(Some(&self.text[middle..end])),
        ]
    }
}

/// Numbers for groups, in order of their first appearance.
#[derive(Default)]
struct Numbers {
    keys: GroupKeys,
    /// By hash of the key; where two have one, the later stands at the next free number.
    numbers: HashMap<u64, u32, RandomState>,
    hasher: RandomState,
}

impl Numbers {
    fn number(&mut self, key: GroupKey<'_>) -> u32 {
        let mut hash = self.hasher.hash_one(key);
        while let Some(&number) = self.numbers.get(&hash) {
            if self.keys.get(number) == key {
                return number;
            }
            hash = hash.wrapping_add(1);
        }
        let number = dense(self.keys.ends.len());
        self.keys.push(key);
        self.numbers.insert(hash, number);
        number
    }
}

fn named(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn asset_group(by: GroupBy, [asset, asset_type, owner]: [Option<&str>; 3]) -> Option<GroupKey<'_>> {
    match by {
        GroupBy::Asset => Some([named(asset), named(asset_type)]),
        GroupBy::AssetType => Some([named(asset_type), None]),
        GroupBy::Owner => Some([named(owner), None]),
        GroupBy::Category | GroupBy::Message | GroupBy::Detail => None,
    }
}

fn kind_group(by: GroupBy, row: &KindName) -> Option<GroupKey<'_>> {
    match by {
        GroupBy::Category => Some([Some(Category::of(row.category.as_deref()).name()), None]),
        GroupBy::Message => Some([named(row.message.as_deref()), None]),
        GroupBy::Asset | GroupBy::AssetType | GroupBy::Owner | GroupBy::Detail => None,
    }
}

/// Each once, in order: then a lower number is an earlier text.
fn in_order<T: Ord>(texts: impl Iterator<Item = T>) -> Vec<T> {
    let mut texts: Vec<T> = texts.collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn place_of<T: Ord>(texts: &[T], text: &T) -> u32 {
    texts.binary_search(text).map_or(NONE, dense)
}

fn dense(number: usize) -> u32 {
    u32::try_from(number).expect("four thousand million distinct texts do not fit into memory")
}

/// A vector by key. The writer hands keys out one after the other, so there are no holes to speak of; a file in which
/// there are was written by something else.
fn by_key<T: Copy>(places: Vec<(i64, T)>) -> Result<Vec<Option<T>>, ArchiveError> {
    let bound = places.len() * 4 + 1_000_000;
    let mut by_key = Vec::new();
    for (key, place) in places {
        let index = usize::try_from(key)
            .ok()
            .filter(|&index| index < bound)
            .ok_or_else(|| ArchiveError::Damaged {
                what: format!("the key {key} of a text is out of all order"),
            })?;
        if by_key.len() <= index {
            by_key.resize(index + 1, None);
        }
        by_key[index] = Some(place);
    }
    Ok(by_key)
}
