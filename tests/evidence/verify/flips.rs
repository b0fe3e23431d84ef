//! Bits that flipped, pages of another time, files cut short.

use crate::common::damage::Patient;
use crate::common::rich::{Lot, rich_archive};

/// Bits flipped here; `cargo bench --bench campaign` flips many more.
const FLIPS: u64 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_that_changes_what_the_archive_says_is_found() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let mut lot = Lot(1);
    let (mut changed, mut bytes) = (0, patient.sound.clone());
    for _ in 0..FLIPS {
        let place = lot.below(bytes.len() as u64 * 8);
        let (at, bit) = (usize::try_from(place / 8).unwrap(), 1 << (place % 8));
        bytes[at] ^= bit;
        let outcome = patient.with_bytes(&bytes);
        assert!(!outcome.is_missed(), "bit {place}");
        changed += u64::from(outcome.changed);
        bytes[at] ^= bit;
    }
    assert!(changed > FLIPS / 20, "{changed} changed anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_page_put_back_is_found() {
    let bench = rich_archive(3).await;
    let old = std::fs::read(bench.archive()).unwrap();
    bench.server.pass_night();
    bench.no_faults();
    bench.sync().await;
    bench
        .connection()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let patient = Patient::new(&bench.archive());
    let (mut tried, mut changed) = (0, 0);
    for (number, (page, new)) in old.chunks(8192).zip(patient.sound.chunks(8192)).enumerate() {
        if page == new {
            continue;
        }
        let mut bytes = patient.sound.clone();
        bytes[number * 8192..][..page.len()].copy_from_slice(page);
        let outcome = patient.with_bytes(&bytes);
        assert!(!outcome.is_missed(), "page {number}");
        tried += 1;
        changed += u32::from(outcome.changed);
    }
    assert!(tried > 5 && changed > 3, "{tried} {changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_cut_short_or_zeroed_in_part_is_found() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let length = patient.sound.len();
    for kept in [
        0,
        1,
        99,
        100,
        8191,
        8192,
        8193,
        length / 2,
        length - 8192,
        length - 1,
    ] {
        let outcome = patient.with_bytes(&patient.sound[..kept]);
        // A last byte that was zero is no loss where a system reads zeroes behind the end of a file.
        let found = !outcome.found.is_empty() || kept == length - 1;
        assert!(found && !outcome.is_missed(), "cut at {kept}");
    }
    for page in 0..length / 8192 {
        let mut bytes = patient.sound.clone();
        bytes[page * 8192..][..8192].fill(0);
        let outcome = patient.with_bytes(&bytes);
        assert!(!outcome.is_missed(), "page {page}");
    }
}

/// A cell's place in the page and the place of its rowid in it, where that is a number of one byte.
fn rowid_of(page: &[u8], cell: usize) -> Option<usize> {
    let pointer = page.get(8 + 2 * cell..10 + 2 * cell)?;
    let mut at = usize::from(u16::from_be_bytes([pointer[0], pointer[1]]));
    while page.get(at)? & 0x80 != 0 {
        at += 1;
    }
    (page.get(at + 1)? & 0x80 == 0).then_some(at + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_out_of_order_are_found_and_nobody_walks_in_a_circle() {
    let bench = rich_archive(3).await;
    let patient = Patient::new(&bench.archive());
    let salvaged = patient.folder.path().join("salvaged.db");
    let mut tried = 0;
    for page in 1..patient.sound.len() / 8192 {
        let (begin, end) = (page * 8192, (page + 1) * 8192);
        let count = usize::from(patient.sound[begin + 4]);
        // Leaves of tables; the row in the middle gets the number of a later one.
        if patient.sound[begin] != 0x0d || count < 3 {
            continue;
        }
        let Some(at) = rowid_of(&patient.sound[begin..end], count / 2) else {
            continue;
        };
        let mut bytes = patient.sound.clone();
        bytes[begin + at] ^= 0x40;
        let outcome = patient.with_bytes(&bytes);
        assert!(!outcome.found.is_empty(), "page {page}");
        let _ = std::fs::remove_file(&salvaged);
        let _ = jobruns::archive::salvage(&patient.path(), &salvaged, &|_| {});
        tried += 1;
    }
    assert!(tried > 5, "{tried}");
}
