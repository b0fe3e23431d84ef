//! The record of syncs: begun, ended, and what each found of each job.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::chain::{JobChain, ResultOf, Results, SealedResults};
use crate::archive::ledger::entry::{LedgerEntry, SyncBegan, SyncEnded};
use crate::archive::ledger::{self, Head, text_hash};
use crate::model::{Guid, Instant, Sha256, hex};

/// How a sync of one job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobOutcome {
    /// The answer was read to its end, and everything in it is archived (or was accepted in quarantine).
    Complete,
    /// Something was read, and something is missing or in quarantine.
    Partial,
    /// Nothing was read.
    Failed,
}

impl JobOutcome {
    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// How a sync ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncOutcome {
    /// Every job was complete.
    Complete,
    /// Some job was not complete, and not all failed.
    Partial,
    /// Every job failed.
    Failed,
    /// It was stopped; what was read is kept.
    Interrupted,
}

impl SyncOutcome {
    /// The contract's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What was counted for one job, or summed over jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobFigures {
    /// Requests for the runs; 1 where the first answer served.
    pub attempts: u64,
    /// Elements of `JobStatusInfo` that were read, unreadable ones included.
    pub runs_seen: u64,
    /// Runs never archived before.
    pub runs_new: u64,
    /// Runs whose content changed.
    pub runs_changed: u64,
    /// Runs whose content is the archived one.
    pub runs_unchanged: u64,
    /// Elements of which anything is in quarantine.
    pub runs_quarantined: u64,
    /// Runs newly marked absent.
    pub runs_absent: u64,
    /// Messages added.
    pub messages_new: u64,
    /// Bytes of the answers' bodies, unpacked.
    pub body_bytes: u64,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
}

impl std::ops::AddAssign for JobFigures {
    /// Figures of a damaged archive may be of any size: a sum ends at the largest number.
    fn add_assign(&mut self, other: Self) {
        for (sum, figure) in [
            (&mut self.attempts, other.attempts),
            (&mut self.runs_seen, other.runs_seen),
            (&mut self.runs_new, other.runs_new),
            (&mut self.runs_changed, other.runs_changed),
            (&mut self.runs_unchanged, other.runs_unchanged),
            (&mut self.runs_quarantined, other.runs_quarantined),
            (&mut self.runs_absent, other.runs_absent),
            (&mut self.messages_new, other.messages_new),
            (&mut self.body_bytes, other.body_bytes),
            (&mut self.milliseconds, other.milliseconds),
        ] {
            *sum = sum.saturating_add(figure);
        }
    }
}

/// What a sync found of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// The job.
    pub job_id: Guid,
    /// How it ended.
    pub outcome: JobOutcome,
    /// Why it was not complete.
    pub error: Option<String>,
    /// HTTP status of the last answer.
    pub http_status: Option<u16>,
    /// What was counted.
    pub figures: JobFigures,
    /// `TotalJobRuns` as the answer said.
    pub total_job_runs: Option<i64>,
    /// Latest runs that its last question asked for, 0 for all; `None` where it was not asked.
    pub count_asked: Option<u32>,
    /// Base URL of the server that was asked; the record of a sync does not hold it.
    pub server: Option<String>,
}

/// A whole sync, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRecord {
    /// Its number.
    pub sync_id: i64,
    /// The archive.
    pub archive_id: Guid,
    /// Whether this sync created the archive.
    pub archive_created: bool,
    /// When it began.
    pub started_at: Instant,
    /// When it ended.
    pub finished_at: Instant,
    /// How it ended.
    pub outcome: SyncOutcome,
    /// The ledger's hash after its end.
    pub head: Sha256,
    /// Our clock less the server's, in seconds; `None` where the server did not tell the time.
    pub clock_skew_seconds: Option<i64>,
    /// The figures of the jobs, summed.
    pub totals: JobFigures,
    /// The jobs, in the order they were asked for.
    pub jobs: Vec<JobRecord>,
}

/// What the line of a job's result says of it.
fn found_line(job: &JobRecord) -> String {
    let JobFigures {
        attempts,
        runs_seen,
        runs_new,
        runs_changed,
        runs_unchanged,
        runs_quarantined,
        runs_absent,
        messages_new,
        body_bytes,
        milliseconds,
    } = job.figures;
    let optional = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let outcome = job.outcome.as_str();
    let count = optional(job.count_asked.map(|count| count.to_string()));
    let error = optional(job.error.as_deref().map(|error| hex(&text_hash(error))));
    let http = optional(job.http_status.map(|status| status.to_string()));
    let total = optional(job.total_job_runs.map(|total| total.to_string()));
    format!(
        "outcome={outcome} count={count} error={error} http={http} attempts={attempts} seen={runs_seen} new={runs_new} \
         changed={runs_changed} unchanged={runs_unchanged} quarantined={runs_quarantined} absent={runs_absent} \
         messages={messages_new} bytes={body_bytes} ms={milliseconds} total={total}"
    )
}

/// What `sync-ended` says of the results of a sync, and each job's line in its chain. `chains` are those of every known job, in
/// order of the jobs.
pub(in crate::archive) fn seal_results<'c>(
    began: &SyncBegan,
    ended: i64,
    records: &[JobRecord],
    chains: impl Iterator<Item = (Guid, &'c mut JobChain)>,
) -> SealedResults {
    let found: HashMap<Guid, &JobRecord> = records.iter().map(|record| (record.job_id, record)).collect();
    let mut results = Results::new(began.sync, began.at, ended);
    for (job, chain) in chains {
        let line = found.get(&job).map(|record| found_line(record));
        results.job(job, line.as_deref(), chain);
    }
    results.seal()
}

/// The line of each of the jobs in the results of a sync, as it stands in the job's chain.
pub(in crate::archive) fn result_lines(
    began: &SyncBegan,
    ended: i64,
    records: &[JobRecord],
    jobs: Vec<Guid>,
) -> impl Iterator<Item = (Guid, String)> {
    let sync = ResultOf::new(began.sync, began.at, ended);
    let found: HashMap<Guid, String> = records
        .iter()
        .map(|record| (record.job_id, found_line(record)))
        .collect();
    jobs.into_iter()
        .map(move |job| (job, sync.line(job, found.get(&job).map(String::as_str))))
}

/// The sync that has begun last and not ended.
pub(in crate::archive) fn running(connection: &Connection) -> Result<Option<i64>, ArchiveError> {
    connection
        .cached()
        .optional(
            "SELECT iif(outcome IS NULL, sync_id, NULL) FROM _sync ORDER BY sync_id DESC LIMIT 1",
            [],
            "look for the running sync",
            |row| row.get(0),
        )
        .map(Option::flatten)
}

/// Notes of the sync that was killed before it ended that it was.
pub(in crate::archive) fn close_killed(
    connection: &Connection,
    head: &mut Head,
    now: Instant,
) -> Result<(), ArchiveError> {
    let Some(sync_id) = running(connection)? else {
        return Ok(());
    };
    connection.run(
        "UPDATE _sync SET outcome = 'interrupted' WHERE sync_id = ?1",
        [sync_id],
        "note that a sync was killed",
    )?;
    let entry = LedgerEntry::SyncKilled {
        sync: sync_id,
        at: now.unix_seconds(),
    };
    ledger::append(connection, head, &entry)
}

/// Adds the row of a sync that begins, and closes the ones that were killed before they ended.
pub(in crate::archive) fn begin(
    connection: &Connection,
    head: &mut Head,
    started_at: Instant,
    count: Option<u32>,
) -> Result<i64, ArchiveError> {
    close_killed(connection, head, started_at)?;
    let version = env!("CARGO_PKG_VERSION");
    let sync_id: i64 = connection.one(
        "INSERT INTO _sync (started_unix, count_asked, process_id, tool_version) VALUES (?1, ?2, ?3, ?4)
         RETURNING sync_id",
        params![started_at.unix_seconds(), count, std::process::id(), version],
        "begin the sync",
        |row| row.get(0),
    )?;
    let entry = LedgerEntry::SyncBegan(SyncBegan {
        sync: sync_id,
        at: started_at.unix_seconds(),
        count: count.map(i64::from),
        version: version.to_owned(),
        process: std::process::id().into(),
    });
    ledger::append(connection, head, &entry)?;
    Ok(sync_id)
}

/// How a sync began.
pub(in crate::archive) fn began(connection: &Connection, sync: i64) -> Result<SyncBegan, ArchiveError> {
    connection.one(
        "SELECT started_unix, count_asked, tool_version, process_id FROM _sync WHERE sync_id = ?1",
        [sync],
        "read how the sync began",
        |row| {
            Ok(SyncBegan {
                sync,
                at: row.get(0)?,
                count: row.get(1)?,
                version: row.get(2)?,
                process: row.get(3)?,
            })
        },
    )
}

/// Records one job's result.
pub(in crate::archive) fn record_job(
    connection: &Connection,
    sync_id: i64,
    job_key: i64,
    job: &JobRecord,
) -> Result<(), ArchiveError> {
    let figures = &job.figures;
    let is_quiet = job.outcome == JobOutcome::Complete
        && job.error.is_none()
        && job.http_status == Some(200)
        && job.total_job_runs.is_some()
        && *figures
            == JobFigures {
                attempts: 1,
                runs_seen: figures.runs_seen,
                runs_unchanged: figures.runs_seen,
                body_bytes: figures.body_bytes,
                milliseconds: figures.milliseconds,
                ..JobFigures::default()
            };
    let doing = "record what the sync found of a job";
    if let (true, Some(count)) = (is_quiet, job.count_asked) {
        connection.cached().run(
            "INSERT INTO _sync_job_unchanged (sync_id, job_key, runs_seen, body_bytes, milliseconds, count_asked, other_total)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, nullif(?7, ?3))",
            params![
                sync_id,
                job_key,
                figures.runs_seen,
                figures.body_bytes,
                figures.milliseconds,
                count,
                job.total_job_runs
            ],
            doing,
        )
    } else {
        connection.cached().run(
            "INSERT INTO _sync_job (sync_id, job_key, outcome, error, http_status, attempts, runs_seen,
                 runs_new, runs_changed, runs_unchanged, runs_quarantined, runs_absent, messages_new,
                 body_bytes, milliseconds, total_job_runs, count_asked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                sync_id,
                job_key,
                job.outcome.as_str(),
                job.error,
                job.http_status,
                figures.attempts,
                figures.runs_seen,
                figures.runs_new,
                figures.runs_changed,
                figures.runs_unchanged,
                figures.runs_quarantined,
                figures.runs_absent,
                figures.messages_new,
                figures.body_bytes,
                figures.milliseconds,
                job.total_job_runs,
                job.count_asked
            ],
            doing,
        )
    }
    .map(drop)
}

/// Ends the sync: its totals, its ledger entry, and the head after it.
pub(in crate::archive) fn end(
    connection: &Connection,
    head: &mut Head,
    began: &SyncBegan,
    finished_at: Instant,
    outcome: SyncOutcome,
    clock_skew_seconds: Option<i64>,
    jobs: &[JobRecord],
) -> Result<JobFigures, ArchiveError> {
    let mut totals = JobFigures::default();
    for job in jobs {
        totals += job.figures;
    }
    let at = finished_at.unix_seconds();
    let sealed = seal_results(began, at, jobs, head.job_chains(connection)?);
    let entry = LedgerEntry::SyncEnded(SyncEnded {
        sync: began.sync,
        at,
        outcome: outcome.as_str().to_owned(),
        clock: clock_skew_seconds,
        jobs: sealed.asked,
        figures: sealed.figures,
        results: sealed.results,
    });
    ledger::append(connection, head, &entry)?;
    connection.run(
        "UPDATE _sync SET finished_unix = ?2, outcome = ?3, head = ?4, attempts = ?5, runs_seen = ?6,
             runs_new = ?7, runs_changed = ?8, runs_unchanged = ?9, runs_quarantined = ?10,
             runs_absent = ?11, messages_new = ?12, body_bytes = ?13, milliseconds = ?14,
             clock_skew_seconds = ?15
         WHERE sync_id = ?1",
        params![
            began.sync,
            at,
            outcome.as_str(),
            head.hash,
            totals.attempts,
            totals.runs_seen,
            totals.runs_new,
            totals.runs_changed,
            totals.runs_unchanged,
            totals.runs_quarantined,
            totals.runs_absent,
            totals.messages_new,
            totals.body_bytes,
            totals.milliseconds,
            clock_skew_seconds
        ],
        "end the sync",
    )?;
    Ok(totals)
}
/// How much came in from the first sync to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// End of the first sync.
    pub first: Instant,
    /// End of the last one.
    pub last: Instant,
    /// Revisions that all syncs archived.
    pub revisions: u64,
    /// Those of them that came after the first sync.
    pub revisions_later: u64,
}

/// How much came in from the first sync to the last; `None` where no sync ended yet.
pub(in crate::archive) fn growth(connection: &Connection) -> Result<Option<Growth>, ArchiveError> {
    connection.one(
        "SELECT min(finished_unix), max(finished_unix), ifnull(sum(runs_new + runs_changed), 0),
                ifnull(sum(runs_new + runs_changed)
                       FILTER (WHERE sync_id > (SELECT min(sync_id) FROM _sync WHERE finished_unix IS NOT NULL)), 0)
         FROM _sync WHERE finished_unix IS NOT NULL",
        [],
        "read how much the archive grew",
        |row| {
            let (Some(first), Some(last)) = (row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?) else {
                return Ok(None);
            };
            Ok(Some(Growth {
                first: Instant::from_unix_seconds(first),
                last: Instant::from_unix_seconds(last),
                revisions: row.get(2)?,
                revisions_later: row.get(3)?,
            }))
        },
    )
}
