//! An answer: checked to be JSON, then handed over piece by piece.

use bytes::{Bytes, BytesMut};
use reqwest::header::CONTENT_TYPE;

use super::diagnosis::broken_body;
use super::error::CcsError;
use super::transport::HttpResponse;

/// Bytes of a body that are searched for the beginning of JSON if the Content-Type does not say what it is.
const MOST_PEEKED: usize = 4096;

/// The answer to a request for a job's runs.
pub type JobRunsAnswer = JsonAnswer;

/// Its status is 200 or 204, and it is JSON by its type or its beginning. The body is handed over as it arrives.
///
/// The end of the body does not mean that its JSON is complete: some servers cut an answer off without an error.
#[derive(Debug)]
pub struct JsonAnswer {
    answer: HttpResponse,
    /// What was looked at already, to be handed over first.
    beginning: Option<Bytes>,
    bytes: u64,
    ended: bool,
}

impl JsonAnswer {
    /// The HTTP status: 200, or 204 if there is no content.
    pub fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    /// The URL that answered, without query.
    pub fn url(&self) -> &str {
        &self.answer.request_context.url
    }

    /// The next piece of the body, decompressed; `None` at its end.
    ///
    /// # Errors
    /// [`CcsError::Silence`] if nothing arrives for the idle timeout, [`CcsError::NoProgress`] if too little does, and
    /// [`CcsError::Cut`] if the connection or the compressed stream breaks off. Another try may succeed after any of them.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, CcsError> {
        if let Some(bytes) = self.beginning.take() {
            self.bytes += bytes.len() as u64;
            return Ok(Some(bytes));
        }
        if self.ended {
            return Ok(None);
        }
        match self.answer.body.chunk().await {
            Ok(Some(bytes)) => {
                self.bytes += bytes.len() as u64;
                Ok(Some(bytes))
            }
            Ok(None) => {
                self.ended = true;
                let milliseconds = self.answer.began.elapsed().as_millis();
                tracing::debug!(url = %self.answer.request_context.url, bytes = self.bytes, milliseconds, "answer read");
                Ok(None)
            }
            Err(error) => {
                self.ended = true;
                let error = broken_body(&self.answer.request_context, self.bytes, error);
                tracing::debug!(%error, "answer broke off");
                Err(error)
            }
        }
    }

    /// Bytes of the body handed over so far, after decompression.
    pub const fn bytes_received(&self) -> u64 {
        self.bytes
    }

    /// Reports that a run was completed: an answer that completes none for too long is given up.
    pub fn progressed(&mut self) {
        self.answer.body.progressed();
    }

    /// An answer without content, which means `null`.
    pub(super) fn null(answer: HttpResponse) -> Self {
        Self {
            beginning: Some(Bytes::from_static(b"null")),
            answer,
            bytes: 0,
            ended: true,
        }
    }

    /// An answer of any Content-Type.
    pub(super) fn of_any_type(answer: HttpResponse) -> Result<Self, CcsError> {
        if answer.body.is_foreign() {
            return Err(CcsError::Unusable {
                doing: answer.request_context.doing,
                url: answer.request_context.url,
                reason: "it is packed otherwise than by gzip, which alone was asked for",
            });
        }
        Ok(Self {
            // The HTTP library counts it down, so it is read before the first piece.
            answer,
            beginning: None,
            bytes: 0,
            ended: false,
        })
    }

    /// The error for an answer whose Content-Type is not JSON, without quoting it; `None` for others.
    pub(super) fn not_json(&self) -> Option<CcsError> {
        let declared = self.declared()?;
        (kind_of(&declared) == ContentKind::Other).then(|| CcsError::NotJson {
            doing: self.answer.request_context.doing,
            url: self.answer.request_context.url.clone(),
            content_type: self.answer.redactor.quote(declared.as_bytes(), false),
            beginning: String::new(),
        })
    }

    fn declared(&self) -> Option<String> {
        let headers = self.answer.body.response().headers();
        let value = headers.get(CONTENT_TYPE)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The whole rest of the body, up to `limit` bytes.
    pub(super) async fn into_bytes(mut self, limit: usize) -> Result<Vec<u8>, CcsError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if all.len() + chunk.len() > limit {
                return Err(CcsError::Unusable {
                    doing: self.answer.request_context.doing,
                    url: self.answer.request_context.url,
                    reason: "it is too long",
                });
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all)
    }
}

/// Accepts an answer that is JSON by its Content-Type, or by its first bytes if the type says nothing (absent,
/// `text/plain` and the like).
///
/// # Errors
/// [`CcsError::NotJson`] for HTML, XML and anything that does not begin like JSON.
pub(super) async fn json_only(answer: HttpResponse) -> Result<JsonAnswer, CcsError> {
    let mut answer = JsonAnswer::of_any_type(answer)?;
    let declared = answer.declared();
    let kind = declared.as_deref().map_or(ContentKind::Untold, kind_of);
    if kind == ContentKind::Json {
        return Ok(answer);
    }
    let mut beginning = BytesMut::new();
    let mut ended = false;
    while beginning.len() < MOST_PEEKED && first_sign(&beginning).is_none() {
        match answer.chunk().await? {
            Some(chunk) => beginning.extend_from_slice(&chunk),
            None => {
                ended = true;
                break;
            }
        }
    }
    // Peeked pieces are handed over again.
    answer.bytes = 0;
    // `null` is the answer of a job without runs; `true` and `false` are not answers.
    if kind == ContentKind::Untold && matches!(first_sign(&beginning), Some(b'{' | b'[' | b'n')) {
        answer.beginning = Some(beginning.freeze());
        return Ok(answer);
    }
    // Enough to recognise a secret in it.
    while !ended && beginning.len() < MOST_PEEKED {
        match answer.chunk().await {
            Ok(Some(chunk)) => beginning.extend_from_slice(&chunk),
            Ok(None) => ended = true,
            Err(_) => break,
        }
    }
    let content_type = match declared {
        Some(declared) => answer.answer.redactor.quote(declared.as_bytes(), false),
        None if beginning.is_empty() => "nothing".to_owned(),
        None => "something without a content type".to_owned(),
    };
    Err(CcsError::NotJson {
        doing: answer.answer.request_context.doing,
        url: answer.answer.request_context.url,
        content_type,
        beginning: answer.answer.redactor.quote(&beginning, !ended),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentKind {
    Json,
    Other,
    /// The type does not say what the content is.
    Untold,
}

fn kind_of(content_type: &str) -> ContentKind {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    let (_, subtype) = essence.split_once('/').unwrap_or_default();
    if subtype == "json" || subtype.ends_with("+json") {
        ContentKind::Json
    } else if subtype.contains("html") || subtype == "xml" || subtype.ends_with("+xml") {
        ContentKind::Other
    } else {
        ContentKind::Untold
    }
}

/// The first byte after a byte order mark and white space.
fn first_sign(bytes: &[u8]) -> Option<u8> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}
