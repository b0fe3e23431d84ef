//! Archives for the tests of reports: made by the program, filled row by row, so that a test says exactly what is in it.

use std::path::PathBuf;
use std::sync::OnceLock;

use rusqlite::{Connection, params};

use super::format::{Format, Style};
use super::html::Present;
use super::request::{Printer, Ready, Request};
use super::{CommonOptions, ReportError, ReportMeta, query};
use crate::archive::{Packer, ReadOnly, Writer};
use crate::model::{Instant, hex};

/// A run to be put into an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TestRun {
    pub(super) job: usize,
    pub(super) status: Option<i64>,
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) is_absent: bool,
    pub(super) messages: Vec<TestMessage>,
}

/// A message to be put into an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TestMessage {
    pub(super) at: Option<i64>,
    pub(super) text: Option<&'static str>,
    pub(super) details: Option<&'static str>,
    pub(super) category: Option<&'static str>,
    pub(super) asset: Option<&'static str>,
    pub(super) asset_type: Option<&'static str>,
    pub(super) owner: Option<&'static str>,
    pub(super) is_absent: bool,
}

/// An archive in a folder of its own.
pub(super) struct TestArchive {
    folder: tempfile::TempDir,
}

/// The GUID of a job.
pub(super) fn job_id(job: usize) -> String {
    format!("ff761384-4b49-40b4-97d8-{job:012x}")
}

impl TestArchive {
    /// With jobs of these names, and these runs.
    pub(super) fn new(names: &[Option<&str>], runs: &[TestRun]) -> Self {
        let archive = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::write(archive.path(), empty()).unwrap();
        let connection = archive.connection();
        connection
            .execute_batch("PRAGMA synchronous = OFF; BEGIN")
            .unwrap();
        for (job, name) in names.iter().enumerate() {
            connection
                .execute(
                    // The order of keys is not that of GUIDs.
                    "INSERT INTO _job (job_key, job_id, name, watched, first_seen_unix) VALUES (?1, ?2, ?3, 1, 0)",
                    params![job_key(job), job_id(job), name],
                )
                .unwrap();
        }
        for (index, run) in runs.iter().enumerate() {
            put_run(&connection, index, run);
        }
        connection.execute_batch("COMMIT").unwrap();
        archive
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("jobruns.db")
    }

    pub(super) fn connection(&self) -> Connection {
        Connection::open(self.path()).unwrap()
    }

    /// The answer to a query as CSV, cell by cell, the header first.
    pub(super) fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let options = query::QueryOptions {
            sql: sql.to_owned(),
            parameters: Vec::new(),
            limit: None,
        };
        let reader = ReadOnly::open(&self.path()).unwrap();
        let snapshot = reader.snapshot().unwrap();
        let mut bytes = Vec::new();
        let meta = ReportMeta::new(&snapshot, "query", &options);
        let mut rows = Format::CSV.open(&mut bytes, Style::default(), &meta).unwrap();
        query::write(&snapshot, &options, &mut *rows).unwrap();
        drop(rows);
        cells_of(&String::from_utf8(bytes).unwrap())
    }

    /// The report as CSV, cell by cell, the header first.
    pub(super) fn try_csv(&self, request: &dyn Request) -> Result<Vec<Vec<String>>, ReportError> {
        self.try_written(request, Format::CSV, Style::default())
            .map(|text| cells_of(&text))
    }

    /// The report as text.
    pub(super) fn written(&self, request: &dyn Request, format: Format, style: Style) -> String {
        self.try_written(request, format, style).unwrap()
    }

    fn try_written(
        &self,
        request: &dyn Request,
        format: Format,
        style: Style,
    ) -> Result<String, ReportError> {
        let reader = ReadOnly::open(&self.path()).unwrap();
        let snapshot = reader.snapshot().unwrap();
        let mut bytes = Vec::new();
        let printer = Printer {
            out: &mut bytes,
            format,
            style,
            meta: &request.meta(&snapshot)?,
            is_cancelled: &|| false,
        };
        request.write(&snapshot, printer)?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    /// The rows of the report without their header, cells joined by `|`.
    pub(super) fn lines(&self, request: &dyn Request) -> Vec<String> {
        let rows = self.try_csv(request).unwrap();
        rows.iter().skip(1).map(|row| row.join("|")).collect()
    }
}

/// Puts a state of a run into the archive: the row, the line of the ledger and the payload, in which `status` is all that is
/// said. The run is the one with this key.
pub(super) fn put_revision(
    connection: &Connection,
    entry_id: i64,
    run_key: i64,
    revision: i64,
    captured_unix: i64,
    status: Option<i64>,
) {
    let run: String = connection
        .query_row(
            "SELECT job_run_id FROM _run WHERE run_key = ?1",
            [run_key],
            |row| row.get(0),
        )
        .unwrap();
    let body = serde_json::json!({ "JobRunID": run, "Status": status }).to_string();
    let sha256: [u8; 32] =
        sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&body)).into();
    let at = Instant::from_unix_seconds(captured_unix);
    let line = format!(
        "revision run={run} number={revision} sync=1 at={at} job={run} bytes={} sha256={} reader=1 zone=utc started=-",
        body.len(),
        hex(&sha256)
    );
    let data = Packer::new(None).unwrap().pack(body.as_bytes()).unwrap();
    connection.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    connection
        .execute(
            "INSERT INTO ledger VALUES (?1, ?2, zeroblob(32))",
            params![entry_id, line],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO _revision (entry_id, run_key, revision, sync_id, captured_unix, status, payload_sha256)
             VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6)",
            params![entry_id, run_key, revision, captured_unix, status, sha256],
        )
        .unwrap();
    connection
        .execute(
            "INSERT INTO payload VALUES (?1, NULL, ?2)",
            params![entry_id, data],
        )
        .unwrap();
}

fn cells_of(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv.as_bytes());
    let records = reader.records().map(|record| record.unwrap());
    records
        .map(|record| record.iter().map(str::to_owned).collect())
        .collect()
}

/// The report with these options of its own alone.
pub(super) fn plain<R: Present>(report: R) -> Ready<R> {
    Ready {
        common: CommonOptions::default(),
        report,
    }
}

/// The bytes of an empty archive: creating one takes far longer than anything else in a test.
fn empty() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobruns.db");
        drop(Writer::open(&path).unwrap());
        std::fs::read(path).unwrap()
    })
}

fn job_key(job: usize) -> i64 {
    1000 - i64::try_from(job).unwrap()
}

fn put_run(connection: &Connection, index: usize, run: &TestRun) {
    let run_key = i64::try_from(index).unwrap() + 1;
    let present = run.messages.iter().filter(|message| !message.is_absent).count();
    let times = || run.messages.iter().filter_map(|message| message.at);
    connection
        .execute(
            "INSERT INTO _run (run_key, job_run_id, job_key, status, started_ticks, ended_ticks, has_message_list,
                 unreadable_messages, messages_present, messages_held, revision, first_seen_unix, last_changed_unix,
                 absent_since_unix, seen_sha256, content_sha256, started_assumed, ended_assumed,
                 messages_without_time, first_message_ticks, last_message_ticks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 0, ?7, ?8, 1, 0, 0, ?9, zeroblob(32), zeroblob(32),
                 abs(?5 % 2), abs(?6 % 2), ?8 - ?10, ?11, ?12)",
            params![
                run_key,
                format!("413e6d92-6de0-4a89-8752-{index:012x}"),
                job_key(run.job),
                run.status,
                run.start,
                run.end,
                i64::try_from(present).unwrap(),
                i64::try_from(run.messages.len()).unwrap(),
                run.is_absent.then_some(0),
                i64::try_from(times().count()).unwrap(),
                times().min(),
                times().max(),
            ],
        )
        .unwrap();
    for (ordinal, message) in run.messages.iter().enumerate() {
        // Every other text is stored again, as the writer does when it has forgotten one.
        let again = (index + ordinal).is_multiple_of(2);
        let kind = key_of(
            connection,
            "_message_kind",
            &[("message", message.text), ("category", message.category)],
            again,
        );
        let asset = key_of(
            connection,
            "_asset",
            &[
                ("asset", message.asset),
                ("asset_type", message.asset_type),
                ("asset_owner", message.owner),
            ],
            again,
        );
        let detail = message.details.map(|details| {
            key_of(
                connection,
                "_message_detail",
                &[("message_details", Some(details))],
                again,
            )
        });
        connection
            .execute(
                "INSERT INTO _message (message_key, occurred_ticks, kind_key, asset_key, absent_since_unix, detail_key,
                     occurred_assumed)
                 VALUES ((?1 << 24) + ?2, ?3, ?4, ?5, ?6, ?7, abs(?3 % 2))",
                params![
                    run_key,
                    i64::try_from(ordinal).unwrap(),
                    message.at,
                    kind,
                    asset,
                    message.is_absent.then_some(0),
                    detail
                ],
            )
            .unwrap();
    }
}

/// The key of a row with these texts, which is inserted if there is none or if it is to be stored again.
fn key_of(connection: &Connection, table: &str, texts: &[(&str, Option<&str>)], again: bool) -> i64 {
    let names: Vec<&str> = texts.iter().map(|(name, _)| *name).collect();
    let values: Vec<Option<&str>> = texts.iter().map(|(_, value)| *value).collect();
    let condition: Vec<String> = (1..=names.len())
        .map(|number| format!("{} IS ?{number}", names[number - 1]))
        .collect();
    let find = format!("SELECT max(rowid) FROM {table} WHERE {}", condition.join(" AND "));
    let found: Option<i64> = connection
        .query_row(&find, rusqlite::params_from_iter(&values), |row| row.get(0))
        .unwrap();
    if let (Some(key), false) = (found, again) {
        return key;
    }
    let marks = vec!["?"; names.len()].join(", ");
    let put = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
    connection
        .execute(&put, rusqlite::params_from_iter(&values))
        .unwrap();
    connection.last_insert_rowid()
}
