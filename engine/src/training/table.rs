//! The history of a source as batches of Arrow, its columns found by name once.

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use crate::arrow::Column;
use crate::definitions::{self, Entity, Source};
use crate::value::Value;

/// The rows of a source, or of a spine.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// What errors call it.
    name: &'a str,
    names: Vec<&'a str>,
    /// By batch, then by column; none: a column that nothing reads.
    batches: Vec<Vec<Option<Column<'a>>>>,
    rows: Vec<usize>,
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
            rows: Vec::with_capacity(batches.len()),
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
            table.rows.push(batch.num_rows());
        }
        if u32::try_from(table.len()).is_err() {
            return Err(TrainingError::TooManyRows(table.len()));
        }
        Ok(table)
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.rows.iter().sum()
    }

    /// The places of its rows, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        self.rows
            .iter()
            .enumerate()
            .flat_map(|(batch, rows)| (0..*rows).map(move |row| Place { batch: batch as u32, row: row as u32 }))
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
        let before: usize = self.rows.iter().take(place.batch as usize).sum();
        let row = before + place.row as usize;
        TrainingError::Value { table: self.name.to_owned(), column: name.to_owned(), row, why }
    }
}
