//! Findings: what is wrong, where, and what to do about it.

use rusqlite::types::ValueRef;

use crate::archive::ledger::text_hash;
use crate::model::{Sha256, hex};

/// Findings that are listed one by one; the others are counted. A removed table would else fill the memory.
const MAX_TOLD: usize = 1000;

/// Characters of a value that a finding shows.
const MAX_SHOWN: usize = 200;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Where: a table and what names the row.
    pub place: String,
    pub what: String,
    /// The expected value, if there is one.
    pub expected: Option<String>,
    pub found: Option<String>,
    /// What to do about it.
    pub next: &'static str,
}

/// What to do about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The tables can be rebuilt from payloads and ledger.
    Reindex,
    /// Payloads or ledger themselves are damaged.
    Restore,
    /// The archive holds another history than the one that was sealed.
    OtherCopy,
    /// A lawful act is not in the list of heads, or one was done that nobody may do.
    Unlisted,
    /// The list is that of another archive.
    OtherList,
    /// The file's pages are damaged.
    File,
    /// Another version of the program is needed.
    Program,
}

impl Remedy {
    const fn words(self) -> &'static str {
        match self {
            Self::Reindex => {
                "first find out who changed it, and keep a copy; then `jobruns reindex` rebuilds it from payloads and ledger."
            }
            Self::Restore => {
                "keep a copy of the file, and restore a backup that passes `jobruns verify --head`; `jobruns salvage` copies what is sound."
            }
            Self::OtherCopy => "find a copy that holds this head, and find out who could write to this file.",
            Self::Unlisted => {
                "ask who did it, and why. If it was lawful, the list gets the line above; else restore a backup from before it, and find out who could write to this file."
            }
            Self::OtherList => {
                "give the list to which the syncs of this archive append, or find the archive of this list."
            }
            Self::Program => "check it with the version of jobruns that wrote it.",
            Self::File => {
                "keep a copy of the file, check the disk, and restore a backup; `jobruns salvage` copies what is sound."
            }
        }
    }
}

impl Finding {
    pub(super) fn new(next: Remedy, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
            expected: None,
            found: None,
            next: next.words(),
        }
    }

    /// Whether the tables can be made right from payloads and ledger.
    pub(super) fn is_repairable(&self) -> bool {
        self.next == Remedy::Reindex.words()
    }

    pub(super) fn with(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found = Some(found.into());
        self
    }
}

/// Findings as they come: the first ones in full, the rest counted.
#[derive(Debug, Default)]
pub(in crate::archive) struct Findings {
    pub(super) listed: Vec<Finding>,
    pub(super) omitted: u64,
}

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(super) fn push(&mut self, finding: Finding) {
        if self.listed.len() < MAX_TOLD {
            self.listed.push(finding);
        } else {
            self.omitted += 1;
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        for finding in other.listed {
            self.push(finding);
        }
        self.omitted += other.omitted;
    }

    /// Compares one column; `place` is only worded where it differs.
    pub(super) fn column(
        &mut self,
        next: Remedy,
        place: impl FnOnce() -> String,
        column: &str,
        should: Expected<'_>,
        found: ValueRef<'_>,
    ) {
        if !should.is(found) {
            let what = format!("its {column} is not what {} say", next.witnesses());
            self.push(Finding::new(next, place(), what).with(should.printable(), printable_value(found)));
        }
    }
}

impl Remedy {
    const fn witnesses(self) -> &'static str {
        match self {
            Self::Reindex => "payloads and ledger",
            Self::Restore
            | Self::OtherCopy
            | Self::Unlisted
            | Self::OtherList
            | Self::File
            | Self::Program => "the ledger's lines",
        }
    }
}

/// What a column must hold.
#[derive(Debug, Clone, Copy)]
pub(in crate::archive) enum Expected<'a> {
    Null,
    Integer(i64),
    Text(&'a str),
    Blob(&'a [u8]),
    /// A text with this SHA-256.
    TextOf(&'a Sha256),
    /// Bytes with this SHA-256.
    BytesOf(&'a Sha256),
}

impl Expected<'_> {
    pub(in crate::archive) fn is(&self, found: ValueRef<'_>) -> bool {
        match (*self, found) {
            (Self::Null, ValueRef::Null) => true,
            (Self::Integer(should), ValueRef::Integer(found)) => should == found,
            (Self::Text(should), ValueRef::Text(found)) => should.as_bytes() == found,
            (Self::Blob(should), ValueRef::Blob(found)) => should == found,
            (Self::TextOf(hash), ValueRef::Text(found)) => {
                std::str::from_utf8(found).is_ok_and(|text| text_hash(text) == *hash)
            }
            (Self::BytesOf(hash), ValueRef::Blob(found)) => {
                <Sha256>::from(<sha2::Sha256 as sha2::Digest>::digest(found)) == *hash
            }
            _ => false,
        }
    }

    fn printable(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => clipped(text),
            Self::Blob(bytes) => printable_bytes(bytes),
            Self::TextOf(hash) => format!("a text with the SHA-256 {}", hex(*hash)),
            Self::BytesOf(hash) => format!("bytes with the SHA-256 {}", hex(*hash)),
        }
    }
}

impl<'a> From<Option<&'a str>> for Expected<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<i64>> for Expected<'_> {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Integer)
    }
}

/// A value of a column, for people.
pub(super) fn printable_value(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => clipped(&String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => printable_bytes(bytes),
    }
}

fn printable_bytes(bytes: &[u8]) -> String {
    if bytes.len() <= 32 {
        hex(bytes)
    } else {
        format!("{} bytes, {}...", bytes.len(), hex(&bytes[..16]))
    }
}

/// The beginning of a text, in quotes: an empty one and one of spaces are seen.
fn clipped(text: &str) -> String {
    let mut printable: String = text.chars().take(MAX_SHOWN).collect();
    if printable.len() < text.len() {
        printable.push_str("...");
    }
    format!("{printable:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_that_differs_is_told_with_both_values() {
        let mut findings = Findings::default();
        let place = || "runs, run x".to_owned();
        findings.column(
            Remedy::Reindex,
            place,
            "status",
            Expected::Integer(4),
            ValueRef::Integer(4),
        );
        findings.column(
            Remedy::Reindex,
            place,
            "status",
            Expected::Integer(4),
            ValueRef::Null,
        );
        findings.column(
            Remedy::Reindex,
            place,
            "exception",
            Expected::Null,
            ValueRef::Text(b""),
        );
        let [status, exception] = &findings.listed[..] else {
            panic!("{findings:?}")
        };
        assert_eq!(status.what, "its status is not what payloads and ledger say");
        assert_eq!(
            (status.expected.as_deref(), status.found.as_deref()),
            (Some("4"), Some("NULL"))
        );
        assert_eq!(exception.found.as_deref(), Some("\"\""));
    }

    #[test]
    fn values_of_another_type_are_never_equal() {
        let hash = text_hash("a");
        assert!(Expected::TextOf(&hash).is(ValueRef::Text(b"a")));
        assert!(!Expected::TextOf(&hash).is(ValueRef::Blob(b"a")));
        assert!(Expected::BytesOf(&hash).is(ValueRef::Blob(b"a")));
        assert!(!Expected::Integer(1).is(ValueRef::Real(1.0)));
        assert!(!Expected::Text("1").is(ValueRef::Integer(1)));
    }

    #[test]
    fn a_flood_of_findings_is_counted_and_not_kept() {
        let mut findings = Findings::default();
        for _ in 0..MAX_TOLD + 5 {
            findings.push(Finding::new(Remedy::File, "a", "b"));
        }
        let mut all = Findings::default();
        all.append(findings);
        assert_eq!((all.listed.len(), all.omitted), (MAX_TOLD, 5));
    }
}
