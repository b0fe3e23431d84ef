//! Stores a run with its messages, payload and ledger line.

use std::sync::LazyLock;

use rusqlite::{params, params_from_iter};

use super::quarantine::sha256;
use super::received::StoredChange;
use super::{ReceivedRun, ReceivedUnreadable, Stored, Writer};
use crate::archive::db::Db;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::WITHOUT_EVIDENCE;
use crate::archive::ledger::entry::{LedgerEntry, RevisionEntry};
use crate::archive::storage::messages::{held_messages, identity, set_absences};
use crate::archive::storage::plan::{HeldMessage, plan_messages};
use crate::archive::storage::revisions::reported_bytes;
use crate::archive::storage::run_rows::{
    MessageCounts, RUN_COLUMNS, RunState, count, insert_revision, run_columns,
};
use crate::archive::storage::{jobs, payload};
use crate::decode::{READER_VERSION, read_run};
use crate::model::{Instant, Message, NaiveZone, OwnedMessage, Sha256};

impl Writer {
    /// Archives a run with its messages, payload and ledger line, or finds it unchanged.
    pub fn store_run(
        &mut self,
        sync_id: i64,
        job_key: i64,
        received: &ReceivedRun,
    ) -> Result<Stored, ArchiveError> {
        let run_id = received.run.job_run_id().to_string();
        let row = self.run_row(&run_id)?;
        if row.is_none() && self.is_removed(&run_id)? {
            return Ok(Stored {
                run_key: None,
                change: StoredChange::Unchanged,
                messages_new: 0,
                foreign: false,
                quarantined: false,
                unaccepted: false,
            });
        }
        let now = Instant::now();
        let (run_key, change, messages_new) = match &row {
            None => {
                let (run_key, messages) = self.insert_run(sync_id, job_key, &run_id, received, now)?;
                (run_key, StoredChange::New, messages)
            }
            Some(row) => {
                let (change, messages) = self.store_known_run(sync_id, row, &run_id, received, now)?;
                (row.run_key, change, messages)
            }
        };
        let mut stored = Stored {
            run_key: Some(run_key),
            change,
            messages_new,
            foreign: row.is_some_and(|row| row.owner != job_key),
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

    /// Compares a run with the one in the archive and stores what differs. Also returns how many messages are new.
    fn store_known_run(
        &mut self,
        sync_id: i64,
        row: &RunRow,
        run_id: &str,
        received: &ReceivedRun,
        now: Instant,
    ) -> Result<(StoredChange, u64), ArchiveError> {
        let mut incoming_content = received.content_sha256;
        let sameness = self.compare(row, received, &mut incoming_content)?;
        if row.absent {
            self.mark_returned(sync_id, row.run_key, run_id, now)?;
        }
        match sameness {
            Sameness::Bytes => Ok((StoredChange::Unchanged, 0)),
            Sameness::Content => {
                // The next sync recognises it by these bytes.
                self.connection.cached().run(
                    "UPDATE _run SET seen_sha256 = ?2, content_sha256 = ?3 WHERE run_key = ?1",
                    params![row.run_key, received.payload.sha256, incoming_content],
                    "remember the bytes of a run",
                )?;
                Ok((StoredChange::Unchanged, 0))
            }
            Sameness::Nothing => {
                let messages = self.update_run(sync_id, row, run_id, received, incoming_content, now)?;
                Ok((StoredChange::Changed, messages))
            }
        }
    }

    /// The key of the run, if the archive has it, with whatever content.
    pub fn known_key(&self, received: &ReceivedRun) -> Result<Option<i64>, ArchiveError> {
        let run_id = received.run.job_run_id().to_string();
        Ok(self.run_row(&run_id)?.map(|row| row.run_key))
    }

    fn is_removed(&self, run_id: &str) -> Result<bool, ArchiveError> {
        self.connection.cached().one(
            "SELECT EXISTS (SELECT 1 FROM _removed_run WHERE job_run_id = ?1)",
            [run_id],
            "look a removed run up",
            |row| row.get(0),
        )
    }

    fn run_row(&self, run_id: &str) -> Result<Option<RunRow>, ArchiveError> {
        self.connection.cached().optional(
            "SELECT run_key, job_key, revision, absent_since_unix IS NOT NULL, seen_sha256, content_sha256,
                    messages_present, messages_held, messages_without_time, first_message_ticks, last_message_ticks
             FROM _run WHERE job_run_id = ?1",
            [run_id],
            "look a run up",
            |row| {
                Ok(RunRow {
                    run_key: row.get(0)?,
                    owner: row.get(1)?,
                    revision: row.get(2)?,
                    absent: row.get(3)?,
                    seen_sha256: row.get(4)?,
                    content_sha256: row.get(5)?,
                    messages: MessageCounts {
                        present: row.get(6)?,
                        held: row.get(7)?,
                        without_time: row.get(8)?,
                        span_ticks: row.get::<_, Option<i64>>(9)?.zip(row.get(10)?),
                    },
                })
            },
        )
    }

    /// What a received run has in common with the archived one. Content hashes that were not needed so far are computed
    /// from the payloads; `incoming_content`, that of the received run, is filled in if it was `None`.
    fn compare(
        &self,
        row: &RunRow,
        received: &ReceivedRun,
        incoming_content: &mut Option<Sha256>,
    ) -> Result<Sameness, ArchiveError> {
        if row.seen_sha256 == received.payload.sha256 {
            return Ok(Sameness::Bytes);
        }
        if incoming_content.is_none() {
            let dictionary = received.payload.dictionary.as_ref().map(|d| d.bytes.as_slice());
            *incoming_content = content_of(&received.payload.data, dictionary, usize::MAX);
        }
        let archived = match row.content_sha256 {
            Some(hash) => Some(hash),
            None => self
                .connection
                .cached()
                .optional(
                    "SELECT p.data, d.bytes, p.entry_id FROM _revision v
                     JOIN payload p ON p.entry_id = v.entry_id
                     LEFT JOIN dictionary d ON d.dictionary_key = p.dictionary_key
                     WHERE v.run_key = ?1 AND v.revision = ?2",
                    [row.run_key, row.revision],
                    "read the payload of a run",
                    |row| {
                        Ok((
                            row.get::<_, Vec<u8>>(0)?,
                            row.get::<_, Option<Vec<u8>>>(1)?,
                            row.get::<_, i64>(2)?,
                        ))
                    },
                )?
                .map(|(data, dictionary, entry_id)| {
                    reported_bytes(&self.connection, entry_id)
                        .map(|limit| content_of(&data, dictionary.as_deref(), limit))
                })
                .transpose()?
                .flatten(),
        };
        // If the archived payload cannot be read, the received run becomes a new revision and nothing is lost.
        Ok(if archived.is_some() && archived == *incoming_content {
            Sameness::Content
        } else {
            Sameness::Nothing
        })
    }

    fn insert_run(
        &mut self,
        sync_id: i64,
        job_key: i64,
        run_id: &str,
        received: &ReceivedRun,
        now: Instant,
    ) -> Result<(i64, u64), ArchiveError> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            let (names, places) = (RUN_COLUMNS.join(", "), ", ?".repeat(RUN_COLUMNS.len()));
            format!(
                "INSERT INTO _run (job_run_id, job_key, first_seen_unix, {names}) VALUES (?, ?, ?{places})"
            )
        });
        let mut counts = MessageCounts::default();
        for message in received.run.messages().into_iter().flatten() {
            counts.hold(message.occurred);
        }
        counts.present = counts.held;
        let own = [run_id.into(), job_key.into(), now.unix_seconds().into()];
        let state = state(received, received.content_sha256, counts, 1, now);
        let columns = run_columns(&received.run, &state);
        let run_key = self.connection.cached().insert(
            &SQL,
            params_from_iter(own.into_iter().chain(columns)),
            "store a run",
        )?;
        if let Some(messages) = received.run.messages() {
            let marked = (0..).zip(&received.marks).zip(messages);
            let rows = marked.map(|((ordinal, &marks), message)| (ordinal, marks, message));
            self.texts.insert(&self.connection, run_key, rows)?;
        }
        self.add_revision(sync_id, job_key, run_key, run_id, 1, received, now)?;
        Ok((run_key, counts.held.unsigned_abs()))
    }

    /// Stores a new revision; returns how many messages are new.
    fn update_run(
        &mut self,
        sync_id: i64,
        row: &RunRow,
        run_id: &str,
        received: &ReceivedRun,
        content_sha256: Option<Sha256>,
        now: Instant,
    ) -> Result<u64, ArchiveError> {
        static SQL: LazyLock<String> = LazyLock::new(|| {
            let sets = RUN_COLUMNS.map(|name| format!("{name} = ?"));
            format!("UPDATE _run SET {} WHERE run_key = ?", sets.join(", "))
        });
        let mut counts = row.messages;
        let mut added = 0;
        if let Some(messages) = received.run.messages() {
            let incoming_messages: Vec<Message<'_>> = messages.map(identity).collect();
            let held = held_messages(&self.connection, row.run_key)?;
            let held: Vec<HeldMessage<Message<'_>>> =
                held.iter().map(|held| held.map(OwnedMessage::message)).collect();
            let plan = plan_messages(
                &held,
                &incoming_messages,
                received.run.unreadable_messages().is_empty(),
            );
            set_absences(&self.connection, row.run_key, &plan, now)?;
            let rows = plan.added.iter();
            let rows =
                rows.map(|&(index, ordinal)| (ordinal, received.marks[index], incoming_messages[index]));
            self.texts.insert(&self.connection, row.run_key, rows)?;
            added = plan.added.len() as u64;
            for &(index, _) in &plan.added {
                counts.hold(incoming_messages[index].occurred);
            }
            counts.present += count(plan.added.len() + plan.returned.len()) - count(plan.absent.len());
        }
        let revision = row.revision + 1;
        let own = [row.run_key.into()];
        let state = state(received, content_sha256, counts, revision, now);
        let columns = run_columns(&received.run, &state);
        self.connection.cached().run(
            &SQL,
            params_from_iter(columns.into_iter().chain(own)),
            "update a run",
        )?;
        self.add_revision(sync_id, row.owner, row.run_key, run_id, revision, received, now)?;
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
            Some(dictionary) => Some(self.dictionaries.key(&self.connection, job_key, dictionary)?),
            None => None,
        };
        let entry = RevisionEntry {
            run: jobs::stored_guid(run_id)?,
            number: revision,
            sync: sync_id,
            at: now.unix_seconds(),
            job: jobs::id(&self.connection, job_key)?,
            bytes: received.payload.bytes,
            sha256: received.payload.sha256,
            reader: READER_VERSION,
            zone: self.zone.name(),
            started: received.run.started().instant(),
        };
        self.append(&LedgerEntry::Revision(entry.clone()))?;
        insert_revision(
            &self.connection,
            self.head.entry_id,
            run_key,
            &entry,
            &received.run,
        )?;
        if WITHOUT_EVIDENCE {
            return Ok(());
        }
        self.connection.cached().run(
            "INSERT INTO payload (entry_id, dictionary_key, data) VALUES (?1, ?2, ?3)",
            params![self.head.entry_id, dictionary_key, received.payload.data],
            "store a payload",
        )?;
        Ok(())
    }
}

/// What a received run is compared with.
struct RunRow {
    run_key: i64,
    owner: i64,
    revision: i64,
    absent: bool,
    seen_sha256: Sha256,
    content_sha256: Option<Sha256>,
    messages: MessageCounts,
}

fn state(
    received: &ReceivedRun,
    content_sha256: Option<Sha256>,
    messages: MessageCounts,
    revision: i64,
    now: Instant,
) -> RunState {
    RunState {
        messages,
        revision,
        changed_at: now.unix_seconds(),
        seen_sha256: received.payload.sha256,
        content_sha256,
    }
}

/// The hash of a packed payload's content, whatever its order; `None` if it cannot be read.
fn content_of(data: &[u8], dictionary: Option<&[u8]>, limit: usize) -> Option<Sha256> {
    let bytes = payload::unpack(data, dictionary, limit).ok()?;
    // The hash does not depend on the zone in which times are read.
    read_run(&bytes, NaiveZone::Utc)
        .ok()
        .map(|read| read.content_sha256)
}

/// What a received run has in common with the archived one.
enum Sameness {
    /// Its bytes are those seen last.
    Bytes,
    /// The same content in other bytes: another order of fields or messages.
    Content,
    Nothing,
}
