//! Archives and answers that a stranger made: every command ends, within bounds, and says what is wrong.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::program::{Ended, Program};
use crate::common::scripted::going_on;
use crate::common::story::Story;
use rusqlite::Connection;

/// Far more than any of these commands takes, far less than for ever.
const SOON: Duration = Duration::from_secs(60);

/// The story's archive after one sync, and a change of its file by somebody else.
async fn changed(sql: &str) -> Story {
    let story = Story::synced().await;
    let archive = story.connection();
    archive.execute_batch(sql).unwrap();
    story
}

/// How a command ends; one that goes on is killed.
#[track_caller]
fn soon(story: &Story, arguments: &[&str]) -> Ended {
    let child = story.program.command(arguments).spawn().unwrap();
    ends_soon(child, &format!("{arguments:?}"))
}

#[track_caller]
fn ends_soon(mut child: Child, what: &str) -> Ended {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > SOON {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what} does not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ended::of(child)
}

/// A view without an end under the name of a table or view.
fn endless(kind: &str, name: &str, columns: &str, row: &str) -> String {
    format!(
        "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON; DROP {kind} {name};
         CREATE VIEW {name} ({columns}) AS
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {row} FROM n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_view_under_a_name_of_ours_is_refused_and_a_finding() {
    for (kind, name, columns, row) in [
        (
            "TABLE",
            "refinery_schema_history",
            "version, name, applied_on, checksum",
            "1, 'a', 'b', 'c'",
        ),
        (
            "TABLE",
            "ledger",
            "entry_id, entry, entry_hash",
            "i, 'archive', x'00'",
        ),
        ("TABLE", "_sync", "sync_id, outcome", "i, NULL"),
        (
            "TABLE",
            "payload",
            "entry_id, dictionary_key, data",
            "i, NULL, x'00'",
        ),
        ("VIEW", "runs", "job_run_id, job_id", "i, i"),
    ] {
        let story = changed(&endless(kind, name, columns, row)).await;
        for arguments in [
            ["status"].as_slice(),
            &["query", "SELECT count(*) FROM runs"],
            &["report", "overview"],
            &["jobs", "list"],
            &["jobs", "add", "ff761384-4b49-40b4-97d8-0de38669075a"],
            &["payload", "ff761384-4b49-40b4-97d8-0de38669075a"],
            &["quarantine", "list"],
        ] {
            soon(&story, arguments)
                .ends_with(1)
                .says("is not the one that this program makes")
                .says(name)
                .says("`jobruns verify`");
        }
        let ended = soon(&story, &["verify", "--format", "json"]).ends_with(4);
        let findings = ended.json()["findings"].to_string();
        assert!(
            findings.contains(name) && findings.contains("RECURSIVE"),
            "{findings}"
        );
        // A changed view is made anew, a table that is none cannot be.
        let code = if kind == "VIEW" { 0 } else { 4 };
        soon(&story, &["reindex"]).ends_with(code);
        soon(&story, &["salvage", "jobruns.db", "salvaged.db"]);
        let _ = soon(&story, &["backup", "copy.db"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_of_somebody_else_does_not_run() {
    let story = changed(
        "CREATE TRIGGER theirs AFTER INSERT ON _sync BEGIN
             DELETE FROM _server;
         END",
    )
    .await;
    let _ = soon(&story, &["jobs", "list"]).ends_with(0);
    story.sync(&[]).ends_with(0);
    let archive = story.connection();
    let servers: i64 = archive
        .query_row("SELECT count(*) FROM _server", [], |row| row.get(0))
        .unwrap();
    assert_eq!(servers, 1);
    soon(&story, &["verify"]).ends_with(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_with_a_function_or_collation_that_we_lack_is_noted_and_dropped_by_the_next_sync() {
    let story = Story::synced().await;
    let make = |archive: &Connection| {
        let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
        archive
            .create_scalar_function("fx", 1, flags, |context| context.get::<Option<i64>>(0))
            .unwrap();
        archive.create_collation("theirs", |a, b| b.cmp(a)).unwrap();
        archive
            .execute_batch(
                "CREATE INDEX mi ON _run (fx(status));
                 CREATE INDEX mc ON _run (exception COLLATE theirs);
                 CREATE INDEX ml ON ledger (entry COLLATE theirs);
                 CREATE INDEX good ON _run (status)",
            )
            .unwrap();
    };
    let path = story.program.path("jobruns.db");
    make(&Connection::open(&path).unwrap());
    let indexes = || -> Vec<String> {
        let archive = Connection::open(&path).unwrap();
        let mut found = archive
            .prepare("SELECT name FROM sqlite_schema WHERE name IN ('mi', 'mc', 'ml', 'good') ORDER BY name")
            .unwrap();
        let names = found.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    };
    let verified = soon(&story, &["verify"]).ends_with(0);
    for name in ["mi", "mc", "ml"] {
        let note = format!("note: index {name} on");
        assert!(verified.stdout.contains(&note), "{}", verified.stdout);
    }
    soon(&story, &["backup", "copy.db"]).ends_with(0);
    assert_eq!(indexes(), ["good", "mc", "mi", "ml"]);

    story
        .sync(&[])
        .ends_with(0)
        .says("dropped the index mi on _run")
        .says("dropped the index mc on _run");
    assert_eq!(indexes(), ["good"]);
    soon(&story, &["verify"]).ends_with(0);

    make_again(&path, make);
    soon(&story, &["reindex"]).ends_with(0).says("dropped the index");
    assert_eq!(indexes(), ["good"]);
}

fn make_again(path: &std::path::Path, make: impl Fn(&Connection)) {
    let archive = Connection::open(path).unwrap();
    archive.execute_batch("DROP INDEX good").unwrap();
    make(&archive);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_beside_such_an_index_is_still_found() {
    let story = changed("").await;
    let archive = story.connection();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
    archive
        .create_scalar_function("fx", 1, flags, |context| context.get::<Option<i64>>(0))
        .unwrap();
    archive
        .execute_batch("CREATE INDEX mi ON _run (fx(status))")
        .unwrap();
    // Another index of the same table that lacks a row.
    let ours: String = archive
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = '_run' AND sql IS NOT NULL AND name <> 'mi'
             LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let partial = ours.replace('\'', "''") + " WHERE run_key > 1";
    let name = ours.split(' ').nth(2).unwrap().to_owned();
    archive
        .execute_batch(&format!(
            "DROP INDEX {name}; {}; PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = '{}' WHERE name = '{name}'",
            partial.replace("''", "'"),
            ours.replace('\'', "''"),
        ))
        .unwrap();
    drop(archive);
    let ended = soon(&story, &["verify"]).ends_with(4);
    assert!(
        ended.stdout.contains(&format!("index {name}")),
        "{}",
        ended.stdout
    );
}

/// A frame of zeros, as a payload of the story's archive, with a ledger line that says so many bytes of it.
fn zeros(archive: &Connection, bytes: usize) {
    let packed = jobruns::archive::Packer::new(None)
        .unwrap()
        .pack(&vec![0; bytes])
        .unwrap();
    archive
        .execute(
            "UPDATE payload SET data = ?1, dictionary_key = NULL WHERE entry_id = (SELECT min(entry_id) FROM payload)",
            [packed],
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_unpacked_only_as_far_as_the_ledger_says() {
    let story = changed("").await;
    let archive = story.connection();
    zeros(&archive, 64 << 20);
    let run: String = archive
        .query_row(
            "SELECT r.job_run_id FROM _run r JOIN _revision v USING (run_key)
             WHERE v.entry_id = (SELECT min(entry_id) FROM payload)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    drop(archive);
    soon(&story, &["payload", &run])
        .ends_with(1)
        .says("it says that it holds more than");
    let ended = soon(&story, &["verify"]).ends_with(4);
    assert!(
        ended.stdout.contains("it says that it holds more than"),
        "{}",
        ended.stdout
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_the_size_of_files_is_told_in_words() {
    let story = Story::new().await;
    let script = format!("ulimit -f 40; exec \"$0\" sync {}", story.job(0));
    let ended = Ended::of(story.program.script(&script).spawn().unwrap());
    ended.ends_with(1).says("Error: ").says("Hint: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_that_reorder_or_hide_text_are_seen_in_status_jobs_and_logs() {
    let story = Story::new().await;
    let name = "a\u{202e}b\u{200b}c\u{2066}d\u{1b}[31m";
    story
        .program
        .run(&["jobs", "add", &story.job(0), "--name", name])
        .ends_with(0);
    for arguments in [["status", "--max-age", "1h"].as_slice(), &["jobs", "list"]] {
        let ended = story
            .program
            .run(arguments)
            .never_shows("\u{202e}")
            .never_shows("\u{200b}")
            .never_shows("\u{2066}")
            .never_shows("\u{1b}");
        assert!(ended.stdout.contains(r"a\u{202e}b\u{200b}c"), "{ended:?}");
    }
    let ended = story
        .program
        .run(&["status", "--max-age", "1h", "--log-format", "json"]);
    assert!(!ended.stderr.contains('\u{202e}'), "{ended:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn few_file_descriptors_end_with_a_sentence_or_do() {
    let story = changed("").await;
    for files in 5..24 {
        for command in [format!("sync {}", story.job(0)), "verify".to_owned()] {
            let script = format!("ulimit -n {files}; exec \"$0\" {command}");
            let ended = Ended::of(story.program.script(&script).spawn().unwrap());
            assert_ne!(ended.code, Some(101), "{files}: {ended:#?}");
            assert!(
                ended.code == Some(0) || ended.stderr.contains("Error: ") || ended.stderr.contains("failed"),
                "{files}: {ended:#?}"
            );
        }
    }
}

/// How a sync from such a server ends, with the shortest limits.
fn synced_from(begin: &'static [u8], again: &'static [u8], pause: Duration) -> (Program, Ended) {
    let program = Program::new()
        .with("JOBRUNS_URL", &going_on(begin, again, pause))
        .with("JOBRUNS_USERNAME", r"CORP\auditor")
        .with("JOBRUNS_PASSWORD", "simulator");
    let job = "ff761384-4b49-40b4-97d8-0de38669075a";
    let child = program
        .command(&["sync", job, "--insecure", "--timeout", "1s", "--retries", "0"])
        .spawn();
    let ended = ends_soon(child.unwrap(), "sync");
    (program, ended)
}

const ONE_RUN: &[u8] = br#"{"JobStatusInfo":[{"JobRunID":"0e0e0e0e-0000-4000-8000-000000000001","Status":4}"#;

/// An element that is not a run, and a pause's worth of blanks, so that few of them are enough to be alive.
const NULLS: &[u8] = &{
    let mut bytes = [b' '; 300];
    let null = b",null";
    let mut at = 0;
    while at < null.len() {
        bytes[at] = null[at];
        at += 1;
    }
    bytes
};

/// Blanks, of which JSON may have any number: 64 KiB.
const BLANKS: &[u8] = &[b' '; 64 << 10];

#[test]
fn an_answer_that_goes_on_without_a_run_ends_and_what_came_before_is_kept() {
    let pause = Duration::from_millis(5);
    let (_, ended) = synced_from(br#"{"JobStatusInfo":["#, BLANKS, pause);
    ended
        .ends_with(1)
        .says("went on for 10s without completing a run")
        .says("raise --timeout");
    let (program, ended) = synced_from(ONE_RUN, BLANKS, pause);
    ended
        .ends_with(3)
        .says("only read in part (1 run)")
        .says("went on for 10s without completing a run");
    program.run(&["verify"]).ends_with(0);
    // Elements that are not runs do not count either.
    let (_, ended) = synced_from(br#"{"JobStatusInfo":[null"#, NULLS, pause);
    ended
        .ends_with(3)
        .says("went on for 10s without completing a run");
    // One run that never ends is not a run either, and is not held in memory.
    let begin = br#"{"JobStatusInfo":[{"JobSummary":""#;
    let (_, ended) = synced_from(begin, BLANKS, pause);
    ended
        .ends_with(1)
        .says("went on for 10s without completing a run");
}

#[test]
fn an_answer_of_a_byte_now_and_then_ends_and_what_came_before_is_kept() {
    let pause = Duration::from_millis(100);
    let (_, ended) = synced_from(br#"{"JobStatusInfo":["#, b" ", pause);
    ended
        .ends_with(1)
        .says("sent fewer than 1024 bytes in 1s")
        .says("raise --timeout");
    let (program, ended) = synced_from(ONE_RUN, b" ", pause);
    ended
        .ends_with(3)
        .says("only read in part (1 run)")
        .says("sent fewer than 1024 bytes in 1s");
    program.run(&["verify"]).ends_with(0);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn little_memory_ends_with_a_sentence_or_does() {
    let story = changed("").await;
    let job = story.job(0);
    for mebibytes in [56, 60, 64, 70, 80, 90, 100, 120, 150, 200, 300] {
        for command in [
            "verify",
            "status",
            "query 'SELECT count(*) FROM messages'",
            "report runs --format csv",
            "report asset-errors --format csv",
            &format!("sync {job}"),
        ] {
            let script = format!("ulimit -v {}; exec \"$0\" {command}", mebibytes << 10);
            let ended = Ended::of(story.program.script(&script).spawn().unwrap());
            if mebibytes < 64 {
                ended
                    .ends_with(1)
                    .says("of address space, and needs 64MiB at least")
                    .says("ulimit -v");
            } else {
                ended.ends_with(0);
            }
        }
    }
}

/// One step of SQLite's, which takes longer than anybody lives.
fn endless_step() -> String {
    format!("'{}' LIKE '{}b'", "a".repeat(100), "%a".repeat(30))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_computes_something_without_end_is_refused_or_left_aside() {
    let endless = endless_step();
    for (table, ours, theirs) in [
        (
            "_run",
            "CHECK (revision >= 1)",
            format!("CHECK (revision >= 1 OR {endless})"),
        ),
        (
            "ledger",
            "BLOB    NOT NULL CHECK (length(entry_hash) = 32)",
            format!("BLOB AS (hex({endless}))"),
        ),
        (
            "refinery_schema_history",
            "name VARCHAR(255)",
            format!("name AS ({endless})"),
        ),
        ("_sync", "DEFAULT 0", format!("DEFAULT ({endless})")),
    ] {
        let quoted = |text: &str| text.replace('\'', "''");
        let story = changed(&format!(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = replace(sql, '{}', '{}') WHERE name = '{table}'",
            quoted(ours),
            quoted(&theirs)
        ))
        .await;
        for arguments in [["status"].as_slice(), &["jobs", "list"], &["sync", &story.job(0)]] {
            soon(&story, arguments)
                .ends_with(1)
                .says("is not the one that this program makes")
                .says(table);
        }
        let ended = soon(&story, &["verify"]).ends_with(4);
        assert!(ended.stdout.contains(table), "{ended:#?}");
        let _ = soon(&story, &["salvage", "jobruns.db", "salvaged.db"]);
    }
    let story = changed(&format!(
        "CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1); PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE TABLE theirs (a CHECK ({}))' WHERE name = 'theirs'",
        endless.replace('\'', "''")
    ))
    .await;
    let ended = soon(&story, &["verify"]).ends_with(0);
    assert!(
        ended.stdout.contains("table theirs computes something"),
        "{ended:#?}"
    );
    soon(&story, &["backup", "copy.db"]).ends_with(0);
    soon(&story, &["sync", &story.job(0)]).ends_with(0);
    soon(&story, &["reindex"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_computes_something_without_end_is_noted_and_dropped() {
    let endless = endless_step();
    for (made, becomes) in [
        (
            "_run (status) WHERE run_key < 0",
            format!("_run (status) WHERE {endless}"),
        ),
        (
            "_message (kind_key) WHERE run_key < 0",
            format!("_message ({endless})"),
        ),
    ] {
        let story = changed(&format!(
            "CREATE INDEX theirs ON {made}; PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET sql = 'CREATE INDEX theirs ON {}' WHERE name = 'theirs'",
            becomes.replace('\'', "''")
        ))
        .await;
        let verified = soon(&story, &["verify"]);
        assert!(
            verified.stdout.contains("index theirs on") && verified.stdout.contains("computes something"),
            "{verified:#?}"
        );
        soon(&story, &["sync", &story.job(0)])
            .ends_with(0)
            .says("dropped the index theirs on")
            .says("computes something for each row");
        soon(&story, &["verify"]).ends_with(0);
    }
    // One that compares columns alone stays.
    let story = changed("CREATE INDEX plain ON _run (status, job_key) WHERE status = 5").await;
    story.sync(&[]).ends_with(0).never_shows("dropped");
}

/// Bytes of a page of an archive.
const PAGE: usize = 8192;

/// Pages of an archive's file, to be changed by hand; <https://www.sqlite.org/fileformat2.html>.
struct Pages {
    path: std::path::PathBuf,
    bytes: Vec<u8>,
}

impl Pages {
    fn of(story: &Story) -> Self {
        let path = story.program.path("jobruns.db");
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len() % PAGE, 0);
        Self { path, bytes }
    }

    fn root(&self, name: &str) -> u32 {
        let archive = Connection::open(&self.path).unwrap();
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        archive.query_row(sql, [name], |row| row.get(0)).unwrap()
    }

    fn page(&mut self, number: u32) -> &mut [u8] {
        &mut self.bytes[(number as usize - 1) * PAGE..][..PAGE]
    }

    /// A new page at the end of the file; says its number.
    fn add(&mut self, page: Vec<u8>) -> u32 {
        self.bytes.extend(page);
        let pages = u32::try_from(self.bytes.len() / PAGE).unwrap();
        self.bytes[28..32].copy_from_slice(&pages.to_be_bytes());
        pages
    }

    fn save(&self) {
        std::fs::write(&self.path, &self.bytes).unwrap();
    }
}

/// A page of a table's tree that leads to `child` from six hundred places.
fn leading_to(child: u32) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    let cells = 600_u16;
    page[0] = 5;
    page[3..5].copy_from_slice(&cells.to_be_bytes());
    page[8..12].copy_from_slice(&child.to_be_bytes());
    for cell in 0..cells {
        let at = PAGE - 6 * (usize::from(cell) + 1);
        page[12 + 2 * usize::from(cell)..][..2].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
        page[at..at + 4].copy_from_slice(&child.to_be_bytes());
        // The largest row below, in two times seven bits.
        page[at + 4] = 0x80 | u8::try_from(cell >> 7).unwrap();
        page[at + 5] = u8::try_from(cell & 0x7f).unwrap();
    }
    let first = u16::try_from(PAGE - 6 * usize::from(cells)).unwrap();
    page[5..7].copy_from_slice(&first.to_be_bytes());
    page
}

/// Every command comes to an end on the story's archive, `verify` with findings.
#[track_caller]
fn everything_ends(story: &Story, what: &str) {
    let ended = soon(story, &["verify"]);
    assert_eq!(ended.code, Some(4), "{what}: {ended:#?}");
    for arguments in [
        ["status"].as_slice(),
        &["report", "runs", "--format", "csv"],
        &["report", "overview"],
        &["backup", "copy.db"],
        &["salvage", "jobruns.db", "salvaged.db"],
        &["sync", &story.job(0)],
        &["reindex"],
    ] {
        let ended = soon(story, arguments);
        assert_ne!(ended.code, Some(101), "{what}: {ended:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_lead_back_to_their_root_end() {
    for table in ["ledger", "_run", "payload"] {
        let story = changed("").await;
        let mut pages = Pages::of(&story);
        let root = pages.root(table);
        pages.page(root).copy_from_slice(&leading_to(root));
        pages.save();
        everything_ends(&story, table);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_lead_to_one_page_from_many_places_end() {
    for table in ["ledger", "_archive", "_message"] {
        let story = changed("").await;
        let mut pages = Pages::of(&story);
        let root = pages.root(table);
        // Five levels of six hundred ways each: 10^13 ways to the rows of one page.
        let leaf = pages.page(root).to_vec();
        let mut child = match leaf[0] {
            13 => pages.add(leaf),
            _ => u32::from_be_bytes(leaf[8..12].try_into().unwrap()),
        };
        for _ in 0..4 {
            child = pages.add(leading_to(child));
        }
        pages.page(root).copy_from_slice(&leading_to(child));
        pages.save();
        everything_ends(&story, table);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_value_whose_pages_lead_in_a_circle_ends() {
    let marked = "x'".to_owned() + &"ab".repeat(300_000) + "'";
    let story = changed(&format!(
        "UPDATE payload SET data = {marked} WHERE entry_id = (SELECT min(entry_id) FROM payload)"
    ))
    .await;
    let mut pages = Pages::of(&story);
    let of_value: Vec<u32> = (1..=u32::try_from(pages.bytes.len() / PAGE).unwrap())
        .filter(|&number| pages.page(number)[4..].iter().all(|&byte| byte == 0xab))
        .collect();
    assert!(of_value.len() > 30, "{of_value:?}");
    for &number in &of_value {
        pages.page(number)[..4].copy_from_slice(&of_value[0].to_be_bytes());
    }
    pages.save();
    everything_ends(&story, "payload");
}
