//! Formats: one file each, all with one trait, [`Rows`](super::table::Rows), and made from the table alone. Rows go through one
//! at a time; only the last one is held.

mod csv;
mod json;
mod jsonl;
pub(in crate::report) mod markdown;
mod text;
pub(crate) mod xlsx;

pub use self::csv::Csv;
pub use self::json::Json;
pub use self::markdown::Markdown;
pub use self::text::TextTable;
use super::format::Format;
use super::html::HTML;

impl Format {
    /// Comma-separated values (RFC 4180).
    pub const CSV: Self = csv::FORMAT;
    /// Text for a terminal.
    pub const TABLE: Self = text::FORMAT;
    /// One JSON array of objects.
    pub const JSON: Self = json::FORMAT;
    /// A JSON object a line.
    pub const JSONL: Self = jsonl::FORMAT;
    /// A page with charts.
    pub const HTML: Self = HTML;

    /// Those of reports and queries.
    pub const ALL: [Self; 7] = [
        Self::CSV,
        Self::TABLE,
        Self::JSON,
        Self::JSONL,
        markdown::FORMAT,
        xlsx::FORMAT,
        Self::HTML,
    ];
}
