//! The `jobruns` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    jobruns::cli::run(std::env::args_os()).into()
}
