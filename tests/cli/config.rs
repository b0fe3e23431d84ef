//! Where settings come from, and that secrets are never shown.

use crate::common::program::{Ended, Program};

const JOB: &str = "ff761384-4b49-40b4-97d8-0de38669075a";

/// A sync that fails for want of a server, told with `-v`.
fn told(program: &Program, more: &[&str]) -> Ended {
    let mut arguments = vec!["-v", "sync", JOB, "--retries", "0"];
    arguments.extend(more);
    program.run(&arguments)
}

fn program() -> Program {
    Program::new().with("JOBRUNS_PASSWORD", "hunter2")
}

#[test]
fn every_value_is_told_with_its_origin() {
    let program = program()
        .with("JOBRUNS_USERNAME", r"CORP\auditor")
        .with("JOBRUNS_TIMEOUT", "7s")
        .with("JOBRUNS_CONFIG", "jobruns.toml");
    program.write(
        "jobruns.toml",
        "url = 'https://127.0.0.1:1'\ntimeout = '9s'\nconcurrency = 3\n",
    );
    told(&program, &["--concurrency", "2"])
        .says("url = https://127.0.0.1:1 (from jobruns.toml:1)")
        .says(r"username = CORP\auditor (from the environment: JOBRUNS_USERNAME)")
        .says("timeout = 7s (from the environment: JOBRUNS_TIMEOUT)")
        .says("concurrency = 2 (from --concurrency)")
        .says("count = 0 (by default)")
        .says("the password of CORP\\auditor@127.0.0.1 comes from JOBRUNS_PASSWORD")
        .never_shows("hunter2");
}

#[test]
fn without_v_nothing_is_told_of_settings() {
    let program = program().with("JOBRUNS_CONFIG", "jobruns.toml");
    program.write(
        "jobruns.toml",
        "url = 'https://127.0.0.1:1'\nusername = 'auditor'\nretries = 0\n",
    );
    let ended = program.run(&["sync", JOB]).ends_with(1);
    assert!(!ended.stderr.contains("(by default)\n"), "{}", ended.stderr);
}

#[test]
fn a_config_file_is_named_by_flag_or_environment_else_the_users_and_never_the_current_folders() {
    let program = program().with("JOBRUNS_CONFIG", "environment.toml");
    program.write("flag.toml", "username = 'by-flag'\nurl = 'https://127.0.0.1:1'");
    program.write(
        "environment.toml",
        "username = 'by-environment'\nurl = 'https://127.0.0.1:1'",
    );
    program.write(
        "jobruns.toml",
        "username = 'by-folder'\nurl = 'https://127.0.0.1:1'",
    );
    told(&program, &["--config", "flag.toml"]).says("username = by-flag");
    told(&program, &[]).says("username = by-environment");
    let bare = self::program();
    let users = bare.path("home").join(".config").join("jobruns");
    let bare = bare
        .with("HOME", "")
        .with("XDG_CONFIG_HOME", users.parent().unwrap().to_str().unwrap())
        .with("APPDATA", users.parent().unwrap().to_str().unwrap());
    bare.write(
        "jobruns.toml",
        "username = 'by-folder'\nurl = 'https://127.0.0.1:1'\nlog_file = 'theirs'",
    );
    let ended = bare.run(&["-v", "sync", JOB]).ends_with(2);
    ended
        .says("config file: none (looked for ")
        .says("no server was given")
        .says("read only where it is named: --config jobruns.toml")
        .never_shows("by-folder");
    assert!(!bare.path("theirs").exists());
    bare.run(&["status"])
        .ends_with(1)
        .says("there is no archive at jobruns.db")
        .says("read only where it is named: --config jobruns.toml");
    // No config file holds a password, so none is named where that is missing.
    let nameless = Program::new();
    nameless.write("jobruns.toml", "username = 'u'\nurl = 'https://127.0.0.1:1'");
    let named = nameless
        .run(&["sync", JOB, "--config", "jobruns.toml"])
        .ends_with(2)
        .says("no password was given");
    assert!(!named.stderr.contains("read only where it is named"), "{named:?}");
    std::fs::create_dir_all(&users).unwrap();
    let file = users.join("jobruns.toml");
    std::fs::write(&file, "username = 'by-user'\nurl = 'https://127.0.0.1:1'").unwrap();
    told(&bare, &[])
        .says(file.to_str().unwrap())
        .says("username = by-user");
}

#[test]
fn paths_in_a_config_file_are_relative_to_its_folder() {
    let program = Program::new();
    std::fs::create_dir(program.path("etc")).unwrap();
    program.write("etc/pw", "hunter2\n");
    program.write("etc/jobs.txt", JOB);
    program.write(
        "etc/jobruns.toml",
        "url = 'https://127.0.0.1:1'\nusername = 'auditor'\npassword_file = 'pw'\njobs_file = 'jobs.txt'\n\
         retries = 0\narchive = 'history.db'\n",
    );
    program
        .run(&["-v", "sync", "--config", "etc/jobruns.toml"])
        .ends_with(1)
        .says("comes from the file")
        .never_shows("hunter2");
    assert!(program.path("etc/history.db").exists());
}

#[test]
fn bad_config_files_are_each_a_sentence_with_a_line() {
    let program = program();
    let sync = ["sync", "--config", "c.toml"];
    program
        .run(&sync)
        .ends_with(2)
        .says("could not read the config file c.toml");
    for (content, says) in [
        (
            "\nuser_name = 'auditor'",
            "c.toml:2: there is no setting \"user_name\"",
        ),
        ("user_name = 'auditor'", "did you mean username?"),
        (
            "url = 'x'\npassword = 'secret1'",
            "c.toml:2: a password does not belong in the config file",
        ),
        ("url = 'x'\npassword = 'secret1", "c.toml:2:"),
        ("[sync]\nurl = 'x'", "c.toml:1: there is no setting \"sync\""),
        ("timeout = 90", "c.toml:1: timeout: \"90\" is not a duration"),
        ("retries = 'many'", "c.toml:1: retries: \"many\""),
        ("log_format = 'xml'", "is none of text, json"),
        ("archive = ''", "the path is empty"),
    ] {
        program.write("c.toml", format!("{content}\n"));
        program
            .run(&[&sync[..], &["--url", "https://127.0.0.1:1", "--username", "a"]].concat())
            .ends_with(2)
            .never_shows("secret1")
            .says(says);
    }
}

#[test]
fn an_unset_variable_and_an_empty_one_are_the_same() {
    let program = Program::new().with("JOBRUNS_URL", "").with("JOBRUNS_CONFIG", "");
    program.run(&["sync"]).ends_with(2).says("no server was given");
}

#[test]
fn json_lines_and_the_log_file_hold_the_same_and_no_secret() {
    let program = program()
        .with("JOBRUNS_LOG_FORMAT", "json")
        .with("JOBRUNS_LOG_FILE", "log.jsonl");
    let ended = told(
        &program,
        &["--url", "https://127.0.0.1:1", "--username", "auditor"],
    )
    .ends_with(1);
    assert!(ended.log().iter().any(|line| line["level"] == "debug"));
    let file = std::fs::read_to_string(program.path("log.jsonl")).unwrap();
    assert_eq!(file, ended.stderr);
    ended.never_shows("hunter2");
}

#[test]
fn the_log_file_is_appended_to_with_the_time_of_each_line() {
    let program = program();
    for _ in 0..2 {
        program.run(&["--log-file", "log.txt", "sync"]).ends_with(2);
    }
    let log = std::fs::read_to_string(program.path("log.txt")).unwrap();
    let told = log
        .lines()
        .filter(|line| line.contains("no server was given"))
        .count();
    assert_eq!(told, 2, "{log}");
    assert!(
        log.lines()
            .all(|line| line.as_bytes()[10] == b'T' && line.contains("Z ")),
        "{log}"
    );
}

#[test]
fn quiet_is_quiet_and_errors_are_still_told() {
    let program = program();
    let arguments = [
        "-q",
        "sync",
        "--new",
        "--url",
        "http://127.0.0.1:1",
        "--username",
        "a",
        "--insecure",
        "--retries",
        "0",
        JOB,
    ];
    let ended = program.run(&arguments).ends_with(1);
    assert_eq!(ended.stdout, "");
    assert!(
        ended.stderr.starts_with("Error: sync 1 failed\nCaused by: "),
        "{ended:?}"
    );
    program
        .run(&["-q", "sync"])
        .ends_with(2)
        .says("Error: no server was given");
}

#[test]
fn a_log_file_keeps_its_lines_when_stderr_is_quiet() {
    let program = program();
    program
        .run(&["-q", "--log-file", "log.txt", "jobs", "add", JOB, "--new"])
        .ends_with(0);
    let log = std::fs::read_to_string(program.path("log.txt")).unwrap();
    assert!(log.contains("is watched"), "{log}");
}

#[test]
fn a_backslash_in_double_quotes_is_refused_with_the_way_to_write_it() {
    let program = program().with("JOBRUNS_CONFIG", "c.toml");
    for (line, key) in [
        (r#"username = "CORP\nightly""#, "username"),
        (r#"log_file = "C:\temp\new.log""#, "log_file"),
        (r#"archive = "C:\backup\b.db""#, "archive"),
        (
            "[[export]]\nreport = 'runs'\noutput = \"C:\\temp\\runs.csv\"",
            "output",
        ),
        (
            "[[export]]\nreport = 'runs'\noutput = 'o.csv'\njob = ['a', \"B\\tape\"]",
            "job",
        ),
    ] {
        program.write("c.toml", line);
        program
            .run(&["sync", JOB])
            .ends_with(2)
            .says(&format!("{key} holds a control character"))
            .says("single quotes");
    }
    program.write("c.toml", r"username = 'CORP\nightly'");
    told(&program, &["--url", "https://127.0.0.1:1"]).says(r"username = CORP\nightly");
}

#[test]
fn slips_in_the_config_file_are_told_with_line_and_the_way_to_write_it() {
    let program = program().with("JOBRUNS_CONFIG", "c.toml");
    for (line, told) in [
        (r#"username = "CORP\svc""#, "single quotes"),
        ("pin = ab12cd", "pin = '...'"),
        ("pin = 12abcd", "pin = '...'"),
        ("url = https://ccs.example:12431", "url = '...'"),
        ("insecure = True", "insecure = true"),
        ("username = \u{201c}svc\u{201d}", "straight ones"),
        ("username: svc", "equals sign"),
        ("username =", "the value is missing"),
    ] {
        for end in ["\n", "\r\n"] {
            program.write(
                "c.toml",
                format!("\u{feff}retries = 1{end}{line}{end}count = 0{end}"),
            );
            program
                .run(&["sync", JOB])
                .ends_with(2)
                .says("c.toml:2")
                .says(told);
        }
    }
    // Windows line ends, byte order marks and UTF-16 are not slips.
    let text = "username = 'CORP\\svc'\r\nretries = 1\r\n";
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    program.write("c.toml", utf16);
    program
        .run(&["sync", JOB])
        .ends_with(2)
        .says("no server was given");
    program.write("c.toml", b"retries = 1\nusername = 'M\xfcller'\n");
    program
        .run(&["sync", JOB])
        .ends_with(2)
        .says("line 2")
        .says("UTF-8");
}
