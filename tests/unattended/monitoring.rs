//! How others hear of a command's end: metrics, pings, a command of the operator's own, the log and the journal.

use std::process::Command;

#[cfg(unix)]
use crate::common::journal::Journal;
use crate::common::monitor::{Monitor, SECRET, sample};
use crate::common::program::Ended;
use crate::common::story::Story;
#[cfg(unix)]
use serde_json::Value;

fn paths(pings: &[(String, String)]) -> Vec<&str> {
    pings.iter().map(|(path, _)| path.as_str()).collect()
}

/// What every reader of the format expects: help and type once before the samples of a metric, names by the conventions,
/// no sample twice.
fn is_well_formed(metrics: &str) {
    let mut seen = std::collections::BTreeSet::new();
    let mut lines = metrics.lines().peekable();
    while let Some(help) = lines.next() {
        let (name, words) = help.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(name.starts_with("jobruns_") && !words.is_empty());
        assert!(!name.ends_with("_total") && !name.contains("milli"), "{name}");
        assert_eq!(lines.next().unwrap(), format!("# TYPE {name} gauge"));
        let mut samples = 0;
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            assert!(line.starts_with(&format!("{name}{{archive=\"")), "{line}");
            let (labels, value) = line.rsplit_once(' ').unwrap();
            value.parse::<f64>().unwrap();
            assert!(seen.insert(labels.to_owned()), "twice: {line}");
            samples += 1;
        }
        assert!(samples > 0, "{name}");
        assert!(seen.insert(name.to_owned()), "twice: {name}");
    }
    assert!(metrics.ends_with('\n'));
}

/// A second opinion where there is one.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn promtool_agrees(story: &Story, file: &str) {
    let input = std::fs::File::open(story.program.path(file)).unwrap();
    match Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(input)
        .output()
    {
        Ok(output) => assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(_) => eprintln!("no promtool here: what it would say is not checked"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_file_has_the_archive_and_the_end_of_each_command() {
    let story = Story::new().await;
    let metrics = ["--metrics-file", "jobruns.prom"];
    story.sync(&metrics).ends_with(0);
    let first = story.program.read("jobruns.prom");
    is_well_formed(&first);
    promtool_agrees(&story, "jobruns.prom");
    assert_eq!(sample(&first, "jobruns_archive_readable", ""), 1.0);
    assert_eq!(
        sample(&first, "jobruns_last_sync_outcome", "outcome=\"complete\""),
        1.0
    );
    assert_eq!(
        sample(&first, "jobruns_last_sync_outcome", "outcome=\"failed\""),
        0.0
    );
    assert_eq!(
        sample(&first, "jobruns_command_exit_code", "command=\"sync\""),
        0.0
    );
    let expiry = sample(&first, "jobruns_certificate_expiry_timestamp_seconds", "");
    let ended = sample(
        &first,
        "jobruns_command_end_timestamp_seconds",
        "command=\"sync\"",
    );
    assert!(expiry > ended, "{expiry}");
    assert!(sample(&first, "jobruns_archive_size_bytes", "") > 10_000.0);
    assert!(sample(&first, "jobruns_archive_disk_free_bytes", "") > 0.0);
    let job = format!("job_id=\"{}\"", story.job(1));
    assert_eq!(sample(&first, "jobruns_job_runs", &job), 12.0);
    assert_eq!(sample(&first, "jobruns_job_watched", &job), 1.0);
    assert_eq!(sample(&first, "jobruns_job_last_sync_failed", &job), 0.0);
    let failed: f64 = {
        let archive = story.connection();
        let sql = "SELECT count(*) FROM runs WHERE job_id = ?1 AND status IN (5, 7)";
        archive.query_row(sql, [story.job(1)], |row| row.get(0)).unwrap()
    };
    assert_eq!(sample(&first, "jobruns_job_failed_runs", &job), failed);

    // Another command keeps what it does not know, and a failure keeps the last success.
    story
        .program
        .run(&["backup", "copy.db", metrics[0], metrics[1]])
        .ends_with(0);
    story.fault("404@1");
    story.sync(&metrics).ends_with(3);
    story
        .program
        .run(&["backup", "copy.db", metrics[0], metrics[1]])
        .ends_with(2);
    let second = story.program.read("jobruns.prom");
    is_well_formed(&second);
    promtool_agrees(&story, "jobruns.prom");
    assert_eq!(
        sample(&second, "jobruns_command_exit_code", "command=\"sync\""),
        3.0
    );
    assert_eq!(
        sample(&second, "jobruns_command_exit_code", "command=\"backup\""),
        2.0
    );
    let success = "jobruns_command_last_success_timestamp_seconds";
    assert_eq!(
        sample(&second, success, "command=\"sync\""),
        sample(&first, success, "command=\"sync\"")
    );
    assert!(sample(&second, success, "command=\"backup\"") > 0.0);
    assert_eq!(
        sample(&second, "jobruns_last_sync_outcome", "outcome=\"partial\""),
        1.0
    );
    let job = format!("job_id=\"{}\"", story.job(0));
    assert_eq!(sample(&second, "jobruns_job_last_sync_failed", &job), 1.0);
    assert_eq!(
        sample(&second, "jobruns_certificate_expiry_timestamp_seconds", ""),
        expiry
    );

    // An archive that is gone is told as well.
    std::fs::rename(story.program.path("jobruns.db"), story.program.path("moved.db")).unwrap();
    story
        .program
        .run(&["status", "--metrics-file", "jobruns.prom"])
        .ends_with(1);
    let third = story.program.read("jobruns.prom");
    is_well_formed(&third);
    assert_eq!(sample(&third, "jobruns_archive_readable", ""), 0.0);
    assert_eq!(
        sample(&third, "jobruns_command_exit_code", "command=\"status\""),
        1.0
    );
    assert_eq!(
        sample(&third, "jobruns_command_exit_code", "command=\"sync\""),
        3.0
    );

    // A place that cannot be written is told and stops nothing; the archive is no such place.
    for place in ["missing/jobruns.prom", "moved.db/x"] {
        story
            .program
            .run(&["status", "--metrics-file", place, "--archive", "moved.db"])
            .ends_with(0)
            .says("the metrics could not be written: cannot write to");
    }
    story
        .program
        .run(&["status", "--metrics-file", "moved.db", "--archive", "moved.db"])
        .ends_with(2)
        .says("it is the archive");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_prints_metrics_of_jobs_whatever_they_are_called() {
    let story = Story::synced().await;
    let job = story.job(2);
    let name = "a\\b \"c\"} 1\n# d";
    story
        .program
        .run(&["jobs", "add", &job, "--name", name])
        .ends_with(0);
    let ended = story
        .program
        .run(&["status", "--format", "prometheus"])
        .ends_with(0);
    is_well_formed(&ended.stdout);
    story.program.write("status.prom", &ended.stdout);
    promtool_agrees(&story, "status.prom");
    assert_eq!(
        sample(
            &ended.stdout,
            "jobruns_job_runs",
            r#"job_name="a\\b \"c\"} 1\\n# d""#
        ),
        12.0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_hears_begin_and_end_of_each_sync() {
    let story = Story::new().await;
    let monitor = Monitor::answering(200);
    story
        .program
        .write("c.toml", format!("ping_url = '{}'\n", monitor.url));
    let config = ["--config", "c.toml", "-vv"];

    let done = story
        .sync(&[&config[..], &["--format", "json"]].concat())
        .ends_with(0);
    let head = done.json()["head"].as_str().unwrap().to_owned();
    done.never_shows(SECRET);
    let pings = monitor.take();
    assert_eq!(paths(&pings), ["/start", ""]);
    assert!(pings[1].1.contains("jobruns sync: exit code 0"), "{pings:?}");
    assert!(
        pings[1]
            .1
            .contains(&format!("sync 1 complete, ledger head {head}")),
        "{pings:?}"
    );

    story.fault("404@1");
    story.sync(&config).ends_with(3).never_shows(SECRET);
    let pings = monitor.take();
    assert_eq!(paths(&pings), ["/start", "/fail"]);
    assert!(
        pings[1].1.contains("exit code 3") && pings[1].1.contains("Caused by:"),
        "{pings:?}"
    );

    // What fails before a sync begins is heard too, and no password with it.
    story.program.write("empty", "");
    story
        .program
        .run(&["sync", "--config", "c.toml", "--password-file", "missing"])
        .ends_with(2);
    let pings = monitor.take();
    assert_eq!(paths(&pings), ["/start", "/fail"]);
    assert!(
        pings[1].1.contains("Error: could not read the password file"),
        "{pings:?}"
    );

    // The config file's monitor is that of syncs, unless the URL has the command's name.
    story.program.run(&["status", "--config", "c.toml"]).ends_with(0);
    assert_eq!(paths(&monitor.take()), [""; 0]);
    story
        .program
        .write("each.toml", format!("ping_url = '{}/{{command}}'\n", monitor.url));
    story
        .program
        .run(&["status", "--config", "each.toml"])
        .ends_with(0);
    story
        .program
        .run(&["backup", "missing/copy.db", "--config", "each.toml"])
        .ends_with(1);
    story
        .program
        .run(&["verify", "--config", "each.toml"])
        .ends_with(0);
    let pings = monitor.take();
    assert_eq!(
        paths(&pings),
        [
            "/status/start",
            "/status",
            "/backup/start",
            "/backup/fail",
            "/verify/start",
            "/verify"
        ]
    );
    let no_secret = |(_, body): &(String, String)| !body.contains("simulator") && !body.contains(SECRET);
    assert!(pings.iter().all(no_secret), "{pings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_that_is_down_fails_nothing_and_its_url_is_told_nowhere() {
    let story = Story::new().await;
    let refusing = Monitor::answering(404);
    let broken = Monitor::answering(500);
    // A port on which nobody listens any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let gone = format!("http://{gone}/{SECRET}");
    for (url, said) in [
        (&refusing.url, "it answered with status 404"),
        (&broken.url, "it answered with status 500"),
        (&gone, "it did not answer"),
    ] {
        let ended = story
            .sync(&["--ping-url", url, "-vv", "--log-file", "log"])
            .ends_with(0)
            .says("the monitor of ping_url was not told")
            .says(said);
        ended.never_shows(SECRET);
    }
    assert!(!story.program.read("log").contains(SECRET));
    // One that may be back in a moment is told again.
    assert_eq!(paths(&broken.take()), ["/start", "", "", ""]);
    assert_eq!(paths(&refusing.take()), ["/start", ""]);
    story
        .sync(&["--ping-url", &gone, "--quiet"])
        .ends_with(0)
        .never_shows("monitor");
    story
        .sync(&["--ping-url", &format!("hc.example/{SECRET}")])
        .ends_with(2)
        .says("ping_url (--ping-url) cannot be used: it is not an http or https URL")
        .never_shows(SECRET);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_written_stops_nothing_and_is_told_on() {
    let story = Story::new().await;
    let monitor = Monitor::answering(200);
    std::fs::create_dir(story.program.path("folder")).unwrap();
    for (log, why) in [
        ("gone/log", "No such file"),
        ("folder", "directory"),
        // It opens, and takes no line.
        ("/dev/full", "No space left"),
    ] {
        let heard = ["--log-file", log, "--ping-url", &monitor.url];
        let ended = story.sync(&heard).ends_with(0).says(why);
        let said = format!("could not write to the log file {log} (--log-file)");
        assert_eq!(ended.stderr.matches(&said).count(), 1, "{}", ended.stderr);
        let pings = monitor.take();
        assert_eq!(paths(&pings), ["/start", ""]);
        assert!(pings[1].1.contains(&format!("Warning: {said}")), "{pings:?}");
        let quiet = story
            .sync(&[&heard[..], &["--quiet", "--new"]].concat())
            .ends_with(0);
        assert_eq!(quiet.stderr.lines().count(), 1, "{quiet:?}");
        quiet.says(&format!("Warning: {said}"));
        monitor.take();
    }
    // A failure is heard of as ever.
    story.fault("404@1");
    story
        .sync(&["--log-file", "gone/log", "--on-failure", "cat > told.json"])
        .ends_with(3)
        .says("Caused by: ");
    assert!(story.program.path("told.json").exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_operators_command_gets_the_result_of_a_failure_as_json() {
    let mut story = Story::new().await;
    story.program = story
        .program
        .with("JOBRUNS_ON_FAILURE", "cat > told.json; env > environment");
    story.sync(&[]).ends_with(0);
    assert!(!story.program.path("told.json").exists());
    story.fault("404@1");
    story.sync(&[]).ends_with(3);
    let told: Value = serde_json::from_str(&story.program.read("told.json")).unwrap();
    assert_eq!(
        (&told["command"], &told["exit_code"]),
        (&"sync".into(), &3.into())
    );
    assert_eq!(told["summary"]["outcome"], "partial");
    assert_eq!(told["head"], told["summary"]["head"]);
    let errors = told["errors"].to_string();
    assert!(
        errors.contains("Error: sync 2 is partial") && errors.contains("404"),
        "{errors}"
    );
    let environment = story.program.read("environment");
    assert!(!environment.contains("JOBRUNS_PASSWORD"), "{environment}");
    assert!(environment.contains("JOBRUNS_USERNAME"));

    // Each of the commands; one that could not begin has no summary.
    for (arguments, code) in [
        (&["backup", "missing/copy.db"][..], 1),
        (&["status", "--max-silence", "auto"], 3),
        (&["verify", "--head", &"ab".repeat(32)], 4),
        (&["sync", "--url", ""], 2),
    ] {
        std::fs::remove_file(story.program.path("told.json")).unwrap();
        let ended = story.program.run(arguments);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        let told: Value = serde_json::from_str(&story.program.read("told.json")).unwrap();
        assert_eq!(told["command"], arguments[0]);
        assert_eq!(told["exit_code"], code);
        assert!(told["summary"].is_null());
        assert_eq!(told["head"].as_str().unwrap().len(), 64);
        assert!(
            told["errors"][0].as_str().unwrap().starts_with("Error: "),
            "{told}"
        );
    }

    // One that fails itself is told, and changes no exit code.
    story
        .sync(&["--on-failure", "echo no mail today; exit 9"])
        .ends_with(3)
        .says("the command of on_failure failed")
        .says("no mail today");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_sync_tells_of_each_time() {
    use crate::common::story::signal;
    use rustix::process::Signal;
    let story = Story::new().await;
    let monitor = Monitor::answering(200);
    let job = story.job(0);
    let child = story
        .program
        .command(&[
            "sync",
            &job,
            "--every",
            "1s",
            "--ping-url",
            &monitor.url,
            "--metrics-file",
            "m.prom",
        ])
        .spawn()
        .unwrap();
    story.wait_for_requests(1);
    story.fault("404");
    story.wait_for_requests(3);
    signal(&child, Signal::TERM);
    Ended::of(child).ends_with(130);
    let pings = monitor.take();
    assert_eq!(paths(&pings)[..4], ["/start", "", "/start", "/fail"], "{pings:?}");
    is_well_formed(&story.program.read("m.prom"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_file_is_set_aside_at_its_size() {
    let mut story = Story::new().await;
    story.program = story
        .program
        .with("JOBRUNS_LOG_FILE", "log")
        .with("JOBRUNS_LOG_MAX_SIZE", "4KiB")
        .with("JOBRUNS_LOG_KEEP", "2");
    for _ in 0..6 {
        story.sync(&["-vv"]).ends_with(0);
    }
    let logs = ["log", "log.1", "log.2"].map(|name| story.program.read(name));
    for log in &logs {
        assert!(!log.is_empty() && log.len() <= 4096, "{}", log.len());
        assert!(log.lines().all(|line| line.starts_with("20")), "{log}");
    }
    assert!(logs[0].contains("sync 6 complete"), "{}", logs[0]);
    assert!(!story.program.path("log.3").exists());
    story
        .sync(&["--log-max-size", "1KiB"])
        .ends_with(2)
        .says("less than 4KiB");
}

/// Commands that end in one instant write the file one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn no_command_loses_the_metrics_of_another_that_ends_with_it() {
    let story = Story::synced().await;
    let metrics = ["--metrics-file", "jobruns.prom"];
    for round in 0..5 {
        let copy = format!("copy{round}.db");
        let commands = [&["status"][..], &["verify"], &["backup", &copy]];
        let children: Vec<_> = commands
            .iter()
            .map(|command| {
                story
                    .program
                    .command(&[command, &metrics[..]].concat())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for child in children {
            Ended::of(child).ends_with(0);
        }
        let written = story.program.read("jobruns.prom");
        for command in commands {
            let label = format!("command=\"{}\"", command[0]);
            sample(&written, "jobruns_command_exit_code", &label);
        }
        std::fs::remove_file(story.program.path("jobruns.prom")).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_gets_an_entry_with_fields_for_each_end() {
    let story = Story::new().await;
    let journal = Journal::new();
    let run = |arguments: &[&str]| journal.of(&mut story.program.command(arguments));

    let (code, said, entries) = run(&["sync", "--quiet", "--new", "--watch-all"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    let [entry] = entries.as_slice() else {
        panic!("not one entry: {entries:?}")
    };
    let (head, figures): (String, [i64; 2]) = {
        let sql = "SELECT head, runs_new, messages_new FROM syncs";
        let figures = story
            .connection()
            .query_row(sql, [], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?])));
        figures.unwrap()
    };
    for (name, value) in [
        ("PRIORITY", "6"),
        ("SYSLOG_IDENTIFIER", "jobruns"),
        ("MESSAGE_ID", "944477222b23488daaf81ee7edf7cebe"),
        ("JOBRUNS_COMMAND", "sync"),
        ("JOBRUNS_EXIT_CODE", "0"),
        ("JOBRUNS_HEAD", &head),
        ("JOBRUNS_SYNC_ID", "1"),
        ("JOBRUNS_OUTCOME", "complete"),
        ("JOBRUNS_RUNS_NEW", &figures[0].to_string()),
        ("JOBRUNS_MESSAGES_NEW", &figures[1].to_string()),
    ] {
        assert_eq!(entry[name], value, "{name}");
    }
    assert!(entry["MESSAGE"].ends_with(&format!("; sync 1 complete, ledger head {head}")));
    assert!(!entry.contains_key("JOBRUNS_ERRORS"));

    story.fault("login-fails");
    let monitor = Monitor::answering(404);
    let (_, said, entries) = run(&["sync", "-vv", "--ping-url", &monitor.url]);
    assert_eq!((entries.len(), &*entries[0]["PRIORITY"]), (1, "3"));
    assert!(entries[0]["JOBRUNS_ERRORS"].contains("\nCaused by: "));
    assert!(said.contains("the monitor of ping_url was not told"), "{said}");
    assert!(
        !format!("{said}{entries:?}").contains(SECRET),
        "{said}{entries:?}"
    );

    // A text of others begins no line.
    let (_, _, entries) = run(&["backup", "gone\nError: forged/copy.db"]);
    assert!(
        !entries[0]["JOBRUNS_ERRORS"].contains("\nError: forged"),
        "{entries:?}"
    );

    // Other commands send nothing, and without a journal nothing is different.
    assert_eq!(run(&["jobs", "list"]).2.len(), 0);
    std::fs::remove_file(journal.socket()).unwrap();
    let (code, said, entries) = run(&["status", "--quiet"]);
    assert_eq!((code, said.as_str(), entries.len()), (Some(0), "", 0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_journal_gets_levels() {
    use std::os::unix::fs::MetadataExt;
    let story = Story::synced().await;
    story.fault("404@1");
    let run = |name: &str, more: &[&str]| {
        let stderr = std::fs::File::create(story.program.path(name)).unwrap();
        let data = stderr.metadata().unwrap();
        let stream = format!("{}:{}", data.dev(), data.ino());
        let status = story
            .program
            .command(&[&["sync"][..], more].concat())
            .env("JOURNAL_STREAM", stream)
            .stderr(stderr)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(3));
        story.program.read(name)
    };
    let text = run("text", &["-v"]);
    assert!(
        text.lines()
            .all(|line| line.starts_with('<') && line[2..].starts_with('>')),
        "{text}"
    );
    assert!(
        text.contains("\n<3>Error: sync 2 is partial") && text.contains("\n<3>Caused by:"),
        "{text}"
    );
    assert!(text.contains("<7>"), "{text}");
    let json = run("json", &["--log-format", "json"]);
    for line in json.lines() {
        let (level, object) = line.split_once('>').unwrap();
        let object: Value = serde_json::from_str(object).unwrap();
        let expected = match object["level"].as_str().unwrap() {
            "error" => "<3",
            "warn" => "<4",
            _ => "<6",
        };
        assert_eq!(level, expected, "{line}");
    }
    // Where stderr is another file, nothing stands before the lines.
    let plain = story
        .program
        .command(&["sync"])
        .env("JOURNAL_STREAM", "1:1")
        .spawn()
        .unwrap();
    let plain = Ended::of(plain).ends_with(3);
    assert!(
        plain.stderr.starts_with("Error:") || !plain.stderr.contains("<3>"),
        "{plain:?}"
    );
}
