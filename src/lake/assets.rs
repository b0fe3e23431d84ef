//! The rows of `assets`: counted from all messages, which the view takes much longer for.

use super::error::LakeError;
use super::file::DataFile;
use crate::archive::Snapshot;

/// Writes all rows, with their cells in the order of the table's fields.
///
/// # Errors
/// SQL errors; errors of the file.
pub(super) fn write(snapshot: &Snapshot<'_>, file: &mut DataFile) -> Result<(), LakeError> {
    snapshot.each_asset_row(|asset| {
        file.row(|cells| {
            cells.text(asset.asset.as_deref())?;
            cells.text(asset.asset_type.as_deref())?;
            cells.text(asset.asset_owner.as_deref())?;
            cells.exact_time(asset.span_ticks.map(|(first, _)| first))?;
            cells.exact_time(asset.span_ticks.map(|(_, last)| last))?;
            cells.integer(Some(asset.messages))
        })
    })
}
