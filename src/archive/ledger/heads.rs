//! Heads that leave the house: a file to which each sync appends one line, on a share or a write-once store.
//!
//! A line is a time, what ended then (the number of a sync, or `reindex`, `salvage`, `acknowledge`), the archive's id and the
//! ledger's head, one space between them: `2026-01-31T03:00:12Z 17 0b6a3c1e-52f7-4d0a-9c3e-7f2b8d41a690 9f86d0...`. The file
//! is only ever appended to, in one write per line. When it is read, empty lines and lines that begin with `#` do not count,
//! and of every other line the last word is the head, so a list of bare hashes is a head file too; lines without an archive's
//! id count as lines of the archive that is asked.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::archive::error::ArchiveError;
use crate::archive::read_only::ReadOnly;
use crate::model::{Guid, Instant, Sha256, hex};

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

/// What became of a line that was to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// It stands in the file.
    Appended,
    /// The file tells of a history that this archive does not hold: says why nothing was appended.
    Refused(String),
}

/// A line to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadToPublish {
    /// When it ended.
    pub at: Instant,
    /// The number of a sync, or the name of an act.
    pub what: String,
    /// The ledger's head behind it.
    pub head: Sha256,
    /// The archive was made by what ended.
    pub made: bool,
}

impl HeadToPublish {
    /// The line as the list has it.
    #[must_use]
    pub fn line(&self, archive: Option<Guid>) -> String {
        let archive = archive.map_or_else(|| "ARCHIVE_ID".to_owned(), |id| id.to_string());
        format!("{} {} {archive} {}", self.at, self.what, hex(&self.head))
    }
}

/// Appends the head of the archive that `reader` reads; makes the file where there is none (its folder must be there). A file
/// that tells of another history is left as it is, so that neither a rehearsal nor a restored copy can spoil it.
///
/// # Errors
/// The place cannot be written, or the archive not be read. The next sync's line makes up for a missing one: a head seals all
/// that went before.
pub fn publish_head(
    path: &Path,
    reader: &ReadOnly,
    published: &HeadToPublish,
) -> Result<Publication, PublishError> {
    let archive = reader.archive_id()?;
    match std::fs::metadata(path).map(|_| read_file(path)) {
        Ok(Ok(list)) => {
            if let Some(why) = refusal(&list, reader, archive, published.made)? {
                return Ok(Publication::Refused(why));
            }
        }
        // A store that may be written and not read cannot be asked.
        Ok(Err(error)) if error.source.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!("{error}, so nothing says whether its newest head is held");
        }
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => {}
    }
    let line = published.line(Some(archive));
    append_line(path, &format!("{line}\n")).map_err(PublishError::from)
}

/// Why nothing may be appended to the list for this archive.
fn refusal(
    list: &PublishedHeads,
    reader: &ReadOnly,
    archive: Guid,
    made: bool,
) -> Result<Option<String>, ArchiveError> {
    if made || list.heads.is_empty() {
        return Ok(None);
    }
    let Some(newest) = list.heads.iter().rfind(|line| line.is_of(Some(archive))) else {
        return Ok(Some(format!(
            "it has lines, and none of this archive ({archive}), which was not made by this command"
        )));
    };
    Ok((!reader.holds(&newest.head)?).then(|| {
        format!(
            "its newest head of this archive, in line {}, is not held: this is an older copy of the archive, or a changed one",
            newest.line
        )
    }))
}

/// A head could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The list.
    #[error(transparent)]
    List(#[from] HeadFileError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl PublishError {
    /// The way out, in a sentence.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::List(error) => error.hint().to_owned(),
            Self::Archive(error) => error.hint().unwrap_or_default(),
        }
    }
}

fn append_line(path: &Path, line: &str) -> Result<Publication, HeadFileError> {
    let failed = |source| HeadFileError {
        doing: "append to",
        path: path.to_path_buf(),
        source,
    };
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
    file.sync_all().map_err(failed)?;
    Ok(Publication::Appended)
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

fn read_file(path: &Path) -> Result<PublishedHeads, HeadFileError> {
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
    use crate::archive::Writer;

    fn archive(folder: &Path, name: &str) -> ReadOnly {
        let path = folder.join(name);
        drop(Writer::open(&path).unwrap());
        ReadOnly::open(&path).unwrap()
    }

    fn to_publish(reader: &ReadOnly, made: bool) -> HeadToPublish {
        HeadToPublish {
            at: Instant::from_unix_seconds(12),
            what: "1".to_owned(),
            head: reader.verify(&[]).unwrap().head,
            made,
        }
    }

    #[test]
    fn a_list_is_only_appended_to_by_the_archive_whose_newest_head_it_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.txt");
        let (ours, other) = (archive(folder.path(), "a.db"), archive(folder.path(), "b.db"));
        let publish =
            |reader: &ReadOnly, made| publish_head(&path, reader, &to_publish(reader, made)).unwrap();
        assert_eq!(publish(&ours, false), Publication::Appended);
        assert_eq!(publish(&ours, false), Publication::Appended);
        let before = std::fs::read_to_string(&path).unwrap();
        let line = format!(
            "1970-01-01T00:00:12Z 1 {} {}\n",
            ours.archive_id().unwrap(),
            hex(&to_publish(&ours, false).head)
        );
        assert_eq!(before, line.repeat(2));
        assert!(
            matches!(publish(&other, false), Publication::Refused(why) if why.contains("none of this archive"))
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
        assert_eq!(publish(&other, true), Publication::Appended);
        // What this archive does not hold any more, an older copy is not to go on from.
        let id = ours.archive_id().unwrap();
        append_line(
            &path,
            &format!("1970-01-01T00:00:13Z 2 {id} {}\n", "cd".repeat(32)),
        )
        .unwrap();
        assert!(matches!(publish(&ours, false), Publication::Refused(why) if why.contains("is not held")));
        assert_eq!(publish(&other, false), Publication::Appended);
    }

    #[test]
    fn a_line_that_was_cut_is_left_and_told_and_the_next_one_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heads.txt");
        std::fs::write(&path, "1970-01-01T00:00:12Z 1 abab").unwrap();
        let ours = archive(folder.path(), "a.db");
        publish_head(&path, &ours, &to_publish(&ours, false)).unwrap();
        let published = read_heads(&path).unwrap();
        assert_eq!((published.heads.len(), published.unreadable_lines), (1, vec![1]));
    }

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
