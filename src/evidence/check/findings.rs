//! What is wrong with a package.

use serde::Serialize;

use crate::text::printable;

/// Findings that are listed; more are counted.
const MOST: usize = 100;

/// Letters of a value that are shown.
const SHOWN: usize = 200;

/// Something that is wrong with a package. Texts are printable, whatever the package holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageFinding {
    /// The file, and the run, line or row in it.
    pub place: String,
    /// What is wrong there.
    pub what: String,
    /// The expected value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// The value that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct PackageFindings {
    pub(super) listed: Vec<PackageFinding>,
    pub(super) count: u64,
}

impl PackageFindings {
    pub(super) fn add(&mut self, place: impl AsRef<str>, what: impl AsRef<str>) {
        self.push(place.as_ref(), what.as_ref(), None);
    }

    pub(super) fn differ(
        &mut self,
        place: impl AsRef<str>,
        what: impl AsRef<str>,
        expected: impl ToString,
        found: impl ToString,
    ) {
        let values = Some((expected.to_string(), found.to_string()));
        self.push(place.as_ref(), what.as_ref(), values);
    }

    fn push(&mut self, place: &str, what: &str, values: Option<(String, String)>) {
        self.count += 1;
        if self.listed.len() >= MOST {
            return;
        }
        let shown = |text: &str| printable(&text.chars().take(SHOWN).collect::<String>()).to_string();
        let (expected, found) = values.unzip();
        self.listed.push(PackageFinding {
            place: shown(place),
            what: printable(what).to_string(),
            expected: expected.map(|text| shown(&text)),
            found: found.map(|text| shown(&text)),
        });
    }
}

/// Nothing more can be checked.
pub(super) struct Unreadable(pub(super) String);
