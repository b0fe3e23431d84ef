//! What happened over time: how much of what kind, as stacked bars, and above it how often it failed, as a line.

use chrono::NaiveDate;

use super::bins::{Bins, Counts, Runs};
use super::figure::{Figures, framed, key, marks_below, open_drawing};
use super::markup::{Markup, Value};
use super::scale::{Scale, TimeAxis};
use super::{grouped, percent};
use crate::report::options::Period;

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
    /// Its title.
    pub title: &'a str,
    /// What is counted: `runs`.
    pub noun: &'a str,
    /// Zone of the axis.
    pub zone: &'a str,
    /// The kinds of things.
    pub kinds: Kinds<N>,
    /// How many of each kind.
    pub counts: &'a Bins<Counts<N>>,
    /// How many runs, and how many failed, for the line above the bars; no line where there is none.
    pub runs: Option<&'a Bins<Runs>>,
}

/// Draws it; nothing where nothing was counted.
#[must_use]
pub fn over_time<const N: usize>(chart: &OverTime<'_, N>) -> Markup {
    let by = chart.counts.fitting(MOST_PERIODS);
    let counts = chart.counts.merged(by);
    let Some((from, end)) = counts.span() else {
        return Markup::new();
    };
    let runs = chart.runs.map(|runs| runs.merged(by));
    let axis = TimeAxis::of_days(from, end);
    let line_height = if runs.is_some() {
        LINE_HEIGHT + HEADING
    } else {
        0.0
    };
    let words = description(chart, &counts, by, from);

    let mut body = Markup::new();
    key(&mut body, &used_kinds(chart, &counts));
    let height = line_height + HEADING + BARS_HEIGHT + AXIS;
    open_drawing(&mut body, "over-time", height, chart.title, &words);
    if let Some(runs) = &runs {
        line_panel(&mut body, runs, axis);
    }
    bars_panel(&mut body, chart, &counts, axis, line_height);
    time_marks(&mut body, axis, line_height + HEADING + BARS_HEIGHT);
    tooltips(&mut body, chart, &counts, runs.as_ref(), axis, height - AXIS);
    body.close("svg").raw("\n");

    let below = format!("By {}, in {}.", by.name(), chart.zone);
    let figures = figures(chart, &counts, runs.as_ref());
    framed(chart.title, &below, &body, Some(&figures))
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
    let mut words = format!(
        "{} {} by {} from {from} to {last}",
        grouped(all),
        chart.noun,
        by.name()
    );
    if let Some(rate) = chart.runs.and_then(|runs| runs.sum().rate()) {
        words += &format!("; {} of the finished ones failed", percent(rate));
    }
    words
}

/// Opens a part of a drawing, as wide as it is. What stands at its left is outside: the style sheet leaves room for it.
fn open_plot(markup: &mut Markup, top: f64, height: f64) {
    markup.open(
        "svg",
        &[
            ("class", Value::Word("plot")),
            ("y", Value::Units(top)),
            ("width", Value::Word("100%")),
            ("height", Value::Units(height)),
        ],
    );
}

/// The heading of a panel, its lines, and what stands at their left.
fn scale_lines(markup: &mut Markup, heading: &str, top: f64, height: f64, marks: &[(f64, String)]) {
    markup.leaf(
        "text",
        &[
            ("class", Value::Word("heading")),
            ("x", Value::Word("-54")),
            ("y", Value::Units(top - 12.0)),
        ],
        heading,
    );
    for (share, word) in marks {
        markup.leaf(
            "text",
            &[
                ("class", Value::Word("mark-left")),
                ("x", Value::Word("-7")),
                ("y", Value::Units(top + height * (1.0 - share) + 4.0)),
            ],
            word,
        );
    }
    open_plot(markup, top, height);
    for (share, _) in marks {
        let y = height * (1.0 - share);
        markup.empty(
            "line",
            &[
                ("class", Value::Word("grid")),
                ("x2", Value::Word("100%")),
                ("y1", Value::Units(y)),
                ("y2", Value::Units(y)),
            ],
        );
    }
    markup.close("svg");
}

fn line_panel(markup: &mut Markup, runs: &Bins<Runs>, axis: TimeAxis) {
    let most = runs.iter().filter_map(|(_, runs)| runs.rate()).max().unwrap_or(0);
    let scale = Scale::up_to(most.max(LEAST_RATE));
    let marks: Vec<(f64, String)> = scale
        .marks()
        .map(|mark| (scale.share(mark), percent(mark)))
        .collect();
    scale_lines(
        markup,
        "Failed of those that finished",
        HEADING,
        LINE_HEIGHT,
        &marks,
    );
    open_plot(markup, HEADING, LINE_HEIGHT);
    let places: Vec<Option<(f64, f64)>> = periods(runs)
        .map(|(first, next, runs)| {
            let x = f64::midpoint(axis.percent_of_day(first), axis.percent_of_day(next));
            let rate = runs.rate()?;
            Some((x, LINE_HEIGHT * (1.0 - scale.share(rate))))
        })
        .collect();
    path_of(markup, "rate", &places, LINE_HEIGHT);
    let with_dots = places.len() <= MOST_DOTS;
    let radius = if places.len() <= FEW_DOTS { "4.5" } else { "2.5" };
    for (index, place) in places.iter().enumerate() {
        let Some((x, y)) = *place else { continue };
        let is_alone = (index == 0 || places[index - 1].is_none())
            && places.get(index + 1).is_none_or(|next| next.is_none());
        if with_dots || is_alone {
            let attributes = [
                ("class", Value::Word("dot")),
                ("cx", Value::Percent(x)),
                ("cy", Value::Units(y)),
                ("r", Value::Word(radius)),
            ];
            markup.empty("circle", &attributes);
        }
    }
    markup.close("svg");
}

/// Every period from the first to the last, those without anything too, with the begin of the next.
fn periods<T: std::ops::AddAssign + Copy + Default>(
    bins: &Bins<T>,
) -> impl Iterator<Item = (NaiveDate, NaiveDate, T)> + '_ {
    let by = bins.by();
    let (from, end) = bins.span().unwrap_or_default();
    let firsts = std::iter::successors(Some(from), move |&first| Some(by.next(first)));
    firsts
        .take_while(move |&first| first < end)
        .map(move |first| (first, by.next(first), bins.get(first).unwrap_or_default()))
}

/// A line through the places, broken where there is none, and its area down to the bottom. Places go from 0 to 100.
pub(super) fn path_of(markup: &mut Markup, class: &'static str, places: &[Option<(f64, f64)>], height: f64) {
    let (area, line) = match class {
        "rate" => ("rate-area", "rate-line"),
        _ => ("runs-area", "runs-line"),
    };
    markup.open(
        "svg",
        &[
            ("width", Value::Word("100%")),
            ("height", Value::Units(height)),
            ("viewBox", Value::Text(&format!("0 0 100 {height}"))),
            ("preserveAspectRatio", Value::Word("none")),
        ],
    );
    let parts: Vec<Vec<(f64, f64)>> = places
        .split(Option::is_none)
        .map(|part| part.iter().flatten().copied().collect())
        .filter(|part: &Vec<_>| part.len() > 1)
        .collect();
    let mut draw = |class, closes: bool| {
        if parts.is_empty() {
            return;
        }
        markup.raw("<path class=\"").raw(class).raw("\" d=\"");
        for part in &parts {
            for (index, &(x, y)) in part.iter().enumerate() {
                markup.raw(if index == 0 { "M" } else { "L" });
                markup.units(x).raw(" ").units(y);
            }
            if closes {
                let (first, last) = (part[0].0, part[part.len() - 1].0);
                markup.raw("L").units(last).raw(" ").units(height);
                markup.raw("L").units(first).raw(" ").units(height).raw("Z");
            }
        }
        markup.raw("\"></path>");
    };
    draw(area, true);
    draw(line, false);
    markup.close("svg");
}

fn bars_panel<const N: usize>(
    markup: &mut Markup,
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
    axis: TimeAxis,
    top: f64,
) {
    let most = counts.iter().map(|(_, Counts(each))| each.iter().sum()).max();
    let scale = Scale::up_to(most.unwrap_or(0));
    let marks: Vec<(f64, String)> = scale
        .marks()
        .map(|mark| (scale.share(mark), grouped(mark)))
        .collect();
    let mut noun = chart.noun.to_owned();
    if let Some(first) = noun.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let heading = format!("{noun} per {}", counts.by().name());
    scale_lines(markup, &heading, top + HEADING, BARS_HEIGHT, &marks);
    open_plot(markup, top + HEADING, BARS_HEIGHT);
    for (first, Counts(each)) in counts.iter() {
        let left = axis.percent_of_day(first);
        let width = axis.percent_of_day(counts.by().next(first)) - left;
        let mut below = 0;
        for ((class, _), count) in chart.kinds.iter().zip(each) {
            if count == 0 {
                continue;
            }
            let height = BARS_HEIGHT * scale.share(count);
            let bottom = BARS_HEIGHT * (1.0 - scale.share(below));
            markup.empty(
                "rect",
                &[
                    ("class", Value::Word(class)),
                    ("x", Value::Percent(width.mul_add(0.08, left))),
                    ("y", Value::Units(bottom - height)),
                    ("width", Value::Percent(width * 0.84)),
                    ("height", Value::Units(height)),
                ],
            );
            below += count;
        }
    }
    markup.close("svg");
}

/// The marks below a drawing.
fn time_marks(markup: &mut Markup, axis: TimeAxis, top: f64) {
    open_plot(markup, top, AXIS);
    marks_below(markup, axis, super::scale::MOST_MARKS, false);
    markup.close("svg");
}

/// What a pointer over a period shows.
fn tooltips<const N: usize>(
    markup: &mut Markup,
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
    runs: Option<&Bins<Runs>>,
    axis: TimeAxis,
    height: f64,
) {
    open_plot(markup, 0.0, height);
    for (first, Counts(each)) in counts.iter() {
        let left = axis.percent_of_day(first);
        markup.open(
            "rect",
            &[
                ("class", Value::Word("touch")),
                ("x", Value::Percent(left)),
                (
                    "width",
                    Value::Percent(axis.percent_of_day(counts.by().next(first)) - left),
                ),
                ("height", Value::Units(height)),
            ],
        );
        let mut words = format!("{first}: {} {}", grouped(each.iter().sum()), chart.noun);
        for ((_, word), count) in chart.kinds.iter().zip(each).filter(|(_, count)| *count > 0) {
            words += &format!(", {} {word}", grouped(count));
        }
        if let Some(rate) = runs.and_then(|runs| runs.get(first)).and_then(|runs| runs.rate()) {
            words += &format!(" ({})", percent(rate));
        }
        markup.leaf("title", &[], &words).close("rect");
    }
    markup.close("svg");
}

fn figures<const N: usize>(
    chart: &OverTime<'_, N>,
    counts: &Bins<Counts<N>>,
    runs: Option<&Bins<Runs>>,
) -> Figures {
    let mut columns = vec![counts.by().name(), chart.noun];
    columns.extend(chart.kinds.iter().map(|(_, word)| *word));
    columns.extend(runs.map(|_| "failed of finished"));
    let mut figures = Figures::new(&columns);
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
