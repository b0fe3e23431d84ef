//! Each kind of fault.

use std::error::Error;
use std::time::{Duration, Instant};

use jobruns::simulator::{FAULT_KINDS, Options};
use serde_json::Value;

use super::bench::{Bench, history, ids, options, runs};

const DENIED: &str = "You are not authorized to perform this task. Access is denied.";
const BROKEN: &str = "The server encountered an error while serving the request. \
                      Please contact the administrator if the problem persists.";

pub(super) fn is_reset(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>()
            && error.kind() == std::io::ErrorKind::ConnectionReset
        {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The test of each fault, so that none is left out; those with "more" are in `more_faults.rs`.
const SEEN: [(&str, &str); 30] = [
    ("400", "statuses"),
    ("403", "statuses"),
    ("404", "statuses"),
    ("500", "statuses"),
    ("407", "more"),
    ("502", "statuses"),
    ("504", "more"),
    ("429", "statuses"),
    ("503", "statuses"),
    ("token-dies", "token"),
    ("login-fails", "more"),
    ("login-slow", "more"),
    ("html", "pages"),
    ("xml", "pages"),
    ("redirect", "pages"),
    ("hang-up", "more"),
    ("reset", "ends"),
    ("cut", "ends"),
    ("short", "ends"),
    ("stall", "slow"),
    ("drip", "slow"),
    ("bad-run", "damage"),
    ("bad-message", "damage"),
    ("odd-text", "damage"),
    ("wrong-counts", "content"),
    ("other-job", "content"),
    ("empty", "content"),
    ("null", "content"),
    ("null-list", "more"),
    ("shuffled", "content"),
];

#[test]
fn each_kind_of_fault_has_its_test() {
    let told: Vec<&str> = FAULT_KINDS
        .iter()
        .flat_map(|(names, _)| names.split(", "))
        .map(|name| name.split('=').next().unwrap())
        .collect();
    assert_eq!(told, SEEN.map(|(name, _)| name));
}

#[tokio::test]
async fn statuses_come_with_their_texts_and_waits() {
    let not_found = format!("Job for specified JobID '{}' not found.", history().job_id(0));
    for (fault, status, text, wait) in [
        ("400", 400, "JobID is invalid.", None),
        ("403", 403, DENIED, None),
        ("404", 404, not_found.as_str(), None),
        ("429=7", 429, "Too many requests.", Some("7")),
        ("429", 429, "Too many requests.", Some("1")),
        ("500", 500, BROKEN, None),
        ("502", 502, "<html><body>502 Bad Gateway</body></html>", None),
        ("503=3", 503, "Service unavailable.", Some("3")),
    ] {
        let bench = Bench::with_fault(fault).await;
        let response = bench.send(&bench.all_path(0)).await;
        assert_eq!(response.status(), status, "{fault}");
        let told = response
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap());
        assert_eq!(told, wait, "{fault}");
        assert_eq!(response.text().await.unwrap(), text, "{fault}");
        assert_eq!(bench.server.requests().last().unwrap().status, status);
    }
}

#[tokio::test]
async fn a_fault_strikes_its_job_at_its_attempt_alone() {
    let bench = Bench::with_fault("500@2#2").await;
    let mut statuses = Vec::new();
    for job in [0, 1, 0, 1, 1] {
        statuses.push(bench.send(&bench.all_path(job)).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 500, 200]);
    bench.server.set_faults(vec!["403#1".parse().unwrap()]);
    for status in [403, 200] {
        assert_eq!(bench.send(&bench.all_path(2)).await.status(), status);
    }
}

#[tokio::test]
async fn a_token_that_dies_is_mended_by_a_refresh() {
    let mut bench = Bench::with_fault("token-dies#1").await;
    let path = bench.all_path(0);
    assert_eq!(bench.send(&path).await.status(), 401);
    assert_eq!(bench.send(&path).await.status(), 401, "it stays dead");
    let (status, token) = bench.refreshed().await;
    assert_eq!(status, 200);
    bench.take(&token);
    assert_eq!(bench.send(&path).await.status(), 200);
}

#[tokio::test]
async fn pages_that_are_no_json_say_so() {
    for (fault, status, kind) in [
        ("html", 200, "text/html"),
        ("xml", 200, "application/xml"),
        ("redirect", 302, "text/plain"),
    ] {
        let bench = Bench::with_fault(fault).await;
        let response = bench.send(&bench.all_path(0)).await;
        assert_eq!(response.status(), status, "{fault}");
        assert_eq!(response.headers()["content-type"], kind);
        let target = response.headers().get("location").cloned();
        match target {
            Some(target) => assert!(target.to_str().unwrap().starts_with("https://elsewhere.")),
            None => assert!(response.text().await.unwrap().starts_with('<')),
        }
    }
}

#[tokio::test]
async fn a_body_ends_where_asked_and_as_asked() {
    let whole = Bench::new().await;
    let whole = whole.body(&whole.all_path(0)).await.0;
    for plain in [false, true] {
        for with_length in [false, true] {
            for kind in ["reset", "cut", "short"] {
                for bytes in [0, 1000] {
                    let bench = Bench::with(Options {
                        faults: vec![format!("{kind}={bytes}").parse().unwrap()],
                        plain,
                        with_length,
                        ..options()
                    })
                    .await;
                    let (got, error) = bench.body(&bench.all_path(0)).await;
                    let what = format!("{kind}={bytes} plain {plain} length {with_length}: {error:?}");
                    // A reset may overtake what was sent before it.
                    if kind == "reset" {
                        assert!(whole.starts_with(&got) && got.len() <= bytes, "{what}");
                    } else {
                        assert!(got == whole[..bytes], "{what}");
                    }
                    assert_eq!(error.is_some(), kind != "short", "{what}");
                    assert_eq!(error.as_ref().is_some_and(is_reset), kind == "reset", "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_packed_body_is_cut_as_well() {
    for kind in ["reset", "cut"] {
        let bench = Bench::with_fault(&format!("{kind}=9000")).await;
        let response = bench
            .get(&bench.all_path(0))
            .header("Accept-Encoding", "gzip")
            .send()
            .await
            .unwrap();
        response.bytes().await.unwrap_err();
    }
}

#[tokio::test]
async fn slow_answers_are_whole_in_the_end() {
    let whole = Bench::new().await;
    let whole = whole.body(&whole.all_path(0)).await.0;
    for (fault, at_least) in [("stall=1", 1000), ("drip", 200)] {
        let bench = Bench::with_fault(fault).await;
        let began = Instant::now();
        let mut response = bench.send(&bench.all_path(0)).await;
        let first = response.chunk().await.unwrap().unwrap();
        assert_eq!(first, whole[..1000], "{fault}");
        let mut got = first.to_vec();
        while let Some(chunk) = response.chunk().await.unwrap() {
            got.extend_from_slice(&chunk);
        }
        assert!(
            began.elapsed() >= Duration::from_millis(at_least),
            "{fault}: {:?}",
            began.elapsed()
        );
        assert!(got == whole, "{fault}");
    }
}

#[tokio::test]
async fn damaged_runs_stand_in_the_place_of_the_newest() {
    let whole = Bench::new().await;
    let whole = whole.all(0).await;
    for (fault, damage) in [
        ("bad-run=1", "\"JobRunID\":\"no-"),
        ("bad-run=2", "\"RunID\""),
        ("bad-run=3", "[null, {"),
        ("bad-run=4", "[42, {"),
        ("bad-run=5", "[\"a run\", {"),
        ("bad-run=6", "\"Status\" "),
        ("bad-message", "[{\"Message\":}"),
        ("odd-text", "\"a\\ud800b\\u0000c"),
    ] {
        let bench = Bench::with_fault(fault).await;
        let (bytes, error) = bench.body(&bench.all_path(0)).await;
        assert!(error.is_none());
        let text = String::from_utf8_lossy(&bytes);
        let at = text
            .find(damage)
            .unwrap_or_else(|| panic!("{fault}: {damage} is missing"));
        let second = text.find(ids(&whole)[1].as_str()).unwrap();
        assert!(at < second, "{fault}");
        // The other runs are sound; only parsing the JSON tells where each begins.
        let rest = &text[text[..second].rfind("{\"Exception\"").unwrap()..];
        let rest: Value = serde_json::from_str(&format!("[{}", rest.strip_suffix(" }").unwrap())).unwrap();
        assert_eq!(rest.as_array().unwrap()[..], runs(&whole)[1..], "{fault}");
        let sound = serde_json::from_slice::<Value>(&bytes).is_ok();
        assert_eq!(
            sound,
            matches!(
                fault,
                "bad-run=1" | "bad-run=2" | "bad-run=3" | "bad-run=4" | "bad-run=5"
            ),
            "{fault}"
        );
        assert_eq!(bytes.contains(&0xFF), fault == "odd-text");
    }
}

#[tokio::test]
async fn faults_of_content_keep_the_json_sound() {
    let whole = Bench::new().await;
    let whole = whole.all(0).await;
    let served = async |fault: &str| {
        let bench = Bench::with_fault(fault).await;
        bench.all(0).await
    };
    assert_eq!(served("empty").await, serde_json::json!([]));
    assert_eq!(served("null").await, Value::Null);
    let other = served("other-job").await;
    assert_ne!(other["JobID"], whole["JobID"]);
    assert_eq!(other["JobStatusInfo"], whole["JobStatusInfo"]);
    let wrong = served("wrong-counts").await;
    assert_ne!(wrong["TotalJobRuns"], whole["TotalJobRuns"]);
    assert_eq!(runs(&wrong).len(), 12);
    for run in runs(&wrong) {
        assert_ne!(run["MessageCount"], run["JobMessages"].as_array().unwrap().len());
    }
    let mut shuffled = served("shuffled").await;
    assert_eq!(
        runs(&shuffled)[0].as_object().unwrap().keys().next().unwrap(),
        "JobMessages"
    );
    let listed = shuffled["JobStatusInfo"].as_array_mut().unwrap();
    listed.reverse();
    for run in listed {
        run["JobMessages"].as_array_mut().unwrap().reverse();
    }
    assert_eq!(shuffled, whole, "the same in another order");
}
