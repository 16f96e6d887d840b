//! Row views, joined: for each row of the spine the greatest row of its entity that was there.

use std::cmp::Ordering;

use arrow_array::RecordBatch;
use bumpalo::Bump;

use super::TrainingError;
use super::groups::Groups;
use super::outputs::{Cells, JoinedFeature};
use super::spine::{Asking, Spine};
use super::table::{Place, Table, key_columns};
use crate::definitions::{RowView, Source, View};
use crate::dtype::DType;
use crate::plan::status_of;
use crate::row::{Cell, Schema, Times};

/// The history of a row view.
struct History<'a> {
    row: &'a RowView,
    schema: Schema,
    table: Table<'a>,
    /// The columns of the key.
    keys: Vec<usize>,
    time: usize,
    created: Option<usize>,
    known_at: Option<usize>,
    /// The column of the source of each feature of the view.
    columns: Vec<usize>,
    /// The same in the order of the schema, which is that of stored rows.
    stored: Vec<usize>,
}

/// A row of the history.
#[derive(Clone, Copy)]
struct Known {
    /// From when on it may be used.
    enters: i64,
    times: Times,
    place: Place,
}

/// The features at these positions of a row view, for every row of the spine.
pub(super) fn join(
    view: &View,
    row: &RowView,
    history: &[RecordBatch],
    spine: &Spine<'_>,
    features: &[usize],
) -> Result<Vec<JoinedFeature>, TrainingError> {
    let Some(source) = &view.source else { return Ok(Vec::new()) };
    let history = History::new(view, row, source, history)?;
    let (entities, asking) = spine.entities(&view.entity)?;
    let known = Groups::new(entities.find(&history.table, &history.keys)?, entities.len());
    let dtype = |feature: &usize| row.features.get(*feature).map_or(FLOAT, |feature| feature.dtype);
    let mut cells: Vec<Cells> = features.iter().map(|feature| Cells::new(dtype(feature), spine.len())).collect();
    let mut arena = Bump::new();
    for entity in 0..entities.len() {
        history.entity((&asking, entity), known.of(entity), features, &arena, &mut cells)?;
        arena.reset();
    }
    let (places, strays) = asking.rows.all_places();
    cells.iter_mut().for_each(|cells| cells.push_bad_keys(strays));
    let named = features.iter().zip(cells).map(|(feature, cells)| {
        let name = row.features.get(*feature).map_or("", |feature| feature.name.as_str());
        Cells::finish(&[cells], &places, format!("{}.{name}", view.name), dtype(feature))
    });
    Ok(named.collect())
}

/// The type of what is not there.
const FLOAT: DType = DType::Scalar(crate::dtype::Scalar::Float64);

impl<'a> History<'a> {
    fn new(
        view: &'a View,
        row: &'a RowView,
        source: &'a Source,
        batches: &'a [RecordBatch],
    ) -> Result<Self, TrainingError> {
        let find = |name: &String| source.position(name);
        let columns: Vec<usize> =
            row.features.iter().map(|feature| find(&feature.column).unwrap_or(usize::MAX)).collect();
        let time = find(&source.event_time).unwrap_or(usize::MAX);
        let created = source.created.as_ref().and_then(find);
        let known_at = source.known_at.as_ref().and_then(find);
        let keys = key_columns(source, &view.entity)?;
        let mut reads = keys.clone();
        reads.extend(columns.iter().chain([&time]).chain(&created).chain(&known_at));
        let table = Table::of_source(source, batches, &|column| reads.contains(&column))?;
        let schema = Schema::of(view).map_err(TrainingError::Definition)?;
        let schema =
            schema.ok_or_else(|| TrainingError::Definition(format!("the view `{}` has no rows", view.name)))?;
        let column_of = |name: &str| {
            let feature = row.features.iter().position(|feature| feature.name == name)?;
            columns.get(feature).copied()
        };
        let stored = schema.columns().iter().map(|it| column_of(&it.name).unwrap_or(usize::MAX)).collect();
        Ok(Self { row, schema, table, keys, time, created, known_at, columns, stored })
    }

    fn entity(
        &self,
        (asking, entity): (&Asking, usize),
        known: &[u32],
        features: &[usize],
        arena: &Bump,
        cells: &mut [Cells],
    ) -> Result<(), TrainingError> {
        let mut rows = Vec::with_capacity(known.len());
        for row in known {
            rows.push(self.read(self.table.place(*row), arena)?);
        }
        rows.sort_by_key(|row| row.enters);
        let mut rows = rows.into_iter().peekable();
        let mut greatest: Option<Known> = None;
        for t in asking.times.get(asking.rows.range(entity)).unwrap_or_default().iter().copied() {
            while let Some(next) = rows.next_if(|next| next.enters <= t) {
                let is_greater = match greatest {
                    None => true,
                    Some(before) => self.compare(&next, &before, arena)?.is_gt(),
                };
                if is_greater {
                    greatest = Some(next);
                }
            }
            for (feature, cells) in features.iter().zip(cells.iter_mut()) {
                let (Some(defined), Some(column)) = (self.row.features.get(*feature), self.columns.get(*feature))
                else {
                    continue;
                };
                let (cell, time) = match greatest {
                    Some(row) => {
                        (Cell::Value(self.table.value(*column, row.place, arena)?), Some(row.times.event_time))
                    }
                    None => (Cell::Missing, None),
                };
                let (value, state) = status_of(cell, time, t, defined);
                cells.push(value, state.into());
            }
        }
        Ok(())
    }

    fn read(&self, place: Place, arena: &Bump) -> Result<Known, TrainingError> {
        let time = |column: Option<usize>| column.map(|column| self.table.time(column, place, arena)).transpose();
        let event_time = self.table.time(self.time, place, arena)?;
        let known_at = time(self.known_at)?;
        let times = Times { event_time, created: time(self.created)?.unwrap_or_default() };
        Ok(Known { enters: event_time.max(known_at.unwrap_or(event_time)), times, place })
    }

    /// The order of rows: event time, created, canonical bytes.
    fn compare(&self, a: &Known, b: &Known, arena: &Bump) -> Result<Ordering, TrainingError> {
        let times = a.times.event_time.cmp(&b.times.event_time).then_with(|| a.times.created.cmp(&b.times.created));
        if times.is_ne() {
            return Ok(times);
        }
        Ok(self.bytes(a, arena)?.cmp(&self.bytes(b, arena)?))
    }

    fn bytes(&self, row: &Known, arena: &Bump) -> Result<Vec<u8>, TrainingError> {
        let values = self
            .stored
            .iter()
            .map(|column| self.table.value(*column, row.place, arena))
            .collect::<Result<Vec<_>, _>>()?;
        let mut bytes = Vec::new();
        self.schema.encode(row.times, &values, &mut bytes).map_err(|why| self.table.bad(self.time, row.place, why))?;
        Ok(bytes)
    }
}
