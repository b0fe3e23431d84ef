//! `jobruns completions`.

use clap_complete::Shell;

use crate::cli::failure::{Exit, Failure};
use crate::cli::terminal::table::print_bytes;

/// Writes shell completions to standard output
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns completions bash > ~/.local/share/bash-completion/completions/jobruns
  jobruns completions zsh > ~/.zfunc/_jobruns
  jobruns completions fish > ~/.config/fish/completions/jobruns.fish
  jobruns completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, mut program: clap::Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "jobruns", &mut script);
    print_bytes(&script)?;
    Ok(Exit::Done)
}
