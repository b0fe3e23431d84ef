//! Requests: each with the token, each answer judged before its body is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Response, Url, redirect};
use tokio::sync::Mutex;

use super::error::{CcsError, beginning, transport};
use super::names;
use super::retry::read_retry_after;
use super::secret::Secret;
use super::tls::{self, Trust};
use super::token::{PasswordEncoding, Renewal, TokenKeeper};
use crate::model::Guid;

/// What a client needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Base of the REST API, as `https://ccs.example.com:12431`; `/ccs/api/v1/...` is added.
    pub base_url: String,
    /// User name, as `CORP\auditor`.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// How the password is sent.
    pub password_encoding: PasswordEncoding,
    /// Whom to trust.
    pub trust: Trust,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the server may be silent, before or within an answer; the whole may take any time.
    pub idle_timeout: Duration,
    /// Requests per second, where they are limited.
    pub rate_limit: Option<f64>,
}

/// A client of one server; clones share connections and token.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    base: String,
    token: TokenKeeper,
    idle_timeout: Duration,
    pause: Option<Duration>,
    next_request: Mutex<Instant>,
}

/// An answer with the runs of a job, its body still to be read.
#[derive(Debug)]
pub struct JobRunsAnswer {
    response: Response,
    url: String,
    idle_timeout: Duration,
    bytes: u64,
}

/// How many redirects of a server to itself are followed.
const MAX_REDIRECTS: usize = 5;
/// Bytes of an error's text that are read.
const ERROR_TEXT_BYTES: usize = 4096;
/// Jobs asked for at a time when listing them.
const PAGE_SIZE: u32 = 200;
/// Pages after which a list of jobs is taken for endless.
const MAX_PAGES: u32 = 10_000;

impl Client {
    /// A client with these settings; nothing is asked yet.
    ///
    /// # Errors
    /// A URL that is none, holds a user name or password, or is `http` without [`Trust::Anybody`]; certificates that are
    /// no authorities.
    pub fn new(settings: Settings) -> Result<Self, CcsError> {
        let base = base_url(&settings.base_url, settings.trust == Trust::Anybody)?;
        let redirects = redirect::Policy::custom(|attempt| {
            let same = attempt.previous().first().is_some_and(|first| {
                first.scheme() == attempt.url().scheme()
                    && first.host_str() == attempt.url().host_str()
                    && first.port_or_known_default() == attempt.url().port_or_known_default()
            });
            if same && attempt.previous().len() <= MAX_REDIRECTS {
                attempt.follow()
            } else {
                attempt.stop()
            }
        });
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config(&settings.trust)?)
            .http1_only()
            .redirect(redirects)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.idle_timeout)
            .user_agent(concat!("jobruns/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&settings.base_url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|source| CcsError::Request {
            url: base.clone(),
            source,
        })?;
        let token_url = format!("{base}/ccs/api/v1/oauth/tokens");
        let token = TokenKeeper::new(
            token_url,
            settings.username,
            settings.password,
            settings.password_encoding,
        );
        Ok(Self(Arc::new(Inner {
            http,
            base,
            token,
            idle_timeout: settings.idle_timeout,
            pause: settings
                .rate_limit
                .map(|per_second| Duration::from_secs_f64(1.0 / per_second)),
            next_request: Mutex::new(Instant::now()),
        })))
    }

    /// The base URL, without a slash at its end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.0.base
    }

    /// Gets a token, where none is held.
    ///
    /// # Errors
    /// Connection, TLS, refused login.
    pub async fn login(&self) -> Result<(), CcsError> {
        self.0
            .token
            .bearer(&self.0.http, self.0.idle_timeout)
            .await
            .map(drop)
    }

    /// Asks once for the latest `count` runs of a job with their messages; 0 asks for all.
    ///
    /// # Errors
    /// Everything but a 200 that may be JSON.
    pub async fn job_runs(&self, job: Guid, count: u32) -> Result<JobRunsAnswer, CcsError> {
        let url = format!(
            "{}/ccs/api/v1/Jobs/{job}/jobruns?count={count}&showmessages=true",
            self.0.base
        );
        let response = self.get(&url).await?;
        Ok(JobRunsAnswer {
            response,
            url,
            idle_timeout: self.0.idle_timeout,
            bytes: 0,
        })
    }

    /// The name of a job; `None` where the server does not tell, for whatever reason.
    pub async fn job_name(&self, job: Guid) -> Option<String> {
        let url = format!("{}/ccs/api/v1/Jobs/{job}", self.0.base);
        let body = self.json(&url).await.ok()?;
        names::jobs_in(&body)
            .into_iter()
            .find(|(id, _)| *id == job)
            .map(|(_, name)| name)
    }

    /// Every job that the server lists, with its name, by name.
    ///
    /// # Errors
    /// As of any request; an answer without jobs is an empty list.
    pub async fn jobs(&self) -> Result<Vec<(Guid, String)>, CcsError> {
        let mut found = std::collections::BTreeMap::new();
        for page in 0..MAX_PAGES {
            let url = format!("{}/ccs/api/v1/Jobs?page={page}&pagesize={PAGE_SIZE}", self.0.base);
            let body = self.json(&url).await?;
            let before = found.len();
            found.extend(names::jobs_in(&body));
            let pages = names::total_pages(&body);
            if found.len() == before || pages.is_some_and(|pages| i64::from(page) + 1 >= pages) {
                break;
            }
        }
        let mut jobs: Vec<(Guid, String)> = found.into_iter().collect();
        jobs.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
        Ok(jobs)
    }

    async fn json(&self, url: &str) -> Result<serde_json::Value, CcsError> {
        let response = self.get(url).await?;
        let content_type = content_type(&response);
        let body = response
            .bytes()
            .await
            .map_err(|error| transport(url, error, self.0.idle_timeout, Some(0)))?;
        serde_json::from_slice(&body).map_err(|_| CcsError::NotJson {
            url: url.to_owned(),
            content_type,
            text: beginning(&String::from_utf8_lossy(
                &body[..body.len().min(ERROR_TEXT_BYTES)],
            )),
        })
    }

    /// One request with a token; a refused token is refreshed once, then the user logged in once, then it ends.
    async fn get(&self, url: &str) -> Result<Response, CcsError> {
        let inner = &*self.0;
        let mut bearer = inner.token.bearer(&inner.http, inner.idle_timeout).await?;
        let mut renewals = [Renewal::Refresh, Renewal::Login].into_iter();
        loop {
            self.pause().await;
            let begun = Instant::now();
            let response = inner
                .http
                .get(url)
                .header(reqwest::header::ACCEPT, "application/json")
                .bearer_auth(bearer.token.expose())
                .send()
                .await
                .map_err(|error| transport(url, error, inner.idle_timeout, None))?;
            let status = response.status().as_u16();
            tracing::debug!(
                method = "GET",
                url,
                status,
                ms = begun.elapsed().as_millis() as u64,
                "answer"
            );
            if status == 200 {
                return may_be_json(url, response).await;
            }
            if response.status().is_redirection() {
                return Err(redirected(url, &response));
            }
            let retry_after = retry_after(&response);
            let text = error_text(response).await;
            if status != 401 {
                return Err(CcsError::Status {
                    url: url.to_owned(),
                    status,
                    text,
                    retry_after,
                });
            }
            let Some(renewal) = renewals.next() else {
                return Err(CcsError::Unauthorized {
                    url: url.to_owned(),
                    text,
                });
            };
            bearer = inner
                .token
                .after_refusal(&inner.http, inner.idle_timeout, bearer.number, renewal)
                .await?;
        }
    }

    /// Waits for the next place that the rate limit gives.
    async fn pause(&self) {
        let Some(pause) = self.0.pause else { return };
        let place = {
            let mut next = self.0.next_request.lock().await;
            let place = (*next).max(Instant::now());
            *next = place + pause;
            place
        };
        tokio::time::sleep_until(place.into()).await;
    }
}

impl JobRunsAnswer {
    /// The next bytes of the body, unpacked; `None` at its end.
    ///
    /// # Errors
    /// Cut or silent.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, CcsError> {
        match self.response.chunk().await {
            Ok(Some(chunk)) => {
                self.bytes += chunk.len() as u64;
                Ok(Some(chunk))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(transport(&self.url, error, self.idle_timeout, Some(self.bytes))),
        }
    }

    /// Bytes of the body so far, unpacked.
    #[must_use]
    pub const fn bytes_received(&self) -> u64 {
        self.bytes
    }

    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }
}

/// Checks the base URL; the user's words are repeated without a password.
///
/// # Errors
/// [`CcsError::Url`]: no URL, a user name or password in it, `http` without `insecure`.
pub fn base_url(text: &str, insecure: bool) -> Result<String, CcsError> {
    let refuse = |shown: &str, why: &str| {
        Err(CcsError::Url {
            url: shown.to_owned(),
            why: why.to_owned(),
        })
    };
    let text = text.trim();
    let Ok(url) = Url::parse(text) else {
        let shown = if text.contains('@') {
            "(not shown, it may hold a password)"
        } else {
            text
        };
        return refuse(shown, "it is no URL");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(
            url.host_str().unwrap_or("given"),
            "user name and password do not belong in it",
        );
    }
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        "http" => {
            return refuse(
                text,
                "http sends the password readable for everybody on the way; it needs --insecure",
            );
        }
        _ => return refuse(text, "only https (or, with --insecure, http) is spoken"),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse(text, "it must end before `?` and `#`");
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/ccs/api/v1").unwrap_or(path);
    Ok(format!("{}{path}", url.origin().ascii_serialization()))
}

/// A machine talks to itself directly, whatever proxy the environment names.
fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url.trim()) else {
        return false;
    };
    url.host_str().is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    })
}

fn content_type(response: &Response) -> String {
    let header = response.headers().get(reqwest::header::CONTENT_TYPE);
    header
        .and_then(|value| value.to_str().ok())
        .unwrap_or("no content type")
        .to_owned()
}

/// A proxy or login page answers 200 with HTML; the API itself can answer XML.
async fn may_be_json(url: &str, response: Response) -> Result<Response, CcsError> {
    let content_type = content_type(&response);
    let lower = content_type.to_ascii_lowercase();
    if lower.contains("html") || lower.contains("xml") {
        return Err(CcsError::NotJson {
            url: url.to_owned(),
            content_type,
            text: error_text(response).await,
        });
    }
    Ok(response)
}

/// The beginning of an error's text; whatever goes wrong, what had come.
async fn error_text(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < ERROR_TEXT_BYTES {
        let Ok(Some(chunk)) = response.chunk().await else {
            break;
        };
        bytes.extend_from_slice(&chunk[..chunk.len().min(ERROR_TEXT_BYTES - bytes.len())]);
    }
    beginning(&String::from_utf8_lossy(&bytes))
}

pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)?
        .to_str()
        .ok()?;
    read_retry_after(value, chrono::Utc::now().timestamp())
}

pub(super) fn redirected(url: &str, response: &Response) -> CcsError {
    let location = response.headers().get(reqwest::header::LOCATION);
    let target = location.map_or_else(
        || "nowhere".into(),
        |value| String::from_utf8_lossy(value.as_bytes()),
    );
    CcsError::Redirected {
        url: url.to_owned(),
        target: beginning(&target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls() {
        for (text, expected) in [
            ("https://ccs.example.com:12431", "https://ccs.example.com:12431"),
            (
                " https://CCS.example.com:12431/ ",
                "https://ccs.example.com:12431",
            ),
            ("https://ccs/ccs/api/v1/", "https://ccs"),
            ("https://gate/north", "https://gate/north"),
        ] {
            assert_eq!(base_url(text, false).unwrap(), expected);
        }
        for (text, why) in [
            ("ccs.example.com", "no URL"),
            ("http://ccs:12431", "--insecure"),
            ("ftp://ccs", "only https"),
            ("https://me:hunter2@ccs", "do not belong"),
            ("https://me:hunter2@", "no URL"),
            ("https://ccs?x=1", "before `?`"),
        ] {
            let error = base_url(text, false).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(base_url("http://ccs:12431", true).is_ok());
    }

    #[test]
    fn loopback_is_told() {
        assert!(
            is_loopback("https://127.0.0.1:1")
                && is_loopback("https://[::1]")
                && is_loopback("http://localhost")
        );
        assert!(!is_loopback("https://ccs.example.com"));
    }
}
