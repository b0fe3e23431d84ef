//! The table "What goes wrong, and how you hear of it" of docs/operations.md, row by row: each is broken on purpose.

use std::fs;
use std::process::Command;

use crate::common::journal::Journal;
use crate::common::monitor::{Monitor, sample};
use crate::common::scripted::{answering, reply};
use crate::common::story::Story;
use jobruns::archive::SyncLock;
use jobruns::simulator::{CertificateKind, Options};
use rusqlite::{Connection, OpenFlags};

/// What an archive holds: runs, messages, revisions.
type Held = (i64, i64, i64);

/// A synced archive, with a monitor, metrics and the journal.
struct Watched {
    story: Story,
    monitor: Monitor,
    journal: Journal,
    held: Held,
}

/// What is heard of an end.
struct Heard<'h> {
    code: i32,
    /// Both stand in the error lines.
    cause: &'h str,
    remedy: &'h str,
    /// A metric: name, a label of it, value.
    metric: (&'h str, &'h str, f64),
}

impl Watched {
    async fn new() -> Self {
        let story = Story::new().await;
        let monitor = Monitor::answering(200);
        story.program.write(
            "c.toml",
            format!(
                "ping_url = '{}/{{command}}'\nmetrics_file = 'm.prom'\n",
                monitor.url
            ),
        );
        story
            .sync(&["--head-file", "heads", "--quiet", "--new"])
            .ends_with(0);
        let held = held(&story, "jobruns.db");
        let journal = Journal::new();
        Self {
            story,
            monitor,
            journal,
            held,
        }
    }

    /// Runs the command with a monitor, metrics and the journal, and hears its end.
    #[track_caller]
    fn hears(&self, arguments: &[&str], heard: &Heard<'_>) {
        let command = self.story.program.command(arguments);
        self.hears_of(command, arguments[0], heard);
    }

    #[cfg_attr(windows, expect(unused_variables, reason = "Windows has no journal"))]
    #[track_caller]
    fn hears_of(&self, mut command: Command, name: &str, heard: &Heard<'_>) {
        let story = &self.story;
        self.monitor.take();
        let (code, said, entries) = self.journal.of(command.env("JOBRUNS_CONFIG", "c.toml"));
        assert_eq!(code, Some(heard.code), "{said}");
        // Standard error: an error that says why and what to do.
        let level = if cfg!(unix) { "<3>" } else { "" };
        let errors = said.lines().filter_map(|line| line.strip_prefix(level));
        let errors: Vec<&str> = errors.collect();
        assert!(errors.iter().any(|line| line.starts_with("Error: ")), "{said}");
        let tells = |text: &str| {
            for part in [heard.cause, heard.remedy] {
                assert!(text.contains(part), "{part:?} is not said:\n{text}");
            }
        };
        tells(&errors.join("\n"));
        // The journal, where there is one: one entry, which repeats nothing that standard error leads there.
        #[cfg(unix)]
        {
            let [entry] = entries.as_slice() else {
                panic!("not one entry: {entries:?}")
            };
            assert_eq!(entry["JOBRUNS_COMMAND"], name);
            assert_eq!(entry["JOBRUNS_EXIT_CODE"], heard.code.to_string());
            assert_eq!(entry["PRIORITY"], if heard.code == 3 { "4" } else { "3" });
            tells(&entry["JOBRUNS_ERRORS"]);
            let message = format!("jobruns {name}: exit code {} after ", heard.code);
            assert!(entry["MESSAGE"].starts_with(&message), "{entry:?}");
            assert!(!said.contains(&message), "{said}");
        }
        // The monitor.
        let pings = self.monitor.take();
        let paths: Vec<&str> = pings.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(
            paths,
            [format!("/{name}/start"), format!("/{name}/fail")],
            "{said}"
        );
        let told = &pings[1].1;
        assert!(told.contains(&format!("exit code {}", heard.code)), "{told}");
        tells(told);
        // The metrics.
        let metrics = fs::read_to_string(story.program.path("m.prom")).unwrap();
        let of_command = format!("command=\"{name}\"");
        assert_eq!(
            sample(&metrics, "jobruns_command_exit_code", &of_command),
            f64::from(heard.code)
        );
        let (name, label, value) = heard.metric;
        assert_eq!(sample(&metrics, name, label), value, "{name}");
    }

    /// Nothing is lost: all is held as before, and once it works again a sync is complete.
    #[track_caller]
    fn nothing_is_lost(&self) {
        self.story.server.set_faults(Vec::new());
        assert_eq!(held(&self.story, "jobruns.db"), self.held);
        self.story.sync(&["--head-file", "heads"]).ends_with(0);
        assert_eq!(held(&self.story, "jobruns.db"), self.held);
        self.story
            .program
            .run(&["verify", "--head-file", "heads"])
            .ends_with(0);
    }
}

fn held(story: &Story, archive: &str) -> Held {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let archive = Connection::open_with_flags(story.program.path(archive), flags).unwrap();
    let sql = "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM messages), (SELECT count(*) FROM run_revisions)";
    archive.query_row(sql, [], |row| row.try_into()).unwrap()
}

const FAILED: (&str, &str, f64) = ("jobruns_last_sync_outcome", "outcome=\"failed\"", 1.0);

#[tokio::test(flavor = "multi_thread")]
async fn the_server_does_not_answer() {
    let watched = Watched::new().await;
    watched.hears(
        &["sync", "--url", "https://127.0.0.1:1"],
        &Heard {
            code: 1,
            cause: "the connection was refused",
            remedy: "s the CCS application server running",
            metric: FAILED,
        },
    );
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_has_expired_or_the_account_is_locked() {
    let watched = Watched::new().await;
    watched.story.fault("login-fails");
    let refused = Heard {
        code: 1,
        cause: "the server refused the login of CORP\\auditor",
        remedy: "heck --username (DOMAIN\\user) and the password",
        metric: FAILED,
    };
    watched.hears(&["sync"], &refused);
    let locking = answering(|_| {
        let words = r#"{"error":"invalid_grant","error_description":"The account is locked out."}"#;
        reply(400, "Content-Type: application/json\r\n", words)
    });
    let mut command = watched
        .story
        .program
        .command(&["sync", "--url", &locking, "--insecure"]);
    command.env_remove("JOBRUNS_PIN");
    let locked = Heard {
        cause: "The account is locked out.",
        ..refused
    };
    watched.hears_of(command, "sync", &locked);
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_has_changed_or_expired() {
    let watched = Watched::new().await;
    let other = "ab".repeat(32);
    watched.hears(
        &["sync", "--pin", &other],
        &Heard {
            code: 1,
            cause: "the server's certificate has SHA-256",
            remedy: "compare the new SHA-256 on the server and pin it",
            metric: FAILED,
        },
    );
    let expired = Story::with(Options {
        certificate: CertificateKind::Expired,
        ..Options::default()
    })
    .await;
    watched
        .story
        .program
        .write("ca.pem", expired.server.authority_pem());
    let mut command =
        watched
            .story
            .program
            .command(&["sync", "--url", &expired.server.base_url(), "--ca-cert", "ca.pem"]);
    command.env_remove("JOBRUNS_PIN");
    watched.hears_of(
        command,
        "sync",
        &Heard {
            code: 1,
            cause: "expired",
            remedy: "Renew the server's certificate",
            metric: FAILED,
        },
    );
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_is_lost_or_a_job_is_deleted() {
    let watched = Watched::new().await;
    let job = format!("job_id=\"{}\"", watched.story.job(1));
    for (fault, cause, remedy) in [
        ("403@2", "not authorized", "needs the CCS permissions"),
        ("404@2", "not found", "jobs remove"),
    ] {
        watched.story.fault(fault);
        watched.hears(
            &["sync"],
            &Heard {
                code: 3,
                cause,
                remedy,
                metric: ("jobruns_job_last_sync_failed", &job, 1.0),
            },
        );
        watched.nothing_is_lost();
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_disk_is_full() {
    let watched = Watched::new().await;
    // New runs to write, and a limit that the archive has reached.
    watched.story.server.pass_night();
    let size = fs::metadata(watched.story.program.path("jobruns.db"))
        .unwrap()
        .len()
        / 512;
    let script = format!("ulimit -f {}; exec \"$0\" sync", size.min(64));
    let path = watched.story.program.path("m.prom");
    watched.hears_of(
        watched.story.program.script(&script),
        "sync",
        &Heard {
            code: 1,
            cause: "the disk or share could not be written",
            remedy: "check its space and health",
            metric: ("jobruns_archive_readable", "", 1.0),
        },
    );
    assert!(path.exists());
    let held_before = watched.held;
    assert_eq!(held(&watched.story, "jobruns.db"), held_before);
    watched.story.sync(&["--head-file", "heads"]).ends_with(0);
    assert!(held(&watched.story, "jobruns.db").0 > held_before.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_with_the_heads_is_gone() {
    let watched = Watched::new().await;
    watched.hears(
        &["sync", "--head-file", "share/heads"],
        &Heard {
            code: 3,
            cause: "could not be appended to share/heads",
            remedy: "Hint: check that the folder is there, and the share connected",
            metric: ("jobruns_last_sync_outcome", "outcome=\"complete\"", 1.0),
        },
    );
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_or_disk_with_archive_reports_or_backups_is_gone() {
    let watched = Watched::new().await;
    let config = fs::read_to_string(watched.story.program.path("c.toml")).unwrap();
    // A backup.
    watched.hears(
        &["backup", "share/copy.db", "--quiet"],
        &Heard {
            code: 1,
            cause: "share",
            remedy: "make that folder first",
            metric: ("jobruns_archive_readable", "", 1.0),
        },
    );
    // A report behind the sync, which is written itself.
    watched.story.program.write(
        "c.toml",
        format!("{config}[[export]]\nreport = 'coverage'\noutput = 'share/coverage.csv'\n"),
    );
    watched.hears(
        &["sync", "--quiet"],
        &Heard {
            code: 3,
            cause: "[[export]] coverage (c.toml:3): cannot write to share/coverage.csv",
            remedy: "make that folder first, connect the share",
            metric: ("jobruns_last_sync_outcome", "outcome=\"complete\"", 1.0),
        },
    );
    watched.story.program.write("c.toml", config);
    watched.nothing_is_lost();
    // The archive itself: no new one is made in its place.
    watched.hears(
        &["sync", "--quiet", "--archive", "share/jobruns.db"],
        &Heard {
            code: 2,
            cause: "there is no archive at share/jobruns.db",
            remedy: "--new",
            metric: ("jobruns_archive_readable", "", 0.0),
        },
    );
    assert!(!watched.story.program.path("share").exists());
    watched.nothing_is_lost();
}

/// A log or metrics on a disk that is gone are no reason not to sync. Even a quiet sync warns of it, and the monitor is told;
/// no metric can show it, but that the old file stays as it was.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_the_metrics_cannot_be_written() {
    let watched = Watched::new().await;
    let metrics = || fs::read(watched.story.program.path("m.prom")).ok();
    for (flag, warning) in [
        ("--log-file", "could not write to the log file share/x"),
        (
            "--metrics-file",
            "the metrics could not be written: cannot write to share/x",
        ),
    ] {
        watched.monitor.take();
        let before = metrics();
        let arguments = ["sync", "--quiet", "--config", "c.toml", flag, "share/x"];
        let (code, said, entries) = watched.journal.of(&mut watched.story.program.command(&arguments));
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(said.matches(warning).count(), 1, "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains("Hint: make that folder first"), "{said}");
        if cfg!(unix) {
            assert!(said.starts_with("<4>Warning: "), "{said}");
            assert_eq!(entries.len(), 1);
            assert_eq!(
                (&*entries[0]["JOBRUNS_EXIT_CODE"], &*entries[0]["PRIORITY"]),
                ("0", "6")
            );
        }
        let pings = watched.monitor.take();
        assert_eq!(pings[1].0, "/sync");
        assert!(pings[1].1.contains(&format!("Warning: {warning}")), "{pings:?}");
        assert_eq!(metrics() == before, flag == "--metrics-file");
    }
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_was_moved() {
    let watched = Watched::new().await;
    let path = |name: &str| watched.story.program.path(name);
    fs::rename(path("jobruns.db"), path("moved.db")).unwrap();
    watched.hears(
        &["sync", "--quiet"],
        &Heard {
            code: 2,
            cause: "there is no archive at jobruns.db",
            remedy: "--new",
            metric: ("jobruns_archive_readable", "", 0.0),
        },
    );
    for command in [&["status"][..], &["verify"], &["backup", "copy.db"]] {
        watched.hears(
            command,
            &Heard {
                code: 1,
                cause: "there is no archive at jobruns.db",
                remedy: "if it was moved or its drive is not connected, put it back",
                metric: ("jobruns_archive_readable", "", 0.0),
            },
        );
    }
    assert!(!path("jobruns.db").exists());
    fs::rename(path("moved.db"), path("jobruns.db")).unwrap();
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_is_damaged() {
    let watched = Watched::new().await;
    let path = watched.story.program.path("jobruns.db");
    let sound = fs::read(&path).unwrap();
    let archive = Connection::open(&path).unwrap();
    archive
        .execute("UPDATE _run SET status = 4 WHERE status = 5", [])
        .unwrap();
    archive
        .execute("UPDATE _run SET status = 5 WHERE run_key = 1", [])
        .unwrap();
    drop(archive);
    for (arguments, remedy) in [
        (&["verify"][..], "`jobruns reindex`"),
        (&["backup", "copy.db"], "run `jobruns verify`"),
    ] {
        watched.hears(
            arguments,
            &Heard {
                code: 4,
                cause: "not intact",
                remedy,
                metric: ("jobruns_archive_readable", "", 1.0),
            },
        );
    }
    assert!(!watched.story.program.path("copy.db").exists());
    fs::write(path, sound).unwrap();
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_wrong() {
    let watched = Watched::new().await;
    watched.story.server.set_clock_offset(-600);
    watched.story.program.run(&["sync"]).ends_with(0).says("ahead");
    watched.hears(
        &["status", "--max-age", "26h"],
        &Heard {
            code: 3,
            cause: "this machine's clock was 10m ahead of the server's",
            remedy: "set the wrong one of the two, then sync again",
            metric: ("jobruns_command_exit_code", "command=\"status\"", 3.0),
        },
    );
    let metrics = fs::read_to_string(watched.story.program.path("m.prom")).unwrap();
    assert!(sample(&metrics, "jobruns_clock_skew_seconds", "") > 590.0);
    watched.story.server.set_clock_offset(0);
    watched.nothing_is_lost();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_held_and_one_that_was_left_is_in_nobodys_way() {
    let watched = Watched::new().await;
    let lock = SyncLock::take(&watched.story.program.path("jobruns.db")).unwrap();
    watched.hears(
        &["sync"],
        &Heard {
            code: 5,
            cause: "held by",
            remedy: "process",
            metric: ("jobruns_archive_readable", "", 1.0),
        },
    );
    drop(lock);
    assert!(watched.story.program.path("jobruns.db.lock").exists());
    watched.nothing_is_lost();
}

/// The task was disabled, or the machine slept: nobody ran anything, so only what looks from outside can tell: the monitor
/// that heard nothing, the age by the metrics, and `status` in a task of its own.
#[tokio::test(flavor = "multi_thread")]
async fn no_sync_ran_until_runs_were_purged() {
    let watched = Watched::new().await;
    let path = watched.story.program.path("jobruns.db");
    let archive = Connection::open(path).unwrap();
    let long = 300 * 86_400;
    let synced: i64 = archive
        .query_row("SELECT max(last_synced_unix) FROM _job", [], |row| row.get(0))
        .unwrap();
    // As if the last sync had been 300 days ago, when the runs were a month old.
    for sql in [
        "UPDATE _job SET last_synced_unix = last_synced_unix - 25920000, last_answered_unix = last_answered_unix - 25920000",
        "UPDATE _sync SET started_unix = started_unix - 25920000, finished_unix = finished_unix - 25920000",
    ] {
        archive.execute(sql, []).unwrap();
    }
    let job = format!("job_id=\"{}\"", watched.story.job(0));
    let at = (
        "jobruns_job_last_complete_sync_timestamp_seconds",
        job.as_str(),
        (synced - long) as f64,
    );
    watched.hears(
        &["status", "--max-age", "26h"],
        &Heard {
            code: 3,
            cause: "its last complete answer is older than 26h",
            remedy: "sync now: `jobruns check` says why",
            metric: at,
        },
    );
    assert!(watched.monitor.take().is_empty());
    let purged = watched
        .story
        .program
        .command(&["status", "--max-age", "400d", "--purge-age", "60d"]);
    let mut purged = purged;
    purged.env("JOBRUNS_PURGE_AGE", "60d");
    watched.hears_of(
        purged,
        "status",
        &Heard {
            code: 3,
            cause: "a complete sync was needed by",
            remedy: "sync now",
            metric: at,
        },
    );
    let metrics = fs::read_to_string(watched.story.program.path("m.prom")).unwrap();
    let loss = sample(&metrics, "jobruns_job_purge_loss_timestamp_seconds", &job);
    assert!(loss < synced as f64, "{loss} {synced}");
    assert_eq!(held(&watched.story, "jobruns.db"), watched.held);
}
