//! The reports of whole rows: against the tables of the analysts, and what can be asked of them.

use crate::model::Instant;
use crate::report::asset_errors::Category;
use crate::report::testing::{Message, Run, TestArchive, job_id};
use crate::report::{AssetsWanted, CommonOptions, MessagesWanted, Request, messages, runs};

fn at(second: i64) -> Option<i64> {
    Some(second * 10_000_000)
}

fn archive() -> TestArchive {
    let said = |second, text, asset| Message {
        at: at(second),
        text: Some(text),
        category: Some("Error"),
        asset: Some(asset),
        asset_type: Some("Windows"),
        owner: Some("Team A"),
        ..Message::default()
    };
    let runs = [
        Run {
            job: 1,
            status: Some(5),
            start: Some(500_000_001),
            end: Some(500_000_000),
            messages: vec![said(60, "Link lost", "srv-1"), said(61, "ok", "srv-2")],
            ..Run::default()
        },
        Run {
            job: 0,
            status: None,
            messages: vec![Message::default()],
            ..Run::default()
        },
        Run {
            job: 0,
            status: Some(42),
            start: at(-10),
            end: at(3590),
            is_absent: true,
            messages: vec![
                Message {
                    details: Some("The LINK of host, \"x\"\nis down"),
                    category: Some("info"),
                    ..said(-5, "no", "SRV-1")
                },
                Message {
                    is_absent: true,
                    ..said(3, "link?", "srv-1")
                },
                Message {
                    at: None,
                    owner: None,
                    ..said(0, "late", "")
                },
            ],
        },
        // The same start as the first: the GUID decides.
        Run {
            job: 0,
            status: Some(4),
            start: Some(500_000_001),
            ..Run::default()
        },
    ];
    TestArchive::new(&[Some("A"), None], &runs)
}

fn of_runs(options: runs::Options) -> Vec<String> {
    first_columns(&archive().lines(&Request::Runs(options)), 1)
}

/// Number of the run and of the message.
fn of_messages(options: messages::Options) -> Vec<String> {
    let lines = archive().lines(&Request::Messages(options));
    lines
        .iter()
        .map(|line| {
            let cells: Vec<&str> = line.split('|').collect();
            format!("{}/{}", &cells[0][35..], cells[2])
        })
        .collect()
}

fn first_columns(lines: &[String], count: usize) -> Vec<String> {
    let shorter = |line: &String| line.split('|').take(count).collect::<Vec<_>>().join("|");
    lines.iter().map(shorter).collect()
}

fn run_id(number: usize) -> String {
    format!("413e6d92-6de0-4a89-8752-{number:012x}")
}

#[test]
fn runs_and_messages_are_the_tables_of_the_analysts() {
    let archive = archive();
    let tables = [
        (
            Request::Runs(runs::Options::default()),
            "SELECT * FROM runs ORDER BY started_at IS NULL, started_at, job_run_id",
        ),
        (
            Request::Messages(messages::Options {
                common: CommonOptions {
                    include_absent: true,
                    ..CommonOptions::default()
                },
                ..messages::Options::default()
            }),
            "SELECT m.* FROM messages m JOIN runs r USING (job_run_id)
             ORDER BY started_at IS NULL, started_at, job_run_id, ordinal",
        ),
    ];
    for (request, sql) in tables {
        let table = archive.query(sql);
        assert!(table.len() > 4);
        let found = archive.try_csv(&request).unwrap();
        assert_eq!(found[0], table[0]);
        // The one number with a point is the shortest decimal there, and exact here.
        let without_zeros = |rows: &[Vec<String>]| -> Vec<Vec<String>> {
            let plain = |cell: &String| {
                if cell == "-1e-7" {
                    "-0.0000001".to_owned()
                } else {
                    cell.clone()
                }
            };
            rows.iter().map(|row| row.iter().map(plain).collect()).collect()
        };
        assert_eq!(found, without_zeros(&table));
    }
}

#[test]
fn runs_come_by_start_and_those_without_one_last() {
    let all = runs::Options::default();
    assert_eq!(of_runs(all), [run_id(2), run_id(0), run_id(3), run_id(1)]);
    let span = |since, until| runs::Options {
        common: CommonOptions {
            since: at(since).map(Instant::from_ticks),
            until: Some(Instant::from_ticks(until)),
            ..CommonOptions::default()
        },
        ..runs::Options::default()
    };
    assert_eq!(of_runs(span(-10, 500_000_001)), [run_id(2)]);
    assert_eq!(of_runs(span(-9, 500_000_002)), [run_id(0), run_id(3)]);
}

#[test]
fn runs_are_chosen_by_job_status_and_messages() {
    let chosen = |change: fn(&mut runs::Options)| {
        let mut options = runs::Options::default();
        change(&mut options);
        of_runs(options)
    };
    assert_eq!(
        chosen(|options| options.statuses = vec![42, 5]),
        [run_id(2), run_id(0)]
    );
    assert_eq!(
        chosen(|options| options.common.jobs = vec![job_id(1)]),
        [run_id(0)]
    );
    assert_eq!(
        chosen(|options| options.messages.about.assets = vec!["Srv-2".to_owned()]),
        [run_id(0)]
    );
    // One message must fit everything; that of run 2 is absent.
    assert_eq!(
        chosen(|options| {
            options.messages = MessagesWanted {
                categories: vec![Category::Error],
                about: AssetsWanted {
                    assets: vec!["srv-1".to_owned()],
                    ..AssetsWanted::default()
                },
                search: Some("LINK".to_owned()),
            }
        }),
        [run_id(0)]
    );
    assert_eq!(
        chosen(|options| {
            options.common.include_absent = true;
            options.messages.search = Some("link?".to_owned());
        }),
        [run_id(2)]
    );
}

#[test]
fn messages_come_by_run_and_number_and_absent_ones_when_asked_for() {
    let mut options = messages::Options::default();
    assert_eq!(of_messages(options.clone()), ["2/0", "2/2", "0/0", "0/1", "1/0"]);
    options.common.include_absent = true;
    assert_eq!(of_messages(options), ["2/0", "2/1", "2/2", "0/0", "0/1", "1/0"]);
}

#[test]
fn messages_are_chosen_by_what_they_say_and_by_their_own_time() {
    let chosen = |change: fn(&mut messages::Options)| {
        let mut options = messages::Options::default();
        change(&mut options);
        of_messages(options)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        chosen(|options| options.messages.search = Some("lInK".to_owned())),
        ["2/0", "0/0"]
    );
    assert_eq!(
        chosen(|options| options.messages.search = Some("host, \"x\"\nIS".to_owned())),
        ["2/0"]
    );
    assert_eq!(
        chosen(|options| options.messages.categories = vec![Category::Information]),
        ["2/0"]
    );
    assert_eq!(
        chosen(|options| options.messages.about.assets = vec![String::new(), "srv-2".to_owned()]),
        ["2/2", "0/1", "1/0"]
    );
    assert_eq!(
        chosen(|options| options.messages.about.asset_types = vec!["windows".to_owned()]),
        ["2/0", "2/2", "0/0", "0/1"]
    );
    assert_eq!(
        chosen(|options| {
            options.messages.about.owners = vec!["team a".to_owned()];
            options.statuses = vec![42];
        }),
        ["2/0"]
    );
    // The one without a time counts with its run's start, ten seconds before 1970.
    assert_eq!(
        chosen(|options| options.common.until = Some(Instant::from_ticks(-60_000_000))),
        ["2/2"]
    );
    assert_eq!(
        chosen(|options| options.common.since = Some(Instant::from_unix_seconds(61))),
        ["0/1"]
    );
    assert_eq!(
        chosen(|options| options.messages.search = Some("nowhere".to_owned())),
        [""; 0]
    );
    let described = messages::Options {
        messages: MessagesWanted {
            search: text("x"),
            ..MessagesWanted::default()
        },
        ..messages::Options::default()
    };
    assert_eq!(described.described()["search"], "x");
}
