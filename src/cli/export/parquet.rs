//! Samples as Parquet, in row groups of a bounded number of rows.

use super::row::{Exported, Rows};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use std::io::{self, Write};
use std::sync::Arc;

/// The columns of CSV, in the same order.
const SCHEMA: &str = "message samples {
    REQUIRED INT64 time (TIMESTAMP(NANOS, true));
    REQUIRED FIXED_LEN_BYTE_ARRAY (16) meter (UUID);
    REQUIRED BYTE_ARRAY name (STRING);
    REQUIRED BYTE_ARRAY metering_point (STRING);
    REQUIRED BYTE_ARRAY serial (STRING);
    REQUIRED BYTE_ARRAY register (STRING);
    REQUIRED BYTE_ARRAY register_name (STRING);
    REQUIRED DOUBLE value;
    REQUIRED BYTE_ARRAY unit (STRING);
    REQUIRED BYTE_ARRAY source (STRING);
    REQUIRED INT64 received (TIMESTAMP(NANOS, true));
    REQUIRED BYTE_ARRAY flags (STRING);
}";
/// Rows of a group, which are in memory: about 20 MB.
const GROUP_ROWS_MAX: usize = 50_000;

/// A Parquet file that is being written.
pub(super) struct Parquet<Output: Write + Send> {
    writer: SerializedFileWriter<Output>,
    group: Group,
}

/// The columns of the rows that are not written yet.
#[derive(Default)]
struct Group {
    times: Vec<i64>,
    meters: Vec<FixedLenByteArray>,
    /// Name, metering point, serial number, register, its name.
    texts_before: [Vec<ByteArray>; 5],
    values: Vec<f64>,
    /// Unit, source.
    texts_after: [Vec<ByteArray>; 2],
    received: Vec<i64>,
    flags: Vec<ByteArray>,
}

impl<Output: Write + Send> Parquet<Output> {
    pub(super) fn begin(output: Output) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
        let writer = SerializedFileWriter::new(output, schema, properties).map_err(failed)?;
        Ok(Self { writer, group: Group::default() })
    }

    fn write_group(&mut self) -> io::Result<()> {
        if self.group.times.is_empty() {
            return Ok(());
        }
        let group = std::mem::take(&mut self.group);
        let mut writer = self.writer.next_row_group().map_err(failed)?;
        group.write(&mut writer).and_then(|()| writer.close().map(drop)).map_err(failed)
    }
}

impl<Output: Write + Send> Rows for Parquet<Output> {
    fn add(&mut self, row: &Exported<'_>) -> io::Result<()> {
        self.group.add(row);
        if self.group.times.len() >= GROUP_ROWS_MAX { self.write_group() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.write_group()?;
        self.writer.finish().map_err(failed)?;
        self.writer.flush()
    }
}

impl Group {
    fn add(&mut self, Exported { sample, meter, unit }: &Exported<'_>) {
        let [name, point, serial] =
            meter.map_or([""; 3], |meter| [&meter.name, &meter.point, &meter.serial].map(String::as_str));
        let (register, register_name) = (sample.obis.to_string(), sample.name());
        self.times.push(sample.at.0);
        self.meters.push(FixedLenByteArray::from(sample.meter.as_bytes().to_vec()));
        for (column, text) in self.texts_before.iter_mut().zip([name, point, serial, &register, &register_name]) {
            column.push(ByteArray::from(text));
        }
        self.values.push(sample.value);
        for (column, text) in self.texts_after.iter_mut().zip([*unit, &sample.source]) {
            column.push(ByteArray::from(text));
        }
        self.received.push(sample.received.0);
        self.flags.push(ByteArray::from(&sample.flags.to_string()[..]));
    }

    /// Writes the columns in the order of the schema.
    fn write<Output: Write + Send>(
        &self,
        writer: &mut SerializedRowGroupWriter<'_, Output>,
    ) -> Result<(), ParquetError> {
        column::<Int64Type, _>(writer, &self.times)?;
        column::<FixedLenByteArrayType, _>(writer, &self.meters)?;
        for texts in &self.texts_before {
            column::<ByteArrayType, _>(writer, texts)?;
        }
        column::<DoubleType, _>(writer, &self.values)?;
        for texts in &self.texts_after {
            column::<ByteArrayType, _>(writer, texts)?;
        }
        column::<Int64Type, _>(writer, &self.received)?;
        column::<ByteArrayType, _>(writer, &self.flags)
    }
}

fn column<Type: parquet::data_type::DataType, Output: Write + Send>(
    writer: &mut SerializedRowGroupWriter<'_, Output>,
    values: &[Type::T],
) -> Result<(), ParquetError> {
    let next = writer.next_column()?;
    let mut column = next.ok_or_else(|| ParquetError::General("the schema has fewer columns than a row".to_owned()))?;
    column.typed::<Type>().write_batch(values, None, None)?;
    column.close()
}

fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(source) => io::Error::other(source),
        },
        other => io::Error::other(other),
    }
}
