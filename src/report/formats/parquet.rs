//! Apache Parquet: columns with their types, compressed, for engines that read columns by themselves.
//!
//! A point in time is text, as in the archive's tables: of the types that Parquet has for it, one ends in the year 2262 and
//! the other has no room for the seventh digit that .NET sends.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::report::format::Format;
use crate::report::meta::ReportMeta;
use crate::report::table::{Cell, Column, ColumnType, Rows};

/// Rows that are held and written as one group: what a reader skips or reads in parallel.
const GROUP_ROWS: usize = 1 << 17;
/// Bytes of texts after which a group is written although it has fewer rows; bounds the memory.
const GROUP_BYTES: usize = 16 << 20;

/// The format.
pub(in crate::report) const FORMAT: Format = Format {
    name: "parquet",
    extension: "parquet",
    fits_terminal: false,
    open: |out, _, meta| Ok(Box::new(Parquet::new(out, meta))),
};

/// Writes one Parquet file.
pub struct Parquet<W: Write + Send> {
    state: State<W>,
    metadata: Vec<KeyValue>,
    buffers: Vec<Buffer>,
    rows: usize,
    bytes: usize,
}

enum State<W: Write + Send> {
    /// The columns are not known yet.
    Waiting(W),
    Writing(SerializedFileWriter<W>),
    Finished,
}

/// A column of the group at hand.
struct Buffer {
    name: String,
    values: Values,
    /// 1 for each row that has a value, else 0: what Parquet calls definition levels.
    has_value: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Bytes(Vec<ByteArray>),
    Integer(Vec<i64>),
    Real(Vec<f64>),
}

impl<W: Write + Send> Parquet<W> {
    /// To `out`; the file says what it is `about`.
    pub fn new(out: W, about: &ReportMeta) -> Self {
        let pair = |key: &str, value: String| KeyValue::new(format!("jobruns.{key}"), value);
        Self {
            state: State::Waiting(out),
            metadata: vec![
                pair("report", about.report.clone()),
                pair("head", about.head.clone()),
                pair("schema_version", about.schema_version.to_string()),
                pair("tool_version", about.tool_version.clone()),
            ],
            buffers: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    fn begin(&mut self) -> Result<()> {
        let State::Waiting(out) = std::mem::replace(&mut self.state, State::Finished) else {
            return Err(ParquetError::General("the columns came twice".to_owned()));
        };
        let fields = self.buffers.iter().map(|buffer| buffer.field().map(Arc::new));
        let schema = Type::group_type_builder("row")
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        let properties = WriterProperties::builder()
            .set_created_by(concat!("jobruns ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_key_value_metadata(Some(std::mem::take(&mut self.metadata)))
            .build();
        let writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        self.state = State::Writing(writer);
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        let State::Writing(writer) = &mut self.state else {
            return Err(ParquetError::General("rows came before the columns".to_owned()));
        };
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = writer.next_row_group()?;
        for buffer in &mut self.buffers {
            let mut column = group
                .next_column()?
                .expect("the schema has a column for each buffer");
            let has_value = Some(buffer.has_value.as_slice());
            match &buffer.values {
                Values::Text(values) | Values::Bytes(values) => column
                    .typed::<ByteArrayType>()
                    .write_batch(values, has_value, None)?,
                Values::Integer(values) => {
                    column.typed::<Int64Type>().write_batch(values, has_value, None)?
                }
                Values::Real(values) => column
                    .typed::<DoubleType>()
                    .write_batch(values, has_value, None)?,
            };
            column.close()?;
            buffer.clear();
        }
        group.close()?;
        self.rows = 0;
        self.bytes = 0;
        Ok(())
    }
}

impl Buffer {
    fn new(column: &Column) -> Self {
        Self {
            name: column.name.to_string(),
            values: match column.kind {
                ColumnType::Integer => Values::Integer(Vec::new()),
                ColumnType::Decimal | ColumnType::Rate => Values::Real(Vec::new()),
                ColumnType::Bytes => Values::Bytes(Vec::new()),
                ColumnType::Text | ColumnType::Instant | ColumnType::Date | ColumnType::Any => {
                    Values::Text(Vec::new())
                }
            },
            has_value: Vec::new(),
        }
    }

    /// The column as the schema has it; any may be NULL.
    fn field(&self) -> Result<Type> {
        let (physical, logical) = match self.values {
            Values::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Values::Bytes(_) => (Physical::BYTE_ARRAY, None),
            Values::Integer(_) => (Physical::INT64, None),
            Values::Real(_) => (Physical::DOUBLE, None),
        };
        Type::primitive_type_builder(&self.name, physical)
            .with_logical_type(logical)
            .with_repetition(Repetition::OPTIONAL)
            .build()
    }

    /// Takes a cell and says how many bytes it holds on to.
    ///
    /// # Errors
    /// A cell that is not of the column's type.
    #[allow(
        clippy::cast_precision_loss,
        reason = "a whole number of seconds is far below 2^53"
    )]
    fn push(&mut self, cell: &Cell<'_>) -> io::Result<usize> {
        self.has_value.push((*cell != Cell::Null).into());
        let mut bytes = size_of::<ByteArray>();
        match (&mut self.values, cell) {
            (_, Cell::Null) => {}
            (Values::Text(values), cell) => {
                let mut text = String::new();
                cell.write_text(&mut text);
                bytes += text.len();
                values.push(ByteArray::from(text.into_bytes()));
            }
            (Values::Bytes(values), Cell::Bytes(cell)) => {
                bytes += cell.len();
                values.push(ByteArray::from(cell.to_vec()));
            }
            (Values::Integer(values), Cell::Integer(number)) => values.push(*number),
            (Values::Real(values), Cell::Integer(number)) => values.push(*number as f64),
            (Values::Real(values), Cell::Real(number)) => values.push(*number),
            (_, cell) => {
                let mut text = String::new();
                cell.write_text(&mut text);
                let words = format!("the column {} holds what is not of its type: {text}", self.name);
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
        }
        Ok(bytes)
    }

    fn clear(&mut self) {
        self.has_value.clear();
        match &mut self.values {
            Values::Text(values) | Values::Bytes(values) => values.clear(),
            Values::Integer(values) => values.clear(),
            Values::Real(values) => values.clear(),
        }
    }
}

impl<W: Write + Send> Rows for Parquet<W> {
    fn columns(&mut self, columns: &[Column]) -> io::Result<()> {
        self.buffers = columns.iter().map(Buffer::new).collect();
        self.begin().map_err(as_io)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (buffer, cell) in self.buffers.iter_mut().zip(cells) {
            self.bytes += buffer.push(cell)?;
        }
        self.rows += 1;
        if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
            self.write_group().map_err(as_io)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.write_group().map_err(as_io)?;
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Writing(writer) => writer.close().map(drop).map_err(as_io),
            _ => Ok(()),
        }
    }
}

/// The place's own error, where that is what went wrong.
fn as_io(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{Field, RowAccessor};

    use super::*;

    fn about() -> ReportMeta {
        ReportMeta {
            report: "runs".to_owned(),
            head: "00".to_owned(),
            tool_version: "0".to_owned(),
            ..ReportMeta::default()
        }
    }

    fn columns() -> [Column; 4] {
        [
            Column::new("text", ColumnType::Text),
            Column::new("number", ColumnType::Integer),
            Column::new("seconds", ColumnType::Decimal),
            Column::new("payload", ColumnType::Bytes),
        ]
    }

    fn written(rows: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut file = Parquet::new(&mut out, &about());
        file.columns(&columns()).unwrap();
        for row in 0..rows {
            let number = i64::try_from(row).unwrap();
            let text = format!("text {}", row % 7);
            let cells = [
                Cell::Text(&text),
                Cell::Integer(number),
                Cell::Real(0.5),
                Cell::Bytes(b"\xff\0"),
            ];
            let nothing = [Cell::Null; 4];
            file.row(if row % 2 == 0 { &cells } else { &nothing }).unwrap();
        }
        file.finish().unwrap();
        drop(file);
        out
    }

    #[test]
    fn values_come_back_with_their_types_in_groups() {
        let rows = GROUP_ROWS + 3;
        let out = written(rows);
        assert!(out == written(rows), "the same bytes each time");
        let reader = SerializedFileReader::new(Bytes::from(out)).unwrap();
        let metadata = reader.metadata();
        assert_eq!(metadata.num_row_groups(), 2);
        let pairs = metadata.file_metadata().key_value_metadata().unwrap();
        assert!(
            pairs
                .iter()
                .any(|pair| pair.key == "jobruns.head" && pair.value.as_deref() == Some("00"))
        );
        let read: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| row.unwrap())
            .collect();
        assert_eq!(read.len(), rows);
        let last = &read[rows - 1];
        assert_eq!(last.get_string(0).unwrap(), &format!("text {}", (rows - 1) % 7));
        assert_eq!(last.get_long(1).unwrap(), i64::try_from(rows - 1).unwrap());
        assert_eq!(last.get_double(2).unwrap().to_bits(), 0.5f64.to_bits());
        assert_eq!(last.get_bytes(3).unwrap().data(), b"\xff\0");
        assert!(read[1].get_column_iter().all(|(_, field)| *field == Field::Null));
    }

    #[test]
    fn a_table_without_rows_has_its_columns() {
        let reader = SerializedFileReader::new(Bytes::from(written(0))).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr();
        assert_eq!((schema.num_columns(), schema.column(3).name()), (4, "payload"));
        assert_eq!(reader.get_row_iter(None).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_of_its_columns_type_is_refused() {
        let mut out = Vec::new();
        let mut file = Parquet::new(&mut out, &about());
        file.columns(&columns()).unwrap();
        let error = file
            .row(&[Cell::Null, Cell::Text("7"), Cell::Null, Cell::Null])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the column number holds what is not of its type: 7"
        );
    }
}
