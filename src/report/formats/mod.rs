//! Formats: one file each, all with one trait, [`Rows`]: from the table alone. Rows go through one at a time; only the last one
//! is held.

mod csv;
mod html;
mod json;
mod jsonl;
mod markdown;
mod parquet;
mod text;
mod xlsx;

use std::io::{self, Write};

pub use self::csv::{Csv, CsvStyle};
pub use self::html::Html;
pub use self::json::Json;
pub use self::jsonl::JsonLines;
pub use self::markdown::Markdown;
pub use self::parquet::Parquet;
pub use self::text::Text;
pub use self::xlsx::Xlsx;
use super::meta::ReportMeta;
use super::table::Rows;

/// How rows become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values (RFC 4180).
    Csv,
    /// Text for a terminal.
    Table,
    /// One JSON array of objects.
    Json,
    /// A JSON object a line.
    Jsonl,
    /// A table of GitHub's Markdown.
    Markdown,
    /// A workbook for Excel.
    Xlsx,
    /// A page with charts.
    Html,
    /// Columns with types, for engines that read columns by themselves: of tables alone, since a query's have none.
    Parquet,
}

impl Format {
    /// Those of reports and queries.
    pub const ALL: [Self; 7] = [
        Self::Csv,
        Self::Table,
        Self::Json,
        Self::Jsonl,
        Self::Markdown,
        Self::Xlsx,
        Self::Html,
    ];

    /// Its word on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Markdown => "markdown",
            Self::Xlsx => "xlsx",
            Self::Html => "html",
            Self::Parquet => "parquet",
        }
    }

    /// What the name of such a file ends with, without the point.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Table => "txt",
            Self::Markdown => "md",
            other => other.name(),
        }
    }

    /// Whether it is bytes that a terminal cannot show.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Xlsx | Self::Parquet)
    }

    /// The renderer, which writes to `out` what `about` tells of. Formats of rows alone leave that out.
    ///
    /// # Errors
    /// What `out` says.
    pub fn renderer<'w>(
        self,
        out: impl Write + Send + 'w,
        style: Style,
        about: &'w ReportMeta,
    ) -> io::Result<Box<dyn Rows + 'w>> {
        Ok(match self {
            Self::Csv => Box::new(Csv::new(out, style.csv)?),
            Self::Table => Box::new(Text::new(out, style.width)),
            Self::Json => Box::new(Json::new(out)),
            Self::Jsonl => Box::new(JsonLines::new(out)),
            Self::Markdown => Box::new(Markdown::new(out)),
            Self::Xlsx => Box::new(Xlsx::new(out, about)?),
            Self::Html => Box::new(Html::new(out, about)),
            Self::Parquet => Box::new(Parquet::new(out, about)),
        })
    }
}

/// What a format leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// How CSV is written.
    pub csv: CsvStyle,
    /// Columns of the terminal that text has to fit into; `None` where there is no terminal.
    pub width: Option<usize>,
    /// Whether text may have small lines of block characters.
    pub blocks: bool,
}
