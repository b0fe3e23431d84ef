//! Which runs a rule removes: those that are final and old enough, and that no hold keeps. The rule itself is in
//! `ledger/removal_rule.rs`.
//!
//! The plan's hash depends only on the archive's state, the day and the rule, and covers every run with its latest payload:
//! confirming a hash removes exactly those runs, or nothing.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use rusqlite::{Connection, Row};
use sha2::Digest;

use crate::archive::db::{Db, RowError};
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{HoldEntry, LedgerEntry};
use crate::archive::ledger::removal_rule::{SECONDS_PER_DAY, cutoff, is_older_than, midnight};
use crate::archive::ledger::text_hash;
use crate::archive::queries::Snapshot;
use crate::archive::storage::holds_and_removals::locked_days;
use crate::archive::storage::jobs::stored_guid;
use crate::model::{Guid, Instant, Sha256, TICKS_PER_SECOND, hex};

/// How many days back a former plan is searched for.
const DAYS_BACK: i64 = 60;

/// What to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// The least age of a run that is removed, counted from its end to the last UTC midnight.
    pub days: i64,
    /// Only runs of these jobs; of every job if it is empty.
    pub jobs: Vec<Guid>,
    /// The reason that the ledger records.
    pub why: String,
    /// Ages count from the last UTC midnight before this instant.
    pub now: Instant,
}

/// What a rule would remove from the archive as it is.
#[derive(Debug, Clone)]
pub struct RetentionPlan {
    /// SHA-256 over the rule and every run.
    pub hash: Sha256,
    /// Runs that ended before this instant are old enough.
    pub before: Instant,
    /// What would be removed, by job.
    pub jobs: Vec<PlannedJob>,
    /// Runs that are old enough and kept, by hold. A run may count for several.
    pub kept_by_hold: Vec<KeptByHold>,
    /// Runs that are old enough but not final, and therefore kept.
    pub not_final: u64,
    /// Size of the archive file.
    pub file_bytes: u64,
    /// The hash of an earlier plan whose removal is recorded but whose bytes are not cleared yet.
    pub uncleared: Option<Sha256>,
    /// Every run to remove.
    pub(super) runs: Vec<PlannedRun>,
}

/// Bytes of the archive file that are cleared per second, as measured (docs/performance.md).
const BYTES_PER_SECOND: u64 = 40_000_000;

impl RetentionPlan {
    /// How many runs would be removed.
    #[must_use]
    pub fn run_count(&self) -> u64 {
        self.jobs.iter().map(|job| job.runs).sum()
    }

    /// Disk space that the removal needs temporarily: for a copy of the archive, and a log as large.
    #[must_use]
    pub const fn needs_bytes(&self) -> u64 {
        2 * self.file_bytes
    }

    /// Roughly how many seconds the removal takes.
    #[must_use]
    pub const fn estimated_seconds(&self) -> u64 {
        1 + self.file_bytes / BYTES_PER_SECOND
    }
}

/// What would be removed of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedJob {
    pub job_id: Guid,
    pub name: Option<String>,
    pub runs: u64,
    /// Messages of these runs, absent ones too.
    pub messages: u64,
    /// Bytes of their payloads and of their pieces in quarantine, as packed.
    pub bytes: u64,
    /// The earliest start.
    pub first: Option<Instant>,
    /// The latest start.
    pub last: Option<Instant>,
}

/// Runs that a hold keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptByHold {
    pub hold_id: i64,
    pub runs: u64,
}

/// Pieces in quarantine by the key of their run: how many, and their bytes as packed.
type QuarantinedPieces = HashMap<i64, (u64, u64)>;

/// A run that is final and old enough.
#[derive(Debug, Clone)]
pub(super) struct PlannedRun {
    pub(super) run_key: i64,
    pub(super) run: Guid,
    pub(super) job: Guid,
    job_name: Option<String>,
    pub(super) started: Option<Instant>,
    pub(super) ended: Option<Instant>,
    pub(super) revisions: i64,
    pub(super) messages: i64,
    bytes: u64,
    quarantined: u64,
    payload_sha256: Sha256,
    pub(super) first_seen: i64,
    pub(super) absent_since: Option<i64>,
}

impl Snapshot<'_> {
    /// What the rule would remove now.
    ///
    /// # Errors
    /// [`ArchiveError::AgeLocked`] where younger runs are locked; SQL errors.
    pub fn retention_plan(&self, rule: &RetentionRule) -> Result<RetentionPlan, ArchiveError> {
        read(self.connection(), rule)
    }
}

/// Everything that a plan depends on.
struct PlanBasis {
    archive: String,
    /// Runs that are final and old enough today.
    runs: Vec<PlannedRun>,
    not_final: u64,
    holds: Vec<Hold>,
}

struct Hold {
    added: HoldEntry,
    /// The entry that added it.
    added_by: i64,
    released_by: Option<i64>,
}

impl Hold {
    fn keeps(&self, run: &PlannedRun) -> bool {
        self.added.job.is_none_or(|job| job == run.job) && self.added.span.meets(run.started, run.ended)
    }
}

/// Reads the plan of a rule.
pub(super) fn read(connection: &Connection, rule: &RetentionRule) -> Result<RetentionPlan, ArchiveError> {
    refuse_locked(connection, rule)?;
    let basis = PlanBasis::read(connection, rule)?;
    let now = rule.now.unix_seconds();
    let in_force = basis.holds_before(i64::MAX);
    let kept_by_hold = in_force
        .iter()
        .map(|hold| KeptByHold {
            hold_id: hold.added.id,
            runs: basis.runs.iter().filter(|run| hold.keeps(run)).count() as u64,
        })
        .filter(|kept| kept.runs > 0)
        .collect();
    let hash = basis.hash(rule, now, &in_force);
    let runs: Vec<PlannedRun> = basis.runs_to_remove(rule.days, now, &in_force).cloned().collect();
    let doing = "read the size of the archive";
    let size = |pragma: &str| connection.one(pragma, [], doing, |row| row.get::<_, u64>(0));
    Ok(RetentionPlan {
        hash,
        before: Instant::from_unix_seconds(cutoff(now, rule.days)),
        jobs: by_job(&runs),
        kept_by_hold,
        not_final: basis.not_final,
        file_bytes: size("PRAGMA page_count")? * size("PRAGMA page_size")?,
        uncleared: super::clearing::due(connection)?,
        runs,
    })
}

fn refuse_locked(connection: &Connection, rule: &RetentionRule) -> Result<(), ArchiveError> {
    let locked = locked_days(connection)?;
    if rule.days < locked {
        return Err(ArchiveError::AgeLocked {
            days: rule.days,
            locked,
        });
    }
    Ok(())
}

/// Why the plan with this hash no longer holds, as far as that can be told.
pub(super) fn what_changed(
    connection: &Connection,
    rule: &RetentionRule,
    hash: &Sha256,
) -> Result<String, ArchiveError> {
    let basis = PlanBasis::read(connection, rule)?;
    let now = rule.now.unix_seconds();
    let today = basis
        .runs_to_remove(rule.days, now, &basis.holds_before(i64::MAX))
        .count();
    if let Some(former) = basis.find_former_plan(rule, hash) {
        let mut changed = basis.changes_of_holds_since(former.entry_id);
        if former.days_back > 0 {
            if changed.is_empty() {
                changed.push(format!(
                    "another {} runs became old enough",
                    today.saturating_sub(former.runs)
                ));
            } else {
                changed.push("days went by".to_owned());
            }
        }
        return Ok(format!(
            "it is the plan of {}, with {} runs; since then {}, and {today} would go now",
            &Instant::from_unix_seconds(midnight(now - former.days_back * SECONDS_PER_DAY)).to_string()[..10],
            former.runs,
            changed.join(", "),
        ));
    }
    let (changed, removed): (Option<i64>, Option<i64>) = connection.one(
        "SELECT (SELECT max(captured_unix) FROM _revision v JOIN _run r USING (run_key)
                 WHERE coalesce(r.ended_ticks, r.started_ticks) < ?1),
                (SELECT max(removed_unix) FROM _removed_run)",
        [cutoff(now, rule.days).saturating_mul(TICKS_PER_SECOND)],
        "read when runs last changed",
        |row| row.try_into(),
    )?;
    let last = |what: &str, at: Option<i64>| match at {
        Some(at) => format!("; {what} was at {}", Instant::from_unix_seconds(at)),
        None => String::new(),
    };
    Ok(format!(
        "the plan of today for this rule is another one, with {today} runs. Either --older-than, --job or --reason are not those \
         that it was made with, or its runs are others now{}{}",
        last("the last time that a run so old was archived or changed", changed),
        last("the last removal", removed)
    ))
}

/// A plan that the same rule made earlier.
struct FormerPlan {
    /// The first entry about a hold that the plan did not have yet; `i64::MAX` if it had all.
    entry_id: i64,
    days_back: i64,
    runs: usize,
}

impl PlanBasis {
    fn read(connection: &Connection, rule: &RetentionRule) -> Result<Self, ArchiveError> {
        let doing = "read the runs that are old enough";
        let quarantined: QuarantinedPieces = connection.all(
            "SELECT run_key, count(*), sum(length(payload)) FROM _quarantined WHERE run_key IS NOT NULL GROUP BY run_key",
            [],
            doing,
            |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))),
        )?;
        let now = rule.now.unix_seconds();
        let (mut runs, mut not_final) = (Vec::new(), 0);
        connection.each(
            "SELECT r.run_key, r.job_run_id, j.job_id, j.name, r.started_ticks, r.ended_ticks, r.revision, r.messages_held,
                    r.first_seen_unix, r.absent_since_unix, v.payload_sha256,
                    (SELECT sum(length(p.data)) FROM _revision o JOIN payload p ON p.entry_id = o.entry_id
                     WHERE o.run_key = r.run_key),
                    coalesce((SELECT s.is_final FROM job_statuses s WHERE s.status = r.status), 0)
             FROM _run r
             JOIN _job j ON j.job_key = r.job_key
             JOIN _revision v ON v.run_key = r.run_key AND v.revision = r.revision
             WHERE coalesce(r.ended_ticks, r.started_ticks) < ?1
             ORDER BY j.job_id, r.started_ticks, r.job_run_id",
            [cutoff(now, rule.days).saturating_mul(TICKS_PER_SECOND)],
            doing,
            |row| {
                let job = stored_guid(row.get_ref(2)?.as_str()?)?;
                if !rule.jobs.is_empty() && !rule.jobs.contains(&job) {
                    return Ok(());
                }
                if row.get::<_, bool>(12)? {
                    runs.push(planned_run(row, job, &quarantined)?);
                } else {
                    not_final += 1;
                }
                Ok(())
            },
        )?;
        let archive = connection.one(
            "SELECT archive_id FROM _archive",
            [],
            "read the id of the archive",
            |row| row.get(0),
        )?;
        Ok(Self {
            archive,
            runs,
            not_final,
            holds: holds(connection)?,
        })
    }

    /// Looks for the day and the state of the holds that give the plan with this hash: makes the plan as of each line about a
    /// hold, the latest first, on each of the last [`DAYS_BACK`] days.
    fn find_former_plan(&self, rule: &RetentionRule, hash: &Sha256) -> Option<FormerPlan> {
        let now = rule.now.unix_seconds();
        let hold_lines = self
            .holds
            .iter()
            .flat_map(|hold| [Some(hold.added_by), hold.released_by]);
        let mut entry_ids: Vec<i64> = hold_lines.flatten().chain([i64::MAX]).collect();
        entry_ids.sort_unstable();
        for &entry_id in entry_ids.iter().rev() {
            let holds = self.holds_before(entry_id);
            for days_back in 0..=DAYS_BACK {
                let then = now - days_back * SECONDS_PER_DAY;
                if self.hash(rule, then, &holds) == *hash {
                    return Some(FormerPlan {
                        entry_id,
                        days_back,
                        runs: self.runs_to_remove(rule.days, then, &holds).count(),
                    });
                }
            }
        }
        None
    }

    /// The holds in force before that entry.
    fn holds_before(&self, entry_id: i64) -> Vec<&Hold> {
        let was_released = |hold: &Hold| hold.released_by.is_some_and(|released| released < entry_id);
        self.holds
            .iter()
            .filter(|hold| hold.added_by < entry_id && !was_released(hold))
            .collect()
    }

    /// Which holds were added or released from that entry on, as text.
    fn changes_of_holds_since(&self, entry_id: i64) -> Vec<String> {
        let mut changes = Vec::new();
        for hold in &self.holds {
            let id = hold.added.id;
            if hold.added_by >= entry_id {
                changes.push(format!("hold {id} was added"));
            }
            if hold.released_by.is_some_and(|released| released >= entry_id) {
                changes.push(format!("hold {id} was released"));
            }
        }
        changes
    }

    /// What the rule removes on the day of `at` with these holds in force.
    fn runs_to_remove<'s>(
        &'s self,
        days: i64,
        at: i64,
        holds: &'s [&Hold],
    ) -> impl Iterator<Item = &'s PlannedRun> {
        self.runs.iter().filter(move |run| {
            is_older_than(run.started, run.ended, at, days) && !holds.iter().any(|hold| hold.keeps(run))
        })
    }

    /// SHA-256 of the plan: a line about the rule, then a line for each run, each ending in a line feed.
    fn hash(&self, rule: &RetentionRule, at: i64, holds: &[&Hold]) -> Sha256 {
        let mut jobs: Vec<String> = rule.jobs.iter().map(Guid::to_string).collect();
        jobs.sort();
        jobs.dedup();
        let jobs = if jobs.is_empty() {
            "-".to_owned()
        } else {
            jobs.join(",")
        };
        let mut hash = sha2::Sha256::new();
        let mut line = format!(
            "plan archive={} days={} before={} jobs={jobs} why={}\n",
            self.archive,
            rule.days,
            Instant::from_unix_seconds(cutoff(at, rule.days)),
            hex(&text_hash(&rule.why))
        );
        hash.update(&line);
        let dash = |time: Option<Instant>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
        for run in self.runs_to_remove(rule.days, at, holds) {
            line.clear();
            // Writing to a string cannot fail.
            let _ = writeln!(
                line,
                "run={} job={} started={} ended={} revisions={} messages={} quarantined={} sha256={}",
                run.run,
                run.job,
                dash(run.started),
                dash(run.ended),
                run.revisions,
                run.messages,
                run.quarantined,
                hex(&run.payload_sha256)
            );
            hash.update(&line);
        }
        hash.finalize().into()
    }
}

/// A run from its row in the query of [`PlanBasis::read`].
fn planned_run(row: &Row<'_>, job: Guid, quarantined: &QuarantinedPieces) -> Result<PlannedRun, RowError> {
    let run_key = row.get(0)?;
    let (pieces, bytes) = quarantined.get(&run_key).copied().unwrap_or_default();
    let time = |index| {
        row.get::<_, Option<i64>>(index)
            .map(|ticks| ticks.map(Instant::from_ticks))
    };
    Ok(PlannedRun {
        run_key,
        run: stored_guid(row.get_ref(1)?.as_str()?)?,
        job,
        job_name: row.get(3)?,
        started: time(4)?,
        ended: time(5)?,
        revisions: row.get(6)?,
        messages: row.get(7)?,
        first_seen: row.get(8)?,
        absent_since: row.get(9)?,
        payload_sha256: row.get(10)?,
        bytes: row.get::<_, Option<u64>>(11)?.unwrap_or_default() + bytes,
        quarantined: pieces,
    })
}

/// Every hold, by the ledger: editing a row of the table neither keeps a run nor releases one.
fn holds(connection: &Connection) -> Result<Vec<Hold>, ArchiveError> {
    let mut holds: BTreeMap<i64, Hold> = BTreeMap::new();
    connection.each(
        "SELECT entry, entry_id FROM ledger WHERE entry GLOB 'hold-*' ORDER BY entry_id",
        [],
        "read the holds in the ledger",
        |row| {
            match LedgerEntry::read(row.get_ref(0)?.as_str()?) {
                Ok(LedgerEntry::HoldAdded(added)) => {
                    let hold = Hold {
                        added,
                        added_by: row.get(1)?,
                        released_by: None,
                    };
                    holds.insert(added.id, hold);
                }
                Ok(LedgerEntry::HoldReleased { id, .. }) => {
                    if let Some(hold) = holds.get_mut(&id) {
                        hold.released_by = row.get(1)?;
                    }
                }
                _ => {}
            }
            Ok(())
        },
    )?;
    Ok(holds.into_values().collect())
}

/// `runs` must be sorted by job.
fn by_job(runs: &[PlannedRun]) -> Vec<PlannedJob> {
    let of_job = |runs: &[PlannedRun]| {
        let sum = |of: fn(&PlannedRun) -> u64| runs.iter().map(of).sum();
        PlannedJob {
            job_id: runs[0].job,
            name: runs[0].job_name.clone(),
            runs: runs.len() as u64,
            messages: sum(|run| u64::try_from(run.messages).unwrap_or_default()),
            bytes: sum(|run| run.bytes),
            first: runs.iter().filter_map(|run| run.started).min(),
            last: runs.iter().filter_map(|run| run.started).max(),
        }
    };
    runs.chunk_by(|one, next| one.job == next.job)
        .map(of_job)
        .collect()
}
