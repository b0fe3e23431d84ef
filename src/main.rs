//! The `jobruns` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    jobruns::memory::share_heap();
    jobruns::cli::run(std::env::args_os()).into()
}
