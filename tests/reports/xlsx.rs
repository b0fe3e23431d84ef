//! Workbooks: what is in them, read without us, and what happens where one cannot be written.

use std::path::Path;

use crate::common::python::python;
use crate::common::story::Story;
use serde_json::{Value, json};

const READER: &str = include_str!("../python/xlsx.py");

fn read(path: &Path) -> Option<Value> {
    python(READER, &[path])
}

/// Days since 1899-12-30, as Excel counts.
fn days(unix: f64) -> f64 {
    unix / 86_400.0 + 25_569.0
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cell_of_a_workbook_has_its_type() {
    let story = Story::synced().await;
    let path = story.program.path("cells.xlsx");
    let long = 40_000;
    let sql = format!(
        "SELECT '=1+1' AS formula, 42 AS whole, 0.5 AS real, NULL AS none, '' AS empty, '2026-01-31T03:00:00Z' AS time,
                '2026-01-31T03:00:00.25Z' AS fraction, '1850-01-01T00:00:00Z' AS early, 1234567890123456 AS big,
                x'01ff' AS bytes, '<b>' || char(10) || '\"&' || char(0) || char(27) || char(65534) || '_x0041_ 東京' AS odd,
                printf('%.*c', {long}, 'x') AS long, '0007' AS digits, ' x ' AS spaces"
    );
    story
        .program
        .run(&["query", &sql, "--format", "xlsx", "--output", "cells.xlsx"])
        .ends_with(0);
    let Some(book) = read(&path) else { return };
    let sheet = &book["sheets"]["query"];
    assert_eq!(sheet["frozen"], "A2");
    assert_eq!(sheet["filter"], "A1:N2");
    let names: Vec<&Value> = sheet["rows"][0]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| &cell[0])
        .collect();
    assert_eq!(names[..3], ["formula", "whole", "real"]);
    let cells = sheet["rows"][1].as_array().unwrap();
    let time = "yyyy-mm-dd hh:mm:ss\"Z\"";
    let fraction = "yyyy-mm-dd hh:mm:ss.000\"Z\"";
    let expected = [
        json!(["=1+1", "General"]),
        json!([42.0, "General"]),
        json!([0.5, "General"]),
        json!(null),
        json!(null),
        json!([days(1_769_828_400.0), time]),
        json!([days(1_769_828_400.25), fraction]),
        json!(["1850-01-01T00:00:00Z", "General"]),
        json!(["1234567890123456", "General"]),
        json!(["01ff", "General"]),
        json!(["<b>\n\"&\0\u{1b}\u{fffe}_x0041_ 東京", "General"]),
    ];
    for (cell, expected) in cells.iter().zip(&expected) {
        assert_eq!(cell, expected);
    }
    let cut = cells[11][0].as_str().unwrap();
    assert!(
        cut.ends_with("x […cut: 40000 characters in all]"),
        "{}",
        &cut[cut.len() - 50..]
    );
    assert_eq!(cut.encode_utf16().count(), 32_767);
    assert_eq!(cells[12], json!(["0007", "General"]));
    assert_eq!(cells[13], json!([" x ", "General"]));
    let about = book["sheets"]["About"]["rows"].as_array().unwrap();
    let has = |name: &str, value: Value| {
        assert!(
            about
                .iter()
                .any(|row| row[0][0] == name && row.get(1).is_some_and(|cell| cell[0] == value)),
            "{name} = {value}: {about:?}"
        );
    };
    has("report", json!("query"));
    has("rows", json!(1.0));
    has("texts cut", json!(1.0));
    has("option sql", json!(sql));
    let head = story.program.run(&[
        "query",
        "SELECT head FROM syncs ORDER BY sync_id DESC LIMIT 1",
        "--format",
        "json",
    ]);
    has("ledger head", head.json()[0]["head"].clone());
    has("schema version", json!(1.0));
    has("jobruns version", json!(env!("CARGO_PKG_VERSION")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_as_a_workbook_says_the_same_as_its_csv() {
    let story = Story::synced().await;
    for format in ["xlsx", "csv"] {
        let output = format!("trends.{format}");
        story
            .program
            .run(&[
                "report",
                "failure-trends",
                "--by",
                "month",
                "--format",
                format,
                "--output",
                &output,
            ])
            .ends_with(0);
    }
    let first = std::fs::read(story.program.path("trends.xlsx")).unwrap();
    story
        .program
        .run(&[
            "report",
            "failure-trends",
            "--by",
            "month",
            "--format",
            "xlsx",
            "--output",
            "again.xlsx",
            "--manifest",
        ])
        .ends_with(0);
    assert!(
        first == std::fs::read(story.program.path("again.xlsx")).unwrap(),
        "the same report, other bytes"
    );
    assert!(story.program.path("again.xlsx.manifest.json").exists());
    let Some(book) = read(&story.program.path("trends.xlsx")) else {
        return;
    };
    assert_eq!(book["created"], "1980-01-01T00:00:00Z");
    let rows = book["sheets"]["failure-trends"]["rows"].as_array().unwrap();
    let mut csv = csv::Reader::from_path(story.program.path("trends.csv")).unwrap();
    let records: Vec<csv::StringRecord> = csv.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), records.len() + 1);
    let epoch = chrono::NaiveDate::from_ymd_opt(1899, 12, 30).unwrap();
    for (row, record) in rows[1..].iter().zip(&records) {
        for (index, text) in record.iter().enumerate() {
            let cell = row.get(index).unwrap_or(&Value::Null);
            if text.is_empty() {
                assert!(cell.is_null(), "{cell} at {index}");
                continue;
            }
            match index {
                0 => {
                    let day = text.parse::<chrono::NaiveDate>().unwrap() - epoch;
                    assert_eq!(cell, &json!([day.num_days() as f64, "yyyy-mm-dd"]));
                }
                1 | 2 => assert_eq!(cell, &json!([text, "General"])),
                9 => assert_eq!(cell, &json!([text.parse::<f64>().unwrap(), "0.00%"])),
                12 => assert_eq!(cell, &json!([text.parse::<f64>().unwrap(), "0.0"])),
                _ => assert_eq!(cell[0], json!(text.parse::<f64>().unwrap())),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbook_without_rows_is_a_heading() {
    let story = Story::synced().await;
    story
        .program
        .run(&[
            "report",
            "asset-errors",
            "--until",
            "1970-01-01",
            "--format",
            "xlsx",
            "--output",
            "none.xlsx",
        ])
        .ends_with(0)
        .says("No asset has matching messages.");
    let Some(book) = read(&story.program.path("none.xlsx")) else {
        return;
    };
    let sheet = &book["sheets"]["asset-errors"];
    let rows = sheet["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    let columns = u8::try_from(rows[0].as_array().unwrap().len()).unwrap();
    assert!((1..=26).contains(&columns), "{columns}");
    let last = char::from(b'A' + columns - 1);
    assert_eq!(sheet["filter"], format!("A1:{last}1"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn what_stops_a_workbook_is_an_error_and_no_panic() {
    use crate::common::program::Ended;
    let story = Story::synced().await;
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, hex(randomblob(20)) FROM n";
    let script = |script: &str| {
        let script = script.replace("ASK", &format!("\"$0\" query '{sql}' --format xlsx"));
        Ended::of(story.program.script(&script).spawn().unwrap())
    };
    // The disk of the temporary files is full: their size is limited here (to more than SQLite's shared memory needs), which
    // is an error at the same place.
    let ended = script("trap '' XFSZ; ulimit -f 200; ASK > /dev/null");
    let ended = ended.ends_with(1).says("temporary file").never_shows("panicked");
    assert_eq!(
        ended.stderr.lines().filter(|line| line.contains("Error")).count(),
        1
    );
    // Whoever reads has enough.
    let ended = script("ASK | head -c 10 > /dev/null");
    assert_eq!(ended.stderr, "");
    if Path::new("/dev/full").exists() {
        script("ASK > /dev/full")
            .ends_with(1)
            .says("could not write to standard output")
            .never_shows("panicked");
    }
    // No folder for temporary files.
    script("TMPDIR=/nonexistent ASK > /dev/null")
        .ends_with(1)
        .says("/nonexistent");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_csv_are_refused_for_a_workbook() {
    let story = Story::synced().await;
    story
        .program
        .run(&["report", "failure-trends", "--format", "xlsx", "--excel"])
        .ends_with(2)
        .says("the format is xlsx");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_shown_neither_a_workbook_nor_a_page() {
    if !crate::common::python::is_there("python3") {
        return;
    }
    let story = Story::synced().await;
    let spawn = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    for (format, arguments) in [
        ("xlsx", ["report", "failure-trends"]),
        ("html", ["report", "overview"]),
        ("html", ["query", "SELECT 1"]),
    ] {
        let mut command = story.program.start("python3");
        command.args(["-c", spawn, env!("CARGO_BIN_EXE_jobruns")]);
        command.args(arguments).args(["--format", format]);
        let ended = crate::common::program::Ended::of(command.spawn().unwrap()).ends_with(2);
        let refused = format!("{format} is not a format for a terminal");
        assert!(ended.stdout.contains(&refused), "{ended:?}");
    }
}
