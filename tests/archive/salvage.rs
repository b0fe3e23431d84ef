//! `salvage` takes out what is sound, says what is lost, and passes nothing damaged on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::common::program::Program;
use crate::common::rich::{Lot, contract, rich_archive};
use jobruns::archive::{ArchiveError, ReadOnly, Salvaged, VerifyReport, reindex, salvage};
use rusqlite::Connection;

/// A damaged file, and where to salvage it to.
struct Ward {
    folder: tempfile::TempDir,
    sound: Vec<u8>,
}

impl Ward {
    fn new(archive: &Path) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            sound: std::fs::read(archive).unwrap(),
        }
    }

    fn damaged(&self) -> PathBuf {
        self.folder.path().join("damaged.db")
    }

    fn new_archive(&self) -> PathBuf {
        self.folder.path().join("new.db")
    }

    /// Salvages these bytes, edited by SQL first.
    fn salvage(&self, bytes: &[u8], sql: &str) -> Result<Salvaged, ArchiveError> {
        for name in ["damaged.db", "damaged.db-wal", "damaged.db-shm", "new.db"] {
            let _ = std::fs::remove_file(self.folder.path().join(name));
        }
        std::fs::write(self.damaged(), bytes).unwrap();
        if !sql.is_empty() {
            let connection = Connection::open(self.damaged()).unwrap();
            connection
                .execute_batch(&format!(
                    "PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; {sql}; PRAGMA wal_checkpoint(TRUNCATE)"
                ))
                .unwrap();
        }
        let before = std::fs::read(self.damaged()).unwrap();
        let result = salvage(&self.damaged(), &self.new_archive(), &|_| {});
        assert!(
            std::fs::read(self.damaged()).unwrap() == before,
            "it is only read"
        );
        result
    }

    fn verify(&self, heads: &[[u8; 32]]) -> VerifyReport {
        ReadOnly::open(&self.new_archive())
            .unwrap()
            .verify(heads)
            .unwrap()
    }

    /// The heads are held, and of what a head sealed nothing but that it was salvaged is new.
    fn finds_only_the_salvage(&self, heads: &[[u8; 32]]) {
        let findings = self.verify(heads).findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(
            findings[0].what.contains("taken out of a damaged one"),
            "{findings:?}"
        );
    }
}

/// Rows of the contract's tables that two archives have, and only the second.
fn only_in_second(first: &str, second: &str) -> Vec<String> {
    let known: BTreeSet<&str> = first.lines().collect();
    let new = second.lines().filter(|line| !known.contains(line));
    new.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_a_sound_archive_everything_comes_and_its_heads_stay_provable() {
    let bench = rich_archive(3).await;
    // The sync that is open there was killed, and is now said to be.
    reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    let ward = Ward::new(&bench.archive());
    let head = ReadOnly::open(&bench.archive()).unwrap().head().unwrap();
    let salvaged = ward.salvage(&ward.sound, "").unwrap();
    assert_eq!(salvaged.lost, [""; 0]);
    assert_eq!(salvaged.old_head, head);
    assert_eq!(
        contract(&ward.new_archive()).unwrap(),
        contract(&bench.archive()).unwrap()
    );
    ward.finds_only_the_salvage(&[head, salvaged.head]);
    // Its tables may be as wrong as they like.
    let salvaged = ward
        .salvage(
            &ward.sound,
            "DELETE FROM _message; DROP VIEW runs; UPDATE _run SET exception = 'edited'",
        )
        .unwrap();
    assert_eq!(salvaged.lost, [""; 0]);
    assert_eq!(
        contract(&ward.new_archive()).unwrap(),
        contract(&bench.archive()).unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_named_and_the_new_ledger_says_so() {
    let bench = rich_archive(3).await;
    let ward = Ward::new(&bench.archive());
    let said = contract(&bench.archive()).unwrap();
    for (sql, lost) in [
        (
            "UPDATE payload SET data = substr(data, 1, 20) WHERE entry_id = (SELECT min(entry_id) FROM payload)",
            "revision 1 of run",
        ),
        (
            "DELETE FROM payload WHERE entry_id = (SELECT max(entry_id) FROM payload)",
            "its bytes are missing",
        ),
        ("DELETE FROM dictionary", "its dictionary is missing"),
        (
            "UPDATE _job SET name = 'other' WHERE name IS NOT NULL",
            "the name of job",
        ),
        ("DELETE FROM _server", "the address of the server of job"),
        (
            "UPDATE _sync_job SET body_bytes = 1 WHERE sync_id = 2",
            "what sync 2 found of its jobs",
        ),
        (
            "UPDATE _quarantined SET payload = x'00' WHERE quarantine_id = 2",
            "number 2 in quarantine",
        ),
        (
            "UPDATE _quarantined SET accepted_why = 'because' WHERE quarantine_id = 1",
            "number 1 in quarantine",
        ),
        (
            "DELETE FROM ledger WHERE entry_id = 20",
            "ledger entries 20 to 20",
        ),
        (
            "DELETE FROM ledger WHERE entry_id > 40",
            "it counts as received now",
        ),
        (
            "UPDATE ledger SET entry = replace(entry, 'count=0', 'count=1') WHERE entry LIKE 'sync-began sync=2 %'",
            "ledger entry",
        ),
        ("DELETE FROM ledger", "it counts as received now"),
        ("DROP TABLE _job", "the name of job"),
        ("DROP TABLE _sync_job", "what sync 1 found of its jobs"),
        ("DROP TABLE _quarantined", "number 1 in quarantine"),
        (
            "DROP TABLE _revision; DROP TABLE _run; DROP TABLE dictionary",
            "could not read a dictionary",
        ),
    ] {
        let salvaged = ward
            .salvage(&ward.sound, sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert!(
            salvaged.lost.iter().any(|told| told.contains(lost)),
            "{sql}: {:?}",
            salvaged.lost
        );
        let report = ward.verify(&[salvaged.head]);
        assert_eq!(report.findings, [], "{sql}");
        assert!(
            salvaged.runs >= 15 || sql.contains("dictionary"),
            "{sql}: {salvaged:?}"
        );
        // Nothing is made up: no text of a message, no run that was not there.
        let now = contract(&ward.new_archive()).unwrap();
        let messages = |said: &str| -> BTreeSet<String> {
            let lines = said.lines().filter(|line| line.matches('|').count() == 13);
            lines
                .map(|line| line.split('|').skip(4).take(6).collect())
                .collect()
        };
        assert!(messages(&now).is_subset(&messages(&said)), "{sql}");
    }
}

/// Where files are cut, in tenths of their length.
const CUTS: [usize; 5] = [1, 5, 7, 8, 9];

/// Whether a line about a run stands in a leaf of this file. What led to leaves since it was full has copies of its first lines
/// between its cells; those are nobody's rows.
fn holds_a_line(bytes: &[u8]) -> bool {
    let line = b"revision run=";
    let mut leaves = bytes.chunks_exact(8192).filter(|page| page[0] == 0x0d);
    leaves.any(|page| page.windows(line.len()).any(|window| window == line))
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_and_zeroed_files_give_what_is_left_or_a_word() {
    let bench = rich_archive(40).await;
    // The sync that is open there was killed, and is now said to be.
    reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    let ward = Ward::new(&bench.archive());
    let said = contract(&bench.archive()).unwrap();
    let pages = ward.sound.len() / 8192;
    let mut damages: Vec<(String, Vec<u8>)> = Vec::new();
    for page in (0..pages).step_by(3) {
        let mut zeroed = ward.sound.clone();
        zeroed[page * 8192..][..8192].fill(0);
        damages.push((format!("page {page} zeroed"), zeroed));
    }
    for tenths in CUTS {
        let kept = ward.sound.len() / 10 * tenths;
        damages.push((format!("cut at {kept}"), ward.sound[..kept].to_vec()));
    }
    let mut refused = Vec::new();
    let mut runs = 0;
    for (damage, bytes) in &damages {
        match ward.salvage(bytes, "") {
            Ok(salvaged) => {
                runs += salvaged.runs;
                assert_eq!(ward.verify(&[]).findings, [], "{damage}");
                let new = only_in_second(&said, &contract(&ward.new_archive()).unwrap());
                assert!(!salvaged.lost.is_empty() || new.is_empty(), "{damage}: {new:?}");
            }
            Err(error) => {
                assert!(
                    error.is_damage() || error.sqlite_error().is_some(),
                    "{damage}: {error:?}"
                );
                assert!(!ward.new_archive().exists());
                let told = format!("{damage}: {error}: {:?}", std::error::Error::source(&error));
                assert!(!holds_a_line(bytes), "{told}");
                refused.push(told);
            }
        }
    }
    let made = damages.len() - refused.len();
    // Cut so short that neither the ledger nor a payload is in it; never all that were cut.
    assert!(refused.len() < CUTS.len(), "{refused:#?}");
    assert!(
        refused.iter().all(|damage| damage.starts_with("cut at ")),
        "{refused:#?}"
    );
    assert!(runs > 12 * made as u64, "{runs} runs of {made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_page_that_leads_to_rows_every_run_is_taken_out() {
    let bench = rich_archive(40).await;
    let ward = Ward::new(&bench.archive());
    let runs: u64 = bench.value("SELECT count(*) FROM _run");
    let head = ReadOnly::open(&bench.archive()).unwrap().head().unwrap();
    let mut bytes = ward.sound.clone();
    let mut zeroed = 0;
    for (number, page) in bytes.chunks_mut(8192).enumerate() {
        // The first page, and what leads to the leaves of a table.
        if number == 0 || page[0] == 5 {
            page.fill(0);
            zeroed += 1;
        }
    }
    assert!(zeroed > 3, "{zeroed}");
    let salvaged = ward.salvage(&bytes, "").unwrap();
    assert_eq!(salvaged.runs, runs, "{:?}", salvaged.lost);
    assert_eq!(salvaged.old_head, head);
    // Whether the ledger went on, its leaves do not tell.
    assert_eq!(salvaged.lost.len(), 1, "{:?}", salvaged.lost);
    assert!(
        salvaged.lost[0].ends_with("on, if there were any: they cannot be read"),
        "{:?}",
        salvaged.lost
    );
    ward.finds_only_the_salvage(&[head]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_nothing_of_an_archive_gives_no_archive() {
    let bench = rich_archive(3).await;
    let ward = Ward::new(&bench.archive());
    let other = Connection::open(ward.folder.path().join("other.db")).unwrap();
    other
        .execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), ('two')")
        .unwrap();
    drop(other);
    let other = std::fs::read(ward.folder.path().join("other.db")).unwrap();
    for bytes in [Vec::new(), vec![0; 80_000], b"text\n".repeat(9000), other] {
        let error = ward.salvage(&bytes, "").unwrap_err();
        assert!(error.is_damage(), "{error:?}");
        assert!(!ward.new_archive().exists());
        let left: Vec<_> = std::fs::read_dir(ward.folder.path()).unwrap().flatten().collect();
        let parts = left
            .iter()
            .filter(|file| file.file_name().to_string_lossy().starts_with(".salvage."));
        assert_eq!(parts.count(), 0, "{left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_never_come_through_as_sound() {
    let bench = rich_archive(3).await;
    // The sync that is open there was killed, and is now said to be.
    reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    let ward = Ward::new(&bench.archive());
    let said = contract(&bench.archive()).unwrap();
    let mut lot = Lot(2);
    for _ in 0..60 {
        let mut bytes = ward.sound.clone();
        let mut places = Vec::new();
        for _ in 0..4 {
            let place = 8192 * 8 + lot.below((bytes.len() as u64 - 8192) * 8);
            bytes[usize::try_from(place / 8).unwrap()] ^= 1 << (place % 8);
            places.push(place);
        }
        let Ok(salvaged) = ward.salvage(&bytes, "") else {
            continue;
        };
        assert_eq!(ward.verify(&[]).findings, [], "{places:?}");
        if salvaged.lost.is_empty() {
            assert_eq!(contract(&ward.new_archive()).unwrap(), said, "{places:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_binary_it_lists_what_is_lost_and_never_overwrites() {
    let bench = rich_archive(3).await;
    let program = Program::new();
    program.write("damaged.db", std::fs::read(bench.archive()).unwrap());
    let ended = program.run(&["salvage", "damaged.db", "new.db"]).ends_with(0);
    assert!(ended.stdout.starts_with("Nothing was lost"), "{ended:?}");
    program
        .run(&["salvage", "damaged.db", "new.db"])
        .ends_with(2)
        .says("new.db is there already");
    Connection::open(program.path("damaged.db"))
        .unwrap()
        .execute_batch("DELETE FROM payload WHERE entry_id = (SELECT max(entry_id) FROM payload)")
        .unwrap();
    let ended = program
        .run(&["salvage", "damaged.db", "other.db", "--format", "json"])
        .ends_with(3);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(
        told["lost"][0]
            .as_str()
            .unwrap()
            .contains("its bytes are missing"),
        "{told}"
    );
    let head = told["old_head"].as_str().unwrap();
    let ended = program
        .run(&["verify", "--archive", "other.db", "--head", head])
        .ends_with(4);
    assert!(
        ended
            .stdout
            .contains("the archive was taken out of a damaged one"),
        "{ended:?}"
    );
    program.write("text.db", "no database at all, not even a little");
    program
        .run(&["salvage", "text.db", "third.db"])
        .ends_with(4)
        .says("Hint: ");
    program
        .run(&["salvage", "none.db", "third.db"])
        .ends_with(1)
        .says("there is no archive");
    let names: Vec<String> = std::fs::read_dir(program.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("salvage") || name.contains("third"))
        .collect();
    assert_eq!(names, [""; 0], "no half file is left");
}
