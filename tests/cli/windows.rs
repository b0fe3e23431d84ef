//! What only Windows does with files: another program keeps them to itself, letter case does not matter, some names are
//! devices.

use std::fs::{File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt;

use crate::common::program::Program;
use crate::common::story::Story;

/// Opens a file, which need not be there, as Excel does: nobody else may.
fn hold(program: &Program, name: &str) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).share_mode(0);
    options.open(program.path(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_program_holds_is_named_as_such_and_a_log_stops_no_sync() {
    let story = Story::synced().await;
    let program = &story.program;
    program.run(&["backup", "backup.db"]).ends_with(0);
    let held = ["out.csv", "backup.db", "jobruns.db.lock"].map(|name| hold(program, name));
    let cases: &[&[&str]] = &[
        &["report", "runs", "--format", "csv", "--output", "out.csv"],
        &["backup", "backup.db", "--force"],
        &["sync"],
    ];
    for arguments in cases {
        program
            .run(arguments)
            .ends_with(1)
            .says("another program has it open (Excel?)")
            .never_shows("who may write")
            .never_shows(r"\\?\");
    }
    drop(held);
    let log = hold(program, "log");
    let ended = story.sync(&["--log-file", "log"]).ends_with(0);
    ended.says("another program has it open (Excel?)");
    drop(log);
    for arguments in cases {
        program.run(arguments).ends_with(0);
    }
    // The archive is synced, and the list of heads lacks the line.
    story.sync(&["--head-file", "heads"]).ends_with(0);
    let heads = hold(program, "heads");
    let ended = story.sync(&["--head-file", "heads"]).ends_with(3);
    ended.says("another program has it open (Excel?)");
    drop(heads);
    program.run(&["verify"]).ends_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_another_letter_case_is_the_same_file() {
    let story = Story::synced().await;
    let program = &story.program;
    let before = std::fs::read(program.path("jobruns.db")).unwrap();
    for (arguments, why) in [
        (
            &["report", "runs", "--output", "JOBRUNS.DB"][..],
            "it is the archive",
        ),
        (&["backup", "Jobruns.DB", "--force"], "it is the archive"),
        (&["backup", "JOBRUNS.db-WAL"], "belongs to the archive"),
    ] {
        let ended = program.run(arguments).ends_with(2);
        ended.says(why).never_shows(r"\\?\");
    }
    program.write(
        "two.toml",
        "[[export]]\nreport = 'runs'\noutput = 'a.csv'\n[[export]]\nreport = 'runs'\noutput = 'A.CSV'\n",
    );
    let ended = story.sync(&["--config", "two.toml"]).ends_with(2);
    ended.says("the same file as the one in line 1");
    assert!(std::fs::read(program.path("jobruns.db")).unwrap() == before);
}

#[test]
fn a_name_that_windows_takes_for_a_device_is_refused_wherever_it_stands() {
    let program = Program::new();
    program.write("a.toml", "head_file = 'lists/aux.txt'\n");
    let cases: &[(&[&str], &str)] = &[
        (&["jobs", "list", "--archive", "reports/con.db"], "CON"),
        (&["sync", "--new", "--archive", "nul/a.db"], "NUL"),
        (&["jobs", "list", "--config", "com1.toml"], "COM1"),
        (&["verify", "--config", "a.toml"], "AUX"),
        (&["jobs", "list", "--log-file", "prn.log"], "PRN"),
        (&["backup", "x/lpt9.{date}.db"], "LPT9"),
        (&["report", "runs", "--output", "con .csv"], "CON"),
        (&["report", "all", "--output-dir", "conout$"], "CONOUT$"),
    ];
    for (arguments, device) in cases {
        program
            .run(arguments)
            .ends_with(2)
            .says(&format!("Windows takes {device} for a device"))
            .says("choose another name");
    }
    let entries = std::fs::read_dir(program.folder.path()).unwrap();
    assert_eq!(entries.count(), 1, "something was made");
}
