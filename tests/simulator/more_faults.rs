//! More faults: in logins, proxies and messages, and in how bodies are sent.

use std::time::{Duration, Instant};

use jobruns::simulator::Options;
use serde_json::{Value, json};

use super::bench::{Bench, ids, options};
use super::faults::is_reset;

/// The received body of job 1, and whether it ended as HTTP requires.
async fn body(bench: &Bench) -> (Vec<u8>, bool) {
    let (bytes, error) = bench.body(&bench.all_path(0)).await;
    (bytes, error.is_none())
}

#[tokio::test]
async fn logins_fail_or_take_their_time() {
    let bench = Bench::new().await;
    bench.fault("login-fails#1");
    let form = "grant_type=password&username=CORP%5Cauditor&password=c2ltdWxhdG9y";
    assert_eq!(
        bench.ask_token(form.to_owned()).await,
        (400, json!({"error": "invalid_grant"}))
    );
    assert_eq!(bench.ask_token(form.to_owned()).await.0, 200);
    bench.fault("login-slow=1");
    let before = Instant::now();
    assert_eq!(bench.ask_token(form.to_owned()).await.0, 200);
    assert!(before.elapsed() >= Duration::from_secs(1));
    assert_eq!(
        bench.send(&bench.all_path(0)).await.status(),
        200,
        "runs are not slow"
    );
}

#[tokio::test]
async fn a_hang_up_is_a_reset_in_place_of_an_answer() {
    for plain in [false, true] {
        let bench = Bench::with(Options { plain, ..options() }).await;
        bench.fault("hang-up#1");
        let error = bench.get(&bench.all_path(0)).send().await.unwrap_err();
        assert!(is_reset(&error), "{error:?}");
        assert_eq!(bench.server.requests().last().unwrap().status, 0);
        assert_eq!(bench.send(&bench.all_path(0)).await.status(), 200);
    }
}

#[tokio::test]
async fn exact_bodies_are_served_as_they_are_and_sent_as_others() {
    let bench = Bench::new().await;
    bench.server.set_body(0, &b"\xFF{not json"[..]);
    assert_eq!(body(&bench).await, (b"\xFF{not json".to_vec(), true));
    bench.fault("cut=4@1");
    assert_eq!(body(&bench).await, (b"\xFF{no".to_vec(), false));
    assert_eq!(ids(&bench.all(1).await).len(), 12, "other jobs are themselves");
}

#[tokio::test]
async fn a_stall_is_silence_after_a_thousand_bytes() {
    let bench = Bench::with_fault("stall=1").await;
    let mut response = bench.send(&bench.all_path(0)).await;
    let mut bytes = 0;
    let mut longest = Duration::ZERO;
    loop {
        let before = Instant::now();
        let Some(chunk) = response.chunk().await.unwrap() else {
            break;
        };
        if before.elapsed() > longest {
            longest = before.elapsed();
            assert!(
                longest < Duration::from_millis(900) || bytes == 1000,
                "silent after {bytes} bytes"
            );
        }
        bytes += chunk.len();
    }
    assert!(longest >= Duration::from_millis(900) && bytes > 9000);
}

#[tokio::test]
async fn a_drip_is_many_small_pieces_of_the_same_bytes() {
    let bench = Bench::new().await;
    let (whole, _) = body(&bench).await;
    bench.fault("drip");
    let mut response = bench.send(&bench.all_path(0)).await;
    let (mut pieces, mut bytes) = (0, Vec::new());
    while let Some(chunk) = response.chunk().await.unwrap() {
        pieces += usize::from(chunk.len() <= 64);
        bytes.extend_from_slice(&chunk);
    }
    assert!(pieces > 20, "{pieces}");
    assert_eq!(bytes, whole);
}

#[tokio::test]
async fn a_proxys_statuses_come_with_a_page() {
    let bench = Bench::new().await;
    for status in [407_u16, 502, 504] {
        bench.fault(&status.to_string());
        let response = bench.send(&bench.all_path(0)).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "text/html");
        assert!(response.text().await.unwrap().starts_with("<html>"));
    }
}

#[tokio::test]
async fn runs_may_be_null_in_an_answer_that_is_whole() {
    let bench = Bench::with_fault("null-list").await;
    let id = bench.server.history().job_id(0);
    let expected = json!({"TotalJobRuns": 0, "JobID": id, "JobStatusInfo": null});
    assert_eq!(bench.all(0).await, expected);
}

#[tokio::test]
async fn bad_messages_stand_before_the_good_ones() {
    let bench = Bench::new().await;
    let good = bench.all(0).await["JobStatusInfo"][0]["JobMessages"].clone();
    for (kind, is_bad) in [
        (2, Value::is_null as fn(&Value) -> bool),
        (3, Value::is_number),
        (4, Value::is_string),
    ] {
        bench.fault(&format!("bad-message={kind}"));
        let answer = bench.all(0).await;
        let messages = answer["JobStatusInfo"][0]["JobMessages"].as_array().unwrap();
        assert!(is_bad(&messages[0]), "{kind}");
        assert_eq!(messages[1..], good.as_array().unwrap()[..]);
    }
    for fault in ["bad-run=6", "bad-message"] {
        bench.fault(fault);
        let (body, ended) = body(&bench).await;
        assert!(
            ended && serde_json::from_slice::<Value>(&body).is_err(),
            "{fault}"
        );
        let count = |byte: u8| body.iter().filter(|other| **other == byte).count();
        assert_eq!(
            (count(b'{'), count(b'[')),
            (count(b'}'), count(b']')),
            "{fault}: bracketed soundly"
        );
    }
}
