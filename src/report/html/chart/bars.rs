//! Bars: a row for each thing, the longest bar for the most.

use maud::{Markup, html};

use super::figure::{Heading, framed, key, number, plot, row, row_chart};
use crate::report::html::text::{Percent, Units};
use crate::report::numbers::grouped;

/// Pixels of a bar.
const HEIGHT: f64 = 16.0;

/// Pixels of it where one below tells how long it was.
const HEIGHT_OF_NOW: f64 = 10.0;

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
        return Markup::default();
    }
    let scale = format!("{noun}, 0 to {}", grouped(most));
    let mut columns = vec![Heading::Plot(&scale), Heading::Number(noun)];
    columns.extend(headings.iter().map(|heading| Heading::OptionalNumber(heading)));
    let rows = html! {
        @for bar in bars {
            @let drawing = html! {
                @if let Some(before) = bar.before {
                    @let top = HEIGHT_OF_NOW + 1.0;
                    (draw("bar", share(bar.value, most), 0.0, HEIGHT_OF_NOW))
                    (draw("rest", share(before, most), top, HEIGHT - top))
                } @else {
                    (draw("bar", share(bar.value, most), 0.0, HEIGHT))
                }
            };
            (row(&bar.name, &html! {
                (plot(false, HEIGHT, &drawing))
                (number(false, &grouped(bar.value)))
                @for text in &bar.behind { (number(true, text)) }
            }))
        }
    };
    let body = html! {
        @if bars.iter().any(|bar| bar.before.is_some()) {
            (key(&[("bar", "now"), ("rest", "before")]))
        }
        (row_chart(title, what, &columns, &rows))
    };
    framed(title, below, &body, None)
}

fn draw(class: &str, width: f64, top: f64, height: f64) -> Markup {
    html! {
        rect class=(class) width=(Percent(width)) y=(Units(top)) height=(Units(height)) rx="2" {}
    }
}

#[expect(clippy::cast_precision_loss, reason = "a length on the screen")]
fn share(value: u64, most: u64) -> f64 {
    value as f64 / most.max(1) as f64 * 100.0
}
