//! The bench of the stories: a folder of its own, a look-alike server, syncs into an archive, questions to it.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test that fails panics"
)]

pub mod chromium;
pub mod damage;
pub mod journal;
pub mod monitor;
#[cfg(target_os = "linux")]
pub mod namespace;
pub mod odd;
pub mod packages;
pub mod program;
pub mod python;
pub mod rich;
pub mod scripted;
pub mod story;

use std::path::PathBuf;
use std::time::Duration;

use jobruns::archive::{ReadOnly, SyncRecord};
use jobruns::ccs::retry::Policy;
use jobruns::ccs::{Client, Settings, Trust, roots_from_pem};
use jobruns::decode::DEFAULT_RUN_LIMIT;
use jobruns::model::{Fetch, Guid, Secret};
use jobruns::simulator::{History, Options, Simulator};
use jobruns::sync::{self, Cancellation, SyncError, SyncOptions};
use rusqlite::Connection;
use rusqlite::types::FromSql;

use program::Program;

pub struct Bench {
    pub folder: tempfile::TempDir,
    pub server: Simulator,
    pub options: SyncOptions,
}

/// Reports that need no options of their own, and are read alike: those of what is wrong alone and the overview are not among
/// them.
pub const REPORTS: [&str; 8] = [
    "failure-trends",
    "asset-errors",
    "failures",
    "coverage",
    "missed-runs",
    "changes",
    "runs",
    "messages",
];

/// Three jobs of twelve runs with a few messages each.
pub fn small_history() -> History {
    History {
        seed: 7,
        jobs: 3,
        runs: 12,
        messages: 6,
        ..History::default()
    }
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(Options {
            history: small_history(),
            ..Options::default()
        })
        .await
    }

    pub async fn with(options: Options) -> Self {
        let server = Simulator::start(options).await.unwrap();
        let jobs = (0..server.history().jobs)
            .map(|job| (server.history().job_id(job).parse().unwrap(), None))
            .collect();
        let options = SyncOptions {
            jobs,
            fetch: Fetch::Full,
            concurrency: 4,
            retry: Policy {
                retries: 2,
                retry_for: Duration::from_millis(150),
                first_wait: Duration::from_millis(50),
                ..Policy::default()
            },
            run_limit: DEFAULT_RUN_LIMIT,
            naive_time: None,
            create_archive: true,
            hint: |_| None,
        };
        Self {
            folder: tempfile::tempdir().unwrap(),
            server,
            options,
        }
    }

    pub fn archive(&self) -> PathBuf {
        self.folder.path().join("jobruns.db")
    }

    pub fn job(&self, job: u32) -> Guid {
        self.server.history().job_id(job).parse().unwrap()
    }

    pub fn settings(&self) -> Settings {
        Settings {
            trust: Trust::Roots(roots_from_pem(self.server.authority_pem().as_bytes()).unwrap()),
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(2),
            ..Settings::new(
                self.server.base_url(),
                "CORP\\auditor",
                Secret::new("simulator".to_owned()),
            )
        }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.settings()).unwrap()
    }

    pub async fn try_sync(&self) -> Result<SyncRecord, SyncError> {
        let options = self.options.clone();
        sync::sync(
            &self.archive(),
            &self.client().into(),
            options,
            Box::new(|_| {}),
            Cancellation::never(),
        )
        .await
    }

    pub async fn sync(&self) -> SyncRecord {
        self.try_sync().await.unwrap()
    }

    /// Sets one fault, for job 1 and every request.
    pub fn fault(&self, fault: &str) {
        self.server.set_faults(vec![fault.parse().unwrap()]);
    }

    pub fn no_faults(&self) {
        self.server.set_faults(Vec::new());
    }

    /// The binary in a folder of its own, with this archive.
    pub fn program(&self) -> Program {
        Program::new().with("JOBRUNS_ARCHIVE", self.archive().to_str().unwrap())
    }

    /// What `verify` finds, with these heads known.
    pub fn findings(&self, heads: &[[u8; 32]]) -> Vec<String> {
        let report = ReadOnly::open(&self.archive()).unwrap().verify(heads).unwrap();
        let findings = report.findings.into_iter();
        findings
            .map(|finding| format!("{}: {}", finding.place, finding.what))
            .collect()
    }

    pub fn connection(&self) -> Connection {
        Connection::open(self.archive()).unwrap()
    }

    /// The one value of a query.
    pub fn value<T: FromSql>(&self, sql: &str) -> T {
        self.connection()
            .query_row(sql, [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Every row of a query, as text.
    pub fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.connection(), sql)
    }

    /// What the contract's tables say, leaving out what notes each sync.
    pub fn content(&self) -> Vec<String> {
        let tables = ["runs", "messages", "assets", "run_revisions", "quarantine"];
        tables
            .into_iter()
            .flat_map(|table| self.rows(&format!("SELECT * FROM {table} ORDER BY 1, 2, 3")))
            .collect()
    }
}

pub fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        Ok((0..columns)
            .map(|index| format!("{:?}", row.get_ref(index).unwrap()))
            .collect::<Vec<_>>()
            .join("|"))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}
