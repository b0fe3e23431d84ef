//! The overview: a page of its own, and whole where the format is not a table.

use super::super::overview::draw;
use crate::archive::Snapshot;
use crate::report::ReportMeta;
use crate::report::error::Result;
use crate::report::format::{Format, Style};
use crate::report::html::{Document, Present};
use crate::report::options::Scope;
use crate::report::reports::OverviewReport;
use crate::report::reports::overview::{complete_in_words, write_text};
use crate::text::capitalized;

impl Present for OverviewReport {
    fn document(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        (format, style): (Format, &Style),
        meta: &ReportMeta,
    ) -> Result<Option<Document>> {
        if !["json", "table", "html"].contains(&format.name) {
            return Ok(None);
        }
        let overview = self.overview(snapshot, scope)?;
        let text = match format.name {
            // One object: a page of figures is not a list.
            "json" => serde_json::to_string_pretty(&overview).expect("text keys and plain values") + "\n",
            "table" => write_text(&overview, style.blocks),
            _ => draw(&overview, &style.heading, meta),
        };
        let summary = capitalized(&complete_in_words(&overview)) + ".";
        Ok(Some(Document { text, summary }))
    }
}
