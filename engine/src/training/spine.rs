//! The rows to compute: keys, times and request columns.

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::entities::{Entities, Groups};
use super::table::{Place, Table};
use crate::definitions::{self, Entity, Service, Source};
use crate::dtype::{DType, Scalar};
use crate::value::Value;

/// What errors call it.
pub const SPINE: &str = "the spine";

/// A spine with its times.
pub(super) struct Spine<'a> {
    service: &'a Service,
    batches: &'a [RecordBatch],
    places: Vec<Place>,
    pub(super) times: Vec<i64>,
}

impl<'a> Spine<'a> {
    pub(super) fn new(
        service: &'a Service,
        time_column: &str,
        batches: &'a [RecordBatch],
    ) -> Result<Self, TrainingError> {
        let time = service.time.as_deref().unwrap_or(time_column);
        let columns = [definitions::Column { name: time.to_owned(), dtype: DType::Scalar(Scalar::Timestamp) }];
        let table = Table::new(SPINE, &columns, batches, &|_| true)?;
        if u32::try_from(table.len()).is_err() {
            return Err(TrainingError::TooManyRows(table.len()));
        }
        let arena = Bump::new();
        let places: Vec<Place> = table.places().collect();
        let times = places.iter().map(|place| table.time(0, *place, &arena)).collect::<Result<_, _>>()?;
        Ok(Self { service, batches, places, times })
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn place(&self, row: u32) -> Option<Place> {
        self.places.get(row as usize).copied()
    }

    /// Numbers the entities that it names, and groups its rows by them, each group in the order of time.
    pub(super) fn entities(&self, entity: &'a Entity) -> Result<(Entities, Vec<u32>), TrainingError> {
        let table = Table::new(SPINE, &entity.keys, self.batches, &|_| true)?;
        let mut entities = Entities::new(entity)?;
        let keys: Vec<usize> = (0..entity.keys.len()).collect();
        let numbers = entities.of_rows(&table, &keys, true)?;
        Ok((entities, numbers))
    }

    /// The rows of each entity, in the order of time.
    pub(super) fn groups(&self, numbers: &[u32], entities: usize) -> Groups {
        let mut groups = Groups::new(numbers, entities);
        groups.sort_each_by_key(|row| self.times.get(*row as usize).copied());
        groups
    }

    /// The request columns that stand for the columns of a source, by the position of those.
    pub(super) fn request(&self, source: &Source, reads: &[usize]) -> Result<Request<'a>, TrainingError> {
        let mut of_source = vec![None; source.columns.len()];
        for column in reads {
            let Some(named) = source.columns.get(*column) else { continue };
            let position = self.service.request.iter().position(|request| request.name == named.name);
            if let Some(place) = of_source.get_mut(*column) {
                *place = position;
            }
        }
        let is_read = |position: usize| of_source.contains(&Some(position));
        let table = Table::new(SPINE, &self.service.request, self.batches, &is_read)?;
        Ok(Request { table, of_source })
    }
}

/// The request columns of a spine as columns of a source.
pub(super) struct Request<'a> {
    table: Table<'a>,
    of_source: Vec<Option<usize>>,
}

impl Request<'_> {
    /// The value of a row for a column of the source.
    pub(super) fn value<'v>(
        &'v self,
        column: usize,
        place: Place,
        arena: &'v Bump,
    ) -> Result<Value<'v>, TrainingError> {
        match self.of_source.get(column) {
            Some(Some(column)) => self.table.value(*column, place, arena),
            Some(None) | None => Ok(Value::Null),
        }
    }

    /// The values of a row in the order of the source's columns.
    pub(super) fn row<'v>(
        &'v self,
        place: Place,
        arena: &'v Bump,
        out: &mut Vec<Value<'v>>,
    ) -> Result<(), TrainingError> {
        out.clear();
        for column in &self.of_source {
            out.push(match column {
                Some(column) => self.table.value(*column, place, arena)?,
                None => Value::Null,
            });
        }
        Ok(())
    }
}
