//! What became of runs after they were first archived.

use serde_json::{Map, Value};

use super::error::ReportError;
use super::options::Common;
use super::runs::{job_id, job_ids};
use super::table::{Cell, Column, Kind, Rows};
use crate::archive::Snapshot;
use crate::model::{Instant, JobStatus};

/// What can be asked of this report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// What every report can be asked. The span is that of the times at which changes were archived.
    pub common: Common,
}

impl Options {
    /// The options as the manifest has them.
    #[must_use]
    pub fn described(&self) -> Map<String, Value> {
        self.common.described()
    }
}

/// The columns, in their order.
pub static COLUMNS: [Column; 8] = [
    Column::new("job_id", Kind::Text),
    Column::new("job_name", Kind::Text),
    Column::new("job_run_id", Kind::Text),
    Column::new("revision", Kind::Integer),
    Column::new("captured_at", Kind::Instant),
    Column::new("status_before", Kind::Integer),
    Column::new("status", Kind::Integer),
    Column::new("was_final", Kind::Integer),
];

/// Writes the report: by the time of the change, then by the GUIDs of job and run, then by revision.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let scope = options.common.scope(snapshot)?;
    let ids = job_ids(&scope);
    rows.columns(&COLUMNS)?;
    snapshot.each_change::<ReportError>(|change| {
        let captured = Instant::from_unix_seconds(change.captured_unix);
        if !scope.has_job(change.job_key) || !scope.has_time(Some(captured.ticks())) {
            return Ok(());
        }
        let was_final = change
            .status_before
            .is_some_and(|code| JobStatus(code).is_final());
        let number = |number: Option<i64>| number.map_or(Cell::Null, Cell::Integer);
        rows.row(&[
            Cell::Text(job_id(&ids, change.job_key)?),
            Cell::text(scope.name_of(change.job_key)),
            Cell::Text(change.job_run_id),
            Cell::Integer(change.revision),
            Cell::Instant(captured),
            number(change.status_before),
            number(change.status),
            Cell::Integer(was_final.into()),
        ])?;
        Ok(())
    })?;
    rows.finish()?;
    Ok(())
}
