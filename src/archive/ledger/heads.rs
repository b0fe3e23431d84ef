//! Heads kept outside the archive: a file to which each sync appends one line, on a share or a write-once store.
//!
//! A line is a time, what ended then (the number of a sync, or `reindex`, `salvage`, `acknowledge`), the archive's id and the
//! ledger's head, one space between them: `2026-01-31T03:00:12Z 17 0b6a3c1e-52f7-4d0a-9c3e-7f2b8d41a690 9f86d0...`. The file
//! is only ever appended to, in one write per line. When it is read, empty lines and lines that begin with `#` do not count,
//! and of every other line the last word is the head, so a list of bare hashes is a head file too; lines without an archive's
//! id count as lines of the archive that is asked.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::model::{Guid, Sha256, hex};

/// A head file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} the head file {}", path.display())]
pub struct HeadFileError {
    /// What was being done.
    pub(super) doing: &'static str,
    /// The file.
    pub(super) path: PathBuf,
    /// Why.
    #[source]
    pub(super) source: io::Error,
}

impl HeadFileError {
    /// The kind of error that the operating system reported; `InvalidData` for a file that is not a list of heads.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// The error that the operating system reported.
    pub const fn os_error(&self) -> &io::Error {
        &self.source
    }
}

/// A line of a head file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedHead {
    /// Its number in the file, from 1.
    pub line: usize,
    /// When it was published, as it says itself.
    pub time: Option<String>,
    /// The number of a sync, or the name of an act.
    pub what: Option<String>,
    /// The archive, by its id.
    pub archive: Option<Guid>,
    /// The head.
    pub head: Sha256,
}

impl PublishedHead {
    /// Whether it is one of this archive: a line without an id is taken for one.
    pub(in crate::archive) fn is_of(&self, archive: Option<Guid>) -> bool {
        self.archive.is_none() || self.archive == archive
    }

    /// Whether it is the line of that act of this archive.
    pub(in crate::archive) fn tells_of(&self, what: &str, archive: Option<Guid>, head: &Sha256) -> bool {
        self.what.as_deref() == Some(what)
            && self.archive.is_some()
            && self.archive == archive
            && self.head == *head
    }
}

/// What a head file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishedHeads {
    /// The file.
    pub path: PathBuf,
    /// Lines that hold a head, in the order of the file; each line once.
    pub heads: Vec<PublishedHead>,
    /// Numbers, from 1, of lines that hold no head: cut by a full disk, or changed by somebody.
    pub unreadable_lines: Vec<usize>,
    /// Whether a line is not even the beginning of one that holds a head: the file is something else.
    pub(super) has_foreign_lines: bool,
}

/// SHA-256 over the hexadecimal digits of heads, each with a line feed: how an acknowledgement names what it gives up.
pub(in crate::archive) fn hash_of_heads<'h>(heads: impl Iterator<Item = &'h Sha256>) -> Sha256 {
    use sha2::Digest;
    let mut hash = sha2::Sha256::new();
    for head in heads {
        hash.update(hex(head).as_bytes());
        hash.update(b"\n");
    }
    hash.finalize().into()
}

/// Lines of this archive whose history it does not hold, and that no acknowledgement gives up. `acknowledged` are the lines
/// of the ledger that do, by their hashes: how many heads, and the hash over them.
pub(in crate::archive) fn not_held<'l>(
    lines: &'l [PublishedHead],
    archive: Option<Guid>,
    is_held: impl Fn(&Sha256) -> bool,
    acknowledged: &HashMap<Sha256, (u64, Sha256)>,
) -> Vec<&'l PublishedHead> {
    let (mut pending, mut seen) = (Vec::new(), HashSet::new());
    for line in lines.iter().filter(|line| line.is_of(archive)) {
        if !is_held(&line.head) {
            if seen.insert(line.head) {
                pending.push(line);
            }
        } else if let Some(&(heads, list)) = acknowledged.get(&line.head)
            && line.tells_of("acknowledge", archive, &line.head)
            && heads == pending.len() as u64
            && list == hash_of_heads(pending.iter().map(|line| &line.head))
        {
            pending.clear();
        }
    }
    pending
}

/// The most bytes of a head file that are read: half a million syncs.
const MOST_BYTES: u64 = 64 << 20;

/// Reads a head file.
///
/// # Errors
/// It cannot be read, is larger than 64 MiB, or holds no head at all, and would prove nothing.
pub fn read_heads(path: &Path) -> Result<PublishedHeads, HeadFileError> {
    let published = read_file(path)?;
    if published.heads.is_empty() {
        return Err(HeadFileError {
            doing: "read",
            path: path.to_path_buf(),
            source: io::Error::new(io::ErrorKind::InvalidData, "it holds no head"),
        });
    }
    Ok(published)
}

pub(super) fn read_file(path: &Path) -> Result<PublishedHeads, HeadFileError> {
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
    Ok(PublishedHeads {
        path: path.to_path_buf(),
        ..parse(&bytes)
    })
}

fn parse(bytes: &[u8]) -> PublishedHeads {
    let mut published = PublishedHeads::default();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let words: Vec<&[u8]> = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .collect();
        let Some(head) = words.last().and_then(|word| head_of(word)) else {
            published.unreadable_lines.push(number);
            published.has_foreign_lines |= !begins_with_a_time(line);
            continue;
        };
        let text = |index: usize| std::str::from_utf8(words[index]).ok();
        let (time, what, archive) = match words.len() {
            4 => (text(0), text(1), text(2).and_then(|id| id.parse().ok())),
            3 => (text(0), text(1), None),
            2 => (text(0), None, None),
            _ => (None, None, None),
        };
        published.heads.push(PublishedHead {
            line: number,
            time: time.map(str::to_owned),
            what: what.map(str::to_owned),
            archive,
            head,
        });
    }
    published
}

/// Whether a line begins as those that are appended do, as far as it goes.
fn begins_with_a_time(line: &[u8]) -> bool {
    line.iter()
        .zip(b"0000-00-00T00:00:00")
        .all(|(byte, pattern)| match pattern {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
}

/// 64 hexadecimal digits.
/// A head as lists have it: 64 hexadecimal digits.
#[must_use]
pub fn head_of(word: &[u8]) -> Option<Sha256> {
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

    #[test]
    fn bare_hashes_comments_and_foreign_line_ends_are_read() {
        let (a, b) = ("AB".repeat(32), "cd".repeat(32));
        let text = format!("\u{feff}# heads of 2026\r\n\r\n{a}\r\n  x\ty {b}  \n{b}0\nno head\n");
        let published = parse(text.as_bytes());
        let heads: Vec<Sha256> = published.heads.iter().map(|line| line.head).collect();
        assert_eq!(heads, [[0xAB; 32], [0xCD; 32]]);
        assert_eq!(published.unreadable_lines, [5, 6]);
    }

    #[test]
    fn an_acknowledgement_gives_up_exactly_the_heads_that_it_names() {
        let id = Guid::from_bytes([7; 16]);
        let line = |line, what: &str, byte| PublishedHead {
            line,
            time: None,
            what: Some(what.to_owned()),
            archive: Some(id),
            head: [byte; 32],
        };
        let lines = [
            line(1, "1", 1),
            line(2, "2", 2),
            line(3, "3", 3),
            line(4, "acknowledge", 9),
        ];
        let held = |head: &Sha256| matches!(head[0], 1 | 9);
        let pending = |heads: &[u8], named: u64| -> Vec<usize> {
            let heads: Vec<Sha256> = heads.iter().map(|&byte| [byte; 32]).collect();
            let acknowledged = HashMap::from([([9; 32], (named, hash_of_heads(heads.iter())))]);
            not_held(&lines, Some(id), held, &acknowledged)
                .iter()
                .map(|line| line.line)
                .collect()
        };
        assert_eq!(pending(&[2, 3], 2), [0; 0]);
        assert_eq!(pending(&[2], 1), [2, 3]);
        assert_eq!(pending(&[3, 2], 2), [2, 3]);
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
    }
}
