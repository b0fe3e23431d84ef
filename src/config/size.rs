//! Sizes in bytes as people write them: `256MiB`, `1GiB`, `64KiB`, `1000`.

/// The text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size (expected whole bytes, or a number and KiB, MiB or GiB: 256MiB)")]
pub struct NotASize(pub String);

const UNITS: [(&str, u64); 3] = [("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30)];

/// Reads a whole number of bytes, KiB, MiB or GiB, in any letter case.
///
/// # Errors
/// [`NotASize`] for anything else, or for more than 64 bits.
pub fn parse_size(text: &str) -> Result<u64, NotASize> {
    let refuse = || NotASize(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let unit = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((lower.strip_suffix(unit)?, *bytes)));
    let (number, bytes) = unit.unwrap_or((&lower, 1));
    let number = number.trim_end();
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(refuse());
    }
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(bytes))
        .ok_or_else(refuse)
}

/// A size in the same spelling, in the largest unit that gives a whole number.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    for (unit, length) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes != 0 && bytes.is_multiple_of(length) {
            return format!("{}{unit}", bytes / length);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_binary_units_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("1000", 1000),
            ("64KiB", 65_536),
            ("256 mib", 1 << 28),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        assert_eq!(show_size(1 << 28), "256MiB");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "MiB",
            "-1",
            "1.5GiB",
            "1MB",
            "99999999999999999999",
            "99999999999GiB",
            "+1",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
