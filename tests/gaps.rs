//! Stories of completeness: what is proved of a job's history, and what is not known.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::story::Story;
use rusqlite::Connection;
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
    let archive = Connection::open(story.program.path("jobruns.db")).unwrap();
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
    let archive = Connection::open(story.program.path("jobruns.db")).unwrap();
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
    let story = Story::new().await;
    story.sync(&[]).ends_with(0);
    for age in ["0d", "90", "soon"] {
        story
            .program
            .run(&["report", "coverage", "--gaps", "--purge-age", age])
            .ends_with(2);
    }
}
