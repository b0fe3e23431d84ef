//! Requests to CCS, each with its token.

use std::sync::Arc;

use reqwest::{StatusCode, Url};

use super::answer::{JobRunsAnswer, JsonAnswer, json_only};
use super::base_url::BaseUrl;
use super::error::{CcsError, RequestPurpose};
use super::session::{Bearer, Session};
use super::settings::Settings;
use super::tls;
use super::transport::{HttpResponse, RequestContent, Transport};
use crate::model::Guid;

/// A user of one CCS server. Clones share connections and token.
#[derive(Debug, Clone)]
pub struct Client(Arc<ClientInner>);

#[derive(Debug)]
struct ClientInner {
    transport: Transport,
    session: Session,
}

impl Client {
    /// Checks the settings and reads the trust store. Nothing is sent.
    ///
    /// # Errors
    /// [`CcsError::BadUrl`], or what is wrong with the certificates to trust.
    pub fn new(settings: &Settings) -> Result<Self, CcsError> {
        let base = BaseUrl::parse(&settings.base_url, &settings.trust)?;
        let transport = Transport::new(settings, base, tls::config(&settings.trust)?)?;
        let session = Session::new(settings, transport.redactor());
        Ok(Self(Arc::new(ClientInner { transport, session })))
    }

    /// The normalized base URL, without a slash at its end: the archive records it as a job's server.
    pub fn base_url(&self) -> &str {
        self.0.transport.base().plain()
    }

    /// Fetches a token unless there is a valid one, so that a failure comes before the first large request.
    ///
    /// # Errors
    /// [`CcsError::LoginRejected`] for a wrong user or password, which is final for this client; else whatever made the
    /// request fail. [`super::retry::next_wait`] says whether to try again.
    pub async fn login(&self) -> Result<(), CcsError> {
        self.0.session.token(&self.0.transport).await.map(|_| ())
    }

    /// This machine's clock minus the server's, in seconds, by the answers to logins and lists of jobs since the last call;
    /// `None` if none had a `Date`.
    pub fn take_clock_skew(&self) -> Option<i64> {
        self.0.transport.clock_skew().take()
    }

    /// When the server's certificate expires, in seconds since 1970 UTC; `None` before the first connection and without
    /// TLS.
    pub fn certificate_expiry(&self) -> Option<i64> {
        self.0.transport.certificate_expiry()
    }

    /// Asks once for the newest `count` runs of `job` (0 for all) with their messages.
    ///
    /// After a 401 it renews the token, or logs in again if that is refused, and asks once more.
    ///
    /// # Errors
    /// Anything but a 200 with JSON or a 204 (no runs). [`super::retry::next_wait`] says whether to try again.
    pub async fn job_runs(&self, job: Guid, count: u32) -> Result<JobRunsAnswer, CcsError> {
        let url = self.endpoint(&format!("Jobs/{job}/jobruns?count={count}&showmessages=true"));
        self.get(RequestPurpose::JobRuns(job), url).await
    }

    /// Whether a text of the server contains the password or a token.
    pub(super) fn holds_secret(&self, text: &str) -> bool {
        self.0.transport.redactor().is_secret(text.as_bytes(), false)
    }

    pub(super) fn endpoint(&self, path: &str) -> Url {
        self.0.transport.base().endpoint(path)
    }

    /// Requests `url` with the token; returns an answer with status 200 that is JSON.
    pub(super) async fn get(&self, doing: RequestPurpose, url: Url) -> Result<JsonAnswer, CcsError> {
        let ClientInner { transport, session } = &*self.0;
        let bearer = session.token(transport).await?;
        let mut answer = self.ask(doing, url.clone(), &bearer).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return accepted(answer).await;
        }
        // Read to its end, or the connection could not be reused.
        let text = answer.error_text().await;
        tracing::debug!(%text, "the token was refused");
        drop(answer);
        let newer = session.newer_token(transport, &bearer).await?;
        let mut answer = self.ask(doing, url, &newer).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return accepted(answer).await;
        }
        let text = answer.error_text().await;
        Err(CcsError::Unauthorized {
            doing,
            url: answer.request_context.url,
            text,
        })
    }

    async fn ask(&self, doing: RequestPurpose, url: Url, bearer: &Bearer) -> Result<HttpResponse, CcsError> {
        let payload = RequestContent::Bearer(bearer.header());
        self.0.transport.exchange(doing, url, &payload).await
    }
}

/// Accepts JSON, or no content: ASP.NET Core sends 204 for null.
async fn accepted(answer: HttpResponse) -> Result<JsonAnswer, CcsError> {
    match answer.status() {
        StatusCode::OK => json_only(answer).await,
        StatusCode::NO_CONTENT => Ok(JsonAnswer::null(answer)),
        _ => Err(answer.into_status_error().await),
    }
}
