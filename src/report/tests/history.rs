//! The reports on the history itself: coverage, missed runs, changes.

use std::time::Duration;

use crate::model::Instant;
use crate::report::format::{Format, Style};
use crate::report::html::Present;
use crate::report::reports::{
    AssetErrors, Changes, Coverage, FailureTrends, Messages, MissedRuns, OverviewReport, Runs, Vanished,
};
use crate::report::testing::{TestArchive, TestMessage, TestRun, job_id, plain, put_revision};
use crate::report::{CommonOptions, Ready};

fn at(second: i64) -> Option<i64> {
    Some(second * 10_000_000)
}

fn short(lines: Vec<String>) -> Vec<String> {
    let letters = lines.into_iter().map(|line| {
        let line = line.replace(&job_id(0), "A").replace(&job_id(1), "B");
        line.replace(&job_id(2), "C")
            .replace("413e6d92-6de0-4a89-8752-00000000000", "#")
    });
    letters.collect()
}

fn span(since: Option<i64>, until: Option<i64>) -> CommonOptions {
    CommonOptions {
        since: since.map(Instant::from_unix_seconds),
        until: until.map(Instant::from_unix_seconds),
        ..CommonOptions::default()
    }
}

fn starts(job: usize, seconds: &[i64]) -> Vec<TestRun> {
    let run = |&second: &i64| TestRun {
        job,
        start: at(second),
        ..TestRun::default()
    };
    seconds.iter().map(run).collect()
}

#[test]
fn coverage_counts_runs_and_the_longest_time_between_complete_syncs() {
    let message = |is_absent| TestMessage {
        is_absent,
        ..TestMessage::default()
    };
    let runs = [
        TestRun {
            start: at(100),
            messages: vec![message(false), message(true)],
            ..TestRun::default()
        },
        TestRun {
            start: at(50),
            is_absent: true,
            ..TestRun::default()
        },
        TestRun::default(),
        TestRun {
            start: at(70),
            ..TestRun::default()
        },
        TestRun {
            job: 1,
            ..TestRun::default()
        },
    ];
    let archive = TestArchive::new(&[Some("Nightly, all"), None, None], &runs);
    archive
        .connection()
        .execute_batch(
            "UPDATE _run SET message_count = 1;                                 -- right for run 1, wrong for the others
             UPDATE _run SET has_message_list = 0 WHERE run_key = 2;
             UPDATE _run SET unreadable_messages = 1 WHERE run_key = 3;
             UPDATE _run SET message_count = NULL WHERE run_key = 5;
             INSERT INTO _sync (sync_id, started_unix, finished_unix, outcome, count_asked, process_id, tool_version)
             VALUES (1, 0, 1000, 'complete', 0, 1, 'x'), (2, 0, 1500, 'complete', 5, 1, 'x'),
                    (3, 0, NULL, NULL, 0, 1, 'x'), (4, 0, 1600, 'partial', 0, 1, 'x'),
                    (5, 0, 1700, 'complete', 0, 1, 'x'), (6, 0, 1750, 'complete', 0, 1, 'x'),
                    (7, 0, 1740, 'complete', 0, 1, 'x');
             INSERT INTO _sync_job_unchanged SELECT sync_id, 1000, 1, 1, 1, count_asked, NULL FROM _sync WHERE sync_id NOT IN (1, 4);
             INSERT INTO _sync_job SELECT sync_id, 1000 - job.column1, CASE WHEN sync_id = 4 THEN 'partial' ELSE 'complete' END,
                                         NULL, 200, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, count_asked
             FROM _sync JOIN (VALUES (0), (1)) job WHERE sync_id IN (1, 4) AND (sync_id = 1 OR job.column1 = 0);
             UPDATE _job SET last_synced_unix = 1740, last_answered_unix = 1740 WHERE job_key = 1000;",
        )
        .unwrap();
    let lines = |common| short(archive.lines(&Ready::<Coverage>::plain(&common)));
    assert_eq!(
        lines(CommonOptions::default()),
        [
            "A|Nightly, all|1970-01-01T00:00:50Z|1970-01-01T00:01:40Z|4|3|1|1970-01-01T00:29:00Z|700|1|25|1640",
            "B||||1|1|0|||0||",
            "C||||0|0|0|||0||",
        ]
    );
    // Runs by their start; gaps that reach into the span, whole.
    assert!(
        lines(span(Some(60), Some(100)))[0].contains("|1970-01-01T00:01:10Z|1970-01-01T00:01:10Z|1|1|0|")
    );
    let gap = |since, until| {
        let lines = lines(span(since, until));
        lines[0].split('|').nth(8).unwrap().to_owned()
    };
    assert_eq!(gap(Some(1699), None), "700");
    assert_eq!(gap(Some(1700), None), "50");
    assert_eq!(gap(Some(1750), None), "");
    assert_eq!(gap(None, Some(1001)), "700");
    assert_eq!(gap(None, Some(1000)), "");
    let header = archive.try_csv(&plain(Coverage::default())).unwrap().remove(0);
    assert_eq!(
        header.join(","),
        "job_id,job_name,first_run_at,last_run_at,runs,runs_listed,runs_absent,last_synced_at,longest_gap_seconds,\
         count_mismatches,usual_seconds,silent_seconds"
    );
}

#[test]
fn missed_runs_are_told_per_job_and_within_the_span() {
    let mut runs = starts(1, &[0, 10, 20, 60, 70, 80, 90]);
    runs.extend(starts(0, &[400, 300, 100, 0, 200]));
    runs.extend(starts(2, &[5]));
    runs.push(TestRun::default());
    let archive = TestArchive::new(&[Some("=A"), None, None], &runs);
    let lines = |common, factor: &str| {
        let report = MissedRuns {
            factor: factor.parse().unwrap(),
        };
        short(archive.lines(&Ready { common, report }))
    };
    assert_eq!(
        lines(CommonOptions::default(), "2.5"),
        ["B||1970-01-01T00:00:20Z|1970-01-01T00:01:00Z|10|3"]
    );
    assert_eq!(lines(CommonOptions::default(), "0.999").len(), 10);
    assert_eq!(lines(span(None, Some(60)), "2.5"), [""; 0]);
    // Two intervals, 10 and 40 seconds: usual is 25, and 40 is not more than 2.5 of it.
    assert_eq!(lines(span(Some(10), Some(61)), "2.5"), [""; 0]);
    assert_eq!(
        lines(span(Some(10), Some(61)), "1.5"),
        ["B||1970-01-01T00:00:20Z|1970-01-01T00:01:00Z|25|1"]
    );
    let header = archive.try_csv(&plain(MissedRuns::default())).unwrap();
    assert_eq!(
        header[0].join(","),
        "job_id,job_name,from,to,usual_seconds,runs_missed"
    );
}

#[test]
fn a_job_that_stopped_misses_runs_up_to_its_last_complete_sync() {
    let mut runs = starts(0, &[0, 10, 20]);
    runs.extend(starts(1, &[0, 10]));
    runs.extend(starts(2, &[0, 10, 20]));
    runs.extend(starts(3, &[0, 10, 90]));
    let archive = TestArchive::new(
        &[Some("A"), Some("two runs"), Some("unwatched"), Some("D")],
        &runs,
    );
    let set = |sql: &str| archive.connection().execute_batch(sql).unwrap();
    let lines = |common| short(archive.lines(&Ready::<MissedRuns>::plain(&common)));
    assert_eq!(lines(CommonOptions::default()), [""; 0], "never complete");
    set(
        "UPDATE _job SET last_synced_unix = 59, last_answered_unix = 59; UPDATE _job SET watched = 0 WHERE name = 'unwatched'",
    );
    let open = "A|A|1970-01-01T00:00:20Z||10|3";
    // The last start of D lies behind its last complete sync.
    assert_eq!(lines(CommonOptions::default()), [open]);
    // Silence is there in every span that it meets, even where no run starts in it.
    assert_eq!(lines(span(Some(40), None)), [open]);
    assert_eq!(lines(span(Some(59), None)), [""; 0]);
    assert_eq!(
        lines(span(None, Some(50))),
        ["A|A|1970-01-01T00:00:20Z||10|3"],
        "30 seconds"
    );
    assert_eq!(
        lines(span(None, Some(45))),
        [""; 0],
        "25 are not more than 2.5 times 10"
    );
    let coverage = short(archive.lines(&Ready::<Coverage>::plain(&CommonOptions::default())));
    let seconds: Vec<&str> = coverage
        .iter()
        .map(|line| line.rsplit('|').next().unwrap())
        .collect();
    assert_eq!(seconds, ["39", "49", "39", "0"], "never negative");
}

#[test]
fn changes_are_the_revisions_after_the_first_in_the_order_of_time() {
    let mut runs = starts(1, &[0, 0]);
    runs.extend(starts(0, &[0]));
    let archive = TestArchive::new(&[Some("N"), None], &runs);
    let connection = archive.connection();
    for (entry_id, (run_key, revision, captured, status)) in (11..).zip([
        (1, 1, 0, Some(2)),
        (1, 2, 100, Some(4)),
        (1, 3, 200, Some(4)),
        (2, 1, 0, None),
        (2, 2, 100, Some(42)),
        (3, 1, 0, Some(7)),
        (3, 2, 100, None),
        (3, 3, 99, Some(5)),
    ]) {
        put_revision(&connection, entry_id, run_key, revision, captured, status);
    }
    let lines = |common| short(archive.lines(&Ready::<Changes>::plain(&common)));
    assert_eq!(
        lines(CommonOptions::default()),
        [
            "A|N|#2|3|1970-01-01T00:01:39Z||5|0|Status",
            "A|N|#2|2|1970-01-01T00:01:40Z|7||1|Status",
            "B||#0|2|1970-01-01T00:01:40Z|2|4|0|Status",
            "B||#1|2|1970-01-01T00:01:40Z||42|0|Status",
            "B||#0|3|1970-01-01T00:03:20Z|4|4|1|",
        ]
    );
    assert_eq!(lines(span(Some(100), Some(200))).len(), 3);
    let header = archive.try_csv(&plain(Changes {})).unwrap();
    assert_eq!(
        header[0].join(","),
        "job_id,job_name,job_run_id,revision,captured_at,status_before,status,was_final,what"
    );
}

/// Runs of job 0, absent at these ages in days.
fn absent_at(ages: &[i64]) -> TestArchive {
    let day = 864_000_000_000;
    let runs: Vec<TestRun> = (0..)
        .zip(ages)
        .map(|(index, _)| TestRun {
            status: Some(5),
            start: Some(index * day),
            is_absent: true,
            ..TestRun::default()
        })
        .collect();
    let archive = TestArchive::new(&[Some("N")], &runs);
    for (index, age) in (1..).zip(ages) {
        archive
            .connection()
            .execute(
                "UPDATE _run SET absent_since_unix = started_ticks / 10000000 + ?2 WHERE run_key = ?1",
                [index, age * 86_400],
            )
            .unwrap();
    }
    archive
}

#[test]
fn a_run_vanished_if_it_was_absent_below_nine_tenths_of_the_learned_purge_age() {
    let archive = absent_at(&[90, 90, 90, 91, 90, 90, 90, 92, 81, 80, -3]);
    let lines = short(archive.lines(&Ready::<Vanished>::plain(&CommonOptions::default())));
    assert_eq!(
        lines,
        [
            "#9|A|N|Faulted|1970-01-10T00:00:00Z|1970-03-31T00:00:00Z|80.0|90.0",
            // A start behind the absence has no age below zero.
            "413e6d92-6de0-4a89-8752-00000000000a|A|N|Faulted|1970-01-11T00:00:00Z|1970-01-08T00:00:00Z|0.0|90.0",
        ]
        .map(|line| line.replace("413e6d92-6de0-4a89-8752-00000000000", "#"))
    );
    let text = archive.written(
        &Ready::<Vanished>::plain(&CommonOptions::default()),
        Format::TABLE,
        Style::default(),
    );
    assert!(
        text.ends_with(
            "\nPurge age 90 days, learned from 10 runs that the server stopped listing, 1 of them early.\n"
        ),
        "{text}"
    );
    let header = archive.try_csv(&plain(Vanished::default())).unwrap();
    assert_eq!(
        header[0].join(","),
        "job_run_id,job_id,job_name,status_name,started_at,absent_since,age_days,purge_age_days"
    );
}

#[test]
fn with_fewer_than_ten_absences_no_run_vanished_unless_the_purge_age_is_given() {
    let archive = absent_at(&[90, 90, 90, 91, 90, 90, 90, 92, 3]);
    let common = CommonOptions::default();
    let request = Ready::<Vanished>::plain(&common);
    assert_eq!(archive.lines(&request), [""; 0]);
    for format in [Format::TABLE, Format::HTML] {
        let text = archive.written(&request, format, Style::default());
        assert!(
            text.contains("Whether runs vanished early is not known: no purge age is known.")
                && text
                    .contains("Purge age unknown: the server stopped listing 9 runs so far, and it takes 10"),
            "{text}"
        );
    }
    let overview = archive.written(
        &Ready::<OverviewReport>::plain(&common),
        Format::TABLE,
        Style::default(),
    );
    assert!(
        overview.contains("whether 9 runs vanished early is not known"),
        "{overview}"
    );
    let given = CommonOptions {
        purge_age: Some(Duration::from_secs(90 * 86_400)),
        ..common
    };
    assert_eq!(archive.lines(&Ready::<Vanished>::plain(&given)).len(), 1);
}

#[test]
fn every_report_says_in_its_own_terms_that_it_is_empty() {
    let archive = TestArchive::new(&[Some("N")], &[TestRun::default()]);
    let later = span(Some(1), Some(2));
    fn said<R: Present>(archive: &TestArchive, common: &CommonOptions) -> String {
        let request = Ready::<R>::plain(common);
        let texts = Format::ALL
            .into_iter()
            .filter(|format| format.has_remarks)
            .map(|format| archive.written(&request, format, Style::default()));
        for text in texts {
            assert!(text.contains(R::EMPTY), "{}: {text}", R::NAME);
        }
        R::EMPTY.to_owned()
    }
    let all = [
        said::<FailureTrends>(&archive, &later),
        said::<AssetErrors>(&archive, &later),
        said::<Changes>(&archive, &later),
        said::<Runs>(&archive, &later),
        said::<Messages>(&archive, &later),
    ];
    let distinct: std::collections::HashSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    // Nothing is claimed that is not known.
    let missed = archive.written(
        &Ready::<MissedRuns>::plain(&later),
        Format::TABLE,
        Style::default(),
    );
    assert_eq!(
        missed,
        "Whether runs were missed is not known: every job has fewer than 3 runs with a start, or no usual interval between them.\n"
    );
    let regular = TestArchive::new(&[Some("N")], &starts(0, &[0, 10, 20]));
    let missed = regular.written(
        &Ready::<MissedRuns>::plain(&CommonOptions::default()),
        Format::TABLE,
        Style::default(),
    );
    // That job never answered completely.
    assert!(
        missed.starts_with("Between archived runs no run was missed. What came after them is not known"),
        "{missed}"
    );
}
