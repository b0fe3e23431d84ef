//! Bars: a row for each thing, the longest bar for the most.

use super::figure::{Heading, RowChart, framed, key};
use super::grouped;
use super::markup::{Markup, Value};

/// Pixels of a bar.
const HEIGHT: f64 = 16.0;

/// Pixels of it where one below tells how long it was.
const HEIGHT_OF_NOW: f64 = 10.0;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it is about.
    pub name: String,
    /// How long it is.
    pub value: u64,
    /// How long it was before; a thin bar below the other one.
    pub before: Option<u64>,
    /// What stands behind it, a text for each heading.
    pub behind: Vec<String>,
}

/// Draws bars of `noun`; nothing where there is none. `what` is the heading of the names, `headings` those of what stands
/// behind the bars.
#[must_use]
pub fn bars(title: &str, below: &str, what: &str, noun: &str, headings: &[&str], bars: &[Bar]) -> Markup {
    let most = bars
        .iter()
        .map(|bar| bar.value.max(bar.before.unwrap_or(0)))
        .max()
        .unwrap_or(0);
    if bars.is_empty() {
        return Markup::new();
    }
    let mut columns = vec![Heading::Plot("compared"), Heading::Number(noun)];
    columns.extend(headings.iter().map(|heading| Heading::OptionalNumber(heading)));
    let mut table = RowChart::new(title, what, &columns);
    for bar in bars {
        table.begin(&bar.name);
        table.plot(false, HEIGHT, |markup| match bar.before {
            None => draw(markup, "bar", share(bar.value, most), 0.0, HEIGHT),
            Some(before) => {
                draw(markup, "bar", share(bar.value, most), 0.0, HEIGHT_OF_NOW);
                let top = HEIGHT_OF_NOW + 1.0;
                draw(markup, "rest", share(before, most), top, HEIGHT - top);
            }
        });
        table.number(false, &grouped(bar.value));
        for text in &bar.behind {
            table.number(true, text);
        }
        table.end();
    }
    let mut body = Markup::new();
    if bars.iter().any(|bar| bar.before.is_some()) {
        key(&mut body, &[("bar", "now"), ("rest", "before")]);
    }
    body.add(&table.finish());
    framed(title, below, &body, None)
}

fn draw(markup: &mut Markup, class: &'static str, width: f64, top: f64, height: f64) {
    markup.empty(
        "rect",
        &[
            ("class", Value::Word(class)),
            ("width", Value::Percent(width)),
            ("y", Value::Units(top)),
            ("height", Value::Units(height)),
            ("rx", Value::Word("2")),
        ],
    );
}

#[expect(clippy::cast_precision_loss, reason = "a length on the screen")]
fn share(value: u64, most: u64) -> f64 {
    value as f64 / most.max(1) as f64 * 100.0
}
