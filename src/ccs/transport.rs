//! One HTTP exchange with the server: pace, redirects, timeouts, and errors of our own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant as MonotonicInstant};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, LOCATION,
    RETRY_AFTER,
};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, Url};
use zeroize::Zeroizing;

use super::base_url::{BaseUrl, origin, same_server, shown};
use super::body::Body;
use super::clock::ClockSkew;
use super::cookies::Cookies;
use super::diagnosis::{RequestContext, no_answer};
use super::error::{Cause, CcsError, RedirectProblem, RequestPurpose};
use super::pace::Pace;
use super::proxy::{self, Route};
use super::redact::Redactor;
use super::retry;
use super::settings::Settings;
use super::tls::Tls;
use crate::model;

/// The most redirects within the server that are followed for one request; more is a loop.
const MOST_REDIRECTS: u32 = 5;

/// The most bytes of an error's text that are read: those in the API document are one sentence.
const MOST_ERROR_TEXT: usize = 4096;

/// The most bytes of a failed token request's answer that are read.
const MOST_OAUTH_ERROR: usize = 64 << 10;

/// The connections to one server.
#[derive(Debug)]
pub(super) struct Transport {
    client: reqwest::Client,
    base: BaseUrl,
    pace: Pace,
    connect_timeout: Duration,
    idle_timeout: Duration,
    cookies: Cookies,
    redactor: Arc<Redactor>,
    /// The proxy on the way, as errors name it.
    proxy: Option<String>,
    /// Whether the server asked for a certificate of the client.
    client_certificate: Arc<AtomicBool>,
    certificate_expiry: Arc<AtomicI64>,
    clock_skew: ClockSkew,
}

/// What a request carries besides its URL.
#[derive(Debug)]
pub(super) enum RequestContent<'a> {
    /// The token, a header value marked sensitive.
    Bearer(&'a HeaderValue),
    /// The form of the token request, wiped after use.
    Form(Zeroizing<String>),
}

/// An answer whose body was not read yet.
#[derive(Debug)]
pub(super) struct HttpResponse {
    pub(super) body: Body,
    pub(super) request_context: RequestContext,
    pub(super) began: MonotonicInstant,
    pub(super) redactor: Arc<Redactor>,
}

impl Transport {
    /// Connections by `tls` to the server of `base`.
    pub(super) fn new(settings: &Settings, base: BaseUrl, tls: Tls) -> Result<Self, CcsError> {
        let setup = |error| CcsError::HttpSetup {
            source: Cause::http(error),
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.config)
            .http1_only()
            // Redirects are followed below: the library, even if it stripped the token, would go to another server.
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.idle_timeout)
            // Notices a firewall that drops idle connections while the server is still computing.
            .tcp_keepalive(Duration::from_secs(60))
            .user_agent(concat!("jobruns/", env!("CARGO_PKG_VERSION")));
        let route = if base.is_loopback() {
            Route::Direct
        } else {
            proxy::route(&base.root())
        };
        let redactor = Arc::new(Redactor::default());
        let mut by_proxy = None;
        builder = match route {
            Route::System => builder,
            Route::Direct => builder.no_proxy(),
            Route::Proxy(proxy) => {
                if let Some(password) = Url::parse(&proxy).ok().as_ref().and_then(Url::password) {
                    redactor.add(password);
                }
                by_proxy = Some(proxy::shown(&proxy));
                builder
                    .no_proxy()
                    .proxy(reqwest::Proxy::all(&proxy).map_err(setup)?)
            }
        };
        let client = builder.build().map_err(setup)?;
        Ok(Self {
            client,
            base,
            pace: Pace::new(settings.rate_limit),
            connect_timeout: settings.connect_timeout,
            idle_timeout: settings.idle_timeout,
            cookies: Cookies::default(),
            redactor,
            proxy: by_proxy,
            client_certificate: tls.client_certificate,
            certificate_expiry: tls.expiry,
            clock_skew: ClockSkew::default(),
        })
    }

    /// What must never be quoted.
    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The address of the server.
    pub(super) const fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// When the server's certificate expires, in seconds since 1970 UTC; `None` if none was accepted yet.
    pub(super) fn certificate_expiry(&self) -> Option<i64> {
        Some(self.certificate_expiry.load(Ordering::Relaxed)).filter(|&expiry| expiry != 0)
    }

    /// The difference between this machine's clock and the server's.
    pub(super) const fn clock_skew(&self) -> &ClockSkew {
        &self.clock_skew
    }

    /// Sends one request, following redirects to the same question at the same server, and returns the answer of any
    /// status.
    pub(super) async fn exchange(
        &self,
        doing: RequestPurpose,
        url: Url,
        payload: &RequestContent<'_>,
    ) -> Result<HttpResponse, CcsError> {
        let method = match payload {
            RequestContent::Bearer(_) => Method::GET,
            RequestContent::Form(_) => Method::POST,
        };
        let mut url = url;
        let mut redirects = 0;
        loop {
            let mut request = self
                .client
                .request(method.clone(), url.clone())
                .header(ACCEPT, "application/json")
                .header(ACCEPT_ENCODING, "gzip");
            if let Some(cookies) = self.cookies.header() {
                request = request.header(COOKIE, cookies);
            }
            request = match payload {
                RequestContent::Bearer(token) => request.header(AUTHORIZATION, (*token).clone()),
                RequestContent::Form(form) => {
                    let form = Bytes::from_owner(Zeroizing::new(form.as_bytes().to_vec()));
                    // The API document asks for this type, although the content is a form.
                    request.header(CONTENT_TYPE, "application/json").body(form)
                }
            };
            let answer = self.send(doing, &method, &url, request).await?;
            self.cookies.take(answer.body.response().headers());
            let Some(target) = redirect_target(answer.body.response(), &url) else {
                return Ok(answer);
            };
            let status = answer.status().as_u16();
            let location = answer.body.response().headers().get(LOCATION);
            let location = location.map_or_else(Vec::new, |value| value.as_bytes().to_vec());
            redirects += 1;
            // Only 307 and 308 allow sending a form again.
            let keeps_method = method == Method::GET || matches!(status, 307 | 308);
            let refused = |to: String, why| {
                // Only a part of the header is shown, but the whole is searched for secrets.
                let to = if self.redactor.is_secret(&location, false) {
                    crate::model::REDACTED.to_owned()
                } else {
                    to
                };
                Err(CcsError::Redirected {
                    doing,
                    url: shown(&url),
                    status,
                    to,
                    why,
                })
            };
            let target = match target {
                Ok(target) => target,
                Err(raw) => return refused(raw, RedirectProblem::Elsewhere),
            };
            if !same_server(&url, &target) {
                return refused(shown(&target), RedirectProblem::Elsewhere);
            }
            if !keeps_method
                || !target.path().eq_ignore_ascii_case(url.path())
                || target.query() != url.query()
            {
                // Rewrite rules of IIS often lose the query: the answer would be to another question.
                return refused(shown(&target), RedirectProblem::OtherQuestion);
            }
            if redirects > MOST_REDIRECTS {
                return refused(shown(&target), RedirectProblem::Endless);
            }
            url = target;
        }
    }

    /// Sends `HEAD` without any secret, to make a handshake; the answer does not matter.
    pub(super) async fn head(&self, doing: RequestPurpose, url: Url) -> Result<(), CcsError> {
        let request = self.client.head(url.clone());
        self.send(doing, &Method::HEAD, &url, request).await.map(|_| ())
    }

    async fn send(
        &self,
        doing: RequestPurpose,
        method: &Method,
        url: &Url,
        request: reqwest::RequestBuilder,
    ) -> Result<HttpResponse, CcsError> {
        let request_context = RequestContext {
            doing,
            origin: origin(url),
            url: shown(url),
            connect_timeout: self.connect_timeout,
            idle_timeout: self.idle_timeout,
            proxy: self.proxy.clone(),
        };
        self.pace.turn().await;
        let began = MonotonicInstant::now();
        let sent = model::Instant::now();
        let outcome = request.send().await;
        let milliseconds = began.elapsed().as_millis();
        match outcome {
            Ok(response) => {
                let status = response.status().as_u16();
                // Only short answers: the `Date` of one with many runs may be the time at which the server began it.
                if matches!(
                    doing,
                    RequestPurpose::Login | RequestPurpose::Renewal | RequestPurpose::ListJobs
                ) {
                    self.clock_skew
                        .note(response.headers(), sent, model::Instant::now());
                }
                tracing::debug!(%method, url = request_context.url, status, milliseconds, "answer began");
                Ok(HttpResponse {
                    body: Body::new(response, self.idle_timeout),
                    request_context,
                    began,
                    redactor: Arc::clone(&self.redactor),
                })
            }
            Err(error) => {
                let wanted = self.client_certificate.load(Ordering::Relaxed);
                let error = no_answer(&request_context, error, wanted);
                tracing::debug!(%method, url = request_context.url, %error, milliseconds, "no answer");
                Err(error)
            }
        }
    }
}

/// Where a redirect leads: a URL, or the raw text if it is not one. `None` for other answers.
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
    Some(target.ok_or_else(|| "something that is not a URL".to_owned()))
}

impl HttpResponse {
    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.body.response().status()
    }

    /// The error for the answer's status, with the beginning of its text unless that contains a secret.
    pub(super) async fn into_status_error(mut self) -> CcsError {
        let status = self.status().as_u16();
        let retry_after = retry_after(self.body.response().headers());
        let text = self.error_text().await;
        CcsError::Status {
            doing: self.request_context.doing,
            url: self.request_context.url,
            status,
            text,
            retry_after,
        }
    }

    /// The beginning of an error's text as one line; empty if it cannot be read.
    pub(super) async fn error_text(&mut self) -> String {
        if matches!(
            self.request_context.doing,
            RequestPurpose::Login | RequestPurpose::Renewal
        ) {
            return self.oauth_error().await;
        }
        let (bytes, cut) = self.beginning(MOST_ERROR_TEXT).await;
        self.redactor.quote(&bytes, cut)
    }

    /// The OAuth error in the answer to a token request (RFC 6749, 5.2). Nothing else of it is ever quoted: it may contain a
    /// token, or what was sent.
    async fn oauth_error(&mut self) -> String {
        #[derive(serde::Deserialize)]
        struct OauthError {
            error: Option<String>,
            error_description: Option<String>,
        }
        let (bytes, _) = self.beginning(MOST_OAUTH_ERROR).await;
        let Ok(said) = serde_json::from_slice::<OauthError>(&bytes) else {
            return String::new();
        };
        let words = [said.error, said.error_description];
        let words: Vec<String> = words
            .iter()
            .flatten()
            .map(|words| self.redactor.quote(words.as_bytes(), false))
            .filter(|words| !words.is_empty())
            .collect();
        words.join(": ")
    }

    /// At least `enough` bytes of the body, or all of it, and whether there is more.
    async fn beginning(&mut self, enough: usize) -> (Vec<u8>, bool) {
        let mut bytes = Vec::new();
        loop {
            match self.body.chunk().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return (bytes, false),
                // The status is what matters, not that its text broke off.
                Err(_) => return (bytes, true),
            }
            if bytes.len() >= enough {
                return (bytes, true);
            }
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry::retry_after(value, std::time::SystemTime::now())
}
