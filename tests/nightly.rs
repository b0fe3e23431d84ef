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

/// Sets the times of a sync by so many seconds, as if the clock had been wrong by as much that night.
fn shift_sync(story: &Story, sync: i64, seconds: i64, skew: Option<i64>) {
    let archive = rusqlite::Connection::open(story.program.path("jobruns.db")).unwrap();
    archive
        .execute(
            "UPDATE _sync SET started_unix = started_unix + ?2, finished_unix = finished_unix + ?2,
                 clock_skew_seconds = ?3 WHERE sync_id = ?1",
            rusqlite::params![sync, seconds, skew],
        )
        .unwrap();
}

/// Whether a word of the text is a negative number, such as `-128987517s`.
fn has_negative_number(text: &str) -> bool {
    text.split_whitespace().any(|word| {
        let mut letters = word.chars();
        letters.next() == Some('-') && letters.next().is_some_and(|next| next.is_ascii_digit())
    })
}

const FIVE_YEARS: i64 = 5 * 365 * 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_compared_with_the_servers_and_kept_with_each_sync() {
    let story = Story::new().await;
    let skew_of = |offset: i64| {
        story.server.set_clock_offset(offset);
        story.sync(&["--format", "json"]).ends_with(0)
    };
    let right = skew_of(0);
    assert_eq!(right.json()["clock_skew_seconds"], 0);
    assert!(!right.stderr.contains("clock"), "{}", right.stderr);
    let near = skew_of(240);
    assert!(!near.stderr.contains("clock"), "{}", near.stderr);
    let behind = skew_of(601).says("clock is 10m behind the server's");
    let skew = behind.json()["clock_skew_seconds"].as_i64().unwrap();
    assert!((-601..=-595).contains(&skew), "{skew}");
    skew_of(-7_300).says("clock is 2h ahead of the server's");
    story.server.set_clock_offset(0);
    let kept = story
        .program
        .run(&[
            "query",
            "SELECT clock_skew_seconds FROM syncs ORDER BY sync_id",
            "--format",
            "csv",
        ])
        .ends_with(0);
    let kept: Vec<i64> = kept
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.parse().unwrap())
        .collect();
    assert_eq!((kept[0], kept[2]), (0, skew));
    assert!(kept[3] > 7_000, "{kept:?}");
    story.program.run(&["verify"]).ends_with(0);
    // It is sealed: another difference is a finding, and reindex has the right one.
    let archive = rusqlite::Connection::open(story.program.path("jobruns.db")).unwrap();
    archive
        .execute("UPDATE _sync SET clock_skew_seconds = 0 WHERE sync_id = 3", [])
        .unwrap();
    drop(archive);
    let verified = story.program.run(&["verify"]).ends_with(4);
    assert!(verified.stdout.contains("clock_skew_seconds"), "{verified:?}");
    story.program.run(&["reindex"]).ends_with(0);
    story.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_is_a_finding_and_never_a_negative_age() {
    let story = Story::new().await;
    story.sync(&[]).ends_with(0);
    story.program.run(&["status"]).ends_with(0);
    // Last night the clock was five years ahead; tonight it is right again.
    shift_sync(&story, 1, FIVE_YEARS, Some(FIVE_YEARS));
    let ahead = story
        .program
        .run(&["status"])
        .ends_with(3)
        .says("the last sync, 1, lies in the future");
    assert!(!has_negative_number(&ahead.stdout), "{}", ahead.stdout);
    story.sync(&[]).ends_with(0);
    let back = story
        .program
        .run(&["status"])
        .ends_with(3)
        .says("the clock was set back")
        .says("when the clock was 1825d ahead of the server's");
    assert!(!has_negative_number(&back.stdout), "{}", back.stdout);
    // The night after that is in order again.
    story.sync(&[]).ends_with(0);
    shift_sync(&story, 1, 0, Some(FIVE_YEARS));
    shift_sync(&story, 2, -3 * 86_400, Some(0));
    story.program.run(&["status"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_night_does_not_distort_what_is_proved() {
    let story = Story::new().await;
    for _ in 0..4 {
        story.sync(&[]).ends_with(0);
    }
    let gaps = || {
        let arguments = [
            "report",
            "coverage",
            "--gaps",
            "--format",
            "csv",
            "--purge-age",
            "90d",
        ];
        story.program.run(&arguments).ends_with(0).stdout
    };
    let spans = |gaps: &str| {
        let complete: Vec<String> = gaps
            .lines()
            .filter(|line| line.contains(",complete,"))
            .map(|line| line.split(',').take(4).collect::<Vec<_>>().join(","))
            .collect();
        complete
    };
    let right = spans(&gaps());
    assert_eq!(right.len(), 3, "{right:?}");
    for (seconds, skew) in [
        // The server told the time, so that the true time is known.
        (FIVE_YEARS, Some(FIVE_YEARS)),
        (-FIVE_YEARS, Some(-FIVE_YEARS)),
        // It did not: the night proves nothing, and the others what they did.
        (FIVE_YEARS, None),
        (-FIVE_YEARS, None),
    ] {
        shift_sync(&story, 3, seconds, skew);
        let now = gaps();
        assert_eq!(spans(&now), right, "{seconds} {skew:?}: {now}");
        shift_sync(&story, 3, -seconds, Some(0));
    }
}
