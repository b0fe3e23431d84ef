//! A cursor over the JSON of one run: strings, values, members, each where it lies in the bytes.
//!
//! Stricter than most about structure, milder than the standard about text: raw control characters in a string are
//! taken, invalid UTF-8, a lone surrogate or a NUL become U+FFFD, and the run is kept.

use std::ops::Range;

/// Nesting that is read; what is deeper is unreadable.
pub const MAX_DEPTH: usize = 128;

/// U+FFFD, for what is no valid Unicode.
const REPLACEMENT: char = '\u{FFFD}';

/// Why the JSON cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// A string as it lies in the bytes, without its quotes.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) range: Range<usize>,
    /// No escapes and no NUL: the text is what stands there.
    plain: bool,
}

/// A value as it lies in the bytes.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Text(Text),
    /// A number, `true`, `false`, an object or an array: its JSON.
    Json(Range<usize>),
}

/// The bytes of a run, and how far they were read.
#[derive(Debug)]
pub(super) struct Cursor<'run> {
    bytes: &'run [u8],
    /// The same bytes, where all of them are valid UTF-8.
    text: Option<&'run str>,
    has_nul: bool,
    pub(super) at: usize,
}

impl<'run> Cursor<'run> {
    pub(super) fn new(bytes: &'run [u8]) -> Self {
        let has_nul = memchr::memchr(0, bytes).is_some();
        Self {
            bytes,
            text: std::str::from_utf8(bytes).ok(),
            has_nul,
            at: 0,
        }
    }

    pub(super) const fn bytes(&self) -> &'run [u8] {
        self.bytes
    }

    pub(super) const fn broken(&self, what: &'static str) -> Broken {
        Broken { at: self.at, what }
    }

    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes `byte`, past white space.
    pub(super) fn take(&mut self, byte: u8, what: &'static str) -> Result<(), Broken> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.broken(what))
    }

    /// Takes a string, past white space.
    pub(super) fn string(&mut self) -> Result<Text, Broken> {
        self.take(b'"', "no string where one was expected")?;
        let start = self.at;
        let mut plain = !self.has_nul;
        loop {
            let Some(found) = memchr::memchr2(b'"', b'\\', &self.bytes[self.at..]) else {
                self.at = self.bytes.len();
                return Err(self.broken("a string without end"));
            };
            self.at += found;
            if self.bytes[self.at] == b'"' {
                let range = start..self.at;
                self.at += 1;
                return Ok(Text { range, plain });
            }
            plain = false;
            self.escape()?;
        }
    }

    /// Steps over an escape; `at` is on its backslash.
    fn escape(&mut self) -> Result<(), Broken> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.broken("an escape that JSON does not know"));
                }
                self.at += 6;
            }
            _ => return Err(self.broken("an escape that JSON does not know")),
        }
        Ok(())
    }

    /// Takes a value, past white space; `depth` is how deep it lies.
    pub(super) fn value(&mut self, depth: usize) -> Result<Value, Broken> {
        let Some(first) = self.peek() else {
            return Err(self.broken("no value where one was expected"));
        };
        let start = self.at;
        match first {
            b'"' => return self.string().map(Value::Text),
            b'n' => return self.literal(b"null").map(|()| Value::Null),
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'{' => self.members(depth, &mut |cursor, _| cursor.value(depth + 1).map(drop))?,
            b'[' => self.elements(depth, &mut |cursor| cursor.value(depth + 1).map(drop))?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(self.broken("no value where one was expected")),
        }
        Ok(Value::Json(start..self.at))
    }

    /// Takes an object; `member` takes the value of each name.
    pub(super) fn members(
        &mut self,
        depth: usize,
        member: &mut dyn FnMut(&mut Self, Text) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        if depth >= MAX_DEPTH {
            return Err(self.broken("nested too deep"));
        }
        self.take(b'{', "no object where one was expected")?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let name = self.string()?;
            self.take(b':', "no `:` behind a field name")?;
            member(self, name)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.broken("neither `,` nor `}` behind a field")),
            }
        }
    }

    /// Takes an array; `element` takes each.
    pub(super) fn elements(
        &mut self,
        depth: usize,
        element: &mut dyn FnMut(&mut Self) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        if depth >= MAX_DEPTH {
            return Err(self.broken("nested too deep"));
        }
        self.take(b'[', "no array where one was expected")?;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.broken("neither `,` nor `]` behind an element")),
            }
        }
    }

    fn literal(&mut self, literal: &'static [u8]) -> Result<(), Broken> {
        if !self.bytes[self.at..].starts_with(literal) {
            return Err(self.broken("no value where one was expected"));
        }
        self.at += literal.len();
        Ok(())
    }

    /// A number as RFC 8259 has it.
    fn number(&mut self) -> Result<(), Broken> {
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.broken("no number where one began")),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.broken("no digit where one was expected"));
        }
        Ok(())
    }

    /// The text of a string that needs no decoding.
    pub(super) fn plain(&self, text: &Text) -> Option<&'run str> {
        if text.plain {
            self.text?.get(text.range.clone())
        } else {
            None
        }
    }

    /// Appends what a string says; whether anything had to be replaced.
    pub(super) fn decode(&self, text: &Text, out: &mut String) -> bool {
        if let Some(plain) = self.plain(text) {
            out.push_str(plain);
            return false;
        }
        let mut replaced = false;
        let mut rest = &self.bytes[text.range.clone()];
        while let Some(backslash) = memchr::memchr(b'\\', rest) {
            replaced |= push_text(&rest[..backslash], out);
            rest = &rest[backslash..];
            let (character, length) = unescape(rest);
            replaced |= character.is_none();
            out.push(character.unwrap_or(REPLACEMENT));
            rest = &rest[length..];
        }
        replaced |= push_text(rest, out);
        replaced
    }

    /// Appends JSON as it stands, with what is no valid Unicode replaced.
    pub(super) fn push_json(&self, range: Range<usize>, out: &mut String) {
        push_text(&self.bytes[range], out);
    }
}

/// Appends bytes without escapes; whether anything had to be replaced.
fn push_text(bytes: &[u8], out: &mut String) -> bool {
    let mut replaced = false;
    for chunk in bytes.utf8_chunks() {
        let mut pieces = chunk.valid().split('\0');
        out.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            replaced = true;
            out.push(REPLACEMENT);
            out.push_str(piece);
        }
        if !chunk.invalid().is_empty() {
            replaced = true;
            out.push(REPLACEMENT);
        }
    }
    replaced
}

/// The character of an escape (checked when it was scanned) and its length; `None` for a lone surrogate or NUL.
fn unescape(bytes: &[u8]) -> (Option<char>, usize) {
    let character = match bytes[1] {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = hex_unit(&bytes[2..6]);
            if (0xD800..0xDC00).contains(&unit)
                && bytes.len() >= 12
                && bytes[6] == b'\\'
                && bytes[7] == b'u'
                && let low @ 0xDC00..0xE000 = hex_unit(&bytes[8..12])
            {
                return (
                    char::from_u32(0x10000 + ((unit - 0xD800) << 10 | (low - 0xDC00))),
                    12,
                );
            }
            return (char::from_u32(unit).filter(|&c| c != '\0'), 6);
        }
        other => char::from(other),
    };
    (Some(character), 2)
}

fn hex_unit(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |unit, &digit| {
        unit << 4 | char::from(digit).to_digit(16).unwrap_or(0)
    })
}
