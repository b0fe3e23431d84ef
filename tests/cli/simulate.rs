//! `jobruns simulate`: what it says, that what it says works, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::program::Program;

/// A running `jobruns simulate` and what it said when it began.
struct Running {
    child: Child,
    said: String,
}

impl Running {
    /// Starts it for at most a minute and reads what it says.
    fn start(program: &Program, more: &[&str]) -> Self {
        let mut arguments = vec!["simulate", "--port", "0", "--for", "60s"];
        arguments.extend(more);
        let mut child = program.command(&arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        // The last line of what it says.
        while !said.contains("  jobruns status\n") {
            let Some(line) = lines.next() else {
                let mut stderr = String::new();
                child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
                panic!("it ended after {said:?}: {stderr}");
            };
            said += &line.unwrap();
            said.push('\n');
        }
        Self { child, said }
    }

    /// What stands after a label at the beginning of a line.
    fn told(&self, label: &str) -> &str {
        self.said
            .lines()
            .find_map(|line| line.strip_prefix(label))
            .unwrap_or_else(|| panic!("no {label:?} in {}", self.said))
            .trim()
    }

    fn url(&self) -> &str {
        self.said
            .split_whitespace()
            .find(|word| word.contains("://"))
            .unwrap()
    }

    /// GUID and name of each job.
    fn jobs(&self) -> Vec<(&str, &str)> {
        let job = |line: &'_ str| line.starts_with("job ");
        let parts = |line| {
            let rest = str::trim_start(str::trim_start_matches(line, "job "));
            let (_, rest) = rest.split_once(' ').unwrap();
            rest.trim_start().split_once("  ").unwrap()
        };
        self.said.lines().filter(|line| job(line)).map(parts).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn it_says_what_a_client_needs_and_ends_by_itself() {
    let program = Program::new();
    let began = Instant::now();
    let ended = program
        .run(&[
            "simulate", "--port", "0", "--jobs", "4", "--for", "1s", "--ca-out", "ca.pem",
        ])
        .ends_with(0);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(ended.stderr, "");
    for needed in [
        "https://127.0.0.1:",
        "user      CORP\\auditor",
        "password  simulator",
        "pin       ",
        "Nightly Windows servers",
        "--ca-cert ca.pem",
        "stops by itself after 1s",
    ] {
        assert!(ended.stdout.contains(needed), "{needed:?} in {}", ended.stdout);
    }
    assert_eq!(
        ended
            .stdout
            .lines()
            .filter(|line| line.starts_with("job "))
            .count(),
        4
    );
    let pem = std::fs::read_to_string(program.path("ca.pem")).unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn sync_with_its_authority_archives_what_it_lists() {
    let program = Program::new();
    let running = Running::start(&program, &["--runs", "5", "--ca-out", "ca.pem"]);
    let jobs = running.jobs();
    assert_eq!(jobs.len(), 3);
    let client = Program::new()
        .with("JOBRUNS_URL", running.url())
        .with("JOBRUNS_USERNAME", running.told("user "))
        .with("JOBRUNS_PASSWORD", running.told("password "));
    let ca = program.path("ca.pem");
    let mut arguments = vec!["sync", "--ca-cert", ca.to_str().unwrap(), "--format", "json"];
    arguments.extend(jobs.iter().map(|(id, _)| *id));
    let answer = client.run(&arguments).ends_with(0).json();
    assert_eq!(answer["totals"]["runs_new"], 15);
    for (number, (id, name)) in jobs.iter().enumerate() {
        assert_eq!(answer["jobs"][number]["job_id"], *id);
        assert_eq!(answer["jobs"][number]["name"], *name);
    }
}

#[test]
fn without_a_size_it_serves_a_site_of_two_years() {
    let program = Program::new();
    let running = Running::start(&program, &["--seed", "5"]);
    let jobs = running.jobs();
    assert_eq!(jobs.len(), 6);
    let client = Program::new()
        .with("JOBRUNS_URL", running.url())
        .with("JOBRUNS_USERNAME", running.told("user "))
        .with("JOBRUNS_PASSWORD", running.told("password "))
        .with("JOBRUNS_PIN", running.told("pin "));
    let mut arguments = vec!["sync", "--format", "json"];
    arguments.extend(jobs.iter().map(|(id, _)| *id));
    let totals = &client.run(&arguments).ends_with(3).json()["totals"];
    assert_eq!(totals["runs_quarantined"], 1);
    assert!(totals["runs_new"].as_u64().unwrap() > 2000, "{totals}");
    // Uniform data have no story.
    let uniform = Running::start(&program, &["--seed", "5", "--runs", "4"]);
    assert_eq!(uniform.jobs().len(), 3);
}

#[test]
fn uniform_data_are_about_as_many_assets_as_asked_for() {
    let program = Program::new();
    let running = Running::start(
        &program,
        &["--http", "--assets", "400", "--runs", "40", "--messages", "40"],
    );
    let client = Program::new()
        .with("JOBRUNS_URL", running.url())
        .with("JOBRUNS_USERNAME", running.told("user "))
        .with("JOBRUNS_PASSWORD", running.told("password "))
        .with("JOBRUNS_INSECURE", "true");
    let mut arguments = vec!["sync"];
    arguments.extend(running.jobs().iter().map(|(id, _)| *id));
    client.run(&arguments).ends_with(0);
    let counted = client.run(&[
        "query",
        "SELECT count(DISTINCT asset) AS assets FROM messages",
        "--format",
        "csv",
    ]);
    // The name of one is empty.
    assert_eq!(counted.ends_with(0).stdout.trim(), "assets\n400");
}

#[test]
fn trust_shows_the_pin_that_it_said() {
    let program = Program::new();
    for kind in [
        "signed",
        "self-signed",
        "self-signed-authority",
        "expired",
        "other-name",
    ] {
        let running = Running::start(&program, &["--certificate", kind]);
        let shown = program
            .run(&["trust", "--url", running.url(), "--format", "json"])
            .ends_with(0)
            .json();
        assert_eq!(shown["sha256"], running.told("pin "), "{kind}");
    }
}

/// The commands are typed into a shell as they are said.
#[cfg(unix)]
#[test]
fn the_commands_that_it_says_work_as_they_are() {
    for arguments in [
        &["--ca-out", "it's the ca.pem"][..],
        &[],
        &["--http"],
        &["--certificate", "self-signed", "--ca-out", "ca.pem"],
        &["--certificate", "self-signed-authority", "--ca-out", "ca.pem"],
        &["--certificate", "expired", "--ca-out", "ca.pem"],
        &["--certificate", "other-name", "--ca-out", "ca.pem"],
    ] {
        let program = Program::new();
        let mut all = vec!["--runs", "3"];
        all.extend(arguments);
        let running = Running::start(&program, &all);
        let script: Vec<&str> = running
            .said
            .lines()
            .filter(|line| line.starts_with("  "))
            .collect();
        assert_eq!(script.len(), 4, "{}", running.said);
        let binary = std::path::Path::new(env!("CARGO_BIN_EXE_jobruns"))
            .parent()
            .unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let shell = std::process::Command::new("sh")
            .arg("-ec")
            .arg(script.join("\n"))
            .current_dir(program.folder.path())
            .env("PATH", path)
            .env("XDG_CONFIG_HOME", program.folder.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let ended = crate::common::program::Ended::of(shell).ends_with(0);
        assert!(ended.stdout.contains(&running.jobs()[0].1[..7]), "{ended:#?}");
    }
}

#[test]
fn a_fault_that_is_none_is_wrong_usage_and_the_kinds_are_named() {
    for fault in ["sneeze", "cut=many", "500@first", "500#0x"] {
        let ended = Program::new()
            .run(&["simulate", "--port", "0", "--for", "1s", "--fault", fault])
            .ends_with(2)
            .says(fault);
        for kind in [
            "reset=BYTES",
            "stall=SECONDS",
            "bad-run=N",
            "token-dies",
            "shuffled",
        ] {
            assert!(ended.stderr.contains(kind), "{kind} in {}", ended.stderr);
        }
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn help_lists_every_kind_of_fault() {
    let ended = Program::new().run(&["simulate", "--help"]).ends_with(0);
    for (kind, what) in jobruns::simulator::FAULT_KINDS {
        assert!(ended.stdout.contains(kind), "{kind}");
        let first = what.split(' ').next().unwrap();
        assert!(ended.stdout.contains(first), "{what}");
    }
}

#[test]
fn a_fault_that_is_asked_for_happens() {
    let program = Program::new();
    let running = Running::start(&program, &["--fault", "403@2"]);
    let jobs = running.jobs();
    let client = Program::new()
        .with("JOBRUNS_URL", running.url())
        .with("JOBRUNS_USERNAME", running.told("user "))
        .with("JOBRUNS_PASSWORD", running.told("password "))
        .with("JOBRUNS_PIN", running.told("pin "));
    client.run(&["sync", jobs[0].0]).ends_with(0);
    client
        .run(&["sync", jobs[1].0])
        .ends_with(1)
        .says("You are not authorized to perform this task");
}

#[test]
fn a_port_that_is_taken_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = Program::new()
        .run(&["simulate", "--port", &port, "--for", "5s", "--ca-out", "ca.pem"])
        .ends_with(1)
        .says(&format!("could not listen on 127.0.0.1:{port}"))
        .says("--port 0");
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_certificate_that_cannot_be_written_is_named() {
    let ended = Program::new()
        .run(&[
            "simulate",
            "--port",
            "0",
            "--for",
            "5s",
            "--ca-out",
            "no-folder/ca.pem",
        ])
        .says("no-folder");
    assert_ne!(ended.code, Some(0));
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_password_of_ones_own_is_not_shown_and_lets_in() {
    let program = Program::new().with("JOBRUNS_SIMULATOR_PASSWORD", "Tr0ub4dor");
    let arguments = [
        "--username",
        "me",
        "--password-encoding",
        "none",
        "--http",
        "--nights",
    ];
    let running = Running::start(&program, &arguments);
    assert!(!running.said.contains("Tr0ub4dor"), "{}", running.said);
    let client = Program::new()
        .with("JOBRUNS_URL", running.url())
        .with("JOBRUNS_USERNAME", running.told("user "))
        .with("JOBRUNS_PASSWORD", "Tr0ub4dor");
    let job = running.jobs()[0].0;
    let arguments = [
        "sync",
        job,
        "--insecure",
        "--password-encoding",
        "none",
        "--format",
        "json",
    ];
    client.run(&arguments).ends_with(0);
    let again = client.run(&arguments).ends_with(0).json();
    assert_eq!(again["totals"]["runs_new"], 1, "a night has passed");
}

#[test]
fn a_fault_names_its_job_by_guid_and_one_of_no_job_is_wrong_usage() {
    let program = Program::new();
    let listing = Running::start(&program, &[]);
    let second = listing.jobs()[1].0;
    let running = Running::start(&program, &["--fault", &format!("404@{second}")]);
    let client = Program::new()
        .with("JOBRUNS_URL", running.url())
        .with("JOBRUNS_USERNAME", running.told("user "))
        .with("JOBRUNS_PASSWORD", running.told("password "))
        .with("JOBRUNS_PIN", running.told("pin "));
    client.run(&["sync", listing.jobs()[0].0]).ends_with(0);
    client.run(&["sync", second]).ends_with(1).says("not found");
    let arguments = ["simulate", "--port", "0", "--for", "1s", "--fault", "404@9"];
    program.run(&arguments).ends_with(2).says("from 1 to 6");
}
