//! Exact decimal numbers.

use std::fmt;

/// Ticks of 100 ns in a second, as a power of ten.
const TICK_PLACES: u32 = 7;

/// `units / 10^places`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    units: i128,
    places: u32,
}

impl Decimal {
    /// The number `units / 10^places`, shown with `places` decimals.
    #[must_use]
    pub const fn new(units: i128, places: u32) -> Self {
        Self { units, places }
    }

    /// `numerator / denominator` with `places` decimals, halves rounded away from zero. `None` if the denominator is 0.
    #[must_use]
    pub fn ratio(numerator: i128, denominator: i128, places: u32) -> Option<Self> {
        let scaled = numerator.checked_mul(10_i128.checked_pow(places)?)?;
        let whole = scaled.checked_div(denominator)?;
        let rest = scaled % denominator;
        let half_or_more = rest.unsigned_abs() >= denominator.unsigned_abs().div_ceil(2);
        let away = if (scaled < 0) == (denominator < 0) { 1 } else { -1 };
        let units = if rest != 0 && half_or_more {
            whole + away
        } else {
            whole
        };
        Some(Self { units, places })
    }

    /// This minus `other`, which must have the same number of decimals.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        debug_assert!(self.places == other.places, "decimals of two kinds");
        Self {
            units: self.units - other.units,
            places: self.places,
        }
    }

    /// Ticks of 100 ns as seconds, exact and without trailing zeros: `3600`, `0.5`.
    #[must_use]
    pub const fn seconds(ticks: i128) -> Self {
        Self::trimmed(ticks, TICK_PLACES)
    }

    /// The number `units / 10^places` without trailing zeros.
    #[must_use]
    pub const fn trimmed(mut units: i128, mut places: u32) -> Self {
        while places > 0 && units % 10 == 0 {
            units /= 10;
            places -= 1;
        }
        Self { units, places }
    }

    /// The number without its decimals.
    #[must_use]
    pub const fn whole(self) -> i128 {
        self.units / 10_i128.pow(self.places)
    }

    /// A share as a percentage, exact and without trailing zeros: `6.25 %`.
    #[must_use]
    pub fn percent(self) -> String {
        let mut percentage = Self {
            units: self.units * if self.places >= 2 { 1 } else { 100 },
            places: if self.places >= 2 {
                self.places - 2
            } else {
                self.places
            },
        };
        while percentage.places > 0 && percentage.units % 10 == 0 {
            percentage.units /= 10;
            percentage.places -= 1;
        }
        format!("{percentage} %")
    }

    /// The nearest floating-point number, for formats that have no exact ones.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.to_string()
            .parse()
            .expect("digits with at most one point are a number")
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.places == 0 {
            return write!(f, "{}", self.units);
        }
        let sign = if self.units < 0 { "-" } else { "" };
        let places = usize::try_from(self.places).expect("a few places");
        let digits = format!("{:0width$}", self.units.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(numerator: i128, denominator: i128, places: u32) -> String {
        Decimal::ratio(numerator, denominator, places)
            .unwrap()
            .to_string()
    }

    #[test]
    fn halves_go_away_from_zero_and_everything_else_to_the_nearest() {
        assert_eq!(ratio(1, 3, 4), "0.3333");
        assert_eq!(ratio(2, 3, 4), "0.6667");
        assert_eq!(ratio(1, 32, 4), "0.0313");
        assert_eq!(ratio(-1, 32, 4), "-0.0313");
        assert_eq!(ratio(1, -32, 4), "-0.0313");
        assert_eq!(ratio(49, 4, 1), "12.3");
        assert_eq!(ratio(-1, 3, 1), "-0.3");
        assert_eq!(ratio(-1, 100, 1), "0.0");
        assert_eq!(ratio(0, 7, 4), "0.0000");
        assert_eq!(ratio(7, 7, 4), "1.0000");
        assert_eq!(ratio(99_999, 100_000, 4), "1.0000");
        assert_eq!(Decimal::ratio(0, 0, 4), None);
    }

    #[test]
    fn percentages_say_what_the_share_says() {
        let shares = [(625, 4), (0, 4), (10_000, 4), (3_333, 4), (7_050, 4), (5, 1)];
        let shown = shares.map(|(units, places)| Decimal::new(units, places).percent());
        assert_eq!(shown, ["6.25 %", "0 %", "100 %", "33.33 %", "70.5 %", "50 %"]);
    }

    #[test]
    fn seconds_are_exact_without_trailing_zeros() {
        for (ticks, text) in [
            (0, "0"),
            (36_000_000_000, "3600"),
            (5_000_000, "0.5"),
            (1, "0.0000001"),
            (-15_000_000, "-1.5"),
            (100_000_000, "10"),
        ] {
            assert_eq!(Decimal::seconds(ticks).to_string(), text);
        }
    }
}
