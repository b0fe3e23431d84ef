//! Stories of heads that leave the house, and of the ledger as it is shown.

use crate::common::program::Program;
use crate::common::story::Story;
use jobruns::archive::{GENESIS, entry_hash, text_hash};
use jobruns::model::hex;
use rusqlite::Connection;
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
async fn a_list_that_was_emptied_is_begun_anew_and_that_is_said() {
    let story = Story::new().await;
    let sync = || story.sync(&["--head-file", "heads"]).ends_with(0);
    let said = "the list of heads heads had no line, although the archive is older than sync";
    assert!(!sync().stderr.contains("had no line"));
    assert!(!sync().stderr.contains("had no line"));
    std::fs::write(story.program.path("heads"), "").unwrap();
    sync().says(said).says("starts anew");
    assert_eq!(lines(&story.program, "heads").len(), 1);
    assert!(!sync().stderr.contains("had no line"));
    std::fs::remove_file(story.program.path("heads")).unwrap();
    sync().says(said);
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

/// Who acts is the user of the operating system, whatever the environment says; what a sync does by itself has nobody.
#[tokio::test(flavor = "multi_thread")]
async fn lines_about_acts_of_a_person_say_who() {
    let story = Story::new().await;
    let program = &story.program;
    let job = story.job(0);
    let mut add = program.start(env!("CARGO_BIN_EXE_jobruns"));
    add.args(["jobs", "add", &job, "--name", "Nightly"]);
    for name in ["USER", "LOGNAME", "USERNAME", "HOSTNAME"] {
        add.env(name, "somebody-else");
    }
    assert!(add.output().unwrap().status.success());
    story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    program.run(&["jobs", "remove", &job]).ends_with(0);
    program
        .run(&[
            "reindex",
            "--naive-time",
            "Asia/Tokyo",
            "--head-file",
            "heads.txt",
        ])
        .ends_with(0);

    let archive = Connection::open(program.path("jobruns.db")).unwrap();
    let (hash, actor): (String, String) = archive
        .query_row("SELECT lower(hex(by_sha256)), actor FROM _actor", [], |row| {
            row.try_into()
        })
        .unwrap();
    assert_eq!(hash, hex(&text_hash(&actor)));
    assert!(actor.contains('@') && !actor.contains("somebody-else"), "{actor}");
    let lines = |like: &str| -> Vec<String> {
        let mut statement = archive
            .prepare("SELECT entry FROM ledger WHERE entry LIKE ?1 ORDER BY entry_id")
            .unwrap();
        let lines = statement.query_map([like], |row| row.get(0)).unwrap();
        lines.collect::<Result<_, _>>().unwrap()
    };
    let by_person = format!(" by={hash}");
    for like in ["job-unwatched %", "reindexed %"] {
        assert!(lines(like)[0].ends_with(&by_person), "{like}");
    }
    for (like, of_the_job) in [("job-added %", 0), ("job-watched %", 0), ("job-named %", 0)] {
        let lines = lines(like);
        assert!(lines[of_the_job].ends_with(&by_person), "{lines:?}");
        assert!(lines[1..].iter().all(|line| line.ends_with(" by=-")), "{lines:?}");
    }
    assert!(lines("job-server %").iter().all(|line| line.ends_with(" by=-")));
    let verified = program.run(&["verify", "--head-file", "heads.txt"]).ends_with(0);
    assert!(verified.stdout.contains(&format!("; by {actor}")), "{verified:?}");
}

/// Syncs all jobs with the config file of the story, into another archive than it names.
fn rehearse(story: &Story, archive: &str, more: &[&str]) -> crate::common::program::Ended {
    story.sync(&[&["--config", "jobruns.toml", "--archive", archive], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_with_the_real_config_does_not_spoil_the_list() {
    let story = Story::new().await;
    let program = &story.program;
    program.write("jobruns.toml", "archive = 'real.db'\nhead_file = 'heads.txt'\n");
    let config = ["--config", "jobruns.toml"];
    let real = |arguments: &[&str]| program.run(&[arguments, &config].concat());
    story.sync(&config).ends_with(0);
    // A new archive is only made where that is asked for, and has lines of its own in the list.
    rehearse(&story, "rehearsal.db", &[]).ends_with(2);
    rehearse(&story, "rehearsal.db", &["--new"]).ends_with(0);
    rehearse(&story, "rehearsal.db", &[]).ends_with(0);
    story.sync(&config).ends_with(0);
    let list = lines(program, "heads.txt");
    assert_eq!(list.len(), 4);
    let archive = |line: usize| list[line].split(' ').nth(2).unwrap();
    assert!(archive(0) == archive(3) && archive(1) == archive(2) && archive(0) != archive(1));
    let ended = real(&["verify"]).ends_with(0);
    let day = &list[3][..10];
    assert!(
        ended
            .stdout
            .contains(&format!("history up to sync 2 of {day} is held")),
        "{ended:?}"
    );
    assert!(
        ended.stdout.contains("lines of other archives left aside: 2"),
        "{ended:?}"
    );
    // An archive that was there before, and of which the list knows nothing, is told and does not touch it.
    program
        .run(&["--archive", "other.db", "jobs", "add", &story.job(0)])
        .ends_with(0);
    let ended = rehearse(&story, "other.db", &[])
        .ends_with(3)
        .says("none of this archive");
    assert_eq!(lines(program, "heads.txt"), list);
    let (_, line) = ended
        .stderr
        .split_once("whoever keeps the list appends: ")
        .unwrap();
    let line: Vec<&str> = line.split_whitespace().take(4).collect();
    let verify = real(&["verify", "--archive", "other.db"]).ends_with(4);
    assert!(
        verify
            .stdout
            .contains("it has lines of other archives and none of this one"),
        "{verify:?}"
    );
    let line = line.join(" ");
    let line = line.trim_end_matches('.');
    program.write("heads.txt", format!("{}\n{line}\n", list.join("\n")));
    real(&["verify", "--archive", "other.db"]).ends_with(0);
    rehearse(&story, "other.db", &[]).ends_with(0);
    // A copy has the id of the archive, and would go on with its history beside it.
    let list = lines(program, "heads.txt");
    real(&["backup", "copy.db"]).ends_with(0);
    for ended in [
        rehearse(&story, "copy.db", &[]),
        real(&["reindex", "--archive", "copy.db"]),
    ] {
        ended
            .ends_with(3)
            .says("the config file keeps this list for")
            .says("this archive is a copy of that one");
    }
    assert_eq!(lines(program, "heads.txt"), list);
    real(&["verify"]).ends_with(0);
    story.sync(&config).ends_with(0);
    real(&["verify"]).ends_with(0);
    // Who names the list means it.
    rehearse(&story, "copy.db", &["--head-file", "copy.txt"]).ends_with(0);
    assert_eq!(lines(program, "copy.txt").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_goes_on_once_its_lost_heads_are_acknowledged() {
    let story = Story::new().await;
    let program = &story.program;
    let list = ["--head-file", "heads.txt"];
    story.sync(&list).ends_with(0);
    program.run(&["backup", "backup.db"]).ends_with(0);
    story.sync(&list).ends_with(0);
    story.sync(&list).ends_with(0);
    std::fs::copy(program.path("backup.db"), program.path("jobruns.db")).unwrap();
    let before = lines(program, "heads.txt");
    story.sync(&list).ends_with(3).says("in line 3, is not held");
    assert_eq!(lines(program, "heads.txt"), before);
    let verify = |code| {
        program
            .run(&[&["verify"][..], &list].concat())
            .ends_with(code)
            .stdout
    };
    let told = verify(4);
    for line in [1, 2] {
        let time = before[line].split(' ').next().unwrap();
        let place = format!("heads.txt, line {}, of {time}: the history", line + 1);
        assert!(told.contains(&place), "{told}");
    }
    assert!(told.contains("history up to sync 1 of "), "{told}");
    // The share is away while they are given up: the ledger says so, the list does not yet.
    let why = ["ledger", "acknowledge", "--why", "the disk was replaced"];
    std::fs::rename(program.path("heads.txt"), program.path("mine.txt")).unwrap();
    std::fs::create_dir(program.path("share")).unwrap();
    std::fs::copy(program.path("mine.txt"), program.path("share/heads.txt")).unwrap();
    let ended = program.run(&[&why[..], &["--head-file", "share/heads.txt"]].concat());
    ended
        .ends_with(0)
        .shows("Gave up 2 published heads. Ledger head ");
    let acknowledged = lines(program, "share/heads.txt");
    assert_eq!(acknowledged.len(), 4);
    assert!(acknowledged[3].contains(" acknowledge "), "{acknowledged:?}");
    std::fs::rename(program.path("mine.txt"), program.path("heads.txt")).unwrap();
    // The next sync goes on with the list, and `verify` misses the line of the acknowledgement until it stands there.
    story.sync(&list).ends_with(0);
    verify(4);
    let text = std::fs::read_to_string(program.path("heads.txt")).unwrap();
    program.write("heads.txt", format!("{text}{}\n", acknowledged[3]));
    let told = verify(0);
    assert!(
        told.contains("given up")
            && told.contains("not held: 0")
            && told.contains("; reason: the disk was replaced; by "),
        "{told}"
    );
    // The text that stands there is told if it has the hash; else the hash is.
    let reason = "SELECT hex(why_sha256) FROM _reason";
    let hash: String = story
        .connection()
        .query_row(reason, [], |row| row.get(0))
        .unwrap();
    story
        .connection()
        .execute("UPDATE _reason SET why = 'no reason'", [])
        .unwrap();
    let told = verify(4);
    let by_hash = format!("; the reason has the SHA-256 {}; by ", hash.to_lowercase());
    assert!(told.contains(&by_hash), "{told}");
    story
        .connection()
        .execute("UPDATE _reason SET why = 'the disk was replaced'", [])
        .unwrap();
    story.sync(&list).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_says_no_more_than_the_heads_prove() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    let without = program.run(&["verify"]).ends_with(0);
    assert!(
        without.stdout.contains(
            "consistent with itself; no head was given, so this does not exclude that all of it was rewritten"
        ),
        "{without:?}"
    );
    assert!(!without.stdout.contains("intact"), "{without:?}");
    let json = program.run(&["verify", "--format", "json"]).ends_with(0).json();
    assert_eq!(json["heads"], serde_json::json!([]));
    assert!(json["conclusion"].as_str().unwrap().contains("no head was given"));
    // A whole line, one of another archive, one that was cut.
    let line = lines(program, "heads.txt").remove(0);
    let words: Vec<&str> = line.split(' ').collect();
    let other = line.replace(words[2], "0e0e0e0e-0000-4000-8000-000000000001");
    program.write(
        "heads.txt",
        format!("# kept by the auditor\n{line}\n{other}\n{}\n", &line[..50]),
    );
    let verify = ["verify", "--head-file", "heads.txt", "--format", "json"];
    let json = program.run(&verify).ends_with(3).json();
    assert_eq!(
        json["heads"],
        serde_json::json!([{
            "file": "heads.txt", "held": 1, "not_held": 0, "of_other_archives": 1, "unreadable_lines": [4],
            "newest_held": {"head": words[3], "entry_id": json["verified"]["entries"], "sync_id": 1, "at": words[0]},
        }])
    );
    assert_eq!(json["archive_id"], words[2]);
    assert_eq!(json["head"], words[3]);
    assert_eq!(json["tool_version"], env!("CARGO_PKG_VERSION"));
    assert!(json["verified_at"].is_string());
    let ended = program.run(&verify[..3]).ends_with(3);
    assert!(ended.stdout.contains("lines that hold no head: 1"), "{ended:?}");
    // A head by itself, and the head since which something is compared, are held as well.
    for flag in ["--head", "--since-head"] {
        let ended = program.run(&["verify", flag, words[3]]).ends_with(0);
        let sealed = format!("it holds the history up to sync 1 of {}", &words[0][..10]);
        assert!(ended.stdout.contains(&sealed), "{ended:?}");
    }
    // A file without any head is no list: it is left as it is.
    program.write("notes.txt", "watched since March\n");
    story
        .sync(&["--head-file", "notes.txt"])
        .ends_with(3)
        .says("none of them holds a head");
    assert_eq!(lines(program, "notes.txt"), ["watched since March"]);
    // The list is no place for a report.
    program
        .run(&["verify", "--head-file", "heads.txt", "--output", "heads.txt"])
        .ends_with(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_says_what_was_checked_against_which_heads_and_what_it_does_not_prove() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    let line = lines(program, "heads.txt").remove(0);
    let words: Vec<&str> = line.split(' ').collect();
    let count = |table: &str| {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let json = program
            .run(&["query", &sql, "--format", "json"])
            .ends_with(0)
            .json();
        json[0]["n"].as_u64().unwrap().to_string()
    };
    let certificate = |more: &[&str], format: &str, code| {
        let output = format!("certificate.{format}");
        let verify = ["verify", "--format", format, "--output", &output];
        let ended = program.run(&[&verify, more].concat()).ends_with(code);
        assert_eq!(ended.stdout, "");
        std::fs::read_to_string(program.path(&output)).unwrap()
    };
    let job = story.job(1);
    let with_heads = ["--head-file", "heads.txt"];
    for format in ["html", "markdown"] {
        let text = certificate(&with_heads, format, 0);
        let plain = text.replace("<wbr>", "");
        let held = format!("it holds the history up to sync 1 of {}", &words[0][..10]);
        for needed in [
            words[2],
            words[3],
            &held,
            env!("CARGO_PKG_VERSION"),
            "What this does not prove",
            "heads.txt",
            &job,
            &count("runs"),
            &count("messages"),
            &count("ledger"),
        ] {
            assert!(plain.contains(needed), "{format} lacks {needed}: {plain}");
        }
        // Without heads it claims less.
        let text = certificate(&[], format, 0);
        assert!(text.contains("no head was given"), "{text}");
        assert!(!text.contains("is intact"), "{text}");
    }
    let heading = ["--organisation", "Example & Sons"];
    let page = certificate(&[&with_heads[..], &heading].concat(), "html", 0);
    assert!(
        page.contains("Example &amp; Sons") && page.contains("fact is-good"),
        "{page}"
    );
    // What is wrong stands in it, whatever its letters, and a page that cannot be made leaves the old one.
    let edit = "UPDATE _message_kind SET category = '<b>|x' WHERE category = 'Error'";
    let edited =
        rusqlite::Connection::open(program.path("jobruns.db")).and_then(|archive| archive.execute(edit, []));
    assert!(edited.unwrap() > 0);
    let page = certificate(&with_heads, "html", 4);
    assert!(
        page.contains("Not intact") && page.contains("fact is-bad"),
        "{page}"
    );
    assert!(!page.contains("<b>"), "{page}");
    let text = certificate(&with_heads, "markdown", 4);
    assert!(
        text.contains("**Not intact.**") && text.contains("&lt;b>\\|x"),
        "{text}"
    );
    std::fs::remove_file(program.path("heads.txt")).unwrap();
    program
        .run(&[
            "verify",
            "--head-file",
            "heads.txt",
            "--output",
            "certificate.markdown",
        ])
        .ends_with(2);
    let kept = std::fs::read_to_string(program.path("certificate.markdown")).unwrap();
    assert_eq!(kept, text);
}
