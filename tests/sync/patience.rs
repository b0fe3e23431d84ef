//! A server that does not answer for some time: `sync --retry-for`.

#[cfg(unix)]
use std::io::Read;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::program::{Ended, Program};
use crate::common::story::Story;
#[cfg(unix)]
use crate::common::story::signal;

/// A port on which nothing listens.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// What the system says where nothing listens.
fn refused() -> String {
    io::Error::from_raw_os_error(if cfg!(windows) { 10061 } else { 111 }).to_string()
}

/// A program that reaches a server on `port` over plain HTTP.
fn program(port: u16) -> Program {
    Program::new()
        .with("JOBRUNS_URL", &format!("http://127.0.0.1:{port}"))
        .with("JOBRUNS_USERNAME", r"CORP\auditor")
        .with("JOBRUNS_PASSWORD", "simulator")
        .with("JOBRUNS_INSECURE", "true")
}

/// A look-alike on `port`, in a process of its own that can be killed.
fn serve(program: &Program, port: u16, more: &[&str]) -> (Child, Vec<String>) {
    let port = port.to_string();
    let history = ["--jobs", "3", "--runs", "12", "--messages", "6", "--seed", "7"];
    let arguments = [&["simulate", "--http", "--port", &port], &history[..], more].concat();
    let mut server = program.command(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut jobs = Vec::new();
    for line in &mut lines {
        let line = line.unwrap();
        jobs.extend(
            line.split_whitespace()
                .find(|word| word.len() == 36)
                .map(str::to_owned),
        );
        if jobs.len() == 3 {
            break;
        }
    }
    // Who closes the pipe would end the server at its next word.
    std::thread::spawn(move || lines.for_each(drop));
    (server, jobs)
}

fn stop(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_server_that_starts_later_is_waited_for_and_told_once() {
    let port = free_port();
    let program = program(port);
    let (server, jobs) = serve(&program, port, &[]);
    stop(server);
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let sync = [&["sync", "--retry-for", "1m"], &jobs[..]].concat();
    let syncing = program.command(&sync).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let (server, _) = serve(&program, port, &[]);
    let ended = Ended::of(syncing).ends_with(0);
    assert_eq!(
        ended.stderr.matches("trying again for up to 1m").count(),
        1,
        "{ended:?}"
    );
    assert_eq!(
        ended.stderr.matches("the server answers again, after ").count(),
        1,
        "{ended:?}"
    );
    assert_eq!(ended.stderr.matches(&refused()).count(), 1, "{ended:?}");
    // With --quiet such a night is none to speak of.
    stop(server);
    let quiet = program
        .command(&["sync", "--retry-for", "1m", "--quiet"])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let (server, _) = serve(&program, port, &[]);
    let ended = Ended::of(quiet).ends_with(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    stop(server);
}

#[test]
fn a_server_that_reboots_in_the_middle_of_its_answers_costs_no_job() {
    let port = free_port();
    let program = program(port);
    // It is silent in the middle of its answers, until it is killed.
    let (server, jobs) = serve(&program, port, &["--fault", "stall=60"]);
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let sync = [
        &[
            "sync",
            "--retry-for",
            "1m",
            "--retries",
            "1",
            "--concurrency",
            "2",
        ],
        &jobs[..],
    ]
    .concat();
    let syncing = program.command(&sync).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    stop(server);
    std::thread::sleep(Duration::from_secs(4));
    let (server, _) = serve(&program, port, &[]);
    let ended = Ended::of(syncing).ends_with(0);
    assert_eq!(
        ended.stderr.matches("trying again for up to 1m").count(),
        1,
        "{ended:?}"
    );
    stop(server);
}

#[test]
fn a_server_that_stays_away_is_given_up_in_time_for_all_jobs_together() {
    let port = free_port();
    let program = program(port);
    let jobs = [1, 2, 3].map(|job| format!("ff761384-4b49-40b4-97d8-0de38669075{job}"));
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let sync = |more: &[&str]| {
        let begun = Instant::now();
        let ended = program.run(&[&["sync"], more, &jobs].concat()).ends_with(1);
        (ended, begun.elapsed())
    };
    let (ended, time) = sync(&["--retry-for", "3s"]);
    assert!(time >= Duration::from_secs(3), "{time:?}");
    assert_eq!(ended.stderr.matches("Caused by: ").count(), 1, "{ended:?}");
    assert!(
        ended
            .stderr
            .contains(&format!("{} (tried again for 3s)", refused())),
        "{ended:?}"
    );
    // Neither of these waits; nor does a server that answers, and refuses.
    for at_once in [
        &["--retry-for", "1h", "--retries", "0"],
        &["--retry-for", "0s"][..],
    ] {
        let (ended, _) = sync(at_once);
        assert!(!ended.stderr.contains("trying again"), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waiting_does_not_mend_is_not_waited_for() {
    let story = Story::new().await;
    let wait = ["--retry-for", "1h", "--retries", "4"];
    let pw = story.program.write("pw", "hunter2\n");
    let ended = story
        .sync(&[&["--password-file", pw.to_str().unwrap()], &wait[..]].concat())
        .ends_with(1);
    assert!(!ended.stderr.contains("trying again"), "{ended:?}");
    let ended = story
        .sync(&[&["--pin", &"ab".repeat(32)], &wait[..]].concat())
        .ends_with(1);
    assert!(!ended.stderr.contains("trying again"), "{ended:?}");
    story.fault("404");
    let ended = story.sync(&wait).ends_with(1);
    assert!(!ended.stderr.contains("trying again"), "{ended:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_wait() {
    let program = program(free_port());
    let job = "ff761384-4b49-40b4-97d8-0de38669075a";
    let mut syncing = program
        .command(&["sync", "--retry-for", "1h", job])
        .spawn()
        .unwrap();
    let mut said = BufReader::new(syncing.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("trying again for up to 1h") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
    }
    signal(&syncing, rustix::process::Signal::INT);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(syncing.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("Error: sync 1 was interrupted"), "{rest}");
}
