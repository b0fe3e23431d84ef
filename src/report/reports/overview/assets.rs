//! The worst assets of now, and how they were before: the report `asset-errors`, read twice.

use std::collections::HashMap;

use super::compare::Windows;
use super::state::Asset;
use crate::archive::Snapshot;
use crate::model::Instant;
use crate::report::error::Result;
use crate::report::options::{CommonOptions, Span};
use crate::report::reports::AssetErrors;

/// Assets that are shown.
const MOST_ASSETS: usize = 12;

type AssetName = (Option<String>, Option<String>);

/// What is reported of assets.
pub(super) struct Assets {
    pub(super) worst: Vec<Asset>,
    pub(super) new: u64,
    pub(super) gone: u64,
}

pub(super) fn read(snapshot: &Snapshot<'_>, common: &CommonOptions, windows: Windows) -> Result<Assets> {
    let mut before: HashMap<AssetName, u64> = HashMap::new();
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
    common: &CommonOptions,
    since: i64,
    until: i64,
    mut see: impl FnMut(Asset),
) -> Result {
    let report = AssetErrors {
        min: 1,
        ..AssetErrors::default()
    };
    let span = Span {
        since: Instant::from_ticks(since),
        until: Instant::from_ticks(until),
    };
    let scope = span.of(common).scope(snapshot)?;
    report.each_asset(snapshot, &scope, false, |row| {
        see(Asset {
            asset: row.asset.map(str::to_owned),
            asset_type: row.asset_type.map(str::to_owned),
            errors: row.errors,
            errors_before: 0,
            top_message: row.top_message.map(str::to_owned),
        });
        Ok(())
    })
}
