//! Small lines, a row for each job: how often it failed and how often it ran, over the same time and on the same scale, so
//! that the jobs can be compared at a glance.

use maud::{Markup, html};

use super::figure::{FigureTable, Heading, axes, framed, number, plot, row, row_chart};
use super::over_time::{dot, is_alone, path_of};
use super::scale::{Scale, TimeAxis};
use crate::report::bins::{Bins, RunCounts, fitting};
use crate::report::numbers::{grouped, percent};

/// Periods that a small line shows at most.
const MOST_PERIODS: usize = 84;

/// Pixels of a small line.
const HEIGHT: f64 = 34.0;

/// As in the large chart.
const LEAST_RATE: u64 = 400;

/// What the small lines show.
#[derive(Debug, Clone)]
pub struct Sparks<'a> {
    /// Title of the chart.
    pub title: &'a str,
    /// What else there is to say under it.
    pub below: &'a str,
    /// Zone of the axis.
    pub zone: &'a str,
    /// Each job with its counts.
    pub rows: &'a [(&'a str, &'a Bins<RunCounts>)],
}

/// Draws them; nothing where nothing was counted.
#[must_use]
pub fn sparks(chart: &Sparks<'_>) -> Markup {
    let spans = || chart.rows.iter().filter_map(|(_, bins)| bins.span());
    let (Some(from), Some(end)) = (spans().map(|span| span.0).min(), spans().map(|span| span.1).max()) else {
        return Markup::default();
    };
    let by = chart.rows.iter().map(|(_, bins)| bins.by()).max();
    let by = fitting(by.unwrap_or_default(), from, end, MOST_PERIODS);
    let rows: Vec<(&str, Bins<RunCounts>)> = chart
        .rows
        .iter()
        .map(|&(name, bins)| (name, bins.merged(by)))
        .collect();
    let all = || {
        rows.iter()
            .flat_map(|(_, bins)| bins.iter().map(|(_, runs)| runs))
    };
    let rates = Scale::up_to(
        all()
            .filter_map(|runs| runs.rate())
            .max()
            .unwrap_or(0)
            .max(LEAST_RATE),
    );
    let counts = Scale::up_to(all().map(|runs| runs.runs).max().unwrap_or(0));
    let axis = TimeAxis::of_periods(by, by.first_day(from), end);

    let headings = [
        Heading::Plot(&format!("failed of finished, 0 to {}", percent(rates.top))),
        Heading::OptionalPlot(&format!("runs per {}, 0 to {}", by.name(), grouped(counts.top))),
        Heading::OptionalNumber("runs"),
        Heading::Number("failed"),
        Heading::Number("rate"),
    ];
    let table_rows = html! {
        @for (name, bins) in &rows {
            @let rate = places(bins, axis, |runs| runs.rate().map(|rate| rates.share(rate)));
            @let count = places(bins, axis, |runs| Some(counts.share(runs.runs)));
            @let sum = bins.sum();
            (row(name, &html! {
                (plot(false, HEIGHT, &line("rate", &rate)))
                (plot(true, HEIGHT, &line("runs", &count)))
                (number(true, &grouped(sum.runs)))
                (number(false, &grouped(sum.failed)))
                (number(false, &sum.rate().map_or_else(String::new, percent)))
            }))
        }
        (axes(axis, 2, &[true, false, false]))
    };
    let table = row_chart(chart.title, "job", &headings, &table_rows);
    let below = format!("By {}, in {}. {}", by.name(), chart.zone, chart.below);
    let figures = FigureTable::of_jobs(by, &rows);
    framed(chart.title, below.trim_end(), &table, Some(&figures))
}

/// A line, with a dot for each value that has no neighbour and so no line.
fn line(class: &str, places: &[Option<(f64, f64)>]) -> Markup {
    html! {
        (path_of(class, places, HEIGHT))
        @for (index, place) in places.iter().enumerate() {
            @if let Some(place) = *place && is_alone(places, index) { (dot(place, "2.5")) }
        }
    }
}

/// The values of a job's periods, as places of a line.
fn places(
    bins: &Bins<RunCounts>,
    axis: TimeAxis,
    value: impl Fn(RunCounts) -> Option<f64>,
) -> Vec<Option<(f64, f64)>> {
    let by = bins.by();
    bins.periods()
        .map(|(first, runs)| {
            let share = value(runs)?;
            Some((
                axis.middle_of(by, first),
                (HEIGHT - 2.0).mul_add(1.0 - share, 1.0),
            ))
        })
        .collect()
}
