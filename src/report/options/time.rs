//! `--since` and `--until`: reading the texts that name an instant.

use chrono::{DateTime, Days, LocalResult, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

use crate::model::{Instant, Zone};
use crate::report::error::{ReportError, Result};

/// The text names no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time (expected 2024-03-01, 2024-03-01T06:00:00+01:00, or how long ago: 30d, 12w, 6mo, 2y)"
)]
pub(super) struct UnreadableTime(String);

/// The instant that a flag names, where it is given.
pub(crate) fn read_time(
    flag: &'static str,
    text: Option<&str>,
    zone: Zone,
    now: Instant,
) -> Result<Option<Instant>> {
    let Some(text) = text else { return Ok(None) };
    let instant =
        parse_time(text, zone, now).map_err(|error| ReportError::wrong_usage(format!("{flag}: {error}")))?;
    tracing::debug!("{flag} {text} = {instant}");
    Ok(Some(instant))
}

/// Reads a day (its first instant in the zone), a time of RFC 3339, or how long before `now`.
///
/// What is so and so many days, weeks, months or years ago has the same time of day in the zone; the 31st becomes the
/// last day of a shorter month.
pub(super) fn parse_time(text: &str, zone: Zone, now: Instant) -> Result<Instant, UnreadableTime> {
    let unreadable = || UnreadableTime(text.to_owned());
    let trimmed = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(trimmed) {
        return exact(&time).ok_or_else(unreadable);
    }
    if is_day(trimmed)
        && let Ok(day) = trimmed.parse::<NaiveDate>()
    {
        return first_instant(zone, day.and_time(NaiveTime::MIN)).ok_or_else(unreadable);
    }
    ago(trimmed, zone, now).ok_or_else(unreadable)
}

/// Ten characters, the digits in their places: the parser alone would also take `2024-3-1`.
fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| {
            if matches!(at, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        })
}

/// The first tick that is not before the time: what is finer than 100 ns must not let in what came before.
fn exact(time: &DateTime<chrono::FixedOffset>) -> Option<Instant> {
    let ticks = i64::from(time.timestamp_subsec_nanos()).div_euclid(100)
        + i64::from(!time.timestamp_subsec_nanos().is_multiple_of(100));
    let seconds = time.timestamp().checked_mul(10_000_000)?;
    seconds.checked_add(ticks).map(Instant::from_ticks)
}

fn ago(text: &str, zone: Zone, now: Instant) -> Option<Instant> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u32 = number.parse().ok()?;
    let here = zone.from_utc_datetime(&now.to_chrono().naive_utc()).naive_local();
    let then = match unit {
        "d" => here.checked_sub_days(Days::new(number.into())),
        "w" => here.checked_sub_days(Days::new(u64::from(number) * 7)),
        "mo" => here.checked_sub_months(Months::new(number)),
        "y" => here.checked_sub_months(Months::new(number.checked_mul(12)?)),
        _ => None,
    }?;
    first_instant(zone, then)
}

/// The instant of a time of the wall: the earlier of two; the one after the jump where a jump left it out.
pub(super) fn first_instant(zone: Zone, local: NaiveDateTime) -> Option<Instant> {
    let time = match zone.from_local_datetime(&local) {
        LocalResult::Single(time) => time,
        LocalResult::Ambiguous(a, b) => a.min(b),
        LocalResult::None => return instant_of_jump(zone, local),
    };
    exact(&time.fixed_offset())
}

/// The instant at which the clocks of the zone jumped over `local`.
fn instant_of_jump(zone: Zone, local: NaiveDateTime) -> Option<Instant> {
    /// A jump is at most a day long (Samoa 2011), and offsets are below a day.
    const BOUND_SECONDS: i64 = 3 * 86_400;
    let middle = local.and_utc().timestamp();
    let (mut before, mut after) = (middle - BOUND_SECONDS, middle + BOUND_SECONDS);
    while after - before > 1 {
        let between = before.midpoint(after);
        let wall = zone.timestamp_opt(between, 0).single()?.naive_local();
        if wall < local {
            before = between;
        } else {
            after = between;
        }
    }
    Some(Instant::from_unix_seconds(after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::named;

    fn read(text: &str, zone: Zone) -> String {
        // 2024-03-31T10:00:00Z
        let now = Instant::from_unix_seconds(1_711_879_200);
        parse_time(text, zone, now).map_or_else(|error| error.to_string(), |instant| instant.to_string())
    }

    #[test]
    fn a_day_begins_at_midnight_in_the_zone() {
        assert_eq!(read("2024-03-01", Zone::UTC), "2024-03-01T00:00:00Z");
        assert_eq!(read("2024-03-01", named("Asia/Kolkata")), "2024-02-29T18:30:00Z");
        assert_eq!(read("2024-07-01", named("Europe/Berlin")), "2024-06-30T22:00:00Z");
    }

    #[test]
    fn a_day_without_midnight_begins_where_the_clocks_jumped_and_a_day_with_two_at_the_first() {
        // Sao Paulo's summer time began at midnight, Havana's ends at 01:00.
        assert_eq!(
            read("2017-10-15", named("America/Sao_Paulo")),
            "2017-10-15T03:00:00Z"
        );
        assert_eq!(
            read("2023-11-05", named("America/Havana")),
            "2023-11-05T04:00:00Z"
        );
        // Samoa had no 30 December 2011.
        assert_eq!(read("2011-12-30", named("Pacific/Apia")), "2011-12-30T10:00:00Z");
        assert_eq!(read("2011-12-31", named("Pacific/Apia")), "2011-12-30T10:00:00Z");
    }

    #[test]
    fn a_time_of_rfc_3339_is_that_instant() {
        assert_eq!(
            read("2024-03-01T06:00:00+01:00", named("Asia/Kolkata")),
            "2024-03-01T05:00:00Z"
        );
        assert_eq!(
            read("2024-03-01T06:00:00.25z", Zone::UTC),
            "2024-03-01T06:00:00.25Z"
        );
        assert_eq!(
            read("2024-03-01T06:00:00.00000001Z", Zone::UTC),
            "2024-03-01T06:00:00.0000001Z"
        );
        assert_eq!(
            read("1955-03-01T06:00:00.5Z", Zone::UTC),
            "1955-03-01T06:00:00.5Z"
        );
    }

    #[test]
    fn what_is_long_ago_has_the_same_time_of_day() {
        assert_eq!(read("30d", Zone::UTC), "2024-03-01T10:00:00Z");
        assert_eq!(read("1d", named("Europe/Berlin")), "2024-03-30T11:00:00Z");
        assert_eq!(read("2w", Zone::UTC), "2024-03-17T10:00:00Z");
        assert_eq!(read("1mo", Zone::UTC), "2024-02-29T10:00:00Z");
        assert_eq!(read("2y", Zone::UTC), "2022-03-31T10:00:00Z");
        assert_eq!(read("0d", Zone::UTC), "2024-03-31T10:00:00Z");
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "d",
            "30",
            "30 d",
            "-3d",
            "3h",
            "2024-3-1",
            "2024-13-01",
            "20240301",
            "yesterday",
            "99999999999d",
            "4000000000mo",
            "+12024-1-1",
        ] {
            assert!(read(text, Zone::UTC).contains("is not a time"), "{text}");
        }
    }
}
