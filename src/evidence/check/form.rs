//! The one form that each kind of value has in lines and tables.

use crate::decode::read_time;
use crate::model::{Instant, NaiveZone};

fn is_hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_hexadecimal)
}

pub(super) fn is_guid(text: &str) -> bool {
    let is_right = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => is_hexadecimal(byte),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_right)
}

pub(super) fn is_number(text: &str) -> bool {
    (1..=18).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// `2026-01-31T03:00:00Z`.
pub(super) fn is_time(text: &str) -> bool {
    text.len() == 20 && is_instant(text)
}

/// The same, perhaps with a fraction that does not end with 0.
pub(super) fn is_instant(text: &str) -> bool {
    let Some((seconds, rest)) = text.split_at_checked(19) else {
        return false;
    };
    let is_right = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    let is_fraction = |rest: &str| {
        rest.strip_prefix('.').is_some_and(|digits| {
            (1..=7).contains(&digits.len())
                && digits.bytes().all(|byte| byte.is_ascii_digit())
                && !digits.ends_with('0')
        })
    };
    seconds.bytes().enumerate().all(is_right)
        && rest
            .strip_suffix('Z')
            .is_some_and(|rest| rest.is_empty() || is_fraction(rest))
        && instant(text).is_some()
}

/// An instant as written in lines and tables.
pub(super) fn instant(text: &str) -> Option<Instant> {
    read_time(text, NaiveZone::Utc).instant()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_one_form() {
        for good in [
            "2026-01-31T03:00:00Z",
            "2026-01-31T03:00:00.5Z",
            "2026-01-31T03:00:00.1234567Z",
        ] {
            assert!(is_instant(good), "{good}");
        }
        for bad in [
            "2026-01-31T03:00:00",
            "2026-01-31T03:00:00.50Z",
            "2026-02-31T03:00:00Z",
            "2026-01-31 03:00:00Z",
            "2026-01-31T03:00:00.12345678Z",
            "2026-01-31T03:00:00.Z",
            "\u{e4}026-01-31T03:00:00Z",
        ] {
            assert!(!is_instant(bad), "{bad}");
        }
        assert!(is_number("0") && is_number("10") && !is_number("01") && !is_number("") && !is_number("+1"));
    }
}
