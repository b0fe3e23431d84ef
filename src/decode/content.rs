//! The hash of a run's content, whatever its order.
//!
//! Two runs have the same hash if their JSON says the same, whatever the order of members and messages, the white space,
//! the letter case of names and of the run's GUID, and the way strings are escaped. Unknown fields count too.
//! Precisely, `H` is SHA-256, and lengths and counts are unsigned LEB128 (7 bits a byte, lowest first, the top bit set on
//! all but the last):
//!
//! - a value is written as: string `s`, length, its UTF-8; a string in which something had to be replaced (invalid
//!   Unicode, NUL) `x`, length, its bytes between the quotes as received; number, `true`, `false` `j`, length, its JSON;
//!   null `n`; array `a`, count, its values; object `o` and its members;
//! - members are written as: count, then each name (length, UTF-8, ASCII letters lower case) with its value, in the order
//!   of names; of equal names the last counts; members that are null do not;
//! - the message list of the run, if it is an array, is written as: `m`, count, then the 32-byte digests of its
//!   elements, sorted; the digest of an unreadable message is `H` of `b` and its bytes as received;
//! - the digest of a readable message is `H` of `r`; of each of Asset, AssetOwner, AssetType, Category, DateTime, Message and
//!   MessageDetails, in this order, what is written of its value up to the length (`n` if it is null or missing; an array
//!   or object is `w`, length); its other members; and then, in the same order, what those lengths are of: the bytes of the
//!   texts, and of an array or object what is written of it;
//! - the hash of the run is `H` of its object, in which JobRunID is written in lower case with hyphens.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use sha2::Digest;

use super::json::{Broken, Cursor, JsonValue, RawText};
use crate::model::Sha256;

/// The members of an object that is being written: each name, and the range of its value in the scratch bytes.
#[derive(Debug, Default)]
pub(super) struct Members {
    names: Vec<(Cow<'static, str>, Range<usize>)>,
    values: Vec<u8>,
}

impl Members {
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
    }

    /// Adds a member whose value `write` appends.
    pub(super) fn add(&mut self, name: impl Into<Cow<'static, str>>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.values.len();
        write(&mut self.values);
        self.names.push((name.into(), start..self.values.len()));
    }

    /// What is written of each, sorted by name. Of equal names the last counts; null is left out.
    pub(super) fn written(self) -> BTreeMap<String, Vec<u8>> {
        let mut written: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (name, range) in self.names {
            written.insert(name.into_owned(), self.values[range].to_vec());
        }
        written.retain(|_, value| *value != b"n");
        written
    }

    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        // A stable sort keeps equal names in their order.
        self.names.sort_by(|a, b| a.0.cmp(&b.0));
        let counts = |index: usize| {
            let (name, range) = &self.names[index];
            let last = self.names.get(index + 1).is_none_or(|(next, _)| next != name);
            last && self.values[range.clone()] != *b"n"
        };
        push_length(out, (0..self.names.len()).filter(|&index| counts(index)).count());
        for (index, (name, range)) in self.names.iter().enumerate() {
            if counts(index) {
                push_length(out, name.len());
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(&self.values[range.clone()]);
            }
        }
    }
}

/// The form of a name by which members are sorted.
pub(super) fn folded_name(cursor: &Cursor<'_>, name: &RawText) -> String {
    let mut text = String::new();
    cursor.decode(name, &mut text);
    text.make_ascii_lowercase();
    text
}

pub(super) fn write_value(cursor: &Cursor<'_>, value: &JsonValue, out: &mut Vec<u8>) {
    match value {
        JsonValue::Json(range) if matches!(cursor.bytes()[range.start], b'{' | b'[') => {
            let mut inner = Cursor::new(&cursor.bytes()[range.clone()]);
            write_nested(&mut inner, 0, out).expect("the cursor has read this value before");
        }
        _ => {
            let mut bytes = Vec::new();
            write_apart(cursor, value, out, &mut bytes);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Appends the tag and length of a value to `head`, and the bytes that these describe to `bytes`.
pub(super) fn write_apart(cursor: &Cursor<'_>, value: &JsonValue, head: &mut Vec<u8>, bytes: &mut Vec<u8>) {
    let before = bytes.len();
    let tag = match value {
        JsonValue::Null => {
            head.push(b'n');
            return;
        }
        JsonValue::Text(text) => {
            let mut decoded = String::new();
            if cursor.decode(text, &mut decoded) {
                bytes.extend_from_slice(&cursor.bytes()[text.range.clone()]);
                b'x'
            } else {
                bytes.extend_from_slice(decoded.as_bytes());
                b's'
            }
        }
        JsonValue::Json(range) => {
            let json = &cursor.bytes()[range.clone()];
            if matches!(json[0], b'{' | b'[') {
                write_value(cursor, value, bytes);
                b'w'
            } else {
                bytes.extend_from_slice(json);
                b'j'
            }
        }
    };
    push_tag(head, tag, bytes.len() - before);
}

fn write_nested(cursor: &mut Cursor<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    match cursor.peek() {
        Some(b'{') => {
            let mut members = Members::default();
            cursor.members(depth, Cursor::string, |cursor, name| {
                let name = folded_name(cursor, &name);
                let mut written = Ok(());
                members.add(name, |values| written = write_nested(cursor, depth + 1, values));
                written
            })?;
            out.push(b'o');
            members.write(out);
        }
        Some(b'[') => {
            let mut values = Vec::new();
            let mut count = 0;
            cursor.elements(depth, |cursor| {
                count += 1;
                write_nested(cursor, depth + 1, &mut values)
            })?;
            out.push(b'a');
            push_length(out, count);
            out.extend_from_slice(&values);
        }
        _ => {
            let value = cursor.value(depth)?;
            write_value(cursor, &value, out);
        }
    }
    Ok(())
}

/// The digest of a written object.
pub(super) fn digest(written: &[u8]) -> Sha256 {
    sha2::Sha256::digest(written).into()
}

/// The digest of a readable message: what is written of its values and other members, and the bytes of the values.
pub(super) fn message_digest(head: &[u8], texts: &[u8]) -> Sha256 {
    sha2::Sha256::new()
        .chain_update(head)
        .chain_update(texts)
        .finalize()
        .into()
}

/// The digest of an unreadable message.
pub(super) fn unreadable_digest(bytes: &[u8]) -> Sha256 {
    sha2::Sha256::new()
        .chain_update(b"b")
        .chain_update(bytes)
        .finalize()
        .into()
}

/// Appends the message list.
pub(super) fn write_message_list(mut digests: Vec<Sha256>, out: &mut Vec<u8>) {
    digests.sort_unstable();
    out.push(b'm');
    push_length(out, digests.len());
    out.extend_from_slice(digests.as_flattened());
}

/// The digests of a written message list; `None` if it is another value.
pub(super) fn message_digests(written: &[u8]) -> Option<&[Sha256]> {
    let rest = written.strip_prefix(b"m")?;
    let length = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    Some(rest[length..].as_chunks().0)
}

/// Appends a tag, the length of `bytes`, and `bytes`.
pub(super) fn push_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    push_tag(out, tag, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends a tag and a length.
#[inline]
pub(super) fn push_tag(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    push_length(out, length);
}

#[inline]
fn push_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}
