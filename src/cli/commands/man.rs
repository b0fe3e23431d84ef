//! `jobruns man`: for packagers, so it is not in the list of commands.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;

use crate::cli::failure::{Exit, Failure};
use crate::cli::hints;
use crate::cli::output::Output;

/// Writes a manual page for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns man --output-dir ~/.local/share/man/man1")]
pub(crate) struct ManArgs {
    /// The folder for the pages, made where it is not there
    #[arg(long, value_name = "FOLDER")]
    output_dir: PathBuf,
}

pub(crate) fn run(args: &ManArgs, program: Command) -> Result<Exit, Failure> {
    fs::create_dir_all(&args.output_dir).map_err(|error| {
        let message = format!("could not make the folder {}", args.output_dir.display());
        Failure::new(Exit::WrongUsage, message)
            .caused_by(&error)
            .with_hint(hints::output(&error))
    })?;
    let mut root = program.disable_help_subcommand(true);
    // Gives subcommands their full names and the global options.
    root.build();
    write_pages(&root, &args.output_dir)?;
    Ok(Exit::Done)
}

fn write_pages(command: &Command, folder: &Path) -> Result<(), Failure> {
    for subcommand in command.get_subcommands().filter(|found| !found.is_hide_set()) {
        write_pages(subcommand, folder)?;
    }
    let page = Man::new(command.clone()).source(concat!("jobruns ", env!("CARGO_PKG_VERSION")));
    let mut output = Output::open(&folder.join(page.get_filename()))?;
    page.render(&mut output).map_err(|error| output.failed(&error))?;
    output.finish()
}
