//! Finds rows in the pages of a file by their shape alone, where SQLite no longer finds its way to them.
//!
//! A page of a table's tree names its rows itself, so rows can be read although the first page, the schema or the pages that
//! lead to them are gone. What is found is a guess: a row of another table of the same shape, or one that was deleted since.
//! Nothing is taken for sound here; the hashes of ledger and payloads decide on that later.
//! The format: <https://www.sqlite.org/fileformat2.html>, sections 1.5 to 2.1.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use rusqlite::types::Value;

/// Kinds of pages that hold rows: of a table's tree, of the tree of a table without rowid, and what leads to its leaves.
const TABLE_LEAF: u8 = 0x0d;
const KEYED_LEAF: u8 = 0x0a;
const KEYED_INNER: u8 = 0x02;

/// What a row is found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tree {
    /// A table with rowids.
    Rowid,
    /// A table without: its rows are keys.
    Keyed,
}

/// A row that was found; an INTEGER PRIMARY KEY is NULL in `values`, and its value is `rowid`.
#[derive(Debug)]
pub(super) struct FoundRow {
    pub(super) tree: Tree,
    pub(super) rowid: i64,
    pub(super) values: Vec<Value>,
}

/// The pages of a file.
struct PageFile {
    file: File,
    bytes: u64,
    /// Bytes of a page, and of them those that SQLite uses.
    size: usize,
    usable: usize,
    /// Bytes that may still be read of pages that rows go on in. In a sound file each such page belongs to one row; where
    /// they lead in circles, many small rows could each say that they are as large as the file.
    continued: u64,
}

/// Times the size of a file that its rows may go on in other pages: rows that were deleted lie there, too.
const MOST_CONTINUED: u64 = 4;

impl PageFile {
    /// Where the header is gone, `usual` is the size of a page.
    fn open(path: &Path, usual: usize) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut head = [0; 21];
        let sized = file.read_exact(&mut head).is_ok() && head.starts_with(b"SQLite format 3\0");
        let size = match usize::from(u16::from_be_bytes([head[16], head[17]])) {
            1 => 65_536,
            size => size,
        };
        let (size, reserved) = if sized && size.is_power_of_two() && size >= 512 {
            (size, usize::from(head[20]))
        } else {
            (usual, 0)
        };
        let bytes = file.seek(SeekFrom::End(0))?;
        Ok(Self {
            file,
            bytes,
            size,
            // SQLite needs 480 bytes of a page.
            usable: size.saturating_sub(reserved).max(480),
            continued: bytes.saturating_mul(MOST_CONTINUED),
        })
    }

    /// Reads page `number`, the first being 1, as far as the file has it.
    fn read(&mut self, number: u64, page: &mut Vec<u8>) -> io::Result<()> {
        page.clear();
        let place = number.saturating_sub(1).saturating_mul(self.size as u64);
        self.file.seek(SeekFrom::Start(place))?;
        let _ = Read::by_ref(&mut self.file)
            .take(self.size as u64)
            .read_to_end(page)?;
        Ok(())
    }

    /// The row whose cell begins at `at`; `None` where there is none.
    fn row(&mut self, page: &[u8], kind: u8, at: usize) -> io::Result<Option<FoundRow>> {
        let Some(cell) = PageCell::read(page, kind, at, self.usable) else {
            return Ok(None);
        };
        if cell.length as u64 > self.bytes {
            return Ok(None);
        }
        let mut record = cell.local.to_vec();
        let mut next = cell.overflow;
        let mut more = Vec::new();
        // Each round takes bytes of the row, so that a ring of pages ends with it.
        while record.len() < cell.length {
            if next == 0 || self.continued == 0 {
                return Ok(None);
            }
            self.continued = self.continued.saturating_sub(self.size as u64);
            self.read(u64::from(next), &mut more)?;
            let (Some(pointer), Some(content)) = (more.get(..4), more.get(4..self.usable.min(more.len())))
            else {
                return Ok(None);
            };
            if content.is_empty() {
                return Ok(None);
            }
            next = number(pointer);
            record.extend_from_slice(&content[..content.len().min(cell.length - record.len())]);
        }
        Ok(values(&record).map(|values| FoundRow {
            tree: if kind == TABLE_LEAF {
                Tree::Rowid
            } else {
                Tree::Keyed
            },
            rowid: cell.rowid,
            values,
        }))
    }
}

/// A cell: the length of its row, what of it is on the page, and where the rest begins.
struct PageCell<'p> {
    rowid: i64,
    length: usize,
    local: &'p [u8],
    overflow: u32,
}

impl<'p> PageCell<'p> {
    fn read(page: &'p [u8], kind: u8, at: usize, usable: usize) -> Option<Self> {
        let mut at = if kind == KEYED_INNER { at + 4 } else { at };
        let length = usize::try_from(varint(page, &mut at)?).ok()?;
        let rowid = if kind == TABLE_LEAF {
            varint(page, &mut at)?
        } else {
            0
        };
        let (most, least) = (
            if kind == TABLE_LEAF {
                usable - 35
            } else {
                (usable - 12) * 64 / 255 - 23
            },
            (usable - 12) * 32 / 255 - 23,
        );
        let here = if length <= most {
            length
        } else {
            let some = least + (length - least) % (usable - 4);
            if some <= most { some } else { least }
        };
        let local = page.get(at..at + here)?;
        let overflow = if here < length {
            number(page.get(at + here..at + here + 4)?)
        } else {
            0
        };
        Some(Self {
            rowid,
            length,
            local,
            overflow,
        })
    }
}

/// Gives each row that the pages of a file hold to `take`, page by page; page 1 holds none of ours.
///
/// # Errors
/// The file cannot be read, or what `take` says.
pub(super) fn rows_in_pages<E: From<io::Error>>(
    path: &Path,
    usual_page: usize,
    mut take: impl FnMut(&FoundRow) -> Result<(), E>,
) -> Result<(), E> {
    let mut pages = PageFile::open(path, usual_page)?;
    let mut page = Vec::new();
    for number in 2..=pages.bytes.div_ceil(pages.size as u64) {
        pages.read(number, &mut page)?;
        let kind = page.first().copied().unwrap_or_default();
        let pointers = match kind {
            TABLE_LEAF | KEYED_LEAF => 8,
            KEYED_INNER => 12,
            _ => continue,
        };
        let Some(count) = page.get(3..5).map(|two| u16::from_be_bytes([two[0], two[1]])) else {
            continue;
        };
        for index in 0..usize::from(count) {
            let Some(two) = page.get(pointers + 2 * index..pointers + 2 * index + 2) else {
                break;
            };
            let at = usize::from(u16::from_be_bytes([two[0], two[1]]));
            if let Some(found) = pages.row(&page, kind, at)? {
                take(&found)?;
            }
        }
    }
    Ok(())
}

fn number(four: &[u8]) -> u32 {
    four.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// A number of one to nine bytes, the first seven bits each, the ninth whole.
fn varint(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut value = 0_u64;
    for index in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if index == 8 {
            return Some((value << 8 | u64::from(byte)).cast_signed());
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(value.cast_signed())
}

fn values(record: &[u8]) -> Option<Vec<Value>> {
    let mut at = 0;
    let head = usize::try_from(varint(record, &mut at)?).ok()?;
    let mut content = record.get(head..)?;
    let mut values = Vec::new();
    while at < head {
        let kind = varint(record, &mut at)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            12.. => usize::try_from((kind - 12) / 2).ok()?,
            _ => return None,
        };
        let bytes = content.get(..length)?;
        content = &content[length..];
        values.push(match kind {
            0 => Value::Null,
            8 | 9 => Value::Integer(kind - 8),
            7 => Value::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
            1..=6 => {
                let sign = if bytes[0] >= 0x80 { -1 } else { 0 };
                Value::Integer(
                    bytes
                        .iter()
                        .fold(sign, |value, &byte| value << 8 | i64::from(byte)),
                )
            }
            _ if kind % 2 == 0 => Value::Blob(bytes.to_vec()),
            _ => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
        });
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// A file with `page_size`, its first page zeroed.
    fn headless(folder: &Path, page_size: u32, sql: &str) -> std::path::PathBuf {
        let path = folder.join(format!("{page_size}.db"));
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(&format!("PRAGMA page_size = {page_size}; {sql}"))
            .unwrap();
        drop(connection);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[..page_size as usize].fill(0);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn found(path: &Path, page_size: usize) -> Vec<FoundRow> {
        let mut all = Vec::new();
        rows_in_pages(path, page_size, |row| {
            all.push(FoundRow {
                tree: row.tree,
                rowid: row.rowid,
                values: row.values.clone(),
            });
            Ok::<_, io::Error>(())
        })
        .unwrap();
        all
    }

    #[test]
    fn rows_of_every_kind_and_length_are_read_without_the_first_page() {
        let folder = tempfile::tempdir().unwrap();
        for page_size in [512, 8192, 65_536] {
            let sql = "CREATE TABLE t (k INTEGER PRIMARY KEY, a, b, c, d);
                 WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
                 INSERT INTO t SELECT i * 1000 - 7, (1 << i) - 1, -(1 << i), printf('%0*d', i * i * 10, i), zeroblob(i * 131) FROM n;
                 INSERT INTO t VALUES (9223372036854775807, NULL, 1.5, 'ä', 0)";
            let path = headless(folder.path(), page_size, sql);
            let rows = found(&path, page_size as usize);
            assert_eq!(rows.len(), 62, "{page_size}");
            for (i, row) in (0..61).zip(&rows) {
                let expected = [
                    Value::Null,
                    Value::Integer((1 << i) - 1),
                    Value::Integer(-(1 << i)),
                    Value::Text(format!(
                        "{i:0width$}",
                        width = usize::try_from(i * i * 10).unwrap()
                    )),
                    Value::Blob(vec![0; usize::try_from(i * 131).unwrap()]),
                ];
                assert_eq!((row.tree, row.rowid), (Tree::Rowid, i * 1000 - 7));
                assert!(row.values == expected, "{page_size}: row {i}");
            }
            assert_eq!(rows[61].rowid, i64::MAX);
            assert_eq!(rows[61].values[2], Value::Real(1.5));
        }
    }

    #[test]
    fn rows_of_a_table_without_rowid_are_read_from_leaves_and_what_leads_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let sql = "CREATE TABLE t (a INTEGER, b INTEGER, c TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
             WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
             INSERT INTO t SELECT i / 10, i % 10, printf('%0*d', i % 700, i) FROM n";
        let path = headless(folder.path(), 1024, sql);
        let mut keys: Vec<Value> = found(&path, 1024)
            .into_iter()
            .filter(|row| row.tree == Tree::Keyed && row.values.len() == 3)
            .map(|row| match (&row.values[0], &row.values[1]) {
                (Value::Integer(a), Value::Integer(b)) => Value::Integer(a * 10 + b),
                other => panic!("{other:?}"),
            })
            .collect();
        keys.sort_by_key(|key| if let Value::Integer(key) = key { *key } else { -1 });
        assert_eq!(keys, (0..1000).map(Value::Integer).collect::<Vec<_>>());
    }

    #[test]
    fn pages_of_noise_give_no_panic_and_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise.db");
        let mut state = 7_u64;
        let mut noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .take(1 << 20)
        .collect();
        for (number, page) in noise.chunks_mut(4096).enumerate() {
            page[0] = [TABLE_LEAF, KEYED_LEAF, KEYED_INNER][number % 3];
        }
        for length in [0, 1, 4095, 4097, 8192 + 9, 1 << 20] {
            std::fs::write(&path, &noise[..length]).unwrap();
            found(&path, 4096);
        }
        // A row whose rest is in a page that names itself as the next.
        let mut ring = vec![0; 8192];
        ring[4096..4104].copy_from_slice(&[TABLE_LEAF, 0, 0, 0, 1, 0, 0, 0]);
        ring[4104..4106].copy_from_slice(&[1, 0]);
        ring[4096 + 256..4096 + 260].copy_from_slice(&[0xbf, 0x00, 1, 3]);
        for at in (4096..8192 - 4).step_by(4).skip(70) {
            ring[at..at + 4].copy_from_slice(&[0, 0, 0, 2]);
        }
        std::fs::write(&path, ring).unwrap();
        found(&path, 4096);
    }

    #[test]
    fn many_rows_that_go_on_in_one_ring_of_pages_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rings.db");
        // Each of a thousand pages has 1,700 times the same row of nearly 4 MB: 7 TB to read.
        let mut leaf = vec![0; 4096];
        leaf[..8].copy_from_slice(&[TABLE_LEAF, 0, 0, 0x06, 0xa4, 0, 0, 0]);
        let length = 489 + 4092 * 977_u64;
        let cell = [
            0x80 | (length >> 21) as u8,
            0x80 | (length >> 14) as u8 & 0x7f,
            0x80 | (length >> 7) as u8 & 0x7f,
            length as u8 & 0x7f,
            1,
        ];
        leaf[3500..3505].copy_from_slice(&cell);
        leaf[3505 + 489..3505 + 493].copy_from_slice(&[0, 0, 0, 2]);
        let mut page = leaf.clone();
        for index in 0..1700 {
            page[8 + 2 * index..10 + 2 * index].copy_from_slice(&3500_u16.to_be_bytes());
        }
        let mut ring = vec![0; 4096];
        ring[3] = 2;
        let mut file = vec![0; 4096];
        file.extend(ring);
        for _ in 0..1000 {
            file.extend(&page);
        }
        std::fs::write(&path, file).unwrap();
        found(&path, 4096);
    }
}
