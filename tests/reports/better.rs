//! Is it getting better? `--compare` beside two recounts, one of each span.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::compared::{ALL, Question, Told, same};
use super::recount::{Asked, asset_errors, rate, status};
use super::served::{JOBS, NAMES};

/// Berlin's spring with its change of the clocks, and as many months before it.
static SPRING: [&str; 8] = [
    "--timezone",
    "Europe/Berlin",
    "--since",
    "2024-03-01",
    "--until",
    "2024-05-01",
    "--compare-since",
    "2023-12-01",
];

fn number(text: &str) -> i64 {
    text.parse().unwrap()
}

/// New, gone, worse, better or same, by what there was and what was bad.
fn trend(there: [i64; 2], bad: [i64; 2]) -> &'static str {
    match (there, bad) {
        ([0, _], _) => "new",
        ([_, 0], _) => "gone",
        (_, [before, now]) if now > before => "worse",
        (_, [before, now]) if now < before => "better",
        _ => "same",
    }
}

fn jobs(told: &Told, spans: [Asked; 2]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (job, (id, name)) in told.ids.iter().zip(NAMES).enumerate() {
        let [before, now] = spans.map(|asked| {
            let of_job = Asked {
                job: Some(job),
                ..asked
            };
            let runs = told.history.of_jobs(of_job).filter(|run| asked.has(run.start()));
            let statuses: Vec<_> = runs.map(|run| status(&run.fields)).collect();
            let of = |codes: &[i64]| {
                let fitting = statuses.iter().flatten().filter(|code| codes.contains(code));
                i64::try_from(fitting.count()).unwrap()
            };
            (
                i64::try_from(statuses.len()).unwrap(),
                of(&[5, 7]),
                of(&[4, 5, 7]),
            )
        });
        let rates = [rate(before.1, before.2), rate(now.1, now.2)];
        let change = match &rates {
            [before, now] if !before.is_empty() && !now.is_empty() => {
                let ten_thousandths = |rate: &str| number(&rate.replace('.', ""));
                let change = ten_thousandths(now) - ten_thousandths(before);
                let sign = if change < 0 { "-" } else { "" };
                format!("{sign}{}.{:04}", change.abs() / 10_000, change.abs() % 10_000)
            }
            _ => String::new(),
        };
        let shares = [before.1 * now.2, now.1 * before.2];
        let trend = match trend([before.0, now.0], shares) {
            word @ ("new" | "gone") => word,
            _ if before.2 == 0 || now.2 == 0 => "unknown",
            word => word,
        };
        if before.0 + now.0 > 0 {
            let mut row = vec![id.clone(), name.unwrap_or_default().to_owned()];
            let counts = [
                before.0,
                now.0,
                now.0 - before.0,
                before.1,
                now.1,
                now.1 - before.1,
            ];
            row.extend(counts.map(|count| count.to_string()));
            row.extend(rates);
            row.extend([change, trend.to_owned()]);
            rows.push(row);
        }
    }
    rows
}

fn assets(told: &Told, spans: [Asked; 2]) -> Vec<Vec<String>> {
    let mut pairs: BTreeMap<(String, String), [Option<Vec<String>>; 2]> = BTreeMap::new();
    for (place, asked) in spans.into_iter().enumerate() {
        for row in asset_errors(&told.history, asked) {
            let pair = pairs.entry((row[0].clone(), row[1].clone())).or_default();
            pair[place] = Some(row);
        }
    }
    let mut rows = Vec::new();
    for ((asset, asset_type), pair) in pairs {
        let of = |column: usize| {
            pair.each_ref()
                .map(|row| row.as_ref().map_or(0, |row| number(&row[column])))
        };
        let (messages, errors) = (of(3), of(4));
        let latest = pair[1].as_ref().or(pair[0].as_ref()).unwrap();
        let mut row = vec![asset.clone(), asset_type.clone(), latest[2].clone()];
        for [before, now] in [messages, errors] {
            row.extend([before, now, now - before].map(|count| count.to_string()));
        }
        row.extend([
            trend(messages, errors).to_owned(),
            latest[12].clone(),
            latest[13].clone(),
        ]);
        let order = Reverse((errors[1] - errors[0], errors[1], messages[1]));
        rows.push((order, asset, asset_type, row));
    }
    rows.sort();
    rows.into_iter().map(|(.., row)| row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_spans_are_compared_as_two_recounts_are() {
    let told = Told::new().await;
    let zone = chrono_tz::Tz::Europe__Berlin;
    let span = |since, until| {
        let question = Question {
            zone,
            since: Some(since),
            until: Some(until),
            ..ALL
        };
        question.asked()
    };
    let spans = [span("2023-12-01", "2024-03-01"), span("2024-03-01", "2024-05-01")];
    let named = Question {
        flags: &SPRING,
        ..ALL
    };
    let found = told.report("failure-trends", &named, &[]);
    let wanted = jobs(&told, spans);
    assert_eq!(wanted.len(), JOBS);
    same("failure-trends", &found, &wanted, &found[0].join(","));
    let found = told.report("asset-errors", &named, &[]);
    let wanted = assets(&told, spans);
    for word in ["new", "gone", "worse", "better", "same"] {
        assert!(wanted.iter().any(|row| row[9] == word), "no asset is {word}");
    }
    same("asset-errors", &found, &wanted, &found[0].join(","));
    // The span just before it is found by itself: two months before two months.
    let itself = Question {
        flags: &SPRING[..6],
        ..ALL
    };
    let spans = [span("2024-01-01", "2024-03-01"), span("2024-03-01", "2024-05-01")];
    let found = told.report("failure-trends", &itself, &["--compare"]);
    same("failure-trends", &found, &jobs(&told, spans), &found[0].join(","));
    // In every format, and over nothing.
    for format in ["table", "json", "markdown", "html"] {
        for report in ["failure-trends", "asset-errors"] {
            let mut line = vec!["report", report, "--compare", "--format", format, "--since", "1d"];
            told.program.run(&line).ends_with(0);
            line.truncate(5);
            line.extend(SPRING);
            assert!(told.program.run(&line).ends_with(0).stdout.contains("worse"));
        }
    }
}
