//! `jobruns backup`.

use std::path::{Path, PathBuf};

use indicatif::{DecimalBytes, HumanCount};
use serde::Serialize;

use crate::archive::{BackupError, BackupMade, Verified, backup};
use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::output::dated::dated_today;
use crate::cli::output::in_use;
use crate::cli::terminal::console::{Console, shown};
use crate::cli::terminal::table::{counted, print_result};
use crate::config::{MonitoringSettings, TableOrJson};
use crate::model::hex;

/// Makes a verified copy of the archive, also during a sync
///
/// The copy is one state of the archive, with its ledger. It gets its name only after its hash chain and every payload
/// have been verified; it then needs no other file beside it, and opens on a read-only share. To restore, copy it back.
/// Until it is ready, it is named .NAME.xxxxxx.part in the same folder.
#[derive(Debug, clap::Args)]
#[command(after_help = r#"Examples:
  jobruns backup "/mnt/backup/jobruns-{weekday}.db" --force
  jobruns backup //share/audit/2026-01.db --format json

Exit codes: 0 the copy is there; 1 it could not be made; 2 the file is there already, or no copy may be written there; 4 the archive is not intact, and no copy was made."#)]
pub(crate) struct BackupArgs {
    /// The file to create, in an existing folder; {date} and {weekday} in its name are replaced by the day (UTC): 2026-01-31, saturday
    #[arg(value_name = "DEST")]
    target: PathBuf,

    /// Replaces an existing file, once the new copy is ready
    #[arg(long)]
    force: bool,

    /// The output format [default: table]
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<TableOrJson>,

    #[command(flatten)]
    pub(crate) monitoring: MonitoringSettings,
}

#[derive(Serialize)]
struct MadeBackup {
    path: String,
    bytes: u64,
    head: String,
    verified: Verified,
}

pub(crate) fn run(args: &BackupArgs, archive: &Path, console: &Console) -> Result<Exit, Failure> {
    let target = dated_today(&args.target);
    in_use::refuse(&target)?;
    let BackupMade {
        path,
        bytes,
        head,
        verified,
    } = backup(archive, &target, args.force)?;
    let made = MadeBackup {
        path: path.display().to_string(),
        bytes,
        head: hex(&head),
        verified,
    };
    let text = || {
        format!(
            "{} is a copy of the archive ({}). Checked: {} ledger entries and {}. Ledger head {}\n",
            shown(&made.path),
            DecimalBytes(bytes),
            HumanCount(verified.entries),
            counted(verified.payloads, "payload"),
            made.head
        )
    };
    print_result(console, args.format, text, &made)?;
    Ok(Exit::Done)
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let exit = match &error {
            BackupError::Archive(error) if error.is_damage() => Exit::NotIntact,
            BackupError::Archive(error) => return Self::from(error),
            BackupError::Exists { .. } | BackupError::Place { .. } => Exit::WrongUsage,
            BackupError::NotIntact { .. } => Exit::NotIntact,
            BackupError::Io { .. } | BackupError::Copy { .. } => Exit::NotDone,
        };
        Self::of(exit, &error, hints::backup(&error))
    }
}
