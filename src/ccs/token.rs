//! The token: logging in, keeping it fresh, one request at a time for all jobs.

use std::time::{Duration, Instant};

use base64::Engine;
use serde_json::Value;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::error::{CcsError, beginning, transport};
use super::secret::Secret;

/// How the password goes into the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PasswordEncoding {
    /// Base64 of its UTF-8 bytes, as the API document asks.
    #[default]
    Base64,
    /// As it is: for older servers, and for a password that is encoded already.
    None,
}

/// A token is renewed when it has this long to live: long enough for a request to arrive.
const MARGIN: Duration = Duration::from_secs(60);
/// What a token lives when the server does not say (API notes: 60 minutes).
const USUAL_LIFE: Duration = Duration::from_secs(3600);

/// A token to send, and which one it is.
#[derive(Debug, Clone)]
pub(super) struct Bearer {
    pub(super) token: Secret,
    pub(super) number: u64,
}

/// What to do about a token that the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    /// By the refresh token where there is one.
    Refresh,
    /// By user name and password.
    Login,
}

/// Holds the token of one user at one server.
#[derive(Debug)]
pub(super) struct TokenKeeper {
    url: String,
    username: String,
    password: Secret,
    encoding: PasswordEncoding,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    number: u64,
    /// A refused password stays refused: asking again could lock the account.
    refused: Option<(u16, String)>,
}

#[derive(Debug)]
struct Held {
    access: Secret,
    refresh: Option<Secret>,
    renew_at: Instant,
}

impl TokenKeeper {
    pub(super) fn new(url: String, username: String, password: Secret, encoding: PasswordEncoding) -> Self {
        Self {
            url,
            username,
            password,
            encoding,
            state: Mutex::default(),
        }
    }

    /// The token to use now; logs in or refreshes where need be.
    pub(super) async fn bearer(&self, http: &reqwest::Client, idle: Duration) -> Result<Bearer, CcsError> {
        let mut state = self.state.lock().await;
        match &state.held {
            Some(held) if Instant::now() < held.renew_at => {}
            Some(_) => self.renew(&mut state, http, idle, Renewal::Refresh).await?,
            None => self.renew(&mut state, http, idle, Renewal::Login).await?,
        }
        state.bearer().ok_or_else(|| self.no_token("none was kept"))
    }

    /// A token other than the refused one; where another job has renewed it already, that one.
    pub(super) async fn after_refusal(
        &self,
        http: &reqwest::Client,
        idle: Duration,
        refused: u64,
        renewal: Renewal,
    ) -> Result<Bearer, CcsError> {
        let mut state = self.state.lock().await;
        if state.number == refused {
            self.renew(&mut state, http, idle, renewal).await?;
        }
        state.bearer().ok_or_else(|| self.no_token("none was kept"))
    }

    async fn renew(
        &self,
        state: &mut State,
        http: &reqwest::Client,
        idle: Duration,
        renewal: Renewal,
    ) -> Result<(), CcsError> {
        let refresh = state.held.as_ref().and_then(|held| held.refresh.clone());
        if renewal == Renewal::Refresh
            && let Some(refresh) = refresh
        {
            let form = form(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh.expose()),
            ]);
            match self.ask(http, idle, form).await {
                Ok(held) => return state.take(held),
                // Both tokens die when the server's service restarts: log in instead.
                Err(CcsError::LoginRefused { .. } | CcsError::NoToken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        state.held = None;
        if let Some((status, text)) = &state.refused {
            return Err(self.refusal(*status, text.clone()));
        }
        let encoded = match self.encoding {
            PasswordEncoding::Base64 => {
                Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(self.password.expose()))
            }
            PasswordEncoding::None => Zeroizing::new(self.password.expose().to_owned()),
        };
        let form = form(&[
            ("grant_type", "password"),
            ("username", self.username.as_str()),
            ("password", encoded.as_str()),
        ]);
        match self.ask(http, idle, form).await {
            Ok(held) => state.take(held),
            Err(CcsError::LoginRefused { status, text, .. }) => {
                state.refused = Some((status, text.clone()));
                Err(self.refusal(status, text))
            }
            Err(error) => Err(error),
        }
    }

    async fn ask(
        &self,
        http: &reqwest::Client,
        idle: Duration,
        form: Zeroizing<String>,
    ) -> Result<Held, CcsError> {
        let begun = Instant::now();
        let response = http
            .post(&self.url)
            // The document's own words, although the body is a form.
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .header(reqwest::header::ACCEPT, "application/json")
            .body(form.as_bytes().to_vec())
            .send()
            .await
            .map_err(|error| transport(&self.url, error, idle, None))?;
        let status = response.status().as_u16();
        tracing::debug!(
            method = "POST",
            url = self.url,
            status,
            ms = begun.elapsed().as_millis() as u64,
            "token"
        );
        let retry_after = super::client::retry_after(&response);
        if response.status().is_redirection() {
            return Err(super::client::redirected(&self.url, &response));
        }
        let text = response
            .text()
            .await
            .map_err(|error| transport(&self.url, error, idle, Some(0)))?;
        match status {
            200 => self.read(&text),
            // A 400 here is `invalid_grant`, not a bad job id (API notes).
            400 | 401 | 403 => Err(self.refusal(status, beginning(&text))),
            _ => Err(CcsError::Status {
                url: self.url.clone(),
                status,
                text: beginning(&text),
                retry_after,
            }),
        }
    }

    fn read(&self, text: &str) -> Result<Held, CcsError> {
        let answer: Value = serde_json::from_str(text).map_err(|_| self.no_token("it is no JSON"))?;
        let secret = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_str)
                .map(|text| Secret::new(text.to_owned()))
        };
        let access = secret("access_token").ok_or_else(|| self.no_token("it has no access_token"))?;
        // Seconds; may be missing, may be a string (API notes).
        let life = match answer.get("expires_in") {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            _ => None,
        };
        let life = life
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .filter(|life| !life.is_zero())
            .unwrap_or(USUAL_LIFE)
            .min(Duration::from_secs(30 * 86_400));
        let margin = MARGIN.min(life / 4);
        Ok(Held {
            access,
            refresh: secret("refresh_token"),
            renew_at: Instant::now() + life - margin,
        })
    }

    fn refusal(&self, status: u16, text: String) -> CcsError {
        CcsError::LoginRefused {
            url: self.url.clone(),
            username: self.username.clone(),
            status,
            text,
        }
    }

    fn no_token(&self, why: &str) -> CcsError {
        CcsError::NoToken {
            url: self.url.clone(),
            why: why.to_owned(),
        }
    }
}

impl State {
    fn take(&mut self, held: Held) -> Result<(), CcsError> {
        self.held = Some(held);
        self.number += 1;
        Ok(())
    }

    fn bearer(&self) -> Option<Bearer> {
        self.held.as_ref().map(|held| Bearer {
            token: held.access.clone(),
            number: self.number,
        })
    }
}

/// A form body: the vendor's own sample joins strings, and so breaks on `&`, `+` and `%`.
fn form(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    Zeroizing::new(form.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_form_are_percent_encoded() {
        let form = form(&[("username", "CORP\\ü"), ("password", "a&b=c+d%e f")]);
        assert_eq!(
            form.as_str(),
            "username=CORP%5C%C3%BC&password=a%26b%3Dc%2Bd%25e+f"
        );
    }
}
