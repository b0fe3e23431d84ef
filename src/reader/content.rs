//! The order-blind hash of a run's content.
//!
//! Two runs have one hash where their JSON says the same, whatever the order of members and messages, the white space,
//! the letter case of names and the way strings are escaped. Fields that nobody knows count too. Precisely, `H` is
//! SHA-256 and lengths and counts are 8 bytes, little endian:
//!
//! - a value is written as: string `s`, length, its UTF-8; a string of which something had to be replaced (no valid
//!   Unicode, NUL) `x`, length, its bytes between the quotes as received; number, `true`, `false` `j`, length, its JSON;
//!   array `a`, count, its values; object `o` and its members;
//! - members are written as: count, then each name (length, UTF-8, ASCII letters lower case) with its value, in the order
//!   of names; of equal names the last counts; members that are null do not;
//! - the message list of the run is written as: `m`, count, then the 32-byte digests of its elements, sorted; the digest of
//!   a readable message is `H` of the object as above, of an unreadable one `H` of `b` and its bytes;
//! - the hash of the run is `H` of its object.

use sha2::Digest;

use super::json::{Broken, Cursor, Text, Value};
use crate::model::Sha256;

/// Members of an object that are being written: name, and where its value is in the scratch bytes.
#[derive(Debug, Default)]
pub(super) struct Members {
    names: Vec<(Vec<u8>, std::ops::Range<usize>)>,
    values: Vec<u8>,
}

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
    }

    /// Adds a member whose value `write` appends; one that appends nothing is null, and takes an equal name away.
    pub(super) fn add(&mut self, name: Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.values.len();
        write(&mut self.values);
        self.names.push((name, start..self.values.len()));
    }

    /// Appends the members.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        // Stable, so that of equal names the last stands last.
        self.names.sort_by(|a, b| a.0.cmp(&b.0));
        let names = &self.names;
        let counts = |index: usize| {
            let (name, range) = &names[index];
            !range.is_empty() && names.get(index + 1).is_none_or(|(next, _)| next != name)
        };
        let count = (0..names.len()).filter(|&index| counts(index)).count();
        push_length(out, count);
        for (index, (name, range)) in names.iter().enumerate() {
            if counts(index) {
                push_length(out, name.len());
                out.extend_from_slice(name);
                out.extend_from_slice(&self.values[range.clone()]);
            }
        }
    }
}

/// A name as members are sorted by.
pub(super) fn folded_name(cursor: &Cursor<'_>, name: &Text) -> Vec<u8> {
    let mut text = String::new();
    cursor.decode(name, &mut text);
    text.make_ascii_lowercase();
    text.into_bytes()
}

/// Appends a value; nothing for null.
pub(super) fn write_value(cursor: &Cursor<'_>, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Text(text) => write_text(cursor, text, out),
        Value::Json(range) => {
            let json = &cursor.bytes()[range.clone()];
            match json[0] {
                b'{' | b'[' => {
                    let mut inner = Cursor::new(json);
                    if write_nested(&mut inner, 0, out).is_err() {
                        unreachable!("the cursor has read this value before");
                    }
                }
                _ => push_bytes(out, b'j', json),
            }
        }
    }
}

/// Appends a string value.
pub(super) fn write_text(cursor: &Cursor<'_>, text: &Text, out: &mut Vec<u8>) {
    if let Some(plain) = cursor.plain(text) {
        push_bytes(out, b's', plain.as_bytes());
        return;
    }
    let mut decoded = String::new();
    if cursor.decode(text, &mut decoded) {
        push_bytes(out, b'x', &cursor.bytes()[text.range.clone()]);
    } else {
        push_bytes(out, b's', decoded.as_bytes());
    }
}

fn write_nested(cursor: &mut Cursor<'_>, depth: usize, out: &mut Vec<u8>) -> Result<(), Broken> {
    match cursor.peek() {
        Some(b'{') => {
            let mut members = Members::default();
            cursor.members(depth, &mut |cursor, name| {
                let name = folded_name(cursor, &name);
                let mut value = Vec::new();
                write_nested(cursor, depth + 1, &mut value)?;
                members.add(name, |values| values.extend_from_slice(&value));
                Ok(())
            })?;
            out.push(b'o');
            members.write(out);
        }
        Some(b'[') => {
            let mut values = Vec::new();
            let mut count = 0;
            cursor.elements(depth, &mut |cursor| {
                let before = values.len();
                write_nested(cursor, depth + 1, &mut values)?;
                if values.len() == before {
                    values.push(b'n'); // null among others keeps its place
                }
                count += 1;
                Ok(())
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

/// The digest of a readable message, of which `object` is the written form.
pub(super) fn message_digest(object: &[u8]) -> Sha256 {
    sha2::Sha256::digest(object).into()
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
    for digest in digests {
        out.extend_from_slice(&digest);
    }
}

pub(super) fn push_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    out.push(tag);
    push_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

pub(super) fn push_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u64).to_le_bytes());
}
