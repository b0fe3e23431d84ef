//! First sync and re-sync as whole processes, in turn with a script that users would pick instead.
//!
//! ```sh
//! PEER=python_baseline.py PYTHON=python3 cargo bench --bench side_by_side
//! ```
//!
//! Makes two sets of 20 jobs with 1,000 runs and 37 messages on average each (once: `target/bench-data`), one with repeating details
//! and one with half of them unique; serves them as static files over plain HTTP from a process of its own; then runs, in
//! turn, `ROUNDS` times (5): our first sync, our re-sync, and the script's both. Prints medians, ratios, peak memory and
//! sizes. `WITHOUT` is the program built with `--cfg jobruns_without_evidence`: with it, the same is measured without payloads
//! and ledger, and the difference told. After each first sync a bare loop inserts the rows that it made into the same empty tables:
//! what SQLite alone takes. `PEER` is a script called as `sync DB` with `BASE` and `JOBS` in its environment; without it only ours is run.
//! Peak memory needs `/usr/bin/time`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench prints, and may end in a panic"
)]

mod probe;
mod server;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use jobruns::ccs::{Client, Settings, Trust};
use jobruns::model::Secret;
use jobruns::simulator::{History, Options, Simulator};

const SETS: [(&str, f64); 2] = [("repeating", 0.0), ("half-unique", 0.5)];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, verb, folder, ..] = arguments.as_slice()
        && verb == "serve"
    {
        runtime().block_on(server::serve(Path::new(folder))).unwrap();
        return;
    }
    if let [_, verb, from, to, ..] = arguments.as_slice()
        && verb == "insert"
    {
        println!("{}", probe::insert(Path::new(from), Path::new(to)).unwrap());
        return;
    }
    let rounds: usize = std::env::var("ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5);
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench-data");
    for (name, unique) in SETS {
        let folder = data.join(name);
        if !folder.join("jobs.txt").exists() {
            runtime().block_on(make(&folder, unique));
        }
        measure(name, &folder, rounds);
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

/// Writes the bodies of a look-alike to files.
async fn make(folder: &Path, unique: f64) {
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
    let settings = Settings::new(
        simulator.base_url(),
        "CORP\\auditor",
        Secret::new("simulator".to_owned()),
    );
    let client = Client::new(&Settings {
        trust: Trust::Insecure,
        ..settings
    })
    .unwrap();
    let ids: Vec<String> = (0..20).map(|job| simulator.history().job_id(job)).collect();
    for id in &ids {
        let place = folder.join("ccs/api/v1/Jobs").join(id);
        std::fs::create_dir_all(&place).unwrap();
        let mut file = std::fs::File::create(place.join("jobruns")).unwrap();
        let mut answer = client.job_runs(id.parse().unwrap(), 0).await.unwrap();
        while let Some(chunk) = answer.chunk().await.unwrap() {
            file.write_all(&chunk).unwrap();
        }
    }
    std::fs::write(folder.join("jobs.txt"), ids.join("\n") + "\n").unwrap();
}

struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn new(folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut port)
            .unwrap();
        Self {
            child,
            url: format!("http://127.0.0.1:{}", port.trim()),
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[derive(Default)]
struct Figures {
    seconds: Vec<f64>,
    /// User and system time of all threads.
    cpu_seconds: Vec<f64>,
    peak_mb: Vec<f64>,
}

impl Figures {
    /// Runs a command and notes its wall time and peak memory.
    fn run(&mut self, command: &mut Command) {
        let timed = Path::new("/usr/bin/time").exists();
        let mut outer = if timed {
            Command::new("/usr/bin/time")
        } else {
            Command::new(command.get_program())
        };
        if timed {
            outer.args(["-f", "%M %U %S"]).arg(command.get_program());
        }
        outer.args(command.get_args());
        for (name, value) in command.get_envs() {
            outer.env(name, value.unwrap_or_default());
        }
        let begun = Instant::now();
        let output = outer.output().unwrap();
        self.seconds.push(begun.elapsed().as_secs_f64());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        let numbers: Vec<f64> = said
            .lines()
            .last()
            .map(|line| line.split(' ').filter_map(|word| word.parse().ok()).collect())
            .unwrap_or_default();
        if let [kilobytes, user, system] = numbers[..] {
            self.peak_mb.push(kilobytes / 1024.0);
            self.cpu_seconds.push(user + system);
        }
    }

    fn median(&self) -> f64 {
        median(&self.seconds)
    }

    fn row(&self, name: &str) -> String {
        let (low, high) = self
            .seconds
            .iter()
            .fold((f64::MAX, 0.0_f64), |(l, h), &s| (l.min(s), h.max(s)));
        let peak = self.peak_mb.iter().fold(0.0_f64, |a, &b| a.max(b));
        format!(
            "| {name} | {:.2} | {low:.2}-{high:.2} | {:.2} | {peak:.0} |",
            self.median(),
            least(&self.cpu_seconds)
        )
    }
}

/// The least of several: what others did on the machine only makes it longer.
fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn measure(name: &str, folder: &Path, rounds: usize) {
    let served = Served::new(folder);
    let work = tempfile::tempdir().unwrap();
    let ours = work.path().join("ours.db");
    let theirs = work.path().join("theirs.db");
    let bare = work.path().join("without.db");
    let jobs = folder.join("jobs.txt");
    let sync_with = |program: &Path, archive: &Path| {
        let mut command = Command::new(program);
        command.args([
            "sync",
            "--insecure",
            "--username",
            "bench",
            "--quiet",
            "--url",
            &served.url,
        ]);
        command
            .arg("--jobs-file")
            .arg(&jobs)
            .arg("--archive")
            .arg(archive)
            .env("JOBRUNS_PASSWORD", "bench");
        command
    };
    let sync = || sync_with(Path::new(env!("CARGO_BIN_EXE_jobruns")), &ours);
    let without = std::env::var_os("WITHOUT").map(|program| std::path::absolute(program).unwrap());
    let peer = std::env::var("PEER").ok();
    let script = || {
        let mut command = Command::new(std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned()));
        command
            .arg(peer.as_deref().unwrap_or_default())
            .arg("sync")
            .arg(&theirs);
        command
            .env("BASE", format!("{}/ccs/api/v1", served.url))
            .env("JOBS", &jobs);
        command
    };
    let mut figures: [Figures; 6] = Default::default();
    let probed = work.path().join("probed.db");
    let mut probe = Vec::new();
    for _ in 0..rounds {
        for archive in [&ours, &theirs, &bare, &probed] {
            for suffix in ["", "-wal", "-shm"] {
                drop(std::fs::remove_file(format!("{}{suffix}", archive.display())));
            }
        }
        figures[0].run(&mut sync());
        let mut inserts = Command::new(std::env::current_exe().unwrap());
        let said = inserts
            .arg("insert")
            .arg(&ours)
            .arg(&probed)
            .output()
            .unwrap()
            .stdout;
        probe.push(String::from_utf8(said).unwrap().trim().parse::<f64>().unwrap());
        if let Some(program) = &without {
            figures[4].run(&mut sync_with(program, &bare));
        }
        if peer.is_some() {
            figures[2].run(&mut script());
        }
        figures[1].run(&mut sync());
        if let Some(program) = &without {
            figures[5].run(&mut sync_with(program, &bare));
        }
        if peer.is_some() {
            figures[3].run(&mut script());
        }
    }
    let json: u64 = std::fs::read_dir(folder.join("ccs/api/v1/Jobs"))
        .unwrap()
        .map(|job| {
            std::fs::metadata(job.unwrap().path().join("jobruns"))
                .unwrap()
                .len()
        })
        .sum();
    let size = std::fs::metadata(&ours).unwrap().len();
    println!(
        "\n{name}: {:.1} MB of JSON, archive {:.1} MB ({:.1} %)\n",
        json as f64 / 1e6,
        size as f64 / 1e6,
        100.0 * size as f64 / json as f64
    );
    println!("| what | median s | min-max s | min user+sys s | peak MB |\n| --- | --- | --- | --- | --- |");
    for (row, what) in figures.iter().zip([
        "first sync",
        "re-sync",
        "script, first",
        "script, again",
        "first sync without evidence",
        "re-sync without evidence",
    ]) {
        if !row.seconds.is_empty() {
            println!("{}", row.row(what));
        }
    }
    let over: Vec<f64> = figures[0]
        .seconds
        .iter()
        .zip(&probe)
        .map(|(sync, probe)| sync / probe)
        .collect();
    println!(
        "\ninserting the same rows by a bare loop: {:.2} s; first sync over that: {:.2}",
        median(&probe),
        median(&over)
    );
    if without.is_some() {
        let bytes = size - std::fs::metadata(&bare).unwrap().len();
        println!(
            "\nevidence: {:.1} MB, {:.1} % of the JSON",
            bytes as f64 / 1e6,
            100.0 * bytes as f64 / json as f64
        );
        for (what, with, without) in [("first sync", 0, 4), ("re-sync", 1, 5)] {
            let share = |with: &[f64], without: &[f64]| 100.0 * (1.0 - least(without) / least(with));
            let (with, without) = (&figures[with], &figures[without]);
            println!(
                "{what}: {:.1} % of its wall time, {:.1} % of its user and system time (least of each)",
                share(&with.seconds, &without.seconds),
                share(&with.cpu_seconds, &without.cpu_seconds)
            );
        }
    }
    if peer.is_some() {
        let pairs = |a: usize, b: usize| -> Vec<f64> {
            figures[b]
                .seconds
                .iter()
                .zip(&figures[a].seconds)
                .map(|(script, ours)| script / ours)
                .collect()
        };
        println!(
            "\nfirst sync: 1/{:.1} of the script's time; re-sync: 1/{:.1}",
            median(&pairs(0, 2)),
            median(&pairs(1, 3))
        );
    }
}
