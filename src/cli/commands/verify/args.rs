//! The arguments of `jobruns verify`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::archive::head_of;
use crate::config::MonitoringSettings;
use crate::model::Sha256;
use crate::report::format::PageHeading;

/// Verifies the archive against its payloads and ledger, and changes nothing
///
/// Checks SQLite's own integrity and foreign keys, the schema, the ledger's hash chain, every payload against its
/// SHA-256, and every table against a fresh reading of payloads and ledger. With --head it also checks that the archive
/// still holds the history that this hash seals. If anything is wrong, it reports each finding with what to do, and the
/// exit code is 4. It reads one state of the archive; a sync may run at the same time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns verify
  jobruns verify --head HASH --format json
  jobruns verify --head-file //audit/worm/heads.txt
  jobruns verify --since-head HASH
  jobruns verify --head-file heads.txt --format html --output certificate.html
  jobruns verify --pack PACK.zip --head HASH
  jobruns verify --script --output verify.py")]
pub(crate) struct VerifyArgs {
    /// A ledger head of an earlier sync, kept elsewhere, that the archive must hold; may be given several times
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub(super) head: Vec<Sha256>,

    /// A file to which `sync --head-file` appended heads, or a list with one head per line, all of which the archive
    /// must hold; may be given several times [config: head_file]
    #[arg(long, value_name = "FILE")]
    pub(super) head_file: Vec<PathBuf>,

    /// Compares only what came after this head: runs that are new or changed since, syncs and quarantine. The chain,
    /// jobs and schema are still checked completely; SQLite's pages are not
    #[arg(long, value_name = "HASH", value_parser = parse_head)]
    pub(super) since_head: Option<Sha256>,

    /// The output format [default: table]; html and markdown are a certificate to file: what was checked, against which
    /// heads, the outcome, and what it does not prove
    #[arg(long, value_name = "FORMAT", value_enum, ignore_case = true)]
    pub(super) format: Option<VerifyFormat>,

    #[command(flatten)]
    pub(super) heading: PageHeading,

    /// Checks this evidence package instead, as `jobruns evidence` made it, and no archive: every hash, the ledger's lines
    /// up to the head, that no run of its span is missing, and each row against the payloads. The exit code is 4 if it is
    /// not sound, 3 if it is and a list of heads has lines without one, and 1 if it cannot be read. --head and --head-file are heads of which one must be the package's
    #[arg(long, value_name = "PACK.zip", conflicts_with_all = ["since_head", "title", "organisation"])]
    pub(super) pack: Option<PathBuf>,

    /// Prints the check in Python instead: one file that needs neither this program nor anything beside it. No archive
    /// is read
    #[arg(long, conflicts_with_all = ["head", "head_file", "since_head", "format", "title", "organisation", "pack"])]
    pub(super) script: bool,

    /// Writes to a file, which is replaced only once the new one is complete; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) monitoring: MonitoringSettings,
}

/// How the outcome is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum VerifyFormat {
    /// Text for people.
    Table,
    /// JSON for programs.
    Json,
    /// A certificate as a page to print.
    Html,
    /// The same for a wiki or a ticket.
    Markdown,
}

pub(crate) fn parse_head(text: &str) -> Result<Sha256, String> {
    head_of(text.trim().as_bytes())
        .ok_or_else(|| format!("{text:?} is not a ledger head (expected 64 hexadecimal digits)"))
}
