//! `jobruns schema`, and that an archive is as it says.

use crate::common::program::Program;
use crate::common::{Bench, small_history};
use jobruns::archive::{ReadOnly, RetentionRule, Writer, documented_tables, retain};
use jobruns::model::Instant;
use jobruns::simulator::{History, Options};
use rusqlite::Connection;

#[test]
fn it_tells_the_names_for_analysts_and_with_all_the_stored_tables() {
    let program = Program::new();
    let text = program.run(&["schema"]).ends_with(0).stdout;
    assert!(text.contains("duration_seconds      seconds"), "{text}");
    assert!(!text.contains("_ticks"), "{text}");
    let all = program
        .run(&["schema", "--all", "--format", "markdown"])
        .ends_with(0)
        .stdout;
    assert!(all.contains("| started_ticks | INTEGER |"), "{all}");
    let one = program.run(&["schema", "RUNS"]).ends_with(0).stdout;
    assert!(one.starts_with("runs: "), "{one}");
    assert!(!one.contains("messages: A"), "{one}");
    program
        .run(&["schema", "quarantne"])
        .ends_with(2)
        .says("did you mean quarantine?");
    assert_eq!(
        std::fs::read_dir(program.folder.path()).unwrap().count(),
        0,
        "no archive is made"
    );
}

#[test]
fn its_sql_makes_the_tables() {
    let program = Program::new();
    let sql = program
        .run(&["schema", "--all", "--format", "sql"])
        .ends_with(0)
        .stdout;
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(&sql).unwrap();
    for table in documented_tables() {
        connection
            .prepare(&format!("SELECT * FROM {}", table.name))
            .unwrap();
    }
}

/// What must hold for the values of a column of this unit, in SQL.
fn condition(unit: &str, column: &str) -> Option<String> {
    let text = |form: &str| Some(format!("typeof({column}) = 'text' AND {form}"));
    match unit {
        "UTC time" => text(&format!(
            "{column} GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]*Z'"
        )),
        "GUID" => text(&format!(
            "length({column}) = 36 AND {column} NOT GLOB '*[^0-9a-f-]*'"
        )),
        "hexadecimal" => text(&format!(
            "length({column}) = 64 AND {column} NOT GLOB '*[^0-9a-f]*'"
        )),
        "JSON text" => text(&format!("json_valid({column})")),
        "text" => text("1"),
        "word" => text(&format!("{column} NOT GLOB '*[^a-z]*'")),
        "0 or 1" => Some(format!("{column} IN (0, 1)")),
        "count" => Some(format!("typeof({column}) = 'integer' AND {column} >= 0")),
        "number" | "code" => Some(format!("typeof({column}) = 'integer'")),
        "seconds" => Some(format!("typeof({column}) IN ('integer', 'real')")),
        "bytes" => Some(format!("typeof({column}) = 'blob'")),
        _ => None,
    }
}

/// An archive after some nights, most of which went wrong; every value is asked.
#[tokio::test(flavor = "multi_thread")]
async fn values_have_the_unit_that_is_told_and_are_null_only_where_that_is_told() {
    let bench = Bench::with(Options {
        history: History {
            runs: 40,
            ..small_history()
        },
        ..Options::default()
    })
    .await;
    bench.sync().await;
    for fault in ["bad-run", "bad-message", "odd-text", "404"] {
        bench.server.pass_night();
        bench.fault(fault);
        bench.sync().await;
    }
    bench.no_faults();
    bench.server.pass_night();
    bench.sync().await;
    let mut writer = Writer::open(&bench.archive()).unwrap();
    let from = Some(Instant::from_unix_seconds(0));
    writer
        .add_holds(&[bench.job(0)], from, None, "a lawsuit")
        .unwrap();
    writer.add_holds(&[], None, None, "an inspection").unwrap();
    writer.release_hold(2, "it is over").unwrap();
    drop(writer);
    remove_a_run(&bench);
    let archive = bench.connection();
    let mut asked = 0;
    for table in documented_tables().iter().filter(|table| table.is_for_analysts) {
        let rows: i64 = bench.value(&format!("SELECT count(*) FROM {}", table.name));
        assert!(rows > 0, "{} is empty: nothing is tested of it", table.name);
        for column in &table.columns {
            let place = format!("{}.{}", table.name, column.name);
            let condition = condition(&column.unit, &column.name)
                .unwrap_or_else(|| panic!("{place} has the unknown unit {}", column.unit));
            let or_null = if column.null.is_empty() {
                "coalesce"
            } else {
                "iif(v IS NULL, 1, 0) OR coalesce"
            };
            let sql = format!(
                "SELECT count(*) FROM (SELECT {} AS v, {condition} AS fits FROM {}) WHERE NOT ({or_null}(fits, 0))",
                column.name, table.name
            );
            let wrong: i64 = archive.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(wrong, 0, "{place} ({}): {} of {rows} rows", column.unit, wrong);
            asked += 1;
        }
    }
    assert!(asked > 80, "only {asked} columns were asked");
}

/// Has the oldest final run of a job without holds removed.
fn remove_a_run(bench: &Bench) {
    let rule = RetentionRule {
        days: 1,
        jobs: vec![bench.job(1)],
        why: "a rule".to_owned(),
        now: Instant::now(),
    };
    let reader = ReadOnly::open(&bench.archive()).unwrap();
    let plan = reader.snapshot().unwrap().retention_plan(&rule).unwrap();
    drop(reader);
    assert!(retain(&bench.archive(), &rule, &plan.hash).unwrap().recorded.runs > 0);
}

#[test]
fn every_column_for_analysts_has_a_declared_type() {
    let program = crate::common::program::Program::new();
    let job = "11111111-0000-0000-0000-000000000001";
    program.run(&["jobs", "add", job]).ends_with(0);
    for table in jobruns::archive::NAMES_FOR_ANALYSTS {
        let sql = format!("SELECT name, type FROM pragma_table_info('{table}')");
        let columns = program
            .run(&["query", &sql, "--format", "json"])
            .ends_with(0)
            .json();
        for column in columns.as_array().unwrap() {
            let declared = column["type"].as_str().unwrap();
            // SQLite shows `CAST(... AS INTEGER)` as INT.
            let expected: &[&str] = match column["name"].as_str().unwrap() {
                "payload" => &["BLOB"],
                "messages" => &["INT", "INTEGER"],
                // Whole seconds are integers, others are not.
                "duration_seconds" => &["NUM"],
                "seconds" => &["REAL"],
                _ => &["TEXT", "INTEGER"],
            };
            assert!(expected.contains(&declared), "{table}: {column}");
        }
    }
}
