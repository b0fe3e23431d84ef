//! Servers that refuse, are not whom they should be, or are not CCS: what is told, and that no password is shown or spent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};

use crate::common::program::{Ended, Program};
use crate::common::small_history;
use crate::common::story::Story;
use jobruns::model::hex;
use jobruns::simulator::{CertificateKind, Options, Simulator};

const PASSWORD: &str = "hunter2-correct-horse";

/// The password as the token request carries it: Base64.
const PACKED: &str = "aHVudGVyMi1jb3JyZWN0LWhvcnNl";

/// A program that knows `PASSWORD` and logs to a file.
fn program(url: &str) -> Program {
    Program::with_password(url, PASSWORD).with("JOBRUNS_LOG_FILE", "log.txt")
}

/// Expects that the password is neither shown nor logged nor archived, packed or not.
#[track_caller]
fn keeps_the_password(program: &Program, ended: Ended) -> Ended {
    for entry in std::fs::read_dir(program.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in [PASSWORD, PACKED] {
            let shown = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!shown, "{secret:?} stands in {}", path.display());
        }
    }
    ended.never_shows(PASSWORD).never_shows(PACKED)
}

async fn presenting(certificate: CertificateKind) -> Story {
    Story::with(Options {
        history: small_history(),
        certificate,
        ..Options::default()
    })
    .await
}

/// Answers every connection on a port of its own with these bytes, then closes it.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            connection
                .set_read_timeout(Some(std::time::Duration::from_secs(5)))
                .unwrap();
            let mut request = [0; 4096];
            let _ = connection.read(&mut request);
            let _ = connection.write_all(bytes);
            // What was not read yet would make the end a reset.
            let _ = connection.shutdown(Shutdown::Write);
            let _ = connection.read_to_end(&mut Vec::new());
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_certificate_is_told_with_its_cause_and_the_pin_and_no_password_is_sent() {
    for (kind, says, next) in [
        (CertificateKind::Signed, "is not trusted", "--ca-cert"),
        (CertificateKind::SelfSigned, "is self-signed", "--pin"),
        (
            CertificateKind::SelfSignedAuthority,
            "is marked as a CA's",
            "No CA file helps",
        ),
        (
            CertificateKind::Expired,
            "has expired",
            "Renew the server's certificate",
        ),
        (
            CertificateKind::OtherName,
            "is for elsewhere.example.com",
            "Use a name of the certificate in --url",
        ),
    ] {
        let story = presenting(kind).await;
        let program = program(&story.server.base_url());
        program.write("ca.pem", story.server.authority_pem());
        let job = story.job(0);
        let pin = hex(&story.server.certificate_sha256());
        // An unknown one is told as such without its CA only; the others are wrong in themselves.
        let trusting: &[&str] = match kind {
            CertificateKind::Expired | CertificateKind::OtherName | CertificateKind::SelfSignedAuthority => {
                &["--ca-cert", "ca.pem"]
            }
            CertificateKind::Signed | CertificateKind::SelfSigned => &[],
        };
        let mut arguments = vec!["-vv", "sync", &job];
        arguments.extend(trusting);
        let ended = program
            .run(&arguments)
            .ends_with(1)
            .says("logging in: no TLS connection to https://127.0.0.1:")
            .says(says)
            .says(next)
            .says(&pin);
        keeps_the_password(&program, ended);
        assert!(story.server.requests().is_empty(), "{kind:?}");
        // The pin is the way out of each.
        let ended = program
            .run(&["sync", &job, "--pin", &pin])
            .ends_with(1)
            .says("the server refused the login");
        keeps_the_password(&program, ended);
        story.sync(&[]).ends_with(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_than_the_pinned_one_is_refused() {
    let story = Story::new().await;
    let program = program(&story.server.base_url());
    let ended = program
        .run(&["sync", &story.job(0), "--pin", &"ab".repeat(32)])
        .ends_with(1)
        .says("no TLS connection")
        .says("compare the new SHA-256 on the server")
        .says(&hex(&story.server.certificate_sha256()));
    keeps_the_password(&program, ended);
    assert!(story.server.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_sent_once_for_all_jobs_and_stands_nowhere() {
    let story = Story::new().await;
    let pin = hex(&story.server.certificate_sha256());
    let program = program(&story.server.base_url()).with("JOBRUNS_PIN", &pin);
    let jobs = [story.job(0), story.job(1), story.job(2)];
    let ended = program
        .run(&[
            "-vv",
            "sync",
            &jobs[0],
            &jobs[1],
            &jobs[2],
            "--retries",
            "3",
            "--format",
            "json",
        ])
        .ends_with(1)
        .says(r"the server refused the login of CORP\auditor")
        .says("Check --username")
        .says("so that the account is not locked");
    let ended = keeps_the_password(&program, ended);
    assert_eq!(ended.json()["outcome"], "failed");
    assert_eq!(story.logins(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_and_an_unknown_job_say_what_to_do_and_the_others_are_archived() {
    let story = Story::new().await;
    story.fault("403@2");
    let unknown = "ff761384-4b49-40b4-97d8-0de38669075a";
    let ended = story
        .sync(&[unknown, "--format", "json"])
        .ends_with(3)
        .says(&format!("asking for the runs of job {}", story.job(1)))
        .says("answered 403: You are not authorized to perform this task")
        .says("needs the CCS permissions View all jobs")
        .says(&format!(
            "answered 404: Job for specified JobID '{unknown}' not found. "
        ))
        .says("`jobruns jobs discover` lists those it has")
        .never_shows("simulator");
    let jobs = ended.json()["jobs"].as_array().unwrap().clone();
    let outcomes: Vec<&str> = jobs.iter().map(|job| job["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["complete", "failed", "complete", "failed"]);
    // Neither is watched by that: the next sync of all asks for the good ones alone.
    let json = story
        .program
        .run(&["sync", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(json["jobs"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_page_in_place_of_runs_marks_nothing_absent() {
    let story = Story::synced().await;
    story.fault("html");
    let json = story
        .sync(&["--format", "json"])
        .ends_with(1)
        .says("answered with text/html instead of JSON")
        .says("Proxy login")
        .says("look at the URL, the port and HTTPS_PROXY")
        .json();
    assert_eq!(json["totals"]["runs_absent"], 0);
    story.server.set_faults(Vec::new());
    let json = story.sync(&["--format", "json"]).ends_with(0).json();
    assert_eq!(json["totals"]["runs_unchanged"], 36);
}

#[test]
fn a_server_that_is_no_ccs_is_told_by_what_it_answers() {
    for (bytes, says, next) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 25\r\n\r\n<h1>Welcome to nginx!</h1>"[..],
            "answered with text/html instead of JSON",
            "HTTPS_PROXY",
        ),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\nNot Found",
            "answered 404",
            "that of a CCS server's REST API",
        ),
        (
            b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n",
            "answered 405",
            "that of a CCS server's REST API",
        ),
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "407",
            "NO_PROXY",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"hello\":\"you\"}\n",
            "cannot be used",
            "that of a CCS server's REST API",
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: https://login.example.com/\r\nContent-Length: 0\r\n\r\n",
            "redirects to https://login.example.com:443/, which was not followed",
            "give its URL by --url",
        ),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "is not HTTP", "12431"),
        (b"", "closed the connection before it answered", "ry again later"),
    ] {
        let url = format!("http://127.0.0.1:{}", answering(bytes));
        let program = program(&url);
        let job = "ff761384-4b49-40b4-97d8-0de38669075a";
        let ended = program
            .run(&["-vv", "sync", job, "--insecure"])
            .ends_with(1)
            .says("logging in: ")
            .says(&url)
            .says(says)
            .says(next);
        keeps_the_password(&program, ended);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn https_and_http_mistaken_for_each_other_and_a_dead_port_are_told() {
    let job = "ff761384-4b49-40b4-97d8-0de38669075a";
    let plain = Simulator::start(Options {
        plain: true,
        ..Options::default()
    })
    .await
    .unwrap();
    let url = plain.base_url().replace("http:", "https:");
    let program = self::program(&url);
    let ended = program
        .run(&["sync", job])
        .ends_with(1)
        .says(&url)
        .says("s this the https port?");
    keeps_the_password(&program, ended);
    let secret = Simulator::start(Options::default()).await.unwrap();
    let program = self::program(&secret.base_url().replace("https:", "http:"));
    let ended = program
        .run(&["sync", job, "--insecure"])
        .ends_with(1)
        .says("logging in: ");
    keeps_the_password(&program, ended);
    let program = self::program("https://127.0.0.1:1");
    let ended = program
        .run(&["sync", job])
        .ends_with(1)
        .says("logging in: no connection to https://127.0.0.1:1: ")
        .says("Is the CCS application server running");
    keeps_the_password(&program, ended);
}

#[test]
fn a_proxy_that_is_not_there_is_named_and_no_proxy_goes_round_it() {
    let job = "ff761384-4b49-40b4-97d8-0de38669075a";
    let program = |no_proxy: &str| {
        self::program("https://ccs.invalid:12431")
            .with("HTTPS_PROXY", "http://user:hunter2-correct-horse@127.0.0.1:1")
            .with("NO_PROXY", no_proxy)
            .with("no_proxy", no_proxy)
    };
    let by_proxy = program("elsewhere.invalid ccs.invalid:443");
    let ended = by_proxy
        .run(&["-vv", "sync", job, "--insecure"])
        .ends_with(1)
        .says("no connection to the proxy http://127.0.0.1:1 (on the way to https://ccs.invalid:12431): ")
        .says("ook at HTTPS_PROXY");
    keeps_the_password(&by_proxy, ended);
    let direct = program("elsewhere.invalid  *.invalid:12431");
    let ended = direct
        .run(&["sync", job, "--insecure"])
        .ends_with(1)
        .says("no connection to https://ccs.invalid:12431: ")
        .never_shows("HTTPS_PROXY");
    keeps_the_password(&direct, ended);
    // A setting outdoes the environment, for pings as well.
    let direct = program("");
    direct.write("c.toml", "proxy = 'none'\n");
    for arguments in [&["--proxy", "none"][..], &["--config", "c.toml"]] {
        direct
            .run(
                &[
                    &["check", "--insecure", "--ping-url", "http://monitor.invalid/x"],
                    arguments,
                ]
                .concat(),
            )
            .ends_with(3)
            .shows("proxy       none, by environment and settings")
            .shows("no connection to https://ccs.invalid:12431: ")
            .shows("ping_url    the monitor: no connection to it: ")
            .never_shows("127.0.0.1:1");
    }
    program("")
        .run(&["check", "--insecure", "--ping-url", "https://monitor.invalid/x"])
        .ends_with(3)
        .shows("ping_url    the monitor: no connection to it: ")
        .shows("refused");
}
