//! The rows of every table but `messages` and `assets`, as their views give them.

use super::error::LakeError;
use super::file::DataFile;
use super::table::{LakePart, LakeTable, Partition};
use crate::archive::Snapshot;

/// Writes the rows of a part to a file.
///
/// # Errors
/// SQL errors; a value that is not of its column's type; errors of the file.
pub(super) fn write(
    table: &LakeTable,
    snapshot: &Snapshot<'_>,
    part: &LakePart,
    file: &mut DataFile,
) -> Result<(), LakeError> {
    let names: Vec<&str> = table.fields.iter().map(|field| field.name.as_str()).collect();
    let (source, by) = match table.partition {
        Some(Partition::YearOfCapture) => (table.name, Some("captured_at")),
        Some(_) => (
            "(SELECT v.*, r.messages_held, r.messages_present
              FROM runs v JOIN _run r ON r.job_run_id = v.job_run_id)",
            Some("started_at"),
        ),
        None => (table.name, None),
    };
    // In the text of a time `Z` would sort behind a fraction.
    let start = by.filter(|by| *by == "started_at");
    let order = table.order().into_iter().map(|column| match start {
        Some(start) if start == column => "rtrim(started_at, 'Z')",
        _ => column,
    });
    let order: Vec<&str> = order.collect();
    let wanted = by.map(|by| (by, part.value()));
    snapshot.ordered_rows(&names, source, wanted, &order, |values| {
        file.row(|cells| {
            for (field, value) in table.fields.iter().zip(values) {
                let ticks = cells.value(field, *value)?;
                if start == Some(&field.name) {
                    cells.note_start(ticks);
                }
            }
            Ok(())
        })
    })
}
