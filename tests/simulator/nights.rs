//! Many nights of the simulator.

use std::collections::HashSet;

use jobruns::simulator::Options;
use serde_json::Value;

use super::bench::{Bench, ids, options};

#[tokio::test]
async fn nights_add_finish_edit_purge_and_return() {
    let bench = Bench::new().await;
    let mut former = bench.all(0).await;
    let mut seen: HashSet<String> = ids(&former).into_iter().collect();
    let mut returned = 0;
    for night in 1..=6 {
        bench.server.pass_night();
        let now = bench.all(0).await;
        let set = |answer| ids(answer).into_iter().collect::<HashSet<_>>();
        let (before, after) = (set(&former), set(&now));
        let fresh: Vec<_> = after
            .difference(&before)
            .filter(|id| !seen.contains(*id))
            .collect();
        assert_eq!(
            fresh,
            [&ids(&now)[0]],
            "night {night}: one new run, and it stands first"
        );
        returned += after.difference(&before).filter(|id| seen.contains(*id)).count();
        assert!(
            before.difference(&after).count() >= 1,
            "night {night}: the oldest is purged"
        );
        assert_eq!(former["JobStatusInfo"][0]["Status"], 2);
        assert_eq!(former["JobStatusInfo"][0]["JobEndTime"], Value::Null);
        let finished = &now["JobStatusInfo"][1];
        assert_eq!(finished["JobRunID"], former["JobStatusInfo"][0]["JobRunID"]);
        assert!(finished["Status"].as_u64().unwrap() >= 4 && finished["JobEndTime"].is_string());
        let find = |answer: &Value, id: &str| {
            answer["JobStatusInfo"]
                .as_array()
                .unwrap()
                .iter()
                .find(|run| run["JobRunID"] == *id)
                .cloned()
        };
        let edited = before
            .intersection(&after)
            .filter(|id| find(&former, id) != find(&now, id))
            .count();
        assert_eq!(edited, 2, "night {night}: the one that finished, and an old one");
        seen.extend(ids(&now));
        former = now;
    }
    assert_eq!(returned, 2, "the first run is there again in nights 3 and 6");
}

#[tokio::test]
async fn nights_pass_by_themselves_after_answers_with_runs_alone() {
    let bench = Bench::with(Options {
        nights_pass: true,
        ..options()
    })
    .await;
    let first = bench.all(0).await;
    bench.fault("500#1");
    assert_eq!(bench.send(&bench.all_path(0)).await.status(), 500);
    let second = bench.all(0).await;
    assert_eq!(ids(&second)[1], ids(&first)[0], "one night later, not two");
    bench.server.set_faults(Vec::new());
    assert_eq!(
        ids(&bench.all(0).await)[2],
        ids(&first)[0],
        "new faults turn no night back"
    );
}

#[tokio::test]
async fn equal_seeds_serve_equal_bytes_whatever_the_day() {
    let (one, other) = (Bench::new().await, Bench::new().await);
    for night in 0..4 {
        for job in 0..3 {
            let bytes = one.send(&one.all_path(job)).await.bytes().await.unwrap();
            assert_eq!(
                bytes,
                other.send(&other.all_path(job)).await.bytes().await.unwrap(),
                "night {night}, job {job}"
            );
        }
        one.server.pass_night();
        other.server.pass_night();
    }
}
