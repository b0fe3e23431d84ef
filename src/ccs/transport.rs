//! One HTTP exchange with the server: pace, redirects, timeouts, and what went wrong in our own words.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, Url};
use rustls::ClientConfig;
use zeroize::Zeroizing;

use super::base_url::{BaseUrl, origin, same_server, shown};
use super::diagnosis::{Asked, no_answer};
use super::error::{Cause, CcsError, Doing};
use super::pace::Pace;
use super::settings::Settings;
use super::{retry, text};

/// Redirects within the server that are followed for one request; more is a loop.
const MOST_REDIRECTS: u32 = 5;

/// Bytes of an error's text that are read at most: the document's texts are one sentence.
const MOST_ERROR_TEXT: usize = 4096;

/// The connections to one server.
#[derive(Debug)]
pub(super) struct Transport {
    client: reqwest::Client,
    base: BaseUrl,
    pace: Pace,
    connect_timeout: Duration,
    idle_timeout: Duration,
}

/// What a request carries besides its URL.
#[derive(Debug)]
pub(super) enum Payload<'a> {
    /// The token, as header value marked sensitive.
    Bearer(&'a HeaderValue),
    /// The form of the token request, wiped after use.
    Form(Zeroizing<String>),
}

/// An answer's head, its body not yet read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) asked: Asked,
    pub(super) began: Instant,
}

impl Transport {
    /// Connections by `tls` to the server of `base`.
    pub(super) fn new(settings: &Settings, base: BaseUrl, tls: ClientConfig) -> Result<Self, CcsError> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            .gzip(true)
            // Followed by hand, since even a follower that strips the token would carry on elsewhere.
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.idle_timeout)
            // A firewall that forgets quiet connections is noticed while the server still computes.
            .tcp_keepalive(Duration::from_secs(60))
            .user_agent(concat!("jobruns/", env!("CARGO_PKG_VERSION")));
        if base.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| CcsError::HttpSetup {
            source: Cause::new(error),
        })?;
        Ok(Self {
            client,
            base,
            pace: Pace::new(settings.rate_limit),
            connect_timeout: settings.connect_timeout,
            idle_timeout: settings.idle_timeout,
        })
    }

    /// The address of the server.
    pub(super) const fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Sends one request, following redirects within the same server, and returns the answer of any status.
    pub(super) async fn exchange(
        &self,
        doing: Doing,
        url: Url,
        payload: &Payload<'_>,
    ) -> Result<Answer, CcsError> {
        let method = match payload {
            Payload::Bearer(_) => Method::GET,
            Payload::Form(_) => Method::POST,
        };
        let mut url = url;
        let mut redirects = 0;
        loop {
            let mut request = self
                .client
                .request(method.clone(), url.clone())
                .header(ACCEPT, "application/json");
            request = match payload {
                Payload::Bearer(token) => request.header(AUTHORIZATION, (*token).clone()),
                Payload::Form(form) => {
                    let form = Bytes::from_owner(Zeroizing::new(form.as_bytes().to_vec()));
                    // JSON by name and a form by content: so the API document has it.
                    request.header(CONTENT_TYPE, "application/json").body(form)
                }
            };
            let answer = self.send(doing, &method, &url, request).await?;
            let Some(target) = redirect_target(&answer.response, &url) else {
                return Ok(answer);
            };
            // Only 307 and 308 ask to send a form again.
            let status = answer.response.status().as_u16();
            let keeps_method = matches!(status, 307 | 308);
            redirects += 1;
            let followed = match &target {
                Ok(target) => {
                    same_server(&url, target)
                        && redirects <= MOST_REDIRECTS
                        && (method == Method::GET || keeps_method)
                }
                Err(_) => false,
            };
            match target {
                Ok(target) if followed => url = target,
                other => {
                    return Err(CcsError::Redirected {
                        doing,
                        url: answer.asked.url,
                        status,
                        to: other.map_or_else(|raw| raw, |target| shown(&target)),
                    });
                }
            }
        }
    }

    /// Sends `HEAD` without any secret, for the handshake's sake; the answer does not matter.
    pub(super) async fn head(&self, doing: Doing, url: Url) -> Result<(), CcsError> {
        let request = self.client.head(url.clone());
        self.send(doing, &Method::HEAD, &url, request).await.map(|_| ())
    }

    async fn send(
        &self,
        doing: Doing,
        method: &Method,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<Answer, CcsError> {
        let asked = Asked {
            doing,
            origin: origin(url),
            url: shown(url),
            connect_timeout: self.connect_timeout,
            idle_timeout: self.idle_timeout,
        };
        self.pace.turn().await;
        let began = Instant::now();
        let outcome = request.send().await;
        let milliseconds = began.elapsed().as_millis();
        match outcome {
            Ok(response) => {
                let status = response.status().as_u16();
                tracing::debug!(%method, %url, status, milliseconds, "answer began");
                Ok(Answer {
                    response,
                    asked,
                    began,
                })
            }
            Err(error) => {
                let error = no_answer(&asked, error);
                tracing::debug!(%method, %url, %error, milliseconds, "no answer");
                Err(error)
            }
        }
    }
}

/// Where a redirect points: a URL, or else the raw text of what is none. `None` for other answers.
fn redirect_target(response: &Response, url: &Url) -> Option<Result<Url, String>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let Some(location) = response.headers().get(LOCATION) else {
        return Some(Err("nowhere (no Location)".to_owned()));
    };
    let target = std::str::from_utf8(location.as_bytes())
        .ok()
        .and_then(|text| url.join(text).ok());
    Some(target.ok_or_else(|| "something that is no URL".to_owned()))
}

impl Answer {
    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The answer as an error by its status, with the beginning of its text, in which every one of `secrets` is
    /// replaced.
    pub(super) async fn into_status_error(mut self, secrets: &[&str]) -> CcsError {
        let status = self.status().as_u16();
        let retry_after = retry_after(self.response.headers());
        let text = self.error_text(secrets).await;
        CcsError::Status {
            doing: self.asked.doing,
            url: self.asked.url,
            status,
            text,
            retry_after,
        }
    }

    /// The beginning of an error's text in one line; empty where it cannot be read.
    pub(super) async fn error_text(&mut self, secrets: &[&str]) -> String {
        let mut bytes = Vec::new();
        while bytes.len() < MOST_ERROR_TEXT {
            match self.response.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                // The status is the news; that its text broke off is none.
                Ok(None) | Err(_) => break,
            }
        }
        text::quote(&bytes, secrets)
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry::retry_after(value, std::time::SystemTime::now())
}
