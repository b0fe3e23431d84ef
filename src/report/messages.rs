//! Every message that is asked for, a row each: the columns of the table `messages`.
//!
//! Runs are gone through in their order, and the messages of each in theirs, so nothing but the row at hand and some
//! texts is held, however many rows there are.

use super::error::ReportError;
pub use super::runs::Options;
use super::runs::{is_wanted, job_id, job_ids, time_basis};
use super::table::{Cell, Column, Kind, Rows};
use crate::archive::{MessageRow, Snapshot, message_key_range};

const WIDTH: usize = 13;

/// The columns, in their order.
pub static COLUMNS: [Column; WIDTH] = [
    Column::new("job_run_id", Kind::Text),
    Column::new("job_id", Kind::Text),
    Column::new("ordinal", Kind::Integer),
    Column::new("occurred_at", Kind::Instant),
    Column::new("message", Kind::Text),
    Column::new("message_details", Kind::Text),
    Column::new("category", Kind::Text),
    Column::new("asset", Kind::Text),
    Column::new("asset_type", Kind::Text),
    Column::new("asset_owner", Kind::Text),
    Column::new("absent_since", Kind::Instant),
    Column::new("occurred_at_raw", Kind::Text),
    Column::new("time_basis", Kind::Text),
];

/// Writes the report: runs by start, then by GUID, those without a start last; within a run by ordinal.
///
/// # Errors
/// An unknown job, a span that ends before it begins; SQL errors; those of `rows`.
pub fn write(snapshot: &Snapshot<'_>, options: &Options, rows: &mut dyn Rows) -> Result<(), ReportError> {
    let scope = options.common.scope(snapshot)?;
    let jobs = job_ids(&scope);
    let include_absent = options.common.include_absent;
    let keys = options.messages.keys(snapshot)?;
    let with_message = keys
        .as_ref()
        .map(|keys| keys.runs(snapshot, include_absent))
        .transpose()?;
    let mut reader = snapshot.message_reader()?;
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    rows.columns(&COLUMNS)?;
    snapshot.each_run_key::<ReportError>(None, None, |run| {
        let has_message = || {
            with_message
                .as_ref()
                .is_none_or(|runs| runs.contains(run.run_key))
        };
        if !is_wanted(&run, &scope, &options.statuses) || !has_message() {
            return Ok(());
        }
        let (first, last) = message_key_range(run.run_key);
        ranges.clear();
        if keys.is_none() && !scope.has_span() {
            ranges.push((first, last));
        } else {
            // The keys alone first: texts are looked up only of what is written.
            snapshot.each_message_keys(first, last, |message| {
                if !scope.has_time(message.occurred_ticks.or(run.started_ticks))
                    || !keys.as_ref().is_none_or(|keys| keys.has(&message))
                {
                    return;
                }
                match ranges.last_mut() {
                    Some((_, end)) if *end + 1 == message.message_key => *end = message.message_key,
                    _ => ranges.push((message.message_key, message.message_key)),
                }
            })?;
        }
        let job_id = job_id(&jobs, run.job_key)?;
        for &(first, last) in &ranges {
            reader.each::<ReportError>(first, last, |message| {
                if message.absent_since_unix.is_none() || include_absent {
                    write_row(run.job_run_id, job_id, &message, rows)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    rows.finish()?;
    Ok(())
}

fn write_row(
    job_run_id: &str,
    job_id: &str,
    message: &MessageRow<'_>,
    rows: &mut dyn Rows,
) -> Result<(), ReportError> {
    let cells: [Cell<'_>; WIDTH] = [
        Cell::Text(job_run_id),
        Cell::Text(job_id),
        Cell::Integer(message.ordinal),
        Cell::ticks(message.occurred_ticks),
        Cell::text(message.message),
        Cell::text(message.message_details),
        Cell::text(message.category),
        Cell::text(message.asset),
        Cell::text(message.asset_type),
        Cell::text(message.asset_owner),
        Cell::unix(message.absent_since_unix),
        Cell::text(message.occurred_at_raw),
        Cell::text(message.occurred_assumed.map(time_basis)),
    ];
    rows.row(&cells)?;
    Ok(())
}
