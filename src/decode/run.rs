//! Reads the bytes of one run.

use std::collections::BTreeMap;

use super::content::{self, Members};
use super::field;
use super::json::{Broken, Cursor, JsonValue, RawText};
use super::message::MessageDecoder;
use super::scan::Scan;
use crate::model::{
    Guid, JobRun, JobRunParts, JobStatus, MessageParts, NaiveZone, Sha256, TextRange, TextStore, TimeReading,
    TimeSpan, UnreadableMessage,
};

/// The most bytes of a run that is read: even if U+FFFD replaces each of them, they fit the 4 GiB of a [`TextStore`].
pub const MAX_RUN_BYTES: usize = 1 << 30;

/// Why the bytes are not a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnreadableRun(pub String);

/// A run, and the hash of its content.
#[derive(Debug)]
pub struct ReadRun {
    pub run: JobRun,
    /// Does not depend on the order of members and messages; defined in `decode/content.rs`.
    pub content_sha256: Sha256,
}

/// Reads the exact bytes of a run; times without an offset are in `zone`.
///
/// Names match in any letter case; of equal names the last counts. A missing field is null, and an unknown one counts only
/// for the hash. A text field of another type keeps its JSON text. An unreadable message does not affect the others.
///
/// # Errors
/// The bytes are not a JSON object, are broken JSON, are nested deeper than [`MAX_DEPTH`](super::json::MAX_DEPTH), have no
/// GUID as `JobRunID`, or are more than [`MAX_RUN_BYTES`].
pub fn read_run(bytes: &[u8], zone: NaiveZone) -> Result<ReadRun, UnreadableRun> {
    let mut content = Content::default();
    let run = read(bytes, zone, Some(&mut content))?;
    Ok(ReadRun {
        run,
        content_sha256: content.hash(),
    })
}

/// Like [`read_run`], but without the hash of the content, which is half of the work.
pub fn read_run_fields(bytes: &[u8], zone: NaiveZone) -> Result<JobRun, UnreadableRun> {
    read(bytes, zone, None)
}

fn read(bytes: &[u8], zone: NaiveZone, content: Option<&mut Content>) -> Result<JobRun, UnreadableRun> {
    if bytes.len() > MAX_RUN_BYTES {
        return Err(UnreadableRun(format!(
            "{} bytes, more than the {MAX_RUN_BYTES} that are read",
            bytes.len()
        )));
    }
    let mut cursor = Cursor::new(bytes);
    if cursor.peek() != Some(b'{') {
        return Err(UnreadableRun("no JSON object".to_owned()));
    }
    let mut reading = RunReading::new(bytes.len(), zone, content);
    let read = cursor.members(0, Cursor::string, |cursor, name| reading.member(cursor, &name));
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

/// Reads a run for what its hash is made of.
pub(super) fn read_with_content(bytes: &[u8]) -> Result<Content, UnreadableRun> {
    let mut content = Content::default();
    read(bytes, NaiveZone::Utc, Some(&mut content))?;
    Ok(content)
}

/// What the hash of a run is made of.
#[derive(Default)]
pub(super) struct Content {
    members: Members,
}

impl Content {
    fn hash(mut self) -> Sha256 {
        let mut object = vec![b'o'];
        self.members.write(&mut object);
        content::digest(&object)
    }

    /// What is written of each member that is not null, by its folded name.
    pub(super) fn written(self) -> BTreeMap<String, Vec<u8>> {
        self.members.written()
    }

    /// The digests of a written message list, sorted; `None` if it is not one.
    pub(super) fn digests(written: &[u8]) -> Option<&[Sha256]> {
        content::message_digests(written)
    }
}

struct RunReading<'content> {
    zone: NaiveZone,
    texts: TextStore,
    job_run_id: Result<Guid, String>,
    status: Option<JobStatus>,
    started: TimeSpan,
    ended: TimeSpan,
    exception: TextRange,
    custom_status_text: TextRange,
    job_summary: TextRange,
    status_details: TextRange,
    activity_status_list: TextRange,
    message_count: Option<i64>,
    messages: Option<Vec<MessageParts>>,
    unreadable_messages: Vec<UnreadableMessage>,
    content: Option<&'content mut Content>,
}

const NO_TIME: TimeSpan = TimeSpan {
    reading: TimeReading::Absent,
    raw: TextRange::NULL,
};

/// The least bytes of a message, to guess how many there are: growing the list too often takes time.
const MESSAGE_BYTES: usize = 256;

impl<'content> RunReading<'content> {
    fn new(bytes: usize, zone: NaiveZone, content: Option<&'content mut Content>) -> Self {
        Self {
            zone,
            // In a usual run, a quarter of the bytes are names, quotes and numbers.
            texts: TextStore::with_capacity(bytes / 4 * 3),
            job_run_id: Err("no JobRunID".to_owned()),
            status: None,
            started: NO_TIME,
            ended: NO_TIME,
            exception: TextRange::NULL,
            custom_status_text: TextRange::NULL,
            job_summary: TextRange::NULL,
            status_details: TextRange::NULL,
            activity_status_list: TextRange::NULL,
            message_count: None,
            messages: None,
            unreadable_messages: Vec::new(),
            content,
        }
    }

    fn member(&mut self, cursor: &mut Cursor<'_>, name: &RawText) -> Result<(), Broken> {
        let name = content::folded_name(cursor, name);
        if name == "jobmessages" {
            return self.message_list(cursor, name);
        }
        let value = cursor.value(1)?;
        match name.as_str() {
            "jobrunid" => self.job_run_id = field::read_guid(cursor, &value),
            "status" => self.status = field::read_status(cursor, &value),
            "jobstarttime" => self.started = self.time(cursor, &value),
            "jobendtime" => self.ended = self.time(cursor, &value),
            "exception" => self.exception = self.text(cursor, &value),
            "customstatustext" => self.custom_status_text = self.text(cursor, &value),
            "jobsummary" => self.job_summary = self.text(cursor, &value),
            "statusdetails" => self.status_details = self.text(cursor, &value),
            "activitystatuslist" => {
                self.activity_status_list = field::read_json(cursor, &value, &mut self.texts)
            }
            "messagecount" => self.message_count = field::read_integer(cursor, &value),
            _ => {}
        }
        if let Some(content) = &mut self.content {
            let is_id = name == "jobrunid";
            content.members.add(name, |out| match &self.job_run_id {
                // The same run, however the server writes its GUID.
                Ok(id) if is_id => content::push_bytes(out, b's', id.to_string().as_bytes()),
                _ => content::write_value(cursor, &value, out),
            });
        }
        Ok(())
    }

    fn text(&mut self, cursor: &Cursor<'_>, value: &JsonValue) -> TextRange {
        field::read_text(cursor, value, &mut self.texts).span
    }

    fn time(&mut self, cursor: &Cursor<'_>, value: &JsonValue) -> TimeSpan {
        let raw = self.text(cursor, value);
        field::read_time(value, raw, &self.texts, self.zone)
    }

    fn message_list(&mut self, cursor: &mut Cursor<'_>, name: String) -> Result<(), Broken> {
        // If there are two lists, the last counts.
        self.messages = None;
        self.unreadable_messages.clear();
        if cursor.peek() != Some(b'[') {
            let start = cursor.at;
            let value = cursor.value(1)?;
            if !matches!(value, JsonValue::Null) {
                self.unreadable_messages.push(UnreadableMessage {
                    bytes: cursor.bytes()[start..cursor.at].to_vec(),
                    reason: "JobMessages is no array".to_owned(),
                });
            }
            if let Some(content) = &mut self.content {
                content
                    .members
                    .add(name, |out| content::write_value(cursor, &value, out));
            }
            return Ok(());
        }
        let expected = (cursor.bytes().len() - cursor.at) / MESSAGE_BYTES;
        let mut messages = Vec::with_capacity(expected);
        let mut digests = Vec::with_capacity(if self.content.is_some() { expected } else { 0 });
        let mut reader = MessageDecoder::new(self.zone);
        cursor.elements(1, |cursor| {
            let first = cursor.peek();
            let start = cursor.at;
            let reason = if first == Some(b'{') {
                match reader.read(cursor, &mut self.texts) {
                    Ok(parts) => {
                        messages.push(parts);
                        if self.content.is_some() {
                            digests.push(reader.digest(cursor, &self.texts));
                        }
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
            if self.content.is_some() {
                digests.push(content::unreadable_digest(bytes));
            }
            self.unreadable_messages.push(UnreadableMessage {
                bytes: bytes.to_vec(),
                reason,
            });
            Ok(())
        })?;
        self.messages = Some(messages);
        if let Some(content) = &mut self.content {
            content
                .members
                .add(name, |out| content::write_message_list(digests, out));
        }
        Ok(())
    }

    fn finish(self) -> Result<JobRun, UnreadableRun> {
        Ok(JobRun::from(JobRunParts {
            texts: self.texts,
            job_run_id: self.job_run_id.map_err(UnreadableRun)?,
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
        }))
    }
}

/// Steps over an unreadable element, by its brackets or quotes.
pub(super) fn skip_element<'run>(cursor: &mut Cursor<'run>) -> Result<&'run [u8], Broken> {
    let start = cursor.at;
    let bytes = &cursor.bytes()[start..];
    let end = match bytes {
        [] => None,
        [b'"', rest @ ..] => Scan::Text { escaped: false }.advance(rest).map(|end| end + 1),
        [first, ..] => Scan::begin(*first).advance(bytes),
    };
    match end {
        None => Err(cursor.broken("a message without end")),
        Some(0) => Err(cursor.broken("no message where one was expected")),
        Some(end) => {
            cursor.at = start + end;
            Ok(&bytes[..end])
        }
    }
}
