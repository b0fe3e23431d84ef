//! What happened over time: how much of what kind, as stacked bars, and above it how often it failed, as a line.

use chrono::NaiveDate;
use maud::{Markup, Render, html};

use super::figure::{FigureTable, framed, key, marks_below};
use super::scale::{MOST_MARKS, Scale, TimeAxis};
use crate::report::bins::{Bins, Counts, RunCounts};
use crate::report::html::text::{Percent, Text, Units};
use crate::report::numbers::{grouped, percent};
use crate::report::options::Period;
use crate::text::capitalized;

/// Periods that a chart shows at most: bars of two pixels on a wide screen.
const MOST_PERIODS: usize = 420;

/// Up to so many periods a dot marks each value of the line.
const MOST_DOTS: usize = 60;

/// Up to so many periods the dots are all that there is of the line, and large.
const FEW_DOTS: usize = 3;

/// Pixels of the panel of the line.
const LINE_HEIGHT: f64 = 130.0;

/// Pixels of the panel of the bars.
const BARS_HEIGHT: f64 = 110.0;

/// Pixels above a panel, for its heading.
const HEADING: f64 = 32.0;

/// Pixels below the bars, for the marks of the axis.
const AXIS: f64 = super::figure::AXIS_HEIGHT;

/// The least upper end of the scale of rates: below 4 %, a line near the bottom says it best.
const LEAST_RATE: u64 = 400;

/// The kinds of things that bars are stacked of, from the bottom: class of the style sheet, and word.
pub type Kinds<const N: usize> = [(&'static str, &'static str); N];

/// What a chart over time shows.
#[derive(Debug, Clone)]
pub struct OverTime<'a, const N: usize> {
    pub title: &'a str,
    /// What is counted: `runs`.
    pub noun: &'a str,
    /// Zone of the axis.
    pub zone: &'a str,
    /// The kinds of things.
    pub kinds: Kinds<N>,
    /// How many of each kind.
    pub counts: &'a Bins<Counts<N>>,
    /// How many runs, and how many failed, for the line above the bars; no line without runs.
    pub runs: Option<&'a Bins<RunCounts>>,
}

/// Draws it; nothing where nothing was counted.
#[must_use]
pub fn over_time<const N: usize>(chart: &OverTime<'_, N>) -> Markup {
    let by = chart.counts.fitting(MOST_PERIODS);
    let counts = chart.counts.merged(by);
    let Some((from, end)) = counts.span() else {
        return Markup::default();
    };
    let runs = chart.runs.map(|runs| runs.merged(by));
    let axis = TimeAxis::of_periods(by, from, end);
    let line_height = if runs.is_some() {
        LINE_HEIGHT + HEADING
    } else {
        0.0
    };
    let description = description(chart, &counts, by, from);

    let height = line_height + HEADING + BARS_HEIGHT + AXIS;
    let body = html! {
        (key(&used_kinds(chart, &counts)))
        svg class={ "over-time" (narrow(counts.periods().count())) } role="img" aria-label={ (Text(chart.title)) ". " (Text(&description)) }
            width="100%" height=(Units(height)) {
            title { (Text(chart.title)) }
            desc { (Text(&description)) }
            @if let Some(runs) = &runs { (line_panel(runs, axis)) }
            (bars_panel(chart, &counts, axis, line_height))
            (part(line_height + HEADING + BARS_HEIGHT, AXIS, &marks_below(axis, MOST_MARKS, false)))
            (part(0.0, height - AXIS, &tooltips(chart, &counts, runs.as_ref(), axis, height - AXIS)))
        }
        "\n"
    };

    let below = format!("By {}, in {}.", by.name(), chart.zone);
    let figures = figures(chart, &counts, runs.as_ref());
    framed(chart.title, &below, &body, Some(&figures))
}

/// The class of a drawing of few periods, whose bars would be broader than high.
const fn narrow(periods: usize) -> &'static str {
    match periods {
        0..=3 => " few",
        4..=8 => " some",
        _ => "",
    }
}

fn used_kinds<const N: usize>(
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
) -> Vec<(&'static str, &'static str)> {
    let sum = counts.sum().0;
    let used = chart.kinds.iter().zip(sum).filter(|(_, sum)| *sum > 0);
    used.map(|(kind, _)| *kind).collect()
}

fn description<const N: usize>(
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
    by: Period,
    from: NaiveDate,
) -> String {
    let all: u64 = counts.sum().0.iter().sum();
    let last = counts.iter().last().map_or(from, |(first, _)| first);
    let mut description = format!(
        "{} {} by {} from {from} to {last}",
        grouped(all),
        chart.noun,
        by.name()
    );
    if let Some(rate) = chart.runs.and_then(|runs| runs.sum().rate()) {
        description += &format!("; {} of the finished ones failed", percent(rate));
    }
    description
}

/// A part of a drawing, as wide as it is. What stands at its left is outside: the style sheet leaves room for it.
fn part(top: f64, height: f64, content: &Markup) -> Markup {
    html! {
        svg.plot y=(Units(top)) width="100%" height=(Units(height)) { (content) }
    }
}

/// The heading of a panel, its lines, and what stands at their left.
fn scale_lines(heading: &str, top: f64, height: f64, marks: &[(f64, String)]) -> Markup {
    let place = |share: f64| height * (1.0 - share);
    let lines = html! {
        @for &(share, _) in marks {
            line.grid x2="100%" y1=(Units(place(share))) y2=(Units(place(share))) {}
        }
    };
    html! {
        text.heading x="-54" y=(Units(top - 12.0)) { (Text(heading)) }
        @for (share, word) in marks {
            text.mark-left x="-7" y=(Units(top + place(*share) + 4.0)) { (word) }
        }
        (part(top, height, &lines))
    }
}

fn line_panel(runs: &Bins<RunCounts>, axis: TimeAxis) -> Markup {
    let most = runs.iter().filter_map(|(_, runs)| runs.rate()).max().unwrap_or(0);
    let scale = Scale::up_to(most.max(LEAST_RATE));
    let runs_by = runs.by();
    let marks: Vec<(f64, String)> = scale
        .marks()
        .map(|mark| (scale.share(mark), percent(mark)))
        .collect();
    let places: Vec<Option<(f64, f64)>> = runs
        .periods()
        .map(|(first, runs)| {
            let rate = runs.rate()?;
            Some((
                axis.middle_of(runs_by, first),
                LINE_HEIGHT * (1.0 - scale.share(rate)),
            ))
        })
        .collect();
    let with_dots = places.len() <= MOST_DOTS;
    let radius = if places.len() <= FEW_DOTS { "4.5" } else { "2.5" };
    let line = html! {
        (path_of("rate", &places, LINE_HEIGHT))
        @for (index, place) in places.iter().enumerate() {
            @if let Some(place) = *place && (with_dots || is_alone(&places, index)) { (dot(place, radius)) }
        }
    };
    html! {
        (scale_lines("Failed of those that finished", HEADING, LINE_HEIGHT, &marks))
        (part(HEADING, LINE_HEIGHT, &line))
    }
}

/// Whether a value has no neighbour, and so no line goes through it.
pub(super) fn is_alone(places: &[Option<(f64, f64)>], index: usize) -> bool {
    let has = |index: Option<usize>| index.and_then(|at| places.get(at)).is_some_and(Option::is_some);
    !has(index.checked_sub(1)) && !has(index.checked_add(1))
}

/// A dot for a value.
pub(super) fn dot((x, y): (f64, f64), radius: &str) -> Markup {
    html! { circle.dot cx=(Percent(x)) cy=(Units(y)) r=(radius) {} }
}

/// A line through the places, broken where there is none, and its area down to the bottom. Places go from 0 to 100.
pub(super) fn path_of(class: &str, places: &[Option<(f64, f64)>], height: f64) -> Markup {
    let (area, line) = match class {
        "rate" => ("rate-area", "rate-line"),
        _ => ("runs-area", "runs-line"),
    };
    let parts: Vec<Vec<(f64, f64)>> = places
        .split(Option::is_none)
        .map(|part| part.iter().flatten().copied().collect())
        .filter(|part: &Vec<_>| part.len() > 1)
        .collect();
    html! {
        svg width="100%" height=(Units(height)) viewBox={ "0 0 100 " (height) } preserveAspectRatio="none" {
            @if !parts.is_empty() {
                path class=(area) d=(Path { parts: &parts, bottom: Some(height) }) {}
                path class=(line) d=(Path { parts: &parts, bottom: None }) {}
            }
        }
    }
}

/// The data of a path: its parts, each closed along the bottom where there is one.
struct Path<'a> {
    parts: &'a [Vec<(f64, f64)>],
    bottom: Option<f64>,
}

impl Render for Path<'_> {
    fn render_to(&self, buffer: &mut String) {
        for part in self.parts {
            for (index, &(x, y)) in part.iter().enumerate() {
                buffer.push(if index == 0 { 'M' } else { 'L' });
                write_point(x, y, buffer);
            }
            if let (Some(bottom), Some(first), Some(last)) = (self.bottom, part.first(), part.last()) {
                for (x, _) in [last, first] {
                    buffer.push('L');
                    write_point(*x, bottom, buffer);
                }
                buffer.push('Z');
            }
        }
    }
}

fn write_point(x: f64, y: f64, buffer: &mut String) {
    Units(x).render_to(buffer);
    buffer.push(' ');
    Units(y).render_to(buffer);
}

fn bars_panel<const N: usize>(
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
    axis: TimeAxis,
    top: f64,
) -> Markup {
    let most = counts.iter().map(|(_, Counts(each))| each.iter().sum()).max();
    let scale = Scale::up_to(most.unwrap_or(0));
    let marks: Vec<(f64, String)> = scale
        .marks()
        .map(|mark| (scale.share(mark), grouped(mark)))
        .collect();
    let heading = capitalized(&format!("{} per {}", chart.noun, counts.by().name()));
    let bars = html! {
        @for (first, Counts(each)) in counts.iter() {
            @let left = axis.percent_of_day(first);
            @let width = axis.percent_of_day(counts.by().next(first)) - left;
            @for (at, &count) in each.iter().enumerate().filter(|(_, count)| **count > 0) {
                @let height = BARS_HEIGHT * scale.share(count);
                @let below = each[..at].iter().sum();
                @let bottom = BARS_HEIGHT * (1.0 - scale.share(below));
                rect class=(chart.kinds[at].0) x=(Percent(width.mul_add(0.08, left))) y=(Units(bottom - height))
                    width=(Percent(width * 0.84)) height=(Units(height)) {}
            }
        }
    };
    html! {
        (scale_lines(&heading, top + HEADING, BARS_HEIGHT, &marks))
        (part(top + HEADING, BARS_HEIGHT, &bars))
    }
}

/// What a pointer over a period shows.
fn tooltips<const N: usize>(
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
    runs: Option<&Bins<RunCounts>>,
    axis: TimeAxis,
    height: f64,
) -> Markup {
    html! {
        @for (first, Counts(each)) in counts.iter() {
            @let left = axis.percent_of_day(first);
            @let width = axis.percent_of_day(counts.by().next(first)) - left;
            rect.touch x=(Percent(left)) width=(Percent(width)) height=(Units(height)) {
                title {
                    (first.to_string()) ": " (grouped(each.iter().sum())) " " (Text(chart.noun))
                    @for ((_, word), count) in chart.kinds.iter().zip(each).filter(|(_, count)| *count > 0) {
                        ", " (grouped(count)) " " (word)
                    }
                    @if let Some(rate) = runs.and_then(|runs| runs.get(first)).and_then(|runs| runs.rate()) {
                        " (" (percent(rate)) ")"
                    }
                }
            }
        }
    }
}

fn figures<const N: usize>(
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
    runs: Option<&Bins<RunCounts>>,
) -> FigureTable {
    let mut columns = vec![counts.by().name(), chart.noun];
    columns.extend(chart.kinds.iter().map(|(_, word)| *word));
    columns.extend(runs.map(|_| "failed of finished"));
    let mut figures = FigureTable::new(&columns);
    for (first, Counts(each)) in counts.iter() {
        let mut row = vec![first.to_string(), grouped(each.iter().sum())];
        row.extend(each.map(grouped));
        if let Some(runs) = runs {
            let rate = runs.get(first).and_then(|runs| runs.rate());
            row.push(rate.map_or_else(String::new, percent));
        }
        figures.rows.push(row);
    }
    figures
}
