//! Opening an archive: after a kill at any write, by any name, beside a reader, from a place where nothing can be written.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, Instant};

use crate::common::program::Ended;
#[cfg(unix)]
use crate::common::program::names;
use crate::common::story::Story;
use rusqlite::Connection;

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_that_may_not_write_more_leaves_an_archive_that_the_next_completes() {
    let story = Story::new().await;
    let jobs = [story.job(0), story.job(1), story.job(2)].join(" ");
    let mut stopped = 0;
    // The system ends the process at the write that passes the limit, in units of 512 bytes.
    for limit in [0, 1, 8, 40, 80, 100, 160, 240, 300, 360, 420, 500, 700, 1000] {
        let script = format!("ulimit -f {limit}; exec \"$0\" sync {jobs}");
        let ended = Ended::of(story.program.script(&script).spawn().unwrap());
        stopped += u32::from(ended.code != Some(0));
        story.sync(&[]).ends_with(0);
        story.program.run(&["verify"]).ends_with(0);
        let left: Vec<String> = names(story.program.folder.path())
            .into_iter()
            .filter(|name| name.starts_with(".jobruns.db.new-"))
            .collect();
        assert_eq!(left, [""; 0], "limit {limit}");
        for name in names(story.program.folder.path()) {
            fs::remove_file(story.program.path(&name)).unwrap();
        }
    }
    assert!(stopped > 3, "{stopped} syncs were stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_left_by_a_killed_program_is_rolled_back_and_never_read_past() {
    let story = Story::synced().await;
    let path = story.program.path("jobruns.db");
    let copy = story.program.path("copy.db");
    let archive = Connection::open(&path).unwrap();
    archive.pragma_update(None, "journal_mode", "DELETE").unwrap();
    // Small enough that SQLite writes changed pages into the file before the transaction ends.
    archive.pragma_update(None, "cache_size", 1).unwrap();
    archive
        .execute_batch("BEGIN IMMEDIATE; UPDATE _run SET exception = hex(zeroblob(400))")
        .unwrap();
    // What a kill would leave: file and journal as they are now.
    fs::copy(&path, &copy).unwrap();
    fs::copy(
        story.program.path("jobruns.db-journal"),
        story.program.path("copy.db-journal"),
    )
    .unwrap();
    archive.execute_batch("ROLLBACK").unwrap();
    drop(archive);
    let journal = fs::read(story.program.path("copy.db-journal")).unwrap();
    let torn = fs::read(&copy).unwrap();

    let count = "SELECT count(*) AS n FROM runs WHERE length(exception) = 800";
    let again = || {
        fs::write(&copy, &torn).unwrap();
        fs::write(story.program.path("copy.db-journal"), &journal).unwrap();
    };
    for command in [
        &["query", count, "--format", "csv", "--archive", "copy.db"][..],
        &["verify", "--archive", "copy.db"],
        &["backup", "b.db", "--force", "--archive", "copy.db"],
        &["status", "--archive", "copy.db"],
    ] {
        again();
        let ended = story.program.run(command).ends_with(0);
        if command[0] == "query" {
            assert_eq!(ended.stdout, "n\n0\n");
        }
    }
    again();
    story
        .program
        .run(&["salvage", "copy.db", "salvaged.db"])
        .ends_with(1)
        .says("its journal cannot be rolled back from here");
    story.sync(&["--archive", "copy.db"]).ends_with(0);
    story
        .program
        .run(&["verify", "--archive", "copy.db"])
        .ends_with(0);

    // A journal beside a database of another program is that program's own affair.
    let other = story.program.path("other.db");
    Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    fs::write(story.program.path("other.db-journal"), &journal).unwrap();
    let before = fs::read(&other).unwrap();
    story
        .sync(&["--archive", "other.db"])
        .ends_with(1)
        .says("left untouched");
    assert_eq!(fs::read(&other).unwrap(), before);
    assert_eq!(fs::read(story.program.path("other.db-journal")).unwrap(), journal);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn two_syncs_by_two_names_of_one_archive_are_kept_apart() {
    let story = Story::synced().await;
    let link = story.program.path("link.db");
    symlink(story.program.path("jobruns.db"), &link).unwrap();
    story.fault("stall=3@1");
    let first = story.program.command(&["sync", &story.job(0)]).spawn().unwrap();
    story.wait_for_requests(4);
    story
        .program
        .run(&["sync", &story.job(0), "--archive", "link.db"])
        .ends_with(5)
        .says("held by another sync");
    Ended::of(first).ends_with(0);
    story.server.set_faults(Vec::new());
    story.program.run(&["verify"]).ends_with(0);

    // A link that leads nowhere yet is a name too.
    symlink(story.program.path("new.db"), story.program.path("new-link.db")).unwrap();
    story.sync(&["--archive", "new-link.db"]).ends_with(0);
    assert!(story.program.path("new.db.lock").exists());

    // A second hard link is refused before anything is written.
    fs::hard_link(story.program.path("jobruns.db"), story.program.path("hard.db")).unwrap();
    for archive in ["hard.db", "jobruns.db"] {
        story
            .sync(&["--archive", archive])
            .ends_with(1)
            .says("names (hard links)");
    }
    fs::remove_file(story.program.path("hard.db")).unwrap();
    story.sync(&[]).ends_with(0);
    // The second name that a kill may leave to a new archive goes by itself.
    let part = story.program.path(".jobruns.db.abc123.part");
    fs::hard_link(story.program.path("jobruns.db"), &part).unwrap();
    story.sync(&[]).ends_with(0);
    assert!(!part.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_past_the_log_beside_another_hard_link() {
    let story = Story::synced().await;
    fs::hard_link(story.program.path("jobruns.db"), story.program.path("hard.db")).unwrap();
    // What only the log of the one name has.
    let writer = story.connection();
    writer
        .execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE _job SET name = 'in the log'")
        .unwrap();
    assert!(fs::metadata(story.program.path("jobruns.db-wal")).unwrap().len() > 0);
    for archive in ["hard.db", "jobruns.db"] {
        for command in [
            &["status"][..],
            &["jobs", "list"],
            &["jobs", "add", &story.job(0)],
            &["report", "runs"],
            &["query", "SELECT name FROM jobs"],
            &["verify"],
            &["ledger", "show"],
            &["export", "--output-dir", "exported"],
            &["backup", "b.db"],
            &["reindex"],
            &["salvage", archive, "salvaged.db"],
        ] {
            let ended = story.program.run(&[command, &["--archive", archive]].concat());
            let ended = ended.ends_with(1).says("has 2 names (hard links)");
            assert_eq!(ended.stdout, "", "{command:?}");
        }
    }
    assert!(!story.program.path("hard.db-wal").exists());
    for made in ["b.db", "salvaged.db"] {
        assert!(!story.program.path(made).exists(), "{made}");
    }
    drop(writer);
    fs::remove_file(story.program.path("hard.db")).unwrap();
    let names = story
        .program
        .run(&["query", "SELECT DISTINCT name FROM jobs", "--format", "csv"]);
    assert_eq!(names.ends_with(0).stdout, "name\nin the log\n");
}

/// Seen through a second mount of the folder that can only be read, where SQLite has no shared memory.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn who_can_only_read_gets_one_state_or_nothing_while_others_write() {
    use crate::common::namespace::in_a_namespace;
    let story = Story::synced().await;
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400000) \
                SELECT i, (SELECT count(*) FROM jobs) AS jobs FROM n";
    // More rows than are gathered, and longer than it takes to write something.
    let script = format!(
        "mkdir ro && mount --bind . ro && mount -o remount,ro,bind ro || exit 77
         number=100
         add() {{ number=$((number + 1)); \"$0\" -q jobs add 00000000-0000-4000-8000-000000000$number; }}
         read_it() {{ \"$0\" query '{rows}' --format csv --archive ro/jobruns.db > $1 2> $1.stderr; echo $1=$?; }}
         read_it once & reader=$!; sleep 0.3; add; wait $reader
         read_it always & reader=$!; while kill -0 $reader 2> /dev/null; do add; sleep 0.1; done; wait $reader
         \"$0\" backup copy.db --archive ro/jobruns.db > /dev/null & reader=$!; add; wait $reader; echo backup=$?
         read_it quiet"
    );
    let Some(ended) = in_a_namespace(&story.program, &script) else {
        return;
    };
    let ended = ended.ends_with(0);
    // While somebody writes there is shared memory now and then, and a reading that begins just then succeeds.
    let is_refused = ended.stdout.contains("always=1");
    let codes = format!("once=0\nalways={}\nbackup=0\nquiet=0\n", u8::from(is_refused));
    assert_eq!(ended.stdout, codes, "{ended:#?}");
    let read = |name: &str| fs::read_to_string(story.program.path(name)).unwrap();
    for name in ["once", "always", "quiet"] {
        let text = read(name);
        if name == "always" && is_refused {
            let refusal = read("always.stderr");
            assert!(
                text.is_empty() && refusal.contains("run it again when"),
                "{refusal}"
            );
            continue;
        }
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("i,jobs"), "{name}");
        let states: std::collections::BTreeSet<&str> =
            lines.clone().filter_map(|line| line.split(',').nth(1)).collect();
        assert_eq!((lines.count(), states.len()), (400_000, 1), "{name}");
    }
    story
        .program
        .run(&["verify", "--archive", "copy.db"])
        .ends_with(0);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_mounted_by_itself_is_neither_read_nor_written() {
    use crate::common::namespace::in_a_namespace;
    let story = Story::synced().await;
    let script = "touch other.db && mount --bind jobruns.db other.db || exit 77
         for command in status verify reindex 'backup copy.db' 'jobs add 00000000-0000-4000-8000-000000000001'; do
             \"$0\" --archive other.db $command > said 2>&1; echo $? $(grep -c 'mounted by itself' said)
         done
         \"$0\" verify > said; echo $?";
    let Some(ended) = in_a_namespace(&story.program, script) else {
        return;
    };
    assert_eq!(ended.ends_with(0).stdout, "1 1\n1 1\n1 1\n1 1\n1 1\n0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_make_an_archive_of_an_empty_file_none_loses_what_another_wrote() {
    let story = Story::new().await;
    let job = |number: usize| format!("00000000-0000-4000-8000-{number:012}");
    for round in 0..20 {
        let name = format!("{round}.db");
        fs::write(story.program.path(&name), "").unwrap();
        let mut makers: Vec<_> = (0..6)
            .map(|number| {
                let job = job(number);
                let arguments = ["jobs", "add", &job, "--archive", &name];
                story.program.command(&arguments).spawn().unwrap()
            })
            .collect();
        let mut syncs = Vec::new();
        if round % 4 == 0 {
            for _ in 0..2 {
                let arguments = ["sync", &story.job(0), "--archive", &name];
                syncs.push(story.program.command(&arguments).spawn().unwrap());
            }
        }
        for maker in makers.drain(..) {
            Ended::of(maker).ends_with(0);
        }
        let ends: Vec<_> = syncs.drain(..).map(Ended::of).collect();
        // Of two at once one waits for nobody: it says that the other one is at work.
        assert!(
            ends.iter().all(|end| matches!(end.code, Some(0 | 5))),
            "{ends:#?}"
        );
        assert!(
            ends.is_empty() || ends.iter().any(|end| end.code == Some(0)),
            "{ends:#?}"
        );
        let watched: Vec<String> = Connection::open(story.program.path(&name))
            .unwrap()
            .prepare("SELECT job_id FROM jobs WHERE watched AND job_id LIKE '00000000-%' ORDER BY 1")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let wanted: Vec<String> = (0..6).map(job).collect();
        assert_eq!(watched, wanted, "round {round}");
        story.program.run(&["verify", "--archive", &name]).ends_with(0);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_lock_file_was_removed_stops_when_another_has_begun() {
    let story = Story::synced().await;
    story.fault("stall=4@1");
    let first = story
        .program
        .command(&[
            "sync",
            &story.job(0),
            &story.job(1),
            &story.job(2),
            "--concurrency",
            "1",
        ])
        .spawn()
        .unwrap();
    story.wait_for_requests(4);
    fs::remove_file(story.program.path("jobruns.db.lock")).unwrap();
    story.program.run(&["sync", &story.job(0)]).ends_with(0);
    Ended::of(first).ends_with(5).says("another sync has begun in it");
    story.program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_reader_delays_no_sync_and_sees_its_state_to_the_end() {
    let story = Story::synced().await;
    let reader = story.connection();
    reader.execute_batch("BEGIN").unwrap();
    let count = |reader: &Connection| -> i64 {
        reader
            .query_row("SELECT count(*) FROM syncs", [], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(count(&reader), 1);
    let begun = Instant::now();
    story.sync(&[]).ends_with(0);
    story.program.run(&["reindex"]).ends_with(0);
    // Half a minute is how long a statement waits for a lock.
    assert!(begun.elapsed() < Duration::from_secs(25));
    assert_eq!(count(&reader), 1);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&reader), 2);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn names_that_mean_something_else_to_sqlite_are_names_of_files() {
    let story = Story::new().await;
    for name in [":memory:", "file:x.db?mode=memory"] {
        story.sync(&["--archive", name]).ends_with(0);
        assert!(story.program.path(name).exists(), "{name}");
        story.program.run(&["verify", "--archive", name]).ends_with(0);
    }
    story.program.run(&["status", "--archive", ""]).ends_with(2);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_new_archive_takes_the_place_of_an_empty_file_and_is_its_owners_alone() {
    let story = Story::new().await;
    fs::write(story.program.path("jobruns.db"), "").unwrap();
    story.sync(&[]).ends_with(0);
    let mode = fs::metadata(story.program.path("jobruns.db"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // Several that make one at once make one.
    fs::remove_file(story.program.path("jobruns.db")).unwrap();
    let job = story.job(0);
    let makers: Vec<_> = (0..6)
        .map(|_| story.program.command(&["jobs", "add", &job]).spawn().unwrap())
        .collect();
    for maker in makers {
        Ended::of(maker).ends_with(0);
    }
    story.program.run(&["verify"]).ends_with(0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_killed_at_any_write_leaves_an_archive_that_the_next_completes() {
    let story = Story::new().await;
    let probe = story.program.script("strace -V && strace -f -o trace true");
    if Ended::of({ probe }.spawn().unwrap()).code != Some(0) {
        // Not installed, or not allowed to trace.
        return;
    }
    let jobs = [story.job(0), story.job(1), story.job(2)].join(" ");
    for write in [1, 2, 3, 10, 25, 33, 34, 35, 40, 60, 90] {
        let script = format!(
            "exec strace -f -qq -o trace -e trace=pwrite64 \
             -e inject=pwrite64:signal=SIGKILL:when={write} \"$0\" sync {jobs}"
        );
        drop(Ended::of(story.program.script(&script).spawn().unwrap()));
        story.sync(&[]).ends_with(0);
        story.program.run(&["verify"]).ends_with(0);
        for name in names(story.program.folder.path()) {
            assert!(!name.contains(".new-"), "{name} is left after write {write}");
            fs::remove_file(story.program.path(&name)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_its_archive_is_neither_played_into_a_new_one_nor_deleted() {
    let story = Story::synced().await;
    let path = story.program.path("jobruns.db");
    let archive = Connection::open(&path).unwrap();
    archive
        .execute_batch("CREATE TABLE of_the_old_archive (a)")
        .unwrap();
    let log = fs::read(story.program.path("jobruns.db-wal")).unwrap();
    drop(archive);
    for (suffix, empty) in [
        ("-wal", false),
        ("-wal", true),
        ("-journal", false),
        ("-journal", true),
    ] {
        let left = story.program.path(&format!("new.db{suffix}"));
        fs::write(&left, &log).unwrap();
        if empty {
            fs::write(story.program.path("new.db"), "").unwrap();
        }
        for command in [&["jobs", "add", &story.job(0)][..], &["sync", &story.job(0)]] {
            let mut command = command.to_vec();
            command.extend(["--archive", "new.db"]);
            story
                .program
                .run(&command)
                .ends_with(1)
                .says("is missing or empty, but its log");
        }
        if empty {
            for command in [
                &["status", "--archive", "new.db"][..],
                &["salvage", "new.db", "salvaged.db"],
            ] {
                story
                    .program
                    .run(command)
                    .ends_with(1)
                    .says("is missing or empty, but its log");
            }
            fs::remove_file(story.program.path("new.db")).unwrap();
        }
        assert_eq!(fs::read(&left).unwrap(), log);
        fs::remove_file(left).unwrap();
    }
    story.sync(&["--archive", "new.db"]).ends_with(0);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_is_no_archive_and_stays_what_it_is() {
    use std::os::unix::fs::FileTypeExt;
    let story = Story::new().await;
    Ended::of(
        story
            .program
            .script("mkfifo pipe && ln -s pipe link")
            .spawn()
            .unwrap(),
    )
    .ends_with(0);
    let job = story.job(0);
    for archive in ["pipe", "link"] {
        for command in [
            &["jobs", "add", &job][..],
            &["sync", &job],
            &["status"],
            &["verify"],
        ] {
            let mut command = command.to_vec();
            command.extend(["--archive", archive]);
            story
                .program
                .run(&command)
                .ends_with(1)
                .says("a device, a pipe or a socket");
        }
    }
    let kind = fs::metadata(story.program.path("pipe")).unwrap().file_type();
    assert!(kind.is_fifo());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_archive_was_moved_away_stops() {
    let story = Story::synced().await;
    story.fault("stall=2@1");
    let sync = story.program.command(&["sync", &story.job(0)]).spawn().unwrap();
    story.wait_for_requests(4);
    fs::rename(story.program.path("jobruns.db"), story.program.path("moved.db")).unwrap();
    Ended::of(sync)
        .ends_with(5)
        .says("another file has its name, or none");
    assert!(!story.program.path("jobruns.db").exists());
}
