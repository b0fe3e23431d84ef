//! A lake of Parquet files: brought up to date by what the ledger says, read by other engines, and never mixed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::common::program::{Ended, Program};
use crate::common::scripted::{answering, reply};
use jobruns::archive::NAMES_FOR_ANALYSTS;
use serde_json::{Value, json};

const JOBS: [&str; 2] = [
    "11111111-0000-0000-0000-000000000001",
    "22222222-0000-0000-0000-000000000002",
];

/// A server whose runs a test changes between syncs, and a program that syncs them.
struct Site {
    program: Program,
    /// Runs by job.
    runs: Arc<Mutex<[Vec<Value>; 2]>>,
}

fn run(number: u32, start: Value, messages: &[Value]) -> Value {
    json!({
        "JobRunID": format!("aaaaaaaa-0000-0000-0000-{number:012}"),
        "Status": 4 + number % 2,
        "JobStartTime": start,
        "JobEndTime": "2026-03-01T04:00:00.1234567",
        "MessageCount": messages.len(),
        "JobMessages": messages,
    })
}

fn message(text: &str, asset: &str) -> Value {
    json!({
        "DateTime": "2026-01-31T23:59:59.9999999Z",
        "Message": text,
        "MessageDetails": format!("details of {text} Ω"),
        "Category": "Error",
        "Asset": asset,
        "AssetType": "Windows",
        "AssetOwner": null,
    })
}

/// A message about an asset whose owner changes.
fn owned(asset: Value, time: Value, owner: Value) -> Value {
    let mut message = message("owned", "");
    message["Asset"] = asset;
    message["DateTime"] = time;
    message["AssetOwner"] = owner;
    message
}

impl Site {
    fn new() -> Self {
        let runs: Arc<Mutex<[Vec<Value>; 2]>> = Arc::default();
        let answered = Arc::clone(&runs);
        let url = answering(move |asked| {
            if asked.line.contains("oauth") {
                let token = r#"{"access_token":"a","refresh_token":"b","expires_in":3600}"#;
                return reply(200, "Content-Type: application/json\r\n", token);
            }
            let line = asked.line.to_lowercase();
            let Some(job) = JOBS.iter().position(|job| line.contains(job)) else {
                return reply(200, "Content-Type: application/json\r\n", "[]");
            };
            let runs = answered.lock().unwrap()[job].clone();
            let answer = json!({ "JobID": JOBS[job], "TotalJobRuns": runs.len(), "JobStatusInfo": runs });
            reply(200, "Content-Type: application/json\r\n", answer.to_string())
        });
        let program = Program::new()
            .with("JOBRUNS_URL", &url)
            .with("JOBRUNS_USERNAME", "auditor")
            .with("JOBRUNS_PASSWORD", "secret")
            .with("JOBRUNS_RETRIES", "0");
        Self { program, runs }
    }

    fn change(&self, change: impl FnOnce(&mut [Vec<Value>; 2])) {
        change(&mut self.runs.lock().unwrap());
    }

    fn sync(&self) {
        self.program
            .run(&["sync", JOBS[0], JOBS[1], "--insecure"])
            .ends_with(0);
    }

    fn export(&self, more: &[&str]) -> Ended {
        let mut arguments = vec!["export", "--output-dir", "lake"];
        arguments.extend(more);
        self.program.run(&arguments)
    }

    fn manifest(&self, lake: &str) -> Value {
        let text = fs::read_to_string(self.program.path(lake).join("_manifest.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// SHA-256 and rows of each partition, whatever its files are called.
    fn content(&self, lake: &str) -> BTreeSet<(String, String, String, u64)> {
        let manifest = self.manifest(lake);
        let files = manifest["files"].as_array().unwrap().iter();
        files
            .map(|file| {
                (
                    file["table"].as_str().unwrap().to_owned(),
                    file["partition"].to_string(),
                    file["sha256"].as_str().unwrap().to_owned(),
                    file["rows"].as_u64().unwrap(),
                )
            })
            .collect()
    }

    fn paths(&self, lake: &str) -> BTreeSet<String> {
        let manifest = self.manifest(lake);
        let files = manifest["files"].as_array().unwrap().iter();
        files
            .map(|file| file["path"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The lake has the bytes that one whole export has, and DuckDB reads from it what the tables say.
    #[track_caller]
    fn is_the_archive(&self) {
        self.export(&["--check"]).ends_with(0);
        let _ = fs::remove_dir_all(self.program.path("whole"));
        self.program
            .run(&["export", "--output-dir", "whole"])
            .ends_with(0);
        assert_eq!(self.content("lake"), self.content("whole"));
        assert_eq!(
            files_in(&self.program.path("lake")),
            self.paths("lake"),
            "nothing else lies there"
        );
        compare_in_duckdb(&self.program);
    }
}

/// The Parquet files below a folder.
fn files_in(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension != "json") {
                let relative = path.strip_prefix(folder).unwrap();
                found.insert(relative.to_str().unwrap().replace('\\', "/"));
            }
        }
    }
    found
}

const COMPARE: &str = r#"
import glob, json, sqlite3, sys
import duckdb
root = sys.argv[1]
archive = sqlite3.connect('file:' + root + '/jobruns.db?mode=ro', uri=True)
lake = root + '/lake'
manifest = json.load(open(lake + '/_manifest.json'))
con = duckdb.connect()
con.execute("SET TimeZone = 'Asia/Kolkata'")
def micros(text):
    """The timestamp that a time has in Parquet, and its text where that is not exact."""
    if text is None:
        return None, None
    whole, _, fraction = text.rstrip('Z').partition('.')
    cut = whole + '.' + (fraction + '000000')[:6]
    return cut, (text if len(fraction.rstrip('0')) > 6 else None)
counts = {}
for table in json.loads(sys.argv[2]):
    files = [lake + '/' + file['path'] for file in manifest['files'] if file['table'] == table]
    glob_rows = con.execute(f"SELECT count(*) FROM read_parquet('{lake}/{table}/**/*.parquet', hive_partitioning=true)").fetchone()[0]
    relation = con.execute("SELECT * FROM read_parquet($1, hive_partitioning=false)", [files])
    names = [column[0] for column in relation.description]
    types = dict(zip(names, (str(column[1]) for column in relation.description)))
    selected = [f"strftime({name} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f') AS {name}" if 'TIME' in types[name] else f'"{name}"' for name in names]
    rows = con.execute(f"SELECT {', '.join(selected)} FROM read_parquet($1, hive_partitioning=false)", [files]).fetchall()
    stored = [name for name in names if not name.endswith('_exact') and name not in ('run_started_at', 'messages_held', 'messages_present')]
    view = archive.execute(f"SELECT * FROM {table}")
    columns = [column[0] for column in view.description]
    assert stored == columns, (table, stored, columns)
    expected = set()
    for row in view:
        cells = []
        for name, value in zip(columns, row):
            if 'TIME' in types[name]:
                cut, exact = micros(value)
                cells.append(cut)
                if name + '_exact' in names:
                    cells.append(exact)
            elif types[name] == 'BOOLEAN':
                cells.append(None if value is None else bool(value))
            elif types[name] == 'DOUBLE':
                cells.append(None if value is None else float(value))
            else:
                cells.append(value)
        expected.add(tuple(cells))
    kept = [index for index, name in enumerate(names) if name in columns or name.endswith('_exact') and name != 'run_started_at_exact']
    found = {tuple(row[index] for index in kept) for row in rows}
    assert found == expected, (table, sorted(map(repr, found - expected))[:3], sorted(map(repr, expected - found))[:3])
    assert glob_rows == len(rows) == archive.execute(f"SELECT count(*) FROM {table}").fetchone()[0], table
    counts[table] = len(rows)
joined = con.execute(f"""SELECT count(*) FROM read_parquet('{lake}/messages/**/*.parquet') m
    JOIN read_parquet('{lake}/runs/**/*.parquet') r USING (job_run_id)
    WHERE m.run_started_at IS NOT DISTINCT FROM r.started_at AND m.run_started_at_exact IS NOT DISTINCT FROM r.started_at_exact""").fetchone()[0]
assert joined == counts['messages'], (joined, counts)
json.dump(counts, sys.stdout)
"#;

fn compare_in_duckdb(program: &Program) {
    let has_duckdb = std::process::Command::new("python3")
        .args(["-c", "import duckdb"])
        .output();
    if !has_duckdb.is_ok_and(|output| output.status.success()) {
        #[expect(clippy::print_stderr, reason = "what is left out is said")]
        {
            eprintln!("Python has no duckdb: the lake is not read by another engine");
        }
        return;
    }
    let tables = serde_json::to_string(&NAMES_FOR_ANALYSTS).unwrap();
    let counts = crate::common::python::python(COMPARE, &[program.folder.path(), Path::new(&tables)]);
    assert!(counts.unwrap()["runs"].as_u64().unwrap() > 0);
}

#[test]
fn many_exports_give_the_bytes_of_one_whatever_happened_between_them() {
    let site = Site::new();
    site.change(|runs| {
        runs[0] = vec![
            run(
                1,
                json!("2025-12-31T23:59:59Z"),
                &[message("a", "host1"), message("a", "host1")],
            ),
            run(2, json!("2026-01-01T00:00:00.0000001Z"), &[message("b", "host2")]),
            run(3, json!("2026-01-15T03:00:00Z"), &[]),
            run(
                4,
                Value::Null,
                &[
                    message("no start", "host3"),
                    owned(json!("host6"), Value::Null, json!("a")),
                ],
            ),
            // Assets with several owners: the latest message decides, then the order of letters; a message without a time
            // has that of its run.
            run(
                8,
                json!("2026-01-20T03:00:00Z"),
                &[
                    owned(json!("host4"), json!("2026-01-20T03:00:01Z"), json!("z")),
                    owned(json!("host4"), json!("2026-01-20T03:00:02Z"), json!("a")),
                    owned(json!("host5"), json!("2026-01-20T03:00:03Z"), json!("a")),
                    owned(json!("host5"), json!("2026-01-20T03:00:03Z"), json!("b")),
                    owned(json!("host5"), json!("2026-01-20T03:00:03Z"), Value::Null),
                    owned(json!("host6"), Value::Null, json!("b")),
                    owned(json!("host6"), json!("1950-01-01T00:00:00Z"), json!("c")),
                    owned(Value::Null, json!("2026-01-20T03:00:04Z"), json!("d")),
                    owned(json!(""), json!("2026-01-20T03:00:05Z"), json!("")),
                ],
            ),
        ];
        runs[1] = vec![run(5, json!("1969-07-20T20:17:40Z"), &[message("old", "")])];
    });
    site.sync();
    site.export(&[]).ends_with(0);
    site.is_the_archive();
    let before = site.paths("lake");
    assert!(
        before
            .iter()
            .any(|path| path.starts_with("messages/month=2025-12/")),
        "{before:?}"
    );
    assert!(
        before
            .iter()
            .any(|path| path.starts_with("messages/month=__HIVE_DEFAULT_PARTITION__/"))
    );
    assert!(before.iter().any(|path| path.starts_with("runs/year=1969/")));

    // Nothing new: no file is touched.
    let times = |site: &Site| -> BTreeMap<String, std::time::SystemTime> {
        let modified = |path: &str| {
            let file = site.program.path("lake").join(path);
            fs::metadata(file).unwrap().modified().unwrap()
        };
        let mut paths = site.paths("lake");
        paths.insert("_manifest.json".to_owned());
        paths
            .into_iter()
            .map(|path| (path.clone(), modified(&path)))
            .collect()
    };
    let untouched = times(&site);
    site.export(&[]).ends_with(0);
    assert_eq!(times(&site), untouched);

    // A run in a new month, an edit, a purge, a run whose start moved to another month.
    site.change(|runs| {
        runs[0].remove(2);
        runs[0][1]["JobMessages"]
            .as_array_mut()
            .unwrap()
            .push(message("late", "host9"));
        runs[0].push(run(6, json!("2026-02-03T03:00:00Z"), &[message("new", "host1")]));
        runs[1][0]["JobStartTime"] = json!("2026-02-01T00:00:00Z");
    });
    site.sync();
    site.export(&[]).ends_with(0);
    site.is_the_archive();
    let after = site.paths("lake");
    let kept: Vec<&String> = before.intersection(&after).collect();
    assert!(
        kept.iter()
            .any(|path| path.starts_with("messages/month=2025-12/")),
        "{kept:?}"
    );
    assert!(
        !after.iter().any(|path| path.contains("=1969")),
        "the run has left that year: {after:?}"
    );
    assert!(!site.program.path("lake/runs/year=1969").exists());

    // The purged run is back, a run loses its messages, one gets a start, bytes are quarantined, a job gets a name.
    site.change(|runs| {
        runs[0].push(run(3, json!("2026-01-15T03:00:00Z"), &[]));
        runs[0][0]["JobMessages"] = json!([]);
        runs[0][0]["MessageCount"] = json!(0);
        runs[0][2]["JobStartTime"] = json!("2026-01-20T00:00:00Z");
    });
    site.sync();
    site.program
        .run(&["jobs", "add", JOBS[1], "--name", "Nightly"])
        .ends_with(0);
    site.export(&[]).ends_with(0);
    site.is_the_archive();
    site.change(|runs| runs[1].push(json!({ "JobRunID": 7 })));
    site.program
        .run(&["sync", JOBS[0], JOBS[1], "--insecure"])
        .ends_with(3);
    site.export(&[]).ends_with(0);
    site.is_the_archive();

    // Rebuilt tables are exported anew.
    site.program.run(&["reindex"]).ends_with(0);
    site.export(&[]).ends_with(0);
    site.is_the_archive();
    let content = site.content("lake");
    site.export(&["--full"]).ends_with(0);
    assert_eq!(site.content("lake"), content);
    site.is_the_archive();
}

fn small() -> Site {
    let site = Site::new();
    site.change(|runs| {
        runs[0] = vec![run(1, json!("2026-01-31T10:00:00Z"), &[message("a", "host1")])];
        runs[1] = vec![run(2, json!("2026-02-01T10:00:00Z"), &[message("b", "host2")])];
    });
    site.sync();
    site
}

#[test]
fn what_is_not_this_lake_is_refused_and_left_as_it_is() {
    let site = small();
    let other = small();
    let manifest = site.program.path("lake/_manifest.json");

    fs::create_dir(site.program.path("photos")).unwrap();
    site.program.write("photos/2024.jpg", "x");
    let photos = ["export", "--output-dir", "photos"];
    site.program
        .run(&photos)
        .ends_with(2)
        .says("is not a lake")
        .says("2024.jpg");
    assert!(!site.program.path("photos/_manifest.json").exists());
    site.export(&["--check"])
        .ends_with(2)
        .says("it has no _manifest.json");

    // A lake of another archive.
    other.export(&[]).ends_with(0);
    let foreign = other.program.path("lake");
    let foreign = foreign.to_str().unwrap();
    site.program
        .run(&["export", "--output-dir", foreign])
        .ends_with(1)
        .says("was made from the archive");
    site.program
        .run(&["export", "--output-dir", foreign, "--check"])
        .ends_with(3)
        .says("was made from the archive");

    // A newer layout, and what is not a manifest.
    site.export(&[]).ends_with(0);
    let sound = fs::read_to_string(&manifest).unwrap();
    let edited = |from: &str, to: &str| fs::write(&manifest, sound.replacen(from, to, 1)).unwrap();
    edited(r#""layout": 1"#, r#""layout": 2"#);
    site.export(&[]).ends_with(1).says("newer version");
    fs::write(&manifest, &sound[..sound.len() / 2]).unwrap();
    site.export(&[])
        .ends_with(1)
        .says("cannot be read as the manifest");
    // A path that leads out of the lake is never deleted.
    edited(r#""path": "messages/"#, r#""path": "../messages/"#);
    site.export(&["--full"])
        .ends_with(1)
        .says("is not the path of a file of this lake");
    fs::write(&manifest, &sound).unwrap();

    // An archive that does not hold the lake's head: an older copy.
    site.program.run(&["backup", "old.db"]).ends_with(0);
    site.change(|runs| runs[0].push(run(3, json!("2026-03-01T10:00:00Z"), &[])));
    site.sync();
    site.export(&[]).ends_with(0);
    let old = ["export", "--archive", "old.db", "--output-dir", "lake"];
    let newer = fs::read_to_string(&manifest).unwrap();
    site.program.run(&old).ends_with(1).says("does not hold the head");
    assert_eq!(fs::read_to_string(&manifest).unwrap(), newer);
    site.program.run(&[&old[..], &["--full"]].concat()).ends_with(0);
    assert_eq!(
        site.paths("lake")
            .iter()
            .filter(|path| path.contains("2026-03"))
            .count(),
        0
    );
}

#[test]
fn a_check_names_what_was_deleted_edited_or_added() {
    let site = small();
    site.export(&[]).ends_with(0);
    let path = |part: &str| {
        let paths = site.paths("lake");
        paths.into_iter().find(|path| path.contains(part)).unwrap()
    };
    let (january, february, runs) = (path("month=2026-01"), path("month=2026-02"), path("runs/"));
    let full = |path: &str| site.program.path("lake").join(path);
    fs::remove_file(full(&january)).unwrap();
    let mut bytes = fs::read(full(&february)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(full(&february), bytes).unwrap();
    fs::copy(full(&runs), full(&runs.replace("-0.", "-7."))).unwrap();
    let ended = site.export(&["--check"]).ends_with(3);
    for said in [&january, &february, &runs.replace("-0.", "-7.")] {
        assert!(ended.stderr.contains(said.as_str()), "{said}: {}", ended.stderr);
    }
    site.export(&["--full"]).ends_with(0);
    site.is_the_archive();
    // What is missing or cut is written anew without being asked.
    fs::remove_file(full(&path("month=2026-01"))).unwrap();
    fs::write(full(&path("month=2026-02")), "cut").unwrap();
    site.export(&[]).ends_with(0);
    site.is_the_archive();
    site.sync();
    let behind = site.export(&["--check"]).ends_with(0);
    assert!(behind.stderr.contains("newer entries"), "{}", behind.stderr);
}

#[test]
fn sites_share_a_lake_and_what_a_killed_export_left_is_deleted() {
    let site = small();
    let other = small();
    let lake = site.program.path("lake");
    let shared = lake.to_str().unwrap();
    site.export(&["--site", "oslo"]).ends_with(0);
    other
        .program
        .run(&["export", "--output-dir", shared, "--site", "bergen"])
        .ends_with(0);
    engines_give_the_reports(&site.program, &["--manifests", "site=oslo/_manifest.json"]);
    site.program
        .run(&["export", "--output-dir", shared])
        .ends_with(2)
        .says("is not a lake");
    assert!(
        lake.join("site=oslo/_manifest.json").exists() && lake.join("site=bergen/_manifest.json").exists()
    );
    let january = "messages/site=oslo/month=2026-01";
    assert!(lake.join(january).is_dir());
    for left in ["_99-0.parquet.tmp", "99-0.parquet"] {
        fs::write(lake.join(january).join(left), "cut").unwrap();
    }
    fs::write(lake.join(january).join("_SUCCESS"), "").unwrap();
    site.export(&["--site", "oslo"]).ends_with(0);
    assert_eq!(
        fs::read_dir(lake.join(january)).unwrap().count(),
        2,
        "its file, and what is not ours"
    );
    other
        .program
        .run(&["export", "--output-dir", shared, "--site", "bergen", "--check"])
        .ends_with(0);
    site.export(&["--site", "../oslo"]).ends_with(2);
    site.export(&["--site", "oslo", "--format", "jsonl"]).ends_with(2);
}

#[cfg(unix)]
#[test]
fn two_exports_at_once_and_a_full_disk_leave_the_lake_as_it_was() {
    let site = small();
    site.export(&[]).ends_with(0);
    let before = site.manifest("lake");
    // More than the limit below, and nothing that compresses well.
    let mut number = 1_u64;
    let details = std::iter::repeat_with(|| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{number:x}")
    });
    let details: String = details.take(20_000).collect();
    site.change(|runs| {
        runs[0].push(run(
            3,
            json!("2026-03-01T10:00:00Z"),
            &[message(&details, "host1")],
        ))
    });
    site.sync();
    let lock = fs::OpenOptions::new()
        .write(true)
        .open(site.program.path("lake/_lock"))
        .unwrap();
    lock.lock().unwrap();
    site.export(&[]).ends_with(1).says("another export is writing");
    drop(lock);
    let mut limited = site.program.start("sh");
    let binary = env!("CARGO_BIN_EXE_jobruns");
    limited.args([
        "-c",
        &format!("ulimit -f 80; exec '{binary}' export --output-dir lake"),
    ]);
    let ended = Ended::of(limited.spawn().unwrap()).ends_with(1);
    assert!(ended.stderr.contains("could not write"), "{}", ended.stderr);
    assert_eq!(site.manifest("lake"), before);
    site.export(&[]).ends_with(0);
    site.is_the_archive();
}

/// Numbers that look random, and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn one_of<T: Clone>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())].clone()
    }

    /// A start: now and then none, one before 1970, one with seven digits, one that is another day in Asia/Kolkata.
    fn start(&mut self) -> Value {
        let (month, day, hour) = (1 + self.below(6), 1 + self.below(28), self.below(24));
        let fraction = self.one_of(&["", "", ".5", ".1234567", ".0000001"]);
        match self.below(12) {
            0 => Value::Null,
            1 => json!(format!("1969-12-{day:02}T{hour:02}:30:59.9999999Z")),
            _ => json!(format!("2026-{month:02}-{day:02}T{hour:02}:15:00{fraction}Z")),
        }
    }

    fn message(&mut self) -> Value {
        let text = |numbers: &mut Self, texts: &[&str]| match numbers.one_of(texts) {
            "-" => Value::Null,
            text => json!(text),
        };
        json!({
            "DateTime": if self.below(3) == 0 { Value::Null } else { self.start() },
            "Message": text(self, &["-", "", "Access denied", "access denied", "Zeit \"um\",\r\nΩ", "ﬀ", "𝄞"]),
            "MessageDetails": text(self, &["-", "", "a", "b", "=c", "d\n", "é", "e\u{301}"]),
            "Category": text(self, &["-", "", "Error", "ERROR", "warning", "Info", "Informational", "Hinweis"]),
            "Asset": text(self, &["-", "", "host1", "HOST1", "host2", "hôst", "ﬀ", "𝄞"]),
            "AssetType": text(self, &["-", "", "Windows", "UNIX"]),
            "AssetOwner": text(self, &["-", "", "CORP\\a", "CORP\\b"]),
        })
    }

    fn messages(&mut self) -> Vec<Value> {
        (0..self.below(9)).map(|_| self.message()).collect()
    }

    fn run(&mut self, number: u32) -> Value {
        let mut run = run(number, self.start(), &self.messages());
        run["Status"] = self.one_of(&[0, 2, 4, 4, 4, 5, 6, 7, 42].map(|status| json!(status)));
        run["JobEndTime"] = self.start();
        run
    }
}

/// The scripts of docs/lake give the cells that the reports have, by each engine that is here.
///
/// Other engines are named by the variable `LAKE_ENGINES`: `clickhouse iceberg spark`.
#[track_caller]
fn engines_give_the_reports(program: &Program, options: &[&str]) {
    if !crate::common::python::is_there("python3") {
        return;
    }
    let engines = std::env::var("LAKE_ENGINES").unwrap_or_else(|_| "duckdb polars".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lake/compare.py");
    let mut python = program.start("python3");
    python
        .arg(script)
        .args(["jobruns.db", "lake", "--jobruns", env!("CARGO_BIN_EXE_jobruns")]);
    python.args(engines.split_whitespace().flat_map(|engine| ["--engine", engine]));
    python.args(options).env("PYTHONUTF8", "1");
    let ended = Ended::of(python.spawn().unwrap()).ends_with(0);
    let equal = ended
        .stdout
        .lines()
        .filter(|line| line.ends_with("rows equal"))
        .count();
    let left_out = ended
        .stderr
        .lines()
        .filter(|line| line.contains("left out"))
        .count();
    assert_eq!(
        equal + 2 * left_out,
        2 * engines.split_whitespace().count(),
        "{ended:#?}"
    );
    assert!(!ended.stdout.contains(" 0 rows"), "{ended:#?}");
    #[expect(clippy::print_stderr, reason = "what is left out is said")]
    if left_out > 0 {
        eprintln!("{}", ended.stderr);
    }
}

#[test]
fn the_scripts_for_other_engines_give_the_reports_after_one_export_and_after_thirty_more() {
    let site = Site::new();
    let mut numbers = Numbers(1);
    let mut next = 0;
    let mut new_run = |numbers: &mut Numbers| {
        next += 1;
        numbers.run(next)
    };
    site.change(|runs| {
        for job in runs {
            *job = (0..20).map(|_| new_run(&mut numbers)).collect();
        }
    });
    site.sync();
    site.export(&[]).ends_with(0);
    let compare = || {
        engines_give_the_reports(&site.program, &[]);
        let span = ["--since", "2026-02-01", "--until", "2026-05-03T12:00:00+02:00"];
        let zone = ["--timezone", "Asia/Kolkata", "--include-absent"];
        engines_give_the_reports(&site.program, &[&span[..], &zone].concat());
    };
    compare();

    let mut purged: Vec<(usize, Value)> = Vec::new();
    for night in 0..30 {
        site.change(|runs| {
            for (job, runs) in runs.iter_mut().enumerate() {
                runs.push(new_run(&mut numbers));
                let at = numbers.below(runs.len());
                match numbers.below(6) {
                    0 => purged.push((job, runs.remove(at))),
                    1 => runs[at]["JobStartTime"] = numbers.start(),
                    2 => runs[at]["Status"] = json!(7),
                    3 => {
                        let messages = numbers.messages();
                        runs[at]["MessageCount"] = json!(messages.len());
                        runs[at]["JobMessages"] = json!(messages);
                    }
                    _ => {}
                }
            }
            if night % 4 == 3
                && let Some((job, run)) = purged.pop()
            {
                runs[job].push(run);
            }
        });
        site.sync();
        if night == 10 {
            site.program
                .run(&["jobs", "add", JOBS[0], "--name", "Nächtlich, \"alle\""])
                .ends_with(0);
        }
        site.export(&[]).ends_with(0);
    }
    assert!(!purged.is_empty());
    site.is_the_archive();
    compare();
}
