//! Job status codes (API document, "Job status codes and their meanings").

use std::borrow::Cow;

/// The names of the codes 0 to 7, by code.
pub const STATUS_NAMES: [&str; 8] = [
    "None",
    "Pending",
    "Executing",
    "Idle",
    "Completed",
    "Faulted",
    "Custom",
    "Aborted",
];

/// A `Status` as the server sent it, including codes other than 0 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobStatus(pub i64);

impl JobStatus {
    /// The status with a name of the API document, in any letter case.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        (0..)
            .zip(STATUS_NAMES)
            .find(|(_, known)| known.eq_ignore_ascii_case(name))
            .map(|(code, _)| Self(code))
    }

    /// The name in the API document, or `Unknown(42)`.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match usize::try_from(self.0)
            .ok()
            .and_then(|code| STATUS_NAMES.get(code))
        {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("Unknown({})", self.0)),
        }
    }

    /// Whether a run with this status no longer changes by itself (4-7).
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self.0, 4..=7)
    }

    /// Whether the run failed: Faulted or Aborted.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self.0, 5 | 7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_follow_the_document() {
        assert_eq!(JobStatus::by_name("faulted"), Some(JobStatus(5)));
        assert_eq!(JobStatus::by_name("fault"), None);
        assert_eq!(JobStatus(7).name(), "Aborted");
        assert_eq!(JobStatus(42).name(), "Unknown(42)");
        assert_eq!(JobStatus(-1).name(), "Unknown(-1)");
        let finals: Vec<i64> = (-1..9).filter(|&code| JobStatus(code).is_final()).collect();
        assert_eq!(finals, [4, 5, 6, 7]);
        let failures: Vec<i64> = (-1..9).filter(|&code| JobStatus(code).is_failure()).collect();
        assert_eq!(failures, [5, 7]);
    }
}
