//! One run with everything that is archived of it: its fields, messages, and states.

use serde::Serialize;
use serde_json::{Map, Value};

use super::definition::Row;
use super::error::ReportError;
use super::formats::Json;
use super::options::CommonOptions;
use super::reports::{messages, runs};
use super::table::{Cell, Rows};
use crate::archive::Snapshot;
use crate::model::{Instant, JobStatus, MessageKey, RunChanges, hex};

/// A run, as far as it fits into memory: its messages are read when they are written.
#[derive(Debug)]
pub(crate) struct RunPage {
    run_key: i64,
    /// The columns of the report runs that are not empty, with their texts.
    pub(crate) facts: Vec<(String, String)>,
    /// The newest head; `None` before the end of the first sync.
    pub(crate) head: Option<SyncHead>,
    /// Its states, the first one first.
    pub(crate) revisions: Vec<RunPageRevision>,
}

/// The head of the sync that ended last.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SyncHead {
    pub(crate) sync_id: i64,
    pub(crate) finished_at: Option<String>,
    pub(crate) head: String,
    #[serde(skip)]
    entry_id: i64,
}

/// A state of the run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunPageRevision {
    pub(crate) revision: i64,
    pub(crate) captured_at: String,
    pub(crate) sync_id: i64,
    pub(crate) status_name: Option<String>,
    pub(crate) payload_bytes: usize,
    pub(crate) payload_sha256: String,
    /// In words what changed from the state before; `None` of the first.
    pub(crate) what: Option<String>,
    /// The same with the values.
    pub(crate) changes: Option<RunChanges>,
    pub(crate) entry_id: i64,
    pub(crate) entry: String,
    pub(crate) entry_hash: String,
    /// Whether the newest head seals it.
    pub(crate) is_sealed: bool,
}

impl RunPage {
    /// Reads everything but the messages.
    ///
    /// # Errors
    /// Bytes of a revision that are not those that the ledger names.
    pub(crate) fn read(snapshot: &Snapshot<'_>, run_key: i64) -> Result<Self, ReportError> {
        let scope = CommonOptions::default().scope(snapshot)?;
        let mut facts = CellTexts::default();
        runs::each_of(snapshot, &scope, run_key, &mut facts)?;
        let head = snapshot.newest_head()?.map(|newest| SyncHead {
            sync_id: newest.sync_id,
            finished_at: newest.finished_unix.map(time),
            head: hex(&newest.head),
            entry_id: newest.entry_id,
        });
        let mut reader = snapshot.revision_reader();
        let mut revisions: Vec<RunPageRevision> = Vec::new();
        for found in snapshot.revisions_of(run_key)? {
            let changes = match revisions.last() {
                Some(before) => Some(reader.changes(before.entry_id, found.entry_id)?),
                None => None,
            };
            revisions.push(RunPageRevision {
                revision: found.revision,
                captured_at: time(found.captured_unix),
                sync_id: found.sync_id,
                status_name: found.status.map(|code| JobStatus(code).name().into_owned()),
                payload_bytes: reader.bytes(found.entry_id)?.len(),
                payload_sha256: hex(&found.payload_sha256),
                what: changes.as_ref().map(RunChanges::to_string),
                changes,
                is_sealed: head.as_ref().is_some_and(|head| found.entry_id <= head.entry_id),
                entry_id: found.entry_id,
                entry: found.entry,
                entry_hash: hex(&found.entry_hash),
            });
        }
        Ok(Self {
            run_key,
            facts: facts.first_row(),
            head,
            revisions,
        })
    }

    /// A fact by the name of its column; empty where there is none.
    pub(crate) fn fact(&self, name: &str) -> &str {
        let found = self.facts.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, text)| text)
    }

    /// Writes the run's messages, those that it no longer has too, with the columns of the report messages.
    pub(crate) fn messages(&self, snapshot: &Snapshot<'_>, rows: &mut dyn Rows) -> Result<(), ReportError> {
        rows.columns(messages::MessagesRow::COLUMNS)?;
        let (first, last) = MessageKey::range(self.run_key);
        let (run, job) = (self.fact("job_run_id"), self.fact("job_id"));
        let job_name = Some(self.fact("job_name")).filter(|name| !name.is_empty());
        snapshot
            .message_reader()?
            .each::<ReportError>(first, last, |message| {
                let row = messages::MessagesRow::of(&message, run, job, job_name);
                Ok(row.cells(|cells| rows.row(cells))?)
            })?;
        Ok(rows.finish()?)
    }

    /// The whole as one JSON object: `run` and each of `messages` as the reports have them, `revisions` and `newest_head`.
    pub(crate) fn to_json(&self, snapshot: &Snapshot<'_>) -> Result<String, ReportError> {
        let scope = CommonOptions::default().scope(snapshot)?;
        let read = |bytes: &[u8]| -> Vec<Value> {
            serde_json::from_slice(bytes).expect("what the writer of JSON writes is an array")
        };
        let mut bytes = Vec::new();
        runs::each_of(snapshot, &scope, self.run_key, &mut Json::new(&mut bytes))?;
        let run = read(&bytes).pop().unwrap_or_default();
        bytes.clear();
        self.messages(snapshot, &mut Json::new(&mut bytes))?;
        let mut page = Map::new();
        page.insert("run".to_owned(), run);
        page.insert("messages".to_owned(), Value::Array(read(&bytes)));
        let as_value = |value: serde_json::Result<Value>| value.expect("our rows have text keys");
        page.insert(
            "revisions".to_owned(),
            as_value(serde_json::to_value(&self.revisions)),
        );
        page.insert(
            "newest_head".to_owned(),
            as_value(serde_json::to_value(&self.head)),
        );
        Ok(Value::Object(page).to_string() + "\n")
    }
}

fn time(unix: i64) -> String {
    Instant::from_unix_seconds(unix).to_string()
}

/// Keeps rows as texts.
#[derive(Debug, Default)]
pub(crate) struct CellTexts {
    /// The names of the columns.
    pub(crate) names: Vec<String>,
    /// The texts of each row; empty for an empty cell.
    pub(crate) rows: Vec<Vec<String>>,
}

impl CellTexts {
    /// The first row by the names of its columns, without what is empty.
    fn first_row(self) -> Vec<(String, String)> {
        let row = self.rows.into_iter().next().unwrap_or_default();
        let named = self.names.into_iter().zip(row);
        named.filter(|(_, text)| !text.is_empty()).collect()
    }
}

impl Rows for CellTexts {
    fn columns(&mut self, columns: &[super::Column]) -> std::io::Result<()> {
        self.names = columns.iter().map(|column| column.name.to_string()).collect();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> std::io::Result<()> {
        let text = |cell: &Cell<'_>| {
            let mut text = String::new();
            cell.write_text(&mut text);
            text
        };
        self.rows.push(cells.iter().map(text).collect());
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
