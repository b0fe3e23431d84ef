//! The reports against a recount in plain code: no SQL, no shared counting, floating point and maps of rows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, TimeZone, Utc};
use proptest::prelude::*;
use proptest::sample::select;

use crate::model::{Instant, Zone, named};
use crate::report::reports::asset_errors::GroupBy;
use crate::report::reports::{AssetErrors, FailureTrends};
use crate::report::testing::{TestArchive, TestMessage, TestRun, job_id};
use crate::report::{CommonOptions, Period, Ready};

const ZONES: [&str; 5] = [
    "UTC",
    "Asia/Kolkata",
    "Europe/Berlin",
    "America/St_Johns",
    "Pacific/Apia",
];
const NAMES: [Option<&str>; 3] = [Some("Nightly"), None, Some("a,\"b\"\n")];

/// Hours around changes of the clocks, and far ones.
fn any_ticks() -> impl Strategy<Value = i64> {
    let seconds = prop_oneof![
        1_711_756_800_i64..1_711_929_600,  // Berlin's 31 March 2024
        1_729_900_800_i64..1_730_073_600,  // and its 27 October
        1_325_203_200_i64..1_325_376_000,  // Samoa's missing day
        -2_000_000_000_i64..4_000_000_000, // 1906 to 2096
    ];
    (seconds, prop_oneof![4 => Just(0_i64), 1 => 0..10_000_000_i64]).prop_map(|(s, f)| s * 10_000_000 + f)
}

fn any_message() -> impl Strategy<Value = TestMessage> {
    (
        proptest::option::of(any_ticks()),
        select(vec![None, Some(""), Some("x"), Some("y"), Some("ü, \"z\"")]),
        select(vec![
            None,
            Some("Error"),
            Some("error"),
            Some("WARNING"),
            Some("Info"),
            Some("Information"),
            Some("informational"),
            Some("Fatal"),
        ]),
        select(vec![None, Some(""), Some("a"), Some("b"), Some("=c")]),
        select(vec![None, Some(""), Some("SQL")]),
        select(vec![None, Some("o1"), Some("o2")]),
        select(vec![
            None,
            Some(""),
            Some("d"),
            Some("D"),
            Some("\u{e9}"),
            Some("dd"),
        ]),
        proptest::bool::weighted(0.2),
    )
        .prop_map(
            |(at, text, category, asset, asset_type, owner, details, is_absent)| TestMessage {
                at,
                text,
                details,
                category,
                asset,
                asset_type,
                owner,
                is_absent,
            },
        )
}

fn any_run() -> impl Strategy<Value = TestRun> {
    (
        0..NAMES.len(),
        proptest::option::of(-1..9_i64),
        proptest::option::weighted(0.9, any_ticks()),
        proptest::option::of(-36_000_000_000..360_000_000_000_i64),
        any::<bool>(),
        proptest::collection::vec(any_message(), 0..6),
    )
        .prop_map(|(job, status, start, length, is_absent, messages)| TestRun {
            job,
            status,
            start,
            end: start.zip(length).map(|(start, length)| start + length),
            is_absent,
            messages,
        })
}

fn any_common() -> impl Strategy<Value = CommonOptions> {
    (
        select(&ZONES[..]).prop_map(named),
        proptest::option::weighted(0.3, any_ticks()),
        proptest::option::weighted(0.3, any_ticks()),
        proptest::option::weighted(0.3, 0..NAMES.len()),
        any::<bool>(),
    )
        .prop_map(|(zone, a, b, job, include_absent)| {
            let (since, until) = match (a, b) {
                (Some(a), Some(b)) => (Some(a.min(b)), Some(a.max(b))),
                other => other,
            };
            CommonOptions {
                since: since.map(Instant::from_ticks),
                until: until.map(Instant::from_ticks),
                zone,
                jobs: job.map(job_id).into_iter().collect(),
                include_absent,
                purge_age: None,
            }
        })
}

fn lies_in(common: &CommonOptions, at: Option<i64>) -> bool {
    match at {
        None => common.since.is_none() && common.until.is_none(),
        Some(at) => {
            at >= common.since.map_or(i64::MIN, Instant::ticks)
                && common.until.is_none_or(|until| at < until.ticks())
        }
    }
}

fn wants(common: &CommonOptions, run: &TestRun) -> bool {
    common.jobs.is_empty() || common.jobs.contains(&job_id(run.job))
}

/// The first day of the period, by the calendar of the zone's wall clock.
fn period(ticks: i64, zone: Zone, by: Period) -> String {
    let utc: DateTime<Utc> = DateTime::from_timestamp_nanos(ticks * 100);
    let local = zone.from_utc_datetime(&utc.naive_utc());
    let (year, month) = (local.year(), local.month());
    match by {
        Period::Day => local.format("%Y-%m-%d").to_string(),
        Period::Week => {
            // The Monday of the ISO week.
            let week = local.iso_week();
            let monday = chrono::NaiveDate::from_isoywd_opt(week.year(), week.week(), chrono::Weekday::Mon);
            monday.unwrap().to_string()
        }
        Period::Month => format!("{year:04}-{month:02}-01"),
        Period::Quarter => format!(
            "{year:04}-{:02}-01",
            [1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10, 10][month as usize - 1]
        ),
        Period::Year => format!("{year:04}-01-01"),
    }
}

fn trends(runs: &[TestRun], common: &CommonOptions, by: Period) -> Vec<String> {
    let mut groups: BTreeMap<(bool, String, String), Vec<&TestRun>> = BTreeMap::new();
    for run in runs {
        if wants(common, run) && lies_in(common, run.start) {
            let start = run
                .start
                .map_or(String::new(), |start| period(start, common.zone, by));
            let key = (run.start.is_none(), start, job_id(run.job));
            groups.entry(key).or_default().push(run);
        }
    }
    let mut lines = Vec::new();
    for ((_, start, job), runs) in groups {
        let count = |statuses: &[i64]| {
            let meant = |run: &&&TestRun| run.status.is_some_and(|status| statuses.contains(&status));
            runs.iter().filter(meant).count()
        };
        let (completed, faulted, aborted, unfinished) =
            (count(&[4]), count(&[5]), count(&[7]), count(&[0, 1, 2, 3]));
        let finished = completed + faulted + aborted;
        let rate = if finished == 0 {
            String::new()
        } else {
            // Whole ten thousandths, halves up.
            let scaled = ((faulted + aborted) * 20_000 + finished) / (2 * finished);
            format!("{}.{:04}", scaled / 10_000, scaled % 10_000)
        };
        let messages = |run: &TestRun| {
            let counts = |message: &&TestMessage| common.include_absent || !message.is_absent;
            run.messages.iter().filter(counts).count()
        };
        let lengths: Vec<i64> = runs
            .iter()
            .filter_map(|run| Some(run.end? - run.start?))
            .collect();
        let (mean, max) = if lengths.is_empty() {
            (String::new(), String::new())
        } else {
            let sum: i64 = lengths.iter().sum();
            let exact = sum as f64 / lengths.len() as f64 / 10_000_000.0;
            let max = *lengths.iter().max().unwrap();
            (format!("{exact:.1}"), format!("{}", max as f64 / 1e7))
        };
        let name = NAMES[runs[0].job].unwrap_or("");
        lines.push(format!(
            "{start}|{job}|{name}|{}|{completed}|{faulted}|{aborted}|{unfinished}|{}|{rate}|{}|{}|{mean}|{max}",
            runs.len(),
            runs.len() - finished - unfinished,
            runs.iter().filter(|run| messages(run) > 0).count(),
            runs.iter().map(|run| messages(run)).sum::<usize>(),
        ));
    }
    lines
}

fn shown(at: Option<i64>) -> String {
    at.map_or(String::new(), |at| Instant::from_ticks(at).to_string())
}

fn assets(runs: &[TestRun], common: &CommonOptions, by: GroupBy) -> Vec<String> {
    type Seen<'m> = (usize, &'m TestRun, &'m TestMessage, Option<i64>);
    let mut groups: BTreeMap<(&str, &str), Vec<Seen<'_>>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        for message in &run.messages {
            let at = message.at.or(run.start);
            if wants(common, run) && lies_in(common, at) && (common.include_absent || !message.is_absent) {
                let key = match by {
                    GroupBy::Detail => (message.details.unwrap_or(""), ""),
                    _ => (message.asset.unwrap_or(""), message.asset_type.unwrap_or("")),
                };
                groups.entry(key).or_default().push((index, run, message, at));
            }
        }
    }
    let mut rows = Vec::new();
    for ((asset, asset_type), seen) in groups {
        let of = |wanted: &[&str]| {
            let is =
                |category: Option<&str>| wanted.contains(&category.unwrap_or("").to_lowercase().as_str());
            seen.iter()
                .filter(|(_, _, message, _)| is(message.category))
                .count()
        };
        let (errors, warnings) = (of(&["error"]), of(&["warning"]));
        let information = of(&["information", "info", "informational"]);
        let owner = seen.iter().map(|(_, _, message, at)| (*at, message.owner)).max();
        let top = |text: fn(&TestMessage) -> Option<&'static str>| {
            let mut texts: BTreeMap<&str, i64> = BTreeMap::new();
            for (_, _, message, _) in &seen {
                if let Some(text) = text(message).filter(|text| !text.is_empty()) {
                    *texts.entry(text).or_default() -= 1;
                }
            }
            let top = texts.into_iter().min_by_key(|(text, count)| (*count, *text));
            top.map_or("", |(text, _)| text)
        };
        let mut cells = [
            asset,
            owner.and_then(|(_, owner)| owner).unwrap_or(""),
            top(|message| message.text),
            top(|message| message.details),
        ];
        if by == GroupBy::Detail {
            cells = ["", "", "", asset];
        }
        let [shown_asset, owner, top_message, top_detail] = cells;
        let line = format!(
            "{shown_asset}|{asset_type}|{owner}|{}|{errors}|{warnings}|{information}|{}|{}|{}|{}|{}|{top_message}|{top_detail}",
            seen.len(),
            seen.len() - errors - warnings - information,
            seen.iter()
                .map(|(index, ..)| index)
                .collect::<BTreeSet<_>>()
                .len(),
            seen.iter()
                .map(|(_, run, ..)| run.job)
                .collect::<BTreeSet<_>>()
                .len(),
            shown(seen.iter().filter_map(|(.., at)| *at).min()),
            shown(seen.iter().filter_map(|(.., at)| *at).max()),
        );
        let order = (std::cmp::Reverse((errors, seen.len())), asset, asset_type);
        rows.push((order, line));
    }
    rows.sort();
    rows.into_iter().map(|(_, line)| line).collect()
}

/// Means that lie in the middle of two tenths are rounded otherwise by floating point.
fn same_but_for_halves(found: &[String], wanted: &[String]) -> bool {
    found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(found, wanted)| {
            found.split('|').zip(wanted.split('|')).all(|(found, wanted)| {
                found == wanted
                    || found
                        .parse::<f64>()
                        .ok()
                        .zip(wanted.parse::<f64>().ok())
                        .is_some_and(|(found, wanted)| {
                            (found - wanted).abs() < 0.100_001 && found != found.trunc()
                        })
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn both_reports_say_what_plain_counting_says(
        runs in proptest::collection::vec(any_run(), 0..40),
        common in any_common(),
        by in select(&Period::ALL[..]),
        top in proptest::option::of(0..4_u64),
    ) {
        let archive = TestArchive::new(&NAMES, &runs);
        let request = Ready { common: common.clone(), report: FailureTrends { by, ..FailureTrends::default() } };
        let (found, wanted) = (archive.lines(&request), trends(&runs, &common, by));
        prop_assert!(same_but_for_halves(&found, &wanted), "{:#?}\n{:#?}", found, wanted);
        let request = Ready::<AssetErrors>::plain(&common);
        prop_assert_eq!(archive.lines(&request), assets(&runs, &common, GroupBy::Asset));
        let report = AssetErrors { group_by: GroupBy::Detail, top, ..AssetErrors::default() };
        let mut wanted = assets(&runs, &common, GroupBy::Detail);
        wanted.truncate(top.map_or(usize::MAX, |top| top as usize));
        prop_assert_eq!(archive.lines(&Ready { common, report }), wanted);
    }
}
