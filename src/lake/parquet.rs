//! One Parquet file, written column by column in batches: what is held in memory is a batch of rows and the compressed
//! pages of one row group.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnWriter, get_column_writer};
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::{ColumnPath, Type};

/// Rows of a row group: what a reader skips or reads in parallel.
const GROUP_ROWS: usize = 1 << 18;
/// Rows that are gathered before they are encoded.
const BATCH_ROWS: usize = 1 << 12;
/// Bytes of texts after which a batch is encoded although it has fewer rows.
const BATCH_BYTES: usize = 4 << 20;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParquetType {
    Text,
    /// Bytes without a meaning of their own.
    Bytes,
    Ordinal,
    Integer,
    Seconds,
    Flag,
    /// TIMESTAMP in microseconds since 1970 UTC, adjusted to UTC.
    Time,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParquetColumn {
    pub(super) name: String,
    pub(super) kind: ParquetType,
    /// Whether it never is NULL.
    pub(super) is_required: bool,
    /// Whether a Bloom filter is written, for lookups of single values.
    pub(super) has_bloom_filter: bool,
}

pub(super) struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    properties: WriterPropertiesPtr,
    columns: Vec<Buffer>,
    chunks: Vec<Chunk>,
    batch_rows: usize,
    group_rows: usize,
    rows: u64,
}

/// A column of the current row group, as compressed pages.
struct Chunk {
    writer: ColumnWriter<'static>,
    pages: PageBuffer,
}

/// Pages in memory: a row group has its columns one after the other, but rows come across all of them.
#[derive(Clone, Default)]
struct PageBuffer(Arc<Mutex<Option<TrackedWrite<Vec<u8>>>>>);

/// The rows of a batch in one column.
pub(super) struct Buffer {
    name: String,
    values: ColumnValues,
    /// 1 for a row that has a value, else 0, which Parquet calls definition levels; unused where each row has one.
    has_value: Vec<i16>,
    is_required: bool,
}

enum ColumnValues {
    Text(TextColumn),
    Bytes(TextColumn),
    Ordinal(Vec<i32>),
    Integer(Vec<i64>),
    Seconds(Vec<f64>),
    Flag(Vec<bool>),
}

/// Texts, all in one allocation.
#[derive(Default)]
struct TextColumn {
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
}

impl<W: Write + Send> ParquetFile<W> {
    /// A file with these columns, whose rows come sorted by the columns at the indexes `sorted_by`.
    pub(super) fn new(out: W, columns: &[ParquetColumn], sorted_by: &[usize]) -> io::Result<Self> {
        Self::begin(out, columns, sorted_by).map_err(as_io)
    }

    fn begin(out: W, columns: &[ParquetColumn], sorted_by: &[usize]) -> Result<Self> {
        let fields = columns.iter().map(|column| column.field().map(Arc::new));
        let schema = Type::group_type_builder("row")
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        let properties = Arc::new(properties(columns, sorted_by));
        let writer = SerializedFileWriter::new(out, Arc::new(schema), properties.clone())?;
        Ok(Self {
            writer,
            properties,
            columns: columns.iter().map(Buffer::new).collect(),
            chunks: Vec::new(),
            batch_rows: 0,
            group_rows: 0,
            rows: 0,
        })
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The columns of the batch; each row pushes one value to each, then calls [`Self::end_row`].
    pub(super) fn columns(&mut self) -> &mut [Buffer] {
        &mut self.columns
    }

    /// Ends the row that was pushed.
    pub(super) fn end_row(&mut self) -> io::Result<()> {
        self.batch_rows += 1;
        self.rows += 1;
        let is_group = self.group_rows + self.batch_rows == GROUP_ROWS;
        if is_group || self.batch_rows == BATCH_ROWS || self.columns.iter().any(Buffer::is_large) {
            self.write_batch().map_err(as_io)?;
        }
        if is_group {
            self.write_group().map_err(as_io)?;
        }
        Ok(())
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.write_batch()
            .and_then(|()| self.write_group())
            .and_then(|()| self.writer.into_inner())
            .map_err(as_io)
    }

    fn write_batch(&mut self) -> Result<()> {
        if self.batch_rows == 0 {
            return Ok(());
        }
        if self.chunks.is_empty() {
            let schema = self.writer.schema_descr();
            self.chunks = schema
                .columns()
                .iter()
                .map(|column| {
                    let pages = PageBuffer::default();
                    let writer =
                        get_column_writer(column.clone(), self.properties.clone(), Box::new(pages.clone()));
                    Chunk { writer, pages }
                })
                .collect();
        }
        for (column, chunk) in self.columns.iter_mut().zip(&mut self.chunks) {
            column.write(&mut chunk.writer)?;
        }
        self.group_rows += self.batch_rows;
        self.batch_rows = 0;
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        if self.group_rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for chunk in self.chunks.drain(..) {
            let closed = chunk.writer.close()?;
            group.append_column(&Bytes::from(chunk.pages.into_bytes()?), closed)?;
        }
        group.close()?;
        self.group_rows = 0;
        Ok(())
    }
}

fn properties(columns: &[ParquetColumn], sorted_by: &[usize]) -> WriterProperties {
    let sorting = sorted_by.iter().map(|&index| SortingColumn {
        column_idx: i32::try_from(index).expect("tables have few columns"),
        descending: false,
        nulls_first: false,
    });
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("jobruns ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(sorting.collect()));
    for column in columns {
        let path = ColumnPath::from(column.name.as_str());
        if matches!(
            column.kind,
            ParquetType::Time | ParquetType::Ordinal | ParquetType::Integer
        ) {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED);
        }
        if column.has_bloom_filter {
            properties = properties.set_column_bloom_filter_enabled(path, true);
        }
    }
    properties.build()
}

impl ParquetColumn {
    fn field(&self) -> Result<Type> {
        let (physical, logical) = match self.kind {
            ParquetType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ParquetType::Bytes => (Physical::BYTE_ARRAY, None),
            ParquetType::Ordinal => (Physical::INT32, None),
            ParquetType::Integer => (Physical::INT64, None),
            ParquetType::Seconds => (Physical::DOUBLE, None),
            ParquetType::Flag => (Physical::BOOLEAN, None),
            ParquetType::Time => (
                Physical::INT64,
                Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            ),
        };
        Type::primitive_type_builder(&self.name, physical)
            .with_logical_type(logical)
            .with_repetition(if self.is_required {
                Repetition::REQUIRED
            } else {
                Repetition::OPTIONAL
            })
            .build()
    }
}

impl Buffer {
    fn new(column: &ParquetColumn) -> Self {
        Self {
            name: column.name.clone(),
            values: match column.kind {
                ParquetType::Text => ColumnValues::Text(TextColumn::default()),
                ParquetType::Bytes => ColumnValues::Bytes(TextColumn::default()),
                ParquetType::Ordinal => ColumnValues::Ordinal(Vec::new()),
                ParquetType::Integer | ParquetType::Time => ColumnValues::Integer(Vec::new()),
                ParquetType::Seconds => ColumnValues::Seconds(Vec::new()),
                ParquetType::Flag => ColumnValues::Flag(Vec::new()),
            },
            has_value: Vec::new(),
            is_required: column.is_required,
        }
    }

    /// The archive is damaged where it holds what is not of the column's kind.
    fn refused(&self) -> io::Error {
        let message = format!("the column {} holds a value of another type", self.name);
        io::Error::new(io::ErrorKind::InvalidData, message)
    }

    pub(super) fn push_null(&mut self) -> io::Result<()> {
        if self.is_required {
            return Err(self.refused());
        }
        self.has_value.push(0);
        Ok(())
    }

    fn note_value(&mut self) -> io::Result<()> {
        if !self.is_required {
            self.has_value.push(1);
        }
        Ok(())
    }

    pub(super) fn push_bytes(&mut self, bytes: Option<&[u8]>) -> io::Result<()> {
        match (&mut self.values, bytes) {
            (_, None) => return self.push_null(),
            (ColumnValues::Text(texts) | ColumnValues::Bytes(texts), Some(bytes)) => texts.push(bytes),
            _ => return Err(self.refused()),
        }
        self.note_value()
    }

    pub(super) fn push_integer(&mut self, number: Option<i64>) -> io::Result<()> {
        let Some(number) = number else {
            return self.push_null();
        };
        match &mut self.values {
            ColumnValues::Ordinal(values) if i32::try_from(number).is_ok() => {
                values.extend(i32::try_from(number));
            }
            ColumnValues::Integer(values) => values.push(number),
            #[allow(clippy::cast_precision_loss, reason = "whole seconds are far below 2^53")]
            ColumnValues::Seconds(values) => values.push(number as f64),
            ColumnValues::Flag(values) if number == 0 || number == 1 => values.push(number == 1),
            _ => return Err(self.refused()),
        }
        self.note_value()
    }

    pub(super) fn push_real(&mut self, number: f64) -> io::Result<()> {
        let ColumnValues::Seconds(values) = &mut self.values else {
            return Err(self.refused());
        };
        values.push(number);
        self.note_value()
    }

    fn is_large(&self) -> bool {
        matches!(&self.values, ColumnValues::Text(texts) | ColumnValues::Bytes(texts) if texts.bytes.len() >= BATCH_BYTES)
    }

    fn write(&mut self, writer: &mut ColumnWriter<'static>) -> Result<()> {
        let has_value = (!self.is_required).then_some(self.has_value.as_slice());
        match (&mut self.values, writer) {
            (
                ColumnValues::Text(texts) | ColumnValues::Bytes(texts),
                ColumnWriter::ByteArrayColumnWriter(writer),
            ) => {
                writer.write_batch(&texts.take(), has_value, None)?;
            }
            (ColumnValues::Ordinal(values), ColumnWriter::Int32ColumnWriter(writer)) => {
                writer.write_batch(values, has_value, None)?;
                values.clear();
            }
            (ColumnValues::Integer(values), ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(values, has_value, None)?;
                values.clear();
            }
            (ColumnValues::Seconds(values), ColumnWriter::DoubleColumnWriter(writer)) => {
                writer.write_batch(values, has_value, None)?;
                values.clear();
            }
            (ColumnValues::Flag(values), ColumnWriter::BoolColumnWriter(writer)) => {
                writer.write_batch(values, has_value, None)?;
                values.clear();
            }
            _ => unreachable!("the schema was made of these columns"),
        }
        self.has_value.clear();
        Ok(())
    }
}

impl TextColumn {
    /// # Panics
    /// If a batch has more than 4 GiB; batches are far smaller, except for a single huge text.
    fn push(&mut self, bytes: &[u8]) {
        let position = |at: usize| u32::try_from(at).expect("SQLite holds no text beyond 2 GiB");
        // Rows of one run repeat most of their texts.
        let same = self
            .spans
            .last()
            .filter(|&&(start, end)| self.bytes[start as usize..end as usize] == *bytes);
        let span = if let Some(&same) = same {
            same
        } else {
            let start = position(self.bytes.len());
            self.bytes.extend_from_slice(bytes);
            (start, position(self.bytes.len()))
        };
        self.spans.push(span);
    }

    fn take(&mut self) -> Vec<ByteArray> {
        let capacity = self.bytes.len();
        let bytes = Bytes::from(std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity)));
        let texts = self.spans.drain(..);
        texts
            .map(|(start, end)| ByteArray::from(bytes.slice(start as usize..end as usize)))
            .collect()
    }
}

impl PageBuffer {
    fn into_bytes(self) -> Result<Vec<u8>> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages
            .take()
            .map_or_else(|| Ok(Vec::new()), TrackedWrite::into_inner)
    }
}

impl PageWriter for PageBuffer {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pages = pages.get_or_insert_with(|| TrackedWrite::new(Vec::new()));
        SerializedPageWriter::new(pages).write_page(page)
    }

    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The error of the place that is written to, where that is what went wrong.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}
