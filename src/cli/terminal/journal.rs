//! The systemd journal: levels of lines for it.

use tracing::Level;

/// Whether standard error leads to the journal: the variable that systemd sets names its device and number, which a
/// program that was started with another standard error inherits as well.
#[cfg(unix)]
pub(super) fn has_stderr() -> bool {
    let stream = std::env::var("JOURNAL_STREAM").ok();
    stream.is_some_and(|stream| is_stream(&stream, std::io::stderr()))
}

#[cfg(not(unix))]
pub(super) const fn has_stderr() -> bool {
    false
}

#[cfg(unix)]
fn is_stream(stream: &str, file: impl std::os::fd::AsFd) -> bool {
    let Ok(stat) = rustix::fs::fstat(file) else {
        return false;
    };
    stream.trim() == format!("{}:{}", stat.st_dev, stat.st_ino)
}

/// The lines with the level before each, as the journal takes it (`sd-daemon(3)`).
pub(super) fn with_level(level: Level, lines: &str) -> String {
    let priority = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    lines
        .lines()
        .map(|line| format!("<{priority}>{line}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_level() {
        assert_eq!(
            with_level(Level::ERROR, "Error: a\nHint: b\n"),
            "<3>Error: a\n<3>Hint: b\n"
        );
        assert_eq!(with_level(Level::DEBUG, "a"), "<7>a\n");
    }

    #[cfg(unix)]
    #[test]
    fn the_journal_is_known_by_device_and_number() {
        use std::os::unix::fs::MetadataExt;
        let file = tempfile::tempfile().unwrap();
        let data = file.metadata().unwrap();
        assert!(is_stream(&format!("{}:{}", data.dev(), data.ino()), &file));
        assert!(!is_stream(&format!("{}:{}", data.dev(), data.ino() + 1), &file));
        assert!(!is_stream("", &file));
    }
}
