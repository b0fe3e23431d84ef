//! Stories of backups: made while a sync runs, never half, restored by copying.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::Bench;
use crate::common::program::{Ended, Program, names};
use crate::common::story::Story;
use jobruns::archive::{ReadOnly, backup};
use rusqlite::Connection;

fn runs(path: &Path) -> i64 {
    let archive = Connection::open(path).unwrap();
    archive
        .query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
        .unwrap()
}

/// The section "Restore" of `docs/operations.md`, as it stands there.
fn restore_script() -> String {
    let document = include_str!("../../docs/operations.md");
    let (_, section) = document.split_once("## Restore").unwrap();
    let block = section.split("```sh\n").nth(1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_is_copying_and_the_next_sync_completes_it() {
    let story = Story::new().await;
    let first = story.sync(&["--format", "json"]).ends_with(0).json();
    let made = story
        .program
        .run(&["backup", "backup.db", "--format", "json"])
        .ends_with(0)
        .json();
    assert_eq!(made["head"], first["head"]);
    let path = story.program.path("backup.db");
    assert_eq!(made["bytes"], std::fs::metadata(&path).unwrap().len());
    assert_eq!(made["verified"]["payloads"], 36);
    story.server.pass_night();
    story.sync(&[]).ends_with(0);
    let whole = runs(&story.program.path("jobruns.db"));
    assert!(whole > 36);
    // The disk writes rubbish.
    std::fs::write(story.program.path("jobruns.db"), "rubbish").unwrap();
    std::fs::write(story.program.path("jobruns.db-wal"), "rubbish too").unwrap();
    if cfg!(unix) {
        let jobruns = "jobruns() { \"$BIN\" \"$@\"; }\nset -e\n";
        let script = format!("BIN=$0\n{jobruns}{}", restore_script());
        Ended::of(story.program.script(&script).spawn().unwrap()).ends_with(0);
    } else {
        std::fs::remove_file(story.program.path("jobruns.db-wal")).unwrap();
        std::fs::copy(&path, story.program.path("jobruns.db")).unwrap();
        story.sync(&[]).ends_with(0);
    }
    assert_eq!(runs(&story.program.path("jobruns.db")), whole);
    let head = first["head"].as_str().unwrap();
    story.program.run(&["verify", "--head", head]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_made_while_a_sync_writes_is_one_state() {
    let bench = Bench::new().await;
    bench.sync().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (archive, folder) = (bench.archive(), bench.folder.path().to_path_buf());
    let copies = {
        let stop = Arc::clone(&stop);
        tokio::task::spawn_blocking(move || {
            let mut heads = Vec::new();
            while !stop.load(Ordering::Relaxed) || heads.len() < 2 {
                let path = folder.join(format!("copy-{}.db", heads.len()));
                heads.push(backup(&archive, &path, false).unwrap().head);
            }
            heads
        })
    };
    let mut last = bench.sync().await.head;
    for _ in 0..4 {
        bench.server.pass_night();
        last = bench.sync().await.head;
    }
    stop.store(true, Ordering::Relaxed);
    let heads = copies.await.unwrap();
    // Each was a state of this archive on its way.
    let report = ReadOnly::open(&bench.archive()).unwrap().verify(&heads).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.head, last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_needs_no_file_beside_it() {
    let story = Story::synced().await;
    std::fs::create_dir(story.program.path("share")).unwrap();
    story.program.run(&["backup", "share/copy.db"]).ends_with(0);
    let share = story.program.path("share");
    assert_eq!(names(&share), ["copy.db"]);
    story
        .program
        .run(&["verify", "--archive", "share/copy.db"])
        .ends_with(0);
    story
        .program
        .run(&["report", "failure-trends", "--archive", "share/copy.db"])
        .ends_with(0);
    assert_eq!(names(&share), ["copy.db"], "reading it laid nothing beside it");
    // The name must not be a link's: what it leads to is replaced, and it stays one.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(share.join("copy.db"), story.program.path("link.db")).unwrap();
        story.program.run(&["backup", "link.db", "--force"]).ends_with(0);
        assert!(
            story
                .program
                .path("link.db")
                .symlink_metadata()
                .unwrap()
                .is_symlink()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_once_one_is_the_file_and_the_other_says_so() {
    let story = Story::synced().await;
    let start = || story.program.command(&["backup", "copy.db"]).spawn().unwrap();
    let running = [start(), start()];
    let mut codes: Vec<Option<i32>> = running.into_iter().map(|child| Ended::of(child).code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)]);
    story
        .program
        .run(&["verify", "--archive", "copy.db"])
        .ends_with(0);
    let left = names(story.program.folder.path());
    assert!(!left.iter().any(|name| name.ends_with(".part")), "{left:?}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_lies_under_the_name() {
    let story = Story::synced().await;
    std::fs::create_dir(story.program.path("disk")).unwrap();
    let size = std::fs::metadata(story.program.path("jobruns.db")).unwrap().len();
    for force in ["", "--force"] {
        // bash counts in 1,024 bytes, other shells in 512.
        let limit = size / 2048;
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" backup disk/copy.db {force}");
        Ended::of(story.program.script(&script).spawn().unwrap())
            .ends_with(1)
            .says("could not write the copy")
            .says("free some space there");
        let left = names(&story.program.path("disk"));
        if force.is_empty() {
            assert_eq!(left, [""; 0]);
            std::fs::write(story.program.path("disk/copy.db"), "yesterday").unwrap();
        } else {
            assert_eq!(left, ["copy.db"]);
            assert_eq!(
                std::fs::read(story.program.path("disk/copy.db")).unwrap(),
                b"yesterday"
            );
        }
    }
}

#[test]
fn what_cannot_be_copied_or_replaced_is_told() {
    let program = Program::new();
    program
        .run(&["backup", "b.db"])
        .ends_with(1)
        .says("there is no archive at")
        .says("if it was moved or its drive is not connected, put it back");
    program
        .run(&["jobs", "add", "ff761384-4b49-40b4-97d8-0de38669075a"])
        .ends_with(0);
    program
        .run(&["backup", "jobruns.db", "--force"])
        .ends_with(2)
        .says("it is the archive");
    program
        .run(&["backup", "none/b.db"])
        .ends_with(1)
        .says("make that folder first");
    program.run(&["backup", "b.db"]).ends_with(0);
    program.run(&["backup", "b.db"]).ends_with(2).says("--force");
    let archive = Connection::open(program.path("jobruns.db")).unwrap();
    archive
        .execute("UPDATE ledger SET entry = entry || ' '", [])
        .unwrap();
    drop(archive);
    let before = std::fs::read(program.path("b.db")).unwrap();
    program
        .run(&["backup", "b.db", "--force"])
        .ends_with(4)
        .says("not intact");
    assert_eq!(std::fs::read(program.path("b.db")).unwrap(), before);
    program.write("rubbish.db", "rubbish");
    program
        .run(&["--archive", "rubbish.db", "backup", "c.db"])
        .ends_with(1)
        .says("is not a jobruns archive");
    assert!(!program.path("c.db").exists());
}
