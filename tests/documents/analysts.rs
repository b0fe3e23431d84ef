//! docs/analysts.md: each question is asked again, each tool that runs here is run, and what should be quick is.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::common::Bench;
use crate::common::program::{Ended, Program};
use crate::common::python::is_there;
use serde_json::{Map, Value};

const PAGE: &str = include_str!("../../docs/analysts.md");

/// The folder with the demo's archive, made once.
fn demo() -> &'static Program {
    static DEMO: OnceLock<Program> = OnceLock::new();
    DEMO.get_or_init(|| {
        let binaries = PathBuf::from(env!("CARGO_BIN_EXE_jobruns"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders =
            std::iter::once(binaries.parent().unwrap().to_path_buf()).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).unwrap();
        let program = Program::new().with("PATH", path.to_str().unwrap());
        program.run(&["demo", "--day", "2026-01-01"]).ends_with(0);
        program
    })
}

/// The code blocks of this language below a heading, up to the next one of any level.
fn blocks(heading: &str, language: &str) -> Vec<String> {
    let (_, section) = PAGE.split_once(&format!("\n{heading}\n")).unwrap();
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in section.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = !inside && fence == language;
            if inside {
                blocks.push(String::new());
            }
        } else if inside {
            let block = blocks.last_mut().unwrap();
            block.push_str(line);
            block.push('\n');
        } else if line.starts_with('#') {
            break;
        }
    }
    assert!(!blocks.is_empty(), "there is no {language} below {heading}");
    blocks
}

struct Question {
    heading: String,
    sql: String,
    answer: String,
}

fn questions() -> Vec<Question> {
    let headings = PAGE.lines().filter(|line| {
        line.strip_prefix("### ")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let of_heading = |heading: &str| {
        let (_, section) = PAGE.split_once(&format!("\n{heading}\n")).unwrap();
        let (section, _) = section.split_once("\n### ").unwrap_or((section, ""));
        let table = section.lines().filter(|line| line.starts_with('|'));
        Question {
            heading: heading.to_owned(),
            sql: blocks(heading, "sql").remove(0),
            answer: table.map(|line| line.to_owned() + "\n").collect(),
        }
    };
    headings.map(of_heading).collect()
}

/// The answers as JSON, by the program; asked once.
fn answers() -> &'static [Vec<Map<String, Value>>] {
    static ANSWERS: OnceLock<Vec<Vec<Map<String, Value>>>> = OnceLock::new();
    ANSWERS.get_or_init(|| {
        let archive = ["query", "--archive", "jobruns-demo.db", "--format", "json"];
        let answer = |question: &Question| {
            let arguments: Vec<&str> = archive.into_iter().chain([question.sql.as_str()]).collect();
            serde_json::from_str(&demo().run(&arguments).ends_with(0).stdout).unwrap()
        };
        questions().iter().map(answer).collect()
    })
}

/// Expects the same columns and values; numbers may be written otherwise.
#[track_caller]
fn is_same(theirs: &[Map<String, Value>], ours: &[Map<String, Value>], what: &str) {
    assert_eq!(theirs.len(), ours.len(), "{what}");
    for (theirs, ours) in theirs.iter().zip(ours) {
        assert_eq!(
            theirs.keys().collect::<Vec<_>>(),
            ours.keys().collect::<Vec<_>>(),
            "{what}"
        );
        for ((name, theirs), ours) in theirs.iter().zip(ours.values()) {
            let same = match (theirs.as_f64(), ours.as_f64()) {
                (Some(theirs), Some(ours)) => (theirs - ours).abs() < 1e-9,
                _ => theirs == ours,
            };
            assert!(same, "{what}: {name}: {theirs} and {ours}");
        }
    }
}

#[test]
fn each_of_the_twenty_questions_has_the_answer_that_is_shown() {
    let questions = questions();
    assert_eq!(questions.len(), 20);
    for question in questions {
        let ended = demo().run(&[
            "query",
            "--archive",
            "jobruns-demo.db",
            &question.sql,
            "--format",
            "markdown",
        ]);
        assert_eq!(ended.ends_with(0).stdout, question.answer, "{}", question.heading);
        assert!(question.answer.lines().count() > 2, "{}", question.heading);
    }
}

#[test]
fn the_shell_of_sqlite_gives_the_same_answers() {
    if !is_there("sqlite3") {
        return;
    }
    for (question, ours) in questions().iter().zip(answers()) {
        let mut shell = demo().start("sqlite3");
        shell.args(["-readonly", "-json", "jobruns-demo.db", &question.sql]);
        let ended = Ended::of(shell.spawn().unwrap()).ends_with(0);
        assert_eq!(ended.stderr, "");
        let theirs: Vec<Map<String, Value>> = serde_json::from_str(&ended.stdout).unwrap();
        is_same(&theirs, ours, &question.heading);
    }
    let newest = "EXPLAIN QUERY PLAN SELECT * FROM runs ORDER BY started_at DESC LIMIT 5";
    let mut shell = demo().start("sqlite3");
    shell.args(["-readonly", "jobruns-demo.db", newest]);
    let plan = Ended::of(shell.spawn().unwrap()).ends_with(0).stdout;
    assert!(plan.contains("SCAN r USING INDEX run_by_start"), "{plan}");
}

#[test]
fn python_gives_the_same_answers() {
    let script = "
import json, sqlite3, sys
archive = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True)
answers = []
for sql in json.load(open(sys.argv[2])):
    cursor = archive.execute(sql)
    names = [column[0] for column in cursor.description]
    answers.append([dict(zip(names, row)) for row in cursor])
json.dump(answers, sys.stdout)
";
    let questions = questions();
    let sql: Vec<&str> = questions.iter().map(|question| question.sql.as_str()).collect();
    let asked = demo().write("questions.json", serde_json::to_string(&sql).unwrap());
    let archive = demo().path("jobruns-demo.db");
    let Some(theirs) = crate::common::python::python(script, &[&archive, &asked]) else {
        return;
    };
    let theirs: Vec<Vec<Map<String, Value>>> = serde_json::from_value(theirs).unwrap();
    assert_eq!(theirs.len(), questions.len());
    for ((theirs, ours), question) in theirs.iter().zip(answers()).zip(&questions) {
        is_same(theirs, ours, &question.heading);
    }
}

/// Runs the shell lines below a heading; each says something and complains of nothing.
#[cfg(unix)]
#[track_caller]
fn run_lines(heading: &str) -> Vec<String> {
    let lines = blocks(heading, "sh").concat();
    let outputs = lines.lines().map(|line| {
        let mut shell = demo().start("sh");
        shell.args(["-c", line]);
        let ended = Ended::of(shell.spawn().unwrap());
        assert_eq!(ended.code, Some(0), "{line}: {ended:#?}");
        // What an answer rests on may be said beside it.
        let complaints = ["Error", "Warning"];
        assert!(
            !complaints.iter().any(|word| ended.stderr.contains(word)),
            "{line}: {ended:#?}"
        );
        ended.stdout
    });
    outputs.collect()
}

#[cfg(unix)]
#[test]
fn the_lines_for_the_program_the_shell_and_excel_run() {
    let outputs = run_lines("### jobruns itself");
    assert!(outputs[..4].iter().all(|report| report.lines().count() > 1));
    let rows: Vec<Value> = serde_json::from_str(&outputs[4]).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(demo().path("december.xlsx").exists());
    run_lines("### Excel");
    assert!(demo().path("trends.xlsx").exists() && demo().path("worst.csv").exists());
    if is_there("sqlite3") {
        let outputs = run_lines("### The sqlite3 shell");
        assert!(outputs[0].contains("Faulted,100"), "{outputs:?}");
        let jobs: Vec<Value> = serde_json::from_str(&outputs[1]).unwrap();
        assert_eq!(jobs.len(), 6);
    }
}

#[cfg(unix)]
#[test]
fn datasette_serves_the_archive() {
    if is_there("datasette") {
        let outputs = run_lines("### Datasette");
        let rows: Vec<Value> = serde_json::from_str(&outputs[0]).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["status_name"], "Faulted");
    }
}

/// Runs a block of Python, where Python has these packages; says so where not.
fn run_python(code: &str, packages: &[&str]) -> Option<String> {
    if !is_there("python3") {
        return None;
    }
    let imports = format!("import {}", packages.join(", "));
    let has_them = Command::new("python3").args(["-c", &imports]).output().unwrap();
    if !has_them.status.success() {
        #[expect(clippy::print_stderr, reason = "what is left out is said")]
        {
            eprintln!("Python has no {}: it is not run", packages.join(", "));
        }
        return None;
    }
    let mut python = demo().start("python3");
    python.args(["-W", "error", "-c", code]).env("PYTHONUTF8", "1");
    let ended = Ended::of(python.spawn().unwrap()).ends_with(0);
    Some(ended.stdout)
}

#[test]
fn the_lines_for_python_run() {
    let code = blocks("### Python", "python").remove(0);
    if let Some(said) = run_python(&code, &["sqlite3"]) {
        assert!(said.contains("Nightly UNIX servers 726"), "{said}");
    }
}

#[test]
fn the_lines_for_pandas_run() {
    let code = blocks("### pandas", "python").remove(0);
    if let Some(said) = run_python(&code, &["pandas"]) {
        assert!(said.contains("2025-12    0.0612"), "{said}");
    }
}

#[test]
fn the_lines_for_duckdb_run() {
    const INSTALL: &str = "con.execute(\"INSTALL sqlite; LOAD sqlite\")\n";
    let code = blocks("### DuckDB", "python").remove(0);
    // Its server is not asked here; a package has the same extension.
    let here = "from duckdb_extensions import import_extension\n\
                import_extension('sqlite_scanner', con=con)\n\
                con.execute('LOAD sqlite_scanner')\n";
    assert!(code.contains(INSTALL));
    let code = code.replace(INSTALL, here);
    let packages = ["duckdb", "duckdb_extensions", "duckdb_extension_sqlite_scanner"];
    if let Some(said) = run_python(&code, &packages) {
        assert!(
            said.contains("2253") && said.contains("Weekly full scan"),
            "{said}"
        );
    }
}

#[test]
fn the_lines_for_parquet_run() {
    demo()
        .run(&["export", "--archive", "jobruns-demo.db"])
        .ends_with(0);
    let code = blocks("### Parquet", "python").remove(0);
    if let Some(said) = run_python(&code, &["duckdb"]) {
        assert!(
            said.contains("Nightly UNIX servers") && said.contains("726"),
            "{said}"
        );
    }
}

/// The steps of the plan, as SQLite tells them.
fn plan(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = statement.query_map([], |row| row.get(3)).unwrap();
    steps.map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_analysts_ask_most_is_answered_through_an_index() {
    let bench = Bench::new().await;
    bench.sync().await;
    let connection = bench.connection();
    for (sql, index) in [
        (
            "SELECT * FROM messages WHERE job_run_id = 'x'",
            "SEARCH m USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (
            "SELECT * FROM messages WHERE job_run_id = 'x' AND ordinal = 3",
            "SEARCH m USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (
            "SELECT * FROM messages WHERE job_id = 'x' AND category = 'Error'",
            "SEARCH m USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (
            "SELECT * FROM messages WHERE job_run_id IN (SELECT job_run_id FROM runs WHERE started_at >= '2025-12-30')",
            "SEARCH m USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        ),
        (
            "SELECT * FROM runs WHERE job_run_id = 'x'",
            "SEARCH r USING INDEX sqlite_autoindex__run_1 (job_run_id=?)",
        ),
        (
            "SELECT * FROM runs WHERE job_id = 'x'",
            "SEARCH r USING INDEX run_by_job (job_key=?)",
        ),
        (
            "SELECT * FROM runs WHERE job_id = (SELECT job_id FROM jobs WHERE name = 'x')",
            "SEARCH r USING INDEX run_by_job (job_key=?)",
        ),
        (
            "SELECT * FROM runs WHERE started_at >= '2025-01-01' AND started_at < '2026-01-01'",
            "SEARCH r USING INDEX run_by_start (started_at>? AND started_at<?)",
        ),
        (
            "SELECT * FROM runs WHERE job_id = 'x' AND started_at >= '2025-01-01'",
            "SEARCH r USING INDEX run_by_job (job_key=?)",
        ),
        (
            "SELECT * FROM runs ORDER BY started_at DESC LIMIT 5",
            "SCAN r USING INDEX run_by_start",
        ),
        (
            "SELECT * FROM run_revisions WHERE job_run_id = 'x'",
            "SEARCH v USING INDEX sqlite_autoindex__revision_1 (run_key=?)",
        ),
    ] {
        let steps = plan(&connection, sql);
        assert!(steps.iter().any(|step| step == index), "{sql}: {steps:#?}");
        let scans: Vec<&String> = steps
            .iter()
            .filter(|step| step.starts_with("SCAN") && *step != index)
            // The jobs are a handful, and have no index by name.
            .filter(|step| *step != "SCAN j")
            .collect();
        assert!(scans.is_empty(), "{sql}: {steps:#?}");
        assert!(
            !steps.iter().any(|step| step.contains("TEMP B-TREE")),
            "{sql}: {steps:#?}"
        );
    }
    // All assets at once: a look into each block of runs for each of them would read the messages many times.
    let steps = plan(&connection, "SELECT * FROM assets");
    assert!(steps.iter().any(|step| step == "SCAN m"), "{steps:#?}");
}

/// What reads the messages that it needs and no others, whatever statistics SQLite goes by.
const SELECTIVE: [&str; 11] = [
    "SELECT * FROM messages WHERE asset = 'x'",
    "SELECT * FROM messages WHERE asset = 'x' AND asset_type = 'y' AND occurred_at >= '2025-12-01' ORDER BY occurred_at DESC",
    "SELECT asset, count(*) FROM messages WHERE asset IN ('x', 'y') GROUP BY asset",
    "SELECT * FROM assets WHERE asset = 'x'",
    "SELECT * FROM assets WHERE asset = 'x' AND asset_type = 'y'",
    "SELECT m.asset, r.status_name, count(*) FROM messages m JOIN runs r USING (job_run_id)
     WHERE r.started_at >= '2025-12-01' AND r.started_at < '2026-01-01' GROUP BY m.asset, r.status_name",
    "SELECT * FROM messages WHERE job_run_id IN (SELECT job_run_id FROM runs WHERE started_at >= '2025-12-30')",
    "SELECT * FROM messages WHERE job_run_id IN (SELECT job_run_id FROM runs ORDER BY started_at DESC LIMIT 20)
     ORDER BY occurred_at DESC LIMIT 20",
    "SELECT * FROM messages WHERE job_id = 'x' AND occurred_at >= '2025-12-01'",
    "SELECT m.* FROM runs r JOIN messages m USING (job_run_id) WHERE r.job_id = 'x' AND r.started_at >= '2025-12-01'",
    "SELECT count(*) FROM runs r WHERE r.message_count <>
         (SELECT count(*) FROM messages m WHERE m.job_run_id = r.job_run_id AND m.absent_since IS NULL)",
];

/// Expects that no step goes through all messages, or makes an index of them.
#[track_caller]
fn reads_no_other_messages(connection: &rusqlite::Connection, when: &str) {
    for sql in SELECTIVE {
        let steps = plan(connection, sql);
        let about_messages: Vec<&String> = steps
            .iter()
            .filter(|step| step.contains(" m ") || step.ends_with(" m"))
            .collect();
        assert!(!about_messages.is_empty(), "{when}: {sql}: {steps:#?}");
        assert!(
            about_messages
                .iter()
                .all(|step| step.starts_with("SEARCH m USING") && !step.contains("AUTOMATIC")),
            "{when}: {sql}: {steps:#?}"
        );
    }
}

#[test]
fn statistics_of_another_tool_change_no_plan_are_no_finding_and_go_with_the_next_writer() {
    let program = Program::new();
    std::fs::copy(demo().path("jobruns-demo.db"), program.path("a.db")).unwrap();
    let open = || rusqlite::Connection::open(program.path("a.db")).unwrap();
    let statistics = |connection: &rusqlite::Connection| -> Vec<(String, Option<String>, String)> {
        let mut rows = connection
            .prepare("SELECT tbl, idx, stat FROM sqlite_stat1 ORDER BY 1, 2")
            .unwrap();
        let rows = rows.query_map([], |row| row.try_into()).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let shipped = statistics(&open());
    assert!(!shipped.is_empty());
    reads_no_other_messages(&open(), "as shipped");
    for spoil in [
        "ANALYZE",
        "PRAGMA analysis_limit = 400; ANALYZE",
        "PRAGMA optimize = 0x10002",
        "DELETE FROM sqlite_stat1",
        "DROP TABLE sqlite_stat1",
        "CREATE TABLE theirs (x); CREATE INDEX theirs_x ON theirs (x); INSERT INTO theirs VALUES (1); ANALYZE",
    ] {
        let connection = open();
        connection.execute_batch(spoil).unwrap();
        drop(connection);
        if spoil.contains("ANALYZE") {
            assert_ne!(statistics(&open()), shipped, "{spoil}");
            // What a sample of 400 rows says depends on the runs that were archived first.
            if !spoil.contains("analysis_limit") {
                reads_no_other_messages(&open(), spoil);
            }
        }
        let said = program.run(&["verify", "--archive", "a.db"]).ends_with(0);
        assert!(
            format!("{}{}", said.stdout, said.stderr).contains("statistics of SQLite's planner"),
            "{spoil}: {said:#?}"
        );
        // Any command that writes.
        program
            .run(&[
                "jobs",
                "add",
                "--archive",
                "a.db",
                "00000000-0000-4000-8000-00000000abcd",
            ])
            .ends_with(0);
        let mut restored = statistics(&open());
        restored.retain(|(table, _, _)| table != "theirs");
        assert_eq!(restored, shipped, "{spoil}");
        let said = program.run(&["verify", "--archive", "a.db"]).ends_with(0);
        assert!(
            !format!("{}{}", said.stdout, said.stderr).contains("planner"),
            "{said:#?}"
        );
    }
    let theirs = statistics(&open());
    assert!(theirs.iter().any(|(table, _, _)| table == "theirs"), "{theirs:?}");
}
