//! Times as CCS writes them.
//!
//! The API's own sample has a start with an offset (`2018-09-20T11:14:34+05:30`, that is 05:44:34Z) and an end without one
//! (`2018-09-20T05:44:42`). Only as UTC is the end after the start, so no offset means UTC unless the archive has another
//! zone set.

use crate::model::{Instant, NaiveZone, TimeBasis, TimeReading};

const TICKS_PER_SECOND: i64 = 10_000_000;

/// Reads a time field's text.
///
/// Understands `YYYY-MM-DD`, `T` or a space, `HH:MM[:SS[.f]]`, then `Z`, `±hh[:mm]`, `±hhmm` or nothing; and
/// `/Date(ms)/`, `/Date(ms±hhmm)/`, whose milliseconds are UTC. Digits of a fraction beyond the seventh are dropped.
/// `''` and every time within [`NEVER`] are not times.
#[must_use]
pub fn read(raw: &str, zone: NaiveZone) -> TimeReading {
    let text = raw.trim();
    if text.is_empty() {
        return TimeReading::Absent;
    }
    let (local, offset) = match text
        .strip_prefix("/Date(")
        .and_then(|rest| rest.strip_suffix(")/"))
    {
        Some(inner) => match read_date_call(inner) {
            Some((local, offset)) => (local, Some(offset)),
            None => return TimeReading::Unreadable,
        },
        None => match read_iso(text.as_bytes()) {
            Some(read) => read,
            None => return TimeReading::Unreadable,
        },
    };
    let (ticks, basis) = match (offset, zone) {
        (Some(seconds), _) => (
            local.ticks - i64::from(seconds) * TICKS_PER_SECOND,
            TimeBasis::Explicit,
        ),
        (None, NaiveZone::Utc) => (local.ticks, TimeBasis::Assumed),
        (None, NaiveZone::Iana(zone)) => {
            let east = zone.offset_of_local_time(local.ticks.div_euclid(TICKS_PER_SECOND));
            (
                local.ticks - i64::from(east) * TICKS_PER_SECOND,
                TimeBasis::Assumed,
            )
        }
    };
    if NEVER.contains(&ticks) {
        return TimeReading::Absent;
    }
    if !YEARS.contains(&ticks) {
        return TimeReading::Unreadable; // such as 9999-12-31T23:59:59-05:00, in the year 10000 of UTC
    }
    TimeReading::At(Instant::from_ticks(ticks), basis)
}

/// A local date and time, as ticks since 1970-01-01T00:00:00 of the same local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Local {
    ticks: i64,
}

/// Ticks of the years 1 to 9999, which .NET and SQLite support and whose texts sort correctly.
const YEARS: std::ops::Range<i64> = -62_135_596_800 * TICKS_PER_SECOND..253_402_300_800 * TICKS_PER_SECOND;

/// From 0000-12-31T00:00:00Z up to 0001-01-03T00:00:00Z: not a time. A server may write .NET's `DateTime.MinValue`
/// (0001-01-01T00:00:00) as it is, converted to UTC or converted to local time, so every instant that is on the first day of
/// year 1 at some offset counts as `MinValue`.
const NEVER: std::ops::Range<i64> =
    YEARS.start - 86_400 * TICKS_PER_SECOND..YEARS.start + 2 * 86_400 * TICKS_PER_SECOND;

fn read_iso(text: &[u8]) -> Option<(Local, Option<i32>)> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (number(&date[0..4])?, number(&date[5..7])?, number(&date[8..10])?);
    if date[4] != b'-' || date[7] != b'-' || year == 0 {
        return None;
    }
    let (&separator, rest) = rest.split_first()?;
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let (clock, rest) = rest.split_at_checked(5)?;
    let (hour, minute) = (number(&clock[0..2])?, number(&clock[3..5])?);
    if clock[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => {
            let (digits, rest) = rest.split_at_checked(2)?;
            (number(digits).filter(|&second| second <= 59)?, rest)
        }
        None => (0, rest),
    };
    let (fraction, rest) = match rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) {
        Some(rest) => read_fraction(rest)?,
        None => (0, rest),
    };
    let offset = read_offset(rest)?;
    let days = days_from_civil(year, month, day)?;
    let seconds = days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some((
        Local {
            ticks: seconds * TICKS_PER_SECOND + fraction,
        },
        offset,
    ))
}

/// Ticks of a fraction of a second, and the text after it.
fn read_fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let mut ticks = 0;
    for place in 0..7 {
        let digit = text[..digits].get(place).map_or(0, |digit| digit - b'0');
        ticks = ticks * 10 + i64::from(digit);
    }
    Some((ticks, &text[digits..]))
}

/// Seconds east of UTC; `Some(None)` if there is no offset, `None` if it cannot be read.
#[allow(
    clippy::option_option,
    reason = "an offset may be absent or unreadable, and the two differ"
)]
fn read_offset(text: &[u8]) -> Option<Option<i32>> {
    let (sign, digits) = match text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (number(digits)?, 0),
        4 => (number(&digits[..2])?, number(&digits[2..])?),
        5 if digits[2] == b':' => (number(&digits[..2])?, number(&digits[3..])?),
        _ => return None,
    };
    // .NET allows 14 hours either way; ISO 8601 sets no limit, and 18 is what other parsers accept.
    let seconds = i32::from(hours) * 3600 + i32::from(minutes) * 60;
    (minutes <= 59 && seconds <= 18 * 3600).then_some(Some(sign * seconds))
}

/// `ms` or `ms±hhmm`: the milliseconds are UTC; the offset only says where the server was.
fn read_date_call(inner: &str) -> Option<(Local, i32)> {
    let sign_at = inner
        .char_indices()
        .skip(1)
        .find(|(_, c)| matches!(c, '+' | '-'))
        .map(|(at, _)| at);
    let (milliseconds, offset) = inner.split_at(sign_at.unwrap_or(inner.len()));
    let offset = if offset.is_empty() {
        0
    } else {
        read_offset(offset.as_bytes())??
    };
    let milliseconds: i64 = milliseconds.parse().ok()?;
    let ticks = milliseconds
        .checked_mul(10_000)?
        .checked_add(i64::from(offset) * TICKS_PER_SECOND)?;
    Some((Local { ticks }, offset))
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0, |number: u16, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u16::from(byte - b'0'))
    })
}

/// Days since 1970-01-01; `None` if the calendar has no such day. (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `days_from_civil`.)
fn days_from_civil(year: u16, month: u16, day: u16) -> Option<i64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > last {
        return None;
    }
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn utc(raw: &str) -> String {
        match read(raw, NaiveZone::Utc) {
            TimeReading::At(instant, basis) => format!("{instant} {basis:?}"),
            other => format!("{other:?}"),
        }
    }

    fn berlin(raw: &str) -> String {
        let zone = "Europe/Berlin".parse().unwrap();
        read(raw, zone)
            .instant()
            .map(|instant| instant.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn the_documents_sample_lasts_eight_seconds() {
        assert_eq!(utc("2018-09-20T11:14:34+05:30"), "2018-09-20T05:44:34Z Explicit");
        assert_eq!(utc("2018-09-20T05:44:42"), "2018-09-20T05:44:42Z Assumed");
    }

    #[test]
    fn shapes_that_are_read() {
        for (raw, expected) in [
            ("2018-09-20T05:44:42Z", "2018-09-20T05:44:42Z Explicit"),
            ("2018-09-20t05:44:42z", "2018-09-20T05:44:42Z Explicit"),
            ("2018-09-20 05:44", "2018-09-20T05:44:00Z Assumed"),
            (
                "2018-09-20T05:44:42.1234567Z",
                "2018-09-20T05:44:42.1234567Z Explicit",
            ),
            (
                "2018-09-20T05:44:42.123456789Z",
                "2018-09-20T05:44:42.1234567Z Explicit",
            ),
            ("2018-09-20T05:44:42.500+0100", "2018-09-20T04:44:42.5Z Explicit"),
            ("2018-09-20T05:44:42-03", "2018-09-20T08:44:42Z Explicit"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z Explicit"),
            ("2040-02-29T00:00:00Z", "2040-02-29T00:00:00Z Explicit"),
            ("/Date(1537422882000)/", "2018-09-20T05:54:42Z Explicit"),
            ("/Date(1537422882123+0530)/", "2018-09-20T05:54:42.123Z Explicit"),
            (
                "9999-12-31T23:59:59.9999999",
                "9999-12-31T23:59:59.9999999Z Assumed",
            ),
            ("0001-01-03T00:00:00Z", "0001-01-03T00:00:00Z Explicit"),
            ("2018-09-20T05:44:42+18:00", "2018-09-19T11:44:42Z Explicit"),
            ("2018-09-20T05:44:42.5-0330", "2018-09-20T09:14:42.5Z Explicit"),
            ("/Date(-1000)/", "1969-12-31T23:59:59Z Explicit"),
        ] {
            assert_eq!(utc(raw), expected, "{raw}");
        }
    }

    #[test]
    fn no_time_and_unreadable_times() {
        for raw in [
            "",
            "  ",
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00.000",
            "0001-01-01T00:00:00-05:00",
            "0001-01-01T05:30:00+05:30",
            "/Date(-62135596800000)/",
            "/Date(-62135578800000-0500)/",
            "0001-01-01T05:00:00Z",
            "0001-01-01T01:00:00+05:30",
            "0001-01-01T23:59:59.9999999-14:00",
            "0001-01-02T23:59:59.9999999Z",
            "/Date(-62135578800000)/",
            "/Date(-62135546400000)/",
            "/Date(-62135647200000)/",
        ] {
            assert_eq!(utc(raw), "Absent", "{raw}");
        }
        for raw in [
            "yesterday",
            "2018-09-20",
            "2018-13-20T05:44:42",
            "2018-02-29T05:44:42",
            "2018-09-20T24:00:00",
            "2018-09-20T05:44:60",
            "2018-09-20T05:44:42+19:00",
            "2018-09-20T05:44:42.Z",
            "2018-09-20T05:44:42 Europe/Berlin",
            "0000-01-01T00:00:00",
            "2018-09-20T05:44:42+18:01",
            "9999-12-31T23:59:59-05:00",
            "/Date(-62135683200001)/",
            "/Date(253402300800000)/",
            "/Date(1537422882000+05300)/",
            "/Date()/",
            "/Date(99999999999999999)/",
            "ü018-09-20T05:44:42",
        ] {
            assert_eq!(utc(raw), "Unreadable", "{raw}");
        }
    }

    #[test]
    fn a_zone_for_times_without_offset() {
        assert_eq!(berlin("2024-01-15T12:00:00"), "2024-01-15T11:00:00Z");
        assert_eq!(berlin("2024-07-15T12:00:00"), "2024-07-15T10:00:00Z");
        assert_eq!(
            berlin("2024-10-27T02:30:00"),
            "2024-10-27T00:30:00Z",
            "twice: the earlier one"
        );
        assert_eq!(
            berlin("2024-03-31T02:30:00"),
            "2024-03-31T01:30:00Z",
            "never: the offset before the jump"
        );
        assert_eq!(
            berlin("2024-07-15T12:00:00Z"),
            "2024-07-15T12:00:00Z",
            "an offset wins"
        );
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(seconds in -62_135_424_000_i64..253_402_300_799, offset in -50_400_i32..50_400) {
            let offset = offset / 60 * 60;
            let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
            let there = time.with_timezone(&chrono::FixedOffset::east_opt(offset).unwrap());
            prop_assume!((1..=9999).contains(&chrono::Datelike::year(&there)));
            let raw = there.to_rfc3339();
            prop_assert_eq!(read(&raw, NaiveZone::Utc).instant(), Some(Instant::from_unix_seconds(seconds)), "{}", raw);
        }

        #[test]
        fn any_text_is_read_without_panic(raw in ".{0,40}") {
            let _ = read(&raw, NaiveZone::Utc);
        }
    }
}
