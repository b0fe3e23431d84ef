//! The Windows Event Log: an event for the end of each command, in the log Application, from the source `jobruns`.
//!
//! Events are written by `eventcreate`, which Windows has: the number of an event is its own then, and its text needs no
//! library of ours. A source must be registered once, with administrator rights, which the first event does.

use std::io;

#[cfg(any(windows, test))]
use super::ending::EventLevel;
use crate::cli::failure::Exit;

/// The source of the events.
#[cfg(windows)]
pub(crate) const SOURCE: &str = "jobruns";

/// The number of the event for the exit code 0; that of another code is as much greater.
#[cfg(any(windows, test))]
const FIRST_EVENT: u32 = 100;

/// Characters of an event's text; a command line has room for no more than 32,767.
#[cfg(windows)]
const MOST_TEXT: usize = 8_000;

/// The number of the event for an end: 100 and its exit code.
#[cfg(any(windows, test))]
pub(crate) fn event_id(exit: Exit) -> u32 {
    FIRST_EVENT + u32::from(exit.code())
}

/// The level of the event for an end, in the word of `eventcreate`.
#[cfg(any(windows, test))]
pub(crate) fn level(exit: Exit) -> &'static str {
    match EventLevel::from(exit) {
        EventLevel::Information => "INFORMATION",
        EventLevel::Warning => "WARNING",
        EventLevel::Error => "ERROR",
    }
}

/// Registers the source, which takes administrator rights, by an event that says so.
///
/// # Errors
/// What the system refuses; on another system that there is no Event Log.
pub(crate) fn register() -> io::Result<()> {
    write(Exit::Done, "jobruns writes the results of its commands here.")
}

/// Writes the event for an end.
#[cfg(windows)]
pub(crate) fn write(exit: Exit, text: &str) -> io::Result<()> {
    use std::os::windows::process::CommandExt;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    let root = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
    let output = Command::new(root.join("System32").join("eventcreate.exe"))
        .args(["/L", "APPLICATION", "/SO", SOURCE, "/T", level(exit)])
        .args(["/ID", &event_id(exit).to_string(), "/D"])
        .arg(&*crate::text::at_most(text, MOST_TEXT))
        .stdin(Stdio::null())
        .creation_flags(CREATE_NO_WINDOW)
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(crate::text::at_most(error.trim(), 500)))
}

#[cfg(not(windows))]
pub(crate) fn write(_: Exit, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_a_number_that_eventcreate_takes_and_a_level() {
        let all = [
            (Exit::Done, 100, "INFORMATION"),
            (Exit::NotDone, 101, "ERROR"),
            (Exit::WrongUsage, 102, "ERROR"),
            (Exit::Findings, 103, "WARNING"),
            (Exit::NotIntact, 104, "ERROR"),
            (Exit::Locked, 105, "ERROR"),
            (Exit::Interrupted, 230, "WARNING"),
        ];
        for (exit, id, word) in all {
            assert_eq!((event_id(exit), level(exit)), (id, word));
            assert!((1..=1000).contains(&id));
        }
    }
}
