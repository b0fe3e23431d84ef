//! The systemd journal: an entry with fields for the end of each command.
//!
//! The lines of standard error get there by themselves; what they cannot have is fields to search by. The entry goes as one
//! datagram to journald's own socket, as `systemd.journal-fields(7)` and the page "Native Journal Protocol" have it.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::ending::{Ending, EventLevel};
use crate::text::{at_most, printable};

/// By which `journalctl MESSAGE_ID=` finds the ends of all commands.
const MESSAGE_ID: &str = "944477222b23488daaf81ee7edf7cebe";

/// Characters of the errors; a datagram holds some 200 KiB.
const MOST_ERRORS: usize = 8_000;

/// Writes the entry for an end. Its message is the sentence alone: standard error has the errors as entries of their own.
pub(super) fn write(ending: &Ending) -> io::Result<()> {
    let socket = std::env::var_os("JOBRUNS_JOURNAL_SOCKET");
    let socket = socket.unwrap_or_else(|| "/run/systemd/journal/socket".into());
    let datagram = UnixDatagram::unbound()?;
    // Waits for a busy journal, but not for a stuck one.
    datagram.set_write_timeout(Some(Duration::from_secs(1)))?;
    datagram.send_to(&entry(ending), socket).map(drop)
}

fn entry(ending: &Ending) -> Vec<u8> {
    let priority = match EventLevel::from(ending.exit) {
        EventLevel::Information => "6",
        EventLevel::Warning => "4",
        EventLevel::Error => "3",
    };
    let mut entry = Vec::new();
    let mut add = |name: &str, value: &str| add_field(&mut entry, name, value);
    add("MESSAGE", &ending.sentence());
    add("PRIORITY", priority);
    add("SYSLOG_IDENTIFIER", "jobruns");
    add("MESSAGE_ID", MESSAGE_ID);
    add("JOBRUNS_COMMAND", ending.command);
    add("JOBRUNS_EXIT_CODE", &ending.exit.code().to_string());
    add(
        "JOBRUNS_SECONDS",
        &format!("{:.3}", ending.duration.as_secs_f64()),
    );
    add("JOBRUNS_ARCHIVE", &printable(&ending.archive));
    if let Some(head) = &ending.head {
        add("JOBRUNS_HEAD", head);
    }
    if !ending.errors.is_empty() {
        add("JOBRUNS_ERRORS", &at_most(&ending.errors.join("\n"), MOST_ERRORS));
    }
    if let Some(sync) = &ending.sync {
        add("JOBRUNS_SYNC_ID", &sync.summary["sync_id"].to_string());
        add(
            "JOBRUNS_OUTCOME",
            sync.summary["outcome"].as_str().unwrap_or_default(),
        );
        let totals = sync.summary["totals"].as_object().into_iter().flatten();
        for (name, figure) in totals.filter(|(name, _)| *name != "seconds") {
            add(&format!("JOBRUNS_{}", name.to_uppercase()), &figure.to_string());
        }
    }
    entry
}

/// Adds a field as the journal takes it: on one line, or, of several lines, with its length before it.
fn add_field(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend_from_slice(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(value.as_bytes());
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_several_lines_has_its_length_before_it() {
        let mut entry = Vec::new();
        add_field(&mut entry, "A", "b=c");
        add_field(&mut entry, "D", "e\nf");
        assert_eq!(entry, b"A=b=c\nD\n\x03\0\0\0\0\0\0\0e\nf\n");
    }
}
