//! The history of a source as batches of Arrow, its columns found by name once.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::entities::NOBODY;
use crate::arrow::Column;
use crate::definitions::{self, Entity, Source};
use crate::dtype::Scalar;
use crate::value::Value;

/// The rows of a source, or of a spine.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// What errors call it.
    name: &'a str,
    names: Vec<&'a str>,
    /// By batch, then by column; none: a column that nothing reads.
    batches: Vec<Vec<Option<Column<'a>>>>,
    starts: Starts,
}

/// At which row each batch begins, and how many rows there are.
#[derive(Clone, Debug)]
pub(super) struct Starts(Vec<usize>);

impl Starts {
    pub(super) fn of(batches: &[RecordBatch]) -> Self {
        let mut starts = vec![0];
        let mut rows = 0;
        starts.extend(batches.iter().map(|batch| {
            rows += batch.num_rows();
            rows
        }));
        Self(starts)
    }

    fn len(&self) -> usize {
        self.0.last().copied().unwrap_or(0)
    }

    /// How many rows a batch has.
    fn rows(&self, batch: usize) -> usize {
        if let Some([start, end]) = self.0.get(batch..batch + 2) { end - start } else { 0 }
    }

    /// The place of a row.
    #[inline]
    pub(super) fn place(&self, row: u32) -> Place {
        // Most tables are one batch.
        if self.0.len() == 2 {
            return Place { batch: 0, row };
        }
        let batch = self.0.partition_point(|start| *start <= row as usize).saturating_sub(1);
        let start = self.0.get(batch).copied().unwrap_or(0);
        Place { batch: batch as u32, row: row - start as u32 }
    }
}

/// The positions of the keys of an entity among the columns of a source.
pub(super) fn key_columns(source: &Source, entity: &Entity) -> Result<Vec<usize>, TrainingError> {
    let position = |key: &definitions::Column| {
        source.position(&key.name).ok_or_else(|| TrainingError::Column {
            table: source.name.clone(),
            column: key.name.clone(),
            why: "is not declared, and the view's entity has it as a key".to_owned(),
        })
    };
    entity.keys.iter().map(position).collect()
}

/// The place of a row: its batch and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) batch: u32,
    pub(super) row: u32,
}

impl<'a> Table<'a> {
    /// The columns of a source that `reads` names by position.
    pub(super) fn of_source(
        source: &'a Source,
        batches: &'a [RecordBatch],
        reads: &dyn Fn(usize) -> bool,
    ) -> Result<Self, TrainingError> {
        Self::new(&source.name, &source.columns, batches, reads)
    }

    /// Columns of batches, by name and type.
    pub(super) fn new(
        name: &'a str,
        columns: &'a [definitions::Column],
        batches: &'a [RecordBatch],
        reads: &dyn Fn(usize) -> bool,
    ) -> Result<Self, TrainingError> {
        let mut table = Self {
            name,
            names: columns.iter().map(|column| column.name.as_str()).collect(),
            batches: Vec::with_capacity(batches.len()),
            starts: Starts::of(batches),
        };
        for batch in batches {
            let mut found = Vec::with_capacity(columns.len());
            for (position, column) in columns.iter().enumerate() {
                if !reads(position) {
                    found.push(None);
                    continue;
                }
                let bad =
                    |why: String| TrainingError::Column { table: name.to_owned(), column: column.name.clone(), why };
                let array = batch.column_by_name(&column.name).ok_or_else(|| bad("is missing".to_owned()))?;
                found.push(Some(Column::new(array.as_ref(), column.dtype).map_err(bad)?));
            }
            table.batches.push(found);
        }
        if u32::try_from(table.len()).is_err() {
            return Err(TrainingError::TooManyRows(table.len()));
        }
        Ok(table)
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The places of its rows, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        (0..self.batches.len()).flat_map(|batch| {
            (0..self.starts.rows(batch)).map(move |row| Place { batch: batch as u32, row: row as u32 })
        })
    }

    /// The place of a row.
    #[inline]
    pub(super) fn place(&self, row: u32) -> Place {
        self.starts.place(row)
    }

    /// Gives the whole number or time of every row, in order; none where it is null or something else.
    pub(super) fn each_int(&self, column: usize, mut give: impl FnMut(Option<i64>)) -> Result<(), TrainingError> {
        let arena = Bump::new();
        for (batch, columns) in self.batches.iter().enumerate() {
            if let Some(Some(ints)) = columns.get(column).map(|column| column.as_ref()?.plain_ints()) {
                ints.iter().for_each(|int| give(Some(*int)));
                continue;
            }
            for row in 0..self.starts.rows(batch) {
                give(int(self.value(column, Place { batch: batch as u32, row: row as u32 }, &arena)?));
            }
        }
        Ok(())
    }

    /// Whether the whole numbers or times of a column ascend from row to row, as far as that is seen at a glance.
    pub(super) fn is_sorted(&self, column: usize) -> bool {
        let mut last = i64::MIN;
        self.batches.iter().all(|columns| {
            let Some(Some(ints)) = columns.get(column).map(|column| column.as_ref()?.plain_ints()) else {
                return false;
            };
            let ascends = ints.is_sorted() && ints.first().is_none_or(|first| last <= *first);
            last = ints.last().copied().unwrap_or(last);
            ascends
        })
    }

    /// The whole numbers, times or bools of a column, each laid down at the place that its row has among so many; a row whose place is none of those is left
    /// out. None: one that has a place is null, or no such number.
    pub(super) fn ints_at(&self, column: usize, places: &[u32], count: usize) -> Option<Vec<i64>> {
        let laid = self.laid(&[(column, Scalar::Int64)], places, count)?;
        Some(laid.into_iter().map(u64::cast_signed).collect())
    }

    /// The same of several columns, row by row, as bits. Null is NaN where the type is one of floats; elsewhere it gives none.
    pub(super) fn laid(&self, columns: &[(usize, Scalar)], mut places: &[u32], count: usize) -> Option<Vec<u64>> {
        let mut out = vec![0; count * columns.len()];
        for (batch, found) in self.batches.iter().enumerate() {
            let of_batch;
            (of_batch, places) = places.split_at_checked(self.starts.rows(batch))?;
            let numbers = |(column, dtype): &(usize, Scalar)| {
                let column = found.get(*column)?.as_ref()?;
                Numbers::of(column, is_float(*dtype)?, of_batch)
            };
            let numbers = columns.iter().map(numbers).collect::<Option<Vec<_>>>()?;
            for (row, place) in of_batch.iter().enumerate().filter(|(_, place)| **place != NOBODY) {
                let start = *place as usize * columns.len();
                let cells = out.get_mut(start..start + columns.len())?;
                for (cell, numbers) in cells.iter_mut().zip(&numbers) {
                    *cell = numbers.bits(row);
                }
            }
        }
        Some(out)
    }

    /// A value; null of a column that is not read.
    #[inline]
    pub(super) fn value<'v>(&self, column: usize, place: Place, arena: &'v Bump) -> Result<Value<'v>, TrainingError>
    where
        'a: 'v,
    {
        let found = self.batches.get(place.batch as usize).and_then(|columns| columns.get(column)?.as_ref());
        let Some(found) = found else { return Ok(Value::Null) };
        found.value(place.row as usize, arena).map_err(|why| self.bad(column, place, why))
    }

    /// Appends the values of these rows.
    pub(super) fn gather<'v>(
        &self,
        column: usize,
        places: &[Place],
        arena: &'v Bump,
        out: &mut Vec<Value<'v>>,
    ) -> Result<(), TrainingError>
    where
        'a: 'v,
    {
        for run in places.chunk_by(|a, b| a.batch == b.batch) {
            let Some(first) = run.first() else { continue };
            let found = self.batches.get(first.batch as usize).and_then(|columns| columns.get(column)?.as_ref());
            let Some(found) = found else {
                out.extend(run.iter().map(|_| Value::Null));
                continue;
            };
            let gathered = found.gather(run.iter().map(|place| place.row as usize), arena, out);
            gathered.map_err(|(at, why)| self.bad(column, run.get(at).copied().unwrap_or(*first), why))?;
        }
        Ok(())
    }

    /// A time that must be there, in microseconds.
    pub(super) fn time(&self, column: usize, place: Place, arena: &Bump) -> Result<i64, TrainingError> {
        if let Value::Time(time) = self.value(column, place, arena)? {
            return Ok(time);
        }
        Err(self.bad(column, place, "is null, and every row needs it".to_owned()))
    }

    /// What is wrong with a value.
    pub(super) fn bad(&self, column: usize, place: Place, why: String) -> TrainingError {
        self.refused(self.names.get(column).copied().unwrap_or_default(), place, why)
    }

    /// What is wrong with a row, under a name that is not that of a column.
    pub(super) fn refused(&self, name: &str, place: Place, why: String) -> TrainingError {
        let before = self.starts.0.get(place.batch as usize).copied().unwrap_or(0);
        let row = before + place.row as usize;
        TrainingError::Value { table: self.name.to_owned(), column: name.to_owned(), row, why }
    }
}

/// Whether numbers of a type are floats; none if it is no type of numbers.
pub(super) const fn is_float(dtype: Scalar) -> Option<bool> {
    match dtype {
        Scalar::Float32 | Scalar::Float64 => Some(true),
        Scalar::Bool | Scalar::Int32 | Scalar::Int64 | Scalar::Timestamp => Some(false),
        Scalar::String | Scalar::Bytes => None,
    }
}

/// The numbers of a column of one batch.
enum Numbers<'a> {
    Ints(Cow<'a, [i64]>),
    Floats(Cow<'a, [f64]>),
}

impl<'a> Numbers<'a> {
    /// None: one that has a place is not such a number. The others are not looked at.
    fn of(column: &Column<'a>, is_float: bool, places: &[u32]) -> Option<Self> {
        if is_float {
            let float = |value: Value<'_>| if value.is_null() { Some(f64::NAN) } else { value.as_f64() };
            return column
                .plain_floats()
                .map(Cow::Borrowed)
                .or_else(|| one_by_one(column, places, float).map(Cow::Owned))
                .map(Self::Floats);
        }
        column
            .plain_ints()
            .map(Cow::Borrowed)
            .or_else(|| one_by_one(column, places, int).map(Cow::Owned))
            .map(Self::Ints)
    }

    #[inline]
    fn bits(&self, row: usize) -> u64 {
        match self {
            Self::Ints(ints) => ints.get(row).copied().unwrap_or_default().cast_unsigned(),
            Self::Floats(floats) => floats.get(row).copied().unwrap_or_default().to_bits(),
        }
    }
}

fn one_by_one<T: Clone + Default>(
    column: &Column<'_>,
    places: &[u32],
    one: impl Fn(Value<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let (mut arena, mut numbers) = (Bump::new(), vec![T::default(); places.len()]);
    for (row, (place, number)) in places.iter().zip(&mut numbers).enumerate() {
        if *place != NOBODY {
            *number = one(column.value(row, &arena).ok()?)?;
            arena.reset();
        }
    }
    Some(numbers)
}

/// A whole number or a time; a bool is 0 or 1.
const fn int(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(int) | Value::Time(int) => Some(int),
        Value::Bool(is) => Some(is as i64),
        Value::Null | Value::Float(_) | Value::Str(_) | Value::Bytes(_) | Value::List(_) => None,
    }
}
