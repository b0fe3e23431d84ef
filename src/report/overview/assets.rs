//! The worst assets of now, and how they were before: the report `asset-errors`, asked twice.

use std::collections::HashMap;

use super::Asset;
use super::compare::Windows;
use crate::archive::Snapshot;
use crate::model::Instant;
use crate::report::asset_errors;
use crate::report::each::Each;
use crate::report::error::ReportError;
use crate::report::options::Common;

/// Assets that are shown.
const MOST_ASSETS: usize = 12;

/// Asset and type.
type Name = (Option<String>, Option<String>);

/// What is told of assets.
pub(super) struct Assets {
    pub(super) worst: Vec<Asset>,
    pub(super) new: u64,
    pub(super) gone: u64,
}

pub(super) fn read(
    snapshot: &Snapshot<'_>,
    common: &Common,
    windows: Windows,
) -> Result<Assets, ReportError> {
    let mut before: HashMap<Name, u64> = HashMap::new();
    each(snapshot, common, windows.before, windows.since, |asset| {
        before.insert((asset.asset, asset.asset_type), asset.errors);
    })?;
    let mut assets = Assets {
        worst: Vec::new(),
        new: 0,
        gone: 0,
    };
    each(snapshot, common, windows.since, windows.until, |mut asset| {
        let name = (asset.asset.clone(), asset.asset_type.clone());
        match before.remove(&name) {
            Some(errors) => asset.errors_before = errors,
            None => assets.new += 1,
        }
        if assets.worst.len() < MOST_ASSETS {
            assets.worst.push(asset);
        }
    })?;
    assets.gone = u64::try_from(before.len()).expect("a length fits");
    Ok(assets)
}

/// Each asset that has errors in a span, the worst first.
fn each(
    snapshot: &Snapshot<'_>,
    common: &Common,
    since: i64,
    until: i64,
    mut see: impl FnMut(Asset),
) -> Result<(), ReportError> {
    let options = asset_errors::Options {
        common: Common {
            since: Some(Instant::from_ticks(since)),
            until: Some(Instant::from_ticks(until)),
            ..common.clone()
        },
        min: 1,
        ..asset_errors::Options::default()
    };
    let mut rows = Each::new(&asset_errors::COLUMNS, |row| {
        let errors = row.count("errors");
        see(Asset {
            asset: row.text("asset").map(str::to_owned),
            asset_type: row.text("asset_type").map(str::to_owned),
            errors,
            errors_before: 0,
            top_message: row.text("top_message").map(str::to_owned),
        });
    });
    asset_errors::write(snapshot, &options, &mut rows)
}
