//! Rows from Apache Parquet, a record batch at a time.

mod encode;
mod encoders;

use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatchReader;
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ParquetMetaData;

use super::LoadError;
use super::batch::{Row, RowReader};
use super::columns::{Names, Role};
use encode::{Encoded, Encoding};

/// Rows are decoded in batches of about this size.
const BATCH_BYTES: u64 = 8 << 20;
const MAX_BATCH_ROWS: u64 = 1024;

/// A Parquet file.
pub(super) struct ParquetRows {
    batches: ParquetRecordBatchReader,
    encoding: Encoding,
    encoded: Encoded,
    total: u64,
    read: u64,
}

impl ParquetRows {
    /// Reads the footer.
    ///
    /// # Errors
    /// When it is no Parquet, or has columns that can't be rows of the view.
    pub(super) fn open(file: File, names: &Names) -> Result<Self, String> {
        // The schema that Arrow left in the file may ask for other forms of the same values; Parquet's own is enough.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
            .map_err(|error| format!("is no whole Parquet file: {error}"))?;
        let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
        let rows = batch_rows(builder.metadata());
        let batches = builder.with_batch_size(rows).build().map_err(|error| error.to_string())?;
        let schema = batches.schema();
        let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let roles = names.roles(&columns)?;
        check_types(&schema, &roles)?;
        let encoding = Encoding::new(Arc::clone(&schema), roles, names.prefix.clone())?;
        Ok(Self { batches, encoding, encoded: Encoded::default(), total, read: 0 })
    }

    /// Rows in the file.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

impl RowReader for ParquetRows {
    fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<Row>, LoadError> {
        while self.encoded.is_done() {
            let failed = |error: String| LoadError::new(format!("after row {}: {error}", self.read));
            let Some(batch) = self.batches.next() else {
                return Ok(None);
            };
            let batch = batch.map_err(|error| failed(error.to_string()))?;
            self.encoded = self.encoding.encode(&batch, self.read).map_err(failed)?;
            self.read += batch.num_rows() as u64;
        }
        Ok(self.encoded.next(out))
    }

    fn progress(&self) -> u64 {
        self.read - self.encoded.left()
    }

    fn not_in_json(&self) -> u64 {
        self.encoding.not_in_json()
    }
}

/// As many rows as are likely to stay within the size, by what the file says of its own.
fn batch_rows(metadata: &ParquetMetaData) -> usize {
    let bytes =
        metadata.row_groups().iter().map(|group| group.total_byte_size().unsigned_abs()).max().unwrap_or_default();
    let rows = metadata.row_groups().iter().map(|group| group.num_rows().unsigned_abs()).max().unwrap_or_default();
    let row = (bytes / rows.max(1)).max(1);
    usize::try_from((BATCH_BYTES / row).clamp(1, MAX_BATCH_ROWS)).unwrap_or(1)
}

fn check_types(schema: &Schema, roles: &[Role]) -> Result<(), String> {
    for (field, role) in schema.fields().iter().zip(roles) {
        let kind = field.data_type();
        let is_text = matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        match role {
            Role::EntityId if !is_text && !kind.is_integer() => {
                return Err(format!(
                    "column {:?} is {kind}: an entity id is a string or an integer (a column of integers with nulls may have become float)",
                    field.name()
                ));
            }
            Role::EventTime if !is_text && !matches!(kind, DataType::Timestamp(_, _)) => {
                return Err(format!(
                    "column {:?} is {kind}: an event time is a timestamp, or RFC 3339 text",
                    field.name()
                ));
            }
            Role::EntityId | Role::EventTime | Role::Feature => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
