//! The rows to compute: keys, times and request columns.

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::entities::{Entities, Groups, NOBODY};
use super::table::{Place, Table};
use crate::definitions::{self, Entity, Service};
use crate::dtype::{DType, Scalar};
use crate::value::Value;
use crate::windows::WindowPlan;

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
        let (arena, places) = (Bump::new(), table.places().collect::<Vec<Place>>());
        let mut values = Vec::with_capacity(places.len());
        table.gather(0, &places, &arena, &mut values)?;
        let time = |(place, value): (&Place, &Value<'_>)| {
            if let Value::Time(time) = value { Ok(*time) } else { table.time(0, *place, &arena) }
        };
        let times = places.iter().zip(&values).map(time).collect::<Result<_, _>>()?;
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

    /// The positions of its rows as they are computed, entity by entity, and how many come after those: their keys are no keys.
    pub(super) fn order(&self, groups: &Groups, numbers: &[u32]) -> (Vec<u32>, usize) {
        let strays = (0..self.len() as u32).filter(|row| numbers.get(*row as usize).is_none_or(|it| *it == NOBODY));
        let order: Vec<u32> = groups.rows().iter().copied().chain(strays).collect();
        let strays = order.len() - groups.rows().len();
        (order, strays)
    }

    /// The request columns that stand for columns of the source of a view, by the position of those.
    pub(super) fn request(&self, plan: &WindowPlan) -> Result<Request<'a>, TrainingError> {
        let of_source = plan.request_columns(self.service);
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
    /// The projections of the requests at these places, one after the other.
    pub(super) fn projections<'v>(
        &'v self,
        plan: &'v WindowPlan,
        places: &[Place],
        arena: &'v Bump,
    ) -> Result<Vec<Value<'v>>, TrainingError> {
        let column = |column: &Option<usize>| -> Result<Vec<Value<'v>>, TrainingError> {
            let mut values = Vec::with_capacity(places.len());
            match column {
                Some(column) => self.table.gather(*column, places, arena, &mut values)?,
                None => values.resize(places.len(), Value::Null),
            }
            Ok(values)
        };
        let columns: Vec<Vec<Value<'v>>> = self.of_source.iter().map(column).collect::<Result<_, _>>()?;
        let columns: Vec<&[Value<'v>]> = columns.iter().map(Vec::as_slice).collect();
        plan.project_rows(&columns, places.len(), arena).map_err(|(row, fault)| {
            let why = format!("has a condition that refuses the request: {}", fault.why);
            match places.get(row) {
                Some(place) => self.table.refused(&plan.view().name, *place, why),
                None => TrainingError::Definition(why),
            }
        })
    }
}
