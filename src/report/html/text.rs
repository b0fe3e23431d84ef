//! What templates put between their tags: foreign text, and places on the screen.
//!
//! `maud` escapes whatever a template interpolates. Foreign text also goes through one of the types here, which make control
//! characters and marks that reorder or hide text visible.

use std::fmt::Write;

use maud::Render;

use crate::text::visible;

/// Bytes of a word that is never broken.
const WORD_BYTES: usize = 10;

/// Letters that stay together on each side of a break.
const LEAST_PART: usize = 3;

/// Foreign text on one line; control characters are shown as their pictures.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(pub &'a str);

impl Render for Text<'_> {
    fn render_to(&self, buffer: &mut String) {
        visible(self.0).render_to(buffer);
    }
}

/// Foreign text with its line breaks.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a>(pub &'a str);

impl Render for Lines<'_> {
    fn render_to(&self, buffer: &mut String) {
        if !self.0.contains('\n') {
            return Text(self.0).render_to(buffer);
        }
        for (number, line) in self.0.split('\n').enumerate() {
            if number > 0 {
                buffer.push_str("<br>");
            }
            Text(line.strip_suffix('\r').unwrap_or(line)).render_to(buffer);
        }
    }
}

/// Foreign text with its line breaks, in which a long word may be broken where people would break it: after a stop, a
/// slash, an underscore.
#[derive(Debug, Clone, Copy)]
pub struct Breakable<'a>(pub &'a str);

impl Render for Breakable<'_> {
    fn render_to(&self, buffer: &mut String) {
        for (number, word) in self.0.split(' ').enumerate() {
            if number > 0 {
                buffer.push(' ');
            }
            let mut rest = word;
            if word.len() > WORD_BYTES {
                while let Some(end) = break_in(rest) {
                    Lines(&rest[..end]).render_to(buffer);
                    buffer.push_str("<wbr>");
                    rest = &rest[end..];
                }
            }
            Lines(rest).render_to(buffer);
        }
    }
}

/// A length in pixels, or a place in the units of a view box: to two decimals and without needless zeros, which is enough
/// for a tenth of a pixel, and short.
#[derive(Debug, Clone, Copy)]
pub(in crate::report::html) struct Units(pub f64);

impl Render for Units {
    fn render_to(&self, buffer: &mut String) {
        let from = buffer.len();
        write!(buffer, "{:.2}", self.0).expect("writing to a String cannot fail");
        let kept = buffer.trim_end_matches('0').trim_end_matches('.').len();
        buffer.truncate(kept.max(from));
        if &buffer[from..] == "-0" {
            buffer.truncate(from);
            buffer.push('0');
        }
    }
}

/// A share of the width, from 0 to 100.
#[derive(Debug, Clone, Copy)]
pub(in crate::report::html) struct Percent(pub f64);

impl Render for Percent {
    fn render_to(&self, buffer: &mut String) {
        Units(self.0).render_to(buffer);
        buffer.push('%');
    }
}

/// Behind which byte a word is best broken first; `None` where it is not to be broken.
fn break_in(word: &str) -> Option<usize> {
    let is_stop = |byte: &u8| {
        matches!(
            byte,
            b'\\' | b'/' | b'.' | b'_' | b':' | b',' | b';' | b'=' | b'@'
        )
    };
    let bytes = word.as_bytes();
    let part = |from: usize, to: usize| bytes[from..to].iter().all(|&byte| byte.is_ascii_alphanumeric());
    (LEAST_PART..bytes.len().saturating_sub(LEAST_PART))
        .find(|&at| is_stop(&bytes[at]) && part(at + 1, at + 3))
        .map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    #[test]
    fn foreign_text_never_becomes_markup() {
        let (name, text) = ("\"><script>alert(1)</script>", "</b>&\x1b'\u{202e}");
        let markup = html! { b title=(Text(name)) { (Text(text)) (Lines(text)) (Breakable(text)) } };
        let shown = "&lt;/b&gt;&amp;␛'\\u{202e}".repeat(3);
        assert_eq!(
            markup.into_string(),
            format!("<b title=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">{shown}</b>")
        );
    }

    #[test]
    fn line_breaks_of_a_text_are_kept_where_they_are_asked_for() {
        let markup = html! { (Lines("a\r\nb<")) (Text("\n")) };
        assert_eq!(markup.into_string(), "a<br>b&lt;␊");
    }

    #[test]
    fn a_long_word_may_be_broken_where_people_would_break_it() {
        let broken = |text: &str| Breakable(text).render().into_string().replace("<wbr>", "|");
        assert_eq!(
            broken(r"CORP\it.operations said: no"),
            r"CORP\|it.operations said: no"
        );
        assert_eq!(
            broken("https://ccs.example.com:12431/a?b=<c>"),
            "https://|ccs.|example.|com:|12431/a?b=&lt;c&gt;"
        );
        assert_eq!(
            broken("not_looked a/b 3.14 2026-01-01"),
            "not_looked a/b 3.14 2026-01-01"
        );
        assert_eq!(broken("some_name_of_it"), "some_|name_|of_it");
        assert_eq!(
            broken("a\nb\r\nlong_word_東京東京"),
            "a<br>b<br>long_|word_東京東京"
        );
    }

    #[test]
    fn places_are_short() {
        let short = |place| Units(place).render().into_string();
        assert_eq!(
            [0.0, 100.0, 12.5, 1.0 / 3.0, -0.0001, -2.0].map(short),
            ["0", "100", "12.5", "0.33", "0", "-2"]
        );
    }
}
