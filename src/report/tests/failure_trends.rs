use crate::model::{Instant, named};
use crate::report::reports::FailureTrends;
use crate::report::testing::{TestArchive, TestMessage, TestRun, job_id, plain};
use crate::report::{CommonOptions, Period, Ready, ReportError};

fn at(text: &str) -> i64 {
    moment(text).ticks()
}

fn moment(text: &str) -> Instant {
    let text = if text.len() == 10 {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    let time = chrono::DateTime::parse_from_rfc3339(&text).unwrap();
    Instant::from_ticks(time.timestamp_nanos_opt().unwrap() / 100)
}

fn run(job: usize, status: i64, start: &str) -> TestRun {
    TestRun {
        job,
        status: Some(status),
        start: Some(at(start)),
        ..TestRun::default()
    }
}

fn lines(archive: &TestArchive, common: CommonOptions, report: FailureTrends) -> Vec<String> {
    let ids = [(0, "A"), (1, "B"), (2, "C")];
    let lines = archive.lines(&Ready { common, report });
    lines
        .into_iter()
        .map(|line| {
            ids.iter()
                .fold(line, |line, (job, letter)| line.replace(&job_id(*job), letter))
        })
        .collect()
}

#[test]
fn a_row_counts_the_runs_of_a_day_of_a_job_by_what_became_of_them() {
    let timed = |status, seconds: i64| TestRun {
        end: Some(at("2024-03-01T10:00:00Z") + seconds * 10_000_000),
        ..run(0, status, "2024-03-01T10:00:00Z")
    };
    let with_messages = TestRun {
        messages: vec![
            TestMessage::default(),
            TestMessage {
                is_absent: true,
                ..TestMessage::default()
            },
        ],
        ..run(0, 5, "2024-03-01T00:00:00Z")
    };
    let runs = [
        timed(4, 10),
        timed(4, 11),
        timed(7, -3),
        with_messages,
        run(0, 0, "2024-03-01T23:59:59Z"),
        run(0, 3, "2024-03-01T23:59:59Z"),
        run(0, 6, "2024-03-01T23:59:59Z"),
        run(0, 42, "2024-03-01T23:59:59Z"),
        TestRun {
            status: None,
            ..run(0, 0, "2024-03-01T23:59:59Z")
        },
        run(1, 4, "2024-03-01T01:00:00Z"),
        run(0, 2, "2024-03-02T00:00:00Z"),
        TestRun {
            is_absent: true,
            ..run(0, 4, "2024-03-03T00:00:00Z")
        },
        TestRun {
            start: None,
            ..run(1, 5, "2024-03-01T00:00:00Z")
        },
    ];
    let archive = TestArchive::new(&[Some("Nightly, all"), None], &runs);
    assert_eq!(
        lines(&archive, CommonOptions::default(), FailureTrends::default()),
        [
            "2024-03-01|A|Nightly, all|9|2|1|1|2|3|0.5000|1|1|6.0|11",
            "2024-03-01|B||1|1|0|0|0|0|0.0000|0|0||",
            "2024-03-02|A|Nightly, all|1|0|0|0|1|0||0|0||",
            "2024-03-03|A|Nightly, all|1|1|0|0|0|0|0.0000|0|0||",
            "|B||1|0|1|0|0|0|1.0000|0|0||",
        ]
    );
    let absent_too = CommonOptions {
        include_absent: true,
        ..CommonOptions::default()
    };
    let all_jobs = FailureTrends {
        all_jobs: true,
        ..FailureTrends::default()
    };
    assert_eq!(
        lines(&archive, absent_too, all_jobs)[..2],
        [
            "2024-03-01|||10|3|1|1|2|3|0.4000|1|2|6.0|11",
            "2024-03-02|||1|0|0|0|1|0||0|0||"
        ]
    );
    let header = archive
        .try_csv(&plain(FailureTrends::default()))
        .unwrap()
        .remove(0);
    assert_eq!(
        header.join(","),
        "period_start,job_id,job_name,runs,completed,faulted,aborted,unfinished,other,failure_rate,\
         runs_with_messages,messages,mean_duration_seconds,max_duration_seconds"
    );
}

#[test]
fn since_is_included_and_until_is_not_and_runs_without_a_start_are_left_out() {
    let runs = [
        run(0, 4, "2024-03-01T00:00:00Z"),
        run(0, 4, "2024-03-02T00:00:00Z"),
        run(0, 4, "2024-03-03T00:00:00Z"),
        TestRun::default(),
    ];
    let archive = TestArchive::new(&[None], &runs);
    let common = CommonOptions {
        since: Some(moment("2024-03-01")),
        until: Some(moment("2024-03-03")),
        ..CommonOptions::default()
    };
    let found = lines(&archive, common, FailureTrends::default());
    assert_eq!(found.len(), 2);
    assert!(found[1].starts_with("2024-03-02"));
    let backwards = CommonOptions {
        since: Some(moment("2024-03-03")),
        until: Some(moment("2024-03-01")),
        ..CommonOptions::default()
    };
    let request = Ready::<FailureTrends>::plain(&backwards);
    let error = archive.try_csv(&request).unwrap_err();
    assert!(matches!(error, ReportError::SinceAfterUntil { .. }), "{error}");
    assert!(error.is_wrong_usage());
}

#[test]
fn fill_gives_every_job_of_the_report_every_period() {
    let runs = [
        run(0, 4, "2024-01-31T00:00:00Z"),
        run(1, 5, "2024-03-01T00:00:00Z"),
        TestRun {
            job: 2,
            ..TestRun::default()
        },
    ];
    let archive = TestArchive::new(&[None, None, None], &runs);
    let filled = |common: CommonOptions| {
        let report = FailureTrends {
            by: Period::Month,
            fill: true,
            ..FailureTrends::default()
        };
        let lines = lines(&archive, common, report);
        lines
            .into_iter()
            .map(|line| line.split('|').take(4).collect::<Vec<_>>().join("|"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        filled(CommonOptions::default()),
        [
            "2024-01-01|A||1",
            "2024-01-01|B||0",
            "2024-01-01|C||0",
            "2024-02-01|A||0",
            "2024-02-01|B||0",
            "2024-02-01|C||0",
            "2024-03-01|A||0",
            "2024-03-01|B||1",
            "2024-03-01|C||0",
            "|C||1",
        ]
    );
    let span = CommonOptions {
        since: Some(moment("2023-12-31T23:59:59Z")),
        until: Some(moment("2024-02-01")),
        ..CommonOptions::default()
    };
    assert_eq!(filled(span), ["2023-12-01|A||0", "2024-01-01|A||1"]);
    let nothing = CommonOptions {
        since: Some(moment("2030-01-01")),
        ..CommonOptions::default()
    };
    assert_eq!(filled(nothing), [""; 0]);
}

#[test]
fn fill_gives_no_row_to_a_day_that_the_zone_skipped() {
    let runs = [
        run(0, 4, "2011-12-29T12:00:00Z"),
        run(0, 4, "2012-01-01T12:00:00Z"),
    ];
    let archive = TestArchive::new(&[None], &runs);
    let common = CommonOptions {
        zone: named("Pacific/Apia"),
        ..CommonOptions::default()
    };
    let report = FailureTrends {
        fill: true,
        ..FailureTrends::default()
    };
    let days: Vec<String> = lines(&archive, common, report)
        .iter()
        .map(|line| line.split('|').next().unwrap().to_owned())
        .collect();
    assert_eq!(days, ["2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02"]);
}

#[test]
fn a_job_can_be_named_and_an_unknown_one_is_wrong_usage() {
    let runs = [
        run(0, 4, "2024-01-01T00:00:00Z"),
        run(1, 4, "2024-01-01T00:00:00Z"),
    ];
    let archive = TestArchive::new(&[Some("Nightly"), Some("Weekly")], &runs);
    let of = |name: &str| {
        Ready::<FailureTrends>::plain(&CommonOptions {
            jobs: vec![name.to_owned()],
            ..CommonOptions::default()
        })
    };
    assert_eq!(archive.lines(&of("Weekly")).len(), 1);
    assert_eq!(archive.lines(&of(&job_id(1).to_uppercase())).len(), 1);
    let error = archive.try_csv(&of("Weakly")).unwrap_err();
    assert!(
        matches!(&error, ReportError::UnknownJob { nearest: Some(nearest), .. } if nearest == "Weekly"),
        "{error:?}"
    );
}

#[test]
fn a_report_over_nothing_is_a_header() {
    let archive = TestArchive::new(&[], &[]);
    for fill in [false, true] {
        let report = FailureTrends {
            fill,
            ..FailureTrends::default()
        };
        assert_eq!(archive.try_csv(&plain(report)).unwrap().len(), 1);
    }
}
