//! `docs/verify.py`, the check without us: it passes sound archives and finds what was changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::Bench;
use crate::common::odd::eventful;
use crate::common::program::Program;
use crate::common::python::{is_there, python, unpacks_zstandard};
use crate::common::rich::rich_archive;
use jobruns::archive::{Packer, ReadOnly};
use jobruns::model::{Zone, hex, zone_names};
use rusqlite::Connection;

fn verify_py(archive: &Path, more: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(archive).args(more).env("PYTHONUTF8", "1");
    command.output().unwrap()
}

/// What it printed, after it ended with this code.
#[track_caller]
fn ends_with(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_what_we_read_in_any_zone() {
    if !unpacks_zstandard() {
        return;
    }
    for zone in [None, Some("Europe/Berlin")] {
        let bench = eventful(zone).await;
        let report = ReadOnly::open(&bench.archive()).unwrap().verify(&[]).unwrap();
        assert_eq!(report.findings, []);
        let said = ends_with(&verify_py(&bench.archive(), &["--head", &hex(&report.head)]), 0);
        assert!(
            said.trim_end().ends_with(&format!("head {}", hex(&report.head)))
                && said.contains("\nintact: it is"),
            "{said}"
        );
        let (payloads, messages) = (report.verified.payloads, report.verified.messages);
        assert!(
            said.contains(&format!(" {payloads} payloads, {messages} messages")),
            "{said}"
        );
        let odd: i64 = bench.value(
            "SELECT count(*) FROM messages WHERE job_run_id LIKE '0e0e0e0e%' AND message LIKE '%type%'",
        );
        assert_eq!(odd, 1, "the odd run is in it");
        let hashed: i64 = bench.value(
            "SELECT count(*) FROM _run WHERE content_sha256 IS NOT NULL AND job_run_id LIKE '0e0e0e0e%'",
        );
        assert!(hashed > 0, "the hash of an odd run's content is compared");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_passes_what_was_repaired() {
    if !unpacks_zstandard() {
        return;
    }
    let bench = eventful(None).await;
    let nothing = |_, _| {};
    for (number, (edit, zone)) in [
        ("UPDATE _message_kind SET category = 'Information'", None),
        (
            "DELETE FROM _message WHERE message_key % 3 = 0",
            Some("Europe/Berlin"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let path = copy(&bench, &format!("reindexed-{number}.db"));
        assert!(Connection::open(&path).unwrap().execute(edit, []).unwrap() > 0);
        ends_with(&verify_py(&path, &[]), 4);
        jobruns::archive::reindex(&path, zone.map(|zone: &str| zone.parse().unwrap()), &nothing).unwrap();
        ends_with(&verify_py(&path, &[]), 0);
    }
    let path = copy(&bench, "damaged.db");
    let cut = "UPDATE payload SET data = substr(data, 1, 10) WHERE entry_id % 5 = 0";
    assert!(Connection::open(&path).unwrap().execute(cut, []).unwrap() > 0);
    let salvaged = bench.folder.path().join("salvaged.db");
    jobruns::archive::salvage(&path, &salvaged, &|_| {}).unwrap();
    let said = ends_with(&verify_py(&salvaged, &[]), 3);
    assert!(said.contains(" was lost, as the salvage of "), "{said}");
}

/// What a salvage lost takes part in no chain of a job, and the syncs after it go on from there.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_salvage_the_chains_of_jobs_go_on() {
    if !unpacks_zstandard() {
        return;
    }
    let damages = [
        (
            "DELETE FROM ledger WHERE entry_id = 20",
            "ledger entries 20 to 20",
        ),
        (
            "DELETE FROM ledger WHERE entry LIKE 'sync-began sync=3 %'",
            "ledger entries ",
        ),
        (
            "DELETE FROM _sync_job WHERE sync_id = 2; DELETE FROM _sync_job_unchanged WHERE sync_id = 2",
            "what sync 2 found of its jobs",
        ),
        ("UPDATE _actor SET actor = 'somebody@else'", ""),
        ("DELETE FROM payload WHERE entry_id % 4 = 0", "revision 1 of run"),
        (
            "DELETE FROM _quarantined WHERE accepted_unix IS NOT NULL",
            "number 1 in quarantine",
        ),
    ];
    for (damage, lost) in damages {
        let bench = rich_archive(3).await;
        let (first, second) = (bench.folder.path().join("1.db"), bench.folder.path().join("2.db"));
        Connection::open(bench.archive())
            .unwrap()
            .execute_batch(&format!(
                "PRAGMA foreign_keys = OFF; {damage}; PRAGMA wal_checkpoint(TRUNCATE)"
            ))
            .unwrap();
        let salvaged = jobruns::archive::salvage(&bench.archive(), &first, &|_| {}).unwrap();
        let is_told = salvaged.lost.iter().any(|told| told.contains(lost));
        assert!(lost.is_empty() || is_told, "{damage}: {:?}", salvaged.lost);
        // The figures of syncs prove themselves, where lines before them are lost too.
        let results = salvaged.lost.iter().filter(|told| told.starts_with("what sync "));
        let results = results.count();
        // When a sync began, which its results say, may follow from the lines that are left.
        let may_follow = damage.contains("sync-began") && results == 1;
        assert!(
            may_follow || results == usize::from(lost.starts_with("what sync ")),
            "{damage}: {:?}",
            salvaged.lost
        );
        for (from, to) in [(&first, None), (&bench.archive(), Some(&second))] {
            match to {
                None => drop(std::fs::copy(from, bench.archive()).unwrap()),
                Some(to) => drop(jobruns::archive::salvage(from, to, &|_| {}).unwrap()),
            }
            let archive = to.map_or_else(|| bench.archive(), Clone::clone);
            if to.is_none() {
                bench.sync().await;
            }
            let report = ReadOnly::open(&archive).unwrap().verify(&[]).unwrap();
            assert_eq!(report.findings, [], "{damage}");
            let said = verify_py(&archive, &[]);
            assert!(matches!(said.status.code(), Some(0 | 3)), "{damage}: {said:?}");
        }
    }
}

/// Reads times of the wall in every zone, and prints those that it reads otherwise: zone, time, ours, its own.
const WALLS: &str = r#"
import io, json, sys, zoneinfo
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify
wrong, read = [], 0
for name, tzif, walls in json.load(open(sys.argv[2])):
    zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(bytes.fromhex(tzif)), key=name)
    for wall, ours in walls:
        read += 1
        if (its := verify.offset_of_wall(zone, wall)) != ours:
            wrong.append([name, verify.utc(wall * verify.TICKS), ours, its])
print(json.dumps({"read": read, "wrong": wrong[:20]}))
"#;

/// Times of the wall about each change of a zone from 2000 to 2040.
fn walls_about_changes(zone: Zone) -> Vec<i64> {
    let rules = jiff::tz::TimeZone::tzif(zone.name(), zone.tzif()).unwrap();
    let begin = jiff::Timestamp::from_second(946_684_800).unwrap(); // 2000-01-01
    let end = jiff::Timestamp::from_second(2_240_524_800).unwrap(); // 2041-01-01
    let mut walls = Vec::new();
    for change in rules
        .following(begin)
        .take_while(|change| change.timestamp() < end)
    {
        let at = change.timestamp().as_second();
        for east in [
            rules.to_offset(jiff::Timestamp::from_second(at - 1).unwrap()),
            change.offset(),
        ] {
            let wall = at + i64::from(east.seconds());
            walls.extend([-3600, -1, 0, 1, 1800, 3600].map(|more| wall + more));
        }
    }
    walls.sort_unstable();
    walls.dedup();
    walls
}

#[test]
fn it_reads_every_time_of_the_wall_in_every_zone_as_we_do() {
    if !is_there("python3") {
        return;
    }
    let mut seen = std::collections::HashSet::new();
    let mut zones = Vec::new();
    let mut count = 0;
    for name in zone_names() {
        let zone = Zone::newest(name).unwrap();
        if zone == Zone::UTC || !seen.insert(zone.sha256()) {
            continue;
        }
        let walls = walls_about_changes(zone);
        count += walls.len();
        let walls: Vec<_> = walls
            .into_iter()
            .map(|wall| (wall, zone.offset_of_wall(wall)))
            .collect();
        let tzif: String = zone.tzif().iter().map(|byte| format!("{byte:02x}")).collect();
        zones.push((zone.name(), tzif, walls));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("walls.json");
    std::fs::write(&file, serde_json::to_vec(&zones).unwrap()).unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let said = python(WALLS, &[&docs, &file]).unwrap();
    assert_eq!(said["wrong"], serde_json::json!([]), "of {count}");
    assert_eq!(said["read"], count);
    assert!(count > 50_000, "{count}");
}

/// Each edit, as an administrator would make it.
const EDITS: [&str; 65] = [
    "UPDATE ledger SET entry = replace(entry, 'count=0', 'count=1') WHERE entry LIKE 'sync-began %'",
    "DELETE FROM ledger WHERE entry_id = 9",
    "DELETE FROM ledger WHERE entry_id = (SELECT max(entry_id) FROM ledger)",
    "UPDATE payload SET data = (SELECT data FROM payload ORDER BY entry_id DESC LIMIT 1) WHERE entry_id = (SELECT min(entry_id) FROM payload)",
    "UPDATE payload SET data = substr(data, 1, 10) WHERE entry_id = (SELECT min(entry_id) FROM payload)",
    "DELETE FROM payload WHERE entry_id = (SELECT min(entry_id) FROM payload)",
    "DELETE FROM dictionary",
    "UPDATE _revision SET payload_sha256 = zeroblob(32) WHERE revision = 1",
    "DELETE FROM _revision WHERE revision = 2",
    "UPDATE _run SET status = 4 WHERE status = 5",
    "UPDATE _run SET started_ticks = started_ticks + 1 WHERE run_key = 1",
    "UPDATE _run SET ended_ticks = NULL WHERE run_key = 1",
    "UPDATE _run SET exception = '' WHERE exception IS NULL",
    "UPDATE _run SET absent_since_unix = 5 WHERE absent_since_unix IS NULL AND run_key = 2",
    "UPDATE _run SET absent_since_unix = NULL WHERE absent_since_unix IS NOT NULL",
    "UPDATE _run SET message_count = message_count + 1 WHERE run_key = 1",
    "UPDATE _run SET first_seen_unix = first_seen_unix - 86400 WHERE run_key = 3",
    "UPDATE _run SET job_key = 1 + job_key % 3",
    "UPDATE _run SET activity_status_list = '[]' WHERE activity_status_list IS NOT NULL",
    "DELETE FROM _run WHERE run_key = 4",
    "INSERT INTO _run SELECT 1000, job_run_id || 'x', job_key, status, started_ticks, ended_ticks, started_assumed, ended_assumed, started_at_raw, ended_at_raw, exception, custom_status_text, job_summary, status_details, activity_status_list, message_count, has_message_list, unreadable_messages, messages_present, messages_held, messages_without_time, first_message_ticks, last_message_ticks, revision, first_seen_unix, last_changed_unix, absent_since_unix, seen_sha256, content_sha256 FROM _run WHERE run_key = 1",
    "UPDATE _message_kind SET category = 'Information' WHERE category = 'Error'",
    "UPDATE _message_kind SET message = message || '.' WHERE kind_key = 1",
    "UPDATE _asset SET asset = 'OTHER' WHERE asset_key = 1",
    "UPDATE _message_detail SET message_details = '' WHERE detail_key = 1",
    "UPDATE _message SET occurred_ticks = occurred_ticks + 10000000 WHERE message_key = (SELECT min(message_key) FROM _message)",
    "UPDATE _message SET absent_since_unix = 5 WHERE message_key = (SELECT min(message_key) FROM _message)",
    "UPDATE _message SET absent_since_unix = NULL WHERE absent_since_unix IS NOT NULL",
    "UPDATE _message SET occurred_at_raw = 'later' WHERE occurred_at_raw = 'soon'",
    "DELETE FROM _message WHERE message_key = (SELECT max(message_key) FROM _message)",
    "DELETE FROM _message WHERE message_key = (SELECT min(message_key) FROM _message)",
    "INSERT INTO _message SELECT message_key + 1000, occurred_ticks, kind_key, asset_key, detail_key, occurred_assumed, absent_since_unix, occurred_at_raw FROM _message LIMIT 1",
    "UPDATE _quarantined SET payload = x'00' WHERE quarantine_id = 1",
    "UPDATE _quarantined SET accepted_unix = NULL",
    "UPDATE _sync_job SET runs_seen = runs_seen + 1",
    "UPDATE _sync SET runs_new = runs_new + 1 WHERE sync_id = 1",
    "UPDATE _job SET name = 'another' WHERE name IS NOT NULL",
    "UPDATE job_statuses SET is_failure = 0 WHERE status = 7",
    "INSERT INTO job_statuses VALUES (42, 'Known', 1, 0)",
    "UPDATE _job SET last_error = 'never said' WHERE name = 'Quarterly'",
    "UPDATE _job SET last_synced_unix = last_synced_unix + 1 WHERE last_synced_unix IS NOT NULL",
    "UPDATE _job SET last_answered_unix = last_answered_unix + 1 WHERE last_answered_unix IS NOT NULL",
    "UPDATE _job SET total_job_runs = total_job_runs + 1 WHERE total_job_runs IS NOT NULL",
    "INSERT INTO _sync_job_unchanged VALUES (99, 1, 1, 1, 1, 0, NULL)",
    "INSERT INTO _sync_job SELECT 99, job_key, outcome, error, http_status, attempts, runs_seen, runs_new, runs_changed, runs_unchanged, runs_quarantined, runs_absent, messages_new, body_bytes, milliseconds, total_job_runs, count_asked FROM _sync_job LIMIT 1",
    "UPDATE _sync SET count_asked = 1 WHERE sync_id = 2",
    "UPDATE _sync SET count_asked = NULL WHERE sync_id = 2",
    "UPDATE _sync_job SET count_asked = 1",
    "UPDATE _sync_job_unchanged SET other_total = 7",
    "INSERT INTO _server (url) VALUES ('https://nobody.example.com')",
    "INSERT INTO _asset (asset) VALUES ('NOBODY')",
    "UPDATE _archive SET made_unix = made_unix - 86400",
    "UPDATE _archive SET naive_time = 'Asia/Tokyo'",
    "UPDATE _run SET messages_present = messages_present + 1 WHERE run_key = 1",
    "UPDATE _run SET messages_without_time = messages_without_time + 1 WHERE run_key = 1",
    "UPDATE _run SET first_message_ticks = first_message_ticks + 1 WHERE run_key = 1",
    "UPDATE _run SET last_message_ticks = NULL WHERE run_key = 1",
    "UPDATE _run SET has_message_list = 1 - has_message_list WHERE run_key = 1",
    "UPDATE _quarantined SET accepted_why = 'another reason' WHERE accepted_why IS NOT NULL",
    "UPDATE _quarantined SET payload_bytes = payload_bytes + 1",
    "UPDATE _quarantined SET run_key = 1 WHERE run_key IS NULL",
    "UPDATE refinery_schema_history SET name = 'another'",
    "PRAGMA user_version = 7; UPDATE _run SET status = status",
    "UPDATE _run SET seen_sha256 = zeroblob(32), content_sha256 = NULL",
    "UPDATE _run SET content_sha256 = zeroblob(32) WHERE content_sha256 IS NOT NULL",
];

/// Edits of the schema: what hides or forges rows without touching one.
const SCHEMA_EDITS: [&str; 5] = [
    "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('trigger', 'sqlite_t', '_run', 0, 'CREATE TRIGGER sqlite_t BEFORE INSERT ON _run BEGIN SELECT 1; END')",
    "DROP VIEW messages; CREATE VIEW messages AS SELECT * FROM (SELECT 1)",
    "CREATE TRIGGER forget AFTER INSERT ON _message BEGIN DELETE FROM _message; END",
    "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'r.message_count', '0') WHERE name = 'runs'",
    "DROP INDEX run_by_start",
];

/// Checks many archives in one process, which is most of the time of a small one, and prints each exit code as JSON.
const MANY: &str = r#"
import contextlib, io, json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify
said = []
_, folder, head, *archives = sys.argv
for archive in archives:
    verify.found, verify.losses, sys.argv = 0, 0, ["verify.py", archive, "--head", head]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            said.append(verify.main() or 0)
        except SystemExit as ended:
            said.append(ended.code)
print(json.dumps(said))
"#;

/// A copy of the archive to damage.
fn copy(bench: &Bench, name: &str) -> PathBuf {
    let path = bench.folder.path().join(name);
    bench
        .connection()
        .execute("VACUUM INTO ?1", [path.to_str().unwrap()])
        .unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_what_was_changed() {
    if !unpacks_zstandard() {
        return;
    }
    let bench = eventful(None).await;
    let head = ReadOnly::open(&bench.archive()).unwrap().head().unwrap();
    let mut damaged = vec![copy(&bench, "sound.db")];
    for (number, edit) in EDITS.iter().chain(&SCHEMA_EDITS).enumerate() {
        let path = copy(&bench, &format!("{number}.db"));
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
            .unwrap();
        let before = connection.total_changes();
        connection.execute_batch(edit).unwrap();
        assert!(
            connection.total_changes() > before || SCHEMA_EDITS.contains(edit),
            "nothing was changed: {edit}"
        );
        drop(connection);
        // The program and the script agree.
        let told = ReadOnly::open(&path).and_then(|reader| reader.verify(&[head]));
        assert!(
            told.is_err() || told.is_ok_and(|report| !report.is_intact()),
            "verify passes: {edit}"
        );
        damaged.push(path);
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    // Without its last line the ledger is a sound and shorter one; only the head shows it.
    let in_words = hex(&head);
    let mut arguments = vec![docs.as_path(), Path::new(&in_words)];
    arguments.extend(damaged.iter().map(PathBuf::as_path));
    let codes = python(MANY, &arguments).unwrap();
    assert_eq!(codes[0], 0);
    for (number, edit) in (1..).zip(EDITS.iter().chain(&SCHEMA_EDITS)) {
        assert_eq!(codes[number], 4, "{edit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_knows_lodged_heads_and_tells_what_is_no_archive() {
    if !unpacks_zstandard() {
        return;
    }
    let bench = Bench::new().await;
    let first = hex(&bench.sync().await.head);
    let old = copy(&bench, "old.db");
    bench.server.pass_night();
    let second = hex(&bench.sync().await.head);
    let heads = bench.folder.path().join("heads.txt");
    std::fs::write(
        &heads,
        format!("2026-01-01T00:00:00Z 1 {first}\n2026-01-02T00:00:00Z 2 {second}\n"),
    )
    .unwrap();
    let heads = heads.to_str().unwrap();
    ends_with(&verify_py(&bench.archive(), &["--head-file", heads]), 0);
    let said = ends_with(&verify_py(&old, &["--head-file", heads]), 4);
    assert!(said.contains(&second) && !said.contains(&first), "{said}");
    ends_with(&verify_py(&old, &[]), 0);
    ends_with(&verify_py(&bench.folder.path().join("none.db"), &[]), 2);
    for content in [&b""[..], b"rubbish"] {
        std::fs::write(&old, content).unwrap();
        ends_with(&verify_py(&old, &[]), 4);
    }
    let sound = std::fs::read(bench.archive()).unwrap();
    std::fs::write(&old, &sound[..sound.len() / 2]).unwrap();
    ends_with(&verify_py(&old, &[]), 4);
}

/// Runs a script as a Python without Zstandard would.
const WITHOUT_ZSTD: &str = "
import runpy, sys
sys.modules['compression'] = sys.modules['zstandard'] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
";

#[tokio::test(flavor = "multi_thread")]
async fn the_script_that_the_program_prints_needs_nothing_beside_it() {
    if !unpacks_zstandard() {
        return;
    }
    let program = Program::new();
    program
        .run(&["verify", "--script", "--output", "verify.py"])
        .ends_with(0);
    let script = std::fs::read_to_string(program.path("verify.py")).unwrap();
    assert_eq!(program.run(&["verify", "--script"]).ends_with(0).stdout, script);
    program
        .run(&["verify", "--script", "--format", "json"])
        .ends_with(2);
    let bench = eventful(Some("Europe/Berlin")).await;
    let check = |arguments: &[&str], archive: &Path| {
        let mut command = program.start("python3");
        command.args(arguments).arg("verify.py").arg(archive);
        command.env("PYTHONUTF8", "1").output().unwrap()
    };
    let said = ends_with(&check(&[], &bench.archive()), 0);
    assert!(
        said.contains("consistent with itself; no head was given") && !said.contains("intact"),
        "{said}"
    );
    let changed = |edit: &str| {
        let path = copy(&bench, "changed.db");
        assert!(Connection::open(&path).unwrap().execute(edit, []).unwrap() > 0);
        path
    };
    let edited_view = changed("UPDATE _run SET status = 4 WHERE status = 5");
    ends_with(&check(&[], &edited_view), 4);
    // Without Zstandard it checks what it can, says what it cannot, and passes nothing.
    let without = ["-c", WITHOUT_ZSTD];
    let said = ends_with(&check(&without, &bench.archive()), 1);
    assert!(
        said.contains("not checked: ")
            && said.contains("pip install zstandard")
            && !said.contains("\nintact"),
        "{said}"
    );
    ends_with(&check(&without, &edited_view), 1);
    for edit in [
        "UPDATE ledger SET entry = replace(entry, 'count=0', 'count=1') WHERE entry LIKE 'sync-began %'",
        "UPDATE _sync_job SET runs_seen = runs_seen + 1",
        "UPDATE _revision SET payload_sha256 = zeroblob(32) WHERE revision = 1",
        "UPDATE _run SET absent_since_unix = 5 WHERE run_key = 2",
        "DELETE FROM payload WHERE entry_id = (SELECT min(entry_id) FROM payload)",
    ] {
        std::fs::remove_file(&edited_view).unwrap();
        ends_with(&check(&without, &changed(edit)), 4);
    }
}

/// Unpacks a frame as if the ledger said so many bytes; prints what came of it.
const UNPACK: &str = "
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify
frame, said = open(sys.argv[2], 'rb').read(), []
for data, size in ((frame, 50 << 20), (frame, 1000), (frame, 1 << 40), (frame[:-1], 50 << 20), (frame + b'x', 50 << 20)):
    try:
        said.append(len(verify.unpack(data, None, size)))
    except Exception as error:
        said.append(str(error))
print(json.dumps(said))
";

#[test]
fn it_unpacks_no_more_than_the_ledger_says() {
    if !unpacks_zstandard() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frame");
    std::fs::write(
        &file,
        Packer::new(None).unwrap().pack(&vec![0; 50 << 20]).unwrap(),
    )
    .unwrap();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let said = python(UNPACK, &[&docs, &file]).unwrap();
    assert_eq!(said[0], 50 << 20);
    let said_so = |index: usize, words: &str| {
        let found = said[index].as_str().unwrap();
        assert!(found.contains(words), "{found}");
    };
    said_so(1, "its frame says 52428800 bytes, and the ledger 1000");
    said_so(2, "more than jobruns archives");
    assert!(said[3].is_string(), "{said}");
}

#[test]
fn it_runs_no_module_of_the_folder_in_which_it_lies() {
    if !unpacks_zstandard() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("verify.py");
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify.py"),
        &script,
    )
    .unwrap();
    std::fs::write(folder.path().join("argparse.py"), "raise SystemExit(0)").unwrap();
    let output = Command::new("python3")
        .arg(script)
        .arg("--help")
        .output()
        .unwrap();
    assert!(ends_with(&output, 0).starts_with("usage: verify.py"));
}
