//! A cursor over the JSON of one run, which yields strings, values and members as slices of the bytes.
//!
//! It is stricter than most parsers about structure, and more lenient than the standard about text: raw control characters
//! in a string are accepted, and [`super::text`] replaces invalid Unicode.

use std::ops::Range;

use wide::u8x16;

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 128;

/// How many bytes of a string are searched by a plain loop, before a search that is made for long texts pays off.
const NEAR: usize = 128;

/// Why the JSON cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

/// A string as received, without its quotes.
#[derive(Debug, Clone)]
pub(super) struct RawText {
    pub(super) range: Range<usize>,
    /// Whether it has no escapes.
    pub(super) plain: bool,
}

/// A value as received.
#[derive(Debug, Clone)]
pub(super) enum JsonValue {
    Null,
    Text(RawText),
    /// A number, `true`, `false`, an object or an array: its JSON.
    Json(Range<usize>),
}

/// The bytes of a run, and the position up to which they were read.
#[derive(Debug)]
pub(super) struct Cursor<'run> {
    bytes: &'run [u8],
    /// The same bytes, if all of them are valid UTF-8 and none is NUL.
    valid: Option<&'run str>,
    pub(super) at: usize,
}

impl<'run> Cursor<'run> {
    pub(super) fn new(bytes: &'run [u8]) -> Self {
        let has_nul = memchr::memchr(0, bytes).is_some();
        Self {
            bytes,
            valid: std::str::from_utf8(bytes).ok().filter(|_| !has_nul),
            at: 0,
        }
    }

    pub(super) const fn bytes(&self) -> &'run [u8] {
        self.bytes
    }

    /// The same bytes, if all of them are valid UTF-8 and none is NUL.
    pub(super) const fn valid(&self) -> Option<&'run str> {
        self.valid
    }

    pub(super) const fn broken(&self, what: &'static str) -> Broken {
        Broken { at: self.at, what }
    }

    #[inline]
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
    #[inline]
    pub(super) fn take(&mut self, byte: u8, what: &'static str) -> Result<(), Broken> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.broken(what))
    }

    /// Takes a string, past white space.
    #[inline]
    pub(super) fn string(&mut self) -> Result<RawText, Broken> {
        self.take(b'"', "no string where one was expected")?;
        let start = self.at;
        let mut plain = true;
        loop {
            let Some(found) = self.quote_or_backslash() else {
                self.at = self.bytes.len();
                return Err(self.broken("a string without end"));
            };
            self.at = found;
            if self.bytes[found] == b'"' {
                self.at += 1;
                let range = start..found;
                return Ok(RawText { range, plain });
            }
            plain = false;
            self.escape()?;
        }
    }

    /// Where the next quote or backslash is.
    ///
    /// Most strings of a message are so short that calling the search for long texts would cost more than it saves.
    #[inline]
    fn quote_or_backslash(&self) -> Option<usize> {
        let (near, _) = self.bytes[self.at..].as_chunks::<16>();
        let mut at = self.at;
        for lane in near.iter().take(NEAR / 16) {
            let bytes = u8x16::from(*lane);
            let found = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
            let found = found.to_bitmask();
            if found != 0 {
                return Some(at + found.trailing_zeros() as usize);
            }
            at += 16;
        }
        memchr::memchr2(b'"', b'\\', &self.bytes[at..]).map(|found| at + found)
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

    /// Takes a value, past white space; `depth` is its nesting depth.
    #[inline]
    pub(super) fn value(&mut self, depth: usize) -> Result<JsonValue, Broken> {
        if self.peek() == Some(b'"') {
            return self.string().map(JsonValue::Text);
        }
        self.other_value(depth)
    }

    fn other_value(&mut self, depth: usize) -> Result<JsonValue, Broken> {
        let start = self.at;
        match self.peek() {
            Some(b'n') => return self.literal(b"null").map(|()| JsonValue::Null),
            Some(b't') => self.literal(b"true")?,
            Some(b'f') => self.literal(b"false")?,
            Some(b'{') => self.members(depth, Self::string, |cursor, _| cursor.value(depth + 1).map(drop))?,
            Some(b'[') => self.elements(depth, |cursor| cursor.value(depth + 1).map(drop))?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => return Err(self.broken("no value where one was expected")),
        }
        Ok(JsonValue::Json(start..self.at))
    }

    /// Takes an object; calls `name` for each name and `member` for its value.
    #[inline]
    pub(super) fn members<N>(
        &mut self,
        depth: usize,
        mut name: impl FnMut(&mut Self) -> Result<N, Broken>,
        mut member: impl FnMut(&mut Self, N) -> Result<(), Broken>,
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
            let name = name(self)?;
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

    /// Takes an array; calls `element` for each element.
    #[inline]
    pub(super) fn elements(
        &mut self,
        depth: usize,
        mut element: impl FnMut(&mut Self) -> Result<(), Broken>,
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

    /// Whether the text is a number by RFC 8259.
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
}
