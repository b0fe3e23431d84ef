//! Durations as people write them: `90s`, `15m`, `26h`, `7d`.

use std::time::Duration;

/// The text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration (expected a number and s, m, h or d: 90s, 15m, 26h, 7d)")]
pub struct NotADuration(pub String);

/// The longest duration that is accepted, a hundred years: longer ones are mistakes, and may overflow a clock.
const LONGEST_SECONDS: f64 = 100.0 * 365.25 * 86_400.0;

/// Reads a number (with or without decimals) and its unit: `s`, `m`, `h` or `d`.
///
/// # Errors
/// [`NotADuration`] for a number without a unit or with a sign, or for more than a hundred years.
pub fn parse_duration(text: &str) -> Result<Duration, NotADuration> {
    let refuse = || NotADuration(text.to_owned());
    let trimmed = text.trim();
    let unit = trimmed.chars().next_back().ok_or_else(refuse)?;
    let seconds_per_unit = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3_600.0,
        'd' => 86_400.0,
        _ => return Err(refuse()),
    };
    let number = trimmed[..trimmed.len() - 1].trim_end();
    let decimal = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.');
    if !decimal {
        return Err(refuse());
    }
    let seconds = number.parse::<f64>().map_err(|_| refuse())? * seconds_per_unit;
    if seconds > LONGEST_SECONDS {
        return Err(refuse());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| refuse())
}

/// Like [`parse_duration`], but refuses zero.
///
/// # Errors
/// The reason, as text.
pub fn parse_positive_duration(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if duration.is_zero() {
        Err("it must be longer than nothing".to_owned())
    } else {
        Ok(duration)
    }
}

/// A duration in the same spelling, in the largest unit that gives a whole number (`26h`, not `1.08d`).
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() != 0 {
        return format!("{}s", duration.as_secs_f64());
    }
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds != 0 && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

/// A duration rounded down, in the largest unit that gives at least 2: `119s`, `2m`, `47h`, `90d`.
#[must_use]
pub fn show_rounded(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_are_read() {
        for (text, seconds) in [
            ("90s", 90.0),
            ("15m", 900.0),
            ("26h", 93_600.0),
            ("7d", 604_800.0),
            ("1.5h", 5_400.0),
            ("0s", 0.0),
            (" 2 m ", 120.0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs_f64(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "s",
            "90",
            "-1s",
            "+1s",
            "1w",
            "1M",
            "1e3s",
            "infs",
            ".s",
            "1.s",
            "1..2s",
            "99999999d",
            "15ß",
            "NaNs",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_shown_duration_reads_back() {
        for text in ["90s", "15m", "26h", "7d", "0s", "0.5s"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn rounded_durations_are_short() {
        assert_eq!(
            [5, 119, 120, 7_200, 172_800].map(|seconds| show_rounded(Duration::from_secs(seconds))),
            ["5s", "119s", "2m", "2h", "2d"]
        );
    }
}
