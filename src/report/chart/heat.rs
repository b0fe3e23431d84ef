//! A heat map: a row for each job, a cell for each period, the darker the more of its runs failed.

use chrono::NaiveDate;

use super::bins::{Bins, Runs};
use super::figure::{Figures, Heading, RowChart, framed, key};
use super::markup::{Markup, Value};
use super::scale::TimeAxis;
use super::{grouped, percent};

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
    rows: &[(&str, &Bins<Runs>)],
) -> Markup {
    let Some((_, first)) = rows.first() else {
        return Markup::new();
    };
    let by = first.by();
    let axis = TimeAxis::of_days(from, end);
    let mut body = Markup::new();
    let classes = CLASSES.map(|(_, class, word)| (class, word));
    let mut entries = classes.to_vec();
    entries.push(UNFINISHED);
    key(&mut body, &entries);
    let mut table = RowChart::new(
        title,
        "job",
        &[Heading::Plot("failed of finished"), Heading::Number("failed")],
    );
    for (name, bins) in rows {
        table.begin(name);
        let within = || bins.iter().filter(|(first, _)| (from..end).contains(first));
        table.plot(false, HEIGHT, |markup| {
            for (first, runs) in within() {
                cell(markup, axis, first, by.next(first), runs);
            }
        });
        table.number(false, &grouped(within().map(|(_, runs)| runs.failed).sum()));
        table.end();
    }
    table.axes(axis, 1, &[false]);
    body.add(&table.finish());
    framed(title, below, &body, Some(&figures(rows, from, end)))
}

fn class_of(runs: Runs) -> &'static str {
    let Some(rate) = runs.rate() else {
        return UNFINISHED.0;
    };
    // The least failure is not none.
    let rate = if runs.failed > 0 { rate.max(1) } else { rate };
    let found = CLASSES.iter().find(|(upper, _, _)| rate <= *upper);
    found.map_or("h5", |(_, class, _)| class)
}

fn cell(markup: &mut Markup, axis: TimeAxis, first: NaiveDate, next: NaiveDate, runs: Runs) {
    let left = axis.percent_of_day(first);
    markup.open(
        "rect",
        &[
            ("class", Value::Word(class_of(runs))),
            ("x", Value::Percent(left)),
            ("width", Value::Percent((axis.percent_of_day(next) - left) * 0.92)),
            ("height", Value::Units(HEIGHT)),
        ],
    );
    // A tooltip for each cell would be most of the page; the figures have all.
    if runs.failed > 0 {
        let rate = runs.rate().map_or_else(String::new, percent);
        let words = format!("{first}: {} of {} failed ({rate})", runs.failed, runs.finished);
        markup.leaf("title", &[], &words);
    }
    markup.close("rect");
}

fn figures(rows: &[(&str, &Bins<Runs>)], from: NaiveDate, end: NaiveDate) -> Figures {
    let mut columns = vec![
        rows.first()
            .map_or("week", |(_, bins)| bins.by().name())
            .to_owned(),
    ];
    columns.extend(rows.iter().map(|(name, _)| super::label(name)));
    let mut firsts: Vec<NaiveDate> = rows
        .iter()
        .flat_map(|(_, bins)| bins.iter().map(|(first, _)| first))
        .filter(|first| (from..end).contains(first))
        .collect();
    firsts.sort_unstable();
    firsts.dedup();
    let cell = |bins: &Bins<Runs>, first| match bins.get(first) {
        None => String::new(),
        Some(runs) => format!("{}/{}", runs.failed, runs.finished),
    };
    Figures {
        columns,
        rows: firsts
            .into_iter()
            .map(|first| {
                let cells = rows.iter().map(|(_, bins)| cell(bins, first));
                std::iter::once(first.to_string()).chain(cells).collect()
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_among_many_is_not_none() {
        let runs = |failed, finished| Runs {
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
