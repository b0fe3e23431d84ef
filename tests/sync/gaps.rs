//! Stories of completeness: what is proved of a job's history, and what is not known.

use crate::common::program::Program;
use crate::common::scripted::{answering, reply};
use crate::common::story::Story;
use serde_json::Value;

/// Rows of `report coverage --gaps` of the first job, as `from..to state runs`.
fn gaps(story: &Story, more: &[&str]) -> Vec<String> {
    let job = story.job(0);
    let mut arguments = vec!["report", "coverage", "--gaps", "--format", "json", "--job", &job];
    arguments.extend(more);
    let rows = story.program.run(&arguments).ends_with(0).json();
    let day = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| "-".to_owned(), |at| at[..10].to_owned())
    };
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert_eq!(row["job_id"], job);
            format!(
                "{}..{} {} {}",
                day(&row["from"]),
                day(&row["to"]),
                row["state"].as_str().unwrap(),
                row["runs"]
            )
        })
        .collect()
}

/// Puts the syncs of the story at noon of these days.
fn set_days(story: &Story, days: &[&str]) {
    let archive = story.connection();
    for (sync, day) in (1..).zip(days) {
        archive
            .execute(
                "UPDATE _sync SET started_unix = unixepoch(?2), finished_unix = unixepoch(?2) + 60 WHERE sync_id = ?1",
                (sync, format!("{day} 12:00:00")),
            )
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proved_and_what_nobody_knows_is_told_apart() {
    let story = Story::new().await;
    let job = story.job(0);
    story.program.run(&["jobs", "add", &job]).ends_with(0);
    assert_eq!(gaps(&story, &[]), ["-..- not_looked 0"]);
    for sync in 1..=4 {
        // The third asks for the latest runs alone, and proves nothing.
        story
            .sync(if sync == 3 { &["--count", "5"] } else { &[] })
            .ends_with(0);
    }
    set_days(&story, &["2025-01-01", "2025-03-01", "2025-06-01", "2025-09-15"]);
    let spans: Vec<String> = gaps(&story, &["--purge-age", "100d"])
        .iter()
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect();
    assert_eq!(
        spans,
        [
            "-..2024-09-23 not_looked",
            "2024-09-23..2025-03-01 complete",
            "2025-03-01..2025-06-07 may_be_missing",
            "2025-06-07..2025-09-15 complete",
            "2025-09-15..- not_looked"
        ]
    );
    // Half a year reaches from one to the other but the last.
    assert_eq!(gaps(&story, &[]).len(), 5);
    assert_eq!(gaps(&story, &["--purge-age", "300d"]).len(), 3);
    let cut = gaps(
        &story,
        &[
            "--since",
            "2025-04-01",
            "--until",
            "2025-07-01",
            "--purge-age",
            "100d",
        ],
    );
    assert_eq!(cut.len(), 2);
    assert!(
        cut[0].starts_with("2025-04-01..2025-06-07 may_be_missing"),
        "{cut:?}"
    );
    assert!(cut[1].starts_with("2025-06-07..2025-07-01 complete"), "{cut:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_run_is_in_one_span_and_counts_that_disagree_are_named() {
    let story = Story::new().await;
    story.fault("wrong-counts");
    story.sync(&[]);
    let job = story.job(0);
    let rows = story
        .program
        .run(&["report", "coverage", "--gaps", "--format", "json", "--job", &job])
        .ends_with(0)
        .json();
    let rows = rows.as_array().unwrap();
    let of = |state: &str| -> Vec<&Value> { rows.iter().filter(|row| row["state"] == state).collect() };
    // The server's total was not what it sent: nothing is proved.
    assert_eq!((of("complete").len(), of("disputed").len()), (0, 1), "{rows:?}");
    assert!(
        of("disputed")[0]["why"]
            .as_str()
            .unwrap()
            .contains("listed 12 runs, TotalJobRuns"),
        "{rows:?}"
    );
    let archive = story.connection();
    let mismatches: i64 = archive
        .query_row(
            "SELECT count(*) FROM runs r WHERE job_id = ?1 AND message_count <>
                 (SELECT count(*) FROM messages m WHERE m.job_run_id = r.job_run_id)",
            [&job],
            |row| row.get(0),
        )
        .unwrap();
    assert!(mismatches > 0);
    let told = of("count_mismatch");
    assert_eq!(told.len() as i64, mismatches);
    assert!(
        told.iter()
            .all(|row| row["job_run_id"].as_str().unwrap().len() == 36),
        "{told:?}"
    );
    let spans: i64 = rows
        .iter()
        .filter(|row| row["state"] != "count_mismatch")
        .map(|row| row["runs"].as_i64().unwrap())
        .sum();
    assert_eq!(spans, 12, "each run started in one span");
    // Sound counts again: the same runs, and the span is proved.
    story.server.set_faults(Vec::new());
    story.sync(&[]).ends_with(0);
    let states: Vec<String> = gaps(&story, &[]);
    assert!(
        states.iter().any(|line| line.contains(" complete ")),
        "{states:?}"
    );
    assert!(
        !states.iter().any(|line| line.contains("count_mismatch")),
        "{states:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_purge_age_is_about_gaps_and_longer_than_nothing() {
    let story = Story::synced().await;
    for age in ["0d", "90", "soon"] {
        story
            .program
            .run(&["report", "coverage", "--gaps", "--purge-age", age])
            .ends_with(2);
    }
}

/// Jobs of a site on whose server runs are purged after 90 days: their names, and the ages of their runs in hours.
fn site(hourly: bool, deleted: bool) -> Vec<(&'static str, Vec<i64>)> {
    let days = |days: Vec<i64>| days.into_iter().map(|day| day * 24 + 12).collect::<Vec<i64>>();
    let mut nightly = days((0..60).collect());
    if deleted {
        nightly.retain(|age| ![10, 20, 30].contains(&(age / 24)));
    }
    vec![
        ("Nightly", nightly),
        ("Monthly", days(vec![20, 50, 80])),
        // The last of them are purged between two syncs.
        (
            "Hourly, dead",
            if hourly {
                (1..=12).map(|hour| 90 * 24 + hour).collect()
            } else {
                Vec::new()
            },
        ),
        ("Nightly, dead", days((10..20).collect())),
        ("Weekly, dead", days(vec![40, 47, 54, 61])),
    ]
}

fn job_of(index: usize) -> String {
    format!("ff761384-4b49-40b4-97d8-{index:012x}")
}

fn answer_of(index: usize, ages: &[i64]) -> String {
    let now = chrono::Utc::now();
    let runs: Vec<Value> = ages
        .iter()
        .map(|age| {
            let start = (now - chrono::TimeDelta::hours(*age))
                .format("%Y-%m-%dT%H:00:00Z")
                .to_string();
            serde_json::json!({
                "JobRunID": format!("413e6d92-6de0-4a89-{index:04x}-{age:012x}"),
                "Status": 4,
                "JobStartTime": start,
                "JobEndTime": start,
                "MessageCount": 0,
                "JobMessages": []
            })
        })
        .collect();
    serde_json::json!({"TotalJobRuns": runs.len(), "JobStatusInfo": runs}).to_string()
}

#[test]
fn dead_jobs_and_runs_deleted_early_are_never_taken_for_health() {
    let is_later = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let later = is_later.clone();
    let url = answering(move |asked| {
        if asked.line.contains("oauth") {
            return reply(
                200,
                "Content-Type: application/json\r\n",
                r#"{"access_token":"a","expires_in":3600}"#,
            );
        }
        let line = asked.line.to_lowercase();
        let later = later.load(std::sync::atomic::Ordering::Relaxed);
        let site = site(!later, later);
        let found = (0..site.len()).find(|&index| line.contains(&job_of(index)));
        let body = found.map_or_else(|| "[]".to_owned(), |index| answer_of(index, &site[index].1));
        reply(200, "Content-Type: application/json\r\n", body)
    });
    let program = Program::new()
        .with("JOBRUNS_URL", &url)
        .with("JOBRUNS_INSECURE", "true")
        .with("JOBRUNS_USERNAME", "auditor")
        .with("JOBRUNS_PASSWORD", "x");
    let names: Vec<String> = site(true, false)
        .iter()
        .enumerate()
        .map(|(index, (name, _))| format!("{} {name}\n", job_of(index)))
        .collect();
    program.write("jobs.txt", names.concat());
    let sync = || program.run(&["sync", "--jobs-file", "jobs.txt"]).ends_with(0);
    sync();
    // The answer of an archive in which nothing is known of the server's habits.
    let first = program
        .run(&["report", "vanished", "--format", "table"])
        .ends_with(0)
        .stdout;
    assert!(
        first.contains("Whether runs vanished early is not known") && first.contains("Purge age unknown"),
        "{first}"
    );
    is_later.store(true, std::sync::atomic::Ordering::Relaxed);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    sync();

    let json = |arguments: &[&str]| program.run(arguments).ends_with(0).json();
    let missed = json(&["report", "missed-runs", "--format", "json"]);
    let open: Vec<&str> = missed
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["to"].is_null())
        .map(|row| row["job_name"].as_str().unwrap())
        .collect();
    assert_eq!(open, ["Hourly, dead", "Nightly, dead", "Weekly, dead"]);

    let vanished = json(&["report", "vanished", "--format", "json"]);
    let vanished = vanished.as_array().unwrap();
    assert_eq!(vanished.len(), 3, "{vanished:?}");
    assert!(
        vanished
            .iter()
            .all(|row| row["job_name"] == "Nightly" && row["purge_age_days"] == 90.2)
    );
    program
        .run(&["report", "vanished"])
        .ends_with(0)
        .says("Purge age 90.2 days, learned from 15 runs that the server stopped listing, 3 of them early.");
    // What is set counts more than what is learned.
    program.write("jobruns.toml", "purge_age = \"15d\"\n");
    let set = json(&[
        "report",
        "vanished",
        "--format",
        "json",
        "--config",
        "jobruns.toml",
    ]);
    assert_eq!(set.as_array().unwrap().len(), 1, "{set}");
    // An age that runs outlive tells nothing of early absences, and nobody is reassured by it.
    program
        .run(&["report", "vanished", "--purge-age", "1d"])
        .ends_with(0)
        .says("the server keeps runs for longer than the purge age says");
    let overview = json(&["report", "overview", "--purge-age", "1d", "--format", "json"]).to_string();
    assert!(overview.contains("the purge age is too short"), "{overview}");
    let overview = json(&["report", "overview", "--format", "json"]).to_string();
    assert!(!overview.contains("the purge age is too short"), "{overview}");

    // Named without any flag, and a finding with one.
    let status = program.run(&["status", "--format", "json"]).ends_with(0);
    for dead in [
        "Hourly, dead: it has stopped",
        "Nightly, dead: it has stopped",
        "Weekly, dead: it has stopped",
    ] {
        assert!(status.stderr.contains(dead), "{}", status.stderr);
    }
    assert!(status.stderr.contains("sync again by "), "{}", status.stderr);
    let jobs = status.json();
    let stopped: Vec<bool> = jobs
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["stopped"].as_bool().unwrap())
        .collect();
    assert_eq!(stopped, [false, false, true, true, true]);
    assert!(
        jobs[0]["runs_expected"]
            .as_u64()
            .is_some_and(|runs| (88..=90).contains(&runs)),
        "{jobs}"
    );
    let silence = |max: &str| program.run(&["status", "--max-silence", max]);
    silence("auto").ends_with(3).says("Weekly, dead: it has stopped");
    silence("15d").ends_with(3).says("Monthly: its last run began");
    silence("100d").ends_with(0);
    silence("soon").ends_with(2);
    program
        .run(&["jobs", "add", "99999999-0000-0000-0000-000000000009"])
        .ends_with(0);
    silence("auto")
        .ends_with(3)
        .says("whether 1 watched job has stopped is not known");
    program
        .run(&["jobs", "remove", "99999999-0000-0000-0000-000000000009"])
        .ends_with(0);
    // A purge age so short that runs were lost since the last sync, even a second ago.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    program
        .run(&["status", "--purge-age", "1s"])
        .ends_with(0)
        .says("a complete sync was needed by");
    program
        .run(&["status", "--purge-age", "1s", "--max-age", "1d"])
        .ends_with(3);

    let overview = json(&["report", "overview", "--format", "json"]);
    let assessment = &overview["assessment"];
    assert_eq!(assessment["is_complete"], false);
    assert_eq!(assessment["answer"], "3 runs vanished early, 3 jobs stopped");
    assert_eq!(assessment["findings"][0]["command"], "jobruns report vanished");
    assert!(assessment["sync_by"].is_string(), "{assessment}");
    let text = program
        .run(&["report", "overview", "--format", "table"])
        .ends_with(0)
        .stdout;
    assert!(
        text.contains("IS IT COMPLETE?  3 runs vanished early, 3 jobs stopped")
            && text.contains("see `jobruns report missed-runs`"),
        "{text}"
    );
    // What coverage does not prove, the overview does not call complete.
    let monthly = |more: &[&str]| {
        let mut arguments = vec!["report", "overview", "--format", "json", "--job", "Monthly"];
        arguments.extend(more);
        json(&arguments)["assessment"]["answer"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(monthly(&[]), "complete as far as the server told");
    assert_eq!(
        monthly(&["--since", "200d", "--until", "150d"]),
        "1 span not proved"
    );
}
