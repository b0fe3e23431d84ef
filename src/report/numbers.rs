//! Numbers as people write them.

pub(crate) use crate::text::{counted, grouped};

/// A share in hundredths of a percent, as text: `6.25 %`.
#[must_use]
pub(crate) fn percent(hundredths: u64) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match (rest / 10, rest % 10) {
        (0, 0) => format!("{whole} %"),
        (tenth, 0) => format!("{whole}.{tenth} %"),
        _ => format!("{whole}.{rest:02} %"),
    }
}

/// A duration in its two largest units, the rest left out: `90 days`, `2 h 5 min`.
#[must_use]
pub(crate) fn duration(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let seconds = seconds.unsigned_abs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let two = |first: String, second: u64, unit: &str| match second {
        0 => first,
        second => format!("{first} {second} {unit}"),
    };
    let text = match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => two(format!("{minutes} min"), seconds % 60, "s"),
        (0, hours, minutes) => two(format!("{hours} h"), minutes, "min"),
        (days, hours, _) => two(counted(days, "day"), hours, "h"),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_people_write_them() {
        assert_eq!(
            [0, 999, 1_000, 748_000, 1_234_567].map(grouped).join(" "),
            "0 999 1,000 748,000 1,234,567"
        );
        assert_eq!(
            [0, 625, 630, 700, 705, 10_000].map(percent).join(" "),
            "0 % 6.25 % 6.3 % 7 % 7.05 % 100 %"
        );
        assert_eq!(counted(1, "run"), "1 run");
        assert_eq!(counted(0, "run"), "0 runs");
    }

    #[test]
    fn durations_are_in_two_units() {
        assert_eq!(
            [
                0, 59, 60, 61, 3_599, 3_600, 7_500, 86_400, 90_000, 90_061, 7_776_000, -7_500
            ]
            .map(duration)
            .join(", "),
            "0 s, 59 s, 1 min, 1 min 1 s, 59 min 59 s, 1 h, 2 h 5 min, 1 day, 1 day 1 h, 1 day 1 h, 90 days, -2 h 5 min"
        );
    }
}
