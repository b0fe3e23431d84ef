//! Days, weeks, months, quarters and years of a zone.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone};

use super::time::first_instant;
use crate::model::{Instant, Zone};

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Period {
    /// A day of the zone: 23, 24 or 25 hours, or whatever its rules made of it.
    #[default]
    Day,
    Week,
    Month,
    /// January to March, and so on.
    Quarter,
    Year,
}

impl Period {
    /// All of them, from the shortest on.
    pub const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// Its word on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The first day of the period that `day` is in.
    #[must_use]
    pub fn first_day(self, day: NaiveDate) -> NaiveDate {
        let first_of = |month| NaiveDate::from_ymd_opt(day.year(), month, 1);
        let first = match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into())),
            Self::Month => first_of(day.month()),
            Self::Quarter => first_of(day.month0() / 3 * 3 + 1),
            Self::Year => first_of(1),
        };
        first.expect("instants of 64 bits are far from the ends of the calendar")
    }

    /// The first day of the period after the one that begins with `first`.
    #[must_use]
    pub fn next(self, first: NaiveDate) -> NaiveDate {
        let next = match self {
            Self::Day => first.checked_add_days(Days::new(1)),
            Self::Week => first.checked_add_days(Days::new(7)),
            Self::Month => first.checked_add_months(Months::new(1)),
            Self::Quarter => first.checked_add_months(Months::new(3)),
            Self::Year => first.checked_add_months(Months::new(12)),
        };
        next.expect("instants of 64 bits are far from the ends of the calendar")
    }
}

/// The day of the zone that an instant belongs to.
#[must_use]
pub fn local_day(zone: Zone, at: Instant) -> NaiveDate {
    zone.from_utc_datetime(&at.to_chrono().naive_utc()).date_naive()
}

/// Whether the zone had this day at all: Samoa went from 29 to 31 December 2011.
pub(in crate::report) fn has_day(zone: Zone, day: NaiveDate) -> bool {
    let first = first_instant(zone, day.and_time(NaiveTime::MIN));
    first.is_none_or(|first| local_day(zone, first) == day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Instant {
        let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
        Instant::from_unix_seconds(time.timestamp())
    }

    #[test]
    fn a_period_begins_with_its_first_day() {
        let found = Period::ALL.map(|period| period.first_day(day("2023-08-17")).to_string());
        assert_eq!(
            found,
            [
                "2023-08-17",
                "2023-08-14",
                "2023-08-01",
                "2023-07-01",
                "2023-01-01"
            ]
        );
        assert_eq!(Period::Week.first_day(day("2023-01-01")), day("2022-12-26"));
        assert_eq!(Period::Week.first_day(day("2024-01-01")), day("2024-01-01"));
    }

    #[test]
    fn the_next_period_begins_where_this_one_ends() {
        for period in Period::ALL {
            let mut first = period.first_day(day("2019-12-31"));
            for _ in 0..400 {
                let next = period.next(first);
                assert_eq!(period.first_day(next), next);
                assert_eq!(period.first_day(next.pred_opt().unwrap()), first);
                first = next;
            }
        }
    }

    #[test]
    fn a_day_that_the_zone_skipped_is_none() {
        for (zone, text, is_there) in [
            (named("Pacific/Apia"), "2011-12-29", true),
            (named("Pacific/Apia"), "2011-12-30", false),
            (named("Pacific/Apia"), "2011-12-31", true),
            (named("Pacific/Kwajalein"), "1993-08-21", false),
            // Clocks that jump at midnight leave out an hour, not the day.
            (named("Africa/Cairo"), "2024-04-26", true),
            (Zone::UTC, "2011-12-30", true),
        ] {
            assert_eq!(has_day(zone, day(text)), is_there, "{zone} {text}");
        }
    }

    #[test]
    fn the_zone_decides_the_day() {
        for (zone, instant, wanted) in [
            (Zone::UTC, "2024-03-10T23:59:59Z", "2024-03-10"),
            // Half-hour zones.
            (named("Asia/Kolkata"), "2024-03-10T18:29:59Z", "2024-03-10"),
            (named("Asia/Kolkata"), "2024-03-10T18:30:00Z", "2024-03-11"),
            (named("Australia/Lord_Howe"), "2024-07-01T13:29:59Z", "2024-07-01"),
            (named("Australia/Lord_Howe"), "2024-07-01T13:30:00Z", "2024-07-02"),
            (named("Australia/Lord_Howe"), "2024-01-01T13:00:00Z", "2024-01-02"),
            // A day of 23 hours and one of 25.
            (named("Europe/Berlin"), "2024-03-30T23:00:00Z", "2024-03-31"),
            (named("Europe/Berlin"), "2024-03-31T21:59:59Z", "2024-03-31"),
            (named("Europe/Berlin"), "2024-03-31T22:00:00Z", "2024-04-01"),
            (named("Europe/Berlin"), "2024-10-26T22:00:00Z", "2024-10-27"),
            (named("Europe/Berlin"), "2024-10-27T22:59:59Z", "2024-10-27"),
            (named("Europe/Berlin"), "2024-10-27T23:00:00Z", "2024-10-28"),
            // Samoa had no 30 December 2011.
            (named("Pacific/Apia"), "2011-12-30T09:59:59Z", "2011-12-29"),
            (named("Pacific/Apia"), "2011-12-30T10:00:00Z", "2011-12-31"),
            // Moscow's rules of 2012 and of 2015.
            (named("Europe/Moscow"), "2012-01-10T20:00:00Z", "2012-01-11"),
            (named("Europe/Moscow"), "2015-01-10T20:30:00Z", "2015-01-10"),
            // Before 1970 and after 2038.
            (named("America/New_York"), "1965-07-04T03:59:59Z", "1965-07-03"),
            (named("America/New_York"), "2050-07-04T04:00:00Z", "2050-07-04"),
        ] {
            assert_eq!(
                local_day(zone, at(instant)).to_string(),
                wanted,
                "{zone} {instant}"
            );
        }
    }
}
