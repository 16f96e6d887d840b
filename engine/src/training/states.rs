//! States computed from history: what live events would have made of it, for a bulk load.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use bumpalo::Bump;

use super::TrainingError;
use super::entities::Entities;
use super::groups::Groups;
use super::history::History;
use super::outputs::Cells;
use super::shares::in_shares;
use super::table::Place;
use crate::definitions::View;
use crate::dtype::{DType, Scalar};
use crate::plan::State as Status;
use crate::row::time;
use crate::value::Value;
use crate::windows::{State, WindowPlan};

/// The column of the states.
const STATE: &str = "state";

/// The states of a window view that have all events up to a time, in microseconds: for each entity that has such events its key columns, by
/// their names, and `state`, as a gateway takes it. Entities stand in the order in which the history names them.
///
/// # Errors
/// A view that is no window view, a cut that is no edge of its tiles, columns that are missing or of another type, and values that don't fit.
pub fn states(
    view: &Arc<View>,
    history: &[RecordBatch],
    cut: i64,
    threads: usize,
) -> Result<RecordBatch, TrainingError> {
    let plan = WindowPlan::new(view).map_err(TrainingError::Definition)?;
    if let Some((before, after)) = plan.edges_around(cut) {
        let [cut, before, after] = [cut, before, after].map(time::shown);
        return Err(TrainingError::Definition(format!(
            "the cut {cut} is no edge of the tiles of the view `{}`, which its `resolution` sets; the nearest are {before} and {after}",
            view.name
        )));
    }
    let history = History::new(&plan, history)?;
    let (entities, numbers) = Entities::of(&view.entity, &history.table, &history.keys)?;
    let events = Groups::new(numbers, entities.len());
    let job = Job { history: &history, events: &events, cut };
    let parts = in_shares(entities.len(), threads, |entity| events.of(entity).len(), |range| job.part(range))?;
    let rows = parts.iter().map(|cells| cells.first().map_or(0, Cells::len)).sum::<usize>();
    let places: Vec<u32> = (0..rows as u32).collect();
    let names = view.entity.keys.iter().map(|key| key.name.as_str()).chain([STATE]);
    let mut of_columns: Vec<Vec<Cells>> = job.dtypes().map(|_| Vec::new()).collect();
    for part in parts {
        of_columns.iter_mut().zip(part).for_each(|(column, cells)| column.push(cells));
    }
    let made = names.zip(job.dtypes()).zip(of_columns).map(|((name, dtype), cells)| {
        let array = Cells::finish(&cells, &places, name.to_owned(), dtype).values;
        (Field::new(name, array.data_type().clone(), false), array)
    });
    let (fields, arrays): (Vec<Field>, Vec<_>) = made.unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| TrainingError::Definition(error.to_string()))
}

struct Job<'a> {
    history: &'a History<'a>,
    events: &'a Groups,
    cut: i64,
}

impl Job<'_> {
    /// The types of the columns: keys, then the state.
    fn dtypes(&self) -> impl Iterator<Item = DType> {
        let keys = self.history.plan.view().entity.keys.iter().map(|key| key.dtype);
        keys.chain([DType::Scalar(Scalar::Bytes)])
    }

    /// The columns of some entities.
    fn part(&self, entities: Range<usize>) -> Result<Vec<Cells>, TrainingError> {
        let mut cells: Vec<Cells> = self.dtypes().map(|dtype| Cells::new(dtype, entities.len())).collect();
        let mut arena = Bump::new();
        let mut encoded = Vec::new();
        for entity in entities {
            encoded.clear();
            if let Some(first) = self.entity(entity, &arena, &mut encoded)? {
                for (cells, key) in cells.iter_mut().zip(&self.history.keys) {
                    cells.push(self.history.table.value(*key, first, &arena)?, Status::PRESENT.into());
                }
                if let Some(states) = cells.last_mut() {
                    states.push(Value::Bytes(&encoded), Status::PRESENT.into());
                }
            }
            arena.reset();
        }
        Ok(cells)
    }

    /// Appends the state of an entity, and gives the place of one of its events; none: it has no event up to the cut.
    fn entity(&self, entity: usize, arena: &Bump, out: &mut Vec<u8>) -> Result<Option<Place>, TrainingError> {
        let plan = self.history.plan;
        let events = self.events.of(entity).iter();
        let places: Vec<Place> = events.map(|event| self.history.table.place(*event)).collect();
        let block = self.history.block(&places, arena)?;
        let (events, _) = self.history.events((&block, &places), 0..places.len(), arena)?;
        let heads = events.heads();
        let mut order: Vec<usize> = (0..heads.len()).filter(|event| heads[*event].time <= self.cut).collect();
        // In the order of time no event is late.
        order.sort_by_key(|event| heads[*event].time);
        if order.is_empty() {
            return Ok(None);
        }
        let mut state = State::empty(plan);
        for event in order {
            state.accept(plan, heads[event], events.row(event));
        }
        state.settle(plan).map_err(|why| TrainingError::Definition(why.to_owned()))?;
        state.encode(plan, out);
        Ok(places.first().copied())
    }
}
