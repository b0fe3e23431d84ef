//! Questions of analysts to the tables for them, by the `sqlite3` shell.
//!
//! ```sh
//! cargo bench --bench questions
//! ```
//!
//! Each is a process of its own (`SQLITE3`, or the `sqlite3` of the path) with the shell's small cache; CPU time, its start
//! included. They are asked to an archive made at once and to one that grew by nights, and to both after `ANALYZE` by the shell.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end in a panic"
)]

mod common;

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use common::{Series, Size, at_once, copy, done, grown, messages, sizes, work};

/// Questions, each with a name.
const QUESTIONS: [(&str, &str); 9] = [
    ("messages of an asset", r"SELECT * FROM messages WHERE asset = 'CORP\SRV-0042'"),
    (
        "newest 20 messages of the newest 20 runs",
        "SELECT * FROM messages WHERE job_run_id IN (SELECT job_run_id FROM runs ORDER BY started_at DESC LIMIT 20)
         ORDER BY occurred_at DESC LIMIT 20",
    ),
    ("newest 20 messages", "SELECT * FROM messages ORDER BY occurred_at DESC LIMIT 20"),
    ("one row of `assets`", r"SELECT * FROM assets WHERE asset = 'CORP\SRV-0042'"),
    ("all of `assets`", "SELECT * FROM assets"),
    ("count of messages", "SELECT count(*) FROM messages"),
    (
        "a month of messages with their runs, by asset and status",
        "SELECT m.asset, r.status_name, count(*) FROM runs r JOIN messages m ON m.job_run_id = r.job_run_id
         WHERE r.started_at >= '2025-11-01' AND r.started_at < '2025-12-01' GROUP BY 1, 2",
    ),
    (
        "errors by text",
        "SELECT message, count(*) FROM messages WHERE category = 'Error' GROUP BY message ORDER BY 2 DESC",
    ),
    (
        "runs of a day that failed",
        "SELECT * FROM runs WHERE started_at >= '2025-11-03' AND started_at < '2025-11-04' AND status_name = 'Faulted'",
    ),
];

fn main() {
    for size in sizes() {
        let work = work();
        let mut columns = Vec::new();
        for (name, archive) in [("made at once", at_once(size)), ("by nights", grown(size))] {
            let title = format!("{name}, {} messages", messages(&archive));
            columns.push((title, asked(size, &archive)));
            let analyzed = copy(&archive, work.path());
            done(shell(&analyzed).arg("ANALYZE"));
            columns.push(("after ANALYZE".to_owned(), asked(size, &analyzed)));
        }
        println!("\n### {}: CPU s, median (least-greatest)\n", size.name);
        let line = |cells: Vec<&str>| println!("| {} |", cells.join(" | "));
        let titles = columns.iter().map(|(title, _)| title.as_str());
        line(std::iter::once("question").chain(titles).collect());
        line(vec!["---"; columns.len() + 1]);
        for (at, (name, _)) in QUESTIONS.iter().enumerate() {
            let cells = columns.iter().map(|(_, cells)| cells[at].as_str());
            line(std::iter::once(*name).chain(cells).collect());
        }
    }
}

fn shell(archive: &Path) -> Command {
    let program = std::env::var_os("SQLITE3").unwrap_or_else(|| OsString::from("sqlite3"));
    let mut command = Command::new(program);
    command.args(["-bail", "-batch"]).arg(archive);
    command
}

fn asked(size: Size, archive: &Path) -> Vec<String> {
    let mut all = QUESTIONS.map(|(name, _)| Series::new(name));
    for _ in 0..size.rounds() {
        for ((_, sql), series) in QUESTIONS.iter().zip(&mut all) {
            series.run(shell(archive).args(["-readonly", sql]));
        }
    }
    all.iter().map(Series::cpu_spread).collect()
}
