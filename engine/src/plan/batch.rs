//! The batch path: the steps of the row path over the rows of Arrow arrays, in blocks. Slots that are numbers go through a block column by
//! column, all others row by row.

use std::ops::Range;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::input::{InputRow, State};
use super::layout::Layout;
use super::slot::{Slot, round};
use super::states::{RowState, RowStates};
use super::vector::{Incomplete, Plan};
use crate::arrow::Column;
use crate::fit::{FitError, ServiceFit};
use crate::scope::Scope;
use crate::status::Status;
use crate::transforms::QUIET_NAN;
use crate::value::Value;

/// The columns of a batch that a service reads, by its inputs.
#[derive(Debug)]
pub struct Batch<'a> {
    columns: Vec<Column<'a>>,
    /// The status of each row of an input, by input, where it is told; else a value is PRESENT, and null is NULL.
    states: Vec<Option<RowStates>>,
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
        Ok(Self { columns, states: vec![None; layout.inputs().len()], rows: batch.num_rows() })
    }

    /// Tells the statuses of inputs, by columns of their names as [`RowStates::to_arrow`] makes them.
    ///
    /// # Errors
    /// A column that holds no statuses, and another number of rows.
    pub fn with_statuses(mut self, layout: &Layout, statuses: &RecordBatch) -> Result<Self, BatchError> {
        for (input, states) in layout.inputs().iter().zip(&mut self.states) {
            let Some(array) = statuses.column_by_name(&input.name) else { continue };
            let bad = |why| BatchError::Type { column: format!("the statuses of {}", input.name), why };
            let read = RowStates::of_arrow(array.as_ref()).map_err(bad)?;
            if read.len() != self.rows {
                return Err(bad(format!("are {} for {} rows", read.len(), self.rows)));
            }
            *states = Some(read);
        }
        Ok(self)
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Reads these inputs of a row.
    fn read<'v>(
        &self,
        layout: &Layout,
        row: usize,
        inputs: &[usize],
        arena: &'v Bump,
        out: &mut InputRow<'v>,
    ) -> Result<(), BatchError>
    where
        'a: 'v,
    {
        for &index in inputs {
            let Some(column) = self.columns.get(index) else { continue };
            let value = column.value(row, arena).map_err(|why| {
                let column = layout.inputs().get(index).map(|input| input.name.clone()).unwrap_or_default();
                BatchError::Value { column, row, why }
            })?;
            match self.states.get(index).and_then(Option::as_ref).and_then(|states| states.get(row)) {
                Some(state) => out.put(index, value, State::from(state)),
                None => out.set(index, value),
            }
        }
        Ok(())
    }

    /// The statuses of an input in some rows, if they are told and not all PRESENT.
    fn states(&self, input: usize, rows: Range<usize>) -> Option<&[RowState]> {
        match self.states.get(input)?.as_ref()? {
            RowStates::Present(_) => None,
            RowStates::Each(states) => states.get(rows),
        }
    }
}

/// Rows of a block: few enough that its vectors stay in the nearest cache.
const BLOCK: usize = 256;

/// The slots of a plan by how a batch computes them.
struct Split<'p> {
    /// Slots that are numbers: position among the slots, slot, first position of the vector, input.
    numbers: Vec<(usize, &'p Slot, usize, usize)>,
    /// All others: position among the slots, slot, first position of the vector.
    others: Vec<(usize, &'p Slot, usize)>,
    /// The inputs that the others read.
    inputs: Vec<usize>,
}

impl<'p> Split<'p> {
    fn new(plan: &'p Plan, batch: &Batch<'_>) -> Self {
        let mut split = Self { numbers: Vec::new(), others: Vec::new(), inputs: Vec::new() };
        let mut from = 0;
        for (position, slot) in plan.slots().iter().enumerate() {
            let is_number = |input: &usize| batch.columns.get(*input).is_some_and(Column::is_numbers);
            match slot.column_input().filter(is_number) {
                Some(input) => split.numbers.push((position, slot, from, input)),
                None => {
                    split.others.push((position, slot, from));
                    split.inputs.extend(&slot.reads);
                }
            }
            from += slot.width;
        }
        split.inputs.sort_unstable();
        split.inputs.dedup();
        split
    }
}

/// The first slot without a finite number of each row of a block.
struct Firsts([Option<Incomplete>; BLOCK]);

impl Firsts {
    fn note(&mut self, row: usize, slot: usize, state: State) {
        if let Some(first) = self.0.get_mut(row)
            && first.is_none_or(|first| slot < first.slot)
        {
            *first = Some(Incomplete { slot, state });
        }
    }
}

impl Plan {
    /// Computes the vectors of some rows of a batch, and appends them. Bit for bit what [`Plan::evaluate`] gives for each row.
    ///
    /// # Errors
    /// A value that does not fit its declared type.
    pub fn transform(&self, batch: &Batch<'_>, rows: Range<usize>, out: &mut Matrix) -> Result<(), BatchError> {
        let start = out.values.len();
        out.values.resize(start + rows.len() * self.width(), 0.0);
        self.fill(batch, rows, out.values.get_mut(start..).unwrap_or_default(), &mut out.incomplete)
    }

    /// The same into a place of rows × width, and the rows that are not complete.
    ///
    /// # Errors
    /// As [`Plan::transform`].
    pub fn fill(
        &self,
        batch: &Batch<'_>,
        rows: Range<usize>,
        out: &mut [f32],
        incomplete: &mut Vec<(usize, Incomplete)>,
    ) -> Result<(), BatchError> {
        let split = Split::new(self, batch);
        let width = self.width();
        let mut arena = Bump::new();
        let mut firsts = Firsts([None; BLOCK]);
        let mut room = Room { numbers: [0.0; BLOCK], rounded: [0.0; BLOCK] };
        for at in rows.clone().step_by(BLOCK) {
            let block = at..rows.end.min(at + BLOCK);
            let from = (at - rows.start) * width;
            let vectors = out.get_mut(from..from + block.len() * width).unwrap_or_default();
            for (position, slot, offset, input) in &split.numbers {
                if let Some(column) = batch.columns.get(*input) {
                    let states = batch.states(*input, block.clone());
                    let places = vectors.iter_mut().skip(*offset).step_by(width);
                    room.fill(slot, column, block.clone(), places, |row| {
                        firsts.note(row, *position, without_number(states.and_then(|states| states.get(row))));
                    });
                    // No step fills what is ERROR.
                    let places = vectors.iter_mut().skip(*offset).step_by(width);
                    let errors = states.into_iter().flatten().zip(places).enumerate();
                    for (row, (state, place)) in errors.filter(|(_, (state, _))| state.reason.is_some()) {
                        *place = QUIET_NAN;
                        firsts.note(row, *position, State::from(*state));
                    }
                }
            }
            if !split.others.is_empty() {
                self.others(&split, (batch, block.clone()), &arena, vectors, &mut firsts)?;
            }
            arena.reset();
            for (row, first) in block.zip(&mut firsts.0) {
                incomplete.extend(first.take().map(|first| (row, first)));
            }
        }
        Ok(())
    }

    /// Computes the slots of a block that are no numbers.
    fn others(
        &self,
        split: &Split<'_>,
        (batch, block): (&Batch<'_>, Range<usize>),
        arena: &Bump,
        vectors: &mut [f32],
        firsts: &mut Firsts,
    ) -> Result<(), BatchError> {
        let mut inputs = InputRow::new(self.layout().inputs().len());
        for ((at, row), vector) in block.enumerate().zip(vectors.chunks_exact_mut(self.width())) {
            inputs.begin();
            batch.read(self.layout(), row, &split.inputs, arena, &mut inputs)?;
            let scope = Scope { inputs: inputs.values(), arena };
            for (position, slot, from) in &split.others {
                let positions = vector.get_mut(*from..from + slot.width).unwrap_or_default();
                if let Some(state) = slot.fill(&inputs, &scope, positions) {
                    firsts.note(at, *position, state);
                }
            }
        }
        Ok(())
    }
}

/// The status of a slot that has no finite number, by that of its one input.
fn without_number(input: Option<&RowState>) -> State {
    match input.map(|state| State::from(*state)) {
        Some(state) if state.status != Status::Present => state,
        Some(_) | None => State::NULL,
    }
}

/// Room for the numbers of one slot in a block.
struct Room {
    numbers: [f64; BLOCK],
    rounded: [f32; BLOCK],
}

impl Room {
    /// Computes a slot that is a number for the rows of a block; tells which of them, counted in the block, have none.
    fn fill<'o>(
        &mut self,
        slot: &Slot,
        column: &Column<'_>,
        block: Range<usize>,
        out: impl Iterator<Item = &'o mut f32>,
        mut incomplete: impl FnMut(usize),
    ) {
        let rounded = self.rounded.get_mut(..block.len()).unwrap_or_default();
        if slot.steps.is_empty() {
            column.float32s(block.start, rounded);
        } else {
            let numbers = self.numbers.get_mut(..block.len()).unwrap_or_default();
            column.numbers(block.start, numbers);
            slot.numbers(numbers);
            numbers.iter().zip(&mut *rounded).for_each(|(number, out)| {
                round(*number, out);
            });
        }
        // Looked at together, as nearly always all of them are: several go through the processor at a time.
        let are_finite = rounded.iter().fold(true, |are, number| are & number.is_finite());
        if are_finite {
            out.zip(rounded).for_each(|(out, number)| *out = *number);
            return;
        }
        for (row, (out, number)) in out.zip(rounded).enumerate() {
            *out = *number;
            if !number.is_finite() {
                *out = QUIET_NAN;
                incomplete(row);
            }
        }
    }
}

impl Layout {
    /// Feeds a pass of a fit with the rows of a batch. `times`: t of each row, or none if they have no time; `targets`: for each slot the column that `target_encode` takes, if it
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
        let all: Vec<usize> = (0..self.inputs().len()).collect();
        for row in 0..batch.rows() {
            fit.row(times.get(row).copied());
            {
                let mut inputs = InputRow::new(self.inputs().len());
                batch.read(self, row, &all, &arena, &mut inputs)?;
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
                    let value = match inputs.fault(&read.reads) {
                        Some(fault) => Err(fault),
                        None => read.source.value(&scope),
                    };
                    fit.update(slot, value, target, &scope)?;
                }
            }
            arena.reset();
        }
        Ok(())
    }
}
