//! Bars: a row for each thing, the longest bar for the most.

use super::figure::{Heading, RowChart, framed};
use super::grouped;
use super::markup::{Markup, Value};

/// Pixels of a bar.
const HEIGHT: f64 = 16.0;

/// One bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it is about.
    pub name: String,
    /// How long it is.
    pub value: u64,
    /// What stands behind it, a text for each heading.
    pub behind: Vec<String>,
}

/// Draws bars of `noun`; nothing where there is none. `what` is the heading of the names, `headings` those of what stands
/// behind the bars.
#[must_use]
pub fn bars(title: &str, below: &str, what: &str, noun: &str, headings: &[&str], bars: &[Bar]) -> Markup {
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or(0);
    if bars.is_empty() {
        return Markup::new();
    }
    let mut columns = vec![Heading::Plot(""), Heading::Number(noun)];
    columns.extend(headings.iter().map(|heading| Heading::OptionalNumber(heading)));
    let mut table = RowChart::new(title, what, &columns);
    for bar in bars {
        table.begin(&bar.name);
        table.plot(false, HEIGHT, |markup| {
            markup.empty(
                "rect",
                &[
                    ("class", Value::Word("bar")),
                    ("width", Value::Percent(share(bar.value, most))),
                    ("height", Value::Units(HEIGHT)),
                    ("rx", Value::Word("2")),
                ],
            );
        });
        table.number(false, &grouped(bar.value));
        for text in &bar.behind {
            table.number(true, text);
        }
        table.end();
    }
    framed(title, below, &table.finish(), None)
}

#[expect(clippy::cast_precision_loss, reason = "a length on the screen")]
fn share(value: u64, most: u64) -> f64 {
    value as f64 / most.max(1) as f64 * 100.0
}
