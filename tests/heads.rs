//! Stories of heads that leave the house, and of the ledger as it is shown.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::program::Program;
use common::story::Story;
use jobruns::archive::{GENESIS, entry_hash};
use jobruns::model::hex;
use serde_json::Value;

fn lines(program: &Program, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(program.path(name)).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_history_ever_lodged_is_held_until_an_old_copy_is_put_back() {
    let story = Story::new().await;
    let program = &story.program;
    let first = story
        .sync(&["--head-file", "heads.txt", "--format", "json"])
        .ends_with(0);
    let head = first.json()["head"].as_str().unwrap().to_owned();
    first.says(&head);
    let old = std::fs::read(program.path("jobruns.db")).unwrap();
    story.server.pass_night();
    let second = story
        .sync(&["--head-file", "heads.txt", "--format", "json"])
        .ends_with(0)
        .json();
    let found = lines(program, "heads.txt");
    assert_eq!(found.len(), 2);
    assert!(
        found[0].contains(" 1 ") && found[0].ends_with(&format!(" {head}")),
        "{found:?}"
    );
    let archive = found[0].split(' ').nth(2).unwrap();
    let (finished_at, newest) = (
        second["finished_at"].as_str().unwrap(),
        second["head"].as_str().unwrap(),
    );
    assert_eq!(found[1], format!("{finished_at} 2 {archive} {newest}"));
    program
        .run(&["verify", "--head-file", "heads.txt", "--head", newest])
        .ends_with(0);
    std::fs::write(program.path("jobruns.db"), old).unwrap();
    program.run(&["verify"]).ends_with(0);
    let ended = program.run(&["verify", "--head-file", "heads.txt"]).ends_with(4);
    assert!(
        ended
            .stdout
            .contains("the history sealed by this head is not held")
            && ended.stdout.contains(newest),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains(&format!("expected {head}")), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_cannot_be_published_is_an_error_with_code_3_and_the_archive_is_written() {
    let story = Story::new().await;
    let ended = story.sync(&[
        "--head-file",
        "share/heads.txt",
        "--format",
        "json",
        "--quiet",
        "--new",
    ]);
    let summary = ended.json();
    let ended = ended
        .ends_with(3)
        .says("the head of sync 1 could not be appended to share/heads.txt")
        .says("The next sync's head covers this one.");
    ended
        .says(summary["head"].as_str().unwrap())
        .says("share connected");
    assert_eq!(summary["outcome"], "complete");
    story.program.run(&["verify"]).ends_with(0);
    // The share is back: the next head covers the one that was missed.
    std::fs::create_dir(story.program.path("share")).unwrap();
    story.sync(&["--head-file", "share/heads.txt"]).ends_with(0);
    story
        .program
        .run(&["verify", "--head-file", "share/heads.txt"])
        .ends_with(0);
    // A sync that failed says so first.
    story.fault("404");
    story
        .sync(&["--head-file", "none/heads.txt"])
        .ends_with(1)
        .says("could not be appended to none/heads.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_config_file_names_a_head_file_beside_itself() {
    let story = Story::new().await;
    std::fs::create_dir(story.program.path("etc")).unwrap();
    let config = story
        .program
        .write("etc/jobruns.toml", "head_file = 'heads.txt'\n");
    let config = config.to_str().unwrap();
    story.sync(&["--config", config]).ends_with(0);
    assert_eq!(lines(&story.program, "etc/heads.txt").len(), 1);
    // `verify` asks the same list.
    let archive = story.program.path("etc/jobruns.db");
    let archive = if archive.exists() {
        "etc/jobruns.db"
    } else {
        "jobruns.db"
    };
    let verify = ["verify", "--config", config, "--archive", archive];
    story.program.run(&verify).ends_with(0);
    let list = story.program.path("etc/heads.txt");
    let line = std::fs::read_to_string(&list).unwrap();
    let id = line.split(' ').nth(2).unwrap().to_owned();
    let invented = format!("{line}2026-01-01T00:00:00Z 9 {id} {}\n", "ab".repeat(32));
    std::fs::write(&list, invented).unwrap();
    story.program.run(&verify).ends_with(4);
    std::fs::write(&list, &line).unwrap();
    // A lawful act without its line is a finding, which says what the list lacks.
    story.program.run(&["reindex", "--archive", archive]).ends_with(0);
    let ended = story.program.run(&verify).ends_with(4);
    let (_, lacking) = ended
        .stdout
        .split_once("whoever keeps the list appends: ")
        .unwrap();
    let lacking: Vec<&str> = lacking.split_whitespace().take(4).collect();
    std::fs::write(&list, format!("{line}{}\n", lacking.join(" "))).unwrap();
    story.program.run(&verify).ends_with(0);
    std::fs::write(&list, &line).unwrap();
    // A flag is stronger.
    story
        .sync(&["--config", config, "--head-file", "other.txt"])
        .ends_with(0);
    assert_eq!(lines(&story.program, "etc/heads.txt").len(), 1);
    assert_eq!(lines(&story.program, "other.txt").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_file_that_proves_nothing_is_told() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    program
        .run(&["verify", "--head-file", "none.txt"])
        .ends_with(2)
        .says("could not read the head file none.txt");
    program.write("empty.txt", "");
    program
        .run(&["verify", "--head-file", "empty.txt"])
        .ends_with(2)
        .says("holds no head");
    let text = std::fs::read_to_string(program.path("heads.txt")).unwrap();
    program.write("cut.txt", format!("{text}{}", &text[..text.len() - 2]));
    program
        .run(&["verify", "--head-file", "cut.txt"])
        .ends_with(3)
        .says("cut.txt:2: the line holds no head");
    // Another archive never held that history.
    program
        .run(&["--archive", "other.db", "jobs", "add", &story.job(0)])
        .ends_with(0);
    program
        .run(&["--archive", "other.db", "verify", "--head-file", "heads.txt"])
        .ends_with(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exported_ledger_is_the_chain() {
    let story = Story::new().await;
    let program = &story.program;
    let summary = story.sync(&["--format", "json"]).ends_with(0).json();
    let exported = program.run(&["ledger", "export"]).ends_with(0).stdout;
    let mut before = GENESIS;
    let mut text = String::new();
    for (number, line) in (1..).zip(exported.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        let entry = line["entry"].as_str().unwrap();
        before = entry_hash(&before, entry);
        assert_eq!(line["entry_id"], number);
        assert_eq!(line["entry_hash"], hex(&before));
        text.push_str(&format!("{number} {} {entry}\n", hex(&before)));
    }
    assert_eq!(summary["head"], hex(&before));
    program
        .run(&["ledger", "export", "--format", "text", "--output", "ledger.txt"])
        .ends_with(0);
    assert_eq!(std::fs::read_to_string(program.path("ledger.txt")).unwrap(), text);
    program
        .run(&["ledger", "export", "--output", "jobruns.db"])
        .ends_with(2)
        .says("it is the archive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shown_with_the_heads_that_seal_it() {
    let story = Story::new().await;
    let program = &story.program;
    let head = |ended: Value| ended["head"].as_str().unwrap().to_owned();
    let first = head(story.sync(&["--format", "json"]).ends_with(0).json());
    let run = program
        .run(&[
            "query",
            "SELECT job_run_id FROM runs ORDER BY started_at LIMIT 1",
            "--format",
            "json",
        ])
        .ends_with(0)
        .json()[0]["job_run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let shown = program
        .run(&["ledger", "show", "--run", &run, "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert!(
        shown[0]["entry"]
            .as_str()
            .unwrap()
            .starts_with(&format!("revision run={run} number=1 sync=1 ")),
        "{shown}"
    );
    assert_eq!(
        (&shown[0]["sealed_by_sync"], &shown[0]["sealed_by_head"]),
        (&1.into(), &first.clone().into())
    );
    // The latest lines: the last is the head itself; a line after it is sealed by no sync yet.
    program
        .run(&["jobs", "add", "ff761384-4b49-40b4-97d8-0de38669075a"])
        .ends_with(0);
    let text = program
        .run(&["ledger", "show", "--limit", "3"])
        .ends_with(0)
        .stdout;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 9);
    assert!(lines[0].contains("  sync-ended sync=1 "), "{text}");
    assert_eq!(
        lines[1..3],
        [
            format!("    hash {first}"),
            "    its hash is the head of sync 1".to_owned()
        ]
    );
    assert_eq!(lines[8], "    no sync has ended since");
    program
        .run(&["ledger", "show", "--run", "ff761384-4b49-40b4-97d8-0de38669075a"])
        .ends_with(0)
        .says("no such line");
}
