//! What the benches share: the sizes, servers, archives that are made once, whole processes that are measured, tables.
//!
//! `SIZES` (S,M) and `ROUNDS` choose, and `PROGRAM` names another build to measure. Archives are kept in `target/bench`; they
//! are made again if that folder is removed. Python measures the processes: it has `wait4`.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a bench prints, and may end in a panic"
)]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jobruns::ccs::{Client, Settings, Trust};
use jobruns::model::Secret;
use jobruns::simulator::{History, Options, Simulator};
use rusqlite::{Connection, OpenFlags};
use tokio::runtime::Runtime;

/// Nights over which an archive of [`grown`] came to be.
pub const NIGHTS: u32 = 150;

/// An archive's size; runs have 37 messages on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub name: &'static str,
    pub jobs: u32,
    pub runs: u32,
    rounds: usize,
}

pub const S: Size = Size {
    name: "S",
    jobs: 20,
    runs: 1000,
    rounds: 5,
};
const M: Size = Size {
    name: "M",
    jobs: 500,
    runs: 540,
    rounds: 3,
};
const L: Size = Size {
    name: "L",
    jobs: 500,
    runs: 2700,
    rounds: 1,
};

/// The sizes that `SIZES` names.
pub fn sizes() -> Vec<Size> {
    let wanted = std::env::var("SIZES").unwrap_or_else(|_| "S,M".to_owned());
    let known = |name: &str| [S, M, L].into_iter().find(|size| size.name == name);
    wanted
        .split(',')
        .map(|name| known(name).expect("S, M or L"))
        .collect()
}

impl Size {
    pub fn rounds(self) -> usize {
        std::env::var("ROUNDS").map_or(self.rounds, |text| text.parse().expect("a number of rounds"))
    }

    pub fn history(self, unique: f64) -> History {
        History {
            jobs: self.jobs,
            runs: self.runs,
            messages: 37,
            unique,
            ..History::default()
        }
    }
}

/// A folder below `target/bench`, for what is kept or for what is removed again.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/bench")
        .join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// An empty folder on the disk of the archives.
pub fn work() -> tempfile::TempDir {
    tempfile::tempdir_in(folder("")).unwrap()
}

/// A simulated server over plain HTTP in this process, whose time is not counted.
pub struct Server {
    runtime: Runtime,
    simulator: Simulator,
    work: tempfile::TempDir,
}

impl Server {
    pub fn start(history: History) -> Self {
        Self::with(Options {
            history,
            ..Options::default()
        })
    }

    fn with(options: Options) -> Self {
        let runtime = Runtime::new().unwrap();
        let options = Options {
            plain: true,
            gzip: false,
            ..options
        };
        let simulator = runtime.block_on(Simulator::start(options)).unwrap();
        let work = work();
        let ids: Vec<String> = simulator.jobs().into_iter().map(|(id, _)| id).collect();
        std::fs::write(work.path().join("jobs.txt"), ids.join("\n")).unwrap();
        Self {
            runtime,
            simulator,
            work,
        }
    }

    pub fn pass_nights(&self, nights: u32) {
        for _ in 0..nights {
            self.simulator.pass_night();
        }
    }

    /// Makes all answers now, so that they come from memory, like static files; returns their bytes.
    pub fn hold_answers(&self) -> usize {
        let settings = Settings::new(self.simulator.base_url(), r"CORP\auditor", secret());
        let client = Client::new(&Settings {
            trust: Trust::Insecure,
            ..settings
        })
        .unwrap();
        let mut total = 0;
        for ((id, _), job) in self.simulator.jobs().iter().zip(0..) {
            let body = self.runtime.block_on(async {
                let mut body = Vec::new();
                let mut answer = client.job_runs(id.parse().unwrap(), 0).await.unwrap();
                while let Some(chunk) = answer.chunk().await.unwrap() {
                    body.extend_from_slice(&chunk);
                }
                body
            });
            total += body.len();
            self.simulator.set_body(job, body);
        }
        total
    }

    /// A sync of all its jobs by a program.
    pub fn sync_by(&self, program: &Path, archive: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .args([
                "sync",
                "--insecure",
                "--format",
                "json",
                "--username",
                r"CORP\auditor",
            ])
            .args(["--url", &self.simulator.base_url()])
            .arg("--jobs-file")
            .arg(self.work.path().join("jobs.txt"))
            .arg("--archive")
            .arg(archive)
            .env("JOBRUNS_PASSWORD", "simulator");
        command
    }

    pub fn sync(&self, archive: &Path) -> Command {
        self.sync_by(&program(), archive)
    }

    /// The same by the script.
    pub fn script(&self, archive: &Path) -> Option<Command> {
        let mut command = script()?;
        command
            .arg("sync")
            .arg(archive)
            .env("BASE", format!("{}/ccs/api/v1", self.simulator.base_url()))
            .env("JOBS", self.work.path().join("jobs.txt"))
            .env("JOBRUNS_USERNAME", r"CORP\auditor")
            .env("JOBRUNS_PASSWORD", "simulator");
        Some(command)
    }
}

fn secret() -> Secret {
    Secret::new("simulator".to_owned())
}

/// The script that ours is compared with: `benches/script.py`, or that of `PEER`; none where that is empty.
pub fn script() -> Option<Command> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/script.py");
    let peer = std::env::var_os("PEER").unwrap_or_else(|| own.into());
    let mut command = python();
    command.arg(&peer);
    (!peer.is_empty()).then_some(command)
}

pub fn python() -> Command {
    Command::new(std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned()))
}

/// What is measured.
fn program() -> PathBuf {
    std::env::var_os("PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_jobruns").into(), PathBuf::from)
}

pub fn jobruns(arguments: &str, archive: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .args(arguments.split(' '))
        .args(["--quiet", "--archive"])
        .arg(archive);
    command
}

/// Makes an archive in a folder of this name, unless it is there.
pub fn kept(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let made = folder("").join(name);
    if !made.exists() {
        let making = work();
        make(&making.path().join("jobruns.db"));
        std::fs::rename(making.keep(), &made).unwrap();
    }
    made.join("jobruns.db")
}

/// The archive of one first sync; half of its details are unique.
pub fn at_once(size: Size) -> PathBuf {
    kept(size.name, |archive| {
        done(&mut Server::start(size.history(0.5)).sync(archive));
    })
}

/// A server at which a night passes for a job after each of its answers.
pub fn nightly(history: History) -> Server {
    Server::with(Options {
        // Always the same for jobs that are asked again later: an archive tells servers apart by URL.
        port: 18_498 + u16::try_from(history.jobs).unwrap(),
        history,
        nights_pass: true,
        ..Options::default()
    })
}

/// What the server of [`grown`] has: after [`NIGHTS`] each job has had as many runs as the size says.
pub fn before_nights(size: Size) -> History {
    let mut history = size.history(0.5);
    history.runs -= NIGHTS;
    history
}

/// An archive of as many runs that began with fewer, and got the others night by night.
pub fn grown(size: Size) -> PathBuf {
    kept(&format!("{}-by-nights", size.name), |archive| {
        let server = nightly(before_nights(size));
        for _ in 0..=NIGHTS {
            done(server.sync(archive).args(["--fetch", "auto"]));
        }
    })
}

/// A copy of an archive, to change.
pub fn copy(archive: &Path, into: &Path) -> PathBuf {
    let copy = into.join("copy.db");
    std::fs::copy(archive, &copy).unwrap();
    copy
}

pub fn question(archive: &Path, sql: &str) -> f64 {
    let connection = Connection::open_with_flags(archive, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Messages of an archive.
pub fn messages(archive: &Path) -> f64 {
    question(archive, "SELECT CAST(count(*) AS REAL) FROM _message")
}

/// Bytes of a file.
pub fn bytes(path: &Path) -> f64 {
    std::fs::metadata(path).unwrap().len() as f64
}

/// Runs a command to its end.
pub fn done(command: &mut Command) {
    let output = command.stdout(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What a process took.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub wall: f64,
    /// User and system time of all threads.
    pub cpu: f64,
    pub peak_mb: f64,
    /// Bytes given to the disk.
    pub written: f64,
}

/// The same several times.
#[derive(Debug)]
pub struct Series {
    pub name: String,
    pub taken: Vec<Taken>,
}

const MEASURE: &str = "import os, sys, time
begun = time.monotonic()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(process, 0)
wall = time.monotonic() - begun
print('', wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, used.ru_oublock * 512, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))";

impl Series {
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            taken: Vec::new(),
        }
    }

    /// Runs a command, with its output into a file, and notes what it took.
    pub fn run_into(&mut self, command: &Command, out: &Path) {
        let mut outer = python();
        outer
            .args(["-S", "-c", MEASURE])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            outer.env(name, value.unwrap_or_default());
        }
        let output = outer
            .stdout(File::create(out).unwrap())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        let figures: Vec<f64> = said
            .lines()
            .last()
            .into_iter()
            .flat_map(|line| line.split_whitespace().map(|word| word.parse().unwrap()))
            .collect();
        let [wall, cpu, peak_mb, written] = figures[..] else {
            panic!("{said}")
        };
        self.taken.push(Taken {
            wall,
            cpu,
            peak_mb,
            written,
        });
    }

    pub fn run(&mut self, command: &Command) {
        self.run_into(command, Path::new("/dev/null"));
    }

    /// Runs a command this many times.
    pub fn of(name: impl Into<String>, rounds: usize, command: &Command) -> Self {
        let mut series = Self::new(name);
        for _ in 0..rounds {
            series.run(command);
        }
        series
    }

    fn all(&self, figure: impl Fn(&Taken) -> f64) -> Vec<f64> {
        self.taken.iter().map(figure).collect()
    }

    pub fn cpu(&self) -> f64 {
        median(&self.all(|taken| taken.cpu))
    }

    /// Median (least-greatest).
    pub fn cpu_spread(&self) -> String {
        spread(&self.all(|taken| taken.cpu), 3)
    }

    pub fn written(&self) -> f64 {
        median(&self.all(|taken| taken.written))
    }

    pub fn peak_mb(&self) -> f64 {
        self.all(|taken| taken.peak_mb).into_iter().fold(0.0, f64::max)
    }

    /// How many times as much another took, round by round: wall time, and CPU time.
    pub fn ratios(&self, other: &Self) -> String {
        let each = |figure: fn(&Taken) -> f64| -> Vec<f64> {
            let pairs = self.taken.iter().zip(&other.taken);
            pairs
                .map(|(ours, theirs)| figure(theirs) / figure(ours))
                .collect()
        };
        format!(
            "{} over {}: wall time {}, CPU {}",
            other.name,
            self.name,
            spread(&each(|taken| taken.wall), 2),
            spread(&each(|taken| taken.cpu), 2)
        )
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Median (least-greatest).
pub fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(0.0, f64::max);
    format!(
        "{:.digits$} ({least:.digits$}-{greatest:.digits$})",
        median(values)
    )
}

/// Prints a table: median (least-greatest), of memory the greatest.
pub fn table(title: &str, rows: &[&Series]) {
    println!("\n### {title}\n\n| | CPU s | wall s | peak MB | MB written |\n| --- | --- | --- | --- | --- |");
    for row in rows.iter().filter(|row| !row.taken.is_empty()) {
        println!(
            "| {} | {} | {} | {:.0} | {:.1} |",
            row.name,
            row.cpu_spread(),
            spread(&row.all(|taken| taken.wall), 2),
            row.peak_mb(),
            row.written() / 1e6
        );
    }
    println!();
}

/// What is to grow in proportion: CPU time for each message, at each size.
#[derive(Default)]
pub struct Growth(Vec<(String, f64)>);

impl Growth {
    pub fn note(&mut self, series: &Series, messages: f64) {
        self.0.push((series.name.clone(), 1e6 * series.cpu() / messages));
    }

    pub fn tell(&self) {
        println!("### CPU time for each message, in the order of the sizes, and the last over the first\n");
        let mut told: Vec<&str> = Vec::new();
        for (name, _) in &self.0 {
            if !told.contains(&name.as_str()) {
                told.push(name);
                let all: Vec<f64> = self
                    .0
                    .iter()
                    .filter(|(other, _)| other == name)
                    .map(|(_, cost)| *cost)
                    .collect();
                let each: Vec<String> = all.iter().map(|cost| format!("{cost:.2}")).collect();
                println!(
                    "- {name}: {} µs, ×{:.2}",
                    each.join(", "),
                    all[all.len() - 1] / all[0]
                );
            }
        }
        println!();
    }
}
