//! Archives that are missing, empty, locked, read-only, damaged or newer; no data; words that are none.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::common::REPORTS;
use crate::common::program::{Program, set_mode};
use crate::common::story::Story;

const JOB: &str = "ff761384-4b49-40b4-97d8-0de38669075a";

#[test]
fn no_archive_and_an_empty_file_are_told_and_nothing_is_made() {
    let program = Program::new();
    program.write("empty.db", "");
    for report in REPORTS {
        program
            .run(&["report", report, "--output", "out.csv"])
            .ends_with(1)
            .says("there is no archive at jobruns.db")
            .says("Hint: ");
        program
            .run(&["report", report, "--archive", "empty.db"])
            .ends_with(1)
            .says("empty.db is empty");
    }
    let names = std::fs::read_dir(program.folder.path()).unwrap();
    assert_eq!(names.count(), 1, "nothing but the empty file is there");
}

#[test]
fn no_data_is_a_header_alone_and_a_word() {
    let program = Program::new();
    program.run(&["jobs", "add", JOB]).ends_with(0);
    for report in REPORTS {
        let ended = program.run(&["report", report]).ends_with(0);
        if report == "coverage" {
            // A watched job of which there is nothing is what this report is for.
            assert!(
                ended.stdout.contains(&format!("\n{JOB},,,,0,0,0,,,0,,\n")),
                "{}",
                ended.stdout
            );
            continue;
        }
        assert_eq!(ended.stdout.lines().count(), 1, "{report}: {}", ended.stdout);
        ended.says(match report {
            "failure-trends" => "failure-trends: No run started in this time.",
            "asset-errors" => "No asset has matching messages.",
            "missed-runs" => "Whether runs were missed is not known",
            "failures" => "No run failed.",
            "vanished" => "Whether runs vanished early is not known",
            "changes" => "No archived run changed.",
            "runs" => "No run matches.",
            "messages" => "No message matches.",
            other => panic!("{other}"),
        });
        let json = program
            .run(&["report", report, "--format", "json"])
            .ends_with(0)
            .json();
        assert_eq!(json.as_array().unwrap().len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_does_not_wait_for_who_writes_and_reads_from_where_nothing_can_be_written() {
    let story = Story::synced().await;
    let report = |name: &str, archive: &str| {
        story
            .program
            .run(&["report", name, "--archive", archive])
            .ends_with(0)
            .stdout
    };
    let before = REPORTS.map(|name| report(name, "jobruns.db"));
    assert!(before.iter().all(|text| text.lines().count() >= 1));
    assert!(before[7].lines().count() > 100);
    let writer = story.connection();
    writer
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM _message; UPDATE _run SET status = 5")
        .unwrap();
    let begun = Instant::now();
    assert_eq!(REPORTS.map(|name| report(name, "jobruns.db")), before);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    writer
        .execute_batch("ROLLBACK; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(writer);
    std::fs::create_dir(story.program.path("share")).unwrap();
    std::fs::copy(
        story.program.path("jobruns.db"),
        story.program.path("share/copy.db"),
    )
    .unwrap();
    set_mode(&story.program.path("share/copy.db"), 0o400);
    set_mode(&story.program.path("share"), 0o500);
    let found = REPORTS.map(|name| report(name, "share/copy.db"));
    set_mode(&story.program.path("share"), 0o700);
    assert_eq!(found, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_archive_is_refused_by_every_report() {
    let story = Story::synced().await;
    story.make_newer();
    for report in REPORTS {
        let ended = story.program.run(&["report", report]).ends_with(1);
        assert_eq!(ended.stdout, "", "{report}");
        ended.says("written by a newer jobruns");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_archive_is_told_and_leaves_the_old_file() {
    let story = Story::synced().await;
    let path = story.program.path("jobruns.db");
    let archive = Connection::open(&path).unwrap();
    archive.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let page = |table: &str| -> u64 {
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        archive.query_row(root, [table], |row| row.get(0)).unwrap()
    };
    let roots = [
        ("failure-trends", page("_run")),
        ("asset-errors", page("_message")),
        ("failures", page("_message")),
        ("coverage", page("_sync")),
        ("missed-runs", page("run_by_job")),
        ("changes", page("sqlite_autoindex__revision_1")),
        ("runs", page("_run")),
        ("messages", page("_message")),
        ("messages", page("_asset")),
    ];
    drop(archive);
    let whole = std::fs::read(&path).unwrap();
    for (report, root) in roots {
        let mut bytes = whole.clone();
        let at = usize::try_from((root - 1) * 8192).unwrap();
        bytes[at..at + 8192].fill(0xff);
        std::fs::write(&path, &bytes).unwrap();
        story.program.write("out.csv", "old");
        story
            .program
            .run(&["report", report, "--output", "out.csv"])
            .ends_with(1)
            .says("Error: could not read")
            .says("jobruns verify");
        let kept = std::fs::read_to_string(story.program.path("out.csv")).unwrap();
        assert_eq!(kept, "old", "{report}");
    }
    // A text that is gone is not an empty text.
    std::fs::write(&path, &whole).unwrap();
    let archive = Connection::open(&path).unwrap();
    archive
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM _message_kind WHERE kind_key % 2 = 1")
        .unwrap();
    drop(archive);
    for report in ["messages", "asset-errors"] {
        story
            .program
            .run(&["report", report])
            .ends_with(1)
            .says("not there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_none_are_wrong_usage_and_name_the_nearest() {
    let story = Story::synced().await;
    for (arguments, nearest) in [
        (&["runz"][..], "'runs'"),
        (&["missed-run"], "'missed-runs'"),
        (&["runs", "--status", "Fautled"], "did you mean Faulted?"),
        (&["messages", "--status", "Complete"], "did you mean Completed?"),
        (&["messages", "--category", "eror"], "'error'"),
        (&["runs", "--category", "warnings"], "'warning'"),
        (
            &["missed-runs", "--factor", "two"],
            "expected a number above 0 such as 2.5",
        ),
        (
            &["missed-runs", "--factor", "0"],
            "expected a number above 0 such as 2.5",
        ),
        (
            &["missed-runs", "--factor", "-1"],
            "expected a number above 0 such as 2.5",
        ),
        (
            &["missed-runs", "--factor", "NaN"],
            "expected a number above 0 such as 2.5",
        ),
        (
            &["changes", "--timezone", "Europe/Berln"],
            "did you mean Europe/Berlin?",
        ),
        (&["coverage", "--job", "nobody"], "jobruns jobs list"),
        (&["messages", "--since", "yesterday"], "is not a time"),
        (
            &["runs", "--since", "2024-02-01", "--until", "2024-01-01"],
            "is after --until",
        ),
        (&["failure-trends", "--by", "moth"], "'month'"),
        (&["failure-trends", "--compare"], "a comparison needs --since"),
        (
            &["asset-errors", "--compare-since", "60d"],
            "a comparison needs --since",
        ),
        (
            &["asset-errors", "--since", "30d", "--compare-until", "60d"],
            "--compare-since",
        ),
        (
            &["failure-trends", "--since", "30d", "--compare", "--fill"],
            "cannot be used with",
        ),
        (
            &["failure-trends", "--since", "30d", "--until", "30d", "--compare"],
            "no time lies between",
        ),
        (
            &[
                "asset-errors",
                "--since",
                "2024-02-01",
                "--compare-since",
                "2024-02-01",
            ],
            "no time lies between",
        ),
        (&["runs", "--format", "jsom"], "'json'"),
    ] {
        let mut line = vec!["report"];
        line.extend(arguments);
        let ended = story.program.run(&line).ends_with(2).says(nearest);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    // Status codes may be negative, and be of no run.
    let none = story
        .program
        .run(&["report", "runs", "--status", "-7"])
        .ends_with(0);
    assert_eq!(none.stdout.lines().count(), 1);
}
