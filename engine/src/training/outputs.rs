//! The values of one feature for the rows of a spine, gathered entity by entity and given back in the order of the spine.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array, Int64Array,
    LargeBinaryArray, LargeStringArray, ListArray, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{Field, Schema};

use super::TrainingError;
use super::marks::Marks;
use crate::dtype::{DType, Scalar};
use crate::plan::{RowState, RowStates, State};
use crate::status::Reason;
use crate::value::{List, Value, write_item, write_list};

/// A feature of every row of a spine.
#[derive(Clone, Debug)]
pub struct JoinedFeature {
    /// `view.feature`.
    pub name: String,
    /// Its type.
    pub dtype: DType,
    /// One value a row; null where there is none.
    pub values: ArrayRef,
    /// The status of each row.
    pub states: RowStates,
}

/// Features as two batches of so many rows, each with a column a feature, by its name: the values, and the statuses as [`RowStates::to_arrow`]
/// makes them.
///
/// # Errors
/// Features of another number of rows.
pub fn to_arrow(features: &[JoinedFeature], rows: usize) -> Result<[RecordBatch; 2], TrainingError> {
    let field = |(name, array): &(&String, ArrayRef)| Field::new(name.as_str(), array.data_type().clone(), true);
    let batch = |columns: Vec<(&String, ArrayRef)>| {
        let schema = Schema::new(columns.iter().map(field).collect::<Vec<_>>());
        let columns = columns.into_iter().map(|(_, array)| array).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)
            .map_err(|error| TrainingError::Definition(error.to_string()))
    };
    let values = features.iter().map(|feature| (&feature.name, Arc::clone(&feature.values)));
    let states = features.iter().map(|feature| {
        let statuses: ArrayRef = Arc::new(feature.states.to_arrow());
        (&feature.name, statuses)
    });
    Ok([batch(values.collect())?, batch(states.collect())?])
}

/// Values in the order in which they come.
pub(super) struct Cells {
    dtype: DType,
    kind: Kind,
    marks: Marks,
}

enum Kind {
    /// Whole numbers, times and bools.
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    /// Texts, bytes and lists in their stored form, one after the other, and where each ends.
    Bytes(Vec<u8>, Vec<usize>),
}

impl Cells {
    pub(super) fn new(dtype: DType, rows: usize) -> Self {
        let kind = match dtype {
            DType::Scalar(Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Timestamp) => {
                Kind::Ints(Vec::with_capacity(rows))
            }
            DType::Scalar(Scalar::Float32 | Scalar::Float64) => Kind::Floats(Vec::with_capacity(rows)),
            DType::Scalar(Scalar::String | Scalar::Bytes) | DType::List(_) | DType::Vector(_) => {
                Kind::Bytes(Vec::new(), Vec::with_capacity(rows))
            }
        };
        Self { dtype, kind, marks: Marks::default() }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.marks.len()
    }

    /// Adds a value with its status; a default may fill what is MISSING.
    #[inline]
    pub(super) fn push(&mut self, value: Value<'_>, state: RowState) {
        self.marks.push(!value.is_null(), state);
        match &mut self.kind {
            Kind::Ints(ints) => ints.push(match value {
                Value::Int(value) | Value::Time(value) => value,
                Value::Bool(value) => value.into(),
                Value::Null | Value::Float(_) | Value::Str(_) | Value::Bytes(_) | Value::List(_) => 0,
            }),
            Kind::Floats(floats) => floats.push(value.as_f64().unwrap_or_default()),
            Kind::Bytes(bytes, ends) => {
                match value {
                    Value::Str(text) => bytes.extend_from_slice(text.as_bytes()),
                    Value::Bytes(value) => bytes.extend_from_slice(value),
                    Value::List(list) => save_list(list, bytes),
                    Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Time(_) => {}
                }
                ends.push(bytes.len());
            }
        }
    }

    /// Adds whole numbers. `present`: which there are; none: all.
    pub(super) fn extend_ints(&mut self, values: &[i64], present: Option<&[bool]>) {
        if let Kind::Ints(ints) = &mut self.kind {
            ints.extend_from_slice(values);
            self.marks.extend(values.len(), present);
        }
    }

    /// Adds floats. `present`: which there are; none: all.
    pub(super) fn extend_floats(&mut self, values: &[f64], present: Option<&[bool]>) {
        if let Kind::Floats(floats) = &mut self.kind {
            floats.extend_from_slice(values);
            self.marks.extend(values.len(), present);
        }
    }

    /// Adds so many rows whose key is no key.
    pub(super) fn push_bad_keys(&mut self, rows: usize) {
        let bad_key = RowState::from(State::error(Reason::BadKey, ""));
        (0..rows).for_each(|_| self.push(Value::Null, bad_key));
    }

    /// The feature in the order of the rows: `places` tells where the value of each stands among those of all parts.
    pub(super) fn finish(parts: &[Self], places: &[u32], name: String, dtype: DType) -> JoinedFeature {
        let (nulls, states) = Marks::finish(parts.iter().map(|part| &part.marks), places);
        JoinedFeature { name, dtype, values: Self::gather(parts, places, dtype, nulls), states }
    }

    /// The values in the order of the rows. `nulls`: none if every value is present.
    fn gather(parts: &[Self], places: &[u32], dtype: DType, nulls: Option<NullBuffer>) -> ArrayRef {
        match dtype {
            DType::Scalar(Scalar::Float64) => {
                Arc::new(Float64Array::new(gathered(&whole(parts, Self::floats), places).into(), nulls))
            }
            DType::Scalar(Scalar::Int64) => {
                Arc::new(Int64Array::new(gathered(&whole(parts, Self::ints), places).into(), nulls))
            }
            DType::Scalar(_) | DType::List(_) | DType::Vector(_) => {
                // Each value: its part and its position there.
                let each = parts.iter().flat_map(|part| (0..part.len()).map(move |position| (part, position)));
                let each: Vec<(&Self, usize)> = each.collect();
                values(dtype, || places.iter().filter_map(|place| each.get(*place as usize)).copied())
            }
        }
    }

    fn ints(&self) -> &[i64] {
        if let Kind::Ints(ints) = &self.kind { ints } else { &[] }
    }

    fn floats(&self) -> &[f64] {
        if let Kind::Floats(floats) = &self.kind { floats } else { &[] }
    }

    fn bytes(&self, position: usize) -> &[u8] {
        let Kind::Bytes(bytes, ends) = &self.kind else { return &[] };
        let start = position.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
        ends.get(position).and_then(|end| bytes.get(start..*end)).unwrap_or_default()
    }

    fn text(&self, position: usize) -> &str {
        str::from_utf8(self.bytes(position)).unwrap_or_default()
    }

    fn value(&self, position: usize) -> Value<'_> {
        let read = match self.dtype {
            DType::List(item) => List::read(item, self.bytes(position)),
            DType::Vector(_) => List::vector(self.bytes(position)),
            DType::Scalar(_) => None,
        };
        read.map_or(Value::Null, Value::List)
    }

    fn is_present(&self, position: usize) -> bool {
        self.marks.is_present(position)
    }
}

/// The numbers of all parts, one after the other.
fn whole<T: Copy>(parts: &[Cells], of: impl Fn(&Cells) -> &[T]) -> Cow<'_, [T]> {
    let mut filled = parts.iter().filter(|part| part.len() > 0);
    match (filled.next(), filled.next()) {
        (None, _) => Cow::Borrowed(&[]),
        (Some(one), None) => Cow::Borrowed(of(one)),
        (Some(_), Some(_)) => parts.iter().flat_map(|part| of(part).iter().copied()).collect(),
    }
}

/// What stands at each of these places.
fn gathered<T: Copy + Default>(values: &[T], places: &[u32]) -> Vec<T> {
    places.iter().map(|place| values.get(*place as usize).copied().unwrap_or_default()).collect()
}

fn save_list(list: List<'_>, out: &mut Vec<u8>) {
    if list.is_vector() {
        for item in list.iter() {
            // Items of a vector are float32, which always fit.
            let _ = write_item(Scalar::Float32, item, out);
        }
    } else {
        // It is written as it was read: every item is of its type.
        let _ = write_list(list.item(), list.iter(), out);
    }
}

/// An array of values in order.
fn values<'c, I: Iterator<Item = (&'c Cells, usize)>>(dtype: DType, cells: impl Fn() -> I) -> ArrayRef {
    let nulls: NullBuffer = cells().map(|(cells, at)| cells.is_present(at)).collect::<Vec<bool>>().into();
    let ints = || cells().map(|(cells, at)| cells.ints().get(at).copied().unwrap_or_default());
    let floats = || cells().map(|(cells, at)| cells.floats().get(at).copied().unwrap_or_default());
    let present = |cell: (&'c Cells, usize)| cell.0.is_present(cell.1).then_some(cell);
    match dtype {
        DType::Scalar(Scalar::Bool) => {
            Arc::new(BooleanArray::new(ints().map(|value| value != 0).collect::<Vec<_>>().into(), Some(nulls)))
        }
        DType::Scalar(Scalar::Int32) => {
            Arc::new(Int32Array::new(ints().map(|value| value as i32).collect::<Vec<_>>().into(), Some(nulls)))
        }
        DType::Scalar(Scalar::Int64) => Arc::new(Int64Array::new(ints().collect::<Vec<_>>().into(), Some(nulls))),
        DType::Scalar(Scalar::Timestamp) => Arc::new(
            TimestampMicrosecondArray::new(ints().collect::<Vec<_>>().into(), Some(nulls)).with_timezone("UTC"),
        ),
        DType::Scalar(Scalar::Float32) => {
            Arc::new(Float32Array::new(floats().map(|value| value as f32).collect::<Vec<_>>().into(), Some(nulls)))
        }
        DType::Scalar(Scalar::Float64) => Arc::new(Float64Array::new(floats().collect::<Vec<_>>().into(), Some(nulls))),
        DType::Scalar(Scalar::String) => Arc::new(
            cells().map(present).map(|cell| cell.map(|(cells, at)| cells.text(at))).collect::<LargeStringArray>(),
        ),
        DType::Scalar(Scalar::Bytes) => Arc::new(
            cells().map(present).map(|cell| cell.map(|(cells, at)| cells.bytes(at))).collect::<LargeBinaryArray>(),
        ),
        DType::List(item) => lists(item, None, cells().map(present)),
        DType::Vector(length) => lists(Scalar::Float32, i32::try_from(length).ok(), cells().map(present)),
    }
}

/// Lists, or vectors of a fixed length.
fn lists<'c>(item: Scalar, length: Option<i32>, cells: impl Iterator<Item = Option<(&'c Cells, usize)>>) -> ArrayRef {
    let (mut ends, mut nulls, mut items) = (vec![0_i32], Vec::new(), Cells::new(item.into(), 0));
    let mut count = 0;
    for cell in cells {
        nulls.push(cell.is_some());
        if let Some((cells, at)) = cell
            && let Value::List(list) = cells.value(at)
        {
            for value in list.iter() {
                items.push(value, RowState::from(State::PRESENT));
                count += 1;
            }
        } else if let Some(length) = length {
            (0..length).for_each(|_| items.push(Value::Null, RowState::from(State::NULL)));
        }
        ends.push(count);
    }
    let array = array_of(&items);
    let field = Arc::new(Field::new("item", array.data_type().clone(), true));
    match length {
        Some(length) => Arc::new(FixedSizeListArray::new(field, length, array, Some(nulls.into()))),
        None => Arc::new(ListArray::new(field, OffsetBuffer::new(ends.into()), array, Some(nulls.into()))),
    }
}

/// Values in their order. It is not generic, so that the types of lists in lists come to an end.
fn array_of(cells: &Cells) -> ArrayRef {
    values(cells.dtype, || (0..cells.len()).map(move |at| (cells, at)))
}
