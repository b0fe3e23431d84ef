//! Points in time with the resolution of .NET, and what a time field of CCS says.

use std::fmt;
use std::time::SystemTime;

use chrono::{DateTime, TimeZone, Utc};

/// A point in time: ticks of 100 ns since 1970-01-01T00:00:00Z, the unit of .NET's `DateTime`.
/// The clocks of std and tokio, which only measure how long something takes, are imported as `MonotonicInstant`.
///
/// Shown as `YYYY-MM-DDTHH:MM:SSZ`, with the fraction (trailing zeros dropped) where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(i64);

/// Ticks of 100 ns in a second.
pub(crate) const TICKS_PER_SECOND: i64 = 10_000_000;

impl Instant {
    /// From ticks of 100 ns since the Unix epoch.
    #[must_use]
    pub const fn from_ticks(ticks: i64) -> Self {
        Self(ticks)
    }

    /// From whole seconds since the Unix epoch. Beyond the range of ticks (the year 29,000, in a damaged archive), the
    /// nearest instant in range.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(TICKS_PER_SECOND))
    }

    /// Ticks of 100 ns since the Unix epoch.
    #[must_use]
    pub const fn ticks(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(TICKS_PER_SECOND)
    }

    /// The clock's time, to the whole second, as the archive records it.
    #[must_use]
    pub fn now() -> Self {
        Self::of_clock(SystemTime::now())
    }

    /// The time of a clock, to the whole second; it may show a time before 1970.
    fn of_clock(time: SystemTime) -> Self {
        let whole = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
        Self::from_unix_seconds(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => whole(since.as_secs()),
            Err(before) => {
                let before = before.duration();
                -whole(before.as_secs() + u64::from(before.subsec_nanos() > 0))
            }
        })
    }

    /// Whether the clock of this machine was ever set: one that was not shows a time before 1970.
    #[must_use]
    pub fn clock_is_set() -> bool {
        Self::now().0 >= 0
    }

    /// The same instant as a type of `chrono`.
    #[must_use]
    pub fn to_chrono(self) -> DateTime<Utc> {
        let nanoseconds = self.0.rem_euclid(TICKS_PER_SECOND) * 100;
        let nanoseconds = u32::try_from(nanoseconds).expect("a remainder below one second fits");
        Utc.timestamp_opt(self.unix_seconds(), nanoseconds)
            .single()
            .expect("i64 ticks of 100 ns lie within chrono's 262,000 years")
    }
}

impl serde::Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_chrono().format("%Y-%m-%dT%H:%M:%S"))?;
        let fraction = self.0.rem_euclid(TICKS_PER_SECOND);
        if fraction != 0 {
            let digits = format!("{fraction:07}");
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// Where an instant's offset came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeBasis {
    /// The server wrote it (`Z`, `+05:30`, `/Date(ms)/`).
    Explicit,
    /// The server wrote none; the archive's naive zone was assumed.
    Assumed,
}

/// What a time field of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeReading {
    /// No time: missing, null, `''` or 0001-01-01T00:00:00 with any offset.
    Absent,
    /// A readable time.
    At(Instant, TimeBasis),
    /// Not a time; the raw text is kept.
    Unreadable,
}

impl TimeReading {
    /// The instant, if there is one.
    #[must_use]
    pub const fn instant(self) -> Option<Instant> {
        match self {
            Self::At(instant, _) => Some(instant),
            Self::Absent | Self::Unreadable => None,
        }
    }

    /// Where the offset came from, if there is an instant.
    #[must_use]
    pub const fn basis(self) -> Option<TimeBasis> {
        match self {
            Self::At(_, basis) => Some(basis),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_before_1970_is_a_time_too() {
        let at = |clock| Instant::of_clock(clock).unix_seconds();
        assert_eq!(at(SystemTime::UNIX_EPOCH + Duration::from_millis(1_900)), 1);
        assert_eq!(at(SystemTime::UNIX_EPOCH - Duration::from_secs(86_400)), -86_400);
        assert_eq!(at(SystemTime::UNIX_EPOCH - Duration::from_millis(1)), -1);
    }
}
