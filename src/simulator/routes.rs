//! The paths, and the answer to each.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;

use super::answer::RunsAnswer;
use super::body::{AnswerBody, Source};
use super::fault::FaultKind;
use super::line::Breaker;
use super::request::{Resource, asks_for_gzip, place};
use super::shared::{RequestRecord, SimulatorShared};
use super::token::INVALID_GRANT;

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain";
const HTML: &str = "text/html";

/// The most bytes of a form that are read: a login has a few hundred.
const MOST_FORM_BYTES: usize = 1 << 20;

/// Answers a request and records it.
///
/// # Errors
/// The connection is to be dropped without an answer.
pub(super) async fn answer(
    shared: &SimulatorShared,
    request: Request<Incoming>,
    breaker: Breaker,
) -> io::Result<Response<AnswerBody>> {
    let method = request.method().to_string();
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let (grant, mut response) = route(shared, request, breaker).await;
    let offset = shared.state().clock_offset;
    if offset != 0
        && let Ok(response) = &mut response
        && let Ok(date) = header::HeaderValue::from_str(&date(offset))
    {
        // Without the header, hyper sends the machine's time.
        response.headers_mut().insert(header::DATE, date);
    }
    let status = response.as_ref().map_or(0, |response| response.status().as_u16());
    shared.state().note(RequestRecord {
        method,
        path,
        grant,
        status,
    });
    response
}

/// The time of a clock that is `offset` seconds ahead of the machine's, as HTTP writes it.
fn date(offset: i64) -> String {
    let now = chrono::Utc::now();
    let then = chrono::TimeDelta::try_seconds(offset).and_then(|offset| now.checked_add_signed(offset));
    then.unwrap_or(now)
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

/// The `grant_type` of a request to the token URL, and the answer.
async fn route(
    shared: &SimulatorShared,
    request: Request<Incoming>,
    breaker: Breaker,
) -> (Option<String>, io::Result<Response<AnswerBody>>) {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let response = match place(&path) {
        Resource::Tokens if method == Method::POST => {
            let body = Limited::new(request.into_body(), MOST_FORM_BYTES).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            let grant = form_urlencoded::parse(&body)
                .find(|(name, _)| name == "grant_type")
                .map(|(_, value)| value.into_owned());
            return (grant, Ok(token(shared, &body).await));
        }
        Resource::Elsewhere => {
            let words = "<html><body><h1>404 - File or directory not found.</h1></body></html>";
            text(404, HTML, words.to_owned())
        }
        place if place == Resource::Tokens || method != Method::GET => {
            text(405, TEXT, "Method Not Allowed".to_owned())
        }
        _ if !is_allowed(shared, request.headers()) => unauthorized(),
        Resource::Tokens | Resource::Jobs => jobs(shared, &query(&request)),
        Resource::Job(id) => match find(shared, id) {
            Ok(job) => {
                let properties = shared.served.job_properties(job);
                text(200, JSON, format!("{{\"Job\":{properties}}}"))
            }
            Err(response) => *response,
        },
        Resource::Runs(id) => match find(shared, id) {
            Ok(job) => {
                let accepted = header_text(request.headers(), header::ACCEPT_ENCODING);
                let gzip = shared.options.gzip && accepted.is_some_and(asks_for_gzip);
                return (None, runs(shared, job, &query(&request), gzip, breaker).await);
            }
            Err(response) => *response,
        },
    };
    (None, Ok(response))
}

/// The query, with its names in lower case.
fn query(request: &Request<Incoming>) -> HashMap<String, String> {
    form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
        .collect()
}

fn is_allowed(shared: &SimulatorShared, headers: &HeaderMap) -> bool {
    let authorization = header_text(headers, header::AUTHORIZATION);
    shared.state().tokens.allows(authorization)
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn token(shared: &SimulatorShared, form: &[u8]) -> Response<AnswerBody> {
    let faults = shared.state().faults_of_login();
    for fault in &faults {
        if let FaultKind::LoginSlow(time) = fault {
            tokio::time::sleep(*time).await;
        }
    }
    let (status, json) = if faults.contains(&FaultKind::LoginFails) {
        (400, INVALID_GRANT.to_owned())
    } else {
        shared.state().tokens.answer(&shared.options.credentials, form)
    };
    text(status, JSON, json)
}

fn unauthorized() -> Response<AnswerBody> {
    let words = "Authorization has been denied for this request.";
    let mut response = text(401, TEXT, words.to_owned());
    let scheme = header::HeaderValue::from_static("Bearer");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
    response
}

fn not_found(id: &str) -> String {
    format!("Job for specified JobID '{id}' not found.")
}

/// The job with the id in a path, or the error in the API document.
fn find(shared: &SimulatorShared, id: &str) -> Result<u32, Box<Response<AnswerBody>>> {
    // Clients may or may not encode the braces.
    let bare = id.replace("%7B", "{").replace("%7b", "{");
    let bare = bare.replace("%7D", "}").replace("%7d", "}");
    let Ok(guid) = uuid::Uuid::try_parse(&bare) else {
        return Err(Box::new(text(400, TEXT, "JobID is invalid.".to_owned())));
    };
    let job = shared.served.job_with_id(&guid.hyphenated().to_string());
    job.ok_or_else(|| Box::new(text(404, TEXT, not_found(&bare))))
}

/// "Search Jobs" with its mandatory `Attributes`, and "Search Job by Name". Only the name is compared; all jobs match any
/// other attribute.
fn jobs(shared: &SimulatorShared, query: &HashMap<String, String>) -> Response<AnswerBody> {
    let wanted = match (query.get("jobname"), query.get("attributes")) {
        (Some(name), _) => Some((false, name.as_str())),
        (None, Some(attributes)) => name_filter(attributes),
        (None, None) => return text(400, JSON, "{\"Message\":\"The request is invalid.\"}".to_owned()),
    };
    let is_wanted = |job: &u32| {
        let name = shared.served.job_name(*job).to_lowercase();
        wanted.is_none_or(|(contains, wanted)| match contains {
            true => name.contains(&wanted.to_lowercase()),
            false => name == wanted.to_lowercase(),
        })
    };
    let number = |name: &str, default: u32| {
        query
            .get(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    let (page, size) = (number("page", 0), number("pagesize", 50).max(1));
    let found: Vec<u32> = (0..shared.served.jobs()).filter(is_wanted).collect();
    let from = page.saturating_mul(size) as usize;
    let rows: Vec<String> = found
        .iter()
        .skip(from)
        .take(size as usize)
        .map(|&job| shared.served.job_properties(job))
        .collect();
    let body = format!(
        "{{\"TotalPages\":{},\"Data\":{{\"Rows\":[{}]}}}}",
        found.len().div_ceil(size as usize),
        rows.join(",")
    );
    text(200, JSON, body)
}

/// The name in `JobName = X` or `JobName Contains X`, with or without quotes, and whether it is `Contains`.
fn name_filter(attributes: &str) -> Option<(bool, &str)> {
    let condition = attributes
        .trim()
        .trim_start_matches('(')
        .trim_end_matches(')')
        .trim();
    let rest = condition
        .get(..7)
        .filter(|word| word.eq_ignore_ascii_case("jobname"))
        .map(|_| condition[7..].trim_start())?;
    let value = |text: &'static str| {
        rest.get(..text.len())
            .filter(|word| word.eq_ignore_ascii_case(text))
            .map(|_| &rest[text.len()..])
    };
    let (contains, value) = value("contains")
        .map(|v| (true, v))
        .or_else(|| value("=").map(|v| (false, v)))?;
    Some((contains, value.trim().trim_matches(['\'', '"'])))
}

async fn runs(
    shared: &SimulatorShared,
    job: u32,
    query: &HashMap<String, String>,
    gzip: bool,
    breaker: Breaker,
) -> io::Result<Response<AnswerBody>> {
    let (faults, body) = {
        let mut state = shared.state();
        let faults = state.faults_of_runs(job);
        if faults.contains(&FaultKind::TokenDies) {
            state.tokens.revoke_access();
        }
        (faults, state.body(job))
    };
    for fault in &faults {
        if *fault == FaultKind::HangUp {
            breaker.reset();
            return Err(io::Error::other("reset on request"));
        }
        if let Some(response) = refusal(shared, job, fault) {
            return Ok(response);
        }
    }
    let count = query
        .get("count")
        .map_or(Some(1), |count| count.parse::<usize>().ok());
    let Some(count) = count else {
        return Ok(text(400, TEXT, "Count is invalid.".to_owned()));
    };
    let source = match body {
        Some(bytes) => Source::Set(bytes),
        None => {
            let messages = query
                .get("showmessages")
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let nights = shared.state().nights(job, shared.options.nights_pass);
            let take = if count == 0 { usize::MAX } else { count };
            let runs = shared.served.runs_served(job, nights).take(take).collect();
            let served = Arc::clone(&shared.served);
            let answer = RunsAnswer::new(served, job, nights, messages, runs, faults.clone());
            Source::Made(Box::new(answer))
        }
    };
    let (source, length) = if shared.options.with_length && !gzip {
        let faults = faults.clone();
        // May take seconds, during which other connections must go on.
        let counted = tokio::task::spawn_blocking(move || {
            let length = source.length(&faults);
            (source, Some(length))
        });
        counted.await.map_err(io::Error::other)?
    } else {
        (source, None)
    };
    let mut response = response(200, JSON, source.stream(&faults, gzip, breaker));
    let headers = response.headers_mut();
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    if gzip {
        headers.insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The answer of a fault that replaces the whole answer.
fn refusal(shared: &SimulatorShared, job: u32, fault: &FaultKind) -> Option<Response<AnswerBody>> {
    let page = |status: u16, title: &str| text(status, HTML, format!("<html><body>{title}</body></html>"));
    let (status, retry_after) = match fault {
        FaultKind::TokenDies => return Some(unauthorized()),
        FaultKind::Html => {
            let words = "<html><title>Proxy login</title><body>Please sign in</body></html>";
            return Some(text(200, HTML, words.to_owned()));
        }
        FaultKind::Xml => return Some(text(200, "application/xml", "<JobStatusInfo/>".to_owned())),
        FaultKind::Redirect => {
            let mut response = text(302, TEXT, String::new());
            let target = header::HeaderValue::from_static("https://elsewhere.example.com/login");
            response.headers_mut().insert(header::LOCATION, target);
            return Some(response);
        }
        FaultKind::Status(407, _) => return Some(page(407, "407 Proxy Authentication Required")),
        FaultKind::Status(502, _) => return Some(page(502, "502 Bad Gateway")),
        FaultKind::Status(504, _) => return Some(page(504, "504 Gateway Timeout")),
        FaultKind::Status(status, retry_after) => (*status, *retry_after),
        _ => return None,
    };
    let words = match status {
        400 => "JobID is invalid.".to_owned(),
        403 => "You are not authorized to perform this task. Access is denied.".to_owned(),
        404 => not_found(&shared.served.job_id(job)),
        429 => "Too many requests.".to_owned(),
        503 => "Service unavailable.".to_owned(),
        _ => "The server encountered an error while serving the request. Please contact the administrator if the problem persists.".to_owned(),
    };
    let mut response = text(status, TEXT, words);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Some(response)
}

fn text(status: u16, content_type: &'static str, words: String) -> Response<AnswerBody> {
    let body = Full::new(Bytes::from(words))
        .map_err(|never| match never {})
        .boxed();
    response(status, content_type, body)
}

fn response(status: u16, content_type: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static(content_type),
    );
    response
}
