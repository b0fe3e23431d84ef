//! Files of reports: the CSV that other programs read, and that a file is whole, or not there, or the old one.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::common::REPORTS;
use crate::common::program::{Ended, Program, names};
use crate::common::python::python;
use crate::common::story::Story;
use rusqlite::params;
use serde_json::{Value, json};

const READER: &str = include_str!("../python/csv.py");

/// Texts that a careless writer or reader breaks on.
fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\"",
        "\"\"",
        "a,b",
        "a;b\tc",
        "'",
        "line\nbreak",
        "carriage\rreturn",
        "both\r\n",
        "\n",
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "NULL",
        "007",
        "1e5",
        "\u{feff}mark",
        "\u{fffd}",
        "\u{202e}right to left",
        "\u{1b}[31mred",
        "<script>alert(1)</script>",
        "Zürich 東京 🙂",
        "a\0b",
        "\\N",
        "\\",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push("long, \"text\"\n".repeat(100_000 / 13));
    texts
}

/// Puts the odd texts into every text that the server can send.
fn make_odd(story: &Story) {
    let archive = story.connection();
    archive.execute_batch("BEGIN").unwrap();
    let set = |table: &str, key: &str, columns: &[&str]| {
        let keys: Vec<i64> = archive
            .prepare(&format!("SELECT {key} FROM {table}"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let texts = odd_texts();
        for (place, key_value) in keys.iter().enumerate() {
            for (shift, column) in columns.iter().enumerate() {
                let text = &texts[(place + 7 * shift) % texts.len()];
                archive
                    .execute(
                        &format!("UPDATE {table} SET {column} = ?1 WHERE {key} = ?2"),
                        params![text, key_value],
                    )
                    .unwrap();
            }
        }
    };
    set("_job", "job_key", &["name"]);
    set(
        "_run",
        "run_key",
        &["exception", "custom_status_text", "job_summary", "started_at_raw"],
    );
    set("_message_kind", "kind_key", &["message"]);
    set("_message_detail", "detail_key", &["message_details"]);
    set("_asset", "asset_key", &["asset", "asset_type", "asset_owner"]);
    archive.execute_batch("COMMIT").unwrap();
}

/// The rows as the csv crate reads them.
fn rows(bytes: &[u8], delimiter: u8) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .from_reader(bytes);
    let records = reader
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect());
    records.collect()
}

/// Expects that Python reads the same.
#[track_caller]
fn python_reads(path: &Path, delimiter: &str, encoding: &str, rows: &[Vec<String>]) {
    let arguments = [path, Path::new(delimiter), Path::new(encoding)];
    let Some(read) = python(READER, &arguments) else {
        return;
    };
    let cells: Vec<Vec<String>> = serde_json::from_value(read["rows"].clone()).unwrap();
    // Before 3.11 it reads no NUL.
    if read["reads_nul"] == true {
        assert_eq!(cells.len(), rows.len(), "{}", path.display());
        for (number, (theirs, ours)) in cells.iter().zip(rows).enumerate() {
            assert_eq!(theirs, ours, "row {number} of {}", path.display());
        }
    }
}

/// Expects RFC 4180 with these line ends, and quotes just where they are needed.
#[track_caller]
fn is_minimal(text: &str, delimiter: char, line_end: &str) {
    let mut rest = text;
    let mut is_first_of_row = true;
    while !rest.is_empty() {
        let (field, is_quoted) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = 0;
            loop {
                end += quoted[end..].find('"').expect("a quote that ends");
                if quoted[end + 1..].starts_with('"') {
                    end += 2;
                } else {
                    break;
                }
            }
            rest = &quoted[end + 1..];
            (&quoted[..end], true)
        } else {
            let end = rest
                .find([delimiter, '\n', '\r'])
                .expect("a line end behind the last row");
            let field = &rest[..end];
            rest = &rest[end..];
            (field, false)
        };
        let is_alone = is_first_of_row && rest.starts_with(line_end) && field.is_empty();
        let is_needed = field.contains([delimiter, '"', '\n', '\r']) || is_alone;
        assert_eq!(is_quoted, is_needed, "{field:?}");
        if let Some(behind) = rest.strip_prefix(line_end) {
            rest = behind;
            is_first_of_row = true;
        } else {
            rest = rest.strip_prefix(delimiter).expect("a delimiter or a line end");
            is_first_of_row = false;
        }
    }
}

/// What a cell of JSON is in CSV.
fn in_csv(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_read_the_cells_that_were_written() {
    let story = Story::synced().await;
    make_odd(&story);
    let program = &story.program;
    for name in REPORTS {
        program
            .run(&["report", name, "--output", "report.csv", "--manifest"])
            .ends_with(0);
        let path = program.path("report.csv");
        let text = std::fs::read_to_string(&path).unwrap();
        is_minimal(&text, ',', "\n");
        let read = rows(text.as_bytes(), b',');
        python_reads(&path, ",", "utf-8", &read);
        // The same cells as JSON has, where numbers and texts are told apart.
        let json = program.run(&["report", name, "--format", "json"]).ends_with(0);
        let objects: Vec<serde_json::Map<String, Value>> = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(read.len(), objects.len() + 1, "{name}");
        for (row, object) in read[1..].iter().zip(&objects) {
            let names: Vec<&String> = object.keys().collect();
            assert_eq!(read[0].iter().collect::<Vec<_>>(), names);
            // A number may have trailing zeros in CSV.
            let same = row.iter().zip(object.values()).all(|(cell, value)| {
                *cell == in_csv(value) || value.as_f64().is_some_and(|number| cell.parse() == Ok(number))
            });
            assert!(same, "{row:?}\n{object:?}");
        }
        let manifest: Value =
            serde_json::from_slice(&std::fs::read(program.path("report.csv.manifest.json")).unwrap())
                .unwrap();
        assert_eq!(manifest["rows"], read.len() - 1);
        assert_eq!(manifest["bytes"], text.len());
        assert_eq!(manifest["format"], "csv");
        assert_eq!(
            manifest["csv"],
            json!({"delimiter": ",", "excel": false, "guard": false})
        );
        assert_eq!(
            manifest["columns"].as_array().unwrap().len(),
            read[0].len(),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn excel_gets_its_form_and_no_formula() {
    let story = Story::synced().await;
    make_odd(&story);
    let program = &story.program;
    let mut guarded_cells = 0;
    for name in REPORTS {
        let plain = program.run(&["report", name, "--delimiter", ";"]).ends_with(0);
        program
            .run(&[
                "report",
                name,
                "--excel",
                "--delimiter",
                ";",
                "--output",
                "excel.csv",
            ])
            .ends_with(0);
        let path = program.path("excel.csv");
        let text = std::fs::read_to_string(&path).unwrap();
        let bare = text.strip_prefix('\u{feff}').expect("a byte order mark");
        is_minimal(bare, ';', "\r\n");
        let read = rows(bare.as_bytes(), b';');
        python_reads(&path, ";", "utf-8-sig", &read);
        let plain = rows(plain.stdout.as_bytes(), b';');
        assert_eq!(read.len(), plain.len());
        let is_formula = |text: &str| {
            text.starts_with(['\t', '\r', '\n'])
                || text
                    .trim_start()
                    .starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
        };
        for (guarded, plain) in read.iter().flatten().zip(plain.iter().flatten()) {
            let is_number = plain.parse::<f64>().is_ok();
            if guarded != plain {
                guarded_cells += 1;
                assert!(is_formula(plain), "{plain:?}");
                assert_eq!(*guarded, format!("'{plain}"));
            } else if !is_number {
                assert!(!is_formula(plain), "{plain:?} is a formula");
            }
        }
    }
    assert!(guarded_cells > 20, "only {guarded_cells} cells were guarded");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_leave_one_whole_file() {
    let story = Story::synced().await;
    let program = &story.program;
    std::fs::create_dir(program.path("out")).unwrap();
    let whole = ["runs", "messages"].map(|name| program.run(&["report", name]).ends_with(0).stdout);
    for _ in 0..3 {
        let children: Vec<_> = ["runs", "messages", "runs", "messages"]
            .map(|name| {
                let mut command = program.command(&["report", name, "--output", "out/both.csv"]);
                command.spawn().unwrap()
            })
            .into_iter()
            .collect();
        for child in children {
            crate::common::program::Ended::of(child).ends_with(0);
        }
        let left = std::fs::read_to_string(program.path("out/both.csv")).unwrap();
        assert!(whole.contains(&left), "the file is neither the one nor the other");
        assert_eq!(names(&program.path("out")), ["both.csv"]);
    }
}

/// Starts it with `old` in the file, and waits until it has begun the new one.
fn begin(program: &Program, arguments: &[&str], wants_bytes: bool) -> Child {
    let folder = program.path("out");
    let _ = std::fs::create_dir(&folder);
    std::fs::write(folder.join("file.csv"), "old").unwrap();
    let child = program.command(arguments).spawn().unwrap();
    let begun = Instant::now();
    loop {
        let is_begun = std::fs::read_dir(&folder).unwrap().any(|entry| {
            let entry = entry.unwrap();
            entry.file_name() != "file.csv"
                && (!wants_bytes || entry.metadata().is_ok_and(|data| data.len() > 0))
        });
        if is_begun {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "nothing is being written"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    if !wants_bytes {
        // Into the statement, which is asked behind the opening of the file.
        std::thread::sleep(Duration::from_millis(150));
    }
    child
}

/// Many messages, so that a report of them takes a while.
fn make_large(story: &Story) {
    story.connection()
        .execute_batch(
            "BEGIN;
             INSERT INTO _message (message_key, kind_key, asset_key)
             WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
             SELECT (r.run_key << 24) + n.i, (SELECT min(kind_key) FROM _message_kind), (SELECT min(asset_key) FROM _asset)
             FROM _run r, n;
             COMMIT",
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_report_leaves_the_old_file() {
    let story = Story::synced().await;
    make_large(&story);
    let program = &story.program;
    let one = ["report", "messages", "--output", "out/file.csv"];
    let mut child = begin(program, &one, true);
    child.kill().unwrap();
    Ended::of(child);
    assert_eq!(program.read("out/file.csv"), "old");
    // What a kill leaves is no report's name, and in nobody's way.
    let left = names(&program.path("out"));
    assert!(
        left.len() == 2 && left[0].starts_with(".file.csv.") && left[0].ends_with(".part"),
        "{left:?}"
    );
    let report = ["report", "runs", "--output", "out/file.csv"];
    program.run(&report).ends_with(0);
    assert!(program.read("out/file.csv").starts_with("job_run_id,"));
    // The next one to that name tidies up.
    assert_eq!(names(&program.path("out")), ["file.csv"]);
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::PermissionsExt;

    use crate::common::story::signal;
    use rustix::process::Signal;

    use super::*;

    /// Rows without an end that a test waits for.
    const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT i, hex(i) FROM n";
    /// The same without a row to write until then.
    const SILENT: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT count(*) FROM n";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stopped_query_takes_its_file_away_and_leaves_the_old_one() {
        let story = Story::synced().await;
        let program = &story.program;
        for (sql, how) in [(LONG, Signal::INT), (LONG, Signal::TERM), (SILENT, Signal::INT)] {
            for format in ["csv", "xlsx", "table"] {
                let arguments = [
                    "query",
                    sql,
                    "--format",
                    format,
                    "--output",
                    "out/file.csv",
                    "--manifest",
                ];
                let child = begin(program, &arguments, sql == LONG && format == "csv");
                signal(&child, how);
                Ended::of(child).ends_with(130).says("file.csv is as it was");
                assert_eq!(program.read("out/file.csv"), "old");
                assert_eq!(names(&program.path("out")), ["file.csv"], "{format}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stopped_report_leaves_the_old_file() {
        let story = Story::synced().await;
        make_large(&story);
        let program = &story.program;
        let one = ["report", "messages", "--output", "out/file.csv"];
        let child = begin(program, &one, true);
        signal(&child, Signal::INT);
        Ended::of(child).ends_with(130);
        assert_eq!(program.read("out/file.csv"), "old");
        assert_eq!(names(&program.path("out")), ["file.csv"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_closed_pipe_is_a_quiet_end() {
        let story = Story::synced().await;
        let program = &story.program;
        for command in [
            "report messages",
            "report runs --format json",
            "report runs --format xlsx",
            "report failure-trends --format table",
            "query \"SELECT * FROM messages m, messages n\" --format jsonl",
        ] {
            let script = format!("{{ \"$0\" {command}; echo $? > code; }} | head -c 1 > /dev/null");
            let ended = Ended::of(program.script(&script).spawn().unwrap());
            assert_eq!(ended.stderr, "", "{command}");
            let code = std::fs::read_to_string(program.path("code")).unwrap();
            assert_eq!(code.trim(), "0", "{command}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_rights_of_the_old_file_are_kept_and_a_new_one_has_those_of_any() {
        let story = Story::synced().await;
        let program = &story.program;
        let write = || {
            Ended::of(
                program
                    .script("umask 027; \"$0\" report runs --output runs.csv --manifest")
                    .spawn()
                    .unwrap(),
            )
            .ends_with(0)
        };
        let mode = |name: &str| program.path(name).metadata().unwrap().permissions().mode() & 0o777;
        write();
        assert_eq!((mode("runs.csv"), mode("runs.csv.manifest.json")), (0o640, 0o640));
        crate::common::program::set_mode(&program.path("runs.csv"), 0o604);
        write();
        assert_eq!(mode("runs.csv"), 0o604);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_leaves_the_old_file() {
        let story = Story::synced().await;
        let program = &story.program;
        std::fs::create_dir(program.path("out")).unwrap();
        program.write("out/file.csv", "old");
        let rows = LONG.replace("1000000000", "100000");
        // A limit on the size of files is the same error at the same place as a full disk.
        let script = format!("trap '' XFSZ; ulimit -f 200; \"$0\" query '{rows}' --output out/file.csv");
        Ended::of(program.script(&script).spawn().unwrap())
            .ends_with(1)
            .says("could not write")
            .says("the file that was there before is as it was");
        assert_eq!(program.read("out/file.csv"), "old");
        assert_eq!(names(&program.path("out")), ["file.csv"]);
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn no_output_replaces_a_file_that_is_in_use_by_any_name() {
    use std::os::unix::fs::symlink;
    let story = crate::common::story::Story::new().await.with_config("c.toml");
    let program = &story.program;
    program.write("pw", "simulator");
    program.write("jobs.txt", format!("{}\n", story.job(0)));
    program.write(
        "c.toml",
        "password_file = 'pw'\njobs_file = 'jobs.txt'\nhead_file = 'heads.txt'\nlog_file = 'log.txt'\n",
    );
    story.sync(&[]).ends_with(0);
    let run: String = rusqlite::Connection::open(program.path("jobruns.db"))
        .unwrap()
        .query_row("SELECT job_run_id FROM runs", [], |row| row.get(0))
        .unwrap();
    symlink(program.path("jobruns.db"), program.path("link.db")).unwrap();
    std::fs::hard_link(program.path("pw"), program.path("hard")).unwrap();
    symlink(program.path("heads.txt"), program.path("x.csv.manifest.json")).unwrap();
    let kept = ["jobruns.db", "pw", "jobs.txt", "c.toml", "heads.txt"];
    let before: Vec<Vec<u8>> = kept.map(|name| std::fs::read(program.path(name)).unwrap()).into();
    for file in [
        "jobruns.db",
        "./jobruns.db",
        "link.db",
        "jobruns.db-wal",
        "jobruns.db-shm",
        "jobruns.db-journal",
        "jobruns.db.lock",
        "pw",
        "hard",
        "jobs.txt",
        "c.toml",
        "heads.txt",
        "log.txt",
    ] {
        for arguments in [
            &["payload", &run, "--output", file][..],
            &["report", "runs", "--output", file],
            &["query", "SELECT 1", "--output", file],
            &["ledger", "export", "--output", file],
        ] {
            program.run(arguments).ends_with(2).says("cannot write to");
        }
    }
    program
        .run(&["report", "runs", "--output", "x.csv", "--manifest"])
        .ends_with(2)
        .says("the setting head_file");
    for file in ["jobruns.db", "jobruns.db.lock", "pw", "c.toml"] {
        program
            .run(&["status", "--log-file", file])
            .ends_with(2)
            .says("cannot write to");
        story
            .sync(&["--head-file", file])
            .ends_with(2)
            .says("cannot write to");
    }
    let after: Vec<Vec<u8>> = kept.map(|name| std::fs::read(program.path(name)).unwrap()).into();
    assert!(before == after);
    // What a stopped report leaves is removed by name, and this is another file of that name.
    let named_as_begun = ".x.csv.abcdef.part";
    std::fs::rename(program.path("jobruns.db"), program.path(named_as_begun)).unwrap();
    program
        .run(&["--archive", named_as_begun, "report", "runs", "--output", "x.csv"])
        .ends_with(2)
        .says("a begun file of that name would look like the archive");
    assert!(program.path(named_as_begun).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_before_the_first_row_leaves_standard_output_empty() {
    let story = Story::synced().await;
    let program = &story.program;
    let nothing = |arguments: &[&str]| {
        let ended = program.run(arguments).ends_with(2);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    };
    for form in [
        &["--excel"][..],
        &["--format", "csv"],
        &["--format", "table"],
        &["--format", "json"],
        &["--format", "jsonl"],
        &["--format", "markdown"],
        &["--format", "xlsx"],
        &["--format", "html"],
    ] {
        for report in REPORTS.iter().chain(&["overview"]) {
            let excel_of_overview = *report == "overview" && form == ["--excel"];
            if !excel_of_overview {
                nothing(&[&["report", report, "--job", "no such job"], form].concat());
            }
        }
        for sql in [
            "nonsense",
            "DELETE FROM runs",
            "SELECT :missing",
            "-- nothing",
            "VACUUM",
        ] {
            nothing(&[&["query"], form, &["--", sql]].concat());
        }
    }
}

/// Files that only flags name are guarded as those of the settings are, and so are files that a command makes.
#[tokio::test(flavor = "multi_thread")]
async fn no_output_goes_into_a_file_that_a_flag_names() {
    let story = Story::synced().await;
    let program = &story.program;
    program.write("pw", "simulator");
    program.write("jobs.txt", format!("{}\n", story.job(0)));
    program.write("ca.pem", "none");
    program.write("sql", "SELECT 1");
    for (flag, file) in [
        ("--password-file", "pw"),
        ("--jobs-file", "jobs.txt"),
        ("--ca-cert", "ca.pem"),
    ] {
        let before = std::fs::read(program.path(file)).unwrap();
        for output in ["--head-file", "--log-file"] {
            story
                .sync(&[flag, file, output, file])
                .ends_with(2)
                .says("cannot write to");
        }
        assert!(before == std::fs::read(program.path(file)).unwrap(), "{file}");
    }
    program
        .run(&["query", "--file", "sql", "--output", "./sql"])
        .ends_with(2)
        .says("cannot write to");
    for target in ["jobruns.db-journal", "jobruns.db.lock", "jobruns.db-wal"] {
        program
            .run(&["backup", target, "--force"])
            .ends_with(2)
            .says("cannot write to");
        program
            .run(&["salvage", "jobruns.db", target])
            .ends_with(2)
            .says("cannot write to");
    }
}

/// What comes out of the archive is for those who may read the archive.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_a_run_get_the_permissions_of_the_archive() {
    use std::os::unix::fs::PermissionsExt;
    let story = Story::synced().await;
    let program = &story.program;
    let run: String = story
        .connection()
        .query_row("SELECT job_run_id FROM runs", [], |row| row.get(0))
        .unwrap();
    let mode = |name: &str| program.path(name).metadata().unwrap().permissions().mode() & 0o777;
    let write = |umask: &str| {
        let script = format!("umask {umask}; \"$0\" payload {run} --output run.json");
        crate::common::program::Ended::of(program.script(&script).spawn().unwrap()).ends_with(0);
    };
    write("000");
    assert_eq!(mode("run.json"), mode("jobruns.db"));
    crate::common::program::set_mode(&program.path("jobruns.db"), 0o640);
    crate::common::program::set_mode(&program.path("run.json"), 0o666);
    write("077");
    assert_eq!(mode("run.json"), 0o640);
    // Another archive is its owner's.
    crate::common::program::set_mode(&program.path("jobruns.db"), 0o664);
    program
        .run(&["salvage", "jobruns.db", "salvaged.db"])
        .ends_with(0);
    program.run(&["backup", "backup.db"]).ends_with(0);
    assert_eq!((mode("salvaged.db"), mode("backup.db")), (0o600, 0o600));
    crate::common::program::set_mode(&program.path("backup.db"), 0o644);
    program.run(&["backup", "backup.db", "--force"]).ends_with(0);
    assert_eq!(mode("backup.db"), 0o600);
}
