//! The SHA-256 of a certificate, as people copy it.

use crate::model::Sha256;

/// The text is not a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a SHA-256 (expected 64 hexadecimal digits, with or without colons; `jobruns trust` shows the server's)"
)]
pub struct NotAPin(pub String);

/// Reads 64 hexadecimal digits in any letter case; colons, spaces and hyphens between them, and a leading `sha256:`
/// or `SHA256 Fingerprint=` as OpenSSL prints it, do not matter.
///
/// # Errors
/// [`NotAPin`] for anything else, a SHA-1 of 40 digits included.
pub fn parse_pin(text: &str) -> Result<Sha256, NotAPin> {
    parse_sha256(text).ok_or_else(|| NotAPin(text.to_owned()))
}

/// Reads a SHA-256 in the spellings of [`parse_pin`].
#[must_use]
pub fn parse_sha256(text: &str) -> Option<Sha256> {
    let trimmed = text.trim();
    let lower = trimmed.to_ascii_lowercase();
    let digits = ["sha256 fingerprint=", "sha256:", "sha-256:"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix))
        .unwrap_or(&lower);
    let mut pin = Sha256::default();
    let mut read = 0;
    for letter in digits.chars() {
        if matches!(letter, ':' | ' ' | '-') {
            continue;
        }
        let digit = letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = pin.get_mut(read / 2)?;
        *byte = *byte << 4 | digit?;
        read += 1;
    }
    (read == 2 * pin.len()).then_some(pin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::hex;

    #[test]
    fn colons_spaces_and_letter_case_do_not_matter() {
        let plain = "0123456789abcdef".repeat(4);
        let pairs: Vec<&str> = (0..32).map(|i| &plain[2 * i..2 * i + 2]).collect();
        for text in [
            plain.clone(),
            plain.to_uppercase(),
            pairs.join(":").to_uppercase(),
            pairs.join(" "),
            format!("sha256:{plain}"),
            format!("SHA256 Fingerprint={}", pairs.join(":")),
        ] {
            assert_eq!(parse_pin(&text).map(|pin| hex(&pin)), Ok(plain.clone()), "{text}");
        }
    }

    #[test]
    fn a_sha1_and_other_texts_are_refused() {
        for text in [
            "",
            "ab",
            &"ab".repeat(20),
            &"ab".repeat(33),
            &"xy".repeat(32),
            &"ä".repeat(32),
        ] {
            assert!(parse_pin(text).is_err(), "{text}");
        }
    }
}
