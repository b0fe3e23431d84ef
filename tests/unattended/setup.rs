//! What an administrator sets up once and then forgets: the check before the night.

use std::collections::BTreeMap;
use std::path::Path;

use crate::common::monitor::{Monitor, SECRET};
use crate::common::program::{Ended, Program};
use crate::common::story::Story;
use jobruns::archive::SyncLock;
use jobruns::model::hex;
use jobruns::simulator::{Options, Simulator};
use serde_json::Value;

/// A program that the shell of this system finds by its name alone.
const FINDER: &str = if cfg!(windows) { "findstr" } else { "grep" };

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
    // Those who hear of the end are looked at, and told nothing.
    let monitor = Monitor::answering(200);
    program
        .run(&[
            "check",
            "--ping-url",
            &monitor.url,
            "--log-file",
            "log",
            "--metrics-file",
            "m.prom",
            "--on-failure",
            FINDER,
        ])
        .ends_with(0)
        .shows("ok       ping_url    the monitor can be connected to; no ping was sent\n")
        .shows("ok       log         this account may write log\n")
        .shows("ok       metrics     this account may write m.prom\n")
        .shows(&format!(
            "ok       on_failure  {FINDER} can be run; the command itself was not\n"
        ))
        .never_shows(SECRET);
    assert!(monitor.take().is_empty() && !program.path("m.prom").exists());
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
    std::fs::create_dir(program.path("folder")).unwrap();
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
        (
            &["--log-file", "no/log"],
            "log: the folder no does not exist",
            "create the folder",
        ),
        (
            &["--log-file", "folder"],
            "log: folder is a folder",
            "a file in it",
        ),
        (
            &["--metrics-file", "no/m.prom"],
            "metrics: the folder no does not exist",
            "create the folder",
        ),
        (
            &["--metrics-file", "folder"],
            "metrics: folder is a folder",
            "a file in it",
        ),
        (&["--metrics-file", "pw"], "metrics: ", ""),
        (
            &["--ping-url", "http://127.0.0.1:1/5ecret"],
            "ping_url: the monitor: no connection to it",
            "correct ping_url",
        ),
        (
            &["--ping-url", "127.0.0.1/5ecret"],
            "ping_url: ",
            "correct ping_url",
        ),
        (
            &["--on-failure", "no-such-mailer -s t0ken"],
            "on_failure: \"no-such-mailer\", with which",
            "absolute path",
        ),
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
        let ended = ended.never_shows("5ecret").never_shows("t0ken");
        let faults = lines(&ended, "fault");
        assert!(
            faults
                .iter()
                .any(|line| line.starts_with(fault) && line.contains(remedy)),
            "{arguments:?}: {faults:#?}"
        );
    }
    program
        .run(&["check", "--quiet", "--archive", "new.db"])
        .ends_with(3)
        .says("archive: there is no archive at new.db");
    // Mail has the cause, wherever the lines went.
    program
        .run(&["check", "--quiet", "--archive", "new.db", "--format", "json"])
        .ends_with(3)
        .says("archive: there is no archive at new.db");
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
    // Neither are a shell's trusted authorities the scheduled task's.
    program.write("ca.pem", story.server.authority_pem());
    let text = program.read("jobruns.toml");
    program.write("system.toml", text.replace("pin = ", "#"));
    let program = program.with("SSL_CERT_FILE", "ca.pem");
    program
        .run(&["check", "--config", "system.toml", "-vv"])
        .ends_with(0)
        .shows("warning  tls         SSL_CERT_FILE (ca.pem) replaces the system's trusted authorities\n")
        .shows("ca_cert in the config file")
        .says("instead of the system's store");
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
        history: crate::common::small_history(),
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

/// A folder with programs of our own in front of the system's.
#[cfg(unix)]
fn with_programs(program: Program, programs: &[(&str, &str)]) -> Program {
    std::fs::create_dir(program.path("bin")).unwrap();
    for (name, script) in programs {
        let path = program.write(&format!("bin/{name}"), format!("#!/bin/sh\n{script}\n"));
        crate::common::program::set_mode(&path, 0o755);
    }
    let path = format!("{}:/usr/bin:/bin", program.path("bin").display());
    let folder = program.folder.path().to_str().unwrap().to_owned();
    program.with("PATH", &path).with("FOLDER", &folder)
}

#[test]
fn a_schedule_needs_a_config_file() {
    let program = Program::new();
    for scheduler in ["systemd", "cron", "windows"] {
        program
            .run(&["schedule", scheduler])
            .ends_with(2)
            .says("scheduled tasks need a config file")
            .says("--config FILE");
    }
    program.write("jobruns.toml", "");
    program
        .run(&[
            "schedule",
            "cron",
            "--config",
            "jobruns.toml",
            "--sync-at",
            "25:00",
        ])
        .ends_with(2)
        .says("expected HH:MM");
}

#[cfg(unix)]
#[test]
fn units_of_systemd_are_hardened_and_accepted_by_systemd() {
    let program = Program::new();
    std::fs::create_dir(program.path("a folder")).unwrap();
    program.write("a folder/pw", "simulator");
    program.write(
        "a folder/jobruns.toml",
        "archive = 'jobruns.db'\npassword_file = 'pw'\nhead_file = '/mnt/100% worm/heads'\n",
    );
    let config = program.path("a folder/jobruns.toml");
    let mut arguments = vec!["schedule", "systemd", "--config", config.to_str().unwrap()];
    arguments.extend([
        "--account",
        "root",
        "--backup-to",
        "/mnt/backup/$a.db",
        "--sync-at",
        "1:30",
    ]);
    arguments.extend(["--verify-on", "saturday"]);
    let printed = program.run(&arguments).ends_with(0).stdout;
    program
        .run(&[&arguments[..], &["--output-dir", "units"]].concat())
        .ends_with(0);
    let units: Vec<String> = ["sync", "backup", "status", "verify"]
        .iter()
        .flat_map(|task| {
            [
                format!("units/jobruns-{task}.service"),
                format!("units/jobruns-{task}.timer"),
            ]
        })
        .chain(["units/jobruns-check.service".to_owned()])
        .collect();
    for unit in &units {
        assert!(printed.contains(&program.read(unit)), "{unit}");
    }
    assert_eq!(files(&program.path("units")).len(), units.len());
    let sync = program.read("units/jobruns-sync.service");
    let folder = program.path("a folder");
    let folder = folder.display();
    for line in [
        format!("sync --config \"{folder}/jobruns.toml\" --quiet --retry-for 1h"),
        format!("\nLoadCredential=jobruns-password:{folder}/pw"),
        format!("\nReadWritePaths=\"{folder}\""),
        "\nReadWritePaths=\"-/mnt/100%% worm\"".to_owned(),
        "\nReadWritePaths=-/mnt/backup".to_owned(),
        "\nUser=root".to_owned(),
        "\nProtectSystem=strict".to_owned(),
        "\nNoNewPrivileges=yes".to_owned(),
    ] {
        assert!(sync.contains(&line), "{line:?} is not in\n{sync}");
    }
    assert!(!sync.contains("SuccessExitStatus"));
    let backup = program.read("units/jobruns-backup.service");
    assert!(
        backup.contains("--force \"/mnt/backup/$$a.db\"") && !backup.contains("LoadCredential"),
        "{backup}"
    );
    let timer = program.read("units/jobruns-sync.timer");
    assert!(
        timer.contains("OnCalendar=*-*-* 01:30:00\n") && timer.contains("Persistent=true\n"),
        "{timer}"
    );
    assert!(
        program
            .read("units/jobruns-verify.timer")
            .contains("OnCalendar=Sat *-*-* 06:00:00\n")
    );
    let of_nobody = arguments
        .iter()
        .map(|word| if *word == "root" { "nobody" } else { word });
    program
        .run(&of_nobody.collect::<Vec<_>>())
        .ends_with(0)
        .shows("\nUser=nobody\n")
        .shows("\nCapabilityBoundingSet=\n");
    let mut verify = program.start("systemd-analyze");
    verify.arg("verify").args(&units);
    match verify.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !said.contains("jobruns-"), "{said}");
        }
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
    }
    // A unit that is not ours is not replaced, and nothing else is.
    program.write("units/jobruns-verify.timer", "[Timer]\nOnCalendar=hourly\n");
    std::fs::remove_file(program.path("units/jobruns-sync.service")).unwrap();
    program
        .run(&[&arguments[..], &["--output-dir", "units"]].concat())
        .ends_with(2)
        .says("jobruns-verify.timer was not written by `jobruns schedule`");
    assert!(!program.path("units/jobruns-sync.service").exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn systemd_gets_its_units_gives_them_back_and_runs_the_check() {
    let (_story, program) = story().await;
    let home = program.path("home").display().to_string();
    let program = with_programs(
        program.with("XDG_CONFIG_HOME", &home),
        &[
            (
                "systemctl",
                "echo \"$@\" >> \"$FOLDER/called\"\ncase \"$*\" in *ActiveState*) echo active;; *Result*) echo success;; esac",
            ),
            (
                "systemd-run",
                "echo \"$@\" >> \"$FOLDER/called\"\nwhile [ \"$1\" != -- ]; do shift; done\nshift\nexec env -i \"$@\"",
            ),
        ],
    );
    let install = ["schedule", "systemd", "--user", "--install"];
    program
        .run(&[&install[..], &["--backup-to", "copy.db"]].concat())
        .ends_with(0)
        .says("enable-linger");
    assert_eq!(files(&program.path("home/systemd/user")).len(), 9);
    let called = program.read("called");
    assert!(called.contains("--user daemon-reload\n"), "{called}");
    assert!(
        called.contains("--user enable --now jobruns-sync.timer jobruns-backup.timer jobruns-status.timer jobruns-verify.timer\n"),
        "{called}"
    );
    program
        .run(&["check"])
        .ends_with(0)
        .shows("ok       schedule    jobruns-sync.timer is active");
    // Without a backup, its units go.
    program.run(&install).ends_with(0);
    assert_eq!(files(&program.path("home/systemd/user")).len(), 7);
    assert!(
        program
            .read("called")
            .contains("--user disable --now jobruns-backup.timer\n")
    );
    // The check runs with an empty environment, and what it says and how it ends is passed on.
    program
        .run(&["schedule", "test", "systemd", "--user"])
        .ends_with(0)
        .shows("3 watched jobs may be read");
    program.write("pw", "hunter2");
    program
        .run(&["schedule", "test", "systemd"])
        .ends_with(3)
        .shows("fault    login ")
        .says("the check that the scheduler ran found faults")
        .never_shows("hunter2");
    assert!(
        program
            .read("called")
            .contains("--property=LoadCredential=jobruns-password:")
    );
    program
        .run(&["schedule", "systemd", "--user", "--remove"])
        .ends_with(0);
    assert_eq!(files(&program.path("home/systemd/user")).len(), 0);
    program
        .run(&["schedule", "systemd", "--user", "--remove"])
        .ends_with(0)
        .says("nothing to remove");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_systemd_cannot_do_is_said_with_a_remedy_and_leaves_nothing_behind() {
    let (_story, program) = story().await;
    let home = program.path("home").display().to_string();
    let program = with_programs(
        program.with("XDG_CONFIG_HOME", &home),
        &[
            (
                "systemctl",
                "[ -e \"$FOLDER/running\" ] || { echo 'System has not been booted with systemd' >&2; exit 1; }",
            ),
            ("systemd-run", "exit $(cat \"$FOLDER/running\")"),
        ],
    );
    for (arguments, remedy) in [
        (&["schedule", "test", "systemd"][..], "use cron"),
        (
            &["schedule", "systemd", "--user", "--install"],
            "log in as the user itself",
        ),
    ] {
        program
            .run(arguments)
            .ends_with(1)
            .says("System has not been booted with systemd")
            .says(remedy);
    }
    assert!(!program.path("home").exists());
    for (status, cause, remedy) in [
        ("203", "may not run", "install the program where"),
        ("217", "there is no account nobody-here", "create it"),
        ("226", "the folder of the archive", "make it"),
        ("99", "could not be run by the scheduler", "by hand"),
    ] {
        program.write("running", status);
        program
            .run(&["schedule", "test", "systemd", "--account", "nobody-here"])
            .ends_with(1)
            .says(cause)
            .says(remedy);
    }
}

/// What root begins in the folder of the tasks' account must not be closed to it.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_log_and_metrics_that_root_begins_belong_to_the_owner_of_their_folder() {
    use std::os::unix::fs::{MetadataExt, chown};
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let story = Story::synced().await;
    let folder = story.program.path("log");
    std::fs::create_dir(&folder).unwrap();
    chown(&folder, Some(12_345), Some(12_345)).unwrap();
    let arguments = ["--log-file", "log/log", "--metrics-file", "log/m.prom"];
    let status = story.program.run(&[&["status"][..], &arguments].concat());
    status.ends_with(0);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let owner = file.metadata().unwrap();
        assert_eq!((owner.uid(), owner.gid()), (12_345, 12_345), "{file:?}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_lines_for_cron_run_and_leave_those_of_others_alone() {
    let (_story, program) = story().await;
    let others = "MAILTO=auditors\n5 5 * * * other\n";
    program.write("crontab", others);
    let program = with_programs(
        program,
        &[(
            "crontab",
            "case \"$1\" in -l) cat \"$FOLDER/crontab\";; -) cat > \"$FOLDER/new\"; mv \"$FOLDER/new\" \"$FOLDER/crontab\";; esac",
        )],
    );
    let copy = program.path("100% copy.db");
    for _ in 0..2 {
        program
            .run(&["schedule", "cron", "--output-dir", "tasks"])
            .ends_with(0);
    }
    assert_eq!(program.read("crontab"), others);
    let written = program.read("tasks/jobruns.crontab");
    assert!(written.starts_with("# jobruns begin") && written.ends_with("# jobruns end\n"));
    program.write("tasks/jobruns.crontab", others);
    program
        .run(&["schedule", "cron", "--output-dir", "tasks"])
        .ends_with(2)
        .says("was not written by");
    let install = [
        "schedule",
        "cron",
        "--install",
        "--backup-to",
        copy.to_str().unwrap(),
    ];
    for _ in 0..2 {
        program.run(&install).ends_with(0);
    }
    let crontab = program.read("crontab");
    assert!(crontab.starts_with(others), "{crontab}");
    assert_eq!(crontab.matches("# jobruns begin").count(), 1, "{crontab}");
    let lines: Vec<&str> = crontab
        .lines()
        .filter(|line| line.contains(" --config "))
        .collect();
    assert_eq!(lines.len(), 5, "{crontab}");
    for line in lines {
        let words = if line.starts_with('@') { 2 } else { 6 };
        // cron takes `\%` for `%`, and hands the line to a shell that has hardly any environment.
        let command = line.splitn(words, ' ').last().unwrap().replace(r"\%", "%");
        let ended = Ended::of(
            program
                .start("env")
                .args(["-i", "sh", "-c", &command])
                .spawn()
                .unwrap(),
        );
        // The look-alike's jobs stopped long ago, which the check of the morning tells.
        let code = if command.contains("--max-silence") { 3 } else { 0 };
        assert_eq!(ended.code, Some(code), "{command}: {ended:?}");
        assert_eq!(ended.stderr.is_empty(), code == 0, "{command}: {ended:?}");
    }
    assert!(copy.exists());
    program
        .run(&["schedule", "test", "cron"])
        .ends_with(0)
        .shows("ok       schedule ")
        .shows("3 watched jobs may be read");
    program.run(&["schedule", "cron", "--remove"]).ends_with(0);
    assert_eq!(program.read("crontab"), others);
}

/// A Task Scheduler that keeps definitions as files, and runs the check by a shell.
#[cfg(unix)]
const SCHTASKS: &str = r#"
echo "$@" >> "$FOLDER/called"
verb=$1; shift
while [ $# -gt 0 ]; do
  case $1 in /TN) name=$(printf %s "$2" | tr '\\' '_'); shift;; /XML) xml=$2; [ $# -eq 1 ] || shift;; esac; shift
done
case $verb in
  /Query) cat "$FOLDER/tasks/$name" 2>/dev/null;;
  /Create) iconv -f UTF-16 -t UTF-8 "$xml" | sed "$(cat "$FOLDER/policy")" > "$FOLDER/tasks/$name";;
  /Delete) rm "$FOLDER/tasks/$name";;
  /Run) line=$(sed -n 's/.*\/c &quot;\(.*\) &gt; .*/\1/p' "$FOLDER/tasks/$name")
    env -i $line > "$FOLDER/jobruns-check.txt" 2>&1; echo "jobruns-check-ended $?" >> "$FOLDER/jobruns-check.txt";;
esac"#;

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_task_scheduler_gets_its_tasks_and_is_asked_whether_it_kept_them() {
    let (_story, program) = story().await;
    let program = with_programs(program, &[("schtasks", SCHTASKS)]);
    std::fs::create_dir(program.path("tasks")).unwrap();
    program.write("policy", "");
    // Without a terminal nobody can type the password.
    let windows = |more: &[&str]| program.run(&[&["schedule", "windows"], more].concat());
    windows(&["--install", "--account", r"CORP\svc"])
        .ends_with(2)
        .says("nobody is there to type it")
        .says("--logon s4u");
    let gmsa = [
        "--install",
        "--account",
        r"CORP\gmsa$",
        "--backup-to",
        r"\\backup\a&b\x.db",
    ];
    windows(&gmsa).ends_with(0);
    assert_eq!(files(&program.path("tasks")).len(), 5);
    let sync = program.read("tasks/_jobruns_sync");
    for part in [
        "<StartWhenAvailable>true</StartWhenAvailable>",
        "<MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>",
        "<ExecutionTimeLimit>PT23H</ExecutionTimeLimit>",
        "<Hidden>true</Hidden>",
        "<LogonType>Password</LogonType>",
        r"<UserId>CORP\gmsa$</UserId>",
        "<StartBoundary>2026-01-01T03:00:00</StartBoundary>",
        "--quiet --retry-for 1h</Arguments>",
    ] {
        assert!(sync.contains(part), "{part} is not in\n{sync}");
    }
    assert!(program.read("tasks/_jobruns_backup").contains("a&amp;b"));
    assert!(
        program
            .read("tasks/_jobruns_verify")
            .contains("<DaysOfWeek><Sunday /></DaysOfWeek>")
    );
    program
        .run(&["schedule", "test", "windows"])
        .ends_with(0)
        .shows("3 watched jobs may be read")
        .never_shows("jobruns-check-ended");
    windows(&["--install", "--logon", "s4u"]).ends_with(0);
    assert!(
        program
            .read("tasks/_jobruns_sync")
            .contains("<LogonType>S4U</LogonType>")
    );
    assert!(!program.path("tasks/_jobruns_backup").exists());
    // A scheduler that drops a setting is found out.
    program.write("policy", "/StartWhenAvailable/d");
    windows(&gmsa)
        .ends_with(3)
        .says("the Task Scheduler did not keep what was asked for")
        .says(r"\jobruns\sync: StartWhenAvailable is false instead of true");
    windows(&["--remove"]).ends_with(0);
    assert_eq!(files(&program.path("tasks")).len(), 0);
    program
        .run(&["schedule", "test", "windows"])
        .ends_with(1)
        .says("--install");
    // What somebody else registered stays.
    program.write("tasks/_jobruns_status", "<Task />");
    windows(&gmsa)
        .ends_with(2)
        .says(r"the task \jobruns\status was not written by");
    assert_eq!(files(&program.path("tasks")).len(), 1);
    // As files, they are what schtasks takes; as text, they are the same.
    windows(&["--account", "SYSTEM", "--output-dir", "xml"]).ends_with(0);
    let bytes = std::fs::read(program.path("xml/jobruns-sync.xml")).unwrap();
    assert_eq!(bytes[..2], [0xFF, 0xFE]);
    windows(&["--account", "SYSTEM"])
        .ends_with(0)
        .shows("<UserId>S-1-5-18</UserId>");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_credential_of_systemd_is_a_password_before_the_configured_file() {
    let (_story, program) = story().await;
    std::fs::create_dir(program.path("credentials")).unwrap();
    let folder = program.path("credentials").display().to_string();
    let program = program.with("CREDENTIALS_DIRECTORY", &folder);
    // There is none of ours.
    program
        .run(&["check"])
        .ends_with(0)
        .shows("password    found in the file ");
    let credential = program.write("credentials/jobruns-password", "simulator\n");
    crate::common::program::set_mode(&credential, 0o440);
    program.write("pw", "hunter2");
    program
        .run(&["check"])
        .ends_with(0)
        .shows("found in systemd's credential jobruns-password");
    program.run(&["sync", "--quiet"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn init_without_a_terminal_asks_nothing_and_writes_what_a_sync_needs() {
    let story = Story::new().await;
    let pin = hex(&story.server.certificate_sha256());
    let url = story.server.base_url();
    let program = Program::new();
    program.write("pw", "simulator\n");
    let given = [
        "init",
        "--url",
        &url,
        "--username",
        r"CORP\auditor",
        "--pin",
        &pin,
        "--password-file",
        "pw",
    ];
    // A job that the server does not have is refused, with the one that was meant.
    let job = story.job(1);
    let mistyped = format!(
        "{}{}",
        &job[..job.len() - 1],
        if job.ends_with('0') { '1' } else { '0' }
    );
    for (wrong, hint) in [
        (&*mistyped, format!("did you mean UNIX baseline ({job})?")),
        ("00000000-0000-0000-0000-000000000000", "it has ".to_owned()),
    ] {
        program
            .run(&[&given[..], &["--job", &job, "--job", wrong]].concat())
            .ends_with(2)
            .says(&format!("the server has no job {wrong}"))
            .says(&hint);
        assert!(!program.path("jobruns.toml").exists());
    }
    // A file that --config names is the one to write: never another in its place.
    program.write("own.toml", "rate_limit = 9\n");
    program
        .run(&[&given[..], &["--config", "own.toml"]].concat())
        .ends_with(2)
        .says("own.toml is there already");
    program
        .run(&[&given[..], &["--config", "new.toml"]].concat())
        .ends_with(2)
        .says("`jobruns init new.toml` writes it");
    assert!(!program.path("jobruns.toml").exists());
    // What is missing is an error, and nothing is written.
    for left_out in ["--url", "--username", "--pin", "--password-file"] {
        let at = given.iter().position(|word| *word == left_out).unwrap();
        let fewer: Vec<&str> = [&given[..at], &given[at + 2..]].concat();
        let ended = program.run(&fewer);
        assert!(matches!(ended.code, Some(1 | 2)), "{left_out}: {ended:?}");
        assert!(!program.path("jobruns.toml").exists(), "{left_out}");
    }
    program
        .run(&given)
        .ends_with(0)
        .says("next: `jobruns check --config ")
        .never_shows("simulator");
    let config = std::fs::read_to_string(program.path("jobruns.toml")).unwrap();
    for line in [
        r"username = 'CORP\auditor'",
        &format!("pin = '{pin}'"),
        "jobs_file = 'jobs.txt'",
        "archive = 'jobruns.db'",
    ] {
        assert!(
            config.contains(&format!("\n{line}\n")),
            "{line} is not in\n{config}"
        );
    }
    let jobs = std::fs::read_to_string(program.path("jobs.txt")).unwrap();
    assert!((0..3).all(|job| jobs.contains(&story.job(job))), "{jobs}");
    #[cfg(unix)]
    for file in ["jobruns.toml", "jobs.txt"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(program.path(file))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{file}");
    }
    // The first run is archived, and the rest works as it is written.
    let archived = program.run(&["query", "SELECT count(*) AS runs FROM runs", "--format", "json"]);
    assert_eq!(archived.json()[0]["runs"], 12);
    let named = Program::new().with("JOBRUNS_CONFIG", program.path("jobruns.toml").to_str().unwrap());
    named
        .run(&["check"])
        .ends_with(0)
        .shows("3 watched jobs may be read");
    named.run(&["sync", "--quiet"]).ends_with(0);
    // Nothing is overwritten unless that is asked for.
    program
        .run(&given)
        .ends_with(2)
        .says("is there already")
        .says("--force");
    assert_eq!(
        std::fs::read_to_string(program.path("jobruns.toml")).unwrap(),
        config
    );
    let all = [
        &given[..],
        &["--force", "--watch-all", "--no-sync", "--store-password", "file"],
    ]
    .concat();
    program.run(&all).ends_with(0);
    let config = std::fs::read_to_string(program.path("jobruns.toml")).unwrap();
    assert!(
        config.contains("\nwatch = 'all'\n") && config.contains("\npassword_file = 'jobruns-password'\n"),
        "{config}"
    );
    named.run(&["check"]).ends_with(0).shows("found in the file ");
    // A trial that fails is told, and what is written stays.
    story.fault("403");
    let job = story.job(1);
    let one = [&given[..], &["--force", "--job", &job]].concat();
    program
        .run(&one)
        .ends_with(3)
        .says("the settings are written, and the trial sync was not complete")
        .says("jobruns check --config ");
}

/// Answers the questions of a command on a terminal: each answer once its question is there. Says what was shown, and how
/// it ended; `None` where `script` cannot make a terminal.
#[cfg(target_os = "linux")]
fn dialogue(program: &Program, arguments: &str, answers: &[(&str, &str)]) -> Option<(String, Option<i32>)> {
    use std::io::{Read, Write};
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_jobruns"));
    let mut command = program.start("script");
    command
        .args(["-qefc", &line, "/dev/null"])
        .stdin(std::process::Stdio::piped());
    let mut child = command.spawn().ok()?;
    let (mut keys, mut terminal) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut piece) = (String::new(), [0; 4096]);
    let mut seen = 0;
    for (question, answer) in answers {
        while !shown[seen..].contains(question) {
            let length = terminal.read(&mut piece).unwrap();
            assert_ne!(length, 0, "{question:?} did not come:\n{shown}");
            shown.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        seen = shown.len();
        if question.starts_with("Password") {
            // The question stands there a moment before the terminal stops showing what is typed.
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        writeln!(keys, "{answer}").unwrap();
    }
    terminal.read_to_string(&mut shown).unwrap();
    let code = child.wait().unwrap().code();
    Some((shown, code))
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn init_on_a_terminal_asks_shows_the_certificate_and_lets_jobs_be_chosen() {
    let story = Story::new().await;
    let program = Program::new();
    let fingerprint: Vec<String> = story
        .server
        .certificate_sha256()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let url = story.server.base_url();
    let Some((shown, code)) = dialogue(
        &program,
        "init",
        &[
            ("URL of the CCS server", &url),
            ("pinned (yes or no)?", "perhaps"),
            ("answer yes or no", "yes"),
            ("CCS user", r"CORP\auditor"),
            ("Password of ", "hunter2"),
            ("Password of ", "simulator"),
            ("new ones too [all]", "9"),
            ("not among the numbers 1 to 3", "1,3"),
            ("Where is it to be kept? [file]", ""),
        ],
    ) else {
        return;
    };
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains(&fingerprint.join(":")), "{shown}");
    assert!(
        shown.contains("the server refused the login") && shown.contains("3 jobs"),
        "{shown}"
    );
    assert!(shown.contains("cron and systemd do not see it"), "{shown}");
    assert!(
        !shown.contains("simulator") && !shown.contains("hunter2"),
        "{shown}"
    );
    let jobs = std::fs::read_to_string(program.path("jobs.txt")).unwrap();
    assert_eq!(
        jobs.lines().filter(|line| !line.starts_with('#')).count(),
        2,
        "{jobs}"
    );
    assert_eq!(
        std::fs::read_to_string(program.path("jobruns-password")).unwrap(),
        "simulator\n"
    );
    program
        .run(&["check", "--config", "jobruns.toml"])
        .ends_with(0)
        .shows("2 watched jobs may be read")
        .shows("1 of the 3 jobs of the server is not watched");
    // Somebody who leaves in the middle leaves nothing behind.
    let other = Program::new();
    let (shown, code) = dialogue(&other, "init", &[("URL of the CCS server", "\u{4}")]).unwrap();
    assert_eq!(code, Some(2), "{shown}");
    assert!(files(other.folder.path()).is_empty());
}

#[cfg(unix)]
#[test]
fn a_password_for_the_machine_is_kept_by_windows_alone() {
    let program = Program::new().with("JOBRUNS_PASSWORD", "hunter2");
    let set = [
        "password",
        "set",
        "--url",
        "https://ccs:1",
        "--username",
        "a",
        "--machine",
    ];
    program.run(&set).ends_with(2).says("--account");
    program
        .run(&[&set[..], &["--account", r"CORP\gmsa$"]].concat())
        .ends_with(1)
        .says("only Windows has a store of the machine")
        .never_shows("hunter2");
}
