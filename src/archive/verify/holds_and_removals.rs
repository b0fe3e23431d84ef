//! Compares the rows of holds and of removed runs with the ledger. Whether a removal was lawful is judged line by line in
//! `ledger/grammar/mod.rs`.

use std::collections::HashSet;

use rusqlite::Connection;

use super::finding::{Expected, Finding, Findings, Remedy};
use super::state::LedgerState;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::model::{Guid, Instant};

/// Compares every hold with its lines.
pub(super) fn check_holds(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let place = |id: i64| format!("holds, hold {id}");
    let mut missing: HashSet<i64> = ledger.holds.keys().copied().collect();
    connection.each(
        "SELECT h.hold_id, j.job_id, h.since_unix, h.until_unix, h.added_unix, h.added_by, h.added_why, h.released_unix,
                h.released_by, h.released_why, h.job_key
         FROM _hold h LEFT JOIN _job j ON j.job_key = h.job_key",
        [],
        "read the holds",
        |row| {
            let id = row.get(0)?;
            let Some(hold) = ledger.holds.get(&id) else {
                let what = "the ledger does not tell of it";
                findings.push(Finding::new(Remedy::Reindex, place(id), what));
                return Ok(());
            };
            missing.remove(&id);
            let added = &hold.added;
            let job = added.job.map(|job| job.to_string());
            let (at, why, by) = match &hold.released {
                None => (Expected::Null, Expected::Null, Expected::Null),
                Some((at, why, by)) => (Expected::Integer(*at), Expected::Blob(why), Expected::Blob(by)),
            };
            let columns = [
                ("job", job.as_deref().into()),
                ("since_unix", added.span.since.into()),
                ("until_unix", added.span.until.into()),
                ("added_unix", Expected::Integer(added.at)),
                ("added_by", Expected::Blob(&added.by)),
                ("added_why", Expected::Blob(&added.why)),
                ("released_unix", at),
                ("released_by", by),
                ("released_why", why),
            ];
            for (index, (column, should)) in (1..).zip(columns) {
                findings.column(Remedy::Reindex, || place(id), column, should, row.get_ref(index)?);
            }
            if added.job.is_none() {
                findings.column(Remedy::Reindex, || place(id), "job_key", Expected::Null, row.get_ref(10)?);
            }
            Ok(())
        },
    )?;
    for id in missing {
        let what = "it is not there, and the ledger tells of it";
        findings.push(Finding::new(Remedy::Reindex, place(id), what));
    }
    Ok(())
}

/// Compares every removed run with the line that tells of its removal.
pub(super) fn check_removed(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let mut found: HashSet<Guid> = HashSet::new();
    connection.each(
        "SELECT r.job_run_id, j.job_id, r.started_ticks, r.ended_ticks, r.revisions, r.messages, r.first_seen_unix,
                r.absent_since_unix, r.removed_unix, r.removed_by, r.removed_why, r.plan
         FROM _removed_run r LEFT JOIN _job j ON j.job_key = r.job_key",
        [],
        "read the removed runs",
        |row| {
            let id = row.get_ref(0)?.as_str().unwrap_or_default().to_owned();
            let place = || format!("removed_runs, run {id}");
            let run = id.parse::<Guid>().ok().filter(|run| run.to_string() == id);
            let Some((run, removal)) = run.and_then(|run| Some((run, ledger.removed.get(&run)?))) else {
                let what = "the ledger does not tell of its removal";
                findings.push(Finding::new(Remedy::Reindex, place(), what));
                return Ok(());
            };
            found.insert(run);
            let entry = &removal.entry;
            let job = entry.job.to_string();
            let columns = [
                ("job", Expected::Text(&job)),
                ("started_ticks", entry.started.map(Instant::ticks).into()),
                ("ended_ticks", entry.ended.map(Instant::ticks).into()),
                ("revisions", Expected::Integer(entry.revisions)),
                ("messages", Expected::Integer(entry.messages)),
                ("first_seen_unix", removal.first_seen.map(|(_, at)| at).into()),
                ("absent_since_unix", removal.absent_since.into()),
                ("removed_unix", Expected::Integer(entry.at)),
                ("removed_by", Expected::Blob(&entry.by)),
                ("removed_why", Expected::Blob(&entry.why)),
                ("plan", Expected::Blob(&entry.plan)),
            ];
            for (index, (column, should)) in (1..).zip(columns) {
                findings.column(Remedy::Reindex, place, column, should, row.get_ref(index)?);
            }
            Ok(())
        },
    )?;
    let mut missing: Vec<&Guid> = ledger.removed.keys().filter(|run| !found.contains(run)).collect();
    missing.sort_unstable();
    for run in missing {
        let what = "it is not there, and the ledger tells of its removal";
        findings.push(Finding::new(
            Remedy::Reindex,
            format!("removed_runs, run {run}"),
            what,
        ));
    }
    Ok(())
}
