//! What `verify`, `reindex` and `salvage` are given in bad days: each a finding or an error with the next step, nothing made
//! worse, no half file.

use std::path::Path;

use crate::common::program::{Ended, Program};
use crate::common::rich::{contract, rich_archive};
use rusqlite::Connection;

/// `damaged.db` with these bytes, and a log beside it where one is given.
fn lay(program: &Program, bytes: &[u8], log: Option<&[u8]>) {
    for name in [
        "damaged.db",
        "damaged.db-wal",
        "damaged.db-shm",
        "damaged.db.lock",
        "new.db",
    ] {
        let _ = std::fs::remove_file(program.path(name));
    }
    program.write("damaged.db", bytes);
    if let Some(log) = log {
        program.write("damaged.db-wal", log);
    }
}

fn run(program: &Program, arguments: &[&str]) -> Ended {
    let ended = program.run(arguments).never_shows("panicked");
    if ended.code != Some(0) && ended.code != Some(3) {
        let told = format!("{}{}", ended.stdout, ended.stderr);
        assert!(
            told.contains("Hint: ") || told.contains("    next     "),
            "{arguments:?} says no next step: {told}"
        );
    }
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_hurt_are_told_and_left_as_they_are() {
    let bench = rich_archive(3).await;
    let sound = std::fs::read(bench.archive()).unwrap();
    let program = Program::new();
    let changed = |from: usize, bytes: &[u8]| {
        let mut hurt = sound.clone();
        hurt[from..][..bytes.len()].copy_from_slice(bytes);
        hurt
    };
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("cut in the header", sound[..50].to_vec()),
        ("cut in half", sound[..sound.len() / 2].to_vec()),
        ("a page short", sound[..sound.len() - 8192].to_vec()),
        ("zeroes", vec![0; 20_000]),
        ("a zeroed first page", changed(0, &[0; 8192])),
        ("zeroed pages", changed(8192 * 10, &[0; 8192 * 3])),
        ("a wrong magic", changed(0, b"SQLite format 4\0")),
        ("another application", changed(68, b"ABCD")),
        ("text", b"To be, or not to be. ".repeat(900)),
    ];
    for (name, bytes) in cases {
        for arguments in [
            &["verify", "--archive", "damaged.db"][..],
            &["reindex", "--archive", "damaged.db"],
            &["salvage", "damaged.db", "new.db"],
        ] {
            lay(&program, &bytes, None);
            let ended = run(&program, arguments);
            if arguments[0] != "salvage" {
                assert!(matches!(ended.code, Some(1 | 4)), "{name}: {ended:?}");
            }
            assert!(
                std::fs::read(program.path("damaged.db")).unwrap() == bytes,
                "{name}: {arguments:?} changed it"
            );
            let made = program.path("new.db").exists();
            assert_eq!(
                made,
                matches!(ended.code, Some(0 | 3)) && arguments[0] == "salvage",
                "{name}: {ended:?}"
            );
            if made {
                // What was lost is named, and is no damage of the new archive.
                let verified = program.run(&["verify", "--archive", "new.db"]);
                assert!(matches!(verified.code, Some(0 | 3)), "{name}: {verified:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_of_any_size_are_findings_and_no_overflow() {
    let bench = rich_archive(3).await;
    let program = Program::new();
    lay(&program, &std::fs::read(bench.archive()).unwrap(), None);
    let huge = "UPDATE _sync_job SET runs_seen = 9223372036854775807, milliseconds = 9223372036854775807, body_bytes = -1;
        UPDATE _sync_job_unchanged SET runs_seen = 9223372036854775807, body_bytes = 9223372036854775807;
        UPDATE _run SET started_ticks = 9223372036854775807, ended_ticks = -9223372036854775808, messages_held = 9223372036854775807;
        UPDATE _sync SET started_unix = -9223372036854775808, finished_unix = 9223372036854775807;
        UPDATE _archive SET made_unix = 9223372036854775807";
    Connection::open(program.path("damaged.db"))
        .unwrap()
        .execute_batch(huge)
        .unwrap();
    for arguments in [
        &["--archive", "damaged.db", "verify"][..],
        &["--archive", "damaged.db", "backup", "copy.db"],
        &["--archive", "damaged.db", "reindex"],
    ] {
        assert_eq!(run(&program, arguments).code, Some(4), "{arguments:?}");
    }
    for report in ["coverage", "failure-trends", "runs", "overview"] {
        run(&program, &["--archive", "damaged.db", "report", report]);
    }
    run(&program, &["--archive", "damaged.db", "status"]);
    assert_eq!(run(&program, &["salvage", "damaged.db", "new.db"]).code, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_archive_or_of_another_one_changes_nothing_unnoticed() {
    let bench = rich_archive(3).await;
    let sound = std::fs::read(bench.archive()).unwrap();
    let said = contract(&bench.archive()).unwrap();
    let other = rich_archive(4).await;
    let writer = other.connection();
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE _run SET exception = 'edited'")
        .unwrap();
    let log = std::fs::read(other.folder.path().join("jobruns.db-wal")).unwrap();
    assert!(log.len() > 8192);
    let program = Program::new();
    // Its salt and checksums are right, so SQLite takes its pages for ours: that must be found.
    lay(&program, &sound, Some(&log));
    let verdict = run(&program, &["verify", "--archive", "damaged.db"]);
    let same = contract(&program.path("damaged.db")).is_ok_and(|now| now == said);
    assert!(verdict.code == Some(4) || same, "{verdict:?}");
    // A log alone is not an archive.
    lay(&program, b"", Some(&log));
    std::fs::remove_file(program.path("damaged.db")).unwrap();
    for arguments in [
        &["verify", "--archive", "damaged.db"][..],
        &["salvage", "damaged.db", "new.db"],
    ] {
        run(&program, arguments).ends_with(1).says("there is no archive");
    }
    assert!(!Path::new(&program.path("new.db")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_are_none_or_of_another_archive_are_told() {
    let bench = rich_archive(3).await;
    let other = rich_archive(3).await;
    let program = Program::new();
    program.write("jobruns.db", std::fs::read(bench.archive()).unwrap());
    let head: String =
        other.value("SELECT head FROM syncs WHERE head IS NOT NULL ORDER BY sync_id DESC LIMIT 1");
    let ended = program.run(&["verify", "--head", &head]).ends_with(4);
    assert!(
        ended
            .stdout
            .contains("the history sealed by this head is not held")
    );
    program
        .run(&["verify", "--since-head", &head])
        .ends_with(1)
        .says("the archive has no ledger entry with the hash");
    for wrong in ["", "abc", &"zz".repeat(32), &format!("{head}0")] {
        program.run(&["verify", "--head", wrong]).ends_with(2);
        program.run(&["verify", "--since-head", wrong]).ends_with(2);
    }
    // Behind it a rule removed nothing.
    let ours: String =
        bench.value("SELECT head FROM syncs WHERE head IS NOT NULL ORDER BY sync_id DESC LIMIT 1");
    let ended = program
        .run(&["verify", "--since-head", &ours.to_uppercase()])
        .ends_with(0);
    assert!(!ended.stdout.contains("is intact"), "{ended:?}");
    assert!(
        ended.stdout.contains("from before that head were not checked"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_in_the_middle_of_an_upgrade_and_findings_as_json() {
    let bench = rich_archive(3).await;
    let program = Program::new();
    program.write("jobruns.db", std::fs::read(bench.archive()).unwrap());
    let archive = Connection::open(program.path("jobruns.db")).unwrap();
    // The tables are there, and the note that they were made is not.
    archive
        .execute_batch("DELETE FROM refinery_schema_history")
        .unwrap();
    for command in ["verify", "reindex"] {
        let ended = run(&program, &[command]);
        assert!(matches!(ended.code, Some(1 | 4)), "{ended:?}");
    }
    drop(archive);
    for name in ["jobruns.db-wal", "jobruns.db-shm"] {
        let _ = std::fs::remove_file(program.path(name));
    }
    program.write("jobruns.db", std::fs::read(bench.archive()).unwrap());
    Connection::open(program.path("jobruns.db"))
        .unwrap()
        .execute_batch(
            "UPDATE _run SET status_details = 'edited' WHERE run_key = (SELECT min(run_key) FROM _run)",
        )
        .unwrap();
    let ended = program.run(&["verify", "--format", "json"]).ends_with(4);
    let verdict: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(verdict["intact"], false);
    let finding = &verdict["findings"][0];
    assert!(
        finding["place"].as_str().unwrap().starts_with("runs, run "),
        "{finding}"
    );
    assert_eq!(finding["found"], "\"edited\"");
    assert!(
        finding["next"].as_str().unwrap().contains("jobruns reindex"),
        "{finding}"
    );
    program.run(&["reindex"]).ends_with(0);
    program.run(&["verify"]).ends_with(0);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_leaves_the_archive_as_it_was_and_no_half_file() {
    let bench = rich_archive(60).await;
    let program = Program::new();
    program.write("sound.db", std::fs::read(bench.archive()).unwrap());
    let kib = std::fs::metadata(program.path("sound.db")).unwrap().len() / 1024;
    std::fs::create_dir(program.path("disk")).unwrap();
    let script = format!(
        "mount -t tmpfs -o size={small}k none disk || exit 77
         cp sound.db disk/a.db
         sum=$(sha256sum < disk/a.db)
         \"$0\" -q reindex --archive disk/a.db; echo reindex=$?
         \"$0\" -q salvage disk/a.db disk/new.db; echo salvage=$?
         ls -A disk | grep -c -e new -e part
         [ \"$sum\" = \"$(sha256sum < disk/a.db)\" ] && echo same
         \"$0\" verify --archive disk/a.db > /dev/null; echo verify=$?
         mount -o remount,size={large}k none disk
         \"$0\" -q reindex --archive disk/a.db >/dev/null; echo reindex=$?
         \"$0\" -q salvage disk/a.db disk/new.db >/dev/null; echo salvage=$?
         \"$0\" verify --archive disk/new.db >/dev/null; echo verify=$?",
        small = kib + 120,
        large = kib * 6 + 4000
    );
    let Some(ended) = crate::common::namespace::in_a_namespace(&program, &script) else {
        return;
    };
    let ended = ended
        .ends_with(0)
        .says("the disk is full (SQLite error 13)")
        .says("free some space");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "reindex=1",
            "salvage=1",
            "0",
            "same",
            "verify=0",
            "reindex=0",
            "salvage=0",
            "verify=0"
        ],
        "{ended:#?}"
    );
}
