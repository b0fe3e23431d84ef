//! What is around every page: its head, its policy, its title, what it was made with.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::report::ReportMeta;
use crate::report::html::chart::{Breakable, Lines, Text};
use crate::text::shortened;

const STYLE: &str = include_str!("style.css");

const SCRIPT: &str = include_str!("script.js");

/// Letters of an option (the SQL of a query) that the page shows.
const OPTION_LETTERS: usize = 4_000;

/// The page's policy: its own script and style by their hashes, and nothing else.
#[must_use]
pub fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// A page around its parts. It begins with `opening`: a [`lead`] or an [`age_of`].
#[must_use]
pub fn page(title: &str, opening: &Markup, about: &ReportMeta, parts: &[&Markup]) -> Markup {
    html! {
        (DOCTYPE) "\n"
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (Text(title)) " - jobruns" }
                // Escapes mean nothing in these two elements, and the policy has the hash of the text as it is; a test
                // holds that neither can end its element early.
                style { (PreEscaped(STYLE)) }
            }
            "\n"
            body {
                a.skip href="#table" { "To the table" }
                main {
                    h1 { (Text(title)) }
                    (opening)
                    (about_list(about))
                    @for part in parts { (part) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
        "\n"
    }
}

/// The options and the state of the archive that a page was made with.
fn about_list(about: &ReportMeta) -> Markup {
    html! {
        dl.about {
            (fact("report", &about.report))
            @for (name, value) in &about.options {
                @if let Some(text) = shown(value) { (fact(&name.replace('_', " "), &text)) }
            }
            (fact("ledger head", &about.head))
            (fact("made by", &format!("jobruns {}", about.tool_version)))
        }
        "\n"
    }
}

fn fact(name: &str, text: &str) -> Markup {
    let short = shortened(text, OPTION_LETTERS);
    html! {
        div {
            dt { (Text(name)) }
            dd { (Lines(short.unwrap_or(text))) @if short.is_some() { "…" } }
        }
    }
}

/// What a page says first, in a sentence; nothing where there is nothing to say.
#[must_use]
pub fn lead(words: &str) -> Markup {
    html! { @if !words.is_empty() { p.lead { (Text(words)) } } }
}

/// An option as people read it; `None` where it was not asked for.
fn shown(value: &Json) -> Option<String> {
    match value {
        Json::Null | Json::Bool(false) => None,
        Json::Bool(true) => Some("yes".to_owned()),
        Json::String(text) => Some(text.clone()),
        Json::Array(values) if values.is_empty() => None,
        Json::Object(values) if values.is_empty() => None,
        Json::Array(values) => Some(values.iter().filter_map(shown).collect::<Vec<_>>().join(", ")),
        other => Some(other.to_string()),
    }
}

/// A line that says when, in which the script puts how long ago that was: a page that lies around gets old.
#[must_use]
pub fn age_of(words: &str, at: Option<&str>) -> Markup {
    html! {
        p.lead {
            @if let Some(at) = at {
                time datetime=(Text(at)) data-age { (Text(words)) }
            } @else {
                (Text(words))
            }
        }
        "\n"
    }
}

/// A sentence of a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Words before the name.
    before: String,
    /// A foreign name; the direction of its script does not reach beyond it.
    name: Option<String>,
    /// Words behind the name.
    behind: String,
}

impl From<String> for Sentence {
    fn from(words: String) -> Self {
        Self {
            before: words,
            name: None,
            behind: String::new(),
        }
    }
}

impl Sentence {
    /// A sentence with a foreign name in it.
    #[must_use]
    pub fn with_name(before: &str, name: String, behind: String) -> Self {
        Self {
            before: before.to_owned(),
            name: Some(name),
            behind,
        }
    }
}

impl Render for Sentence {
    fn render(&self) -> Markup {
        html! {
            (unbroken(&self.before))
            @if let Some(name) = &self.name { bdi { (Breakable(name)) } }
            (unbroken(&self.behind))
        }
    }
}

/// A box with a heading, a large line and small ones below it; `mood` is a class of the style sheet.
#[must_use]
pub fn fact_list(heading: &str, big: &str, mood: &'static str, small: &[Sentence]) -> Markup {
    html! {
        section class=(mood) {
            h2 { (Text(heading)) }
            div.big { bdi { (Breakable(big)) } }
            @if !small.is_empty() {
                ul { @for sentence in small { li { (sentence) } } }
            }
        }
        "\n"
    }
}

/// A sentence in which a line break comes neither within a day nor before a percent sign.
fn unbroken(sentence: &str) -> Markup {
    let sentence = sentence.replace(" %", "\u{a0}%");
    html! {
        @for (number, word) in sentence.split(' ').enumerate() {
            @if number > 0 { " " }
            @if word.parse::<chrono::NaiveDate>().is_ok() {
                span.day { (word) }
            } @else {
                (Text(word))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_and_the_style_sheet_are_inside_their_elements_and_nowhere_else() {
        // An end tag inside would end them early, and the hash would be that of another text.
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval"));
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    /// How light a colour of the style sheet is, as WCAG 2 counts it.
    fn luminance(colour: &str) -> f64 {
        let digits = colour.trim_start_matches('#');
        let part = |at: usize| {
            let short = digits.len() == 3;
            let digits = if short {
                digits[at..=at].repeat(2)
            } else {
                digits[2 * at..2 * at + 2].to_owned()
            };
            let share = f64::from(u8::from_str_radix(&digits, 16).unwrap()) / 255.0;
            if share <= 0.03928 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(0) + 0.7152 * part(1) + 0.0722 * part(2)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn texts_can_be_read_and_steps_of_the_heat_map_told_apart_in_light_and_dark() {
        // The first two palettes of the style sheet, light and dark.
        for palette in STYLE.split(":root{").skip(1).take(2) {
            let colour = |name: &str| {
                let found = palette.split(&format!("--{name}:")).nth(1).unwrap();
                found.split([';', '}']).next().unwrap()
            };
            for ink in ["ink", "soft", "blue"] {
                for paper in ["page", "card", "mark"] {
                    let contrast = contrast(colour(ink), colour(paper));
                    assert!(contrast >= 4.5, "{ink} on {paper}: {contrast}");
                }
            }
            for (one, other) in ["h0", "h1", "h2", "h3", "h4"]
                .iter()
                .zip(["h1", "h2", "h3", "h4", "h5"])
            {
                let contrast = contrast(colour(one), colour(other));
                assert!(contrast >= 1.25, "{one} beside {other}: {contrast}");
            }
        }
    }

    #[test]
    fn options_that_were_not_given_are_not_shown() {
        assert_eq!(shown(&Json::Null), None);
        assert_eq!(shown(&serde_json::json!([])), None);
        assert_eq!(shown(&serde_json::json!(["a", "b"])).as_deref(), Some("a, b"));
        assert_eq!(shown(&serde_json::json!(3)).as_deref(), Some("3"));
    }
}
