use rusqlite::types::Value;

use crate::archive::{QueryError, ReadOnly};
use crate::report::format::{Format, Style};
use crate::report::query::{QueryEnd, QueryOptions, parameter, write};
use crate::report::testing::{TestArchive, TestRun};
use crate::report::{ReportError, ReportMeta};

fn archive() -> TestArchive {
    let run = |job, status| TestRun {
        job,
        status: Some(status),
        start: Some(0),
        ..TestRun::default()
    };
    TestArchive::new(&[Some("Nightly"), None], &[run(0, 4), run(0, 5), run(1, 42)])
}

fn options(sql: &str) -> QueryOptions {
    QueryOptions {
        sql: sql.to_owned(),
        parameters: Vec::new(),
        limit: None,
    }
}

fn ask_of(archive: &TestArchive, options: &QueryOptions) -> Result<(String, QueryEnd), ReportError> {
    let reader = ReadOnly::open(&archive.path()).unwrap();
    let snapshot = reader.snapshot().unwrap();
    let mut bytes = Vec::new();
    let about = ReportMeta::new(&snapshot, "query", options);
    let mut rows = Format::CSV.open(&mut bytes, Style::default(), &about).unwrap();
    let end = write(&snapshot, options, &mut *rows)?;
    drop(rows);
    Ok((String::from_utf8(bytes).unwrap(), end))
}

fn ask(sql: &str) -> Result<String, ReportError> {
    ask_of(&archive(), &options(sql)).map(|(text, _)| text)
}

fn refused(sql: &str) -> String {
    match ask(sql) {
        Err(ReportError::Query(QueryError::NotReading { what })) => what,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn a_question_is_answered_with_its_columns_and_rows() {
    assert_eq!(
        ask("SELECT status_name, count(*) AS n, 0.5 AS half, NULL AS none, x'01ff' AS bytes FROM runs GROUP BY 1 ORDER BY 1")
            .unwrap(),
        "status_name,n,half,none,bytes\nCompleted,1,0.5,,01ff\nFaulted,1,0.5,,01ff\nUnknown(42),1,0.5,,01ff\n"
    );
    assert_eq!(
        ask(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT sum(i) FROM n"
        )
        .unwrap(),
        "sum(i)\n6\n"
    );
    assert_eq!(ask("SELECT 1 WHERE 0;  -- the end").unwrap(), "1\n");
    assert!(
        ask("EXPLAIN QUERY PLAN SELECT * FROM runs")
            .unwrap()
            .contains("SCAN")
    );
    assert!(
        ask("SELECT value FROM json_each('[1]')")
            .unwrap()
            .ends_with("1\n")
    );
    assert!(ask("PRAGMA table_info(runs)").unwrap().contains("job_run_id"));
    assert!(
        ask("SELECT name FROM pragma_table_info('runs')")
            .unwrap()
            .contains("job_run_id")
    );
}

#[test]
fn whatever_would_do_more_than_read_is_refused_and_leaves_no_file() {
    let archive = archive();
    let before: Vec<_> = files(&archive);
    let place = archive.path().with_file_name("other.db");
    let place = place.display();
    for (sql, what) in [
        (format!("ATTACH '{place}' AS other"), "ATTACH"),
        (format!("VACUUM INTO '{place}'"), "VACUUM"),
        (
            format!("/* a copy */ -- of all\n; vacuum into '{place}'"),
            "VACUUM",
        ),
        ("VACUUM".to_owned(), "VACUUM"),
        ("DETACH main".to_owned(), "DETACH"),
        (
            "INSERT INTO _job (job_id) VALUES ('x')".to_owned(),
            "INSERT INTO _job",
        ),
        ("UPDATE _run SET status = 4".to_owned(), "UPDATE _run"),
        ("UPDATE _run SET status = 4 RETURNING *".to_owned(), "UPDATE _run"),
        ("DELETE FROM _message".to_owned(), "DELETE FROM _message"),
        (
            "WITH x AS (SELECT 1) DELETE FROM _message".to_owned(),
            "DELETE FROM _message",
        ),
        ("CREATE TABLE t (a)".to_owned(), "CREATE"),
        ("CREATE TEMP TABLE t AS SELECT 1".to_owned(), ""),
        ("CREATE VIRTUAL TABLE t USING fts5(a)".to_owned(), ""),
        ("DROP VIEW runs".to_owned(), "DROP"),
        ("ALTER TABLE _run ADD COLUMN x".to_owned(), "ALTER"),
        ("REINDEX".to_owned(), "REINDEX"),
        ("ANALYZE".to_owned(), "ANALYZE"),
        ("BEGIN".to_owned(), "transaction"),
        ("COMMIT".to_owned(), "transaction"),
        ("ROLLBACK".to_owned(), "transaction"),
        ("SAVEPOINT s".to_owned(), "transaction"),
        ("SELECT load_extension('x')".to_owned(), "load_extension"),
        ("PRAGMA journal_mode = DELETE".to_owned(), "PRAGMA journal_mode"),
        ("PRAGMA journal_mode".to_owned(), "PRAGMA journal_mode"),
        ("PRAGMA query_only = 0".to_owned(), "PRAGMA query_only"),
        ("PRAGMA user_version = 7".to_owned(), "PRAGMA user_version"),
        ("PRAGMA application_id(7)".to_owned(), "PRAGMA application_id"),
        ("PRAGMA writable_schema = 1".to_owned(), "PRAGMA writable_schema"),
        ("PRAGMA wal_checkpoint".to_owned(), "PRAGMA wal_checkpoint"),
        (
            "PRAGMA temp_store_directory = '/'".to_owned(),
            "PRAGMA temp_store_directory",
        ),
        ("EXPLAIN DELETE FROM _message".to_owned(), "DELETE FROM _message"),
    ] {
        match ask_of(&archive, &options(&sql)) {
            Err(ReportError::Query(error)) => {
                assert!(error.is_wrong_usage(), "{sql}: {error}");
                assert!(error.to_string().contains(what), "{sql}: {error}");
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
    assert_eq!(files(&archive), before);
    // And the guard is gone for those who come after.
    assert_eq!(
        ask_of(&archive, &options("SELECT count(*) FROM _run")).unwrap().0,
        "count(*)\n3\n"
    );
}

fn files(archive: &TestArchive) -> Vec<String> {
    let folder = archive.path().parent().unwrap().to_path_buf();
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // SQLite's own companions come and go with each reader.
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_refusal_says_what_would_have_been_done() {
    assert_eq!(refused("DROP TABLE _run"), "DROP");
    assert_eq!(refused("EXPLAIN VACUUM"), "VACUUM");
    assert_eq!(refused("PRAGMA cache_size = 5"), "PRAGMA cache_size");
}

#[test]
fn a_view_in_another_encoding_is_named() {
    let archive = archive();
    let connection = rusqlite::Connection::open(archive.path()).unwrap();
    connection
        .execute_batch(
            "PRAGMA writable_schema = ON;
             INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql)
             VALUES ('view', 'odd', 'odd', 0, CAST(X'4352454154452056494557206F64642041532053454C454354203120415320FC' AS TEXT))",
        )
        .unwrap();
    drop(connection);
    let error = ask_of(&archive, &options("SELECT * FROM odd")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no query can be answered while the view odd is there: its definition is not UTF-8"
    );
}

#[test]
fn one_statement_is_asked_at_a_time() {
    let error = |sql| match ask(sql) {
        Err(ReportError::Query(error)) => error,
        other => panic!("{sql}: {other:?}"),
    };
    assert!(matches!(error("SELECT 1; SELECT 2"), QueryError::Several));
    assert!(matches!(
        error("SELECT 1; DROP TABLE _run"),
        QueryError::NotReading { .. }
    ));
    assert!(matches!(error(""), QueryError::Empty));
    assert!(matches!(error(" ; -- nothing"), QueryError::Empty));
    let unknown = error("SELECT x FROM runs");
    assert!(matches!(unknown, QueryError::Sql { .. }));
}

#[test]
fn parameters_are_values_and_no_sql() {
    let archive = archive();
    let with = |sql: &str, parameters: &[(&str, &str)]| {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), parameter(value)))
            .collect();
        ask_of(
            &archive,
            &QueryOptions {
                parameters,
                ..options(sql)
            },
        )
        .map(|(text, _)| text)
    };
    assert_eq!(
        with("SELECT :a AS a, @b AS b", &[("a", "1"), ("b", "x'; DROP")]).unwrap(),
        "a,b\n1,x'; DROP\n"
    );
    assert_eq!(with("SELECT ?1 + 1 AS a", &[("1", "1.5")]).unwrap(), "a\n2.5\n");
    assert_eq!(
        with("SELECT count(*) AS n FROM runs WHERE status = :s", &[("s", "5")]).unwrap(),
        "n\n1\n"
    );
    let error = with("SELECT :a", &[]).unwrap_err();
    assert!(matches!(&error, ReportError::Query(QueryError::MissingParameter { name }) if name == ":a"));
    let error = with("SELECT :a", &[("b", "1")]).unwrap_err();
    assert!(
        matches!(&error, ReportError::Query(QueryError::NoSuchParameter { known, .. }) if *known == [":a"])
    );
    assert!(error.is_wrong_usage());
}

#[test]
fn a_parameter_is_a_number_where_it_is_written_as_one() {
    for (text, value) in [
        ("5", Value::Integer(5)),
        ("-5", Value::Integer(-5)),
        ("1.50", Value::Real(1.5)),
        ("007", Value::Text("007".to_owned())),
        ("1e5", Value::Text("1e5".to_owned())),
        ("1.2.3", Value::Text("1.2.3".to_owned())),
        ("", Value::Text(String::new())),
    ] {
        assert_eq!(parameter(text), value, "{text}");
    }
}

#[test]
fn a_limit_says_that_there_is_more() {
    let limited = |limit| {
        let options = QueryOptions {
            limit: Some(limit),
            ..options("SELECT job_run_id FROM runs")
        };
        let (text, end) = ask_of(&archive(), &options).unwrap();
        (text.lines().count() - 1, end)
    };
    assert_eq!(limited(2), (2, QueryEnd::Limited));
    assert_eq!(limited(3), (3, QueryEnd::Complete));
    assert_eq!(limited(0), (0, QueryEnd::Limited));
}

#[test]
fn a_failure_on_the_way_is_none_of_the_question() {
    let error = ask("SELECT sum(9223372036854775807) FROM runs").unwrap_err();
    assert!(
        matches!(error, ReportError::Query(QueryError::Failed { .. })),
        "{error:?}"
    );
    assert!(!error.is_wrong_usage());
}
