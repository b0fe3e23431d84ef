//! What a sync promises, each promise a story: a history and its faults, a sync, a look at the archive.

use std::time::Duration;

use crate::common::{Bench, rows, small_history};
use jobruns::archive::{JobOutcome, ReadOnly, SyncOutcome, Writer};
use jobruns::model::Fetch;
use jobruns::simulator::Options;
use jobruns::sync::{Cancellation, SyncError, SyncEvent, sync};
use serde_json::json;

const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "aaaaaaaa-0000-4000-8000-000000000002";

/// A bench whose first job serves what the test says; the others stay out.
async fn bench_of_one_job() -> Bench {
    let mut bench = Bench::new().await;
    bench.options.jobs.truncate(1);
    bench
}

fn serve(bench: &Bench, runs: serde_json::Value) {
    let body = json!({"TotalJobRuns": runs.as_array().map_or(0, Vec::len), "JobID": bench.job(0).to_string(), "JobStatusInfo": runs});
    bench.server.set_body(0, body.to_string());
}

fn text(guid: &str) -> rusqlite::types::ValueRef<'_> {
    rusqlite::types::ValueRef::Text(guid.as_bytes())
}

fn verified(bench: &Bench) {
    let report = ReadOnly::open(&bench.archive()).unwrap().verify(&[]).unwrap();
    assert_eq!(report.findings, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_archives_everything_that_the_server_has() {
    let bench = Bench::new().await;
    let record = bench.sync().await;
    assert_eq!(record.outcome, SyncOutcome::Complete);
    assert_eq!((record.totals.runs_seen, record.totals.runs_new), (36, 36));
    assert_eq!(bench.value::<i64>("SELECT count(*) FROM runs"), 36);
    let messages: i64 = bench.value("SELECT count(*) FROM messages");
    assert_eq!(messages, i64::try_from(record.totals.messages_new).unwrap());
    assert_eq!(
        messages,
        bench.value::<i64>("SELECT sum(message_count) FROM runs")
    );
    assert_eq!(
        bench.value::<i64>(
            "SELECT count(*) FROM jobs WHERE watched AND name IS NOT NULL AND last_synced_at IS NOT NULL"
        ),
        3
    );
    assert_eq!(
        bench.value::<String>("SELECT head FROM syncs"),
        jobruns::model::hex(&record.head)
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_changes_nothing() {
    let bench = Bench::new().await;
    bench.sync().await;
    let before = bench.content();
    let record = bench.sync().await;
    assert_eq!(record.totals.runs_unchanged, 36);
    assert_eq!(
        (
            record.totals.runs_new,
            record.totals.runs_changed,
            record.totals.messages_new
        ),
        (0, 0, 0)
    );
    assert_eq!(bench.content(), before);
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM sync_jobs WHERE sync_id = 2 AND runs_unchanged = 12"),
        3
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_order_of_fields_and_messages_changes_nothing() {
    let bench = Bench::new().await;
    bench.sync().await;
    let before = bench.content();
    bench.fault("shuffled");
    let record = bench.sync().await;
    assert_eq!(
        (record.totals.runs_changed, record.totals.runs_unchanged),
        (0, 36)
    );
    assert_eq!(bench.content(), before);
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn nights_bring_new_changed_absent_and_returned_runs() {
    let bench = Bench::new().await;
    bench.sync().await;
    for _ in 0..3 {
        bench.server.pass_night();
        bench.sync().await;
        verified(&bench);
    }
    // One new run a night and job; the edited one; job 1's newest finishes each night; the oldest are purged.
    assert_eq!(bench.value::<i64>("SELECT count(*) FROM runs"), 36 + 9);
    assert!(bench.value::<i64>("SELECT count(*) FROM runs WHERE revision > 1") >= 3);
    assert_eq!(
        bench.rows("SELECT count(*) FROM runs WHERE absent_since IS NOT NULL GROUP BY job_id ORDER BY 1"),
        ["Integer(2)", "Integer(3)", "Integer(3)"]
    );
    let absent: i64 = bench.value("SELECT sum(runs_absent) FROM syncs");
    assert_eq!(absent, 9, "one of them came back in the third night");
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM ledger WHERE entry LIKE 'returned %'"),
        1
    );
    assert!(bench.value::<i64>("SELECT count(*) FROM messages WHERE absent_since IS NOT NULL") >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_a_multiset_and_never_deleted() {
    let bench = bench_of_one_job().await;
    let message = |text: &str| json!({"DateTime": "2024-01-01T00:00:00Z", "Message": text});
    let run = |messages: Vec<serde_json::Value>| json!([{"JobRunID": A, "JobMessages": messages}]);
    let held = "SELECT message, absent_since IS NULL FROM messages ORDER BY ordinal";
    serve(&bench, run(vec![message("a"), message("b"), message("b")]));
    bench.sync().await;
    serve(&bench, run(vec![message("b"), message("c")]));
    let record = bench.sync().await;
    assert_eq!((record.totals.runs_changed, record.totals.messages_new), (1, 1));
    assert_eq!(
        bench.rows(held),
        [
            "Text([97])|Integer(0)",
            "Text([98])|Integer(1)",
            "Text([98])|Integer(0)",
            "Text([99])|Integer(1)"
        ]
    );
    serve(
        &bench,
        run(vec![message("a"), message("b"), message("b"), message("c")]),
    );
    let record = bench.sync().await;
    assert_eq!(
        (record.totals.runs_changed, record.totals.messages_new),
        (1, 0),
        "what comes back is not new"
    );
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM messages WHERE absent_since IS NULL"),
        4
    );
    // Not asked is not none.
    serve(&bench, json!([{"JobRunID": A}]));
    bench.sync().await;
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM messages WHERE absent_since IS NULL"),
        4
    );
    assert_eq!(bench.value::<i64>("SELECT revision FROM runs"), 4);
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_keeps_the_runs_before_the_cut_and_marks_none_absent() {
    let mut bench = bench_of_one_job().await;
    bench.sync().await;
    bench.server.pass_night();
    bench.options.retry.retries = 0;
    for fault in ["cut=9000", "short=9000", "reset=9000"] {
        bench.fault(fault);
        let record = bench.sync().await;
        assert_eq!(record.jobs[0].outcome, JobOutcome::Partial, "{fault}");
        assert!(
            record.jobs[0]
                .error
                .as_ref()
                .unwrap()
                .contains("only read in part"),
            "{fault}: {record:?}"
        );
        assert_eq!(
            bench.value::<i64>("SELECT count(*) FROM runs WHERE absent_since IS NOT NULL"),
            0
        );
    }
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM runs"),
        13,
        "the new run stands first"
    );
    bench.no_faults();
    assert_eq!(bench.sync().await.outcome, SyncOutcome::Complete);
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM runs WHERE absent_since IS NOT NULL"),
        1
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_answer_is_tried_again_and_counted_once() {
    let bench = bench_of_one_job().await;
    bench.fault("cut=9000#1");
    let record = bench.sync().await;
    let figures = record.jobs[0].figures;
    assert_eq!(record.jobs[0].outcome, JobOutcome::Complete);
    assert_eq!(
        (
            figures.attempts,
            figures.runs_seen,
            figures.runs_new,
            figures.runs_unchanged
        ),
        (2, 12, 12, 0)
    );
    assert_eq!(
        i64::try_from(figures.messages_new).unwrap(),
        bench.value::<i64>("SELECT count(*) FROM messages")
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cut_answer_brought_counts_although_the_next_try_is_refused() {
    for second in ["404@1#2", "500@1#2", "cut=4000@1#2"] {
        let mut bench = Bench::new().await;
        bench.options.retry.retries = 1;
        let faults = ["cut=9000@1#1", second].map(|fault| fault.parse().unwrap());
        bench.server.set_faults(faults.to_vec());
        let record = bench.sync().await;
        let job = &record.jobs[0];
        assert_eq!(job.outcome, JobOutcome::Partial, "{second}: {job:?}");
        let held: i64 = bench.value(&format!(
            "SELECT count(*) FROM runs WHERE job_id = '{}'",
            job.job_id
        ));
        let figures = &job.figures;
        assert!(held > 1, "{second}");
        assert_eq!(i64::try_from(figures.runs_new), Ok(held), "{second}: {job:?}");
        assert!(figures.runs_seen >= figures.runs_new, "{second}: {job:?}");
        assert!(figures.messages_new > 0, "{second}: {job:?}");
        let watched: i64 = bench.value(&format!(
            "SELECT watched FROM jobs WHERE job_id = '{}'",
            job.job_id
        ));
        assert_eq!(watched, 1, "{second}");
        assert!(
            job.error
                .as_ref()
                .is_some_and(|error| error.contains("only read in part")),
            "{second}: {job:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_only_the_cut_try_listed_is_absent_after_the_complete_one() {
    let mut bench = bench_of_one_job().await;
    bench.options.retry.first_wait = Duration::from_millis(500);
    let long = "x".repeat(3000);
    serve(
        &bench,
        json!([{"JobRunID": A}, {"JobRunID": B, "Exception": long}]),
    );
    bench.server.set_faults(vec!["cut=1000#1".parse().unwrap()]);
    let (tell, mut retried) = tokio::sync::mpsc::unbounded_channel();
    let events = move |event: SyncEvent<'_>| {
        if matches!(event, SyncEvent::JobRetry { .. }) {
            tell.send(()).unwrap();
        }
    };
    let (archive, servers) = (bench.archive(), bench.client().into());
    let (record, ()) = tokio::join!(
        sync(
            &archive,
            &servers,
            bench.options.clone(),
            Box::new(events),
            Cancellation::never()
        ),
        async {
            retried.recv().await.unwrap();
            serve(&bench, json!([{"JobRunID": B}]));
        }
    );
    let figures = &record.unwrap().jobs[0].figures;
    assert_eq!(
        (
            figures.attempts,
            figures.runs_seen,
            figures.runs_new,
            figures.runs_absent
        ),
        (2, 1, 2, 1)
    );
    assert_eq!(
        bench.rows("SELECT job_run_id, absent_since IS NULL FROM runs ORDER BY 1"),
        [
            format!("{:?}|Integer(0)", text(A)),
            format!("{:?}|Integer(1)", text(B))
        ]
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failed_job_hurts_no_other() {
    let mut bench = Bench::new().await;
    bench.options.retry.retries = 0;
    bench.sync().await;
    for (fault, status, words) in [
        ("403@2", Some(403), "Access is denied"),
        ("404@2", Some(404), "not found"),
        ("500@2", Some(500), "contact the administrator"),
        ("html@2", Some(200), "text/html"),
        ("xml@2", Some(200), "application/xml"),
        ("redirect@2", Some(302), "elsewhere.example.com"),
        ("other-job@2", Some(200), "another job"),
        ("stall=9@2", Some(200), "silent for 2s"),
    ] {
        bench.fault(fault);
        let record = bench.sync().await;
        assert_eq!(record.outcome, SyncOutcome::Partial, "{fault}");
        let outcomes: Vec<_> = record.jobs.iter().map(|job| job.outcome).collect();
        assert_eq!(
            (outcomes[0], outcomes[2]),
            (JobOutcome::Complete, JobOutcome::Complete),
            "{fault}"
        );
        assert_ne!(outcomes[1], JobOutcome::Complete, "{fault}");
        assert_eq!(record.jobs[1].http_status, status, "{fault}");
        let error = record.jobs[1].error.as_deref().unwrap();
        assert!(error.contains(words), "{fault}: {error}");
        let kept = format!("SELECT last_error FROM jobs WHERE job_id = '{}'", bench.job(1));
        assert_eq!(bench.value::<String>(&kept), error);
    }
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_heal_is_tried_again() {
    let bench = bench_of_one_job().await;
    for fault in [
        "429=0#1",
        "503=1#1",
        "500#1",
        "502#1",
        "reset=0#1",
        "stall=9#1",
        "token-dies#1",
    ] {
        bench.fault(fault);
        let record = bench.sync().await;
        assert_eq!(record.outcome, SyncOutcome::Complete, "{fault}: {record:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_runs_go_to_quarantine_once_and_the_good_ones_are_archived() {
    for kind in 1..=6 {
        let bench = bench_of_one_job().await;
        bench.fault(&format!("bad-run={kind}"));
        for _ in 0..2 {
            let record = bench.sync().await;
            let job = &record.jobs[0];
            assert_eq!(job.outcome, JobOutcome::Partial, "{kind}");
            assert_eq!(
                (job.figures.runs_seen, job.figures.runs_quarantined),
                (12, 1),
                "{kind}"
            );
            assert_eq!(bench.value::<i64>("SELECT count(*) FROM runs"), 11);
            assert_eq!(
                bench.value::<i64>("SELECT count(*) FROM quarantine WHERE position = 0"),
                1,
                "{kind}"
            );
        }
        Writer::open(&bench.archive())
            .unwrap()
            .accept(1, "looked at it")
            .unwrap();
        assert_eq!(
            bench.sync().await.outcome,
            SyncOutcome::Complete,
            "{kind}: accepted"
        );
        bench.no_faults();
        assert_eq!(
            bench.sync().await.totals.runs_new,
            1,
            "{kind}: readable later, archived then"
        );
        verified(&bench);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_listed_in_accepted_bytes_is_not_absent() {
    let bench = bench_of_one_job().await;
    serve(&bench, json!([{"JobRunID": A}, {"JobRunID": B}]));
    bench.sync().await;
    let broken = format!(
        r#"{{"JobID":"{}","TotalJobRuns":1,"JobStatusInfo":[{{"JobRunID":"{{{}}}","Status":}}]}}"#,
        bench.job(0),
        A.to_uppercase()
    );
    bench.server.set_body(0, broken);
    let record = bench.sync().await;
    assert_eq!(
        (record.outcome, record.totals.runs_absent),
        (SyncOutcome::Partial, 0)
    );
    Writer::open(&bench.archive())
        .unwrap()
        .accept(1, "looked at it")
        .unwrap();
    let record = bench.sync().await;
    assert_eq!(
        (record.outcome, record.totals.runs_absent),
        (SyncOutcome::Complete, 1)
    );
    assert_eq!(
        bench.rows("SELECT job_run_id, absent_since IS NULL FROM runs ORDER BY 1"),
        [
            format!("{:?}|Integer(1)", text(A)),
            format!("{:?}|Integer(0)", text(B))
        ]
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_message_leaves_its_run_and_the_job_partial_until_it_is_accepted() {
    let bench = bench_of_one_job().await;
    bench.fault("bad-message");
    for sync in 0..2 {
        let record = bench.sync().await;
        assert_eq!(record.jobs[0].outcome, JobOutcome::Partial);
        assert_eq!(record.totals.runs_quarantined, 1, "sync {sync}");
        assert_eq!(bench.value::<i64>("SELECT count(*) FROM runs"), 12);
    }
    assert_eq!(
        bench.value::<Vec<u8>>("SELECT payload FROM quarantine"),
        b"{\"Message\":}"
    );
    Writer::open(&bench.archive())
        .unwrap()
        .accept(1, "a known bug of the scanner")
        .unwrap();
    let record = bench.sync().await;
    assert_eq!(
        (record.outcome, record.totals.runs_quarantined),
        (SyncOutcome::Complete, 1)
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_text_and_wrong_counts_are_kept_and_not_trusted() {
    let bench = bench_of_one_job().await;
    bench.fault("odd-text");
    bench.sync().await;
    let text = "SELECT status_details FROM runs WHERE status_details IS NOT NULL";
    assert_eq!(bench.value::<String>(text), "a\u{fffd}b\u{fffd}c\u{fffd}d");
    bench.fault("wrong-counts");
    let record = bench.sync().await;
    assert_eq!(record.outcome, SyncOutcome::Complete);
    assert_eq!(bench.value::<i64>("SELECT total_job_runs FROM jobs"), 19);
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_beyond_the_limit_is_noted_and_the_rest_read() {
    let mut bench = bench_of_one_job().await;
    bench.options.run_limit = 1 << 20;
    serve(
        &bench,
        json!([{"JobRunID": A, "JobSummary": "x".repeat(2 << 20)}, {"JobRunID": B}]),
    );
    let record = bench.sync().await;
    assert_eq!((record.totals.runs_new, record.totals.runs_quarantined), (1, 1));
    assert_eq!(record.jobs[0].outcome, JobOutcome::Partial);
    assert_eq!(
        bench.value::<i64>("SELECT length(payload) FROM quarantine"),
        1 << 20
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_two_jobs_stays_with_the_first_and_is_absent_only_when_both_lack_it() {
    let mut bench = Bench::new().await;
    bench.options.jobs.truncate(2);
    bench.options.concurrency = 1;
    let body = |job: u32, runs: serde_json::Value| {
        json!({"JobID": bench.job(job).to_string(), "JobStatusInfo": runs}).to_string()
    };
    let run = |id: &str| json!({"JobRunID": id, "Status": 4});
    bench.server.set_body(0, body(0, json!([run(A), run(B)])));
    bench.server.set_body(1, body(1, json!([run(B)])));
    let record = bench.sync().await;
    assert_eq!((record.totals.runs_new, record.totals.runs_unchanged), (2, 1));
    let owner = format!("SELECT job_id FROM runs WHERE job_run_id = '{B}'");
    assert_eq!(bench.value::<String>(&owner), bench.job(0).to_string());
    bench.server.set_body(0, body(0, json!([run(A)])));
    assert_eq!(bench.sync().await.totals.runs_absent, 0);
    bench.server.set_body(1, body(1, json!([])));
    assert_eq!(bench.sync().await.totals.runs_absent, 1);
    bench.server.set_body(1, body(1, json!([run(B)])));
    bench.sync().await;
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM runs WHERE absent_since IS NOT NULL"),
        0
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_twice_in_one_answer_counts_twice() {
    let bench = bench_of_one_job().await;
    serve(
        &bench,
        json!([{"JobRunID": A, "Status": 2}, {"JobRunID": A, "Status": 2}, {"JobRunID": A, "Status": 4}]),
    );
    let figures = bench.sync().await.totals;
    assert_eq!(
        (
            figures.runs_seen,
            figures.runs_new,
            figures.runs_unchanged,
            figures.runs_changed
        ),
        (3, 1, 1, 1)
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_without_runs_are_complete_and_a_404_keeps_what_is_archived() {
    let bench = bench_of_one_job().await;
    bench.sync().await;
    bench.fault("404");
    let record = bench.sync().await;
    assert_eq!(record.outcome, SyncOutcome::Failed);
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM runs WHERE absent_since IS NULL"),
        12
    );
    for fault in ["empty", "null"] {
        bench.fault(fault);
        assert_eq!(bench.sync().await.outcome, SyncOutcome::Complete, "{fault}");
    }
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM runs WHERE absent_since IS NOT NULL"),
        12
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_other_than_all_marks_no_run_absent() {
    let mut bench = bench_of_one_job().await;
    bench.sync().await;
    bench.options.fetch = Fetch::Latest(3);
    let record = bench.sync().await;
    assert_eq!(
        (record.outcome, record.totals.runs_seen, record.totals.runs_absent),
        (SyncOutcome::Complete, 3, 0)
    );
}

const FULL_EVERY: Fetch = Fetch::Auto {
    full_every: Duration::from_secs(7 * 86_400),
};

fn counts_asked(bench: &Bench) -> Vec<String> {
    bench.rows(
        "SELECT count_asked FROM sync_jobs WHERE sync_id = (SELECT max(sync_id) FROM syncs) ORDER BY job_id",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_asks_for_all_once_and_then_for_the_latest_until_they_reach_back() {
    let history = jobruns::simulator::History {
        runs: 40,
        ..small_history()
    };
    let mut bench = Bench::with(Options {
        history,
        ..Options::default()
    })
    .await;
    bench.options.fetch = FULL_EVERY;
    let first = bench.sync().await;
    assert_eq!((first.totals.attempts, first.totals.runs_new), (3, 120));
    assert_eq!(counts_asked(&bench), ["Integer(0)"; 3]);
    // A night brings a run of each job, and purges one.
    bench.server.pass_night();
    let second = bench.sync().await;
    assert_eq!(
        (second.outcome, second.totals.runs_new),
        (SyncOutcome::Complete, 3)
    );
    assert_eq!((second.totals.runs_seen, second.totals.runs_absent), (24, 0));
    assert_eq!(counts_asked(&bench), ["Integer(8)"; 3]);
    // Twenty nights bring more than the first question asks for, and edit the runs right before them.
    (0..20).for_each(|_| bench.server.pass_night());
    let third = bench.sync().await;
    assert_eq!((third.totals.runs_new, third.totals.attempts), (60, 12));
    assert_eq!(counts_asked(&bench), ["Integer(64)"; 3]);
    let fetch = bench.rows("SELECT DISTINCT fetch FROM syncs");
    assert_eq!(fetch, ["Text([97, 117, 116, 111])"]);
    let job =
        "SELECT count(*) FROM jobs WHERE last_synced_at = (SELECT finished_at FROM syncs WHERE sync_id = 1)
        AND last_answered_at = (SELECT finished_at FROM syncs WHERE sync_id = 3)";
    assert_eq!(bench.value::<i64>(job), 3);
    verified(&bench);
    // The full answer says what is gone.
    bench.options.fetch = Fetch::Full;
    assert!(bench.sync().await.totals.runs_absent > 0);
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_asks_for_all_again_when_the_last_answer_with_all_is_too_old() {
    let mut bench = Bench::new().await;
    bench.options.fetch = Fetch::Auto {
        full_every: Duration::ZERO,
    };
    bench.sync().await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    bench.sync().await;
    assert_eq!(counts_asked(&bench), ["Integer(0)"; 3]);
}

/// An answer of one job with runs of these numbers, newest first, each Completed or of another status.
fn runs_of_job(bench: &Bench, runs: &[(usize, i64)]) -> String {
    let runs: Vec<_> = runs
        .iter()
        .map(|(number, status)| {
            json!({"JobRunID": format!("0e0e0e0e-0000-4000-8000-{number:012}"), "Status": status, "MessageCount": 0,
                "JobStartTime": format!("2026-01-01T{:02}:00:00Z", number % 24), "JobMessages": []})
        })
        .collect();
    json!({"JobID": bench.job(0).to_string(), "TotalJobRuns": runs.len(), "JobStatusInfo": runs}).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_runs_reach_back_to_what_the_last_complete_answer_had_and_to_runs_that_have_not_ended() {
    let mut bench = bench_of_one_job().await;
    let serve = |bench: &Bench, runs: &[(usize, i64)]| bench.server.set_body(0, runs_of_job(bench, runs));
    // Runs 1 and 2 still execute, then come 3 to 20.
    let first: Vec<(usize, i64)> = (1..=20).rev().map(|n| (n, if n < 3 { 2 } else { 4 })).collect();
    serve(&bench, &first);
    bench.options.fetch = Fetch::Auto {
        full_every: Duration::from_secs(100 * 365 * 86_400),
    };
    bench.sync().await;
    // The answer has as many runs as were asked for, whatever the server does with the number; none of them reaches
    // back to runs 1 and 2 until all are there.
    serve(&bench, &first[..18]);
    let record = bench.sync().await;
    assert_eq!(
        (record.totals.attempts, record.jobs[0].count_asked),
        (3, Some(32))
    );
    // With them, eight are enough.
    serve(&bench, &[&first[18..], &first[..6]].concat());
    let record = bench.sync().await;
    assert_eq!((record.totals.attempts, record.jobs[0].count_asked), (1, Some(8)));
    // An answer that was cut leaves run 21 archived, and not what lies before it: it is not where the next one may stop.
    let new: Vec<(usize, i64)> = (21..=40).rev().map(|n| (n, 4)).collect();
    let cut = runs_of_job(&bench, &new[..3]);
    bench.server.set_body(0, cut[..cut.len() - 2].to_owned());
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let record = bench.sync().await;
    assert_eq!(
        (record.outcome, record.totals.runs_new),
        (SyncOutcome::Partial, 3)
    );
    serve(&bench, &[&new[..6], &first[18..]].concat());
    let record = bench.sync().await;
    assert_eq!(
        (record.totals.attempts, record.jobs[0].count_asked),
        (2, Some(16))
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_syncs_names_the_holder_of_the_archive() {
    let bench = Bench::new().await;
    bench.fault("stall=3");
    let first = bench.try_sync();
    let second = async {
        tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
        bench.try_sync().await
    };
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    let Err(SyncError::Archive(error)) = second else {
        panic!("{second:?}")
    };
    let text = error.to_string();
    assert!(
        text.contains(&format!("process {}", std::process::id())) && text.contains("started 20"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sync_keeps_what_was_read() {
    let mut bench = Bench::with(Options {
        history: jobruns::simulator::History {
            runs: 400,
            messages: 40,
            ..small_history()
        },
        ..Options::default()
    })
    .await;
    bench.options.concurrency = 1;
    bench.fault("stall=9@2");
    // Asked to stop in the middle of the second answer, which has stalled after its first bytes.
    let (ask, asked) = tokio::sync::watch::channel(false);
    let second = bench.job(1);
    let events = move |event: SyncEvent<'_>| {
        if matches!(event, SyncEvent::JobProgress { job, .. } if job == second) {
            ask.send_replace(true);
        }
    };
    let client = bench.client();
    let record = sync(
        &bench.archive(),
        &client.into(),
        bench.options.clone(),
        Box::new(events),
        Cancellation::new(asked),
    )
    .await;
    let record = record.unwrap();
    assert_eq!(record.outcome, SyncOutcome::Interrupted, "{record:?}");
    assert_eq!(record.jobs.len(), 3);
    assert_eq!(record.jobs[0].outcome, JobOutcome::Complete);
    assert_eq!(bench.value::<i64>("SELECT count(*) FROM runs"), 400);
    assert_eq!(bench.sync().await.outcome, SyncOutcome::Partial);
    bench.no_faults();
    assert_eq!(bench.sync().await.outcome, SyncOutcome::Complete);
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_twice_of_a_refused_password() {
    let bench = Bench::new().await;
    let mut settings = bench.settings();
    settings.password = jobruns::model::Secret::new("wrong".to_owned());
    let client = jobruns::ccs::Client::new(&settings).unwrap();
    let record = sync(
        &bench.archive(),
        &client.into(),
        bench.options.clone(),
        Box::new(|_| {}),
        Cancellation::never(),
    )
    .await
    .unwrap();
    assert_eq!(record.outcome, SyncOutcome::Failed);
    assert!(
        record
            .jobs
            .iter()
            .all(|job| job.error.as_ref().unwrap().contains("400"))
    );
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_zone_of_times_without_offset_is_remembered() {
    let mut bench = bench_of_one_job().await;
    bench.options.naive_time = Some("Europe/Berlin".parse().unwrap());
    serve(
        &bench,
        json!([{"JobRunID": A, "JobStartTime": "2024-07-01T12:00:00", "JobEndTime": "2024-07-01T12:00:00.5+02:00"}]),
    );
    bench.sync().await;
    let row = bench.rows("SELECT started_at, ended_at, duration_seconds, time_basis FROM runs");
    assert_eq!(row.len(), 1);
    assert_eq!(
        bench.value::<String>("SELECT started_at FROM runs"),
        "2024-07-01T10:00:00Z"
    );
    assert_eq!(
        bench.value::<String>("SELECT ended_at FROM runs"),
        "2024-07-01T10:00:00.5Z"
    );
    assert_eq!(bench.value::<f64>("SELECT duration_seconds FROM runs"), 0.5);
    assert_eq!(bench.value::<String>("SELECT time_basis FROM runs"), "mixed");
    bench.options.naive_time = None;
    bench.sync().await;
    bench.options.naive_time = Some("utc".parse().unwrap());
    let error = bench.try_sync().await.unwrap_err();
    assert!(error.to_string().contains("Europe/Berlin"), "{error}");
}

/// A sync of the bench's archive from the server of another one.
async fn sync_from(bench: &Bench, other: &Bench) -> jobruns::archive::SyncRecord {
    let options = other.options.clone();
    sync(
        &bench.archive(),
        &other.client().into(),
        options,
        Box::new(|_| {}),
        Cancellation::never(),
    )
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_changes_nothing_that_is_known_until_somebody_says_that_the_job_has_moved() {
    const C: &str = "aaaaaaaa-0000-4000-8000-000000000003";
    let bench = bench_of_one_job().await;
    let run = |id: &str, status: i64| json!({"JobRunID": id, "Status": status});
    serve(&bench, json!([run(A, 4), run(B, 4)]));
    bench.sync().await;
    // A clone: it never had one run, has another otherwise, and one of its own.
    let clone = bench_of_one_job().await;
    serve(&clone, json!([run(A, 5), run(C, 4)]));
    for new in [1, 0] {
        let record = sync_from(&bench, &clone).await;
        let job = &record.jobs[0];
        assert_eq!(job.outcome, JobOutcome::Partial);
        assert_eq!(
            (
                job.figures.runs_new,
                job.figures.runs_changed,
                job.figures.runs_absent
            ),
            (new, 0, 0)
        );
        let error = job.error.as_deref().unwrap();
        for words in [
            &bench.server.base_url(),
            &clone.server.base_url(),
            "1 differs from the archived run",
        ] {
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(
            bench.value::<String>("SELECT server FROM jobs"),
            bench.server.base_url()
        );
        assert_eq!(
            bench.value::<i64>("SELECT count(*) FROM runs WHERE absent_since IS NULL AND revision = 1"),
            3
        );
        assert_eq!(
            bench.value::<i64>("SELECT count(*) FROM syncs WHERE outcome = 'partial'"),
            2 - new as i64
        );
    }
    verified(&bench);
    // Its own server still counts.
    assert_eq!(bench.sync().await.jobs[0].figures.runs_absent, 1);
    // A clone that lists a run which the job's own server purged does not bring it back.
    sync_from(&bench, &clone).await;
    assert_eq!(
        bench.value::<i64>("SELECT count(*) FROM runs WHERE absent_since IS NOT NULL"),
        1
    );
    let mut writer = Writer::open(&bench.archive()).unwrap();
    let to = clone.server.base_url();
    assert_eq!(
        writer.move_jobs(None, Some("https://elsewhere:1"), &to).unwrap(),
        0
    );
    assert_eq!(
        writer
            .move_jobs(Some(bench.job(0)), Some(&bench.server.base_url()), &to)
            .unwrap(),
        1
    );
    drop(writer);
    let record = sync_from(&bench, &clone).await;
    assert_eq!(record.outcome, SyncOutcome::Complete);
    assert_eq!((record.totals.runs_changed, record.totals.runs_absent), (1, 1));
    assert_eq!(bench.value::<String>("SELECT server FROM jobs"), to);
    assert_eq!(
        rows(
            &bench.connection(),
            "SELECT 1 FROM ledger WHERE entry LIKE 'job-server %'"
        )
        .len(),
        2
    );
    verified(&bench);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_runs_than_came_mark_none_absent_and_that_is_said() {
    let bench = bench_of_one_job().await;
    let run = |id: &str| json!({"JobRunID": id, "Status": 4});
    serve(&bench, json!([run(A), run(B)]));
    bench.sync().await;
    let body = json!({"TotalJobRuns": 2, "JobID": bench.job(0).to_string(), "JobStatusInfo": [run(A)]});
    bench.server.set_body(0, body.to_string());
    let said = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let heard = std::sync::Arc::clone(&said);
    let events = move |event: SyncEvent<'_>| {
        if let SyncEvent::JobWarning { text, .. } = event {
            heard.lock().unwrap().push_str(text);
        }
    };
    let record = sync(
        &bench.archive(),
        &bench.client().into(),
        bench.options.clone(),
        Box::new(events),
        Cancellation::never(),
    )
    .await
    .unwrap();
    assert_eq!(record.jobs[0].outcome, JobOutcome::Complete);
    assert_eq!(record.totals.runs_absent, 0);
    let said = said.lock().unwrap().clone();
    assert!(
        said.contains("TotalJobRuns 2 and holds 1 run; no run is marked absent by it"),
        "{said}"
    );
    // So does a number that is none.
    for total in ["9223372036854775808", "1e30", "4.5", "\"many\""] {
        let body = format!(
            r#"{{"TotalJobRuns":{total},"JobID":"{}","JobStatusInfo":[{}]}}"#,
            bench.job(0),
            run(A)
        );
        bench.server.set_body(0, body);
        assert_eq!(bench.sync().await.totals.runs_absent, 0, "{total}");
    }
    // The same number, or fewer, is an answer to the question for all.
    serve(&bench, json!([run(A)]));
    assert_eq!(bench.sync().await.totals.runs_absent, 1);
}
