//! Foreign texts on one line, where nothing in them is executed and everything is seen; errors with their causes; numbers
//! with their nouns.

use std::borrow::Cow;
use std::error::Error;

use unicode_width::UnicodeWidthChar;

/// A whole number with its thousands set apart: `748,000`.
#[must_use]
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with the noun that goes with it: `1 run`, `3,000 runs`.
#[must_use]
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let ending = match number {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", grouped(number))
}

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

/// Most characters of one foreign text in a line for people; the rest stands in the archive and in JSON.
const LONGEST: usize = 4000;

/// A foreign text as one line for people: what would steer the terminal stands escaped (`\n`, `\u{202e}`), and a text of
/// more than [`LONGEST`] characters is cut.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST));
    let mut characters = text.chars();
    for character in characters.by_ref().take(LONGEST) {
        if is_active(character) {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    let left = characters.count();
    if left > 0 {
        line.push_str(&format!("… ({left} more characters)"));
    }
    line
}

/// JSON that says the same, with what would steer a terminal as escapes of JSON.
#[must_use]
pub fn printable_json(json: &str) -> Cow<'_, str> {
    if !json.chars().any(is_active) {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if is_active(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                line.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            line.push(character);
        }
    }
    Cow::Owned(line)
}

/// The text, or as much of it as fits with an ellipsis into so many characters.
#[must_use]
pub fn at_most(text: &str, characters: usize) -> Cow<'_, str> {
    match (
        shortened(text, characters),
        shortened(text, characters.saturating_sub(1)),
    ) {
        (Some(_), Some(begin)) => Cow::Owned(format!("{begin}…")),
        _ => Cow::Borrowed(text),
    }
}

/// The first `characters` of a text; `None` where it has no more than that.
#[must_use]
pub fn shortened(text: &str, characters: usize) -> Option<&str> {
    text.char_indices().nth(characters).map(|(at, _)| &text[..at])
}

/// The causes of `error` from the nearest to the deepest, each once: some libraries repeat a cause in their own words, or
/// with more in front.
#[must_use]
pub fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let message = error.to_string();
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        let is_said = message.contains(&text) || causes.iter().any(|said| said.contains(&text));
        if !is_said {
            if causes.last().is_some_and(|last| text.ends_with(last.as_str())) {
                causes.pop();
            }
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}

/// An error with its causes in one line, separated by colons.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    for cause in causes(error) {
        line.push_str(": ");
        line.push_str(&cause);
    }
    line
}

/// The one of `known` that was probably meant by `given`, if one is near. Letter case does not count.
#[must_use]
pub fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    /// At most a third of the letters are missing, added, replaced or swapped with their neighbour.
    const SIMILAR: f64 = 0.66;
    let given = given.to_lowercase();
    known
        .map(|word| {
            let similarity = strsim::normalized_damerau_levenshtein(&given, &word.to_lowercase());
            (similarity, word)
        })
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, word)| word)
}

/// The text with a capital letter at its begin, where that is ASCII.
#[must_use]
pub fn capitalized(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// Columns of a terminal that a text takes.
#[must_use]
pub fn columns_of(text: &str) -> usize {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.len();
    }
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// A foreign text on one line of at most so many columns. What is left out is at its end, and an ellipsis stands for it.
#[must_use]
pub fn begin_in_columns(text: &str, columns: usize) -> String {
    let text = visible(text);
    if columns_of(&text) <= columns {
        return text.into_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        kept.push(character);
    }
    kept + "…"
}

/// A foreign name on one line of at most so many columns. What is left out is in its middle: names often differ only in how
/// they end.
#[must_use]
pub fn in_columns(name: &str, columns: usize) -> String {
    let name = visible(name);
    if columns_of(&name) <= columns {
        return name.into_owned();
    }
    let behind = columns / 3;
    let ellipsis = "…";
    let mut begin = String::new();
    let mut left = columns.saturating_sub(behind + 1);
    for character in name.chars() {
        let width = character.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        begin.push(character);
    }
    let mut end = Vec::new();
    left = behind;
    for character in name.chars().rev() {
        let width = character.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        end.push(character);
    }
    // A mark that belongs to a letter must not be set on the ellipsis.
    while end.last().is_some_and(|last| last.width().unwrap_or(0) == 0) {
        end.pop();
    }
    begin + ellipsis + &end.into_iter().rev().collect::<String>()
}

/// Control characters; marks that set the direction of text; line and paragraph separators; the byte order mark; what has
/// no width and joins no letters, so that two names with and without it would look the same.
#[must_use]
pub fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// `text` as a POSIX shell takes it, or on Windows `cmd` and PowerShell, in quotes only where they are needed.
#[must_use]
pub fn shell_quoted(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || "/._-+@%:,".contains(c) || (cfg!(windows) && c == '\\');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    if cfg!(windows) {
        return format!("\"{text}\"");
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_its_columns_whatever_it_is() {
        assert_eq!(begin_in_columns("abc", 3), "abc");
        assert_eq!(begin_in_columns("abcd", 3), "ab…");
        assert_eq!(begin_in_columns("東京東京", 5), "東京…");
        assert_eq!(begin_in_columns("東京東京", 4), "東…");
        assert_eq!(begin_in_columns("a\x1b", 4), "a␛");
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{message}")]
    struct Failed {
        message: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn each_cause_stands_once_in_the_chain() {
        let error = ["error 13: disk is full", "disk is full", "cannot store", "cannot"]
            .into_iter()
            .fold(None, |source, message| Some(Box::new(Failed { message, source })))
            .unwrap();
        assert_eq!(chain(&*error), "cannot: cannot store: error 13: disk is full");
    }

    #[test]
    fn a_name_is_shortened_in_its_middle_to_the_columns_there_are() {
        assert_eq!(in_columns("abc", 3), "abc");
        assert_eq!(
            in_columns("The evaluation of site 478 UNIX", 20),
            "The evaluatio…8 UNIX"
        );
        assert_eq!(in_columns("東京東京東京", 8), "東京…京");
        let marks = "\u{301}".repeat(9);
        assert_eq!(
            in_columns(&format!("abcdefgh{marks}"), 6),
            format!("abc…gh{marks}")
        );
        assert_eq!(in_columns(&format!("abcdef{marks}gh"), 6), "abc…gh");
        assert_eq!(columns_of("東京…"), 5);
        for columns in 0..12 {
            assert!(columns_of(&in_columns("\x1b[31m東京 e\u{301}\u{200b} 🙂🙂", columns)) <= columns.max(1));
        }
    }

    #[test]
    fn a_noun_goes_with_its_number() {
        let shown = [counted(1, "loss"), counted(3, "loss"), counted(3000, "run")];
        assert_eq!(shown, ["1 loss", "3 losses", "3,000 runs"]);
    }

    #[test]
    fn a_cut_text_ends_in_an_ellipsis() {
        assert_eq!(at_most("über", 4), "über");
        assert_eq!(at_most("übers", 4), "übe…");
    }

    #[test]
    fn a_line_is_printable_and_of_bounded_length() {
        assert_eq!(
            printable("a\x1b[2J\nb\u{9b}\u{202e}\u{200b}\u{2028}ü"),
            r"a\u{1b}[2J\nb\u{9b}\u{202e}\u{200b}\u{2028}ü"
        );
        let long = printable(&"ü".repeat(LONGEST + 7));
        assert!(long.ends_with("ü… (7 more characters)"), "{long}");
        assert_eq!(printable(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
        let json = serde_json::Value::from("a\u{202e}b\u{7f}\u{200b}").to_string();
        assert_eq!(printable_json(&json), r#""a\u202eb\u007f\u200b""#);
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_word_and_a_strange_word_none() {
        let words = ["url", "username", "ca_cert", "rate_limit"];
        for (given, meant) in [
            ("user_name", Some("username")),
            ("CA-cert", Some("ca_cert")),
            ("rate_limti", Some("rate_limit")),
            ("ulr", Some("url")),
            ("elephant", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, words.into_iter()), meant, "{given}");
        }
    }

    #[test]
    fn escape_sequences_are_seen_and_not_executed() {
        assert_eq!(visible("a\x1b[31mb\r\n\t\0\x7f"), "a␛[31mb␍␊␉␀␡");
        assert_eq!(visible("\u{9b}2J\u{202e}x"), "\\u{9b}2J\\u{202e}x");
        assert_eq!(visible("SRV\u{200b}-1\u{2060}"), "SRV\\u{200b}-1\\u{2060}");
        assert!(matches!(visible("Zürich 東京 🙂"), Cow::Borrowed(_)));
    }

    #[cfg(unix)]
    #[test]
    fn a_word_can_be_pasted_into_a_shell() {
        assert_eq!(shell_quoted("/etc/jobruns/pw"), "/etc/jobruns/pw");
        assert_eq!(shell_quoted("it's my pw"), r"'it'\''s my pw'");
    }
}
