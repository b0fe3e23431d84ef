//! The lines of the ledger as `jobruns ledger` prints and exports them.

use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::archive::{LedgerChoice, LedgerLine, Snapshot};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::terminal::console::shown;
use crate::model::hex;

/// How the ledger is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum LedgerExportFormat {
    /// One JSON object per line.
    #[default]
    Jsonl,
    /// Number, hash and line, separated by one space.
    Text,
}

#[derive(Serialize)]
struct ExportedLine<'l> {
    entry_id: i64,
    entry: &'l str,
    entry_hash: String,
}

#[derive(Serialize)]
pub(super) struct PrintedLine {
    pub(super) entry_id: i64,
    pub(super) entry: String,
    pub(super) entry_hash: String,
    /// The first sync that ended behind the line, and its head; null where none has.
    pub(super) sealed_by_sync: Option<i64>,
    pub(super) sealed_by_head: Option<String>,
}

/// The lines for a terminal: each with its hash, and the head that seals it.
pub(super) fn text(lines: &[PrintedLine]) -> String {
    let mut text = String::new();
    for line in lines {
        let seal = match (line.sealed_by_sync, &line.sealed_by_head) {
            (Some(sync), Some(head)) if *head != line.entry_hash => {
                format!("sealed by the head of sync {sync}: {head}")
            }
            (Some(sync), Some(_)) => format!("its hash is the head of sync {sync}"),
            _ => "no sync has ended since".to_owned(),
        };
        text.push_str(&format!(
            "{}  {}\n    hash {}\n    {seal}\n",
            line.entry_id,
            shown(&line.entry),
            line.entry_hash
        ));
    }
    text
}

/// Writes the lines that are chosen, as they are read.
pub(super) fn write_lines(
    snapshot: &Snapshot<'_>,
    choice: LedgerChoice,
    format: LedgerExportFormat,
    output: &mut Output,
) -> Result<(), Failure> {
    snapshot.ledger_lines::<Failure>(choice, |line| {
        let LedgerLine {
            entry_id,
            entry,
            entry_hash,
        } = &line;
        let entry_hash = hex(entry_hash);
        let written = match format {
            LedgerExportFormat::Jsonl => {
                let exported = ExportedLine {
                    entry_id: *entry_id,
                    entry,
                    entry_hash,
                };
                serde_json::to_writer(&mut *output, &exported)
                    .map_err(std::io::Error::from)
                    .and_then(|()| output.write_all(b"\n"))
            }
            LedgerExportFormat::Text => writeln!(output, "{entry_id} {entry_hash} {entry}"),
        };
        written.map_err(|error| output.failed(&error))
    })
}
