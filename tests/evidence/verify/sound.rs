//! What is sound is not called damaged: another zone, a sync at the same time, a part since a head.

use jobruns::archive::{ArchiveError, ReadOnly, VerifyOptions, Writer};
use jobruns::model::Sha256;

use crate::common::Bench;
use crate::common::rich::rich_archive;

fn since(bench: &Bench, head: Sha256) -> Result<jobruns::archive::VerifyReport, ArchiveError> {
    let options = VerifyOptions {
        since_head: Some(head),
        ..VerifyOptions::default()
    };
    ReadOnly::open(&bench.archive())?.verify_with(&options, &|_| {})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_in_another_zone_is_intact() {
    let mut bench = Bench::new().await;
    bench.options.naive_time = Some("Asia/Kolkata".parse().unwrap());
    bench.sync().await;
    let report = ReadOnly::open(&bench.archive()).unwrap().verify(&[]).unwrap();
    assert_eq!(report.findings, []);
    assert_eq!(report.verified.runs, 36);
    assert_eq!(
        report.verified.messages,
        bench.value::<u64>("SELECT count(*) FROM messages")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_seen_in_other_bytes_are_noted_until_a_reindex() {
    let bench = Bench::new().await;
    bench.sync().await;
    let notes = || {
        let report = ReadOnly::open(&bench.archive()).unwrap().verify(&[]).unwrap();
        assert_eq!(report.findings, []);
        report.notes
    };
    assert_eq!(notes(), [""; 0]);
    bench.fault("shuffled");
    bench.sync().await;
    let told = notes();
    assert!(
        told[0].starts_with("runs seen last in other bytes with the same content: 36; "),
        "{told:?}"
    );
    jobruns::archive::reindex(&bench.archive(), None, &|_, _| {}).unwrap();
    let told = notes();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("every table was made anew on "), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_writer_has_not_committed_is_not_seen() {
    let bench = rich_archive(3).await;
    let mut writer = Writer::open(&bench.archive()).unwrap();
    let job = writer.job_at_hand(bench.job(0), None).unwrap();
    writer.begin().unwrap();
    writer.store_returned(1, 1).unwrap();
    assert!(job.job_key.is_some());
    let report = ReadOnly::open(&bench.archive()).unwrap().verify(&[]).unwrap();
    assert_eq!(report.findings, []);
    writer.rollback();
}

#[tokio::test(flavor = "multi_thread")]
async fn syncs_go_on_while_it_looks_and_each_look_sees_one_state() {
    let bench = rich_archive(3).await;
    let archive = bench.archive();
    let looking = std::thread::spawn(move || {
        (0..12)
            .map(|_| ReadOnly::open(&archive).unwrap().verify(&[]).unwrap())
            .collect::<Vec<_>>()
    });
    bench.no_faults();
    for _ in 0..5 {
        bench.server.pass_night();
        bench.sync().await;
        let mut writer = Writer::open(&bench.archive()).unwrap();
        writer.begin_sync(Some(0)).unwrap();
    }
    for report in looking.join().unwrap() {
        assert_eq!(report.findings, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn since_a_head_only_the_new_part_is_compared() {
    let bench = rich_archive(3).await;
    let head = ReadOnly::open(&bench.archive()).unwrap().head().unwrap();
    let none = since(&bench, head).unwrap();
    assert_eq!((none.findings.len(), none.verified.payloads), (0, 0));
    bench.no_faults();
    bench.server.pass_night();
    let record = bench.sync().await;
    let new = since(&bench, head).unwrap();
    assert_eq!(new.findings, []);
    let changed = record.totals.runs_new + record.totals.runs_changed;
    assert!(new.verified.runs >= changed && new.verified.runs < 20, "{new:?}");
    // An edit of what came after is found, one of what was there before is left to the whole check.
    let newest: i64 = bench.value("SELECT run_key FROM _revision ORDER BY entry_id DESC LIMIT 1");
    for (run, found) in [(newest, true), (1, false)] {
        bench
            .connection()
            .execute("UPDATE _run SET exception = 'edited' WHERE run_key = ?1", [run])
            .unwrap();
        let report = since(&bench, head).unwrap();
        assert_eq!(!report.findings.is_empty(), found, "{run}: {:?}", report.findings);
        bench
            .connection()
            .execute("UPDATE _run SET exception = NULL WHERE run_key = ?1", [run])
            .unwrap();
    }
    assert!(matches!(since(&bench, [1; 32]), Err(ArchiveError::NoSuch { .. })));
}
