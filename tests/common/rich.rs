//! An archive in which every table has rows of every kind, and what its contract says, to compare damage with.

use std::fmt::Write;
use std::path::Path;

use jobruns::archive::{ReadOnly, RetentionRule, Writer, retain};
use jobruns::model::Instant;
use jobruns::simulator::{History, Options};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Value, json};

use super::Bench;

/// Everything that the contract names.
pub const CONTRACT: [&str; 11] = [
    "jobs",
    "runs",
    "messages",
    "assets",
    "run_revisions",
    "quarantine",
    "syncs",
    "sync_jobs",
    "holds",
    "removed_runs",
    "job_statuses",
];

/// A long history in a small file: runs that changed, went and came back; messages too; quarantine, accepted and not; jobs
/// that failed, moved out of sight, were named and removed; syncs complete, partial, killed, and one that still runs.
///
/// The file is whole by itself: nothing is left in its write-ahead log.
pub async fn rich_archive(messages: u32) -> Bench {
    let history = History {
        seed: 7,
        jobs: 3,
        runs: 8,
        messages,
        ..History::default()
    };
    let bench = Bench::with(Options {
        history,
        ..Options::default()
    })
    .await;
    serve_own_job(&bench, 0);
    bench.sync().await;
    bench.server.set_faults(vec![
        "bad-message=3@1".parse().unwrap(),
        "bad-run=6@2".parse().unwrap(),
    ]);
    bench.sync().await;
    let mut writer = Writer::open(&bench.archive()).unwrap();
    writer.accept(1, "a known bug of the scanner").unwrap();
    writer.watch(own_guid(99), Some("Quarterly")).unwrap();
    writer.unwatch(own_guid(99)).unwrap();
    writer
        .add_holds(
            &[bench.job(0)],
            None,
            Some(Instant::from_unix_seconds(1_767_225_600)),
            "a lawsuit",
        )
        .unwrap();
    writer.add_holds(&[], None, None, "an inspection").unwrap();
    writer.release_hold(2, "it is over").unwrap();
    writer.lock_retention(30).unwrap();
    drop(writer);
    bench.no_faults();
    bench.server.pass_night();
    serve_own_job(&bench, 1);
    bench.sync().await;
    bench.fault("shuffled");
    serve_own_job(&bench, 2);
    bench.sync().await;
    bench.fault("404@1");
    serve_own_job(&bench, 3);
    bench.sync().await;
    bench.no_faults();
    let rule = RetentionRule {
        days: 3650,
        jobs: Vec::new(),
        why: "ten years".to_owned(),
        now: Instant::now(),
    };
    let reader = ReadOnly::open(&bench.archive()).unwrap();
    let plan = reader.snapshot().unwrap().retention_plan(&rule).unwrap();
    drop(reader);
    assert_eq!(
        retain(&bench.archive(), &rule, &plan.hash).unwrap().recorded.runs,
        1
    );
    // Twice the same: nothing is new about any job.
    bench.sync().await;
    bench.fault("short=3000@2");
    bench.sync().await;
    let mut writer = Writer::open(&bench.archive()).unwrap();
    writer.begin_sync(Some(0)).unwrap();
    drop(writer);
    bench.sync().await;
    let mut writer = Writer::open(&bench.archive()).unwrap();
    writer.begin_sync(Some(5)).unwrap();
    drop(writer);
    bench
        .connection()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    bench
}

fn own_guid(number: u32) -> jobruns::model::Guid {
    format!("0e0e0e0e-0000-4000-8000-{number:012}").parse().unwrap()
}

/// What job 3 answers: times of every kind, texts that are not text, messages that go and come.
fn serve_own_job(bench: &Bench, night: usize) {
    let message = |text: &str, when: Value| {
        json!({"Message": text, "DateTime": when, "Category": "Error", "Asset": "SRV-1", "AssetType": "Windows",
            "AssetOwner": format!("owner {}", night / 2), "MessageDetails": if text == "B" { Value::Null } else { json!("why") }})
    };
    let a = message("A", json!("2026-01-01T00:00:00"));
    let b = message("B", json!("yesterday"));
    let c = message("C", json!("2026-01-01T00:00:00.5+02:00"));
    let d = message("D", Value::Null);
    let lists = [
        json!([a, b, a, c]),
        json!([a, c, d]),
        json!([b, a, c, d, d]),
        json!([b, a, c, d, d]),
    ];
    let mut first = json!({"JobRunID": own_guid(1).to_string(), "Status": 2 + night, "JobStartTime": "2026-01-01T00:00:00", "JobMessages": lists[night],
        "JobEndTime": "2026-01-01T01:00:00Z", "MessageCount": 3, "Exception": "x", "CustomStatusText": "c", "JobSummary": "s",
        "StatusDetails": "d", "ActivityStatusList": [1, {"a": null}], "Later": long_field()});
    if night == 0 {
        first["JobEndTime"] = json!("soon");
    }
    let second = json!({"JobRunID": own_guid(2).to_string(), "Status": "Faulted", "JobStartTime": "0001-01-01T00:00:00", "Later": long_field()});
    let third = json!({"JobRunID": own_guid(3).to_string(), "Status": {}, "JobMessages": []});
    // Listed once, and removed by a retention rule when it is gone.
    let fourth = json!({"JobRunID": own_guid(4).to_string(), "Status": 4, "JobStartTime": "2001-01-01T00:00:00",
        "JobEndTime": "2001-01-01T00:00:01Z", "JobMessages": [a], "Later": long_field()});
    let runs = match night {
        1 => json!([first, third]),
        2 => json!([first, second, third]),
        0 => json!([first, second, fourth]),
        _ => json!([first, second]),
    };
    let body = json!({"JobID": bench.job(2).to_string(), "TotalJobRuns": runs.as_array().unwrap().len(), "JobStatusInfo": runs});
    bench.server.set_body(2, body.to_string());
}

/// A field of another version, so that two runs of the job make a dictionary.
fn long_field() -> String {
    "a text that comes again ".repeat(200)
}

/// What the contract's tables say, in their order where they have one; an error where SQLite cannot read them.
pub fn contract(archive: &Path) -> rusqlite::Result<String> {
    let connection = Connection::open(archive)?;
    let mut said = String::new();
    for table in CONTRACT {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = statement.column_count();
        let mut lines = Vec::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let mut line = String::new();
            for index in 0..columns {
                match row.get_ref(index)? {
                    // Bytes, so that a damaged text is another text.
                    ValueRef::Text(text) => write!(line, "{}|", text.escape_ascii()),
                    other => write!(line, "{other:?}|"),
                }
                .unwrap();
            }
            lines.push(line);
        }
        lines.sort();
        said.push_str(&format!(
            "{table} {}\n{}\n",
            column_names(&connection, table)?,
            lines.join("\n")
        ));
    }
    Ok(said)
}

/// As bytes: a damaged name may be no text.
fn column_names(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let mut names = String::new();
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let mut rows = statement.query([table])?;
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?;
        write!(names, "{}|", name.as_bytes()?.escape_ascii()).unwrap();
    }
    Ok(names)
}

/// Numbers that look drawn by lot and are the same each time.
pub struct Lot(pub u64);

impl Lot {
    /// The next number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
