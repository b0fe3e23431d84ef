//! The three checks of a package of evidence: what is sound passes all of them, and what was forged passes none, with a word
//! that says where.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::Bench;
use crate::common::chromium::Chromium;
use crate::common::odd::eventful;
use crate::common::packages::{Pack, ZipEntry, sha256, write_zip};
use crate::common::program::Program;
use crate::common::python::is_there;
use crate::common::rich::rich_archive;
use jobruns::archive::{PublishedHeads, read_heads};
use jobruns::evidence::check::{CHECK_HTML, CHECK_PY, check_package};
use serde_json::{Value, json};

/// What a check says of a package.
#[derive(Debug, Clone)]
struct Answer {
    by: &'static str,
    code: i64,
    said: String,
}

/// The three checks, as far as this machine can run them.
struct Checks {
    folder: tempfile::TempDir,
    browser: Option<Chromium>,
    has_python: bool,
}

/// Runs check.py on each package in a process of its own for all: package and head in, code and words out.
const DRIVER: &str = r#"
import contextlib, io, json, runpy, sys
script, *given = sys.argv[1:]
answers = []
for path, head in zip(given[::2], given[1::2]):
    sys.argv = [script, path] + (["--head", head] if len(head) == 64 else ["--head-file", head] if head else [])
    out, code = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(out):
            runpy.run_path(script, run_name="__main__")
    except SystemExit as error:
        code = error.code or 0
    answers.append([code, out.getvalue()])
print(json.dumps(answers))
"#;

impl Checks {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("check.py"), CHECK_PY).unwrap();
        std::fs::write(folder.path().join("check.html"), CHECK_HTML).unwrap();
        let mut browser = Chromium::start();
        match &mut browser {
            Some(browser) => browser.open(
                &format!("file://{}", folder.path().join("check.html").display()),
                1000,
                "light",
            ),
            None => eprintln!("no Chromium here: check.html was not run"),
        }
        Self {
            folder,
            browser,
            has_python: is_there("python3"),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// What each check says of each package; `head` is one that was published, or empty.
    fn of_all(&mut self, packages: &[(PathBuf, String)]) -> Vec<Vec<Answer>> {
        let mut answers: Vec<Vec<Answer>> = packages
            .iter()
            .map(|(path, head)| vec![by_program(path, head)])
            .collect();
        if self.has_python {
            let mut command = Command::new("python3");
            command
                .args(["-c", DRIVER])
                .arg(self.folder.path().join("check.py"))
                .env("PYTHONUTF8", "1");
            for (path, head) in packages {
                command.arg(path).arg(head);
            }
            let output = command.output().unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            let said: Vec<(i64, String)> = serde_json::from_slice(&output.stdout).unwrap();
            for (answers, (code, said)) in answers.iter_mut().zip(said) {
                answers.push(Answer {
                    by: "check.py",
                    code,
                    said,
                });
            }
        }
        if let Some(browser) = &mut self.browser {
            for (answers, (path, head)) in answers.iter_mut().zip(packages) {
                answers.push(by_page(browser, path, head));
            }
            let complaints = browser.complaints("");
            let complaints: Vec<&String> = complaints
                .iter()
                .filter(|complaint| !complaint.contains("check.html"))
                .collect();
            assert!(complaints.is_empty(), "{complaints:?}");
        }
        answers
    }

    fn of(&mut self, path: &Path, head: &str) -> Vec<Answer> {
        self.of_all(&[(path.to_owned(), head.to_owned())]).remove(0)
    }

    #[track_caller]
    fn is_sound(&mut self, path: &Path, head: &str, words: &[&str]) {
        for answer in self.of(path, head) {
            assert_eq!(answer.code, 0, "{}: {}", answer.by, answer.said);
            for word in words {
                assert!(
                    answer.said.to_lowercase().contains(&word.to_lowercase()),
                    "{} says no {word}: {}",
                    answer.by,
                    answer.said
                );
            }
        }
    }
}

fn by_program(path: &Path, head: &str) -> Answer {
    let (mut heads, mut lists): (Vec<[u8; 32]>, Vec<PublishedHeads>) = (Vec::new(), Vec::new());
    match head.len() {
        0 => {}
        64 => {
            let byte = |at: usize| u8::from_str_radix(&head[2 * at..2 * at + 2], 16).unwrap();
            heads.push(std::array::from_fn(byte));
        }
        _ => lists.push(read_heads(Path::new(head)).unwrap()),
    }
    let (code, said) = match check_package(path, &heads, &lists) {
        Ok(report) => (
            if report.sound { 0 } else { 4 },
            serde_json::to_string_pretty(&report).unwrap(),
        ),
        Err(error) => (
            if error.findings.is_empty() { 1 } else { 4 },
            format!("{error} {:?}", error.findings),
        ),
    };
    Answer {
        by: "jobruns verify --pack",
        code,
        said: said.replace("\\\"", "\""),
    }
}

fn by_page(browser: &mut Chromium, path: &Path, head: &str) -> Answer {
    let head = if head.len() == 64 || head.is_empty() {
        head.to_owned()
    } else {
        std::fs::read_to_string(head).unwrap()
    };
    browser.value(&format!(
        "document.getElementById('head').value = {}; document.getElementById('verdict').dataset.state = ''; 0",
        Value::from(head)
    ));
    let document = browser.call("DOM.getDocument", json!({}));
    let asked = json!({"nodeId": document["root"]["nodeId"], "selector": "#file"});
    let field = browser.call("DOM.querySelector", asked);
    browser.call(
        "DOM.setFileInputFiles",
        json!({"nodeId": field["nodeId"], "files": [path.to_str().unwrap()]}),
    );
    // The same file again is no change to the browser.
    browser.value("document.getElementById('verdict').dataset.state || document.getElementById('file').dispatchEvent(new Event('change')); 0");
    let code = page_code(browser);
    let said = browser.value("document.getElementById('verdict').textContent + '\\n' + document.getElementById('result').innerText");
    Answer {
        by: "check.html",
        code,
        said: said.as_str().unwrap().to_owned(),
    }
}

/// The same, with the file dropped onto the page as a person does, by its place in the window.
fn by_drop(browser: &mut Chromium, path: &Path) -> Answer {
    browser.value("document.getElementById('head').value = ''; document.getElementById('verdict').dataset.state = ''; 0");
    let place = browser.value(
        "(place => [place.x + place.width / 2, place.y + 12])(document.getElementById('drop').getBoundingClientRect())",
    );
    for kind in ["dragEnter", "dragOver", "drop"] {
        let data = json!({"items": [], "files": [path.to_str().unwrap()], "dragOperationsMask": 1});
        let event = json!({"type": kind, "x": place[0], "y": place[1], "data": data});
        browser.call("Input.dispatchDragEvent", event);
        if kind == "dragOver" {
            assert_eq!(browser.value("document.getElementById('drop').className"), "over");
        }
    }
    Answer {
        by: "check.html, by drop",
        code: page_code(browser),
        said: browser
            .value("document.getElementById('verdict').textContent")
            .to_string(),
    }
}

fn page_code(browser: &mut Chromium) -> i64 {
    let begun = Instant::now();
    loop {
        match browser
            .value("document.getElementById('verdict').dataset.state")
            .as_str()
        {
            Some("sound") => return 0,
            Some("unsound") => return 4,
            Some("unreadable") => return 1,
            _ => {}
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "check.html does not end"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Makes a package; returns its path and head.
#[track_caller]
fn make(program: &Program, name: &str, more: &[&str]) -> (PathBuf, String) {
    let mut arguments = vec!["evidence", "--output", name, "--format", "json"];
    arguments.extend(more);
    let made = program.run(&arguments).ends_with(0).json();
    (program.path(name), made["head"].as_str().unwrap().to_owned())
}

/// Jobs, revisions, absences, quarantine, odd texts and a sample.
const ALL: [&str; 8] = [
    "--sample",
    "4",
    "--spare",
    "2",
    "--seed",
    "a seed",
    "--purge-age",
    "3650d",
];

#[tokio::test(flavor = "multi_thread")]
async fn sound_packages_pass_all_checks() {
    let mut checks = Checks::new();
    for zone in [None, Some("Europe/Berlin")] {
        let bench = eventful(zone).await;
        let program = bench.program();
        let (path, head) = make(&program, "all.zip", &ALL);
        checks.is_sound(
            &path,
            &head,
            &["what changed", "workpaper.xlsx", "the head that was given"],
        );
        checks.is_sound(&path, "", &["No head was given"]);
        let (path, head) = make(&program, "one.zip", &["--job", &bench.job(1).to_string()]);
        checks.is_sound(&path, &head, &[]);
        let (path, head) = make(
            &program,
            "redacted.zip",
            &["--redact-owners", "--sample", "2", "--seed", "s"],
        );
        checks.is_sound(&path, &head, &["owners were left out"]);
        let span = ["--since", "1969-01-01", "--until", "2024-02-01"];
        let (path, head) = make(&program, "span.zip", &span);
        checks.is_sound(
            &path,
            &head,
            &["from 1969-01-01T00:00:00Z to 2024-02-01T00:00:00Z"],
        );
        let fractions = [
            "--since",
            "1969-01-01T00:00:00.5Z",
            "--until",
            "2024-02-01T00:00:00.0000001Z",
        ];
        let (path, head) = make(&program, "fractions.zip", &fractions);
        checks.is_sound(&path, &head, &["00:00:00.5Z"]);
        let empty = ["--since", "2200-01-01", "--allow-empty"];
        let (path, head) = make(&program, "empty.zip", &empty);
        checks.is_sound(&path, &head, &["recorded no run"]);
        // Times are read anew, in another zone and behind another head.
        program
            .run(&["reindex", "--naive-time", "America/New_York"])
            .ends_with(0);
        let mut bench = bench;
        bench.options.naive_time = None;
        bench.sync().await;
        let (path, head) = make(&program, "reindexed.zip", &ALL);
        checks.is_sound(&path, &head, &[]);
        let (path, head) = make(&program, "reindexed-span.zip", &span);
        checks.is_sound(&path, &head, &["read anew"]);
        let first: String =
            bench.value("SELECT head FROM syncs WHERE head IS NOT NULL ORDER BY sync_id LIMIT 1");
        let (path, head) = make(&program, "older.zip", &["--head", &first]);
        assert_eq!(head, first);
        checks.is_sound(&path, &head, &[]);
        // Unpacked, and without an argument.
        if checks.has_python {
            let pack = Pack::open(&path);
            let folder = checks.folder.path().join(format!("unpacked-{}", zone.is_some()));
            for (name, bytes) in &pack.files {
                let file = folder.join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, bytes).unwrap();
            }
            let output = Command::new("python3")
                .arg(folder.join("check.py"))
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stdout)
            );
            // A module in the package that would take the place of Python's own is not run.
            let module = "print('all is sound'); raise SystemExit(0)";
            std::fs::write(folder.join("argparse.py"), module).unwrap();
            let output = Command::new("python3")
                .arg(folder.join("check.py"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(4), "{said}");
            assert!(said.contains("argparse.py: a file that no package has"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_read_alike_and_a_line_without_one_is_told() {
    let mut checks = Checks::new();
    let bench = eventful(None).await;
    let program = bench.program();
    let (path, head) = make(&program, "heads.zip", &[]);
    let pack = path.to_str().unwrap().to_owned();
    let archive = Pack::open(&path).package_json()["archive_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let other = "0f0f0f0f-0000-4000-8000-000000000000";
    let time = "2026-01-31T03:00:12Z";
    let lists = [
        (
            format!("{time} 1 {archive} {head}\n"),
            0,
            "the head that was given",
        ),
        (
            format!("\u{feff}{time} 1 {archive} {}\n", head.to_uppercase()),
            0,
            "the head that was given",
        ),
        (
            format!("{time} 1 {archive} {head}\n{time} 2 {archive} 12\n"),
            3,
            "without a head",
        ),
        (format!("{time} 1 {other} {head}\n"), 4, "heads of other archives"),
        (
            format!("{time} 1 {archive} {}\n", "ab".repeat(32)),
            4,
            "not bound to a head",
        ),
    ];
    let script = checks.folder.path().join("check.py");
    for (list, code, words) in lists {
        let file = checks.write("heads.txt", list.as_bytes());
        let name = file.to_str().unwrap();
        program
            .run(&["verify", "--pack", &pack, "--head-file", name])
            .ends_with(code);
        if checks.has_python {
            let output = Command::new("python3")
                .arg(&script)
                .args([&*pack, "--head-file", name])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(output.status.code(), Some(code), "{said}");
            assert!(said.contains(words), "{words}: {said}");
        }
        if let Some(browser) = &mut checks.browser {
            let answer = by_page(browser, &path, name);
            let expected = if code == 4 { 4 } else { 0 };
            assert_eq!(answer.code, expected, "{}", answer.said);
            assert!(
                answer
                    .said
                    .contains(if code == 3 { "hold no head" } else { words }),
                "{}",
                answer.said
            );
        }
    }
    let blanks = format!(" {head} ");
    program
        .run(&["verify", "--pack", &pack, "--head", &blanks])
        .ends_with(0);
    if checks.has_python && cfg!(unix) {
        let output = Command::new("python3")
            .arg(&script)
            .args([&*pack, "--head", &blanks])
            .output();
        assert!(output.unwrap().status.success());
        // Whoever reads the first line alone gets no complaint, and the code stays.
        let wrong = "ab".repeat(32);
        let command = format!(
            "(python3 '{}' '{pack}' --head {wrong}; echo $? >&2) | head -c 1 > /dev/null",
            script.display()
        );
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "4\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispute_of_the_server_is_told_whatever_the_table_says_of_spans() {
    let mut checks = Checks::new();
    let bench = Bench::new().await;
    bench.fault("wrong-counts");
    bench.sync().await;
    let program = bench.program();
    let job = bench.job(1).to_string();
    let (path, head) = make(&program, "disputed.zip", &["--job", &job]);
    checks.is_sound(&path, &head, &["complete answers so: 1"]);
    // Somebody calls it a span of which nobody knows anything.
    let mut pack = Pack::open(&path);
    pack.records("data/gaps.csv", |records| {
        for row in records.iter_mut().filter(|row| row[4] == "disputed") {
            "not_looked".clone_into(&mut row[4]);
            row[6].clear();
            row[7].clear();
            "no answer to the question for all runs was complete, or none has a certain time"
                .clone_into(&mut row[9]);
        }
    });
    pack.seal();
    let vague = checks.write("vague.zip", &pack.zip());
    checks.is_sound(&vague, &head, &["complete answers so: 1"]);
    // A run has two rows about its messages, of which the second is right.
    let mut pack = Pack::open(&path);
    pack.records("data/gaps.csv", |records| {
        let mismatch = records.iter().find(|row| row[4] == "count_mismatch").unwrap();
        let mut false_one = mismatch.clone();
        "MessageCount 1, and 0 messages came".clone_into(&mut false_one[9]);
        records.insert(1, false_one);
    });
    pack.seal();
    let twice = checks.write("twice.zip", &pack.zip());
    for answer in checks.of(&twice, &head) {
        assert_eq!(answer.code, 4, "{}: {}", answer.by, answer.said);
        assert!(answer.said.contains("there twice"), "{}", answer.said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_days_off_makes_no_sound_package_look_forged() {
    let mut checks = Checks::new();
    let bench = Bench::new().await;
    let program = bench.program();
    bench.server.set_clock_offset(3 * 86_400);
    bench.sync().await;
    let (path, head) = make(&program, "skewed.zip", &ALL);
    checks.is_sound(&path, &head, &["does not call complete: 3"]);
}

/// A run that the server dates out of the span later is not in the package, and that is told.
#[tokio::test(flavor = "multi_thread")]
async fn runs_that_were_moved_out_of_the_span_are_told() {
    let mut checks = Checks::new();
    let bench = Bench::new().await;
    let job = bench.job(2).to_string();
    let runs = |first: &str| {
        let run = |number: u8, started: &str| {
            json!({"JobRunID": format!("0000000{number}-0000-4000-8000-000000000000"), "Status": 5,
                "JobStartTime": started, "JobEndTime": null, "MessageCount": 0, "JobMessages": []})
        };
        let list = [run(1, first), run(2, "2024-03-01T00:00:00Z")];
        json!({"JobID": job, "TotalJobRuns": 2, "JobStatusInfo": list})
            .to_string()
            .into_bytes()
    };
    for first in ["2024-02-01T00:00:00Z", "2023-02-01T00:00:00Z"] {
        bench.server.set_body(2, runs(first));
        bench.sync().await;
    }
    let program = bench.program();
    let (path, head) = make(&program, "moved.zip", &["--job", &job, "--year", "2024"]);
    let words = [
        "recorded runs of these jobs in this span: 1",
        "1 recorded run whose start an earlier revision puts into this span",
    ];
    checks.is_sound(&path, &head, &words);
}

/// With the path of a package in `PACK` the page checks that one, and says how long that took.
#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_is_dropped_onto_the_page_is_checked() {
    let mut checks = Checks::new();
    let bench = eventful(None).await;
    let program = bench.program();
    let (path, _) = make(&program, "dropped.zip", &[]);
    let mut forged = Pack::open(&path);
    let payload = forged.first("data/payloads/");
    forged.files.remove(&payload);
    forged.seal();
    let forged = checks.write("forged.zip", &forged.zip());
    let Some(browser) = &mut checks.browser else {
        return;
    };
    for (path, code) in [(&path, 0), (&forged, 4), (&path, 0)] {
        let answer = by_drop(browser, path);
        assert_eq!(answer.code, code, "{}: {}", answer.by, answer.said);
    }
    if let Ok(pack) = std::env::var("PACK") {
        for _ in 0..3 {
            let begun = Instant::now();
            let answer = by_drop(browser, Path::new(&pack));
            eprintln!("{:?}: {}", begun.elapsed(), answer.said);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_of_a_salvaged_archive_pass() {
    let bench = rich_archive(4).await;
    bench
        .connection()
        .execute_batch(
            "DELETE FROM payload WHERE entry_id = (SELECT max(entry_id) FROM payload); PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .unwrap();
    let program = Program::new();
    let archive = bench.archive();
    let salvaged = bench.folder.path().join("salvaged.db");
    program.run(&["salvage", archive.to_str().unwrap(), salvaged.to_str().unwrap()]);
    std::fs::rename(&salvaged, &archive).unwrap();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(bench.folder.path().join(format!("jobruns.db{end}")));
    }
    bench.sync().await;
    let program = bench.program();
    let (path, head) = make(&program, "salvaged.zip", &[]);
    Checks::new().is_sound(
        &path,
        &head,
        &["1 revision that a salvage of a damaged archive could not save"],
    );
}

/// A forged package, and words that every check must say of it.
struct Forged {
    name: String,
    bytes: Vec<u8>,
    /// A head that was published, or none.
    head: String,
    words: Vec<String>,
}

struct Forger {
    base: Pack,
    head: String,
    forged: Vec<Forged>,
}

impl Forger {
    fn add(&mut self, name: &str, bytes: Vec<u8>, head: &str, words: &[&str]) {
        self.forged.push(Forged {
            name: name.to_owned(),
            bytes,
            head: head.to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        });
    }

    /// A package in which something was changed, and the manifests with it.
    fn sealed(&mut self, name: &str, words: &[&str], change: impl FnOnce(&mut Pack)) {
        let mut pack = self.base.clone();
        change(&mut pack);
        pack.seal();
        self.add(name, pack.zip(), "", words);
    }

    /// The same with manifests as they were.
    fn unsealed(&mut self, name: &str, words: &[&str], change: impl FnOnce(&mut Pack)) {
        let mut pack = self.base.clone();
        change(&mut pack);
        self.add(name, pack.zip(), "", words);
    }

    /// A package whose ledger was changed and sealed anew to its head, faced with the head that was published.
    fn rewritten(&mut self, name: &str, words: &[&str], change: impl FnOnce(&mut Pack)) {
        let mut pack = self.base.clone();
        change(&mut pack);
        pack.seal_ledger();
        pack.seal();
        let head = self.head.clone();
        self.add(name, pack.zip(), &head, words);
    }

    /// Entries of the ZIP file that were changed.
    fn zipped(&mut self, name: &str, words: &[&str], change: impl FnOnce(&mut Vec<ZipEntry>)) {
        let mut entries = self.base.entries();
        change(&mut entries);
        self.add(name, write_zip(&entries), "", words);
    }

    /// A line of the ledger of this kind, in which the words stand.
    fn line(&self, kind: &str, with: &str) -> String {
        let is_it = |line: &&str| line.split(' ').nth(1) == Some(kind) && line.contains(with);
        let line = self.base.text("data/ledger.txt").lines().find(is_it);
        line.unwrap_or_else(|| panic!("no line {kind}")).to_owned()
    }

    /// The run of a record.
    fn run_with_revisions(&self) -> String {
        let changes = self.base.table("data/changes.csv");
        changes[1][2].clone()
    }
}

/// A value of the same look that is another one.
fn another(column: &str, value: &str) -> String {
    match column {
        _ if value.is_empty() => "1".to_owned(),
        "started_at" | "ended_at" | "occurred_at" | "absent_since" | "captured_at" | "first_seen_at"
        | "last_changed_at" | "from" | "to" | "accepted_at"
            if value.len() >= 20 =>
        {
            let year = if &value[..4] == "2001" { "2002" } else { "2001" };
            format!("{year}{}", &value[4..])
        }
        "age_days" | "purge_age_days" => "0.1".to_owned(),
        "state" => if value == "complete" {
            "disputed"
        } else {
            "complete"
        }
        .to_owned(),
        _ if value.bytes().all(|byte| byte.is_ascii_digit()) => {
            (value.parse::<u128>().unwrap() + 1).to_string()
        }
        _ => format!("{value}x"),
    }
}

/// Edits every column of each table whose name ends so.
fn edit_every_column(forger: &mut Forger, ending: &str) {
    let tables: Vec<String> = forger
        .base
        .files
        .keys()
        .filter(|name| name.ends_with(ending))
        .cloned()
        .collect();
    for table in tables {
        let records = forger.base.table(&table);
        for (place, column) in records[0].clone().iter().enumerate() {
            // What a run's changes are is not compared, as the checks say; nor is the purge age by itself.
            if records.len() < 2 || column == "what" {
                continue;
            }
            // A row with a value, where there is one.
            let row = (1..records.len())
                .find(|&row| !records[row][place].is_empty())
                .unwrap_or(1);
            forger.sealed(&format!("{table}-{column}"), &[&table], |pack| {
                pack.records(&table, |records| {
                    records[row][place] = another(column, &records[row][place])
                });
            });
        }
        if records.len() > 1 {
            forger.sealed(&format!("{table}-row-removed"), &["data/"], |pack| {
                pack.records(&table, |records| drop(records.remove(1)));
            });
            forger.sealed(&format!("{table}-row-twice"), &["data/"], |pack| {
                pack.records(&table, |records| records.push(records[1].clone()));
            });
        }
        forger.sealed(&format!("{table}-column-renamed"), &[&table, "columns"], |pack| {
            pack.records(&table, |records| records[0][0].push('x'));
        });
        forger.sealed(&format!("{table}-empty"), &[&table], |pack| pack.set(&table, ""));
    }
}

fn edit_payloads_and_runs(forger: &mut Forger) {
    let payload = forger.base.first("data/payloads/");
    let run = payload["data/payloads/".len()..][..36].to_owned();
    forger.unsealed("payload-edited", &[&payload, "manifest-sha256.txt"], |pack| {
        pack.files.get_mut(&payload).unwrap().push(b' ');
    });
    forger.sealed("payload-edited-and-sealed", &[&payload, "bytes"], |pack| {
        pack.files.get_mut(&payload).unwrap().push(b' ');
    });
    forger.sealed("payload-edited-in-place", &[&payload, "the ledger"], |pack| {
        let bytes = pack.files.get_mut(&payload).unwrap();
        let digit = bytes.iter().rposition(u8::is_ascii_digit).unwrap();
        bytes[digit] = if bytes[digit] == b'1' { b'2' } else { b'1' };
    });
    forger.sealed("payload-removed", &[&payload, "missing"], |pack| {
        drop(pack.files.remove(&payload))
    });
    forger.unsealed("payload-removed-unsealed", &[&payload, "missing"], |pack| {
        drop(pack.files.remove(&payload))
    });
    forger.sealed("payload-of-a-further-revision", &["no revision"], |pack| {
        let bytes = pack.files[&payload].clone();
        pack.set(&format!("data/payloads/{run}-77.json"), bytes);
    });
    forger.sealed("payload-of-another-run", &["no revision"], |pack| {
        let bytes = pack.files[&payload].clone();
        pack.set("data/payloads/0f0f0f0f-0000-4000-8000-000000000000-1.json", bytes);
    });
    let other = forger
        .base
        .files
        .keys()
        .filter(|name| name.starts_with("data/payloads/"))
        .nth(1)
        .unwrap()
        .clone();
    forger.sealed("payloads-swapped", &[&payload, &other], |pack| {
        let (one, two) = (pack.files[&payload].clone(), pack.files[&other].clone());
        pack.set(&payload, two);
        pack.set(&other, one);
    });
    // A run left out, with more and more of what tells of it.
    let leave_out = |pack: &mut Pack| {
        for table in [
            "runs", "messages", "failures", "changes", "vanished", "sample", "gaps",
        ] {
            pack.records(&format!("data/{table}.csv"), |records| {
                records.retain(|record| !record.contains(&run))
            });
        }
    };
    let is_missing = format!("data/runs.csv, run {run}");
    forger.sealed("run-left-out", &[&is_missing], leave_out);
    forger.sealed("run-left-out-with-payloads", &[&is_missing], |pack| {
        leave_out(pack);
        pack.files.retain(|name, _| !name.contains(&run));
    });
    forger.sealed("run-left-out-with-lines", &["data/ledger.txt", "chain"], |pack| {
        leave_out(pack);
        pack.files.retain(|name, _| !name.contains(&run));
        pack.lines("data/ledger.txt", |lines| {
            lines.retain(|line| !line.contains(&run))
        });
    });
    forger.rewritten(
        "run-left-out-with-lines-sealed",
        &["not bound to a head that was given"],
        |pack| {
            leave_out(pack);
            pack.files.retain(|name, _| !name.contains(&run));
            pack.lines("data/ledger.txt", |lines| {
                lines.retain(|line| !line.contains(&run))
            });
        },
    );
    forger.rewritten(
        "status-and-payload-sealed",
        &["not bound to a head that was given"],
        |pack| {
            let bytes = String::from_utf8_lossy(&pack.files[&payload]).into_owned();
            let edited = bytes.replacen("\"Status\":", "\"Other\":", 1);
            let (old, new) = (sha256(&bytes), sha256(&edited));
            pack.set(&payload, edited);
            pack.lines("data/ledger.txt", |lines| {
                lines.iter_mut().for_each(|line| *line = line.replace(&old, &new))
            });
        },
    );
    forger.sealed(
        "run-invented",
        &["0f0f0f0f-0000-4000-8000-000000000001"],
        |pack| {
            pack.records("data/runs.csv", |records| {
                let mut record = records[1].clone();
                record[0] = "0f0f0f0f-0000-4000-8000-000000000001".to_owned();
                records.push(record);
            });
        },
    );
    let messages = forger.base.table("data/messages.csv");
    let of_first = messages
        .iter()
        .filter(|record| record[0] == messages[1][0])
        .count();
    assert!(of_first > 1, "the first run has messages");
    forger.sealed("messages-swapped", &["data/messages.csv"], |pack| {
        pack.records("data/messages.csv", |records| records.swap(1, 2));
    });
    forger.sealed("messages-torn-apart", &["stand together"], |pack| {
        pack.records("data/messages.csv", |records| {
            let first = records.remove(1);
            records.push(first);
        });
    });
    forger.sealed("everything-removed", &["data/runs.csv"], |pack| {
        for table in [
            "runs", "messages", "failures", "changes", "vanished", "sample", "gaps",
        ] {
            pack.records(&format!("data/{table}.csv"), |records| records.truncate(1));
        }
        pack.files.retain(|name, _| !name.starts_with("data/payloads/"));
        pack.facts(|facts| facts["allow_empty"] = true.into());
    });
    let changed = forger.run_with_revisions();
    forger.sealed("run-called-removed", &[&is_missing], |pack| {
        leave_out(pack);
        pack.files.retain(|name, _| !name.contains(&run));
        pack.facts(|facts| facts["removed_after_head"] = json!([run]));
    });
    let told = "the ledger does not tell that such a run of this span was removed";
    for (name, row) in [
        ("no-plan", ["", "", "", "", "", "", ""]),
        (
            "a-plan",
            [
                "2024-01-05T00:00:00Z",
                "1",
                "3",
                "2025-01-05T00:00:00Z",
                "",
                "",
                &"0".repeat(64),
            ],
        ),
    ] {
        forger.sealed(
            &format!("run-in-removals-with-{name}"),
            &[&is_missing, told],
            |pack| {
                leave_out(pack);
                pack.files.retain(|name, _| !name.contains(&run));
                let job = pack.table("data/gaps.csv")[1][0].clone();
                pack.records("data/removals.csv", |records| {
                    let cells = [&run, &*job].into_iter().chain(row).map(str::to_owned);
                    records.push(cells.collect());
                });
            },
        );
    }
    forger.sealed("latest-revision-left-out", &[&changed], |pack| {
        let names: Vec<String> = pack
            .files
            .keys()
            .filter(|name| name.contains(&changed))
            .cloned()
            .collect();
        pack.files.remove(names.last().unwrap());
        pack.records("data/changes.csv", |records| {
            records.retain(|record| record[2] != changed)
        });
    });
}

fn edit_ledger(forger: &mut Forger, other: &Pack, older: &Pack) {
    const LEDGER: &str = "data/ledger.txt";
    let kinds = [
        "revision",
        "absent",
        "job-named",
        "job-added",
        "quarantined",
        "archive",
        "job",
    ];
    for kind in kinds {
        let line = forger.line(kind, "");
        let text = line.split_once(' ').unwrap().1.to_owned();
        forger.sealed(&format!("line-removed-{kind}"), &[LEDGER], |pack| {
            pack.lines(LEDGER, |lines| {
                let place = lines.iter().position(|there| *there == line).unwrap();
                lines.remove(place);
            });
        });
        forger.sealed(
            &format!("line-removed-and-counted-{kind}"),
            &[LEDGER, "chain"],
            |pack| {
                pack.lines(LEDGER, |lines| {
                    let place = lines.iter().position(|there| *there == line).unwrap();
                    lines.remove(place);
                    let head = (0..place).rfind(|&at| lines[at].starts_with("chain ")).unwrap();
                    let (job, count) = lines[head].rsplit_once(' ').unwrap();
                    lines[head] = format!("{job} {}", count.parse::<u32>().unwrap() - 1);
                });
            },
        );
        forger.sealed(&format!("line-twice-{kind}"), &[LEDGER], |pack| {
            pack.lines(LEDGER, |lines| {
                let place = lines.iter().position(|there| *there == line).unwrap();
                lines.insert(place, line.clone());
            });
        });
        forger.sealed(&format!("line-edited-{kind}"), &[LEDGER, "chain"], |pack| {
            let edited = text.replacen(" at=20", " at=19", 1);
            pack.lines(LEDGER, |lines| {
                let place = lines.iter().position(|there| *there == line).unwrap();
                lines[place] = lines[place].replace(&text, &edited);
            });
        });
    }
    for (name, kind) in [("absence-removed", "absent"), ("revision-removed", "revision")] {
        let line = forger.line(kind, "");
        forger.rewritten(
            &format!("{name}-sealed"),
            &["not bound to a head that was given"],
            |pack| {
                pack.lines(LEDGER, |lines| lines.retain(|there| *there != line));
            },
        );
    }
    let revision = forger.line("revision", "started=20");
    forger.rewritten(
        "start-edited-sealed",
        &["the start of its run is not the one that the ledger says"],
        |pack| {
            let (begin, started) = revision.rsplit_once(" started=20").unwrap();
            pack.replace(LEDGER, &revision, &format!("{begin} started=21{started}"));
        },
    );
    forger.sealed("lines-swapped", &[LEDGER, "chain"], |pack| {
        pack.lines(LEDGER, |lines| {
            let place = lines.iter().position(|line| *line == revision).unwrap();
            lines.swap(place, place + 1);
        });
    });
    forger.sealed("numbers-edited", &[LEDGER, "number"], |pack| {
        pack.lines(LEDGER, |lines| {
            let place = lines.iter().position(|line| *line == revision).unwrap();
            lines[place] = format!("1 {}", revision.split_once(' ').unwrap().1);
        });
    });
    forger.sealed("ledger-of-another-archive", &["archive_id", "head"], |pack| {
        pack.set(LEDGER, other.files[LEDGER].clone());
    });
    forger.sealed("ledger-of-an-older-head", &["head"], |pack| {
        pack.set(LEDGER, older.files[LEDGER].clone())
    });
    let (head, older_zip) = (forger.head.clone(), older.zip());
    forger.add(
        "package-of-another-head",
        older_zip,
        &head,
        &["not bound to a head that was given"],
    );
    forger.add(
        "package-of-another-archive",
        other.zip(),
        &head,
        &["not bound to a head that was given"],
    );
    forger.sealed("head-edited", &["data/ledger.txt, line 5", "head"], |pack| {
        pack.lines(LEDGER, |lines| lines[3] = format!("head {}", "0".repeat(64)));
    });
    forger.sealed("before-edited", &["the head does not follow"], |pack| {
        pack.lines(LEDGER, |lines| lines[2] = format!("before {}", "0".repeat(64)));
    });
    forger.sealed("sync-edited", &["the head does not follow"], |pack| {
        pack.lines(LEDGER, |lines| {
            lines[4] = lines[4].replace("outcome=", "outcome=complete outcome=")
        });
    });
    forger.sealed("result-hidden", &[LEDGER, "other jobs"], |pack| {
        pack.lines(LEDGER, |lines| lines[6] = sha256(&lines[6]));
    });
    forger.sealed("result-of-a-job-removed", &[LEDGER], |pack| {
        pack.lines(LEDGER, |lines| {
            lines.remove(6);
            lines[5] = "results 2".to_owned();
        });
    });
    forger.sealed("result-of-a-job-edited", &[LEDGER, "results"], |pack| {
        pack.lines(LEDGER, |lines| {
            lines[6] = lines[6].replacen(" began=20", " began=19", 1)
        });
    });
    forger.sealed("lines-behind-the-end", &[LEDGER, "behind the end"], |pack| {
        pack.lines(LEDGER, |lines| lines.push("end".to_owned()));
    });
    forger.sealed("ledger-cut", &[LEDGER], |pack| {
        pack.lines(LEDGER, |lines| lines.truncate(lines.len() / 2));
    });
    forger.sealed("ledger-empty", &[LEDGER], |pack| pack.set(LEDGER, ""));
    forger.sealed("ledger-without-last-line-end", &[LEDGER], |pack| {
        pack.files.get_mut(LEDGER).unwrap().pop();
    });
}

fn edit_facts_and_files(forger: &mut Forger) {
    const FACTS: &str = "data/package.json";
    let edits: [(&str, Value, &str); 14] = [
        ("since", json!("2024-01-05T00:00:00Z"), "data/runs.csv"),
        ("until", json!("2024-01-05T00:00:00Z"), "data/runs.csv"),
        ("archive_id", json!("0f0f0f0f-0000-4000-8000-000000000000"), FACTS),
        ("head", json!("0".repeat(64)), FACTS),
        ("head_at", json!("2001-01-01T00:00:00Z"), FACTS),
        ("sync_id", json!(1), FACTS),
        ("jobs", json!([]), FACTS),
        (
            "jobs",
            json!([{"job_id": "0f0f0f0f-0000-4000-8000-000000000000", "name": null}]),
            "other jobs",
        ),
        ("redacted", json!(["owners"]), "data/payloads/"),
        ("redacted", json!(["all"]), FACTS),
        ("redacted", json!(null), FACTS),
        ("sample", json!(null), "data/sample.csv"),
        ("allow_empty", json!(1), FACTS),
        ("format", json!("another"), FACTS),
    ];
    for (place, (key, value, word)) in edits.into_iter().enumerate() {
        forger.sealed(&format!("facts-{place}-{key}"), &[word], |pack| {
            pack.facts(|facts| facts[key] = value)
        });
    }
    for (name, key, value) in [
        ("seed", "seed", json!("another seed")),
        ("size", "size", json!(3)),
        ("size-of-none", "size", json!(0)),
        ("spare", "spare", json!(1)),
        ("population", "population", json!(4)),
    ] {
        forger.sealed(&format!("sample-{name}"), &["sample"], |pack| {
            pack.facts(|facts| facts["sample"][key] = value)
        });
    }
    forger.sealed("name-of-a-job", &["the name of job"], |pack| {
        pack.facts(|facts| facts["jobs"][0]["name"] = json!("Another name"));
    });
    for (name, key) in [("runs", "runs"), ("payloads", "payloads")] {
        let mut pack = forger.base.clone();
        pack.facts(|facts| facts[key] = 7.into());
        pack.seal_manifests();
        forger.add(
            &format!("facts-count-{name}"),
            pack.zip(),
            "",
            &[FACTS, "number of"],
        );
    }
    forger.sealed("facts-with-a-name-twice", &[FACTS, "a name twice"], |pack| {
        pack.set(
            FACTS,
            "{\"format\":\"jobruns evidence package\",\"version\":1,\"version\":1}",
        );
        pack.files.remove("data/runs.csv");
    });
    // JSON that one reader takes and another does not.
    let text = forger.base.text(FACTS).to_owned();
    let mut written = |name: &str, text: &str, word: &str| {
        let mut pack = forger.base.clone();
        pack.set(FACTS, text);
        pack.seal_manifests();
        forger.add(&format!("facts-{name}"), pack.zip(), "", &[FACTS, word]);
    };
    for (name, more) in [
        ("nan", "NaN".to_owned()),
        ("infinity", "[-Infinity]".to_owned()),
        ("out-of-range", "1e999".to_owned()),
        ("half-a-pair", "\"\\ud800\"".to_owned()),
        ("control-character", "\"\u{1}\"".to_owned()),
        ("leading-zero", "01".to_owned()),
        ("nested", format!("{}1{}", "[".repeat(127), "]".repeat(127))),
    ] {
        let more = format!("{{\"more\":{more},{}", &text[1..]);
        written(name, &more, "cannot be read");
    }
    written("byte-order-mark", &format!("\u{feff}{text}"), "cannot be read");
    for (key, word) in [("seconds", "purge_ages"), ("size", "sample")] {
        for value in ["1000000000000000", "5.0", "5e0", "-5", "-0", &"9".repeat(40)] {
            let begin = text.find(&format!("\"{key}\":")).unwrap() + key.len() + 3;
            let end = begin + text[begin..].find([',', '}']).unwrap();
            let edited = format!("{}{value}{}", &text[..begin], &text[end..]);
            written(&format!("{key}-{value}"), &edited, word);
        }
    }
    forger.sealed("purge-age-listed-longer", &[FACTS, "purge_ages"], |pack| {
        pack.facts(|facts| {
            for age in facts["purge_ages"].as_array_mut().unwrap() {
                age["listed_seconds"] = (age["seconds"].as_u64().unwrap() + 1).into();
            }
        });
    });
    // Spans that no answer can have proved.
    let gaps = forger.base.table("data/gaps.csv");
    let proved = gaps.iter().find(|row| row[4] == "complete").unwrap().clone();
    let without_bounds = ["data/gaps.csv", "a span without bounds is complete"];
    for (name, bound) in [("from-the-beginning", 2), ("without-end", 3)] {
        forger.sealed(&format!("gaps-complete-{name}"), &without_bounds, |pack| {
            pack.records("data/gaps.csv", |records| {
                let at = records.iter().position(|row| *row == proved).unwrap();
                records[at][bound].clear();
                let is_other = |row: &Vec<String>| row[0] != proved[0] || row[2..4] == records[at][2..4];
                let kept: Vec<bool> = (0..)
                    .zip(&*records)
                    .map(|(place, row)| is_other(row) || (place < at) == (bound == 3))
                    .collect();
                let mut kept = kept.into_iter();
                records.retain(|_| kept.next().unwrap());
            });
        });
    }
    forger.sealed("facts-cut", &[FACTS], |pack| {
        let half = pack.text(FACTS)[..100].to_owned();
        pack.set(FACTS, half);
        pack.files.remove("data/runs.csv");
    });
    forger.sealed("newer-version", &["version 2", "knows version 1"], |pack| {
        pack.facts(|facts| facts["version"] = 2.into())
    });
    for name in [
        "README.html",
        "check.py",
        "check.html",
        "data/workpaper.xlsx",
        "bagit.txt",
        "bag-info.txt",
    ] {
        forger.unsealed(&format!("edited-{name}"), &[name, "SHA-256"], |pack| {
            pack.files.get_mut(name).unwrap().push(b'\n');
        });
    }
    let names: Vec<String> = forger
        .base
        .files
        .keys()
        .filter(|name| !name.starts_with("data/payloads/"))
        .cloned()
        .collect();
    for name in names {
        let word = if name == FACTS { "package.json" } else { &name };
        forger.unsealed(&format!("removed-{name}"), &[word], |pack| {
            drop(pack.files.remove(&name))
        });
    }
    for name in ["manifest-sha256.txt", "tagmanifest-sha256.txt"] {
        forger.unsealed(
            &format!("line-removed-{name}"),
            &["it is in no manifest"],
            |pack| {
                pack.lines(name, |lines| drop(lines.remove(0)));
            },
        );
        forger.unsealed(&format!("hash-edited-{name}"), &["SHA-256"], |pack| {
            pack.lines(name, |lines| {
                lines[0] = format!("{}{}", "0".repeat(64), &lines[0][64..])
            });
        });
        forger.unsealed(&format!("line-twice-{name}"), &[name], |pack| {
            pack.lines(name, |lines| lines.push(lines[0].clone()))
        });
    }
    forger.sealed("file-added", &["a file that no package has"], |pack| {
        pack.set("data/more.txt", "x")
    });
    forger.unsealed("file-added-unsealed", &["in no manifest"], |pack| {
        pack.set("data/quarantine/999.bin", "x")
    });
    forger.sealed("bag-info-of-another-day", &["Bagging-Date"], |pack| {
        pack.replace("bag-info.txt", "Bagging-Date: 20", "Bagging-Date: 19")
    });
    let piece = forger.base.first("data/quarantine/");
    forger.sealed("bag-info-of-two-days", &["Bagging-Date"], |pack| {
        let text = format!("{}bagging-date: 2020-01-01\n", pack.text("bag-info.txt"));
        pack.set("bag-info.txt", text);
    });
    forger.sealed("quarantined-bytes-edited", &[&piece], |pack| {
        pack.files.get_mut(&piece).unwrap().push(b' ')
    });
    forger.sealed("quarantined-bytes-removed", &[&piece], |pack| {
        drop(pack.files.remove(&piece))
    });
    forger.sealed(
        "quarantined-bytes-invented",
        &["data/quarantine/999.bin"],
        |pack| pack.set("data/quarantine/999.bin", "x"),
    );
    forger.sealed(
        "quarantine-row-removed-with-bytes",
        &["data/quarantine.csv, number 1"],
        |pack| {
            pack.records("data/quarantine.csv", |records| drop(records.remove(1)));
            pack.files.remove("data/quarantine/1.bin");
        },
    );
    forger.sealed(
        "rules-of-a-zone-nobody-names",
        &["no line names these rules"],
        |pack| {
            pack.set(&format!("data/zones/{}.tzif", "0".repeat(64)), "TZif");
        },
    );
    forger.sealed("csv-with-bare-quotes", &["data/runs.csv"], |pack| {
        pack.replace("data/runs.csv", ",", "\",\"");
    });
    forger.sealed("purge-age", &["data/vanished.csv"], |pack| {
        pack.facts(|facts| {
            for age in facts["purge_ages"].as_array_mut().unwrap() {
                age["seconds"] = 1.into();
            }
        });
    });
    forger.sealed(
        "purge-age-listed",
        &["data/gaps.csv", "called complete"],
        |pack| {
            pack.facts(|facts| {
                for age in facts["purge_ages"].as_array_mut().unwrap() {
                    age["listed_seconds"] = 1.into();
                }
            });
        },
    );
}

fn edit_zip(forger: &mut Forger) {
    let folder = forger.base.folder.clone();
    let whole = forger.base.zip();
    for parts in 0..12 {
        forger.add(
            &format!("cut-{parts}"),
            whole[..whole.len() * parts / 12].to_vec(),
            "",
            &["cut"],
        );
    }
    forger.add("cut-by-a-byte", whole[..whole.len() - 1].to_vec(), "", &["cut"]);
    forger.add(
        "not-a-zip",
        b"PK is not enough, and this is a text".repeat(20),
        "",
        &["not a ZIP file"],
    );
    forger.add("bytes-behind", [&whole[..], b"more"].concat(), "", &["cut"]);
    forger.add("no-entries", write_zip(&[]), "", &["holds no file"]);
    forger.add(
        "second-half-of-another",
        [&whole[..whole.len() / 2], &whole[..]].concat(),
        "",
        &["directory"],
    );
    for (name, path) in [
        ("parent", format!("{folder}/../../evil.txt")),
        ("absolute", "/etc/evil.txt".to_owned()),
        ("drive", "C:/evil.txt".to_owned()),
        ("backslash", format!("{folder}\\..\\evil.txt")),
        ("dot", format!("{folder}/./evil.txt")),
        ("empty-part", format!("{folder}//evil.txt")),
    ] {
        forger.zipped(
            &format!("path-{name}"),
            &["a path that leads outside"],
            |entries| {
                entries.push(ZipEntry::new(&path, b"x"));
            },
        );
    }
    forger.zipped("another-top-folder", &["top folder"], |entries| {
        entries.push(ZipEntry::new("other/evil.txt", b"x"))
    });
    forger.zipped("no-top-folder", &["top folder"], |entries| {
        entries.push(ZipEntry::new("evil.txt", b"x"))
    });
    let runs = format!("{folder}/data/runs.csv");
    forger.zipped("name-twice", &["data/runs.csv", "twice"], |entries| {
        entries.push(ZipEntry::new(&runs, b"other rows\n"))
    });
    forger.zipped(
        "another-name-before-the-bytes",
        &["another name before its bytes"],
        |entries| {
            entries[0].local_name = entries[0].local_name.replace("README", "DAEMER");
        },
    );
    forger.zipped("hidden-file", &["belong to no file"], |entries| {
        // One of which the directory does not tell: programs that read a ZIP file from its beginning find it.
        let hidden = write_zip(&[ZipEntry::new("runs.csv", b"other rows")]);
        entries[0].hidden = hidden;
    });
    forger.zipped("other-method-before-the-bytes", &["says otherwise"], |entries| {
        entries[0].local_method = Some(8)
    });
    forger.zipped("link", &["a link"], |entries| entries[0].mode = 0o120_777);
    forger.zipped("link-of-another-system", &["a link"], |entries| {
        (entries[0].mode, entries[0].made_by) = (0o120_777, 16);
    });
    forger.zipped("other-sizes-before-the-bytes", &["says otherwise"], |entries| {
        (entries[0].flags, entries[0].local_sizes) = (8, Some([1, 2, 3]));
    });
    forger.zipped(
        "other-sizes-of-64-bits-before-them",
        &["says otherwise"],
        |entries| {
            let sizes = [5_u64.to_le_bytes(), 5_u64.to_le_bytes()].concat();
            entries[0].local_extra = [&[1, 0, 16, 0], &sizes[..]].concat();
            entries[0].local_sizes = Some([entries[0].crc, u32::MAX, u32::MAX]);
        },
    );
    edit_what_other_programs_read(forger);
    forger.zipped("encrypted", &["encrypted"], |entries| entries[0].flags = 1);
    forger.zipped("packed-otherwise", &["packed in a way"], |entries| {
        entries[0].method = 14
    });
    forger.zipped("checksum", &["checksum"], |entries| entries[0].crc ^= 1);
    forger.zipped("says-more-bytes", &["fewer bytes"], |entries| {
        entries[0].size += 5
    });
    forger.zipped("says-fewer-bytes", &["more bytes than the ZIP says"], |entries| {
        let readme = entries
            .iter_mut()
            .find(|entry| entry.name.ends_with("README.html"))
            .unwrap();
        *readme = ZipEntry::deflated(&readme.name.clone(), &readme.bytes.clone());
        readme.size -= 5;
    });
    forger.zipped("bomb", &["more bytes than the ZIP says"], |entries| {
        let readme = entries
            .iter_mut()
            .find(|entry| entry.name.ends_with("README.html"))
            .unwrap();
        let size = readme.size;
        *readme = ZipEntry::deflated(&readme.name.clone(), &vec![0; 64 << 20]);
        readme.size = size;
    });
    forger.zipped("bomb-that-says-so", &["unpacks to"], |entries| {
        entries.clear();
        let mut bomb = ZipEntry::deflated(&format!("{folder}/README.html"), &vec![0; 1 << 20]);
        bomb.size = u32::MAX - 1;
        entries.push(bomb);
    });
    forger.zipped("packed-bytes-cut", &["README.html"], |entries| {
        let readme = entries
            .iter_mut()
            .find(|entry| entry.name.ends_with("README.html"))
            .unwrap();
        *readme = ZipEntry::deflated(&readme.name.clone(), &readme.bytes.clone());
        readme.bytes.truncate(readme.bytes.len() / 2);
    });
}

/// A ZIP file whose directory is named by an end of 64 bits too; the one of 32 bits is edited.
fn with_wide_end(whole: &[u8], edit: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let (files, end) = whole.split_at(whole.len() - 22);
    let mut record = b"PK\x06\x06".to_vec();
    record.extend(44_u64.to_le_bytes());
    record.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for count in [&end[8..10], &end[10..12]] {
        record.extend([count, &[0; 6]].concat());
    }
    for place in [&end[12..16], &end[16..20]] {
        record.extend([place, &[0; 4]].concat());
    }
    let begin = (files.len() as u64).to_le_bytes();
    let locator = [&b"PK\x06\x07\0\0\0\0"[..], &begin, &[1, 0, 0, 0]].concat();
    let mut end = end.to_vec();
    edit(&mut end);
    [files, &record, &locator, &end].concat()
}

/// What no check reads, and other programs may unpack something else by.
fn edit_what_other_programs_read(forger: &mut Forger) {
    let folder = forger.base.folder.clone();
    // Unpacked by unzip, what no check compares lies there as runs.csv.
    let path_field = |name: &str, path: &str| {
        let mut crc = flate2::Crc::new();
        crc.update(name.as_bytes());
        let data = [&[1][..], &crc.sum().to_le_bytes(), path.as_bytes()].concat();
        let length = u16::try_from(data.len()).unwrap();
        [&0x7075_u16.to_le_bytes()[..], &length.to_le_bytes(), &data].concat()
    };
    forger.zipped("another-name-in-an-extra-field", &["an extra field"], |entries| {
        for entry in entries {
            for (name, path) in [("workpaper.xlsx", "runs.csv"), ("runs.csv", "failures.csv")] {
                if entry.name.ends_with(name) {
                    entry.extra = path_field(&entry.name, &format!("{folder}/data/{path}"));
                }
            }
        }
    });
    for (name, field) in [
        ("long", [&[0x55, 0x54, 40, 0][..], &[0; 40]].concat()),
        ("twice", [0x55, 0x54, 1, 0, 0].repeat(2)),
        ("broken", vec![0x55, 0x54, 9, 0, 0]),
    ] {
        forger.zipped(&format!("extra-field-{name}"), &["an extra field"], |entries| {
            entries[0].extra.clone_from(&field);
        });
        forger.zipped(
            &format!("extra-field-before-the-bytes-{name}"),
            &["an extra field"],
            |entries| entries[0].local_extra = field,
        );
    }
    forger.zipped("comment", &["a comment"], |entries| {
        entries[0].comment = b"hidden".to_vec();
    });
    // A directory of 64 bits, named right before the end, which names another one.
    let locator = [&b"PK\x06\x07"[..], &[0; 16]].concat();
    forger.zipped("two-directories", &["two directories"], |entries| {
        entries.last_mut().unwrap().comment.clone_from(&locator);
    });
    let whole = forger.base.zip();
    let words = ["two directories"];
    forger.add("two-ends", with_wide_end(&whole, |_| ()), "", &words);
    let with_other_begin = with_wide_end(&whole, |end| {
        end[8..12].fill(0xff);
        end[16] ^= 1;
    });
    forger.add("two-begins", with_other_begin, "", &words);
    forger.zipped("bytes-behind-packed-ones", &["README.html"], |entries| {
        let readme = entries
            .iter_mut()
            .find(|entry| entry.name.ends_with("README.html"))
            .unwrap();
        *readme = ZipEntry::deflated(&readme.name.clone(), &readme.bytes.clone());
        readme.bytes.extend(b"hidden");
    });
    forger.zipped("folder-with-bytes", &["a folder that has bytes"], |entries| {
        let mut entry = ZipEntry::new(&format!("{folder}/data/"), b"hidden");
        (entry.size, entry.mode) = (0, 0o040_755);
        entries.push(entry);
    });
    forger.zipped(
        "folder-that-no-package-has",
        &["a folder that no package has"],
        |entries| entries.push(ZipEntry::new(&format!("{folder}/data/runs.csv/"), b"")),
    );
}

/// A package behind a removal of the two oldest final runs.
async fn package_with_removals(bench: &Bench, program: &Program) -> (PathBuf, String) {
    let days: i64 = bench.value(
        "SELECT CAST(julianday('now', 'start of day') - julianday(coalesce(ended_at, started_at)) AS INTEGER)
         FROM runs JOIN job_statuses USING (status) WHERE is_final AND coalesce(ended_at, started_at) IS NOT NULL
         ORDER BY 1 DESC LIMIT 1 OFFSET 1",
    );
    let older_than = format!("{days}d");
    let rule = ["retain", "--older-than", &older_than, "--reason", "the rule"];
    let plan = program.run(&rule).ends_with(0).stdout;
    let plan = plan.split_whitespace().last().unwrap().to_owned();
    program
        .run(&[&rule[..], &["--apply", &plan]].concat())
        .ends_with(0);
    bench.sync().await;
    make(program, "removals.zip", &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_packages_pass_no_check() {
    let bench = eventful(None).await;
    let program = bench.program();
    let (path, head) = make(&program, "base.zip", &ALL);
    let first: String = bench.value("SELECT head FROM syncs WHERE head IS NOT NULL ORDER BY sync_id LIMIT 1");
    let (older, _) = make(&program, "older.zip", &["--head", &first]);
    let another = Bench::new().await;
    another.sync().await;
    let other = another.program();
    let (other, _program) = (make(&other, "other.zip", &[]).0, other);
    let mut forger = Forger {
        base: Pack::open(&path),
        head,
        forged: Vec::new(),
    };
    // What the forgeries are made of is sound by itself, sealed by the forger's own hand.
    let mut checks = Checks::new();
    let mut again = forger.base.clone();
    again.seal_ledger();
    again.seal();
    let again = checks.write("again.zip", &again.zip());
    checks.is_sound(&again, &forger.head.clone(), &[]);
    // Other programs write times into extra fields, and larger packages end otherwise.
    let mut entries = forger.base.entries();
    for entry in &mut entries {
        entry.extra = [b"UT\x05\0\x01", &[0; 4][..]].concat();
        entry.local_extra.clone_from(&entry.extra);
    }
    let wide = with_wide_end(&write_zip(&entries), |end| end[8..12].fill(0xff));
    let wide = checks.write("wide.zip", &wide);
    checks.is_sound(&wide, &forger.head.clone(), &[]);
    edit_every_column(&mut forger, ".csv");
    edit_payloads_and_runs(&mut forger);
    edit_ledger(&mut forger, &Pack::open(&other), &Pack::open(&older));
    edit_facts_and_files(&mut forger);
    edit_zip(&mut forger);
    // With runs that a rule removed before the head.
    let (path, _) = package_with_removals(&bench, &program).await;
    let mut removals = Forger {
        base: Pack::open(&path),
        head: String::new(),
        forged: Vec::new(),
    };
    edit_every_column(&mut removals, "removals.csv");
    // Who and why may have been lost, which is told.
    let mut unsaid = removals.base.clone();
    unsaid.records("data/removals.csv", |records| records[1][7].clear());
    unsaid.seal();
    let unsaid = checks.write("unsaid.zip", &unsaid.zip());
    checks.is_sound(&unsaid, "", &["removals.csv leaves empty: 1"]);
    forger.forged.append(&mut removals.forged);
    assert!(forger.forged.len() >= 100, "{} forgeries", forger.forged.len());
    let packages: Vec<(PathBuf, String)> = forger
        .forged
        .iter()
        .enumerate()
        .map(|(number, forged)| {
            (
                checks.write(&format!("{number}.zip"), &forged.bytes),
                forged.head.clone(),
            )
        })
        .collect();
    let mut missed = Vec::new();
    for (forged, answers) in forger.forged.iter().zip(checks.of_all(&packages)) {
        for answer in answers {
            let unsaid: Vec<&String> = forged
                .words
                .iter()
                .filter(|word| !answer.said.contains(word.as_str()))
                .collect();
            if answer.code == 0 || !unsaid.is_empty() {
                let said: String = answer.said.chars().take(700).collect();
                missed.push(format!(
                    "{} by {}: code {}, not said {unsaid:?}: {said}",
                    forged.name, answer.by, answer.code
                ));
            }
        }
    }
    assert!(
        missed.is_empty(),
        "{} of {}:\n{}",
        missed.len(),
        forger.forged.len(),
        missed.join("\n\n")
    );
}
