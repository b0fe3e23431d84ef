//! `jobruns completions`.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Cli;
use super::failure::{Exit, Failure};
use super::output::Output;

/// Writes the completions of a shell to standard output
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  jobruns completions bash > ~/.local/share/bash-completion/completions/jobruns
  jobruns completions zsh > ~/.zfunc/_jobruns
  jobruns completions fish > ~/.config/fish/completions/jobruns.fish
  jobruns completions powershell >> $PROFILE")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "jobruns", &mut script);
    let mut output = Output::stdout();
    output.write_all(&script).map_err(|error| output.failed(&error))?;
    output.finish()?;
    Ok(Exit::Done)
}
