//! The page with a link to each report of a folder, and what it says in a sentence.

use maud::{Markup, html};

use super::layout::{PageLayout, lead, made_with, simple_table};
use super::text::Breakable;
use crate::report::ReportMeta;
use crate::report::format::PageHeading;
use crate::report::numbers::{counted, grouped};
use crate::report::table::Written;
use crate::report::titles::report_title;

/// The page of `reports`: the name of each, its file, and what was written; `None` where it could not be.
pub(crate) fn index(
    heading: &PageHeading,
    meta: &ReportMeta,
    reports: &[(&str, String, Option<&Written>)],
) -> String {
    let rows: Vec<Vec<Markup>> = reports
        .iter()
        .map(|(name, file, written)| match written {
            Some(written) => vec![
                html! { a href=(file) { (report_title(name)) } },
                html! { (Breakable(&written.summary())) },
                html! { @if !written.columns.is_empty() { (grouped(written.rows)) } },
            ],
            None => vec![
                html! { (report_title(name)) },
                html! { "Could not be written." },
                html! {},
            ],
        })
        .collect();
    let missing = reports.iter().filter(|(_, _, written)| written.is_none()).count();
    let text = match missing {
        0 => "Each is of the same state of the archive.".to_owned(),
        missing => format!("{} could not be written.", counted(missing as u64, "report")),
    };
    PageLayout::new("Reports", heading)
        .with(lead(&text))
        .with(made_with(meta))
        .with(html! { div #table .index { (simple_table("Reports", &["report", "result", "rows"], &rows)) } })
        .document()
}
