//! Is it getting better? Two spans beside each other.

use crate::archive::ReadOnly;
use crate::model::Instant;
use crate::report::options::Span;
use crate::report::reports::asset_errors::GroupBy;
use crate::report::reports::{AssetErrors, FailureTrends};
use crate::report::testing::{TestArchive, TestMessage, TestRun, job_id};
use crate::report::{CommonOptions, Ready, Request};

fn at(second: i64) -> Instant {
    Instant::from_unix_seconds(second)
}

/// From 200 to 300, beside 100 to 200.
fn common() -> CommonOptions {
    CommonOptions {
        since: Some(at(200)),
        until: Some(at(300)),
        ..CommonOptions::default()
    }
}

const BEFORE: Span = Span {
    since: Instant::from_unix_seconds(100),
    until: Instant::from_unix_seconds(200),
};

fn run(job: usize, status: i64, second: i64) -> TestRun {
    TestRun {
        job,
        status: Some(status),
        start: Some(at(second).ticks()),
        ..TestRun::default()
    }
}

#[test]
fn jobs_fail_more_or_less_often_than_in_the_span_before() {
    let runs = [
        // Job 0: one of three failed, then two of three.
        run(0, 4, 100),
        run(0, 5, 150),
        run(0, 4, 199),
        run(0, 7, 200),
        run(0, 5, 299),
        run(0, 4, 250),
        // Job 1 is new; job 2 gone; job 3 has finished nothing before; job 4 is as it was.
        run(1, 5, 200),
        run(2, 4, 199),
        run(3, 2, 150),
        run(3, 4, 250),
        run(4, 5, 150),
        run(4, 5, 250),
        // In neither span.
        run(5, 5, 99),
        run(5, 5, 300),
        TestRun {
            job: 5,
            ..TestRun::default()
        },
    ];
    let archive = TestArchive::new(&[Some("A"), None, None, None, None, None], &runs);
    let lines = |all_jobs| {
        let request = Ready {
            common: common(),
            report: FailureTrends {
                compare: BEFORE.into(),
                all_jobs,
                ..FailureTrends::default()
            },
        };
        let lines = archive.lines(&request);
        let short = (0..6).fold(lines.join("\n"), |text, job| {
            text.replace(&job_id(job), &format!("#{job}"))
        });
        short.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        lines(false),
        [
            "#0|A|3|3|0|1|2|1|0.3333|0.6667|0.3334|worse",
            "#1||0|1|1|0|1|1||1.0000||new",
            "#2||1|0|-1|0|0|0|0.0000|||gone",
            "#3||1|1|0|0|0|0||0.0000||unknown",
            "#4||1|1|0|1|1|0|1.0000|1.0000|0.0000|same",
        ]
    );
    assert_eq!(lines(true), ["||6|6|0|2|4|2|0.4000|0.6667|0.2667|worse"]);
    let request = Ready {
        common: common(),
        report: FailureTrends {
            compare: BEFORE.into(),
            ..FailureTrends::default()
        },
    };
    let reader = ReadOnly::open(&archive.path()).unwrap();
    let meta = request.meta(&reader.snapshot().unwrap()).unwrap();
    assert_eq!(meta.options["compare_since"], "1970-01-01T00:01:40Z");
    let header = archive.try_csv(&request).unwrap().remove(0);
    assert_eq!(
        header.join(","),
        "job_id,job_name,runs_before,runs,runs_change,failed_before,failed,failed_change,failure_rate_before,\
         failure_rate,failure_rate_change,trend"
    );
}

#[test]
fn assets_are_new_gone_worse_or_better_and_what_grew_most_comes_first() {
    let said = |second, asset, category, text| TestMessage {
        at: Some(at(second).ticks()),
        asset: Some(asset),
        category: Some(category),
        text: Some(text),
        details: Some(text),
        owner: Some(if second < 200 { "old" } else { "new" }),
        ..TestMessage::default()
    };
    let runs = [TestRun {
        messages: vec![
            said(100, "worse", "Error", "x"),
            said(200, "worse", "Error", "x"),
            said(201, "worse", "Error", "y"),
            said(202, "worse", "Error", "y"),
            said(150, "better", "Error", "x"),
            said(250, "better", "Warning", "w"),
            said(199, "gone", "Error", "x"),
            said(299, "new", "Info", "i"),
            said(150, "same", "Error", "x"),
            said(250, "same", "Error", "x"),
            said(99, "neither", "Error", "x"),
        ],
        ..run(0, 4, 100)
    }];
    let archive = TestArchive::new(&[None], &runs);
    let lines = |change: fn(&mut AssetErrors)| {
        let mut report = AssetErrors {
            compare: BEFORE.into(),
            ..AssetErrors::default()
        };
        change(&mut report);
        archive.lines(&Ready {
            common: common(),
            report,
        })
    };
    assert_eq!(
        lines(|_| {}),
        [
            "worse||new|1|3|2|1|3|2|worse|y|y",
            "same||new|1|1|0|1|1|0|same|x|x",
            "new||new|0|1|1|0|0|0|new|i|i",
            "better||new|1|1|0|1|0|-1|better|w|w",
            "gone||old|1|0|-1|1|0|-1|gone|x|x",
        ]
    );
    assert_eq!(lines(|report| report.min = 1).len(), 4);
    assert_eq!(lines(|report| report.top = Some(1)).len(), 1);
    assert_eq!(
        lines(|report| report.group_by = GroupBy::Category),
        [
            "|||4|4|0|4|4|0|same|||error",
            "|||0|1|1|0|0|0|new|||information",
            "|||0|1|1|0|0|0|new|||warning",
        ]
    );
    assert_eq!(
        lines(|report| report.group_by = GroupBy::Owner)[0],
        "||new|0|6|6|0|4|4|new||"
    );
    assert_eq!(
        lines(|report| report.group_by = GroupBy::Detail),
        [
            "|||0|2|2|0|2|2|new||y",
            "|||0|1|1|0|0|0|new||i",
            "|||0|1|1|0|0|0|new||w",
            "|||4|2|-2|4|2|-2|better||x",
        ]
    );
}
