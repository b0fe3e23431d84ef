//! A sync that is killed: the archive opens clean, holds whole runs only, and the next sync completes it.

use std::time::{Duration, Instant};

use crate::common::program::{Ended, Program};
use crate::common::story::Story;
#[cfg(unix)]
use crate::common::story::signal;
use jobruns::simulator::{History, Options};
use rusqlite::{Connection, OpenFlags};

/// Runs that many syncs of a moment archive a part of. Under wine, where a sync takes many times longer, fewer do.
const RUNS: u32 = if cfg!(windows) { 100 } else { 400 };

/// The exit code of a process that was killed.
const KILLED: Option<i32> = if cfg!(windows) { Some(1) } else { None };

/// How often a sync is killed.
const STEPS: u32 = if cfg!(windows) { 15 } else { 30 };
/// The sync that is killed in the middle of the runs whatever the time; an archive is begun there.
const SURELY_IN_THE_MIDDLE: u32 = STEPS - 5;

async fn story() -> Story {
    Story::with(Options {
        history: History {
            seed: 3,
            jobs: 3,
            runs: RUNS,
            messages: 10,
            ..History::default()
        },
        ..Options::default()
    })
    .await
}

/// Each run with its number of messages, in the archive of a program; none where no archive was made yet.
fn content(program: &Program) -> Vec<(String, i64)> {
    let path = program.path("jobruns.db");
    // A file that is not there is not made.
    let Ok(archive) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE) else {
        return Vec::new();
    };
    let Ok(mut statement) = archive.prepare(
        "SELECT r.job_run_id, (SELECT count(*) FROM messages m WHERE m.job_run_id = r.job_run_id)
         FROM runs r ORDER BY 1",
    ) else {
        return Vec::new();
    };
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// Waits until the running sync has archived something.
fn wait_for_runs(story: &Story) {
    let begun = Instant::now();
    let has_runs = || {
        let path = story.program.path("jobruns.db");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .is_ok_and(|archive| archive.query_row("SELECT 1 FROM runs", [], |_| Ok(())).is_ok())
    };
    while !has_runs() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is archived");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_holds_whole_runs_only_and_the_next_sync_completes_it() {
    let story = story().await;
    let jobs = [story.job(0), story.job(1), story.job(2)];
    let begun = Instant::now();
    story.sync(&[]).ends_with(0);
    // However slow this machine is: the steps reach from the start of a sync to its end.
    let step_length = begun.elapsed() / (STEPS - 2);
    let whole = content(&story.program);
    assert_eq!(whole.len(), 3 * RUNS as usize);
    std::fs::remove_file(story.program.path("jobruns.db")).unwrap();
    let mut partly = 0;
    for step in 0..STEPS {
        let is_sure = step == SURELY_IN_THE_MIDDLE;
        if is_sure {
            // Two answers come and the third does not.
            story.fault("stall=60@3");
        }
        let arguments = ["-q", "sync", "--new", &jobs[0], &jobs[1], &jobs[2]];
        let mut child = story.program.command(&arguments).spawn().unwrap();
        if is_sure {
            wait_for_runs(&story);
        } else {
            std::thread::sleep(step_length * step);
        }
        // It may have ended by itself: a process that was not waited for takes a signal still.
        child.kill().unwrap();
        let ended = Ended::of(child);
        assert!(
            [KILLED, Some(0)].contains(&ended.code),
            "step {step} ended by itself: {ended:#?}"
        );
        story.server.set_faults(Vec::new());
        let held = content(&story.program);
        for run in &held {
            assert!(whole.binary_search(run).is_ok(), "{run:?} is not whole");
        }
        partly += u32::from(!held.is_empty() && held.len() < whole.len());
        // Before the first tables there is nothing to check.
        let verified = story.program.run(&["verify"]);
        match verified.code {
            Some(0) => {}
            Some(1) if held.is_empty() => drop(verified.says("no archive")),
            _ => panic!("step {step}: {verified:#?}"),
        }
        if step % 5 == 4 {
            story.sync(&[]).ends_with(0);
            assert_eq!(content(&story.program), whole);
            story.program.run(&["verify"]).ends_with(0);
            for suffix in ["", "-wal", "-shm"] {
                let path = story.program.path(&format!("jobruns.db{suffix}"));
                assert!(std::fs::remove_file(path).is_ok() || !suffix.is_empty());
            }
        }
    }
    assert!(partly > 0, "no sync was killed in the middle of the runs");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_ctrl_c_ends_at_once_and_the_archive_stands_that() {
    let story = story().await;
    story.fault("stall=60@2");
    let jobs = [story.job(0), story.job(1), story.job(2)];
    let child = story
        .program
        .command(&["sync", &jobs[0], &jobs[1], &jobs[2]])
        .spawn()
        .unwrap();
    story.wait_for_requests(3);
    signal(&child, rustix::process::Signal::INT);
    std::thread::sleep(Duration::from_millis(5));
    signal(&child, rustix::process::Signal::INT);
    Ended::of(child).ends_with(130).never_shows("simulator");
    story.program.run(&["verify"]).ends_with(0);
    story.server.set_faults(Vec::new());
    story.sync(&[]).ends_with(0);
    story.program.run(&["verify"]).ends_with(0);
    assert_eq!(content(&story.program).len(), 3 * RUNS as usize);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_whose_making_was_stopped_before_its_first_entry_is_sound_and_gone_on_with() {
    let story = Story::synced().await;
    // As it is after the tables were made: everything that was ever written is taken out again.
    let archive = story.connection();
    let tables: Vec<String> = archive
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('job_statuses', 'refinery_schema_history')")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    archive.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    for table in tables {
        archive.execute(&format!("DELETE FROM {table}"), []).unwrap();
    }
    drop(archive);
    story.program.run(&["verify"]).ends_with(0);
    story.sync(&[]).ends_with(0);
    story.program.run(&["verify"]).ends_with(0);
}
