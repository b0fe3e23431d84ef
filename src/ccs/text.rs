//! Makes foreign text fit for an error message, and values fit for a form.

/// Longest quotation of what a server said, in characters: enough for a sentence, too little for a page.
const LONGEST_QUOTE: usize = 400;

/// The text of a server in one line: control characters and white space become one space, the tags of a page stay (they
/// show that it is one), and the end is cut. Whether it may be shown at all is up to [`super::redact`].
pub(super) fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let mut quote = String::new();
    let mut characters = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || crate::text::is_active(character) {
            gap = !quote.is_empty();
            continue;
        }
        if characters >= LONGEST_QUOTE {
            quote.push('…');
            break;
        }
        if gap {
            quote.push(' ');
            gap = false;
        }
        quote.push(character);
        characters += 1;
    }
    quote
}

/// JSON with U+FFFD in place of escapes that are not a character (half of a surrogate pair) and of bytes that are not
/// UTF-8: one odd name must not make a whole answer unreadable.
pub(super) fn mended_json(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut mended = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = match escaped_unit(rest) {
            Some(0xd800..=0xdbff) if matches!(escaped_unit(&rest[6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => {
                mended.push_str("\\ufffd");
                rest = &rest[6..];
                continue;
            }
            Some(_) => 6,
            None => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        mended.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    mended.push_str(rest);
    mended
}

/// The number of the escape `\\uXXXX` with which `text` begins.
fn escaped_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

/// `value` percent-encoded for a form: everything but letters, digits and `-._~`, a space as `%20`.
///
/// A form decoder reads both `+` and `%20` as a space; `%20` has no other meaning.
pub(super) fn append_form_value(form: &mut String, value: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            form.push(char::from(byte));
        } else {
            form.push('%');
            form.push(char::from(DIGITS[usize::from(byte >> 4)]));
            form.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_one_short_line_without_controls() {
        assert_eq!(
            one_line(b"\xef\xbb\xbf JobID\r\n\tis \x1b[31minvalid.\0 "),
            "JobID is [31minvalid."
        );
        let long = one_line("ü".repeat(1000).as_bytes());
        assert_eq!(long.chars().count(), LONGEST_QUOTE + 1);
        assert!(long.ends_with('…'));
        assert_eq!(one_line(b"\xff\xfe ok"), "\u{fffd}\u{fffd} ok");
    }

    #[test]
    fn half_a_surrogate_pair_is_mended_and_a_whole_one_stays() {
        let mended = |text: &str| mended_json(text.as_bytes());
        assert_eq!(mended(r#""a\ud800b""#), r#""a\ufffdb""#);
        assert_eq!(mended(r#""\ud83d\ude00""#), r#""\ud83d\ude00""#);
        assert_eq!(mended(r#""\ude00\ud83d""#), r#""\ufffd\ufffd""#);
        assert_eq!(mended(r#""\\ud800 \u00e4 \n""#), r#""\\ud800 \u00e4 \n""#);
        assert_eq!(mended_json(b"\"\xff\\"), "\"\u{fffd}\\");
        assert_eq!(mended("\\ud8"), "\\ud8");
    }

    #[test]
    fn form_values_are_percent_encoded() {
        let mut form = String::new();
        append_form_value(&mut form, "a&b+c%d=ü \\~");
        assert_eq!(form, "a%26b%2Bc%25d%3D%C3%BC%20%5C~");
    }
}
