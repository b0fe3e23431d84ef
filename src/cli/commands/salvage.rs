//! `jobruns salvage`.

use std::path::PathBuf;

use serde::Serialize;

use crate::archive::{HeadToPublish, Salvaged, Verified, salvage};
use crate::cli::commands::verify::of_damage;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::in_use;
use crate::cli::output::publish::publish;
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::progress::Progress;
use crate::cli::terminal::signals;
use crate::cli::terminal::table::{counted, print_result, unprinted};
use crate::config::{GlobalSettings, Sources, TableOrJson};
use crate::model::hex;

/// Copies what is sound in a damaged archive into a new one
///
/// Sound is what a hash proves: each run whose payload still has the hash in its ledger line, and every line that the
/// chain seals. The tables are rebuilt from these. What is lost is listed and recorded in the new ledger, with the head
/// up to which the old chain held. The damaged file is only read; the new one gets its name once it has been verified.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  jobruns salvage jobruns.db salvaged.db

Exit codes: 0 nothing was lost; 1 it could not be done; 2 the new file is there already; 3 something was lost; 4 nothing of the file can be read.")]
pub(crate) struct SalvageArgs {
    /// The damaged archive, which is only read
    #[arg(value_name = "DAMAGED")]
    damaged: PathBuf,

    /// The file to create
    #[arg(value_name = "NEW")]
    new: PathBuf,

    /// The list of heads, to which a line for this act is appended [config: head_file]
    #[arg(long, value_name = "FILE")]
    head_file: Option<PathBuf>,

    /// The output format [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<TableOrJson>,
}

#[derive(Serialize)]
struct Taken<'s> {
    runs: u64,
    revisions: u64,
    ledger_lines: u64,
    lost: &'s [String],
    more_lost: u64,
    old_head: String,
    head: String,
    verified: Verified,
}

pub(crate) fn run(
    args: &SalvageArgs,
    sources: &Sources<'_>,
    global: &GlobalSettings,
    console: &Console,
) -> Result<Exit, Failure> {
    in_use::protect_archive(&args.damaged);
    in_use::refuse_new(&args.new)?;
    let list = in_use::head_file(args.head_file.as_ref(), sources)?;
    signals::end_at_first(
        console,
        "interrupted: the new archive is either missing or complete",
    )?;
    let shown_progress = Progress::of_one(console, global.progress, "salvage");
    // How much there is to take is not known of a damaged file.
    let result = salvage(&args.damaged, &args.new, &|bytes| {
        shown_progress.show_bytes(bytes, None)
    });
    shown_progress.clear();
    let salvaged = result.map_err(of_damage)?;
    let taken = Taken {
        runs: salvaged.runs,
        revisions: salvaged.revisions,
        ledger_lines: salvaged.lines,
        lost: &salvaged.lost,
        more_lost: salvaged.more_lost,
        old_head: hex(&salvaged.old_head),
        head: hex(&salvaged.head),
        verified: salvaged.verified,
    };
    print_result(console, args.format, || text(&salvaged), &taken)?;
    let published = HeadToPublish {
        at: salvaged.at,
        what: "salvage".to_owned(),
        head: salvaged.head,
        // A list goes on with the new archive, whatever of its heads the damaged one held.
        made: true,
    };
    let exit = list.map_or(Exit::Done, |list| {
        publish(&list, &args.new, &published, "this salvage")
    });
    if salvaged.lost.is_empty() {
        return Ok(exit);
    }
    let message = format!(
        "{} of {} could not be salvaged into {}",
        counted(salvaged.lost.len() as u64 + salvaged.more_lost, "thing"),
        args.damaged.display(),
        args.new.display()
    );
    let lost = unprinted(console, salvaged.lost.iter().cloned());
    Err(Failure::new(Exit::Findings, message).with_causes(lost))
}

fn text(salvaged: &Salvaged) -> String {
    let mut text = String::new();
    for lost in &salvaged.lost {
        text.push_str(&format!("lost: {}\n", shown(lost)));
    }
    if salvaged.more_lost > 0 {
        text.push_str(&format!("lost: {} more\n", counted(salvaged.more_lost, "thing")));
    }
    let lost = match salvaged.lost.len() as u64 + salvaged.more_lost {
        0 => "Nothing was lost".to_owned(),
        lost => format!("Lost: {}", counted(lost, "thing")),
    };
    text.push_str(&format!(
        "{lost}. The new archive holds {} from {} and is intact. The old chain held up to {}. Ledger head {}\n",
        counted(salvaged.runs, "run"),
        counted(salvaged.revisions, "payload"),
        hex(&salvaged.old_head),
        hex(&salvaged.head)
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_stands_first_a_line_each() {
        let salvaged = Salvaged {
            runs: 1234,
            revisions: 1300,
            lines: 5,
            lost: vec!["the name of job x".to_owned()],
            more_lost: 2,
            old_head: [0xab; 32],
            head: [0; 32],
            at: crate::model::Instant::from_unix_seconds(0),
            verified: Verified::default(),
        };
        let text = text(&salvaged);
        assert!(
            text.starts_with("lost: the name of job x\nlost: 2 things more\nLost: 3 things. "),
            "{text}"
        );
        assert!(text.contains("1,234 runs from 1,300 payloads"), "{text}");
    }
}
