//! What an export to a lake asks: which partitions the ledger's newest lines touch, and the rows of one partition.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{Row, params, params_from_iter};

use super::Snapshot;
use crate::archive::db::{Db, RowError};
use crate::archive::error::ArchiveError;
use crate::archive::ledger::entry::{LedgerEntry, RemovedEntry, RevisionEntry};
use crate::archive::storage::revisions::Payloads;
use crate::archive::storage::zones;
use crate::decode::read_run_fields;
use crate::model::{Guid, Instant, NaiveZone, Sha256, hex};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionRun {
    pub job_id: String,
    /// Start, in ticks of 100 ns since 1970 UTC.
    pub started_ticks: Option<i64>,
    pub job_run_id: String,
    /// Its key inside the archive.
    pub run_key: i64,
    pub job_name: Option<String>,
}

/// What has changed since an earlier state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LakeChanges {
    /// Anything may have: the tables were rebuilt, or the archive was salvaged.
    pub everything: bool,
    /// Starts, before and after, of runs that were archived, with their messages.
    pub runs_with_messages: BTreeSet<Option<Instant>>,
    /// Starts of runs that went, came back, or whose job has another name.
    pub runs: BTreeSet<Option<Instant>>,
    /// When revisions were archived.
    pub revisions: BTreeSet<Instant>,
    /// Whether a job was added, renamed, watched or synced.
    pub jobs: bool,
    /// Whether a sync began or ended.
    pub syncs: bool,
    /// Whether bytes came to quarantine, were accepted, or went with their run.
    pub quarantine: bool,
    /// Whether a hold was added or released.
    pub holds: bool,
    pub removed_runs: bool,
}

impl Snapshot<'_> {
    /// The number of the ledger's last entry.
    pub const fn entry_id(&self) -> i64 {
        self.entry_id
    }

    /// Whether the ledger's entry `entry_id` has this hash, in lower-case hexadecimal; entry 0 is the empty ledger.
    pub fn has_head(&self, entry_id: i64, hash: &str) -> Result<bool, ArchiveError> {
        if entry_id == 0 {
            return Ok(true);
        }
        let found: Option<Sha256> = self.connection().optional(
            "SELECT entry_hash FROM ledger WHERE entry_id = ?1",
            [entry_id],
            "look a head up in the ledger",
            |row| row.get(0),
        )?;
        Ok(found.is_some_and(|found| hex(&found) == hash))
    }

    /// How many rows a table for analysts has.
    pub fn rows_of(&self, table: &str) -> Result<u64, ArchiveError> {
        // The view joins the texts of each message, which counting does not need.
        let table = if table == "messages" { "_message" } else { table };
        let sql = format!("SELECT count(*) FROM {table}");
        self.connection().one(&sql, [], "count rows", |row| row.get(0))
    }

    /// What the ledger says that changed after entry `entry_id`.
    ///
    /// # Errors
    /// A line that cannot be read, a payload that is damaged; SQL errors.
    pub fn changes_since(&self, entry_id: i64) -> Result<LakeChanges, ArchiveError> {
        let mut changes = LakeChanges::default();
        let mut runs: BTreeMap<Guid, bool> = BTreeMap::new();
        let mut renamed: BTreeSet<Guid> = BTreeSet::new();
        let mut removed: BTreeSet<Guid> = BTreeSet::new();
        self.connection().each(
            "SELECT entry_id, entry FROM ledger WHERE entry_id > ?1 ORDER BY entry_id",
            [entry_id],
            "read the ledger",
            |row| {
                let line = row.get_ref(1)?.as_str()?;
                let entry = LedgerEntry::read(line).map_err(|why| ArchiveError::Damaged {
                    what: format!("the ledger's line {line:?} cannot be read: {why}"),
                })?;
                match entry {
                    LedgerEntry::Revision(RevisionEntry { run, at, .. }) => {
                        runs.insert(run, true);
                        changes.revisions.insert(Instant::from_unix_seconds(at));
                    }
                    LedgerEntry::Absent { run, .. } | LedgerEntry::Returned { run, .. } => {
                        runs.entry(run).or_insert(false);
                    }
                    LedgerEntry::JobNamed { job, .. } => {
                        renamed.insert(job);
                        changes.jobs = true;
                    }
                    LedgerEntry::JobAdded { .. }
                    | LedgerEntry::JobWatched { .. }
                    | LedgerEntry::JobServer { .. } => changes.jobs = true,
                    LedgerEntry::SyncBegan(_)
                    | LedgerEntry::SyncKilled { .. }
                    | LedgerEntry::SyncEnded(_) => {
                        changes.jobs = true;
                        changes.syncs = true;
                    }
                    LedgerEntry::Quarantined(_) | LedgerEntry::Accepted { .. } => changes.quarantine = true,
                    LedgerEntry::HoldAdded(_) | LedgerEntry::HoldReleased { .. } => changes.holds = true,
                    LedgerEntry::Removed(RemovedEntry { run, started, .. }) => {
                        changes.runs_with_messages.insert(started);
                        changes.removed_runs = true;
                        changes.quarantine = true;
                        runs.remove(&run);
                        removed.insert(run);
                    }
                    LedgerEntry::RetentionLocked { .. } => {}
                    LedgerEntry::Reindexed { .. }
                    | LedgerEntry::Salvaged { .. }
                    | LedgerEntry::SalvageEnded { .. }
                    | LedgerEntry::Lost(_) => changes.everything = true,
                    LedgerEntry::Archive { .. }
                    | LedgerEntry::NaiveTime { .. }
                    | LedgerEntry::ClockSetBack { .. }
                    | LedgerEntry::Acknowledged(_) => {}
                }
                Ok(())
            },
        )?;
        if !removed.is_empty() {
            self.add_revisions_of(&removed, entry_id, &mut changes)?;
        }
        let mut former = FormerStarts {
            snapshot: self,
            payloads: Payloads::default(),
            zone: zones::remembered(self.connection())?.unwrap_or_default(),
        };
        for (run, has_revision) in runs {
            let (run_key, started) = self.start_of(run)?;
            if has_revision {
                changes.runs_with_messages.insert(started);
                changes
                    .runs_with_messages
                    .extend(former.before(run_key, entry_id)?);
            } else {
                changes.runs.insert(started);
            }
        }
        for job in renamed {
            let starts: BTreeSet<Option<i64>> = self.connection().all(
                "SELECT DISTINCT r.started_ticks FROM _run r JOIN _job j ON j.job_key = r.job_key WHERE j.job_id = ?1",
                [job.to_string()],
                "read the runs of a job",
                |row| row.get(0),
            )?;
            let starts = starts.into_iter().map(|ticks| ticks.map(Instant::from_ticks));
            changes.runs_with_messages.extend(starts);
        }
        Ok(changes)
    }

    /// Adds where revisions of removed runs stood: their payloads are gone, and the ledger has their lines.
    fn add_revisions_of(
        &self,
        removed: &BTreeSet<Guid>,
        entry_id: i64,
        changes: &mut LakeChanges,
    ) -> Result<(), ArchiveError> {
        let mut reread = false;
        let mut exported: BTreeSet<Guid> = BTreeSet::new();
        self.connection().each(
            "SELECT entry_id, entry FROM ledger WHERE entry GLOB 'revision *' OR entry GLOB 'reindexed *' ORDER BY entry_id",
            [],
            "read the ledger",
            |row| {
                let Ok(entry) = LedgerEntry::read(row.get_ref(1)?.as_str()?) else {
                    return Ok(());
                };
                let is_old = row.get::<_, i64>(0)? <= entry_id;
                match entry {
                    LedgerEntry::Reindexed { .. } => reread = true,
                    LedgerEntry::Revision(revision) if removed.contains(&revision.run) => {
                        changes.revisions.insert(Instant::from_unix_seconds(revision.at));
                        changes.runs_with_messages.insert(revision.started);
                        if is_old {
                            exported.insert(revision.run);
                        } else if reread && exported.contains(&revision.run) {
                            // The start that was exported is that of a payload that is gone, read by other rules than then.
                            changes.everything = true;
                        }
                    }
                    _ => {}
                }
                Ok(())
            },
        )
    }

    fn start_of(&self, run: Guid) -> Result<(i64, Option<Instant>), ArchiveError> {
        let found = self.connection().cached().optional(
            "SELECT run_key, started_ticks FROM _run WHERE job_run_id = ?1",
            [run.to_string()],
            "read a run",
            |row| {
                Ok((
                    row.get(0)?,
                    row.get::<_, Option<i64>>(1)?.map(Instant::from_ticks),
                ))
            },
        )?;
        found.ok_or_else(|| ArchiveError::Damaged {
            what: format!("the ledger names the run {run}, which is not there"),
        })
    }

    /// Every start that any run has, as the first `characters` of its UTC text: 7 are the month, 4 the year.
    pub fn starts(&self, characters: u32) -> Result<BTreeSet<Option<String>>, ArchiveError> {
        self.connection().all(
            "SELECT DISTINCT substr(started_at, 1, ?1) FROM _run",
            [characters],
            "read the starts of runs",
            |row| row.get(0),
        )
    }

    /// Every year in which a revision was archived.
    pub fn revision_years(&self) -> Result<BTreeSet<String>, ArchiveError> {
        self.connection().all(
            "SELECT DISTINCT strftime('%Y', captured_unix, 'unixepoch') FROM _revision",
            [],
            "read the times of revisions",
            |row| row.get(0),
        )
    }

    /// The runs whose start begins with `prefix`, such as `2026-01`, or those without a start; in the order of job, start
    /// and run.
    pub fn partition_runs(&self, prefix: Option<&str>) -> Result<Vec<PartitionRun>, ArchiveError> {
        let mut runs = Vec::new();
        self.each_row_of::<ArchiveError>(
            &[
                "j.job_id",
                "r.started_ticks",
                "r.job_run_id",
                "r.run_key",
                "j.name",
            ],
            "_run r JOIN _job j ON j.job_key = r.job_key",
            Some(("r.started_at", prefix)),
            &["j.job_id", "r.started_ticks", "r.job_run_id"],
            |row| {
                runs.push(PartitionRun {
                    job_id: row.get(0)?,
                    started_ticks: row.get(1)?,
                    job_run_id: row.get(2)?,
                    run_key: row.get(3)?,
                    job_name: row.get(4)?,
                });
                Ok(())
            },
        )?;
        Ok(runs)
    }

    /// The rows of `source`, a table or a subquery, in the order of the columns `order`. With `part`, those whose column
    /// of this name begins with the given text, or is NULL.
    pub fn ordered_rows<E: From<ArchiveError>>(
        &self,
        columns: &[&str],
        source: &str,
        part: Option<(&str, Option<&str>)>,
        order: &[&str],
        mut see: impl FnMut(&[ValueRef<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_row_of(columns, source, part, order, |row| {
            let cells: rusqlite::Result<Vec<ValueRef<'_>>> =
                (0..columns.len()).map(|index| row.get_ref(index)).collect();
            Ok(see(&cells?)?)
        })
    }

    fn each_row_of<E: From<ArchiveError>>(
        &self,
        columns: &[&str],
        source: &str,
        part: Option<(&str, Option<&str>)>,
        order: &[&str],
        see: impl FnMut(&Row<'_>) -> Result<(), RowError<E>>,
    ) -> Result<(), E> {
        let condition = match part {
            None => String::new(),
            Some((by, None)) => format!("WHERE {by} IS NULL"),
            Some((by, Some(_))) => format!("WHERE {by} >= ?1 AND {by} < ?2"),
        };
        let sql = format!(
            "SELECT {} FROM {source} {condition} ORDER BY {}",
            columns.join(", "),
            order.join(", ")
        );
        let bounds = part.and_then(|(_, prefix)| prefix).map(bounds);
        self.connection().try_each(
            &sql,
            params_from_iter(bounds.into_iter().flatten()),
            "read the rows of a table",
            see,
        )
    }
}

/// The texts between which times lie that begin with this year or month.
fn bounds(prefix: &str) -> [String; 2] {
    // What follows is `-`, and `.` is the next character.
    [format!("{prefix}-"), format!("{prefix}.")]
}

/// Starts of runs in an earlier state, read from the payload that was the latest one then.
struct FormerStarts<'s> {
    snapshot: &'s Snapshot<'s>,
    payloads: Payloads,
    zone: NaiveZone,
}

impl FormerStarts<'_> {
    /// The start that the run had when `last_entry` was the ledger's last one; `None` where it was not there yet.
    fn before(&mut self, run_key: i64, last_entry: i64) -> Result<Option<Option<Instant>>, ArchiveError> {
        let connection = self.snapshot.connection();
        let found: Option<(i64, String)> = connection.cached().optional(
            "SELECT l.entry_id, l.entry FROM _revision v JOIN ledger l ON l.entry_id = v.entry_id
             WHERE v.run_key = ?1 AND v.entry_id <= ?2 ORDER BY v.revision DESC LIMIT 1",
            params![run_key, last_entry],
            "read an earlier revision",
            |row| row.try_into(),
        )?;
        let Some((entry_id, line)) = found else {
            return Ok(None);
        };
        let damaged = |why: String| ArchiveError::Damaged {
            what: format!("the revision of the ledger's entry {entry_id} cannot be read: {why}"),
        };
        let revision = match LedgerEntry::read(&line) {
            Ok(LedgerEntry::Revision(revision)) => revision,
            Ok(_) => return Err(damaged("it is another kind of entry".to_owned())),
            Err(why) => return Err(damaged(why)),
        };
        let bytes = self.payloads.read(connection, entry_id, &revision)?;
        let bytes = bytes.map_err(|unsound| damaged(unsound.words()))?;
        let run = read_run_fields(bytes, self.zone).map_err(|error| damaged(error.to_string()))?;
        Ok(Some(run.started().instant()))
    }
}
