//! The token, shared by all jobs: there is one login or renewal at a time.
//!
//! A request that needs a token waits for the one being fetched. By its generation number, a request whose token was
//! refused sees that there is a newer one already. All requests that waited for a fetch share its failure, so that a server
//! that is down is asked once and not once per job.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant as MonotonicInstant;
use zeroize::Zeroizing;

use super::answer::JsonAnswer;
use super::error::{CcsError, RequestPurpose};
use super::redact::Redactor;
use super::settings::{PasswordEncoding, Settings};
use super::text::append_form_value;
use super::transport::{RequestContent, Transport};
use crate::model::Secret;

/// How long before its expiry a token is renewed: longer than a request takes to reach the server.
const RENEW_BEFORE_END: Duration = Duration::from_secs(60);

/// The longest token answer that is read, in bytes; real ones have a few kilobytes.
const LONGEST_TOKEN_ANSWER: usize = 256 * 1024;

/// The logged-in user.
pub(super) struct Session {
    username: String,
    password_origin: Option<String>,
    /// As sent in the form: encoded by the settings.
    password: Secret,
    state: Mutex<TokenState>,
    /// Fetches so far, successful or not.
    fetches: AtomicU64,
}

#[derive(Default)]
struct TokenState {
    token: Option<Token>,
    generation: u64,
    /// How the last fetch failed, if it did.
    failure: Option<CcsError>,
    /// The refusal of user and password: no request is sent after it.
    rejected: Option<CcsError>,
}

struct Token {
    bearer: Bearer,
    renew_at: Option<MonotonicInstant>,
}

/// A token as sent in a request, and its generation number.
#[derive(Clone)]
pub(super) struct Bearer {
    refresh: Option<Secret>,
    header: HeaderValue,
    generation: u64,
}

impl Bearer {
    /// `Bearer <token>`, marked sensitive.
    pub(super) const fn header(&self) -> &HeaderValue {
        &self.header
    }
}

/// The fields of a token answer. `expires_in` may be absent, a number or a string.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<serde_json::Value>,
}

impl Session {
    /// A session that has not logged in yet.
    pub(super) fn new(settings: &Settings, redactor: &Redactor) -> Self {
        let password = settings.password.reveal();
        redactor.add(password);
        // Both forms: a server may quote either.
        redactor.add(&STANDARD.encode(password));
        let password = match settings.password_encoding {
            PasswordEncoding::Base64 => Secret::new(STANDARD.encode(password)),
            PasswordEncoding::None => Secret::from(password),
        };
        redactor.add(password.reveal());
        Self {
            username: settings.username.clone(),
            password_origin: settings.password_origin.clone(),
            password,
            state: Mutex::default(),
            fetches: AtomicU64::new(0),
        }
    }

    /// The token for a request: the current one, or a new one if there is none or it expires soon.
    pub(super) async fn token(&self, transport: &Transport) -> Result<Bearer, CcsError> {
        let fetches = self.fetches.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        match &state.token {
            Some(token) if token.renew_at.is_none_or(|at| MonotonicInstant::now() < at) => {
                Ok(token.bearer.clone())
            }
            _ => self.fetch(transport, &mut state, fetches).await,
        }
    }

    /// A token that is newer than `refused`, which the server did not accept.
    pub(super) async fn newer_token(
        &self,
        transport: &Transport,
        refused: &Bearer,
    ) -> Result<Bearer, CcsError> {
        let fetches = self.fetches.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        match &state.token {
            Some(token) if token.bearer.generation > refused.generation => Ok(token.bearer.clone()),
            _ => self.fetch(transport, &mut state, fetches).await,
        }
    }

    /// Renews or logs in, unless one that began after `fetches` has just failed.
    async fn fetch(
        &self,
        transport: &Transport,
        state: &mut TokenState,
        fetches: u64,
    ) -> Result<Bearer, CcsError> {
        if let Some(rejected) = &state.rejected {
            return Err(rejected.clone());
        }
        if let Some(failure) = &state.failure
            && self.fetches.load(Ordering::Acquire) != fetches
        {
            return Err(failure.clone());
        }
        let outcome = self.renew_or_login(transport, state).await;
        self.fetches.fetch_add(1, Ordering::Release);
        match outcome {
            Ok(token) => {
                let bearer = token.bearer.clone();
                state.generation = bearer.generation;
                state.token = Some(token);
                state.failure = None;
                Ok(bearer)
            }
            Err(error) => {
                if matches!(error, CcsError::LoginRejected { .. }) {
                    state.rejected = Some(error.clone());
                }
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn renew_or_login(&self, transport: &Transport, state: &mut TokenState) -> Result<Token, CcsError> {
        let generation = state.generation + 1;
        let held = state.token.as_ref().map(|token| token.bearer.clone());
        if let Some(refresh) = held.as_ref().and_then(|bearer| bearer.refresh.as_ref()) {
            let mut form = Zeroizing::new(String::from("grant_type=refresh_token&refresh_token="));
            append_form_value(&mut form, refresh.reveal());
            match self
                .ask(transport, RequestPurpose::Renewal, form, generation)
                .await
            {
                Ok(token) => return Ok(token),
                // The server answered without a token: the refresh token is no longer valid.
                Err(error) if error.http_status().is_some() => {
                    tracing::debug!(%error, "the token could not be renewed; logging in again");
                    state.token = None;
                }
                Err(error) => return Err(error),
            }
        }
        let mut form = Zeroizing::new(String::from("grant_type=password&username="));
        append_form_value(&mut form, &self.username);
        form.push_str("&password=");
        append_form_value(&mut form, self.password.reveal());
        let outcome = self.ask(transport, RequestPurpose::Login, form, generation).await;
        outcome.map_err(|error| match error {
            // 400 is OAuth's `invalid_grant`.
            CcsError::Status {
                url,
                status: status @ (400 | 401 | 403),
                text,
                ..
            } => CcsError::LoginRejected {
                url,
                username: self.username.clone(),
                password_origin: self.password_origin.clone(),
                status,
                text,
            },
            other => other,
        })
    }

    async fn ask(
        &self,
        transport: &Transport,
        doing: RequestPurpose,
        form: Zeroizing<String>,
        generation: u64,
    ) -> Result<Token, CcsError> {
        let url = transport.base().endpoint("oauth/tokens");
        let answer = transport
            .exchange(doing, url, &RequestContent::Form(form))
            .await?;
        // Some gateways answer 201; only the token matters.
        if !matches!(answer.status().as_u16(), 200 | 201) {
            return Err(answer.into_status_error().await);
        }
        // The Content-Type is ignored: some servers send a token as text/html.
        let answer = JsonAnswer::of_any_type(answer)?;
        let not_json = answer.not_json();
        let url = answer.url().to_owned();
        let bytes = Zeroizing::new(answer.into_bytes(LONGEST_TOKEN_ANSWER).await?);
        match token_of(&bytes, generation, transport.redactor()) {
            Ok(token) => Ok(token),
            Err(reason) => Err(not_json
                .filter(|_| reason == NO_TOKEN)
                .unwrap_or(CcsError::Unusable { doing, url, reason })),
        }
    }
}

/// Why an answer is not a token answer.
const NO_TOKEN: &str = "it is not a JSON object with an access_token";

/// Reads a token answer. The errors quote nothing of it: all of it is secret.
fn token_of(bytes: &[u8], generation: u64, redactor: &Redactor) -> Result<Token, &'static str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let answer: TokenAnswer = serde_json::from_slice(bytes).map_err(|_| NO_TOKEN)?;
    // Wrapped first, so that it is wiped whatever happens next.
    let access = Secret::new(answer.access_token);
    let refresh = answer.refresh_token.map(Secret::new);
    // From here on no text that contains either of them is quoted, even if the answer is rejected.
    for token in [Some(&access), refresh.as_ref()].into_iter().flatten() {
        redactor.add(token.reveal());
    }
    if access.reveal().is_empty() {
        return Err("its access_token is empty");
    }
    let value = Zeroizing::new(format!("Bearer {}", access.reveal()));
    let mut header = HeaderValue::from_str(&value)
        .map_err(|_| "its access_token has characters that no header may have")?;
    header.set_sensitive(true);
    let renew_at = answer.expires_in.as_ref().and_then(seconds).and_then(|life| {
        // If it expires very soon, most of that time is used.
        let early = RENEW_BEFORE_END.min(life / 10);
        MonotonicInstant::now().checked_add(life - early)
    });
    Ok(Token {
        bearer: Bearer {
            refresh: refresh.filter(|token| !token.reveal().is_empty()),
            header,
            generation,
        },
        renew_at,
    })
}

/// `expires_in` as a duration; `None` if it is not a positive number.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let seconds = match value {
        serde_json::Value::Number(number) => number.as_f64()?,
        serde_json::Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|life| !life.is_zero())
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
