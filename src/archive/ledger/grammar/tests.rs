use super::*;
use crate::archive::ledger::entry_hash;
use crate::model::hex;

const ID: &str = "ff761384-4b49-40b4-97d8-0de38669075a";
const OTHER: &str = "0b6a3c1e-52f7-4d0a-9c3e-7f2b8d41a690";

/// A line with its words short: `T3` is a second of a day, `J` a job, `R` and `S` runs, `H` some hash, `@` number and
/// hash of the line before.
fn line(short: &str, entries: i64, head: &Sha256) -> String {
    let some = "ab".repeat(32);
    let mut words = Vec::new();
    for word in short.split(' ') {
        words.push(match word.split_once('=') {
            None if word == "@" => format!("head={} entries={entries}", hex(head)),
            Some((key, value)) => match value.strip_prefix('T') {
                Some(second) => format!("{key}=2026-01-31T03:00:{second:0>2}Z"),
                None => match value {
                    "J" | "R" => format!("{key}={ID}"),
                    "S" => format!("{key}={OTHER}"),
                    "H" => format!("{key}={some}"),
                    _ => word.to_owned(),
                },
            },
            None => word.to_owned(),
        });
    }
    words.join(" ")
}

fn revision(run: &str, number: i64, sync: i64, at: u32) -> String {
    format!(
        "revision run={run} number={number} sync={sync} at=T{at} job=J bytes=2 sha256=H reader=1 zone=utc started=-"
    )
}

fn began(sync: i64, at: u32) -> String {
    format!("sync-began sync={sync} at=T{at} count=0 version=1 process=5")
}

fn ended(sync: i64, at: u32) -> String {
    format!("sync-ended sync={sync} at=T{at} outcome=complete clock=0 jobs=1 figures=H results=H")
}

fn quarantined(id: i64, sync: i64, at: u32) -> String {
    format!(
        "quarantined id={id} job=J sync={sync} at=T{at} position=0 bytes=2 sha256=H kept=H reason=H run=-"
    )
}

/// What is wrong with each line that is wrong, by its number.
fn faults(lines: &[String]) -> Vec<(usize, String)> {
    let entries: Vec<LedgerEntry> = {
        let (mut head, mut entries) = (GENESIS, Vec::new());
        for (index, short) in (0..).zip(lines) {
            let line = line(short, index, &head);
            entries.push(LedgerEntry::read(&line).unwrap());
            head = entry_hash(&head, &line);
        }
        entries
    };
    let lost = entries.iter().filter_map(|entry| match entry {
        LedgerEntry::Lost(Loss::Payload { entry_id }) => Some(*entry_id),
        _ => None,
    });
    let mut grammar = Grammar::new(lost.collect());
    let mut head = GENESIS;
    let mut found = Vec::new();
    for (index, (entry, short)) in entries.iter().zip(lines).enumerate() {
        let text = line(short, i64::try_from(index).unwrap(), &head);
        head = entry_hash(&head, &text);
        if let Some(why) = grammar.fault(entry) {
            found.push((index + 1, why));
        }
        grammar.take(i64::try_from(index + 1).unwrap(), &head, entry);
    }
    found
}

/// Five lines: an archive, its zone, a job, a sync with a revision.
fn begun() -> Vec<String> {
    let mut lines: Vec<String> = [
        "archive id=J at=T1 schema=1",
        "naive-time zone=utc rules=- release=- at=T1",
        "job-added job=J at=T2 by=-",
    ]
    .map(str::to_owned)
    .to_vec();
    lines.extend([began(1, 3), revision("R", 1, 1, 4)]);
    lines
}

fn after_five(more: &[&str]) -> Vec<(usize, String)> {
    let mut lines = begun();
    lines.extend(more.iter().map(|&line| line.to_owned()));
    faults(&lines)
}

#[test]
fn thousands_of_runs_are_found_as_they_were_set_last() {
    let id = |number: u32| {
        let mut bytes = [7; 16];
        bytes[..4].copy_from_slice(&number.wrapping_mul(0x9E37_79B9).to_le_bytes());
        bytes[15] = u8::try_from(number % 3).unwrap();
        Guid::from_bytes(bytes)
    };
    let mut runs = SeenRuns::default();
    for number in (0..5_000).chain(1_000..2_000) {
        let absent = runs.get(id(number)).is_some();
        runs.set(
            id(number),
            SeenRun {
                number,
                absent,
                removed: number % 5 == 0,
                job: number % 7,
            },
        );
    }
    for number in 0..5_000 {
        let run = runs.get(id(number)).unwrap();
        assert_eq!(
            (run.number, run.absent, run.removed, run.job),
            (
                number,
                (1_000..2_000).contains(&number),
                number % 5 == 0,
                number % 7
            )
        );
    }
    assert!(runs.get(id(5_000)).is_none());
}

#[test]
fn what_this_program_writes_obeys() {
    let lines = [
        &*quarantined(1, 1, 4),
        "accepted id=1 at=T4 sha256=H why=H by=H",
        &ended(1, 5),
        "reindexed at=T5 reader=1 zone=Europe/Berlin rules=H release=2026a by=H",
        &began(2, 6),
        "absent run=R sync=2 at=T6",
        &ended(2, 6),
        &began(3, 7),
        "returned run=R sync=3 at=T7",
        &revision("R", 2, 3, 7),
        "sync-killed sync=3 at=T9",
        "clock-set-back from=T9 at=T2",
        &began(4, 2),
        &quarantined(2, 4, 2),
        &ended(4, 3),
        "acknowledged at=T3 heads=1 list=H why=H by=H",
        "hold-added id=1 job=J at=T3 since=- until=T2 why=H by=H",
        "hold-added id=2 job=- at=T3 since=T1 until=T2 why=H by=H",
        "hold-released id=2 job=- at=T3 why=H by=H",
        "retention-locked at=T3 days=30 by=H",
        "hold-released id=1 job=J at=T4 why=H by=H",
        &removed("R", 2),
        &began(5, 4),
        "hold-added id=3 job=J at=T4 since=- until=- why=H by=H",
    ];
    assert_eq!(after_five(&lines), []);
}

/// A removal of a run that started on the first day of 1970.
fn removed(run: &str, revisions: i64) -> String {
    format!(
        "removed run={run} job=J at=T4 started=1970-01-01T00:00:00.5Z ended=- revisions={revisions} messages=2 plan=H why=H by=H"
    )
}

#[test]
fn what_holds_keep_and_what_is_too_young_is_not_removed() {
    let end = ended(1, 4);
    let removed = removed("R", 1);
    let young = removed.replace("1970-01-01", "2026-01-01");
    let locked = "retention-locked at=T4 days=30 by=H";
    let hold = "hold-added id=1 job=J at=T4 since=- until=- why=H by=H";
    for (lines, why) in [
        (vec![&*removed], "it stands before sync 1 ended"),
        (
            vec![&*end, &removed.replace("=1 ", "=2 ")],
            "had 2 revisions, and the latest is 1",
        ),
        (vec![&*end, &removed.replace("run=R", "run=S")], "the latest is 0"),
        (
            vec![&*end, &removed.replace("job=J", "job=S")],
            "was not added before",
        ),
        (vec![&*end, &removed, &removed], "was removed before"),
        (
            vec![&*end, &removed, &began(2, 5), &revision("R", 2, 2, 5)],
            "was removed before",
        ),
        (
            vec![&*end, &removed, &began(2, 5), "absent run=R sync=2 at=T5"],
            "was never archived",
        ),
        (vec![&*end, hold, &removed], "hold 1 keeps run"),
        (vec![&*end, locked, &young], "was not 30 days old"),
        (vec![&*end, locked, locked], "only be lengthened"),
        (
            vec![&*end, &hold.replace("id=1", "id=2")],
            "it is hold 2, and the last is 0",
        ),
        (
            vec![&*end, &hold.replace("job=J", "job=S")],
            "was not added before",
        ),
        (
            vec![&*end, &hold.replace("since=- until=-", "since=T2 until=T2")],
            "no second",
        ),
        (
            vec![&*end, "hold-released id=1 job=J at=T4 why=H by=H"],
            "there is no hold 1 in force",
        ),
        (
            vec![&*end, hold, "hold-released id=1 job=- at=T4 why=H by=H"],
            "its job is not that of hold 1",
        ),
    ] {
        let said = after_five(&lines);
        assert!(
            matches!(&said[..], [(_, said)] if said.contains(why)),
            "{lines:?}: {said:?}"
        );
    }
    // What a hold keeps is told by its span; a released one keeps nothing.
    let elsewhere = hold.replace("since=-", "since=T1");
    let released = "hold-released id=1 job=J at=T4 why=H by=H";
    assert_eq!(after_five(&[&end, &elsewhere, &removed]), []);
    assert_eq!(after_five(&[&end, hold, released, &removed]), []);
    // A salvage may have lost the release, and the revisions.
    let block = ["salvaged at=T9 @ by=H", "salvage-ended at=T9"];
    assert_eq!(after_five(&[&end, hold, block[0], &removed, block[1]]), []);
}

#[test]
fn each_line_that_may_not_stand_there_is_told() {
    for (line, why) in [
        ("archive id=J at=T4 schema=1", "an archive begins in the middle"),
        (
            "naive-time zone=Europe/Berlin rules=H release=2026a at=T4",
            "which only `reindexed` may",
        ),
        ("job-added job=J at=T4 by=-", "was added before"),
        ("job-watched job=S at=T4 by=-", "was not added before"),
        ("job-watched job=J at=T3 by=-", "is earlier than"),
        ("clock-set-back from=T5 at=T2", "from the latest time so far"),
        ("clock-set-back from=T4 at=T4", "to an earlier one"),
        (&began(2, 4), "before sync 1 ended"),
        (&ended(2, 4), "it speaks of sync 2, and sync 1 is open"),
        ("sync-killed sync=0 at=T4", "it speaks of sync 0"),
        (&revision("R", 1, 1, 4), "whose latest is 1"),
        (&revision("R", 3, 1, 4), "whose latest is 1"),
        (&revision("S", 2, 1, 4), "whose latest is 0"),
        (&revision("R", 2, 2, 4), "it speaks of sync 2"),
        (&quarantined(2, 1, 4), "the last is 0"),
        ("accepted id=1 at=T4 sha256=H why=H by=H", "there is no number 1"),
        ("absent run=S sync=1 at=T4", "was never archived"),
        ("returned run=R sync=1 at=T4", "was not absent"),
        (
            "reindexed at=T4 reader=1 zone=utc rules=- release=- by=H",
            "before sync 1 ended",
        ),
        (
            "acknowledged at=T4 heads=1 list=H why=H by=H",
            "before sync 1 ended",
        ),
        ("lost what=payload entry=5", "only a salvage may say"),
        ("salvage-ended at=T4", "no salvage has begun"),
        ("salvaged at=T4 head=HH entries=4 by=H", "number and hash"),
    ] {
        let line = line.replace("head=HH", &format!("head={}", "ab".repeat(32)));
        let found = after_five(&[&line]);
        assert!(
            matches!(&found[..], [(6, said)] if said.contains(why)),
            "{line}: {found:?}"
        );
    }
    let closed = after_five(&[&ended(1, 5), &revision("R", 2, 1, 6)]);
    assert!(
        matches!(&closed[..], [(7, said)] if said.contains("no sync is open")),
        "{closed:?}"
    );
    let again = after_five(&[
        &quarantined(1, 1, 4),
        "accepted id=1 at=T4 sha256=H why=H by=H",
        "accepted id=1 at=T4 sha256=H why=H by=H",
    ]);
    assert!(
        matches!(&again[..], [(8, said)] if said.contains("accepted before")),
        "{again:?}"
    );
    let other = format!("accepted id=1 at=T4 sha256={} why=H by=H", "00".repeat(32));
    let other = after_five(&[&quarantined(1, 1, 4), &other]);
    assert!(
        matches!(&other[..], [(7, said)] if said.contains("its sha256 is not that of number 1")),
        "{other:?}"
    );
    assert_eq!(faults(&["job-added job=J at=T1 by=-".to_owned()]).len(), 1);
}

#[test]
fn a_salvage_has_gaps_and_old_times_and_what_it_lost_comes_as_new() {
    let lines = [
        &*revision("S", 1, 1, 4),
        "salvaged at=T9 @ by=H",
        &revision("R", 4, 1, 5),
        "sync-killed sync=1 at=T9",
        &began(3, 6),
        &quarantined(5, 3, 6),
        &ended(3, 7),
        "lost what=payload entry=6",
        "lost what=payload entry=8",
        "salvage-ended at=T9",
        &began(4, 10),
        &revision("R", 2, 4, 10),
        &revision("S", 1, 4, 10),
        &quarantined(6, 4, 10),
    ];
    assert_eq!(after_five(&lines), []);
    // What a later salvage loses was there until then.
    let lines = [
        &*ended(1, 5),
        "salvaged at=T6 @ by=H",
        "salvage-ended at=T6",
        &began(2, 7),
        &revision("R", 2, 2, 7),
        &ended(2, 7),
        "salvaged at=T8 @ by=H",
        "lost what=payload entry=10",
        "lost what=payload entry=5",
        "salvage-ended at=T8",
        &began(3, 9),
        &revision("R", 1, 3, 9),
        &ended(3, 9),
        "salvaged at=T9 @ by=H",
        "lost what=payload entry=17",
        "salvage-ended at=T9",
        &began(4, 10),
        &revision("R", 1, 4, 10),
    ];
    assert_eq!(after_five(&lines), []);
    // And what is lost by none of them goes on where it was.
    let wrong = after_five(&[lines[..10].to_vec(), vec![&*began(3, 9), &revision("R", 3, 3, 9)]].concat());
    assert!(
        matches!(&wrong[..], [(17, said)] if said.contains("whose latest is 0")),
        "{wrong:?}"
    );
    // A run is absent as before where the salvage lost the revision with which it came back, and only there.
    for (loss, then) in [
        ("lost what=payload entry=12", "returned"),
        ("lost what=name job=J", "absent"),
    ] {
        let lines = [
            &*ended(1, 5),
            &began(2, 6),
            "absent run=R sync=2 at=T6",
            &ended(2, 6),
            "salvaged at=T7 @ by=H",
            &began(3, 6),
            &revision("R", 2, 3, 6),
            "sync-killed sync=3 at=T7",
            loss,
            "salvage-ended at=T7",
            &began(4, 8),
            &format!("{then} run=R sync=4 at=T8"),
        ];
        assert_eq!(after_five(&lines), [], "{then}");
    }
    let late = after_five(&[
        "salvaged at=T9 @ by=H",
        &revision("R", 2, 1, 10),
        "sync-killed sync=1 at=T9",
        "salvage-ended at=T8",
    ]);
    let said: Vec<usize> = late.iter().map(|&(line, _)| line).collect();
    assert_eq!(said, [7, 9], "{late:?}");
}
