//! Reports in a file: all at once, after each sync, dated, and never fresher in looks than in truth.

use std::path::Path;

use crate::common::program::{Program, names};
use crate::common::story::Story;
use jobruns::archive::NAMES_FOR_ANALYSTS;
use jobruns::model::hex;
use rusqlite::types::ValueRef;
use serde_json::Value;

/// Names of all reports, as the help lists them.
fn reports(program: &Program) -> Vec<String> {
    let help = program.run(&["report", "--help"]).ends_with(0).stdout;
    let mut reports: Vec<String> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        // A sample needs options of its own.
        .filter(|name| !["help", "all", "sample"].contains(name))
        .map(str::to_owned)
        .collect();
    reports.sort();
    reports
}

#[tokio::test(flavor = "multi_thread")]
async fn all_reports_are_what_each_is_alone() {
    let story = Story::synced().await;
    let program = &story.program;
    program
        .run(&[
            "report",
            "all",
            "--output-dir",
            "out/all",
            "--since",
            "2000-01-01",
        ])
        .ends_with(0);
    let mut expected = Vec::new();
    for name in reports(program) {
        let alone = program
            .run(&["report", &name, "--since", "2000-01-01"])
            .ends_with(0);
        let file = format!("{name}.csv");
        let written = std::fs::read_to_string(program.path("out/all").join(&file)).unwrap();
        assert_eq!(written, alone.stdout, "{name}");
        assert!(written.starts_with(|c: char| c.is_ascii_lowercase()));
        expected.push(file);
    }
    assert!(expected.len() >= 4, "{expected:?}");
    assert_eq!(names(&program.path("out/all")), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_reports_come_in_the_format_asked_with_manifests() {
    let story = Story::synced().await;
    let program = &story.program;
    for (format, extension) in [
        ("xlsx", "xlsx"),
        ("markdown", "md"),
        ("table", "txt"),
        ("jsonl", "jsonl"),
    ] {
        program
            .run(&[
                "report",
                "all",
                "--output-dir",
                format,
                "--format",
                format,
                "--manifest",
            ])
            .ends_with(0);
        let names = names(&program.path(format));
        assert!(names.contains(&format!("asset-errors.{extension}")), "{names:?}");
        assert!(
            names.contains(&format!("asset-errors.{extension}.manifest.json")),
            "{names:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_all_reports_have_an_index_and_name_site_and_organisation() {
    let story = Story::synced().await;
    let program = &story.program;
    program.write(
        "jobruns.toml",
        "title = 'Berlin <b>'\norganisation = 'Example & Co'\n[[export]]\nreport = 'runs'\noutput = 'scheduled.html'\nformat = 'html'\n",
    );
    let read = |file: &str| std::fs::read_to_string(program.path(file)).unwrap();
    let above = "<p class=\"owner\"><span>Example &amp; Co</span> <span>Berlin &lt;b&gt;</span> </p>";
    let all = ["report", "all", "--output-dir", "out", "--format", "html"];
    let config = ["--config", "jobruns.toml"];
    program
        .run(&[&all[..], &config, &["--manifest"]].concat())
        .ends_with(0);
    let index = read("out/index.html");
    for name in reports(program) {
        assert!(index.contains(&format!("href=\"{name}.html\"")), "{name}");
        assert!(read(&format!("out/{name}.html")).contains(above), "{name}");
    }
    assert!(
        index.contains(above) && index.contains(" of those that finished failed."),
        "{index}"
    );
    let manifest: Value = serde_json::from_str(&read("out/runs.html.manifest.json")).unwrap();
    assert_eq!(
        (&manifest["title"], &manifest["organisation"]),
        (&"Berlin <b>".into(), &"Example & Co".into())
    );
    // What is scheduled has them too; a flag counts before the config file, and data have no index.
    story.sync(&config).ends_with(0);
    assert!(read("scheduled.html").contains(above));
    let flag = ["query", "SELECT 1", "--format", "html", "--title", "One"];
    let page = program.run(&[&flag[..], &config].concat()).ends_with(0).stdout;
    assert!(
        page.contains("<span>Example &amp; Co</span> <span>One</span>"),
        "{page}"
    );
    program
        .run(&["report", "all", "--output-dir", "data"])
        .ends_with(0);
    assert!(!program.path("data/index.html").exists());
    // A report that could not be written is no link.
    std::fs::remove_file(program.path("out/runs.html")).unwrap();
    std::fs::create_dir(program.path("out/runs.html")).unwrap();
    program.run(&all).ends_with(3);
    let index = read("out/index.html");
    assert!(
        index.contains("Could not be written.") && !index.contains("href=\"runs.html\""),
        "{index}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_report_that_cannot_be_written_stops_none_of_the_others() {
    let story = Story::synced().await;
    let program = &story.program;
    let all = ["report", "all", "--output-dir", "out"];
    program.run(&all).ends_with(0);
    let whole = names(&program.path("out"));
    let file = program.path("out/asset-errors.csv");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    program
        .run(&all)
        .ends_with(3)
        .says("asset-errors: cannot write to")
        .says("it is a folder");
    assert_eq!(
        names(&program.path("out")),
        whole,
        "something was left beside the files"
    );
    program.write("file", "");
    program
        .run(&["report", "all", "--output-dir", "file"])
        .ends_with(2)
        .says("could not make the folder");
    program
        .run(&["report", "all", "--output-dir", "none", "--job", "nobody"])
        .ends_with(2)
        .says("no job \"nobody\"");
    program.run(&["report", "all"]).ends_with(2).says("--output-dir");
}

/// Every value of a table as text, as SQLite has it.
fn in_sqlite(archive: &Path, table: &str) -> Vec<Vec<String>> {
    let connection = rusqlite::Connection::open(archive).unwrap();
    let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = statement.column_count();
    let cell = |value: ValueRef<'_>| match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => format!("'{}'", std::str::from_utf8(text).unwrap()),
        ValueRef::Blob(bytes) => hex(bytes),
    };
    let rows = statement.query_map([], |row| {
        Ok((0..columns)
            .map(|column| cell(row.get_ref(column).unwrap()))
            .collect())
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// The same of a file of JSON Lines; bytes are text there.
fn in_json_lines(file: &Path) -> Vec<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    let text = std::fs::read_to_string(file).unwrap();
    let object = |line| serde_json::from_str::<serde_json::Map<String, Value>>(line).unwrap();
    text.lines()
        .map(|line| object(line).values().map(cell).collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_value_of_every_table_is_in_the_files_for_other_engines() {
    let story = Story::synced().await;
    let program = &story.program;
    story.server.pass_night();
    story.server.set_faults(vec![
        "bad-run=3@1".parse().unwrap(),
        "odd-text@2".parse().unwrap(),
    ]);
    story.sync(&[]).ends_with(3);
    program.run(&["hold", "add", "--reason", "audit"]).ends_with(0);
    let export = ["export", "--format", "jsonl"];
    program
        .run(&[&export[..], &["--output-dir", "out/{date}", "--manifest"]].concat())
        .ends_with(0)
        .says("runs.jsonl: ");
    let out = program.path("out").join(names(&program.path("out")).remove(0));
    let archive = program.path("jobruns.db");
    for table in NAMES_FOR_ANALYSTS {
        let held = in_sqlite(&archive, table);
        assert!(!held.is_empty() || table == "removed_runs", "{table}");
        let lines = in_json_lines(&out.join(format!("{table}.jsonl")));
        if table == "quarantine" {
            assert_eq!(lines.len(), held.len());
        } else {
            assert!(lines == held, "{table}");
        }
        let manifest = std::fs::read_to_string(out.join(format!("{table}.jsonl.manifest.json"))).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(
            (&manifest["rows"], &manifest["format"]),
            (&held.len().into(), &"jsonl".into())
        );
    }
    let before = std::fs::read(out.join("runs.jsonl")).unwrap();
    program
        .run(&[&export[..], &["--table", "runs", "--output-dir", "one"]].concat())
        .ends_with(0);
    assert_eq!(names(&program.path("one")), ["runs.jsonl"]);
    assert!(
        before == std::fs::read(program.path("one/runs.jsonl")).unwrap(),
        "the same bytes"
    );
    program
        .run(&["export", "--table", "_run"])
        .ends_with(2)
        .says("possible values: jobs, runs");
}

#[test]
fn without_an_archive_nothing_is_exported() {
    let program = Program::new();
    program.run(&["export"]).ends_with(1).says("jobruns.db");
    assert!(!program.path("jobruns-lake").exists());
    program
        .run(&["export", "--format", "jsonl"])
        .ends_with(1)
        .says("jobruns.db");
    assert_eq!(names(&program.path("jobruns-export")), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_named_for_the_day_of_its_zone() {
    let story = Story::synced().await;
    let program = &story.program;
    // Of these two zones, 26 hours apart, at least one has another day than UTC.
    for zone in ["Pacific/Kiritimati", "Etc/GMT+12"] {
        let tz: chrono_tz::Tz = zone.parse().unwrap();
        let day = || chrono::Utc::now().with_timezone(&tz).date_naive().to_string();
        let before = day();
        let output = format!("{}-{{date}}.csv", zone.replace('/', "-"));
        program
            .run(&[
                "report",
                "failure-trends",
                "--timezone",
                zone,
                "--output",
                &output,
                "--manifest",
            ])
            .ends_with(0);
        let path = [before, day()]
            .map(|day| program.path(&output.replace("{date}", &day)))
            .into_iter()
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("{:?}", names(program.folder.path())));
        let manifest = std::fs::read_to_string(format!("{}.manifest.json", path.display())).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["file"], path.file_name().unwrap().to_str().unwrap());
    }
    program
        .run(&["query", "SELECT 1 AS one", "--output", "one-{date}.csv"])
        .ends_with(0);
    let there = names(program.folder.path());
    assert!(
        there
            .iter()
            .any(|name| name.starts_with("one-2") && !name.contains('{')),
        "{there:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_a_dead_sync_is_written_with_a_loud_word() {
    let story = Story::synced().await;
    let program = &story.program;
    let ask = |more: &[&str]| {
        let mut arguments = vec![
            "report",
            "failure-trends",
            "--max-age",
            "26h",
            "--output",
            "out.csv",
        ];
        arguments.extend(more);
        program.run(&arguments)
    };
    ask(&[]).ends_with(0);
    let fresh = std::fs::read(program.path("out.csv")).unwrap();
    let archive = rusqlite::Connection::open(program.path("jobruns.db")).unwrap();
    let age = |job: &str| {
        let older = "UPDATE _job SET last_answered_unix = last_answered_unix - 27 * 3600 WHERE job_id = ?1";
        assert_eq!(archive.execute(older, [job]).unwrap(), 1);
    };
    age(&story.job(1));
    std::fs::remove_file(program.path("out.csv")).unwrap();
    ask(&[]).ends_with(3).says("older than 26h");
    assert_eq!(std::fs::read(program.path("out.csv")).unwrap(), fresh);
    // The same before the name of the report, for the folder, and by the jobs that are named alone.
    program
        .run(&["report", "--max-age", "26h", "asset-errors"])
        .ends_with(3);
    program
        .run(&["report", "all", "--max-age", "26h", "--output-dir", "out"])
        .ends_with(3)
        .says("older than 26h");
    ask(&["--job", &story.job(0)]).ends_with(0);
    ask(&["--job", &story.job(1)]).ends_with(3);
    // A job that is no longer watched counts where it is named.
    program.run(&["jobs", "remove", &story.job(1)]).ends_with(0);
    ask(&[]).ends_with(0);
    ask(&["--job", &story.job(1)]).ends_with(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_the_config_file_are_written_after_each_sync() {
    let story = Story::new().await;
    let program = &story.program;
    std::fs::create_dir(program.path("etc")).unwrap();
    program.write(
        "etc/jobruns.toml",
        "archive = '../jobruns.db'

[[export]]
report = 'failure-trends'
by = 'month'
fill = true
excel = true
output = '../trends.csv'
manifest = true

[[export]]
report = 'asset-errors'
category = ['error', 'warning']
top = 5
output = 'worst-{date}.json'
format = 'json'

[[export]]
report = 'all'
output_dir = 'all'
max_age = '26h'
",
    );
    let config = ["--config", "etc/jobruns.toml"];
    story
        .sync(&config)
        .ends_with(0)
        .says("written: [[export]] failure-trends (etc/jobruns.toml:3)");
    let trends = program.run(&["report", "failure-trends", "--by", "month", "--fill", "--excel"]);
    assert_eq!(
        std::fs::read_to_string(program.path("trends.csv")).unwrap(),
        trends.stdout
    );
    assert!(program.path("trends.csv.manifest.json").exists());
    assert!(program.path("etc/all/messages.csv").exists());
    let worst = names(&program.path("etc"));
    let worst = worst.iter().find(|name| name.starts_with("worst-20")).unwrap();
    let worst: serde_json::Value =
        serde_json::from_slice(&std::fs::read(program.path("etc").join(worst)).unwrap()).unwrap();
    assert_eq!(worst.as_array().unwrap().len(), 5);
    // Without a config file nothing is written.
    std::fs::remove_file(program.path("trends.csv")).unwrap();
    story.sync(&[]).ends_with(0);
    assert!(!program.path("trends.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_fails_is_told_and_the_others_are_written() {
    let story = Story::new().await.with_config("jobruns.toml");
    let program = &story.program;
    program.write(
        "jobruns.toml",
        "[[export]]\nreport = 'runs'\noutput = 'no/folder/runs.csv'\n\n[[export]]\nreport = 'runs'\noutput = 'runs.csv'\n",
    );
    let ended = story.sync(&["--format", "json"]).ends_with(3).says("runs.csv");
    assert_eq!(
        ended.json()["outcome"],
        "complete",
        "the sync itself is what it was"
    );
    assert!(program.path("runs.csv").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_left_as_they_are_after_a_sync_that_brought_nothing() {
    let story = Story::synced().await.with_config("jobruns.toml");
    let program = &story.program;
    program.write(
        "jobruns.toml",
        "[[export]]\nreport = 'runs'\noutput = 'runs.csv'\n",
    );
    program.write("runs.csv", "old");
    story.fault("login-fails");
    story.sync(&[]).ends_with(1);
    assert_eq!(std::fs::read_to_string(program.path("runs.csv")).unwrap(), "old");
    // A sync that brought a part is followed by the files, and keeps its code.
    story.fault("404@1");
    story.sync(&[]).ends_with(3);
    assert_ne!(std::fs::read_to_string(program.path("runs.csv")).unwrap(), "old");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_rhythm_writes_its_exports_each_time() {
    use crate::common::program::Ended;
    use crate::common::story::signal;
    let story = Story::new().await.with_config("jobruns.toml");
    let program = &story.program;
    program.write(
        "jobruns.toml",
        "[[export]]\nreport = 'runs'\noutput = 'runs.csv'\n",
    );
    let jobs = [story.job(0), story.job(1), story.job(2)];
    let mut arguments = vec!["sync", "--every", "1s", "--format", "json"];
    arguments.extend(jobs.iter().map(String::as_str));
    let child = program.command(&arguments).spawn().unwrap();
    let path = program.path("runs.csv");
    for _ in 0..2 {
        let begun = std::time::Instant::now();
        while !path.exists() {
            assert!(begun.elapsed().as_secs() < 20, "no export is written");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::fs::remove_file(&path).unwrap();
    }
    signal(&child, rustix::process::Signal::TERM);
    Ended::of(child).ends_with(130);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_entry_is_told_before_the_sync_begins() {
    let story = Story::new().await.with_config("jobruns.toml");
    for (entry, words) in [
        ("report = 'trends'\noutput = 'x.csv'", "'trends'"),
        (
            "report = 'failure-trends'\noutput = 'x.csv'\nbye = 'month'",
            "--bye",
        ),
        (
            "report = 'failure-trends'\noutput = 'x.csv'\nby = 'moon'",
            "'moon'",
        ),
        ("report = 'failure-trends'", "it names no file"),
        ("report = 'failure-trends'\noutput = '-'", "it names no file"),
        ("output = 'x.csv'", "it has no report"),
        (
            "report = 'runs'\noutput = 'x.csv'\nsince = 'yesterday-ish'",
            "--since",
        ),
        ("report = 'runs'\noutput = 'x.csv'\narchive = 'y.db'", "--archive"),
        ("report = 'runs'\noutput = 'x.csv'\nhelp = true", "--help"),
        (
            "report = 'runs'\noutput = 'x.csv'\n[[export]]\nreport = 'messages'\noutput = 'x.csv'",
            "the same file as the one in line 1",
        ),
        (
            "report = 'runs'\noutput = 'x.csv'\npassword = 'hunter2'",
            "a password does not belong",
        ),
    ] {
        story
            .program
            .write("jobruns.toml", format!("[[export]]\n{entry}\n"));
        let ended = story.sync(&[]).ends_with(2).says(words).never_shows("hunter2");
        assert!(ended.stderr.contains("jobruns.toml:"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("Usage"), "{}", ended.stderr);
    }
    story.program.write("jobruns.toml", "export = 'runs'\n");
    story.sync(&[]).ends_with(2).says("entries begin with [[export]]");
    assert!(
        !story.program.path("jobruns.db").exists(),
        "a sync began all the same"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_named_for_another_format_is_told() {
    let story = Story::synced().await;
    story
        .program
        .run(&["report", "failure-trends", "--output", "trends.xlsx"])
        .ends_with(0)
        .says("--format xlsx");
    let ended = story
        .program
        .run(&["report", "failure-trends", "--output", "trends.csv"])
        .ends_with(0);
    assert_eq!(ended.stderr, "");
}
