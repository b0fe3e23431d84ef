//! Syncs, and what each found of each job, against their lines in the ledger.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, Row};

use super::finding::{Expected, Finding, Findings, Remedy};
use super::state::LedgerState;
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::chain::JobChain;
use crate::archive::ledger::entry::{SyncBegan, SyncEnded};
use crate::archive::storage::syncs::{JobFigures, JobOutcome, JobRecord, seal_results};
use crate::model::{Sha256, hex};

/// How the ledger says that a sync ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum SyncEnd<'a> {
    /// It has not ended: it is running, or it was killed and no later sync has noticed.
    Open,
    /// A later sync found it dead.
    Killed,
    /// By this line, with this hash.
    Ended(&'a SyncEnded, &'a Sha256),
}

/// Compares one sync and its results; their effect on the rows of jobs goes to `told`.
pub(super) fn check(
    connection: &Connection,
    began: &SyncBegan,
    end: SyncEnd<'_>,
    proves_chains: bool,
    is_new: bool,
    ledger: &mut LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let mut totals = JobFigures::default();
    let (records, unreadable) = results(connection, began.sync)?;
    let place = || format!("sync_jobs, sync {}", began.sync);
    if let Some(why) = unreadable {
        findings.push(Finding::new(
            Remedy::Restore,
            place(),
            format!("a result cannot be read: {why}"),
        ));
    }
    match end {
        SyncEnd::Ended(ended, _) if !ledger.lost.results.contains(&began.sync) => {
            if records.len() as u64 != ended.jobs {
                let finding = Finding::new(
                    Remedy::Restore,
                    place(),
                    "there are not as many jobs as the ledger says",
                );
                findings.push(finding.with(ended.jobs.to_string(), records.len().to_string()));
            }
            let chains = ledger.chains.iter_mut().map(|(job, chain)| (*job, chain));
            let sealed = seal_results(began, ended.at, &records, chains);
            if sealed.figures != ended.figures {
                let finding = Finding::new(
                    Remedy::Restore,
                    place(),
                    "what it found of its jobs does not have the hash that the ledger names",
                );
                findings.push(finding.with(hex(&ended.figures), hex(&sealed.figures)));
                // The chains are not compared from here on, so that one change is one finding.
                ledger.chains_hurt = true;
            } else if sealed.results != ended.results && proves_chains && !ledger.chains_hurt {
                let finding = Finding::new(
                    Remedy::Restore,
                    format!("ledger, sync {}", began.sync),
                    "its results do not have the hash that follows from the lines of each job",
                );
                findings.push(finding.with(hex(&ended.results), hex(&sealed.results)));
                ledger.chains_hurt = true;
            }
            for record in &records {
                totals += record.figures;
                apply(began, ended, record, ledger);
            }
        }
        _ if records.is_empty() => {}
        _ => findings.push(Finding::new(
            Remedy::Reindex,
            place(),
            "it has results, and the ledger knows of none",
        )),
    }
    if is_new {
        check_row(connection, began, end, &totals, findings)?;
    }
    Ok(())
}

/// Compares the chains of the jobs with those that the table keeps for the next sync.
pub(super) fn check_chains(
    connection: &Connection,
    ledger: &LedgerState,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let common = (ledger.common_chain.lines > 0).then_some((None, ledger.common_chain));
    let jobs = ledger
        .chains
        .iter()
        .map(|(job, chain)| (Some(job.to_string()), *chain));
    let mut expected: HashMap<Option<String>, JobChain> = common.into_iter().chain(jobs).collect();
    let name = |job: &Option<String>| match job {
        Some(job) => format!("_chain, job {job}"),
        None => "_chain, every job".to_owned(),
    };
    connection.each(
        "SELECT iif(c.job_key = 0, NULL, coalesce(j.job_id, 'row ' || c.job_key)), c.lines, c.hash
         FROM _chain c LEFT JOIN _job j ON j.job_key = c.job_key",
        [],
        "read where the chains of jobs stand",
        |row| {
            let job: Option<String> = row.get(0)?;
            match expected.remove(&job) {
                None => findings.push(Finding::new(
                    Remedy::Reindex,
                    name(&job),
                    "the ledger does not tell of this job",
                )),
                Some(_) if ledger.chains_hurt => {}
                Some(chain) => {
                    let lines = i64::try_from(chain.lines).unwrap_or(i64::MAX);
                    let place = || name(&job);
                    findings.column(
                        Remedy::Reindex,
                        place,
                        "lines",
                        Expected::Integer(lines),
                        row.get_ref(1)?,
                    );
                    let hash = Expected::Blob(chain.hash.as_slice());
                    findings.column(Remedy::Reindex, place, "hash", hash, row.get_ref(2)?);
                }
            }
            Ok(())
        },
    )?;
    for job in expected.into_keys() {
        findings.push(Finding::new(
            Remedy::Reindex,
            name(&job),
            "it is not there, and the ledger tells of it",
        ));
    }
    Ok(())
}

/// What a result leaves in the row of its job.
fn apply(began: &SyncBegan, ended: &SyncEnded, record: &JobRecord, ledger: &mut LedgerState) {
    let last = ledger
        .jobs
        .entry(record.job_id)
        .or_default()
        .last
        .get_or_insert_default();
    last.error.clone_from(&record.error);
    if record.outcome != JobOutcome::Complete {
        return;
    }
    if matches!(began.count, None | Some(0)) {
        last.answered_at = Some(ended.at);
    }
    if record.count_asked == Some(0) {
        last.synced_at = Some(ended.at);
        last.total_job_runs = record.total_job_runs.or(last.total_job_runs);
    }
}

/// What a sync found of each job, and why a row of it cannot be read.
pub(in crate::archive) fn results(
    connection: &Connection,
    sync: i64,
) -> Result<(Vec<JobRecord>, Option<String>), ArchiveError> {
    let (mut records, mut unreadable) = (Vec::new(), None);
    connection.cached().each(
        "SELECT j.job_id, s.outcome, s.error, s.http_status, s.total_job_runs, s.attempts, s.runs_seen,
                s.runs_new, s.runs_changed, s.runs_unchanged, s.runs_quarantined, s.runs_absent,
                s.messages_new, s.body_bytes, s.milliseconds, s.count_asked
         FROM _sync_job s LEFT JOIN _job j ON j.job_key = s.job_key WHERE s.sync_id = ?1
         UNION ALL
         SELECT j.job_id, 'complete', NULL, 200, coalesce(u.other_total, u.runs_seen), 1, u.runs_seen, 0, 0, u.runs_seen,
                0, 0, 0, u.body_bytes, u.milliseconds, u.count_asked
         FROM _sync_job_unchanged u LEFT JOIN _job j ON j.job_key = u.job_key WHERE u.sync_id = ?1",
        [sync],
        "read the results of a sync",
        |row| {
            match record(row) {
                Ok(record) => records.push(record),
                Err(why) => unreadable = Some(why),
            }
            Ok(())
        },
    )?;
    Ok((records, unreadable))
}

fn record(row: &Row<'_>) -> Result<JobRecord, String> {
    fn of<T: rusqlite::types::FromSql>(row: &Row<'_>, index: usize) -> Result<T, String> {
        row.get(index).map_err(|error| error.to_string())
    }
    let outcome: String = of(row, 1)?;
    let outcomes = [JobOutcome::Complete, JobOutcome::Partial, JobOutcome::Failed];
    let known = outcomes.into_iter().find(|known| known.as_str() == outcome);
    Ok(JobRecord {
        job_id: of::<String>(row, 0)?
            .parse()
            .map_err(|_| "its job is not there".to_owned())?,
        outcome: known.ok_or_else(|| format!("its outcome is {outcome:?}"))?,
        error: of(row, 2)?,
        http_status: of(row, 3)?,
        total_job_runs: of(row, 4)?,
        count_asked: of(row, 15)?,
        server: None,
        figures: JobFigures {
            attempts: of(row, 5)?,
            runs_seen: of(row, 6)?,
            runs_new: of(row, 7)?,
            runs_changed: of(row, 8)?,
            runs_unchanged: of(row, 9)?,
            runs_quarantined: of(row, 10)?,
            runs_absent: of(row, 11)?,
            messages_new: of(row, 12)?,
            body_bytes: of(row, 13)?,
            milliseconds: of(row, 14)?,
        },
    })
}

fn check_row(
    connection: &Connection,
    began: &SyncBegan,
    end: SyncEnd<'_>,
    totals: &JobFigures,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    let place = || format!("syncs, sync {}", began.sync);
    let (finished, outcome, head, clock) = match end {
        SyncEnd::Open => (Expected::Null, Expected::Null, Expected::Null, Expected::Null),
        SyncEnd::Killed => (
            Expected::Null,
            Expected::Text("interrupted"),
            Expected::Null,
            Expected::Null,
        ),
        SyncEnd::Ended(ended, hash) => (
            Expected::Integer(ended.at),
            Expected::Text(&ended.outcome),
            Expected::Blob(hash.as_slice()),
            ended.clock.into(),
        ),
    };
    let number = |figure: u64| Expected::Integer(i64::try_from(figure).unwrap_or(i64::MAX));
    let columns = [
        ("started_unix", Expected::Integer(began.at)),
        ("finished_unix", finished),
        ("outcome", outcome),
        ("count_asked", began.count.into()),
        ("process_id", Expected::Integer(began.process)),
        ("tool_version", Expected::Text(&began.version)),
        ("head", head),
        ("attempts", number(totals.attempts)),
        ("runs_seen", number(totals.runs_seen)),
        ("runs_new", number(totals.runs_new)),
        ("runs_changed", number(totals.runs_changed)),
        ("runs_unchanged", number(totals.runs_unchanged)),
        ("runs_quarantined", number(totals.runs_quarantined)),
        ("runs_absent", number(totals.runs_absent)),
        ("messages_new", number(totals.messages_new)),
        ("body_bytes", number(totals.body_bytes)),
        ("milliseconds", number(totals.milliseconds)),
        ("clock_skew_seconds", clock),
    ];
    let compared = connection.cached().optional(
        "SELECT started_unix, finished_unix, outcome, count_asked, process_id, tool_version, head, attempts,
                runs_seen, runs_new, runs_changed, runs_unchanged, runs_quarantined, runs_absent,
                messages_new, body_bytes, milliseconds, clock_skew_seconds
         FROM _sync WHERE sync_id = ?1",
        [began.sync],
        "read the record of a sync",
        |row| {
            for (index, (column, should)) in columns.into_iter().enumerate() {
                findings.column(Remedy::Reindex, place, column, should, row.get_ref(index)?);
            }
            Ok(())
        },
    )?;
    if compared.is_none() {
        findings.push(Finding::new(
            Remedy::Reindex,
            place(),
            "it is not there, and the ledger tells of it",
        ));
    }
    Ok(())
}

/// Reports syncs that the ledger does not record.
pub(super) fn check_orphans(
    connection: &Connection,
    known: &HashSet<i64>,
    findings: &mut Findings,
) -> Result<(), ArchiveError> {
    connection.each(
        "SELECT sync_id FROM _sync",
        [],
        "read the record of syncs",
        |row| {
            let sync: i64 = row.get(0)?;
            if !known.contains(&sync) {
                let place = format!("syncs, sync {sync}");
                findings.push(Finding::new(
                    Remedy::Reindex,
                    place,
                    "the ledger does not tell of it",
                ));
            }
            Ok(())
        },
    )
}
