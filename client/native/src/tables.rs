//! Tables of Arrow as the engine's training sets take them, whole or in parts.

use bumpalo::Bump;
use pyo3_arrow::PyTable;
use unskew_engine::arrow::{Column, RecordBatch};
use unskew_engine::dtype::Scalar;
use unskew_engine::training::{self, TrainingError};
use unskew_engine::value::Value;

/// The column of a part that tells which rows of the whole table its rows are.
const ROW: &str = "unskew.row";

/// The batches of a table; at least one, so that its columns are looked at though it has no rows.
pub(crate) fn batches(table: PyTable) -> Vec<RecordBatch> {
    let (mut batches, schema) = table.into_inner();
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    batches
}

/// A fault in a row of a part, with the number that the row has in the whole table.
pub(crate) fn numbered(error: TrainingError, spine: &[RecordBatch], history: &[RecordBatch]) -> TrainingError {
    let TrainingError::Value { table, column, row, why } = error else { return error };
    let row = row_of(if table == training::SPINE { spine } else { history }, row).unwrap_or(row);
    TrainingError::Value { table, column, row, why }
}

fn row_of(batches: &[RecordBatch], mut row: usize) -> Option<usize> {
    let batch = batches.iter().find(|batch| {
        let is_in = row < batch.num_rows();
        row -= if is_in { 0 } else { batch.num_rows() };
        is_in
    })?;
    let numbers = Column::new(batch.column_by_name(ROW)?.as_ref(), Scalar::Int64.into()).ok()?;
    match numbers.value(row, &Bump::new()) {
        Ok(Value::Int(number)) => usize::try_from(number).ok(),
        _ => None,
    }
}
