//! `jobruns quarantine`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::archive::{QuarantineRow, ReadOnly, Writer};
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::table::{TerminalColumn, or_dash, print, width_to_fit, write_bytes};
use crate::cli::terminal::titles::{TitledJob, titles};
use crate::config::{TableOrJson, parse_line};

/// Manages bytes that could not be read as a run or a message
///
/// They make their job partial each time, until somebody looked at them and accepted them. A run whose JobRunID stands in
/// accepted bytes still counts as listed by the server.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns quarantine list
  jobruns quarantine show 3 > bytes
  jobruns quarantine accept 3 --why "broken since the upgrade of 2024, vendor case 4711""#)]
pub(crate) struct QuarantineArgs {
    #[command(subcommand)]
    action: QuarantineAction,
}

#[derive(Debug, clap::Subcommand)]
enum QuarantineAction {
    /// Lists the quarantine
    List {
        /// The output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: TableOrJson,
        /// Shows all columns and whole cells on a terminal, however narrow it is
        #[arg(long)]
        wide: bool,
    },
    /// Writes the bytes, exactly as received, to standard output
    Show {
        /// The number, as listed
        #[arg(value_name = "ID")]
        id: i64,
        /// Writes to a file instead (some shells change bytes that are redirected with `>`)
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Accepts the bytes, so that they no longer make their job partial; recorded in the ledger
    Accept {
        /// The number, as listed
        #[arg(value_name = "ID")]
        id: i64,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT", value_parser = parse_line)]
        why: String,
    },
}

#[derive(Serialize)]
struct QuarantineListItem {
    quarantine_id: i64,
    job_id: String,
    sync_id: i64,
    captured_at: String,
    position: i64,
    reason: String,
    payload_bytes: i64,
    accepted_at: Option<String>,
    accepted_why: Option<String>,
}

impl From<QuarantineRow> for QuarantineListItem {
    fn from(row: QuarantineRow) -> Self {
        Self {
            quarantine_id: row.quarantine_id,
            job_id: row.job_id,
            sync_id: row.sync_id,
            captured_at: row.captured_at,
            position: row.position,
            reason: row.reason,
            payload_bytes: row.payload_bytes,
            accepted_at: row.accepted_at,
            accepted_why: row.accepted_why,
        }
    }
}

/// What each job is called, by its GUID.
fn job_titles(reader: &ReadOnly) -> Result<HashMap<String, String>, Failure> {
    let jobs = reader.job_states()?;
    let ids = jobs.iter().map(|state| state.job.job_id.clone());
    let called = titles(jobs.iter().map(|state| TitledJob::of(&state.job)));
    Ok(ids.zip(called).collect())
}

pub(crate) fn run(args: &QuarantineArgs, archive: &Path) -> Result<Exit, Failure> {
    let reader = ReadOnly::open(archive)?;
    match &args.action {
        QuarantineAction::List { format, wide } => {
            let titles = job_titles(&reader)?;
            let rows: Vec<QuarantineListItem> = reader
                .quarantine()?
                .into_iter()
                .map(QuarantineListItem::from)
                .collect();
            let columns = [
                TerminalColumn::Number("id"),
                TerminalColumn::Text("job"),
                TerminalColumn::Number("sync"),
                TerminalColumn::Text("captured"),
                TerminalColumn::Number("position"),
                TerminalColumn::Number("bytes"),
                TerminalColumn::Text("reason"),
                TerminalColumn::Text("accepted"),
            ];
            print(*format, &rows, &columns, width_to_fit(*wide), |row| {
                vec![
                    row.quarantine_id.to_string(),
                    titles.get(&row.job_id).unwrap_or(&row.job_id).clone(),
                    row.sync_id.to_string(),
                    row.captured_at.clone(),
                    row.position.to_string(),
                    row.payload_bytes.to_string(),
                    row.reason.clone(),
                    or_dash(row.accepted_why.as_deref()),
                ]
            })?;
        }
        QuarantineAction::Show { id, output } => {
            let (row, bytes) = reader.quarantined(*id)?;
            tracing::info!(
                "{} bytes of job {}: {}",
                row.payload_bytes,
                row.job_id,
                row.reason
            );
            write_bytes(output.as_deref(), archive, &bytes)?;
        }
        QuarantineAction::Accept { id, why } => {
            drop(reader);
            Writer::open_existing(archive)?.accept(*id, why)?;
            tracing::info!(quarantine_id = id, "number {id} is accepted");
        }
    }
    Ok(Exit::Done)
}
