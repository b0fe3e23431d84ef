//! Nights: an archive that grew by them beside one made at once, and what a night writes.
//!
//! ```sh
//! cargo bench --bench nights
//! ```
//!
//! The first archive came to be over 150 nights. Both are synced in turn from the same server, whose jobs get a run, an edit and a
//! purge each before each answer. Waits for the disk are counted by `strace`, if there is one.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end in a panic"
)]

mod common;

use std::process::Command;

use common::{NIGHTS, Series, Size, copy, done, sizes, spread, table, work};
use jobruns::simulator::History;

fn main() {
    for size in sizes() {
        grown_beside_at_once(size);
    }
    small_jobs();
}

fn grown_beside_at_once(size: Size) {
    let kept = common::grown(size);
    let server = common::nightly(common::before_nights(size));
    let work = work();
    let grown = copy(&kept, work.path());
    let at_once = work.path().join("at-once.db");
    server.pass_nights(NIGHTS);
    // What `--fetch auto` leaves to a full answer: edits of old runs, over all those nights.
    done(&mut server.sync(&grown));
    done(&mut server.sync(&at_once));
    let mut from_grown = Series::new("a night of the archive that grew, `--fetch full`");
    let mut from_at_once = Series::new("a night of the archive made at once, `--fetch full`");
    let mut auto = Series::new("a night of the archive that grew, `--fetch auto`");
    let [mut json_full, mut json_auto] = [Vec::new(), Vec::new()];
    let night = |series: &mut Series, archive, fetch, json: &mut Vec<f64>| {
        let out = work.path().join("summary.json");
        series.run_into(server.sync(archive).args(["--fetch", fetch]), &out);
        let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(out).unwrap()).unwrap();
        json.push(summary["totals"]["body_bytes"].as_f64().unwrap() / 1e6);
    };
    for _ in 0..size.rounds() {
        night(&mut from_grown, &grown, "full", &mut json_full);
        night(&mut from_at_once, &at_once, "full", &mut json_full);
        night(&mut auto, &grown, "auto", &mut json_auto);
    }
    table(
        &format!(
            "{}: grown over {NIGHTS} nights ({:.1} MB), or at once",
            size.name,
            common::bytes(&kept) / 1e6
        ),
        &[&from_grown, &from_at_once, &auto],
    );
    println!("- {}", from_at_once.ratios(&from_grown));
    println!(
        "- MB of JSON a night: full {}, auto {}",
        spread(&json_full, 1),
        spread(&json_auto, 2)
    );
}

/// 500 jobs with one new run each.
fn small_jobs() {
    let history = History {
        jobs: 500,
        runs: 6,
        messages: 5,
        ..History::default()
    };
    let server = common::nightly(history);
    let work = work();
    let archive = work.path().join("jobruns.db");
    done(&mut server.sync(&archive));
    let night = Series::of("a night", 5, &server.sync(&archive));
    table("500 jobs with one new run each", &[&night]);
    let counts = work.path().join("strace");
    let sync = server.sync(&archive);
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&counts)
        .arg(sync.get_program())
        .args(sync.get_args());
    traced.envs(sync.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if traced.output().is_ok_and(|output| output.status.success()) {
        let lines = std::fs::read_to_string(counts).unwrap();
        let begun = lines.lines().filter(|line| line.contains("sync(")).count();
        println!("- waits for the disk (fsync, fdatasync): {begun}");
    }
}
