//! The messages of a part of a lake: by far the most rows, so they are read by key instead of through the view.

use super::error::LakeError;
use super::file::{Cells, DataFile};
use crate::archive::{MessageReader, MessageRow, PartitionRun};
use crate::model::MessageKey;

/// Writes the messages of a run.
///
/// # Errors
/// SQL errors; errors of the file.
pub(super) fn write(
    reader: &mut MessageReader<'_>,
    run: &PartitionRun,
    file: &mut DataFile,
) -> Result<(), LakeError> {
    let (first, last) = MessageKey::range(run.run_key);
    reader.each(first, last, |message| {
        file.row(|cells| {
            cells.note_start(run.started_ticks);
            fill(cells, run, &message)
        })
    })
}

/// The cells in the order of the table's fields.
fn fill(cells: &mut Cells<'_>, run: &PartitionRun, message: &MessageRow<'_>) -> std::io::Result<()> {
    cells.text(Some(&run.job_run_id))?;
    cells.text(Some(&run.job_id))?;
    cells.exact_time(run.started_ticks)?;
    cells.integer(Some(message.ordinal))?;
    cells.exact_time(message.occurred_ticks)?;
    cells.text(message.message)?;
    cells.text(message.message_details)?;
    cells.text(message.category)?;
    cells.text(message.asset)?;
    cells.text(message.asset_type)?;
    cells.text(message.asset_owner)?;
    cells.unix_time(message.absent_since_unix)?;
    cells.text(message.occurred_at_raw)?;
    let basis = |assumed| if assumed { "assumed" } else { "explicit" };
    cells.text(message.occurred_assumed.map(basis))?;
    cells.text(run.job_name.as_deref())
}
