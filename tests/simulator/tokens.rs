//! The token URL: logins, refreshes, expiry.

use std::time::Duration;

use jobruns::simulator::{Credentials, Options, Simulator};
use serde_json::Value;

use super::bench::{Bench, client, form, options, password_form};

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
        bench.text("/ccs/api/v1/Jobs?jobname=x").await.0,
        401,
        "the old token is dead"
    );
    bench.take(&token);
    assert_ne!(bench.access, old_access);
    assert_ne!(bench.refresh, old_refresh);
    assert_eq!(bench.text("/ccs/api/v1/Jobs?jobname=x").await.0, 200);
}

#[tokio::test]
async fn a_second_login_leaves_the_first_alone() {
    let mut bench = Bench::new().await;
    let first = bench.access.clone();
    bench.log_in().await;
    bench.access = first;
    assert_eq!(bench.text("/ccs/api/v1/Jobs?jobname=x").await.0, 200);
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
    assert_eq!(bench.text("/ccs/api/v1/Jobs?jobname=x").await.0, 200);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(bench.text("/ccs/api/v1/Jobs?jobname=x").await.0, 401);
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
    assert_eq!(bench.text("/ccs/api/v1/Jobs?jobname=x").await.0, 401);
    assert_eq!(bench.refreshed().await.0, 400);
}

#[tokio::test]
async fn without_a_token_there_is_nothing_but_401() {
    let bench = Bench::new().await;
    for path in [
        "/ccs/api/v1/Jobs?jobname=x".to_owned(),
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
