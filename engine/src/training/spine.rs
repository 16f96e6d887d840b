//! The rows to compute: keys, times and request columns.

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::entities::Entities;
use super::groups::Groups;
use super::table::{Place, Starts, Table};
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
    starts: Starts,
    times: Vec<i64>,
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
        let (arena, mut times) = (Bump::new(), Vec::with_capacity(table.len()));
        table.each_int(0, |time| times.push(time.unwrap_or(NO_TIME)))?;
        if let Some(row) = times.iter().position(|time| *time == NO_TIME) {
            table.time(0, table.place(row as u32), &arena)?;
        }
        Ok(Self { service, batches, starts: Starts::of(batches), times })
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn place(&self, row: u32) -> Place {
        self.starts.place(row)
    }

    /// Numbers the entities that it names, and groups its rows by them, each group in the order of time.
    pub(super) fn entities(&self, entity: &'a Entity) -> Result<(Entities, Asking), TrainingError> {
        let table = Table::new(SPINE, &entity.keys, self.batches, &|_| true)?;
        let keys: Vec<usize> = (0..entity.keys.len()).collect();
        let (entities, numbers) = Entities::of(entity, &table, &keys)?;
        let mut rows = Groups::new(numbers, entities.len());
        let mut times = vec![0; rows.rows()];
        for (place, time) in rows.places().iter().zip(&self.times) {
            if let Some(at) = times.get_mut(*place as usize) {
                *at = *time;
            }
        }
        if !self.times.is_sorted() {
            rows.sort_each_by(&mut times);
        }
        Ok((entities, Asking { rows, times }))
    }

    /// The request columns that stand for columns of the source of a view, by the position of those.
    pub(super) fn request(&self, plan: &WindowPlan) -> Result<Request<'a>, TrainingError> {
        let of_source = plan.request_columns(self.service);
        let is_read = |position: usize| of_source.contains(&Some(position));
        let table = Table::new(SPINE, &self.service.request, self.batches, &is_read)?;
        Ok(Request { table, of_source })
    }
}

/// Stands for a time that is not there; no time is this early.
const NO_TIME: i64 = i64::MIN;

/// The rows of a spine, grouped by their entities, each group in the order of time.
pub(super) struct Asking {
    pub(super) rows: Groups,
    /// The time of each row, as the groups stand.
    pub(super) times: Vec<i64>,
}

/// The request columns of a spine as columns of a source.
pub(super) struct Request<'a> {
    table: Table<'a>,
    of_source: Vec<Option<usize>>,
}

impl Request<'_> {
    /// The columns of the spine.
    pub(super) const fn table(&self) -> &Table<'_> {
        &self.table
    }

    /// The column of the spine that stands for one of the source.
    pub(super) fn column(&self, of_source: usize) -> Option<usize> {
        self.of_source.get(of_source).copied().flatten()
    }

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
