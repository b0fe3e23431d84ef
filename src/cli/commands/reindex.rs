//! `jobruns reindex`.

use std::path::PathBuf;

use indicatif::DecimalBytes;
use serde::Serialize;

use crate::archive::{HeadToPublish, Reindexed, reindex};
use crate::cli::commands::verify::of_damage;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::in_use;
use crate::cli::output::publish::publish;
use crate::cli::terminal::console::Console;
use crate::cli::terminal::progress::Progress;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{counted, print_result};
use crate::config::{GlobalSettings, Sources, TableOrJson};
use crate::model::{NaiveZone, hex};

/// Rebuilds every table from payloads and ledger, after damage or to read times in another time zone
///
/// Recreates runs, messages, assets, revisions, syncs, views and indexes from what was received. What is stored nowhere
/// else (payloads, ledger, names, reasons) must be sound; otherwise nothing is changed, and `jobruns salvage` is the
/// command to use. All of it is one transaction: readers see the old tables until the end, and a kill in the middle
/// changes nothing. The act is recorded in the ledger. It needs free space of about the size of the archive.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns reindex
  jobruns reindex --naive-time Europe/Berlin

Exit codes: 0 done; 1 it could not be done; 4 the archive is too damaged for it; 5 a sync holds the archive.")]
pub(crate) struct ReindexArgs {
    /// The time zone of times without an offset, for everything archived and from now on: utc or an IANA name [default:
    /// the one that the archive remembers]
    #[arg(long, value_name = "ZONE")]
    naive_time: Option<NaiveZone>,

    /// The list of heads, to which a line for this act is appended [config: head_file]
    #[arg(long, value_name = "FILE")]
    head_file: Option<PathBuf>,

    /// The output format [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<TableOrJson>,
}

#[derive(Serialize)]
struct ReindexJson {
    runs: u64,
    revisions: u64,
    messages: u64,
    payload_bytes: u64,
    naive_time: String,
    head: String,
}

pub(crate) fn run(
    args: &ReindexArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    let list = in_use::head_file(args.head_file.as_ref(), sources)?;
    signals::end_at_first(
        console,
        "interrupted: the archive is either unchanged or rebuilt completely",
    )?;
    let shown_progress = Progress::of_one(console, global.progress, "reindex");
    let result = reindex(&global.archive, args.naive_time, &|done, total| {
        shown_progress.show_bytes(done, Some(total));
    });
    shown_progress.clear();
    let Reindexed {
        runs,
        revisions,
        messages,
        payload_bytes,
        zone,
        head,
        at,
    } = result.map_err(of_damage)?;
    let rules = zone.rules().map_or_else(String::new, |rules| {
        format!(" by the rules of {}", rules.version())
    });
    let done = ReindexJson {
        runs,
        revisions,
        messages,
        payload_bytes,
        naive_time: zone.to_string(),
        head: hex(&head),
    };
    let text = || {
        format!(
            "Rebuilt {} with {} from {} of {}, times without offset in {zone}{rules}. Ledger head {}\n",
            counted(runs, "run"),
            counted(messages, "message"),
            counted(revisions, "payload"),
            DecimalBytes(payload_bytes),
            done.head
        )
    };
    print_result(console, args.format, text, &done)?;
    let published = HeadToPublish {
        at,
        what: "reindex".to_owned(),
        head,
        made: false,
    };
    Ok(list.map_or(Exit::Done, |list| {
        publish(&list, &global.archive, &published, "this reindex")
    }))
}
