//! Converts JSON values to values of a field: text, JSON text, time, integer, status, GUID.

use super::json::{Cursor, JsonValue};
use super::time;
use crate::model::{Guid, JobStatus, NaiveZone, TextRange, TextStore, TimeReading, TimeSpan};

/// A text put into the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredText {
    pub(super) span: TextRange,
    /// Whether something in it was invalid Unicode or NUL, and was replaced by U+FFFD.
    pub(super) replaced: bool,
}

impl StoredText {
    pub(super) const NULL: Self = Self {
        span: TextRange::NULL,
        replaced: false,
    };
}

/// A string, or the JSON text of any other value except null.
#[inline]
pub(super) fn read_text(cursor: &Cursor<'_>, value: &JsonValue, store: &mut TextStore) -> StoredText {
    let mut replaced = false;
    let span = match value {
        JsonValue::Null => TextRange::NULL,
        JsonValue::Text(text) => store.build(|out| replaced = cursor.decode(text, out)),
        JsonValue::Json(range) => store.build(|out| replaced = cursor.push_as_it_stands(range.clone(), out)),
    };
    StoredText { span, replaced }
}

/// The JSON text of any value except null.
pub(super) fn read_json(cursor: &Cursor<'_>, value: &JsonValue, store: &mut TextStore) -> TextRange {
    let range = match value {
        JsonValue::Null => return TextRange::NULL,
        JsonValue::Text(text) => text.range.start - 1..text.range.end + 1,
        JsonValue::Json(range) => range.clone(),
    };
    store.build(|out| {
        cursor.push_as_it_stands(range, out);
    })
}

/// The time of a value whose text was put into `store` at `raw`.
#[inline]
pub(super) fn read_time(value: &JsonValue, raw: TextRange, store: &TextStore, zone: NaiveZone) -> TimeSpan {
    let reading = match (value, store.get(raw)) {
        (JsonValue::Text(_), Some(text)) => time::read(text, zone),
        (JsonValue::Json(_), _) => TimeReading::Unreadable,
        _ => TimeReading::Absent,
    };
    TimeSpan { reading, raw }
}

/// An integer, or the text of one; `5.0` is the integer 5 as far as its writer cares.
pub(super) fn read_integer(cursor: &Cursor<'_>, value: &JsonValue) -> Option<i64> {
    let mut text = String::new();
    match value {
        JsonValue::Null => return None,
        JsonValue::Text(string) => cursor.decode(string, &mut text),
        JsonValue::Json(range) => cursor.push_as_it_stands(range.clone(), &mut text),
    };
    integer_of(&text)
}

/// The integer that a text gives.
pub(super) fn integer_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    whole.parse().ok()
}

/// A number, or the text of one, or the name of a status.
pub(super) fn read_status(cursor: &Cursor<'_>, value: &JsonValue) -> Option<JobStatus> {
    if let Some(code) = read_integer(cursor, value) {
        return Some(JobStatus(code));
    }
    let JsonValue::Text(text) = value else { return None };
    let mut name = String::new();
    cursor.decode(text, &mut name);
    JobStatus::by_name(name.trim())
}

/// A GUID, or why the value is not one.
pub(super) fn read_guid(cursor: &Cursor<'_>, value: &JsonValue) -> Result<Guid, String> {
    match value {
        JsonValue::Text(text) => {
            let mut id = String::new();
            cursor.decode(text, &mut id);
            id.parse().map_err(|_| {
                // Reasons are for people, who do not need the whole of a long text.
                let shown: String = id.chars().take(SHOWN).collect();
                let more = if shown.len() < id.len() { "..." } else { "" };
                format!("JobRunID {shown:?}{more} is no GUID")
            })
        }
        JsonValue::Null => Err("JobRunID is null".to_owned()),
        JsonValue::Json(_) => Err("JobRunID is no string".to_owned()),
    }
}

/// The most characters of a text that a reason quotes.
const SHOWN: usize = 60;
