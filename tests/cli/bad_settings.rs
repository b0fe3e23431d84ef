//! Settings that cannot be used: each is told before any work, with its place and what it should be.

use crate::common::program::Program;
#[cfg(unix)]
use crate::common::program::set_mode;

const JOB: &str = "ff761384-4b49-40b4-97d8-0de38669075a";
const PASSWORD: &str = "hunter2-correct-horse";

fn program() -> Program {
    Program::new()
        .with("JOBRUNS_URL", "https://127.0.0.1:1")
        .with("JOBRUNS_USERNAME", "auditor")
        .with("JOBRUNS_PASSWORD", PASSWORD)
        .with("JOBRUNS_LOG_FILE", "log.txt")
}

/// `jobruns sync` with these ends with 2, says all of it, makes no archive, and shows the password nowhere.
#[track_caller]
fn refused(program: &Program, arguments: &[&str], says: &[&str]) {
    let mut all = vec!["-vv", "sync"];
    all.extend(arguments);
    let mut ended = program.run(&all).ends_with(2).never_shows(PASSWORD);
    for text in says {
        ended = ended.says(text);
    }
    assert!(!program.path("jobruns.db").exists(), "{ended:#?}");
    let log = std::fs::read_to_string(program.path("log.txt")).unwrap_or_default();
    assert!(!log.contains(PASSWORD), "{log}");
}

#[test]
fn a_job_that_is_no_guid_is_named_with_the_form_of_one() {
    let form = "expected 8-4-4-4-12 hexadecimal digits";
    for job in [
        "Nightly",
        "ff761384",
        "ff761384-4b49-40b4-97d8-0de38669075",
        "ff761384-4b49-40b4-97d8-0de38669075g",
    ] {
        refused(&program(), &[job], &[job, "is not a GUID", form]);
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_told_with_what_to_do() {
    let program = program();
    std::fs::create_dir(program.path("folder")).unwrap();
    for (flag, what) in [("--jobs-file", "jobs file"), ("--password-file", "password file")] {
        let remedy = format!("correct the path of the {what}");
        refused(&program, &[flag, "folder"], &[what, "folder", &remedy]);
    }
}

#[test]
fn a_bad_line_of_a_jobs_file_is_named_by_its_number() {
    let program = program();
    for (content, line, word) in [
        (format!("# ours\r\n{JOB} checks\r\n\r\nNightly\r\n"), 4, "Nightly"),
        (format!("{JOB}x"), 1, "ff761384-4b49-40b4-97d8-0de38669075ax"),
        (format!("\u{feff}{JOB}\nff761384,checks\n"), 2, "ff761384,checks"),
    ] {
        program.write("jobs.txt", content);
        let place = format!("jobs.txt:{line}: {word:?} is not a job");
        refused(
            &program,
            &["--jobs-file", "jobs.txt"],
            &[&place, "expected a GUID and an optional name"],
        );
    }
    std::fs::create_dir(program.path("folder")).unwrap();
    let says = "could not read the jobs file folder";
    refused(&program, &["--jobs-file", "folder"], &[says, "Caused by: "]);
    program.write("jobs.txt", b"\xFF\xFF\xFF");
    let says = "the jobs file jobs.txt cannot be read as text";
    refused(&program, &["--jobs-file", "jobs.txt"], &[says, "Caused by: "]);
}

#[test]
fn an_unknown_zone_is_named_with_what_is_expected() {
    let says = [
        "is not a time zone",
        "expected `utc` or an IANA name such as Europe/Berlin",
    ];
    for zone in ["Mars/Olympus", "Europe", "+01:00", "CEST "] {
        refused(&program(), &[JOB, "--naive-time", zone], &says);
    }
    let program = program().with("JOBRUNS_CONFIG", "jobruns.toml");
    program.write("jobruns.toml", "\nnaive_time = 'Mars/Olympus'\n");
    refused(
        &program,
        &[JOB],
        &["jobruns.toml:2: naive_time", says[0], says[1]],
    );
}

#[test]
fn password_files_that_cannot_be_used_are_told_without_what_they_hold() {
    let program = program();
    std::fs::create_dir(program.path("folder")).unwrap();
    let file = |name| ["--password-file", name, JOB];
    let says = "could not read the password file";
    refused(&program, &file("none"), &[says, "Caused by: "]);
    refused(&program, &file("folder"), &[says, "Caused by: "]);
    program.write("long", PASSWORD.repeat(4000));
    refused(
        &program,
        &file("long"),
        &["long is not a password file: it is longer than"],
    );
    program.write("empty", "\n");
    refused(
        &program,
        &file("empty"),
        &["the password from the file empty is empty", "--password-stdin"],
    );
    #[cfg(unix)]
    {
        let path = program.write("open", PASSWORD);
        for mode in [0o604, 0o640, 0o666] {
            set_mode(&path, mode);
            let says = ["the password file open can be read by others", "chmod 600 open"];
            refused(&program, &file("open"), &says);
        }
        // Root reads what nobody may.
        if !rustix::process::geteuid().is_root() {
            set_mode(&path, 0o000);
            refused(&program, &file("open"), &[says, "check who may read the file"]);
        }
    }
}

#[test]
fn urls_that_cannot_be_used_are_told_with_the_form_of_one() {
    for (url, says, next) in [
        ("http://ccs:12431", "plain http", "--insecure"),
        (
            "ccs:12431",
            "cannot be used as the server's URL",
            "give it as https://HOST:12431",
        ),
        (
            "ftp://ccs",
            "cannot be used as the server's URL",
            "give it as https://HOST:12431",
        ),
        ("https://", "", "https://HOST:12431"),
        ("not a url", "", "https://HOST:12431"),
    ] {
        refused(&program().with("JOBRUNS_URL", url), &[JOB], &[says, next]);
    }
}

#[test]
fn no_job_to_sync_is_told_with_the_ways_to_name_one() {
    let program = program();
    program
        .run(&["sync"])
        .ends_with(2)
        .says("there is no job to sync")
        .says("--jobs-file")
        .says("jobruns jobs discover")
        .never_shows(PASSWORD);
    assert!(
        !program.path("jobruns.db").exists(),
        "an archive was made for nothing"
    );
}
