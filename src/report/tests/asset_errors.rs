use crate::model::Instant;
use crate::report::options::{AssetFilter, Category};
use crate::report::reports::AssetErrors;
use crate::report::reports::asset_errors::GroupBy;
use crate::report::testing::{TestArchive, TestMessage, TestRun, plain};
use crate::report::{CommonOptions, Ready};

fn at(second: i64) -> Option<i64> {
    Some(second * 10_000_000)
}

fn message(second: i64, category: &'static str, asset: &'static str, text: &'static str) -> TestMessage {
    TestMessage {
        at: at(second),
        category: Some(category),
        asset: Some(asset),
        text: Some(text),
        ..TestMessage::default()
    }
}

fn archive() -> TestArchive {
    let owned = |owner, message| TestMessage {
        owner: Some(owner),
        ..message
    };
    let typed = |asset_type, message| TestMessage {
        asset_type: Some(asset_type),
        ..message
    };
    let runs = [
        TestRun {
            job: 0,
            start: at(100),
            messages: vec![
                owned("old", message(10, "Error", "a", "x")),
                message(11, "ERROR", "a", "y"),
                message(12, "Warning", "b", "x"),
                message(13, "Info", "b", ""),
                message(13, "informational", "b", ""),
                message(13, "Fatal", "", "z"),
                TestMessage::default(),
            ],
            ..TestRun::default()
        },
        TestRun {
            job: 1,
            start: at(200),
            messages: vec![
                owned("new", message(20, "Information", "a", "y")),
                typed("SQL", message(5, "Error", "a", "x")),
                TestMessage {
                    at: None,
                    ..message(0, "Error", "b", "q")
                },
                TestMessage {
                    is_absent: true,
                    ..message(1, "Error", "b", "gone")
                },
            ],
            ..TestRun::default()
        },
    ];
    TestArchive::new(&[None, None], &runs)
}

fn lines(report: AssetErrors) -> Vec<String> {
    archive().lines(&plain(report))
}

fn lines_of(common: CommonOptions) -> Vec<String> {
    archive().lines(&Ready::<AssetErrors>::plain(&common))
}

fn second(second: i64) -> Option<Instant> {
    Some(Instant::from_unix_seconds(second))
}

#[test]
fn a_row_is_about_an_asset_of_a_type_and_the_worst_comes_first() {
    assert_eq!(
        lines(AssetErrors::default()),
        [
            "a||new|3|2|0|1|0|2|2|1970-01-01T00:00:10Z|1970-01-01T00:00:20Z|y|",
            "b|||4|1|1|2|0|2|2|1970-01-01T00:00:12Z|1970-01-01T00:03:20Z|q|",
            "a|SQL||1|1|0|0|0|1|1|1970-01-01T00:00:05Z|1970-01-01T00:00:05Z|x|",
            "|||2|0|0|0|2|1|1|1970-01-01T00:00:13Z|1970-01-01T00:01:40Z|z|",
        ]
    );
    let header = archive()
        .try_csv(&plain(AssetErrors::default()))
        .unwrap()
        .remove(0);
    assert_eq!(
        header.join(","),
        "asset,asset_type,asset_owner,messages,errors,warnings,information,other,runs,jobs,first_seen,last_seen,\
         top_message,top_detail"
    );
}

#[test]
fn top_and_min_leave_rows_out() {
    let top = AssetErrors {
        top: Some(1),
        ..AssetErrors::default()
    };
    assert_eq!(lines(top).len(), 1);
    let min = AssetErrors {
        min: 1,
        ..AssetErrors::default()
    };
    assert_eq!(lines(min).len(), 3);
    let none = AssetErrors {
        top: Some(0),
        ..AssetErrors::default()
    };
    assert_eq!(lines(none), [""; 0]);
}

#[test]
fn categories_and_spans_decide_what_a_row_counts() {
    let warnings = AssetErrors {
        categories: vec![Category::Warning, Category::Other],
        ..AssetErrors::default()
    };
    assert_eq!(
        lines(warnings),
        [
            "|||2|0|0|0|2|1|1|1970-01-01T00:00:13Z|1970-01-01T00:01:40Z|z|",
            "b|||1|0|1|0|0|1|1|1970-01-01T00:00:12Z|1970-01-01T00:00:12Z|x|",
        ]
    );
    // A message without a time counts with its run's start.
    let late = CommonOptions {
        since: second(20),
        until: second(200),
        ..CommonOptions::default()
    };
    assert_eq!(
        lines_of(late),
        [
            "|||1|0|0|0|1|1|1|1970-01-01T00:01:40Z|1970-01-01T00:01:40Z||",
            "a||new|1|0|0|1|0|1|1|1970-01-01T00:00:20Z|1970-01-01T00:00:20Z|y|",
        ]
    );
    let early = CommonOptions {
        until: second(11),
        ..CommonOptions::default()
    };
    assert!(lines_of(early)[0].starts_with("a||old|1|1|"));
}

#[test]
fn assets_can_be_named_by_name_type_and_owner() {
    let about = |assets: AssetFilter| {
        let rows = lines(AssetErrors {
            assets,
            ..AssetErrors::default()
        });
        rows.iter()
            .map(|row| row.split('|').take(4).collect::<Vec<_>>().join("|"))
            .collect::<Vec<_>>()
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        about(AssetFilter {
            assets: names(&["A", ""]),
            ..AssetFilter::default()
        }),
        ["a||new|3", "a|SQL||1", "|||2"]
    );
    assert_eq!(
        about(AssetFilter {
            assets: names(&["a"]),
            asset_types: names(&["sql"]),
            ..AssetFilter::default()
        }),
        ["a|SQL||1"]
    );
    assert_eq!(
        about(AssetFilter {
            owners: names(&["old"]),
            ..AssetFilter::default()
        }),
        ["a||old|1"]
    );
}

#[test]
fn absent_messages_count_when_asked_for() {
    let absent_too = CommonOptions {
        include_absent: true,
        ..CommonOptions::default()
    };
    assert!(
        lines_of(absent_too)
            .contains(&"b|||5|2|1|2|0|2|2|1970-01-01T00:00:01Z|1970-01-01T00:03:20Z|gone|".to_owned())
    );
}

#[test]
fn other_groupings_leave_the_other_asset_columns_empty() {
    let by = |group_by| {
        lines(AssetErrors {
            group_by,
            ..AssetErrors::default()
        })
    };
    assert_eq!(
        by(GroupBy::AssetType)
            .iter()
            .map(|line| line.split('|').take(5).collect::<Vec<_>>().join("|"))
            .collect::<Vec<_>>(),
        ["|||9|3", "|SQL||1|1"]
    );
    assert!(
        by(GroupBy::Owner)
            .contains(&"||old|1|1|0|0|0|1|1|1970-01-01T00:00:10Z|1970-01-01T00:00:10Z||".to_owned())
    );
    assert!(
        by(GroupBy::Message)
            .contains(&"|||2|1|0|1|0|2|2|1970-01-01T00:00:11Z|1970-01-01T00:00:20Z|y|".to_owned())
    );
    assert_eq!(
        by(GroupBy::Category),
        [
            "|||4|4|0|0|0|2|2|1970-01-01T00:00:05Z|1970-01-01T00:03:20Z|||error",
            "|||3|0|0|3|0|2|2|1970-01-01T00:00:13Z|1970-01-01T00:00:20Z|||information",
            "|||2|0|0|0|2|1|1|1970-01-01T00:00:13Z|1970-01-01T00:01:40Z|||other",
            "|||1|0|1|0|0|1|1|1970-01-01T00:00:12Z|1970-01-01T00:00:12Z|||warning",
        ]
    );
}

#[test]
fn the_top_detail_is_the_most_frequent_text_and_of_equally_frequent_ones_the_first_by_bytes() {
    let detailed = |asset, text, details| TestMessage {
        details,
        ..message(10, "Error", asset, text)
    };
    // The archive of this test stores every other text again, under another key.
    let many = |asset, text, details: &[Option<&'static str>]| -> Vec<TestMessage> {
        details
            .iter()
            .map(|&details| detailed(asset, text, details))
            .collect()
    };
    let run = |messages| TestRun {
        start: at(100),
        messages,
        ..TestRun::default()
    };
    let archive = TestArchive::new(
        &[None],
        &[
            run(many(
                "a",
                "x",
                &[
                    Some("often"),
                    Some("seldom"),
                    Some("often"),
                    Some("often"),
                    Some("seldom"),
                ],
            )),
            run(many("b", "y", &[Some("b"), Some("B"), Some("\u{e9}"), Some("e")])),
            // Neither what is missing nor what is empty counts, however often it comes.
            run(many(
                "c",
                "z",
                &[None, None, Some(""), Some(""), Some(""), Some("said")],
            )),
            run(many("d", "z", &[None, Some("")])),
            run(many("b", "y", &[Some("b"), Some("often"), Some("B")])),
        ],
    );
    let lines = |report: AssetErrors| archive.lines(&plain(report));
    let tops = |group_by, columns: std::ops::Range<usize>| {
        let rows = lines(AssetErrors {
            group_by,
            ..AssetErrors::default()
        });
        rows.iter()
            .map(|row| {
                let cells: Vec<&str> = row.split('|').collect();
                let (asset, messages, tops) = (cells[0], cells[3], &cells[columns.clone()]);
                format!("{asset} {messages} {}", tops.join(" "))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        tops(GroupBy::Asset, 12..14),
        ["b 7 y B", "c 6 z said", "a 5 x often", "d 2 z "]
    );
    assert_eq!(
        tops(GroupBy::Detail, 12..14),
        [
            " 7  ",
            " 4  often",
            " 2  B",
            " 2  b",
            " 2  seldom",
            " 1  e",
            " 1  said",
            " 1  \u{e9}"
        ]
    );
    assert_eq!(tops(GroupBy::Message, 12..14), [" 8 z ", " 7 y ", " 5 x "]);
    let top = lines(AssetErrors {
        top: Some(1),
        ..AssetErrors::default()
    });
    assert!(top[0].ends_with("|y|B"), "{top:?}");
}
