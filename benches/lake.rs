//! The lake: exported whole, with nothing new, and after a night; and a month of it read by DuckDB.
//!
//! ```sh
//! pip install duckdb && cargo bench --bench lake
//! ```
//!
//! The archive is one that grew by nights. Without `duckdb` the last part is left out.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end in a panic"
)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{
    Growth, NIGHTS, Series, Size, before_nights, copy, done, grown, jobruns, messages, nightly, python,
    sizes, table, work,
};

/// Messages of a month with their runs; CPU seconds of the second time, without the start of Python and DuckDB.
const MONTH: &str = "import duckdb, sys, time
lake = sys.argv[1]
question = f'''SELECT r.job_name, r.status_name, count(*), count(DISTINCT m.asset)
FROM '{lake}/messages/month=2025-11/*.parquet' m JOIN '{lake}/runs/year=2025/*.parquet' r USING (job_run_id) GROUP BY ALL'''
times = []
for _ in range(6):
    begun = time.process_time()
    rows = duckdb.sql(question).fetchall()
    times.append(time.process_time() - begun)
counted = duckdb.sql(f\"SELECT count(*) FROM '{lake}/messages/month=2025-11/*.parquet'\").fetchone()[0]
times = sorted(times[1:])
print(f'{times[2]:.3f} ({times[0]:.3f}-{times[-1]:.3f}) CPU s for {counted} messages')";

fn main() {
    let mut growth = Growth::default();
    for size in sizes() {
        measure(size, &mut growth);
    }
    growth.tell();
}

fn measure(size: Size, growth: &mut Growth) {
    let work = work();
    let archive = copy(&grown(size), work.path());
    let server = nightly(before_nights(size));
    server.pass_nights(NIGHTS + 1);
    let lake = work.path().join("lake");
    let all = messages(&archive);
    let mut export = jobruns("export", &archive);
    export.arg("--output-dir").arg(&lake);
    let [mut whole, mut same, mut night] = [
        "export, whole",
        "export, nothing new",
        "export after a night of all jobs",
    ]
    .map(Series::new);
    let mut rewritten = Vec::new();
    for _ in 0..size.rounds() {
        drop(std::fs::remove_dir_all(&lake));
        whole.run(&export);
        same.run(&export);
    }
    let first = bytes_of(&lake.join("messages"));
    let month = python().args(["-c", MONTH]).arg(&lake).output().unwrap();
    for _ in 0..size.rounds() {
        done(server.sync(&archive).args(["--fetch", "auto"]));
        let before = files(&lake.join("messages"));
        night.run(&export);
        rewritten.push(files(&lake.join("messages")).difference(&before).count());
    }
    growth.note(&whole, all);
    table(
        &format!("{}: {all} messages", size.name),
        &[&whole, &same, &night],
    );
    println!("- {:.0} messages a CPU second", all / whole.cpu());
    println!("- {:.1} bytes a message, {} months", first / all, months(&lake));
    println!("- months written anew after a night: {rewritten:?}");
    if month.status.success() {
        println!(
            "- a month in DuckDB: {}",
            String::from_utf8_lossy(&month.stdout).trim()
        );
    }
}

fn months(lake: &Path) -> usize {
    std::fs::read_dir(lake.join("messages")).unwrap().count()
}

/// The files of all partitions of a table.
fn files(table: &Path) -> BTreeSet<std::path::PathBuf> {
    let partitions = std::fs::read_dir(table).unwrap();
    partitions
        .flat_map(|partition| std::fs::read_dir(partition.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

fn bytes_of(table: &Path) -> f64 {
    files(table).iter().map(|file| common::bytes(file)).sum()
}
