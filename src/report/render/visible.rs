//! Foreign texts on one line, where nothing in them is executed and everything is seen.

use std::borrow::Cow;

/// The text with control characters shown as their pictures (`␛`, `␊`), and what reorders or hides text as its code
/// (`\u{202e}`): a terminal would do as they say.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match u32::from(character) {
            // U+2400 to U+241F are the pictures of 0 to 31.
            code @ 0..0x20 => shown.push(char::from_u32(0x2400 + code).expect("a picture of the block")),
            0x7f => shown.push('\u{2421}'),
            _ if is_active(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Control characters; marks that set the direction of text; line and paragraph separators; the byte order mark; what has
/// no width and joins no letters, so that two names with and without it would look the same.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_seen_and_not_executed() {
        assert_eq!(visible("a\x1b[31mb\r\n\t\0\x7f"), "a␛[31mb␍␊␉␀␡");
        assert_eq!(visible("\u{9b}2J\u{202e}x"), "\\u{9b}2J\\u{202e}x");
        assert_eq!(visible("SRV\u{200b}-1\u{2060}"), "SRV\\u{200b}-1\\u{2060}");
        assert!(matches!(visible("Zürich 東京 🙂"), Cow::Borrowed(_)));
    }
}
