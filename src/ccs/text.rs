//! Foreign text made fit for an error message, and values made fit for a form.

use super::secret::REDACTED;

/// Longest quotation of what a server said, in characters: enough for a sentence, too little for a page.
const LONGEST_QUOTE: usize = 400;

/// One line of what a server said: control characters and runs of white space become one space, tags of a page
/// stay (they tell that it is a page), every one of `secrets` is replaced, and the end is cut.
pub(super) fn quote(bytes: &[u8], secrets: &[&str]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, REDACTED);
        let kept = text.len() - tail_of_secret(&text, secret);
        text.truncate(kept);
    }
    let text = text.trim_start_matches('\u{feff}');
    let mut quote = String::new();
    let mut characters = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || is_unprintable(character) {
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

/// How many bytes at the end of `text` are the beginning of `secret`: the text may have been cut within it. A few equal
/// bytes are chance.
fn tail_of_secret(text: &str, secret: &str) -> usize {
    const CHANCE: usize = 4;
    let longest = secret.len().min(text.len());
    (CHANCE..=longest)
        .rev()
        .find(|&length| text.as_bytes().ends_with(&secret.as_bytes()[..length]))
        .unwrap_or(0)
}

/// Characters that could change how a terminal shows what follows: controls and direction marks.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `value` percent-encoded for a form: everything but letters, digits and `-._~`, a space as `%20`.
///
/// A form decoder reads `+` as a space and `%20` as well; only the second is unmistakable.
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
    fn a_quote_is_one_short_line_without_controls_or_secrets() {
        assert_eq!(
            quote(b"\xef\xbb\xbf JobID\r\n\tis \x1b[31minvalid.\0 ", &[]),
            "JobID is [31minvalid."
        );
        assert_eq!(
            quote(b"token abc.def is bad", &["abc.def", ""]),
            "token «redacted» is bad"
        );
        assert_eq!(quote(b"token abc.d", &["abc.def"]), "token");
        let long = quote("ü".repeat(1000).as_bytes(), &[]);
        assert_eq!(long.chars().count(), LONGEST_QUOTE + 1);
        assert!(long.ends_with('…'));
        assert_eq!(quote(b"\xff\xfe ok", &[]), "\u{fffd}\u{fffd} ok");
    }

    #[test]
    fn form_values_are_percent_encoded() {
        let mut form = String::new();
        append_form_value(&mut form, "a&b+c%d=ü \\~");
        assert_eq!(form, "a%26b%2Bc%25d%3D%C3%BC%20%5C~");
    }
}
