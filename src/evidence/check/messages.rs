//! The messages of a run, as its payloads have them one after the other.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::{Message, TimeBasis, TimeReading};

/// A message as messages.csv has it, and since when it is absent.
pub(super) struct HeldMessageCells {
    pub(super) message: MessageCells,
    pub(super) absent_since: Option<String>,
}

/// In the order of the columns.
pub(super) type MessageCells = [Option<String>; 9];

pub(super) const CELLS: [&str; 9] = [
    "occurred_at",
    "message",
    "message_details",
    "category",
    "asset",
    "asset_type",
    "asset_owner",
    "occurred_at_raw",
    "time_basis",
];

pub(super) fn message_cells(message: Message<'_>) -> MessageCells {
    let raw = message
        .occurred_raw
        .filter(|_| message.occurred == TimeReading::Unreadable);
    let occurred = message.occurred.instant().map(|at| at.to_string());
    [
        occurred.as_deref(),
        message.message,
        message.message_details,
        message.category,
        message.asset,
        message.asset_type,
        message.asset_owner,
        raw,
        message.occurred.basis().map(basis),
    ]
    .map(|text| text.map(str::to_owned))
}

/// Updates the messages of a run by another revision of it: equal messages are matched by how many there are.
pub(super) fn take_in(held: &mut Vec<HeldMessageCells>, came: Vec<MessageCells>, is_all: bool, at: &str) {
    #[derive(Default)]
    struct EqualCells {
        present: Vec<usize>,
        absent: Vec<usize>,
        came: Vec<usize>,
    }
    let mut groups: HashMap<&MessageCells, EqualCells> = HashMap::new();
    for (ordinal, there) in held.iter().enumerate() {
        let equal = groups.entry(&there.message).or_default();
        match there.absent_since {
            None => equal.present.push(ordinal),
            Some(_) => equal.absent.push(ordinal),
        }
    }
    for (index, message) in came.iter().enumerate() {
        groups.entry(message).or_default().came.push(index);
    }
    let (mut gone, mut back, mut new) = (Vec::<usize>::new(), Vec::<usize>::new(), HashSet::new());
    for equal in groups.into_values() {
        let kept = equal.present.len().min(equal.came.len());
        if is_all {
            gone.extend(&equal.present[kept..]);
        }
        let returning = equal.absent.len().min(equal.came.len() - kept);
        back.extend(&equal.absent[..returning]);
        new.extend(equal.came[kept + returning..].iter().copied());
    }
    for ordinal in gone {
        held[ordinal].absent_since = Some(at.to_owned());
    }
    for ordinal in back {
        held[ordinal].absent_since = None;
    }
    held.extend(
        came.into_iter()
            .enumerate()
            .filter(|(index, _)| new.contains(index))
            .map(|(_, message)| HeldMessageCells {
                message,
                absent_since: None,
            }),
    );
}

/// What the errors among the messages of a run say.
#[derive(Default)]
pub(super) struct ErrorSummary {
    pub(super) count: u64,
    pub(super) assets: usize,
    pub(super) top_message: Option<String>,
    pub(super) top_detail: Option<String>,
}

impl ErrorSummary {
    pub(super) fn of<'m>(messages: impl Iterator<Item = [Option<&'m str>; 9]>) -> Self {
        let (mut count, mut assets) = (0, HashSet::new());
        let (mut texts, mut details) = (BTreeMap::new(), BTreeMap::new());
        for [_, message, detail, category, asset, asset_type, ..] in messages {
            if !category.is_some_and(|category| category.eq_ignore_ascii_case("error")) {
                continue;
            }
            count += 1;
            if let Some(asset) = asset.filter(|asset| !asset.is_empty()) {
                assets.insert((asset, asset_type.unwrap_or_default()));
            }
            for (counts, text) in [(&mut texts, message), (&mut details, detail)] {
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    *counts.entry(text).or_insert(0_u64) += 1;
                }
            }
        }
        // Of equally frequent ones the first by bytes, in whose order they come.
        let top = |counts: BTreeMap<&str, u64>| {
            let best = counts.into_iter().rev().max_by_key(|&(_, count)| count);
            best.map(|(text, _)| text.to_owned())
        };
        Self {
            count,
            assets: assets.len(),
            top_message: top(texts),
            top_detail: top(details),
        }
    }
}

pub(super) const fn basis(basis: TimeBasis) -> &'static str {
    match basis {
        TimeBasis::Explicit => "explicit",
        TimeBasis::Assumed => "assumed",
    }
}
