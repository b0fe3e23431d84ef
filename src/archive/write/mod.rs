//! The writing side of the archive: jobs, runs with their messages and payloads, quarantine, syncs.
//!
//! Nothing here is async and nothing waits for the network: [`Writer::begin`], any number of `store` calls,
//! [`Writer::commit`]. What a transaction learned in memory is forgotten when it is rolled back.

mod holds;
mod presence;
mod quarantine;
mod received;
mod run;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::db::Db;
use super::error::{ArchiveError, Doing, io_error};
use super::identity::FileIdentity;
use super::ledger::entry::{LedgerEntry, Rules};
use super::ledger::{self, Head, actor};
use super::lock::SyncLock;
use super::open::{IfMissing, OpenToWrite};
use super::storage::dictionary::{self, NewDictionaries};
use super::storage::jobs::{self, NameFrom, WatchOrigin};
use super::storage::keys::Keys;
use super::storage::known::{KnownRun, KnownRuns};
use super::storage::messages::MessageTexts;
use super::storage::syncs::{self, JobOutcome, JobRecord, SyncOutcome, SyncRecord};
use super::storage::{watching, zones};
use super::{limits, open};
use crate::model::{Guid, Instant, NaiveZone, TICKS_PER_SECOND, Zone};

pub use holds::AddedHold;
pub use received::{KnownJob, PackedPayload, ReceivedRun, ReceivedUnreadable, Stored, StoredChange};

/// Times without offset are read by newer rules of their zone from now on, and these differ from the earlier ones.
#[derive(Debug)]
pub struct NewerRules {
    before: Zone,
    now: Zone,
    /// From when on they differ.
    from: Instant,
    /// Archived runs with such times then or later, which were read by the earlier rules.
    runs: u64,
}

impl fmt::Display for NewerRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "times without offset are read by the rules of {} of {} from now on, which differ from those of {} from {} \
             on; {} archived runs have such a time then or later",
            self.now.name(),
            self.now.version(),
            self.before.version(),
            self.from,
            self.runs
        )
    }
}

/// Runs of a job that are loaded to be recognised by their bytes where the latest ones are asked for.
const LATEST_RUNS: usize = 256;

/// Pages of a transaction of [`Writer::expect_much`], in KiB: what 48 MiB of JSON change, measured.
const LARGE_CACHE_KIB: i64 = 32 * 1024;

/// Pages of the log after which they are taken over then, 256 MiB: a page that several transactions change is taken over once.
const LARGE_LOG_PAGES: i64 = 32 * 1024;

/// The writing connection.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    identity: FileIdentity,
    /// Whether this writer created the archive.
    created: bool,
    /// The sync that this writer has begun and not ended.
    open_sync: Option<i64>,
    head: Head,
    texts: MessageTexts,
    dictionaries: NewDictionaries,
    zone: NaiveZone,
}

impl Writer {
    /// Opens the archive at `path`; makes it where there is none, upgrades it where it is older.
    ///
    /// # Errors
    /// A directory, another program's file, a newer archive, a network drive, a folder that cannot be written; there is no
    /// archive yet, and a sync holds its lock without making one.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let _making = SyncLock::to_make(path)?;
        Self::open_by(path, IfMissing::Create)
    }

    /// Opens the archive at `path`, which must be there; upgrades it where it is older.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`] or [`ArchiveError::Empty`]; else as [`Self::open`].
    pub fn open_existing(path: &Path) -> Result<Self, ArchiveError> {
        Self::open_by(path, IfMissing::Fail)
    }

    /// The same for a sync, which holds the lock; `create` says whether an archive is made where there is none.
    pub fn open_for_sync(path: &Path, _: &SyncLock, create: bool) -> Result<Self, ArchiveError> {
        let if_missing = if create {
            IfMissing::Create
        } else {
            IfMissing::Fail
        };
        Self::open_by(path, if_missing)
    }

    fn open_by(path: &Path, if_missing: IfMissing) -> Result<Self, ArchiveError> {
        if let Some(kind) = super::network_drive(&super::paths::resolve(path)?) {
            return Err(ArchiveError::NetworkDrive {
                path: path.to_path_buf(),
                kind,
            });
        }
        if ledger::WITHOUT_EVIDENCE {
            tracing::warn!(
                "this build keeps no evidence; it is for measuring alone, and its archives prove nothing"
            );
        }
        let OpenToWrite { connection, created } = open::open_to_write(path, if_missing)?;
        limits::refuse_changed(path, &connection)?;
        let head = ledger::read_head(&connection)?;
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            identity: FileIdentity::of(path).map_err(io_error("look at", path))?,
            created,
            open_sync: None,
            head,
            texts: MessageTexts::default(),
            dictionaries: NewDictionaries::default(),
            zone: NaiveZone::Utc,
        })
    }

    /// The archive's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this writer created the archive.
    #[must_use]
    pub const fn created(&self) -> bool {
        self.created
    }

    /// Begins a transaction; waits up to half a minute for another writer's short one.
    ///
    /// # Errors
    /// The archive stays locked.
    pub fn begin(&mut self) -> Result<(), ArchiveError> {
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .doing("begin a transaction")?;
        let begun = limits::bound(&self.connection)
            .doing("begin a transaction")
            .and_then(|()| self.still_ours())
            .and_then(|()| ledger::read_head(&self.connection));
        match begun {
            Ok(head) => {
                self.head = head;
                Ok(())
            }
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    /// Refuses to go on in a file that is not the archive's any more, or in a sync that another process has ended: the
    /// lock file keeps two syncs apart as long as nobody removes it.
    fn still_ours(&self) -> Result<(), ArchiveError> {
        let taken_over = |what| ArchiveError::TakenOver {
            path: self.path.clone(),
            what,
        };
        if FileIdentity::of(&self.path).ok() != Some(self.identity) {
            return Err(taken_over("another file has its name, or none"));
        }
        match self.open_sync {
            Some(ours) if syncs::running(&self.connection)? != Some(ours) => {
                Err(taken_over("another sync has begun in it"))
            }
            _ => Ok(()),
        }
    }

    /// Ends the transaction: what it stored is on the disk.
    ///
    /// # Errors
    /// Disk full, I/O error; then nothing of the transaction is kept.
    pub fn commit(&mut self) -> Result<(), ArchiveError> {
        let committed = self
            .head
            .store_chains(&self.connection)
            .and_then(|()| self.connection.execute_batch("COMMIT").doing("commit"));
        if committed.is_err() {
            self.rollback();
        }
        committed
    }

    /// Drops the transaction, if one is open, and what memory holds of it.
    pub fn rollback(&mut self) {
        if self.is_within_transaction() {
            // Where even this fails, the transaction ends with the connection.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        self.texts.forget();
        self.dictionaries.forget();
    }

    /// Gives a sync that stores much a cache and a log to match, some 35 MiB more memory: the pages that a large transaction
    /// changes stay in the cache until they are written, once.
    pub fn expect_much(&mut self) -> Result<(), ArchiveError> {
        let doing = "make room for what comes";
        self.connection
            .pragma_update(None, "cache_size", -LARGE_CACHE_KIB)
            .doing(doing)?;
        self.connection
            .pragma_update(None, "wal_autocheckpoint", LARGE_LOG_PAGES)
            .doing(doing)
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn is_within_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Runs `change` in the transaction that is open, else in one of its own.
    fn transact<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        if self.is_within_transaction() {
            return change(self).inspect_err(|_| self.rollback());
        }
        self.begin()?;
        match change(self) {
            Ok(value) => self.commit().map(|()| value),
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    /// The same for what is made again should the power fail: it does not wait for the disk, and is on it with the next
    /// transaction that does. A first sync of many jobs begins with many such.
    fn transact_lightly<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        if self.is_within_transaction() {
            return self.transact(change);
        }
        let wait = |writer: &Self, how: &str| {
            let set = writer.connection.pragma_update(None, "synchronous", how);
            set.doing("set how a commit waits for the disk")
        };
        wait(self, "NORMAL")?;
        let result = self.transact(change);
        wait(self, "FULL")?;
        result
    }

    /// The zone in which times without offset are read: the one remembered, else `asked`, which is then remembered. Also
    /// says where its rules are newer than those by which earlier runs were read.
    ///
    /// # Errors
    /// [`ArchiveError::OtherNaiveTime`] where another one is remembered than was asked for.
    pub fn settle_naive_time(
        &mut self,
        requested: Option<NaiveZone>,
    ) -> Result<(NaiveZone, Option<NewerRules>), ArchiveError> {
        self.transact(|writer| {
            let Some(kept) = zones::remembered(&writer.connection)? else {
                let zone = writer.read_naive_times_in(requested.unwrap_or_default())?;
                return Ok((zone, None));
            };
            if let Some(requested) = requested.filter(|requested| requested.to_string() != kept.to_string()) {
                return Err(ArchiveError::OtherNaiveTime {
                    remembered: kept.to_string(),
                    requested: requested.to_string(),
                });
            }
            let newest = zones::newest(kept);
            writer.zone = kept;
            if let (Some(before), Some(now)) = (kept.rules(), newest.rules())
                && let Some(from) = before.differs_from(now)
            {
                let runs = writer.runs_with_naive_times(from)?;
                let newer = NewerRules {
                    before,
                    now,
                    from,
                    runs,
                };
                return Ok((writer.read_naive_times_in(newest)?, Some(newer)));
            }
            Ok((kept, None))
        })
    }

    /// Says in the ledger that times without offset are read in this zone, by its rules, from here on.
    fn read_naive_times_in(&mut self, zone: NaiveZone) -> Result<NaiveZone, ArchiveError> {
        zones::keep(&self.connection, zone)?;
        self.connection.run(
            "UPDATE _archive SET naive_time = ?1, zone_rules = ?2, zone_release = ?3",
            params![
                zone.to_string(),
                zone.rules().map(Zone::sha256),
                zone.rules().map(Zone::version),
            ],
            "remember the zone of times without offset",
        )?;
        let entry = LedgerEntry::NaiveTime {
            zone: zone.name(),
            rules: Rules::of(zone),
            at: Instant::now().unix_seconds(),
        };
        self.append(&entry)?;
        self.zone = zone;
        Ok(zone)
    }

    /// How many runs have a start or an end without offset about then or later.
    fn runs_with_naive_times(&self, from: Instant) -> Result<u64, ArchiveError> {
        // A day earlier, since they were read with another offset.
        let from = from.ticks().saturating_sub(86_400 * TICKS_PER_SECOND);
        self.connection.one(
            "SELECT count(*) FROM _run WHERE started_assumed = 1 AND started_ticks >= ?1
             OR ended_assumed = 1 AND ended_ticks >= ?1",
            [from],
            "count the runs with times without offset",
            |row| row.get(0),
        )
    }

    /// Records that a sync begins; `count` is how many of the latest runs of each job it asks for, 0 for all, `None` for
    /// what each job needs.
    pub fn begin_sync(&mut self, count: Option<u32>) -> Result<i64, ArchiveError> {
        let sync_id = self
            .transact(|writer| syncs::begin(&writer.connection, &mut writer.head, Instant::now(), count))?;
        self.open_sync = Some(sync_id);
        Ok(sync_id)
    }

    /// The job's key. A job never seen is noted, unwatched.
    pub fn job_key(&mut self, job_id: Guid) -> Result<i64, ArchiveError> {
        match jobs::key(&self.connection, job_id)? {
            Some(key) => Ok(key),
            None => self.transact_lightly(|writer| {
                jobs::key_or_insert(&writer.connection, &mut writer.head, job_id, Instant::now(), None)
            }),
        }
    }

    /// What the archive knows of a job. With `full_since`, the latest runs of a job
    /// are enough whose last complete answer to the question for all came then or later.
    pub fn job_at_hand(&self, job_id: Guid, full_since: Option<Instant>) -> Result<KnownJob, ArchiveError> {
        let Some(job_key) = jobs::key(&self.connection, job_id)? else {
            return Ok(KnownJob::default());
        };
        let (name, server) = jobs::name_and_server(&self.connection, job_key)?;
        let answered_at = match full_since {
            Some(since) => jobs::answered_since_full(&self.connection, job_key, since)?,
            None => None,
        };
        let doing = "read the runs of a job";
        let count: usize = self.connection.cached().one(
            "SELECT count(*) FROM _run WHERE job_key = ?1",
            [job_key],
            doing,
            |row| row.get(0),
        )?;
        // Runs that are not among these are found when they come, one by one.
        let (wanted, sql) = match answered_at {
            None => (
                count,
                "SELECT seen_sha256, run_key, absent_since_unix IS NOT NULL, unreadable_messages > 0
                 FROM _run WHERE job_key = ?1 LIMIT ?2",
            ),
            Some(_) => (
                count.min(LATEST_RUNS),
                "SELECT seen_sha256, run_key, absent_since_unix IS NOT NULL, unreadable_messages > 0
                 FROM _run INDEXED BY run_by_job WHERE job_key = ?1 ORDER BY started_ticks DESC LIMIT ?2",
            ),
        };
        let runs = self.connection.cached().prepared(sql, doing, |statement| {
            let rows = statement.query_map(params![job_key, wanted], |row| {
                let known = KnownRun {
                    run_key: row.get(1)?,
                    absent: row.get(2)?,
                    unreadable_messages: row.get(3)?,
                };
                Ok((row.get(0)?, known))
            });
            KnownRuns::new(wanted, rows.doing(doing)?.map(|row| row.doing(doing)))
        })?;
        let dictionary = dictionary::at_hand(&self.connection, job_key, count)?;
        Ok(KnownJob {
            job_key: Some(job_key),
            name,
            server,
            answered_at,
            runs,
            dictionary,
        })
    }

    /// Ends the sync in one transaction: absences, what was found of each job, totals, head.
    ///
    /// `jobs` are the results with the keys of runs that each complete answer lacked; `clock_skew_seconds` our clock less the server's; `named` are the jobs that were asked for by name, which are watched
    /// from now on where they answered. A job that never answered, and that nothing else makes known, is not recorded.
    ///
    /// # Errors
    /// SQL errors; then the sync counts as killed, and what was archived before is kept.
    pub fn end_sync(
        &mut self,
        sync_id: i64,
        outcome: SyncOutcome,
        clock_skew_seconds: Option<i64>,
        named: &HashSet<Guid>,
        jobs: Vec<(JobRecord, Keys)>,
    ) -> Result<SyncRecord, ArchiveError> {
        let record = self.transact(|writer| {
            // One time for all of its lines: they are written in this transaction.
            let finished_at = Instant::now();
            let began = syncs::began(&writer.connection, sync_id)?;
            let mut records = Vec::with_capacity(jobs.len());
            let mut unknown = Vec::new();
            for (mut record, missing) in jobs {
                let answered = record.outcome != JobOutcome::Failed;
                if !answered && jobs::key(&writer.connection, record.job_id)?.is_none() {
                    // Mistyped, most likely: a job that never answered is none of the archive's.
                    unknown.push((records.len() + unknown.len(), record));
                    continue;
                }
                for run_key in missing.iter() {
                    if writer.mark_absent(sync_id, run_key, finished_at)? {
                        record.figures.runs_absent += 1;
                    }
                }
                let job_key = jobs::key_or_insert(
                    &writer.connection,
                    &mut writer.head,
                    record.job_id,
                    finished_at,
                    None,
                )?;
                syncs::record_job(&writer.connection, sync_id, job_key, &record)?;
                let end = jobs::JobEnd {
                    job_key,
                    answered,
                    named: named.contains(&record.job_id),
                    synced: record.count_asked == Some(0) && record.outcome == JobOutcome::Complete,
                    is_current: matches!(began.count, None | Some(0))
                        && record.outcome == JobOutcome::Complete,
                    error: record.error.as_deref(),
                    total_job_runs: record.total_job_runs,
                    server: record.server.as_deref().unwrap_or_default(),
                    at: finished_at,
                };
                jobs::end(&writer.connection, &mut writer.head, &end)?;
                records.push(record);
            }
            let mut totals = syncs::end(
                &writer.connection,
                &mut writer.head,
                &began,
                finished_at,
                outcome,
                clock_skew_seconds,
                &records,
            )?;
            for (place, record) in unknown {
                totals += record.figures;
                records.insert(place, record);
            }
            Ok(SyncRecord {
                sync_id,
                archive_id: writer.archive_id()?,
                archive_created: writer.created,
                started_at: Instant::from_unix_seconds(began.at),
                finished_at,
                outcome,
                head: writer.head.hash,
                clock_skew_seconds,
                totals,
                jobs: records,
            })
        })?;
        self.open_sync = None;
        open::take_over_log(&self.connection);
        Ok(record)
    }

    /// Watches a job (`jobs add`), and names it where a name is given.
    pub fn watch(&mut self, job_id: Guid, name: Option<&str>) -> Result<(), ArchiveError> {
        let name = name.map(|name| (name, NameFrom::Person));
        self.watch_all(std::iter::once((job_id, name)))
    }

    /// The same for many jobs: all of them are watched, or none.
    pub fn watch_all<'n>(
        &mut self,
        jobs: impl Iterator<Item = (Guid, Option<(&'n str, NameFrom)>)>,
    ) -> Result<(), ArchiveError> {
        self.transact(|writer| {
            let by = Some(actor::this());
            for (job_id, name) in jobs {
                limits::bound(&writer.connection).doing("watch a job")?;
                let now = Instant::now();
                let job_key = jobs::key_or_insert(&writer.connection, &mut writer.head, job_id, now, by)?;
                jobs::set_watched(&writer.connection, &mut writer.head, job_key, true, now, by)?;
                jobs::set_origin(&writer.connection, job_key, Some(WatchOrigin::Asked))?;
                if let Some((name, from)) = name {
                    jobs::set_name(&writer.connection, &mut writer.head, job_key, name, from, by)?;
                }
            }
            Ok(())
        })
    }

    /// Says that `job` (none: every job) has moved to the server with the base URL `to`; with `from`, only if it was
    /// there. Says how many jobs moved; one that never answered has no server to move from.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`] where the archive does not know the job; SQL errors.
    pub fn move_jobs(
        &mut self,
        job: Option<Guid>,
        from: Option<&str>,
        to: &str,
    ) -> Result<u64, ArchiveError> {
        self.transact(|writer| {
            if let Some(job) = job
                && jobs::key(&writer.connection, job)?.is_none()
            {
                return Err(ArchiveError::NoSuch {
                    what: format!("job {job}"),
                });
            }
            let by = actor::this();
            jobs::move_to(&writer.connection, &mut writer.head, job, from, to, by)
        })
    }

    /// Names a job without watching it: what a sync learns of its name.
    pub fn name_job(&mut self, job_id: Guid, name: &str, from: NameFrom) -> Result<(), ArchiveError> {
        self.transact_lightly(|writer| {
            let (connection, head) = (&writer.connection, &mut writer.head);
            let job_key = jobs::key_or_insert(connection, head, job_id, Instant::now(), None)?;
            jobs::set_name(connection, head, job_key, name, from, None)
        })
    }

    /// Stops watching a job; deletes nothing.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`] where the archive does not know it.
    pub fn unwatch(&mut self, job_id: Guid) -> Result<(), ArchiveError> {
        self.transact(|writer| {
            let job_key = jobs::key(&writer.connection, job_id)?.ok_or_else(|| ArchiveError::NoSuch {
                what: format!("job {job_id}"),
            })?;
            let by = Some(actor::this());
            let (connection, head) = (&writer.connection, &mut writer.head);
            jobs::set_watched(connection, head, job_key, false, Instant::now(), by)?;
            watching::forget_files(connection, job_key)?;
            jobs::set_origin(connection, job_key, Some(WatchOrigin::Removed))
        })
    }

    /// Watches the jobs that the jobs file at `path` lists, with the names that it gives; jobs that this file alone had
    /// watched and that it no longer lists are watched no longer, and are returned.
    pub fn follow_jobs_file(
        &mut self,
        path: &str,
        listed: &[(Guid, Option<String>)],
    ) -> Result<Vec<Guid>, ArchiveError> {
        self.transact(|writer| {
            limits::bound(&writer.connection).doing("note the jobs of a jobs file")?;
            let now = Instant::now();
            watching::follow_jobs_file(&writer.connection, &mut writer.head, path, listed, now)
        })
    }

    /// Notes which jobs a server has, and the names that it gives to known ones. With `watch_new`, those that are not
    /// watched are from now on, unless a person ended that, and are returned.
    pub fn note_server_jobs(
        &mut self,
        server: &str,
        listed: &[(Guid, String)],
        watch_new: bool,
    ) -> Result<Vec<(Guid, String)>, ArchiveError> {
        self.transact(|writer| {
            limits::bound(&writer.connection).doing("note the jobs of a server")?;
            let now = Instant::now();
            watching::note_server_jobs(
                &writer.connection,
                &mut writer.head,
                server,
                listed,
                watch_new,
                now,
            )
        })
    }

    /// The watched jobs, by GUID.
    pub fn watched_jobs(&self) -> Result<Vec<Guid>, ArchiveError> {
        jobs::watched(&self.connection)
    }

    /// The base URL of the server that listed the runs of each job last; a job that never answered has none.
    pub fn job_servers(&self) -> Result<HashMap<Guid, String>, ArchiveError> {
        jobs::servers(&self.connection)
    }

    fn archive_id(&self) -> Result<Guid, ArchiveError> {
        let text: String = self.connection.one(
            "SELECT archive_id FROM _archive",
            [],
            "read the id of the archive",
            |row| row.get(0),
        )?;
        jobs::stored_guid(&text)
    }

    fn append(&mut self, entry: &LedgerEntry) -> Result<(), ArchiveError> {
        ledger::append(&self.connection, &mut self.head, entry)
    }
}
