//! Numbers of several columns, row by row. Rows of entities lie far from each other in a table, and its rows far from each other among those of the
//! entities: whatever is moved from one order to the other is moved by the row, so that a line of memory is fetched once and not once a column.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array};

use super::marks::Marks;
use super::outputs::JoinedFeature;
use crate::dtype::{DType, Scalar};
use crate::plan::{RowState, State};
use crate::scope::Fault;
use crate::value::Value;
use crate::windows::Sink;

/// The values of some features, whole numbers or floats, as the rows of all entities stand.
pub(super) struct Grid {
    /// Of each feature whether it is a whole number.
    are_ints: Vec<bool>,
    bits: Vec<u64>,
}

/// Rows of a grid that follow each other, to be filled in entity by entity.
pub(super) struct Part<'g> {
    /// For each feature of the view its position in the grid, if it has one.
    asked: &'g [Option<usize>],
    width: usize,
    bits: &'g mut [u64],
    marks: Vec<Marks>,
}

impl Grid {
    /// Room for so many rows of features of these types; none if one has no place in a grid.
    pub(super) fn new(dtypes: &[DType], rows: usize) -> Option<Self> {
        let is_int = |dtype: &DType| match dtype {
            DType::Scalar(Scalar::Int64) => Some(true),
            DType::Scalar(Scalar::Float64) => Some(false),
            DType::Scalar(_) | DType::List(_) | DType::Vector(_) => None,
        };
        let are_ints = dtypes.iter().map(is_int).collect::<Option<Vec<bool>>>()?;
        let bits = vec![0; rows * are_ints.len()];
        Some(Self { are_ints, bits })
    }

    /// Parts of so many rows each, from the first row on.
    pub(super) fn parts<'g>(&'g mut self, rows: &[usize], asked: &'g [Option<usize>]) -> Vec<Part<'g>> {
        let width = self.are_ints.len();
        let mut rest = self.bits.as_mut_slice();
        let mut part = |rows: &usize| {
            let (bits, behind) = std::mem::take(&mut rest).split_at_mut(rows * width);
            rest = behind;
            Part { asked, width, bits, marks: std::iter::repeat_with(Marks::default).take(width).collect() }
        };
        rows.iter().map(&mut part).collect()
    }

    /// The features in the order of a table: `places` tells where each of its rows stands among those of the grid. `marks`: those of the parts.
    pub(super) fn finish(&self, marks: &[Vec<Marks>], places: &[u32], named: &[(String, DType)]) -> Vec<JoinedFeature> {
        let width = self.are_ints.len();
        let mut columns: Vec<Column> = self
            .are_ints
            .iter()
            .map(|is_int| {
                if *is_int {
                    Column::Ints(Vec::with_capacity(places.len()))
                } else {
                    Column::Floats(Vec::with_capacity(places.len()))
                }
            })
            .collect();
        for block in places.chunks(BLOCK) {
            for (at, column) in columns.iter_mut().enumerate() {
                let bits = block.iter().map(|place| self.bits.get(*place as usize * width + at).copied().unwrap_or(0));
                match column {
                    Column::Ints(ints) => ints.extend(bits.map(u64::cast_signed)),
                    Column::Floats(floats) => floats.extend(bits.map(f64::from_bits)),
                }
            }
        }
        let finished = |(at, (column, (name, dtype))): (usize, (Column, &(String, DType)))| {
            let (nulls, states) = Marks::finish(marks.iter().filter_map(|part| part.get(at)), places);
            let values: ArrayRef = match column {
                Column::Ints(ints) => Arc::new(Int64Array::new(ints.into(), nulls)),
                Column::Floats(floats) => Arc::new(Float64Array::new(floats.into(), nulls)),
            };
            JoinedFeature { name: name.clone(), dtype: *dtype, values, states }
        };
        columns.into_iter().zip(named).enumerate().map(finished).collect()
    }
}

/// Rows that are given back at a time: few enough that what is fetched for one column is near for the next.
const BLOCK: usize = 256;

enum Column {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
}

impl Part<'_> {
    /// What was noted of each feature.
    pub(super) fn into_marks(self) -> Vec<Marks> {
        self.marks
    }

    /// The notes on a feature of the view, and its numbers that are still to come, with all others of their rows from it on.
    fn rest(&mut self, feature: usize) -> Option<(&mut Marks, impl Iterator<Item = &mut u64>)> {
        let at = self.asked.get(feature).copied().flatten()?;
        let marks = self.marks.get_mut(at)?;
        let rest = self.bits.get_mut(marks.len() * self.width + at..)?;
        Some((marks, rest.iter_mut().step_by(self.width)))
    }
}

impl<'v> Sink<'v> for &mut Part<'_> {
    fn value(&mut self, _: usize, feature: usize, value: Result<Value<'v>, Fault>) {
        let Some((marks, mut rest)) = self.rest(feature) else { return };
        let (is_present, state) = match value {
            Ok(Value::Null) => (false, State::NULL),
            Ok(_) => (true, State::PRESENT),
            Err(fault) => (false, State::from(fault)),
        };
        marks.push(is_present, RowState::from(state));
        if let Some(bits) = rest.next() {
            *bits = match value {
                Ok(Value::Int(int)) => int.cast_unsigned(),
                Ok(Value::Float(float)) => float.to_bits(),
                Ok(
                    Value::Null | Value::Bool(_) | Value::Time(_) | Value::Str(_) | Value::Bytes(_) | Value::List(_),
                )
                | Err(_) => 0,
            };
        }
    }

    fn ints(&mut self, feature: usize, values: &[i64], present: Option<&[bool]>) {
        if let Some((marks, rest)) = self.rest(feature) {
            rest.zip(values).for_each(|(bits, int)| *bits = int.cast_unsigned());
            marks.extend(values.len(), present);
        }
    }

    fn floats(&mut self, feature: usize, values: &[f64], present: Option<&[bool]>) {
        if let Some((marks, rest)) = self.rest(feature) {
            rest.zip(values).for_each(|(bits, float)| *bits = float.to_bits());
            marks.extend(values.len(), present);
        }
    }
}
