//! Every report over one archive, as CSV and as text, compared with files: a change of any output is seen in review.
//! `JOBRUNS_WRITE_GOLDEN=1 cargo test golden` writes the files again.

use std::fs;
use std::path::Path;

use crate::report::format::{Format, Style};
use crate::report::html::Present;
use crate::report::reports::failures::Failures;
use crate::report::reports::{
    AssetErrors, Changes, Coverage, FailureTrends, Messages, MissedRuns, OverviewReport, Removals, Runs,
    Vanished,
};
use crate::report::testing::{TestArchive, TestMessage, TestRun, plain, put_revision};

const DAY: i64 = 86_400;
const TICKS_PER_SECOND: i64 = 10_000_000;

fn message(at: i64, category: &'static str, text: &'static str, asset: &'static str) -> TestMessage {
    TestMessage {
        at: Some(at * TICKS_PER_SECOND),
        text: Some(text),
        details: Some("Access is denied.\nSecond line, with \"quotes\""),
        category: Some(category),
        asset: Some(asset),
        asset_type: Some("Windows machine"),
        owner: Some("CORP\\owner"),
        is_absent: false,
    }
}

/// Two jobs over thirty days: one runs nightly, fails each seventh night and misses three; one is a week old and has stopped.
fn archive() -> TestArchive {
    let mut runs = Vec::new();
    for day in (0..30).filter(|day| !(12..15).contains(day)) {
        let start = 20_000 * DAY + day * DAY;
        let failed = day % 7 == 0;
        let mut messages = vec![message(start + 60, "Information", "Scan finished", "SRV-0001")];
        if failed {
            messages.push(message(start + 90, "Error", "Login failed", "SRV-0042"));
        }
        runs.push(TestRun {
            job: 0,
            status: Some(if failed { 5 } else { 4 }),
            start: Some(start * TICKS_PER_SECOND),
            end: Some((start + 3_600) * TICKS_PER_SECOND),
            is_absent: day == 20,
            messages,
        });
    }
    for day in 0..7 {
        runs.push(TestRun {
            job: 1,
            status: Some(4),
            start: Some((20_000 + day) * DAY * TICKS_PER_SECOND),
            ..TestRun::default()
        });
    }
    let archive = TestArchive::new(&[Some("Nightly, all servers"), None], &runs);
    let connection = archive.connection();
    connection
        .execute_batch(
            "INSERT INTO _sync (sync_id, started_unix, finished_unix, outcome, count_asked, process_id, tool_version)
             VALUES (1, 1730000000, 1730000100, 'complete', 0, 1, 'x'), (2, 1730700000, 1730700100, 'complete', 0, 1, 'x');
             INSERT INTO _sync_job_unchanged SELECT sync_id, 1000, 1, 1, 1, count_asked, NULL FROM _sync;
             UPDATE _job SET last_synced_unix = 1730700100, last_answered_unix = 1730700100 WHERE job_key = 1000;",
        )
        .unwrap();
    put_revision(&connection, 1_000, 1, 2, 1_730_700_050, Some(4));
    archive
}

fn compare<R: Present>(archive: &TestArchive, report: R, differing: &mut Vec<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/tests/golden");
    let request = plain(report);
    for (format, extension) in [(Format::CSV, "csv"), (Format::TABLE, "txt")] {
        let written = archive.written(&request, format, Style::default());
        let file = folder.join(format!("{}.{extension}", R::NAME));
        if std::env::var_os("JOBRUNS_WRITE_GOLDEN").is_some() {
            fs::write(&file, &written).unwrap();
        }
        // Git may have changed the ends of lines; `\r` stands in no file of its own.
        let expected = fs::read_to_string(&file).unwrap_or_default().replace('\r', "");
        if expected != written.replace('\r', "") {
            differing.push(format!("{}:\n{written}", file.display()));
        }
    }
}

#[test]
fn golden_every_report_is_written_as_its_file_has_it() {
    let archive = archive();
    let mut differing = Vec::new();
    compare(&archive, AssetErrors::default(), &mut differing);
    compare(&archive, Changes::default(), &mut differing);
    compare(&archive, Coverage::default(), &mut differing);
    compare(&archive, FailureTrends::default(), &mut differing);
    compare(&archive, Failures::default(), &mut differing);
    compare(&archive, Messages::default(), &mut differing);
    compare(&archive, MissedRuns::default(), &mut differing);
    compare(&archive, OverviewReport::default(), &mut differing);
    compare(&archive, Removals::default(), &mut differing);
    compare(&archive, Runs::default(), &mut differing);
    compare(&archive, Vanished::default(), &mut differing);
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
