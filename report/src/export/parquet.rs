//! Parquet: strings, 64-bit integers and doubles, Snappy, row groups of a fixed number of rows.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::Type;

use crate::ReportError;
use crate::table::{Column, Field, Kind, Tidy};

/// Rows of a row group: what is in memory at a time. Tables of values by query have millions of rows.
const GROUP_ROWS: usize = 1 << 17;

/// Writes the table as one Parquet file. Whole numbers are signed 64-bit integers, which every reader knows.
pub fn parquet<T: Tidy>(table: &T, out: impl Write + Send) -> Result<(), ReportError> {
    let fields = T::COLUMNS.iter().map(|column| node(column).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder(T::NAME).with_fields(fields).build()?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    let mut rows = table.fields().peekable();
    // An empty table has one empty group.
    loop {
        let some: Vec<_> = rows.by_ref().take(GROUP_ROWS).collect();
        let mut group = writer.next_row_group()?;
        for (at, column) in T::COLUMNS.iter().enumerate() {
            if let Some(mut out) = group.next_column()? {
                write(&mut out, column, &some.iter().map(|row| &row[at]).collect::<Vec<_>>())?;
                out.close()?;
            }
        }
        group.close()?;
        if rows.peek().is_none() {
            break;
        }
    }
    writer.close()?;
    Ok(())
}

fn node(column: &Column) -> Result<Type, ParquetError> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Whole => (Physical::INT64, None),
        Kind::Number => (Physical::DOUBLE, None),
    };
    let repetition = if column.optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(column.name, physical).with_repetition(repetition).with_logical_type(logical).build()
}

/// One column: the values that are there, and for an optional column which rows have one.
fn write(out: &mut SerializedColumnWriter<'_>, column: &Column, fields: &[&Field]) -> Result<(), ReportError> {
    let levels: Vec<i16> = fields.iter().map(|field| i16::from(is_there(field))).collect();
    let levels = column.optional.then_some(levels.as_slice());
    match column.kind {
        Kind::Text => {
            let values = fields.iter().filter_map(|field| match field {
                Field::Text(text) => Some(ByteArray::from(text.as_str())),
                Field::Whole(_) | Field::Number(_) => None,
            });
            out.typed::<ByteArrayType>().write_batch(&values.collect::<Vec<_>>(), levels, None)?;
        }
        Kind::Whole => {
            let too_large = |_| ParquetError::General(format!("{} does not fit in 63 bits", column.name));
            let values = fields.iter().filter_map(|field| match field {
                Field::Whole(number) => number.map(|number| i64::try_from(number).map_err(too_large)),
                Field::Text(_) | Field::Number(_) => None,
            });
            out.typed::<Int64Type>().write_batch(&values.collect::<Result<Vec<_>, _>>()?, levels, None)?;
        }
        Kind::Number => {
            let values = fields.iter().filter_map(|field| match field {
                Field::Number(number) => *number,
                Field::Text(_) | Field::Whole(_) => None,
            });
            out.typed::<DoubleType>().write_batch(&values.collect::<Vec<_>>(), levels, None)?;
        }
    }
    Ok(())
}

fn is_there(field: &Field) -> bool {
    match field {
        Field::Text(_) => true,
        Field::Whole(number) => number.is_some(),
        Field::Number(number) => number.is_some(),
    }
}
