//! The age at which runs are removed.

use std::str::FromStr;

/// An age in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionAge {
    pub days: i64,
}

/// The most days that an age may have: a thousand years.
const MOST_DAYS: i64 = 365_250;

/// The most days that none to eleven months in a row have.
const MOST_DAYS_OF_MONTHS: [i64; 12] = [0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337];

impl FromStr for RetentionAge {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unreadable = || format!("{text:?} is not an age (expected 7y, 18mo, 12w or 90d)");
        let text = text.trim();
        let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(unreadable)?;
        let number: i64 = text[..at].parse().map_err(|_| unreadable())?;
        // So many calendar years or months never have more days.
        let years = |number: i64| number.checked_mul(1461).map(|quarters| (quarters + 3) / 4);
        let days = match &text[at..] {
            "d" => Some(number),
            "w" => number.checked_mul(7),
            "mo" => years(number / 12).map(|days| {
                days + MOST_DAYS_OF_MONTHS[usize::try_from(number % 12).expect("it is below 12")]
            }),
            "y" => years(number),
            _ => None,
        };
        match days.ok_or_else(unreadable)? {
            0 => Err("an age is at least one day".to_owned()),
            days if days > MOST_DAYS => Err(format!("an age is at most {MOST_DAYS} days")),
            days => Ok(Self { days }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_never_shorter_than_so_many_calendar_years_or_months() {
        let days = |text: &str| text.parse::<RetentionAge>().map(|age| age.days);
        assert_eq!(
            ["1y", "2y", "3y", "4y", "7y", "84mo", "18mo", "2mo", "12w", "90d"].map(|age| days(age).unwrap()),
            [366, 731, 1096, 1461, 2557, 2557, 550, 62, 84, 90]
        );
        for wrong in [
            "7",
            "7x",
            "y",
            "",
            "-7y",
            "1.5y",
            "0d",
            "0y",
            "0mo",
            "7m",
            "99999999999999999999y",
            "9000y",
        ] {
            assert!(days(wrong).is_err(), "{wrong}");
        }
    }
}
