//! Decodes the strings of a run: their escapes, with U+FFFD in place of invalid Unicode.
//!
//! .NET strings may contain a lone surrogate or a NUL, and a bad byte may come from anywhere. A table cannot hold any of
//! these, so they become U+FFFD there; the payload keeps the bytes.

use std::ops::Range;

use super::json::{Cursor, RawText};

const REPLACEMENT: char = '\u{FFFD}';

impl<'run> Cursor<'run> {
    /// The text of a string that needs no decoding.
    #[inline]
    pub(super) fn plain(&self, text: &RawText) -> Option<&'run str> {
        if text.plain {
            self.valid()?.get(text.range.clone())
        } else {
            None
        }
    }

    /// Appends the decoded string; returns whether anything had to be replaced.
    #[inline]
    pub(super) fn decode(&self, text: &RawText, out: &mut String) -> bool {
        match self.plain(text) {
            Some(plain) => {
                out.push_str(plain);
                false
            }
            None => self.decode_escaped(text.range.clone(), out),
        }
    }

    fn decode_escaped(&self, range: Range<usize>, out: &mut String) -> bool {
        let mut replaced = false;
        let mut at = range.start;
        let bytes = &self.bytes()[..range.end];
        while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
            replaced |= self.push_as_it_stands(at..at + found, out);
            at += found;
            let (character, length) = unescape(&bytes[at..]);
            replaced |= character.is_none();
            out.push(character.unwrap_or(REPLACEMENT));
            at += length;
        }
        replaced | self.push_as_it_stands(at..range.end, out)
    }

    /// Appends bytes without decoding escapes, and replaces invalid Unicode; returns whether anything was replaced.
    pub(super) fn push_as_it_stands(&self, range: Range<usize>, out: &mut String) -> bool {
        if let Some(valid) = self.valid().and_then(|valid| valid.get(range.clone())) {
            out.push_str(valid);
            return false;
        }
        let mut replaced = false;
        for chunk in self.bytes()[range].utf8_chunks() {
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
}

/// The character of an escape, which was checked by the cursor, and its length; `None` for a lone surrogate or NUL.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(inner: &[u8]) -> (String, bool) {
        let json = [b"\"", inner, b"\""].concat();
        let mut cursor = Cursor::new(&json);
        let text = cursor.string().expect("a string");
        let mut out = String::new();
        let replaced = cursor.decode(&text, &mut out);
        (out, replaced)
    }

    #[test]
    fn escapes_and_pairs_are_decoded() {
        for (inner, expected) in [
            (r"", ""),
            (r"plain ä", "plain ä"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"a\u00e4\u20AC", "aä€"),
            (r"\ud83d\ude00!", "😀!"),
            ("raw\ncontrol\u{1}", "raw\ncontrol\u{1}"),
        ] {
            assert_eq!(decoded(inner.as_bytes()), (expected.to_owned(), false), "{inner}");
        }
    }

    #[test]
    fn what_is_no_unicode_is_replaced_and_told() {
        for (inner, expected) in [
            (&br"\ud800"[..], "\u{fffd}"),
            (br"\udc00\ud800", "\u{fffd}\u{fffd}"),
            (br"\ud800A", "\u{fffd}A"),
            (br"\ud800\u0041", "\u{fffd}A"),
            (br"\ud800\ud83d\ude00", "\u{fffd}😀"),
            (br"a\u0000b", "a\u{fffd}b"),
            (b"a\0b", "a\u{fffd}b"),
            (b"a\xffb", "a\u{fffd}b"),
            (b"\xe2\x82", "\u{fffd}"),
            (b"\xe2\x82\\n", "\u{fffd}\n"),
        ] {
            assert_eq!(decoded(inner), (expected.to_owned(), true), "{inner:?}");
        }
    }
}
