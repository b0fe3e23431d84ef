//! Wrong usage, help, completions: what the program says before it does anything.

use crate::common::program::{Program, set_mode};

const JOB: &str = "ff761384-4b49-40b4-97d8-0de38669075a";
const URL: [&str; 4] = ["--url", "https://127.0.0.1:1", "--username", "auditor"];

/// `jobruns sync` with a server, a user and more.
fn sync(more: &[&'static str]) -> Vec<&'static str> {
    let mut arguments = vec!["sync"];
    arguments.extend(URL);
    arguments.extend(more);
    arguments
}

#[test]
fn help_is_data_and_names_every_exit_code() {
    let help = Program::new().run(&["--help"]).ends_with(0);
    for text in [
        "0    ",
        "1    ",
        "2    ",
        "3    ",
        "4    ",
        "5    ",
        "130  ",
        "--archive",
        "JOBRUNS_ARCHIVE",
    ] {
        assert!(help.stdout.contains(text), "{text}");
    }
    assert_eq!(help.stderr, "");
}

#[test]
fn every_command_has_help_and_none_shows_the_environment() {
    let program = Program::new()
        .with("JOBRUNS_PASSWORD", "hunter2")
        .with("JOBRUNS_URL", "https://secret.example");
    for command in [
        "demo",
        "sync",
        "jobs",
        "status",
        "verify",
        "payload",
        "quarantine",
        "trust",
        "password",
        "completions",
    ] {
        let help = program
            .run(&[command, "--help"])
            .ends_with(0)
            .never_shows("hunter2");
        assert!(help.stdout.contains("Usage: jobruns"), "{command}");
        help.never_shows("secret.example");
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = Program::new().run(&["completions", shell]).ends_with(0);
        assert!(script.stdout.contains("quarantine"), "{shell}");
    }
}

#[test]
fn global_options_stand_before_or_behind_the_command() {
    let program = Program::new();
    for arguments in [
        ["--archive", "other.db", "status"],
        ["status", "--archive", "other.db"],
    ] {
        program.run(&arguments).ends_with(1).says("other.db");
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    let program = Program::new();
    for arguments in [
        &[][..],
        &["no-such-command"],
        &["sync", "no-guid"],
        &["sync", "--count", "-1"],
        &["sync", "--every", "15"],
        &["sync", "--timeout", "0s"],
        &["sync", "--naive-time", "Mars/Olympus"],
        &["sync", "--pin", "abc"],
        &["sync", "--concurrency", "0"],
        &["sync", "--password-file", "a", "--password-stdin"],
        &["status", "--max-age", "tomorrow"],
        &["verify", "--head", "abc"],
        &["payload", "no-guid"],
        &["quarantine", "accept", "1"],
        &["quarantine", "accept", "1", "--why", ""],
        &["quarantine", "accept", "1", "--why", "a\nb"],
        &[
            "ledger",
            "acknowledge",
            "--head-file",
            "h",
            "--why",
            "a\u{1b}[2Jb",
        ],
        &["hold", "add", "--reason", "a\nb"],
        &["hold", "add", "--reason", " "],
        &["hold", "release", "1", "--reason", "a\rb"],
        &["retain", "--older-than", "7y", "--reason", "a\u{202e}b"],
        &["evidence", "--output", "p.zip", "--prepared-by", "a\nb"],
        &["jobs", "add", "no-guid"],
        &["completions", "no-shell"],
        &["status", "--quiet", "-v"],
    ] {
        let ended = program.run(arguments).ends_with(2);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn what_is_missing_is_named_with_the_way_to_give_it() {
    let program = Program::new();
    program
        .run(&["sync"])
        .ends_with(2)
        .says("no server was given")
        .says("--url");
    program
        .run(&["sync", "--url", "https://ccs"])
        .ends_with(2)
        .says("no user was given")
        .says("--username");
    program
        .run(&sync(&[]))
        .ends_with(2)
        .says("no password was given")
        .says("JOBRUNS_PASSWORD");
}

#[test]
fn an_http_url_needs_insecure() {
    let program = Program::new().with("JOBRUNS_PASSWORD", "hunter2");
    program
        .run(&["sync", "--url", "http://ccs:12431", "--username", "auditor", JOB])
        .ends_with(2)
        .says("--insecure")
        .never_shows("hunter2");
}

#[test]
fn a_password_in_the_url_is_refused_and_not_shown() {
    Program::new()
        .with("JOBRUNS_PASSWORD", "other")
        .run(&[
            "-vv",
            "sync",
            "--url",
            "https://me:hunter2@ccs",
            "--username",
            "me",
            JOB,
        ])
        .ends_with(2)
        .never_shows("hunter2");
}

#[test]
fn no_flag_takes_a_password() {
    for arguments in [sync(&["--password", "hunter2"]), sync(&["--password=hunter2"])] {
        Program::new().run(&arguments).ends_with(2).never_shows("hunter2");
    }
}

#[test]
fn bad_password_files_are_each_a_sentence() {
    let program = Program::new();
    let file = ["--password-file", "pw"];
    program
        .run(&sync(&file))
        .ends_with(2)
        .says("could not read the password file pw");
    program.write("pw", "\r\n");
    program.run(&sync(&file)).ends_with(2).says("is empty");
    program.write("pw", b"hunter2\xE4");
    program
        .run(&sync(&file))
        .ends_with(2)
        .says("UTF-8")
        .never_shows("hunter2");
    if cfg!(unix) {
        set_mode(&program.write("pw", "hunter2"), 0o644);
        program
            .run(&sync(&file))
            .ends_with(2)
            .says("chmod 600 pw")
            .never_shows("hunter2");
    }
}

#[test]
fn bad_jobs_files_are_each_a_sentence() {
    let program = Program::new().with("JOBRUNS_PASSWORD", "hunter2");
    let file = ["--jobs-file", "jobs.txt"];
    program
        .run(&sync(&file))
        .ends_with(2)
        .says("could not read the jobs file jobs.txt");
    program.write("jobs.txt", format!("{JOB} checks\n# comment\nno job here\n"));
    program.run(&sync(&file)).ends_with(2).says("jobs.txt:3");
    program.write("jobs.txt", "# nothing\n");
    program.run(&sync(&file)).ends_with(2).says("names no job");
}

#[test]
fn bad_certificate_files_are_each_a_sentence() {
    let program = Program::new().with("JOBRUNS_PASSWORD", "hunter2");
    let file = ["--ca-cert", "ca.pem", JOB];
    program
        .run(&sync(&file))
        .ends_with(2)
        .says("could not read the certificate file ca.pem");
    program.write("ca.pem", "no certificate");
    program.run(&sync(&file)).ends_with(2).says("ca.pem").says("PEM");
}

#[test]
fn two_ways_to_trust_contradict_each_other() {
    let program = Program::new().with("JOBRUNS_PASSWORD", "hunter2");
    program
        .run(&sync(&["--insecure", "--ca-cert", "ca.pem"]))
        .ends_with(2)
        .says("contradict");
}

#[test]
fn with_json_lines_even_wrong_usage_is_one_object() {
    let program = Program::new();
    for arguments in [
        &["--log-format", "json", "no-such-command"][..],
        &["--log-format=json", "sync"],
        &["sync", "--log-format", "json", "--count", "x"],
    ] {
        let log = program.run(arguments).ends_with(2).log();
        assert_eq!(log.len(), 1, "{arguments:?}");
        assert_eq!(log[0]["level"], "error");
        assert_eq!(log[0]["exit_code"], 2);
        assert!(log[0]["time"].as_str().unwrap().ends_with('Z'));
        assert!(!log[0]["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn there_are_no_colours_off_a_terminal_unless_asked_for() {
    let program = Program::new();
    let plain = program.run(&["sync"]).ends_with(2);
    assert!(!plain.stderr.contains('\x1b'));
    program
        .run(&["--color", "always", "sync"])
        .ends_with(2)
        .says("\x1b[");
    let asked = Program::new().with("NO_COLOR", "1").run(&["sync"]);
    asked.ends_with(2).never_shows("\x1b");
}

#[test]
fn commands_that_read_refuse_what_is_no_archive_and_leave_it_alone() {
    let program = Program::new();
    let text = "this is not an archive, it is somebody's text file of more than a hundred bytes, which nobody must touch.";
    program.write("text.db", text);
    std::fs::create_dir(program.path("folder.db")).unwrap();
    for command in [
        &["status"][..],
        &["verify"],
        &["jobs", "list"],
        &["quarantine", "list"],
        &["jobs", "remove", JOB],
    ] {
        for (archive, says) in [
            ("missing.db", "no archive"),
            ("text.db", "is not a jobruns archive"),
            ("folder.db", "is a directory"),
        ] {
            let mut arguments = vec!["--archive", archive];
            arguments.extend(command);
            let ended = program.run(&arguments).says(says);
            assert_ne!(ended.code, Some(0), "{arguments:?}");
        }
    }
    assert_eq!(std::fs::read_to_string(program.path("text.db")).unwrap(), text);
    assert!(!program.path("missing.db").exists());
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_quietly_with_0() {
    use std::process::Stdio;

    let program = Program::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = program.command(&["completions", "bash"]);
    let child = command.stdout(Stdio::from(writer)).spawn().unwrap();
    let ended = crate::common::program::Ended::of(child).ends_with(0);
    assert_eq!(ended.stderr, "");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_at_standard_output_is_told() {
    let program = Program::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = program.command(&["completions", "bash"]);
    let child = command.stdout(full).spawn().unwrap();
    crate::common::program::Ended::of(child)
        .ends_with(1)
        .says("could not write to standard output");
}
