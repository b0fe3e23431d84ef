//! Archives that are none, not ours, too new, locked, read-only, on a full disk: what is told, and that nothing is lost.

use std::path::Path;

#[cfg(target_os = "linux")]
use crate::common::namespace::in_a_namespace;
#[cfg(unix)]
use crate::common::program::Ended;
use crate::common::program::set_mode;
use crate::common::story::Story;
use rusqlite::Connection;

/// What there is of `jobruns.db`, from the outside: name and bytes of each file beside it and of itself.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| {
            (
                entry.file_name().to_string_lossy().into_owned(),
                std::fs::read(entry.path()).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

/// Runs of the archive `name` in the story's folder.
fn runs(story: &Story, name: &str) -> i64 {
    let archive = Connection::open(story.program.path(name)).unwrap();
    let count = "SELECT count(*) FROM runs";
    archive.query_row(count, [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_told_with_the_way_out() {
    let story = Story::new().await;
    story.program.write("file", "no folder");
    for place in ["file/jobruns.db", "no/such/folder/jobruns.db"] {
        story
            .sync(&["--archive", place])
            .ends_with(1)
            .says(&place.replace('/', std::path::MAIN_SEPARATOR_STR))
            .says("Caused by: ")
            .says("make that folder first, or name another place by --archive")
            .never_shows("simulator");
    }
    assert!(story.server.requests().is_empty(), "nothing is asked in vain");
    assert_eq!(files(story.program.folder.path()).len(), 1);
    #[cfg(unix)]
    if !rustix::process::geteuid().is_root() {
        std::fs::create_dir(story.program.path("locked")).unwrap();
        set_mode(&story.program.path("locked"), 0o500);
        story
            .sync(&["--archive", "locked/jobruns.db"])
            .ends_with(1)
            .says("check who may write to that folder");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_archive_of_ours_is_refused_by_a_sync_and_nothing_is_laid_beside_it() {
    let story = Story::new().await;
    let folder = story.program.path("theirs");
    std::fs::create_dir_all(folder.join("folder.db")).unwrap();
    std::fs::write(folder.join("notes.db"), "Somebody's notes. ".repeat(40)).unwrap();
    let other = Connection::open(folder.join("other.db")).unwrap();
    other
        .execute_batch("CREATE TABLE runs (a); INSERT INTO runs VALUES (1)")
        .unwrap();
    drop(other);
    let before = files(&folder);
    for (name, says, next) in [
        ("folder.db", "is a directory, not an archive", "name a file in it"),
        (
            "notes.db",
            "not an SQLite database",
            "name another file with --archive",
        ),
        (
            "other.db",
            "an SQLite database of another program",
            "name another file with --archive",
        ),
    ] {
        let path = format!("theirs/{name}");
        for ended in [
            story.sync(&["--archive", &path]),
            story
                .program
                .run(&["jobs", "add", &story.job(0), "--archive", &path]),
        ] {
            ended.ends_with(1).says(&path).says(says).says(next);
        }
    }
    assert_eq!(files(&folder), before);
    assert!(story.server.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_of_a_newer_program_is_refused_and_stays_as_it_is_byte_for_byte() {
    let story = Story::synced().await;
    story.make_newer();
    let bytes = || std::fs::read(story.program.path("jobruns.db")).unwrap();
    let before = bytes();
    let job = story.job(0);
    for arguments in [
        &["sync"][..],
        &["status"],
        &["verify"],
        &["jobs", "list"],
        &["jobs", "add", &job],
        &["jobs", "remove", &job],
        &["quarantine", "list"],
        &["quarantine", "accept", "1", "--why", "looked at"],
        &["payload", &job],
        &["report", "failure-trends"],
    ] {
        story
            .program
            .run(arguments)
            .ends_with(1)
            .says("jobruns.db was written by a newer jobruns (its schema is version 2")
            .says("use the newer program");
    }
    assert_eq!(bytes(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_another_program_locks_is_told_after_half_a_minute_and_loses_nothing() {
    let story = Story::synced().await;
    let other = story.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // Readers do not wait for it.
    story.program.run(&["status"]).ends_with(0);
    story
        .sync(&[])
        .ends_with(1)
        .says("jobruns.db: could not begin to write in the archive")
        .says("another program holds it (SQLite error 5)")
        .says("another program holds the file");
    other.execute_batch("ROLLBACK").unwrap();
    story.sync(&[]).ends_with(0);
    story.program.run(&["verify"]).ends_with(0);
    assert_eq!(runs(&story, "jobruns.db"), 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_in_a_folder_that_cannot_be_written_is_read() {
    let story = Story::synced().await;
    let shelf = story.program.path("shelf");
    std::fs::create_dir(&shelf).unwrap();
    let copy = shelf.join("jobruns.db");
    Connection::open(story.program.path("jobruns.db"))
        .unwrap()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    std::fs::copy(story.program.path("jobruns.db"), &copy).unwrap();
    set_mode(&copy, 0o400);
    set_mode(&shelf, 0o500);
    for arguments in [
        &["status"][..],
        &["verify"],
        &["jobs", "list"],
        &["quarantine", "list"],
    ] {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--archive", "shelf/jobruns.db"]);
        story.program.run(&arguments).ends_with(0);
    }
    // So that the folder can be removed.
    set_mode(&shelf, 0o700);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_the_next_sync_with_room_completes_the_archive() {
    let story = Story::new().await;
    std::fs::create_dir(story.program.path("disk")).unwrap();
    // Full before the tables are made; then in the middle of the runs (the tables lie in the log and in the file, and
    // leave too little); then with room.
    let script = format!(
        "mount -t tmpfs -o size=40k none disk || exit 77
         \"$0\" -q --archive empty.db jobs add --new {job}
         tables=$((2 * $(stat -c %s empty.db) / 1024))
         export JOBRUNS_ARCHIVE=disk/a.db
         \"$0\" -q sync --new {jobs}; echo first=$?
         \"$0\" -q status; echo unmade=$?
         mount -o remount,size=$((tables - 60))k none disk
         \"$0\" -q sync --new {jobs}; echo second=$?
         mount -o remount,size=10m none disk
         \"$0\" verify; echo verify=$?
         \"$0\" sync {jobs} --format json; echo third=$?
         \"$0\" verify; echo verify=$?",
        job = story.job(0),
        jobs = [0, 1, 2].map(|job| story.job(job)).join(" ")
    );
    let Some(ended) = in_a_namespace(&story.program, &script) else {
        return;
    };
    let ended = ended
        .ends_with(0)
        .says("could not bring the schema of disk/a.db up to date")
        .says("the disk is full (SQLite error 13)")
        .says("free some space on that disk and run the command again")
        .says("there is no archive at disk/a.db")
        .never_shows("simulator");
    let codes: Vec<&str> = ended.stdout.lines().filter(|line| line.contains('=')).collect();
    assert_eq!(
        codes,
        [
            "first=1", "unmade=1", "second=1", "verify=0", "third=0", "verify=0"
        ],
        "{ended:#?}"
    );
    let summary = ended.stdout.lines().find(|line| line.starts_with('{')).unwrap();
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap();
    assert_eq!(summary["outcome"], "complete");
    assert_eq!(summary["totals"]["runs_seen"], 36);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_read_and_a_sync_into_it_is_told() {
    let story = Story::synced().await;
    std::fs::create_dir(story.program.path("disk")).unwrap();
    // A write-ahead log with content beside it: what a killed program leaves.
    let archive = story.connection();
    archive
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 0")
        .unwrap();
    std::fs::copy(
        story.program.path("jobruns.db"),
        story.program.path("disk/clean.db"),
    )
    .unwrap();
    archive.execute_batch("PRAGMA user_version = 7").unwrap();
    for (from, to) in [
        ("jobruns.db", "disk/log.db"),
        ("jobruns.db-wal", "disk/log.db-wal"),
    ] {
        std::fs::copy(story.program.path(from), story.program.path(to)).unwrap();
    }
    let script = "mount --bind disk disk && mount -o remount,ro,bind disk || exit 77
         \"$0\" status --archive disk/clean.db; echo status=$?
         \"$0\" verify --archive disk/clean.db; echo verify=$?
         \"$0\" -q sync --archive disk/clean.db; echo sync=$?
         \"$0\" -q status --archive disk/log.db; echo log=$?";
    let Some(ended) = in_a_namespace(&story.program, script) else {
        return;
    };
    let ended = ended
        .ends_with(0)
        .says("nothing can be written there: name another place")
        .says("the archive disk/log.db cannot be read from here now: its write-ahead log holds changes")
        .says("open it once where it can be written");
    let codes: Vec<&str> = ended.stdout.lines().filter(|line| line.contains('=')).collect();
    assert_eq!(codes, ["status=0", "verify=0", "sync=1", "log=1"], "{ended:#?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_grow_keeps_what_it_has() {
    let story = Story::new().await;
    story.program.run(&["sync", &story.job(0)]).ends_with(0);
    let grown = |name: &str| std::fs::metadata(story.program.path(name)).map_or(0, |data| data.len());
    // `ulimit -f` counts in 512 bytes (POSIX), bash in 1,024: the archive fits, what comes does not.
    let limit = grown("jobruns.db") / 1024 + 4;
    let script = format!(
        "trap '' XFSZ; ulimit -f {limit}; exec \"$0\" -q sync {} {}",
        story.job(1),
        story.job(2)
    );
    let mut command = story.program.script(&script);
    Ended::of(command.spawn().unwrap())
        .ends_with(1)
        .says("jobruns.db: could not ")
        .says("disk")
        .says("run the command again")
        .never_shows("simulator");
    assert_eq!(runs(&story, "jobruns.db"), 12);
    story.program.run(&["verify"]).ends_with(0);
    story.sync(&[]).ends_with(0);
    story.program.run(&["verify"]).ends_with(0);
    assert_eq!(runs(&story, "jobruns.db"), 36);
}
