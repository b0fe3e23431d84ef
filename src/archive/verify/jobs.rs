//! The archive's own row, servers and jobs, against the ledger.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::finding::{Expected, Finding, Findings, Remedy, printable_value};
use super::state::LedgerState;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::text_hash;
use crate::archive::migrations::known_schema_version;
use crate::model::{Guid, Sha256};

/// Compares the row that says what the archive is.
pub(super) fn check_archive(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let doing = "read what the archive is";
    let place = || "archive".to_owned();
    let Some((id, made)) = ledger.archive else {
        // Its making was stopped between the tables and the first entry; the next sync goes on with it.
        let untouched: bool = connection.one(
            "SELECT NOT EXISTS (SELECT 1 FROM ledger) AND NOT EXISTS (SELECT 1 FROM _archive)",
            [],
            doing,
            |row| row.get(0),
        )?;
        if untouched {
            return Ok(());
        }
        findings.push(Finding::new(
            Remedy::Restore,
            "ledger",
            "it does not begin with what the archive is",
        ));
        return Ok(());
    };
    let id = id.to_string();
    let zone = ledger.zone.map(|zone| zone.to_string());
    let rules = ledger.zone_rules.as_ref();
    let known = known_schema_version();
    if ledger.schema != known {
        let what = "the ledger names another version of the tables than theirs";
        let finding = Finding::new(Remedy::Restore, "ledger, entry 1", what);
        findings.push(finding.with(known.to_string(), ledger.schema.to_string()));
    }
    let mut count = 0;
    connection.each(
        "SELECT archive_id, made_unix, naive_time, zone_rules, zone_release, only FROM _archive",
        [],
        doing,
        |row| {
            count += 1;
            let columns = [
                ("archive_id", Expected::Text(&id)),
                ("made_unix", Expected::Integer(made)),
                ("naive_time", zone.as_deref().into()),
                (
                    "zone_rules",
                    rules.map_or(Expected::Null, |rules| Expected::Blob(&rules.sha256)),
                ),
                ("zone_release", rules.map(|rules| &*rules.release).into()),
                ("only", Expected::Integer(1)),
            ];
            for (index, (column, should)) in columns.into_iter().enumerate() {
                findings.column(Remedy::Reindex, place, column, should, row.get_ref(index)?);
            }
            Ok(())
        },
    )?;
    if count != 1 {
        let finding = Finding::new(Remedy::Reindex, place(), "it has not one row");
        findings.push(finding.with("1", count.to_string()));
    }
    Ok(())
}

/// Reports rules of time zones that no line names; those that a line names were checked with it.
pub(super) fn check_zone_rules(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT zone, sha256, release FROM _zone_rules",
        [],
        "read the rules of time zones",
        |row| {
            let zone = row.get_ref(0)?;
            let words = (zone.as_str(), row.get_ref(1)?.as_blob(), row.get_ref(2)?.as_str());
            let is_known = match words {
                (Ok(zone), Ok(sha256), Ok(release)) => ledger.names_rules(zone, sha256, release),
                _ => false,
            };
            if !is_known {
                let what = "the ledger does not tell of these rules of a time zone";
                let finding = Finding::new(Remedy::Reindex, "zone_rules", what);
                findings.push(finding.with("none", printable_value(zone)));
            }
            Ok(())
        },
    )
}

/// Names servers that never answered; that each job has its server is compared with the jobs.
pub(super) fn check_servers(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT server_key, url FROM _server",
        [],
        "read the servers",
        |row| {
            let key: i64 = row.get(0)?;
            let url = row.get_ref(1)?;
            let hash = url.as_str().map(text_hash);
            if !hash.is_ok_and(|hash| ledger.servers.contains(&hash)) {
                let finding = Finding::new(
                    Remedy::Reindex,
                    format!("server, row {key}"),
                    "the ledger does not tell of a server with this address",
                );
                findings.push(finding.with(
                    "an address whose SHA-256 stands in the ledger",
                    printable_value(url),
                ));
            }
            Ok(())
        },
    )
}

pub(super) fn check_jobs(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let mut met: HashSet<Guid> = HashSet::new();
    connection.each(
        "SELECT j.job_key, j.job_id, j.watched, j.first_seen_unix, j.name, s.url, j.server_key,
                j.last_synced_unix, j.last_error, j.total_job_runs, j.last_answered_unix
         FROM _job j LEFT JOIN _server s ON s.server_key = j.server_key",
        [],
        "read the jobs",
        |row| {
            let value = |index: usize| row.get_ref(index);
            let text = value(1)?;
            // Only the one way of writing it that the archive has.
            let id = text
                .as_str()
                .ok()
                .and_then(|text| text.parse::<Guid>().ok().filter(|id| id.to_string() == text));
            let Some((id, job)) = id.and_then(|id| ledger.jobs.get(&id).map(|job| (id, job))) else {
                let key: i64 = row.get(0)?;
                let finding = Finding::new(
                    Remedy::Reindex,
                    format!("jobs, row {key}"),
                    "the ledger does not tell of this job",
                );
                findings.push(finding.with("a job of the ledger", printable_value(text)));
                return Ok(());
            };
            met.insert(id);
            let place = || format!("jobs, job {id}");
            let hashed = |hash: Option<Sha256>, found: ValueRef<'_>, column, findings: &mut Findings| {
                let should = hash.as_ref().map_or(Expected::Null, Expected::TextOf);
                findings.column(Remedy::Restore, place, column, should, found);
            };
            findings.column(
                Remedy::Reindex,
                place,
                "watched",
                Expected::Integer(job.watched.into()),
                value(2)?,
            );
            findings.column(
                Remedy::Reindex,
                place,
                "first_seen_unix",
                Expected::Integer(job.added_at),
                value(3)?,
            );
            hashed(job.name, value(4)?, "name", findings);
            hashed(job.server, value(5)?, "server", findings);
            if job.server.is_none() {
                findings.column(Remedy::Reindex, place, "server_key", Expected::Null, value(6)?);
            }
            if let Some(last) = &job.last {
                findings.column(
                    Remedy::Reindex,
                    place,
                    "last_synced_unix",
                    last.synced_at.into(),
                    value(7)?,
                );
                findings.column(
                    Remedy::Reindex,
                    place,
                    "last_error",
                    last.error.as_deref().into(),
                    value(8)?,
                );
                findings.column(
                    Remedy::Reindex,
                    place,
                    "total_job_runs",
                    last.total_job_runs.into(),
                    value(9)?,
                );
                findings.column(
                    Remedy::Reindex,
                    place,
                    "last_answered_unix",
                    last.answered_at.into(),
                    value(10)?,
                );
            }
            Ok(())
        },
    )?;
    for job in ledger.jobs.keys().filter(|job| !met.contains(job)) {
        let what = "it is not there, and the ledger tells of it";
        findings.push(Finding::new(Remedy::Restore, format!("jobs, job {job}"), what));
    }
    Ok(())
}
