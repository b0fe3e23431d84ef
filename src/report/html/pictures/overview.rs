//! The overview: a page of its own, and whole where the format is not a table.

use super::super::overview::draw;
use crate::archive::Snapshot;
use crate::report::ReportMeta;
use crate::report::error::ReportError;
use crate::report::format::{Format, Style};
use crate::report::html::Present;
use crate::report::options::Scope;
use crate::report::reports::OverviewReport;
use crate::report::reports::overview::{Overview, write_text};

impl Present for OverviewReport {
    fn document(
        &self,
        snapshot: &Snapshot<'_>,
        scope: &Scope,
        (format, style): (Format, &Style),
        meta: &ReportMeta,
    ) -> Result<Option<String>, ReportError> {
        let read = || Overview::read(snapshot, scope);
        Ok(match format.name {
            // One object: a page of figures is not a list.
            "json" => {
                let json = serde_json::to_string_pretty(&read()?).expect("text keys and plain values");
                Some(json + "\n")
            }
            "table" => Some(write_text(&read()?, style.blocks)),
            "html" => Some(draw(&read()?, &style.heading, meta)),
            _ => None,
        })
    }
}
