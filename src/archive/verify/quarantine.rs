//! Quarantine, against the ledger.

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::finding::{Expected, Finding, Findings, Remedy};
use super::state::{LedgerState, Lost};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::QuarantinedEntry;

/// Compares one piece with the line that records it; whether it was accepted is compared by [`check_accepted`].
pub(super) fn check(
    connection: &Connection,
    entry: &QuarantinedEntry,
    lost: &Lost,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let place = || format!("quarantine, number {}", entry.id);
    let (job, run) = (entry.job.to_string(), entry.run.map(|run| run.to_string()));
    let columns = [
        (Remedy::Reindex, "job", Expected::Text(&job)),
        (Remedy::Reindex, "sync_id", Expected::Integer(entry.sync)),
        (Remedy::Reindex, "captured_unix", Expected::Integer(entry.at)),
        (Remedy::Reindex, "position", Expected::Integer(entry.position)),
        (Remedy::Restore, "reason", Expected::TextOf(&entry.reason)),
        (Remedy::Restore, "payload", Expected::BytesOf(&entry.kept)),
        (Remedy::Reindex, "payload_bytes", Expected::Integer(entry.bytes)),
        (Remedy::Reindex, "payload_sha256", Expected::Blob(&entry.sha256)),
        (Remedy::Reindex, "run", run.as_deref().into()),
    ];
    let compared = connection.cached().optional(
        "SELECT j.job_id, q.sync_id, q.captured_unix, q.position, q.reason, q.payload, q.payload_bytes,
                q.payload_sha256, r.job_run_id, q.run_key
         FROM _quarantined q
         LEFT JOIN _job j ON j.job_key = q.job_key
         LEFT JOIN _run r ON r.run_key = q.run_key
         WHERE q.quarantine_id = ?1",
        [entry.id],
        "read the quarantine",
        |row| {
            for (index, (next, column, should)) in columns.into_iter().enumerate() {
                let found = row.get_ref(index)?;
                // A run that was lost is not there to be named.
                let excused = column == "run" && entry.run.is_some_and(|run| lost.runs.contains(&run));
                if !(excused && found == ValueRef::Null) {
                    findings.column(next, place, column, should, found);
                }
            }
            if entry.run.is_none() {
                findings.column(Remedy::Reindex, place, "run_key", Expected::Null, row.get_ref(9)?);
            }
            Ok(())
        },
    )?;
    if compared.is_none() {
        findings.push(Finding::new(
            Remedy::Restore,
            place(),
            "it is not there, and the ledger tells of it",
        ));
    }
    Ok(())
}

/// Compares what was accepted, and reports pieces that the ledger does not record.
pub(super) fn check_accepted(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT quarantine_id, accepted_unix, accepted_why FROM _quarantined",
        [],
        "read the quarantine",
        |row| {
            let id: i64 = row.get(0)?;
            let place = || format!("quarantine, number {id}");
            if !ledger.quarantined.contains(&id) {
                findings.push(Finding::new(
                    Remedy::Reindex,
                    place(),
                    "the ledger does not tell of it",
                ));
                return Ok(());
            }
            let (at, why) = match ledger.accepted.get(&id) {
                Some((at, why)) => (Expected::Integer(*at), Expected::TextOf(why)),
                None => (Expected::Null, Expected::Null),
            };
            let found = row.get_ref(1)?;
            findings.column(Remedy::Reindex, place, "accepted_unix", at, found);
            let found = row.get_ref(2)?;
            findings.column(Remedy::Restore, place, "accepted_why", why, found);
            Ok(())
        },
    )
}
