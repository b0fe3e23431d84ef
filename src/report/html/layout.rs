//! What every page has: its policy, its style and script, its title, what it was made with; and the plain parts of pages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::model::JobStatus;
use crate::report::ReportMeta;
use crate::report::format::PageHeading;
use crate::report::html::text::{Breakable, Lines, Text};
use crate::report::numbers::duration;
use crate::report::titles::minute;
use crate::text::shortened;

const STYLE: &str = include_str!("style.css");

const SCRIPT: &str = include_str!("script.js");

/// Characters of an option (the SQL of a query) that the page shows.
const OPTION_CHARACTERS: usize = 4_000;

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

/// A page: its title and what it was made with, then its parts from top to bottom.
#[derive(Debug)]
pub struct PageLayout<'a> {
    heading: &'a PageHeading,
    title: &'a str,
    parts: Vec<Markup>,
}

impl<'a> PageLayout<'a> {
    /// A page without parts.
    #[must_use]
    pub const fn new(title: &'a str, heading: &'a PageHeading) -> Self {
        Self {
            heading,
            title,
            parts: Vec::new(),
        }
    }

    /// Adds a part: one of the functions of this module, a chart, or a template of the caller.
    #[must_use]
    pub fn with(mut self, part: Markup) -> Self {
        self.parts.push(part);
        self
    }

    pub fn document(&self) -> String {
        let named = [
            self.heading.organisation.as_deref(),
            self.heading.title.as_deref(),
        ];
        let named: Vec<&str> = named.into_iter().flatten().collect();
        let page = html! {
            (DOCTYPE) "\n"
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(policy());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    title {
                        (Text(self.title))
                        @for name in named.iter().rev() { " - " (Text(name)) }
                        " - jobruns"
                    }
                    // Escapes mean nothing in these two elements, and the policy has the hash of the text as it is; a test
                    // holds that neither can end its element early.
                    style { (PreEscaped(STYLE)) }
                }
                "\n"
                body {
                    a.skip href="#table" { "To the table" }
                    main {
                        @if !named.is_empty() {
                            p.owner { @for name in &named { span { (Text(name)) } " " } }
                        }
                        h1 { (Text(self.title)) }
                        @for part in &self.parts { (part) }
                    }
                    script { (PreEscaped(SCRIPT)) }
                }
            }
            "\n"
        };
        page.into_string()
    }
}

/// The options and the state of the archive that a page was made with.
#[must_use]
pub fn made_with(meta: &ReportMeta) -> Markup {
    let mut facts = vec![("report".to_owned(), meta.report.clone())];
    for (name, value) in &meta.options {
        facts.extend(option(name, value));
    }
    for (name, value) in &meta.facts {
        facts.extend(option(name, value));
    }
    let as_of = meta
        .synced_at
        .as_deref()
        .map_or_else(|| "no sync yet".to_owned(), minute);
    facts.push(("last sync".to_owned(), as_of));
    facts.extend(meta.archive_id.clone().map(|id| ("archive".to_owned(), id)));
    facts.push(("ledger head".to_owned(), meta.head.clone()));
    facts.push(("made by".to_owned(), format!("jobruns {}", meta.tool_version)));
    key_values(&facts)
}

/// How complete the jobs are known to be that the rows rest on; nothing where that is not said.
#[must_use]
pub(crate) fn completeness(meta: &ReportMeta) -> Markup {
    let rows: Vec<Vec<Markup>> = meta
        .shown_jobs()
        .iter()
        .map(|job| vec![Text(&job.title()).render(), Text(&job.to_string()).render()])
        .collect();
    html! {
        @if !rows.is_empty() {
            (section(
                "How complete the population is known to be",
                &simple_table("Completeness by job", &["job", "what is known"], &rows),
            ))
        }
    }
}

/// Names with their values, one beside the other where there is room.
#[must_use]
pub fn key_values(facts: &[(String, String)]) -> Markup {
    html! {
        dl.about {
            @for (name, text) in facts {
                @let short = shortened(text, OPTION_CHARACTERS);
                div {
                    dt { (Text(name)) }
                    dd { (Lines(short.unwrap_or(text))) @if short.is_some() { "…" } }
                }
            }
        }
        "\n"
    }
}

/// A part with a heading of its own.
#[must_use]
pub fn section(heading: &str, body: &Markup) -> Markup {
    html! { section.part { h2 { (Text(heading)) } (body) } "\n" }
}

/// A table whose first column names the row; a `label` says what it is to those who do not see it.
#[must_use]
pub fn simple_table(label: &str, columns: &[impl AsRef<str>], rows: &[Vec<Markup>]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(Text(label)) {
            table {
                thead { tr { @for column in columns { th scope="col" { (Text(column.as_ref())) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, cell) in row.iter().enumerate() {
                                @if place == 0 { th scope="row" { (cell) } } @else { td { (cell) } }
                            }
                        }
                        "\n"
                    }
                }
            }
        }
    }
}

/// What a page says first, in a sentence; nothing where there is nothing to say.
#[must_use]
pub fn lead(text: &str) -> Markup {
    html! { @if !text.is_empty() { p.lead { (Text(text)) } } }
}

/// An option as people read it: `purge_age_seconds` of 7776000 is `purge age`, `90 days`. `None` where it was not given.
fn option(name: &str, value: &Json) -> Option<(String, String)> {
    let (name, text) = match (name.strip_suffix("_seconds"), value.as_i64(), value.as_array()) {
        (Some(name), Some(seconds), _) => (name, duration(seconds)),
        (None, _, Some(codes)) if name == "status" => {
            let status_name = |code: &Json| match code.as_i64() {
                Some(code) => Some(JobStatus(code).name().into_owned()),
                None => shown(code),
            };
            let names: Vec<String> = codes.iter().filter_map(status_name).collect();
            (name, names.join(", "))
        }
        _ => (name, shown(value)?),
    };
    (!text.is_empty()).then(|| (name.replace('_', " "), text))
}

fn shown(value: &Json) -> Option<String> {
    match value {
        Json::Null | Json::Bool(false) => None,
        Json::Bool(true) => Some("yes".to_owned()),
        Json::String(text) => Some(text.clone()),
        Json::Array(values) => Some(values.iter().filter_map(shown).collect::<Vec<_>>().join(", ")),
        Json::Object(values) if values.is_empty() => None,
        other => Some(other.to_string()),
    }
}

/// A line that says when, in which the script puts how long ago that was: a page that lies around gets old.
#[must_use]
pub fn age_of(text: &str, at: Option<&str>) -> Markup {
    html! {
        p.lead {
            @if let Some(at) = at {
                time datetime=(Text(at)) data-age { (Text(text)) }
            } @else {
                (Text(text))
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
    fn from(text: String) -> Self {
        Self {
            before: text,
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
    use serde_json::json;

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
    fn texts_and_charts_can_be_read_and_steps_of_the_heat_map_told_apart_in_light_and_dark() {
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
            // What is drawn, as WCAG 2 asks of graphics; yellow by its edge.
            for ink in ["blue", "red", "grey", "edge"] {
                let contrast = contrast(colour(ink), colour("page"));
                assert!(contrast >= 3.0, "{ink} on the page: {contrast}");
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
    fn options_are_in_words_and_those_not_given_are_left_out() {
        let option = |name, value| option(name, &value).map(|(name, text)| format!("{name}: {text}"));
        assert_eq!(option("top", Json::Null), None);
        assert_eq!(option("job", json!([])), None);
        assert_eq!(option("job", json!(["a", "b"])).as_deref(), Some("job: a, b"));
        assert_eq!(option("top", json!(3)).as_deref(), Some("top: 3"));
        assert_eq!(
            option("status", json!([5, 99])).as_deref(),
            Some("status: Faulted, Unknown(99)")
        );
        assert_eq!(
            option("purge_age_seconds", json!(7_776_000)).as_deref(),
            Some("purge age: 90 days")
        );
    }
}
