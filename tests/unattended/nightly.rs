//! What a sync that runs every night does when something around it has changed: the archive, the jobs, the clock.

use crate::common::story::Story;

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
    let archive = story.connection();
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
    let overview = || {
        story
            .program
            .run(&["report", "overview", "--format", "html"])
            .stdout
    };
    assert!(overview().contains("behind the server"));
    skew_of(-7_300).says("clock is 2h ahead of the server's");
    assert!(overview().contains("ahead of the server"));
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
    let archive = story.connection();
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
    let story = Story::synced().await;
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
    for _ in 0..6 {
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

/// The watched jobs by `jobs list`, and those that `status` calls watched.
fn watched(story: &Story) -> Vec<String> {
    let of = |arguments: &[&str]| {
        let jobs = story.program.run(arguments).json();
        let jobs = jobs.as_array().unwrap().iter();
        let jobs = jobs.filter(|job| job["watched"] == true);
        jobs.map(|job| job["job_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let listed = of(&["jobs", "list", "--format", "json"]);
    assert_eq!(listed, of(&["status", "--format", "json"]));
    listed
}

/// The jobs that a sync without named jobs asks for.
fn synced(story: &Story, more: &[&str]) -> Vec<String> {
    let mut arguments = vec!["sync", "--format", "json"];
    arguments.extend(more);
    let summary = story.program.run(&arguments).ends_with(0).json();
    let jobs = summary["jobs"].as_array().unwrap().iter();
    let mut jobs: Vec<String> = jobs
        .map(|job| job["job_id"].as_str().unwrap().to_owned())
        .collect();
    jobs.sort();
    jobs
}

fn sorted(jobs: &[&String]) -> Vec<String> {
    let mut jobs: Vec<String> = jobs.iter().map(|&job| job.clone()).collect();
    jobs.sort();
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_status_and_jobs_list_mean_the_same_list() {
    let story = Story::new().await.with_config("c.toml");
    let [a, b, c] = [0, 1, 2].map(|job| story.job(job));
    story.program.write("c.toml", "jobs_file = 'jobs.txt'\n");
    story.program.write("jobs.txt", format!("{a}\n{b}\n"));
    assert_eq!(synced(&story, &[]), sorted(&[&a, &b]));
    assert_eq!(watched(&story), sorted(&[&a, &b]));
    // Named, and answered: watched beside those of the file, of which is said that they were not asked for.
    story
        .program
        .run(&["sync", &c])
        .ends_with(0)
        .says("2 watched jobs were not asked for");
    assert_eq!(watched(&story), sorted(&[&a, &b, &c]));
    assert_eq!(synced(&story, &[]), sorted(&[&a, &b, &c]));
    // A job of the file cannot be removed, only taken out of the file: that shows before the next sync.
    story
        .program
        .run(&["jobs", "remove", &b])
        .ends_with(2)
        .says("take it out of that file");
    story.program.write("jobs.txt", format!("{a}\n"));
    assert_eq!(watched(&story), sorted(&[&a, &c]));
    assert_eq!(synced(&story, &[]), sorted(&[&a, &c]));
    assert_eq!(watched(&story), sorted(&[&a, &c]));
    // One that is watched otherwise too stays.
    story.program.run(&["jobs", "add", &a]).ends_with(0);
    story.program.write("jobs.txt", format!("{b}\n"));
    assert_eq!(synced(&story, &[]), sorted(&[&a, &b, &c]));
    // By its name.
    let name = story.server.jobs()[2].1.to_uppercase();
    story.program.run(&["jobs", "remove", &name]).ends_with(0);
    assert_eq!(watched(&story), sorted(&[&a, &b]));
    story.program.run(&["verify"]).ends_with(0);
    story.program.run(&["reindex"]).ends_with(0);
    assert_eq!(watched(&story), sorted(&[&a, &b]));
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_nobody_watches_are_counted_and_watch_all_watches_them() {
    let story = Story::new().await;
    let [a, b, c] = [0, 1, 2].map(|job| story.job(job));
    story.program.run(&["sync", &a]).ends_with(0);
    story
        .program
        .run(&["status"])
        .ends_with(0)
        .says("2 of 3 jobs that https://127.0.0.1:");
    story.program.run(&["jobs", "add", &b]).ends_with(0);
    story.program.run(&["jobs", "remove", &b]).ends_with(0);
    // All, but the one that a person removed.
    let summary = story
        .program
        .run(&["sync", "--watch-all", "--format", "json"])
        .ends_with(0);
    let summary = summary.says("which is watched from now on").json();
    assert_eq!(summary["jobs"].as_array().unwrap().len(), 2);
    assert_eq!(watched(&story), sorted(&[&a, &c]));
    story
        .program
        .run(&["status"])
        .ends_with(0)
        .says("1 of 3 jobs")
        .says("(1 of them removed by `jobruns jobs remove`)");
    // That is no surprise, so it is said and is no finding.
    let overview = story
        .program
        .run(&["report", "overview", "--format", "json"])
        .ends_with(0);
    assert!(!overview.stdout.contains("not watched"), "{overview:?}");
    assert!(
        overview
            .stdout
            .contains("1 job of the server that somebody stopped watching"),
        "{overview:?}"
    );
    // What a jobs file lists is watched, whether or not the archive knows it.
    story.program.write("jobs.txt", format!("{b}\n"));
    story.program.write("listed.toml", "jobs_file = \"jobs.txt\"\n");
    let listed = story
        .program
        .run(&["--config", "listed.toml", "status"])
        .ends_with(0);
    assert!(!listed.stderr.contains("not watched"), "{listed:?}");
    // A job that is gone at the server names the way out.
    story.fault("404");
    let gone = story.program.run(&["sync"]).ends_with(1);
    assert!(format!("{gone:?}").contains("jobruns jobs remove"), "{gone:?}");
    story.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_read_anew_and_former_ones_kept() {
    let story = Story::new().await;
    let [a, b] = [0, 1].map(|job| story.job(job));
    story
        .program
        .run(&["jobs", "add", &a, "--name", "Ours"])
        .ends_with(0);
    story.sync(&[]).ends_with(0);
    // As if the server had called it otherwise before.
    let called = story.server.jobs()[1].1.clone();
    let name_of = |job: &str| {
        let jobs = story
            .program
            .run(&["jobs", "list", "--format", "json"])
            .ends_with(0)
            .json();
        let jobs = jobs.as_array().unwrap().clone();
        jobs.into_iter().find(|listed| listed["job_id"] == job).unwrap()
    };
    assert_eq!(name_of(&b)["name"], called.as_str());
    let mut writer = jobruns::archive::Writer::open_existing(&story.program.path("jobruns.db")).unwrap();
    let job = b.parse().unwrap();
    writer
        .name_job(job, "Before", jobruns::archive::NameFrom::Server)
        .unwrap();
    drop(writer);
    story.program.run(&["sync"]).ends_with(0);
    let renamed = name_of(&b);
    assert_eq!(renamed["name"], called.as_str());
    assert_eq!(renamed["name_from"], "server");
    let former: Vec<&str> = renamed["former_names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|former| former["name"].as_str().unwrap())
        .collect();
    assert_eq!(former, [called.as_str(), "Before"]);
    let table = story.program.run(&["jobs", "list"]).ends_with(0).stdout;
    assert!(table.contains("Before (until 20"), "{table}");
    // A name that a person gave stands above the server's.
    assert_eq!(name_of(&a)["name"], "Ours");
    assert_eq!(name_of(&a)["name_from"], "given");
    story.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jobs_file_is_written_by_discover_or_jobs_list_and_missed_with_the_way_to_make_one() {
    let story = Story::new().await;
    let [a, b, c] = [0, 1, 2].map(|job| story.job(job));
    story
        .program
        .run(&["sync", "--jobs-file", "jobs.txt"])
        .ends_with(2)
        .says("jobs discover --format jobs-file > jobs.txt");
    let discovered = story
        .program
        .run(&["jobs", "discover", "--format", "jobs-file"])
        .ends_with(0);
    story.program.write("jobs.txt", &discovered.stdout);
    assert_eq!(
        synced(&story, &["--jobs-file", "jobs.txt"]),
        sorted(&[&a, &b, &c])
    );
    let listed = story
        .program
        .run(&["jobs", "list", "--format", "csv"])
        .ends_with(0);
    // As Notepad and spreadsheets save it.
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(
            listed
                .stdout
                .replace('\n', "\r\n")
                .encode_utf16()
                .flat_map(u16::to_le_bytes),
        )
        .collect();
    story.program.write("list.csv", utf16);
    assert_eq!(
        synced(&story, &["--jobs-file", "list.csv"]),
        sorted(&[&a, &b, &c])
    );
    // Neither makes the server's names those of a person.
    let jobs = story.program.run(&["jobs", "list", "--format", "json"]).json();
    let jobs = jobs.as_array().unwrap();
    assert!(jobs.iter().all(|job| job["name_from"] == "server"), "{jobs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_never_answered_is_none_of_the_archives() {
    let story = Story::new().await;
    let job = story.job(0);
    let mistyped = "deadbeef-8f1c-4a3d-9c55-0123456789ab";
    let known =
        "SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM sync_jobs), (SELECT count(*) FROM syncs)";
    let count = || {
        let ended = story
            .program
            .run(&["query", known, "--format", "csv"])
            .ends_with(0);
        ended.stdout.lines().last().unwrap().to_owned()
    };
    // Alone and beside others; the summary tells of it all the same.
    let alone = story
        .program
        .run(&["sync", mistyped, "--format", "json"])
        .ends_with(1);
    assert_eq!(alone.json()["jobs"][0]["job_id"], mistyped);
    assert_eq!(count(), "0,0,1");
    let json = story
        .program
        .run(&["sync", mistyped, &job, "--format", "json"])
        .ends_with(3)
        .json();
    let outcome = |place: usize| (&json["jobs"][place]["job_id"], &json["jobs"][place]["outcome"]);
    assert_eq!(outcome(0), (&mistyped.into(), &"failed".into()));
    assert_eq!(outcome(1), (&job.as_str().into(), &"complete".into()));
    assert_eq!(json["totals"]["attempts"], 2);
    assert_eq!(count(), "1,1,2");
    for command in [
        &["status", "--format", "json"][..],
        &["jobs", "list", "--format", "json"],
    ] {
        let listed = story.program.run(command).ends_with(0).json();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
        assert_eq!(listed[0]["job_id"], job.as_str());
    }
    // The name that the server's list has is learned with the first answer.
    let names = "SELECT name FROM jobs WHERE name IS NOT NULL";
    let ended = story
        .program
        .run(&["query", names, "--format", "csv"])
        .ends_with(0);
    assert_eq!(ended.stdout.lines().count(), 2, "{}", ended.stdout);
    // A known one that fails is recorded.
    story.fault("404");
    story.program.run(&["sync", &job, mistyped]).ends_with(1);
    assert_eq!(count(), "1,2,3");
    story.program.run(&["verify"]).ends_with(0);
}
