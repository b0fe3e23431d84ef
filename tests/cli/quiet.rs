//! `--quiet`: silent on success, errors on anything else, so that cron mails exactly when something is wrong.

use std::collections::BTreeSet;
#[cfg(unix)]
use std::path::Path;
#[cfg(unix)]
use std::process::Stdio;

#[cfg(unix)]
use crate::common::program::Ended;
use crate::common::program::Program;
use crate::common::story::Story;

/// What a successful command prints with `--quiet`.
#[derive(Debug, PartialEq, Eq)]
enum Prints {
    Nothing,
    /// The command's answer is data, or `--format` asks for data.
    Data,
}
use Prints::{Data, Nothing};

/// A synced archive, its program, and the GUID of a run.
async fn synced() -> (Story, String) {
    let story = Story::synced().await;
    let runs = ["query", "SELECT min(job_run_id) FROM runs", "--format", "csv"];
    let run = story.program.run(&runs).ends_with(0).stdout;
    let run = run.lines().last().unwrap().to_owned();
    (story, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_silent_on_success_unless_its_answer_is_data() {
    let (story, run) = synced().await;
    let job = story.job(0);
    let url = story.server.base_url();
    // Heads that this archive never held, to be given up.
    story.program.run(&["sync", "--head-file", "heads"]).ends_with(0);
    story.program.write("empty.toml", "");
    let archive_id = story
        .program
        .run(&["verify", "--format", "json"])
        .ends_with(0)
        .json()["archive_id"]
        .clone();
    let foreign = format!(
        "2026-01-01T00:00:00Z 99 {} {}\n",
        archive_id.as_str().unwrap(),
        "ab".repeat(32)
    );
    story.program.write("foreign-heads", foreign);
    let cases: &[(&[&str], Prints)] = &[
        (&["init", "made.toml", "--archive", "made.db"], Nothing),
        (&["check"], Nothing),
        (&["check", "--format", "json"], Data),
        (&["schedule", "cron", "--config", "empty.toml"], Data),
        (
            &[
                "schedule",
                "systemd",
                "--config",
                "empty.toml",
                "--output-dir",
                "units",
            ],
            Nothing,
        ),
        (&["sync"], Nothing),
        (&["sync", "--format", "json"], Data),
        (&["sync", "--format", "table"], Data),
        (&["jobs", "list"], Data),
        (&["jobs", "discover"], Data),
        (&["jobs", "add", "ff761384-4b49-40b4-97d8-0de38669075a"], Nothing),
        (
            &["jobs", "remove", "ff761384-4b49-40b4-97d8-0de38669075a"],
            Nothing,
        ),
        (&["jobs", "move", &job, "--to", "https://other:12431"], Nothing),
        (&["jobs", "move", &job, "--to", &url], Nothing),
        (&["status"], Nothing),
        (&["status", "--max-age", "26h"], Nothing),
        (&["status", "--format", "json"], Data),
        (&["report", "coverage"], Data),
        (
            &[
                "report",
                "coverage",
                "--output",
                "coverage.csv",
                "--max-age",
                "26h",
            ],
            Nothing,
        ),
        (&["report", "all", "--output-dir", "reports"], Nothing),
        (&["query", "SELECT 1"], Data),
        (&["query", "SELECT 1 WHERE 0"], Data),
        (&["schema", "runs"], Data),
        (&["verify"], Nothing),
        (&["verify", "--head-file", "heads"], Nothing),
        (&["verify", "--format", "json"], Data),
        (&["backup", "copy.db"], Nothing),
        (&["backup", "copy.db", "--force", "--format", "json"], Data),
        (&["export", "--output-dir", "exported"], Nothing),
        (&["evidence", "--output", "pack.zip"], Nothing),
        (&["verify", "--pack", "pack.zip"], Nothing),
        (&["reindex"], Nothing),
        (&["salvage", "copy.db", "salvaged.db"], Nothing),
        (&["salvage", "copy.db", "salvaged-2.db", "--format", "json"], Data),
        (&["hold", "add", "--reason", "a test"], Nothing),
        (&["hold", "list"], Data),
        (&["hold", "release", "1", "--reason", "a test"], Nothing),
        (&["retain", "--older-than", "90y", "--reason", "a test"], Nothing),
        (&["retain", "lock", "1y"], Nothing),
        (&["ledger", "show"], Data),
        (&["ledger", "export"], Data),
        (&["ledger", "export", "--output", "ledger.jsonl"], Nothing),
        (
            &["ledger", "acknowledge", "--head-file", "heads", "--why", "a test"],
            Nothing,
        ),
        (
            &[
                "ledger",
                "acknowledge",
                "--head-file",
                "foreign-heads",
                "--why",
                "a test",
            ],
            Nothing,
        ),
        (&["run", &run], Data),
        (&["payload", &run], Data),
        (&["payload", &run, "--output", "payload.json"], Nothing),
        (&["quarantine", "list"], Data),
        (&["trust"], Data),
        (&["simulate", "--port", "0", "--for", "0s"], Data),
        (&["completions", "bash"], Data),
        (&["man", "--output-dir", "man"], Nothing),
        (&["demo"], Nothing),
    ];
    for (arguments, prints) in cases {
        let ended = story.program.run(&[&["--quiet"], *arguments].concat());
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr, "", "{arguments:?}");
        let printed = if ended.stdout.is_empty() { Nothing } else { Data };
        assert_eq!(printed, *prints, "{arguments:?}: {}", ended.stdout);
    }
    // Acceptance needs something to accept; a password needs a store, which a test does not touch.
    let elsewhere = ["quarantine", "password"];
    let tried: BTreeSet<&str> = cases
        .iter()
        .map(|(arguments, _)| arguments[0])
        .chain(elsewhere)
        .collect();
    for command in commands(&story.program) {
        assert!(
            tried.contains(command.as_str()),
            "{command} is not tried with --quiet"
        );
    }
}

/// The commands, as `--help` lists them.
fn commands(program: &Program) -> Vec<String> {
    let help = program.run(&["--help"]).ends_with(0).stdout;
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_bytes_are_silence_and_bytes_in_quarantine_are_told() {
    let story = Story::new().await;
    story.fault("bad-run=1@1");
    story
        .sync(&["--quiet", "--new"])
        .ends_with(3)
        .says("Error: sync 1 is partial: 1 of 3 jobs not complete")
        .says("Hint: bytes that could not be read are in quarantine");
    let accept = ["--quiet", "quarantine", "accept", "1", "--why", "a test"];
    let ended = story.program.run(&accept).ends_with(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_not_success_tells_errors_and_nothing_else() {
    let (story, _) = synced().await;
    let program = &story.program;
    let copied = |name: &str, sql: &str| {
        std::fs::copy(program.path("jobruns.db"), program.path(name)).unwrap();
        let connection = rusqlite::Connection::open(program.path(name)).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    copied(
        "damaged.db",
        "UPDATE payload SET data = zeroblob(40) WHERE entry_id = (SELECT min(entry_id) FROM payload)",
    );
    copied("stale.db", "UPDATE _job SET last_answered_unix = 1577836800");
    program.write("heads", format!("{}\n", "ab".repeat(32)));
    let head = program.run(&["verify", "--format", "json"]).json()["head"]
        .as_str()
        .unwrap()
        .to_owned();
    program.write("half-heads", format!("{head}\nwhat is this\n"));
    let cases: &[(&[&str], i32, &str)] = &[
        (
            &["status", "--max-age", "26h", "--archive", "stale.db"],
            3,
            "Error: ",
        ),
        (&["status", "--archive", "none.db"], 1, "Error: "),
        (
            &[
                "report",
                "coverage",
                "--output",
                "c.csv",
                "--max-age",
                "26h",
                "--archive",
                "stale.db",
            ],
            3,
            "Error: ",
        ),
        (
            &["verify", "--head-file", "heads"],
            4,
            "Error: the archive jobruns.db is not intact: 1 finding",
        ),
        (
            &["verify", "--head-file", "half-heads"],
            3,
            "Error: half-heads:2: ",
        ),
        (
            &["verify", "--archive", "damaged.db"],
            4,
            "Error: the archive damaged.db is not intact",
        ),
        (
            &["check", "--pin", &"ab".repeat(32)],
            3,
            "Error: the check found 1 fault\nCaused by: tls: ",
        ),
        (&["init", "heads", "--no-sync"], 2, "Error: "),
        (&["backup", "jobruns.db"], 2, "Error: "),
        (&["backup", "copy.db", "--archive", "damaged.db"], 4, "Error: "),
        (
            &["salvage", "damaged.db", "new.db"],
            3,
            "Error: 1 thing of damaged.db could not be salvaged",
        ),
        (&["export", "--output-dir", "jobruns.db"], 2, "Error: "),
        (
            &["export", "--format", "jsonl", "--output-dir", "jobruns.db"],
            2,
            "Error: ",
        ),
        (
            &[
                "jobs",
                "move",
                "--all",
                "--from",
                "https://nowhere",
                "--to",
                "https://b",
            ],
            1,
            "Error: ",
        ),
        (&["quarantine", "accept", "7", "--why", "x"], 1, "Error: "),
        (&["ledger", "acknowledge", "--why", "x"], 2, "Error: "),
        (&["sync", "--password-file", "none"], 2, "Error: "),
        (&["sync", "--pin", &"ab".repeat(32)], 1, "Error: sync "),
        (
            &["sync", "--head-file", "no/folder/heads"],
            3,
            "Error: the head of sync ",
        ),
        (&["query", "SELECT"], 2, "Error: "),
    ];
    for (arguments, code, begin) in cases {
        let ended = program.run(&[&["--quiet"], *arguments].concat());
        assert_eq!(ended.code, Some(*code), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(ended.stderr.starts_with(begin), "{arguments:?}: {}", ended.stderr);
    }
    story.fault("403@2");
    let ended = story
        .program
        .run(&["sync", "--quiet", "--log-file", "log"])
        .ends_with(3);
    assert!(
        ended
            .stderr
            .starts_with("Error: sync 4 is partial: 1 of 3 jobs not complete\nCaused by: "),
        "{ended:?}"
    );
    // It is an error in the log too.
    let log = std::fs::read_to_string(program.path("log")).unwrap();
    assert!(log.contains(" ERROR Error: sync 4 is partial"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_cause_that_hits_all_jobs_is_one_message_with_their_names() {
    let (story, _) = synced().await;
    let program = &story.program;
    let pw = program.write("pw", "hunter2\n");
    let ended = program
        .run(&["sync", "--password-file", pw.to_str().unwrap()])
        .ends_with(1);
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(told.matches("refused the login").count(), 1, "{told}");
    assert!(
        told.contains("Caused by: 3 jobs (Nightly Windows servers, SQL Server standard, UNIX baseline)"),
        "{told}"
    );
    assert!(
        told.contains(&format!("with the password from the file {}", pw.display())),
        "{told}"
    );
    // The environment's password, refused; a server that is gone in the middle.
    story.fault("login-fails");
    program
        .run(&["sync"])
        .ends_with(1)
        .says("with the password from JOBRUNS_PASSWORD");
    story.fault("503");
    let ended = program.run(&["sync", "--log-file", "log"]).ends_with(1);
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(told.matches("503").count(), 1, "{told}");
    let log = std::fs::read_to_string(program.path("log")).unwrap();
    assert_eq!(log.matches("503").count(), 1, "{log}");
}

/// The lines of the crontabs in a document, with the paths that they name in `folder`.
#[cfg(unix)]
fn crontab(document: &str, folder: &Path) -> Vec<String> {
    let folder = folder.display();
    let blocks = document.split("```cron\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    lines
        .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
        .map(|line| {
            let command = line.splitn(6, ' ').nth(5).unwrap();
            command
                .replace("/etc/jobruns/", &format!("{folder}/"))
                .replace("/var/log/", &format!("{folder}/"))
                .replace("/mnt/backup/", &format!("{folder}/"))
                .replace(r"\%", "%")
        })
        .collect()
}

/// Runs a line as cron does: by `sh`, without terminal, with hardly any environment. Says what would be mailed.
#[cfg(unix)]
fn mail(program: &Program, line: &str) -> String {
    let mut command = program.start("env");
    let path = format!("PATH={}:/usr/bin:/bin", program.path("bin").display());
    command.args(["-i", &path, "LOGNAME=svc", "SHELL=/bin/sh", "sh", "-c"]);
    command.arg(format!("{line} 2>&1")).stdin(Stdio::null());
    Ended::of(command.spawn().unwrap()).stdout
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_crontabs_mail_exactly_when_something_is_wrong() {
    let story = Story::new().await;
    // Jobs that ran just now: the runs of the look-alike's history are so old that each job counts as stopped.
    let now = jobruns::model::Instant::now().to_string();
    for job in 0..3 {
        let run = serde_json::json!({"JobRunID": format!("0e0e0e0e-0000-4000-8000-{job:012}"), "Status": 2, "JobStartTime": now,
            "JobEndTime": now, "MessageCount": 0, "JobMessages": []});
        let body = serde_json::json!({"JobID": story.job(job), "TotalJobRuns": 1, "JobStatusInfo": [run]});
        story.server.set_body(job, body.to_string());
    }
    story.sync(&[]).ends_with(0);
    let program = &story.program;
    std::fs::create_dir(program.path("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_jobruns"), program.path("bin/jobruns")).unwrap();
    program.write("password", "simulator\n");
    let config = |password: &str| {
        let pin = jobruns::model::hex(&story.server.certificate_sha256());
        let text = format!(
            "archive = 'jobruns.db'\nurl = '{}'\nusername = 'CORP\\auditor'\npin = '{pin}'\npassword_file = '{password}'\nretries = 0\n",
            story.server.base_url(),
        );
        program.write("jobruns.toml", text)
    };
    config("password");
    std::fs::create_dir(program.path("jobruns")).unwrap();
    let lines: Vec<String> = [
        include_str!("../../README.md"),
        include_str!("../../docs/operations.md"),
    ]
    .into_iter()
    .flat_map(|document| crontab(document, program.folder.path()))
    .collect();
    for wanted in ["sync", "backup", "status", "verify"] {
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(&format!("jobruns {wanted} "))),
            "{wanted}: {lines:?}"
        );
    }
    for line in &lines {
        assert_eq!(mail(program, line), "", "{line}");
    }
    // The password is refused, the archive is stale and then lost.
    program.write("wrong", "hunter2\n");
    config("wrong");
    let mailed = |wanted: &str, begin: &str| {
        for line in lines.iter().filter(|line| line.contains(wanted)) {
            let mail = mail(program, line);
            assert!(mail.starts_with(begin), "{line}: {mail}");
        }
    };
    mailed("jobruns sync", "Error: sync ");
    let connection = rusqlite::Connection::open(program.path("jobruns.db")).unwrap();
    connection
        .execute_batch("UPDATE _job SET last_answered_unix = 1577836800")
        .unwrap_or_else(|error| panic!("{error}"));
    drop(connection);
    mailed("jobruns status", "Error: ");
    mailed("jobruns verify", "Error: the archive ");
    mailed("jobruns backup", "Error: ");
    std::fs::rename(program.path("jobruns.db"), program.path("moved.db")).unwrap();
    for command in ["status", "verify", "backup"] {
        mailed(&format!("jobruns {command}"), "Error: ");
    }
}

/// What a command shows on a terminal of 80 columns, where `script` can make one.
#[cfg(target_os = "linux")]
fn on_terminal(program: &Program, kind: &str, arguments: &str) -> Option<String> {
    let line = format!(
        "stty cols 80 rows 24; exec {} {arguments}",
        env!("CARGO_BIN_EXE_jobruns")
    );
    let mut command = program.start("script");
    command.args(["-qec", &line, "/dev/null"]).env("TERM", kind);
    command.spawn().ok().map(|child| Ended::of(child).stdout)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn tables_fit_a_terminal_and_a_dumb_one_gets_no_escape_sequence() {
    let (story, run) = synced().await;
    let page = format!("run {run}");
    story.fault("bad-run=1@1");
    story.sync(&[]).ends_with(3);
    for list in [
        "status",
        "jobs list",
        "jobs discover",
        "quarantine list",
        &page,
        "report runs",
        "report messages",
        "report coverage",
        "report failure-trends",
    ] {
        let Some(shown) = on_terminal(&story.program, "xterm", list) else {
            return;
        };
        // A warning about a job is a sentence, which the terminal breaks.
        // So is a line of the ledger, on the page of a run above the table of its messages.
        let is_page = list == page;
        let mut table = shown
            .lines()
            .skip_while(|line| is_page && !line.starts_with("Messages: "))
            .filter(|line| !line.contains("Warning"));
        assert!(
            table.all(|line| line.trim_end().chars().count() <= 80),
            "{list}:\n{shown}"
        );
        let wide = on_terminal(&story.program, "xterm", &format!("{list} --wide")).unwrap();
        assert!(
            wide.len() >= shown.len() && !wide.contains("--wide"),
            "{list}:\n{wide}"
        );
    }
    let status = on_terminal(&story.program, "xterm", "status").unwrap();
    assert!(
        status.contains("Nightly") && status.contains("last complete answer"),
        "{status}"
    );
    let jobs = story.job(0);
    for arguments in [
        format!("sync {jobs} --progress always --color auto"),
        "sync --pin x".to_owned(),
    ] {
        let shown = on_terminal(&story.program, "dumb", &arguments).unwrap();
        assert!(!shown.contains('\x1b'), "{shown:?}");
    }
}

/// What a terminal of these columns shows in the end of what was written to it.
#[cfg(target_os = "linux")]
fn screen(written: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut characters = written.chars();
    while let Some(character) = characters.next() {
        match character {
            '\r' => column = 0,
            '\n' => row += 1,
            '\x1b' => {
                assert_eq!(characters.next(), Some('['));
                let mut number = String::new();
                let action = loop {
                    match characters.next().unwrap() {
                        action if action.is_ascii_alphabetic() => break action,
                        digit => number.push(digit),
                    }
                };
                match (action, number.as_str()) {
                    ('A', _) => row -= number.parse().unwrap_or(1).min(row),
                    ('B', _) => row += number.parse().unwrap_or(1),
                    ('K', "2") => lines[row].clear(),
                    ('K', _) => lines[row].truncate(column),
                    ('J', _) => {
                        lines[row].truncate(column);
                        lines.truncate(row + 1);
                    }
                    ('m' | 'h' | 'l', _) => {}
                    other => panic!("{other:?} is not known here"),
                }
            }
            _ => {
                if column == columns {
                    (row, column) = (row + 1, 0);
                }
                lines.resize(lines.len().max(row + 1), Vec::new());
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    let text = |line: &Vec<char>| line.iter().collect::<String>().trim_end().to_owned();
    lines.iter().map(text).collect()
}

/// Runs the binary on a terminal, presses Ctrl-C once it has shown `awaited`, and returns the last screen; `None` where
/// there is no `script`.
#[cfg(target_os = "linux")]
fn interrupted_on_terminal(program: &Program, arguments: &str, awaited: &str) -> Option<Vec<String>> {
    use std::io::{Read, Write};
    let line = format!(
        "stty cols 80 rows 24; exec {} {arguments}",
        env!("CARGO_BIN_EXE_jobruns")
    );
    let mut command = program.start("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let (mut keys, mut terminal) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut written = Vec::new();
    let mut piece = [0; 4096];
    let mut is_pressed = false;
    loop {
        let length = terminal.read(&mut piece).unwrap();
        if length == 0 {
            break;
        }
        written.extend_from_slice(&piece[..length]);
        if !is_pressed && String::from_utf8_lossy(&written).contains(awaited) {
            keys.write_all(b"\x03").unwrap();
            is_pressed = true;
        }
    }
    let written = String::from_utf8(written).unwrap();
    assert!(is_pressed, "{written:?}");
    assert_eq!(child.wait().unwrap().code(), Some(130), "{written:?}");
    Some(screen(&written, 80))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_no_line_of_progress() {
    let (story, _) = synced().await;
    let program = &story.program;
    story.fault("stall=600");
    let Some(shown) = interrupted_on_terminal(program, "sync", "0 of 12 runs") else {
        return;
    };
    assert!(
        shown.iter().any(|line| line.contains("was interrupted")),
        "{shown:#?}"
    );
    for stale in ["elapsed", "B/s", "  0 runs"] {
        assert!(!shown.iter().any(|line| line.contains(stale)), "{shown:#?}");
    }
    // It waits for a line in the list of heads.
    let made = program.start("mkfifo").arg("heads").spawn().unwrap();
    Ended::of(made).ends_with(0);
    let shown = interrupted_on_terminal(program, "verify --head-file heads", "B/s").unwrap();
    assert!(
        shown[0].contains("Error: interrupted before all was verified")
            || shown[1].contains("Error: interrupted"),
        "{shown:#?}"
    );
    assert!(!shown.iter().any(|line| line.contains("B/s")), "{shown:#?}");
}
