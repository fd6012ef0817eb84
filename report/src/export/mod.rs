//! The table in forms that other programs read.
//!
//! All of them come from the columns of [`Tidy`] and are byte-identical for the same results. Numbers are written in
//! the shortest form that reads back to the same float64. What has no value is an empty field in CSV and null elsewhere.

mod pack;
mod parquet;
mod trec;

use std::io::Write;

use serde_json::{Map, Value};

pub use self::parquet::parquet;
pub use pack::{MANIFEST, PACK_VERSION, Packed, SUMS, pack_json, pack_readme, pack_sums};
pub use trec::{trec_file_name, trec_ids, trec_order, trec_qrels, trec_run};

use crate::ReportError;
use crate::table::{Field, Tidy};

/// CSV as of RFC 4180 with `\n` line ends: a header, then a line per row.
pub fn csv<T: Tidy>(table: &T, out: impl Write) -> Result<(), ReportError> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(T::COLUMNS.iter().map(|column| column.name))?;
    for row in table.fields() {
        writer.write_record(row.into_iter().map(|field| match field {
            Field::Text(text) => text,
            Field::Whole(number) => number.map(|number| number.to_string()).unwrap_or_default(),
            Field::Number(number) => number.map(|number| number.to_string()).unwrap_or_default(),
        }))?;
    }
    writer.flush().map_err(ReportError::write("CSV"))
}

/// JSON: an array with one object per row, each on a line of its own.
pub fn json<T: Tidy>(table: &T, mut out: impl Write) -> Result<(), ReportError> {
    let write = |out: &mut dyn Write, text: &str| out.write_all(text.as_bytes()).map_err(ReportError::write("JSON"));
    write(&mut out, "[")?;
    for (at, row) in table.fields().enumerate() {
        write(&mut out, if at == 0 { "\n" } else { ",\n" })?;
        let object: Map<String, Value> = T::COLUMNS
            .iter()
            .zip(row)
            .map(|(column, field)| {
                let value = match field {
                    Field::Text(text) => Value::from(text),
                    Field::Whole(number) => Value::from(number),
                    Field::Number(number) => Value::from(number),
                };
                (column.name.to_owned(), value)
            })
            .collect();
        serde_json::to_writer(&mut out, &object)?;
    }
    write(&mut out, "\n]\n")?;
    out.flush().map_err(ReportError::write("JSON"))
}
