//! `--month`, `--quarter` and `--year`: a span of the calendar in one word.

use chrono::{Datelike, NaiveDate, NaiveTime};

use super::period::Period;
use super::time::first_instant;
use crate::model::{Instant, Zone};

// Not a doc comment, which clap would show in the help of each report.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
#[group(multiple = false, conflicts_with_all = ["since", "until"])]
pub(super) struct CalendarSpan {
    /// Only this month in the time zone, such as 2026-01
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    month: Option<NaiveDate>,

    /// Only this quarter in the time zone, such as 2026-Q1
    #[arg(long, value_name = "YYYY-QN", value_parser = quarter)]
    quarter: Option<NaiveDate>,

    /// Only this year in the time zone, such as 2026
    #[arg(long, value_name = "YYYY", value_parser = year)]
    year: Option<NaiveDate>,
}

impl CalendarSpan {
    /// Its first instant, and the first one behind it; `None` where no span is given.
    pub(super) fn bounds(self, zone: Zone) -> Option<(Instant, Instant)> {
        let (period, first) = [
            (Period::Month, self.month),
            (Period::Quarter, self.quarter),
            (Period::Year, self.year),
        ]
        .into_iter()
        .find_map(|(period, first)| Some((period, first?)))?;
        let midnight = |day: NaiveDate| first_instant(zone, day.and_time(NaiveTime::MIN));
        midnight(first).zip(midnight(period.next(first)))
    }
}

fn month(text: &str) -> Result<NaiveDate, &'static str> {
    let read = || {
        let (year, month) = text.trim().split_once('-')?;
        first_of(year, digits(month, 2)?)
    };
    read().ok_or("expected a year and a month, such as 2026-01")
}

fn quarter(text: &str) -> Result<NaiveDate, &'static str> {
    let read = || {
        let (year, quarter) = text.trim().split_once('-')?;
        let number = digits(quarter.strip_prefix(['Q', 'q'])?, 1)?;
        first_of(year, number.checked_sub(1)? * 3 + 1)
    };
    read().ok_or("expected a year and a quarter, such as 2026-Q1")
}

fn year(text: &str) -> Result<NaiveDate, &'static str> {
    first_of(text.trim(), 1).ok_or("expected a year, such as 2026")
}

fn first_of(year: &str, month: u32) -> Option<NaiveDate> {
    // Instants of 64 bits end in other millennia.
    let year = digits(year, 4)?.try_into().ok()?;
    NaiveDate::from_ymd_opt(year, month, 1).filter(|day| day.year() > 0)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::model::named;

    #[derive(Debug, Parser)]
    struct SpanFlags {
        #[command(flatten)]
        span: CalendarSpan,
        #[arg(long)]
        since: Option<String>,
        #[arg(long)]
        until: Option<String>,
    }

    fn bounds(zone: Zone, arguments: &[&str]) -> Option<String> {
        let arguments = std::iter::once("x").chain(arguments.iter().copied());
        let (since, until) = SpanFlags::try_parse_from(arguments).ok()?.span.bounds(zone)?;
        Some(format!("{since} {until}"))
    }

    #[test]
    fn a_span_of_the_calendar_begins_and_ends_at_midnight_in_the_zone() {
        let berlin = named("Europe/Berlin");
        for (zone, flag, text, expected) in [
            (
                Zone::UTC,
                "--month",
                "2026-01",
                "2026-01-01T00:00:00Z 2026-02-01T00:00:00Z",
            ),
            (
                Zone::UTC,
                "--month",
                "2025-12",
                "2025-12-01T00:00:00Z 2026-01-01T00:00:00Z",
            ),
            (
                berlin,
                "--month",
                "2026-03",
                "2026-02-28T23:00:00Z 2026-03-31T22:00:00Z",
            ),
            (
                berlin,
                "--quarter",
                "2026-Q4",
                "2026-09-30T22:00:00Z 2026-12-31T23:00:00Z",
            ),
            (
                Zone::UTC,
                "--quarter",
                "2026-q1",
                "2026-01-01T00:00:00Z 2026-04-01T00:00:00Z",
            ),
            (
                Zone::UTC,
                "--year",
                "2026",
                "2026-01-01T00:00:00Z 2027-01-01T00:00:00Z",
            ),
        ] {
            assert_eq!(
                bounds(zone, &[flag, text]).as_deref(),
                Some(expected),
                "{flag} {text}"
            );
        }
        assert_eq!(bounds(Zone::UTC, &["--since", "2026-01-01"]), None);
    }

    #[test]
    fn anything_else_is_no_such_span_and_only_one_is_given() {
        for arguments in [
            ["--month", "2026-13"],
            ["--month", "2026-1"],
            ["--month", "01-2026"],
            ["--month", "2026"],
            ["--quarter", "2026-Q5"],
            ["--quarter", "2026-Q0"],
            ["--quarter", "2026-1"],
            ["--year", "26"],
            ["--year", "+026"],
            ["--year", "0000"],
        ] {
            assert_eq!(bounds(Zone::UTC, &arguments), None, "{arguments:?}");
        }
        for other in [["--year", "2026"], ["--since", "30d"], ["--until", "30d"]] {
            let arguments = [["--month", "2026-01"], other].concat();
            let arguments = std::iter::once("x").chain(arguments);
            assert!(SpanFlags::try_parse_from(arguments).is_err(), "{other:?}");
        }
    }
}
