//! GUIDs as CCS and the archive write them.

use std::fmt;
use std::str::FromStr;

/// The identity of a job (`JobID`) or of a run (`JobRunID`).
///
/// Read in any letter case, with or without braces; shown in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Guid(uuid::Uuid);

/// The text is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a GUID (expected 8-4-4-4-12 hexadecimal digits, with or without braces)")]
pub struct NotAGuid(pub String);

impl Guid {
    /// A GUID from its 16 bytes, in the order of its text.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }

    /// All GUIDs in bytes that cannot be read otherwise, such as a broken run.
    pub fn all_in(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes
            .split(|byte| !byte.is_ascii_hexdigit() && *byte != b'-')
            .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok())
    }

    /// The 16 bytes, in the order of the text.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// The beginning of a GUID, in lower case with hyphens as GUIDs are shown, from at least its first 8 hexadecimal digits.
/// `None` for anything else.
#[must_use]
pub fn guid_beginning(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}');
    let digits: String = text.chars().filter(|&c| c != '-').collect();
    if !(8..=32).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut beginning = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            beginning.push('-');
        }
        beginning.push(digit.to_ascii_lowercase());
    }
    Some(beginning)
}

impl FromStr for Guid {
    type Err = NotAGuid;

    fn from_str(text: &str) -> Result<Self, NotAGuid> {
        let inner = text.trim();
        let inner = match (inner.strip_prefix('{'), inner.strip_suffix('}')) {
            (Some(_), Some(_)) => &inner[1..inner.len() - 1],
            (None, None) => inner,
            _ => return Err(NotAGuid(text.to_owned())),
        };
        // `Uuid::parse_str` also accepts URNs, braces and 32 digits without hyphens; .NET writes only the last of these.
        if inner.len() != 36 && inner.len() != 32 {
            return Err(NotAGuid(text.to_owned()));
        }
        uuid::Uuid::try_parse(inner)
            .map(Self)
            .map_err(|_| NotAGuid(text.to_owned()))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_hyphenated(), f)
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_found_in_broken_bytes() {
        let text = b"{\"JobRunID\":\"{FF761384-4B49-40B4-97D8-0DE38669075A}\xff\",0e0e0e0e-0000-4000-8000-00000000000,\"00000000000000000000000000000001";
        let found: Vec<String> = Guid::all_in(text).map(|guid| guid.to_string()).collect();
        assert_eq!(
            found,
            [
                "ff761384-4b49-40b4-97d8-0de38669075a",
                "00000000-0000-0000-0000-000000000001"
            ]
        );
    }

    #[test]
    fn letter_case_and_braces_do_not_matter() {
        let plain: Guid = "ff761384-4b49-40b4-97d8-0de38669075a".parse().unwrap();
        for text in [
            "FF761384-4B49-40B4-97D8-0DE38669075A",
            "{ff761384-4b49-40b4-97d8-0de38669075a}",
            " {FF761384-4b49-40b4-97d8-0de38669075a} ",
            "ff7613844b4940b497d80de38669075a",
        ] {
            assert_eq!(text.parse::<Guid>(), Ok(plain), "{text}");
        }
        assert_eq!(plain.to_string(), "ff761384-4b49-40b4-97d8-0de38669075a");
    }

    #[test]
    fn eight_digits_or_more_are_the_beginning_of_a_guid() {
        for (text, beginning) in [
            ("FF761384", Some("ff761384")),
            ("ff761384-4b", Some("ff761384-4b")),
            ("{ff7613844b49", Some("ff761384-4b49")),
            (
                "ff7613844b4940b497d80de38669075a",
                Some("ff761384-4b49-40b4-97d8-0de38669075a"),
            ),
            ("ff76138", None),
            ("ff76138g", None),
            ("ff7613844b4940b497d80de38669075a0", None),
        ] {
            assert_eq!(guid_beginning(text).as_deref(), beginning, "{text}");
        }
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "{}",
            "ff761384",
            "{ff761384-4b49-40b4-97d8-0de38669075a",
            "urn:uuid:ff761384-4b49-40b4-97d8-0de38669075a",
            "gf761384-4b49-40b4-97d8-0de38669075a",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }
}
