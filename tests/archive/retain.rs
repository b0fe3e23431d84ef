//! Removal by a retention rule, through the binary: what a plan lists goes with every byte of it, and nothing else.

use std::path::Path;

use crate::common::program::{Ended, Program};
use crate::common::python;
use crate::common::story::Story;
use jobruns::archive::{SyncLock, unpack};
use jobruns::model::Instant;
use rusqlite::Connection;
use serde_json::{Value, json};

/// Stands in every text that belongs to runs that go, and in no other.
const GONE: &str = "Umlaut-gone-";
/// Stands in texts of runs that go and of runs that stay.
const SHARED: &str = "A text that all runs share";

const RULE: [&str; 4] = ["--older-than", "7y", "--reason", "schedule R-12"];

fn guid(number: u32) -> String {
    format!("0e0e0e0e-0000-4000-8000-{number:012}")
}

/// A midnight so many days ago.
fn days_ago(days: i64) -> String {
    let now = Instant::now().unix_seconds();
    Instant::from_unix_seconds(now - now % 86_400 - days * 86_400).to_string()
}

const OLD: i64 = 8 * 366;
const YOUNG: i64 = 30;

/// A run of about 6 kB, so that two of them make a dictionary.
fn run(number: u32, days: i64, status: i64, text: &str) -> Value {
    let field = |what: &str| format!("{text}{what}-{number}");
    json!({
        "JobRunID": guid(number), "Status": status, "JobStartTime": days_ago(days), "JobEndTime": days_ago(days),
        "MessageCount": 2, "Exception": field("exception"), "JobSummary": field("summary"),
        "Long": field(&"long and repetitive ".repeat(300)),
        "JobMessages": [
            {"Message": SHARED, "MessageDetails": field("details"), "Category": "Error", "Asset": field("asset"),
             "AssetType": "Windows", "AssetOwner": field("owner"), "DateTime": days_ago(days)},
            {"Message": field("message"), "MessageDetails": SHARED, "Category": "Error", "Asset": "SRV-1",
             "AssetType": "Windows", "AssetOwner": "all", "DateTime": "no time"},
        ],
    })
}

fn serve(story: &Story, runs: &[Value]) {
    let body = json!({"JobID": story.job(0), "TotalJobRuns": runs.len(), "JobStatusInfo": runs});
    story.server.set_body(0, body.to_string());
}

/// Runs 1 to 4 are old: 2 changed, 3 has a message that cannot be read, 4 is held later; 5 is old and not final; 6 to 9 are young.
fn runs() -> Vec<Value> {
    let mut runs: Vec<Value> = (1..=3).map(|number| run(number, OLD, 5, GONE)).collect();
    runs.push(run(4, OLD + 700, 4, "held-"));
    runs.push(run(5, OLD, 2, "not-final-"));
    runs.extend((6..=9).map(|number| run(number, YOUNG, 4, "young-")));
    runs
}

/// An archive of those runs, synced twice, with a list of heads.
async fn story() -> Story {
    let story = Story::new().await;
    let mut all = runs();
    all[2]["JobMessages"][0] = json!([format!("{GONE}unreadable")]);
    serve(&story, &all);
    story.sync(&["--head-file", "heads.txt"]).ends_with(3);
    all[1]["Exception"] = json!(format!("{GONE}changed"));
    serve(&story, &all);
    story
        .program
        .run(&["quarantine", "accept", "1", "--why", "an old bug"])
        .ends_with(0);
    story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    // What was rewritten once lies in free pages.
    story
        .program
        .run(&["reindex", "--head-file", "heads.txt"])
        .ends_with(0);
    story
        .program
        .run(&[
            "hold",
            "add",
            "--reason",
            "lawsuit",
            "--job",
            &story.job(0),
            "--until",
            &days_ago(OLD + 600),
        ])
        .ends_with(0)
        .shows("it covers 1 archived run.");
    story
}

fn archive(program: &Program) -> Connection {
    Connection::open(program.path("jobruns.db")).unwrap()
}

fn count(program: &Program, sql: &str) -> i64 {
    archive(program).query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Whether a text stands anywhere in the file, its log or journal, or in what these pack.
fn is_anywhere(program: &Program, text: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let files = ["", "-wal", "-journal"].map(|suffix| program.path(&format!("jobruns.db{suffix}")));
    let in_files = files
        .iter()
        .any(|path| std::fs::read(path).is_ok_and(|bytes| holds(&bytes)));
    let archive = archive(program);
    let mut payloads = archive
        .prepare("SELECT p.data, d.bytes FROM payload p LEFT JOIN dictionary d USING (dictionary_key)")
        .unwrap();
    let mut unpacked = payloads
        .query_map([], |row| {
            let (data, dictionary): (Vec<u8>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
            Ok(holds(&unpack(&data, dictionary.as_deref(), usize::MAX).unwrap()))
        })
        .unwrap();
    let in_payloads = unpacked.any(Result::unwrap);
    let mut dictionaries = archive.prepare("SELECT bytes FROM dictionary").unwrap();
    let mut bytes = dictionaries
        .query_map([], |row| row.get::<_, Vec<u8>>(0))
        .unwrap();
    in_files || in_payloads || bytes.any(|bytes| holds(&bytes.unwrap()))
}

fn retain(program: &Program, more: &[&str]) -> Ended {
    program.run(&[&["retain"], &RULE[..], more].concat())
}

/// The hash of the plan of now.
fn plan(program: &Program) -> String {
    let ended = retain(program, &[]).ends_with(0);
    ended.stdout.lines().last().unwrap().to_owned()
}

fn is_sound(program: &Program, more: &[&str], code: i32) {
    let arguments: Vec<&str> = ["verify"].iter().chain(more).copied().collect();
    let verified = program.run(&arguments);
    assert_eq!(verified.code, Some(code), "{verified:#?}");
    if python::is_there("python3") {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify.py");
        let mut command = program.start("python3");
        command.arg(script).arg("jobruns.db").args(more);
        let checked = Ended::of(command.spawn().unwrap());
        assert_eq!(checked.code, Some(code), "{checked:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_lists_goes_with_every_byte_of_it_and_nothing_else() {
    let story = story().await;
    let program = &story.program;
    program.run(&["backup", "monday.db"]).ends_with(0);
    program.run(&["export", "--output-dir", "lake"]).ends_with(0);
    let kept: Vec<Value> = serde_json::from_value(
        program
            .run(&["report", "messages", "--format", "json"])
            .ends_with(0)
            .json(),
    )
    .unwrap();
    assert!(is_anywhere(program, GONE) && is_anywhere(program, SHARED));

    let dry = retain(program, &[]).ends_with(0);
    dry.shows("3 runs that ended before")
        .shows("Hold 1 keeps 1 run.")
        .shows("Kept for want of a final status: 1 run old enough to go.");
    let hash = plan(program);
    assert_eq!(hash, plan(program), "the same state, day and rule");
    let planned = retain(program, &["--format", "json"]).ends_with(0).json();
    assert_eq!((&planned["plan"], &planned["runs"]), (&json!(hash), &json!(3)));
    assert_eq!(planned["jobs"][0]["messages"], 5);

    let done = retain(
        program,
        &["--apply", &hash, "--head-file", "heads.txt", "--format", "json"],
    );
    let done = done.ends_with(0).json();
    assert_eq!((&done["runs"], &done["messages"]), (&json!(3), &json!(5)));
    assert!(done["payloads_packed_anew"].as_u64().unwrap() > 0, "{done}");
    assert!(
        done["backups"][0]["path"]
            .as_str()
            .unwrap()
            .ends_with("monday.db")
    );
    assert_eq!(done["backups"][0]["is_there"], true);
    assert!(!is_anywhere(program, GONE), "something of them is left");
    assert!(is_anywhere(program, SHARED) && is_anywhere(program, "held-message-4"));
    assert_eq!(count(program, "SELECT count(*) FROM removed_runs"), 3);
    assert_eq!(count(program, "SELECT count(*) FROM quarantine"), 0);
    assert_eq!(count(program, "SELECT count(*) FROM _clearing"), 0);

    // Every head ever lodged is held; without the line of the list, it is a finding by name.
    is_sound(program, &["--head-file", "heads.txt"], 0);
    is_sound(program, &[], 0);
    let list = std::fs::read_to_string(program.path("heads.txt")).unwrap();
    assert!(list.lines().last().unwrap().contains(" retain "), "{list}");
    let (before, _) = list.trim_end().rsplit_once('\n').unwrap();
    program.write("short.txt", format!("{before}\n"));
    is_sound(program, &["--head-file", "short.txt"], 4);
    let verified = program
        .run(&["verify", "--head-file", "short.txt", "--format", "json"])
        .json();
    let found = verified["findings"][0]["what"].as_str().unwrap();
    assert!(
        found.contains("3 runs were removed by a retention rule") && found.contains("schedule R-12"),
        "{found}"
    );
    assert!(found.contains(&guid(1)), "{found}");
    let next = verified["findings"][0]["next"].as_str().unwrap();
    assert!(
        next.contains("If it was lawful, the list gets the line above"),
        "{next}"
    );

    // The server still lists them, one of them with other content.
    let mut all = runs();
    all[0]["Exception"] = json!(format!("{GONE}again"));
    serve(&story, &all);
    let synced = story
        .sync(&["--head-file", "heads.txt", "--format", "json"])
        .ends_with(0)
        .json();
    let job = &synced["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|job| job["runs_seen"] == 9)
        .unwrap()
        .clone();
    assert_eq!(
        (&job["runs_new"], &job["runs_changed"], &job["runs_absent"]),
        (&json!(0), &json!(0), &json!(0))
    );
    assert_eq!(job["runs_unchanged"], 9);
    assert!(!is_anywhere(program, GONE));
    serve(&story, &all[3..]);
    story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    is_sound(program, &["--head-file", "heads.txt"], 0);

    // What commands say of a removed run, and of those that are left.
    for command in ["run", "payload"] {
        program
            .run(&[command, &guid(1)])
            .ends_with(1)
            .says("was removed by a retention rule at")
            .says("because: schedule R-12");
    }
    let removals = program
        .run(&["report", "removals", "--format", "json"])
        .ends_with(0)
        .json();
    let removals = removals.as_array().unwrap();
    assert_eq!(removals.len(), 3);
    assert_eq!(
        (&removals[1]["job_run_id"], &removals[1]["revisions"]),
        (&json!(guid(2)), &json!(2))
    );
    assert_eq!(
        (&removals[0]["plan"], &removals[0]["reason"]),
        (&json!(hash), &json!("schedule R-12"))
    );
    let left = program
        .run(&["report", "messages", "--format", "json"])
        .ends_with(0)
        .json();
    let of_others: Vec<&Value> = kept
        .iter()
        .filter(|row| {
            !row.to_string().contains("000000000001")
                && !row.to_string().contains("000000000002")
                && !row.to_string().contains("000000000003")
        })
        .collect();
    assert_eq!(left.as_array().unwrap().iter().collect::<Vec<_>>(), of_others);
    program.run(&["export", "--output-dir", "lake"]).ends_with(0);
    program
        .run(&["export", "--output-dir", "lake", "--check"])
        .ends_with(0);

    // The same again: it was done. And the tables can be made anew without them.
    retain(program, &["--apply", &hash, "--head-file", "heads.txt"])
        .ends_with(0)
        .shows("This plan removed 3 runs on");
    program.run(&["reindex", "--head-file", "heads.txt"]).ends_with(0);
    is_sound(program, &["--head-file", "heads.txt"], 0);
    program
        .run(&["salvage", "jobruns.db", "salvaged.db"])
        .ends_with(0);
    let salvaged = Connection::open(program.path("salvaged.db")).unwrap();
    let noted = "SELECT count(*) FROM _backup";
    let backups: i64 = salvaged.query_row(noted, [], |row| row.get(0)).unwrap();
    assert_eq!((backups, count(program, noted)), (1, 1));
    let removed: i64 = salvaged
        .query_row("SELECT count(*) FROM removed_runs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(removed, 3);
    program.run(&["verify", "--archive", "salvaged.db"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_no_longer_true_removes_nothing_and_says_what_changed() {
    let story = story().await;
    let program = &story.program;
    let hash = plan(program);
    program
        .run(&["hold", "add", "--reason", "inspection"])
        .ends_with(0);
    retain(program, &["--apply", &hash])
        .ends_with(1)
        .says("with 3 runs; since then hold 2 was added, and 0 would go now");
    program
        .run(&["hold", "release", "2", "--reason", "over"])
        .ends_with(0);
    program
        .run(&["hold", "release", "1", "--reason", "settled"])
        .ends_with(0);
    retain(program, &["--apply", &hash])
        .ends_with(1)
        .says("nothing was removed");
    let other = program.run(&[
        "retain",
        "--older-than",
        "7y",
        "--reason",
        "another",
        "--apply",
        &plan(program),
    ]);
    other
        .ends_with(1)
        .says("--reason are not those")
        .says("the last time that a run so old was archived or changed was at 20");
    assert_eq!(count(program, "SELECT count(*) FROM removed_runs"), 0);
    // Nobody else may write meanwhile.
    let lock = SyncLock::take(&program.path("jobruns.db")).unwrap();
    retain(program, &["--apply", &plan(program)]).ends_with(5);
    retain(program, &[]).ends_with(0);
    drop(lock);
    // A row that somebody edited is not believed.
    archive(program)
        .execute("UPDATE _run SET status = 4 WHERE job_run_id = ?1", [guid(5)])
        .unwrap();
    retain(program, &["--apply", &plan(program)])
        .ends_with(4)
        .says("nothing was removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_and_locks_say_what_they_refuse() {
    let story = story().await;
    let program = &story.program;
    program
        .run(&["hold", "release", "9", "--reason", "x"])
        .ends_with(1)
        .says("the archive has no hold 9");
    program
        .run(&["hold", "release", "1", "--reason", "settled"])
        .ends_with(0);
    program
        .run(&["hold", "release", "1", "--reason", "again"])
        .ends_with(1)
        .says("no hold 1 in force: it was released at")
        .says("settled");
    program
        .run(&["hold", "add", "--reason", "x", "--job", "nobody"])
        .ends_with(2);
    program
        .run(&["hold", "add", "--reason", "x", "--until", "1999-01-01"])
        .ends_with(1)
        .says("would cover nothing");
    program
        .run(&[
            "hold",
            "add",
            "--reason",
            "x",
            "--since",
            "2024-01-02",
            "--until",
            "2024-01-01",
        ])
        .ends_with(2);
    program
        .run(&[
            "hold",
            "add",
            "--reason",
            " ",
            "--since",
            "2024-01-01",
            "--until",
            "2024-01-01",
        ])
        .ends_with(2);
    let held = program
        .run(&["hold", "list", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(
        (&held[0]["reason"], &held[0]["release_reason"]),
        (&json!("lawsuit"), &json!("settled"))
    );
    assert_eq!(held.as_array().unwrap().len(), 1);
    program.run(&["retain", "lock", "7y"]).ends_with(0);
    program.run(&["retain", "lock", "7y"]).ends_with(0);
    program
        .run(&["retain", "lock", "6y"])
        .ends_with(2)
        .says("a lock can only be lengthened");
    program
        .run(&["retain", "--older-than", "6y", "--reason", "x"])
        .ends_with(2)
        .says("locked until they are 2557 days old");
    retain(program, &[]).ends_with(0);
    program.run(&["retain", "--older-than", "7y"]).ends_with(2);
    program
        .run(&["retain", "--older-than", "7", "--reason", "x"])
        .ends_with(2)
        .says("is not an age");
    is_sound(program, &[], 0);
}

/// The archive as it was, at rest in one file.
fn at_rest(program: &Program) -> Vec<u8> {
    archive(program)
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    std::fs::read(program.path("jobruns.db")).unwrap()
}

fn put_back(program: &Program, bytes: &[u8]) {
    for suffix in ["-wal", "-shm", "-journal"] {
        drop(std::fs::remove_file(program.path(&format!("jobruns.db{suffix}"))));
    }
    std::fs::write(program.path("jobruns.db"), bytes).unwrap();
}

/// Whatever happened to a removal: it is done or not done, is sound, and comes to its end when it is run again.
fn comes_to_its_end(program: &Program, hash: &str) -> i64 {
    program.run(&["verify"]).ends_with(0);
    let removed = count(program, "SELECT count(*) FROM removed_runs");
    assert!(removed == 0 || removed == 3, "{removed} runs");
    assert_eq!(count(program, "SELECT count(*) FROM runs"), 9 + 24 - removed);
    retain(program, &["--apply", hash]).ends_with(0);
    assert!(!is_anywhere(program, GONE));
    assert_eq!(count(program, "SELECT count(*) FROM removed_runs"), 3);
    assert_eq!(count(program, "SELECT count(*) FROM _clearing"), 0);
    program.run(&["verify"]).ends_with(0);
    removed
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_is_done_or_not_done_and_can_be_run_again() {
    const STEPS: u32 = 12;
    let story = story().await;
    let program = &story.program;
    let (hash, before) = (plan(program), at_rest(program));
    let begun = std::time::Instant::now();
    retain(program, &["--apply", &hash]).ends_with(0);
    let step_length = begun.elapsed() / (STEPS - 1);
    let mut undone = 0;
    for step in 0..STEPS {
        put_back(program, &before);
        let mut child = program
            .command(&[&["retain"], &RULE[..], &["--apply", &hash]].concat())
            .spawn()
            .unwrap();
        std::thread::sleep(step_length * step);
        child.kill().unwrap();
        Ended::of(child);
        undone += i64::from(comes_to_its_end(program, &hash) == 0);
    }
    assert!(undone > 0, "it was never killed before it was done");
    // Between the removal and the clearing of its bytes, which commands say.
    archive(program)
        .execute("INSERT INTO _clearing VALUES (?1, 0)", [hex_bytes(&hash)])
        .unwrap();
    program
        .run(&["status"])
        .ends_with(0)
        .says("its bytes are not all cleared");
    retain(program, &[])
        .ends_with(0)
        .shows("its bytes are not all cleared");
    retain(program, &["--apply", &hash]).ends_with(0);
    assert_eq!(count(program, "SELECT count(*) FROM _clearing"), 0);
}

fn hex_bytes(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_is_lost_and_it_can_be_run_again() {
    let story = story().await;
    let program = &story.program;
    let (hash, before) = (plan(program), at_rest(program));
    let mut undone = 0;
    for limit in [16, 200, 400, 600, 800, 1200] {
        put_back(program, &before);
        let script = format!(
            "trap '' XFSZ; ulimit -f {limit}; exec \"$0\" retain --older-than 7y --reason 'schedule R-12' --apply {hash}"
        );
        let ended = Ended::of(program.script(&script).spawn().unwrap());
        assert!(matches!(ended.code, Some(0 | 1)), "{limit}: {ended:#?}");
        if ended.code == Some(1) {
            assert!(ended.stderr.contains("Hint:"), "{limit}: {ended:#?}");
        }
        undone += i64::from(comes_to_its_end(program, &hash) == 0);
    }
    assert!(undone > 0, "there was room for it each time");
}
