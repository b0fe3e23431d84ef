//! `docs/evidence.md`: its worked example is recomputed, its table of lines is that of real ledgers, and what it tells an
//! auditor to try is tried.

use std::collections::BTreeMap;

use crate::common::python::is_there;
use crate::common::rich::rich_archive;
use crate::common::story::Story;
use jobruns::archive::{GENESIS, entry_hash, text_hash};
use jobruns::model::hex;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

const EVIDENCE: &str = include_str!("../../docs/evidence.md");

/// The section with this title, without it.
fn section(title: &str) -> &'static str {
    let (_, rest) = EVIDENCE.split_once(&format!("\n## {title}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

/// The code blocks of a section.
fn blocks(title: &str) -> Vec<&'static str> {
    let pieces = section(title).split("```");
    pieces
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').unwrap().1.trim_end())
        .collect()
}

/// The value of a word of a line.
fn word<'l>(line: &'l str, key: &str) -> &'l str {
    let mut words = line.split(' ').filter_map(|word| word.split_once('='));
    words.find(|(name, _)| *name == key).unwrap().1
}

/// Kinds of lines with their words in order, as the table has them.
fn kinds() -> BTreeMap<&'static str, Vec<&'static str>> {
    let quoted = |cell: &'static str| cell.split('`').skip(1).step_by(2);
    let mut kinds = BTreeMap::new();
    for row in section("The ledger, byte by byte")
        .lines()
        .filter(|line| line.starts_with("| `"))
    {
        let cells: Vec<&str> = row.split(" | ").collect();
        for kind in quoted(cells[0]) {
            kinds.insert(kind, quoted(cells[1]).collect());
        }
    }
    kinds
}

#[track_caller]
fn is_as_told(line: &str) {
    let (kind, words) = line.split_once(' ').unwrap();
    let keys: Vec<&str> = words
        .split(' ')
        .map(|word| word.split_once('=').unwrap().0)
        .collect();
    assert_eq!(kinds().get(kind), Some(&keys), "{line}");
}

#[test]
fn the_worked_example_is_right_to_the_last_hash() {
    let [payload, result, ledger] = blocks("A worked example")[..] else {
        panic!("a payload, a result and a ledger are shown");
    };
    let mut before = GENESIS;
    let mut lines = BTreeMap::new();
    for (number, shown) in (1..).zip(ledger.lines()) {
        let [at, hash, line] = shown.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("{shown}");
        };
        before = entry_hash(&before, line);
        assert_eq!((at, hash), (number.to_string().as_str(), hex(&before).as_str()));
        is_as_told(line);
        lines.insert(line.split(' ').next().unwrap(), line);
    }
    let revision = lines["revision"];
    assert_eq!(word(revision, "sha256"), hex(&text_hash(payload)));
    assert_eq!(word(revision, "bytes"), payload.len().to_string());
    assert!(section("A worked example").contains(&format!("{} bytes:", payload.len())));
    let (own, ending) = result.split_once(" lines=").unwrap();
    let of_the_job = ledger.lines().map(|shown| shown.splitn(3, ' ').last().unwrap());
    let of_the_job = of_the_job.filter(|line| !line.starts_with("sync-")).chain([own]);
    let chain = of_the_job.fold((0, GENESIS), |(count, before), line| {
        (count + 1, entry_hash(&before, line))
    });
    assert_eq!(ending, format!("{} chain={}", chain.0, hex(&chain.1)));
    let digest = |line: &str| hex(&<[u8; 32]>::from(Sha256::digest(text_hash(line))));
    assert_eq!(word(lines["sync-ended"], "figures"), digest(own));
    assert_eq!(word(lines["sync-ended"], "results"), digest(result));
    assert_eq!(
        word(lines["job-added"], "by"),
        hex(&text_hash("auditor@archive-host"))
    );
    assert_eq!(
        word(lines["job-named"], "name"),
        hex(&text_hash("Nightly baseline"))
    );
    assert_eq!(
        word(lines["job-server"], "server"),
        hex(&text_hash("https://ccs.example.com:12431"))
    );
    let read = jobruns::decode::read_run(payload.as_bytes(), jobruns::model::NaiveZone::Utc).unwrap();
    assert_eq!(read.run.job_run_id().to_string(), word(revision, "run"));
    let started = read.run.started().instant().unwrap();
    assert_eq!(started.to_string(), word(revision, "started"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_ledger_is_as_the_table_says() {
    let bench = rich_archive(3).await;
    let connection = bench.connection();
    let mut statement = connection.prepare("SELECT entry FROM ledger").unwrap();
    let lines = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let mut met = std::collections::BTreeSet::new();
    for line in lines {
        let line = line.unwrap();
        is_as_told(&line);
        met.insert(line.split(' ').next().unwrap().to_owned());
    }
    // What a sync and a person write; repairs have stories of their own.
    assert!(met.len() >= 13, "{met:?}");
}

/// Each line of the block, with the exit code behind its `#`.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_auditor_is_told_to_try_goes_as_it_is_told() {
    let story = Story::new().await;
    let program = &story.program;
    for job in 0..3 {
        program.run(&["jobs", "add", &story.job(job)]).ends_with(0);
    }
    let archive = || Connection::open(program.path("jobruns.db")).unwrap();
    let with_error = "SELECT job_run_id FROM _run WHERE run_key =
        (SELECT min(message_key) >> 24 FROM _message JOIN _message_kind USING (kind_key) WHERE category = 'Error')";
    let (mut tried, mut run, mut payload) = (0, String::new(), String::new());
    for line in blocks("Tried in ten minutes")
        .iter()
        .flat_map(|block| block.lines())
    {
        if let Some(sql) = line.strip_prefix("sqlite3 jobruns.db ") {
            run = archive().query_row(with_error, [], |row| row.get(0)).unwrap();
            assert!(archive().execute(sql.trim_matches('"'), []).unwrap() > 0);
            continue;
        }
        let (command, code) = line.rsplit_once('#').unwrap();
        let command = command.replace("RUN", &run);
        let words: Vec<&str> = command.split_whitespace().collect();
        let code: i32 = code.trim().parse().unwrap();
        tried += 1;
        if words[0] == "python3" {
            if is_there("python3") {
                let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(words[1]);
                let ended = program
                    .start("python3")
                    .arg(script)
                    .arg(words[2])
                    .output()
                    .unwrap();
                let said = String::from_utf8_lossy(&ended.stdout);
                // 1: a Python that cannot unpack Zstandard.
                assert!([Some(code), Some(1)].contains(&ended.status.code()), "{said}");
                assert!(ended.status.code() == Some(1) || said.contains(&run), "{said}");
            }
            continue;
        }
        let ended = program.run(&words[1..]).ends_with(code);
        if code == 4 && words.get(2).map(|word| &**word) != Some("--archive") {
            assert!(ended.stdout.contains("Information"), "{}", ended.stdout);
        }
        if words[1] == "payload" {
            payload = ended.stdout;
        } else if words[1] == "ledger" {
            assert!(
                ended
                    .stdout
                    .contains(&format!("sha256={}", hex(&text_hash(&payload))))
            );
            let heads = std::fs::read_to_string(program.path("heads.txt")).unwrap();
            let published = heads
                .lines()
                .next()
                .and_then(|line| line.split(' ').next_back())
                .unwrap();
            assert!(
                ended
                    .stdout
                    .contains(&format!("sealed by the head of sync 1: {published}")),
                "{}\n{heads}",
                ended.stdout
            );
        }
    }
    assert!(tried >= 8, "only {tried} lines were tried");
}
