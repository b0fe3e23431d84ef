//! Which row a message belongs to: stored keys to dense numbers of groups, equal texts to one number.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::options::{AssetErrors, GroupBy};
use crate::archive::{ArchiveError, AssetName, KindName, Snapshot};
use crate::report::options::Category;

/// No key: keys count from 1, and holes stay this.
pub(super) const NONE: u32 = u32::MAX;

/// What a row is about; what it is not grouped by is empty. NULL and `''` are one.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Names {
    pub(super) asset: Option<String>,
    pub(super) asset_type: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) message: Option<String>,
    pub(super) category: Option<String>,
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
    /// Place of its category in [`Category::ALL`].
    pub(super) category: u8,
    /// Whether messages of its category are requested.
    pub(super) counts: bool,
}

/// The groups, and the way from stored keys to them.
#[derive(Debug)]
pub(super) struct Groups {
    names: Vec<Names>,
    assets: Vec<Option<AssetPlace>>,
    kinds: Vec<Option<KindPlace>>,
    /// Owners, in their order; NULL is the first.
    owners: Vec<Option<String>>,
    /// Message texts, in their order.
    texts: Vec<String>,
    /// Whether owner and top message are requested.
    pub(super) wants_details: bool,
}

impl Groups {
    /// Reads the names behind the keys.
    pub(super) fn read(snapshot: &Snapshot<'_>, options: &AssetErrors) -> Result<Self, ArchiveError> {
        let assets = snapshot.asset_names()?;
        let kinds = snapshot.kind_names()?;
        let owners = in_order(assets.iter().map(|row| row.asset_owner.as_deref()));
        let texts = in_order(kinds.iter().filter_map(|row| named(row.message.as_deref())));
        let mut groups = Numbers::default();
        let is_wanted = options.assets.matcher();
        let asset_places = assets.iter().map(|row| {
            let names = asset_group(options.group_by, row);
            let place = AssetPlace {
                group: names.map_or(NONE, |names| groups.number(names)),
                owner: place_of(&owners, &row.asset_owner.as_deref()),
                counts: options.assets.is_any()
                    || is_wanted([&row.asset, &row.asset_type, &row.asset_owner].map(Option::as_deref)),
            };
            (row.asset_key, place)
        });
        let asset_places = by_key(asset_places.collect())?;
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
            names: groups.names,
            assets: asset_places,
            kinds: kind_places,
            owners: owners.into_iter().map(|owner| owner.map(str::to_owned)).collect(),
            texts: texts.into_iter().map(str::to_owned).collect(),
            wants_details: options.group_by == GroupBy::Asset,
        })
    }

    /// How many groups there are; those of which no message is left included.
    pub(super) const fn len(&self) -> usize {
        self.names.len()
    }

    /// How many texts are counted; none where no top message is requested.
    pub(super) const fn text_count(&self) -> usize {
        if self.wants_details { self.texts.len() } else { 0 }
    }

    /// What the group is about.
    pub(super) fn names(&self, group: u32) -> &Names {
        &self.names[group as usize]
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

/// Numbers for groups, in order of their first appearance.
#[derive(Default)]
struct Numbers {
    names: Vec<Names>,
    numbers: HashMap<Names, u32, RandomState>,
}

impl Numbers {
    fn number(&mut self, names: Names) -> u32 {
        *self.numbers.entry(names).or_insert_with_key(|names| {
            let number = dense(self.names.len());
            self.names.push(names.clone());
            number
        })
    }
}

fn named(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn owned(text: Option<&str>) -> Option<String> {
    named(text).map(str::to_owned)
}

fn asset_group(by: GroupBy, row: &AssetName) -> Option<Names> {
    let asset_type = || owned(row.asset_type.as_deref());
    match by {
        GroupBy::Asset => Some(Names {
            asset: owned(row.asset.as_deref()),
            asset_type: asset_type(),
            ..Names::default()
        }),
        GroupBy::AssetType => Some(Names {
            asset_type: asset_type(),
            ..Names::default()
        }),
        GroupBy::Owner => Some(Names {
            owner: owned(row.asset_owner.as_deref()),
            ..Names::default()
        }),
        GroupBy::Category | GroupBy::Message => None,
    }
}

fn kind_group(by: GroupBy, row: &KindName) -> Option<Names> {
    match by {
        GroupBy::Category => Some(Names {
            category: Some(Category::of(row.category.as_deref()).name().to_owned()),
            ..Names::default()
        }),
        GroupBy::Message => Some(Names {
            message: owned(row.message.as_deref()),
            ..Names::default()
        }),
        GroupBy::Asset | GroupBy::AssetType | GroupBy::Owner => None,
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
