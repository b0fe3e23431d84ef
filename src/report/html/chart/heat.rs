//! A heat map: a row for each job, a cell for each period, the darker the more of its runs failed.

use chrono::NaiveDate;
use maud::{Markup, html};

use super::figure::{FigureTable, Heading, axes, framed, key, number, plot, row, row_chart};
use super::scale::TimeAxis;
use crate::report::bins::{Bins, RunCounts};
use crate::report::html::text::{Percent, Units};
use crate::report::numbers::{grouped, percent};

/// Pixels of a row.
const HEIGHT: f64 = 22.0;

/// Classes of cells: upper end in hundredths of a percent, class of the style sheet, word of the key.
const CLASSES: [(u64, &str, &str); 6] = [
    (0, "h0", "none failed"),
    (500, "h1", "up to 5 %"),
    (1_000, "h2", "to 10 %"),
    (2_500, "h3", "to 25 %"),
    (5_000, "h4", "to 50 %"),
    (10_000, "h5", "more"),
];

/// The class of cells in which runs began and none has finished.
const UNFINISHED: (&str, &str) = ("h-open", "none finished");

/// Draws the rows from `from` on, in the periods that they have; nothing where there is none.
#[must_use]
pub fn heat_map(
    title: &str,
    below: &str,
    from: NaiveDate,
    end: NaiveDate,
    rows: &[(&str, &Bins<RunCounts>)],
) -> Markup {
    let Some((_, first)) = rows.first() else {
        return Markup::default();
    };
    let by = first.by();
    let rows: Vec<(&str, Bins<RunCounts>)> = rows
        .iter()
        .map(|(name, bins)| (*name, bins.within(from, end)))
        .collect();
    let axis = TimeAxis::of_periods(by, from, end);
    let classes = CLASSES.map(|(_, class, word)| (class, word));
    let mut entries = classes.to_vec();
    entries.push(UNFINISHED);
    let headings = [Heading::Plot("failed of finished"), Heading::Number("failed")];
    let table_rows = html! {
        @for (name, bins) in &rows {
            @let cells = html! {
                @for (first, runs) in bins.iter() { (cell(axis, first, by.next(first), runs)) }
            };
            @let failed = grouped(bins.sum().failed);
            (row(name, &html! { (plot(false, HEIGHT, &cells)) (number(false, &failed)) }))
        }
        (axes(axis, 1, &[false]))
    };
    let body = html! { (key(&entries)) (row_chart(title, "job", &headings, &table_rows)) };
    framed(title, below, &body, Some(&FigureTable::of_jobs(by, &rows)))
}

fn class_of(runs: RunCounts) -> &'static str {
    let Some(rate) = runs.rate() else {
        return UNFINISHED.0;
    };
    // The least failure is not none.
    let rate = if runs.failed > 0 { rate.max(1) } else { rate };
    let found = CLASSES.iter().find(|(upper, _, _)| rate <= *upper);
    found.map_or("h5", |(_, class, _)| class)
}

fn cell(axis: TimeAxis, first: NaiveDate, next: NaiveDate, runs: RunCounts) -> Markup {
    let left = axis.percent_of_day(first);
    let width = (axis.percent_of_day(next) - left) * 0.92;
    html! {
        rect class=(class_of(runs)) x=(Percent(left)) width=(Percent(width)) height=(Units(HEIGHT)) {
            // A tooltip for each cell would be most of the page; the figures have all.
            @if runs.failed > 0 {
                title {
                    (first.to_string()) ": " (runs.failed) " of " (runs.finished) " failed ("
                    (runs.rate().map_or_else(String::new, percent)) ")"
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_among_many_is_not_none() {
        let runs = |failed, finished| RunCounts {
            runs: finished,
            failed,
            finished,
        };
        assert_eq!(class_of(runs(0, 10)), "h0");
        assert_eq!(class_of(runs(1, 1_000_000)), "h1");
        assert_eq!(class_of(runs(1, 2)), "h4");
        assert_eq!(class_of(runs(2, 2)), "h5");
        assert_eq!(class_of(runs(0, 0)), "h-open");
    }
}
