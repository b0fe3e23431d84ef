//! The page of one run.

use maud::{Markup, html};

use super::layout::{PageLayout, key_values, lead, made_with, section};
use super::table::PageTable;
use super::text::{Breakable, Text};
use crate::archive::Snapshot;
use crate::model::FieldChange;
use crate::report::format::PageHeading;
use crate::report::numbers::{counted, grouped};
use crate::report::run_page::{RunPage, RunPageRevision, SyncHead};
use crate::report::table::{Cell, Column, Rows};
use crate::report::{ReportError, ReportMeta};
use crate::text::shortened;

/// Characters of a value that changed which are shown.
const CHARACTERS: usize = 500;

/// The page of a run: its fields, its states and what changed in each, its messages.
pub(crate) fn run_page(
    run: &RunPage,
    snapshot: &Snapshot<'_>,
    heading: &PageHeading,
) -> Result<String, ReportError> {
    let mut table = PageRows::default();
    run.messages(snapshot, &mut table)?;
    let id = run.fact("job_run_id");
    let meta = ReportMeta::new(snapshot, "run", &serde_json::json!({ "run": id }));
    let name = Some(run.fact("job_name")).filter(|name| !name.is_empty());
    let description = format!(
        "{}, {}, {}.",
        run.fact("status_name"),
        counted(run.revisions.len() as u64, "archived state"),
        counted(table.0.all(), "message"),
    );
    let opening = match name {
        Some(name) => format!("A run of {name}: {description}"),
        None => description,
    };
    let mut facts: Vec<(String, String)> = run
        .facts
        .iter()
        .map(|(name, text)| (name.replace('_', " "), text.clone()))
        .collect();
    // The name first, GUIDs last.
    facts.sort_by_key(|(name, _)| (name.ends_with(" id"), name != "job name"));
    Ok(PageLayout::new(&format!("Run {id}"), heading)
        .with(lead(&opening))
        .with(made_with(&meta))
        .with(section("Fields", &key_values(&facts)))
        .with(section("Archived states", &revisions(run)))
        .with(table.0.draw("Messages", "messages"))
        .document())
}

fn revisions(run: &RunPage) -> Markup {
    html! {
        @for revision in &run.revisions {
            h3 { "Revision " (revision.revision) ", archived " (revision.captured_at) }
            (key_values(&facts_of(revision, run.head.as_ref())))
            @if let Some(changes) = &revision.changes {
                ul { @for field in &changes.fields { li { (change(field)) } } }
            }
        }
    }
}

fn facts_of(revision: &RunPageRevision, head: Option<&SyncHead>) -> Vec<(String, String)> {
    let facts = [
        ("status", revision.status_name.clone()),
        (
            "changed",
            revision.what.as_deref().map(|what| changed(what).to_owned()),
        ),
        ("sync", Some(revision.sync_id.to_string())),
        ("bytes as received", Some(grouped(revision.payload_bytes as u64))),
        ("their SHA-256", Some(revision.payload_sha256.clone())),
        (
            "ledger line",
            Some(format!("{} {}", revision.entry_id, revision.entry)),
        ),
        ("its hash", Some(revision.entry_hash.clone())),
        ("sealed by", Some(sealed_by(revision, head))),
    ];
    let there = facts
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text?)));
    there.collect()
}

fn change(field: &FieldChange) -> Markup {
    html! {
        (Text(&field.name)) ": " (value(field.before.as_deref())) " → " (value(field.after.as_deref()))
    }
}

fn value(text: Option<&str>) -> Markup {
    let text = text.unwrap_or("-");
    let short = shortened(text, CHARACTERS);
    html! { bdi { (Breakable(short.unwrap_or(text))) } @if short.is_some() { "…" } }
}

/// What changed, as text.
pub(crate) fn changed(what: &str) -> &str {
    if what.is_empty() {
        "nothing that is read"
    } else {
        what
    }
}

/// Which head seals a state, as text.
pub(crate) fn sealed_by(revision: &RunPageRevision, head: Option<&SyncHead>) -> String {
    match head {
        Some(head) if revision.is_sealed => {
            let at = head
                .finished_at
                .as_deref()
                .map_or_else(String::new, |at| format!(" of {at}"));
            format!(
                "the newest head, that of sync {}{at}: {}",
                head.sync_id, head.head
            )
        }
        _ => "no head yet: no sync has ended since".to_owned(),
    }
}

/// The table of a page as a place for rows.
#[derive(Default)]
struct PageRows(PageTable);

impl Rows for PageRows {
    fn columns(&mut self, columns: &[Column]) -> std::io::Result<()> {
        self.0.columns(columns);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> std::io::Result<()> {
        self.0.row(cells);
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
