//! What a report looks like: a picture sees every row go by, and draws at the end.

use crate::archive::Snapshot;
use crate::report::ReportMeta;
use crate::report::definition::Report;
use crate::report::error::Result;
use crate::report::format::{Format, Style};
use crate::report::html::chart::Markup;
use crate::report::options::Scope;

/// What a picture is at the end.
#[derive(Debug, Clone, Default)]
pub struct DrawnPicture {
    /// What the page says first, in a sentence; nothing where there is nothing to say.
    pub lead: String,
    /// The charts, one below the other.
    pub charts: Markup,
}

/// A report that is not a table.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The whole of it.
    pub(crate) text: String,
    /// What it says in a sentence.
    pub(crate) summary: String,
}

/// A picture under construction. It holds counts, never rows.
pub(crate) trait Picture<R: Report> {
    fn see(&mut self, row: &R::Row<'_>);

    /// Draws what it saw.
    fn draw(&self) -> DrawnPicture;

    /// What it saw as lines of block characters for a terminal; nothing where it has none.
    fn blocks(&self) -> String {
        String::new()
    }
}

pub(crate) type BoxedPicture<R> = Option<Box<dyn Picture<R>>>;

/// How a report looks where it is more than a table; by default it is not.
pub(crate) trait Present: Report {
    /// The picture above its rows.
    fn picture(&self, _: &Snapshot<'_>, _: &Scope) -> Result<BoxedPicture<Self>> {
        Ok(None)
    }

    /// The picture whose lines of block characters stand below its rows in a terminal.
    fn blocks(&self) -> BoxedPicture<Self> {
        None
    }

    /// The whole report in place of rows, in formats in which it is not a table.
    fn document(
        &self,
        _snapshot: &Snapshot<'_>,
        _scope: &Scope,
        _form: (Format, &Style),
        _meta: &ReportMeta,
    ) -> Result<Option<Document>> {
        Ok(None)
    }
}
