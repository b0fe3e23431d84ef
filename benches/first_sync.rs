//! First sync and re-sync, beside a script that users would pick instead and beside what SQLite alone takes.
//!
//! ```sh
//! pip install requests && cargo bench --bench first_sync
//! ```
//!
//! At S the answers come from memory, and each round runs everything in turn: our first sync, a bare loop that inserts the rows
//! that it made into the same empty tables, the script, then both again with nothing new. `WITHOUT` is the program built with
//! `--cfg jobruns_without_evidence`: with it the same is measured without payloads and ledger. At larger sizes the answers are
//! made while they are sent, and ours is run alone.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end in a panic"
)]

mod common;
#[path = "common/probe.rs"]
mod probe;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Growth, S, Series, Server, Size, sizes, table, work};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, from, to, ..] = arguments.as_slice()
        && verb == "insert"
    {
        let (wall, cpu) = probe::insert(Path::new(from), Path::new(to)).unwrap();
        println!("{wall} {cpu}");
        return;
    }
    let mut growth = Growth::default();
    for size in sizes() {
        if size == S {
            measure(size, "repeating details", 0.0, &mut Growth::default());
        }
        measure(size, "half of the details unique", 0.5, &mut growth);
    }
    growth.tell();
}

fn measure(size: Size, set: &str, unique: f64, growth: &mut Growth) {
    let server = Server::start(size.history(unique));
    let json = (size == S).then(|| server.hold_answers());
    let without = std::env::var_os("WITHOUT").map(PathBuf::from);
    let [mut first, mut again] = ["first sync", "re-sync"].map(Series::new);
    let [mut first_without, mut again_without] =
        ["first sync without evidence", "re-sync without evidence"].map(Series::new);
    let [mut script_first, mut script_again] = ["script, first", "script, again"].map(Series::new);
    let mut probe = Series::new("a bare loop that inserts the same rows");
    let (mut bytes, mut bare_bytes, mut messages) = (0.0, 0.0, 0.0);
    for _ in 0..size.rounds() {
        let folder = work();
        let path = |name: &str| folder.path().join(name);
        let ours = path("ours.db");
        let script = |series: &mut Series| {
            if let Some(command) = (size == S).then(|| server.script(&path("theirs.db"))).flatten() {
                series.run(&command);
            }
        };
        let bare = |series: &mut Series| {
            if let Some(program) = &without {
                series.run(&server.sync_by(program, &path("without.db")));
            }
        };
        first.run(&server.sync(&ours));
        bytes = common::bytes(&ours);
        messages = common::messages(&ours);
        if size == S {
            let mut insert = Command::new(std::env::current_exe().unwrap());
            insert.arg("insert").arg(&ours).arg(path("probed.db"));
            probe.run_into(&insert, &path("seconds"));
            // Without the reading of the rows.
            let seconds = std::fs::read_to_string(path("seconds")).unwrap();
            let (wall, cpu) = seconds.trim().split_once(' ').unwrap();
            let taken = probe.taken.last_mut().unwrap();
            (taken.wall, taken.cpu) = (wall.parse().unwrap(), cpu.parse().unwrap());
        }
        bare(&mut first_without);
        script(&mut script_first);
        again.run(&server.sync(&ours));
        bare(&mut again_without);
        script(&mut script_again);
        if without.is_some() {
            bare_bytes = common::bytes(&path("without.db"));
        }
    }
    growth.note(&first, messages);
    growth.note(&again, messages);
    let title = format!(
        "{}, {set}: {messages} messages, archive {:.1} MB",
        size.name,
        bytes / 1e6
    );
    let rows = [
        &first,
        &again,
        &script_first,
        &script_again,
        &probe,
        &first_without,
        &again_without,
    ];
    table(&title, &rows);
    println!(
        "- bytes written for each byte of file: {:.2}",
        first.written() / bytes
    );
    if let Some(json) = json {
        println!(
            "- {:.1} MB of JSON; the archive is {:.1} % of it",
            json as f64 / 1e6,
            100.0 * bytes / json as f64
        );
        println!("- {}", probe.ratios(&first));
    }
    for (ours, other) in [(&first, &script_first), (&again, &script_again)] {
        if !other.taken.is_empty() {
            println!("- {}", ours.ratios(other));
        }
    }
    if without.is_some() {
        println!(
            "- evidence: {:.1} MB; {}; {}",
            (bytes - bare_bytes) / 1e6,
            first.ratios(&first_without),
            again.ratios(&again_without)
        );
    }
}
