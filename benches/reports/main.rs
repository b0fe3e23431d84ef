//! Reports as whole processes, in turn with a script that users would pick instead.
//!
//! ```sh
//! PEER=python_baseline.py PYTHON=python3 cargo bench --bench reports
//! ```
//!
//! Makes two archives of 20 jobs with 1,000 runs and 37 messages on average each (once: `target/bench-data/reports`), one
//! with repeating details and one with half of them unique, by syncing from a look-alike; then writes each report to a
//! CSV file, `ROUNDS` times (9) in turn, and prints a table for docs/performance.md. `PEER` is a script called as `sync DB`
//! (with `BASE` and `JOBS` in its environment), `report-a DB CSV` (failures by day and job) and `report-b DB CSV` (errors
//! by asset); without it only ours is run. Peak memory and processor time need `/usr/bin/time`.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end in a panic"
)]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use jobruns::simulator::{History, Options, Simulator};

const SETS: [(&str, f64); 2] = [("repeating", 0.0), ("half-unique", 0.5)];

/// Reports, each with the script's report that answers the same question.
const REPORTS: [(&str, Option<&str>); 15] = [
    ("failure-trends", Some("report-a")),
    ("failure-trends --timezone Asia/Kolkata", None),
    ("failure-trends --since 2025-06-01", None),
    (
        "failure-trends --since 2025-06-01 --until 2025-12-01 --compare",
        None,
    ),
    ("asset-errors", Some("report-b")),
    ("asset-errors --timezone Asia/Kolkata", None),
    ("asset-errors --since 2025-06-01", None),
    ("asset-errors --group-by message", None),
    (
        "asset-errors --since 2025-06-01 --until 2025-12-01 --compare",
        None,
    ),
    ("coverage", None),
    ("missed-runs", None),
    ("changes", None),
    ("runs", None),
    ("messages", None),
    ("messages --search refused", None),
];

fn main() {
    let rounds: usize = std::env::var("ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(9);
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-data/reports");
    for (name, unique) in SETS {
        let folder = data.join(name);
        let lacks_script = script().is_some() && !folder.join("theirs.db").exists();
        if !folder.join("made").exists() || lacks_script {
            tokio::runtime::Runtime::new()
                .unwrap()
                .block_on(make(&folder, unique));
        }
        measure(name, &folder, rounds);
    }
}

/// Syncs a look-alike into an archive of ours, and into the script's where there is one.
async fn make(folder: &Path, unique: f64) {
    if folder.exists() {
        std::fs::remove_dir_all(folder).unwrap();
    }
    std::fs::create_dir_all(folder).unwrap();
    let history = History {
        seed: 1,
        jobs: 20,
        runs: 1000,
        messages: 37,
        unique,
    };
    let simulator = Simulator::start(Options {
        history,
        plain: true,
        gzip: false,
        ..Options::default()
    })
    .await
    .unwrap();
    let ids: Vec<String> = (0..20).map(|job| simulator.history().job_id(job)).collect();
    let jobs = folder.join("jobs.txt");
    std::fs::write(&jobs, ids.join("\n") + "\n").unwrap();
    let mut sync = Command::new(env!("CARGO_BIN_EXE_jobruns"));
    sync.args(["sync", "--insecure", "--quiet", "--username", r"CORP\auditor"])
        .args(["--url", &simulator.base_url()])
        .arg("--jobs-file")
        .arg(&jobs)
        .arg("--archive")
        .arg(folder.join("ours.db"))
        .env("JOBRUNS_PASSWORD", "simulator")
        .stdout(Stdio::null());
    let mut commands = vec![sync];
    if let Some(mut script) = script() {
        script
            .arg("sync")
            .arg(folder.join("theirs.db"))
            .env("BASE", format!("{}/ccs/api/v1", simulator.base_url()))
            .env("JOBS", &jobs)
            .env("JOBRUNS_USERNAME", r"CORP\auditor")
            .env("JOBRUNS_PASSWORD", "simulator");
        commands.push(script);
    }
    for mut command in commands {
        let status = tokio::task::spawn_blocking(move || command.status()).await;
        assert!(status.unwrap().unwrap().success());
    }
    std::fs::write(folder.join("made"), "").unwrap();
}

fn script() -> Option<Command> {
    let peer = std::env::var("PEER").ok()?;
    let mut command = Command::new(std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned()));
    command.arg(peer);
    Some(command)
}

#[derive(Default)]
struct Figures {
    wall: Vec<f64>,
    processor: Vec<f64>,
    peak_mb: f64,
    rows: usize,
}

impl Figures {
    /// Runs a command with its output into a file, and notes what it took.
    fn run(&mut self, command: &Command, out: &Path) {
        let timed = Path::new("/usr/bin/time").exists();
        let mut outer = Command::new(if timed { "/usr/bin/time" } else { "env" });
        if timed {
            outer.args(["-f", "%M %U %S"]);
        }
        outer.arg(command.get_program()).args(command.get_args());
        outer.stdout(File::create(out).unwrap()).stderr(Stdio::piped());
        let begun = Instant::now();
        let output = outer.spawn().unwrap().wait_with_output().unwrap();
        self.wall.push(begun.elapsed().as_secs_f64());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        let last = said.lines().last().unwrap_or_default();
        let numbers: Vec<f64> = last.split(' ').filter_map(|number| number.parse().ok()).collect();
        if let [kilobytes, user, system] = numbers[..] {
            self.peak_mb = self.peak_mb.max(kilobytes / 1024.0);
            self.processor.push(user + system);
        }
    }

    fn row(&self, what: &str, set: &str, ratio: &str) -> String {
        let least = |numbers: &[f64]| numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.wall.iter().copied().fold(0.0, f64::max);
        format!(
            "| {set} | {what} | {} | {:.3} ({:.3}-{most:.3}) | {:.2} | {:.0} | {ratio} |",
            self.rows,
            median(&self.wall),
            least(&self.wall),
            least(&self.processor),
            self.peak_mb
        )
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn measure(set: &str, folder: &Path, rounds: usize) {
    let work = tempfile::tempdir().unwrap();
    let out = work.path().join("out.csv");
    let theirs = folder.join("theirs.db");
    let with_peer = std::env::var("PEER").is_ok() && theirs.exists();
    let mut figures: Vec<(Figures, Figures)> = Vec::new();
    figures.resize_with(REPORTS.len(), Default::default);
    for _ in 0..rounds {
        for ((report, peer), (ours, script_took)) in REPORTS.iter().zip(&mut figures) {
            let mut command = Command::new(env!("CARGO_BIN_EXE_jobruns"));
            command
                .arg("report")
                .args(report.split(' '))
                .args(["--format", "csv"]);
            command.args(["--quiet", "--archive"]).arg(folder.join("ours.db"));
            ours.run(&command, &out);
            ours.rows = records(&out);
            if let (Some(peer), true) = (peer, with_peer) {
                let mut command = script().unwrap();
                command.arg(peer).arg(&theirs).arg(work.path().join("theirs.csv"));
                script_took.run(&command, &out);
                script_took.rows = records(&work.path().join("theirs.csv"));
            }
        }
    }
    if set == SETS[0].0 {
        println!(
            "\n| set | report | rows | seconds, median (min-max) | processor, min | peak MB | script's time |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- |");
    }
    for ((report, peer), (ours, theirs)) in REPORTS.iter().zip(&figures) {
        let mut ratio = String::new();
        if let Some(peer) = peer.filter(|_| !theirs.wall.is_empty()) {
            let pairs: Vec<f64> = theirs.wall.iter().zip(&ours.wall).map(|(t, o)| t / o).collect();
            ratio = format!("{:.1} times ours", median(&pairs));
            println!("{}", theirs.row(&format!("script, {peer}"), set, ""));
        }
        println!("{}", ours.row(report, set, &ratio));
        if *report == "messages" {
            let rate = f64::from(u32::try_from(ours.rows).unwrap()) / median(&ours.wall);
            println!("| {set} | | {rate:.0} rows a second | | | | |");
        }
    }
}

/// Records of a CSV file, the header not counted: line ends outside of quotes.
fn records(path: &Path) -> usize {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    let mut quoted = false;
    let mut lines: usize = 0;
    for byte in bytes {
        quoted ^= byte == b'"';
        lines += usize::from(byte == b'\n' && !quoted);
    }
    lines.saturating_sub(1)
}
