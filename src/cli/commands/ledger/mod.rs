//! `jobruns ledger`.

mod output;

use std::path::{Path, PathBuf};

use self::output::{LedgerExportFormat, PrintedLine, text, write_lines};
use crate::archive::{Acknowledged, HeadToPublish, LedgerChoice, ReadOnly, acknowledge};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::output::in_use;
use crate::cli::output::publish::{HeadList, publish, read_list};
use crate::cli::terminal::console::Console;
use crate::cli::terminal::table::{counted, print_json, print_text};
use crate::config::{Sources, TableOrJson, parse_line};
use crate::model::{Guid, hex};

/// Shows and exports the ledger, the hash-chained record of every change
///
/// Each line is sealed by a hash that covers all lines before it: SHA-256 of the hash before and the line. docs/evidence.md
/// tells the exact bytes of every kind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns ledger show --limit 5
  jobruns ledger show --run 3c6bafcd-9b04-4c9b-8b4b-6a1f2c9f0d11
  jobruns ledger export --output ledger.jsonl")]
pub(crate) struct LedgerArgs {
    #[command(subcommand)]
    action: LedgerAction,
}

#[derive(Debug, clap::Subcommand)]
enum LedgerAction {
    /// Shows the latest lines, newest last, each with its hash and the head of the sync that seals it
    Show {
        /// Only lines about this run, by GUID; all of them unless --limit is given
        #[arg(long, value_name = "ID")]
        run: Option<Guid>,
        /// Number of lines [default: 20]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
        /// The output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: TableOrJson,
    },
    /// Gives up published heads that a restored backup cannot hold, permanently, in the ledger and in the list
    Acknowledge {
        /// The list of heads [config: head_file]
        #[arg(long, value_name = "FILE")]
        head_file: Option<PathBuf>,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT", value_parser = parse_line)]
        why: String,
    },
    /// Exports every line with its number and hash, for other programs
    Export {
        /// Only lines about this run, by GUID; these do not form a chain by themselves
        #[arg(long, value_name = "ID")]
        run: Option<Guid>,
        /// The output format
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: LedgerExportFormat,
        /// Writes to a file, which is replaced only once the new one is complete; - is standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

/// Lines shown by default.
const DEFAULT_LIMIT: u32 = 20;

pub(crate) fn run(
    args: &LedgerArgs,
    sources: &Sources<'_>,
    archive: &Path,
    console: &Console,
) -> Result<Exit, Failure> {
    match &args.action {
        LedgerAction::Show { run, limit, format } => {
            let last = limit.or(run.is_none().then_some(DEFAULT_LIMIT));
            show(archive, LedgerChoice { run: *run, last }, *format)?;
        }
        LedgerAction::Acknowledge { head_file: flag, why } => {
            let list = in_use::head_file(flag.as_ref(), sources)?.ok_or_else(|| {
                Failure::new(Exit::WrongUsage, "no list of heads is named")
                    .with_hint("name it by --head-file.")
            })?;
            return give_up(archive, &list, why, console);
        }
        LedgerAction::Export { run, format, output } => {
            let choice = LedgerChoice {
                run: *run,
                last: None,
            };
            export(archive, choice, *format, output.as_deref())?;
        }
    }
    Ok(Exit::Done)
}

fn give_up(archive: &Path, named: &HeadList, why: &str, console: &Console) -> Result<Exit, Failure> {
    let path = &named.path;
    let list = read_list(path)?;
    let Acknowledged { heads, head, at } = acknowledge(archive, &list, why)?;
    if heads == 0 {
        tracing::info!(
            "the archive holds every head of {}: nothing is to be given up",
            path.display()
        );
        return Ok(Exit::Done);
    }
    let published = HeadToPublish {
        at,
        what: "acknowledge".to_owned(),
        head,
        // The newest head that is not held is what was just given up.
        made: true,
    };
    if !console.is_quiet() {
        print_text(&format!(
            "Gave up {}. Ledger head {}\n",
            counted(heads, "published head"),
            hex(&head)
        ))?;
    }
    Ok(publish(named, archive, &published, "this acknowledgement"))
}

fn show(archive: &Path, choice: LedgerChoice, format: TableOrJson) -> Result<(), Failure> {
    let lines = ReadOnly::open(archive)?.settled(|reader| {
        let snapshot = reader.snapshot()?;
        let mut lines = Vec::new();
        let read = snapshot.ledger_lines::<Failure>(choice, |line| {
            let seal = snapshot.sealed_by(line.entry_id)?;
            lines.push(PrintedLine {
                entry_id: line.entry_id,
                entry: line.entry,
                entry_hash: hex(&line.entry_hash),
                sealed_by_sync: seal.map(|(sync, _)| sync),
                sealed_by_head: seal.map(|(_, head)| hex(&head)),
            });
            Ok(())
        });
        reader.confirmed(read).map(|()| lines)
    })?;
    if lines.is_empty() {
        tracing::info!("the ledger has no such line");
    }
    match format {
        TableOrJson::Json => print_json(&lines),
        TableOrJson::Table => print_text(&text(&lines)),
    }
}

fn export(
    archive: &Path,
    choice: LedgerChoice,
    format: LedgerExportFormat,
    output: Option<&Path>,
) -> Result<(), Failure> {
    let open = || output.map_or_else(|| Ok(Output::stdout()), Output::open);
    // The place comes before the archive: that it cannot be written is reported at once.
    let mut first = Some(open()?);
    ReadOnly::open(archive)?.settled(|reader| {
        let mut output = first.take().map_or_else(open, Ok)?;
        if reader.is_without_locks() {
            output.hold_back()?;
        }
        let read = write_lines(&reader.snapshot()?, choice, format, &mut output);
        reader.confirmed(read)?;
        output.finish()
    })
}
