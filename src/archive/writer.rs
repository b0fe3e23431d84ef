//! The writing side of the archive: jobs, runs with their messages and payloads, quarantine, syncs.
//!
//! Nothing here is async and nothing waits for the network: [`Writer::begin`], any number of `store` calls,
//! [`Writer::commit`]. What a transaction learned in memory is forgotten when it is rolled back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::{ArchiveError, Doing};
use super::ledger::{self, Entry, Head, text_hash};
use super::plan::{ArchivedRun, HeldMessage, RunPlan, Sameness, plan_messages, plan_run};
use super::syncs::{self, JobOutcome, JobRecord, SyncOutcome, SyncRecord};
use super::texts::{self, Texts};
use super::{jobs, open, payload};
use crate::model::{Guid, Instant, JobRun, Message, NaiveZone, Sha256, TimeBasis, TimeReading};
use crate::reader::{READER_VERSION, read_run};

/// Bytes that payloads of a job are packed with.
#[derive(Debug, PartialEq, Eq)]
pub struct Dictionary {
    /// Its key, once it is stored.
    pub key: Option<i64>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A run's bytes, packed.
#[derive(Debug)]
pub struct PackedPayload {
    /// A Zstandard frame.
    pub data: Vec<u8>,
    /// What it was packed with.
    pub dictionary: Option<Arc<Dictionary>>,
}

/// A run as it came.
#[derive(Debug)]
pub struct ReceivedRun {
    /// Index in the body, from 0.
    pub position: u64,
    /// What it says.
    pub run: JobRun,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Order-blind hash of its content, where it was computed already: half of the work of reading, and only needed where
    /// the archive knows the run in other bytes.
    pub content_sha256: Option<Sha256>,
    /// Length of its bytes.
    pub bytes: u64,
    /// Its bytes, packed.
    pub payload: PackedPayload,
}

/// An element of the answer that is no readable run.
#[derive(Debug)]
pub struct ReceivedUnreadable {
    /// Index in the body, from 0.
    pub position: u64,
    /// Why it cannot be read.
    pub reason: String,
    /// Its bytes, or the first of them where it is beyond the limit.
    pub payload: Vec<u8>,
    /// Length of all its bytes.
    pub bytes: u64,
    /// SHA-256 of all its bytes.
    pub sha256: Sha256,
}

/// What became of a run that was handed to [`Writer::store_run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The run's key in the archive.
    pub run_key: i64,
    /// What was decided.
    pub plan: RunPlan,
    /// Messages added.
    pub messages_new: u64,
    /// Whether it belongs to another job that listed it first.
    pub foreign: bool,
    /// Whether any of its messages is in quarantine.
    pub quarantined: bool,
    /// Whether any of those was not accepted yet.
    pub unaccepted: bool,
}

/// What the archive knows of a run before its job is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownRun {
    /// The run's key.
    pub run_key: i64,
    /// Whether it is marked absent.
    pub absent: bool,
    /// Whether some of its messages went to quarantine: it is always read again, to see whether they were accepted.
    pub unreadable_messages: bool,
}

/// What a sync needs to know of a job before it asks for it.
#[derive(Debug)]
pub struct JobAtHand {
    /// The job's key.
    pub job_key: i64,
    /// Its name, where one is known.
    pub name: Option<String>,
    /// Its runs, by the SHA-256 of their bytes as last received.
    pub runs: HashMap<Sha256, KnownRun>,
    /// What its payloads are packed with; `None` while it has none, or when a fresh one is due.
    pub dictionary: Option<Arc<Dictionary>>,
}

/// Payloads after which a job gets a fresh dictionary: texts change over the years, and 4 KiB per 4,096 runs cost
/// nothing.
const PAYLOADS_PER_DICTIONARY: i64 = 4096;

/// New dictionaries that are remembered: more than jobs are ever asked for at a time. A forgotten one is stored again.
const NEW_DICTIONARIES: usize = 256;

/// The writing connection.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    path: PathBuf,
    head: Head,
    kinds: Texts<2>,
    assets: Texts<3>,
    details: Texts<1>,
    dictionaries: Vec<(Arc<Dictionary>, i64)>,
    zone: NaiveZone,
}

impl Writer {
    /// Opens the archive at `path`; makes it where there is none, upgrades it where it is older.
    ///
    /// # Errors
    /// A directory, another program's file, a newer archive, a network drive, a folder that cannot be written.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        if let Some(kind) = super::network_drive(path) {
            return Err(ArchiveError::NetworkDrive {
                path: path.to_path_buf(),
                kind,
            });
        }
        let connection = open::open_to_write(path)?;
        let head = ledger::read_head(&connection)?;
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            head,
            kinds: texts::kinds(),
            assets: texts::assets(),
            details: texts::details(),
            dictionaries: Vec::new(),
            zone: NaiveZone::Utc,
        })
    }

    /// The archive's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins a transaction; waits up to half a minute for another writer's short one.
    ///
    /// # Errors
    /// The archive stays locked.
    pub fn begin(&mut self) -> Result<(), ArchiveError> {
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .doing("begin a transaction")?;
        self.head = ledger::read_head(&self.connection)?;
        Ok(())
    }

    /// Ends the transaction: what it stored is on the disk.
    ///
    /// # Errors
    /// Disk full, I/O error; then nothing of the transaction is kept.
    pub fn commit(&mut self) -> Result<(), ArchiveError> {
        let committed = self.connection.execute_batch("COMMIT").doing("commit");
        if committed.is_err() {
            self.rollback();
        }
        committed
    }

    /// Drops the transaction, if one is open, and what memory holds of it.
    pub fn rollback(&mut self) {
        if !self.connection.is_autocommit() {
            // Where even this fails, the transaction ends with the connection.
            drop(self.connection.execute_batch("ROLLBACK"));
        }
        self.kinds.forget();
        self.assets.forget();
        self.details.forget();
        self.dictionaries.clear();
    }

    /// Runs `change` in a transaction of its own.
    fn transact<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, ArchiveError>,
    ) -> Result<T, ArchiveError> {
        self.begin()?;
        match change(self) {
            Ok(value) => self.commit().map(|()| value),
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    /// The zone in which times without offset are read: the one remembered, else `asked`, which is then remembered.
    ///
    /// # Errors
    /// [`ArchiveError::OtherNaiveTime`] where another one is remembered than was asked for.
    pub fn settle_naive_time(&mut self, asked: Option<NaiveZone>) -> Result<NaiveZone, ArchiveError> {
        self.transact(|writer| {
            let remembered: Option<String> = writer
                .connection
                .query_row("SELECT naive_time FROM archive", [], |row| row.get(0))
                .doing("read the zone of times without offset")?;
            let zone = match (remembered, asked) {
                (Some(text), asked) => {
                    let zone = text.parse::<NaiveZone>().map_err(|error| ArchiveError::Damaged {
                        what: format!("its zone of times without offset cannot be read: {error}"),
                    })?;
                    if let Some(asked) = asked.filter(|&asked| asked != zone) {
                        return Err(ArchiveError::OtherNaiveTime {
                            remembered: text,
                            asked: asked.to_string(),
                        });
                    }
                    zone
                }
                (None, asked) => {
                    let zone = asked.unwrap_or_default();
                    writer
                        .connection
                        .execute("UPDATE archive SET naive_time = ?1", [zone.to_string()])
                        .doing("remember the zone of times without offset")?;
                    writer.append(
                        &Entry::new("naive-time")
                            .with("zone", zone)
                            .with("at", Instant::now()),
                    )?;
                    zone
                }
            };
            writer.zone = zone;
            Ok(zone)
        })
    }

    /// Records that a sync begins; `count` is what it asks for, 0 for every run.
    ///
    /// # Errors
    /// SQL errors.
    pub fn begin_sync(&mut self, started_at: Instant, count: u32) -> Result<i64, ArchiveError> {
        self.transact(|writer| syncs::begin(&writer.connection, &mut writer.head, started_at, count))
    }

    /// What the archive knows of a job; a job never seen is noted, unwatched.
    ///
    /// # Errors
    /// SQL errors.
    pub fn job_at_hand(&mut self, job_id: Guid) -> Result<JobAtHand, ArchiveError> {
        let (job_key, name) = self.transact(|writer| {
            let job_key = jobs::key_or_insert(&writer.connection, &mut writer.head, job_id)?;
            Ok((job_key, jobs::name(&writer.connection, job_key)?))
        })?;
        let doing = "read the runs of a job";
        let mut runs = HashMap::new();
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT seen_sha256, run_key, absent_since_unix IS NOT NULL, unreadable_messages > 0
                 FROM run WHERE job_key = ?1",
            )
            .doing(doing)?;
        let mut rows = statement.query([job_key]).doing(doing)?;
        while let Some(row) = rows.next().doing(doing)? {
            let known = KnownRun {
                run_key: row.get(1).doing(doing)?,
                absent: row.get(2).doing(doing)?,
                unreadable_messages: row.get(3).doing(doing)?,
            };
            runs.insert(row.get(0).doing(doing)?, known);
        }
        let dictionary = self.latest_dictionary(job_key)?;
        Ok(JobAtHand {
            job_key,
            name,
            runs,
            dictionary,
        })
    }

    fn latest_dictionary(&self, job_key: i64) -> Result<Option<Arc<Dictionary>>, ArchiveError> {
        let doing = "read the dictionary of a job";
        let latest: Option<(i64, Vec<u8>)> = self
            .connection
            .prepare_cached(
                "SELECT dictionary_key, bytes FROM dictionary WHERE job_key = ?1 ORDER BY dictionary_key DESC LIMIT 1",
            )
            .and_then(|mut statement| {
                statement.query_row([job_key], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .doing(doing)?;
        let Some((key, bytes)) = latest else {
            return Ok(None);
        };
        let served: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM revision v JOIN run r ON r.run_key = v.run_key
                 WHERE r.job_key = ?1 AND v.entry_id > (SELECT min(entry_id) FROM payload WHERE dictionary_key = ?2)",
            )
            .and_then(|mut statement| statement.query_row([job_key, key], |row| row.get(0)))
            .doing(doing)?;
        Ok((served < PAYLOADS_PER_DICTIONARY).then(|| {
            Arc::new(Dictionary {
                key: Some(key),
                bytes,
            })
        }))
    }

    /// Archives a run with its messages, payload and ledger line, or finds it unchanged.
    ///
    /// # Errors
    /// SQL errors; the caller rolls back.
    pub fn store_run(
        &mut self,
        sync_id: i64,
        job_key: i64,
        received: &ReceivedRun,
    ) -> Result<Stored, ArchiveError> {
        let run_id = received.run.job_run_id().to_string();
        let row = self.run_row(&run_id)?;
        let mut came = received.content_sha256;
        let archived = match &row {
            None => None,
            Some(row) => Some(ArchivedRun {
                absent: row.absent,
                sameness: self.compare(row, received, &mut came)?,
            }),
        };
        let plan = plan_run(archived);
        let now = Instant::now();
        let (run_key, foreign, messages_new) = match row {
            None => {
                let (run_key, messages) = self.insert_run(sync_id, job_key, &run_id, received, now)?;
                (run_key, false, messages)
            }
            Some(RunRow {
                run_key,
                owner,
                revision,
                ..
            }) => {
                let messages = match plan {
                    RunPlan::New => 0,
                    RunPlan::Unchanged {
                        remember_bytes,
                        returned,
                    } => {
                        if remember_bytes {
                            self.connection
                                .prepare_cached(
                                    "UPDATE run SET seen_sha256 = ?2, content_sha256 = ?3 WHERE run_key = ?1",
                                )
                                .and_then(|mut statement| {
                                    statement.execute(params![run_key, received.sha256, came])
                                })
                                .doing("remember the bytes of a run")?;
                        }
                        if returned {
                            self.mark_returned(sync_id, run_key, &run_id, now)?;
                        }
                        0
                    }
                    RunPlan::Changed { returned } => {
                        if returned {
                            self.mark_returned(sync_id, run_key, &run_id, now)?;
                        }
                        self.update_run(sync_id, run_key, &run_id, revision + 1, received, came, now)?
                    }
                };
                (run_key, owner != job_key, messages)
            }
        };
        let mut stored = Stored {
            run_key,
            plan,
            messages_new,
            foreign,
            quarantined: false,
            unaccepted: false,
        };
        for message in received.run.unreadable_messages() {
            let unreadable = ReceivedUnreadable {
                position: received.position,
                reason: message.reason.clone(),
                payload: message.bytes.clone(),
                bytes: message.bytes.len() as u64,
                sha256: sha256(&message.bytes),
            };
            let accepted = self.quarantine(sync_id, job_key, Some(run_key), &unreadable)?;
            stored.quarantined = true;
            stored.unaccepted |= !accepted;
        }
        Ok(stored)
    }

    fn run_row(&self, run_id: &str) -> Result<Option<RunRow>, ArchiveError> {
        self.connection
            .prepare_cached(
                "SELECT run_key, job_key, revision, absent_since_unix IS NOT NULL, seen_sha256, content_sha256
                 FROM run WHERE job_run_id = ?1",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([run_id], |row| {
                        Ok(RunRow {
                            run_key: row.get(0)?,
                            owner: row.get(1)?,
                            revision: row.get(2)?,
                            absent: row.get(3)?,
                            seen_sha256: row.get(4)?,
                            content_sha256: row.get(5)?,
                        })
                    })
                    .optional()
            })
            .doing("look a run up")
    }

    /// What a run that came has in common with the archived one. Hashes of content that nobody needed so far are computed
    /// from the payloads; `came` is filled in where it was empty.
    fn compare(
        &self,
        row: &RunRow,
        received: &ReceivedRun,
        came: &mut Option<Sha256>,
    ) -> Result<Sameness, ArchiveError> {
        if row.seen_sha256 == received.sha256 {
            return Ok(Sameness::Bytes);
        }
        if came.is_none() {
            let dictionary = received.payload.dictionary.as_ref().map(|d| d.bytes.as_slice());
            *came = content_of(&received.payload.data, dictionary);
        }
        let archived = match row.content_sha256 {
            Some(hash) => Some(hash),
            None => self
                .connection
                .prepare_cached(
                    "SELECT p.data, d.bytes FROM revision v
                     JOIN payload p ON p.entry_id = v.entry_id
                     LEFT JOIN dictionary d ON d.dictionary_key = p.dictionary_key
                     WHERE v.run_key = ?1 AND v.revision = ?2",
                )
                .and_then(|mut statement| {
                    statement
                        .query_row([row.run_key, row.revision], |row| {
                            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?))
                        })
                        .optional()
                })
                .doing("read the payload of a run")?
                .and_then(|(data, dictionary)| content_of(&data, dictionary.as_deref())),
        };
        // A payload that cannot be read says nothing: what came is then a new revision, and nothing is lost.
        Ok(if archived.is_some() && archived == *came {
            Sameness::Content
        } else {
            Sameness::Nothing
        })
    }

    /// Marks a run that is listed again as there; used where its bytes are known, so that nothing else needs a look.
    ///
    /// # Errors
    /// SQL errors; the caller rolls back.
    pub fn store_returned(&mut self, sync_id: i64, run_key: i64) -> Result<(), ArchiveError> {
        let run_id: String = self
            .connection
            .prepare_cached("SELECT job_run_id FROM run WHERE run_key = ?1")
            .and_then(|mut statement| statement.query_row([run_key], |row| row.get(0)))
            .doing("look a run up")?;
        self.mark_returned(sync_id, run_key, &run_id, Instant::now())
    }

    /// Keeps bytes that are no readable run; the same bytes of a job once. Says whether they were accepted.
    ///
    /// # Errors
    /// SQL errors; the caller rolls back.
    pub fn store_unreadable(
        &mut self,
        sync_id: i64,
        job_key: i64,
        unreadable: &ReceivedUnreadable,
    ) -> Result<bool, ArchiveError> {
        self.quarantine(sync_id, job_key, None, unreadable)
    }

    fn insert_run(
        &mut self,
        sync_id: i64,
        job_key: i64,
        run_id: &str,
        received: &ReceivedRun,
        now: Instant,
    ) -> Result<(i64, u64), ArchiveError> {
        let run = &received.run;
        let messages = run.messages().map_or(0, |messages| messages.len());
        let (started, started_assumed) = time_columns(run.started());
        let (ended, ended_assumed) = time_columns(run.ended());
        let run_key: i64 = self
            .connection
            .prepare_cached(
                "INSERT INTO run (job_run_id, job_key, status, started_ticks, ended_ticks, started_assumed,
                     ended_assumed, started_at_raw, ended_at_raw, exception, custom_status_text, job_summary,
                     status_details, activity_status_list, message_count, has_message_list, unreadable_messages,
                     messages_present, messages_held, revision, first_seen_unix, last_changed_unix, seen_sha256,
                     content_sha256)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?18, 1,
                     ?19, ?19, ?20, ?21)",
            )
            .and_then(|mut statement| {
                statement.insert(params![
                    run_id,
                    job_key,
                    run.status().map(|status| status.0),
                    started,
                    ended,
                    started_assumed,
                    ended_assumed,
                    run.started_raw(),
                    run.ended_raw(),
                    run.exception(),
                    run.custom_status_text(),
                    run.job_summary(),
                    run.status_details(),
                    run.activity_status_list(),
                    run.message_count(),
                    run.messages().is_some(),
                    run.unreadable_messages().len(),
                    messages,
                    now.unix_seconds(),
                    received.sha256,
                    received.content_sha256,
                ])
            })
            .doing("store a run")?;
        if let Some(messages) = run.messages() {
            self.insert_messages(run_key, (0..).zip(messages))?;
        }
        self.add_revision(sync_id, job_key, run_key, run_id, 1, received, now)?;
        Ok((run_key, messages as u64))
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one row's columns, told apart by their names at the one call"
    )]
    fn update_run(
        &mut self,
        sync_id: i64,
        run_key: i64,
        run_id: &str,
        revision: i64,
        received: &ReceivedRun,
        content_sha256: Option<Sha256>,
        now: Instant,
    ) -> Result<u64, ArchiveError> {
        let run = &received.run;
        let mut added = 0;
        if let Some(came) = run.messages() {
            let came: Vec<Message<'_>> = came.map(identity).collect();
            let held = held_messages(&self.connection, run_key)?;
            let held: Vec<HeldMessage<Message<'_>>> = held.iter().map(OwnedMessage::held).collect();
            let plan = plan_messages(&held, &came, run.unreadable_messages().is_empty());
            for ordinal in plan.absent {
                set_message_absent(&self.connection, run_key, ordinal, Some(now.unix_seconds()))?;
            }
            for ordinal in plan.returned {
                set_message_absent(&self.connection, run_key, ordinal, None)?;
            }
            added = plan.added.len() as u64;
            self.insert_messages(
                run_key,
                plan.added
                    .into_iter()
                    .map(|(index, ordinal)| (ordinal, came[index])),
            )?;
        }
        let (started, started_assumed) = time_columns(run.started());
        let (ended, ended_assumed) = time_columns(run.ended());
        let owner: i64 = self
            .connection
            .prepare_cached(
                "UPDATE run SET status = ?2, started_ticks = ?3, ended_ticks = ?4, started_assumed = ?5,
                     ended_assumed = ?6, started_at_raw = ?7, ended_at_raw = ?8, exception = ?9,
                     custom_status_text = ?10, job_summary = ?11, status_details = ?12, activity_status_list = ?13,
                     message_count = ?14, has_message_list = ?15, unreadable_messages = ?16, revision = ?17,
                     last_changed_unix = ?18, seen_sha256 = ?19, content_sha256 = ?20,
                     messages_present =
                         (SELECT count(*) FROM message m WHERE m.message_key BETWEEN ?1 << 24 AND (?1 << 24) + 16777215
                          AND m.absent_since_unix IS NULL),
                     messages_held = (SELECT count(*) FROM message m WHERE m.message_key BETWEEN ?1 << 24 AND (?1 << 24) + 16777215)
                 WHERE run_key = ?1 RETURNING job_key",
            )
            .and_then(|mut statement| {
                statement.query_row(
                    params![
                        run_key,
                        run.status().map(|status| status.0),
                        started,
                        ended,
                        started_assumed,
                        ended_assumed,
                        run.started_raw(),
                        run.ended_raw(),
                        run.exception(),
                        run.custom_status_text(),
                        run.job_summary(),
                        run.status_details(),
                        run.activity_status_list(),
                        run.message_count(),
                        run.messages().is_some(),
                        run.unreadable_messages().len(),
                        revision,
                        now.unix_seconds(),
                        received.sha256,
                        content_sha256,
                    ],
                    |row| row.get(0),
                )
            })
            .doing("update a run")?;
        self.add_revision(sync_id, owner, run_key, run_id, revision, received, now)?;
        Ok(added)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one row's columns, told apart by their names at the two calls"
    )]
    fn add_revision(
        &mut self,
        sync_id: i64,
        job_key: i64,
        run_key: i64,
        run_id: &str,
        revision: i64,
        received: &ReceivedRun,
        now: Instant,
    ) -> Result<(), ArchiveError> {
        let dictionary_key = match &received.payload.dictionary {
            Some(dictionary) => Some(self.dictionary_key(job_key, dictionary)?),
            None => None,
        };
        let entry = Entry::new("revision")
            .with("run", run_id)
            .with("number", revision)
            .with("sync", sync_id)
            .with("at", now)
            .with("job", jobs::id(&self.connection, job_key)?)
            .with("bytes", received.bytes)
            .with_hash("sha256", &received.sha256)
            .with("reader", READER_VERSION)
            .with("zone", self.zone);
        self.append(&entry)?;
        let doing = "store a revision";
        self.connection
            .prepare_cached(
                "INSERT INTO revision (entry_id, run_key, revision, sync_id, captured_unix, status, message_count,
                     payload_sha256)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    self.head.entry_id,
                    run_key,
                    revision,
                    sync_id,
                    now.unix_seconds(),
                    received.run.status().map(|status| status.0),
                    received.run.message_count(),
                    received.sha256,
                ])
            })
            .doing(doing)?;
        self.connection
            .prepare_cached("INSERT INTO payload (entry_id, dictionary_key, data) VALUES (?1, ?2, ?3)")
            .and_then(|mut statement| {
                statement.execute(params![self.head.entry_id, dictionary_key, received.payload.data])
            })
            .doing(doing)?;
        Ok(())
    }

    fn dictionary_key(&mut self, job_key: i64, dictionary: &Arc<Dictionary>) -> Result<i64, ArchiveError> {
        if let Some(key) = dictionary.key {
            return Ok(key);
        }
        let known = self
            .dictionaries
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, dictionary));
        if let Some(&(_, key)) = known {
            return Ok(key);
        }
        debug_assert!(dictionary.bytes.len() <= payload::DICTIONARY_BYTES);
        let key = self
            .connection
            .prepare_cached("INSERT INTO dictionary (job_key, bytes) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.insert(params![job_key, dictionary.bytes]))
            .doing("store a dictionary")?;
        // The latest first: a job's runs come together, and only the jobs at hand need theirs.
        self.dictionaries.insert(0, (Arc::clone(dictionary), key));
        self.dictionaries.truncate(NEW_DICTIONARIES);
        Ok(key)
    }

    /// Adds messages with the ordinals they are to have.
    fn insert_messages<'run>(
        &mut self,
        run_key: i64,
        messages: impl Iterator<Item = (i64, Message<'run>)>,
    ) -> Result<(), ArchiveError> {
        let doing = "store a message";
        let connection = &self.connection;
        // Looked up once a run: even a cached statement costs a tenth of an insert to find.
        let mut insert = connection
            .prepare_cached(
                "INSERT INTO message (message_key, occurred_ticks, kind_key, asset_key, detail_key, occurred_assumed,
                     occurred_at_raw)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .doing(doing)?;
        for (ordinal, message) in messages {
            let kind_key = self.kinds.key(connection, [message.message, message.category])?;
            let asset_key = self.assets.key(
                connection,
                [message.asset, message.asset_type, message.asset_owner],
            )?;
            let detail_key = match message.message_details {
                Some(details) => Some(self.details.key(connection, [Some(details)])?),
                None => None,
            };
            let (occurred, assumed) = time_columns(message.occurred);
            let raw = (message.occurred == TimeReading::Unreadable)
                .then_some(message.occurred_raw)
                .flatten();
            let key = message_key(run_key, ordinal).doing(doing)?;
            insert
                .execute(params![
                    key, occurred, kind_key, asset_key, detail_key, assumed, raw
                ])
                .doing(doing)?;
        }
        Ok(())
    }

    fn mark_returned(
        &mut self,
        sync_id: i64,
        run_key: i64,
        run_id: &str,
        now: Instant,
    ) -> Result<(), ArchiveError> {
        let marked = self
            .connection
            .prepare_cached(
                "UPDATE run SET absent_since_unix = NULL WHERE run_key = ?1 AND absent_since_unix IS NOT NULL",
            )
            .and_then(|mut statement| statement.execute([run_key]))
            .doing("mark a run as listed again")?;
        if marked == 0 {
            return Ok(()); // twice in one answer
        }
        self.append(
            &Entry::new("returned")
                .with("run", run_id)
                .with("sync", sync_id)
                .with("at", now),
        )
    }

    fn mark_absent(&mut self, sync_id: i64, run_key: i64, now: Instant) -> Result<bool, ArchiveError> {
        let run_id: Option<String> = self
            .connection
            .prepare_cached(
                "UPDATE run SET absent_since_unix = ?2 WHERE run_key = ?1 AND absent_since_unix IS NULL
                 RETURNING job_run_id",
            )
            .and_then(|mut statement| {
                statement
                    .query_row([run_key, now.unix_seconds()], |row| row.get(0))
                    .optional()
            })
            .doing("mark a run absent")?;
        let Some(run_id) = run_id else { return Ok(false) };
        self.append(
            &Entry::new("absent")
                .with("run", run_id)
                .with("sync", sync_id)
                .with("at", now),
        )?;
        Ok(true)
    }

    fn quarantine(
        &mut self,
        sync_id: i64,
        job_key: i64,
        run_key: Option<i64>,
        unreadable: &ReceivedUnreadable,
    ) -> Result<bool, ArchiveError> {
        let doing = "keep unreadable bytes in quarantine";
        let known: Option<bool> = self
            .connection
            .prepare_cached(
                "SELECT accepted_unix IS NOT NULL FROM quarantined WHERE job_key = ?1 AND payload_sha256 = ?2",
            )
            .and_then(|mut statement| {
                statement.query_row(params![job_key, unreadable.sha256], |row| row.get(0)).optional()
            })
            .doing(doing)?;
        if let Some(accepted) = known {
            return Ok(accepted);
        }
        let now = Instant::now();
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO quarantined (job_key, sync_id, captured_unix, position, run_key, reason, payload,
                     payload_bytes, payload_sha256)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )
            .and_then(|mut statement| {
                statement.insert(params![
                    job_key,
                    sync_id,
                    now.unix_seconds(),
                    unreadable.position,
                    run_key,
                    unreadable.reason,
                    unreadable.payload,
                    unreadable.bytes,
                    unreadable.sha256,
                ])
            })
            .doing(doing)?;
        let entry = Entry::new("quarantined")
            .with("id", id)
            .with("job", jobs::id(&self.connection, job_key)?)
            .with("sync", sync_id)
            .with("at", now)
            .with("position", unreadable.position)
            .with("bytes", unreadable.bytes)
            .with_hash("sha256", &unreadable.sha256)
            .with_hash("kept", &sha256(&unreadable.payload))
            .with_hash("reason", &text_hash(&unreadable.reason));
        self.append(&entry)?;
        Ok(false)
    }

    /// Ends the sync in one transaction: absences, what was found of each job, totals, head.
    ///
    /// `jobs` are the results with the keys of runs that each complete answer lacked; `server` is the base URL.
    ///
    /// # Errors
    /// SQL errors; then the sync counts as killed, and what was archived before is kept.
    pub fn end_sync(
        &mut self,
        sync_id: i64,
        started_at: Instant,
        outcome: SyncOutcome,
        server: &str,
        jobs: Vec<(JobRecord, Vec<i64>)>,
    ) -> Result<SyncRecord, ArchiveError> {
        let record = self.transact(|writer| {
            let finished_at = Instant::now();
            let full: bool = writer
                .connection
                .query_row(
                    "SELECT count_asked = 0 FROM sync WHERE sync_id = ?1",
                    [sync_id],
                    |row| row.get(0),
                )
                .doing("end the sync")?;
            let mut records = Vec::with_capacity(jobs.len());
            for (mut record, missing) in jobs {
                for run_key in missing {
                    if writer.mark_absent(sync_id, run_key, finished_at)? {
                        record.figures.runs_absent += 1;
                    }
                }
                let job_key = jobs::key_or_insert(&writer.connection, &mut writer.head, record.job_id)?;
                syncs::record_job(&writer.connection, sync_id, job_key, &record)?;
                let end = jobs::JobEnd {
                    job_key,
                    answered: record.outcome != JobOutcome::Failed,
                    synced: full && record.outcome == JobOutcome::Complete,
                    error: record.error.as_deref(),
                    total_job_runs: record.total_job_runs,
                    server,
                    at: finished_at,
                };
                jobs::end(&writer.connection, &mut writer.head, &end)?;
                records.push(record);
            }
            let totals = syncs::end(
                &writer.connection,
                &mut writer.head,
                sync_id,
                finished_at,
                outcome,
                &records,
            )?;
            Ok(SyncRecord {
                sync_id,
                started_at,
                finished_at,
                outcome,
                head: writer.head.hash,
                totals,
                jobs: records,
            })
        })?;
        self.take_over_log();
        Ok(record)
    }

    /// Takes the write-ahead log over into the file, so that a copy of the file alone is whole. A reader in the way is
    /// no error: the log is then taken over later.
    fn take_over_log(&self) {
        drop(
            self.connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())),
        );
    }

    /// Watches a job (`jobs add`), and names it where a name is given.
    ///
    /// # Errors
    /// SQL errors.
    pub fn watch(&mut self, job_id: Guid, name: Option<&str>) -> Result<(), ArchiveError> {
        self.transact(|writer| {
            let job_key = jobs::key_or_insert(&writer.connection, &mut writer.head, job_id)?;
            jobs::set_watched(&writer.connection, &mut writer.head, job_key, true)?;
            if let Some(name) = name {
                jobs::set_name(&writer.connection, &mut writer.head, job_key, name)?;
            }
            Ok(())
        })
    }

    /// Names a job without watching it.
    ///
    /// # Errors
    /// SQL errors.
    pub fn name_job(&mut self, job_id: Guid, name: &str) -> Result<(), ArchiveError> {
        self.transact(|writer| {
            let job_key = jobs::key_or_insert(&writer.connection, &mut writer.head, job_id)?;
            jobs::set_name(&writer.connection, &mut writer.head, job_key, name)
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
            jobs::set_watched(&writer.connection, &mut writer.head, job_key, false)
        })
    }

    /// Accepts bytes in quarantine: they no longer make their job partial. Accepting twice changes nothing.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuch`] where there is no such number.
    pub fn accept(&mut self, quarantine_id: i64, why: &str) -> Result<(), ArchiveError> {
        self.transact(|writer| {
            let doing = "accept bytes in quarantine";
            let found: Option<(bool, Sha256)> = writer
                .connection
                .query_row(
                    "SELECT accepted_unix IS NOT NULL, payload_sha256 FROM quarantined WHERE quarantine_id = ?1",
                    [quarantine_id],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()
                .doing(doing)?;
            let Some((accepted, hash)) = found else {
                return Err(ArchiveError::NoSuch { what: format!("number {quarantine_id} in quarantine") });
            };
            if accepted {
                return Ok(());
            }
            let now = Instant::now();
            writer
                .connection
                .execute(
                    "UPDATE quarantined SET accepted_unix = ?2, accepted_why = ?3 WHERE quarantine_id = ?1",
                    params![quarantine_id, now.unix_seconds(), why],
                )
                .doing(doing)?;
            let entry = Entry::new("accepted")
                .with("id", quarantine_id)
                .with("at", now)
                .with_hash("sha256", &hash)
                .with_hash("why", &text_hash(why));
            writer.append(&entry)
        })
    }

    /// The watched jobs, by GUID.
    ///
    /// # Errors
    /// SQL errors.
    pub fn watched_jobs(&self) -> Result<Vec<Guid>, ArchiveError> {
        jobs::watched(&self.connection)
    }

    fn append(&mut self, entry: &Entry) -> Result<(), ArchiveError> {
        ledger::append(&self.connection, &mut self.head, entry)
    }
}

/// A run of the archive, as far as a decision needs it.
struct RunRow {
    run_key: i64,
    owner: i64,
    revision: i64,
    absent: bool,
    seen_sha256: Sha256,
    content_sha256: Option<Sha256>,
}

/// The order-blind hash of a packed payload's content; `None` where it cannot be read.
fn content_of(data: &[u8], dictionary: Option<&[u8]>) -> Option<Sha256> {
    let bytes = payload::unpack(data, dictionary, usize::MAX).ok()?;
    // Content is blind to the zone in which times are read.
    read_run(&bytes, NaiveZone::Utc)
        .ok()
        .map(|read| read.content_sha256)
}

/// A message of the archive, its texts owned.
struct OwnedMessage {
    ordinal: i64,
    absent: bool,
    occurred: TimeReading,
    texts: [Option<String>; 7],
}

impl OwnedMessage {
    fn held(&self) -> HeldMessage<Message<'_>> {
        let [
            raw,
            message,
            message_details,
            category,
            asset,
            asset_type,
            asset_owner,
        ] = self.texts.each_ref().map(Option::as_deref);
        HeldMessage {
            ordinal: self.ordinal,
            absent: self.absent,
            message: Message {
                occurred: self.occurred,
                occurred_raw: raw,
                message,
                message_details,
                category,
                asset,
                asset_type,
                asset_owner,
            },
        }
    }
}

/// What tells two messages apart: everything the tables say of them, so the raw text of a time that could be read does
/// not count.
fn identity(message: Message<'_>) -> Message<'_> {
    let raw = (message.occurred == TimeReading::Unreadable)
        .then_some(message.occurred_raw)
        .flatten();
    Message {
        occurred_raw: raw,
        ..message
    }
}

fn held_messages(connection: &Connection, run_key: i64) -> Result<Vec<OwnedMessage>, ArchiveError> {
    connection
        .prepare_cached(
            "SELECT m.ordinal, m.absent_since_unix IS NOT NULL, m.occurred_ticks, m.occurred_assumed, m.occurred_at_raw,
                    k.message, d.message_details, k.category, a.asset, a.asset_type, a.asset_owner
             FROM message m
             JOIN message_kind k ON k.kind_key = m.kind_key
             JOIN asset a ON a.asset_key = m.asset_key
             LEFT JOIN message_detail d ON d.detail_key = m.detail_key
             WHERE m.message_key BETWEEN ?1 << 24 AND (?1 << 24) + 16777215 ORDER BY m.message_key",
        )
        .and_then(|mut statement| {
            statement
                .query_map([run_key], |row| {
                    let raw: Option<String> = row.get(4)?;
                    let occurred = match (row.get::<_, Option<i64>>(2)?, row.get::<_, Option<bool>>(3)?) {
                        (Some(ticks), assumed) => TimeReading::At(
                            Instant::from_ticks(ticks),
                            if assumed == Some(true) { TimeBasis::Assumed } else { TimeBasis::Explicit },
                        ),
                        (None, _) if raw.is_some() => TimeReading::Unreadable,
                        (None, _) => TimeReading::Absent,
                    };
                    Ok(OwnedMessage {
                        ordinal: row.get(0)?,
                        absent: row.get(1)?,
                        occurred,
                        texts: [
                            raw,
                            row.get(5)?,
                            row.get(6)?,
                            row.get(7)?,
                            row.get(8)?,
                            row.get(9)?,
                            row.get(10)?,
                        ],
                    })
                })?
                .collect()
        })
        .doing("read the messages of a run")
}

fn set_message_absent(
    connection: &Connection,
    run_key: i64,
    ordinal: i64,
    since: Option<i64>,
) -> Result<(), ArchiveError> {
    connection
        .prepare_cached("UPDATE message SET absent_since_unix = ?2 WHERE message_key = ?1")
        .and_then(|mut statement| statement.execute(params![message_key(run_key, ordinal)?, since]))
        .doing("mark a message")
        .map(drop)
}

/// Messages that one run can have: 24 bits of `message_key`.
pub const MAX_MESSAGES: i64 = 1 << 24;

/// The key under which a message lies: by run, and within it by number.
fn message_key(run_key: i64, ordinal: i64) -> rusqlite::Result<i64> {
    if ordinal >= MAX_MESSAGES {
        return Err(rusqlite::Error::IntegralValueOutOfRange(0, ordinal));
    }
    Ok(run_key << 24 | ordinal)
}

/// Ticks, and whether the offset was assumed.
fn time_columns(reading: TimeReading) -> (Option<i64>, Option<bool>) {
    (
        reading.instant().map(Instant::ticks),
        reading.basis().map(|basis| basis == TimeBasis::Assumed),
    )
}

fn sha256(bytes: &[u8]) -> Sha256 {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}
