//! Reports and verification as whole processes, at S in turn with a script that users would pick instead.
//!
//! ```sh
//! pip install requests && cargo bench --bench reports
//! ```
//!
//! Reads an archive made at once and writes each report as CSV. Then the report of an archive with very many assets.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end in a panic"
)]

mod common;

use std::path::Path;

use common::{
    Growth, S, Series, Server, Size, at_once, bytes, done, jobruns, kept, messages, question, script, sizes,
    table, work,
};
use jobruns::archive::ReadOnly;
use jobruns::model::hex;
use jobruns::simulator::History;

/// Reports, each with the script's report that answers the same question.
const REPORTS: [(&str, Option<&str>); 20] = [
    ("failure-trends", Some("report-a")),
    ("failure-trends --by day", None),
    ("failure-trends --timezone Asia/Kolkata", None),
    ("failure-trends --month 2025-11 --compare", None),
    ("asset-errors", Some("report-b")),
    ("asset-errors --timezone Asia/Kolkata", None),
    ("asset-errors --month 2025-11", None),
    ("asset-errors --month 2025-11 --compare", None),
    ("asset-errors --group-by message", None),
    ("asset-errors --group-by detail --month 2025-11", None),
    ("failures", None),
    ("coverage", None),
    ("missed-runs", None),
    ("vanished", None),
    ("changes", None),
    ("runs", None),
    ("messages", None),
    ("messages --month 2025-11", None),
    ("messages --search refused", None),
    ("overview", None),
];

fn main() {
    let mut growth = Growth::default();
    for size in sizes() {
        measure(size, &mut growth);
    }
    growth.tell();
    many_assets();
}

fn measure(size: Size, growth: &mut Growth) {
    let archive = at_once(size);
    let work = work();
    let theirs = (size == S && script().is_some()).then(|| {
        kept("S-script", |path| {
            let server = Server::start(size.history(0.5));
            done(&mut server.script(path).unwrap());
        })
    });
    let head = hex(&ReadOnly::open(&archive).unwrap().head().unwrap());
    let mut rows: Vec<Series> = Vec::new();
    let mut ratios = Vec::new();
    for (report, peer) in REPORTS {
        let arguments = match report {
            "overview" => "report overview --format html".to_owned(),
            _ => format!("report {report} --no-guard --format csv"),
        };
        let [mut ours, mut other] = [report, "script"].map(Series::new);
        for _ in 0..size.rounds() {
            ours.run(&jobruns(&arguments, &archive));
            if let (Some(peer), Some(theirs)) = (peer, &theirs) {
                other.run(
                    script()
                        .unwrap()
                        .arg(peer)
                        .arg(theirs)
                        .arg(work.path().join("theirs.csv")),
                );
            }
        }
        if !other.taken.is_empty() {
            ratios.push(ours.ratios(&other));
        }
        rows.extend([ours, other]);
    }
    for verify in ["verify".to_owned(), format!("verify --since-head {head}")] {
        let mut series = Series::of(verify.clone(), size.rounds(), &jobruns(&verify, &archive));
        series.name.truncate(19);
        rows.push(series);
    }
    let all = messages(&archive);
    let title = format!(
        "{}: {all} messages, archive {:.1} MB",
        size.name,
        bytes(&archive) / 1e6
    );
    table(&title, &rows.iter().collect::<Vec<_>>());
    for ratio in ratios {
        println!("- {ratio}");
    }
    for row in rows
        .iter()
        .filter(|row| ["asset-errors", "messages", "verify"].contains(&row.name.as_str()))
    {
        growth.note(row, all);
    }
}

/// 1.5 million messages about 40,000 assets of five types.
fn many_assets() {
    let archive = kept("assets", |archive: &Path| {
        let history = History {
            runs: 2000,
            assets: 40_000,
            ..S.history(0.5)
        };
        done(&mut Server::start(history).sync(archive));
    });
    let rows = question(&archive, "SELECT CAST(count(*) AS REAL) FROM _asset");
    let distinct =
        "SELECT CAST(count(*) AS REAL) FROM (SELECT DISTINCT asset, asset_type, asset_owner FROM _asset)";
    let series = Series::of(
        "asset-errors",
        S.rounds(),
        &jobruns("report asset-errors --no-guard --format csv", &archive),
    );
    table(
        &format!("Many assets: {} messages", messages(&archive)),
        &[&series],
    );
    println!(
        "- rows of `_asset`: {rows}, of them distinct: {}",
        question(&archive, distinct)
    );
}
