//! The certificate as a page to print.

use maud::{Markup, html};

use super::{Certificate, Section, TITLE, conclusion};
use crate::report::format::PageHeading;
use crate::report::html::text::{Breakable, Lines};
use crate::report::html::{PageLayout, Sentence, fact_list, key_values, lead, section, simple_table};

impl Certificate<'_> {
    /// One HTML page, which asks nobody for anything.
    #[must_use]
    pub(crate) fn html(&self, heading: &PageHeading) -> String {
        let (outcome, is_good) = self.outcome();
        let mood = match is_good {
            Some(true) => "fact is-good",
            Some(false) => "fact is-bad",
            None => "fact",
        };
        let box_of_outcome = fact_list(
            "Outcome",
            outcome,
            mood,
            &[Sentence::from(conclusion(self.report))],
        );
        let mut page = PageLayout::new(TITLE, heading)
            .with(lead(&format!("Verified at {}", self.verified_at)))
            .with(html! { div.facts { (box_of_outcome) } })
            .with(key_values(&self.facts()));
        for (number, part) in self.sections().iter().enumerate() {
            page = page.with(section(part.heading, &body(part, number == 0)));
        }
        page.document()
    }
}

fn body(part: &Section, is_first: bool) -> Markup {
    html! {
        @for text in &part.paragraphs { p { (Lines(text)) } }
        @if let Some(table) = &part.table {
            @let rows: Vec<Vec<Markup>> = table.rows.iter().map(|row| row.iter().map(|cell| html! { (Breakable(cell)) }).collect()).collect();
            // Where the link at the head of the page leads.
            div id=[is_first.then_some("table")] { (simple_table(part.heading, table.columns, &rows)) }
        }
        @if !part.list.is_empty() {
            ul { @for point in &part.list { li { (Lines(point)) } } }
        }
    }
}
