//! Names to be matched: in any letter case, and with `*` for any text.

/// The text without regard to letter case, of every script: what has one upper case is one, so ß is ss, and each of the
/// two small sigmas the other.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let upper = text.chars().flat_map(char::to_uppercase);
    upper.flat_map(char::to_lowercase).collect()
}

/// A name in which `*` stands for any text, or none.
#[derive(Debug)]
pub(super) struct Pattern {
    /// What lies between the stars, folded; a text without a star is one piece.
    pieces: Vec<String>,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self {
            pieces: fold(text).split('*').map(str::to_owned).collect(),
        }
    }

    /// Whether the whole of a folded text is such a name.
    pub(super) fn fits(&self, folded: &str) -> bool {
        let (first, rest) = self.pieces.split_first().expect("a split text has a piece");
        let Some((last, between)) = rest.split_last() else {
            return folded == first;
        };
        let Some(inner) = folded.strip_prefix(first.as_str()) else {
            return false;
        };
        let Some(mut inner) = inner.strip_suffix(last.as_str()) else {
            return false;
        };
        // The earliest place of each piece leaves the most for those behind it.
        for piece in between {
            match inner.find(piece.as_str()) {
                Some(at) => inner = &inner[at + piece.len()..],
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fits(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).fits(&fold(text))
    }

    #[test]
    fn a_name_fits_in_any_letter_case_of_any_script_and_a_star_is_any_text() {
        for (pattern, text, expected) in [
            ("srv-0042", "SRV-0042", true),
            ("srv-004", "SRV-0042", false),
            ("srv-*", "SRV-0042.corp.example", true),
            ("*.corp.example", "SRV-0042.corp.example", true),
            ("srv*corp*", "SRV-0042.corp.example", true),
            ("srv*db*", "SRV-0042.corp.example", false),
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "x", false),
            ("a*a", "a", false),
            ("a**a", "aa", true),
            ("ab*ba", "aba", false),
            ("*ab*ab*", "xabab", true),
            ("*ab*ab*", "xaba", false),
            ("straße", "STRASSE", true),
            ("ΟΔΟΣ*", "οδος 5", true),
            ("*ς", "ΟΔΟΣ", true),
            ("ünicode*", "ÜNICODE-1", true),
            ("a?c", "abc", false),
            ("100%", "100x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern:?} {text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_as_trying_every_place_does(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
            fn tried(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|at| tried(rest, &text[at..])),
                    Some((byte, rest)) => text.first() == Some(byte) && tried(rest, &text[1..]),
                }
            }
            prop_assert_eq!(fits(&pattern, &text), tried(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
