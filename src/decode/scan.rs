//! Finds the end of a JSON value in a stream of bytes without parsing it.
//!
//! Counts brackets of any kind outside strings: a value that is broken inside is found whole as long as its brackets match.
//! Strings and escapes are found by bit masks, 64 bytes at a time, as in simdjson (Langdale and
//! Lemire, "Parsing Gigabytes of JSON per Second", 2019, sections 3.1.1 and 3.1.2).

use wide::u8x16;

/// The search for the end of a value.
#[derive(Debug, Clone)]
pub(super) enum Scan {
    /// An object or array.
    Bracketed(Brackets),
    /// A string; whether the next byte is escaped.
    Text { escaped: bool },
    /// A number, a literal, or nonsense: ends before a comma, a bracket or white space.
    Bare,
}

impl Scan {
    /// Starts with the value's first byte, which must be scanned too.
    pub(super) const fn begin(first: u8) -> Self {
        match first {
            b'{' | b'[' => Self::Bracketed(Brackets::new()),
            _ => Self::Bare,
        }
    }

    /// Scans the next bytes. `Some(n)`: the value ends before `bytes[n]`; `None`: it goes on.
    ///
    /// A string's opening quote must not be among the bytes.
    pub(super) fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Bracketed(brackets) => brackets.advance(bytes),
            Self::Text { escaped } => end_of_text(bytes, escaped),
            Self::Bare => bytes.iter().position(|byte| {
                matches!(
                    byte,
                    b',' | b'{' | b'}' | b'[' | b']' | b'"' | b' ' | b'\t' | b'\n' | b'\r'
                )
            }),
        }
    }
}

fn end_of_text(bytes: &[u8], escaped: &mut bool) -> Option<usize> {
    let mut at = 0;
    if *escaped && !bytes.is_empty() {
        *escaped = false;
        at = 1;
    }
    loop {
        at += memchr::memchr2(b'"', b'\\', &bytes[at..])?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
        if at > bytes.len() {
            *escaped = true;
            return None;
        }
    }
}

/// Where in a bracketed value the scan is.
#[derive(Debug, Clone)]
pub(super) struct Brackets {
    depth: u64,
    /// All bits set within a string, else zero.
    in_string: u64,
    /// 1 if the next byte is escaped, else 0.
    escaped: u64,
}

impl Brackets {
    const fn new() -> Self {
        Self {
            depth: 0,
            in_string: 0,
            escaped: 0,
        }
    }

    fn advance(&mut self, bytes: &[u8]) -> Option<usize> {
        let (blocks, rest) = bytes.as_chunks::<64>();
        for (index, block) in blocks.iter().enumerate() {
            if let Some(end) = self.block(block) {
                return Some(index * 64 + end);
            }
        }
        let done = blocks.len() * 64;
        rest.iter()
            .position(|&byte| self.byte(byte))
            .map(|end| done + end + 1)
    }

    /// Scans one byte; returns whether the value ends with it.
    fn byte(&mut self, byte: u8) -> bool {
        // An escape affects only quotes and backslashes. JSON has none outside strings, so brackets count there.
        let escaped = std::mem::take(&mut self.escaped) == 1;
        match byte {
            b'\\' if !escaped => self.escaped = 1,
            b'"' if !escaped => self.in_string = !self.in_string,
            b'{' | b'[' if self.in_string == 0 => self.depth += 1,
            b'}' | b']' if self.in_string == 0 => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }

    /// Scans 64 bytes; `Some(n)` if the value ends before byte `n` of them.
    fn block(&mut self, block: &[u8; 64]) -> Option<usize> {
        let masks = Masks::of(block);
        let quotes = masks.quotes & !self.escaped_bytes(masks.backslashes);
        let in_string = prefix_xor(quotes) ^ self.in_string;
        self.in_string = (in_string.cast_signed() >> 63).cast_unsigned();
        let opens = masks.opens & !in_string;
        let closes = masks.closes & !in_string;
        let closing = u64::from(closes.count_ones());
        if closing < self.depth {
            // Too few closing brackets to end the value, even if nothing else were opened.
            self.depth = self.depth + u64::from(opens.count_ones()) - closing;
            return None;
        }
        let mut brackets = opens | closes;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            if opens >> bit & 1 == 1 {
                self.depth += 1;
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    return Some(bit as usize + 1);
                }
            }
            brackets &= brackets - 1;
        }
        None
    }

    /// The bits of bytes that are escaped by a backslash before them; carries over to the next block.
    fn escaped_bytes(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslashes = backslashes & !self.escaped;
        let follows = backslashes << 1 | self.escaped;
        let odd_starts = backslashes & !EVEN & !follows;
        let (even_ends, carry) = odd_starts.overflowing_add(backslashes);
        self.escaped = u64::from(carry);
        (EVEN ^ even_ends << 1) & follows
    }
}

/// Bit `i` of the result is the exclusive or of bits 0 to `i`: set from an opening quote to before its closing one.
const fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^= bits << 32;
    bits
}

/// Where the structural bytes are in a block of 64.
struct Masks {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
}

impl Masks {
    fn of(block: &[u8; 64]) -> Self {
        let mut masks = Self {
            quotes: 0,
            backslashes: 0,
            opens: 0,
            closes: 0,
        };
        let (lanes, _) = block.as_chunks::<16>();
        for (index, lane) in lanes.iter().enumerate() {
            let bytes = u8x16::from(*lane);
            // `[` and `{` differ only in this bit, and so do `]` and `}`.
            let folded = bytes | u8x16::splat(0x20);
            let shift = index * 16;
            let mask = |equal: u8x16| u64::from(equal.to_bitmask()) << shift;
            masks.quotes |= mask(bytes.simd_eq(u8x16::splat(b'"')));
            masks.backslashes |= mask(bytes.simd_eq(u8x16::splat(b'\\')));
            masks.opens |= mask(folded.simd_eq(u8x16::splat(b'{')));
            masks.closes |= mask(folded.simd_eq(u8x16::splat(b'}')));
        }
        masks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end_in_pieces(bytes: &[u8], piece: usize) -> Option<usize> {
        let mut scan = Scan::begin(bytes[0]);
        let mut done = 0;
        for chunk in bytes.chunks(piece) {
            if let Some(end) = scan.advance(chunk) {
                return Some(done + end);
            }
            done += chunk.len();
        }
        None
    }

    /// The same scan byte by byte, as simple as possible.
    fn end_plainly(bytes: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0_i64, false, false);
        for (index, byte) in bytes.iter().enumerate() {
            let was_escaped = std::mem::take(&mut escaped);
            if *byte == b'\\' {
                escaped = !was_escaped;
            } else if *byte == b'"' {
                in_string ^= !was_escaped;
            } else if !in_string && b"{[".contains(byte) {
                depth += 1;
            } else if !in_string && b"}]".contains(byte) {
                depth -= 1;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
        }
        None
    }

    proptest! {
        #[test]
        fn masks_and_plain_words_agree(body in r#"[a\\"{}\[\] ]{0,400}"#, piece in 1_usize..200) {
            let bytes = format!("{{{body}");
            prop_assert_eq!(end_in_pieces(bytes.as_bytes(), piece), end_plainly(bytes.as_bytes()));
        }
    }

    #[test]
    fn strings_end_at_their_own_quote() {
        for (text, end) in [
            (r#"a"x"#, Some(2)),
            (r#"a\"b"x"#, Some(5)),
            (r#"\\"x"#, Some(3)),
            (r#"abc\"#, None),
        ] {
            for piece in 1..=text.len() {
                let mut scan = Scan::Text { escaped: false };
                let mut done = 0;
                let mut found = None;
                for chunk in text.as_bytes().chunks(piece) {
                    if let Some(end) = scan.advance(chunk) {
                        found = Some(done + end);
                        break;
                    }
                    done += chunk.len();
                }
                assert_eq!(found, end, "{text} in pieces of {piece}");
            }
        }
    }
}
