//! Packages of evidence: what is in them, that it follows from the ledger alone, and what they leave out.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::process::Command;

use crate::common::program::Program;
use crate::common::python::is_there;
use crate::common::rich::rich_archive;
use crate::common::story::Story;
use serde_json::Value;
use sha2::Digest;

/// The files of a package by their names in its folder, and the names in the order of the ZIP file.
fn unzipped(path: &Path) -> (BTreeMap<String, Vec<u8>>, Vec<String>) {
    let mut zip = zip::ZipArchive::new(Cursor::new(std::fs::read(path).unwrap())).unwrap();
    let (mut files, mut names) = (BTreeMap::new(), Vec::new());
    for place in 0..zip.len() {
        let mut file = zip.by_index(place).unwrap();
        let name = file.name().unwrap().into_owned();
        let (folder, inside) = name.split_once('/').unwrap();
        assert!(folder.starts_with("jobruns-evidence-"), "{folder}");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        files.insert(inside.to_owned(), bytes);
        names.push(name);
    }
    (files, names)
}

fn files_of(program: &Program, name: &str) -> BTreeMap<String, Vec<u8>> {
    unzipped(&program.path(name)).0
}

fn text<'f>(files: &'f BTreeMap<String, Vec<u8>>, name: &str) -> &'f str {
    std::str::from_utf8(files.get(name).unwrap_or_else(|| panic!("no {name}"))).unwrap()
}

/// The script that goes with every package calls it sound.
#[track_caller]
fn is_sound(program: &Program, name: &str, head: &str) {
    if !is_there("python3") {
        return;
    }
    let script = program.write("check.py", &files_of(program, name)["check.py"]);
    let output = Command::new("python3")
        .arg(script)
        .arg(program.path(name))
        .args(["--head", head])
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Makes a package, and gives its summary.
#[track_caller]
fn pack(program: &Program, name: &str, more: &[&str]) -> Value {
    let mut arguments = vec!["evidence", "--output", name, "--format", "json"];
    arguments.extend(more);
    program.run(&arguments).ends_with(0).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_has_the_reports_the_bytes_and_the_lines_of_a_job_and_the_same_bytes_each_time() {
    let bench = rich_archive(6).await;
    let program = bench.program();
    let jobs = program.run(&["query", "SELECT DISTINCT job_id FROM runs", "--format", "csv"]);
    for job in jobs.stdout.lines().skip(1) {
        let sample = ["--sample", "5", "--seed", "audit 2026", "--spare", "2"];
        let made = pack(&program, "a.zip", &[&["--job", job], &sample[..]].concat());
        let again = pack(&program, "b.zip", &[&["--job", job], &sample[..]].concat());
        assert_eq!(made["sha256"], again["sha256"]);
        let bytes = std::fs::read(program.path("a.zip")).unwrap();
        assert_eq!(
            made["sha256"],
            jobruns::model::hex(&sha2::Sha256::digest(&bytes)).as_str()
        );
        assert_eq!(made["bytes"], bytes.len());

        let (files, names) = unzipped(&program.path("a.zip"));
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(made["files"], names.len());
        for (report, more) in [
            ("runs", &["--include-absent"][..]),
            ("messages", &["--include-absent"]),
            ("failures", &["--include-absent"]),
            ("changes", &[]),
            ("vanished", &[]),
            ("removals", &[]),
            ("sample", &["--size", "5", "--seed", "audit 2026", "--spare", "2"]),
        ] {
            let mut arguments = vec!["report", report, "--job", job, "--format", "csv"];
            arguments.extend(more);
            let said = program.run(&arguments).ends_with(0).stdout;
            assert_eq!(
                text(&files, &format!("data/{report}.csv")),
                said,
                "{report} of {job}"
            );
        }
        let gaps = program.run(&["report", "coverage", "--gaps", "--job", job, "--format", "csv"]);
        // How many runs a rule removed stands in removals.csv alone.
        let gaps = gaps.ends_with(0).stdout;
        let without_removals = gaps.replace("; runs removed by a retention rule: 1", "");
        assert_eq!(text(&files, "data/gaps.csv"), without_removals);
        let runs = text(&files, "data/runs.csv").lines().count() - 1;
        assert_eq!(made["runs"], runs);
        assert_eq!(made["population"], runs);
        let pieces = text(&files, "data/quarantine.csv").lines().count() - 1;
        let bins = files
            .keys()
            .filter(|name| name.starts_with("data/quarantine/"))
            .count();
        assert_eq!(bins, pieces);
        for (name, bytes) in files
            .iter()
            .filter(|(name, _)| name.starts_with("data/payloads/"))
        {
            let name = name["data/payloads/".len()..].strip_suffix(".json").unwrap();
            let (run, revision) = name.rsplit_once('-').unwrap();
            let kept = program
                .run(&["payload", run, "--revision", revision])
                .ends_with(0);
            assert_eq!(kept.stdout.as_bytes(), bytes);
        }
        is_sound(&program, "a.zip", made["head"].as_str().unwrap());
    }
    // All jobs together, of which one has moved runs of another.
    let made = pack(&program, "all.zip", &[]);
    is_sound(&program, "all.zip", made["head"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_an_older_head_is_the_one_that_was_made_then() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&[]).ends_with(0);
    let job = story.job(1);
    let age = ["--purge-age", "90d"];
    let named = program.run(&["jobs", "add", &job, "--name", "Nightly"]);
    named.ends_with(0);
    story.sync(&[]).ends_with(0);
    let then = pack(program, "then.zip", &[&["--job", "Nightly"], &age[..]].concat());
    let files = files_of(program, "then.zip");
    let package: Value = serde_json::from_str(text(&files, "data/package.json")).unwrap();
    assert_eq!(package["jobs"][0]["name"], "Nightly");

    // Everything that can come later: runs change and go, messages come, the job gets another name.
    program
        .run(&["jobs", "add", &job, "--name", "Weekly"])
        .ends_with(0);
    for _ in 0..3 {
        story.server.pass_night();
        story.sync(&[]).ends_with(0);
    }
    story.fault("empty");
    story.sync(&[]);
    let head = then["head"].as_str().unwrap();
    let later = pack(
        program,
        "later.zip",
        &[&["--job", "Weekly", "--head", head], &age[..]].concat(),
    );
    let same =
        std::fs::read(program.path("then.zip")).unwrap() == std::fs::read(program.path("later.zip")).unwrap();
    let later_files = files_of(program, "later.zip");
    for (name, bytes) in &files {
        assert!(later_files.get(name) == Some(bytes), "{name} is another");
    }
    assert!(same && then["sha256"] == later["sha256"]);
    is_sound(program, "later.zip", head);
    let now = pack(program, "now.zip", &["--job", "Weekly"]);
    assert_ne!(now["head"], then["head"]);
    is_sound(program, "now.zip", now["head"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_a_reindex_read_anew_are_read_so_from_its_line_on() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&[]).ends_with(0);
    let job = story.job(0);
    let before = pack(program, "before.zip", &["--job", &job]);
    program
        .run(&["reindex", "--naive-time", "America/New_York"])
        .ends_with(0);
    // The line of the reindex is behind the head of the sync.
    let still = pack(program, "still.zip", &["--job", &job]);
    assert_eq!(before["sha256"], still["sha256"]);
    story.sync(&[]).ends_with(0);
    let after = pack(program, "after.zip", &["--job", &job]);
    assert_ne!(before["head"], after["head"]);
    let (before, files) = (files_of(program, "before.zip"), files_of(program, "after.zip"));
    assert_ne!(text(&before, "data/runs.csv"), text(&files, "data/runs.csv"));
    let said = program.run(&[
        "report",
        "runs",
        "--include-absent",
        "--job",
        &job,
        "--format",
        "csv",
    ]);
    assert_eq!(text(&files, "data/runs.csv"), said.stdout);
    assert!(files.keys().any(|name| name.starts_with("data/zones/")));
    is_sound(
        program,
        "after.zip",
        program
            .run(&[
                "query",
                "SELECT head FROM syncs ORDER BY sync_id DESC LIMIT 1",
                "--format",
                "csv",
            ])
            .stdout
            .lines()
            .nth(1)
            .unwrap(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_a_package_tells_of_another_job() {
    let bench = rich_archive(6).await;
    let program = bench.program();
    let job = bench.job(0).to_string();
    pack(&program, "one.zip", &["--job", &job]);
    let files = files_of(&program, "one.zip");
    let everything: Vec<u8> = files.values().flatten().copied().collect();
    // The workbook is a ZIP file in the ZIP file.
    let mut book = zip::ZipArchive::new(Cursor::new(files["data/workpaper.xlsx"].clone())).unwrap();
    let mut everything = everything;
    for place in 0..book.len() {
        book.by_index(place)
            .unwrap()
            .read_to_end(&mut everything)
            .unwrap();
    }
    let texts = |whose: &str| -> Vec<String> {
        let sql = format!(
            "SELECT name FROM jobs WHERE job_id {whose} UNION SELECT asset FROM messages WHERE job_id {whose}
             UNION SELECT message FROM messages WHERE job_id {whose} UNION SELECT message_details FROM messages WHERE job_id {whose}
             UNION SELECT job_run_id FROM runs WHERE job_id {whose} UNION SELECT job_id FROM jobs WHERE job_id {whose}"
        );
        let ended = program.run(&["query", &sql, "--format", "json"]).ends_with(0);
        let rows: Value = serde_json::from_str(&ended.stdout).unwrap();
        let rows = rows.as_array().unwrap().iter();
        rows.filter_map(|row| row["name"].as_str().map(str::to_owned))
            .collect()
    };
    let own = texts(&format!("= '{job}'"));
    let others: Vec<String> = texts(&format!("<> '{job}'"))
        .into_iter()
        .filter(|text| text.len() > 3 && !own.iter().any(|own| own.contains(text.as_str())))
        .collect();
    assert!(others.len() > 50, "{others:?}");
    let found = |text: &str| memchr::memmem::find(&everything, text.as_bytes()).is_some();
    assert!(own.iter().filter(|text| found(text)).count() > 10);
    let told: Vec<&String> = others.iter().filter(|text| found(text)).collect();
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redacted_packages_name_no_owner_and_say_what_that_costs() {
    let bench = rich_archive(6).await;
    let program = bench.program();
    let made = pack(&program, "r.zip", &["--redact-owners", "--prepared-by", "J. Doe"]);
    assert_eq!(made["payloads"], 0);
    let files = files_of(&program, "r.zip");
    assert!(
        !files
            .keys()
            .any(|name| name.starts_with("data/payloads/") || name.starts_with("data/quarantine/"))
    );
    let package: Value = serde_json::from_str(text(&files, "data/package.json")).unwrap();
    assert_eq!(package["redacted"][0], "owners");
    assert_eq!(package["prepared_by"], "J. Doe");
    assert!(text(&files, "README.html").contains("Names of people were left out"));
    let owners = program.run(&[
        "query",
        "SELECT DISTINCT asset_owner FROM messages WHERE asset_owner <> ''",
        "--format",
        "csv",
    ]);
    let owners: Vec<&str> = owners.stdout.lines().skip(1).collect();
    assert!(!owners.is_empty());
    for (name, bytes) in &files {
        for owner in &owners {
            assert!(
                memchr::memmem::find(bytes, owner.as_bytes()).is_none(),
                "{name} names {owner}"
            );
        }
    }
    is_sound(&program, "r.zip", made["head"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_takes_the_runs_that_started_in_it_with_all_their_messages() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&[]).ends_with(0);
    let job = story.job(0);
    let starts = program.run(&[
        "query",
        &format!("SELECT started_at FROM runs WHERE job_id = '{job}' ORDER BY 1"),
        "--format",
        "csv",
    ]);
    let starts: Vec<&str> = starts.stdout.lines().skip(1).collect();
    let (since, until) = (starts[3], starts[8]);
    let made = pack(
        program,
        "span.zip",
        &["--job", &job, "--since", since, "--until", until],
    );
    assert_eq!(made["runs"], 5);
    let files = files_of(program, "span.zip");
    let runs = program.run(&[
        "report", "runs", "--job", &job, "--since", since, "--until", until, "--format", "csv",
    ]);
    assert_eq!(text(&files, "data/runs.csv"), runs.stdout);
    let gaps = program.run(&[
        "report", "coverage", "--gaps", "--job", &job, "--since", since, "--until", until, "--format", "csv",
    ]);
    assert_eq!(text(&files, "data/gaps.csv"), gaps.stdout);
    let sql = format!(
        "SELECT count(*) AS n FROM messages WHERE job_run_id IN (SELECT job_run_id FROM runs WHERE job_id = '{job}' AND started_at >= '{since}' AND started_at < '{until}')"
    );
    let count = program.run(&["query", &sql, "--format", "csv"]);
    let messages = csv::Reader::from_reader(text(&files, "data/messages.csv").as_bytes())
        .into_records()
        .count();
    assert_eq!(count.stdout.lines().nth(1).unwrap(), messages.to_string());
    is_sound(program, "span.zip", made["head"].as_str().unwrap());
}

/// The start of the last run of a package.
fn last_start(files: &BTreeMap<String, Vec<u8>>) -> String {
    let rows = csv::Reader::from_reader(text(files, "data/runs.csv").as_bytes()).into_records();
    let starts = rows.map(|row| row.unwrap()[4].to_owned());
    starts.max().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_purge_age_is_learned_from_what_was_known_at_the_head() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&[]).ends_with(0);
    let job = story.job(1);
    let about = ["--job", &job];
    let ages = |name: &str| {
        let files = files_of(program, name);
        let facts: Value = serde_json::from_str(text(&files, "data/package.json")).unwrap();
        facts["purge_ages"].clone()
    };
    let then = pack(program, "then.zip", &about);
    assert_eq!(ages("then.zip")[0]["known"], false);
    let first = then["head"].as_str().unwrap();
    // The server stops listing the runs of another job, from which one is learned.
    story.fault("empty");
    program.run(&["sync", &story.job(0)]).ends_with(0);
    let learned = pack(program, "learned.zip", &about);
    assert_eq!(ages("learned.zip")[0]["known"], true);
    let second = learned["head"].as_str().unwrap();
    let age = ages("learned.zip")[0]["seconds"].as_i64().unwrap();
    let gaps = ["report", "coverage", "--gaps", "--job", &job, "--format", "csv"];
    let gaps = program.run(&gaps).ends_with(0).stdout;
    assert_eq!(text(&files_of(program, "learned.zip"), "data/gaps.csv"), gaps);

    // A rule removes those runs, and all others go too.
    let rule = [
        "retain",
        "--job",
        &story.job(0),
        "--older-than",
        "1d",
        "--reason",
        "old",
    ];
    let plan = program.run(&rule).ends_with(0).stdout;
    let plan = plan.split_whitespace().last().unwrap().to_owned();
    program
        .run(&[&rule[..], &["--apply", &plan]].concat())
        .ends_with(0);
    story.sync(&[]).ends_with(0);
    let now = pack(program, "now.zip", &about);
    assert_ne!(ages("now.zip")[0]["seconds"], age);
    for (head, made) in [(first, &then), (second, &learned)] {
        let again = pack(program, "again.zip", &[&about[..], &["--head", head]].concat());
        assert_eq!(again["sha256"], made["sha256"]);
        is_sound(program, "again.zip", head);
    }
    is_sound(program, "now.zip", now["head"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_a_rule_removed_are_named_and_what_they_said_is_nowhere() {
    let story = Story::new().await;
    let program = &story.program;
    story.sync(&[]).ends_with(0);
    let job = story.job(0);
    let before = pack(program, "before.zip", &["--job", &job]);
    let before_files = files_of(program, "before.zip");
    let ages = format!(
        "SELECT CAST(julianday('now') - julianday(started_at) AS INTEGER) FROM runs WHERE job_id = '{job}' ORDER BY 1"
    );
    let ages = program.run(&["query", &ages, "--format", "csv"]).stdout;
    let older = format!("{}d", ages.lines().nth(5).unwrap());
    let rule = [
        "retain",
        "--job",
        &job,
        "--older-than",
        &older,
        "--reason",
        "the rule of 2026",
    ];
    let plan = program.run(&rule).ends_with(0).stdout;
    let plan = plan
        .lines()
        .last()
        .unwrap()
        .split_whitespace()
        .last()
        .unwrap()
        .to_owned();
    program
        .run(&[&rule[..], &["--apply", &plan]].concat())
        .ends_with(0);

    // No head proves the removal yet.
    let evidence = |name: &str, more: &[&str]| {
        program.run(&[&["evidence", "--output", name, "--job", &job][..], more].concat())
    };
    let head = before["head"].as_str().unwrap();
    for more in [&["--head", head][..], &[]] {
        evidence("then.zip", more)
            .ends_with(1)
            .says("since sync 1 ended, a retention rule removed")
            .says("run `jobruns sync`");
    }
    assert!(!program.path("then.zip").exists());
    story.sync(&[]).ends_with(0);
    let after = pack(program, "after.zip", &["--job", &job]);
    let files = files_of(program, "after.zip");
    let said = program
        .run(&["report", "removals", "--job", &job, "--format", "csv"])
        .stdout;
    assert_eq!(text(&files, "data/removals.csv"), said);
    assert!(said.contains("the rule of 2026"));
    let removed: Vec<&str> = said.lines().skip(1).map(|line| &line[..36]).collect();
    assert!(!removed.is_empty() && removed.len() < 12, "{removed:?}");
    let number = removed.len();
    assert_eq!(after["removed"], number);
    assert_eq!(after["runs"], 12 - number);
    let readme = text(&files, "README.html");
    assert!(readme.contains(&format!(
        "{number} runs removed from the archive by a retention rule"
    )));
    let newer = after["head"].as_str().unwrap();
    evidence("then.zip", &["--head", head])
        .ends_with(1)
        .says(&format!("give --head {newer}, with which sync 2 ended"));
    // What was removed is not in this span, so the head of then proves it.
    let last = last_start(&before_files);
    evidence("span.zip", &["--head", head, "--since", &last]).ends_with(0);
    is_sound(program, "span.zip", head);
    // Who draws a sample reads how many runs were there to be drawn once.
    let words = format!("{number} runs of these jobs and this span were recorded and later removed");
    let sample = ["report", "sample", "--size", "3", "--seed", "s", "--job", &job];
    program
        .run(
            &[
                &sample[..],
                &["--format", "csv", "--output", "s.csv", "--manifest"],
            ]
            .concat(),
        )
        .ends_with(0)
        .says(&words);
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(program.path("s.csv.manifest.json")).unwrap()).unwrap();
    assert!(
        manifest
            .to_string()
            .contains(&format!("\"runs_removed\":{number}"))
    );
    program
        .run(&[&sample[..], &["--format", "html", "--output", "s.html"]].concat())
        .ends_with(0);
    let page = std::fs::read_to_string(program.path("s.html")).unwrap();
    assert!(page.contains("later removed by a retention rule"));
    let drawn = evidence("drawn.zip", &["--sample", "3", "--spare", "1", "--seed", "s"]).ends_with(0);
    drawn
        .shows(&format!(
            "removed   {number} runs by a retention rule before the head"
        ))
        .shows(&format!(
            "sample    3 runs and 1 spare, drawn from {}",
            12 - number
        ));
    let files = files_of(program, "drawn.zip");
    let words = format!("{number} recorded runs that a retention rule removed could not be drawn");
    assert!(text(&files, "README.html").contains(&words));
    for run in removed {
        assert!(!text(&files, "data/runs.csv").contains(run));
        let payload = &before_files[&format!("data/payloads/{run}-1.json")];
        assert!(!files.values().any(|bytes| bytes == payload));
    }
    is_sound(program, "after.zip", after["head"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_is_told_in_a_sentence_and_leaves_no_file() {
    let story = Story::new().await;
    let program = &story.program;
    let evidence = |more: &[&str]| {
        let mut arguments = vec!["evidence", "--output", "p.zip"];
        arguments.extend(more);
        let ended = program.run(&arguments);
        assert_eq!(ended.stdout, "");
        ended
    };
    evidence(&[]).ends_with(1).says("there is no archive");
    program.run(&["jobs", "add", &story.job(0), "--new"]).ends_with(0);
    evidence(&[])
        .ends_with(1)
        .says("no sync of this archive has ended yet");
    story.sync(&["--head-file", "heads.txt"]).ends_with(0);
    let heads = std::fs::read_to_string(program.path("heads.txt")).unwrap();
    let head = heads.split_whitespace().last().unwrap().to_owned();
    evidence(&["--since", "2999-01-01"])
        .ends_with(1)
        .says("no run of 3 jobs started in this span")
        .says("--allow-empty");
    let nobody = "ab".repeat(32);
    evidence(&["--head", &nobody])
        .ends_with(2)
        .says("does not hold the head");
    evidence(&["--head", "12"])
        .ends_with(2)
        .says("64 hexadecimal digits");
    program.run(&["reindex"]).ends_with(0);
    let ledger = program.run(&["ledger", "show", "--limit", "1", "--format", "json"]);
    let reindexed = ledger.json()[0]["entry_hash"].as_str().unwrap().to_owned();
    evidence(&["--head", &reindexed])
        .ends_with(2)
        .says("is not the head of a sync")
        .says("a line `reindexed`")
        .says(&format!("sync 1 before it ended with the head {head}"));
    evidence(&["--job", "nobody"]).ends_with(2).says("has no job");
    evidence(&["--sample", "5"]).ends_with(2).says("--seed");
    evidence(&["--sample", "5", "--seed", " "])
        .ends_with(2)
        .says("the seed is empty");
    evidence(&["--sample", "0", "--seed", "x"]).ends_with(2);
    evidence(&["--since", "2026-02-01", "--until", "2026-01-01"])
        .ends_with(2)
        .says("is after --until");
    let late = "0e0e0e0e-0000-4000-8000-000000000001";
    program.run(&["jobs", "add", late]).ends_with(0);
    evidence(&["--job", late])
        .ends_with(2)
        .says("was not known to the archive when sync 1 ended");
    assert!(!program.path("p.zip").exists());
    for used in ["jobruns.db", "heads.txt"] {
        let ended = program.run(&["evidence", "--output", used, "--head-file", "heads.txt"]);
        ended.ends_with(2).says("cannot write to");
    }
    program
        .run(&["evidence", "--output", "-"])
        .ends_with(2)
        .says("name a file");

    // What there is to say: the head, and whether a list has it.
    evidence(&["--quiet", "--head-file", "heads.txt"]).ends_with(0);
    let listed = program
        .run(&["evidence", "--output", "q.zip", "--head-file", "heads.txt"])
        .ends_with(0);
    assert_eq!(listed.stderr, "");
    listed
        .shows(&format!("head      {head} (sync 1, "))
        .shows("SHA-256   ")
        .shows("runs      36 of 3 jobs");
    let unlisted = program.run(&["evidence", "--output", "q.zip"]).ends_with(0);
    unlisted.says("not known to be lodged elsewhere").says(&head);
    let sampled = program.run(&[
        "evidence", "--output", "q.zip", "--sample", "100", "--seed", "x", "--spare", "5",
    ]);
    sampled
        .ends_with(0)
        .shows("sample    36 runs and 0 spare, drawn from 36");

    // A package of no run says so.
    let empty = pack(program, "e.zip", &["--since", "2999-01-01", "--allow-empty"]);
    assert_eq!(empty["runs"], 0);
    let package: Value =
        serde_json::from_str(text(&files_of(program, "e.zip"), "data/package.json")).unwrap();
    assert_eq!(package["allow_empty"], true);
    is_sound(program, "e.zip", &head);
}
