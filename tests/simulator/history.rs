//! Jobs and their runs, and how they change from night to night.

use jobruns::simulator::{History, Options};
use serde_json::Value;

use super::bench::{Bench, history, ids, options, password_form, runs};

#[tokio::test]
async fn jobs_come_in_pages() {
    let bench = Bench::new().await;
    let mut names = Vec::new();
    for (page, rows) in [(0, 2), (1, 1), (2, 0)] {
        let answer = bench
            .json(&format!(
                "/ccs/api/v1/Jobs?Attributes=JobName%20Contains%20%27%27&page={page}&pagesize=2"
            ))
            .await;
        assert_eq!(answer["TotalPages"], 2);
        let found = answer["Data"]["Rows"].as_array().unwrap();
        assert_eq!(found.len(), rows, "page {page}");
        for job in found {
            for field in ["JobCategory", "JobType", "JobCreationTime", "JobModifiedTime"] {
                assert!(job[field].is_string(), "{field}");
            }
            names.push((
                job["JobID"].as_str().unwrap().to_lowercase(),
                job["JobName"].as_str().unwrap().to_owned(),
            ));
        }
    }
    let history = bench.server.history();
    let expected: Vec<_> = (0..3)
        .map(|job| (history.job_id(job), history.job_name(job)))
        .collect();
    assert_eq!(names, expected);
    let whole = bench
        .json("/ccs/api/v1/Jobs?Attributes=JobName%20Contains%20%27%27")
        .await;
    assert_eq!(whole["Data"]["Rows"].as_array().unwrap().len(), 3);
    // Attributes are mandatory; a search by name finds only that name.
    assert_eq!(bench.text("/ccs/api/v1/Jobs?page=0&pagesize=2").await.0, 400);
    let name: String =
        form_urlencoded::byte_serialize(history.job_name(1).to_uppercase().as_bytes()).collect();
    for (query, expected) in [
        (format!("jobname={name}"), 1),
        (format!("Attributes=(JobName = '{name}')").replace(' ', "%20"), 1),
        (format!("Attributes=JobName%20contains%20{}", &name[..3]), 1),
        ("jobname=nosuch".to_owned(), 0),
        ("attributes=JobType%20=%20Scheduled".to_owned(), 3),
    ] {
        let found = bench.json(&format!("/ccs/api/v1/jobs?{query}")).await;
        let rows = found["Data"]["Rows"].as_array().unwrap().len();
        assert!(
            if expected == 1 {
                rows >= 1
            } else {
                rows == expected
            },
            "{query}: {rows}"
        );
    }
}

#[tokio::test]
async fn one_job_tells_its_name() {
    let bench = Bench::new().await;
    let history = bench.server.history();
    for id in [
        history.job_id(1),
        history.job_id(1).to_uppercase(),
        format!("{{{}}}", history.job_id(1)),
    ] {
        let answer = bench.json(&format!("/ccs/api/v1/jobs/{id}")).await;
        assert_eq!(answer["Job"]["JobName"], history.job_name(1), "{id}");
    }
}

#[tokio::test]
async fn status_texts_are_those_of_the_document() {
    let bench = Bench::new().await;
    let unknown = "FF761384-4b49-40b4-97d8-0de38669075a";
    for tail in ["", "/jobruns?count=0"] {
        assert_eq!(
            bench.text(&format!("/ccs/api/v1/Jobs/no-guid{tail}")).await,
            (400, "JobID is invalid.".to_owned())
        );
        assert_eq!(
            bench.text(&format!("/ccs/api/v1/Jobs/{unknown}{tail}")).await,
            (404, format!("Job for specified JobID '{unknown}' not found."))
        );
    }
    assert_eq!(bench.text("/ccs/api/v1/Standards").await.0, 404);
    let path = bench.all_path(0);
    let posted = bench.client.post(bench.url(&path)).bearer_auth(&bench.access);
    assert_eq!(posted.send().await.unwrap().status(), 405);
}

// Runs.

#[tokio::test]
async fn count_is_one_by_default_and_zero_means_all() {
    let bench = Bench::new().await;
    let newest = ids(&bench.all(0).await);
    assert_eq!(newest.len(), 12);
    for (query, expected) in [
        ("", 1),
        ("?count=1", 1),
        ("?count=5", 5),
        ("?count=12", 12),
        ("?count=99", 12),
        ("?count=0", 12),
    ] {
        let answer = bench.json(&bench.runs_path(0, query)).await;
        assert_eq!(ids(&answer), newest[..expected], "{query}");
        assert_eq!(answer["TotalJobRuns"], expected);
        assert_eq!(answer["JobID"], bench.server.history().job_id(0));
    }
    assert_eq!(bench.text(&bench.runs_path(0, "?count=many")).await.0, 400);
}

#[tokio::test]
async fn messages_come_only_when_asked_for() {
    let bench = Bench::new().await;
    for query in ["?count=0", "?count=0&showmessages=false"] {
        for run in runs(&bench.json(&bench.runs_path(0, query)).await) {
            assert_eq!(run.get("MessageCount"), None);
            assert_eq!(run.get("JobMessages"), None);
        }
    }
    for query in ["?count=0&showmessages=true", "?count=0&showmessages=True"] {
        for run in runs(&bench.json(&bench.runs_path(0, query)).await) {
            let messages = run["JobMessages"].as_array().unwrap();
            assert_eq!(run["MessageCount"], messages.len());
        }
    }
}

#[tokio::test]
async fn paths_and_names_of_a_query_are_blind_to_letter_case() {
    let bench = Bench::new().await;
    let id = bench.server.history().job_id(0);
    let all = bench.all(0).await;
    for path in [
        format!("/ccs/api/v1/jobs/{id}/jobruns?Count=0&ShowMessages=TRUE"),
        format!(
            "/CCS/API/V1/JOBS/{}/JOBRUNS?COUNT=0&SHOWMESSAGES=true",
            id.to_uppercase()
        ),
    ] {
        assert_eq!(bench.json(&path).await, all, "{path}");
    }
    let login = bench
        .client
        .post(bench.url("/CCS/api/V1/OAuth/Tokens"))
        .body(password_form(r"CORP\auditor", "simulator"));
    assert_eq!(login.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn runs_are_written_as_in_the_documents_sample() {
    let bench = Bench::new().await;
    let answer = bench.all(0).await;
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&answer), ["TotalJobRuns", "JobID", "JobStatusInfo"]);
    let mut started_before = None;
    for (place, run) in runs(&answer).iter().enumerate() {
        assert_eq!(
            names(run),
            [
                "Exception",
                "ActivityStatusList",
                "CustomStatusText",
                "JobEndTime",
                "JobStartTime",
                "JobSummary",
                "Status",
                "StatusDetails",
                "JobRunID",
                "MessageCount",
                "JobMessages",
            ]
        );
        let started = chrono::DateTime::parse_from_rfc3339(run["JobStartTime"].as_str().unwrap()).unwrap();
        assert_eq!(started.offset().local_minus_utc(), 19_800);
        assert!(
            started_before.is_none_or(|before| started < before),
            "newest first"
        );
        started_before = Some(started);
        let status = run["Status"].as_u64().unwrap();
        if place == 0 {
            assert_eq!((status, &run["JobEndTime"]), (2, &Value::Null), "still executing");
        } else {
            assert!((4..=7).contains(&status));
            let ended: chrono::NaiveDateTime = run["JobEndTime"].as_str().unwrap().parse().unwrap();
            assert!(ended > started.naive_utc(), "an end without offset is UTC");
        }
        for message in run["JobMessages"].as_array().unwrap() {
            let fields = [
                "DateTime",
                "Message",
                "MessageDetails",
                "Category",
                "Asset",
                "AssetType",
                "AssetOwner",
            ];
            assert_eq!(names(message), fields);
            chrono::DateTime::parse_from_rfc3339(message["DateTime"].as_str().unwrap()).unwrap();
        }
    }
}

#[tokio::test]
async fn equal_seeds_give_equal_bodies_and_others_do_not() {
    let (one, two) = (Bench::new().await, Bench::new().await);
    for job in 0..3 {
        assert_eq!(
            one.text(&one.all_path(job)).await,
            two.text(&two.all_path(job)).await
        );
    }
    let other = Bench::with(Options {
        history: History { seed: 8, ..history() },
        ..options()
    })
    .await;
    assert_ne!(one.all(0).await, other.all(0).await);
}

#[tokio::test]
async fn a_night_adds_finishes_edits_purges_and_the_third_brings_one_back() {
    let bench = Bench::new().await;
    let before = bench.all(0).await;
    bench.server.pass_night();
    let after = bench.all(0).await;
    let (old, new) = (ids(&before), ids(&after));
    assert_eq!(new[1..], old[..11], "one is new, the oldest is gone");
    let of = |answer: &Value, id: &str| {
        runs(answer)
            .iter()
            .find(|run| run["JobRunID"] == id)
            .unwrap()
            .clone()
    };
    assert_eq!(of(&before, &old[0])["Status"], 2);
    assert!(of(&after, &old[0])["Status"].as_u64().unwrap() >= 4);
    let changed = old[1..11]
        .iter()
        .filter(|id| of(&before, id) != of(&after, id))
        .count();
    assert_eq!(changed, 1, "one that was final is edited");
    bench.server.pass_night();
    bench.server.pass_night();
    assert_eq!(
        ids(&bench.all(0).await).last(),
        old.last(),
        "a purged one is back"
    );
}

#[tokio::test]
async fn nights_pass_by_themselves_where_asked() {
    let bench = Bench::with(Options {
        nights_pass: true,
        ..options()
    })
    .await;
    let (first, second) = (ids(&bench.all(0).await), ids(&bench.all(0).await));
    assert_eq!(second[1..], first[..11]);
    let bench = Bench::new().await;
    assert_eq!(bench.all(0).await, bench.all(0).await);
}

#[tokio::test]
async fn a_body_that_a_test_sets_is_served_as_it_is() {
    let bench = Bench::new().await;
    bench.server.set_body(1, "{\"odd\": [\u{0}");
    assert_eq!(bench.text(&bench.all_path(1)).await.1, "{\"odd\": [\u{0}");
    assert_eq!(runs(&bench.all(0).await).len(), 12);
}

#[tokio::test]
async fn braces_around_an_id_may_come_encoded_and_pages_beyond_the_last_are_empty() {
    let bench = Bench::new().await;
    let id = bench.server.history().job_id(0);
    let path = format!("/ccs/api/v1/Jobs/%7B{id}%7D/jobruns?count=2");
    assert_eq!(ids(&bench.json(&path).await).len(), 2);
    let beyond = "/ccs/api/v1/Jobs?attributes=JobType%20=%20x&page=4000000000&pagesize=4000000000";
    assert_eq!(bench.json(beyond).await["Data"]["Rows"], serde_json::json!([]));
}
