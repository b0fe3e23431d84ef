//! A simulator, and a client that trusts its authority.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use jobruns::simulator::{History, Options, Simulator};
use reqwest::{Client, RequestBuilder, Response};
use rustls_pki_types::pem::PemObject;
use serde_json::Value;

/// A simulator and a client that trusts its authority.
pub(super) struct Bench {
    pub(super) server: Simulator,
    pub(super) client: Client,
    pub(super) access: String,
    pub(super) refresh: String,
}

pub(super) fn history() -> History {
    History {
        seed: 7,
        jobs: 3,
        runs: 12,
        messages: 6,
        ..History::default()
    }
}

pub(super) fn options() -> Options {
    Options {
        history: history(),
        ..Options::default()
    }
}

/// A client that trusts one authority, follows no redirects, and neither accepts nor unpacks gzip.
pub(super) fn client(authority_pem: &str) -> Client {
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
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

pub(super) fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

pub(super) fn password_form(user: &str, password: &str) -> String {
    let password = base64::engine::general_purpose::STANDARD.encode(password);
    form(&[
        ("grant_type", "password"),
        ("username", user),
        ("password", &password),
    ])
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::with(options()).await
    }

    /// Starts the server and logs in.
    pub(super) async fn with(options: Options) -> Self {
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

    pub(super) async fn with_fault(fault: &str) -> Self {
        let faults = vec![fault.parse().unwrap()];
        Self::with(Options { faults, ..options() }).await
    }

    /// Sets one fault, and counts requests from 1 again.
    pub(super) fn fault(&self, fault: &str) {
        self.server.set_faults(vec![fault.parse().unwrap()]);
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.base_url())
    }

    pub(super) async fn ask_token(&self, form: String) -> (u16, Value) {
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

    pub(super) fn take(&mut self, token: &Value) {
        token["access_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.access);
        token["refresh_token"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.refresh);
    }

    pub(super) async fn log_in(&mut self) {
        let (status, token) = self.ask_token(password_form(r"CORP\auditor", "simulator")).await;
        assert_eq!(status, 200, "{token}");
        self.take(&token);
    }

    pub(super) async fn refreshed(&self) -> (u16, Value) {
        self.ask_token(form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &self.refresh),
        ]))
        .await
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(&self.access)
    }

    pub(super) async fn send(&self, path: &str) -> Response {
        self.get(path).send().await.unwrap()
    }

    /// Status and text of an answer.
    pub(super) async fn text(&self, path: &str) -> (u16, String) {
        let response = self.send(path).await;
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The JSON of an answer with status 200.
    pub(super) async fn json(&self, path: &str) -> Value {
        let (status, text) = self.text(path).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub(super) fn runs_path(&self, job: u32, query: &str) -> String {
        format!(
            "/ccs/api/v1/Jobs/{}/jobruns{query}",
            self.server.history().job_id(job)
        )
    }

    /// All runs of a job with their messages.
    pub(super) fn all_path(&self, job: u32) -> String {
        self.runs_path(job, "?count=0&showmessages=true")
    }

    pub(super) async fn all(&self, job: u32) -> Value {
        self.json(&self.all_path(job)).await
    }

    /// The bytes of a body, and the error that it ended with, if any.
    pub(super) async fn body(&self, path: &str) -> (Vec<u8>, Option<reqwest::Error>) {
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

pub(super) fn runs(answer: &Value) -> &Vec<Value> {
    answer["JobStatusInfo"].as_array().unwrap()
}

pub(super) fn ids(answer: &Value) -> Vec<String> {
    let id = |run: &Value| run["JobRunID"].as_str().unwrap().to_owned();
    runs(answer).iter().map(id).collect()
}
