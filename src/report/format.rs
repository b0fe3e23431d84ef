//! What a format is, and what it leaves open.

use std::fmt;
use std::io::{self, Write};

use super::meta::ReportMeta;
use super::table::Rows;

/// How rows become bytes; each file of [`formats`](super::formats) says what its own is.
#[derive(Clone, Copy)]
pub struct Format {
    /// Its word on the command line.
    pub name: &'static str,
    /// What the name of such a file ends with, without the point.
    pub extension: &'static str,
    /// Whether a terminal can show it: neither bytes nor a page.
    pub fits_terminal: bool,
    /// Whether it shows sentences about the rows.
    pub has_remarks: bool,
    pub(super) open: Open,
}

/// Makes the writer of a format, which writes to `out`. Formats of rows alone leave out what the rows belong to.
pub(super) type Open =
    for<'w> fn(&'w mut (dyn Write + Send), Style, &'w ReportMeta) -> io::Result<Box<dyn Rows + 'w>>;

impl Format {
    /// The writer of rows.
    pub fn open<'w>(
        self,
        out: &'w mut (dyn Write + Send),
        style: Style,
        meta: &'w ReportMeta,
    ) -> io::Result<Box<dyn Rows + 'w>> {
        (self.open)(out, style, meta)
    }
}

impl PartialEq for Format {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Format {}

impl fmt::Debug for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a format leaves open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Style {
    /// How CSV is written.
    pub csv: CsvStyle,
    /// Columns of the terminal that text has to fit into; `None` where there is no terminal.
    pub width: Option<usize>,
    /// Whether text may have small lines of block characters.
    pub blocks: bool,
    /// What pages have above their titles.
    pub heading: PageHeading,
}

// What every page has above its own title. Not a doc comment, which clap would show in the help.
#[derive(Debug, Clone, PartialEq, Eq, Default, clap::Args, serde::Serialize)]
pub struct PageHeading {
    /// Html: a line above the page's title, such as the name of the site
    #[arg(long, env = "JOBRUNS_TITLE", value_name = "TEXT", help_heading = "Output")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Html: the organisation that is named above the page's title
    #[arg(
        long,
        env = "JOBRUNS_ORGANISATION",
        value_name = "TEXT",
        help_heading = "Output"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
}

/// How CSV is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvStyle {
    pub delimiter: u8,
    /// A byte order mark and `\r\n`, as Excel likes it.
    pub excel: bool,
    /// A leading `'` where a program might take a text for a formula.
    pub guard: bool,
}

impl Default for CsvStyle {
    fn default() -> Self {
        Self {
            delimiter: b',',
            excel: false,
            guard: false,
        }
    }
}
