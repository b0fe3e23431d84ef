//! Stories of the commands around a server: trust, sync, what the archive says afterwards, exit codes.

#[cfg(unix)]
use std::io::{BufRead, BufReader};
use std::time::Duration;
#[cfg(unix)]
use std::time::Instant;

#[cfg(unix)]
use crate::common::program::Ended;
use crate::common::program::Program;
use crate::common::story::Story;
#[cfg(unix)]
use crate::common::story::signal;
use jobruns::model::hex;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_is_complete_and_a_second_finds_nothing_new() {
    let story = Story::new().await;
    let first = story
        .sync(&["--format", "json"])
        .ends_with(0)
        .never_shows("simulator")
        .json();
    assert_eq!(first["outcome"], "complete");
    assert_eq!(first["totals"]["runs_new"], 36);
    assert_eq!(first["jobs"].as_array().unwrap().len(), 3);
    assert_eq!(first["jobs"][0]["job_id"], story.job(0));
    assert!(first["jobs"][0]["name"].is_string());
    // Now they are watched, and need not be named.
    let second = story
        .program
        .run(&["sync", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(second["sync_id"], 2);
    assert_eq!(second["totals"]["runs_new"], 0);
    assert_eq!(second["totals"]["runs_unchanged"], 36);
    assert_eq!(second["totals"]["messages_new"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_summary_has_the_keys_of_the_contract_in_their_order() {
    let story = Story::new().await;
    let ended = story.sync(&["--format", "json"]).ends_with(0);
    let json = ended.json();
    let keys = |value: &serde_json::Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let figures = "attempts runs_seen runs_new runs_changed runs_unchanged runs_quarantined runs_absent messages_new \
                   body_bytes seconds";
    assert_eq!(
        keys(&json),
        "sync_id archive_id archive_created clock_skew_seconds started_at finished_at outcome head totals jobs"
    );
    assert_eq!(keys(&json["totals"]), figures);
    assert_eq!(
        keys(&json["jobs"][0]),
        format!("job_id name outcome error http_status {figures} count_asked server")
    );
    assert_eq!(ended.stdout.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failed_job_makes_3_all_of_them_1() {
    let story = Story::new().await;
    story.fault("403@2");
    let json = story.sync(&["--format", "json"]).ends_with(3).json();
    assert_eq!(json["outcome"], "partial");
    assert_eq!(json["jobs"][1]["outcome"], "failed");
    assert_eq!(json["jobs"][1]["http_status"], 403);
    assert!(json["jobs"][1]["error"].as_str().unwrap().contains("403"));
    story.fault("404");
    let json = story.sync(&["--format", "json"]).ends_with(1).json();
    assert_eq!(json["outcome"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_is_partial_and_the_next_sync_completes_it() {
    let story = Story::new().await;
    story.fault("cut=9000@1");
    let cut = story.sync(&[]).ends_with(3);
    assert!(cut.stdout.contains("partial"), "{}", cut.stdout);
    story.server.set_faults(Vec::new());
    story.sync(&[]).ends_with(0);
    story.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_asked_once_and_never_shown() {
    let story = Story::new().await;
    let pw = story.program.write("pw", "hunter2\n");
    story
        .sync(&["-vv", "--password-file", pw.to_str().unwrap()])
        .ends_with(1)
        .says("refused")
        .never_shows("hunter2")
        .never_shows("aHVudGVyMg");
    assert_eq!(story.logins(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_comes_from_each_source() {
    let story = Story::new().await;
    let program = Program::new()
        .with("JOBRUNS_URL", &story.server.base_url())
        .with("JOBRUNS_USERNAME", r"CORP\auditor")
        .with("JOBRUNS_PIN", &hex(&story.server.certificate_sha256()));
    let job = story.job(0);
    program.write("pw", b"\xFF\xFEs\0i\0m\0u\0l\0a\0t\0o\0r\0\r\0\n\0");
    program.run(&["sync", &job, "--password-file", "pw"]).ends_with(0);
    program
        .run_with_stdin(&["sync", &job, "--password-stdin"], b"simulator\n")
        .ends_with(0);
    program.write("jobruns.toml", "password_file = 'pw'");
    program
        .run(&["sync", &job, "--config", "jobruns.toml"])
        .ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn trust_shows_what_to_pin_and_an_unknown_certificate_is_refused_with_the_way_out() {
    let story = Story::new().await;
    let program = Program::new()
        .with("JOBRUNS_URL", &story.server.base_url())
        .with("JOBRUNS_USERNAME", r"CORP\auditor")
        .with("JOBRUNS_PASSWORD", "simulator");
    let job = story.job(0);
    program
        .run(&["sync", &job, "--retries", "0"])
        .ends_with(1)
        .says("--pin")
        .says("jobruns trust");
    let trust = program.run(&["trust", "--format", "json"]).ends_with(0).json();
    program
        .run(&["sync", &job, "--pin", trust["sha256"].as_str().unwrap()])
        .ends_with(0);
    let shown = program.run(&["trust"]).ends_with(0);
    assert!(
        shown.stdout.contains("SHA-256") && shown.stdout.contains("--pin "),
        "{}",
        shown.stdout
    );
    program.write("ca.pem", story.server.authority_pem());
    program.run(&["sync", &job, "--ca-cert", "ca.pem"]).ends_with(0);
    program
        .run(&["sync", &job, "--insecure"])
        .ends_with(0)
        .says("not checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_discovered_added_listed_and_removed() {
    let story = Story::new().await;
    let found = story
        .program
        .run(&["jobs", "discover", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(found.as_array().unwrap().len(), 3);
    assert!(
        !story.program.path("jobruns.db").exists(),
        "looking makes no archive"
    );
    let job = story.job(1);
    story
        .program
        .run(&["jobs", "add", &job, "--name", "Ours"])
        .ends_with(0);
    let json = story
        .program
        .run(&["sync", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(json["jobs"][0]["job_id"], job);
    story.program.run(&["jobs", "remove", &job]).ends_with(0);
    let listed = story
        .program
        .run(&["jobs", "list", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(listed[0]["watched"], false);
    assert_eq!(listed[0]["runs"], 12);
    story
        .program
        .run(&["sync"])
        .ends_with(2)
        .says("there is no job to sync");
    story.program.run(&["jobs", "discover", "--add"]).ends_with(0);
    let json = story
        .program
        .run(&["sync", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(json["jobs"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_fails_with_3_when_a_watched_job_is_overdue() {
    let story = Story::synced().await;
    story.program.run(&["status", "--max-age", "26h"]).ends_with(0);
    std::thread::sleep(Duration::from_millis(2100));
    story
        .program
        .run(&["status", "--max-age", "1s"])
        .ends_with(3)
        .says("older than 1s");
    let json = story
        .program
        .run(&["status", "--max-age", "1s", "--format", "json"])
        .ends_with(3)
        .json();
    assert_eq!(json[0]["overdue"], true);
    assert_eq!(json[0]["runs"], 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_bytes_are_listed_shown_and_accepted() {
    let story = Story::new().await;
    story.fault("bad-run=1@1");
    story.sync(&[]).ends_with(3);
    let list = story
        .program
        .run(&["quarantine", "list", "--format", "json"])
        .ends_with(0)
        .json();
    let id = list[0]["quarantine_id"].to_string();
    let shown = story.program.run(&["quarantine", "show", &id]).ends_with(0);
    assert_eq!(
        shown.stdout.len().to_string(),
        list[0]["payload_bytes"].to_string()
    );
    story
        .program
        .run(&["quarantine", "show", &id, "--output", "bytes"])
        .ends_with(0);
    assert_eq!(
        std::fs::read_to_string(story.program.path("bytes")).unwrap(),
        shown.stdout
    );
    story.sync(&[]).ends_with(3);
    story
        .program
        .run(&["quarantine", "accept", &id, "--why", "looked at"])
        .ends_with(0);
    story.sync(&[]).ends_with(0);
    story
        .program
        .run(&["quarantine", "show", "99"])
        .ends_with(1)
        .says("99");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_the_run_as_received() {
    let story = Story::synced().await;
    let archive = story.connection();
    let (run, sha256): (String, String) = archive
        .query_row(
            "SELECT job_run_id, payload_sha256 FROM run_revisions LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let payload = story.program.run(&["payload", &run]).ends_with(0);
    let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(payload.stdout.as_bytes()).into();
    assert_eq!(hex(&digest), sha256);
    story
        .program
        .run(&["payload", &run, "--revision", "2"])
        .ends_with(1)
        .says("revision 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_ends_with_4_when_a_byte_was_changed_and_proves_a_lodged_head() {
    let story = Story::new().await;
    let head = story.sync(&["--format", "json"]).ends_with(0).json()["head"]
        .as_str()
        .unwrap()
        .to_owned();
    story.sync(&[]).ends_with(0);
    story.program.run(&["verify", "--head", &head]).ends_with(0);
    story
        .program
        .run(&["verify", "--head", &"ab".repeat(32)])
        .ends_with(4);
    let archive = story.connection();
    let changed = archive.execute("UPDATE payload SET data = zeroblob(length(data)) WHERE rowid = 1 OR entry_id = (SELECT min(entry_id) FROM payload)", []);
    assert!(changed.unwrap() > 0);
    let json = story
        .program
        .run(&["verify", "--format", "json"])
        .ends_with(4)
        .json();
    assert_eq!(json["intact"], false);
    assert!(!json["findings"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_archive_ends_with_5_and_names_the_holder_and_a_killed_one_holds_nothing() {
    let story = Story::new().await;
    story.fault("stall=60@1");
    let mut holder = story.program.command(&["sync", &story.job(0)]).spawn().unwrap();
    story.wait_for_requests(1);
    story.sync(&[]).ends_with(5).says(&holder.id().to_string());
    holder.kill().unwrap();
    holder.wait().unwrap();
    story.server.set_faults(Vec::new());
    story.sync(&[]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_naive_zone_ends_with_2_and_names_reindex() {
    let story = Story::new().await;
    story.sync(&["--naive-time", "Europe/Berlin"]).ends_with(0);
    story.sync(&["--naive-time", "utc"]).ends_with(2).says("reindex");
    story.sync(&[]).ends_with(0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_it_keeps_what_was_read_and_ends_with_130() {
    for kind in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let story = Story::new().await;
        story.fault("stall=60@1");
        let jobs = [story.job(0), story.job(1), story.job(2)];
        let arguments = ["sync", &jobs[0], &jobs[1], &jobs[2], "--format", "json"];
        let child = story.program.command(&arguments).spawn().unwrap();
        story.wait_for_requests(3);
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, kind);
        let begun = Instant::now();
        let json = Ended::of(child).ends_with(130).says("stopping").json();
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(json["outcome"], "interrupted");
        assert_eq!(json["jobs"][1]["outcome"], "complete");
        story.server.set_faults(Vec::new());
        story.sync(&[]).ends_with(0);
        story.program.run(&["verify"]).ends_with(0);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn every_repeats_with_one_line_per_sync_and_one_login() {
    let story = Story::new().await;
    let job = story.job(0);
    let arguments = ["sync", &job, "--every", "1s", "--format", "json"];
    let mut child = story.program.command(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut outcomes = Vec::new();
    let mut outcome = || {
        let line = lines.next()?.unwrap();
        Some(serde_json::from_str::<serde_json::Value>(&line).unwrap())
    };
    for _ in 0..3 {
        outcomes.push(outcome().unwrap());
    }
    signal(&child, rustix::process::Signal::TERM);
    // The signal may come when the next sync has begun, or has ended.
    outcomes.extend(std::iter::from_fn(outcome));
    let ended = Ended::of(child).ends_with(130);
    for (number, summary) in (1..).zip(&outcomes) {
        let is_last = number == outcomes.len();
        assert_eq!(summary["sync_id"], number, "{outcomes:#?}");
        assert!(
            summary["outcome"] == "complete"
                || (is_last && number > 3 && summary["outcome"] == "interrupted"),
            "{outcomes:#?} {ended:#?}"
        );
    }
    assert_eq!(story.logins(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_tell_each_job_and_a_closed_pipe_is_quiet() {
    let story = Story::new().await;
    let log = story.sync(&["--log-format", "json"]).ends_with(0).log();
    let ended: Vec<_> = log.iter().filter(|line| line["outcome"] == "complete").collect();
    assert_eq!(ended.len(), 3);
    assert_eq!(ended[0]["runs_seen"], 12);
}

#[test]
fn the_demo_needs_nothing_and_goes_on_with_its_archive() {
    let program = Program::new();
    let first = program.run(&["demo"]).ends_with(0);
    let unchanged = first
        .stdout
        .split("\n2. Another sync of the same server\n")
        .nth(1);
    let (unchanged, night) = unchanged.unwrap().split_once("\n3. The next night").unwrap();
    let nothing = "none is new, changed or absent, and no message is new.\nSync 2 complete.";
    assert!(
        unchanged.contains("Nothing changed: of 2,") && unchanged.contains(nothing),
        "{unchanged}"
    );
    assert!(night.contains("Sync 3 complete"), "{night}");
    let second = "SELECT runs_seen = runs_unchanged + runs_quarantined OR runs_seen = runs_unchanged AS same, runs_new, runs_changed, runs_absent, messages_new FROM syncs WHERE sync_id = 2";
    program
        .run(&["query", "--archive", "jobruns-demo.db", "--format", "csv", second])
        .ends_with(0)
        .shows("\n1,0,0,0,0\n");
    for words in ["password", "has not run since", "Try next"] {
        assert!(first.stdout.contains(words), "{words}: {}", first.stdout);
    }
    let (_, findings) = first.stdout.split_once("6. Findings").unwrap();
    let (findings, _) = findings.split_once("Try next").unwrap();
    assert_eq!(findings.lines().filter(|line| line.starts_with("- ")).count(), 3);
    let commands: Vec<&str> = findings
        .lines()
        .filter_map(|line| line.trim().strip_prefix("jobruns "))
        .collect();
    assert!(commands.len() >= 3, "{findings}");
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let rows = program.run(&words).ends_with(0).stdout;
        assert!(rows.lines().count() > 1, "{command}: {rows}");
    }
    let again = program.run(&["demo"]).ends_with(0);
    assert!(again.stdout.contains("Sync 6 complete"), "{}", again.stdout);
    program
        .run(&["verify", "--archive", "jobruns-demo.db"])
        .ends_with(0);
    program
        .run(&["demo", "--day", "2026-01-01"])
        .ends_with(2)
        .says("leave out --day");
    program.run(&["demo", "--day", "+262142-12-31"]).ends_with(2);
}

#[test]
fn a_night_passes_within_each_demo_and_every_report_has_something_to_show() {
    let program = Program::new();
    for (run, day) in [["demo", "--day=2026-01-01"].as_slice(), &["demo"]]
        .iter()
        .zip(["01", "02"])
    {
        program.run(run).ends_with(0);
        let ask = |sql: &str| {
            let query = ["query", "--archive", "jobruns-demo.db", "--format", "csv", sql];
            program.run(&query).ends_with(0).stdout
        };
        let newest = ask("SELECT date(max(started_at), '+1 day') AS day FROM runs");
        assert_eq!(newest.trim(), format!("day\n2026-01-{day}"));
        let last = ask(
            "SELECT runs_new > 0, runs_changed, runs_absent > 0 FROM syncs ORDER BY sync_id DESC LIMIT 1",
        );
        assert!(last.trim().ends_with("1,2,1"), "{last}");
    }
    for report in [
        "failure-trends",
        "asset-errors",
        "failures",
        "coverage",
        "coverage --gaps",
        "missed-runs",
        "changes",
        "runs",
        "messages",
        "overview",
        "failure-trends --since 2025-12-01 --until 2026-01-01 --compare",
        "asset-errors --since 2025-12-01 --until 2026-01-01 --compare",
    ] {
        let words = ["report", "--archive", "jobruns-demo.db"].into_iter();
        let words: Vec<&str> = words.chain(report.split(' ')).collect();
        let rows = program.run(&words).ends_with(0).stdout;
        assert!(rows.lines().count() > 1, "{report}: {rows}");
    }
    let quarantine = ["quarantine", "list", "--archive", "jobruns-demo.db"];
    let quarantine = program.run(&quarantine).ends_with(0).stdout;
    assert!(quarantine.contains("damaged"), "{quarantine}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_another_server_answers_for_is_partial_until_it_is_moved() {
    let story = Story::synced().await;
    // The same history at another base URL.
    let other = Story::new().await;
    let (from, to) = (story.server.base_url(), other.server.base_url());
    let pin = jobruns::model::hex(&other.server.certificate_sha256());
    let sync = |code| {
        let arguments = ["sync", "--url", &to, "--pin", &pin, "--format", "json"];
        story.program.run(&arguments).ends_with(code)
    };
    for _ in 0..2 {
        let ended = sync(3);
        let error = ended.json()["jobs"][0]["error"].as_str().unwrap().to_owned();
        assert!(error.contains(&format!("--from {from} --to {to}`")), "{error}");
    }
    let job = story.job(0);
    let wrong = [
        "jobs",
        "move",
        "--all",
        "--from",
        "https://elsewhere:1",
        "--to",
        &to,
    ];
    story.program.run(&wrong).ends_with(1).says("no job moved");
    story.program.run(&["jobs", "move", "--to", &to]).ends_with(2);
    // A slash at the end is the same server.
    let slash = format!("{to}/");
    story
        .program
        .run(&["jobs", "move", &job, "--to", &slash])
        .ends_with(0)
        .says("1");
    assert_eq!(sync(3).json()["jobs"].as_array().unwrap().len(), 3);
    story
        .program
        .run(&["jobs", "move", "--all", "--from", &from, "--to", &to])
        .ends_with(0);
    let json = sync(0).json();
    assert_eq!(json["totals"]["runs_unchanged"], 36);
    story.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fetched_is_one_choice_and_auto_answers_keep_a_job_fresh_and_prove_no_span() {
    let story = Story::new().await;
    let both = ["sync", &story.job(0), "--count", "3", "--fetch", "auto"];
    story.program.run(&both).ends_with(2).says("cannot be used with");
    story.program.write("both.toml", "count = 3\nfetch = 'auto'\n");
    let config = ["--config", "both.toml"];
    story.sync(&config).ends_with(2).says("contradict each other");
    // The stronger source counts.
    let asked = |ended: &crate::common::program::Ended| ended.json()["jobs"][0]["count_asked"].clone();
    story.program.write("auto.toml", "fetch = 'auto'\n");
    let auto = ["--config", "auto.toml", "--format", "json"];
    let once = story.sync(&[&auto[..], &["--count", "3"]].concat()).ends_with(0);
    assert_eq!(asked(&once), 3);
    // A fixed number is no complete answer, so the job is new.
    story
        .program
        .run(&["status", "--max-age", "26h"])
        .ends_with(3)
        .says("it has not answered completely yet");
    story
        .program
        .run(&["report", "missed-runs", "--format", "table", "--factor", "9"])
        .ends_with(0)
        .shows("Between archived runs no run was missed. What came after them is not known of 3 jobs");
    assert_eq!(asked(&story.sync(&auto).ends_with(0)), 0);
    let gaps = || {
        story
            .program
            .run(&["report", "coverage", "--gaps", "--purge-age", "3650d"])
            .ends_with(0)
            .stdout
    };
    let before = gaps();
    // The answer with all runs is three days old, and a run came since.
    let shift_runs =
        |sign: &str| format!("UPDATE _run SET last_changed_unix = last_changed_unix {sign} 3 * 86400;");
    let write = |sql: &str| {
        let archive = story.connection();
        archive.execute_batch(sql).unwrap();
    };
    write(&shift_runs("-"));
    write(
        "UPDATE _job SET last_synced_unix = last_synced_unix - 3 * 86400,
             last_answered_unix = last_answered_unix - 3 * 86400",
    );
    story.program.run(&["status", "--max-age", "26h"]).ends_with(3);
    let latest = story.sync(&auto).ends_with(0);
    assert_eq!(
        (asked(&latest), &latest.json()["totals"]["runs_seen"]),
        (8.into(), &24.into())
    );
    story.program.run(&["status", "--max-age", "26h"]).ends_with(0);
    assert_eq!(gaps(), before);
    let too_old = story
        .sync(&[&auto[..], &["--full-every", "1d"]].concat())
        .ends_with(0);
    assert_eq!(asked(&too_old), 0);
    let fetch = "SELECT fetch, count(*) AS syncs FROM syncs GROUP BY fetch";
    let fetch = story
        .program
        .run(&["query", fetch, "--format", "csv"])
        .ends_with(0)
        .stdout;
    assert_eq!(fetch, "fetch,syncs\nauto,3\ncount,1\n");
    write(&shift_runs("+"));
    story.program.run(&["verify"]).ends_with(0);
}
