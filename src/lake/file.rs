//! One file of a lake while it is written: rows in, and its line of the manifest at the end.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::slice;

use chrono::DateTime;
use rusqlite::types::ValueRef;
use sha2::Digest;
use tempfile::TempPath;

use super::error::LakeError;
use super::parquet::{Buffer, ParquetColumn, ParquetFile, ParquetType};
use super::table::{LakeField, LakeTable};
use crate::archive::replace_file;
use crate::model::{Instant, TICKS_PER_SECOND, hex};

/// Ticks of 100 ns in a microsecond.
const TICKS_PER_MICROSECOND: i64 = 10;

/// A file under its temporary name, which is removed when it is dropped.
pub(super) struct DataFile {
    // Closed before the path is removed: Windows cannot remove an open file.
    parquet: ParquetFile<HashedFile>,
    path: TempPath,
    target: PathBuf,
    starts: Option<(i64, i64)>,
}

pub(super) struct WrittenFile {
    path: TempPath,
    target: PathBuf,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    /// The first and the last start of a run, UTC.
    pub(super) starts: Option<(Instant, Instant)>,
}

/// The cells of one row, filled from the left.
pub(super) struct Cells<'f> {
    buffers: slice::IterMut<'f, Buffer>,
    starts: &'f mut Option<(i64, i64)>,
}

/// A file, its length and its SHA-256.
struct HashedFile {
    file: BufWriter<File>,
    hasher: sha2::Sha256,
    bytes: u64,
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += u64::try_from(written).expect("a length fits");
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl DataFile {
    /// Begins the file that is to become `target`.
    pub(super) fn begin(target: PathBuf, table: &LakeTable) -> Result<Self, LakeError> {
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            unreachable!("a file of a lake lies in a folder");
        };
        fs::create_dir_all(folder).map_err(LakeError::io("make the folder", folder))?;
        let path = folder.join(format!("_{}.tmp", name.display()));
        let begin = || {
            let file = File::create(&path)?;
            let path = TempPath::try_from_path(&path)?;
            let out = HashedFile {
                file: BufWriter::with_capacity(1 << 16, file),
                hasher: sha2::Sha256::new(),
                bytes: 0,
            };
            let (columns, sorted_by) = columns(table);
            Ok((ParquetFile::new(out, &columns, &sorted_by)?, path))
        };
        let (parquet, path) = begin().map_err(LakeError::io("write", &path))?;
        Ok(Self {
            parquet,
            path,
            target,
            starts: None,
        })
    }

    /// Adds a row, whose cells `fill` gives.
    ///
    /// # Errors
    /// A cell that is not of its column's type; I/O errors.
    ///
    /// # Panics
    /// If `fill` does not give as many cells as there are columns.
    pub(super) fn row(
        &mut self,
        fill: impl FnOnce(&mut Cells<'_>) -> io::Result<()>,
    ) -> Result<(), LakeError> {
        let mut cells = Cells {
            buffers: self.parquet.columns().iter_mut(),
            starts: &mut self.starts,
        };
        let filled = fill(&mut cells);
        if filled.is_ok() {
            assert_eq!(cells.buffers.len(), 0, "a row has a cell for each column");
        }
        filled
            .and_then(|()| self.parquet.end_row())
            .map_err(|error| LakeError::io("write", &self.target)(error))
    }

    pub(super) const fn rows(&self) -> u64 {
        self.parquet.rows()
    }

    /// Ends the file and brings it to the disk, still under its temporary name.
    pub(super) fn finish(self) -> Result<WrittenFile, LakeError> {
        let rows = self.parquet.rows();
        let finish = || {
            let HashedFile { file, hasher, bytes } = self.parquet.finish()?;
            file.into_inner()
                .map_err(io::IntoInnerError::into_error)?
                .sync_all()?;
            Ok((bytes, hasher.finalize()))
        };
        let (bytes, digest) = finish().map_err(LakeError::io("write", &self.target))?;
        Ok(WrittenFile {
            path: self.path,
            target: self.target,
            rows,
            bytes,
            sha256: hex(&digest),
            starts: self
                .starts
                .map(|(first, last)| (Instant::from_ticks(first), Instant::from_ticks(last))),
        })
    }
}

impl WrittenFile {
    /// Gives the file its name.
    pub(super) fn rename(self) -> Result<(), LakeError> {
        let target = self.target;
        replace_file(self.path, &target).map_err(LakeError::io("rename a file to", target))
    }
}

/// The columns of a table's files, and the indexes of those that rows are sorted by.
fn columns(table: &LakeTable) -> (Vec<ParquetColumn>, Vec<usize>) {
    let mut columns: Vec<ParquetColumn> = Vec::new();
    for field in &table.fields {
        columns.push(ParquetColumn {
            name: field.name.clone(),
            kind: field.kind,
            is_required: field.is_required,
            has_bloom_filter: field.has_bloom_filter,
        });
        if field.has_exact {
            columns.push(ParquetColumn {
                name: format!("{}_exact", field.name),
                kind: ParquetType::Text,
                is_required: false,
                has_bloom_filter: false,
            });
        }
    }
    let index = |name: &str| columns.iter().position(|column| column.name == name);
    let sorted_by = table.order().into_iter().filter_map(index).collect();
    (columns, sorted_by)
}

impl Cells<'_> {
    fn next(&mut self) -> &mut Buffer {
        self.buffers.next().expect("a row has no more cells than columns")
    }

    pub(super) fn text(&mut self, text: Option<&str>) -> io::Result<()> {
        self.next().push_bytes(text.map(str::as_bytes))
    }

    pub(super) fn integer(&mut self, number: Option<i64>) -> io::Result<()> {
        self.next().push_integer(number)
    }

    /// A time of the archive's own, in whole seconds.
    pub(super) fn unix_time(&mut self, seconds: Option<i64>) -> io::Result<()> {
        self.integer(seconds.map(|seconds| seconds.saturating_mul(1_000_000)))
    }

    /// A time of the server, with its exact text where it is finer than a microsecond.
    pub(super) fn exact_time(&mut self, ticks: Option<i64>) -> io::Result<()> {
        self.integer(ticks.map(|ticks| ticks.div_euclid(TICKS_PER_MICROSECOND)))?;
        let finer = ticks.filter(|ticks| ticks % TICKS_PER_MICROSECOND != 0);
        let text = finer.map(|ticks| Instant::from_ticks(ticks).to_string());
        self.text(text.as_deref())
    }

    /// What SQLite gave for a field; the ticks of a time.
    pub(super) fn value(&mut self, field: &LakeField, value: ValueRef<'_>) -> io::Result<Option<i64>> {
        let mut ticks = None;
        match (field.kind, value) {
            (ParquetType::Time, ValueRef::Text(text)) => {
                ticks = Some(read_time(text)?);
                if field.has_exact {
                    self.exact_time(ticks)?;
                } else {
                    self.integer(ticks.map(|ticks| ticks.div_euclid(TICKS_PER_MICROSECOND)))?;
                }
            }
            (_, ValueRef::Null) if field.has_exact => self.exact_time(None)?,
            (_, ValueRef::Null) => self.next().push_null()?,
            // Text that a damaged file holds need not be Unicode.
            (_, ValueRef::Text(text)) => self.text(Some(&String::from_utf8_lossy(text)))?,
            (_, ValueRef::Blob(bytes)) => self.next().push_bytes(Some(bytes))?,
            (_, ValueRef::Integer(number)) => self.integer(Some(number))?,
            (_, ValueRef::Real(number)) => self.next().push_real(number)?,
        }
        Ok(ticks)
    }

    /// Widens the span of starts that the manifest gives.
    pub(super) fn note_start(&mut self, ticks: Option<i64>) {
        if let Some(ticks) = ticks {
            let (first, last) = self.starts.unwrap_or((ticks, ticks));
            *self.starts = Some((first.min(ticks), last.max(ticks)));
        }
    }
}

/// The ticks of a time as the tables for analysts write it.
fn read_time(text: &[u8]) -> io::Result<i64> {
    let read = std::str::from_utf8(text)
        .ok()
        .and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let ticks =
        read.map(|time| time.timestamp() * TICKS_PER_SECOND + i64::from(time.timestamp_subsec_nanos()) / 100);
    ticks.ok_or_else(|| {
        let text = String::from_utf8_lossy(text);
        io::Error::new(io::ErrorKind::InvalidData, format!("{text:?} is not a UTC time"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a row has a cell for each column")]
    fn a_row_that_lacks_a_cell_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let tables = LakeTable::all();
        let table = tables.iter().find(|table| table.name == "job_statuses").unwrap();
        let mut file = DataFile::begin(folder.path().join("1-1.parquet"), table).unwrap();
        let _ = file.row(|cells| cells.integer(Some(1)));
    }
}
