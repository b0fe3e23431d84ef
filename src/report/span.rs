//! Two spans of time that are compared.

use chrono::{Datelike, Days, Months, NaiveTime, TimeZone};
use serde_json::{Map, Value};

use super::moment::first_instant;
use super::options::Common;
use crate::model::{Instant, Zone};

/// From an instant, included, to another, not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub since: Instant,
    /// Where it ends.
    pub until: Instant,
}

impl Span {
    /// The span just before this one. Where both ends are midnights of the zone it is as many whole months long, if they are
    /// the first of a month, else as many days; else as long to the tick. `None` where this one has no length, and where
    /// time itself ends.
    #[must_use]
    pub fn before(self, zone: Zone) -> Option<Self> {
        if self.since >= self.until {
            return None;
        }
        let local = |at: Instant| zone.from_utc_datetime(&at.to_chrono().naive_utc()).naive_local();
        let (from, to) = (local(self.since), local(self.until));
        let since = if from.time() == NaiveTime::MIN && to.time() == NaiveTime::MIN {
            let (from, to) = (from.date(), to.date());
            let first = if from.day() == 1 && to.day() == 1 {
                let months =
                    (to.year() - from.year()) * 12 + to.month().cast_signed() - from.month().cast_signed();
                from.checked_sub_months(Months::new(u32::try_from(months).ok()?))
            } else {
                from.checked_sub_days(Days::new(u64::try_from((to - from).num_days()).ok()?))
            };
            first_instant(zone, first?.and_time(NaiveTime::MIN))?
        } else {
            let length = self.until.ticks().checked_sub(self.since.ticks())?;
            Instant::from_ticks(self.since.ticks().checked_sub(length)?)
        };
        Some(Self {
            since,
            until: self.since,
        })
    }

    /// Adds the span to compare with to the options as the manifest has them.
    pub(super) fn describe(span: Option<Self>, options: &mut Map<String, Value>) {
        let ends = span.map(|span| [span.since, span.until]);
        for (place, name) in ["compare_since", "compare_until"].into_iter().enumerate() {
            let at = ends.map_or(Value::Null, |ends| ends[place].to_string().into());
            options.insert(name.to_owned(), at);
        }
    }

    /// The same options, of this span.
    pub(super) fn of(self, common: &Common) -> Common {
        Common {
            since: Some(self.since),
            until: Some(self.until),
            ..common.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::moment::read_moment;
    use super::*;
    use crate::model::named;

    fn before(zone: Zone, since: &str, until: &str) -> Option<(String, String)> {
        let at = |text: &str| read_moment(text, zone, Instant::from_unix_seconds(0)).unwrap();
        let span = Span {
            since: at(since),
            until: at(until),
        };
        let before = span.before(zone)?;
        assert_eq!(before.until, span.since);
        Some((before.since.to_string(), before.until.to_string()))
    }

    #[test]
    fn the_span_before_is_as_many_months_or_days_of_the_zone() {
        for (zone, since, until, begins) in [
            // February has 29 days, March 31.
            (Zone::UTC, "2024-03-01", "2024-04-01", "2024-02-01T00:00:00Z"),
            (Zone::UTC, "2024-01-01", "2025-01-01", "2023-01-01T00:00:00Z"),
            (Zone::UTC, "2024-03-02", "2024-03-09", "2024-02-24T00:00:00Z"),
            // A week with a day of 23 hours after one without.
            (
                named("Europe/Berlin"),
                "2024-03-28",
                "2024-04-04",
                "2024-03-20T23:00:00Z",
            ),
            (
                named("Europe/Berlin"),
                "2024-04-04",
                "2024-04-11",
                "2024-03-27T23:00:00Z",
            ),
            (
                Zone::UTC,
                "2024-03-01T06:00:00Z",
                "2024-03-01T07:30:00Z",
                "2024-03-01T04:30:00Z",
            ),
        ] {
            let (found, _) = before(zone, since, until).unwrap();
            assert_eq!(found, begins, "{zone} {since} {until}");
        }
    }

    #[test]
    fn an_empty_span_has_none_before_it() {
        assert_eq!(before(Zone::UTC, "2024-03-01", "2024-03-01"), None);
        assert_eq!(before(Zone::UTC, "2024-03-02", "2024-03-01"), None);
    }
}
