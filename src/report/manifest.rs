//! Describes the file of a report, so that it can be identified later and checked for changes.

use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256 as Hasher};

use super::format::{Format, PageHeading, Style};
use super::meta::ReportMeta;
use crate::model::Sha256;

/// The manifest of a report's file: one JSON object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Name of the report's file, without its folder.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Rows, the header not counted.
    pub rows: u64,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Sentences about the rows: that there are none, or what they rest on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// Name of the format, and how CSV is written.
    #[serde(flatten)]
    pub form: Form,
    /// Report, options, ledger head, versions.
    #[serde(flatten)]
    pub meta: ReportMeta,
    /// When the report was made, UTC.
    pub time: String,
}

/// How the rows were written: with it and the options the same bytes can be made again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Form {
    /// Name of the format.
    pub format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvForm>,
    /// What a page has above its title; of HTML alone.
    #[serde(flatten)]
    pub heading: Option<PageHeading>,
}

/// How CSV was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CsvForm {
    pub delimiter: char,
    /// Whether it has a byte order mark and `\r\n`.
    pub excel: bool,
    /// Whether texts that look like formulas have a leading `'`.
    pub guard: bool,
}

impl Form {
    /// The form of rows in this format.
    #[must_use]
    pub fn new(format: Format, style: &Style) -> Self {
        let csv = (format == Format::CSV).then(|| CsvForm {
            delimiter: char::from(style.csv.delimiter),
            excel: style.csv.excel,
            guard: style.csv.guard,
        });
        Self {
            format: format.name,
            csv,
            heading: (format == Format::HTML).then(|| style.heading.clone()),
        }
    }
}

impl Manifest {
    /// The manifest as JSON, a field a line.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text keys and plain values") + "\n"
    }
}

/// Passes bytes on and keeps their number and, where asked to, their SHA-256: a tenth of the time of a large report.
pub struct HashingWriter<W> {
    inner: W,
    hasher: Option<Hasher>,
    bytes: u64,
}

impl<W> HashingWriter<W> {
    /// Around `inner`; `wants_digest` if the SHA-256 will be needed.
    pub fn new(inner: W, wants_digest: bool) -> Self {
        Self {
            inner,
            hasher: wants_digest.then(Hasher::new),
            bytes: 0,
        }
    }

    /// What is inside, the number of bytes and their SHA-256 where it was wanted.
    pub fn into_parts(self) -> (W, u64, Option<Sha256>) {
        let sha256 = self.hasher.map(|hasher| hasher.finalize().into());
        (self.inner, self.bytes, sha256)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[..written]);
        }
        self.bytes += u64::try_from(written).expect("a length fits");
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
