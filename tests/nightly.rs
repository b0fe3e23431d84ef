//! What a sync that runs every night does when something around it has changed: the archive, the jobs, the clock.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_archive_is_never_silently_replaced() {
    let story = Story::new().await;
    let program = &story.program;
    // The first sync says loudly that it created the archive.
    let first = story
        .sync(&["--head-file", "heads.txt", "--format", "json"])
        .ends_with(0)
        .says("there was no archive at jobruns.db: a new one was created");
    let summary = first.json();
    assert_eq!(summary["archive_created"], true);
    let id = summary["archive_id"].as_str().unwrap().to_owned();
    let again = story.sync(&["--format", "json"]).ends_with(0).json();
    assert_eq!(again["archive_created"], false);
    assert_eq!(again["archive_id"], id.as_str());

    // Moved away: with the list of heads, or with --quiet, it is not replaced, and nothing is left behind.
    std::fs::rename(program.path("jobruns.db"), program.path("moved.db")).unwrap();
    std::fs::remove_file(program.path("jobruns.db.lock")).unwrap();
    for more in [&["--head-file", "heads.txt"][..], &["--quiet"]] {
        story
            .sync(more)
            .ends_with(2)
            .says("there is no archive at jobruns.db")
            .says("--new creates a new archive");
    }
    story
        .program
        .run(&["jobs", "add", &story.job(0), "--quiet"])
        .ends_with(2)
        .says("--new");
    assert!(!program.path("jobruns.db").exists() && !program.path("jobruns.db.lock").exists());

    // --new says that it is meant; the list then has the heads of both.
    story
        .sync(&["--head-file", "heads.txt", "--quiet", "--new"])
        .ends_with(0);
    let heads = std::fs::read_to_string(program.path("heads.txt")).unwrap();
    assert_eq!(heads.lines().count(), 2, "{heads}");
    assert!(
        heads.lines().last().is_some_and(|line| !line.contains(&id)),
        "{heads}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_commands_create_no_archive_and_jobs_add_says_so() {
    let story = Story::new().await;
    let job = story.job(0);
    for arguments in [
        &["jobs", "remove", &job][..],
        &["quarantine", "accept", "1", "--why", "x"],
        &["jobs", "list"],
        &["reindex"],
    ] {
        story
            .program
            .run(arguments)
            .ends_with(1)
            .says("there is no archive at jobruns.db");
    }
    assert!(!story.program.path("jobruns.db").exists());
    story.program.write("empty.txt", "");
    story
        .program
        .run(&["jobs", "add", &job])
        .ends_with(0)
        .says("a new one was created");
    story.sync(&["--head-file", "empty.txt", "--quiet"]).ends_with(0);
}
