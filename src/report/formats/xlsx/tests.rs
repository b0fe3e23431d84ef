use serde_json::{Map, json};

use super::*;
use crate::model::Decimal;
use crate::model::Instant;

fn about() -> ReportMeta {
    let mut options = Map::new();
    options.insert("since".to_owned(), json!(null));
    options.insert("job".to_owned(), json!(["a", "b"]));
    ReportMeta {
        report: "failure-trends".to_owned(),
        options,
        head: "ab".repeat(32),
        tool_version: "0.0.0".to_owned(),
        ..ReportMeta::default()
    }
}

fn written(rows: &[[Cell<'_>; 2]]) -> Vec<u8> {
    let about = about();
    let mut bytes = Vec::new();
    let mut xlsx = Xlsx::new(&mut bytes, &about).unwrap();
    let columns = [
        Column::new("rate", ColumnType::Rate),
        Column::new("any", ColumnType::Any),
    ];
    xlsx.columns(&columns).unwrap();
    for row in rows {
        xlsx.row(row).unwrap();
    }
    xlsx.finish().unwrap();
    drop(xlsx);
    bytes
}

#[test]
fn the_same_rows_are_the_same_bytes_and_a_zip() {
    let rows = [
        [Cell::Decimal(Decimal::new(1250, 4)), Cell::Text("=1+1")],
        [Cell::Null, Cell::Instant(Instant::from_unix_seconds(0))],
    ];
    let first = written(&rows);
    assert!(first.starts_with(b"PK\x03\x04"));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(first == written(&rows), "a second later the bytes are others");
    assert!(first != written(&rows[..1]));
}

#[test]
fn rows_past_the_sheets_end_are_refused() {
    let about = about();
    let mut xlsx = Xlsx::new(io::sink(), &about).unwrap();
    xlsx.columns(&[Column::new("a", ColumnType::Integer)]).unwrap();
    xlsx.next_row = SHEET_ROWS - 1;
    xlsx.row(&[Cell::Integer(1)]).unwrap();
    let error = xlsx.row(&[Cell::Integer(2)]).unwrap_err();
    assert!(error.to_string().contains("1048576 rows"), "{error}");
}

#[test]
fn a_place_that_takes_nothing_is_an_error_of_its_kind() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let about = about();
    let mut xlsx = Xlsx::new(Closed, &about).unwrap();
    xlsx.columns(&[Column::new("a", ColumnType::Integer)]).unwrap();
    assert_eq!(xlsx.finish().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}
