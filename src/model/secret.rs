//! Passwords and tokens.

use std::fmt;

use zeroize::Zeroizing;

/// A password or a token: wiped from memory when dropped, never printed.
///
/// It has no `Display`, and `Debug` shows a placeholder, so it cannot reach a log by accident.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

/// Replaces a secret in a text.
pub(crate) const REDACTED: &str = "«redacted»";

impl Secret {
    /// A secret with this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the place that sends or stores it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Some(Secret::from("hunter2"))), "Some(«redacted»)");
    }
}
