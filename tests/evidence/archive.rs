//! The evidence: damage is found, and whoever does not trust the program can check without it.

use std::process::Command;

use crate::common::{Bench, small_history};
use jobruns::simulator::{History, Options};

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_and_named() {
    for (damage, expected) in [
        (
            "UPDATE ledger SET entry = replace(entry, 'count=0', 'count=1') WHERE entry LIKE 'sync-began %'",
            "its hash is not",
        ),
        ("DELETE FROM ledger WHERE entry_id = 9", "missing"),
        (
            "UPDATE payload SET data = (SELECT p.data FROM payload p WHERE p.dictionary_key = payload.dictionary_key AND p.entry_id <> payload.entry_id LIMIT 1) WHERE entry_id = (SELECT min(entry_id) FROM payload WHERE dictionary_key IS NOT NULL)",
            "payload",
        ),
        (
            "UPDATE payload SET data = substr(data, 1, 10) WHERE entry_id = (SELECT min(entry_id) FROM payload)",
            "cannot be unpacked",
        ),
        (
            "DELETE FROM payload WHERE entry_id = (SELECT min(entry_id) FROM payload)",
            "missing",
        ),
        (
            "DELETE FROM dictionary",
            "names a row of dictionary that is not there",
        ),
        (
            "UPDATE _revision SET payload_sha256 = zeroblob(32) WHERE revision = 1",
            "payload_sha256 is not what",
        ),
        (
            "UPDATE _revision SET run_key = run_key + 1 WHERE run_key = 36",
            "the ledger tells of no revision of it",
        ),
        ("UPDATE _sync SET head = zeroblob(32)", "its head is not"),
        (
            "DELETE FROM _run WHERE run_key = 1",
            "names a row of _run that is not there",
        ),
    ] {
        let history = History {
            messages: 30,
            ..small_history()
        };
        let bench = Bench::with(Options {
            history,
            ..Options::default()
        })
        .await;
        bench.sync().await;
        assert_eq!(bench.findings(&[]), [""; 0]);
        let connection = bench.connection();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(connection.execute(damage, []).unwrap() > 0, "{damage}");
        drop(connection);
        let found = bench.findings(&[]);
        assert!(
            found.iter().any(|finding| finding.contains(expected)),
            "{damage}: {found:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lodged_head_finds_an_old_copy() {
    let bench = Bench::new().await;
    let first = bench.sync().await.head;
    let copy = std::fs::read(bench.archive()).unwrap();
    bench.server.pass_night();
    let second = bench.sync().await.head;
    assert_eq!(bench.findings(&[first, second]), [""; 0]);
    std::fs::write(bench.archive(), copy).unwrap();
    assert_eq!(bench.findings(&[first]), [""; 0]);
    let found = bench.findings(&[first, second]);
    assert!(
        found.len() == 1 && found[0].contains("sealed by this head is not held"),
        "{found:?}"
    );
}

/// The script of `docs/evidence.md`, as it stands there.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_python_agrees_with_verify() {
    let mut tried = Command::new("python3");
    tried.args([
        "-c",
        "try:\n from compression import zstd\nexcept ImportError:\n import zstandard",
    ]);
    if !tried.output().is_ok_and(|tried| tried.status.success()) {
        eprintln!("no python3 with Zstandard here: the documented check was not run");
        return;
    }
    let document = include_str!("../../docs/evidence.md");
    let script = document
        .split("```python\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let bench = Bench::new().await;
    let record = bench.sync().await;
    let check = || {
        Command::new("python3")
            .arg("-c")
            .arg(script)
            .arg(bench.archive())
            .output()
            .unwrap()
    };
    let sound = check();
    let said = String::from_utf8_lossy(&sound.stdout);
    assert!(
        sound.status.success(),
        "{}",
        String::from_utf8_lossy(&sound.stderr)
    );
    assert_eq!(
        said.trim(),
        format!(
            "consistent with itself, head {}",
            jobruns::model::hex(&record.head)
        )
    );
    bench
        .connection()
        .execute("UPDATE ledger SET entry = entry || ' ' WHERE entry_id = 5", [])
        .unwrap();
    let damaged = check();
    assert!(!damaged.status.success());
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("ledger line 5 was changed"));
}
