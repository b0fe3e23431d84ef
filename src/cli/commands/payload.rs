//! `jobruns payload`.

use std::path::{Path, PathBuf};

use crate::archive::ReadOnly;
use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::table::write_bytes;
use crate::model::{Guid, hex};

/// Writes the bytes of a run, exactly as received, to standard output
///
/// The bytes are checked against their SHA-256 first; -v prints the hash.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  jobruns payload 3c6bafcd-9b04-4c9b-8b4b-6a1f2c9f0d11 --revision 1 > run.json")]
pub(crate) struct PayloadArgs {
    /// The run, by GUID
    #[arg(value_name = "RUN")]
    run: Guid,

    /// The revision, counted from 1 [default: the latest]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    revision: Option<i64>,

    /// Writes to a file instead (some shells change bytes that are redirected with `>`)
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &PayloadArgs, archive: &Path) -> Result<Exit, Failure> {
    let payload = ReadOnly::open(archive)?.payload(args.run, args.revision)?;
    let sha256 = hex(&payload.sha256);
    tracing::debug!(sha256, "revision {} of run {}", payload.revision, args.run);
    write_bytes(args.output.as_deref(), archive, &payload.bytes)?;
    Ok(Exit::Done)
}
