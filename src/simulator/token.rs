//! The token URL: logins, refreshes, expiry.

use std::collections::HashMap;
use std::time::{Duration, Instant as MonotonicInstant};

use base64::Engine;

/// The body of a refused login or refresh, with status 400.
pub(super) const INVALID_GRANT: &str = "{\"error\":\"invalid_grant\"}";

/// Who may log in, and how long tokens last.
#[derive(Clone)]
pub struct Credentials {
    /// The only user.
    pub username: String,
    /// The user's password.
    pub password: String,
    /// Whether the password is sent in Base64, as the API document requires, or as it is.
    pub base64: bool,
    /// Lifetime of an access token.
    pub access_life: Duration,
    /// Lifetime of a refresh token.
    pub refresh_life: Duration,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &"[redacted]")
            .field("base64", &self.base64)
            .field("access_life", &self.access_life)
            .field("refresh_life", &self.refresh_life)
            .finish()
    }
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

/// The tokens of one login or refresh.
#[derive(Debug)]
struct TokenPair {
    access: String,
    access_until: MonotonicInstant,
    refresh: String,
    refresh_until: MonotonicInstant,
}

/// The valid tokens. A login leaves those of other logins valid; a refresh replaces both tokens of its pair.
#[derive(Debug, Default)]
pub(super) struct Tokens(Vec<TokenPair>);

impl Tokens {
    /// Answers a request to the token URL: status and JSON.
    pub(super) fn answer(&mut self, credentials: &Credentials, body: &[u8]) -> (u16, String) {
        let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let now = MonotonicInstant::now();
        let granted = match field("grant_type") {
            "password" => {
                let password = if credentials.base64 {
                    base64::engine::general_purpose::STANDARD.encode(&credentials.password)
                } else {
                    credentials.password.clone()
                };
                field("username").eq_ignore_ascii_case(&credentials.username) && field("password") == password
            }
            "refresh_token" => {
                let refresh = field("refresh_token");
                let place = self.0.iter().position(|pair| pair.refresh == refresh);
                place.is_some_and(|place| now < self.0.swap_remove(place).refresh_until)
            }
            _ => return (400, "{\"error\":\"unsupported_grant_type\"}".to_owned()),
        };
        if !granted {
            return (400, INVALID_GRANT.to_owned());
        }
        self.0
            .retain(|pair| now < pair.access_until || now < pair.refresh_until);
        let pair = TokenPair {
            access: new_token(),
            access_until: now + credentials.access_life,
            refresh: new_token(),
            refresh_until: now + credentials.refresh_life,
        };
        let answer = format!(
            "{{\"access_token\":\"{}\",\"token_type\":\"bearer\",\"expires_in\":{},\"refresh_token\":\"{}\"}}",
            pair.access,
            credentials.access_life.as_secs(),
            pair.refresh
        );
        self.0.push(pair);
        (200, answer)
    }

    /// Whether this `Authorization` header has a valid access token.
    pub(super) fn allows(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, token)) = authorization.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let now = MonotonicInstant::now();
        scheme.eq_ignore_ascii_case("bearer")
            && self
                .0
                .iter()
                .any(|pair| pair.access == token.trim() && now < pair.access_until)
    }

    /// Revokes all tokens, as a restart of the server's service does.
    pub(super) fn revoke(&mut self) {
        self.0.clear();
    }

    /// Revokes the access tokens; refresh tokens stay valid.
    pub(super) fn revoke_access(&mut self) {
        let now = MonotonicInstant::now();
        for pair in &mut self.0 {
            pair.access_until = now;
        }
    }
}

fn new_token() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &[u8] = b"grant_type=password&username=corp%5CAuditor&password=c2ltdWxhdG9y";

    fn granted(tokens: &mut Tokens, body: &[u8]) -> (String, String) {
        let (status, json) = tokens.answer(&Credentials::default(), body);
        assert_eq!(status, 200, "{json}");
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        assert_eq!(json["expires_in"], 3600);
        (format!("Bearer {}", text("access_token")), text("refresh_token"))
    }

    #[test]
    fn a_refresh_replaces_its_own_pair_and_leaves_other_logins_alone() {
        let mut tokens = Tokens::default();
        let (mine, refresh) = granted(&mut tokens, LOGIN);
        let (other, _) = granted(&mut tokens, LOGIN);
        assert!(tokens.allows(Some(&mine)) && tokens.allows(Some(&other)));
        let body = format!("grant_type=refresh_token&refresh_token={refresh}");
        let (fresh, _) = granted(&mut tokens, body.as_bytes());
        assert!(!tokens.allows(Some(&mine)) && tokens.allows(Some(&other)) && tokens.allows(Some(&fresh)));
        let again = tokens.answer(&Credentials::default(), body.as_bytes());
        assert_eq!(again, (400, INVALID_GRANT.to_owned()));
    }

    #[test]
    fn a_restart_ends_both_tokens_and_a_dead_access_token_leaves_the_refresh() {
        let mut tokens = Tokens::default();
        let (access, refresh) = granted(&mut tokens, LOGIN);
        tokens.revoke_access();
        assert!(!tokens.allows(Some(&access)));
        let body = format!("grant_type=refresh_token&refresh_token={refresh}");
        let (access, refresh) = granted(&mut tokens, body.as_bytes());
        assert!(tokens.allows(Some(&access)));
        tokens.revoke();
        assert!(!tokens.allows(Some(&access)));
        let body = format!("grant_type=refresh_token&refresh_token={refresh}");
        assert_eq!(tokens.answer(&Credentials::default(), body.as_bytes()).0, 400);
    }

    #[test]
    fn passwords_are_form_decoded_and_come_in_base64_unless_told_otherwise() {
        let mut credentials = Credentials {
            password: "a+b&c=%\u{e9}".to_owned(),
            ..Credentials::default()
        };
        let status = |credentials: &Credentials, password: &str| {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "password");
            form.append_pair("username", "CORP\\auditor");
            form.append_pair("password", password);
            Tokens::default().answer(credentials, form.finish().as_bytes()).0
        };
        assert_eq!(status(&credentials, "YStiJmM9JcOp"), 200);
        assert_eq!(status(&credentials, "a+b&c=%\u{e9}"), 400);
        credentials.base64 = false;
        assert_eq!(status(&credentials, "a+b&c=%\u{e9}"), 200);
        assert_eq!(status(&credentials, "YStiJmM9JcOp"), 400);
        assert!(!format!("{credentials:?}").contains("a+b"));
    }
}
