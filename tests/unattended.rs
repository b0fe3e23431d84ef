//! What an administrator sets up once and then forgets: the check before the night.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::program::{Ended, Program};
use common::story::Story;
use jobruns::archive::SyncLock;
use jobruns::model::hex;
use jobruns::simulator::{Options, Simulator};
use serde_json::Value;

/// A folder with a config file that names everything, for a look-alike.
fn configured(server: &Simulator, jobs: &[String]) -> Program {
    let program = Program::new().with("JOBRUNS_CONFIG", "jobruns.toml");
    program.write("pw", "simulator\n");
    program.write("jobs.txt", jobs.join("\n"));
    program.write(
        "jobruns.toml",
        format!(
            "archive = 'jobruns.db'\nurl = '{}'\nusername = 'CORP\\auditor'\npin = '{}'\npassword_file = 'pw'\n\
             jobs_file = 'jobs.txt'\nhead_file = 'heads'\nretries = 0\n\n\
             [[export]]\nreport = 'failure-trends'\noutput = 'trends-{{date}}.csv'\n",
            server.base_url(),
            hex(&server.certificate_sha256()),
        ),
    );
    program
}

async fn story() -> (Story, Program) {
    let story = Story::new().await;
    let jobs: Vec<String> = (0..3).map(|job| story.job(job)).collect();
    let program = configured(&story.server, &jobs);
    program.run(&["sync", "--new", "--quiet"]).ends_with(0);
    (story, program)
}

/// The lines of a check in JSON, as `check: message` by state.
fn lines(ended: &Ended, state: &str) -> Vec<String> {
    let Value::Array(lines) = ended.json() else {
        panic!("no list")
    };
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    lines
        .iter()
        .filter(|line| line["state"] == state)
        .map(|line| {
            assert_eq!(line["remedy"].is_null(), state == "ok", "{line}");
            format!(
                "{}: {} -> {}",
                text(line, "check"),
                text(line, "message"),
                text(line, "remedy")
            )
        })
        .collect()
}

/// The names and bytes of the files in a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_what_works_finds_no_fault_asks_little_and_changes_nothing() {
    let (story, program) = story().await;
    let before = files(program.folder.path());
    let asked = story.server.requests().len();
    let ended = program.run(&["check", "--format", "json"]).ends_with(0);
    assert_eq!(lines(&ended, "fault"), [""; 0]);
    assert_eq!(lines(&ended, "warning"), [""; 0]);
    let ok = lines(&ended, "ok").join("\n");
    for found in [
        "settings: config file ",
        "jobruns.toml:2: url)",
        "concurrency = 4 (the default)",
        "account: runs as ",
        "is on a local disk",
        "heads: this account may write ",
        "exports: this account may write ",
        "trends-",
        " free in ",
        "lock: no other sync holds the archive",
        "password: found in the file ",
        "proxy: none",
        "dns: 127.0.0.1 is an address",
        "connection: ",
        "certificate: valid for ",
        "tls: the certificate is the pinned one",
        "login: ",
        "clock: 0 seconds",
        "jobs: 3 watched jobs may be read",
    ] {
        assert!(ok.contains(found), "{found:?} is not in\n{ok}");
    }
    let runs: Vec<String> = story.server.requests()[asked..]
        .iter()
        .filter(|request| request.path.to_lowercase().contains("jobruns"))
        .map(|request| format!("{request:?}"))
        .collect();
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|request| request.contains("count=1")), "{runs:?}");
    assert_eq!(files(program.folder.path()), before);
    // As text, without settings at their default; `-v` has them, and nothing has the password.
    program
        .run(&["check"])
        .ends_with(0)
        .shows("ok       jobs        3 watched jobs may be read\n")
        .shows("\n0 faults, 0 warnings\n")
        .never_shows("concurrency")
        .never_shows("simulator");
    program
        .run(&["check", "-v"])
        .ends_with(0)
        .shows("concurrency = 4 (the default)");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_and_warning_says_what_to_do() {
    let (story, program) = story().await;
    program.write("wrong-pw", "hunter2\n");
    program.write("empty.txt", "# none\n");
    program.write("two.txt", format!("{}\n{}\n", story.job(0), story.job(1)));
    program.write("no-heads", "these are no heads\n");
    let wrong_pin = "ab".repeat(32);
    let cases: &[(&[&str], &str, &str)] = &[
        (
            &["--url", "https://no-such-host.invalid:12431"],
            "dns: ",
            "check the host name",
        ),
        (
            &["--url", "https://127.0.0.1:1"],
            "connection: ",
            "this its REST port?",
        ),
        (&["--url", "ccs.example"], "server: ", "https://HOST:12431"),
        (&["--pin", &wrong_pin], "tls: ", "compare the new SHA-256"),
        (
            &["--password-file", "wrong-pw"],
            "login: ",
            "the account is not locked",
        ),
        (
            &["--password-file", "none"],
            "password: ",
            "create the password file",
        ),
        (&["--username", ""], "login: no user was given", "--username"),
        (&["--jobs-file", "none.txt"], "jobs: ", "jobs discover"),
        (
            &["--head-file", "no/folder/heads"],
            "heads: the folder no/folder does not exist",
            "create the folder",
        ),
        (&["--head-file", "no-heads"], "heads: ", ""),
        (
            &["--archive", "no/folder/a.db"],
            "archive: the folder ",
            "create the folder",
        ),
        (&["--archive", "pw"], "archive: ", "name another file"),
        // The list of heads has lines, so an archive was here.
        (
            &["--archive", "new.db"],
            "archive: there is no archive at new.db",
            "--new creates",
        ),
    ];
    for (arguments, fault, remedy) in cases {
        let arguments = [&["check", "--format", "json"], *arguments].concat();
        let ended = program.run(&arguments).ends_with(3).never_shows("hunter2");
        let faults = lines(&ended, "fault");
        assert!(
            faults
                .iter()
                .any(|line| line.starts_with(fault) && line.contains(remedy)),
            "{arguments:?}: {faults:#?}"
        );
    }
    assert!(!program.path("new.db").exists());
    // A job that the server refuses, and one that it does not know: each by its name.
    story.fault("403@2");
    let ended = program.run(&["check", "--format", "json"]).ends_with(3);
    let faults = lines(&ended, "fault");
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(
        faults[0].starts_with("jobs: ") && faults[0].contains("answered 403"),
        "{faults:#?}"
    );
    assert!(
        faults[0].contains("-> the user needs the CCS permissions View all jobs"),
        "{faults:#?}"
    );
    assert!(
        lines(&ended, "ok")
            .join("\n")
            .contains("2 watched jobs may be read")
    );
    story.server.set_faults(Vec::new());
    // Jobs that nobody watches.
    let first = Program::new().with("JOBRUNS_CONFIG", program.path("jobruns.toml").to_str().unwrap());
    let two = program.path("two.txt");
    let arguments = [
        "--archive",
        "new.db",
        "--head-file",
        "h",
        "--jobs-file",
        two.to_str().unwrap(),
    ];
    first
        .run(&[&["check"], &arguments[..]].concat())
        .ends_with(0)
        .shows("warning  jobs        1 of the 3 jobs of the server is not watched: ");
    // A shell's password is not the scheduled task's.
    let asked = story.program.run(&["check", "--format", "json"]);
    assert!(
        lines(&asked, "warning")
            .join("\n")
            .contains("password: found in JOBRUNS_PASSWORD -> a scheduled task")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_of_clocks_and_of_a_sync_that_runs() {
    let server = Simulator::start(Options {
        history: common::small_history(),
        clock_offset: -600,
        ..Options::default()
    })
    .await
    .unwrap();
    let program = configured(&server, &[server.history().job_id(0)]);
    program.run(&["sync", "--new", "--quiet"]).ends_with(0);
    let lock = SyncLock::take(&program.path("jobruns.db")).unwrap();
    let ended = program.run(&["check", "--format", "json"]).ends_with(0);
    let warnings = lines(&ended, "warning").join("\n");
    drop(lock);
    assert!(
        warnings.contains("clock: this machine's clock is 10m ahead of the server's -> set the clock"),
        "{warnings}"
    );
    assert!(
        warnings.contains("lock: another sync holds the archive: "),
        "{warnings}"
    );
}
