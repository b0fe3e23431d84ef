//! Looking at bytes in quarantine.

use rusqlite::{Connection, Row};

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;

/// A row of the table `quarantine`, with its length and the reason it was accepted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRow {
    /// Its number.
    pub quarantine_id: i64,
    /// The job whose answer had it.
    pub job_id: String,
    /// The sync that saw it first.
    pub sync_id: i64,
    /// When.
    pub captured_at: String,
    /// Index of the run in the body, from 0.
    pub position: i64,
    /// Why it cannot be read.
    pub reason: String,
    /// Bytes as received.
    pub payload_bytes: i64,
    /// When somebody accepted it.
    pub accepted_at: Option<String>,
    /// Why.
    pub accepted_why: Option<String>,
}

const COLUMNS: &str =
    "SELECT v.quarantine_id, v.job_id, v.sync_id, v.captured_at, v.position, v.reason, q.payload_bytes,
    v.accepted_at, q.accepted_why FROM quarantine v JOIN _quarantined q ON q.quarantine_id = v.quarantine_id";

fn row(row: &Row<'_>) -> rusqlite::Result<QuarantineRow> {
    Ok(QuarantineRow {
        quarantine_id: row.get(0)?,
        job_id: row.get(1)?,
        sync_id: row.get(2)?,
        captured_at: row.get(3)?,
        position: row.get(4)?,
        reason: row.get(5)?,
        payload_bytes: row.get(6)?,
        accepted_at: row.get(7)?,
        accepted_why: row.get(8)?,
    })
}

pub(in crate::archive) fn list(connection: &Connection) -> Result<Vec<QuarantineRow>, ArchiveError> {
    connection.all(
        &format!("{COLUMNS} ORDER BY v.quarantine_id"),
        [],
        "list the quarantine",
        row,
    )
}

pub(in crate::archive) fn show(
    connection: &Connection,
    id: i64,
) -> Result<(QuarantineRow, Vec<u8>), ArchiveError> {
    let doing = "look at bytes in quarantine";
    let found = connection
        .optional(&format!("{COLUMNS} WHERE v.quarantine_id = ?1"), [id], doing, row)?
        .ok_or_else(|| ArchiveError::NoSuch {
            what: format!("number {id} in quarantine"),
        })?;
    let payload = connection.one(
        "SELECT payload FROM quarantine WHERE quarantine_id = ?1",
        [id],
        doing,
        |row| row.get(0),
    )?;
    Ok((found, payload))
}
