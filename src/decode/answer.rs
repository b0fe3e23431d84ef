//! Splits the stream of an answer into its runs, each as its exact bytes, and its other fields (the envelope).

use sha2::Digest;

use super::field::integer_of;
use super::scan::Scan;
use crate::model::{Guid, Sha256};

/// The most bytes of one run, if nothing else is set; a longer one is [`Element::Oversize`]. Bounds the memory of a sync.
pub const DEFAULT_RUN_LIMIT: usize = 256 << 20;
/// How many of the first bytes of an oversize run are kept.
pub const OVERSIZE_HEAD: usize = 1 << 20;
/// The most bytes of a field name or value that is kept; longer ones are not known fields.
const SMALL: usize = 1024;

/// An element of `JobStatusInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// A run within the limit.
    Whole {
        /// Index in the body, from 0.
        position: u64,
        /// As received.
        bytes: Vec<u8>,
    },
    /// A run that has more bytes than the limit.
    Oversize {
        /// Index in the body, from 0.
        position: u64,
        /// Its first bytes.
        head: Vec<u8>,
        /// Its whole length, in bytes.
        length: u64,
        /// SHA-256 of all its bytes.
        sha256: Sha256,
    },
}

/// What an answer says besides its runs, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// `JobID`, if it is a GUID.
    pub job_id: Option<Guid>,
    /// The `JobID` before the first run, if it is a GUID. One after the runs changes only `job_id`.
    pub job_id_at_first_run: Option<Guid>,
    /// Offset in the body of the first comma between runs that is doubled or missing. All runs in the body were found, but a
    /// run may be lacking there.
    pub broken_at: Option<u64>,
    /// `TotalJobRuns`, if it is an integer.
    pub total_job_runs: Option<i64>,
    /// `TotalJobRuns` as received, if it is neither an integer nor null.
    pub unreadable_total: Option<String>,
    /// Elements of `JobStatusInfo` so far.
    pub runs_seen: u64,
}

/// The bytes are not an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the answer: {what}")]
pub struct NotAnAnswer {
    /// Offset in the body.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

/// How the stream ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The JSON was closed.
    Complete(Envelope),
    /// The bytes ended before the JSON was closed.
    Cut(Envelope),
    /// It was closed, and is not an answer.
    NotAnAnswer(NotAnAnswer),
}

/// Finds the runs in the bytes of an answer.
///
/// Yields each element of `JobStatusInfo` once, in order, duplicates too, and holds at most one in memory. Takes time
/// linear in the bytes; the result does not depend on how they are split into chunks. Reads fields in any order and letter
/// case, a bare array, and `null`; skips unknown fields without holding them. Missing commas between elements are accepted
/// and reported in [`Envelope::broken_at`].
#[derive(Debug)]
pub struct AnswerReader {
    state: ParseState,
    envelope: Envelope,
    offset: u64,
    /// Offset of the first byte of the value that is being read.
    value_at: u64,
    run_limit: usize,
    /// An array or null without an object around it.
    bare: bool,
    runs_field: bool,
    held: Vec<u8>,
    oversize: Option<Oversize>,
    /// Which comma may or must come next.
    comma: Comma,
    failed: Option<NotAnAnswer>,
}

/// The commas between elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comma {
    /// After `[`: none may come.
    No,
    /// After an element: one must come, or `]`.
    Due,
    /// After a comma: an element must come.
    Seen,
}

#[derive(Debug)]
struct Oversize {
    head: Vec<u8>,
    length: u64,
    hash: sha2::Sha256,
}

#[derive(Debug)]
enum ParseState {
    /// Before the first token; how many bytes of a byte order mark were seen.
    Start(usize),
    /// In the object, before a name or `}`. A comma before `}` is accepted.
    BeforeName,
    /// In a name.
    Name { escaped: bool },
    /// After a name.
    Colon(AnswerField),
    /// Before a value.
    Value(AnswerField),
    /// In a value of the envelope.
    InValue { field: AnswerField, scan: Scan },
    /// After a value.
    AfterValue,
    /// Between elements.
    BetweenRuns,
    /// In an element.
    InRun(Scan),
    /// After the end.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerField {
    JobId,
    TotalJobRuns,
    JobStatusInfo,
    Other,
}

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl AnswerReader {
    /// Starts an answer in which a run may have up to `run_limit` bytes.
    #[must_use]
    pub fn new(run_limit: usize) -> Self {
        Self {
            state: ParseState::Start(0),
            envelope: Envelope::default(),
            offset: 0,
            value_at: 0,
            run_limit,
            bare: false,
            runs_field: false,
            held: Vec::new(),
            oversize: None,
            comma: Comma::No,
            failed: None,
        }
    }

    /// What is known of the envelope so far.
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Takes the next bytes and hands each element that ends in them to `sink`.
    ///
    /// # Errors
    /// The bytes cannot be an answer. Elements before the error were handed to `sink`; what follows is ignored.
    pub fn push(&mut self, chunk: &[u8], sink: &mut dyn FnMut(Element)) -> Result<(), NotAnAnswer> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let begin = self.offset;
        let mut at = 0;
        while at < chunk.len() {
            self.offset = begin + at as u64;
            at += self.step(&chunk[at..], sink).inspect_err(|error| {
                self.failed = Some(error.clone());
            })?;
        }
        self.offset = begin + chunk.len() as u64;
        Ok(())
    }

    /// Says how the answer ended.
    #[must_use]
    pub fn finish(mut self) -> End {
        if let Some(error) = self.failed {
            return End::NotAnAnswer(error);
        }
        if self.bare && matches!(self.state, ParseState::InValue { .. }) {
            // A bare `null` ends with the bytes; a part of it is cut off.
            let cut = b"null".starts_with(&self.held) && self.held.len() < 4;
            match self.end_of_bare_literal() {
                Err(_) if cut => return End::Cut(self.envelope),
                Err(error) => return End::NotAnAnswer(error),
                Ok(()) => {}
            }
        }
        match self.state {
            ParseState::Closed if self.bare || self.runs_field => End::Complete(self.envelope),
            ParseState::Closed => End::NotAnAnswer(self.error("an object without JobStatusInfo")),
            _ => End::Cut(self.envelope),
        }
    }

    /// Takes at least one of `bytes`, which are not empty; returns how many.
    fn step(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Element)) -> Result<usize, NotAnAnswer> {
        let byte = bytes[0];
        match &mut self.state {
            ParseState::InRun(scan) => {
                let end = scan.advance(bytes);
                self.keep_run(&bytes[..end.unwrap_or(bytes.len())]);
                if end.is_some() {
                    sink(self.end_of_run());
                    self.state = ParseState::BetweenRuns;
                }
                return Ok(end.unwrap_or(bytes.len()));
            }
            ParseState::BetweenRuns => return self.between_runs(byte),
            ParseState::InValue { field, scan } => {
                let field = *field;
                let end = scan.advance(bytes);
                self.keep_small(&bytes[..end.unwrap_or(bytes.len())]);
                if end.is_some() {
                    if self.bare {
                        self.end_of_bare_literal()?;
                    } else {
                        self.end_of_value(field)?;
                    }
                }
                return Ok(end.unwrap_or(bytes.len()));
            }
            ParseState::Name { escaped } => {
                let mut scan = Scan::Text { escaped: *escaped };
                let end = scan.advance(bytes);
                if let Scan::Text { escaped: now } = scan {
                    *escaped = now;
                }
                self.keep_small(&bytes[..end.unwrap_or(bytes.len())]);
                if end.is_some() {
                    self.held.pop();
                    self.state = ParseState::Colon(field_named(&self.held));
                    self.held.clear();
                }
                return Ok(end.unwrap_or(bytes.len()));
            }
            ParseState::Start(mark) if *mark < 3 && byte == BYTE_ORDER_MARK[*mark] => *mark += 1,
            ParseState::Start(1 | 2) => return Err(self.error("no JSON")),
            _ if is_space(byte) => {}
            ParseState::Start(_) => return self.start(byte),
            ParseState::BeforeName => match byte {
                b'"' => self.state = ParseState::Name { escaped: false },
                b'}' => self.state = ParseState::Closed,
                _ => return Err(self.error("no field name where one was expected")),
            },
            ParseState::Colon(field) if byte == b':' => self.state = ParseState::Value(*field),
            ParseState::Colon(_) => return Err(self.error("no `:` behind a field name")),
            ParseState::Value(field) => {
                let field = *field;
                return self.begin_value(field, byte);
            }
            ParseState::AfterValue => match byte {
                b',' => self.state = ParseState::BeforeName,
                b'}' => self.state = ParseState::Closed,
                _ => return Err(self.error("neither `,` nor `}` behind a field")),
            },
            ParseState::Closed => return Err(self.error("bytes behind the end of the JSON")),
        }
        Ok(1)
    }

    /// Takes the first byte of the JSON, or leaves it to the value that it begins.
    fn start(&mut self, byte: u8) -> Result<usize, NotAnAnswer> {
        match byte {
            b'{' => self.state = ParseState::BeforeName,
            b'[' => {
                self.bare = true;
                self.state = ParseState::BetweenRuns;
            }
            b'n' => {
                self.bare = true;
                self.value_at = self.offset;
                self.state = ParseState::InValue {
                    field: AnswerField::Other,
                    scan: Scan::Bare,
                };
                return Ok(0);
            }
            _ => return Err(self.error("no JSON object or array")),
        }
        Ok(1)
    }

    /// Takes a byte between runs, or leaves it to the run that it begins.
    fn between_runs(&mut self, byte: u8) -> Result<usize, NotAnAnswer> {
        match byte {
            b',' => {
                if self.comma != Comma::Due {
                    self.note_broken();
                }
                self.comma = Comma::Seen;
            }
            _ if is_space(byte) => {}
            // A comma before it hides no run; the API document's own sample has one.
            b']' => {
                self.state = if self.bare {
                    ParseState::Closed
                } else {
                    ParseState::AfterValue
                }
            }
            b'}' => return Err(self.error("`}` where a run or `]` was expected")),
            _ => {
                if self.comma == Comma::Due {
                    self.note_broken();
                }
                self.comma = Comma::Due;
                if byte == b'"' {
                    self.keep_run(b"\"");
                    self.state = ParseState::InRun(Scan::Text { escaped: false });
                } else {
                    self.state = ParseState::InRun(Scan::begin(byte));
                    return Ok(0);
                }
            }
        }
        Ok(1)
    }

    fn begin_value(&mut self, field: AnswerField, byte: u8) -> Result<usize, NotAnAnswer> {
        self.held.clear();
        self.value_at = self.offset;
        if field == AnswerField::JobStatusInfo && byte == b'[' {
            self.runs_field = true;
            self.comma = Comma::No;
            self.state = ParseState::BetweenRuns;
            return Ok(1);
        }
        if byte == b'"' {
            self.keep_small(b"\"");
            self.state = ParseState::InValue {
                field,
                scan: Scan::Text { escaped: false },
            };
            return Ok(1);
        }
        if matches!(byte, b',' | b'}' | b']') {
            return Err(self.error("no value behind a field name"));
        }
        self.state = ParseState::InValue {
            field,
            scan: Scan::begin(byte),
        };
        Ok(0)
    }

    fn end_of_value(&mut self, field: AnswerField) -> Result<(), NotAnAnswer> {
        let value: Option<serde_json::Value> = serde_json::from_slice(&self.held).ok();
        match field {
            AnswerField::JobId => {
                // Of equal names the last counts.
                self.envelope.job_id = value
                    .as_ref()
                    .and_then(|v| v.as_str())
                    .and_then(|text| text.parse().ok());
                if self.envelope.runs_seen == 0 {
                    self.envelope.job_id_at_first_run = self.envelope.job_id;
                }
            }
            AnswerField::TotalJobRuns => {
                self.envelope.total_job_runs = match &value {
                    Some(serde_json::Value::Number(number)) => integer_of(&number.to_string()),
                    Some(serde_json::Value::String(text)) => integer_of(text),
                    _ => None,
                };
                let unreadable =
                    value.filter(|value| !value.is_null() && self.envelope.total_job_runs.is_none());
                self.envelope.unreadable_total =
                    unreadable.map(|value| value.to_string().chars().take(40).collect());
            }
            AnswerField::JobStatusInfo => match value {
                Some(serde_json::Value::Null) => self.runs_field = true,
                Some(serde_json::Value::Object(members)) if members.is_empty() => self.runs_field = true,
                _ => return Err(self.error_in_value("JobStatusInfo is no array")),
            },
            AnswerField::Other => {}
        }
        self.held.clear();
        self.state = ParseState::AfterValue;
        Ok(())
    }

    fn end_of_bare_literal(&mut self) -> Result<(), NotAnAnswer> {
        if self.held != b"null" {
            return Err(self.error_in_value("no JSON object or array"));
        }
        self.held.clear();
        self.state = ParseState::Closed;
        Ok(())
    }

    /// Keeps bytes of a name or value of the envelope, up to a little more than the longest that is known.
    fn keep_small(&mut self, bytes: &[u8]) {
        let room = (SMALL + 1).saturating_sub(self.held.len());
        self.held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn keep_run(&mut self, bytes: &[u8]) {
        if let Some(oversize) = &mut self.oversize {
            oversize.length += bytes.len() as u64;
            oversize.hash.update(bytes);
            // If the limit is below the head's length, the head is not full yet.
            let room = OVERSIZE_HEAD.saturating_sub(oversize.head.len());
            oversize.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        } else if self.held.len() + bytes.len() <= self.run_limit {
            self.held.extend_from_slice(bytes);
        } else {
            let hash = sha2::Sha256::new().chain_update(&self.held).chain_update(bytes);
            let length = (self.held.len() + bytes.len()) as u64;
            let mut head = std::mem::take(&mut self.held);
            head.truncate(OVERSIZE_HEAD);
            head.extend_from_slice(&bytes[..bytes.len().min(OVERSIZE_HEAD - head.len())]);
            head.shrink_to_fit();
            self.oversize = Some(Oversize { head, length, hash });
        }
    }

    fn end_of_run(&mut self) -> Element {
        let position = self.envelope.runs_seen;
        self.envelope.runs_seen += 1;
        match self.oversize.take() {
            None => Element::Whole {
                position,
                bytes: std::mem::take(&mut self.held),
            },
            Some(Oversize { head, length, hash }) => Element::Oversize {
                position,
                head,
                length,
                sha256: hash.finalize().into(),
            },
        }
    }

    /// Evaluates a value at its end, which may be in a later chunk than its beginning.
    fn error_in_value(&self, what: &str) -> NotAnAnswer {
        NotAnAnswer {
            offset: self.value_at,
            what: what.to_owned(),
        }
    }

    fn note_broken(&mut self) {
        self.envelope.broken_at.get_or_insert(self.offset);
    }

    fn error(&self, what: &str) -> NotAnAnswer {
        NotAnAnswer {
            offset: self.offset,
            what: what.to_owned(),
        }
    }
}

/// The field with this name, given without quotes.
fn field_named(name: &[u8]) -> AnswerField {
    let mut quoted = Vec::with_capacity(name.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(name);
    quoted.push(b'"');
    let name: String = serde_json::from_slice(&quoted).unwrap_or_default();
    [
        ("jobid", AnswerField::JobId),
        ("totaljobruns", AnswerField::TotalJobRuns),
        ("jobstatusinfo", AnswerField::JobStatusInfo),
    ]
    .into_iter()
    .find(|(known, _)| name.eq_ignore_ascii_case(known))
    .map_or(AnswerField::Other, |(_, field)| field)
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
