//! The campaign: an archive is damaged in every way we can think of, and `verify` must find all that changes what it says.
//!
//! ```sh
//! cargo bench --bench campaign                 # 10,000 flipped bits, seed 1
//! FLIPS=100000 SEED=7 cargo bench --bench campaign
//! ```
//!
//! What the archive says is what the contract's tables say, dumped by plain SQL before and after (`tests/common/rich.rs`).
//! Ends with 1 if anything was missed. A bounded part of it runs in the tests (`tests/evidence/verify`).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a campaign that fails panics, and prints what it found"
)]

#[path = "../../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::Bench;
use common::damage::{Outcome, Patient, column_edits, row_edits, schema_edits};
use common::rich::{Lot, rich_archive};
use jobruns::archive::ReadOnly;

/// Messages of each run of the archive that is damaged.
const MESSAGES: u32 = 3;

/// Bytes of a page.
const PAGE: usize = 8192;

/// What was counted of one kind of damage.
#[derive(Default)]
struct Tally {
    tried: u64,
    changed: u64,
    found: u64,
    missed: Vec<String>,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome, what: impl FnOnce() -> String) {
        self.tried += 1;
        self.changed += u64::from(outcome.changed);
        self.found += u64::from(!outcome.found.is_empty());
        if outcome.is_missed() {
            self.missed.push(what());
        }
    }

    fn tell(&self, name: &str, began: Instant) {
        println!(
            "| {name} | {} | {} | {} | {} | {:.0} s |",
            self.tried,
            self.changed,
            self.found,
            self.missed.len(),
            began.elapsed().as_secs_f64()
        );
        for missed in &self.missed {
            println!("MISSED {name}: {missed}");
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn flips(patient: &Patient, lot: &mut Lot, flips: u64) -> Tally {
    let mut tally = Tally::default();
    let mut bytes = patient.sound.clone();
    for _ in 0..flips {
        let place = lot.below(bytes.len() as u64 * 8);
        let at = usize::try_from(place / 8).unwrap();
        bytes[at] ^= 1 << (place % 8);
        tally.count(&patient.with_bytes(&bytes), || format!("bit {place}"));
        bytes[at] ^= 1 << (place % 8);
    }
    tally
}

fn statements(patient: &Patient, statements: impl IntoIterator<Item = String>) -> Tally {
    let mut tally = Tally::default();
    for sql in statements {
        if let Some(outcome) = patient.with_sql(&sql) {
            tally.count(&outcome, || sql.clone());
        }
    }
    tally
}

/// One more night, not taken over from the log; then bits of the log flip.
async fn flips_of_the_log(bench: &Bench, lot: &mut Lot, flips: u64) -> Tally {
    let reader = bench.connection();
    reader.execute_batch("BEGIN; SELECT count(*) FROM _run").unwrap();
    bench.no_faults();
    bench.server.pass_night();
    let head = bench.sync().await.head;
    let log = std::fs::read(bench.folder.path().join("jobruns.db-wal")).unwrap();
    let bytes = std::fs::read(bench.archive()).unwrap();
    reader
        .execute_batch("ROLLBACK; PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(reader);
    let patient = Patient::new(&bench.archive());
    let sound = patient.with_log(&bytes, &log, head);
    assert_eq!((sound.changed, sound.found), (false, Vec::new()));
    let mut tally = Tally::default();
    let mut flipped = log.clone();
    for _ in 0..flips {
        let place = lot.below(log.len() as u64 * 8);
        let at = usize::try_from(place / 8).unwrap();
        flipped[at] ^= 1 << (place % 8);
        tally.count(&patient.with_log(&bytes, &flipped, head), || {
            format!("bit {place} of the log")
        });
        flipped[at] ^= 1 << (place % 8);
    }
    tally
}

fn old_pages(old: &[u8], patient: &Patient) -> Tally {
    let mut tally = Tally::default();
    for (page, (before, now)) in old.chunks(PAGE).zip(patient.sound.chunks(PAGE)).enumerate() {
        if before != now {
            let mut bytes = patient.sound.clone();
            bytes[page * PAGE..][..before.len()].copy_from_slice(before);
            tally.count(&patient.with_bytes(&bytes), || format!("page {page}"));
        }
    }
    tally
}

fn main() {
    let (wanted, seed) = (number("FLIPS", 10_000), number("SEED", 1));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let bench = runtime.block_on(rich_archive(MESSAGES));
    let patient = Patient::new(&bench.archive());
    let head = ReadOnly::open(&bench.archive()).unwrap().head().unwrap();
    let mut lot = Lot(seed);
    println!(
        "archive of {} bytes, seed {seed}, head {}\n",
        patient.sound.len(),
        jobruns::model::hex(&head)
    );
    println!("| damage | tried | changed what it says | found | missed | time |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let mut missed = 0;
    let mut tell = |name: &str, began: Instant, tally: Tally| {
        tally.tell(name, began);
        missed += tally.missed.len();
    };
    let began = Instant::now();
    tell("bits flipped", began, flips(&patient, &mut lot, wanted));
    let began = Instant::now();
    let edits = column_edits(&bench.archive()).into_iter().map(|edit| edit.sql);
    tell("columns edited", began, statements(&patient, edits));
    let began = Instant::now();
    tell(
        "rows removed, doubled, swapped",
        began,
        statements(&patient, row_edits(&bench.archive())),
    );
    let began = Instant::now();
    tell("schema edited", began, statements(&patient, schema_edits()));
    let began = Instant::now();
    let log = runtime.block_on(flips_of_the_log(&bench, &mut lot, wanted / 10));
    tell("bits of the log flipped, with the head", began, log);
    let began = Instant::now();
    let later = Patient::new(&bench.archive());
    tell("older pages put back", began, old_pages(&patient.sound, &later));
    assert_eq!(missed, 0, "damage was missed");
}
