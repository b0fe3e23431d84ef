//! Reads ZIP files by strict rules: every entry is in the directory at the end, and nothing overlaps.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::findings::{PackageFindings, Unreadable};

/// Bytes to which a package may unpack.
const MOST_BYTES: u64 = 64 << 30;

/// To how many times its size Deflate can unpack anything, and a little more.
const MOST_RATIO: u64 = 1100;

/// Bytes of the directory.
const MOST_DIRECTORY: u64 = 1 << 30;

const CUT: &str = "it is not a ZIP file, or it was cut: its end has no directory";

/// Folders of a package.
const FOLDERS: [&str; 5] = ["", "data", "data/payloads", "data/quarantine", "data/zones"];

/// Extra fields that a package may have: sizes of 64 bits, and the times and owners that other programs write. Others can make
/// a program unpack a file under another name, and a long one can hide another directory.
const EXTRA_FIELDS: [u16; 5] = [0x0001, 0x000a, 0x5455, 0x5855, 0x7875];

/// Bytes of an extra field.
const MOST_EXTRA: usize = 32;

/// Flags that change nothing for a reader: how well it is packed, sizes behind the bytes, a name in UTF-8.
const FLAGS: u16 = 0x080e;

/// The directory of a ZIP file.
#[derive(Debug)]
pub(super) struct Zip {
    path: PathBuf,
    /// Files by their path in the top folder.
    pub(super) entries: Vec<(String, ZipEntry)>,
}

/// Where a file is.
#[derive(Debug, Clone, Copy)]
pub(super) struct ZipEntry {
    begin: u64,
    packed: u64,
    /// Bytes that it has, as the directory says.
    pub(super) size: u64,
    crc: u32,
    is_deflated: bool,
}

/// Where an entry is in the ZIP file, its head included.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct EntryExtent {
    begin: u64,
    end: u64,
    name: String,
    /// Bytes that may follow it.
    behind: u64,
}

/// An entry of the directory, as written there.
struct DirectoryEntry<'d> {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    outside: u32,
    local: u64,
    name: &'d [u8],
    extra: &'d [u8],
    has_comment: bool,
}

impl ZipEntry {
    /// Bytes that it has in the ZIP file.
    pub(super) const fn packed(&self) -> u64 {
        self.packed
    }
}

impl Zip {
    pub(super) fn open(path: &Path, findings: &mut PackageFindings) -> Result<Self, Unreadable> {
        let mut file = File::open(path).map_err(|error| Unreadable(error.to_string()))?;
        Self::read(path, &mut file, findings).map_err(|error| match error {
            ZipError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Unreadable(CUT.to_owned()),
            ZipError::Io(error) => Unreadable(error.to_string()),
            ZipError::Zip(why) => Unreadable(why),
        })
    }

    fn read(path: &Path, file: &mut File, findings: &mut PackageFindings) -> Result<Self, ZipError> {
        let size = file.seek(SeekFrom::End(0))?;
        let (begin, length, count) = directory(file, size)?;
        let bytes = at(file, begin, length)?;
        let mut rest = &bytes[..];
        let mut zip = Self {
            path: path.to_owned(),
            entries: Vec::new(),
        };
        let mut spans: Vec<EntryExtent> = Vec::new();
        let mut folder = None;
        for _ in 0..count {
            let listed =
                DirectoryEntry::take(&mut rest).ok_or_else(|| zip_error("its directory is broken"))?;
            zip.entry(file, &listed, &mut folder, &mut spans, findings)?;
        }
        if !rest.is_empty() {
            return Err(zip_error("its directory has other entries than its end says"));
        }
        spans.sort();
        spans.push(EntryExtent {
            begin,
            end: begin,
            name: "the directory".to_owned(),
            behind: 0,
        });
        let (mut until, mut one, mut behind) = (0, "the beginning", 0);
        for span in &spans {
            if span.begin < until {
                let what = format!("its bytes in the ZIP overlap with those of {one}");
                findings.add(&span.name, what);
            } else if span.begin - until > behind {
                let (name, bytes) = (&span.name, span.begin - until);
                let what =
                    format!("before {name} stand {bytes} bytes that belong to no file of its directory");
                findings.add("the ZIP", what);
            }
            (until, one, behind) = (span.end, &span.name, span.behind);
        }
        let total = zip
            .entries
            .iter()
            .fold(0, |sum: u64, (_, entry)| sum.saturating_add(entry.size));
        if total > MOST_BYTES || total > size.saturating_mul(MOST_RATIO) {
            return Err(zip_error(format!(
                "it says that it unpacks to {total} bytes, more than a package of {size} bytes can have"
            )));
        }
        if zip.entries.is_empty() {
            return Err(zip_error("the ZIP holds no file"));
        }
        zip.entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut twice: Vec<&String> = zip
            .entries
            .windows(2)
            .filter(|pair| pair[0].0 == pair[1].0)
            .map(|pair| &pair[0].0)
            .collect();
        twice.dedup();
        for name in twice {
            findings.add(name, "the ZIP has it twice");
        }
        zip.entries.dedup_by(|one, other| one.0 == other.0);
        Ok(zip)
    }

    /// Takes an entry in, where it is one that a package may have.
    fn entry(
        &mut self,
        file: &mut File,
        listed: &DirectoryEntry<'_>,
        folder: &mut Option<String>,
        spans: &mut Vec<EntryExtent>,
        findings: &mut PackageFindings,
    ) -> Result<(), ZipError> {
        let name = String::from_utf8_lossy(listed.name).into_owned();
        let elsewhere = || {
            zip_error(format!(
                "its directory names {name:?}, which is not where it says: the ZIP was cut or changed"
            ))
        };
        let head = at(file, listed.local, 30).map_err(|_| elsewhere())?;
        if !head.starts_with(b"PK\x03\x04") {
            return Err(elsewhere());
        }
        let (names, extra) = (u64::from(u16_at(&head, 26)), u64::from(u16_at(&head, 28)));
        let begin = listed.local + 30 + names + extra;
        // Sizes may follow the bytes, in at most 24 bytes.
        let has_sizes_behind = listed.flags & 8 != 0;
        spans.push(EntryExtent {
            begin: listed.local,
            end: begin.saturating_add(listed.packed),
            name: name.clone(),
            behind: if has_sizes_behind { 24 } else { 0 },
        });
        let here = at(file, listed.local + 30 + names, extra).map_err(|_| elsewhere())?;
        if listed.has_comment || !are_plain(listed.extra) || !are_plain(&here) {
            findings.add(
                &name,
                "it has a comment or an extra field that no package has: another program could unpack something else",
            );
        }
        let mut wide = wide_values(&here);
        let sizes = [
            (u64::from(u32_at(&head, 14)), u64::from(listed.crc)),
            (wide_or_not(&head, 22, &mut wide), listed.size),
            (wide_or_not(&head, 18, &mut wide), listed.packed),
        ];
        let differs =
            (sizes.into_iter()).any(|(there, size)| there != size && !(has_sizes_behind && there == 0));
        if (u16_at(&head, 6), u16_at(&head, 8)) != (listed.flags, listed.method) || differs {
            findings.add(
                &name,
                "the ZIP says otherwise of it before its bytes than in its directory",
            );
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
        let is_folder = name.ends_with('/');
        let mut parts = name.trim_end_matches('/').split('/');
        if !name.bytes().all(is_plain) || parts.clone().any(|part| ["", ".", ".."].contains(&part)) {
            findings.add(&name, "a path that leads outside, or that no package has");
            return Ok(());
        }
        if at(file, listed.local + 30, names).map_err(|_| elsewhere())? != listed.name {
            findings.add(
                &name,
                "the ZIP has another name before its bytes than in its directory",
            );
        }
        let top = parts.next().unwrap_or_default();
        let path: Vec<&str> = parts.collect();
        let folder = folder.get_or_insert_with(|| top.to_owned());
        if top != folder || path.is_empty() && !is_folder {
            findings.add(&name, format!("it is not in the top folder {folder}"));
            return Ok(());
        }
        // Programs heed the mode for many systems that made a ZIP, not only for Unix.
        let mode = listed.outside >> 16;
        if ![0, 0o100_000, 0o040_000].contains(&(mode & 0o170_000)) {
            findings.add(&name, "it is a link, or neither a file nor a folder");
            return Ok(());
        }
        if listed.flags & !FLAGS != 0 || ![0, 8].contains(&listed.method) {
            findings.add(&name, "it is encrypted, or packed in a way that no package is");
            return Ok(());
        }
        if is_folder {
            if listed.size > 0 || listed.packed > 0 {
                findings.add(&name, "a folder that has bytes");
            } else if !FOLDERS.contains(&path.join("/").as_str()) {
                findings.add(&name, "a folder that no package has");
            }
            return Ok(());
        }
        let entry = ZipEntry {
            begin,
            packed: listed.packed,
            size: listed.size,
            crc: listed.crc,
            is_deflated: listed.method == 8,
        };
        self.entries.push((path.join("/"), entry));
        Ok(())
    }

    /// Reads a file; the last read fails where it is not the one that the directory says.
    pub(super) fn reader(&self, entry: ZipEntry) -> io::Result<EntryReader> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(entry.begin))?;
        let packed = BufReader::with_capacity(32 << 10, file.take(entry.packed));
        Ok(EntryReader {
            unpacked: if entry.is_deflated {
                Unpacked::Deflated(DeflateDecoder::new(packed))
            } else {
                Unpacked::Stored(packed)
            },
            packed: entry.packed,
            left: entry.size,
            crc: Crc::new(),
            expected: entry.crc,
        })
    }
}

/// The bytes of a file.
pub(super) struct EntryReader {
    unpacked: Unpacked,
    packed: u64,
    left: u64,
    crc: Crc,
    expected: u32,
}

enum Unpacked {
    Stored(BufReader<Take<File>>),
    Deflated(DeflateDecoder<BufReader<Take<File>>>),
}

impl Read for EntryReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let unsound = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
        let read = match &mut self.unpacked {
            Unpacked::Stored(file) => file.read(bytes),
            Unpacked::Deflated(decoder) => decoder.read(bytes),
        }?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| unsound("it unpacks to more bytes than the ZIP says"))?;
        self.crc.update(&bytes[..read]);
        if read == 0 {
            if self.left > 0 {
                return Err(unsound("it unpacks to fewer bytes than the ZIP says, or was cut"));
            }
            if matches!(&self.unpacked, Unpacked::Deflated(decoder) if decoder.total_in() != self.packed) {
                return Err(unsound("bytes stand behind its end"));
            }
            if self.crc.sum() != self.expected {
                return Err(unsound("it does not have the checksum that the ZIP says"));
            }
        }
        Ok(read)
    }
}

impl<'d> DirectoryEntry<'d> {
    fn take(rest: &mut &'d [u8]) -> Option<Self> {
        let (head, behind) = rest.split_at_checked(46)?;
        if !head.starts_with(b"PK\x01\x02") {
            return None;
        }
        let length = |place: usize| usize::from(u16_at(head, place));
        let (name, behind) = behind.split_at_checked(length(28))?;
        let (extra, behind) = behind.split_at_checked(length(30))?;
        let (comment, behind) = behind.split_at_checked(length(32))?;
        *rest = behind;
        let mut wide = wide_values(extra);
        let mut value = |place: usize| wide_or_not(head, place, &mut wide);
        Some(Self {
            flags: u16_at(head, 8),
            method: u16_at(head, 10),
            crc: u32_at(head, 16),
            size: value(24),
            packed: value(20),
            local: value(42),
            outside: u32_at(head, 38),
            name,
            extra,
            has_comment: !comment.is_empty(),
        })
    }
}

/// The value at this place, or the next one of 64 bits if it is stored there.
fn wide_or_not(head: &[u8], place: usize, wide: &mut &[u8]) -> u64 {
    match (u32_at(head, place), wide.split_at_checked(8)) {
        (u32::MAX, Some((value, more))) => {
            *wide = more;
            u64_at(value, 0)
        }
        (value, _) => u64::from(value),
    }
}

/// The values of 64 bits among the extra fields of an entry.
fn wide_values(mut extra: &[u8]) -> &[u8] {
    let mut values: &[u8] = &[];
    while extra.len() >= 4 {
        let (kind, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let behind = &extra[4..];
        let (field, rest) = behind.split_at_checked(length).unwrap_or((behind, &[]));
        if kind == 1 {
            values = field;
        }
        extra = rest;
    }
    values
}

/// Whether these are extra fields that a package may have, none of them twice.
fn are_plain(mut extra: &[u8]) -> bool {
    let mut seen = Vec::new();
    while let Some((head, behind)) = extra.split_at_checked(4) {
        let (kind, length) = (u16_at(head, 0), usize::from(u16_at(head, 2)));
        let Some((_, rest)) = behind.split_at_checked(length) else {
            return false;
        };
        if !EXTRA_FIELDS.contains(&kind) || length > MOST_EXTRA || seen.contains(&kind) {
            return false;
        }
        seen.push(kind);
        extra = rest;
    }
    extra.is_empty()
}

/// Where the directory begins, its bytes and its entries.
fn directory(file: &mut File, size: u64) -> Result<(u64, u64, u64), ZipError> {
    let cut = || zip_error(CUT);
    let mut last = size.checked_sub(22).ok_or_else(cut)?;
    let end = at(file, last, 22)?;
    if !end.starts_with(b"PK\x05\x06") {
        return Err(cut());
    }
    let short = |place: usize| u64::from(u16_at(&end, place));
    let mut disks = (short(4), short(6));
    let (mut here, mut count) = (short(8), short(10));
    let (mut length, mut begin) = (u64::from(u32_at(&end, 12)), u64::from(u32_at(&end, 16)));
    let comment = short(20);
    let most = u64::from(u32::MAX);
    let locator = at(file, last.saturating_sub(20), 20)?;
    let is_wide = locator.starts_with(b"PK\x06\x07");
    if [here, count].contains(&u64::from(u16::MAX)) || [length, begin].contains(&most) {
        let record_at = u64_at(&locator, 8);
        if !is_wide || record_at.checked_add(76) != Some(last) {
            return Err(cut());
        }
        let record = at(file, record_at, 56)?;
        if !record.starts_with(b"PK\x06\x06") {
            return Err(cut());
        }
        last = record_at;
        disks = (u64::from(u32_at(&record, 16)), u64::from(u32_at(&record, 20)));
        for (value, most, place) in [
            (&mut here, u64::from(u16::MAX), 24),
            (&mut count, u64::from(u16::MAX), 32),
            (&mut length, most, 40),
            (&mut begin, most, 48),
        ] {
            let wide = u64_at(&record, place);
            if ![most, wide].contains(value) {
                return Err(two_directories());
            }
            *value = wide;
        }
    } else if is_wide {
        return Err(two_directories());
    }
    if disks != (0, 0) || here != count || comment != 0 || begin.checked_add(length) != Some(last) {
        return Err(zip_error(
            "its directory does not stand right before its end: it was cut, or something was added to it",
        ));
    }
    if length > MOST_DIRECTORY {
        return Err(zip_error(format!(
            "its directory has {length} bytes, more than {MOST_DIRECTORY}"
        )));
    }
    Ok((begin, length, count))
}

/// Bytes of the file, all of them.
fn at(file: &mut File, place: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(place))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Callers have looked at the length.
fn u16_at(bytes: &[u8], place: usize) -> u16 {
    u16::from_le_bytes([bytes[place], bytes[place + 1]])
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    u32::from(u16_at(bytes, place)) | u32::from(u16_at(bytes, place + 2)) << 16
}

fn u64_at(bytes: &[u8], place: usize) -> u64 {
    u64::from(u32_at(bytes, place)) | u64::from(u32_at(bytes, place + 4)) << 32
}

enum ZipError {
    Io(io::Error),
    Zip(String),
}

impl From<io::Error> for ZipError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn two_directories() -> ZipError {
    zip_error("its end names two directories, so programs could unpack different files from it")
}

fn zip_error(why: impl Into<String>) -> ZipError {
    ZipError::Zip(why.into())
}
