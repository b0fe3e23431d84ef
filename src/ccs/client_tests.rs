//! The client against a small server over plain HTTP: token, redirects, what counts as an answer, timeouts.

use std::io::Write as _;
use std::time::Duration;

use super::answer::JobRunsAnswer;
use super::test_server::{ReceivedRequest, TestReply, TestServer, json, reply, token};
use super::*;
use crate::model::{Guid, Secret};

fn job() -> Guid {
    "a282d163-2248-4904-8135-0eaf08be8e55".parse().unwrap()
}

fn settings(server: &TestServer) -> Settings {
    let url = format!("http://127.0.0.1:{}", server.port());
    let mut settings = Settings::new(url, r"CORP\auditor", Secret::from("geheim&+%=ü"));
    settings.trust = Trust::Insecure;
    settings.idle_timeout = Duration::from_secs(10);
    settings
}

fn client(server: &TestServer) -> Client {
    Client::new(&settings(server)).unwrap()
}

async fn body(mut answer: JobRunsAnswer) -> Result<String, CcsError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
    }
    assert_eq!(answer.bytes_received(), bytes.len() as u64);
    Ok(String::from_utf8(bytes).unwrap())
}

/// A server that gives out the token `first` and answers data requests by `data`.
async fn with_data(data: impl Fn(&ReceivedRequest) -> TestReply + Send + Sync + 'static) -> TestServer {
    TestServer::start(None, move |_, request| {
        if request.is_token() {
            token("first", "again")
        } else {
            data(request)
        }
    })
    .await
}

async fn data_error(data: impl Fn(&ReceivedRequest) -> TestReply + Send + Sync + 'static) -> CcsError {
    let server = with_data(data).await;
    let client = client(&server);
    match client.job_runs(job(), 0).await {
        Ok(answer) => body(answer).await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn runs_are_asked_for_with_token_and_all_messages() {
    let server = with_data(|_| json("[]")).await;
    let client = client(&server);
    client.login().await.unwrap();
    let answer = client.job_runs(job(), 0).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(body(answer).await.unwrap(), "[]");

    let [login, data] = server.requests().try_into().unwrap();
    assert_eq!(login.header("content-type"), Some("application/json"));
    assert_eq!(login.header("authorization"), None);
    assert_eq!(
        data.line,
        "GET /ccs/api/v1/Jobs/a282d163-2248-4904-8135-0eaf08be8e55/jobruns?count=0&showmessages=true"
    );
    assert_eq!(data.header("authorization"), Some("Bearer first"));
    assert_eq!(data.header("accept"), Some("application/json"));
    assert_eq!(data.header("accept-encoding"), Some("gzip"));
}

#[tokio::test]
async fn odd_characters_of_user_and_password_arrive() {
    for (encoding, expected) in [
        (PasswordEncoding::None, "geheim&+%=ü"),
        (PasswordEncoding::Base64, "Z2VoZWltJislPcO8"),
    ] {
        let server = with_data(|_| json("[]")).await;
        let mut settings = settings(&server);
        settings.username = r"CORP\a b&+%=ü".to_owned();
        settings.password_encoding = encoding;
        Client::new(&settings).unwrap().login().await.unwrap();
        let [login] = server.requests().try_into().unwrap();
        assert_eq!(login.form("grant_type").unwrap(), "password");
        assert_eq!(login.form("username").unwrap(), r"CORP\a b&+%=ü");
        assert_eq!(login.form("password").unwrap(), expected);
    }
}

#[tokio::test]
async fn a_wrong_password_is_sent_exactly_once() {
    for status in [400, 401, 403] {
        let server = TestServer::start(None, move |_, _| {
            reply(
                status,
                "application/json",
                r#"{"error":"invalid_grant","got":"Z2VoZWltJislPcO8"}"#,
            )
        })
        .await;
        let client = client(&server);
        let asking: Vec<_> = (0..10).map(|_| client.job_runs(job(), 0)).collect();
        for outcome in futures_util::future::join_all(asking).await {
            let error = outcome.unwrap_err();
            assert!(matches!(error, CcsError::LoginRejected { .. }), "{error}");
            assert_eq!(error.http_status(), Some(status));
            assert!(error.to_string().contains("invalid_grant"), "{error}");
            assert!(!error.to_string().contains("Z2VoZWlt"), "{error}");
            assert_eq!(retry::next_wait(&error, 1, &retry::Policy::default(), 0.0), None);
        }
        assert!(client.login().await.is_err());
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn ten_refused_requests_renew_the_token_once() {
    let server = TestServer::start(None, |_, request| {
        if request.is_token() {
            match request.form("grant_type").unwrap().as_str() {
                "refresh_token" if request.form("refresh_token").unwrap() == "again" => {
                    token("second", "more")
                }
                _ => token("first", "again"),
            }
        } else if request.header("authorization") == Some("Bearer second") {
            json("[]")
        } else {
            reply(401, "text/plain", "expired")
        }
    })
    .await;
    let client = client(&server);
    client.login().await.unwrap();
    let asking: Vec<_> = (0..10).map(|_| client.job_runs(job(), 0)).collect();
    for outcome in futures_util::future::join_all(asking).await {
        assert_eq!(body(outcome.unwrap()).await.unwrap(), "[]");
    }
    assert_eq!(server.count(ReceivedRequest::is_token), 2);
}

#[tokio::test]
async fn a_refused_renewal_leads_to_one_login() {
    let server = TestServer::start(None, |before, request| {
        if !request.is_token() {
            return match request.header("authorization") {
                Some("Bearer login2") => json("[]"),
                _ => reply(401, "text/plain", ""),
            };
        }
        match (request.form("grant_type").unwrap().as_str(), before) {
            ("password", 0) => token("login1", "again"),
            ("password", _) => token("login2", "again"),
            _ => reply(400, "application/json", r#"{"error":"invalid_grant"}"#),
        }
    })
    .await;
    let client = client(&server);
    assert_eq!(
        body(client.job_runs(job(), 0).await.unwrap()).await.unwrap(),
        "[]"
    );
    let grants: Vec<_> = server
        .requests()
        .iter()
        .filter_map(|request| request.form("grant_type"))
        .collect();
    assert_eq!(grants, ["password", "refresh_token", "password"]);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_token_that_is_never_accepted_ends_clearly() {
    let server = with_data(|_| reply(401, "text/plain", "no: first")).await;
    let client = client(&server);
    let error = client.job_runs(job(), 0).await.unwrap_err();
    assert!(matches!(error, CcsError::Unauthorized { .. }), "{error}");
    assert!(error.to_string().ends_with("too: «redacted»"), "{error}");
    assert_eq!(server.count(ReceivedRequest::is_token), 2);
    assert_eq!(server.requests().len(), 4);
    assert!(!retry::may_heal(&error));
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_before_use() {
    let server = TestServer::start(None, |before, request| match (request.is_token(), before) {
        (true, 0) => json(r#"{"access_token":"short","refresh_token":"r","expires_in":0.05}"#),
        (true, _) => json(r#"{"access_token":"long"}"#),
        (false, _) => json("[]"),
    })
    .await;
    let client = client(&server);
    client.login().await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    client.job_runs(job(), 0).await.unwrap();
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer long"));
    client.login().await.unwrap();
    assert_eq!(server.count(ReceivedRequest::is_token), 2);
}

#[tokio::test]
async fn a_login_that_fails_is_shared_by_those_who_waited_and_may_be_tried_again() {
    let server = TestServer::start(None, |before, request| match (request.is_token(), before) {
        (true, 0) => reply(503, "text/html", "<html>starting</html>"),
        (true, _) => token("first", "again"),
        (false, _) => json("[]"),
    })
    .await;
    let client = client(&server);
    let asking: Vec<_> = (0..10).map(|_| client.login()).collect();
    for outcome in futures_util::future::join_all(asking).await {
        let error = outcome.unwrap_err();
        assert_eq!(error.http_status(), Some(503));
        assert!(retry::may_heal(&error));
    }
    assert_eq!(server.requests().len(), 1);
    client.login().await.unwrap();
}

#[tokio::test]
async fn what_is_no_token_is_said_without_showing_it() {
    for answer in [
        r#"{"access_token":""}"#,
        r#"{"refresh_token":"s3cret"}"#,
        r#"{"access_token":"s3cret\n"}"#,
        r#"["s3cret"]"#,
        "s3cret",
    ] {
        let server = TestServer::start(None, move |_, _| json(answer)).await;
        let error = client(&server).login().await.unwrap_err();
        assert!(matches!(error, CcsError::Unusable { .. }), "{answer}: {error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

#[tokio::test]
async fn statuses_carry_the_servers_words() {
    for (status, words) in [
        (400, "JobID is invalid."),
        (
            403,
            "You are not authorized to perform this task. Access is denied.",
        ),
        (404, "Job for specified JobID '#JobID' not found."),
        (500, "The server encountered an error while serving the request."),
    ] {
        let error = data_error(move |_| reply(status, "text/plain", words)).await;
        assert_eq!(error.http_status(), Some(status));
        assert!(
            error
                .to_string()
                .ends_with(&format!("answered {status}: {words}")),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .starts_with("asking for the runs of job a282d163-"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_retry_after_is_read() {
    let error = data_error(|_| {
        TestReply::Raw(b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".to_vec())
    })
    .await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_page_in_place_of_json_is_named() {
    for (content_type, page) in [
        ("text/html; charset=utf-8", "<html>\n<b>Log in</b>"),
        ("application/xml", "<JobRuns/>"),
        ("text/plain", "<html>"),
        ("text/plain", "true"),
        ("text/plain", ""),
    ] {
        let error = data_error(move |_| reply(200, content_type, page)).await;
        assert!(matches!(error, CcsError::NotJson { .. }), "{error}");
        assert!(error.to_string().contains(content_type), "{error}");
        assert!(!retry::may_heal(&error));
    }
}

#[tokio::test]
async fn json_by_its_beginning_is_let_through_whole() {
    for head in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/octet-stream\r\n",
    ] {
        for content in ["\u{feff} \r\n{\"a\":1}", "[]", " null"] {
            let server = with_data(move |_| {
                let length = content.len();
                TestReply::Raw(
                    format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {length}\r\n\r\n{content}").into(),
                )
            })
            .await;
            let answer = client(&server).job_runs(job(), 0).await.unwrap();
            assert_eq!(answer.bytes_received(), 0);
            assert_eq!(body(answer).await.unwrap(), content);
        }
    }
}

#[tokio::test]
async fn redirects_stay_on_the_server() {
    let server = with_data(|request| {
        let target = request.line.trim_start_matches("GET ");
        if request.line.contains("/Jobs/") {
            let target = target.replace("/Jobs/", "/jobs/");
            TestReply::Raw(
                format!("HTTP/1.1 307 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n").into(),
            )
        } else {
            json("[]")
        }
    })
    .await;
    let answer = client(&server).job_runs(job(), 0).await.unwrap();
    assert_eq!(body(answer).await.unwrap(), "[]");
    let last = server.requests().pop().unwrap();
    assert_eq!(
        (last.line.contains("/jobs/"), last.header("authorization")),
        (true, Some("Bearer first"))
    );
}

#[tokio::test]
async fn a_redirect_to_another_question_is_refused_in_words() {
    for change in [
        |line: &str| line.split('?').next().unwrap().to_lowercase(),
        |line: &str| line.replace("count=0", "count=1"),
        |line: &str| line.replace("/jobruns", "/runs"),
    ] {
        let error = data_error(move |request| {
            let target = change(request.line.trim_start_matches("GET "));
            TestReply::Raw(
                format!("HTTP/1.1 301 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n").into(),
            )
        })
        .await;
        assert!(
            error.to_string().contains("which asks another question"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn nothing_at_all_says_what_null_says() {
    let server = with_data(|_| TestReply::Raw(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())).await;
    let answer = client(&server).job_runs(job(), 0).await.unwrap();
    assert_eq!(answer.status(), 204);
    assert_eq!(body(answer).await.unwrap(), "null");
}

#[tokio::test]
async fn a_sound_token_is_taken_whatever_its_status_and_type_and_never_quoted() {
    for (status, content_type) in [(201, "application/json"), (200, "text/html"), (201, "text/plain")] {
        let server = TestServer::start(None, move |_, request| {
            if request.is_token() {
                let body = r#"{"access_token":"TOKENTOKENTOKEN","refresh_token":"FRESHFRESHFRESH"}"#;
                return reply(status, content_type, body);
            }
            // A server that says the token again in its error.
            reply(500, "text/plain", "no such thing: TOKEN%54OKENTOKEN")
        })
        .await;
        let error = client(&server).job_runs(job(), 0).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("TOKEN") && said.contains("«redacted»"), "{said}");
    }
    // What is not a token is not quoted either.
    let server = TestServer::start(None, |_, _| reply(418, "text/plain", "TOKENTOKENTOKEN")).await;
    let error = client(&server).login().await.unwrap_err();
    assert!(error.to_string().ends_with("answered 418"), "{error}");
}

#[tokio::test]
async fn cookies_of_a_load_balancer_come_back() {
    let server = TestServer::start(None, |_, request| {
        if request.is_token() {
            let body = r#"{"access_token":"first"}"#;
            let head = format!(
                "HTTP/1.1 200 OK\r\nSet-Cookie: LB=node7; Path=/\r\nContent-Length: {}\r\n",
                body.len()
            );
            return TestReply::Raw(format!("{head}\r\n{body}").into());
        }
        json("[]")
    })
    .await;
    client(&server).job_runs(job(), 0).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests[0].header("cookie"), None);
    assert_eq!(requests[1].header("cookie"), Some("LB=node7"));
}

#[tokio::test]
async fn gzip_of_several_members_and_by_other_names_is_unpacked() {
    let whole = "[1,2,3,4]".repeat(5000);
    for name in ["gzip", "GZIP", "x-gzip"] {
        let (first, second) = whole.split_at(whole.len() / 2);
        let content = [gzipped(first.as_bytes()), gzipped(second.as_bytes())].concat();
        let server = with_data(move |_| {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {name}\r\nContent-Length: {}\r\n\r\n",
                content.len()
            );
            TestReply::Raw([head.as_bytes(), &content].concat())
        })
        .await;
        let answer = client(&server).job_runs(job(), 0).await.unwrap();
        assert_eq!(body(answer).await.unwrap(), whole);
    }
    let error = data_error(|_| {
        TestReply::Raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx".to_vec())
    })
    .await;
    assert!(error.to_string().contains("packed otherwise"), "{error}");
}

#[tokio::test]
async fn a_byte_now_and_then_is_an_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(stream.read(&mut [0; 4096]).await);
        let token = r#"{"access_token":"first"}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{token}",
            token.len()
        );
        drop(stream.write_all(head.as_bytes()).await);
        drop(stream.read(&mut [0; 4096]).await);
        drop(
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[")
                .await,
        );
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut settings = Settings::new(url, "auditor", Secret::from("secret"));
    settings.trust = Trust::Insecure;
    settings.idle_timeout = Duration::from_millis(600);
    let answer = Client::new(&settings).unwrap().job_runs(job(), 0).await.unwrap();
    let error = body(answer).await.unwrap_err();
    assert!(matches!(error, CcsError::NoProgress { .. }), "{error}");
    assert!(retry::may_heal(&error));
    server.abort();
}

#[tokio::test]
async fn a_redirect_elsewhere_gets_nothing_and_is_named() {
    let elsewhere = TestServer::start(None, |_, _| json("[]")).await;
    let target = format!("http://localhost:{}/x", elsewhere.port());
    let shown = target.clone();
    let error = data_error(move |_| {
        TestReply::Raw(
            format!("HTTP/1.1 302 Found\r\nLocation: {target}?key=s3cret\r\nContent-Length: 0\r\n\r\n")
                .into(),
        )
    })
    .await;
    assert!(
        matches!(&error, CcsError::Redirected { to, .. } if *to == shown),
        "{error}"
    );
    assert_eq!(error.http_status(), Some(302));
    let loops = data_error(|_| {
        TestReply::Raw(b"HTTP/1.1 302 F\r\nLocation: ?\r\nContent-Length: 0\r\n\r\n".to_vec())
    });
    assert!(matches!(loops.await, CcsError::Redirected { .. }));
    assert_eq!(elsewhere.requests().len(), 0);

    // A token request is not turned into a GET, and its form goes to no other port.
    for (status, target) in [(302, "/ccs/login".to_owned()), (307, shown)] {
        let server = TestServer::start(None, move |_, _| {
            TestReply::Raw(
                format!("HTTP/1.1 {status} Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n").into(),
            )
        })
        .await;
        let error = client(&server).login().await.unwrap_err();
        assert!(matches!(error, CcsError::Redirected { .. }), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_cut_answer_says_how_much_came() {
    let error = data_error(|_| {
        TestReply::Close(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1,2".to_vec(),
        )
    })
    .await;
    assert!(matches!(error, CcsError::Cut { bytes: 4, .. }), "{error:?}");
    assert!(retry::may_heal(&error));
}

#[tokio::test]
async fn silence_is_measured_between_pieces() {
    for (answer, expected) in [
        ("", 0),
        (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n[1,",
            3,
        ),
    ] {
        let server = with_data(move |_| TestReply::Stall(answer.as_bytes().to_vec())).await;
        let mut settings = settings(&server);
        settings.idle_timeout = Duration::from_secs(1);
        let client = Client::new(&settings).unwrap();
        let error = match client.job_runs(job(), 0).await {
            Ok(answer) => body(answer).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(
            matches!(error, CcsError::Silence { bytes, after, .. } if bytes == expected && after.as_secs() == 1),
            "{error:?}"
        );
        assert!(retry::may_heal(&error));
    }
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn gzip_head(length: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn gzip_is_unpacked_and_its_break_noticed() {
    let content = format!("[{}1]", "123456789,".repeat(10_000));
    let packed = gzipped(content.as_bytes());
    let whole = [gzip_head(packed.len()), packed.clone()].concat();
    let server = with_data(move |_| TestReply::Raw(whole.clone())).await;
    let answer = client(&server).job_runs(job(), 0).await.unwrap();
    assert_eq!(body(answer).await.unwrap(), content);

    let half = packed.len() / 2;
    let short = [gzip_head(half), packed[..half].to_vec()].concat();
    let error = data_error(move |_| TestReply::Raw(short.clone())).await;
    assert!(matches!(error, CcsError::Cut { .. }), "{error:?}");
}

#[tokio::test]
async fn an_unanswered_request_and_what_is_no_http_differ() {
    let error = data_error(|_| TestReply::Close(Vec::new())).await;
    assert!(matches!(error, CcsError::NoAnswer { .. }), "{error:?}");
    let error = data_error(|_| TestReply::Close(b"220 mail ready\r\n\r\n".to_vec())).await;
    assert!(matches!(error, CcsError::NotHttp { .. }), "{error:?}");
    assert!(!retry::may_heal(&error));
}

#[tokio::test]
async fn a_refused_connection_is_recognised() {
    let free = {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.local_addr().unwrap().port()
    };
    let settings = Settings {
        trust: Trust::Insecure,
        ..Settings::new(format!("http://127.0.0.1:{free}"), "u", Secret::from("hunter2"))
    };
    let error = Client::new(&settings).unwrap().login().await.unwrap_err();
    assert!(
        matches!(
            error,
            CcsError::Connect {
                problem: ConnectProblem::Refused,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(retry::may_heal(&error));
}

#[tokio::test]
async fn an_unknown_host_is_recognised() {
    // A label of a name has 63 characters at most, so no question leaves this machine; and no proxy is asked for
    // what ends with `localhost`.
    // With https the TLS library refuses such a name before the system does.
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{}.localhost:12431", "a".repeat(64));
        let settings = Settings::new(url, "u", Secret::from("hunter2"));
        let settings = Settings {
            trust: Trust::Insecure,
            ..settings
        };
        let error = Client::new(&settings).unwrap().login().await.unwrap_err();
        assert!(
            matches!(
                error,
                CcsError::Connect {
                    problem: ConnectProblem::UnknownHost,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn jobs_are_listed_from_all_pages() {
    let page = |number: usize| {
        format!(
            r#"{{"TotalPages":3,"Jobs":[{{"JobID":"00000000-0000-0000-0000-00000000000{number}","JobName":"job {number}"}}]}}"#
        )
    };
    let server = with_data(move |request| match request.line.split("page=").nth(1) {
        Some(rest) => json(&page(rest[..1].parse().unwrap())),
        None if request.line.ends_with("01") => json(&page(1)),
        None => reply(404, "text/plain", "none"),
    })
    .await;
    let client = client(&server);
    let names: Vec<String> = client
        .discover()
        .await
        .unwrap()
        .into_iter()
        .map(|job| job.name)
        .collect();
    assert_eq!(names, ["job 0", "job 1", "job 2"]);
    let known = "00000000-0000-0000-0000-000000000001".parse().unwrap();
    assert_eq!(client.job_name(known).await.as_deref(), Some("job 1"));
    assert_eq!(client.job_name(job()).await, None);
}

/// Where a log goes in a test.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that a refused login writes into the log, and its error.
async fn log_of_a_refused_login() -> (String, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    tracing::callsite::rebuild_interest_cache();
    let server = TestServer::start(None, |before, request| match (request.is_token(), before) {
        (true, 0) => token("s3cret-access", "s3cret-refresh"),
        (true, _) => reply(400, "text/plain", &request.body),
        (false, _) => reply(401, "text/plain", request.header("authorization").unwrap()),
    })
    .await;
    let mut settings = settings(&server);
    settings.password = Secret::from("s3cret-password");
    settings.password_encoding = PasswordEncoding::None;
    let error = Client::new(&settings)
        .unwrap()
        .job_runs(job(), 0)
        .await
        .unwrap_err();
    drop(guard);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (log, format!("{error} {error:?}"))
}

#[tokio::test]
async fn the_log_has_each_request_and_no_secret() {
    let mut seen = String::new();
    // A test beside this one may switch places of the log off briefly (they are switched for the whole process).
    for _ in 0..20 {
        let (log, error) = log_of_a_refused_login().await;
        assert!(!log.contains("s3cret"), "{log}");
        assert!(!error.contains("s3cret"), "{error}");
        if log.contains("/jobruns\" status=401") && log.contains("/oauth/tokens\" status=400") {
            assert!(!log.contains("count=0\" status"), "{log}");
            return;
        }
        seen = log;
    }
    panic!("requests are lacking: {seen}");
}

#[test]
fn debug_prints_hold_no_password() {
    let settings = Settings::new("https://ccs:12431", "auditor", Secret::from("hunter2"));
    let settings = Settings {
        trust: Trust::Pin([0; 32]),
        ..settings
    };
    let client = Client::new(&settings).unwrap();
    assert!(!format!("{settings:?} {client:?}").contains("hunter2"));
}
