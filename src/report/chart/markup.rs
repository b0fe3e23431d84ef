//! HTML and SVG under construction, in which no foreign text can become markup.
//!
//! What is markup is a literal of this program (`&'static str`); everything else goes in as text and is escaped.

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

use crate::text::visible;

/// Letters of a foreign name that a label shows: two lines of a chart. The tooltip and the table have more of it.
const LABEL_LETTERS: usize = 72;

/// Bytes of a word that is never broken.
const WORD_BYTES: usize = 10;

/// Letters that stay together on each side of a break.
const LEAST_PART: usize = 3;

/// Markup under construction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(String);

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A word of this program.
    Word(&'static str),
    /// Foreign text; escaped.
    Text(&'a str),
    /// A whole number.
    Number(u64),
    /// A length in pixels, or a place in the units of a view box.
    Units(f64),
    /// A share of the width, from 0 to 100.
    Percent(f64),
}

impl Markup {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(String::new())
    }

    /// The markup made so far.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a piece of markup of this program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds what was made elsewhere.
    pub fn add(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// Adds foreign text on one line; control characters are shown as their pictures.
    pub fn text(&mut self, text: &str) -> &mut Self {
        escape(&visible(text), &mut self.0);
        self
    }

    /// Adds foreign text with its line breaks.
    pub fn lines(&mut self, text: &str) -> &mut Self {
        if !text.contains('\n') {
            return self.text(text);
        }
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.0.push_str("<br>");
            }
            self.text(line.strip_suffix('\r').unwrap_or(line));
        }
        self
    }

    /// Adds foreign text with its line breaks, in which a long word may be broken where people would break it: behind a
    /// stop, a slash, an underscore.
    pub fn breakable(&mut self, text: &str) -> &mut Self {
        for (number, word) in text.split(' ').enumerate() {
            if number > 0 {
                self.0.push(' ');
            }
            if word.len() <= WORD_BYTES {
                self.lines(word);
                continue;
            }
            let mut rest = word;
            while let Some(end) = break_in(rest) {
                self.lines(&rest[..end]).raw("<wbr>");
                rest = &rest[end..];
            }
            self.lines(rest);
        }
        self
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) -> &mut Self {
        write!(self.0, "{number}").expect("writing to a String cannot fail");
        self
    }

    /// Adds a place, to two decimals and without needless zeros: enough for a tenth of a pixel, and short.
    pub fn units(&mut self, place: f64) -> &mut Self {
        push_units(place, &mut self.0);
        self
    }

    /// Opens an element.
    pub fn open(&mut self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) -> &mut Self {
        self.0.push('<');
        self.0.push_str(name);
        for (attribute, value) in attributes {
            self.0.push(' ');
            self.0.push_str(attribute);
            self.0.push_str("=\"");
            match value {
                Value::Word(word) => self.0.push_str(word),
                Value::Text(text) => {
                    self.text(text);
                }
                Value::Number(number) => {
                    self.number(*number);
                }
                Value::Units(place) => {
                    self.units(*place);
                }
                Value::Percent(share) => {
                    self.units(*share).raw("%");
                }
            }
            self.0.push('"');
        }
        self.0.push('>');
        self
    }

    /// Closes an element.
    pub fn close(&mut self, name: &'static str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        self
    }

    /// An element without content.
    pub fn empty(&mut self, name: &'static str, attributes: &[(&'static str, Value<'_>)]) -> &mut Self {
        self.open(name, attributes).close(name)
    }

    /// An element around a text.
    pub fn leaf(
        &mut self,
        name: &'static str,
        attributes: &[(&'static str, Value<'_>)],
        text: &str,
    ) -> &mut Self {
        self.open(name, attributes).text(text).close(name)
    }
}

/// A foreign name as labels have it.
#[must_use]
pub fn label(text: &str) -> String {
    in_brief(text, LABEL_LETTERS)
}

/// A name in at most so many letters. What is left out is in its middle: names often differ only in how they end.
#[must_use]
pub fn in_brief(name: &str, letters: usize) -> String {
    let all = name.chars().count();
    if all <= letters {
        return name.to_owned();
    }
    let behind = letters / 3;
    let before = shortened(name, letters.saturating_sub(behind + 1)).unwrap_or(name);
    let from = name
        .char_indices()
        .nth(all - behind)
        .map_or(name.len(), |(at, _)| at);
    // A mark that belongs to a letter must not be set on the ellipsis.
    let end = name[from..].trim_start_matches(|c: char| c.width().unwrap_or(0) == 0);
    format!("{}…{}", before.trim_end(), end.trim_start())
}

/// The first `letters` of a text; `None` where it has no more than that.
#[must_use]
pub fn shortened(text: &str, letters: usize) -> Option<&str> {
    text.char_indices().nth(letters).map(|(at, _)| &text[..at])
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

fn push_units(place: f64, out: &mut String) {
    let from = out.len();
    write!(out, "{place:.2}").expect("writing to a String cannot fail");
    let kept = out.trim_end_matches('0').trim_end_matches('.').len();
    out.truncate(kept.max(from));
    if &out[from..] == "-0" {
        out.truncate(from);
        out.push('0');
    }
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_never_becomes_markup() {
        let mut markup = Markup::new();
        markup.leaf(
            "b",
            &[("title", Value::Text("\"><script>alert(1)</script>"))],
            "</b>&\x1b'",
        );
        assert_eq!(
            markup.as_str(),
            "<b title=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">&lt;/b&gt;&amp;␛&#39;</b>"
        );
    }

    #[test]
    fn line_breaks_of_a_text_are_kept_where_they_are_asked_for() {
        let mut markup = Markup::new();
        markup.lines("a\r\nb<").text("\n");
        assert_eq!(markup.as_str(), "a<br>b&lt;␊");
    }

    #[test]
    fn a_long_word_may_be_broken_where_people_would_break_it() {
        let broken = |text: &str| {
            let mut markup = Markup::new();
            markup.breakable(text);
            markup.as_str().replace("<wbr>", "|")
        };
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
        let short = |place| {
            let mut text = String::new();
            push_units(place, &mut text);
            text
        };
        assert_eq!(
            [0.0, 100.0, 12.5, 1.0 / 3.0, -0.0001, -2.0].map(short),
            ["0", "100", "12.5", "0.33", "0", "-2"]
        );
    }

    #[test]
    fn labels_end_where_nobody_reads_on() {
        assert_eq!(label("東京"), "東京");
        assert_eq!(label(&"é".repeat(300)).chars().count(), LABEL_LETTERS);
        let long = |number: u8| {
            format!(
                "{}, region {number}",
                "The quarterly evaluation of all servers ".repeat(8)
            )
        };
        assert!(
            label(&long(7)).ends_with("servers , region 7") && label(&long(7)).starts_with("The quarterly")
        );
        assert_ne!(label(&long(7)), label(&long(8)));
        assert_eq!(
            in_brief(&("abcdefgh".to_owned() + &"\u{301}".repeat(9)), 9),
            "abcde…"
        );
    }
}
