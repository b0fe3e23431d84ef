//! What the bytes of one run say.

use super::content::{self, Members};
use super::json::{Broken, Cursor, Text, Value};
use super::scan::Scan;
use super::time;
use crate::model::{
    Guid, JobRun, JobRunParts, JobStatus, MessageParts, NaiveZone, Sha256, Span, TextStore, TimeReading,
    TimeSpan, UnreadableMessage,
};

/// The bytes are no run; says why in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableRun(pub String);

/// A run, and the order-blind hash of its content.
#[derive(Debug)]
pub struct ReadRun {
    /// What it says.
    pub run: JobRun,
    /// See the head of `reader/content.rs`.
    pub content_sha256: Sha256,
}

/// Reads the exact bytes of a run; times without offset are read in `zone`.
///
/// Names match in any letter case, of equal ones the last counts, a missing field is null, an unknown one only counts for
/// the content. A text field of another type keeps its JSON text. A message that cannot be read leaves the others.
///
/// # Errors
/// No JSON object, broken JSON, nested deeper than [`super::MAX_DEPTH`], no GUID as `JobRunID`.
pub fn read_run(bytes: &[u8], zone: NaiveZone) -> Result<ReadRun, UnreadableRun> {
    let mut cursor = Cursor::new(bytes);
    if cursor.peek() != Some(b'{') {
        return Err(UnreadableRun("no JSON object".to_owned()));
    }
    let mut reading = Reading::new(bytes.len(), zone);
    let read = cursor.members(0, &mut |cursor, name| reading.member(cursor, &name));
    let end = match read {
        Ok(()) => cursor
            .peek()
            .map(|_| cursor.broken("bytes behind the end of the run")),
        Err(broken) => Some(broken),
    };
    if let Some(Broken { at, what }) = end {
        return Err(UnreadableRun(format!("broken JSON at byte {at}: {what}")));
    }
    reading.finish()
}

struct Reading {
    zone: NaiveZone,
    texts: TextStore,
    job_run_id: Result<Guid, UnreadableRun>,
    status: Option<JobStatus>,
    started: TimeSpan,
    ended: TimeSpan,
    exception: Span,
    custom_status_text: Span,
    job_summary: Span,
    status_details: Span,
    activity_status_list: Span,
    message_count: Option<i64>,
    messages: Option<Vec<MessageParts>>,
    unreadable_messages: Vec<UnreadableMessage>,
    members: Members,
    message: MessageContent,
}

const NO_TIME: TimeSpan = TimeSpan {
    reading: TimeReading::Absent,
    raw: Span::NULL,
};

impl Reading {
    fn new(bytes: usize, zone: NaiveZone) -> Self {
        Self {
            zone,
            texts: TextStore::with_capacity(bytes / 4 * 3),
            job_run_id: Err(UnreadableRun("no JobRunID".to_owned())),
            status: None,
            started: NO_TIME,
            ended: NO_TIME,
            exception: Span::NULL,
            custom_status_text: Span::NULL,
            job_summary: Span::NULL,
            status_details: Span::NULL,
            activity_status_list: Span::NULL,
            message_count: None,
            messages: None,
            unreadable_messages: Vec::new(),
            members: Members::default(),
            message: MessageContent::default(),
        }
    }

    fn member(&mut self, cursor: &mut Cursor<'_>, name: &Text) -> Result<(), Broken> {
        let name = content::folded_name(cursor, name);
        if name == b"jobmessages" {
            return self.message_list(cursor, name);
        }
        let value = cursor.value(1)?;
        let texts = &mut self.texts;
        match name.as_slice() {
            b"jobrunid" => self.job_run_id = read_guid(cursor, &value),
            b"status" => self.status = read_status(cursor, &value),
            b"jobstarttime" => self.started = read_time(cursor, &value, texts, self.zone),
            b"jobendtime" => self.ended = read_time(cursor, &value, texts, self.zone),
            b"exception" => self.exception = read_text(cursor, &value, texts),
            b"customstatustext" => self.custom_status_text = read_text(cursor, &value, texts),
            b"jobsummary" => self.job_summary = read_text(cursor, &value, texts),
            b"statusdetails" => self.status_details = read_text(cursor, &value, texts),
            b"activitystatuslist" => self.activity_status_list = read_json(cursor, &value, texts),
            b"messagecount" => self.message_count = read_integer(cursor, &value),
            _ => {}
        }
        self.members
            .add(name, |out| content::write_value(cursor, &value, out));
        Ok(())
    }

    fn message_list(&mut self, cursor: &mut Cursor<'_>, name: Vec<u8>) -> Result<(), Broken> {
        // Given twice, the last list counts.
        self.messages = None;
        self.unreadable_messages.clear();
        if cursor.peek() != Some(b'[') {
            let start = cursor.at;
            let value = cursor.value(1)?;
            if !matches!(value, Value::Null) {
                self.unreadable_messages.push(UnreadableMessage {
                    bytes: cursor.bytes()[start..cursor.at].to_vec(),
                    reason: "JobMessages is no array".to_owned(),
                });
            }
            self.members
                .add(name, |out| content::write_value(cursor, &value, out));
            return Ok(());
        }
        let mut messages = Vec::new();
        let mut digests = Vec::new();
        cursor.elements(1, &mut |cursor| {
            let Some(first) = cursor.peek() else {
                return Err(cursor.broken("a message list without end"));
            };
            let start = cursor.at;
            let reason = if first == b'{' {
                match self.read_message(cursor) {
                    Ok(parts) => {
                        messages.push(parts);
                        digests.push(self.message.digest(cursor));
                        return Ok(());
                    }
                    Err(Broken { at, what }) => {
                        format!("broken JSON at byte {} of the message: {what}", at - start)
                    }
                }
            } else {
                "a message that is no JSON object".to_owned()
            };
            cursor.at = start;
            let bytes = skip_element(cursor)?;
            digests.push(content::unreadable_digest(bytes));
            self.unreadable_messages.push(UnreadableMessage {
                bytes: bytes.to_vec(),
                reason,
            });
            Ok(())
        })?;
        self.messages = Some(messages);
        self.members
            .add(name, |out| content::write_message_list(digests, out));
        Ok(())
    }

    fn read_message(&mut self, cursor: &mut Cursor<'_>) -> Result<MessageParts, Broken> {
        let (texts, message, zone) = (&mut self.texts, &mut self.message, self.zone);
        message.clear();
        let mut parts = MessageParts {
            occurred: NO_TIME,
            message: Span::NULL,
            message_details: Span::NULL,
            category: Span::NULL,
            asset: Span::NULL,
            asset_type: Span::NULL,
            asset_owner: Span::NULL,
        };
        cursor.members(2, &mut |cursor, name| {
            let value = cursor.value(3)?;
            match MessageField::named(cursor, &name) {
                Some(field) => {
                    match field {
                        MessageField::DateTime => parts.occurred = read_time(cursor, &value, texts, zone),
                        MessageField::Message => parts.message = read_text(cursor, &value, texts),
                        MessageField::MessageDetails => {
                            parts.message_details = read_text(cursor, &value, texts)
                        }
                        MessageField::Category => parts.category = read_text(cursor, &value, texts),
                        MessageField::Asset => parts.asset = read_text(cursor, &value, texts),
                        MessageField::AssetType => parts.asset_type = read_text(cursor, &value, texts),
                        MessageField::AssetOwner => parts.asset_owner = read_text(cursor, &value, texts),
                    }
                    message.known[field as usize] = Some(value);
                }
                None => message.unknown.add(content::folded_name(cursor, &name), |out| {
                    content::write_value(cursor, &value, out);
                }),
            }
            Ok(())
        })?;
        Ok(parts)
    }

    fn finish(mut self) -> Result<ReadRun, UnreadableRun> {
        let mut object = vec![b'o'];
        self.members.write(&mut object);
        let run = JobRun::from(JobRunParts {
            texts: self.texts,
            job_run_id: self.job_run_id?,
            status: self.status,
            started: self.started,
            ended: self.ended,
            exception: self.exception,
            custom_status_text: self.custom_status_text,
            job_summary: self.job_summary,
            status_details: self.status_details,
            activity_status_list: self.activity_status_list,
            message_count: self.message_count,
            messages: self.messages,
            unreadable_messages: self.unreadable_messages,
        });
        Ok(ReadRun {
            run,
            content_sha256: content::message_digest(&object),
        })
    }
}

/// The fields of a message, in the order of their names: the order in which they are hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MessageField {
    Asset,
    AssetOwner,
    AssetType,
    Category,
    DateTime,
    Message,
    MessageDetails,
}

const MESSAGE_FIELDS: [(MessageField, &str); 7] = [
    (MessageField::Asset, "asset"),
    (MessageField::AssetOwner, "assetowner"),
    (MessageField::AssetType, "assettype"),
    (MessageField::Category, "category"),
    (MessageField::DateTime, "datetime"),
    (MessageField::Message, "message"),
    (MessageField::MessageDetails, "messagedetails"),
];

impl MessageField {
    fn named(cursor: &Cursor<'_>, name: &Text) -> Option<Self> {
        let decoded;
        let name = match cursor.plain(name) {
            Some(plain) => plain,
            None => {
                let mut text = String::new();
                cursor.decode(name, &mut text);
                decoded = text;
                &decoded
            }
        };
        MESSAGE_FIELDS
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .map(|(field, _)| *field)
    }
}

/// What a message's digest is made of; kept from one message to the next for its memory.
#[derive(Debug, Default)]
struct MessageContent {
    known: [Option<Value>; 7],
    unknown: Members,
    object: Vec<u8>,
}

impl MessageContent {
    fn clear(&mut self) {
        self.known = Default::default();
        self.unknown.clear();
    }

    fn digest(&mut self, cursor: &Cursor<'_>) -> Sha256 {
        self.object.clear();
        self.object.push(b'o');
        if self.unknown.is_empty() {
            let count_at = self.object.len();
            content::push_length(&mut self.object, 0);
            let mut count: u64 = 0;
            for ((_, name), value) in MESSAGE_FIELDS.iter().zip(&self.known) {
                if let Some(value @ (Value::Text(_) | Value::Json(_))) = value {
                    content::push_length(&mut self.object, name.len());
                    self.object.extend_from_slice(name.as_bytes());
                    content::write_value(cursor, value, &mut self.object);
                    count += 1;
                }
            }
            self.object[count_at..count_at + 8].copy_from_slice(&count.to_le_bytes());
        } else {
            for ((_, name), value) in MESSAGE_FIELDS.iter().zip(&self.known) {
                if let Some(value) = value {
                    self.unknown.add(name.as_bytes().to_vec(), |out| {
                        content::write_value(cursor, value, out)
                    });
                }
            }
            self.unknown.write(&mut self.object);
        }
        content::message_digest(&self.object)
    }
}

/// Steps over an element that cannot be read, by its brackets or its quotes.
fn skip_element<'run>(cursor: &mut Cursor<'run>) -> Result<&'run [u8], Broken> {
    let start = cursor.at;
    let bytes = &cursor.bytes()[start..];
    let end = match bytes[0] {
        b'"' => Scan::Text { escaped: false }
            .advance(&bytes[1..])
            .map(|end| end + 1),
        first => Scan::begin(first).advance(bytes).filter(|&end| end > 0),
    };
    let Some(end) = end else {
        return Err(cursor.broken("a message without end"));
    };
    cursor.at = start + end;
    Ok(&bytes[..end])
}

fn read_guid(cursor: &Cursor<'_>, value: &Value) -> Result<Guid, UnreadableRun> {
    match value {
        Value::Text(text) => {
            let mut id = String::new();
            cursor.decode(text, &mut id);
            id.parse()
                .map_err(|error| UnreadableRun(format!("JobRunID {error}")))
        }
        Value::Null => Err(UnreadableRun("JobRunID is null".to_owned())),
        Value::Json(_) => Err(UnreadableRun("JobRunID is no string".to_owned())),
    }
}

/// A number, or the text of one, or the name of a status.
fn read_status(cursor: &Cursor<'_>, value: &Value) -> Option<JobStatus> {
    read_integer(cursor, value)
        .map(JobStatus)
        .or_else(|| match value {
            Value::Text(text) => {
                let mut name = String::new();
                cursor.decode(text, &mut name);
                JobStatus::by_name(name.trim())
            }
            Value::Null | Value::Json(_) => None,
        })
}

fn read_integer(cursor: &Cursor<'_>, value: &Value) -> Option<i64> {
    let mut text = String::new();
    match value {
        Value::Null => return None,
        Value::Text(string) => {
            cursor.decode(string, &mut text);
        }
        Value::Json(range) => cursor.push_json(range.clone(), &mut text),
    }
    let text = text.trim();
    // `5.0` is the integer 5 to whoever wrote it.
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    whole.parse().ok()
}

/// A string, or the JSON text of anything else but null.
fn read_text(cursor: &Cursor<'_>, value: &Value, texts: &mut TextStore) -> Span {
    match value {
        Value::Null => Span::NULL,
        Value::Text(text) => texts.build(|out| {
            cursor.decode(text, out);
        }),
        Value::Json(range) => texts.build(|out| cursor.push_json(range.clone(), out)),
    }
}

/// The JSON text of anything but null.
fn read_json(cursor: &Cursor<'_>, value: &Value, texts: &mut TextStore) -> Span {
    match value {
        Value::Null => Span::NULL,
        Value::Text(text) => {
            texts.build(|out| cursor.push_json(text.range.start - 1..text.range.end + 1, out))
        }
        Value::Json(range) => texts.build(|out| cursor.push_json(range.clone(), out)),
    }
}

fn read_time(cursor: &Cursor<'_>, value: &Value, texts: &mut TextStore, zone: NaiveZone) -> TimeSpan {
    let raw = read_text(cursor, value, texts);
    let reading = match (value, texts.get(raw)) {
        (Value::Text(_), Some(text)) => time::read(text, zone),
        (Value::Json(_), _) => TimeReading::Unreadable,
        _ => TimeReading::Absent,
    };
    TimeSpan { reading, raw }
}
