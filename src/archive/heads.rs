//! Heads that leave the house: a file to which each sync appends one line, on a share or a write-once store.
//!
//! A line is the time at which the sync ended, its number and the ledger's head, one space between them:
//! `2026-01-31T03:00:12Z 17 9f86d0…`. The file is only ever appended to, in one write per line. When it is read, empty
//! lines and lines that begin with `#` do not count, and of every other line the last word is the head, so a list of bare
//! hashes is a head file too.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::syncs::SyncRecord;
use crate::model::{Sha256, hex};

/// A head file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} the head file {}", path.display())]
pub struct HeadFileError {
    /// What was being done.
    doing: &'static str,
    /// The file.
    path: PathBuf,
    /// Why.
    #[source]
    source: io::Error,
}

impl HeadFileError {
    /// The way out, in a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                "check that the folder is there, and the share connected."
            }
            io::ErrorKind::InvalidData => {
                "name a file that `jobruns sync --head-file` wrote, or a list of heads, one a line."
            }
            _ => "check the place, and who may write and read there.",
        }
    }
}

/// What a head file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LodgedHeads {
    /// Heads, in the order of the file, each once.
    pub heads: Vec<Sha256>,
    /// Numbers, from 1, of lines that hold no head: cut by a full disk, or changed by somebody.
    pub unreadable_lines: Vec<usize>,
}

/// Appends the line of a sync that has ended; makes the file where there is none (its folder must be there).
///
/// # Errors
/// The place cannot be written. The next sync's line makes up for a missing one: a head seals all that went before.
pub fn lodge_head(path: &Path, record: &SyncRecord) -> Result<(), HeadFileError> {
    let failed = |source| HeadFileError {
        doing: "append to",
        path: path.to_path_buf(),
        source,
    };
    let line = format!(
        "{} {} {}\n",
        record.finished_at,
        record.sync_id,
        hex(&record.head)
    );
    let mut bytes = Vec::with_capacity(line.len() + 1);
    if ends_within_a_line(path) {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(failed)?;
    // One write, so that two archives may share a file without mixing their lines.
    file.write_all(&bytes).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Whether the last line of the file was cut. A store that may be written and not read cannot say.
fn ends_within_a_line(path: &Path) -> bool {
    let last = || -> io::Result<u8> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::End(-1))?;
        let mut byte = [0];
        file.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    last().is_ok_and(|byte| byte != b'\n')
}

/// The most bytes of a head file that are read: half a million syncs.
const MOST_BYTES: u64 = 64 << 20;

/// Reads a head file.
///
/// # Errors
/// It cannot be read, is larger than 64 MiB, or holds no head at all, and would prove nothing.
pub fn read_heads(path: &Path) -> Result<LodgedHeads, HeadFileError> {
    let failed = |source| HeadFileError {
        doing: "read",
        path: path.to_path_buf(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is larger than 64 MiB",
        )));
    }
    let lodged = parse(&bytes);
    if lodged.heads.is_empty() {
        return Err(failed(io::Error::new(
            io::ErrorKind::InvalidData,
            "it holds no head",
        )));
    }
    Ok(lodged)
}

fn parse(bytes: &[u8]) -> LodgedHeads {
    let mut lodged = LodgedHeads::default();
    let mut seen = std::collections::HashSet::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let last_word = line.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
        match head_of(last_word) {
            Some(head) if seen.insert(head) => lodged.heads.push(head),
            Some(_) => {}
            None => lodged.unreadable_lines.push(number),
        }
    }
    lodged
}

/// 64 hexadecimal digits.
fn head_of(word: &[u8]) -> Option<Sha256> {
    let mut head = Sha256::default();
    if word.len() != 2 * head.len() {
        return None;
    }
    for (byte, digits) in head.iter_mut().zip(word.chunks_exact(2)) {
        let digit = |at: usize| {
            char::from(digits[at])
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        };
        *byte = digit(0)? << 4 | digit(1)?;
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{JobFigures, SyncOutcome};
    use crate::model::Instant;

    fn record(sync_id: i64, byte: u8) -> SyncRecord {
        SyncRecord {
            sync_id,
            started_at: Instant::from_unix_seconds(0),
            finished_at: Instant::from_unix_seconds(12),
            outcome: SyncOutcome::Complete,
            head: [byte; 32],
            totals: JobFigures::default(),
            jobs: Vec::new(),
        }
    }

    #[test]
    fn each_sync_appends_a_line_and_what_stands_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.txt");
        lodge_head(&path, &record(1, 0xAB)).unwrap();
        lodge_head(&path, &record(2, 0xCD)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let (ab, cd) = ("ab".repeat(32), "cd".repeat(32));
        assert_eq!(
            text,
            format!("1970-01-01T00:00:12Z 1 {ab}\n1970-01-01T00:00:12Z 2 {cd}\n")
        );
        let lodged = read_heads(&path).unwrap();
        assert_eq!(lodged.heads, [[0xAB; 32], [0xCD; 32]]);
        assert_eq!(lodged.unreadable_lines, [0; 0]);
    }

    #[test]
    fn a_line_that_was_cut_is_left_and_told_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.txt");
        std::fs::write(&path, "1970-01-01T00:00:12Z 1 abab").unwrap();
        lodge_head(&path, &record(2, 0xCD)).unwrap();
        let lodged = read_heads(&path).unwrap();
        assert_eq!(
            (lodged.heads, lodged.unreadable_lines),
            (vec![[0xCD; 32]], vec![1])
        );
    }

    #[test]
    fn bare_hashes_comments_and_foreign_line_ends_are_read() {
        let (a, b) = ("AB".repeat(32), "cd".repeat(32));
        let text = format!("\u{feff}# heads of 2026\r\n\r\n{a}\r\n  x\ty {b}  \n{a}\n{b}0\nno head\n");
        let lodged = parse(text.as_bytes());
        assert_eq!(lodged.heads, [[0xAB; 32], [0xCD; 32]]);
        assert_eq!(lodged.unreadable_lines, [6, 7]);
    }

    #[test]
    fn a_file_without_heads_proves_nothing_and_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.txt");
        assert!(read_heads(&path).unwrap_err().to_string().contains("heads.txt"));
        for content in [&b""[..], b"# none\n", b"\xff\xfe\x00\n", b"no head"] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(
                read_heads(&path).unwrap_err().source.kind(),
                io::ErrorKind::InvalidData
            );
        }
        assert!(lodge_head(folder.path(), &record(1, 1)).is_err());
    }
}
