//! The look-alike as any HTTP client sees it: raw requests, raw JSON, and none of our own client or reader.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use jobruns::simulator::{CertificateKind, Credentials, FAULT_KINDS, History, Options, Simulator};
use reqwest::{Client, RequestBuilder, Response};
use rustls_pki_types::pem::PemObject;
use serde_json::Value;

const DENIED: &str = "You are not authorized to perform this task. Access is denied.";
const BROKEN: &str = "The server encountered an error while serving the request. \
                      Please contact the administrator if the problem persists.";

/// A look-alike and a client that trusts its authority.
struct Bench {
    server: Simulator,
    client: Client,
    access: String,
    refresh: String,
}

fn history() -> History {
    History {
        seed: 7,
        jobs: 3,
        runs: 12,
        messages: 6,
        unique: 0.5,
    }
}

fn options() -> Options {
    Options {
        history: history(),
        ..Options::default()
    }
}

/// A client that trusts one authority alone, follows no redirect, and neither asks for gzip nor unpacks it.
fn client(authority_pem: &str) -> Client {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(rustls_pki_types::CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .gzip(false)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

fn password_form(user: &str, password: &str) -> String {
    let password = base64::engine::general_purpose::STANDARD.encode(password);
    form(&[
        ("grant_type", "password"),
        ("username", user),
        ("password", &password),
    ])
}

impl Bench {
    async fn new() -> Self {
        Self::with(options()).await
    }

    /// Starts the server and logs in.
    async fn with(options: Options) -> Self {
        let server = Simulator::start(options).await.unwrap();
        let client = client(server.authority_pem());
        let (access, refresh) = (String::new(), String::new());
        let mut bench = Self {
            server,
            client,
            access,
            refresh,
        };
        bench.log_in().await;
        bench
    }

    async fn with_fault(fault: &str) -> Self {
        let faults = vec![fault.parse().unwrap()];
        Self::with(Options { faults, ..options() }).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.base_url())
    }

    async fn ask_token(&self, form: String) -> (u16, Value) {
        let request = self
            .client
            .post(self.url("/ccs/api/v1/oauth/tokens"))
            .header("Content-Type", "application/json")
            .body(form);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap(),
        )
    }

    fn take(&mut self, token: &Value) {
        token["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.access);
        token["refresh_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.refresh);
    }

    async fn log_in(&mut self) {
        let (status, token) = self.ask_token(password_form(r"CORP\auditor", "simulator")).await;
        assert_eq!(status, 200, "{token}");
        self.take(&token);
    }

    async fn refreshed(&self) -> (u16, Value) {
        self.ask_token(form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &self.refresh),
        ]))
        .await
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(&self.access)
    }

    async fn send(&self, path: &str) -> Response {
        self.get(path).send().await.unwrap()
    }

    /// Status and text of an answer.
    async fn text(&self, path: &str) -> (u16, String) {
        let response = self.send(path).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The JSON of an answer with status 200.
    async fn json(&self, path: &str) -> Value {
        let (status, text) = self.text(path).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn runs_path(&self, job: u32, query: &str) -> String {
        format!(
            "/ccs/api/v1/Jobs/{}/jobruns{query}",
            self.server.history().job_id(job)
        )
    }

    /// All runs of a job with their messages.
    fn all_path(&self, job: u32) -> String {
        self.runs_path(job, "?count=0&showmessages=true")
    }

    async fn all(&self, job: u32) -> Value {
        self.json(&self.all_path(job)).await
    }

    /// The bytes of a body, and how it ended if not well.
    async fn body(&self, path: &str) -> (Vec<u8>, Option<reqwest::Error>) {
        let mut response = self.send(path).await;
        assert_eq!(response.status(), 200);
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return (bytes, None),
                Err(error) => return (bytes, Some(error)),
            }
        }
    }
}

fn runs(answer: &Value) -> &Vec<Value> {
    answer["JobStatusInfo"].as_array().unwrap()
}

fn ids(answer: &Value) -> Vec<String> {
    let id = |run: &Value| run["JobRunID"].as_str().unwrap().to_owned();
    runs(answer).iter().map(id).collect()
}

fn is_reset(error: &reqwest::Error) -> bool {
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

// Tokens.

#[tokio::test]
async fn a_login_gives_both_tokens_and_their_life() {
    let bench = Bench::new().await;
    let (status, token) = bench.ask_token(password_form(r"corp\AUDITOR", "simulator")).await;
    assert_eq!(status, 200);
    assert_eq!(token["expires_in"], 3600);
    assert_eq!(token["token_type"], "bearer");
    assert_ne!(token["access_token"], token["refresh_token"]);
    let records = bench.server.requests();
    let record = records.last().unwrap();
    assert_eq!(record.grant.as_deref(), Some("password"));
    assert_eq!((record.method.as_str(), record.status), ("POST", 200));
}

#[tokio::test]
async fn a_login_that_is_wrong_is_status_400_with_invalid_grant() {
    let bench = Bench::new().await;
    let plain = form(&[
        ("grant_type", "password"),
        ("username", r"CORP\auditor"),
        ("password", "simulator"),
    ]);
    for wrong in [
        password_form(r"CORP\auditor", "wrong"),
        password_form(r"CORP\nobody", "simulator"),
        form(&[("grant_type", "password")]),
        form(&[("grant_type", "refresh_token"), ("refresh_token", "made-up")]),
        plain,
    ] {
        let (status, answer) = bench.ask_token(wrong).await;
        assert_eq!(
            (status, &answer["error"]),
            (400, &Value::from("invalid_grant")),
            "{answer}"
        );
    }
    let (status, answer) = bench.ask_token("grant_type=magic".to_owned()).await;
    assert_eq!(
        (status, &answer["error"]),
        (400, &Value::from("unsupported_grant_type"))
    );
}

#[tokio::test]
async fn a_password_of_signs_passes_when_encoded_and_fails_when_joined() {
    let password = "a&b+c%20d=é";
    let credentials = Credentials {
        password: password.to_owned(),
        base64: false,
        ..Credentials::default()
    };
    let server = Simulator::start(Options {
        credentials,
        ..options()
    })
    .await
    .unwrap();
    let client = client(server.authority_pem());
    let url = format!("{}/ccs/api/v1/oauth/tokens", server.base_url());
    let encoded = form(&[
        ("grant_type", "password"),
        ("username", r"CORP\auditor"),
        ("password", password),
    ]);
    let joined = format!("grant_type=password&username=CORP\\auditor&password={password}");
    for (body, status) in [(encoded, 200), (joined, 400)] {
        assert_eq!(
            client.post(&url).body(body).send().await.unwrap().status(),
            status
        );
    }
}

#[tokio::test]
async fn a_refresh_replaces_both_tokens() {
    let mut bench = Bench::new().await;
    let (old_access, old_refresh) = (bench.access.clone(), bench.refresh.clone());
    let (status, token) = bench.refreshed().await;
    assert_eq!(status, 200);
    assert_eq!(bench.refreshed().await.0, 400, "a refresh token serves once");
    assert_eq!(
        bench.text("/ccs/api/v1/Jobs").await.0,
        401,
        "the old token is dead"
    );
    bench.take(&token);
    assert_ne!(bench.access, old_access);
    assert_ne!(bench.refresh, old_refresh);
    assert_eq!(bench.text("/ccs/api/v1/Jobs").await.0, 200);
}

#[tokio::test]
async fn a_second_login_leaves_the_first_alone() {
    let mut bench = Bench::new().await;
    let first = bench.access.clone();
    bench.log_in().await;
    bench.access = first;
    assert_eq!(bench.text("/ccs/api/v1/Jobs").await.0, 200);
}

#[tokio::test]
async fn tokens_expire_each_in_its_time() {
    let credentials = Credentials {
        access_life: Duration::from_millis(800),
        refresh_life: Duration::from_millis(2500),
        ..Credentials::default()
    };
    let mut bench = Bench::with(Options {
        credentials,
        ..options()
    })
    .await;
    assert_eq!(bench.text("/ccs/api/v1/Jobs").await.0, 200);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(bench.text("/ccs/api/v1/Jobs").await.0, 401);
    let (status, token) = bench.refreshed().await;
    assert_eq!(status, 200);
    bench.take(&token);
    tokio::time::sleep(Duration::from_millis(2600)).await;
    let (status, answer) = bench.refreshed().await;
    assert_eq!((status, &answer["error"]), (400, &Value::from("invalid_grant")));
}

#[tokio::test]
async fn a_restart_of_the_service_kills_both_tokens() {
    let bench = Bench::new().await;
    bench.server.revoke_tokens();
    assert_eq!(bench.text("/ccs/api/v1/Jobs").await.0, 401);
    assert_eq!(bench.refreshed().await.0, 400);
}

#[tokio::test]
async fn without_a_token_there_is_nothing_but_401() {
    let bench = Bench::new().await;
    for path in [
        "/ccs/api/v1/Jobs".to_owned(),
        bench.all_path(0),
        "/ccs/api/v1/Jobs/no-guid".to_owned(),
    ] {
        let response = bench.client.get(bench.url(&path)).send().await.unwrap();
        assert_eq!(response.status(), 401, "{path}");
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        let response = bench.client.get(bench.url(&path)).bearer_auth("made-up");
        assert_eq!(response.send().await.unwrap().status(), 401, "{path}");
    }
}

// Jobs.

#[tokio::test]
async fn jobs_come_in_pages() {
    let bench = Bench::new().await;
    let mut names = Vec::new();
    for (page, rows) in [(0, 2), (1, 1), (2, 0)] {
        let answer = bench
            .json(&format!("/ccs/api/v1/Jobs?page={page}&pagesize=2"))
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
    let whole = bench.json("/ccs/api/v1/Jobs").await;
    assert_eq!(whole["Data"]["Rows"].as_array().unwrap().len(), 3);
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

// Transport.

#[tokio::test]
async fn gzip_comes_only_when_asked_for_and_unpacks_to_the_same() {
    let bench = Bench::new().await;
    let path = bench.all_path(0);
    let plain = bench.send(&path).await;
    assert_eq!(plain.headers().get("content-encoding"), None);
    assert_eq!(plain.headers()["content-type"], "application/json; charset=utf-8");
    let plain = plain.bytes().await.unwrap();
    let refused = bench.get(&path).header("Accept-Encoding", "gzip;q=0, identity");
    assert_eq!(refused.send().await.unwrap().bytes().await.unwrap(), plain);
    let packed = bench.get(&path).header("Accept-Encoding", "deflate, GZip;q=0.5");
    let packed = packed.send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let packed = packed.bytes().await.unwrap();
    assert!(packed.len() < plain.len() / 2);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == plain);
    let never = Bench::with(Options {
        gzip: false,
        ..options()
    })
    .await;
    let asked = never.get(&path).header("Accept-Encoding", "gzip");
    assert_eq!(asked.send().await.unwrap().bytes().await.unwrap(), plain);
}

#[tokio::test]
async fn answers_come_in_chunks_or_say_their_length() {
    let chunked = Bench::new().await;
    let path = chunked.all_path(0);
    let response = chunked.send(&path).await;
    assert_eq!(response.headers()["transfer-encoding"], "chunked");
    assert_eq!(response.headers().get("content-length"), None);
    let body = response.bytes().await.unwrap();
    let with_length = Bench::with(Options {
        with_length: true,
        ..options()
    })
    .await;
    let response = with_length.send(&path).await;
    assert_eq!(response.headers().get("transfer-encoding"), None);
    assert_eq!(
        response.headers()["content-length"].to_str().unwrap(),
        body.len().to_string()
    );
    assert_eq!(response.bytes().await.unwrap(), body);
}

#[tokio::test]
async fn plain_http_serves_the_same() {
    let secure = Bench::new().await;
    let plain = Bench::with(Options {
        plain: true,
        ..options()
    })
    .await;
    assert!(plain.server.base_url().starts_with("http://127.0.0.1:"));
    assert_eq!(plain.all(0).await, secure.all(0).await);
}

#[tokio::test]
async fn certificates_are_trusted_only_where_they_should_be() {
    for (certificate, trusted) in [
        (CertificateKind::Signed, true),
        (CertificateKind::SelfSigned, true),
        (CertificateKind::SelfSignedAuthority, false),
        (CertificateKind::Expired, false),
        (CertificateKind::OtherName, false),
    ] {
        let server = Simulator::start(Options {
            certificate,
            ..options()
        })
        .await
        .unwrap();
        let get = client(server.authority_pem()).get(format!("{}/ccs/api/v1/Jobs", server.base_url()));
        assert_eq!(get.send().await.is_ok(), trusted, "{certificate:?}");
    }
    let (one, other) = (Bench::new().await, Bench::new().await);
    let stranger = client(other.server.authority_pem()).get(one.url("/ccs/api/v1/Jobs"));
    stranger.send().await.unwrap_err();
}

#[tokio::test]
async fn a_dropped_server_ends_its_connections() {
    let bench = Bench::new().await;
    let url = bench.url("/ccs/api/v1/Jobs");
    // The connection of the login is kept open and would serve this as well.
    let get = bench.client.get(url).bearer_auth(&bench.access);
    drop(bench.server);
    tokio::time::sleep(Duration::from_millis(50)).await;
    get.send().await.unwrap_err();
}

// Faults.

/// What each fault's test is, so that no kind is left out.
const SEEN: [(&str, &str); 24] = [
    ("400", "statuses"),
    ("403", "statuses"),
    ("404", "statuses"),
    ("429", "statuses"),
    ("500", "statuses"),
    ("502", "statuses"),
    ("503", "statuses"),
    ("token-dies", "token"),
    ("html", "pages"),
    ("xml", "pages"),
    ("redirect", "pages"),
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
    ("shuffled", "content"),
];

#[test]
fn each_kind_of_fault_has_its_test_here() {
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
        // The others are sound: JSON alone tells where each begins.
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

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let bench = Bench::new().await;
    let port: u16 = bench
        .server
        .base_url()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let error = Simulator::start(Options { port, ..options() }).await.unwrap_err();
    assert_eq!(error.to_string(), format!("could not listen on 127.0.0.1:{port}"));
    assert!(error.source().is_some());
}
