//! Values of JSON as values of a field: text, JSON text, time, integer, status, GUID.

use super::json::{Cursor, Value};
use super::time;
use crate::model::{Guid, JobStatus, NaiveZone, Span, TextStore, TimeReading, TimeSpan};

/// A text put into the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredText {
    pub(super) span: Span,
    /// Something in it was no valid Unicode, or NUL, and U+FFFD stands for it.
    pub(super) replaced: bool,
}

impl StoredText {
    pub(super) const NULL: Self = Self {
        span: Span::NULL,
        replaced: false,
    };
}

/// A string, or the JSON text of anything else but null.
#[inline]
pub(super) fn read_text(cursor: &Cursor<'_>, value: &Value, store: &mut TextStore) -> StoredText {
    let mut replaced = false;
    let span = match value {
        Value::Null => Span::NULL,
        Value::Text(text) => store.build(|out| replaced = cursor.decode(text, out)),
        Value::Json(range) => store.build(|out| replaced = cursor.push_as_it_stands(range.clone(), out)),
    };
    StoredText { span, replaced }
}

/// The JSON text of anything but null.
pub(super) fn read_json(cursor: &Cursor<'_>, value: &Value, store: &mut TextStore) -> Span {
    let range = match value {
        Value::Null => return Span::NULL,
        Value::Text(text) => text.range.start - 1..text.range.end + 1,
        Value::Json(range) => range.clone(),
    };
    store.build(|out| {
        cursor.push_as_it_stands(range, out);
    })
}

/// The time of a value whose text was put into `store` at `raw`.
#[inline]
pub(super) fn read_time(value: &Value, raw: Span, store: &TextStore, zone: NaiveZone) -> TimeSpan {
    let reading = match (value, store.get(raw)) {
        (Value::Text(_), Some(text)) => time::read(text, zone),
        (Value::Json(_), _) => TimeReading::Unreadable,
        _ => TimeReading::Absent,
    };
    TimeSpan { reading, raw }
}

/// An integer, or the text of one; `5.0` is the integer 5 to whoever wrote it.
pub(super) fn read_integer(cursor: &Cursor<'_>, value: &Value) -> Option<i64> {
    let mut text = String::new();
    match value {
        Value::Null => return None,
        Value::Text(string) => cursor.decode(string, &mut text),
        Value::Json(range) => cursor.push_as_it_stands(range.clone(), &mut text),
    };
    integer_of(&text)
}

/// The integer that a text says.
pub(super) fn integer_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    whole.parse().ok()
}

/// A number, or the text of one, or the name of a status.
pub(super) fn read_status(cursor: &Cursor<'_>, value: &Value) -> Option<JobStatus> {
    if let Some(code) = read_integer(cursor, value) {
        return Some(JobStatus(code));
    }
    let Value::Text(text) = value else { return None };
    let mut name = String::new();
    cursor.decode(text, &mut name);
    JobStatus::by_name(name.trim())
}

/// A GUID, else why there is none.
pub(super) fn read_guid(cursor: &Cursor<'_>, value: &Value) -> Result<Guid, String> {
    match value {
        Value::Text(text) => {
            let mut id = String::new();
            cursor.decode(text, &mut id);
            id.parse().map_err(|_| {
                // A reason is for people: the whole of a long text helps nobody.
                let shown: String = id.chars().take(SHOWN).collect();
                let more = if shown.len() < id.len() { "..." } else { "" };
                format!("JobRunID {shown:?}{more} is no GUID")
            })
        }
        Value::Null => Err("JobRunID is null".to_owned()),
        Value::Json(_) => Err("JobRunID is no string".to_owned()),
    }
}

/// Characters of a text that a reason quotes.
const SHOWN: usize = 60;
