//! The token URL: logins, refreshes, expiry.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;

/// Who may log in, and how.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: String,
    /// Whether the password comes in Base64, as the API document asks; else as it is.
    pub base64: bool,
    /// Life of an access token.
    pub access_life: Duration,
    /// Life of a refresh token.
    pub refresh_life: Duration,
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            username: "CORP\\auditor".to_owned(),
            password: "simulator".to_owned(),
            base64: true,
            access_life: Duration::from_secs(3600),
            refresh_life: Duration::from_secs(5400),
        }
    }
}

/// The tokens in force.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Ends, by token.
    access: HashMap<String, Instant>,
    /// Ends and the access token that goes with it, by token.
    refresh: HashMap<String, (Instant, String)>,
}

impl Tokens {
    /// Answers a request to the token URL: status and JSON.
    pub(super) fn answer(&mut self, credentials: &Credentials, body: &[u8]) -> (u16, String) {
        let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let now = Instant::now();
        self.access.retain(|_, until| now < *until);
        self.refresh.retain(|_, (until, _)| now < *until);
        let granted = match field("grant_type") {
            "password" => {
                let password = if credentials.base64 {
                    base64::engine::general_purpose::STANDARD.encode(&credentials.password)
                } else {
                    credentials.password.clone()
                };
                field("username").eq_ignore_ascii_case(&credentials.username) && field("password") == password
            }
            // A refresh replaces both; those of other logins live on.
            "refresh_token" => match self.refresh.remove(field("refresh_token")) {
                Some((_, access)) => {
                    self.access.remove(&access);
                    true
                }
                None => false,
            },
            _ => return (400, "{\"error\":\"unsupported_grant_type\"}".to_owned()),
        };
        if !granted {
            return (400, "{\"error\":\"invalid_grant\"}".to_owned());
        }
        let (access, refresh) = (new_token(), new_token());
        self.access.insert(access.clone(), now + credentials.access_life);
        self.refresh
            .insert(refresh.clone(), (now + credentials.refresh_life, access.clone()));
        let answer = format!(
            "{{\"access_token\":\"{access}\",\"token_type\":\"bearer\",\"expires_in\":{},\"refresh_token\":\"{refresh}\"}}",
            credentials.access_life.as_secs()
        );
        (200, answer)
    }

    pub(super) fn allows(&self, authorization: Option<&str>) -> bool {
        authorization
            .and_then(|value| value.strip_prefix("Bearer "))
            .and_then(|token| self.access.get(token))
            .is_some_and(|until| Instant::now() < *until)
    }

    /// As when the server's service restarts.
    pub(super) fn revoke(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    pub(super) fn revoke_access(&mut self) {
        self.access.clear();
    }
}

fn new_token() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}
