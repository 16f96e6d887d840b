//! The batch path: the same loop as the row path, over the rows of Arrow arrays.

use std::ops::Range;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::input::InputRow;
use super::layout::Layout;
use super::vector::{Incomplete, Plan};
use crate::arrow::Column;
use crate::fit::{FitError, ServiceFit};
use crate::scope::Scope;
use crate::value::Value;

/// The columns of a batch that a service reads, by its inputs.
#[derive(Debug)]
pub struct Batch<'a> {
    columns: Vec<Column<'a>>,
    rows: usize,
}

/// A batch that does not have what the service reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A column is not there.
    #[error("the column `{0}` is missing; the service reads it")]
    Missing(String),
    /// A column that can't be read as its declared type.
    #[error("column `{column}`: {why}")]
    Type {
        /// The column.
        column: String,
        /// What is wrong.
        why: String,
    },
    /// A value that does not fit its declared type.
    #[error("column `{column}`, row {row}: {why}")]
    Value {
        /// The column.
        column: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong.
        why: String,
    },
    /// A value that can't be fitted.
    #[error(transparent)]
    Fit(#[from] FitError),
}

/// Vectors of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// rows × width, row by row.
    pub values: Vec<f32>,
    /// The rows that are not complete, with their first slot that has no finite number.
    pub incomplete: Vec<(usize, Incomplete)>,
}

impl<'a> Batch<'a> {
    /// The columns of a batch that a layout reads; each is named as its input, a request column or `view.feature`.
    ///
    /// # Errors
    /// A column that is missing, or of a type that can't be read as declared.
    pub fn new(layout: &Layout, batch: &'a RecordBatch) -> Result<Self, BatchError> {
        let column = |input: &super::Input| {
            let array = batch.column_by_name(&input.name).ok_or_else(|| BatchError::Missing(input.name.clone()))?;
            Column::new(array.as_ref(), input.dtype).map_err(|why| BatchError::Type { column: input.name.clone(), why })
        };
        let columns = layout.inputs().iter().map(column).collect::<Result<_, _>>()?;
        Ok(Self { columns, rows: batch.num_rows() })
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Reads a row.
    fn read<'v>(&self, layout: &Layout, row: usize, arena: &'v Bump, out: &mut InputRow<'v>) -> Result<(), BatchError>
    where
        'a: 'v,
    {
        for (index, column) in self.columns.iter().enumerate() {
            let value = column.value(row, arena).map_err(|why| {
                let column = layout.inputs().get(index).map(|input| input.name.clone()).unwrap_or_default();
                BatchError::Value { column, row, why }
            })?;
            out.set(index, value);
        }
        Ok(())
    }
}

impl Plan {
    /// Computes the vectors of some rows of a batch, and appends them. Bit for bit what [`Plan::evaluate`] gives for each row.
    ///
    /// # Errors
    /// A value that does not fit its declared type.
    pub fn transform(&self, batch: &Batch<'_>, rows: Range<usize>, out: &mut Matrix) -> Result<(), BatchError> {
        let mut arena = Bump::new();
        let start = out.values.len();
        out.values.resize(start + rows.len() * self.width(), 0.0);
        let mut rest = out.values.get_mut(start..).unwrap_or_default();
        for row in rows {
            let (vector, tail) = std::mem::take(&mut rest).split_at_mut(self.width());
            rest = tail;
            {
                let mut inputs = InputRow::new(self.layout().inputs().len());
                batch.read(self.layout(), row, &arena, &mut inputs)?;
                if let Err(incomplete) = self.evaluate(&inputs, &arena, vector, None) {
                    out.incomplete.push((row, incomplete));
                }
            }
            arena.reset();
        }
        Ok(())
    }
}

impl Layout {
    /// Feeds a pass of a fit with the rows of a batch. `times`: t of each row; `targets`: for each slot the column that `target_encode` takes, if it
    /// takes one.
    ///
    /// # Errors
    /// A value that does not fit its declared type, or can't be fitted.
    pub fn fit(
        &self,
        batch: &Batch<'_>,
        times: &[i64],
        targets: &[Option<Column<'_>>],
        fit: &mut ServiceFit,
    ) -> Result<(), BatchError> {
        let mut arena = Bump::new();
        for row in 0..batch.rows() {
            fit.row(times.get(row).copied().unwrap_or_default());
            {
                let mut inputs = InputRow::new(self.inputs().len());
                batch.read(self, row, &arena, &mut inputs)?;
                let scope = Scope { inputs: inputs.values(), arena: &arena };
                for (slot, read) in self.slots().iter().enumerate() {
                    if !fit.wants(slot) {
                        continue;
                    }
                    let target = match targets.get(slot) {
                        Some(Some(column)) => column.value(row, &arena).map_err(|why| {
                            let column = fit.target(slot).unwrap_or_default().to_owned();
                            BatchError::Value { column, row, why }
                        })?,
                        Some(None) | None => Value::Null,
                    };
                    fit.update(slot, read.source.value(&scope), target, &scope)?;
                }
            }
            arena.reset();
        }
        Ok(())
    }
}
