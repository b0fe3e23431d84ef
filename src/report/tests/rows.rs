//! The reports of whole rows: against the tables of the analysts, and what can be asked of them.

use crate::model::Instant;
use crate::report::options::{AssetFilter, Category, MessageFilter};
use crate::report::reports::runs::{RunFilter, WantedStatus};
use crate::report::reports::{Messages, Runs};
use crate::report::testing::{TestArchive, TestMessage, TestRun, job_id, plain};
use crate::report::{CommonOptions, Ready};

fn at(second: i64) -> Option<i64> {
    Some(second * 10_000_000)
}

fn archive() -> TestArchive {
    let said = |second, text, asset| TestMessage {
        at: at(second),
        text: Some(text),
        category: Some("Error"),
        asset: Some(asset),
        asset_type: Some("Windows"),
        owner: Some("Team A"),
        ..TestMessage::default()
    };
    let runs = [
        TestRun {
            job: 1,
            status: Some(5),
            start: Some(500_000_001),
            end: Some(500_000_000),
            messages: vec![said(60, "Link lost", "srv-1"), said(61, "ok", "srv-2")],
            ..TestRun::default()
        },
        TestRun {
            job: 0,
            status: None,
            messages: vec![TestMessage::default()],
            ..TestRun::default()
        },
        TestRun {
            job: 0,
            status: Some(42),
            start: at(-10),
            end: at(3590),
            is_absent: true,
            messages: vec![
                TestMessage {
                    details: Some("The LINK of host, \"x\"\nis down"),
                    category: Some("info"),
                    ..said(-5, "no", "SRV-1")
                },
                TestMessage {
                    is_absent: true,
                    ..said(3, "link?", "srv-1")
                },
                TestMessage {
                    at: None,
                    owner: None,
                    ..said(0, "late", "")
                },
            ],
        },
        // The same start as the first: the GUID decides.
        TestRun {
            job: 0,
            status: Some(4),
            start: Some(500_000_001),
            ..TestRun::default()
        },
    ];
    TestArchive::new(&[Some("A"), None], &runs)
}

fn of_runs(request: &Ready<Runs>) -> Vec<String> {
    first_columns(&archive().lines(request), 1)
}

/// Number of the run and of the message.
fn of_messages(request: &Ready<Messages>) -> Vec<String> {
    let lines = archive().lines(request);
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
    let absent_too = CommonOptions {
        include_absent: true,
        ..CommonOptions::default()
    };
    let tables = [
        (
            archive.try_csv(&plain(Runs::default())),
            "SELECT * FROM runs ORDER BY started_at IS NULL, started_at, job_run_id",
        ),
        (
            archive.try_csv(&Ready::<Messages>::plain(&absent_too)),
            "SELECT m.* FROM messages m JOIN runs r USING (job_run_id)
             ORDER BY started_at IS NULL, started_at, job_run_id, ordinal",
        ),
    ];
    for (found, sql) in tables {
        let table = archive.query(sql);
        assert!(table.len() > 4);
        let found = found.unwrap();
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
    let all = plain(Runs::default());
    assert_eq!(of_runs(&all), [run_id(2), run_id(0), run_id(3), run_id(1)]);
    let span = |since, until| {
        Ready::plain(&CommonOptions {
            since: at(since).map(Instant::from_ticks),
            until: Some(Instant::from_ticks(until)),
            ..CommonOptions::default()
        })
    };
    assert_eq!(of_runs(&span(-10, 500_000_001)), [run_id(2)]);
    assert_eq!(of_runs(&span(-9, 500_000_002)), [run_id(0), run_id(3)]);
}

#[test]
fn runs_are_chosen_by_job_status_and_messages() {
    let chosen = |change: fn(&mut CommonOptions, &mut RunFilter)| {
        let mut request = plain(Runs::default());
        change(&mut request.common, &mut request.report.filter);
        of_runs(&request)
    };
    assert_eq!(
        chosen(|_, filter| filter.statuses = [42, 5].map(WantedStatus::Code).to_vec()),
        [run_id(2), run_id(0)]
    );
    assert_eq!(chosen(|common, _| common.jobs = vec![job_id(1)]), [run_id(0)]);
    assert_eq!(
        chosen(|_, filter| filter.messages.assets.assets = vec!["Srv-2".to_owned()]),
        [run_id(0)]
    );
    // One message must fit everything; that of run 2 is absent.
    assert_eq!(
        chosen(|_, filter| {
            filter.messages = MessageFilter {
                categories: vec![Category::Error],
                assets: AssetFilter {
                    assets: vec!["srv-1".to_owned()],
                    ..AssetFilter::default()
                },
                search: Some("LINK".to_owned()),
            }
        }),
        [run_id(0)]
    );
    assert_eq!(
        chosen(|common, filter| {
            common.include_absent = true;
            filter.messages.search = Some("link?".to_owned());
        }),
        [run_id(2)]
    );
}

#[test]
fn messages_come_by_run_and_number_and_absent_ones_when_asked_for() {
    let mut all = plain(Messages::default());
    assert_eq!(of_messages(&all), ["2/0", "2/2", "0/0", "0/1", "1/0"]);
    all.common.include_absent = true;
    assert_eq!(of_messages(&all), ["2/0", "2/1", "2/2", "0/0", "0/1", "1/0"]);
}

#[test]
fn messages_are_chosen_by_what_they_say_and_by_their_own_time() {
    let chosen = |change: fn(&mut CommonOptions, &mut RunFilter)| {
        let mut request = plain(Messages::default());
        change(&mut request.common, &mut request.report.filter);
        of_messages(&request)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        chosen(|_, filter| filter.messages.search = Some("lInK".to_owned())),
        ["2/0", "0/0"]
    );
    assert_eq!(
        chosen(|_, filter| filter.messages.search = Some("host, \"x\"\nIS".to_owned())),
        ["2/0"]
    );
    assert_eq!(
        chosen(|_, filter| filter.messages.categories = vec![Category::Information]),
        ["2/0"]
    );
    assert_eq!(
        chosen(|_, filter| filter.messages.assets.assets = vec![String::new(), "srv-2".to_owned()]),
        ["2/2", "0/1", "1/0"]
    );
    assert_eq!(
        chosen(|_, filter| filter.messages.assets.asset_types = vec!["windows".to_owned()]),
        ["2/0", "2/2", "0/0", "0/1"]
    );
    assert_eq!(
        chosen(|_, filter| {
            filter.messages.assets.owners = vec!["team a".to_owned()];
            filter.statuses = vec![WantedStatus::Code(42)];
        }),
        ["2/0"]
    );
    // The one without a time counts with its run's start, ten seconds before 1970.
    assert_eq!(
        chosen(|common, _| common.until = Some(Instant::from_ticks(-60_000_000))),
        ["2/2"]
    );
    assert_eq!(
        chosen(|common, _| common.since = Some(Instant::from_unix_seconds(61))),
        ["0/1"]
    );
    assert_eq!(
        chosen(|_, filter| filter.messages.search = Some("nowhere".to_owned())),
        [""; 0]
    );
    let searched = RunFilter {
        messages: MessageFilter {
            search: text("x"),
            ..MessageFilter::default()
        },
        ..RunFilter::default()
    };
    assert_eq!(serde_json::to_value(searched).unwrap()["search"], "x");
}
